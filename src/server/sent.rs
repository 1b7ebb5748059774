//! What the server's own CHALLENGE says.

use core::ops::Range;

use crate::environment::FileTime;
use crate::negotiation::flags_that_hold;
use crate::wire::{self, Authenticate, AvPairs, Challenge, NegotiateFlags, range_within};

/// What a CHALLENGE says, as far as the AUTHENTICATE is compared with it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) flags: NegotiateFlags,
    pub(super) server_challenge: [u8; 8],
    /// `MsvAvTimestamp`.
    pub(super) time: Option<FileTime>,
    /// Where `TargetInfo` is in the CHALLENGE.
    pub(super) target_info: Range<usize>,
}

impl Sent {
    /// Reads a CHALLENGE that was not made in this process.
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

    /// Parses the AUTHENTICATE that answers this CHALLENGE. It has a session key only where the
    /// flags of both agree on one.
    pub(super) fn parse_answer<'a>(
        &self,
        authenticate: &'a [u8],
    ) -> Result<Authenticate<'a>, wire::Error> {
        let has_key = |flags| {
            flags_that_hold(self.flags, Some(flags)).contains(NegotiateFlags::NEGOTIATE_KEY_EXCH)
        };
        Authenticate::parse_for_server(authenticate, has_key)
    }

    /// The pairs of this CHALLENGE, of which these are the bytes.
    pub(super) fn target_info<'a>(&self, challenge: &'a [u8]) -> AvPairs<'a> {
        let Range { start, end } = self.target_info;
        AvPairs::known(challenge.split_at(end).0.split_at(start).1)
    }
}
