//! Parts of messages that are removed or replaced.

use ntlm::wire::{Authenticate, AvId, LmResponse, NegotiateFlags as Flags, NtResponse};

use ntlm_testkit::fields;

use crate::attack::{Attack, Honest, How};
use crate::exchange::{Channel, World};
use crate::injected::{NOTHING, inject};
use crate::messages;
use crate::notes;
use crate::outcome::Outcome;
use ntlm_testkit::messages::Pairs;

pub(crate) const PARTS: &[Attack] = &[
    Attack::new("the version, with its flag", How::Other(version)),
    Attack::new("the MIC, or MIC and version (CVE-2019-1040)", How::Other(mic)),
    Attack::new("`MsvAvFlags` of the response, or its bit for the MIC", How::Other(av_flags)),
    Attack::new("`MsvAvFlags` of the CHALLENGE (CVE-2019-1166)", How::Other(servers_av_flags))
        .possible_since(notes::UNTRUSTED),
    Attack::new(
        "`MsvAvChannelBindings`, `MsvAvTargetName` of the response",
        How::Other(bindings_and_target),
    ),
    Attack::new(
        "both, inserted into the CHALLENGE: wrong ones, or the server's for a client without any",
        How::Other(in_the_challenge),
    )
    .possible_since(notes::REPEATED),
    Attack::new(
        "`MsvAvTimestamp` or the whole `TargetInfo` of the CHALLENGE",
        How::Other(target_info),
    ),
    Attack::new(
        "`TargetInfo`, replaced with that of another server",
        How::Other(other_target_info),
    ),
    Attack::new(
        "a response, or one replaced with the other (CVE-2019-1338)",
        How::Other(responses),
    ),
    Attack::new("user and responses, replaced with those of an anonymous client", How::Other(user)),
];

fn version(honest: &Honest) -> Vec<Outcome> {
    let strip = |message: &mut Vec<u8>| {
        let flags = fields::flags(message) - Flags::NEGOTIATE_VERSION;
        fields::set_flags(message, flags);
        let is_version = |byte: &usize| messages::field(message, *byte) == "Version";
        let version: Vec<_> = (0..message.len()).filter(is_version).collect();
        version.into_iter().for_each(|byte| message[byte] = 0);
    };
    let everywhere = honest.tampered(&|_, message| strip(message));
    let each = (1..4).filter_map(|number| honest.tampered_in(number, strip));
    each.chain([everywhere]).collect()
}

fn mic(honest: &Honest) -> Vec<Outcome> {
    rewritten(
        honest,
        &[
            |message| message.mic = message.mic.map(|_| [0; 16]),
            |message| message.mic = None,
            |message| (message.mic, message.version) = (None, None),
        ],
    )
}

fn av_flags(honest: &Honest) -> Vec<Outcome> {
    let stripped = |change: &dyn Fn(Pairs) -> Pairs| {
        honest.tampered_in(3, |message| {
            messages::change_response(message, change);
            messages::rewrite(message, |message| message.mic = None);
        })
    };
    [stripped(&without(AvId::FLAGS)), stripped(&with(AvId::FLAGS, &[0; 4]))]
        .into_iter()
        .flatten()
        .collect()
}

fn servers_av_flags(honest: &Honest) -> Vec<Outcome> {
    // No flag, MIC_PRESENT, UNTRUSTED_SPN.
    challenged(
        honest,
        &[
            &with(AvId::FLAGS, &[0; 4]),
            &with(AvId::FLAGS, &[2, 0, 0, 0]),
            &with(AvId::FLAGS, &[4, 0, 0, 0]),
        ],
    )
}

fn bindings_and_target(honest: &Honest) -> Vec<Outcome> {
    let (bindings, name) = (AvId::CHANNEL_BINDINGS, AvId::TARGET_NAME);
    responded(
        honest,
        &[
            &without(bindings),
            &with(bindings, &[0; 16]),
            &without(name),
            &with(name, b""),
            &with(name, b"e\0v\0i\0l\0"),
        ],
    )
}

