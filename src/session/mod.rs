//! Signing and sealing messages once the peers share a key ([MS-NLMP] 3.4).
//!
//! A session comes from [`SessionKeys`], which the client has after
//! [`respond`](crate::client::AwaitChallenge::answer) and the server after it accepted. What it
//! can do was settled before the exchange began: ask with
//! [`Client::with_protection`](crate::Client::with_protection).
//!
//! Messages are protected in place and their signatures are detached: how both travel is the
//! application protocol's business. Where it has the signature in front, as in LDAP:
//!
//! ```
//! use ntlm::session::{Session, Signature};
//! use ntlm::Error;
//!
//! fn send(session: &mut Session, message: &[u8]) -> Result<Vec<u8>, Error> {
//!     let mut frame = [&[0; 16], message].concat();
//!     let signature = session.seal(&mut frame[16..])?;
//!     frame[..16].copy_from_slice(signature.as_bytes());
//!     Ok(frame)
//! }
//!
//! fn receive<'a>(session: &mut Session, frame: &'a mut [u8]) -> Result<&'a [u8], Error> {
//!     let (signature, message) = frame.split_at_mut(frame.len().min(16));
//!     session.unseal(message, &Signature::try_from(&*signature)?)?;
//!     Ok(message)
//! }
//! # use ntlm::crypto::{ExportedSessionKey, Side};
//! # let flags = ntlm::wire::NegotiateFlags::from_bits_retain(0xe208_8235);
//! # let session = |side| Session::new(flags, &ExportedSessionKey::from([7; 16]), side);
//! # let mut frame = send(&mut session(Side::Client), b"message")?;
//! # assert_eq!(receive(&mut session(Side::Server), &mut frame)?, b"message");
//! # assert!(receive(&mut session(Side::Server), &mut [1; 9]).is_err());
//! # Ok::<(), Error>(())
//! ```
//!
//! | application protocol | what to call |
//! |---|---|
//! | LDAP, GSSAPI `wrap` | [`Session::seal`], [`Session::unseal`]: signature, then ciphertext |
//! | GSSAPI `get_mic` | [`Session::sign`], [`Session::verify`] |
//! | DCE/RPC, WinRM with headers | [`Session::seal_parts`], [`Session::unseal_parts`] |
//! | SPNEGO | [`Session::mech_list_mic`] before all else |
//! | CredSSP | [`Session::seal`] for `pubKeyAuth` and `authInfo`, signature first; the client must ask for [`Protection::Seal`] |
//! | SMB | [`SessionKeys::exported_session_key`]: SMB protects its messages itself (for SPNEGO around it, copy the key before [`SessionKeys::into_session`]) |
//! | datagrams | [`DatagramSession`], which takes the application's sequence numbers |
//!
//! Where SIGN alone was negotiated, `wrap` means different things: in Samba the signature and the
//! message in clear ([`Session::sign`]), but over LDAP it seals, and gss-ntlmssp and pyspnego seal
//! everywhere. A session for that is made by [`Session::new`] with `NEGOTIATE_SEAL` added to
//! [`SessionKeys::flags`]. Messages of no bytes are protected like others, but gss-ntlmssp refuses
//! them.

mod cipher;
mod datagram;
mod direction;
mod part;

pub use datagram::DatagramSession;
pub use direction::{Receiver, Sender};
pub use part::Part;

pub use crate::wire::Signature;

use cipher::Cipher;

use crate::crypto::{ExportedSessionKey, Side};
use crate::error::{Error, Misuse};
use crate::export::{Decoder, Encoder, Exported, ImportError, Kind};
use crate::wire::NegotiateFlags;

/// How messages are to be protected after the exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Not at all, as in HTTP.
    #[default]
    None,
    /// Signed: changed, replayed and reordered messages are rejected, if extended session security
    /// is negotiated; see [`Session`] for what holds without it.
    Sign,
    /// Signed and sealed: messages are encrypted as well.
    Seal,
}

