//! RC4 and HMAC-MD5 in one pass over a message, for sessions.
//!
//! Both algorithms are bound by latency, because each step of MD5 and each byte of RC4 depends on
//! the previous one. Interleaving them hides the latency of one behind that of the other, so
//! sealing a message takes little longer than its HMAC. The RustCrypto crates do not expose their
//! state, so both algorithms are implemented again here. The handshake uses the crates, and the
//! tests compare the results with them.

#![allow(clippy::indexing_slicing, reason = "by u8 in 256 bytes, by constants, or within a block")]

mod compress;
mod key_stream;
mod mac;

pub(crate) use key_stream::KeyStream;
#[cfg(test)]
pub(super) use mac::Stitched;
pub(crate) use mac::{Mac, MacKey};

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use ::hmac::{KeyInit, Mac};
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::primitives;

    const KEY: [u8; 16] = *b"\x00\x01\x02\x03\x04\x05\x06\x07\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff";

    fn message(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n * 7 + n / 256).to_le_bytes()[0]).collect()
    }

    /// Cuts a message into parts. `cuts` are their lengths, repeated as often as needed.
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

    /// Compares hashing, sealing and unsealing in parts with HMAC and RC4 of the crates over the
    /// whole message.
    fn assert_equals_crates(
        signing_key: &[u8; 16],
        sealing_key: &[u8],
        plain: &[u8],
        cuts: &[usize],
    ) {
        let mut mac = ::hmac::Hmac::<md5::Md5>::new_from_slice(signing_key).unwrap();
        mac.update(plain);
        let mac: [u8; 16] = mac.finalize().into_bytes().into();
        let mut encrypted = plain.to_vec();
        primitives::KeyStream::new(sealing_key).apply(&mut encrypted);
        let key = MacKey::new(signing_key);

        let mut updated = key.start();
        let mut bytes = plain.to_vec();
        parts(&mut bytes, cuts).into_iter().for_each(|part| updated.update(part));
        assert_eq!(updated.finish(), mac, "{} bytes, {cuts:?}", plain.len());

        let (mut sealed, mut stream) = (key.start(), KeyStream::new(sealing_key));
        parts(&mut bytes, cuts).into_iter().for_each(|part| sealed.seal(&mut stream, part));
        assert_eq!((sealed.finish(), &bytes), (mac, &encrypted), "{} bytes, {cuts:?}", plain.len());

        let (mut unsealed, mut stream) = (key.start(), KeyStream::new(sealing_key));
        parts(&mut bytes, cuts).into_iter().for_each(|part| unsealed.unseal(&mut stream, part));
        assert_eq!(
            (unsealed.finish(), &bytes[..]),
            (mac, plain),
            "{} bytes, {cuts:?}",
            plain.len()
        );
    }

    #[test]
    fn every_length_equals_the_crates() {
        // Miri takes seconds for each length.
        for len in (0..=1200).step_by(if cfg!(miri) { 61 } else { 1 }) {
            let message = message(len);
            assert_equals_crates(&KEY, &KEY, &message, &[1200]);
            // A session hashes the 4 bytes of the sequence number first.
            assert_equals_crates(&KEY, &KEY, &message, &[4, 1200]);
        }
    }

    #[test]
    fn key_stream_does_not_depend_on_how_a_message_is_divided() {
        let mut bytes = message(300);
        let mut encrypted = message(300);
        primitives::KeyStream::new(&KEY).apply(&mut encrypted);
        let mut stream = KeyStream::new(&KEY);
        parts(&mut bytes, &[1, 63, 5, 64]).into_iter().for_each(|part| stream.apply(part));
        assert_eq!(bytes, encrypted);
        // RC4 repeats a key of 8 bytes.
        let mut zeros = [[0; 300]; 2];
        KeyStream::new(&KEY[..8]).apply(&mut zeros[0]);
        KeyStream::new(&[&KEY[..8], &KEY[..8]].concat()).apply(&mut zeros[1]);
        assert_eq!(zeros[0], zeros[1]);
    }

    proptest! {
        /// Tests keys of 8 and 16 bytes, and messages of up to five pieces of `seal`, in parts that
        /// end anywhere in a block.
        #[test]
        fn any_keys_messages_and_parts_equal_the_crates(
            signing_key: [u8; 16],
            sealing_key: [u8; 16],
            is_weakened: bool,
            plain in prop::collection::vec(any::<u8>(), 0..2500),
            cuts in prop::collection::vec(prop_oneof![1_usize..200, 1_usize..1500], 1..12),
        ) {
            let sealing_key = if is_weakened { &sealing_key[..8] } else { &sealing_key };
            assert_equals_crates(&signing_key, sealing_key, &plain, &cuts);
        }

        #[test]
        fn key_stream_continues_from_message_to_message(
            sealing_key: [u8; 16],
            lens in prop::collection::vec(0_usize..700, 1..8),
        ) {
            let key = MacKey::new(&KEY);
            let mut expected = primitives::KeyStream::new(&sealing_key);
            let [mut sending, mut receiving] = [(); 2].map(|()| KeyStream::new(&sealing_key));
            for len in lens {
                let (plain, mut encrypted, mut bytes) = (message(len), message(len), message(len));
                expected.apply(&mut encrypted);
                key.start().seal(&mut sending, &mut bytes);
                assert_eq!(&bytes, &encrypted);
                key.start().unseal(&mut receiving, &mut bytes);
                assert_eq!(&bytes, &plain);
            }
        }
    }
}
