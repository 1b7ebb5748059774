//! Whole exchanges inside SPNEGO, each with its `mechListMIC` in both directions.

use ntlm::session::{Session, Signature};
use ntlm::{Client, Os, Server};

use crate::bridge::Bridge;
use crate::exchange::{Refusal, verify};
use crate::identities::Identity;
use crate::spnego::{Response, State, initial_token, mech_types, parse_initial_token};

/// Logs our client in to the peer's acceptor, which has begun. `signed` is what our `mechListMIC`
/// is over, which should be [`mech_types`].
///
/// # Errors
/// Who refused, and why.
///
/// # Panics
/// If the peer says something out of turn, or nothing where it should.
pub fn log_in(bridge: &mut Bridge, client: &Client, signed: &[u8]) -> Result<Session, Refusal> {
    let (negotiate, handshake) = client.initiate()?;
    let answer = bridge.step(Some(&initial_token(&negotiate)))?;
    let answer = Response::parse(&answer.token);
    assert!(matches!(answer.state, Some(State::Incomplete | State::RequestMic)), "{answer:?}");
    let response = handshake.answer(&answer.token, &mut Os)?;
    let mut session = response.keys.into_session()?;
    let mic = session.mech_list_mic(signed)?;
    let mech_list_mic = Some(mic.as_bytes().to_vec());
    let last = Response { token: response.token, mech_list_mic, ..Response::default() };
    let answer = bridge.step(Some(&last.to_bytes()))?;
    assert!(answer.is_done, "{answer:?}");
    let answer = Response::parse(&answer.token);
    assert_eq!(answer.state, Some(State::Completed));
    verify_mic(&mut session, &mech_types(), &answer)?;
    Ok(session)
}

/// Lets the peer's initiator, which has begun, in to our server.
///
/// # Errors
/// Who refused, and why.
///
/// # Panics
/// If the peer says something out of turn, or sends no MIC in its last message.
pub fn let_in(
    bridge: &mut Bridge,
    server: &Server,
    users: &[Identity],
) -> Result<Session, Refusal> {
    let (mech_types, negotiate) = parse_initial_token(&bridge.step(None)?.token);
    let (token, handshake) = server.challenge(&negotiate, &mut Os)?;
    let answer = Response { state: Some(State::Incomplete), token, mech_list_mic: None };
    let last = Response::parse(&bridge.step(Some(&answer.to_bytes()))?.token);
    let accepted = verify(handshake.read(&last.token, &mut Os)?, users)?;
    assert!(accepted.mic_checked, "inside SPNEGO it sends a MIC");
    let mut session = accepted.keys.into_session()?;
    verify_mic(&mut session, &mech_types, &last)?;
    let mic = session.mech_list_mic(&mech_types)?;
    let answer = Response {
        state: Some(State::Completed),
        mech_list_mic: Some(mic.as_bytes().to_vec()),
        ..Response::default()
    };
    assert!(bridge.step(Some(&answer.to_bytes()))?.is_done, "the peer wants more");
    Ok(session)
}

fn verify_mic(session: &mut Session, mech_types: &[u8], token: &Response) -> Result<(), Refusal> {
    let mic = token.mech_list_mic.as_deref().expect("a mechListMIC");
    let mic = Signature::try_from(mic).map_err(ntlm::Error::from)?;
    Ok(session.verify_mech_list_mic(mech_types, &mic)?)
}
