//! One process of ours goes on where another was, and the peer at the other end does not notice.

use std::process::Command;

use ntlm::session::Session;
use ntlm::{Client, Os};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::conversation::Conversation;
use ntlm_interop::exchange::{let_in, log_in};
use ntlm_interop::hex::{hex, unhex};
use ntlm_interop::identities::{self, Identity};
use ntlm_interop::messages::{seal_for_peer, unseal_from_peer};
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::programs::{python, system_python};
use ntlm_interop::scratch::Directory;
use serde_json::json;

#[test]
fn gss_ntlmssp_talks_to_processes_that_take_turns() {
    let files = Directory::new();
    let mut command = system_python("bridge_gss_ntlmssp.py");
    command.env("NTLM_USER_FILE", files.write("users", &identities::user_file()));
    the_conversation_moves(Bridge::start(command));
}

#[test]
fn pyspnego_talks_to_processes_that_take_turns() {
    let files = Directory::new();
    let mut command = python("bridge_pyspnego.py");
    command.env("NTLM_USER_FILE", files.write("users", &identities::user_file()));
    the_conversation_moves(Bridge::start(command));
}

/// At each point where it can.
fn the_conversation_moves(mut peer: Bridge) {
    let client = modes::DEFAULT.client(Identity::ALICE.credentials());
    the_server_reads_the_last_message_elsewhere(&mut peer);
    keys_go_elsewhere(&mut peer);
    the_session_of_a_server_goes_elsewhere_and_back(&mut peer);
    the_session_of_a_client_goes_elsewhere_and_back(&mut peer, &client);
}

fn the_server_reads_the_last_message_elsewhere(peer: &mut Bridge) {
    let begin = |peer: &mut Bridge| {
        begin_initiator(peer, &modes::DEFAULT);
        let negotiate = peer.step(None).expect("it begins").token;
        let server = modes::DEFAULT.server();
        let (challenge, handshake) = server.challenge(&negotiate, &mut Os).expect("it is good");
        let authenticate = peer.step(Some(&challenge)).expect("the challenge is good").token;
        (handshake.export(), authenticate)
    };
    let (handshake, authenticate) = begin(peer);
    let mut worker = Worker::start();
    worker.does("handshake", handshake.as_bytes()).expect("it is ours");
    worker.does("authenticate", &authenticate).expect("it is Alice");
    worker.converses(peer);
    // The challenge of one is not another's.
    let (other, _) = begin(peer);
    worker.does("handshake", other.as_bytes()).expect("it is ours");
    worker.does("authenticate", &authenticate).expect_err("it answers another challenge");
}

fn keys_go_elsewhere(peer: &mut Bridge) {
    begin_initiator(peer, &modes::DEFAULT);
    let let_in = let_in(peer, &modes::DEFAULT.server(), &[Identity::ALICE]).expect("it is Alice");
    let mut worker = Worker::start();
    worker.does("keys", let_in.accepted.keys.export().as_bytes()).expect("they are ours");
    worker.converses(peer);
}

fn the_session_of_a_server_goes_elsewhere_and_back(peer: &mut Bridge) {
    for mode in modes::RESPONSES {
        begin_initiator(peer, &mode);
        let let_in = let_in(peer, &mode.server(), &[Identity::ALICE]).expect("it is Alice");
        goes_elsewhere_and_back(peer, let_in.accepted.keys.into_session().expect("it seals"));
    }
}

fn the_session_of_a_client_goes_elsewhere_and_back(peer: &mut Bridge, client: &Client) {
    peer.begin(json!({ "role": "acceptor", "protection": "seal" })).expect("it begins");
    let logged_in = log_in(peer, client).expect("it believes us");
    goes_elsewhere_and_back(peer, logged_in.keys.into_session().expect("it seals"));
}

/// Three processes of ours: this one, and two others.
fn goes_elsewhere_and_back(peer: &mut Bridge, mut session: Session) {
    talk(peer, &mut session);
    let mut exported = session.export().as_bytes().to_vec();
    for _ in 0..2 {
        let mut worker = Worker::start();
        let (_, truncated) = exported.split_last().expect("it is not empty");
        worker.does("session", truncated).expect_err("a byte is missing");
        worker.does("session", &exported).expect("it is ours");
        worker.converses(peer);
        exported = worker.does("export", b"").expect("there is one");
    }
    let mut session = Session::import(&exported).expect("it is ours");
    talk(peer, &mut session);
}

fn talk(peer: &mut Bridge, session: &mut Session) {
    for message in [&b"from here"[..], &[0x5a; 3001]] {
        seal_for_peer(peer, session, message).expect("it is ours");
        unseal_from_peer(peer, session, message).expect("it is theirs");
    }
}

fn begin_initiator(peer: &mut Bridge, mode: &Mode) {
    let begin = json!({
        "role": "initiator",
        "user": Identity::ALICE.full_name(),
        "password": Identity::ALICE.password,
        "target": "HTTP@files.example.com",
        "protection": mode.protection_name(),
        "environment": { "LM_COMPAT_LEVEL": mode.level as u8 },
    });
    peer.begin(begin).expect("it begins");
}

/// Another process.
struct Worker(Conversation);

impl Worker {
    fn start() -> Self {
        Self(Conversation::start(&mut Command::new(env!("CARGO_BIN_EXE_worker"))))
    }

    fn does(&mut self, verb: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let answer = self.0.ask(&format!("{verb} {}", hex(bytes)));
        match answer.strip_prefix("error: ") {
            Some(why) => Err(why.to_owned()),
            None => Ok(unhex(&answer)),
        }
    }

    fn converses(&mut self, peer: &mut Bridge) {
        for message in [&b"from elsewhere"[..], &[0xa5; 3001]] {
            let sealed = self.does("seal", message).expect("it has a session");
            assert_eq!(peer.unseal(&sealed).expect("it is ours"), message);
            let sealed = peer.seal(message).expect("it seals");
            assert_eq!(self.does("unseal", &sealed).expect("it is theirs"), message);
        }
    }
}
