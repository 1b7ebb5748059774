//! The status codes of responses.

use anyhow::ensure;

/// An NTSTATUS ([MS-ERREF] 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub(super) u32);

impl Status {
    pub const SUCCESS: Self = Self(0);
    pub const MORE_PROCESSING: Self = Self(0xc000_0016);
    pub const NOT_SUPPORTED: Self = Self(0xc000_00bb);
    pub const BAD_NETWORK_NAME: Self = Self(0xc000_00cc);
    pub(super) const NO_PREAUTH_HASH_OVERLAP: Self = Self(0xc05d_0000);
    pub(super) const PENDING: Self = Self(0x0000_0103);
    pub(super) const NO_MORE_FILES: Self = Self(0x8000_0006);
    pub(super) const END_OF_FILE: Self = Self(0xc000_0011);

    /// Fails unless it is success.
    pub fn expect_success(self) -> anyhow::Result<()> {
        ensure!(self == Self::SUCCESS, "the server says {self}");
        Ok(())
    }

    /// The names of common values.
    const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x0000_0000 => "STATUS_SUCCESS",
            0xc000_000d => "STATUS_INVALID_PARAMETER",
            0xc000_0016 => "STATUS_MORE_PROCESSING_REQUIRED",
            0xc000_0022 => "STATUS_ACCESS_DENIED",
            0xc000_0034 => "STATUS_OBJECT_NAME_NOT_FOUND",
            0xc000_003a => "STATUS_OBJECT_PATH_NOT_FOUND",
            0xc000_0064 => "STATUS_NO_SUCH_USER",
            0xc000_006a => "STATUS_WRONG_PASSWORD",
            0xc000_006d => "STATUS_LOGON_FAILURE",
            0xc000_006e => "STATUS_ACCOUNT_RESTRICTION",
            0xc000_0071 => "STATUS_PASSWORD_EXPIRED",
            0xc000_0072 => "STATUS_ACCOUNT_DISABLED",
            0xc000_00bb => "STATUS_NOT_SUPPORTED",
            0xc000_00cc => "STATUS_BAD_NETWORK_NAME",
            0xc000_0234 => "STATUS_ACCOUNT_LOCKED_OUT",
            0xc000_0418 => "STATUS_NTLM_BLOCKED",
            _ => return None,
        })
    }
}

impl From<u32> for Status {
    fn from(status: u32) -> Self {
        Self(status)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}
