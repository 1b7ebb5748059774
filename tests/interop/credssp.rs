//! CredSSP ([MS-CSSP]) with pyspnego: SPNEGO's tokens travel in `negoTokens`, and the messages that
//! prove the server's public key are the first sealed ones, beside or after the last token.

use ntlm::Os;
use ntlm::session::Session;
use ntlm::spnego::{Acceptor, AcceptorOutcome, AcceptorStep, Initiator, InitiatorStep};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::verify_user;
use ntlm_interop::hex::hex;
use ntlm_interop::identities::{self, Identity};
use ntlm_interop::messages::{seal, unseal};
use ntlm_interop::modes;
use ntlm_interop::programs::python;
use ntlm_interop::scratch::Directory;
use ntlm_interop::spnego::{der, describe};
use ntlm_net_examples::der as reader;
use serde_json::json;

/// Its client sends its proof beside the AUTHENTICATE, and our server its own beside the last token.
#[test]
fn its_client_logs_in_and_delegates_its_password() {
    let (mut bridge, _users) = credssp();
    let Identity { password, .. } = Identity::JURGEN;
    let user = Identity::JURGEN.full_name();
    let begin = json!({ "role": "initiator", "user": user, "password": password });
    bridge.begin(begin).expect("it begins");
    let mut handshake = Acceptor::new(modes::DEFAULT.server()).handshake();
    let mut request = TsRequest::parse(&bridge.step(None).expect("it begins").token);
    let done = loop {
        let step = handshake.step(&request.nego_token, &mut Os).expect("a token of SPNEGO");
        let outcome = match step {
            AcceptorStep::LookUp(look_up) => {
                look_up.verify(|claim| verify_user(claim, &[Identity::JURGEN])).expect("it is he")
            }
            AcceptorStep::Outcome(outcome) => outcome,
        };
        match outcome {
            AcceptorOutcome::Send(nego_token) => {
                request = send(&mut bridge, TsRequest { nego_token, ..TsRequest::default() });
            }
            AcceptorOutcome::Done(done) => break done,
        }
    };
    assert!(describe(&request.nego_token).ends_with(" token mic"));
    let nego_token = done.token.expect("it is wrapped");
    assert_eq!(describe(&nego_token), "AcceptCompleted mic");
    let mut session = done.accepted.keys.into_session().expect("a session");
    let proof = unseal(&mut session, &request.pub_key_auth).expect("the first message");
    assert_eq!(proof, binding_hash(&mut bridge, "initiate", &request.client_nonce));
    let ours = binding_hash(&mut bridge, "accept", &request.client_nonce);
    let pub_key_auth = seal(&mut session, &ours);
    let answer = TsRequest { nego_token, pub_key_auth, ..TsRequest::default() };
    let last = send(&mut bridge, answer);
    let credentials = unseal(&mut session, &last.auth_info).expect("the second message");
    let password = utf16(password);
    assert!(credentials.windows(password.len()).any(|window| window == password));
}

/// Our client has its keys once the last token of the server is there, so that it sends its proof in
/// a message after that.
#[test]
fn our_client_logs_in_and_delegates_its_password() {
    let (mut bridge, _users) = credssp();
    bridge.begin(json!({ "role": "acceptor" })).expect("it begins");
    let client = modes::DEFAULT.client(Identity::JURGEN.credentials());
    let mut handshake = Initiator::new(client).handshake();
    let mut received = Vec::new();
    let keys = loop {
        match handshake.step(&received, &mut Os).expect("a token of SPNEGO") {
            InitiatorStep::Send(nego_token) => {
                let request = TsRequest { nego_token, ..TsRequest::default() };
                received = send(&mut bridge, request).nego_token;
            }
            InitiatorStep::Done(keys) => break keys,
        }
    };
    assert_eq!(describe(&received), "AcceptCompleted mic");
    let mut session = keys.into_session().expect("a session");
    let client_nonce = vec![7; 32];
    let pub_key_auth = sealed_hash(&mut bridge, &mut session, "initiate", &client_nonce);
    let proof = TsRequest { pub_key_auth, client_nonce, ..TsRequest::default() };
    let client_nonce = proof.client_nonce.clone();
    let answer = send(&mut bridge, proof);
    let theirs = unseal(&mut session, &answer.pub_key_auth).expect("the first message");
    assert_eq!(theirs, binding_hash(&mut bridge, "accept", &client_nonce));

    let Identity { user, domain, password } = Identity::JURGEN;
    let auth_info = seal(&mut session, &password_credentials([domain, user, password]));
    let last = TsRequest { auth_info, ..TsRequest::default() };
    assert!(bridge.step(Some(&last.to_bytes())).expect("it takes them").is_done);
    let delegated = bridge.ask("delegated", json!({})).expect("it has them");
    assert_eq!(delegated, json!({ "user": user, "password": password }));
}

