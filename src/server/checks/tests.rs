//! Each check on its own.

use core::time::Duration;

use super::super::Names;
use super::super::config::Config;
use super::super::messages::Messages;
use super::super::received::Mic;
use super::*;
use crate::channel_bindings::ChannelBindings;
use crate::credentials::UserName;
use crate::crypto::mic;
use crate::environment::FileTime;
use crate::text::Text;
use alloc::sync::Arc;
use alloc::vec;

const NOW: u64 = 1_000_000_000;
const AUTHENTICATE: [u8; 20] = [7; 20];

/// A valid NTLMv2 message with a MIC, channel bindings and an SPN, and a server with the same
/// bindings and SPN.
fn received(set: impl FnOnce(&mut Received, &mut Config)) -> Received {
    let mut config = Config {
        target_info: Names::standalone("FILES").target_info(),
        names: Names::standalone("FILES"),
        policy: Policy::default(),
        bindings: ChannelBindings::NONE,
        bindings_come_later: false,
        spns: vec!["HTTP/www".into()],
    };
    let mut messages = Messages::new(b"negotiate", b"challenge");
    messages.push_authenticate(&AUTHENTICATE);
    let key = ExportedSessionKey::from([5; 16]);
    let [start, end] = [&AUTHENTICATE[..2], &AUTHENTICATE[18..]];
    let value = mic(&key, &[b"negotiate", b"challenge", start, &[0; 16], end]);
    let mut received = Received {
        config: Arc::new(config.clone()),
        bindings: ChannelBindings::from_md5([1; 16]),
        messages,
        flags: NegotiateFlags::NEGOTIATE_UNICODE,
        server_challenge: [0; 8],
        sent_time: Some(FileTime::from_ticks(NOW)),
        user: UserName::new("alice"),
        workstation: Text::default(),
        proof: Proof::Ntlmv2 { proof: [0; 16] },
        nt_response: 0..0,
        lm_response: 0..0,
        encrypted_session_key: Some([0; 16]),
        mic: Some(Mic { value, offset: 2 }),
        announced: Some(Announced {
            has_mic: true,
            bindings: Some([1; 16]),
            spn: "http/WWW".into(),
            repeats_target_info: true,
            #[cfg(feature = "http")]
            server_time: None,
            time: FileTime::from_ticks(NOW),
        }),
        now: FileTime::from_ticks(NOW),
    };
    set(&mut received, &mut config);
    received.config = Arc::new(config);
    received
}

fn announced(received: &mut Received) -> &mut Announced {
    received.announced.as_mut().unwrap()
}

fn after(set: impl FnOnce(&mut Received, &mut Config)) -> Result<(bool, bool), Denied> {
    let checked = after_proof(&received(set), &ExportedSessionKey::from([5; 16]))?;
    Ok((checked.mic, checked.bindings))
}

fn before(set: impl FnOnce(&mut Received, &mut Config)) -> Result<(), Error> {
    before_proof(&received(set))
}

#[test]
fn valid_message_is_accepted() {
    assert_eq!(before(|_, _| ()), Ok(()));
    assert_eq!(after(|_, _| ()), Ok((true, true)));
    assert_eq!(after(|received, _| received.announced = None), Ok((false, false)));
}

#[test]
fn announced_mic_that_is_absent_or_wrong_is_rejected() {
    let wrong = after(|received, _| received.mic.as_mut().unwrap().value[0] ^= 1);
    assert_eq!(wrong, Err(Denied::Mic));
    assert_eq!(after(|received, _| received.mic = None), Err(Denied::MicMissing));
    let none = |received: &mut Received| announced(received).has_mic = false;
    assert_eq!(after(|received, _| none(received)), Ok((false, true)));
    let required = after(|received, config| {
        none(received);
        config.policy.shared.require_mic = true;
    });
    assert_eq!(required, Err(Denied::MicMissing));
}

#[test]
fn channel_bindings_are_checked_as_the_policy_requires() {
    use Enforcement::{IfPresent, Off, Required};
    let (wrong, missing) = (Denied::ChannelBindings, Denied::ChannelBindingsMissing);
    for (enforcement, ours, theirs, expected) in [
        (Off, [1; 16], Some([2; 16]), Ok(false)),
        (IfPresent, [1; 16], None, Ok(false)),
        (IfPresent, [1; 16], Some([2; 16]), Err(wrong)),
        (IfPresent, [1; 16], Some([1; 16]), Ok(true)),
        (IfPresent, [0; 16], Some([2; 16]), Ok(false)),
        (Required, [1; 16], None, Err(missing)),
        (Required, [1; 16], Some([2; 16]), Err(wrong)),
        (Required, [1; 16], Some([1; 16]), Ok(true)),
        // This server has no bindings to compare with.
        (Required, [0; 16], Some([2; 16]), Err(wrong)),
    ] {
        let result = after(|received, config| {
            config.policy.channel_bindings = enforcement;
            received.bindings = ChannelBindings::from_md5(ours);
            announced(received).bindings = theirs;
        });
        assert_eq!(result.map(|(_, bindings)| bindings), expected, "{enforcement:?}");
    }
    let any = after(|received, config| {
        config.policy.channel_bindings = Required;
        config.policy.allow_any_channel_bindings = true;
        received.bindings = ChannelBindings::NONE;
    });
    assert_eq!(any, Ok((true, false)));
}

