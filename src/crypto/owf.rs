//! The one-way functions of a password: NTOWFv1, LMOWFv1 and NTOWFv2 ([MS-NLMP] 3.3.1, 3.3.2).

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::primitives::{HmacMd5Key, by_block, des, join, md4_of_units};
use super::{ResponseKey, key};
use crate::secret::Secret;
use crate::text::{CodePage, Text};
use crate::upcase::uppercase;

key! {
    /// The NT hash of a password (`NTOWFv1`): the MD4 of the password in UTF-16LE. Protect it like
    /// the password, because a client can log in with the hash alone ("pass the hash").
    ///
    /// Make it from a [password](Self::from_password), from 32 hexadecimal digits with
    /// [`str::parse`], or from its 16 bytes with `From`.
    #[doc(alias("NTOWFv1", "NTOWF", "NTHash", "pass the hash"))]
    NtHash
}

key! {
    /// The LM hash of a password (`LMOWFv1`): a constant, encrypted with two DES keys of seven
    /// upper-case characters each. Protect it like the password, because each half can be
    /// brute-forced quickly.
    #[doc(alias("LMOWFv1", "LMOWF"))]
    LmHash
}

impl NtHash {
    /// Hashes a password.
    #[doc(alias("NTOWFv1"))]
    #[must_use]
    pub fn from_password(password: &str) -> Self {
        Self::from_utf16(password.encode_utf16())
    }

    /// Hashes a password of UTF-16 code units. They may be ill-formed, as in the random passwords
    /// of machine accounts.
    #[must_use]
    pub fn from_utf16(password: impl IntoIterator<Item = u16>) -> Self {
        Self::from(md4_of_units(password))
    }
}

impl LmHash {
    /// Hashes a password. Returns `None` if its upper case has more than 14 bytes in the code page,
    /// or contains a character that the code page does not contain.
    ///
    /// Windows uses the OEM code page of the machine.
    #[must_use]
    pub fn from_password(password: &str, code_page: &dyn CodePage) -> Option<Self> {
        Self::from_utf16(password.encode_utf16(), code_page)
    }

    /// Hashes a password of UTF-16 code units, as [`from_password`](Self::from_password) does.
    /// Returns `None` also if they are ill-formed.
    #[must_use]
    pub fn from_utf16(
        password: impl IntoIterator<Item = u16>,
        code_page: &dyn CodePage,
    ) -> Option<Self> {
        // 15 code units are too many in every code page, so the rest need not be read.
        let mut upper = Zeroizing::new(Vec::with_capacity(15));
        upper.extend(password.into_iter().take(15).map(uppercase));
        // Reserve the maximum, because a string that grows leaves unwiped copies behind.
        let mut text = Zeroizing::new(String::with_capacity(3 * upper.len()));
        for character in char::decode_utf16(upper.iter().copied()) {
            text.push(character.ok()?);
        }
        let oem = Zeroizing::new(code_page.encode(&text)?);
        let mut padded = Zeroizing::new([0; 14]);
        padded.get_mut(..oem.len())?.copy_from_slice(&oem);
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *padded;
        let first = des(&[a, b, c, d, e, f, g], MAGIC);
        Some(Self::from(join(first, des(&[h, i, j, k, l, m, n], MAGIC))))
    }
}

/// The constant that LMOWFv1 encrypts.
const MAGIC: &[u8; 8] = b"KGS!@#$%";

impl ResponseKey {
    /// Computes `NTOWFv2`, which equals `LMOWFv2`. The user name is upper-cased; the domain is used
    /// as it is.
    #[doc(alias("NTOWFv2", "LMOWFv2"))]
    #[must_use]
    pub fn new(nt_hash: &NtHash, user: &Text, domain: &Text) -> Self {
        Self::of_units(nt_hash, user, domain.utf16_units())
    }

    /// Computes the key as [`new`](Self::new) does, from the domain's UTF-16 code units.
    pub(crate) fn of_units(
        nt_hash: &NtHash,
        user: &Text,
        domain: impl IntoIterator<Item = u16>,
    ) -> Self {
        let key = HmacMd5Key::new(nt_hash.expose());
        let mut hmac = key.start();
        by_block(user.utf16_units().map(uppercase).chain(domain), |bytes| hmac.update(bytes));
        Self::from(hmac.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Ascii;

    #[test]
    fn password_of_15_characters_has_no_lm_hash() {
        assert!(LmHash::from_password("14 characters!", &Ascii).is_some());
        assert_eq!(LmHash::from_password("15 characters!!", &Ascii), None);
    }

    #[test]
    fn password_outside_the_code_page_has_no_lm_hash() {
        assert_eq!(LmHash::from_password("päßword", &Ascii), None);
        static WESTERN: [char; 128] = {
            let mut table = ['\u{fffd}'; 128];
            table[0x0e] = 'Ä';
            table
        };
        // Like Windows, upper-case before encoding: the code page need not contain the lower-case
        // letter.
        let upper = LmHash::from_password("PÄSSWORD", &WESTERN);
        assert!(upper.is_some());
        assert_eq!(LmHash::from_password("pässword", &WESTERN), upper);
    }

    #[test]
    fn empty_password_has_the_published_hashes() {
        let nt = 0x31d6_cfe0_d16a_e931_b73c_59d7_e0c0_89c0_u128.to_be_bytes();
        let lm = 0xaad3_b435_b514_04ee_aad3_b435_b514_04ee_u128.to_be_bytes();
        assert_eq!(NtHash::from_password("").expose(), &nt);
        assert_eq!(LmHash::from_password("", &Ascii).unwrap().expose(), &lm);
    }
}