/// The message of CredSSP (2.2.1); fields that are empty are absent.
#[derive(Debug, Default)]
struct TsRequest {
    nego_token: Vec<u8>,
    auth_info: Vec<u8>,
    pub_key_auth: Vec<u8>,
    client_nonce: Vec<u8>,
}

impl TsRequest {
    fn to_bytes(&self) -> Vec<u8> {
        let octets = |number: u8, content: &[u8]| match content {
            [] => Vec::new(),
            content => der(0xa0 | number, &der(0x04, content)),
        };
        let nego_tokens = match octets(0, &self.nego_token) {
            token if token.is_empty() => token,
            token => der(0xa1, &der(0x30, &der(0x30, &token))),
        };
        let fields = [
            der(0xa0, &der(0x02, &[6])),
            nego_tokens,
            octets(2, &self.auth_info),
            octets(3, &self.pub_key_auth),
            octets(5, &self.client_nonce),
        ];
        der(0x30, &fields.concat())
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut request = Self::default();
        let mut fields = expect(bytes, 0x30);
        while !fields.is_empty() {
            let (tag, content) = reader::read(&mut fields).expect("a field");
            match tag {
                0xa1 => {
                    let token = expect(expect(content, 0x30), 0x30);
                    request.nego_token = expect(expect(token, 0xa0), 0x04).to_vec();
                }
                0xa2 => request.auth_info = expect(content, 0x04).to_vec(),
                0xa3 => request.pub_key_auth = expect(content, 0x04).to_vec(),
                0xa5 => request.client_nonce = expect(content, 0x04).to_vec(),
                0xa4 => panic!("the peer sends an error: {content:02x?}"),
                _ => {}
            }
        }
        request
    }
}

/// The content of the only element.
fn expect(mut bytes: &[u8], tag: u8) -> &[u8] {
    reader::expect(&mut bytes, tag).expect("a TSRequest")
}

/// `TSCredentials` with `TSPasswordCreds` (2.2.1.2).
fn password_credentials(fields: [&str; 3]) -> Vec<u8> {
    let fields = fields.iter().zip(0xa0..).map(|(text, tag)| der(tag, &der(0x04, &utf16(text))));
    let password = der(0x30, &fields.collect::<Vec<_>>().concat());
    let kind = der(0xa0, &der(0x02, &[1]));
    der(0x30, &[kind, der(0xa1, &der(0x04, &password))].concat())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Sends a message, and returns the answer.
fn send(bridge: &mut Bridge, request: TsRequest) -> TsRequest {
    TsRequest::parse(&bridge.step(Some(&request.to_bytes())).expect("it answers").token)
}

fn binding_hash(bridge: &mut Bridge, direction: &str, nonce: &[u8]) -> Vec<u8> {
    let arguments = json!({ "direction": direction, "nonce": hex(nonce) });
    bridge.bytes("binding_hash", arguments).expect("a hash")
}

fn sealed_hash(
    bridge: &mut Bridge,
    session: &mut Session,
    direction: &str,
    nonce: &[u8],
) -> Vec<u8> {
    seal(session, &binding_hash(bridge, direction, nonce))
}

fn credssp() -> (Bridge, Directory) {
    let users = Directory::new();
    let mut command = python("bridge_credssp.py");
    command.env("NTLM_USER_FILE", users.write("users", &identities::user_file()));
    command.env("NETBIOS_COMPUTER_NAME", "FILES").env("NETBIOS_DOMAIN_NAME", "EXAMPLE");
    (Bridge::start(command), users)
}
