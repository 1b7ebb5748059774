//! What is checked once the password is proven: the MIC, the channel, the service, the server and
//! the time ([MS-NLMP] 3.2.5.1.2).

use super::exchange::{Exchange, Parsed};
use crate::crypto::ExportedSessionKey;
use crate::error::Denied;
use crate::handshake::proof::{BindingsChecked, MicChecked};
use crate::handshake::transcript::Transcript;
use crate::policy::Enforcement;
use crate::text::Text;
use crate::wire::{Authenticate, AvFlags, AvId, AvPairs, NtResponse, Ntlmv2Response};

/// What was found beyond the password.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) mic: Option<MicChecked>,
    pub(super) bindings: Option<BindingsChecked>,
    pub(super) target_name: Option<Text>,
}

impl Exchange {
    /// All checks, in this order. Only an NTLMv2 response carries what they look at; where the
    /// policy demands one of them, other responses were refused before.
    pub(super) fn check(
        &self,
        parsed: &Parsed<'_>,
        key: &ExportedSessionKey,
    ) -> Result<Checked, Denied> {
        let NtResponse::V2(response) = parsed.received.nt_response else {
            return Ok(Checked::default());
        };
        let mic = self.check_mic(key, &parsed.received, response.target_info())?;
        let bindings = self.check_bindings(response.target_info())?;
        let target_name = self.check_target_name(response.target_info())?;
        self.check_target_info(parsed.sent.target_info, response.target_info())?;
        self.check_time(parsed.sent.target_info, response)?;
        Ok(Checked { mic, bindings, target_name })
    }

    /// `MsvAvFlags` decides whether there is a MIC, since the proof covers it. That a MIC is
    /// missing, or room for one, says nothing: an attacker can take both away (CVE-2019-1040), and
    /// Samba and pyspnego leave room for one that they do not send.
    fn check_mic(
        &self,
        key: &ExportedSessionKey,
        message: &Authenticate<'_>,
        pairs: AvPairs<'_>,
    ) -> Result<Option<MicChecked>, Denied> {
        if !pairs.flags().contains(AvFlags::MIC_PRESENT) {
            if self.policy().require_mic {
                return Err(Denied::MicMissing);
            }
            return Ok(None);
        }
        let (mic_offset, mic) = message.mic_offset().zip(message.mic).ok_or(Denied::MicMissing)?;
        let transcript = Transcript {
            negotiate: self.messages.negotiate(),
            challenge: self.messages.challenge(),
            authenticate: self.messages.authenticate(),
            mic_offset,
        };
        let right = transcript.mic(key).ok_or(Denied::MicMissing)?;
        MicChecked::compare(&right, &mic).map(Some).ok_or(Denied::Mic)
    }

    fn check_bindings(&self, pairs: AvPairs<'_>) -> Result<Option<BindingsChecked>, Denied> {
        let ours = self.config.bindings.as_ref().map(|bindings| bindings.md5());
        match (self.policy().channel_bindings, ours, pairs.channel_bindings()) {
            (Enforcement::Off, ..) | (Enforcement::IfPresent, _, None) => Ok(None),
            (Enforcement::Required, _, None) => Err(Denied::ChannelBindings),
            // Where they are required, the handshake began because the policy allows any bindings.
            (_, None, Some(_)) => Ok(None),
            (_, Some(ours), Some(theirs)) => {
                BindingsChecked::compare(ours, theirs).map(Some).ok_or(Denied::ChannelBindings)
            }
        }
    }

    /// `ClientSuppliedTargetName`: none if the client itself does not trust it.
    fn check_target_name(&self, pairs: AvPairs<'_>) -> Result<Option<Text>, Denied> {
        let is_trusted = !pairs.flags().contains(AvFlags::UNTRUSTED_SPN);
        let theirs = pairs.text(AvId::TARGET_NAME).filter(|name| is_trusted && !name.is_empty());
        let ours = &self.config.target_names;
        let is_ours = |name: &Text| ours.iter().any(|our| our.eq_ignore_case(name));
        match (self.policy().target_name, &theirs) {
            (Enforcement::Required, None) => Err(Denied::TargetName),
            (Enforcement::Required, Some(name)) if !is_ours(name) => Err(Denied::TargetName),
            (Enforcement::IfPresent, Some(name)) if !ours.is_empty() && !is_ours(name) => {
                Err(Denied::TargetName)
            }
            _ => Ok(theirs),
        }
    }

    /// The client repeats what this server said, so the response was made for it. `MsvAvFlags`,
    /// bindings and target name are the client's to say.
    fn check_target_info(
        &self,
        ours: Option<AvPairs<'_>>,
        theirs: AvPairs<'_>,
    ) -> Result<(), Denied> {
        let Some(ours) = ours else { return Ok(()) };
        let clients = [AvId::FLAGS, AvId::TARGET_NAME, AvId::CHANNEL_BINDINGS];
        let is_ours = |id: AvId| id.name().is_some() && !clients.contains(&id);
        let mut ours = ours.iter().filter(|(id, _)| is_ours(*id));
        if self.policy().require_target_info && !ours.all(|(id, v)| theirs.get(id) == Some(v)) {
            return Err(Denied::TargetInfo);
        }
        Ok(())
    }

    /// 3.2.5.1.2 compares TimeStamp with the present. pysmb and Perl's Authen::NTLM 1.09 send no
    /// time, or some seconds after 1601, and are accepted by Samba 4.17. Their responses repeat the
    /// `MsvAvTimestamp` of our CHALLENGE, so they are no older than that; then it is the time that
    /// is compared.
    fn check_time(
        &self,
        sent: Option<AvPairs<'_>>,
        response: Ntlmv2Response<'_>,
    ) -> Result<(), Denied> {
        let Some(most) = self.policy().max_time_difference else { return Ok(()) };
        let ours = sent.and_then(AvPairs::timestamp);
        let repeated = response.target_info().timestamp().filter(|time| Some(*time) == ours);
        let time = repeated.unwrap_or(response.time());
        if time.abs_diff(self.now) > most { Err(Denied::Time) } else { Ok(()) }
    }
}
