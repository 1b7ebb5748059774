//! Sessions from keys that the caller supplies (feature `hazmat`).
//!
//! Each key must be used for one session only, because two sessions with the same key encrypt with
//! the same key stream. Here this is the caller's responsibility.

use super::checksum::Form;
use super::direction::Direction;
use super::keys::Secrecy;
use super::{DatagramSession, Protection, Receiver, Sender, Session, SessionKeys};
use crate::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use crate::wire::NegotiateFlags;

impl SessionKeys {
    /// Makes session keys from the results of a handshake by another implementation. Needs the
    /// feature `hazmat`.
    #[must_use]
    pub const fn with_key(flags: NegotiateFlags, key: ExportedSessionKey, side: Side) -> Self {
        Self::new(flags, key, side, Secrecy::Secret)
    }
}

impl Session {
    /// Makes a session from the results of a handshake by another implementation. After a handshake
    /// by this crate, call [`SessionKeys::into_session`](super::SessionKeys::into_session).
    ///
    /// Use a key for one session only, because two sessions would encrypt with the same key stream.
    /// Needs the feature `hazmat`.
    #[must_use]
    pub fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        Self::derived(flags, key, side)
    }
}

impl DatagramSession {
    /// Makes a session from the results of a handshake by another implementation. After a handshake
    /// by this crate, call
    /// [`SessionKeys::into_datagram_session`](super::SessionKeys::into_datagram_session).
    ///
    /// Use a key for one session only, because two sessions would encrypt with the same key stream.
    /// Needs the feature `hazmat`.
    #[must_use]
    pub fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        Self::derived(flags, key, side)
    }
}

impl Sender {
    /// Makes a sending half from its keys, with a fresh key stream. `sequence` is the number of its
    /// next message.
    ///
    /// `signing_key` is `None` without extended session security. Use a sealing key for one
    /// direction of one session only. Needs the feature `hazmat`.
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
    /// Makes a receiving half from the keys with which the peer sends: see [`Sender::with_keys`].
    /// Needs the feature `hazmat`.
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
