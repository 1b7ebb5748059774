//! The environment of the protocol: the current time and random numbers.

mod at_time;
mod file_time;
#[cfg(feature = "std")]
mod os;

pub use at_time::AtTime;
pub use file_time::FileTime;
#[cfg(feature = "std")]
pub use os::Os;

/// A source of the current time and of random bytes.
///
/// Every call that needs one of them takes an `&mut dyn Environment`. Use `Os` (feature `std`), or
/// [`AtTime`] to verify a recorded handshake. Implement the trait yourself where there is no operating
/// system, or to repeat a known handshake in a test.
pub trait Environment {
    /// The current time (\[MS-NLMP\] section 6, `Currenttime`).
    ///
    /// # Errors
    /// [`EnvironmentError::Clock`] if the time is not known.
    fn now(&mut self) -> Result<FileTime, EnvironmentError>;

    /// Fills `buffer` with random bytes fit for cryptography (\[MS-NLMP\] section 6, `NONCE`).
    ///
    /// # Errors
    /// [`EnvironmentError::Randomness`] if there are none. No message is made then.
    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError>;
}

/// An [`Environment`] that could not give what was asked of it.
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
