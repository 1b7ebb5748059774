//! Flags, cleared or set on both sides alike or on one of them.

use ntlm::wire::NegotiateFlags as Flags;

use crate::attack::{Attack, How};
use crate::notes;

pub(crate) const FLAGS: &[Attack] = &[
    Attack::new("clear SIGN, SEAL or both", How::Flags(|| clear(&PROTECTION)))
        .possible_since(notes::PROTECTION),
    Attack::new("set SIGN, SEAL or both", How::Flags(|| set(&PROTECTION)))
        .possible_since(notes::PROTECTION),
    Attack::new("clear EXTENDED_SESSIONSECURITY", How::Flags(|| clear(&EXTENDED)))
        .possible_since(notes::STRENGTH),
    Attack::new("clear 128, 56 or both", How::Flags(|| clear(&STRENGTH)))
        .possible_since(notes::STRENGTH),
    Attack::new("clear KEY_EXCH", How::Flags(|| clear(&KEY_EXCHANGE)))
        .possible_since(notes::STRENGTH),
    Attack::new("clear, set or swap UNICODE and OEM", How::Flags(other_character_set))
        .possible_since(notes::NAMES),
    Attack::new("set LM_KEY, NON_NT_SESSION_KEY, IDENTIFY", How::Flags(|| set(&WEAKENING))),
    Attack::new("clear or set any other", How::Flags(any_other)).possible_since(notes::STRENGTH),
];

const PROTECTION: [Flags; 3] = [Flags::NEGOTIATE_SIGN, Flags::NEGOTIATE_SEAL, Flags::PROTECTION];
const EXTENDED: [Flags; 1] = [Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY];
const STRENGTH: [Flags; 3] =
    [Flags::NEGOTIATE_128, Flags::NEGOTIATE_56, Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56)];
const KEY_EXCHANGE: [Flags; 1] = [Flags::NEGOTIATE_KEY_EXCH];
const WEAKENING: [Flags; 3] =
    [Flags::NEGOTIATE_LM_KEY, Flags::REQUEST_NON_NT_SESSION_KEY, Flags::NEGOTIATE_IDENTIFY];

/// The flags to clear and to set.
type Changes = Vec<(Flags, Flags)>;

fn clear(flags: &[Flags]) -> Changes {
    flags.iter().map(|flags| (*flags, Flags::empty())).collect()
}

fn set(flags: &[Flags]) -> Changes {
    flags.iter().map(|flags| (Flags::empty(), *flags)).collect()
}

fn other_character_set() -> Changes {
    let (unicode, oem) = (Flags::NEGOTIATE_UNICODE, Flags::NEGOTIATE_OEM);
    let each = [clear(&[unicode, oem]), set(&[unicode, oem])].concat();
    [&each[..], &[(unicode, oem), (oem, unicode)]].concat()
}

/// All flags that no other row clears or sets.
fn any_other() -> Changes {
    let cleared = [&PROTECTION[..], &EXTENDED, &STRENGTH, &KEY_EXCHANGE].concat();
    let character_sets = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_OEM;
    let cleared = cleared.into_iter().collect::<Flags>() | character_sets;
    let set_elsewhere = [&PROTECTION[..], &WEAKENING].concat();
    let set_elsewhere = set_elsewhere.into_iter().collect::<Flags>() | character_sets;
    let all_but = |those: Flags| -> Vec<Flags> {
        (0..32)
            .map(|bit| Flags::from_bits_retain(1 << bit))
            .filter(|bit| !those.contains(*bit))
            .collect()
    };
    [clear(&all_but(cleared)), set(&all_but(set_elsewhere))].concat()
}
