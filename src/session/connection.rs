//! Sessions of a connection: messages arrive in the order in which they were sent ([MS-NLMP] 3.4).

use alloc::vec::Vec;

use super::direction::Direction;
use super::mech_list_mics::MechListMics;
use super::{Part, Protection, Receiver, Sender};
use crate::crypto::{ExportedSessionKey, Side};
use crate::error::{Error, Misuse};
use crate::wire::{NegotiateFlags, Signature};

/// Protects the messages of one connection, in both directions.
///
/// It counts messages: they must be verified in the order in which they were protected. If a
/// signature does not match, [`unseal`](Self::unseal) wipes the message, and the session rejects
/// everything received afterwards, because RC4 cannot be rewound. A signature that is rejected
/// before the key stream is used (wrong version, wrong sequence number) does no harm: the message is
/// still encrypted, and the session continues.
///
/// Without extended session security, signatures do not protect sealed messages against changes:
/// the signature is a CRC32 encrypted with RC4, and both are linear. An attacker who flips bits of
/// the ciphertext can compute which bits of the signature to flip, without a key, and the changed
/// message verifies ([MS-NLMP] 3.4.4.1). There the sequence number is encrypted too, so a message
/// that is not the next one looks like a changed one.
///
/// It is not `Clone`: two copies would encrypt with the same key stream.
#[derive(Debug)]
pub struct Session {
    pub(super) channel: Channel,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all sessions are of the largest")]
pub(super) enum Channel {
    /// Extended session security: each direction has its keys and its counter.
    Duplex { sending: Direction, receiving: Direction },
    /// Without it, both directions share one RC4 state and one counter (3.4), so that the peers
    /// must take turns.
    Shared(Direction),
    /// ALWAYS_SIGN alone: signatures are dummies (3.4.4.3).
    Dummy,
    /// Nothing was negotiated.
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

    /// Takes the first number of each direction that a `mechListMIC` has used up. Nothing was signed
    /// without two directions.
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

