//! Handshakes of a client that intends to log in to another server.

use crate::attack::{Attack, Honest, How};
use crate::exchange::{Channel, Given};
use crate::notes;
use crate::outcome::Outcome;

pub(crate) const RELAYS: &[Attack] = &[
    Attack::new("bound to another channel", How::Other(other_channel)).possible_since(notes::RELAY),
    Attack::new(
        "that asked for another service, on another machine or its own",
        How::Other(service),
    )
    .possible_since(notes::RELAY),
    Attack::new("without bindings, without an SPN, or without both", How::Other(nothing))
        .possible_since(notes::RELAY),
    Attack::new("bound to another channel, to a server without bindings", How::Other(no_bindings))
        .possible_since(notes::NO_BINDINGS),
];

fn other_channel(honest: &Honest) -> Vec<Outcome> {
    vec![honest.relayed(Given { channel: Some(Channel::Another), ..Given::RIGHT })]
}

/// The second one is a reflection: the client's own machine is the server.
fn service(honest: &Honest) -> Vec<Outcome> {
    let asked = Given { target: Some("HTTP/evil.example.net"), ..Given::RIGHT };
    vec![honest.relayed(asked), honest.relayed(Given { channel: None, ..asked })]
}

fn nothing(honest: &Honest) -> Vec<Outcome> {
    let (no_target, no_channel) =
        (Given { target: None, ..Given::RIGHT }, Given { channel: None, ..Given::RIGHT });
    let neither = Given { target: None, ..no_channel };
    [no_target, no_channel, neither].map(|given| honest.relayed(given)).to_vec()
}

fn no_bindings(honest: &Honest) -> Vec<Outcome> {
    let channel = Some(Channel::Another);
    vec![honest.relayed(Given { channel, servers_channel: None, ..Given::RIGHT })]
}
