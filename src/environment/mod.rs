//! The clock and the random number generator that the protocol needs.

mod at_time;
mod file_time;
#[cfg(feature = "std")]
mod os;

pub use at_time::AtTime;
pub use file_time::FileTime;
#[cfg(feature = "std")]
pub use os::Os;

/// A clock and a random number generator.
///
/// Calls that need one of them take an `&mut dyn Environment`. Pass `Os` (feature `std`), or
/// [`AtTime`] to verify a recorded handshake. Implement this trait if there is no operating system,
/// or to repeat a known handshake in a test.
pub trait Environment {
    /// Returns the current time (\[MS-NLMP\] section 6, `Currenttime`).
    ///
    /// # Errors
    /// [`EnvironmentError::Clock`] if the time is not known. The handshake then fails.
    fn now(&mut self) -> Result<FileTime, EnvironmentError>;

    /// Fills `buffer` with random bytes from a cryptographically secure generator (\[MS-NLMP\]
    /// section 6, `NONCE`).
    ///
    /// # Errors
    /// [`EnvironmentError::Randomness`] if the generator fails. The handshake then fails.
    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError>;
}

/// Why an [`Environment`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// The current time is not known.
    #[error("the current time is not known")]
    Clock,
    /// The random number generator failed.
    #[error("the random number generator failed")]
    Randomness,
}
