//! Clients that repeat the pairs of the CHALLENGE, to which a relay can add pairs: bindings and
//! SPNs prove something only if there is a MIC.

use ntlm::client::Policy as ClientPolicy;
use ntlm::server::{Accepted, Policy};
use ntlm::session::Protection;
use ntlm::wire::{AvFlags, AvId};
use ntlm::{Enforcement, Server, Text};

use crate::exchange::{Channel, Given, Mode, World};
use crate::messages;
use crate::{foreign, outcome::Stopped};
use ntlm_testkit::messages::Pairs;
use ntlm_testkit::{Fixed, alice, ntlmv2};

/// A client that has neither bindings nor an SPN.
pub(crate) const NOTHING: Given = Given { target: None, channel: None, ..Given::RIGHT };

/// The injected values are not secret: the server's certificate and its name.
pub(crate) fn inject(mut pairs: Pairs) -> Pairs {
    let bindings = Channel::OfTheServer.bindings();
    pairs.push((AvId::CHANNEL_BINDINGS, bindings.md5().to_vec()));
    pairs.push((AvId::TARGET_NAME, Text::from(Given::TARGET).to_utf16le()));
    pairs
}

fn server(policy: Policy) -> Server {
    ntlm_testkit::server()
        .with_policy(policy)
        .with_channel_bindings(Channel::OfTheServer.bindings())
        .with_spns([Given::TARGET])
}

/// Relays a client that has neither bindings nor an SPN, and repeats the server's `TargetInfo`
/// unchanged, as curl does.
fn relay_one_that_repeats(policy: Policy) -> Result<Accepted, Stopped> {
    let negotiate = foreign::negotiate(Protection::None);
    let (mut challenge, handshake) =
        server(policy).challenge(&negotiate, &mut Fixed::default()).unwrap();
    messages::change_target_info(&mut challenge, inject);
    let (authenticate, _) = foreign::respond(Mode::WithoutMic, &challenge, NOTHING).unwrap();
    World::HONEST.finish(handshake, &authenticate)
}

#[test]
fn client_that_repeats_the_challenge_without_a_mic_proves_no_bindings_or_spn() {
    let mut policy = Policy::default();
    policy.channel_bindings = Enforcement::Required;
    policy.spn = Enforcement::Required;
    assert!(
        relay_one_that_repeats(policy.clone()).unwrap().bindings_checked,
        "the injected bindings match"
    );
    policy.shared.require_mic = true;
    assert_eq!(relay_one_that_repeats(policy).unwrap_err().reason, "MicMissing");
    assert_eq!(relay_one_that_repeats(Policy::strict()).unwrap_err().reason, "MicMissing");
}

/// This crate's client sends its own values, and the MIC shows that the CHALLENGE was changed.
#[test]
fn client_does_not_repeat_bindings_or_spn_of_the_challenge() {
    let mut strict = ClientPolicy::strict();
    (strict.require_spn, strict.require_channel_bindings) = (false, false);
    for policy in [ClientPolicy::default(), strict] {
        let client = alice();
        let (negotiate, await_challenge) = client.with_policy(policy).initiate().unwrap();
        let (mut challenge, handshake) =
            server(Policy::strict()).challenge(&negotiate, &mut Fixed::default()).unwrap();
        messages::change_target_info(&mut challenge, |pairs| {
            let untrusted = AvFlags::UNTRUSTED_SPN.bits().to_le_bytes().to_vec();
            [inject(pairs), vec![(AvId::FLAGS, untrusted)]].concat()
        });
        let response = await_challenge.answer(&challenge, &mut Fixed::default()).unwrap();
        let pairs = ntlmv2(&response.token).target_info();
        assert_eq!(pairs.channel_bindings(), None);
        assert_eq!(pairs.text(AvId::TARGET_NAME), Some(Text::default()));
        assert_eq!(pairs.flags(), AvFlags::MIC_PRESENT);
        let refused = World::HONEST.finish(handshake, &response.token).unwrap_err();
        assert_eq!(refused.reason, "Mic");
    }
}
