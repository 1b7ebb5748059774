//! The compression function of MD5, on its own and interleaved with RC4.

use super::key_stream::{KeyStream, next};
use crate::crypto::hmac::Block;

/// Compresses a block: 64 steps (RFC 1321, section 3.4), each followed by `$then` with the number
/// of the step.
///
/// Each `four!` is four steps. Its arguments are the function, the four shifts, the number of the
/// first step, and the indices of the four words of the block.
///
/// `black_box` hides the constants from the compiler. LLVM moves known constants to the end of a
/// sum, where the addition waits for the previous step; that costs one cycle per step. LLVM also
/// adds last what is loaded last, so each row of constants is loaded before the first of its four
/// steps.
macro_rules! md5 {
    ($state:ident, $words:ident, $number:ident => $then:expr) => {{
        let x: &[u32; 16] = $words;
        let constants: &[[u32; 4]; 16] = core::hint::black_box(&CONSTANTS);
        let [mut a, mut b, mut c, mut d] = *$state;
        macro_rules! then {
            ($step:expr) => {{
                let $number: usize = $step;
                $then;
            }};
        }
        macro_rules! four {
            ($mix:ident $s0:literal $s1:literal $s2:literal $s3:literal, $first:literal:
             $x0:literal $x1:literal $x2:literal $x3:literal) => {
                let [t0, t1, t2, t3] = constants[$first / 4];
                a = step(a, b, $mix(b, c, d), x[$x0], $s0, t0);
                then!($first);
                d = step(d, a, $mix(a, b, c), x[$x1], $s1, t1);
                then!($first + 1);
                c = step(c, d, $mix(d, a, b), x[$x2], $s2, t2);
                then!($first + 2);
                b = step(b, c, $mix(c, d, a), x[$x3], $s3, t3);
                then!($first + 3);
            };
        }
        four!(f 7 12 17 22, 0: 0 1 2 3);
        four!(f 7 12 17 22, 4: 4 5 6 7);
        four!(f 7 12 17 22, 8: 8 9 10 11);
        four!(f 7 12 17 22, 12: 12 13 14 15);
        four!(g 5 9 14 20, 16: 1 6 11 0);
        four!(g 5 9 14 20, 20: 5 10 15 4);
        four!(g 5 9 14 20, 24: 9 14 3 8);
        four!(g 5 9 14 20, 28: 13 2 7 12);
        four!(h 4 11 16 23, 32: 5 8 11 14);
        four!(h 4 11 16 23, 36: 1 4 7 10);
        four!(h 4 11 16 23, 40: 13 0 3 6);
        four!(h 4 11 16 23, 44: 9 12 15 2);
        four!(i 6 10 15 21, 48: 0 7 14 5);
        four!(i 6 10 15 21, 52: 12 3 10 1);
        four!(i 6 10 15 21, 56: 8 15 6 13);
        four!(i 6 10 15 21, 60: 4 11 2 9);
        for (word, sum) in $state.iter_mut().zip([a, b, c, d]) {
            *word = word.wrapping_add(sum);
        }
    }};
}

/// Compresses a block.
pub(super) fn compress(state: &mut [u32; 4], block: &Block) {
    let words = &words(block);
    md5!(state, words, _step => ());
}

/// Compresses a block, and writes the next 64 bytes of the key stream to `keys`.
///
/// `keys` is a buffer of the caller, because LLVM would return an array by value with 64 extra
/// stores and loads.
pub(super) fn compress_and_next(
    state: &mut [u32; 4],
    block: &Block,
    stream: &mut KeyStream,
    keys: &mut Block,
) {
    let words = &words(block);
    let (permutation, mut i, mut j) = (&mut stream.permutation, stream.i, stream.j);
    md5!(state, words, step => keys[step] = next(permutation, &mut i, &mut j));
    (stream.i, stream.j) = (i, j);
}

/// Returns a block as 16 little-endian words.
#[inline(always)]
fn words(block: &Block) -> [u32; 16] {
    core::array::from_fn(|n| {
        let at = 4 * n;
        u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
    })
}

/// Computes one step of MD5. The sum of `early` and `late` is the value of the step's function.
/// Only `late` depends on the previous step, so the processor can add everything else while that
/// step is still computed.
#[inline(always)]
fn step(a: u32, b: u32, (early, late): (u32, u32), word: u32, shift: u32, constant: u32) -> u32 {
    let early = a.wrapping_add(word).wrapping_add(constant).wrapping_add(early);
    early.wrapping_add(late).rotate_left(shift).wrapping_add(b)
}

#[inline(always)]
fn f(x: u32, y: u32, z: u32) -> (u32, u32) {
    (0, ((y ^ z) & x) ^ z)
}

/// The two terms have no bit in common, so their sum equals their bitwise or.
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

/// The constants that the steps add: one row per four steps.
static CONSTANTS: [[u32; 4]; 16] = [
    [0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee],
    [0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501],
    [0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be],
    [0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821],
    [0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa],
    [0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8],
    [0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed],
    [0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a],
    [0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c],
    [0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70],
    [0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05],
    [0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665],
    [0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039],
    [0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1],
    [0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1],
    [0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391],
];
