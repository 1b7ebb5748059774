//! Parses NT and LM hashes from text: 32 hexadecimal digits.

use core::str::FromStr;

use zeroize::Zeroizing;

use super::{LmHash, NtHash};

/// An error in parsing an NT or LM hash. It contains nothing of the text, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseHashError {
    /// The text consists of hexadecimal digits, but not of 32. It contains their number.
    #[error("a hash has 32 hexadecimal digits, not {0}")]
    Length(usize),
    /// A character is not a hexadecimal digit. It contains the position of that character, counted
    /// from 1.
    #[error("character {0} of the hash is not a hexadecimal digit")]
    Digit(usize),
}

impl FromStr for NtHash {
    type Err = ParseHashError;

    /// Parses 32 hexadecimal digits in either case, the form in password databases and dumps.
    ///
    /// ```
    /// use ntlm::NtHash;
    ///
    /// let hash: NtHash = "a4f49c406510bdcab6824ee7c30fd852".parse()?;
    /// assert_eq!(hash, NtHash::from_password("Password"));
    /// assert!("a4f49c40".parse::<NtHash>().is_err());
    /// # Ok::<(), ntlm::crypto::ParseHashError>(())
    /// ```
    fn from_str(digits: &str) -> Result<Self, ParseHashError> {
        parse(digits).map(|number| Self::from(number.to_be_bytes()))
    }
}

impl FromStr for LmHash {
    type Err = ParseHashError;

    /// Parses 32 hexadecimal digits in either case.
    fn from_str(digits: &str) -> Result<Self, ParseHashError> {
        parse(digits).map(|number| Self::from(number.to_be_bytes()))
    }
}

fn parse(digits: &str) -> Result<Zeroizing<u128>, ParseHashError> {
    let mut number = Zeroizing::new(0);
    let mut length = 0;
    for character in digits.chars() {
        length += 1;
        let digit = character.to_digit(16).ok_or(ParseHashError::Digit(length))?;
        // If there are too many digits, the first ones are shifted out; the length is checked
        // below.
        *number = *number << 4 | u128::from(digit);
    }
    if length == 32 { Ok(number) } else { Err(ParseHashError::Length(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "0123456789abcdef0123456789ABCDEF";

    #[test]
    fn digits_of_either_case_are_parsed() {
        let bytes = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes();
        assert_eq!(DIGITS.parse(), Ok(NtHash::from(bytes)));
        assert_eq!(DIGITS.parse(), Ok(LmHash::from(bytes)));
    }

    #[test]
    fn text_of_another_length_is_rejected() {
        for length in 0..32 {
            let error = ParseHashError::Length(length);
            assert_eq!(DIGITS[..length].parse::<NtHash>(), Err(error));
            assert_eq!(DIGITS[..length].parse::<LmHash>(), Err(error));
        }
        let twice = [DIGITS, DIGITS].concat();
        assert_eq!(twice.parse::<NtHash>(), Err(ParseHashError::Length(64)));
    }

    #[test]
    fn error_contains_the_position_of_the_first_wrong_character() {
        for (text, position) in [
            ("+123456789abcdef0123456789abcdef", 1),
            ("0x23456789abcdef0123456789abcdef", 2),
            ("0123456789abcdef0123456789abcde\n", 32),
            ("0123456789abcdef0123456789abcdef:0123456789abcdef0123456789abcdef", 33),
            ("ü１", 1),
        ] {
            assert_eq!(text.parse::<NtHash>(), Err(ParseHashError::Digit(position)), "{text}");
        }
    }
}
