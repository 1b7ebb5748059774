//! NEGOTIATE: the 32 flags that every message carries ([MS-NLMP] 2.2.2.5).

use core::fmt;

use bitflags::bitflags;

use crate::text::CharacterSet;

bitflags! {
    /// What the peers offer each other and agree on (\[MS-NLMP\] 2.2.2.5).
    ///
    /// Names are the specification's without the prefix `NTLMSSP_`. A bit without a name is kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct NegotiateFlags: u32 {
        /// A: strings are UTF-16; wins over OEM.
        const NEGOTIATE_UNICODE = 0x0000_0001;
        /// B: strings are in the OEM character set.
        const NEGOTIATE_OEM = 0x0000_0002;
        /// C: the CHALLENGE shall hold a `TargetName`.
        const REQUEST_TARGET = 0x0000_0004;
        /// D: messages can be signed.
        const NEGOTIATE_SIGN = 0x0000_0010;
        /// E: messages can be sealed.
        const NEGOTIATE_SEAL = 0x0000_0020;
        /// F: connectionless: the server speaks first, each message has its own sequence number.
        const NEGOTIATE_DATAGRAM = 0x0000_0040;
        /// G: the session key comes from the LM hash; gives way to extended session security.
        const NEGOTIATE_LM_KEY = 0x0000_0080;
        /// H: NTLM is spoken, which is always so.
        const NEGOTIATE_NTLM = 0x0000_0200;
        /// J: the connection is anonymous. Nobody acts on it.
        const ANONYMOUS = 0x0000_0800;
        /// K: the NEGOTIATE holds a domain name.
        const NEGOTIATE_OEM_DOMAIN_SUPPLIED = 0x0000_1000;
        /// L: the NEGOTIATE holds a workstation name.
        const NEGOTIATE_OEM_WORKSTATION_SUPPLIED = 0x0000_2000;
        /// M: there is a session key; without SIGN, signatures are dummies.
        const NEGOTIATE_ALWAYS_SIGN = 0x0000_8000;
        /// N: the `TargetName` is a domain's.
        const TARGET_TYPE_DOMAIN = 0x0001_0000;
        /// O: the `TargetName` is a server's.
        const TARGET_TYPE_SERVER = 0x0002_0000;
        /// P: extended session security: HMAC signatures, a key for each direction, and with
        /// NTLMv1 the "NTLM2 session response".
        const NEGOTIATE_EXTENDED_SESSIONSECURITY = 0x0008_0000;
        /// Q: the server shall only identify the client, not act as it.
        const NEGOTIATE_IDENTIFY = 0x0010_0000;
        /// R: the session key comes from the LM hash alone.
        const REQUEST_NON_NT_SESSION_KEY = 0x0040_0000;
        /// S: the CHALLENGE holds a `TargetInfo`.
        const NEGOTIATE_TARGET_INFO = 0x0080_0000;
        /// T: the `Version` field means something, to people.
        const NEGOTIATE_VERSION = 0x0200_0000;
        /// U: keys have 128 bits.
        const NEGOTIATE_128 = 0x2000_0000;
        /// V: the client chooses the session key and sends it encrypted.
        const NEGOTIATE_KEY_EXCH = 0x4000_0000;
        /// W: keys have 56 bits, if not 128.
        const NEGOTIATE_56 = 0x8000_0000;

        /// All other bits, which a peer may set and nobody acts on.
        const _ = !0;
    }
}

impl NegotiateFlags {
    /// SIGN and SEAL: messages will be protected if one of them is negotiated.
    pub const PROTECTION: Self = Self::NEGOTIATE_SIGN.union(Self::NEGOTIATE_SEAL);

    /// The character set of strings, `None` if the flags choose none.
    #[must_use]
    pub const fn character_set(self) -> Option<CharacterSet> {
        if self.contains(Self::NEGOTIATE_UNICODE) {
            Some(CharacterSet::Unicode)
        } else if self.contains(Self::NEGOTIATE_OEM) {
            Some(CharacterSet::Oem)
        } else {
            None
        }
    }

    /// The flags that are set, lowest bit first, each with its full name in the specification;
    /// `None` for a bit that has no name there.
    pub(crate) fn named_bits(self) -> impl Iterator<Item = (u32, Option<&'static str>)> {
        (0..32).map(|bit| 1 << bit).filter(move |bit| self.bits() & bit != 0).map(|bit| {
            let name = NAMES.iter().find(|(flag, _)| flag.bits() == bit).map(|(_, name)| *name);
            (bit, name)
        })
    }
}

