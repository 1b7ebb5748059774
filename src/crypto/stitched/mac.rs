//! HMAC-MD5 (RFC 2104) that encrypts or decrypts the message in the same pass.

use zeroize::Zeroizing;

use super::compress::{compress, compress_and_next};
use super::key_stream::KeyStream;
use crate::crypto::hmac::{Block, Compress, Hmac, HmacKey};

/// The number of blocks that `seal` processes at a time, with their part of the key stream on the
/// stack.
const PIECE: usize = 8;

/// The MD5 compression function of this module.
#[derive(Clone)]
pub(crate) struct Stitched;

impl Compress for Stitched {
    fn compress(state: &mut [u32; 4], block: &Block) {
        compress(state, block);
    }
}

/// The HMAC key of one direction of a session.
pub(crate) type MacKey = HmacKey<Stitched>;
/// The HMAC of one message of a session.
pub(crate) type Mac<'a> = Hmac<'a, Stitched>;

impl Mac<'_> {
    /// Hashes bytes, and encrypts them in place.
    ///
    /// Each compression also produces the next 64 bytes of the key stream, which `keys` holds until
    /// the whole piece is hashed. The rest of the piece, less than 64 bytes, is encrypted on its
    /// own.
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
            // Overwrite the key stream with the ciphertext, so that none of it remains on the
            // stack.
            for (key, byte) in keys.iter_mut().zip(piece) {
                *key ^= *byte;
                *byte = *key;
            }
            stream.apply(rest);
        }
        // Prevent the compiler from omitting those stores, which nothing reads.
        core::hint::black_box(&keys);
    }

    /// Decrypts bytes in place, and hashes them.
    ///
    /// A block must be decrypted before it is hashed, so each compression produces the key stream
    /// of the block after it.
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
}

fn xor(bytes: &mut [u8], keys: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(keys) {
        *byte ^= key;
    }
}
