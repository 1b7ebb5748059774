//! The hashes and ciphers of NTLM (\[MS-NLMP\] 6). Public with the feature `hazmat`.
//!
//! Do not use them for anything but NTLM: all of them are broken, or have keys that are too short.

use des::cipher::{Block, BlockCipherEncrypt, KeyInit};
use md4::Md4;
use md5::{Digest, Md5};
use rc4::{Rc4, StreamCipher};
use zeroize::Zeroizing;

use super::hmac::{Compress, HmacKey};

/// Computes `MD4(M)`.
#[must_use]
pub fn md4(message: &[u8]) -> [u8; 16] {
    Md4::digest(message).into()
}

/// Computes the MD4 of UTF-16 code units, without a copy of the whole text in memory.
pub(super) fn md4_of_units(units: impl IntoIterator<Item = u16>) -> [u8; 16] {
    let mut hash = Md4::new();
    by_block(units, |bytes| hash.update(bytes));
    hash.finalize().into()
}

/// Encodes UTF-16 code units as little-endian bytes, and passes them on in blocks of 64 bytes.
pub(super) fn by_block(units: impl IntoIterator<Item = u16>, mut hand_on: impl FnMut(&[u8])) {
    let mut block = Zeroizing::new([0; 64]);
    let mut units = units.into_iter();
    loop {
        let mut filled = 0;
        for (place, unit) in block.chunks_exact_mut(2).zip(&mut units) {
            place.copy_from_slice(&unit.to_le_bytes());
            filled += 2;
        }
        hand_on(block.split_at(filled).0);
        if filled < block.len() {
            return;
        }
    }
}

/// Computes `MD5(M)` of the concatenation of the parts.
#[must_use]
pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Computes `HMAC_MD5(K, M)` of the concatenation of the parts.
#[must_use]
pub fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    let key = HmacMd5Key::new(key);
    let mut hmac = key.start();
    for part in parts {
        hmac.update(part);
    }
    hmac.finish()
}

/// Expands 56 bits to the 8 bytes of a DES key: 7 bits per byte, and odd parity in the lowest bit.
#[must_use]
pub fn des_key(key: &[u8; 7]) -> [u8; 8] {
    let [a, b, c, d, e, f, g] = *key;
    let bits = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
    core::array::from_fn(|i| {
        let [.., seven] = (bits >> (49 - 7 * i)).to_be_bytes();
        let byte = seven << 1;
        byte | u8::from(byte.count_ones() % 2 == 0)
    })
}

/// Computes `DES(K, D)`: encrypts one block with a key of 7 bytes.
#[must_use]
pub fn des(key: &[u8; 7], data: &[u8; 8]) -> [u8; 8] {
    let key = Zeroizing::new(des_key(key));
    let mut block = Block::<des::Des>::from(*data);
    des::Des::new((&*key).into()).encrypt_block(&mut block);
    block.into()
}

/// Computes `DESL(K, D)`: encrypts the block three times, with three DES keys that are cut from the
/// 16 bytes of the key and five zeros.
#[must_use]
pub fn desl(key: &[u8; 16], data: &[u8; 8]) -> [u8; 24] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *key;
    let keys = [[a, b, c, d, e, f, g], [h, i, j, k, l, m, n], [o, p, 0, 0, 0, 0, 0]];
    let mut result = [0; 24];
    for (place, key) in result.chunks_exact_mut(8).zip(&keys) {
        place.copy_from_slice(&des(key, data));
    }
    result
}

/// Concatenates two blocks.
pub(super) fn join(first: [u8; 8], second: [u8; 8]) -> [u8; 16] {
    let [high, low] = [first, second].map(|half| u128::from(u64::from_be_bytes(half)));
    (high << 64 | low).to_be_bytes()
}

/// Computes `RC4K(K, D)`: encrypts or decrypts the data with a fresh RC4 state.
#[must_use]
pub fn rc4k(key: &[u8; 16], data: &[u8; 16]) -> [u8; 16] {
    let mut result = *data;
    KeyStream::new(key).apply(&mut result);
    result
}

/// Computes `CRC32(M)`, the CRC of zlib and Ethernet (reflected polynomial 0xEDB88320).
#[cfg(any(test, feature = "hazmat"))]
#[must_use]
pub fn crc32(message: &[u8]) -> u32 {
    let mut crc = Crc32::default();
    crc.update(message);
    crc.finish()
}

/// An incremental CRC32.
#[derive(Clone, Copy)]
pub(crate) struct Crc32(u32);

impl Default for Crc32 {
    fn default() -> Self {
        Self(!0)
    }
}

impl Crc32 {
    #[expect(clippy::indexing_slicing, reason = "the table has an entry for each byte")]
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [low, ..] = self.0.to_le_bytes();
            self.0 = CRC_TABLE[usize::from(low ^ byte)] ^ (self.0 >> 8);
        }
    }

    pub(crate) fn finish(self) -> u32 {
        !self.0
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated when the crate is compiled")]
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xedb8_8320 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};

/// The MD5 compression function of the crate `md-5`.
#[derive(Clone)]
pub(super) struct RustCrypto;

impl Compress for RustCrypto {
    fn compress(state: &mut [u32; 4], block: &[u8; 64]) {
        md5::block_api::compress(state, core::slice::from_ref(block));
    }
}

/// The HMAC-MD5 key that the handshake uses.
pub(super) type HmacMd5Key = HmacKey<RustCrypto>;

/// An RC4 state. It is not `Clone`, because two copies would encrypt with the same key stream.
pub(crate) struct KeyStream(Rc4);

impl KeyStream {
    /// Sets up the state from a key of 8 or 16 bytes.
    ///
    /// The type `Rc4` has a fixed key length of 32 bytes. Repeating the key up to that length
    /// changes nothing, because RC4 itself repeats its key up to 256 bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut repeated = Zeroizing::new([0; 32]);
        for part in repeated.chunks_exact_mut(key.len()) {
            part.copy_from_slice(key);
        }
        Self(Rc4::new((&*repeated).into()))
    }

    /// Encrypts or decrypts in place with the next bytes of the stream.
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        self.0.apply_keystream(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_of_parts_equals_the_vector_of_rfc_1321() {
        let expected = 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72_u128.to_be_bytes();
        assert_eq!(md5(&[b"a", b"bc"]), expected);
    }

    #[test]
    fn crc32_equals_the_published_check_value_whole_and_in_parts() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut crc = Crc32::default();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.finish(), 0xcbf4_3926);
    }

    /// The crates implement `ZeroizeOnDrop` only if their feature is on; otherwise this does not
    /// compile.
    #[test]
    fn states_of_the_crates_are_wiped_on_drop() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Rc4>();
        wiped::<des::Des>();
        wiped::<Md4>();
        wiped::<Md5>();
    }
}
