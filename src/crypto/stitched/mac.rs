//! HMAC-MD5 (RFC 2104) of messages that are encrypted or decrypted on the way.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::Block;
use super::compress::{INITIAL, compress, compress_and_next, compress_words};
use super::key_stream::KeyStream;

/// How many blocks `seal` works on at a time. It keeps their keys on the stack until it has hashed
/// them.
const PIECE: usize = 8;

/// The key of an HMAC-MD5, as the MD5 states after its inner and its outer block.
#[derive(Clone)]
pub(crate) struct MacKey {
    inner: Zeroizing<[u32; 4]>,
    outer: Zeroizing<[u32; 4]>,
}

impl MacKey {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        let state = |pad| {
            let mut words = Zeroizing::new([pad; 16]);
            for (word, bytes) in words.iter_mut().zip(key.chunks_exact(4)) {
                *word ^= bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            }
            let mut state = Zeroizing::new(INITIAL);
            compress_words(&mut state, &words);
            state
        };
        Self { inner: state(0x3636_3636), outer: state(0x5c5c_5c5c) }
    }

    /// The two states, for exporting them.
    pub(crate) fn states(&self) -> [&[u32; 4]; 2] {
        [&self.inner, &self.outer]
    }

    pub(crate) fn from_states([inner, outer]: &[[u32; 4]; 2]) -> Self {
        Self { inner: Zeroizing::new(*inner), outer: Zeroizing::new(*outer) }
    }

    pub(crate) fn start(&self) -> Mac<'_> {
        Mac { key: self, state: *self.inner, block: [0; 64], len: 64 }
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

/// An incremental HMAC-MD5.
pub(crate) struct Mac<'a> {
    key: &'a MacKey,
    state: [u32; 4],
    /// The begun block. `len` tells how much of it is filled.
    block: Block,
    /// The number of bytes hashed so far, including the block of the key.
    len: u64,
}

impl Mac<'_> {
    /// Hashes bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash(bytes, compress);
    }

    /// Hashes bytes, and encrypts them.
    ///
    /// Each compression makes the next 64 keys, including the one that completes a block begun by an
    /// earlier call. RC4 runs on its own only for the bytes after the last 64 keys.
    pub(crate) fn seal(&mut self, stream: &mut KeyStream, bytes: &mut [u8]) {
        let mut keys = [[0; 64]; PIECE];
        for piece in bytes.chunks_mut(64 * PIECE) {
            let mut places = keys[..piece.len() / 64].iter_mut();
            self.hash(piece, |state, block| match places.next() {
                Some(place) => compress_and_next(state, block, stream, place),
                None => compress(state, block),
            });
            let made = 64 * (piece.len() / 64 - places.len());
            let (piece, rest) = piece.split_at_mut(made);
            let keys = &mut keys.as_flattened_mut()[..made];
            // The ciphertext also replaces the keys, so that no key stream remains on the stack.
            for (key, byte) in keys.iter_mut().zip(piece) {
                *key ^= *byte;
                *byte = *key;
            }
            stream.apply(rest);
        }
        // Otherwise the compiler could omit those stores, because nothing reads them.
        core::hint::black_box(&keys);
    }

    /// Decrypts bytes, and hashes them.
    ///
    /// MD5 needs the decrypted block, so each compression makes the keys of the block after it.
    pub(crate) fn unseal(&mut self, stream: &mut KeyStream, bytes: &mut [u8]) {
        let missing = self.missing();
        if bytes.len() < missing + 64 {
            stream.apply(bytes);
            return self.update(bytes);
        }
        let (head, rest) = bytes.split_at_mut(missing);
        let (blocks, tail) = rest.split_at_mut(rest.len() - rest.len() % 64);
        let mut keys = Zeroizing::new([0; 64]);
        stream.apply(head);
        if head.is_empty() {
            stream.apply(&mut *keys);
        }
        self.hash(head, |state, block| compress_and_next(state, block, stream, &mut keys));
        let mut blocks = blocks.chunks_exact_mut(64).filter_map(<[u8]>::first_chunk_mut).peekable();
        while let Some(block) = blocks.next() {
            xor(block, &*keys);
            if blocks.peek().is_some() {
                compress_and_next(&mut self.state, block, stream, &mut keys);
            } else {
                compress(&mut self.state, block);
            }
            self.len += 64;
        }
        stream.apply(tail);
        self.fill(tail);
    }

    /// Ends the hash and returns it.
    pub(crate) fn finish(mut self) -> [u8; 16] {
        // MD5 ends with a one bit, zeros, and the length in bits (RFC 1321, sections 3.1 and 3.2).
        let filled = self.filled();
        self.block[filled] = 0x80;
        self.block[filled + 1..].fill(0);
        if filled >= 56 {
            compress(&mut self.state, &self.block);
            self.block.fill(0);
        }
        self.block[56..].copy_from_slice(&self.len.wrapping_mul(8).to_le_bytes());
        compress(&mut self.state, &self.block);

        // The outer hash is over the key's block, which `outer` includes, and the inner hash.
        let mut words = Zeroizing::new([0; 16]);
        words[..4].copy_from_slice(&self.state);
        (words[4], words[14]) = (0x80, 8 * (64 + 16));
        self.state = *self.key.outer;
        compress_words(&mut self.state, &words);
        let mut hash = [0; 16];
        for (place, word) in hash.chunks_exact_mut(4).zip(self.state) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        hash
    }

    /// Collects bytes to blocks and calls `compress` for each of them.
    #[inline(always)]
    fn hash(&mut self, bytes: &[u8], mut compress: impl FnMut(&mut [u32; 4], &Block)) {
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

    /// Appends bytes to the begun block. If they complete it, the caller must compress it.
    fn fill(&mut self, bytes: &[u8]) {
        let start = self.filled();
        self.block[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u64;
    }

    /// How many bytes the begun block lacks; none if no block is begun.
    fn missing(&self) -> usize {
        (64 - self.filled()) % 64
    }

    fn filled(&self) -> usize {
        (self.len % 64) as usize
    }
}

impl Drop for Mac<'_> {
    fn drop(&mut self) {
        self.state.zeroize();
        self.block.as_mut_slice().zeroize();
    }
}

fn xor(bytes: &mut [u8], keys: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(keys) {
        *byte ^= key;
    }
}
