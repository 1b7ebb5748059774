//! RC4 and HMAC-MD5 in one walk over a message, for sessions.
//!
//! Both wait on themselves: each step of MD5 needs the one before, and so does each byte of RC4. In
//! turns, one hides in the other's waiting, and a message is sealed in little more than the time that
//! its HMAC takes alone. The crates of these algorithms do not lend their inner state, so that both
//! stand here once more; everything else uses the crates, and the tests compare.

#![allow(clippy::indexing_slicing, reason = "arrays of 256 by u8, and of 16 and 64 by constants")]

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

/// An RC4 state. It is not `Clone`: two copies would encrypt two messages with the same stream.
pub(crate) struct KeyStream {
    permutation: [u8; 256],
    i: u8,
    j: u8,
}

impl KeyStream {
    /// The state of a key, which is repeated up to 256 bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut permutation = [0; 256];
        for (byte, number) in permutation.iter_mut().zip(0..=u8::MAX) {
            *byte = number;
        }
        let mut j = 0_u8;
        for (i, key) in (0..=u8::MAX).zip(key.iter().cycle()) {
            let (here, there) = (usize::from(i), permutation[usize::from(i)]);
            j = j.wrapping_add(there).wrapping_add(*key);
            permutation.swap(here, usize::from(j));
        }
        Self { permutation, i: 0, j: 0 }
    }

    /// The state, to go on with it elsewhere and no longer here.
    pub(crate) const fn state(&self) -> (&[u8; 256], u8, u8) {
        (&self.permutation, self.i, self.j)
    }

    /// `None` if each byte is not there once.
    pub(crate) fn from_state(permutation: &[u8; 256], i: u8, j: u8) -> Option<Self> {
        let mut seen = [false; 256];
        for byte in permutation {
            seen[usize::from(*byte)] = true;
        }
        seen.iter().all(|seen| *seen).then_some(Self { permutation: *permutation, i, j })
    }

    /// Encrypts or decrypts in place with the next bytes of the stream.
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        let (mut i, mut j) = (self.i, self.j);
        for byte in data {
            *byte ^= next(&mut self.permutation, &mut i, &mut j);
        }
        (self.i, self.j) = (i, j);
    }
}

/// The next byte of a key stream. Whoever needs many keeps `i` and `j` in registers.
#[inline(always)]
fn next(permutation: &mut [u8; 256], i: &mut u8, j: &mut u8) -> u8 {
    *i = i.wrapping_add(1);
    let a = permutation[usize::from(*i)];
    *j = j.wrapping_add(a);
    let b = permutation[usize::from(*j)];
    permutation[usize::from(*i)] = b;
    permutation[usize::from(*j)] = a;
    permutation[usize::from(a.wrapping_add(b))]
}

impl Drop for KeyStream {
    fn drop(&mut self) {
        self.permutation.zeroize();
        (self.i, self.j) = (0, 0);
    }
}

impl fmt::Debug for KeyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyStream")
    }
}

type Block = [u8; 64];

/// The key of an HMAC-MD5: what MD5 makes of its inner and its outer block (RFC 2104).
#[derive(Clone)]
pub(crate) struct MacKey {
    inner: Zeroizing<[u32; 4]>,
    outer: Zeroizing<[u32; 4]>,
}

impl MacKey {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        let state = |pad| {
            let mut block = Zeroizing::new([pad; 64]);
            xor(&mut *block, key);
            let mut state = Zeroizing::new(INITIAL);
            compress(&mut state, &block);
            state
        };
        Self { inner: state(0x36), outer: state(0x5c) }
    }

    /// What stands for the key.
    pub(crate) fn states(&self) -> [&[u32; 4]; 2] {
        [&self.inner, &self.outer]
    }

    pub(crate) fn from_states([inner, outer]: &[[u32; 4]; 2]) -> Self {
        Self { inner: Zeroizing::new(*inner), outer: Zeroizing::new(*outer) }
    }

    pub(crate) fn start(&self) -> Mac<'_> {
        let (state, block) = (self.inner.clone(), Zeroizing::new([0; 64]));
        Mac { key: self, state, block, len: 64 }
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

/// An HMAC-MD5 in the making.
pub(crate) struct Mac<'a> {
    key: &'a MacKey,
    state: Zeroizing<[u32; 4]>,
    /// What does not fill a block yet.
    block: Zeroizing<Block>,
    /// How many bytes there were, with the key's block.
    len: u64,
}

