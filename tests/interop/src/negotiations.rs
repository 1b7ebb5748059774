//! What every peer that speaks SPNEGO goes through: who signs the list of mechanisms, who detects that
//! it was changed, and negotiations that begin otherwise.

use std::fmt::Debug;

use ntlm::Os;
use ntlm::crypto::Side;
use ntlm::spnego::hazmat::initiator::{AwaitReply, Reply, Verdict};
use ntlm::spnego::{Acceptor, Error, Initiator, MicError, Token, TokenKind};

use crate::exchange::Refusal;
use crate::identities::Identity;
use crate::modes;
use crate::peer::Peer;
use crate::spnego::{KERBEROS, LoggedIn, NTLM, describe, init};

/// In both roles, four tokens are sent, and both sides sign the list.
///
/// # Panics
/// If it is otherwise, or the two do not understand each other afterwards.
#[track_caller]
pub fn are_signed_by_both(peer: &mut Peer) {
    peer.begin((peer.acceptor)(&modes::DEFAULT)).expect("it begins");
    let mut carrier = peer.carrier();
    let LoggedIn { keys, .. } = carrier.log_in(&our_client()).expect("it accepts us");
    assert_both_sign(&carrier.tokens);
    drop(carrier);
    peer.talk(keys).expect("they understand");
    are_signed_by_its_client(peer);
}

/// The same with the peer's client and our server.
///
/// # Panics
/// If it is otherwise, or the two do not understand each other afterwards.
#[track_caller]
pub fn are_signed_by_its_client(peer: &mut Peer) {
    peer.begin((peer.initiator)(&modes::DEFAULT, Identity::ALICE)).expect("it begins");
    let mut carrier = peer.carrier();
    let done = carrier.let_in(&modes::DEFAULT.server(), &[Identity::ALICE]).expect("it is alice");
    assert_both_sign(&carrier.tokens);
    drop(carrier);
    assert!(done.accepted.mic_checked, "in SPNEGO it sends a MIC in the AUTHENTICATE too");
    assert_eq!(done.client_preferred, None);
    peer.talk(done.accepted.keys).expect("they understand");
}

#[track_caller]
fn assert_both_sign(tokens: &[String]) {
    // Peers differ in the `negState` before the last token.
    let has_begun = tokens[0] == "Client: [Ntlm] token" && tokens[1].starts_with("Server: ");
    let is_signed = tokens[2].starts_with("Client: ") && tokens[2].ends_with("token mic");
    let is_last = tokens[3..] == ["Server: AcceptCompleted mic"];
    assert!(has_begun && is_signed && is_last, "{tokens:#?}");
}

/// In both roles, a man in the middle adds a mechanism to the list that the client sent.
///
/// # Panics
/// If the server does not refuse the client, the peer's with these words.
#[track_caller]
pub fn detect_a_changed_list(peer: &mut Peer, why: &str) {
    peer.begin((peer.acceptor)(&modes::DEFAULT)).expect("it begins");
    let refusal = peer.carrier().with_change(add_kerberos).log_in(&our_client());
    let is_detected = matches!(&refusal, Err(Refusal::Theirs(words)) if words.contains(why));
    assert!(is_detected, "{refusal:?}");
    detect_a_changed_list_of_its_client(peer);
}

/// The same with the peer's client and our server.
///
/// # Panics
/// If our server does not refuse the client.
#[track_caller]
pub fn detect_a_changed_list_of_its_client(peer: &mut Peer) {
    peer.begin((peer.initiator)(&modes::DEFAULT, Identity::ALICE)).expect("it begins");
    let mut carrier = peer.carrier().with_change(add_kerberos);
    let refusal = carrier.let_in(&modes::DEFAULT.server(), &[Identity::ALICE]);
    assert_is_wrong(&refusal);
}

/// Our side says that a `mechListMIC` is wrong.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn assert_is_wrong<T: Debug>(refusal: &Result<T, Refusal>) {
    let wrong = Error::Mic(MicError::Wrong);
    assert!(matches!(refusal, Err(Refusal::OurSpnego(error)) if *error == wrong), "{refusal:?}");
}

fn add_kerberos(_: Side, token: Vec<u8>) -> Vec<u8> {
    match Token::parse(&token) {
        Ok(Token::Init(offer)) => init(&[NTLM, KERBEROS], offer.mech_token),
        _ => token,
    }
}

/// The peer's server is asked to speak first, and our client begins after that.
///
/// # Panics
/// If it does not log in.
#[track_caller]
pub fn begin_with_hints_of_the_peer(peer: &mut Peer) {
    let initiator = our_client();
    peer.begin((peer.acceptor)(&modes::DEFAULT)).expect("it begins");
    let hints = peer.bridge.step(Some(b"")).expect("it speaks first").token;
    initiator.check_hints(&hints).expect("it offers NTLM");
    let LoggedIn { keys, .. } = peer.carrier().log_in(&initiator).expect("it accepts us");
    peer.talk(keys).expect("they understand");
}

/// Our server is asked to speak first, and the peer's client begins after that.
///
/// # Panics
/// If it does not log in.
#[track_caller]
pub fn begin_with_our_hints(peer: &mut Peer) {
    peer.begin((peer.initiator)(&modes::DEFAULT, Identity::ALICE)).expect("it begins");
    let first = peer.bridge.step(Some(&Acceptor::hints())).expect("it takes hints").token;
    let acceptor = Acceptor::new(modes::DEFAULT.server());
    let done = peer.carrier().let_in_from(first, &acceptor, &[Identity::ALICE]);
    peer.talk(done.expect("it is alice").accepted.keys).expect("they understand");
}

