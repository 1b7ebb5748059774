//! Fixed clocks, and deterministic bytes in the place of random ones.

use ntlm::{Environment, EnvironmentError, FileTime};

/// 2026-11-22 03:30:00 UTC.
pub const NOW: FileTime = FileTime::from_ticks(134_397_918_000_000_000);

/// A fixed clock, and "random" bytes that count up. Either of them can be made to fail.
#[derive(Clone, Debug)]
pub struct Fixed {
    now: FileTime,
    next: u8,
    lacks: Option<EnvironmentError>,
}

impl Fixed {
    pub const fn at(now: FileTime) -> Self {
        Self { now, next: 1, lacks: None }
    }

    /// Starts with this byte.
    pub const fn starting_with(next: u8) -> Self {
        Self { now: NOW, next, lacks: None }
    }

    /// Reports this error instead of the time or the random bytes.
    pub const fn lacking(lacks: EnvironmentError) -> Self {
        Self { now: NOW, next: 1, lacks: Some(lacks) }
    }

    fn unless_lacking(&self, thing: EnvironmentError) -> Result<(), EnvironmentError> {
        if self.lacks == Some(thing) { Err(thing) } else { Ok(()) }
    }
}

impl Default for Fixed {
    fn default() -> Self {
        Self::at(NOW)
    }
}

impl Environment for Fixed {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        self.unless_lacking(EnvironmentError::Clock)?;
        Ok(self.now)
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        self.unless_lacking(EnvironmentError::Randomness)?;
        for byte in buffer {
            *byte = self.next;
            self.next = self.next.wrapping_add(1);
        }
        Ok(())
    }
}

/// Deterministic numbers from a seed (SplitMix64). No eight bytes occur twice, so a search of
/// memory for some of them finds nothing else, and no challenge repeats.
#[derive(Clone, Debug, Default)]
pub struct Scattered(pub u64);

impl Scattered {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.number() % limit as u64).expect("it is less than a usize")
    }
}

impl Environment for Scattered {
    fn now(&mut self) -> Result<FileTime, EnvironmentError> {
        Ok(NOW)
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> Result<(), EnvironmentError> {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.number().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
