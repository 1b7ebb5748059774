//! SPNEGO without a possible `mechListMIC`: which handshakes client and server then accept.

#![cfg(feature = "spnego")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use ntlm::server::{Accepted, Identity, Names};
use ntlm::spnego::{
    Accepting, Acceptor, AwaitServer, Error, Initiated, Initiator, MicError, NegState, Outcome,
    Token,
};
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, LmCompatibility, Server, client, error, server};
use ntlm_testkit::Fixed;
use ntlm_testkit::spnego::{Init, KERBEROS_FIRST, Resp};

/// The AUTHENTICATE has no MIC, which would cover the flags.
fn client_of_ntlmv1() -> Client {
    let mut policy = client::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
    Client::new(Credentials::password("alice", "secret")).with_policy(policy)
}

fn sent(initiated: Result<Initiated, Error>) -> (Vec<u8>, AwaitServer) {
    match initiated {
        Ok(Initiated::Send(token, next)) => (token, next),
        other => panic!("{other:?}"),
    }
}

fn response(token: Option<Vec<u8>>) -> Vec<u8> {
    Resp { neg_state: Some(NegState::AcceptIncomplete as u8), token, ..Resp::default() }.der()
}

fn message(token: &[u8]) -> Vec<u8> {
    match Token::parse(token) {
        Ok(Token::Response(response)) => response.response_token.unwrap().to_vec(),
        other => panic!("{other:?}"),
    }
}

fn without_signing(mut message: Vec<u8>, flags_at: usize) -> Vec<u8> {
    let place = &mut message[flags_at..flags_at + 4];
    let flags = NegotiateFlags::from_bits_retain(u32::from_le_bytes((&*place).try_into().unwrap()));
    place.copy_from_slice(&(flags - NegotiateFlags::PROTECTION).bits().to_le_bytes());
    message
}

/// The client's answer if a man in the middle shows the server only NTLM, and clears SIGN in both
/// messages. The server receives nothing that it must reject.
fn downgraded(initiator: &Initiator) -> Result<Initiated, Error> {
    let mut environment = Fixed::default();
    let first = Init::plain(&KERBEROS_FIRST, Some(b"a ticket")).der();
    let client = initiator.continue_after(&first).unwrap();
    let (negotiate, client) = sent(client.read(&response(None), &mut environment));
    let negotiate = without_signing(message(&negotiate), 12);
    let shortened = Init::plain(&KERBEROS_FIRST[2..], Some(&negotiate)).der();
    let acceptor = Acceptor::new(Server::new(Names::standalone("FILES")));
    let challenge = match acceptor.start().read(&shortened, &mut environment) {
        Ok(Accepting::Outcome(Outcome::Send(token, _))) => message(&token),
        other => panic!("{other:?}"),
    };
    client.read(&response(Some(without_signing(challenge, 20))), &mut environment)
}

#[test]
fn client_that_prefers_kerberos_does_not_log_in_if_the_list_cannot_be_signed() {
    let initiator = Initiator::new(client_of_ntlmv1());
    let cannot_sign = Error::Mic(MicError::CannotSign);
    assert_eq!(downgraded(&initiator).unwrap_err(), cannot_sign);
    assert_eq!(downgraded(&initiator.clone().with_missing_mic_allowed()).unwrap_err(), cannot_sign);
    // The application gave up signing, for example because TLS protects the list.
    let _ = sent(downgraded(&initiator.without_signing()));
    // An anonymous client has no key, and no password that could be misused.
    let _ = sent(downgraded(&Initiator::new(Client::new(Credentials::anonymous()))));
}

/// The result for this client of a server that accepts every client as a guest.
fn as_guest(initiator: &Initiator) -> Result<Accepted, Error> {
    let mut environment = Fixed::default();
    let mut policy = server::Policy::default();
    policy.allow_guest = true;
    let server = Server::new(Names::standalone("FILES")).with_policy(policy);
    let (first, client) = initiator.initiate()?;
    let (challenge, server) = match Acceptor::new(server).start().read(&first, &mut environment)? {
        Accepting::Outcome(Outcome::Send(token, next)) => (token, next),
        other => panic!("{other:?}"),
    };
    let (authenticate, _) = sent(client.read(&challenge, &mut environment));
    let Accepting::LookUp(look_up) = server.read(&authenticate, &mut environment)? else {
        panic!()
    };
    match look_up.verify(|claim| -> Result<_, error::Error> { claim.accept_as_guest() })? {
        Outcome::Done(done) => {
            let shown = format!("{done:?}");
            assert!(!done.list_checked && shown.contains("list_checked: false"), "{shown}");
            Ok(done.accepted)
        }
        other @ Outcome::Send(..) => panic!("{other:?}"),
    }
}

/// A guest shares no key with the server, so its `mechListMIC` cannot be verified.
#[test]
fn guest_is_accepted_only_without_mech_list_mic() {
    let initiator = Initiator::new(Client::new(Credentials::password("alice", "secret")));
    assert_eq!(as_guest(&initiator).unwrap_err(), Error::Mic(MicError::NoKey));
    let accepted = as_guest(&initiator.without_signing()).unwrap();
    assert!(matches!(accepted.identity, Identity::Guest));
}

/// RFC 4178, section 4.2.2. The client's AUTHENTICATE has no MIC, so the client signs the list only
/// on request.
#[test]
fn client_signs_the_list_if_the_server_requests_it() {
    let signs = |state: NegState| {
        let mut environment = Fixed::default();
        let initiator = Initiator::new(client_of_ntlmv1());
        let (first, client) = initiator.initiate().unwrap();
        let acceptor = Acceptor::new(Server::new(Names::standalone("FILES")));
        let challenge = match acceptor.start().read(&first, &mut environment) {
            Ok(Accepting::Outcome(Outcome::Send(token, _))) => message(&token),
            other => panic!("{other:?}"),
        };
        let reply =
            Resp { neg_state: Some(state as u8), token: Some(challenge), ..Resp::default() };
        let (authenticate, _) = sent(client.read(&reply.der(), &mut environment));
        let Ok(Token::Response(response)) = Token::parse(&authenticate) else { panic!() };
        response.mech_list_mic.is_some()
    };
    assert!(signs(NegState::RequestMic));
    assert!(!signs(NegState::AcceptIncomplete));
}
