//! The operating system's clock and random number generator.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::TryRng;
use rand::rngs::SysRng;

use super::{Environment, EnvironmentError, FileTime};

/// The operating system's clock and random number generator.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is one operating system")]
pub struct Os;

impl Environment for Os {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(FileTime::from_unix)
            .map_err(|_| EnvironmentError::Clock)
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        SysRng.try_fill_bytes(buffer).map_err(|_| EnvironmentError::Randomness)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn os_returns_the_present_time_and_different_random_bytes() {
        let (mut a, mut b) = ([0; 16], [0; 16]);
        Os.fill_random(&mut a).unwrap();
        Os.fill_random(&mut b).unwrap();
        assert_ne!(a, b);
        let year_2024 = FileTime::from_unix(Duration::from_secs(1_704_067_200));
        assert!(Os.now().unwrap() > year_2024);
    }
}
