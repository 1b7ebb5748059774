//! The header fields of each message: offset, name and type.

use core::ops::Range;

use crate::wire::NegotiateFlags;

/// A part of a message's header: its offset, name and kind.
pub(super) type Part = (usize, &'static str, Kind);

/// The kind of a header part, which determines its length.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Flags,
    /// This number of other bytes.
    Bytes(usize),
    Version,
    Mic,
    /// The descriptor of a payload item. It is ignored unless all of these flags are set.
    Field(Item, NegotiateFlags),
}

/// The kind of a payload item.
#[derive(Clone, Copy)]
pub(super) enum Item {
    Text,
    OemText,
    AvPairs,
    NtResponse,
    Secret,
}

/// The header of a message: its name, its mandatory length, and its parts.
pub(super) struct Header {
    pub(super) name: &'static str,
    pub(super) least: usize,
    pub(super) parts: &'static [Part],
}

pub(super) const NEGOTIATE: Header = Header {
    name: "NEGOTIATE_MESSAGE",
    least: 16,
    parts: &[
        (12, "NegotiateFlags", Kind::Flags),
        (16, "DomainName", Kind::Field(Item::OemText, OEM_DOMAIN)),
        (24, "Workstation", Kind::Field(Item::OemText, OEM_WORKSTATION)),
        (32, "Version", Kind::Version),
    ],
};

pub(super) const CHALLENGE: Header = Header {
    name: "CHALLENGE_MESSAGE",
    least: 32,
    parts: &[
        (12, "TargetName", Kind::Field(Item::Text, ALWAYS)),
        (20, "NegotiateFlags", Kind::Flags),
        (24, "ServerChallenge", Kind::Bytes(8)),
        (32, "Reserved", Kind::Bytes(8)),
        (40, "TargetInfo", Kind::Field(Item::AvPairs, TARGET_INFO)),
        (48, "Version", Kind::Version),
    ],
};

pub(super) const AUTHENTICATE: Header = Header {
    name: "AUTHENTICATE_MESSAGE",
    least: 52,
    parts: &[
        (12, "LmChallengeResponse", Kind::Field(Item::Secret, ALWAYS)),
        (20, "NtChallengeResponse", Kind::Field(Item::NtResponse, ALWAYS)),
        (28, "DomainName", Kind::Field(Item::Text, ALWAYS)),
        (36, "UserName", Kind::Field(Item::Text, ALWAYS)),
        (44, "Workstation", Kind::Field(Item::Text, ALWAYS)),
        (52, "EncryptedRandomSessionKey", Kind::Field(Item::Secret, KEY_EXCH)),
        (60, "NegotiateFlags", Kind::Flags),
        (64, "Version", Kind::Version),
        (72, "MIC", Kind::Mic),
    ],
};

const ALWAYS: NegotiateFlags = NegotiateFlags::empty();
const OEM_DOMAIN: NegotiateFlags = NegotiateFlags::NEGOTIATE_OEM_DOMAIN_SUPPLIED;
const OEM_WORKSTATION: NegotiateFlags = NegotiateFlags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED;
const TARGET_INFO: NegotiateFlags = NegotiateFlags::NEGOTIATE_TARGET_INFO;
const KEY_EXCH: NegotiateFlags = NegotiateFlags::NEGOTIATE_KEY_EXCH;

/// Bytes with the signature of a message, but an unknown type.
pub(super) const UNKNOWN: Header =
    Header { name: "NTLM message of unknown type", least: 12, parts: &[] };

/// The fields of an NTLMv2 response between `NTProofStr` and the AV pairs, with names indented
/// below the response.
pub(super) const NTLMV2: &[(Range<usize>, &str)] = &[
    (16..18, "  RespType, HiRespType"),
    (18..24, "  Reserved"),
    (24..32, "  TimeStamp"),
    (32..40, "  ChallengeFromClient"),
    (40..44, "  Reserved"),
];

impl Kind {
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Flags => 4,
            Self::Bytes(count) => count,
            Self::Version | Self::Field(..) => 8,
            Self::Mic => 16,
        }
    }
}
