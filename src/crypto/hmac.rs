//! HMAC-MD5 (RFC 2104), generic over the compression function of MD5.
//!
//! The handshake uses the compression function of the crate `md-5`, and sessions use the one in
//! `stitched`. This replaces the crate `hmac`, which copies its state and its buffer several times
//! per HMAC; that would take 3 % of the time of a handshake. The tests compare the results with the
//! crate.

#![allow(clippy::indexing_slicing, reason = "by constants, or within a block")]

use core::fmt;
use core::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

/// The input of one compression.
pub(crate) type Block = [u8; 64];

/// An implementation of MD5's compression function.
pub(crate) trait Compress {
    fn compress(state: &mut [u32; 4], block: &Block);
}

/// The state of MD5 before the first block.
const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The key of an HMAC-MD5, stored as the two MD5 states after the inner and after the outer key
/// block.
#[derive(Clone)]
pub(crate) struct HmacKey<C> {
    inner: Zeroizing<[u32; 4]>,
    outer: Zeroizing<[u32; 4]>,
    compress: PhantomData<C>,
}

impl<C: Compress> HmacKey<C> {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        let mut states = [INITIAL; 2].map(Zeroizing::new);
        for (state, pad) in states.iter_mut().zip([0x36, 0x5c]) {
            let mut block = [pad; 64];
            for (place, byte) in block.iter_mut().zip(key) {
                *place ^= byte;
            }
            C::compress(state, &block);
            block[..16].zeroize(); // The rest of the block does not depend on the key.
        }
        let [inner, outer] = states;
        Self { inner, outer, compress: PhantomData }
    }

    /// Returns the inner and the outer state, for export.
    pub(crate) fn states(&self) -> [&[u32; 4]; 2] {
        [&self.inner, &self.outer]
    }

    pub(crate) fn from_states([inner, outer]: &[[u32; 4]; 2]) -> Self {
        let [inner, outer] = [inner, outer].map(|state| Zeroizing::new(*state));
        Self { inner, outer, compress: PhantomData }
    }

    pub(crate) fn start(&self) -> Hmac<'_, C> {
        Hmac { key: self, state: *self.inner, block: [0; 64], len: 64 }
    }
}

impl<C> fmt::Debug for HmacKey<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey")
    }
}

/// An incremental HMAC-MD5.
pub(crate) struct Hmac<'a, C> {
    key: &'a HmacKey<C>,
    pub(super) state: [u32; 4],
    /// The bytes that wait for a complete block: the first `len % 64` bytes.
    block: Block,
    /// The number of bytes so far, including the 64 of the key block.
    pub(super) len: u64,
}

impl<C: Compress> Hmac<'_, C> {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash(bytes, C::compress);
    }

    pub(crate) fn finish(mut self) -> [u8; 16] {
        // The padding is a one bit, zeros, and the length in bits (RFC 1321, sections 3.1 and 3.2).
        let filled = self.filled();
        self.block[filled] = 0x80;
        self.block[filled + 1..].fill(0);
        if filled >= 56 {
            C::compress(&mut self.state, &self.block);
            self.block.fill(0);
        }
        self.block[56..].copy_from_slice(&self.len.wrapping_mul(8).to_le_bytes());
        C::compress(&mut self.state, &self.block);

        // The outer hash covers the key block, which `outer` already includes, and the inner hash.
        self.block.fill(0);
        self.block[..16].copy_from_slice(&bytes_of(&self.state));
        self.block[16] = 0x80;
        self.block[56..].copy_from_slice(&(8_u64 * (64 + 16)).to_le_bytes());
        self.len = 16;
        self.state = *self.key.outer;
        C::compress(&mut self.state, &self.block);
        bytes_of(&self.state)
    }

    /// Divides the input into blocks, and calls `compress` for each complete one.
    #[inline(always)]
    pub(super) fn hash(&mut self, bytes: &[u8], mut compress: impl FnMut(&mut [u32; 4], &Block)) {
        let (head, mut rest) = bytes.split_at(self.missing().min(bytes.len()));
        if !head.is_empty() {
            self.fill(head);
            if self.filled() == 0 {
                compress(&mut self.state, &self.block);
            }
        }
        while let Some((block, after)) = rest.split_first_chunk() {
            compress(&mut self.state, block);
            self.len += 64;
            rest = after;
        }
        self.fill(rest);
    }

    /// Appends bytes to the incomplete block. If they complete it, the caller must compress it.
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        let start = self.filled();
        self.block[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u64;
    }

    /// Returns how many bytes complete the incomplete block; 0 if there is none.
    pub(super) fn missing(&self) -> usize {
        (64 - self.filled()) % 64
    }

    fn filled(&self) -> usize {
        (self.len % 64) as usize
    }
}