    /// Returns what this session can do.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        match &self.channel {
            Channel::Duplex { sending: direction, .. } | Channel::Shared(direction) => {
                direction.protection
            }
            Channel::Dummy | Channel::Nothing => Protection::None,
        }
    }

    /// Returns the signature of a message that is sent in clear.
    ///
    /// If ALWAYS_SIGN but neither SIGN nor SEAL was negotiated, it is [`Signature::DUMMY`], for
    /// peers that require a signature there (3.4.4.3).
    ///
    /// # Errors
    /// [`Misuse::NotNegotiated`], or [`Integrity::Exhausted`] after 2^32 messages. Without extended
    /// session security also [`Integrity::Closed`], because both directions share a key stream.
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

    /// Checks the signature of a message that came in clear.
    ///
    /// # Errors
    /// [`Error::Integrity`] if it is not the next message or was changed. [`Misuse::NotNegotiated`]
    /// if neither SIGN nor SEAL was negotiated: a dummy signature proves nothing about the message.
    /// A caller that wants to accept it must compare it with [`Signature::DUMMY`].
    #[doc(alias("gss_verify_mic", "VerifySignature"))]
    pub fn verify(&mut self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        self.receiving()?.verify(message, signature)
    }

    /// Encrypts a message and puts its signature in front: 16 bytes, then the ciphertext. LDAP,
    /// other protocols with SASL, and CredSSP send it like that.
    ///
    /// It always seals. If the peers negotiated SIGN without SEAL, it fails: send the signature of
    /// [`sign`](Self::sign) and the message instead.
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
    /// The errors of [`sign`](Self::sign).
    #[doc(alias("gss_wrap", "EncryptMessage"))]
    pub fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.sending()?.wrap(message)
    }

    /// Takes what the peer's [`wrap`](Self::wrap) made, and returns the message.
    ///
    /// ```
    #[doc = include_str!("hidden_handshake.md")]
    /// let mut token = server.wrap(b"to the client")?;
    /// assert!(client.unwrap(&token[..15]).is_err()); // no place for a signature
    /// token[20] ^= 1;
    /// assert!(client.unwrap(&token).is_err()); // changed in transit
    /// # Ok::<(), ntlm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Wire`] with [`SignatureLength`](crate::wire::ErrorKind::SignatureLength) if the token
    /// has fewer than 16 bytes; the session continues then. [`Error::Integrity`] if it is not the
    /// next message or was changed. [`Misuse::NotNegotiated`]. No plain text is left in memory.
    #[doc(alias("gss_unwrap", "DecryptMessage"))]
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        self.receiving()?.unwrap(token)
    }

    /// Encrypts a message in place and returns its signature, which may travel anywhere.
    ///
    /// # Errors
    /// The errors of [`sign`](Self::sign). The message is unchanged then.
    pub fn seal(&mut self, message: &mut [u8]) -> Result<Signature, Error> {
        self.sending()?.seal(message)
    }

    /// Decrypts a message in place and checks its signature.
    ///
    /// # Errors
    /// [`Error::Integrity`]: if it is not the next message, it stays encrypted; if it was changed,
    /// it is wiped. [`Misuse::NotNegotiated`].
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
    /// The signature covers the clear and the sealed parts, in this order, with and without extended
    /// session security (3.4.6). Windows and pyspnego do the same. An empty sealed part counts as
    /// sealed.
    ///
    /// The caller chooses which parts are signed: a [`Part::Unsigned`] is not. DCE/RPC signs
    /// header and trailer only if extended session security was negotiated; without it they are
    /// unsigned, as in Samba, and the signature covers the stub data alone.
    ///
    /// # Errors
    /// The errors of [`sign`](Self::sign). The parts are unchanged then.
    #[doc(alias("gss_wrap_iov", "GSS_WrapEx"))]
    pub fn seal_parts(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        self.sending()?.seal_parts(parts)
    }

    /// Reverses [`seal_parts`](Self::seal_parts): decrypts the sealed parts in place and checks the
    /// signature.
    ///
    /// # Errors
    /// The errors of [`unseal`](Self::unseal).
    #[doc(alias("gss_unwrap_iov", "GSS_UnwrapEx"))]
    pub fn unseal_parts(
        &mut self,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.receiving()?.unseal_parts(parts, signature)
    }

    /// Returns the `mechListMIC` of SPNEGO (RFC 4178): signs the list of mechanisms, before all
    /// other messages. It takes the first sequence number, but not the key stream, which starts with
    /// the next message. gss-ntlmssp, Samba and Windows do so with extended session security.
    ///
    /// Without extended session security, Samba exchanges one as well, if the AUTHENTICATE has a
    /// MIC: the client's is what [`sign`](Self::sign) returns for the first message, the server's
    /// that for the second. For SMB, which needs no session besides, make a throw-away session from
    /// a copy of the key. Other protocols cannot continue, because Samba then restarts RC4 but not
    /// the sequence numbers, which this crate does not support.
    ///
    /// # Errors
    /// [`Misuse::NotNegotiated`], [`Misuse::NeedsExtendedSessionSecurity`], or
    /// [`Misuse::MechListMicTooLate`] if another message was protected before.
    #[doc(alias = "mechListMIC")]
    pub fn mech_list_mic(&mut self, mech_types: &[u8]) -> Result<Signature, Error> {
        self.duplex()?.0.mech_list_mic(mech_types)
    }

    /// Checks the peer's `mechListMIC`, before all its other messages.
    ///
    /// # Errors
    /// [`Error::Integrity`] if it does not match, and the errors of
    /// [`mech_list_mic`](Self::mech_list_mic).
    #[doc(alias = "mechListMIC")]
    pub fn verify_mech_list_mic(
        &mut self,
        mech_types: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.duplex()?.1.verify_mech_list_mic(mech_types, signature)
    }

    /// Splits the session into two halves that can be used apart, one for each direction.
    ///
    /// # Errors
    /// [`Misuse::NeedsExtendedSessionSecurity`]: without it, both directions share a key stream.
    /// [`Misuse::NotNegotiated`].
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

    /// Returns both directions, if each has its own keys.
    fn duplex(&mut self) -> Result<(&mut Direction, &mut Direction), Error> {
        let (sending, receiving) = self.directions()?;
        Ok((sending, receiving.ok_or(Misuse::NeedsExtendedSessionSecurity)?))
    }

    /// Returns the sending or shared direction, and the receiving one if it is another.
    fn directions(&mut self) -> Result<(&mut Direction, Option<&mut Direction>), Error> {
        match &mut self.channel {
            Channel::Duplex { sending, receiving } => Ok((sending, Some(receiving))),
            Channel::Shared(both) => Ok((both, None)),
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }
}
