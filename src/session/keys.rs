//! The keys that a handshake results in, from which sessions are made.

use super::mech_list_mics::MechListMics;
use super::{DatagramSession, Protection, Session};
use crate::crypto::{ExportedSessionKey, Side};
use crate::error::{Error, Misuse};
use crate::wire::NegotiateFlags;
#[cfg(feature = "spnego")]
use crate::wire::Signature;

/// What a handshake results in: the key that both sides share, and what was negotiated.
#[derive(Debug)]
pub struct SessionKeys {
    pub(super) flags: NegotiateFlags,
    pub(super) key: ExportedSessionKey,
    pub(super) side: Side,
    pub(super) secrecy: Secrecy,
    pub(super) mics: MechListMics,
}

/// Who knows the key, and whether it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Everyone knows it, so that it makes no session: anonymous clients and guests.
    Unusable,
    /// Only the client and the server know it.
    Secret,
    /// Everyone knows it, because it follows from a key of zeros ([MS-NLMP] 3.2.5.1.2). The policy
    /// allows an anonymous client to use it all the same.
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

    /// Copies the keys, so that the original can be dropped, and therefore wiped, in place: a move
    /// would leave an unwiped copy.
    #[cfg(any(feature = "http", feature = "spnego"))]
    pub(crate) fn copy(&self) -> Self {
        Self { key: self.key.clone(), ..*self }
    }

    /// Takes the keys out, and leaves keys of zeros of which no session can be made.
    #[cfg(any(feature = "http", feature = "spnego"))]
    pub(crate) fn take(&mut self) -> Self {
        let taken = self.copy();
        // The assignment wipes the key that was there.
        self.key = ExportedSessionKey::from([0; 16]);
        self.secrecy = Secrecy::Unusable;
        taken
    }

    /// Makes the session of a connection-oriented handshake. It can do what
    /// [`protection`](Self::protection) returns, which may be nothing.
    ///
    /// # Errors
    /// [`Misuse::WrongMode`] if the handshake was connectionless, [`Misuse::NoSessionSecurity`] if
    /// the client is anonymous or a guest.
    pub fn into_session(self) -> Result<Session, Error> {
        self.check_mode(NegotiateFlags::empty())?;
        Ok(Session::derived(self.flags, &self.key, self.side).after(self.mics))
    }

    /// Makes the session of a connectionless handshake.
    ///
    /// # Errors
    /// [`Misuse::WrongMode`] if the handshake was connection-oriented,
    /// [`Misuse::NoSessionSecurity`] if the client is anonymous or a guest.
    pub fn into_datagram_session(self) -> Result<DatagramSession, Error> {
        self.check_mode(NegotiateFlags::NEGOTIATE_DATAGRAM)?;
        Ok(DatagramSession::derived(self.flags, &self.key, self.side))
    }

    /// Returns the negotiated flags.
    #[must_use]
    pub const fn flags(&self) -> NegotiateFlags {
        self.flags
    }

    /// Returns what a session of these keys can do.
    #[must_use]
    pub fn protection(&self) -> Protection {
        let is_datagram = self.flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM);
        match (self.secrecy, is_datagram) {
            (Secrecy::Unusable, _) => Protection::None,
            (_, false) => Protection::from_flags(self.flags),
            (_, true) => Protection::from_datagram_flags(self.flags),
        }
    }

    /// Returns whether everyone knows the key, because the client is anonymous or a guest. A session
    /// can be made of it only if the policy's `allow_insecure_anonymous_keys` is set, and then
    /// protects nothing.
    #[must_use]
    pub fn is_known_to_everyone(&self) -> bool {
        self.secrecy != Secrecy::Secret
    }

    /// Returns `ExportedSessionKey`: 16 secret bytes, for protocols that protect messages
    /// themselves. For anonymous clients and guests it is no secret.
    #[must_use]
    #[doc(alias("session key", "SECPKG_ATTR_SESSION_KEY"))]
    pub const fn exported_session_key(&self) -> &ExportedSessionKey {
        &self.key
    }

    /// Returns whether a `mechListMIC` can be made: signing with extended session security was
    /// negotiated, and the key is a secret.
    #[cfg(feature = "spnego")]
    pub(crate) fn can_sign_mech_types(&self) -> bool {
        let is_extended = self.flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        let is_secret = self.secrecy == Secrecy::Secret;
        is_extended && is_secret && self.protection() != Protection::None
    }

    /// Makes this side's `mechListMIC`. The session that is made later starts after it.
    #[cfg(feature = "spnego")]
    #[expect(clippy::expect_used, reason = "`can_sign_mech_types` comes first")]
    pub(crate) fn sign_mech_types(&mut self, mech_types: &[u8]) -> Signature {
        self.mics.sent = true;
        let mut session = Session::derived(self.flags, &self.key, self.side);
        session.mech_list_mic(mech_types).expect("the keys can sign")
    }

    /// Verifies the peer's `mechListMIC`. The session that is made later starts after it.
    #[cfg(feature = "spnego")]
    pub(crate) fn verify_mech_types(&mut self, mech_types: &[u8], mic: &Signature) -> bool {
        self.mics.received = true;
        let mut session = Session::derived(self.flags, &self.key, self.side);
        session.verify_mech_list_mic(mech_types, mic).is_ok()
    }

    /// Returns whether the peer's `mechListMIC` was verified, or supposed to have come.
    #[cfg(feature = "spnego")]
    pub(crate) const fn has_received_mech_list_mic(&self) -> bool {
        self.mics.received
    }

    /// Lets the session start as if the peer's `mechListMIC` had come, which the peer made and the
    /// carrier did not transport.
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
