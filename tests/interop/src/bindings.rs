//! Channel bindings: right, wrong and none.

use ntlm::error::Denied;
use ntlm::{ChannelBindings, Enforcement, Error, client, server};

use crate::exchange::{self, LoggedIn, Refusal};
use crate::hex::hex;
use crate::identities::Identity;
use crate::modes;
use crate::peer::Peer;

/// Our client, bound so or not, logs in to a peer's acceptor that is bound so or not.
///
/// # Errors
/// Who refused, and why.
pub fn log_in(
    peer: &mut Peer,
    ours: Option<&str>,
    theirs: Option<&str>,
) -> Result<LoggedIn, Refusal> {
    let mut arguments = (peer.acceptor)(&modes::DEFAULT);
    arguments["bindings"] = theirs.map(|data| hex(data.as_bytes())).into();
    peer.bridge.begin(arguments)?;
    let mut client = modes::DEFAULT.client(Identity::ALICE.credentials());
    if let Some(data) = ours {
        client = client.with_channel_bindings(of(data));
    }
    exchange::log_in(&mut peer.bridge, &client)
}

/// A peer's acceptor lets our client in, or refuses it with these words.
///
/// # Panics
/// If it does otherwise.
pub fn are_compared_by_it(
    peer: &mut Peer,
    ours: Option<&str>,
    theirs: Option<&str>,
    refusal: Option<&str>,
) {
    match (log_in(peer, ours, theirs), refusal) {
        (Ok(_), None) => {}
        (Err(Refusal::Theirs(why)), Some(refusal)) if why.contains(refusal) => {}
        (result, _) => panic!("{ours:?} {theirs:?} {result:?}"),
    }
}

/// A peer's client, bound so or not, logs in to our server in each policy.
///
/// # Panics
/// If our server does not do as its policy says.
pub fn are_checked_by_us(peer: &mut Peer) {
    for (theirs, binding, expected) in [
        (Some("this channel"), Enforcement::Required, Ok(true)),
        (Some("this channel"), Enforcement::IfPresent, Ok(true)),
        (Some("this channel"), Enforcement::Off, Ok(false)),
        (Some("that channel"), Enforcement::Required, Err(())),
        (Some("that channel"), Enforcement::IfPresent, Err(())),
        (Some("that channel"), Enforcement::Off, Ok(false)),
        (None, Enforcement::Required, Err(())),
        (None, Enforcement::IfPresent, Ok(false)),
    ] {
        let mut arguments = (peer.initiator)(&modes::DEFAULT, Identity::ALICE);
        arguments["bindings"] = theirs.map(|data| hex(data.as_bytes())).into();
        peer.bridge.begin(arguments).expect("it begins");
        let mut policy = modes::DEFAULT.server_policy();
        policy.channel_bindings = binding;
        let server = modes::server().with_policy(policy).with_channel_bindings(of("this channel"));
        match (exchange::let_in(&mut peer.bridge, &server, &[Identity::ALICE]), expected) {
            (Ok(let_in), Ok(checked)) => assert_eq!(let_in.accepted.bindings_checked, checked),
            (Err(Refusal::Ours(Error::Denied(denied))), Err(())) => {
                let missing =
                    theirs.map_or(Denied::ChannelBindingsMissing, |_| Denied::ChannelBindings);
                assert_eq!(denied, missing);
            }
            (result, _) => panic!("{theirs:?} {binding:?} {result:?}"),
        }
    }
}

/// A strict client of ours logs in to a peer's acceptor of the same channel, and the two talk.
///
/// # Panics
/// If somebody refuses.
pub fn a_strict_client_logs_in(peer: &mut Peer) {
    let mut arguments = (peer.acceptor)(&modes::DEFAULT);
    arguments["bindings"] = hex(b"this channel").into();
    let client = modes::DEFAULT.client(Identity::ALICE.credentials());
    let client =
        client.with_policy(client::Policy::strict()).with_channel_bindings(of("this channel"));
    let (keys, _) = peer.log_in_silently(arguments, &client).expect("it is right");
    peer.talk(keys).expect("they understand each other");
}

/// A peer's client logs in to a strict server of ours on the same channel.
///
/// # Errors
/// Who refused, and why.
pub fn log_in_to_a_strict_server(peer: &mut Peer) -> Result<(), Refusal> {
    let mut arguments = (peer.initiator)(&modes::DEFAULT, Identity::ALICE);
    arguments["bindings"] = hex(b"this channel").into();
    let server = modes::server()
        .with_policy(server::Policy::strict())
        .with_spns(["HTTP/files.example.com"])
        .with_channel_bindings(of("this channel"));
    let accepted = peer.let_in_silently(arguments, &server, &[Identity::ALICE])?;
    assert!(accepted.mic_checked && accepted.bindings_checked);
    peer.talk(accepted.keys)
}

fn of(data: &str) -> ChannelBindings {
    ChannelBindings::application_data(data.as_bytes())
}
