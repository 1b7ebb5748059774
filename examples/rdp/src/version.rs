//! Versions of CredSSP.

use std::ops::RangeInclusive;

use anyhow::ensure;
use clap::Args;

/// The versions that one side supports.
#[derive(Args, Clone, Copy, Debug)]
pub struct Versions {
    /// The lowest version to accept. Versions 2 to 4 do not protect against a man in the middle who
    /// crafts a public key (CVE-2018-0886)
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(SUPPORTED))]
    min_version: u32,

    /// The highest version to offer
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(SUPPORTED))]
    max_version: u32,
}

const SUPPORTED: RangeInclusive<i64> = 2..=6;

/// The version in use: the lower of the two that the sides sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32);

impl Versions {
    /// The version that this side sends, in every message.
    pub const fn highest(self) -> u32 {
        self.max_version
    }

    /// The version to use with a peer that sent this one.
    ///
    /// # Errors
    /// If the peer's version is too old.
    pub fn with(self, peer: u32) -> anyhow::Result<Version> {
        let version = peer.min(self.max_version);
        ensure!(
            version >= self.min_version,
            "the peer speaks version {peer} of CredSSP, and this side {} to {}",
            self.min_version,
            self.max_version
        );
        Ok(Version(version))
    }
}

impl Version {
    /// Whether `pubKeyAuth` is a hash with a nonce, instead of the public key.
    pub const fn hashes_public_key(self) -> bool {
        self.0 >= 5
    }

    /// Whether a server reports a failed login with an `errorCode`. [MS-CSSP] 2.2.1 has the field
    /// in versions 3, 4 and 6.
    pub const fn has_error_code(self) -> bool {
        matches!(self.0, 3 | 4) || self.0 >= 6
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_version_is_used_unless_it_is_too_low() {
        let versions = |min_version, max_version| Versions { min_version, max_version };
        assert_eq!(versions(5, 6).with(6).unwrap(), Version(6));
        assert_eq!(versions(5, 6).with(5).unwrap(), Version(5));
        // A later version counts as this side's highest.
        assert_eq!(versions(5, 6).with(9).unwrap(), Version(6));
        assert_eq!(versions(2, 3).with(6).unwrap(), Version(3));
        for old in 0..5 {
            assert!(versions(5, 6).with(old).is_err(), "{old}");
        }
    }
}
