//! What a server is made of, and what must be so before a handshake begins.

use alloc::vec::Vec;

use super::{Names, Policy};
use crate::channel_bindings::ChannelBindings;
use crate::error::{Error, Misuse, Refused};
use crate::mic::check_single_header;
use crate::policy::Enforcement;
use crate::text::Text;
use crate::wire::AvPairsBuf;

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) names: Names,
    /// What the names come to in each CHALLENGE, or why they do not.
    pub(super) target_info: Result<AvPairsBuf, Refused>,
    pub(super) policy: Policy,
    pub(super) bindings: Option<ChannelBindings>,
    /// Whether each connection is given bindings of its own, after its CHALLENGE.
    pub(super) bindings_come_later: bool,
    pub(super) spns: Vec<Text>,
}

impl Config {
    /// Fails where no handshake must begin.
    pub(super) fn check_before_challenge(&self) -> Result<(), Error> {
        self.check_with(self.bindings_come_later || self.bindings.is_some())
    }

    /// Fails where no handshake must continue with these bindings of its connection.
    pub(super) fn check(&self, bindings: Option<&ChannelBindings>) -> Result<(), Error> {
        self.check_with(bindings.is_some())
    }

    fn check_with(&self, has_bindings: bool) -> Result<(), Error> {
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

    /// Checks a message of the client before it is parsed. Its length is limited because it is kept
    /// until the handshake ends.
    pub(super) fn check_received(&self, message: &[u8]) -> Result<(), Error> {
        if message.len() > self.policy.shared.max_message_len {
            return Err(Refused::TooLong.into());
        }
        Ok(check_single_header(message)?)
    }
}