#[test]
fn spn_is_checked_as_the_policy_requires() {
    use Enforcement::{IfPresent, Off, Required};
    for (enforcement, theirs, expected) in [
        (Off, "HTTP/other", Ok(())),
        (IfPresent, "", Ok(())),
        (IfPresent, "HTTP/other", Err(Denied::Spn)),
        (IfPresent, "HTTP/WWW", Ok(())),
        (Required, "", Err(Denied::SpnMissing)),
        (Required, "HTTP/other", Err(Denied::Spn)),
        (Required, "HTTP/WWW", Ok(())),
    ] {
        let result = after(|received, config| {
            config.policy.spn = enforcement;
            announced(received).spn = theirs.into();
        });
        assert_eq!(result.map(|_| ()), expected, "{enforcement:?} {theirs}");
    }
    let nothing_to_compare_with = after(|received, config| {
        config.spns.clear();
        announced(received).spn = "HTTP/other".into();
    });
    assert!(nothing_to_compare_with.is_ok());
}

#[test]
fn response_to_another_server_or_too_old_is_rejected() {
    let another = |received: &mut Received| announced(received).repeats_target_info = false;
    assert_eq!(after(|received, _| another(received)), Err(Denied::TargetInfo));
    let allowed = after(|received, config| {
        another(received);
        config.policy.require_target_info = false;
    });
    assert!(allowed.is_ok());
    let second = Some(Duration::from_secs(1));
    for (ticks, expected) in [(10_000_000, Ok(())), (10_000_001, Err(Denied::Time))] {
        let result = after(|received, config| {
            config.policy.max_time_difference = second;
            announced(received).time = FileTime::from_ticks(NOW - ticks);
        });
        assert_eq!(result.map(|_| ()), expected);
        let expected = expected.map_err(|_| Denied::ChallengeExpired.into());
        let result = before(|received, config| {
            config.policy.max_challenge_age = second;
            received.now = FileTime::from_ticks(NOW + ticks);
        });
        assert_eq!(result, expected);
    }
}

#[test]
fn required_flag_that_was_not_negotiated_is_rejected() {
    let seal = NegotiateFlags::NEGOTIATE_SEAL;
    let result = before(|_, config| config.policy.shared.require = seal);
    assert_eq!(result, Err(Refused::MissingFlags(seal).into()));
    let weak = before(|received, _| received.flags |= seal);
    assert!(matches!(weak, Err(Error::Refused(Refused::MissingFlags(_)))));
}

#[test]
fn response_kind_that_the_policy_does_not_allow_is_rejected() {
    let ntlmv1 = Proof::Ntlmv1 { response: [0; 24] };
    let result = before(|received, _| received.proof = ntlmv1);
    assert_eq!(result, Err(Refused::ResponseKind.into()));
    let constant = before(|received, config| {
        received.proof = ntlmv1;
        received.flags |= NegotiateFlags::NEGOTIATE_SIGN;
        config.policy = Policy::insecure_for_analysis();
        config.policy.shared.allow_constant_key_exchange_key = false;
    });
    assert_eq!(constant, Err(Refused::ConstantKeyExchangeKey.into()));
    let anonymous = before(|received, _| received.proof = Proof::Anonymous);
    assert_eq!(anonymous, Err(Refused::Anonymous.into()));
}

#[test]
fn missing_encrypted_session_key_is_rejected_if_messages_are_protected() {
    let exchanged = NegotiateFlags::NEGOTIATE_KEY_EXCH;
    let with = |flags| {
        before(|received, config| {
            received.flags |= flags;
            received.encrypted_session_key = None;
            config.policy.shared.require_when_protected = NegotiateFlags::empty();
        })
    };
    assert_eq!(with(exchanged), Ok(()));
    assert_eq!(with(NegotiateFlags::NEGOTIATE_SIGN), Ok(()));
    for needs in [NegotiateFlags::NEGOTIATE_SIGN, NegotiateFlags::NEGOTIATE_DATAGRAM] {
        assert_eq!(with(exchanged | needs), Err(Unexpected::EncryptedSessionKey.into()));
    }
}

#[test]
fn client_without_proof_is_rejected_if_the_policy_requires_what_a_proof_carries() {
    let mut policy = Policy::default();
    assert_eq!(without_proof(&policy), Ok(()));
    policy.spn = Enforcement::Required;
    assert_eq!(without_proof(&policy), Err(Denied::SpnMissing.into()));
    policy.channel_bindings = Enforcement::Required;
    assert_eq!(without_proof(&policy), Err(Denied::ChannelBindingsMissing.into()));
    policy.shared.require_mic = true;
    assert_eq!(without_proof(&policy), Err(Denied::MicMissing.into()));
    let sign = NegotiateFlags::NEGOTIATE_SIGN;
    policy.shared.require = sign;
    assert_eq!(without_proof(&policy), Err(Refused::MissingFlags(sign).into()));
}