impl Mac<'_> {
    /// Takes in bytes as they are.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let (head, mut rest) = bytes.split_at(self.missing().min(bytes.len()));
        self.fill(head);
        while let Some((block, after)) = rest.split_first_chunk() {
            compress(&mut self.state, block);
            self.len += 64;
            rest = after;
        }
        self.fill(rest);
    }

    /// Takes in bytes, and encrypts them.
    pub(crate) fn seal(&mut self, stream: &mut KeyStream, bytes: &mut [u8]) {
        let (head, blocks, tail) = self.cut(bytes);
        self.fill(head);
        stream.apply(head);
        self.len += blocks.len() as u64;
        for block in blocks.chunks_exact_mut(64).filter_map(<[u8]>::first_chunk_mut) {
            let keys = compress_and_next(&mut self.state, block, stream);
            xor(block, &keys);
        }
        self.fill(tail);
        stream.apply(tail);
    }

    /// Decrypts bytes, and takes them in: the key stream is a block ahead.
    pub(crate) fn unseal(&mut self, stream: &mut KeyStream, bytes: &mut [u8]) {
        let (head, blocks, tail) = self.cut(bytes);
        stream.apply(head);
        self.fill(head);
        self.len += blocks.len() as u64;
        if let Some((first, others)) = blocks.split_first_chunk_mut::<64>() {
            stream.apply(first);
            let mut last = first;
            for block in others.chunks_exact_mut(64).filter_map(<[u8]>::first_chunk_mut) {
                let keys = compress_and_next(&mut self.state, last, stream);
                xor(block, &keys);
                last = block;
            }
            compress(&mut self.state, last);
        }
        stream.apply(tail);
        self.fill(tail);
    }

    /// What fills the block, whole blocks, and the rest.
    fn cut<'b>(&self, bytes: &'b mut [u8]) -> (&'b mut [u8], &'b mut [u8], &'b mut [u8]) {
        let (head, rest) = bytes.split_at_mut(self.missing().min(bytes.len()));
        let (blocks, tail) = rest.split_at_mut(rest.len() - rest.len() % 64);
        (head, blocks, tail)
    }

    pub(crate) fn finish(mut self) -> [u8; 16] {
        let key = self.key;
        let inner = self.digest();
        let block = Zeroizing::new([0; 64]);
        let mut outer = Mac { key, state: key.outer.clone(), block, len: 64 };
        outer.fill(&inner);
        outer.digest()
    }

    /// Ends MD5: a one, zeros, and the length in bits (RFC 1321, sections 3.1 and 3.2).
    fn digest(&mut self) -> [u8; 16] {
        let bits = self.len.wrapping_mul(8).to_le_bytes();
        let zeros = [0; 64];
        self.fill(&[0x80]);
        if 64 - self.filled() < bits.len() {
            self.fill(&zeros[self.filled()..]);
        }
        self.fill(&zeros[self.filled() + bits.len()..]);
        self.fill(&bits);
        let mut digest = [0; 16];
        for (place, word) in digest.chunks_exact_mut(4).zip(*self.state) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }

    /// How many bytes the block lacks, if it was begun.
    fn missing(&self) -> usize {
        (64 - self.filled()) % 64
    }

    fn filled(&self) -> usize {
        usize::try_from(self.len % 64).unwrap_or_default()
    }

    /// Takes in bytes that the block has room for.
    fn fill(&mut self, bytes: &[u8]) {
        let start = self.filled();
        self.block[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u64;
        if start + bytes.len() == 64 {
            compress(&mut self.state, &self.block);
        }
    }
}

fn xor(bytes: &mut [u8], keys: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(keys) {
        *byte ^= key;
    }
}