impl Protection {
    /// What these negotiated flags provide.
    #[must_use]
    pub const fn from_flags(flags: NegotiateFlags) -> Self {
        if flags.contains(NegotiateFlags::NEGOTIATE_SEAL) {
            Self::Seal
        } else if flags.contains(NegotiateFlags::NEGOTIATE_SIGN) {
            Self::Sign
        } else {
            Self::None
        }
    }

    /// What they provide for connectionless messages, which are sealed with extended session security
    /// only (3.4.3).
    fn from_datagram_flags(flags: NegotiateFlags) -> Self {
        let has_keys = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        Self::from_flags(flags).min(if has_keys { Self::Seal } else { Self::Sign })
    }

    /// Fails unless what is asked for is within this.
    fn allows(self, asked: Self) -> Result<(), Error> {
        if asked <= self { Ok(()) } else { Err(Misuse::NotNegotiated.into()) }
    }
}

/// What an exchange yields: the key that both sides share and what it is for.
#[derive(Debug)]
pub struct SessionKeys {
    flags: NegotiateFlags,
    key: ExportedSessionKey,
    side: Side,
    secrecy: Secrecy,
}

/// Who knows the key, and whether it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// The client and the server alone.
    Secret,
    /// Everyone, since it follows from a key of zeros ([MS-NLMP] 3.2.5.1.2). The policy allows an
    /// anonymous client to use it all the same.
    KnownToEveryone,
    /// Everyone, so that it makes no session: anonymous clients and guests.
    Unusable,
}

impl Secrecy {
    const fn number(self) -> u8 {
        match self {
            Self::Unusable => 0,
            Self::Secret => 1,
            Self::KnownToEveryone => 2,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Unusable),
            1 => Some(Self::Secret),
            2 => Some(Self::KnownToEveryone),
            _ => None,
        }
    }
}

impl SessionKeys {
    pub(crate) const fn new(
        flags: NegotiateFlags,
        key: ExportedSessionKey,
        side: Side,
        secrecy: Secrecy,
    ) -> Self {
        Self { flags, key, side, secrecy }
    }

    /// Another copy, for who then drops this one where it is: what is moved away is not wiped.
    #[cfg(feature = "http")]
    pub(crate) fn copy(&self) -> Self {
        Self { key: self.key.clone(), ..*self }
    }

    /// What was negotiated.
    #[must_use]
    pub const fn flags(&self) -> NegotiateFlags {
        self.flags
    }

