//! VERSION: the version of the peer's operating system ([MS-NLMP] 2.2.2.10).

use core::fmt;

/// The version of the peer's operating system (\[MS-NLMP\] 2.2.2.10). It is for debugging only, and
/// has no effect on the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the eight bytes")]
pub struct Version {
    /// `ProductMajorVersion`, such as 10.
    pub major: u8,
    /// `ProductMinorVersion`.
    pub minor: u8,
    /// `ProductBuild`.
    pub build: u16,
    /// `NTLMRevisionCurrent`: [`Version::REVISION_W2K3`], or 0 if the peer does not fill in the
    /// field.
    pub revision: u8,
}

impl Version {
    /// `NTLMSSP_REVISION_W2K3`, the only revision that the specification defines.
    pub const REVISION_W2K3: u8 = 0x0f;

    /// Makes a version with the revision [`REVISION_W2K3`](Self::REVISION_W2K3).
    #[must_use]
    pub const fn new(major: u8, minor: u8, build: u16) -> Self {
        Self { major, minor, build, revision: Self::REVISION_W2K3 }
    }

    /// Parses the eight bytes on the wire. The three reserved bytes are ignored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [major, minor, low, high, _, _, _, revision] = bytes;
        Self { major, minor, build: u16::from_le_bytes([low, high]), revision }
    }

    /// Returns the eight bytes on the wire, with zeros as reserved bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        let [low, high] = self.build.to_le_bytes();
        [self.major, self.minor, low, high, 0, 0, 0, self.revision]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{} revision {}", self.major, self.minor, self.build, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specification_example_is_read_and_written() {
        // [MS-NLMP] 4.2.4.3.
        let bytes = [0x06, 0x00, 0x70, 0x17, 0, 0, 0, 0x0f];
        assert_eq!(Version::from_bytes(bytes), Version::new(6, 0, 6000));
        assert_eq!(Version::new(6, 0, 6000).to_bytes(), bytes);
    }

    #[test]
    fn reserved_bytes_are_ignored() {
        let bytes = [0x06, 0x00, 0x70, 0x17, 1, 2, 3, 0x0f];
        assert_eq!(Version::from_bytes(bytes), Version::new(6, 0, 6000));
    }
}
