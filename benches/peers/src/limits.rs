//! The cryptographic primitives alone, from the crates that the library uses: a lower limit of the
//! time.

use std::hint::black_box;

use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;
use rc4::{Rc4, StreamCipher};

pub fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    let mut hmac = Hmac::<Md5>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().into()
}

pub fn rc4() -> Rc4 {
    Rc4::new((&[7; 32]).into())
}

/// RC4 and HMAC one after the other.
pub fn seal(stream: &mut Rc4, keyed: &Hmac<Md5>, message: &mut [u8]) {
    let mut hmac = keyed.clone();
    hmac.update(&[0; 4]);
    hmac.update(message);
    stream.apply_keystream(message);
    let mut checksum: [u8; 16] = hmac.finalize().into_bytes().into();
    stream.apply_keystream(&mut checksum[..8]);
    black_box(checksum);
}

/// The computations of both sides of a handshake with NTLMv2, MIC and key exchange, one after the
/// other, without session keys: the minimum that every implementation must compute.
pub fn handshake(messages: &[Vec<u8>; 3]) {
    let user = [0x41; 24];
    let blob = vec![0x42; 150];
    client(messages, &user, &blob);
    // The server, which has the hash.
    proof_and_mic(&[1; 16], messages, &user, &blob);
}

/// The client's half.
pub fn client(messages: &[Vec<u8>; 3], user: &[u8], blob: &[u8]) {
    let hash: [u8; 16] = Md4::digest([0x43; 26]).into();
    proof_and_mic(&hash, messages, user, blob);
}

fn proof_and_mic(hash: &[u8; 16], messages: &[Vec<u8>; 3], user: &[u8], blob: &[u8]) {
    let response_key = hmac_md5(hash, &[user]);
    // Proof and session base key use the same HMAC key.
    let keyed = Hmac::<Md5>::new_from_slice(&response_key).unwrap();
    let mut hmac = keyed.clone();
    hmac.update(&[1; 8]);
    hmac.update(blob);
    let proof = hmac.finalize().into_bytes();
    let mut hmac = keyed;
    hmac.update(&proof);
    let key_exchange_key: [u8; 16] = hmac.finalize().into_bytes().into();
    let mut key = [[0; 16], key_exchange_key].concat();
    let mut exported = [9; 16];
    key.rotate_left(16);
    Rc4::new((&<[u8; 32]>::try_from(key).unwrap()).into()).apply_keystream(&mut exported);
    let [negotiate, challenge, authenticate] = messages;
    black_box(hmac_md5(&exported, &[negotiate, challenge, authenticate]));
}