/// The state of MD5 before the first block.
const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// MD5 of a block: 64 steps (RFC 1321, section 3.4), each followed by `$then` with its number.
///
/// A line has four steps: their shifts, the number of the first, and for each of them which word of
/// the block and which constant it adds.
macro_rules! md5 {
    ($state:ident, $block:ident, $number:ident => $then:expr) => {{
        let x: [u32; 16] = core::array::from_fn(|n| {
            let at = 4 * n;
            u32::from_le_bytes([$block[at], $block[at + 1], $block[at + 2], $block[at + 3]])
        });
        let [mut a, mut b, mut c, mut d] = *$state;
        macro_rules! then {
            ($step:expr) => {{
                let $number: usize = $step;
                $then;
            }};
        }
        macro_rules! four {
            ($mix:ident $s0:literal $s1:literal $s2:literal $s3:literal, $first:literal:
             $x0:literal $t0:literal, $x1:literal $t1:literal,
             $x2:literal $t2:literal, $x3:literal $t3:literal) => {
                a = add(a, b, $mix(b, c, d), x[$x0], $s0, $t0);
                then!($first);
                d = add(d, a, $mix(a, b, c), x[$x1], $s1, $t1);
                then!($first + 1);
                c = add(c, d, $mix(d, a, b), x[$x2], $s2, $t2);
                then!($first + 2);
                b = add(b, c, $mix(c, d, a), x[$x3], $s3, $t3);
                then!($first + 3);
            };
        }
        four!(f 7 12 17 22, 0: 0 0xd76a_a478, 1 0xe8c7_b756, 2 0x2420_70db, 3 0xc1bd_ceee);
        four!(f 7 12 17 22, 4: 4 0xf57c_0faf, 5 0x4787_c62a, 6 0xa830_4613, 7 0xfd46_9501);
        four!(f 7 12 17 22, 8: 8 0x6980_98d8, 9 0x8b44_f7af, 10 0xffff_5bb1, 11 0x895c_d7be);
        four!(f 7 12 17 22, 12: 12 0x6b90_1122, 13 0xfd98_7193, 14 0xa679_438e, 15 0x49b4_0821);
        four!(g 5 9 14 20, 16: 1 0xf61e_2562, 6 0xc040_b340, 11 0x265e_5a51, 0 0xe9b6_c7aa);
        four!(g 5 9 14 20, 20: 5 0xd62f_105d, 10 0x0244_1453, 15 0xd8a1_e681, 4 0xe7d3_fbc8);
        four!(g 5 9 14 20, 24: 9 0x21e1_cde6, 14 0xc337_07d6, 3 0xf4d5_0d87, 8 0x455a_14ed);
        four!(g 5 9 14 20, 28: 13 0xa9e3_e905, 2 0xfcef_a3f8, 7 0x676f_02d9, 12 0x8d2a_4c8a);
        four!(h 4 11 16 23, 32: 5 0xfffa_3942, 8 0x8771_f681, 11 0x6d9d_6122, 14 0xfde5_380c);
        four!(h 4 11 16 23, 36: 1 0xa4be_ea44, 4 0x4bde_cfa9, 7 0xf6bb_4b60, 10 0xbebf_bc70);
        four!(h 4 11 16 23, 40: 13 0x289b_7ec6, 0 0xeaa1_27fa, 3 0xd4ef_3085, 6 0x0488_1d05);
        four!(h 4 11 16 23, 44: 9 0xd9d4_d039, 12 0xe6db_99e5, 15 0x1fa2_7cf8, 2 0xc4ac_5665);
        four!(i 6 10 15 21, 48: 0 0xf429_2244, 7 0x432a_ff97, 14 0xab94_23a7, 5 0xfc93_a039);
        four!(i 6 10 15 21, 52: 12 0x655b_59c3, 3 0x8f0c_cc92, 10 0xffef_f47d, 1 0x8584_5dd1);
        four!(i 6 10 15 21, 56: 8 0x6fa8_7e4f, 15 0xfe2c_e6e0, 6 0xa301_4314, 13 0x4e08_11a1);
        four!(i 6 10 15 21, 60: 4 0xf753_7e82, 11 0xbd3a_f235, 2 0x2ad7_d2bb, 9 0xeb86_d391);
        for (word, sum) in $state.iter_mut().zip([a, b, c, d]) {
            *word = word.wrapping_add(sum);
        }
    }};
}

/// One step. What it mixes comes as a sum of which only the second part waits for the step before,
/// so that the other one is added meanwhile.
#[inline(always)]
fn add(a: u32, b: u32, (early, late): (u32, u32), word: u32, shift: u32, constant: u32) -> u32 {
    let early = a.wrapping_add(word).wrapping_add(constant).wrapping_add(early);
    early.wrapping_add(late).rotate_left(shift).wrapping_add(b)
}

#[inline(always)]
fn f(x: u32, y: u32, z: u32) -> (u32, u32) {
    (0, ((y ^ z) & x) ^ z)
}

