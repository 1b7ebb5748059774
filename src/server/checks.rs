//! What is checked once the password is proven: the MIC, the channel bindings, the SPN, what the client
//! repeats of the CHALLENGE, and the time ([MS-NLMP] 3.2.5.1.2).
//!
//! Only an NTLMv2 response carries what is checked here. Where a policy requires one of them, other
//! responses are rejected before.

use super::policy::Policy;
use super::received::{Announced, Received};
use crate::crypto::ExportedSessionKey;
use crate::error::Denied;
use crate::mic::Transcript;
use crate::policy::Enforcement;
use crate::secret;

/// What was found to be right.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    pub(super) mic: bool,
    pub(super) bindings: bool,
}

/// All checks, in this order.
pub(super) fn check(received: &Received, key: &ExportedSessionKey) -> Result<Checked, Denied> {
    let Some(announced) = &received.announced else { return Ok(Checked::default()) };
    let mic = check_mic(received, announced, key)?;
    let bindings = check_bindings(received, announced)?;
    check_spn(received, announced)?;
    check_target_info(received, announced)?;
    check_time(received, announced)?;
    Ok(Checked { mic, bindings })
}

/// `MsvAvFlags` decides whether there is a MIC, because the proof covers it. That a MIC is missing,
/// or room for one, says nothing: an attacker can take both away (CVE-2019-1040), and Samba and
/// pyspnego leave room for one that they do not send.
fn check_mic(
    received: &Received,
    announced: &Announced,
    key: &ExportedSessionKey,
) -> Result<bool, Denied> {
    if !announced.has_mic {
        return if received.policy().shared.require_mic {
            Err(Denied::MicMissing)
        } else {
            Ok(false)
        };
    }
    let mic = received.mic.ok_or(Denied::MicMissing)?;
    let transcript = Transcript {
        negotiate: received.messages.negotiate(),
        challenge: received.messages.challenge(),
        authenticate: received.messages.authenticate(),
        mic_offset: mic.offset,
    };
    let right = transcript.mic(key).ok_or(Denied::MicMissing)?;
    if secret::equal(&right, &mic.value) { Ok(true) } else { Err(Denied::Mic) }
}

fn check_bindings(received: &Received, announced: &Announced) -> Result<bool, Denied> {
    let ours = Some(received.bindings.md5()).filter(|_| !received.bindings.is_none());
    compare_bindings(received.policy(), ours, announced.bindings.as_ref())
}

/// Whether the client's channel bindings are this server's.
fn compare_bindings(
    policy: &Policy,
    ours: Option<&[u8; 16]>,
    theirs: Option<&[u8; 16]>,
) -> Result<bool, Denied> {
    let is_required = policy.channel_bindings == Enforcement::Required;
    match (policy.channel_bindings, ours, theirs) {
        (Enforcement::Off, ..) | (Enforcement::IfPresent, _, None) => Ok(false),
        (Enforcement::Required, _, None) => Err(Denied::ChannelBindingsMissing),
        // No handshake begins so (`Config::check`).
        (_, None, Some(_)) if is_required && !policy.allow_any_channel_bindings => {
            Err(Denied::ChannelBindings)
        }
        (_, None, Some(_)) => Ok(false),
        (_, Some(ours), Some(theirs)) if secret::equal(ours, theirs) => Ok(true),
        (_, Some(_), Some(_)) => Err(Denied::ChannelBindings),
    }
}

/// `ClientSuppliedTargetName`.
fn check_spn(received: &Received, announced: &Announced) -> Result<(), Denied> {
    let (ours, theirs) = (&received.config.spns, &announced.spn);
    let is_ours = || ours.iter().any(|our| our.eq_ignore_case(theirs));
    match received.policy().spn {
        Enforcement::Off => Ok(()),
        Enforcement::Required if theirs.is_empty() => Err(Denied::SpnMissing),
        Enforcement::IfPresent if theirs.is_empty() || ours.is_empty() => Ok(()),
        Enforcement::IfPresent | Enforcement::Required if is_ours() => Ok(()),
        Enforcement::IfPresent | Enforcement::Required => Err(Denied::Spn),
    }
}

/// A response that repeats what this server sent was made for it.
fn check_target_info(received: &Received, announced: &Announced) -> Result<(), Denied> {
    if received.policy().require_target_info && !announced.repeats_target_info {
        return Err(Denied::TargetInfo);
    }
    Ok(())
}

fn check_time(received: &Received, announced: &Announced) -> Result<(), Denied> {
    match received.policy().max_time_difference {
        Some(most) if announced.time.abs_diff(received.now) > most => Err(Denied::Time),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without bindings of this server there is nothing to compare with.
    #[test]
    fn required_bindings_are_not_taken_unseen_unless_the_policy_says_so() {
        let mut policy = Policy { channel_bindings: Enforcement::Required, ..Policy::default() };
        let compare = |policy: &Policy| compare_bindings(policy, None, Some(&[7; 16]));
        assert_eq!(compare(&policy), Err(Denied::ChannelBindings));
        policy.allow_any_channel_bindings = true;
        assert_eq!(compare(&policy), Ok(false));
    }
}