    /// What a session of these keys can do.
    #[must_use]
    pub fn protection(&self) -> Protection {
        let is_datagram = self.flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM);
        match (self.secrecy, is_datagram) {
            (Secrecy::Unusable, _) => Protection::None,
            (_, false) => Protection::from_flags(self.flags),
            (_, true) => Protection::from_datagram_flags(self.flags),
        }
    }

    /// Whether everyone knows the key, because the client is anonymous or a guest. Sessions can be
    /// made of it only if the policy's `allow_insecure_anonymous_keys` is set, and then protect
    /// nothing.
    #[must_use]
    pub fn is_known_to_everyone(&self) -> bool {
        self.secrecy != Secrecy::Secret
    }

    /// `ExportedSessionKey`: 16 secret bytes, for protocols that protect messages themselves.
    /// Of anonymous clients and guests it is no secret.
    #[must_use]
    #[doc(alias("session key", "SECPKG_ATTR_SESSION_KEY"))]
    pub const fn exported_session_key(&self) -> &ExportedSessionKey {
        &self.key
    }

    /// The keys as bytes, for another process, which makes the session. Secret: see [`Exported`].
    #[must_use]
    pub fn export(self) -> Exported {
        let mut out = Encoder::new(Kind::SessionKeys, 22);
        out.u32(self.flags.bits());
        out.bytes(self.key.expose());
        out.byte(self.side.number());
        out.byte(self.secrecy.number());
        out.finish()
    }

    /// The keys that [`export`](Self::export) gave away. Import them once, and only from whom you
    /// trust as much as yourself.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn import(exported: &[u8]) -> Result<Self, ImportError> {
        let mut from = Decoder::new(Kind::SessionKeys, exported)?;
        let keys = Self {
            flags: NegotiateFlags::from_bits_retain(from.u32()?),
            key: ExportedSessionKey::from(from.array()?),
            side: Side::from_number(from.byte()?).ok_or(ImportError::Damaged)?,
            secrecy: Secrecy::from_number(from.byte()?).ok_or(ImportError::Damaged)?,
        };
        from.finish().map(|()| keys)
    }

    /// The session of a connection-oriented exchange. It can do what
    /// [`protection`](Self::protection) says, which may be nothing.
    ///
    /// # Errors
    /// [`Misuse::WrongMode`] if the exchange was connectionless, [`Misuse::NoSessionSecurity`] if
    /// the client is anonymous or a guest.
    pub fn into_session(self) -> Result<Session, Error> {
        self.check_mode(NegotiateFlags::empty())?;
        Ok(Session::new(self.flags, &self.key, self.side))
    }

    /// The session of a connectionless exchange.
    ///
    /// # Errors
    /// [`Misuse::WrongMode`] if the exchange was connection-oriented,
    /// [`Misuse::NoSessionSecurity`] if the client is anonymous or a guest.
    pub fn into_datagram_session(self) -> Result<DatagramSession, Error> {
        self.check_mode(NegotiateFlags::NEGOTIATE_DATAGRAM)?;
        Ok(DatagramSession::new(self.flags, &self.key, self.side))
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
    protection: Protection,
    channel: Channel,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all sessions are of the largest")]
enum Channel {
    /// Extended session security: each direction has its keys and its counter.
    Duplex { sender: Sender, receiver: Receiver },
    /// Without it, both directions share one RC4 state and one counter (3.4), so that the peers
    /// must take turns.
    Shared(Cipher),
    /// ALWAYS_SIGN alone: signatures are dummies (3.4.4.3).
    Dummy,
    /// Nothing was negotiated.
    Nothing,
}

impl Session {
    /// The session that these flags and this key make, for a context that was established
    /// elsewhere. Otherwise it comes from [`SessionKeys::into_session`].
    ///
    /// A key must be used for one session only.
    #[must_use]
    pub fn new(flags: NegotiateFlags, key: &ExportedSessionKey, side: Side) -> Self {
        let protection = Protection::from_flags(flags);
        let channel = if protection == Protection::None {
            if flags.contains(NegotiateFlags::NEGOTIATE_ALWAYS_SIGN) {
                Channel::Dummy
            } else {
                Channel::Nothing
            }
        } else if flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY) {
            let sender = Sender::new(flags, key, side);
            Channel::Duplex { sender, receiver: Receiver::new(flags, key, side.peer()) }
        } else {
            Channel::Shared(Cipher::derived(flags, key, side))
        };
        Self { protection, channel }
    }

    /// What this session can do.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// The session as bytes, for another process, which goes on with it where this one stopped.
    /// Secret: see [`Exported`].
    ///
    /// ```
    /// # use ntlm::{Session, crypto::{ExportedSessionKey, Side}, wire::NegotiateFlags};
    /// # let flags = NegotiateFlags::from_bits_retain(0xe208_8235);
    /// # let session = |side| Session::new(flags, &ExportedSessionKey::from([7; 16]), side);
    /// # let (mut client, server) = (session(Side::Client), session(Side::Server));
    /// let handed_over = server.export(); // it is gone here
    /// let mut server = Session::import(handed_over.as_bytes())?;
    /// # let mut message = *b"message";
    /// let signature = client.seal(&mut message)?;
    /// server.unseal(&mut message, &signature)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn export(self) -> Exported {
        let mut out = Encoder::new(Kind::Session, 704);
        out.byte(self.protection as u8);
        match &self.channel {
            Channel::Nothing => out.byte(0),
            Channel::Dummy => out.byte(1),
            Channel::Shared(cipher) => {
                out.byte(2);
                cipher.export(&mut out);
            }
            Channel::Duplex { sender, receiver } => {
                out.byte(3);
                sender.export(&mut out);
                receiver.export(&mut out);
            }
        }
        out.finish()
    }

    /// The session that [`export`](Self::export) gave away. Import it once: two of them would
    /// encrypt with the same key stream. And only from whom you trust as much as yourself.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn import(exported: &[u8]) -> Result<Self, ImportError> {
        let mut from = Decoder::new(Kind::Session, exported)?;
        let protection = match from.byte()? {
            0 => Protection::None,
            1 => Protection::Sign,
            2 => Protection::Seal,
            _ => return Err(ImportError::Damaged),
        };
        let channel = match from.byte()? {
            0 => Channel::Nothing,
            1 => Channel::Dummy,
            2 => Channel::Shared(Cipher::import(&mut from)?),
            3 => Channel::Duplex {
                sender: Sender::import(protection, &mut from)?,
                receiver: Receiver::import(protection, &mut from)?,
            },
            _ => return Err(ImportError::Damaged),
        };
        let is_protected = matches!(channel, Channel::Shared(_) | Channel::Duplex { .. });
        if is_protected != (protection != Protection::None) {
            return Err(ImportError::Damaged);
        }
        from.finish().map(|()| Self { protection, channel })
    }

    /// The signature of a message that is sent in clear (`GSS_GetMIC`).
    ///
    /// If ALWAYS_SIGN but neither SIGN nor SEAL was negotiated, it is [`Signature::DUMMY`], for
    /// peers that want to see something there (3.4.4.3).
    ///
    /// # Errors
    /// [`Misuse::NotNegotiated`], or [`Integrity::Exhausted`] after 2^32 messages. Without extended
    /// session security also [`Integrity::Closed`], since both directions share a key stream.
    ///
    /// [`Integrity::Exhausted`]: crate::error::Integrity::Exhausted
    /// [`Integrity::Closed`]: crate::error::Integrity::Closed
    pub fn sign(&mut self, message: &[u8]) -> Result<Signature, Error> {
        match &mut self.channel {
            Channel::Duplex { sender, .. } => sender.sign(message),
            Channel::Shared(cipher) => cipher.seal(&mut [Part::Clear(message)]),
            Channel::Dummy => Ok(Signature::DUMMY),
            Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }

    /// Checks the signature of a message that came in clear (`GSS_VerifyMIC`).
    ///
    /// # Errors
    /// [`Error::Integrity`] if it is not the next message or was changed. [`Misuse::NotNegotiated`]
    /// if neither SIGN nor SEAL was: a dummy signature says nothing of the message, and whoever
    /// wants to accept it must compare it with [`Signature::DUMMY`].
    pub fn verify(&mut self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        match &mut self.channel {
            Channel::Duplex { receiver, .. } => receiver.verify(message, signature),
            Channel::Shared(cipher) => cipher.unseal(&mut [Part::Clear(message)], signature),
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }

    /// Encrypts a message in place and returns its signature (`GSS_Wrap`).
    ///
    /// # Errors
    /// As [`sign`](Self::sign); the message is unchanged then.
    pub fn seal(&mut self, message: &mut [u8]) -> Result<Signature, Error> {
        self.seal_parts(&mut [Part::Sealed(message)])
    }

    /// Decrypts a message in place and checks its signature (`GSS_Unwrap`).
    ///
    /// # Errors
    /// [`Error::Integrity`]: if it is not the next message, it stays as it is; if it was changed,
    /// it is wiped. [`Misuse::NotNegotiated`].
    pub fn unseal(&mut self, message: &mut [u8], signature: &Signature) -> Result<(), Error> {
        self.unseal_parts(&mut [Part::Sealed(message)], signature)
    }

    /// Protects a message of several parts with one signature (`GSS_WrapEx`).
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
    /// session security (3.4.6). Windows and pyspnego do the same.
    ///
    /// Which parts are signed is the caller's choice: a [`Part::Unsigned`] is not. DCE/RPC signs
    /// header and trailer only if extended session security was negotiated; without it they are
    /// unsigned, as in Samba, and the signature covers the stub data alone.
    ///
    /// # Errors
    /// As [`sign`](Self::sign); the parts are unchanged then.
    pub fn seal_parts(&mut self, parts: &mut [Part<'_>]) -> Result<Signature, Error> {
        match &mut self.channel {
            Channel::Duplex { sender, .. } => sender.seal_parts(parts),
            Channel::Shared(cipher) => {
                self.protection.allows(part::needed(parts))?;
                cipher.seal(parts)
            }
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }

    /// Takes back what [`seal_parts`](Self::seal_parts) did (`GSS_UnwrapEx`).
    ///
    /// # Errors
    /// As [`unseal`](Self::unseal).
    pub fn unseal_parts(
        &mut self,
        parts: &mut [Part<'_>],
        signature: &Signature,
    ) -> Result<(), Error> {
        match &mut self.channel {
            Channel::Duplex { receiver, .. } => receiver.unseal_parts(parts, signature),
            Channel::Shared(cipher) => {
                self.protection.allows(part::needed(parts))?;
                cipher.unseal(parts, signature)
            }
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }

    /// The `mechListMIC` of SPNEGO (RFC 4178): signs the list of mechanisms, before all other
    /// messages. It consumes the first sequence number, but not the key stream, which starts with
    /// the next message; gss-ntlmssp, Samba and Windows do so with extended session security.
    ///
    /// Without it, Samba has one too: its client sends it, and its server waits for it where the
    /// AUTHENTICATE has a MIC. The client's is what [`sign`](Self::sign) makes of a first message,
    /// the server's that of the second. For SMB, which needs no session besides, one of a copy of
    /// the key will do. Other protocols cannot go on: Samba begins the key stream again, but not
    /// the numbers, and no session here does so.
    ///
    /// # Errors
    /// [`Misuse::NotNegotiated`], [`Misuse::NeedsExtendedSessionSecurity`], or
    /// [`Misuse::MechListMicTooLate`] if another message was protected before.
    pub fn mech_list_mic(&mut self, mech_types: &[u8]) -> Result<Signature, Error> {
        self.duplex()?.0.mech_list_mic(mech_types)
    }

    /// Checks the peer's `mechListMIC`, before all its other messages.
    ///
    /// # Errors
    /// [`Error::Integrity`] if it does not match, and as [`mech_list_mic`](Self::mech_list_mic).
    pub fn verify_mech_list_mic(
        &mut self,
        mech_types: &[u8],
        signature: &Signature,
    ) -> Result<(), Error> {
        self.duplex()?.1.verify_mech_list_mic(mech_types, signature)
    }

    /// Two halves that can be used apart, one for each direction.
    ///
    /// # Errors
    /// [`Misuse::NeedsExtendedSessionSecurity`]: without it, both directions share a key stream.
    /// [`Misuse::NotNegotiated`].
    pub fn split(self) -> Result<(Sender, Receiver), Error> {
        match self.channel {
            Channel::Duplex { sender, receiver } => Ok((sender, receiver)),
            Channel::Shared(_) => Err(Misuse::NeedsExtendedSessionSecurity.into()),
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }

    fn duplex(&mut self) -> Result<(&mut Sender, &mut Receiver), Error> {
        match &mut self.channel {
            Channel::Duplex { sender, receiver } => Ok((sender, receiver)),
            Channel::Shared(_) => Err(Misuse::NeedsExtendedSessionSecurity.into()),
            Channel::Dummy | Channel::Nothing => Err(Misuse::NotNegotiated.into()),
        }
    }
}
