//! Checks an AUTHENTICATE apart from its proof ([MS-NLMP] 3.2.5.1.2).

use super::policy::Policy;
use super::received::{Announced, Received, allows_key};
use super::response::Proof;
use crate::crypto::ExportedSessionKey;
use crate::error::{Denied, Error, Refused, Unexpected};
use crate::mic::Transcript;
use crate::negotiation::demand;
use crate::policy::Enforcement;
use crate::secret;
use crate::wire::NegotiateFlags;

/// The checks that need no verified proof, in this order: the age of the CHALLENGE, the flags, the
/// kind of response, the encrypted session key.
pub(super) fn before_proof(received: &Received) -> Result<(), Error> {
    let shared = &received.policy().shared;
    check_age(received)?;
    let when_protected = match received.has_usable_key() {
        true => shared.require_when_protected,
        false => NegotiateFlags::empty(),
    };
    demand(received.flags, shared.require, when_protected)?;
    check_kind(received)?;
    Ok(check_encrypted_key(received)?)
}

fn check_age(received: &Received) -> Result<(), Denied> {
    match (received.policy().max_challenge_age, received.sent_time) {
        (Some(age), Some(sent)) if sent.abs_diff(received.now) > age => {
            Err(Denied::ChallengeExpired)
        }
        _ => Ok(()),
    }
}

/// Rejects a kind of response that the policy does not allow, before the password is verified.
fn check_kind(received: &Received) -> Result<(), Refused> {
    let Received { proof, flags, .. } = received;
    let policy = received.policy();
    if matches!(proof, Proof::Anonymous) {
        return if policy.allow_anonymous { Ok(()) } else { Err(Refused::Anonymous) };
    }
    let mut accepted =
        proof.possible_kinds().iter().filter(|kind| policy.accepts(**kind)).peekable();
    if accepted.peek().is_none() {
        return Err(Refused::ResponseKind);
    }
    if !accepted.any(|kind| allows_key(policy, *flags, *kind)) {
        return Err(Refused::ConstantKeyExchangeKey);
    }
    Ok(())
}

/// If messages will be protected, or the handshake is connectionless, `EncryptedRandomSessionKey`
/// is required where KEY_EXCH was negotiated.
fn check_encrypted_key(received: &Received) -> Result<(), Unexpected> {
    let flags = received.flags;
    let needs = NegotiateFlags::PROTECTION | NegotiateFlags::NEGOTIATE_DATAGRAM;
    let is_needed = flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH) && flags.intersects(needs);
    if received.has_usable_key() && is_needed && received.encrypted_session_key.is_none() {
        return Err(Unexpected::EncryptedSessionKey);
    }
    Ok(())
}

/// Rejects guests and anonymous clients if the policy requires what only a client with a proof can
/// have.
pub(super) fn without_proof(policy: &Policy) -> Result<(), Error> {
    let protection = policy.shared.require & NegotiateFlags::PROTECTION;
    if !protection.is_empty() {
        // Guests and anonymous clients have no secret key, whatever flags they set.
        return Err(Refused::MissingFlags(protection).into());
    }
    let requirements = [
        (policy.shared.require_mic, Denied::MicMissing),
        (policy.channel_bindings == Enforcement::Required, Denied::ChannelBindingsMissing),
        (policy.spn == Enforcement::Required, Denied::SpnMissing),
    ];
    match requirements.into_iter().find(|(is_required, _)| *is_required) {
        Some((_, denied)) => Err(denied.into()),
        None => Ok(()),
    }
}

/// The results: `true` if the value was checked and is right, `false` if it was not checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    pub(super) mic: bool,
    pub(super) bindings: bool,
}

/// The checks of what the proof covers, in this order: the MIC, the channel bindings, the SPN, the
/// repeated `TargetInfo`, the time.
///
/// Only an NTLMv2 response contains these. If the policy requires one of them, other responses were
/// rejected before.
pub(super) fn after_proof(
    received: &Received,
    key: &ExportedSessionKey,
) -> Result<Checked, Denied> {
    let Some(announced) = &received.announced else { return Ok(Checked::default()) };
    let mic = check_mic(received, announced, key)?;
    let bindings = check_bindings(received, announced)?;
    check_spn(received, announced)?;
    check_target_info(received, announced)?;
    check_time(received, announced)?;
    Ok(Checked { mic, bindings })
}

/// Checks the MIC if `MsvAvFlags` announces one. The proof covers `MsvAvFlags`, so an attacker
/// cannot change it.
///
/// The absence of a MIC field proves nothing, because an attacker can remove it (CVE-2019-1040).
/// Its presence proves nothing either, because Samba and pyspnego reserve space for a MIC that they
/// do not send.
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

/// Compares the client's channel bindings with this connection's. Returns whether there was
/// anything to compare.
fn check_bindings(received: &Received, announced: &Announced) -> Result<bool, Denied> {
    let policy = received.policy();
    let is_required = policy.channel_bindings == Enforcement::Required;
    let ours = Some(received.bindings.md5()).filter(|_| !received.bindings.is_none());
    match (policy.channel_bindings, ours, &announced.bindings) {
        (Enforcement::Off, ..) | (Enforcement::IfPresent, _, None) => Ok(false),
        (Enforcement::Required, _, None) => Err(Denied::ChannelBindingsMissing),
        // Unreachable: `Config::check` does not let such a handshake begin.
        (_, None, Some(_)) if is_required && !policy.allow_any_channel_bindings => {
            Err(Denied::ChannelBindings)
        }
        (_, None, Some(_)) => Ok(false),
        (_, Some(ours), Some(theirs)) if secret::equal(ours, theirs) => Ok(true),
        (_, Some(_), Some(_)) => Err(Denied::ChannelBindings),
    }
}

/// Compares the client's SPN (`ClientSuppliedTargetName`) with this server's.
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

/// Rejects a response to another server: it does not repeat what this server sent.
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
mod tests;
