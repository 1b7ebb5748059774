//! A clock that stands, and "random" bytes that count up, so that a finding can be repeated.

use ntlm::{Environment, EnvironmentError, FileTime};

/// 2026-11-22 03:30:00 UTC.
pub const NOW: FileTime = FileTime::from_ticks(134_397_918_000_000_000);

/// The environment of all targets, which can lack one thing.
#[derive(Debug)]
pub struct Fixed {
    next: u8,
    lacks: Option<EnvironmentError>,
}

impl Fixed {
    pub fn lacking(lacks: Option<EnvironmentError>) -> Self {
        Self { next: 1, lacks }
    }
}

impl Default for Fixed {
    fn default() -> Self {
        Self::lacking(None)
    }
}

impl Environment for Fixed {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        match self.lacks {
            Some(EnvironmentError::Clock) => Err(EnvironmentError::Clock),
            _ => Ok(NOW),
        }
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        if self.lacks == Some(EnvironmentError::Randomness) {
            return Err(EnvironmentError::Randomness);
        }
        for byte in buffer {
            *byte = self.next;
            self.next = self.next.wrapping_add(1);
        }
        Ok(())
    }
}