impl<C> Drop for Hmac<'_, C> {
    fn drop(&mut self) {
        self.state.zeroize();
        // `len` bounds what the block contains: `finish` sets it to 16, the length of the inner
        // hash.
        let used = self.len.min(64) as usize;
        self.block[..used].zeroize();
    }
}

/// Returns a state as the hash that MD5 outputs.
fn bytes_of(state: &[u32; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (place, word) in bytes.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use ::hmac::{KeyInit, Mac};
    #[allow(unused_imports, reason = "old versions of proptest need it")]
    use alloc::format;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    use super::super::primitives::RustCrypto;
    use super::super::stitched::Stitched;
    use super::*;

    /// Computes the HMAC with the crates `hmac` and `md-5`.
    fn hmac_of_the_crates(key: &[u8; 16], message: &[u8]) -> [u8; 16] {
        let mut hmac = ::hmac::Hmac::<md5::Md5>::new_from_slice(key).unwrap();
        hmac.update(message);
        hmac.finalize().into_bytes().into()
    }

    /// Computes the HMAC with both compression functions, and asserts that the results are equal.
    fn hmac<'a>(key: &[u8; 16], parts: impl Iterator<Item = &'a [u8]> + Clone) -> [u8; 16] {
        fn with<'a, C: Compress>(
            key: &[u8; 16],
            parts: impl Iterator<Item = &'a [u8]>,
        ) -> [u8; 16] {
            let key = HmacKey::<C>::new(key);
            let mut hmac = key.start();
            parts.for_each(|part| hmac.update(part));
            hmac.finish()
        }
        let result = with::<RustCrypto>(key, parts.clone());
        assert_eq!(with::<Stitched>(key, parts), result);
        result
    }

    #[test]
    fn hmac_equals_the_vectors_of_rfc_2202() {
        let mut jefe = [0; 16];
        jefe[..4].copy_from_slice(b"Jefe");
        let cases: [([u8; 16], &[u8], u128); 4] = [
            ([0x0b; 16], b"Hi There", 0x9294_727a_3638_bb1c_13f4_8ef8_158b_fc9d),
            // HMAC pads shorter keys with zeros.
            (jefe, b"what do ya want for nothing?", 0x750c_783e_6ab0_b503_eaa8_6e31_0a5d_b738),
            ([0xaa; 16], &[0xdd; 50], 0x56be_3452_1d14_4c88_dbb8_c733_f0e8_b3f6),
            ([0x0c; 16], b"Test With Truncation", 0x5646_1ef2_342e_dc00_f9ba_b995_690e_fd4c),
        ];
        for (key, message, expected) in cases {
            assert_eq!(hmac(&key, [message].into_iter()), expected.to_be_bytes());
        }
    }

    #[test]
    fn every_length_equals_the_crates() {
        let message: Vec<u8> = (0..=255).cycle().take(300).collect();
        for len in 0..=message.len() {
            let message = &message[..len];
            let expected = hmac_of_the_crates(&[0x5a; 16], message);
            assert_eq!(hmac(&[0x5a; 16], [message].into_iter()), expected, "{len}");
        }
    }

    proptest! {
        #[test]
        fn any_key_and_parts_equal_the_crates(
            key: [u8; 16],
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..8),
        ) {
            let expected = hmac_of_the_crates(&key, &parts.concat());
            prop_assert_eq!(hmac(&key, parts.iter().map(Vec::as_slice)), expected);
        }
    }
}
