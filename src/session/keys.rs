//! The session keys that a handshake results in.

use super::mech_list_mics::MechListMics;
use super::{DatagramSession, Protection, Session};
use crate::crypto::{ExportedSessionKey, Side};
use crate::error::{Error, Misuse};
use crate::wire::NegotiateFlags;
#[cfg(feature = "spnego")]
use crate::wire::Signature;

/// The session key that both sides share after a handshake, and the negotiated flags.
#[derive(Debug)]
pub struct SessionKeys {
    pub(super) flags: NegotiateFlags,
    pub(super) key: ExportedSessionKey,
    pub(super) side: Side,
    pub(super) secrecy: Secrecy,
    pub(super) mics: MechListMics,
}

/// Who knows the key, and whether a session may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// The client is anonymous or a guest, so everyone knows the key, and no session may use it.
    Unusable,
    /// Only the client and the server know it.
    Secret,
    /// The client is anonymous, so the key is derived from zeros ([MS-NLMP] 3.2.5.1.2) and everyone
    /// knows it, but the policy allows sessions to use it.
    KnownToEveryone,
}

impl SessionKeys {
    pub(crate) const fn new(
        flags: NegotiateFlags,
        key: ExportedSessionKey,
        side: Side,
        secrecy: Secrecy,
    ) -> Self {
        let mics = MechListMics { sent: false, received: false };
        Self { flags, key, side, secrecy, mics }
    }

    /// Copies the keys. The original is then dropped, and thereby wiped, in place; a move would
    /// leave an unwiped copy behind.
    #[cfg(any(feature = "http", feature = "spnego"))]
    pub(crate) fn copy(&self) -> Self {
        Self { key: self.key.clone(), ..*self }
    }

    /// Takes the keys out, and leaves unusable keys of zeros in their place.
    #[cfg(any(feature = "http", feature = "spnego"))]
    pub(crate) fn take(&mut self) -> Self {
        let taken = self.copy();
        // The assignment drops the old key, which wipes it.
        self.key = ExportedSessionKey::from([0; 16]);
        self.secrecy = Secrecy::Unusable;
        taken
    }

    /// Makes the session of a connection-oriented handshake. It protects messages as
    /// [`protection`](Self::protection) returns, possibly not at all.
    ///
    /// # Errors
    /// - [`Misuse::WrongMode`] if the handshake was connectionless.
    /// - [`Misuse::NoSessionSecurity`] if the client is anonymous or a guest.
    pub fn into_session(self) -> Result<Session, Error> {
        self.check_mode(NegotiateFlags::empty())?;
        Ok(Session::derived(self.flags, &self.key, self.side).after(self.mics))
    }

    /// Makes the session of a connectionless handshake.
    ///
    /// # Errors
    /// - [`Misuse::WrongMode`] if the handshake was connection-oriented.
    /// - [`Misuse::NoSessionSecurity`] if the client is anonymous or a guest.
    pub fn into_datagram_session(self) -> Result<DatagramSession, Error> {
        self.check_mode(NegotiateFlags::NEGOTIATE_DATAGRAM)?;
        Ok(DatagramSession::derived(self.flags, &self.key, self.side))
    }

    /// Returns the negotiated flags.
    #[must_use]
    pub const fn flags(&self) -> NegotiateFlags {
        self.flags
    }

    /// Returns how a session with these keys can protect messages.
    #[must_use]
    pub fn protection(&self) -> Protection {
        let is_datagram = self.flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM);
        match (self.secrecy, is_datagram) {
            (Secrecy::Unusable, _) => Protection::None,
            (_, false) => Protection::from_flags(self.flags),
            (_, true) => Protection::from_datagram_flags(self.flags),
        }
    }

    /// Returns whether everyone knows the key, because the client is anonymous or a guest.
    ///
    /// A session can use such a key only if the client is anonymous and the policy sets
    /// `allow_insecure_anonymous_keys`. It signs and seals, but anyone can read and forge its
    /// messages.
    #[must_use]
    pub fn is_known_to_everyone(&self) -> bool {
        self.secrecy != Secrecy::Secret
    }

    /// Returns the `ExportedSessionKey` (16 bytes), for protocols that protect messages themselves,
    /// such as SMB. It is secret unless [`is_known_to_everyone`](Self::is_known_to_everyone).
    #[must_use]
    #[doc(alias("session key", "SECPKG_ATTR_SESSION_KEY"))]
    pub const fn exported_session_key(&self) -> &ExportedSessionKey {
        &self.key
    }

    /// Returns whether these keys can make a `mechListMIC`: signing and extended session security
    /// were negotiated, and the key is secret.
    #[cfg(feature = "spnego")]
    pub(crate) fn can_sign_mech_types(&self) -> bool {
        let is_extended = self.flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        let is_secret = self.secrecy == Secrecy::Secret;
        is_extended && is_secret && self.protection() != Protection::None
    }

    /// Makes this side's `mechListMIC`. The session made later skips its sequence number.
    #[cfg(feature = "spnego")]
    #[expect(clippy::expect_used, reason = "callers check `can_sign_mech_types` first")]
    pub(crate) fn sign_mech_types(&mut self, mech_types: &[u8]) -> Signature {
        self.mics.sent = true;
        let mut session = Session::derived(self.flags, &self.key, self.side);
        session.mech_list_mic(mech_types).expect("the keys can sign")
    }

    /// Checks the peer's `mechListMIC`. The session made later skips its sequence number.
    #[cfg(feature = "spnego")]
    pub(crate) fn verify_mech_types(&mut self, mech_types: &[u8], mic: &Signature) -> bool {
        self.mics.received = true;
        let mut session = Session::derived(self.flags, &self.key, self.side);
        session.verify_mech_list_mic(mech_types, mic).is_ok()
    }

    /// Returns whether the session will skip the sequence number of a `mechListMIC` of the peer.
    #[cfg(feature = "spnego")]
    pub(crate) const fn has_received_mech_list_mic(&self) -> bool {
        self.mics.received
    }

    /// Makes the session skip the sequence number of the peer's `mechListMIC`, for a peer that made
    /// one which the application protocol does not transmit.
    #[cfg(feature = "spnego")]
    pub(crate) const fn suppose_mech_list_mic(&mut self) {
        self.mics.received = true;
    }

    fn check_mode(&self, mode: NegotiateFlags) -> Result<(), Error> {
        if self.flags & NegotiateFlags::NEGOTIATE_DATAGRAM != mode {
            return Err(Misuse::WrongMode.into());
        }
        if self.secrecy == Secrecy::Unusable {
            return Err(Misuse::NoSessionSecurity.into());
        }
        Ok(())
    }
}
