//! Connection-oriented sessions: messages arrive in the order in which they were sent ([MS-NLMP]
//! 3.4).

use alloc::vec::Vec;

use super::direction::Direction;
use super::mech_list_mics::MechListMics;
use super::{Part, Protection, Receiver, Sender};
use crate::crypto::{ExportedSessionKey, Side};
use crate::error::{Error, Misuse};
use crate::wire::{NegotiateFlags, Signature};

/// Protects the messages of one connection, in both directions.
///
/// A session numbers its messages, so the receiver must check them in the order in which the sender
/// protected them. What happens to a message that fails the check depends on the cause:
///
/// - A wrong version or sequence number is rejected before the key stream is used. The message
///   stays encrypted, and the session continues.
/// - If the signature does not match, [`unseal`](Self::unseal) wipes the message, and the session
///   rejects everything received afterwards, because RC4 cannot be rewound.
///
/// Without extended session security, signatures do not protect sealed messages against changes.
/// The signature is a CRC32 encrypted with RC4 (\[MS-NLMP\] 3.4.4.1), and both are linear: an
/// attacker who flips bits of the ciphertext can compute, without the key, which bits of the
/// signature to flip, and the changed message passes the check. The sequence number is encrypted
/// too, so a message out of order looks the same as a changed one.
///
/// A session is not `Clone`, because two copies would encrypt with the same key stream.
#[derive(Debug)]
pub struct Session {
    pub(super) channel: Channel,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all sessions are `Duplex`, the largest")]
pub(super) enum Channel {
    /// With extended session security, each direction has keys and a counter of its own.
    Duplex { sending: Direction, receiving: Direction },
    /// Without it, both directions share one RC4 state and one counter (3.4), so the peers must
    /// take turns.
    Shared(Direction),
    /// ALWAYS_SIGN was negotiated, but neither SIGN nor SEAL: signatures are dummies (3.4.4.3).
    Dummy,
    /// None of the three was negotiated.
    Nothing,
}

impl Session {
    pub(super) fn derived(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        let sent_by = |side| Direction::derived(flags, key, side);
        let is_extended = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        let channel = match Protection::from_flags(flags) {
            Protection::None if flags.contains(NegotiateFlags::NEGOTIATE_ALWAYS_SIGN) => {
                Channel::Dummy
            }
            Protection::None => Channel::Nothing,
            _ if is_extended => {
                Channel::Duplex { sending: sent_by(side), receiving: sent_by(side.peer()) }
            }
            _ => Channel::Shared(sent_by(side)),
        };
        Self { channel }
    }

    /// Skips the first sequence number of each direction in which a `mechListMIC` was made. These
    /// exist only with extended session security.
    pub(super) fn after(mut self, mics: MechListMics) -> Self {
        if let Channel::Duplex { sending, receiving } = &mut self.channel {
            if mics.sent {
                sending.skip_first();
            }
            if mics.received {
                receiving.skip_first();
            }
        }
        self
    }

