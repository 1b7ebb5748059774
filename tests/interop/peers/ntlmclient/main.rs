//! The client of the crate ntlmclient: JSON in, JSON out, as `bridge.py` has it.

use std::error::Error;
use std::io::stdin;

use ntlmclient::{
    get_ntlm_time, respond_challenge_ntlm_v1, respond_challenge_ntlm_v1_extended,
    respond_challenge_ntlm_v2, ChallengeMessage, Credentials, Flags, Message, NegotiateMessage,
};
use serde::Deserialize;
use serde_json::{json, Value};

#[derive(Deserialize)]
#[serde(tag = "operation", rename_all = "lowercase")]
enum Question {
    Begin(User),
    Step { token: Option<String> },
}

#[derive(Deserialize)]
struct User {
    user: String,
    domain: String,
    password: String,
    response: Response,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
enum Response {
    Ntlmv1,
    Ntlm2Session,
    Ntlmv2,
}

const WORKSTATION: &str = "LAPTOP";

fn main() {
    println!("ready");
    let mut user = None;
    for line in stdin().lines() {
        let answer = line
            .map_err(Into::into)
            .and_then(|line| answer(&mut user, &line))
            .unwrap_or_else(|error| json!({ "error": error.to_string() }));
        println!("{answer}");
    }
}

fn answer(user: &mut Option<User>, line: &str) -> Result<Value, Box<dyn Error>> {
    let token = match serde_json::from_str(line)? {
        Question::Begin(begins) => {
            *user = Some(begins);
            return Ok(json!({}));
        }
        Question::Step { token } => token,
    };
    let user = user.as_ref().ok_or("it has not begun")?;
    let (message, is_done) = match token {
        None => (negotiate(user), false),
        Some(token) => (authenticate(user, &hex::decode(token)?)?, true),
    };
    let bytes = message.to_bytes().map_err(|error| format!("{error:?}"))?;
    Ok(json!({ "token": hex::encode(bytes), "done": is_done }))
}

fn negotiate(user: &User) -> Message {
    Message::Negotiate(NegotiateMessage {
        flags: flags(user.response) | Flags::REQUEST_TARGET | Flags::NEGOTIATE_WORKSTATION_SUPPLIED,
        supplied_domain: String::new(),
        supplied_workstation: WORKSTATION.into(),
        os_version: Default::default(),
    })
}

fn authenticate(user: &User, challenge: &[u8]) -> Result<Message, Box<dyn Error>> {
    let Message::Challenge(challenge) =
        Message::try_from(challenge).map_err(|error| format!("{error:?}"))?
    else {
        return Err("it is no CHALLENGE".into());
    };
    Ok(respond(user, &challenge))
}

fn respond(user: &User, challenge: &ChallengeMessage) -> Message {
    let credentials = Credentials {
        username: user.user.clone(),
        domain: user.domain.clone(),
        password: user.password.clone(),
    };
    let nonce = challenge.challenge;
    let response = match user.response {
        Response::Ntlmv1 => respond_challenge_ntlm_v1(nonce, &credentials),
        Response::Ntlm2Session => respond_challenge_ntlm_v1_extended(nonce, &credentials),
        Response::Ntlmv2 => {
            let entries = &challenge.target_information;
            let target: Vec<u8> = entries.iter().flat_map(|entry| entry.to_bytes()).collect();
            respond_challenge_ntlm_v2(nonce, &target, get_ntlm_time(), &credentials)
        }
    };
    response.to_message(&credentials, WORKSTATION, flags(user.response))
}

fn flags(response: Response) -> Flags {
    let extended = match response {
        Response::Ntlm2Session => Flags::NEGOTIATE_NTLM2_KEY,
        _ => Flags::empty(),
    };
    Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_NTLM | extended
}
