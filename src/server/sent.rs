//! The parts of a CHALLENGE that the AUTHENTICATE is compared with.

use core::ops::Range;

use crate::environment::FileTime;
use crate::negotiation::flags_that_hold;
use crate::wire::{self, Authenticate, AvPairs, Challenge, NegotiateFlags, range_within};

/// The parts of a CHALLENGE that the AUTHENTICATE is compared with.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) flags: NegotiateFlags,
    pub(super) server_challenge: [u8; 8],
    /// `MsvAvTimestamp`.
    pub(super) time: Option<FileTime>,
    /// The range of bytes of `TargetInfo` in the CHALLENGE.
    pub(super) target_info: Range<usize>,
}

impl Sent {
    /// Parses a CHALLENGE that was not made in this process.
    pub(super) fn parse(challenge: &[u8]) -> Result<Self, wire::Error> {
        let message = Challenge::parse_for_client(challenge)?;
        let pairs = message.target_info.unwrap_or_default();
        Ok(Self {
            flags: message.flags,
            server_challenge: message.server_challenge,
            time: pairs.timestamp(),
            target_info: range_within(challenge, pairs.as_bytes()),
        })
    }

    /// Parses the AUTHENTICATE that answers this CHALLENGE. `EncryptedRandomSessionKey` is read
    /// only if the flags of both messages contain KEY_EXCH.
    pub(super) fn parse_answer<'a>(
        &self,
        authenticate: &'a [u8],
    ) -> Result<Authenticate<'a>, wire::Error> {
        let has_key = |flags| {
            flags_that_hold(self.flags, Some(flags)).contains(NegotiateFlags::NEGOTIATE_KEY_EXCH)
        };
        Authenticate::parse_for_server(authenticate, has_key)
    }

    /// Returns the AV pairs of this CHALLENGE. `challenge` must be the message that `self` was made
    /// of.
    pub(super) fn target_info<'a>(&self, challenge: &'a [u8]) -> AvPairs<'a> {
        let Range { start, end } = self.target_info;
        AvPairs::known(challenge.split_at(end).0.split_at(start).1)
    }
}