/// Wrong values, and the server's own for a client that has none.
fn in_the_challenge(honest: &Honest) -> Vec<Outcome> {
    let bindings = Channel::Another.bindings();
    let bindings = with(AvId::CHANNEL_BINDINGS, bindings.md5());
    let name = with(AvId::TARGET_NAME, b"e\0v\0i\0l\0");
    let mut outcomes = challenged(honest, &[&bindings, &name]);
    outcomes.push(relayed_with_the_servers_own(honest));
    outcomes
}

/// Another row covers that this client is accepted; here it must also count as a client that named
/// this server.
fn relayed_with_the_servers_own(honest: &Honest) -> Outcome {
    let world = World { given: NOTHING, ..World::HONEST };
    let result = honest.setting.run(world, &|number, message| {
        if number == 2 {
            messages::change_target_info(message, inject);
        }
    });
    match result {
        Ok(end) if !end.is_bound() => Outcome::NoEffect,
        result => Outcome::of_acceptance(result, "relayed, and all checks passed"),
    }
}

fn target_info(honest: &Honest) -> Vec<Outcome> {
    let timestamp = challenged(honest, &[&without(AvId::TIMESTAMP)]);
    let all = honest.tampered_in(2, messages::remove_target_info);
    timestamp.into_iter().chain(all).collect()
}

fn other_target_info(honest: &Honest) -> Vec<Outcome> {
    [challenged(honest, &[&of_another_server]), responded(honest, &[&of_another_server])].concat()
}

fn responses(honest: &Honest) -> Vec<Outcome> {
    rewritten(
        honest,
        &[
            |message| message.nt_response = NtResponse::Empty,
            |message| message.lm_response = LmResponse::new(&[]),
            |message| {
                let lm = message.lm_response.as_bytes();
                message.nt_response = NtResponse::parse(lm).unwrap_or(NtResponse::Empty);
                message.lm_response = LmResponse::new(&[]);
            },
        ],
    )
}

fn user(honest: &Honest) -> Vec<Outcome> {
    rewritten(
        honest,
        &[|message| {
            (message.user, message.domain) = (&[], &[]);
            message.nt_response = NtResponse::Empty;
            message.lm_response = LmResponse::new(&[0]);
            message.flags = message.flags.map(|flags| flags | Flags::ANONYMOUS);
        }],
    )
}

/// Each of these changes to the AUTHENTICATE.
fn rewritten(honest: &Honest, changes: &[fn(&mut Authenticate<'_>)]) -> Vec<Outcome> {
    let outcome = |change: &fn(&mut Authenticate<'_>)| {
        honest.tampered_in(3, |message| messages::rewrite(message, *change))
    };
    changes.iter().filter_map(outcome).collect()
}

/// Each of these changes to the pairs of the CHALLENGE.
fn challenged(honest: &Honest, changes: &[&dyn Fn(Pairs) -> Pairs]) -> Vec<Outcome> {
    let outcome = |change: &&dyn Fn(Pairs) -> Pairs| {
        honest.tampered_in(2, |message| messages::change_target_info(message, change))
    };
    changes.iter().filter_map(outcome).collect()
}

/// Each of these changes to the pairs of an NTLMv2 response.
fn responded(honest: &Honest, changes: &[&dyn Fn(Pairs) -> Pairs]) -> Vec<Outcome> {
    let outcome = |change: &&dyn Fn(Pairs) -> Pairs| {
        honest.tampered_in(3, |message| messages::change_response(message, change))
    };
    changes.iter().filter_map(outcome).collect()
}

fn without(id: AvId) -> impl Fn(Pairs) -> Pairs {
    move |pairs| pairs.into_iter().filter(|(other, _)| *other != id).collect()
}

fn with(id: AvId, value: &[u8]) -> impl Fn(Pairs) -> Pairs {
    move |pairs| without(id)(pairs).into_iter().chain([(id, value.to_vec())]).collect()
}

/// The same pairs with the names of another server.
fn of_another_server(pairs: Pairs) -> Pairs {
    let is_name = |id: AvId| id.is_text() && id != AvId::TARGET_NAME;
    let other = |id, value| if is_name(id) { b"E\0V\0I\0L\0".to_vec() } else { value };
    pairs.into_iter().map(|(id, value)| (id, other(id, value))).collect()
}
