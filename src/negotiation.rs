//! Negotiates the flags: what a client offers, what a server grants, and what both agree on
//! ([MS-NLMP] 2.2.2.5, 3.1.5.1, 3.2.5.1).

use crate::error::{Refused, Unexpected};
use crate::policy::{ResponseKind, STRENGTH};
use crate::session::Protection;
use crate::wire::NegotiateFlags as Flags;

/// The flags that a policy may offer or omit. All other flags follow from the handshake.
pub(crate) const OPTIONAL: Flags = Flags::NEGOTIATE_UNICODE
    .union(Flags::NEGOTIATE_OEM)
    .union(Flags::NEGOTIATE_LM_KEY)
    .union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    .union(Flags::NEGOTIATE_IDENTIFY)
    .union(Flags::REQUEST_NON_NT_SESSION_KEY)
    .union(STRENGTH)
    .union(Flags::NEGOTIATE_KEY_EXCH);

/// The flags that this crate sets in every message (3.1.5.1.1, 3.2.5.1.1).
const ALWAYS: Flags =
    Flags::REQUEST_TARGET.union(Flags::NEGOTIATE_NTLM).union(Flags::NEGOTIATE_ALWAYS_SIGN);

/// The flags of an AUTHENTICATE that report what was negotiated.
const NEGOTIABLE: Flags =
    OPTIONAL.union(Flags::PROTECTION).union(ALWAYS).union(Flags::NEGOTIATE_DATAGRAM);

const CHARACTER_SETS: Flags = Flags::NEGOTIATE_UNICODE.union(Flags::NEGOTIATE_OEM);

/// Whether the handshake is connection-oriented, or connectionless, so that the server speaks
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Connection,
    Datagram,
}

impl Mode {
    pub(crate) fn of(flags: Flags) -> Self {
        if flags.contains(Flags::NEGOTIATE_DATAGRAM) { Self::Datagram } else { Self::Connection }
    }

    /// DATAGRAM implies KEY_EXCH (2.2.2.5, F).
    const fn flags(self) -> Flags {
        match self {
            Self::Connection => Flags::empty(),
            Self::Datagram => Flags::NEGOTIATE_DATAGRAM.union(Flags::NEGOTIATE_KEY_EXCH),
        }
    }

    fn check(self, flags: Flags) -> Result<(), Unexpected> {
        if flags.contains(self.flags()) { Ok(()) } else { Err(Unexpected::NotConnectionless) }
    }
}

/// The flags that request signing or sealing. Sealing implies signing.
pub(crate) const fn of_protection(protection: Protection) -> Flags {
    match protection {
        Protection::None => Flags::empty(),
        Protection::Sign => Flags::NEGOTIATE_SIGN,
        Protection::Seal => Flags::PROTECTION,
    }
}

/// The flags that a client asks for: sent in the NEGOTIATE or, in a connectionless handshake,
/// selected from the server's offer.
pub(crate) fn offer(offer: Flags, protection: Protection, mode: Mode) -> Flags {
    let mut flags = ALWAYS | (offer & OPTIONAL) | of_protection(protection);
    if protection == Protection::None {
        // Without protection no key is used. So do not offer KEY_EXCH, because peers then disagree
        // about the field: gss-ntlmssp 1.2.0 and Samba 4.17.12 send a key, pyspnego 0.12.4 sends
        // one byte.
        flags -= Flags::NEGOTIATE_KEY_EXCH;
    }
    flags | mode.flags()
}

/// The flags of the CHALLENGE that answers a NEGOTIATE (3.2.5.1.1).
pub(crate) fn grant(offer: Flags, negotiate: Flags) -> Result<Flags, Unexpected> {
    let flags = negotiate & ((offer & OPTIONAL) | Flags::PROTECTION);
    Ok(ALWAYS | narrow(flags)?)
}

/// The flags of a connectionless CHALLENGE (3.2.5.2.1).
pub(crate) fn offer_datagram(offer: Flags) -> Result<Flags, Unexpected> {
    let flags = (offer & OPTIONAL) | Flags::PROTECTION;
    Ok(ALWAYS | Mode::Datagram.flags() | narrow(flags)?)
}

