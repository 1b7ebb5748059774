//! What a server is made of, and what must be so before a handshake begins.

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
    /// What the names come to in each CHALLENGE, or why they do not.
    pub(super) target_info: Result<AvPairsBuf, Refused>,
    pub(super) policy: Policy,
    /// Zeros if there are none.
    pub(super) bindings: ChannelBindings,
    /// Whether each connection is given bindings of its own, after its CHALLENGE.
    pub(super) bindings_come_later: bool,
    pub(super) spns: Vec<Text>,
}

impl Config {
    /// Fails if no handshake can succeed.
    pub(super) fn check_all(&self) -> Result<(), Error> {
        self.check(self.expects_bindings())?;
        let SharedPolicy { offer, require, require_when_protected, .. } = self.policy.shared;
        offer.character_set().ok_or(Misuse::NoCharacterSet)?;
        // A client that asks for all, and one that leaves room for what excludes another flag.
        let granted = |asked| -> Result<(), Error> {
            Ok(demand(grant(offer, asked)?, require, require_when_protected)?)
        };
        let all = NegotiateFlags::all();
        granted(all - NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
            .or_else(|_| granted(all))?;
        self.target_info().map(drop)
    }

    /// Fails if no handshake must begin or continue: NTLM is blocked, or this side lacks what the
    /// policy requires of clients. `has_bindings` says whether the connection has channel bindings, or
    /// [will have](Self::expects_bindings) them.
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

    /// Whether there are bindings before the CHALLENGE, or will be after it.
    pub(super) fn expects_bindings(&self) -> bool {
        self.bindings_come_later || !self.bindings.is_none()
    }

    /// `TargetInfo` without the time.
    pub(super) fn target_info(&self) -> Result<AvPairs<'_>, Error> {
        if self.names.is_nameless() {
            return Err(Misuse::NoServerName.into());
        }
        let target_info = self.target_info.as_ref().map_err(|refused| *refused)?;
        Ok(target_info.as_pairs())
    }

    /// Checks a message of the client before it is parsed. Its length is limited because it is kept
    /// until the handshake ends.
    pub(super) fn check_received(&self, message: &[u8]) -> Result<(), Error> {
        if message.len() > self.policy.shared.max_message_len {
            return Err(Refused::TooLong.into());
        }
        Ok(check_single_header(message)?)
    }
}