    /// Returns how this session can protect messages.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        match &self.channel {
            Channel::Duplex { sending: direction, .. } | Channel::Shared(direction) => {
                direction.protection
            }
            Channel::Dummy | Channel::Nothing => Protection::None,
        }
    }

    /// Signs a message that is sent in clear, and returns the signature.
    ///
    /// If ALWAYS_SIGN was negotiated, but neither SIGN nor SEAL, the signature is
    /// [`Signature::DUMMY`], for peers that require one (\[MS-NLMP\] 3.4.4.3).
    ///
    /// # Errors
    /// - [`Misuse::NotNegotiated`] if none of SIGN, SEAL and ALWAYS_SIGN was negotiated.
    /// - [`Integrity::Exhausted`] after 2^32 messages.
    /// - [`Integrity::Closed`] if a received message did not match its signature; only without
    ///   extended session security, where both directions share a key stream.
    ///
    /// [`Integrity::Exhausted`]: crate::error::Integrity::Exhausted
    /// [`Integrity::Closed`]: crate::error::Integrity::Closed
    #[doc(alias("gss_get_mic", "MakeSignature"))]
    pub fn sign(&mut self, message: &[u8]) -> Result<Signature, Error> {
        match self.channel {
            Channel::Dummy => Ok(Signature::DUMMY),
            _ => self.sending()?.sign(message),
        }
    }

    /// Checks the signature of a message that was received in clear.
    ///
    /// # Errors
    /// - [`Error::Integrity`] if this is not the next message, or it was changed.
    /// - [`Misuse::NotNegotiated`] if neither SIGN nor SEAL was negotiated, because a dummy
    ///   signature proves nothing about the message. To accept one nevertheless, compare it with
    ///   [`Signature::DUMMY`].
    #[doc(alias("gss_verify_mic", "VerifySignature"))]
    pub fn verify(&mut self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.receiving()?.verify(message, signature)
    }

    /// Encrypts a message, and returns the signature (16 bytes) followed by the ciphertext. LDAP,
    /// other protocols with SASL, and CredSSP send messages in this form.
    ///
    /// This always seals. If the peers negotiated SIGN without SEAL, send the signature of
    /// [`sign`](Self::sign) and the message in clear instead.
    ///
    /// ```
    #[doc = include_str!("hidden_handshake.md")]
    /// let token = client.wrap(b"to the server")?;
    /// assert_eq!(token.len(), 16 + 13);
    /// assert_eq!(server.unwrap(&token)?, b"to the server");
    /// # Ok::<(), ntlm::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`Misuse::NotNegotiated`] if SEAL was not negotiated.
    /// - [`Error::Integrity`] as [`sign`](Self::sign) returns it.
    #[doc(alias("gss_wrap", "EncryptMessage"))]
    pub fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.sending()?.wrap(message)
    }

    /// Decrypts a token of the peer's [`wrap`](Self::wrap), checks its signature, and returns the
    /// message.
    ///
    /// ```
    #[doc = include_str!("hidden_handshake.md")]
    /// let mut token = server.wrap(b"to the client")?;
    /// assert!(client.unwrap(&token[..15]).is_err()); // shorter than a signature
    /// token[20] ^= 1;
    /// assert!(client.unwrap(&token).is_err()); // changed in transit
    /// # Ok::<(), ntlm::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`Error::Wire`] with [`SignatureLength`](crate::wire::ErrorKind::SignatureLength) if the
    ///   token has fewer than 16 bytes; the session continues then.
    /// - [`Error::Integrity`] if this is not the next message, or it was changed. The decrypted
    ///   copy is wiped.
    /// - [`Misuse::NotNegotiated`] if SEAL was not negotiated.
    #[doc(alias("gss_unwrap", "DecryptMessage"))]
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        self.receiving()?.unwrap(token)
    }

    /// Encrypts a message in place, and returns its signature.
    ///
    /// # Errors
    /// The errors of [`wrap`](Self::wrap). On error, the message is unchanged.
    pub fn seal(&mut self, message: &mut [u8]) -> Result<Signature, Error> {
        self.sending()?.seal(message)
    }

    /// Decrypts a message in place and checks its signature.
    ///
    /// # Errors
    /// - [`Error::Integrity`] if this is not the next message, which then stays encrypted, or if it
    ///   was changed, in which case it is wiped.
    /// - [`Misuse::NotNegotiated`] if SEAL was not negotiated.
    pub fn unseal(&mut self, message: &mut [u8], signature: &Signature) -> Result<(), Error> {
        self.receiving()?.unseal(message, signature)
    }

    /// Protects a message of several parts with one signature.
    ///
    /// ```
    /// # use ntlm::session::{Part, Session};
    /// # use ntlm::{Error, wire::Signature};
    /// # fn rpc(session: &mut Session, header: &[u8], stub: &mut [u8], trailer: &[u8])
    /// # -> Result<Signature, Error> {
    /// // DCE/RPC packet privacy: all three are signed, and the stub data is encrypted.
    /// session.seal_parts(&mut [Part::Clear(header), Part::Sealed(stub), Part::Clear(trailer)])
    /// # }
    /// ```
    ///
    /// The signature covers the clear and the sealed parts in the order given, with and without
    /// extended session security (\[MS-NLMP\] 3.4.6). It does not cover [`Part::Unsigned`]. Use
    /// that for the header and the trailer of DCE/RPC if extended session security was not
    /// negotiated: as in Samba, the signature covers only the stub data then.
    ///
    /// # Errors
    /// The errors of [`wrap`](Self::wrap), but SEAL is needed only if there is a sealed part (an
    /// empty one counts). On error, the parts are unchanged.
    #[doc(alias("gss_wrap_iov", "GSS_WrapEx"))]
    pub fn seal_parts(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        self.sending()?.seal_parts(parts)
    }

    /// Decrypts the sealed parts in place, and checks the signature that
    /// [`seal_parts`](Self::seal_parts) returned to the peer.
    ///
    /// # Errors
    /// The errors of [`unseal`](Self::unseal), but SEAL is needed only if there is a sealed part.
    #[doc(alias("gss_unwrap_iov", "GSS_UnwrapEx"))]
    pub fn unseal_parts(
        &mut self,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.receiving()?.unseal_parts(parts, signature)
    }

    /// Signs SPNEGO's list of mechanisms, and returns this side's `mechListMIC` (RFC 4178, section
    /// 5).
    ///
    /// Call it before all methods that protect messages. The `mechListMIC` uses up the first
    /// sequence number, but no key stream: the first message is encrypted with the start of the key
    /// stream. gss-ntlmssp, Samba and Windows do the same with extended session security.
    ///
    /// This needs extended session security. Without it, Samba exchanges `mechListMIC`s if the
    /// AUTHENTICATE contains a MIC (message integrity code). They are ordinary signatures of the
    /// list: the client's has the sequence number 0, the server's has 1. For SMB, which needs no
    /// other session, use [`sign`](Self::sign) and [`verify`](Self::verify) of a session from a
    /// copy of the key, and drop that session afterwards. Other protocols cannot continue, because
    /// Samba then restarts RC4 but not the sequence numbers, which this crate does not support.
    ///
    /// # Errors
    /// - [`Misuse::NotNegotiated`] if neither SIGN nor SEAL was negotiated.
    /// - [`Misuse::NeedsExtendedSessionSecurity`] if that was not negotiated.
    /// - [`Misuse::MechListMicTooLate`] if this session has sent a message.
    #[doc(alias = "mechListMIC")]
    pub fn mech_list_mic(&mut self, mech_types: &[u8]) -> Result<Signature, Error> {
        self.duplex()?.0.mech_list_mic(mech_types)
    }

    /// Checks the peer's `mechListMIC`, before all its other messages.
    ///
    /// # Errors
    /// [`Error::Integrity`] if it does not match. [`Misuse`] as
    /// [`mech_list_mic`](Self::mech_list_mic) returns it, with [`Misuse::MechListMicTooLate`] if
    /// this session has received a message.
    #[doc(alias = "mechListMIC")]
    pub fn verify_mech_list_mic(
        &mut self,
        mech_types: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.duplex()?.1.verify_mech_list_mic(mech_types, signature)
    }

    /// Splits the session into a sending and a receiving half, for example for two threads.
    ///
    /// # Errors
    /// - [`Misuse::NeedsExtendedSessionSecurity`] if that was not negotiated, because both
    ///   directions share a key stream then.
    /// - [`Misuse::NotNegotiated`] if neither SIGN nor SEAL was negotiated.
    pub fn split(self) -> Result<(Sender, Receiver), Error> {
        match self.channel {
            Channel::Duplex { sending, receiving } => Ok((Sender(sending), Receiver(receiving))),
            Channel::Shared(_) => Err(Misuse::NeedsExtendedSessionSecurity.into()),
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }

    fn sending(&mut self) -> Result<&mut Direction, Error> {
        self.directions().map(|(sending, _)| sending)
    }

    fn receiving(&mut self) -> Result<&mut Direction, Error> {
        self.directions().map(|(shared, receiving)| receiving.unwrap_or(shared))
    }

    /// Returns the sending and the receiving direction, if each has keys of its own.
    fn duplex(&mut self) -> Result<(&mut Direction, &mut Direction), Error> {
        let (sending, receiving) = self.directions()?;
        Ok((sending, receiving.ok_or(Misuse::NeedsExtendedSessionSecurity)?))
    }

    /// Returns the sending and the receiving direction. If both share one, the second is `None`.
    fn directions(&mut self) -> Result<(&mut Direction, Option<&mut Direction>), Error> {
        match &mut self.channel {
            Channel::Duplex { sending, receiving } => Ok((sending, Some(receiving))),
            Channel::Shared(both) => Ok((both, None)),
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }
}
