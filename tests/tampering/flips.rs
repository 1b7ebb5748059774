//! Single bits, in all fields but the flags.

use crate::attack::{Attack, How};
use crate::notes;

pub(crate) const FLIPS: &[Attack] = &[
    Attack::new(
        "`Signature`, `MessageType`",
        How::Flip(&[
            "1 Signature",
            "1 MessageType",
            "2 Signature",
            "2 MessageType",
            "3 Signature",
            "3 MessageType",
        ]),
    ),
    Attack::new(
        "NEGOTIATE: lengths and offsets, `Version`",
        How::Flip(&["1 DomainNameFields", "1 WorkstationFields", "1 Version"]),
    ),
    Attack::new("CHALLENGE: `ServerChallenge`", How::Flip(&["2 ServerChallenge"])),
    Attack::new("CHALLENGE: `TargetInfo`", How::Flip(&["2 TargetInfoFields", "2 TargetInfo"])),
    Attack::new(
        "CHALLENGE: `TargetName`, `Reserved`, `Version`",
        How::Flip(&["2 TargetNameFields", "2 TargetName", "2 Reserved", "2 Version"]),
    ),
    Attack::new(
        "AUTHENTICATE: both responses",
        How::Flip(&["3 LmChallengeResponse", "3 NtChallengeResponse"]),
    ),
    Attack::new(
        "AUTHENTICATE: `UserName`, `DomainName`",
        How::Flip(&["3 UserName", "3 DomainName"]),
    )
    .possible_since(notes::NAMES),
    Attack::new("AUTHENTICATE: `Workstation`", How::Flip(&["3 Workstation"]))
        .possible_since(notes::NAMES),
    Attack::new(
        "AUTHENTICATE: `EncryptedRandomSessionKey`",
        How::Flip(&["3 EncryptedRandomSessionKey"]),
    )
    .possible_since(notes::KEY),
    Attack::new("AUTHENTICATE: `MIC`", How::Flip(&["3 MIC"])),
    Attack::new(
        "AUTHENTICATE: lengths and offsets, `Version`",
        How::Flip(&[
            "3 LmChallengeResponseFields",
            "3 NtChallengeResponseFields",
            "3 DomainNameFields",
            "3 UserNameFields",
            "3 WorkstationFields",
            "3 EncryptedRandomSessionKeyFields",
            "3 Version",
        ]),
    )
    .possible_since(notes::LENGTHS),
];