/// Our client continues negotiations that others began: with Kerberos and a token of it, with Kerberos
/// and without a token, and with NTLM and without a token. The peer may refuse the first of these with
/// these words.
///
/// # Panics
/// If it does not log in, or the list is not signed by both where Kerberos comes first.
#[track_caller]
pub fn continue_after_another_first_choice(peer: &mut Peer, refuses_kerberos: Option<&str>) {
    let begun = [
        (&[KERBEROS, NTLM][..], Some(KERBEROS_TOKEN), refuses_kerberos),
        (&[KERBEROS, NTLM], None, None),
        (&[NTLM], None, None),
    ];
    for (mechanisms, token, refusal) in begun {
        let first = init(mechanisms, token);
        let state = our_client().continue_after(&first).expect("it offers NTLM");
        peer.begin((peer.acceptor)(&modes::DEFAULT)).expect("it begins");
        let mut carrier = peer.carrier();
        let keys = match (carrier.continue_from((first, state)), refusal) {
            (Ok(logged_in), None) => logged_in.keys,
            (Err(Refusal::Theirs(words)), Some(why)) if words.contains(why) => continue,
            (result, _) => panic!("{result:?} after {carrier:#?}"),
        };
        let tokens = carrier.tokens.clone();
        drop(carrier);
        // The choice of NTLM is one token, and the NEGOTIATE is another.
        assert_eq!(tokens.len(), 6, "{tokens:#?}");
        if mechanisms[0] == KERBEROS {
            assert!(tokens[4..].iter().all(|token| token.ends_with("mic")), "{tokens:#?}");
        }
        peer.talk(keys).expect("they understand");
    }
}

/// Our client does not sign the list beside its AUTHENTICATE, though that has a MIC. The peer's server
/// sends its own signature and asks for ours with `request`, as Windows does, and our client sends it in
/// one more token, which the server answers with `last` or not at all. No client of this crate is made so: the test does what one does, and leaves the signature out.
///
/// # Panics
/// If the peer does otherwise, or the two do not understand each other afterwards.
#[track_caller]
pub fn ask_for_a_late_signature(peer: &mut Peer, request: &str, last: Option<&str>) {
    peer.begin((peer.acceptor)(&modes::DEFAULT)).expect("it begins");
    let mut send = |token: &[u8]| peer.bridge.step(Some(token)).expect("it answers").token;
    let client = modes::DEFAULT.client(Identity::ALICE.credentials());
    let (negotiate, handshake) = client.initiate().expect("a NEGOTIATE");
    let (token, state) = AwaitReply::offer(&negotiate);
    let answer = send(&token);
    let Ok(Reply::Challenge(challenge, state)) = state.read(&answer) else {
        panic!("there is no CHALLENGE in {}", describe(&answer))
    };
    let response = handshake.answer(challenge, &mut Os).expect("an AUTHENTICATE");
    assert!(state.signs(&response.keys, true), "a client of this crate signs");
    let (token, state) = state.answer(&response.token, response.keys, false);
    let answer = send(&token);
    assert_eq!(describe(&answer), request);
    let Ok(Verdict::Send(token, state)) = state.read(&answer) else { panic!("ours is asked for") };
    assert_eq!(describe(&token), "AcceptIncomplete mic");
    let answer = send(&token);
    let keys = match last {
        None => {
            assert!(answer.is_empty(), "{}", describe(&answer));
            state.finish().expect("the signatures are there")
        }
        Some(last) => {
            assert_eq!(describe(&answer), last);
            let Ok(Verdict::Done(keys)) = state.read(&answer) else { panic!("it is the last one") };
            keys
        }
    };
    peer.talk(keys).expect("they understand");
}

/// The peer's client sends NTLM without SPNEGO. Our server accepts that only if it is told so.
///
/// # Panics
/// If it does otherwise.
#[track_caller]
pub fn allow_bare_ntlm(peer: &mut Peer) {
    let acceptor = Acceptor::new(modes::DEFAULT.server());
    for (acceptor, accepts) in
        [(acceptor.clone(), false), (acceptor.with_bare_ntlm_allowed(), true)]
    {
        peer.begin((peer.initiator)(&modes::DEFAULT, Identity::ALICE)).expect("it begins");
        let mut carrier = peer.carrier();
        let result = carrier.let_in_to(&acceptor, &[Identity::ALICE]);
        drop(carrier);
        match (result, accepts) {
            (Ok(done), true) => {
                assert_eq!(done.token, None);
                peer.talk(done.accepted.keys).expect("they understand");
            }
            (Err(Refusal::OurSpnego(Error::Unexpected(TokenKind::Ntlm))), false) => {}
            (result, _) => panic!("{result:?}"),
        }
    }
}

fn our_client() -> Initiator {
    Initiator::new(modes::DEFAULT.client(Identity::ALICE.credentials()))
}

/// The framing of a token of Kerberos, and nothing that one could read in it.
const KERBEROS_TOKEN: &[u8] = b"\x60\x10\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00abc";
