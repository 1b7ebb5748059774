//! NegotiateFlags: the 32 flags that the messages contain ([MS-NLMP] 2.2.2.5).

use core::fmt;

use bitflags::bitflags;

use crate::text::CharacterSet;

bitflags! {
    /// The flags with which the peers negotiate features (\[MS-NLMP\] 2.2.2.5).
    ///
    /// The names are those of the specification without the prefix `NTLMSSP_`, and the letters are
    /// those of its table. Unknown bits are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct NegotiateFlags: u32 {
        /// A: strings are UTF-16LE. Takes precedence over OEM.
        const NEGOTIATE_UNICODE = 0x0000_0001;
        /// B: strings are in the OEM character set.
        const NEGOTIATE_OEM = 0x0000_0002;
        /// C: the client asks for `TargetName` in the CHALLENGE, or the CHALLENGE contains it.
        const REQUEST_TARGET = 0x0000_0004;
        /// D: messages can be signed.
        const NEGOTIATE_SIGN = 0x0000_0010;
        /// E: messages can be sealed.
        const NEGOTIATE_SEAL = 0x0000_0020;
        /// F: connectionless: the CHALLENGE is the first message, and each protected message has
        /// its own sequence number.
        const NEGOTIATE_DATAGRAM = 0x0000_0040;
        /// G: with NTLMv1, the session key is derived from the LM hash and the LM response.
        /// Extended session security takes precedence.
        const NEGOTIATE_LM_KEY = 0x0000_0080;
        /// H: requests NTLM; always set.
        const NEGOTIATE_NTLM = 0x0000_0200;
        /// J: the client is anonymous. Peers, this crate included, ignore it.
        const ANONYMOUS = 0x0000_0800;
        /// K: the NEGOTIATE contains a domain name.
        const NEGOTIATE_OEM_DOMAIN_SUPPLIED = 0x0000_1000;
        /// L: the NEGOTIATE contains a workstation name.
        const NEGOTIATE_OEM_WORKSTATION_SUPPLIED = 0x0000_2000;
        /// M: requests a session key. If neither SIGN nor SEAL is negotiated, signatures are
        /// dummies.
        const NEGOTIATE_ALWAYS_SIGN = 0x0000_8000;
        /// N: `TargetName` is the name of a domain.
        const TARGET_TYPE_DOMAIN = 0x0001_0000;
        /// O: `TargetName` is the name of a server.
        const TARGET_TYPE_SERVER = 0x0002_0000;
        /// P: extended session security: HMAC-MD5 signatures, keys for each direction, and with
        /// NTLMv1 the "NTLM2 session response".
        const NEGOTIATE_EXTENDED_SESSIONSECURITY = 0x0008_0000;
        /// Q: the server may identify the client, but not impersonate it.
        const NEGOTIATE_IDENTIFY = 0x0010_0000;
        /// R: with NTLMv1, the session key is derived from the LM hash only.
        const REQUEST_NON_NT_SESSION_KEY = 0x0040_0000;
        /// S: the CHALLENGE contains `TargetInfo`.
        const NEGOTIATE_TARGET_INFO = 0x0080_0000;
        /// T: the `Version` field is populated. It is informational only.
        const NEGOTIATE_VERSION = 0x0200_0000;
        /// U: keys have 128 bits.
        const NEGOTIATE_128 = 0x2000_0000;
        /// V: the client chooses the session key, and sends it encrypted in the AUTHENTICATE.
        const NEGOTIATE_KEY_EXCH = 0x4000_0000;
        /// W: keys have 56 bits, unless `NEGOTIATE_128` is negotiated.
        const NEGOTIATE_56 = 0x8000_0000;

        /// Unknown bits. Peers may set them; this crate ignores them.
        const _ = !0;
    }
}

impl NegotiateFlags {
    /// SIGN and SEAL. Messages are protected if at least one of them is negotiated.
    pub const PROTECTION: Self = Self::NEGOTIATE_SIGN.union(Self::NEGOTIATE_SEAL);

    /// Returns the character set of strings, or `None` if the flags choose none.
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

    /// Returns the set bits, lowest first, each with its full name in the specification, or `None`
    /// for an unknown bit.
    pub(crate) fn named_bits(self) -> impl Iterator<Item = (u32, Option<&'static str>)> {
        (0..32).map(|bit| 1 << bit).filter(move |bit| self.bits() & bit != 0).map(|bit| {
            let name = NAMES.iter().find(|(flag, _)| flag.bits() == bit).map(|(_, name)| *name);
            (bit, name)
        })
    }
}

impl fmt::Display for NegotiateFlags {
    /// Writes the number and the names: `0x00008201 NTLMSSP_NEGOTIATE_UNICODE |
    /// NTLMSSP_NEGOTIATE_NTLM | …`.
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

/// The names in the specification. J has none there, so this is Wireshark's name.
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
    fn every_flag_is_displayed_with_its_own_name() {
        assert_eq!(NAMES.len(), NegotiateFlags::FLAGS.iter().filter(|f| f.is_named()).count());
        for flag in NegotiateFlags::FLAGS.iter().filter(|flag| flag.is_named()) {
            let (bit, name) = flag.value().named_bits().next().unwrap();
            assert_eq!(bit, flag.value().bits());
            assert!(name.unwrap().ends_with(flag.name()), "{name:?} is not {}", flag.name());
        }
    }

    #[test]
    fn unknown_bits_are_kept_and_displayed() {
        let flags = NegotiateFlags::from_bits_retain(0x1000_0001);
        assert_eq!(flags.bits(), 0x1000_0001);
        assert_eq!(flags.to_string(), "0x10000001 NTLMSSP_NEGOTIATE_UNICODE | 0x10000000");
    }

    #[test]
    fn unicode_takes_precedence_over_oem() {
        let set = |bits| NegotiateFlags::from_bits_retain(bits).character_set();
        assert_eq!(set(3), Some(CharacterSet::Unicode));
        assert_eq!(set(1), Some(CharacterSet::Unicode));
        assert_eq!(set(2), Some(CharacterSet::Oem));
        assert_eq!(set(0x8200), None);
    }
}