impl fmt::Display for NegotiateFlags {
    /// `0x00008201 NTLMSSP_NEGOTIATE_UNICODE | NTLMSSP_NEGOTIATE_NTLM | …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.bits())?;
        for (position, (bit, name)) in self.named_bits().enumerate() {
            f.write_str(if position == 0 { " " } else { " | " })?;
            match name {
                Some(name) => f.write_str(name)?,
                None => write!(f, "{bit:#010x}")?,
            }
        }
        Ok(())
    }
}

/// The names as the specification writes them; J has none there, so it gets Wireshark's.
const NAMES: [(NegotiateFlags, &str); 22] = [
    (NegotiateFlags::NEGOTIATE_UNICODE, "NTLMSSP_NEGOTIATE_UNICODE"),
    (NegotiateFlags::NEGOTIATE_OEM, "NTLM_NEGOTIATE_OEM"),
    (NegotiateFlags::REQUEST_TARGET, "NTLMSSP_REQUEST_TARGET"),
    (NegotiateFlags::NEGOTIATE_SIGN, "NTLMSSP_NEGOTIATE_SIGN"),
    (NegotiateFlags::NEGOTIATE_SEAL, "NTLMSSP_NEGOTIATE_SEAL"),
    (NegotiateFlags::NEGOTIATE_DATAGRAM, "NTLMSSP_NEGOTIATE_DATAGRAM"),
    (NegotiateFlags::NEGOTIATE_LM_KEY, "NTLMSSP_NEGOTIATE_LM_KEY"),
    (NegotiateFlags::NEGOTIATE_NTLM, "NTLMSSP_NEGOTIATE_NTLM"),
    (NegotiateFlags::ANONYMOUS, "NTLMSSP_ANONYMOUS"),
    (NegotiateFlags::NEGOTIATE_OEM_DOMAIN_SUPPLIED, "NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED"),
    (
        NegotiateFlags::NEGOTIATE_OEM_WORKSTATION_SUPPLIED,
        "NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED",
    ),
    (NegotiateFlags::NEGOTIATE_ALWAYS_SIGN, "NTLMSSP_NEGOTIATE_ALWAYS_SIGN"),
    (NegotiateFlags::TARGET_TYPE_DOMAIN, "NTLMSSP_TARGET_TYPE_DOMAIN"),
    (NegotiateFlags::TARGET_TYPE_SERVER, "NTLMSSP_TARGET_TYPE_SERVER"),
    (
        NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY,
        "NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY",
    ),
    (NegotiateFlags::NEGOTIATE_IDENTIFY, "NTLMSSP_NEGOTIATE_IDENTIFY"),
    (NegotiateFlags::REQUEST_NON_NT_SESSION_KEY, "NTLMSSP_REQUEST_NON_NT_SESSION_KEY"),
    (NegotiateFlags::NEGOTIATE_TARGET_INFO, "NTLMSSP_NEGOTIATE_TARGET_INFO"),
    (NegotiateFlags::NEGOTIATE_VERSION, "NTLMSSP_NEGOTIATE_VERSION"),
    (NegotiateFlags::NEGOTIATE_128, "NTLMSSP_NEGOTIATE_128"),
    (NegotiateFlags::NEGOTIATE_KEY_EXCH, "NTLMSSP_NEGOTIATE_KEY_EXCH"),
    (NegotiateFlags::NEGOTIATE_56, "NTLMSSP_NEGOTIATE_56"),
];

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use bitflags::Flags;

    use super::*;

    #[test]
    fn every_flag_has_its_specified_name() {
        assert_eq!(NAMES.len(), NegotiateFlags::FLAGS.iter().filter(|f| f.is_named()).count());
        for flag in NegotiateFlags::FLAGS.iter().filter(|flag| flag.is_named()) {
            let (bit, name) = flag.value().named_bits().next().unwrap();
            assert_eq!(bit, flag.value().bits());
            assert!(name.unwrap().ends_with(flag.name()), "{name:?} is not {}", flag.name());
        }
    }

    #[test]
    fn unknown_bits_are_kept_and_shown() {
        let flags = NegotiateFlags::from_bits_retain(0x1000_0001);
        assert_eq!(flags.bits(), 0x1000_0001);
        assert_eq!(flags.to_string(), "0x10000001 NTLMSSP_NEGOTIATE_UNICODE | 0x10000000");
    }

    #[test]
    fn unicode_wins_over_oem() {
        let set = |bits| NegotiateFlags::from_bits_retain(bits).character_set();
        assert_eq!(set(3), Some(CharacterSet::Unicode));
        assert_eq!(set(1), Some(CharacterSet::Unicode));
        assert_eq!(set(2), Some(CharacterSet::Oem));
        assert_eq!(set(0x8200), None);
    }
}
