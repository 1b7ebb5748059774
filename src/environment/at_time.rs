//! An environment with a fixed clock, for recorded handshakes.

use super::{Environment, EnvironmentError, FileTime};

/// An [`Environment`] whose clock always shows the same time. Use it to verify a recorded handshake
/// at the time of the recording.
///
/// Random numbers are not fixed: they come from the operating system, so a handshake with this
/// environment is as secure as with `Os`. Without the feature `std` there are none
/// ([`EnvironmentError::Randomness`]).
///
/// This example verifies a handshake of gss-ntlmssp:
///
/// ```
/// use ntlm::environment::AtTime;
/// use ntlm::server::{Claim, Names, Server};
/// use ntlm::{FileTime, NtHash};
///
/// # const NEGOTIATE: &str = "\
/// #     4e544c4d5353500001000000378208e200000000000000000000000000000000060200000000\
/// #     000f";
/// # const CHALLENGE: &str = "\
/// #     4e544c4d53535000020000000600060038000000358289e2da1a7b629309a161000000000000\
/// #     0000340034003e000000060200000000000f44004f004d000100060053005200560002000600\
/// #     44004f004d000300040076006d000600040000000000070008005a4ba3ec487add0100000000";
/// # const AUTHENTICATE: &str = "\
/// #     4e544c4d53535000030000000000000048000000900090004800000006000600d80000000a00\
/// #     0a00de0000000a000a00e800000010001000f2000000358289e2060200000000000f34b8467a\
/// #     acfebb29fe3625742abbc84d01010000000000005a4ba3ec487add01f47c1a54254073840000\
/// #     0000010006005300520056000200060044004f004d000300040076006d000600040000000000\
/// #     070008005a4ba3ec487add010900280068007400740070002f007300720076002e0065007800\
/// #     61006d0070006c0065002e0063006f006d00000000000000000044004f004d0061006c006900\
/// #     6300650043004c00490057005300865b54bc36018b027cfc27f08272a913";
/// # fn unhex(digits: &str) -> Vec<u8> {
/// #     let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
/// #     (0..digits.len()).step_by(2).map(byte).collect()
/// # }
/// # let [negotiate, challenge, authenticate] = [NEGOTIATE, CHALLENGE, AUTHENTICATE].map(unhex);
/// # let (negotiate, challenge) = (&negotiate[..], &challenge[..]);
/// // The time of the recording. At today's time, the handshake would be rejected as too old.
/// let mut environment = AtTime::new(FileTime::from_ticks(0x01dd_7a48_eca3_4b5a));
///
/// let server = Server::new(Names::standalone("SRV"));
/// let handshake = server.resume(negotiate.into(), challenge.into())?;
/// let Claim::User(claim) = handshake.read(&authenticate, &mut environment)? else {
///     panic!("the client is anonymous");
/// };
/// assert_eq!(claim.claimed_user().to_string(), "DOM\\alice");
/// let accepted = claim.verify_nt_hash(&NtHash::from_password("Passw0rd!"))?;
/// # assert_eq!(accepted.user().unwrap().user(), "alice");
/// # Ok::<(), ntlm::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AtTime(FileTime);

impl AtTime {
    /// Creates an environment whose clock shows `time`.
    #[must_use]
    pub const fn new(time: FileTime) -> Self {
        Self(time)
    }
}

impl Environment for AtTime {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        Ok(self.0)
    }

    #[cfg(feature = "std")]
    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        super::Os.fill_random(buffer)
    }

    #[cfg(not(feature = "std"))]
    fn fill_random(&mut self, _buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        Err(EnvironmentError::Randomness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_is_fixed_and_random_bytes_are_not() {
        let time = FileTime::from_ticks(7);
        let mut environment = AtTime::new(time);
        assert_eq!([environment.now(), environment.now()], [Ok(time); 2]);
        let (mut one, mut other) = ([0; 16], [0; 16]);
        let results = [environment.fill_random(&mut one), environment.fill_random(&mut other)];
        if cfg!(feature = "std") {
            assert_eq!(results, [Ok(()); 2]);
            assert_ne!(one, other);
        } else {
            assert_eq!(results, [Err(EnvironmentError::Randomness); 2]);
        }
    }
}
