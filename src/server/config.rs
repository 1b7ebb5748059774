//! A server's configuration, and the checks before a handshake begins.

use alloc::vec::Vec;

use super::{Names, Policy};
use crate::channel_bindings::ChannelBindings;
use crate::error::{Error, Misuse, Refused};
use crate::mic::check_single_header;
use crate::negotiation::{demand, grant};
use crate::policy::{Enforcement, SharedPolicy};
use crate::text::Text;
use crate::wire::{AvPairs, AvPairsBuf, NegotiateFlags};

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) names: Names,
    /// The encoded `TargetInfo`, or the error to report if the names are too long.
    pub(super) target_info: Result<AvPairsBuf, Refused>,
    pub(super) policy: Policy,
    /// 16 zeros if none were set.
    pub(super) bindings: ChannelBindings,
    /// Whether each connection gets its own bindings after its CHALLENGE.
    pub(super) bindings_come_later: bool,
    pub(super) spns: Vec<Text>,
}

impl Config {
    /// Fails if no handshake with this configuration can succeed.
    pub(super) fn check_all(&self) -> Result<(), Error> {
        self.check(self.expects_bindings())?;
        let SharedPolicy { offer, require, require_when_protected, .. } = self.policy.shared;
        offer.character_set().ok_or(Misuse::NoCharacterSet)?;
        // Extended session security excludes LM_KEY. So try a client that asks for everything but
        // extended session security, and then one that asks for everything.
        let granted = |asked| -> Result<(), Error> {
            Ok(demand(grant(offer, asked)?, require, require_when_protected)?)
        };
        let all = NegotiateFlags::all();
        granted(all - NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
            .or_else(|_| granted(all))?;
        self.target_info().map(drop)
    }

    /// Fails if a handshake must not begin or continue: NTLM is blocked, or the application did not
    /// set what the policy requires. `has_bindings` says whether the connection has channel
    /// bindings or [will have](Self::expects_bindings) them.
    pub(super) fn check(&self, has_bindings: bool) -> Result<(), Error> {
        if self.policy.shared.blocked {
            return Err(Refused::Blocked.into());
        }
        let needs_bindings = match self.policy.channel_bindings {
            Enforcement::Off => false,
            Enforcement::IfPresent => self.bindings_come_later,
            Enforcement::Required => {
                self.bindings_come_later || !self.policy.allow_any_channel_bindings
            }
        };
        if needs_bindings && !has_bindings {
            return Err(Misuse::NoChannelBindings.into());
        }
        if self.policy.spn == Enforcement::Required && self.spns.is_empty() {
            return Err(Misuse::NoSpn.into());
        }
        Ok(())
    }

    /// Whether there are channel bindings now, or there will be after the CHALLENGE.
    pub(super) fn expects_bindings(&self) -> bool {
        self.bindings_come_later || !self.bindings.is_none()
    }

    /// `TargetInfo`, with zeros in place of the time.
    pub(super) fn target_info(&self) -> Result<AvPairs<'_>, Error> {
        if self.names.is_nameless() {
            return Err(Misuse::NoServerName.into());
        }
        let target_info = self.target_info.as_ref().map_err(|refused| *refused)?;
        Ok(target_info.as_pairs())
    }

    /// Checks a message of the client before it is parsed. The length is limited because the
    /// message is stored until the handshake ends.
    pub(super) fn check_received(&self, message: &[u8]) -> Result<(), Error> {
        if message.len() > self.policy.shared.max_message_len {
            return Err(Refused::TooLong.into());
        }
        Ok(check_single_header(message)?)
    }
}