/// The flags that a client uses after the CHALLENGE (3.1.5.1.2): never one that it did not ask for.
pub(crate) fn agree_client(
    asked: Flags,
    challenge: Flags,
    mode: Mode,
) -> Result<Flags, Unexpected> {
    let flags = narrow(asked & challenge)?;
    mode.check(flags)?;
    Ok(flags)
}

/// The flags that a server uses after the AUTHENTICATE: never one that its CHALLENGE does not
/// contain.
///
/// 2.2.1.3 says that the AUTHENTICATE contains the negotiated flags. Peers add some that were not
/// granted: impacket 0.13.1 adds 56, Samba 4.17.12 and WinPR 2.11.7 add extended session security.
/// Samba and Heimdal 7.8 drop 56. So only the flags that both messages contain count.
pub(crate) fn agree_server(
    challenge: Flags,
    authenticate: Option<Flags>,
) -> Result<Flags, Unexpected> {
    let authenticate = flags_that_hold(challenge, authenticate);
    let (granted, chosen) = (challenge & CHARACTER_SETS, authenticate & CHARACTER_SETS);
    if chosen.is_empty() {
        return Err(Unexpected::CharacterSet);
    }
    // wget 1.21.3 sets the other character set in its AUTHENTICATE. So the CHALLENGE decides,
    // unless it granted both.
    let character_set = if granted == CHARACTER_SETS { chosen } else { granted };
    let flags = narrow(((challenge & authenticate) - CHARACTER_SETS) | character_set)?;
    Mode::of(challenge).check(flags)?;
    Ok(flags)
}

/// The flags that an AUTHENTICATE stands for: its own, or those of the CHALLENGE if it has none.
///
/// 2.2.1.3 says that the AUTHENTICATE contains the negotiated flags. Jakarta Mail 1.6.5 sends zero,
/// and the oldest clients have no flags field. Like Samba, we then use the flags of the CHALLENGE.
pub(crate) fn flags_that_hold(challenge: Flags, authenticate: Option<Flags>) -> Flags {
    let says_something = |flags: &Flags| flags.intersects(NEGOTIABLE);
    authenticate.filter(says_something).unwrap_or(challenge)
}

/// The flags that determine the session keys: without protection, the flags for the strength of
/// keys have no effect and are dropped.
pub(crate) fn in_use(flags: Flags) -> Flags {
    if flags.intersects(Flags::PROTECTION) { flags } else { flags - STRENGTH }
}

/// Whether the key exchange key (`KXKEY`, 3.4.5.1) is the same for each challenge, so that all
/// sessions of a user start from the same key. This is so for NTLMv1 and LM without extended
/// session security and LM_KEY.
pub(crate) fn has_constant_key_exchange_key(flags: Flags, kind: ResponseKind) -> bool {
    let is_legacy = matches!(kind, ResponseKind::Ntlmv1 | ResponseKind::Lm);
    let depends = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY | Flags::NEGOTIATE_LM_KEY;
    is_legacy && !flags.intersects(depends)
}

/// Fails if required flags are missing, because the peer does not support them or a man in the
/// middle cleared them (CVE-2016-2110). `when_protected` is required only if SIGN or SEAL is set.
pub(crate) fn demand(flags: Flags, always: Flags, when_protected: Flags) -> Result<(), Refused> {
    let protected = flags.intersects(Flags::PROTECTION);
    let demanded = if protected { always | when_protected } else { always };
    // The remaining flags are not policy decisions, so a policy cannot require them.
    let missing = (demanded & (OPTIONAL | Flags::PROTECTION)) - flags;
    if missing.is_empty() { Ok(()) } else { Err(Refused::MissingFlags(missing)) }
}

/// Drops OEM beside UNICODE and LM_KEY beside extended session security, which exclude each other.
/// WinPR 2.11.7 grants both character sets. Fails if there is no character set.
fn narrow(mut flags: Flags) -> Result<Flags, Unexpected> {
    if flags.contains(Flags::NEGOTIATE_UNICODE) {
        flags -= Flags::NEGOTIATE_OEM;
    } else if !flags.contains(Flags::NEGOTIATE_OEM) {
        return Err(Unexpected::CharacterSet);
    }
    if flags.contains(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY) {
        flags -= Flags::NEGOTIATE_LM_KEY;
    }
    Ok(flags)
}
