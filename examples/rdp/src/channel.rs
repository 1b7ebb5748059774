//! Sends and receives `TSRequest`s over TLS, and negotiates the version.

use std::io::{Read, Write};

use anyhow::{Context, bail};
use ntlm::session::Protection;
use ntlm::{Session, SessionKeys};

use crate::ts_request::TsRequest;
use crate::version::{Version, Versions};

/// A connection with established TLS.
pub struct Channel<'a, S> {
    stream: &'a mut S,
    versions: Versions,
}

impl<'a, S: Read + Write> Channel<'a, S> {
    pub const fn new(stream: &'a mut S, versions: Versions) -> Self {
        Self { stream, versions }
    }

    /// A new message to send. Its version is always this side's highest, because some peers fail if it
    /// changes.
    pub const fn request(&self) -> TsRequest {
        TsRequest::new(self.versions.highest())
    }

    pub fn send(&mut self, request: &TsRequest) -> anyhow::Result<()> {
        self.stream.write_all(&request.to_bytes()?)?;
        Ok(self.stream.flush()?)
    }

    /// Waits for a message, and returns it with the version to use with this peer.
    pub fn receive(&mut self) -> anyhow::Result<(TsRequest, Version)> {
        let request = TsRequest::read(self.stream)?;
        // Checked first, because FreeRDP 3 and sspi-rs send other fields with it, which must be
        // ignored.
        if let Some(status) = request.error_code() {
            bail!("the peer rejects the login with {}", Status(status));
        }
        let version = self.versions.with(request.version)?;
        Ok((request, version))
    }
}

/// The session that seals `pubKeyAuth` and the credentials.
///
/// # Errors
/// If the two sides did not agree on sealing.
pub fn session(keys: SessionKeys) -> anyhow::Result<Session> {
    match keys.protection() {
        Protection::Seal => keys.into_session().context("there is no session"),
        protection => bail!("CredSSP needs sealing, and the two sides agreed on {protection:?}"),
    }
}

/// An NTSTATUS, shown with its meaning if a user can act on it. pyspnego sends a SECURITY_STATUS
/// instead.
struct Status(u32);

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#010x}", self.0)?;
        match self.0 {
            0xc000_006d | 0x8009_030c => f.write_str(": wrong user name or password"),
            0xc000_0071 => f.write_str(": the password has expired"),
            0xc000_0072 => f.write_str(": the account is disabled"),
            0xc000_0224 => f.write_str(": the password must be changed"),
            0xc000_0234 => f.write_str(": the account is locked"),
            _ => Ok(()),
        }
    }
}
