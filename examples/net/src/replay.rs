//! Detects replayed datagrams, which NTLM leaves to the application.

/// A window of the last 64 sequence numbers, as in IPsec (RFC 4303, 3.4.3). Older numbers count as
/// seen.
///
/// Call [`check`](Self::check) before a message is unsealed, and [`mark`](Self::mark) after it:
/// otherwise an attacker could use up numbers with forged messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    highest: u32,
    /// The lowest bit is `highest`, the next one the number before it.
    seen: u64,
}

/// Why a message is rejected before it is unsealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Its number was received already.
    Seen,
    /// Its number is older than the window.
    TooOld,
}

impl Window {
    /// Checks that a message with this number may be new.
    pub fn check(&self, sequence: u32) -> Result<(), Replay> {
        match self.highest.checked_sub(sequence) {
            // Before the first message `highest` is meaningless, and `seen` is empty.
            Some(age) if age >= 64 => Err(Replay::TooOld),
            Some(age) if self.seen >> age & 1 == 1 => Err(Replay::Seen),
            _ => Ok(()),
        }
    }

    /// Marks the number of a genuine message as received.
    pub fn mark(&mut self, sequence: u32) {
        if let Some(ahead) = sequence.checked_sub(self.highest) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0);
            self.highest = sequence;
        }
        self.seen |= 1_u64.checked_shl(self.highest - sequence).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(marked: &[u32]) -> Window {
        let mut window = Window::default();
        marked.iter().for_each(|sequence| window.mark(*sequence));
        window
    }

    #[test]
    fn each_number_is_accepted_once_in_any_order() {
        let window = window(&[0, 5, 3, 9]);
        for sequence in 0..20 {
            let is_new = !matches!(sequence, 0 | 3 | 5 | 9);
            assert_eq!(window.check(sequence).is_ok(), is_new, "{sequence}");
        }
    }

    #[test]
    fn numbers_older_than_the_window_are_rejected() {
        let window = window(&[100]);
        assert_eq!(window.check(37), Ok(()));
        assert_eq!(window.check(36), Err(Replay::TooOld));
        assert_eq!(window.check(100), Err(Replay::Seen));
    }

    #[test]
    fn a_leap_drops_only_numbers_that_leave_the_window() {
        let mut window = window(&[1, 2, 64]);
        assert_eq!(window.check(1), Err(Replay::Seen));
        assert_eq!(window.check(2), Err(Replay::Seen));
        assert_eq!(window.check(3), Ok(()));
        window.mark(u32::MAX);
        assert_eq!(window.check(64), Err(Replay::TooOld));
        assert_eq!(window.check(u32::MAX - 1), Ok(()));
        assert_eq!(window.check(u32::MAX), Err(Replay::Seen));
    }

    #[test]
    fn any_first_number_is_accepted() {
        for first in [0, 1, 63, 64, u32::MAX] {
            assert_eq!(Window::default().check(first), Ok(()));
            assert_eq!(window(&[first]).check(first), Err(Replay::Seen));
        }
    }
}