/// Its halves have no bit in common, so that they can be added.
#[inline(always)]
fn g(x: u32, y: u32, z: u32) -> (u32, u32) {
    (y & !z, x & z)
}

#[inline(always)]
fn h(x: u32, y: u32, z: u32) -> (u32, u32) {
    (0, x ^ (y ^ z))
}

#[inline(always)]
fn i(x: u32, y: u32, z: u32) -> (u32, u32) {
    (0, y ^ (x | !z))
}

fn compress(state: &mut [u32; 4], block: &Block) {
    md5!(state, block, _step => ());
}

/// MD5 of a block, and the next 64 bytes of the key stream, in turns.
fn compress_and_next(state: &mut [u32; 4], block: &Block, stream: &mut KeyStream) -> Block {
    let mut keys = [0; 64];
    let (permutation, mut i, mut j) = (&mut stream.permutation, stream.i, stream.j);
    md5!(state, block, step => keys[step] = next(permutation, &mut i, &mut j));
    (stream.i, stream.j) = (i, j);
    keys
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::crypto::primitives;

    const KEY: [u8; 16] = *b"\x00\x01\x02\x03\x04\x05\x06\x07\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff";

    fn message(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n * 7 + n / 256).to_le_bytes()[0]).collect()
    }

    /// By the crates: the HMAC of all, and what the key stream makes of it.
    fn plainly(message: &[u8]) -> ([u8; 16], Vec<u8>) {
        let mut encrypted = message.to_vec();
        primitives::KeyStream::new(&KEY).apply(&mut encrypted);
        (primitives::hmac_md5(&KEY, &[message]), encrypted)
    }

    /// Cuts a message where `cuts` say, which are repeated.
    fn parts<'a>(mut message: &'a mut [u8], cuts: &[usize]) -> Vec<&'a mut [u8]> {
        let mut parts = Vec::new();
        for cut in cuts.iter().cycle() {
            if message.is_empty() {
                break;
            }
            let (part, rest) = message.split_at_mut((*cut).min(message.len()));
            parts.push(part);
            message = rest;
        }
        parts
    }

    fn assert_as_plainly(len: usize, cuts: &[usize]) {
        let plain = message(len);
        let (mac, encrypted) = plainly(&plain);
        let key = MacKey::new(&KEY);

        let mut updated = key.start();
        let mut bytes = plain.clone();
        parts(&mut bytes, cuts).into_iter().for_each(|part| updated.update(part));
        assert_eq!(updated.finish(), mac, "{len} bytes, {cuts:?}");

        let (mut sealed, mut stream) = (key.start(), KeyStream::new(&KEY));
        parts(&mut bytes, cuts).into_iter().for_each(|part| sealed.seal(&mut stream, part));
        assert_eq!((sealed.finish(), &bytes), (mac, &encrypted), "{len} bytes, {cuts:?}");

        let (mut unsealed, mut stream) = (key.start(), KeyStream::new(&KEY));
        parts(&mut bytes, cuts).into_iter().for_each(|part| unsealed.unseal(&mut stream, part));
        assert_eq!((unsealed.finish(), &bytes), (mac, &plain), "{len} bytes, {cuts:?}");
    }

    #[test]
    fn every_length_is_as_the_crates_have_it() {
        for len in 0..=1024 {
            assert_as_plainly(len, &[1024]);
            // A session hashes four bytes first.
            assert_as_plainly(len, &[4, 1020]);
        }
    }

    #[test]
    fn the_key_stream_does_not_see_where_blocks_end() {
        let mut bytes = message(300);
        let mut stream = KeyStream::new(&KEY);
        parts(&mut bytes, &[1, 63, 5, 64]).into_iter().for_each(|part| stream.apply(part));
        assert_eq!(bytes, plainly(&message(300)).1);
        // Keys of 8 bytes are those of 16 that repeat them.
        let mut zeros = [[0; 300]; 2];
        KeyStream::new(&KEY[..8]).apply(&mut zeros[0]);
        KeyStream::new(&[&KEY[..8], &KEY[..8]].concat()).apply(&mut zeros[1]);
        assert_eq!(zeros[0], zeros[1]);
    }

    proptest::proptest! {
        #[test]
        fn every_cut_is_as_the_crates_have_it(
            len in 0_usize..2000,
            cuts in proptest::collection::vec(1_usize..200, 1..12),
        ) {
            assert_as_plainly(len, &cuts);
        }
    }
}
