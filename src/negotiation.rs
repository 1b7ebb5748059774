//! Which flags a client offers, a server grants, and both agree on ([MS-NLMP] 2.2.2.5, 3.1.5.1,
//! 3.2.5.1).

use crate::error::{Refused, Unexpected};
use crate::policy::{ResponseKind, STRENGTH};
use crate::session::Protection;
use crate::wire::NegotiateFlags as Flags;

/// What a policy may offer or leave out. All other flags follow from the exchange.
pub(crate) const OPTIONAL: Flags = Flags::NEGOTIATE_UNICODE
    .union(Flags::NEGOTIATE_OEM)
    .union(Flags::NEGOTIATE_LM_KEY)
    .union(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    .union(Flags::NEGOTIATE_IDENTIFY)
    .union(Flags::REQUEST_NON_NT_SESSION_KEY)
    .union(STRENGTH)
    .union(Flags::NEGOTIATE_KEY_EXCH);

/// What all messages of ours say (3.1.5.1.1, 3.2.5.1.1).
const ALWAYS: Flags =
    Flags::REQUEST_TARGET.union(Flags::NEGOTIATE_NTLM).union(Flags::NEGOTIATE_ALWAYS_SIGN);

/// What an AUTHENTICATE can say of what was negotiated.
const NEGOTIABLE: Flags =
    OPTIONAL.union(Flags::PROTECTION).union(ALWAYS).union(Flags::NEGOTIATE_DATAGRAM);

const CHARACTER_SETS: Flags = Flags::NEGOTIATE_UNICODE.union(Flags::NEGOTIATE_OEM);

/// Whether the server spoke first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Connection,
    Datagram,
}

impl Mode {
    pub(crate) fn of(flags: Flags) -> Self {
        if flags.contains(Flags::NEGOTIATE_DATAGRAM) { Self::Datagram } else { Self::Connection }
    }

    /// DATAGRAM brings KEY_EXCH with it (2.2.2.5, F).
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

/// The flags that make messages signed or sealed. Who seals, signs.
pub(crate) const fn of_protection(protection: Protection) -> Flags {
    match protection {
        Protection::None => Flags::empty(),
        Protection::Sign => Flags::NEGOTIATE_SIGN,
        Protection::Seal => Flags::PROTECTION,
    }
}

/// What the client wants: in the NEGOTIATE, or to itself if the server speaks first.
pub(crate) fn offer(offer: Flags, protection: Protection, mode: Mode) -> Flags {
    let mut flags = ALWAYS | (offer & OPTIONAL) | of_protection(protection);
    if protection == Protection::None {
        // No key needs to be exchanged if none is used, and peers disagree on what to send then
        // (gss-ntlmssp and Samba a key, pyspnego a byte).
        flags -= Flags::NEGOTIATE_KEY_EXCH;
    }
    flags | mode.flags()
}

/// What the server answers to a NEGOTIATE (3.2.5.1.1).
pub(crate) fn grant(offer: Flags, negotiate: Flags) -> Result<Flags, Unexpected> {
    let flags = negotiate & ((offer & OPTIONAL) | Flags::PROTECTION);
    Ok(ALWAYS | narrow(flags)?)
}

/// What the server offers when it speaks first (3.2.5.2.1).
pub(crate) fn offer_datagram(offer: Flags) -> Result<Flags, Unexpected> {
    let flags = (offer & OPTIONAL) | Flags::PROTECTION;
    Ok(ALWAYS | Mode::Datagram.flags() | narrow(flags)?)
}

/// What holds for the client, of what it asked and what the CHALLENGE says (3.1.5.1.2): nothing
/// that it did not ask.
pub(crate) fn agree_client(
    asked: Flags,
    challenge: Flags,
    mode: Mode,
) -> Result<Flags, Unexpected> {
    let flags = narrow(asked & challenge)?;
    mode.check(flags)?;
    Ok(flags)
}

/// What holds for the server, of what it chose and what the AUTHENTICATE says: nothing that it did
/// not choose (impacket keeps 56, Samba and WinPR extended session security). Flags follow the
/// AUTHENTICATE where it drops some, as Samba and Heimdal do with 56.
pub(crate) fn agree_server(
    challenge: Flags,
    authenticate: Option<Flags>,
) -> Result<Flags, Unexpected> {
    // Jakarta Mail 1.6.5 sends zero, and the oldest clients send no flags. The AUTHENTICATE only
    // repeats what was negotiated (2.2.1.3), so the CHALLENGE's flags hold then, as in Samba.
    let says_something = |flags: &Flags| flags.intersects(NEGOTIABLE);
    let authenticate = authenticate.filter(says_something).unwrap_or(challenge);
    let (granted, chosen) = (challenge & CHARACTER_SETS, authenticate & CHARACTER_SETS);
    if chosen.is_empty() {
        return Err(Unexpected::CharacterSet);
    }
    // The CHALLENGE decides (wget's AUTHENTICATE names the other set), unless it granted both.
    let character_set = if granted == CHARACTER_SETS { chosen } else { granted };
    let flags = narrow(((challenge & authenticate) - CHARACTER_SETS) | character_set)?;
    Mode::of(challenge).check(flags)?;
    Ok(flags)
}

/// What the session keys are made for: the negotiated flags without a strength that has no effect.
pub(crate) fn in_use(flags: Flags) -> Flags {
    if flags.intersects(Flags::PROTECTION) { flags } else { flags - STRENGTH }
}

/// Whether `KXKEY` of a response depends on the challenge (3.4.5.1). If it does not, each session
/// of a user starts from the same key: NTLMv1 and LM without extended session security and LM_KEY.
pub(crate) fn has_constant_key_exchange_key(flags: Flags, kind: ResponseKind) -> bool {
    let is_legacy = matches!(kind, ResponseKind::Ntlmv1 | ResponseKind::Lm);
    let depends = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY | Flags::NEGOTIATE_LM_KEY;
    is_legacy && !flags.intersects(depends)
}

/// Fails if a flag is missing that must be there, always or where messages are protected: the
/// peer is too weak, or somebody in between cleared it (CVE-2016-2110).
pub(crate) fn demand(flags: Flags, always: Flags, when_protected: Flags) -> Result<(), Refused> {
    let protected = flags.intersects(Flags::PROTECTION);
    let demanded = if protected { always | when_protected } else { always };
    // Other flags are nobody's choice.
    let missing = (demanded & (OPTIONAL | Flags::PROTECTION)) - flags;
    if missing.is_empty() { Ok(()) } else { Err(Refused::MissingFlags(missing)) }
}

/// Drops what another flag excludes, and fails without a character set. WinPR grants both sets.
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
