//! Sessions of keys that the caller gives (feature `hazmat`).
//!
//! The handshake gives each session keys of its own. Here that is the caller's responsibility: two
//! sessions of one key encrypt with the same key stream.

use super::checksum::Form;
use super::direction::Direction;
use super::keys::Secrecy;
use super::{DatagramSession, Protection, Receiver, Sender, Session, SessionKeys};
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::wire::NegotiateFlags;

impl SessionKeys {
    /// Makes the keys of a handshake that took place elsewhere. Needs the feature `hazmat`.
    #[must_use]
    pub const fn with_key(flags: NegotiateFlags, key: ExportedSessionKey, side: Side) -> Self {
        Self::new(flags, key, side, Secrecy::Secret)
    }
}

impl Session {
    /// Makes a session from flags and a key, for a context that was established elsewhere.
    /// Otherwise it comes from [`SessionKeys::into_session`](super::SessionKeys::into_session).
    ///
    /// A key must be used for one session only. Needs the feature `hazmat`.
    #[must_use]
    pub fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        Self::derived(flags, key, side)
    }
}

impl DatagramSession {
    /// Makes a session from flags and a key, for a context that was established elsewhere.
    /// Otherwise it comes from
    /// [`SessionKeys::into_datagram_session`](super::SessionKeys::into_datagram_session).
    ///
    /// A key must be used for one session only. Needs the feature `hazmat`.
    #[must_use]
    pub fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        Self::derived(flags, key, side)
    }
}

impl Sender {
    /// Makes a sending half from keys of its own and a fresh key stream. Its next message has this
    /// sequence number. For contexts that were established elsewhere, and for tests.
    ///
    /// Without a signing key it makes signatures without extended session security. A key must be
    /// used for one direction of one session only. Needs the feature `hazmat`.
    #[must_use]
    pub fn with_keys(
        flags: NegotiateFlags,
        signing_key: Option<&SigningKey>,
        sealing_key: SealingKey,
        sequence: u32,
    ) -> Self {
        Self(direction(flags, signing_key, &sealing_key, sequence))
    }
}

impl Receiver {
    /// Makes the receiving end of [`Sender::with_keys`]. Needs the feature `hazmat`.
    #[must_use]
    pub fn with_keys(
        flags: NegotiateFlags,
        signing_key: Option<&SigningKey>,
        sealing_key: SealingKey,
        sequence: u32,
    ) -> Self {
        Self(direction(flags, signing_key, &sealing_key, sequence))
    }
}

fn direction(
    flags: NegotiateFlags,
    signing_key: Option<&SigningKey>,
    sealing_key: &SealingKey,
    sequence: u32,
) -> Direction {
    let (protection, form) = (Protection::from_flags(flags), Form::new(flags, signing_key));
    Direction::with_keys(protection, form, sealing_key, sequence)
}
