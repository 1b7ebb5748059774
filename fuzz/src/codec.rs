//! A message that parses can be written, and stays the same.

use core::fmt::Debug;

use ntlm::wire::{
    Authenticate, AvId, AvPairs, AvPairsBuf, Challenge, ClientChallenge, Error, Negotiate,
    Ntlmv2Response,
};

/// The operations that all three messages support.
pub trait Codec<'a>: Sized + Debug + PartialEq {
    fn parse(bytes: &'a [u8]) -> Result<Self, Error>;
    fn emit(&self, out: &mut Vec<u8>) -> Result<(), Error>;
    fn encoded_len(&self) -> usize;
}

macro_rules! codec {
    ($($message:ident)*) => {$(
        impl<'a> Codec<'a> for $message<'a> {
            fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
                $message::parse(bytes)
            }

            fn emit(&self, out: &mut Vec<u8>) -> Result<(), Error> {
                $message::emit(self, out)
            }

            fn encoded_len(&self) -> usize {
                $message::encoded_len(self)
            }
        }
    )*};
}

codec! { Negotiate Challenge Authenticate }

/// Writes a message after other bytes, which stay unchanged.
pub fn emitted<'a>(message: &impl Codec<'a>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    message.emit(&mut out).expect("what was parsed can be written");
    assert_eq!(out.len(), 6 + message.encoded_len());
    assert!(out.starts_with(b"before"));
    out.split_off(6)
}

/// The bytes that the descriptor at this offset points to ([MS-NLMP] 2.2.1: length, allocated length,
/// offset). It shares nothing with the library's reader.
///
/// # Panics
/// If they are not in the message: the library must have rejected it.
pub fn field(message: &[u8], descriptor: usize) -> &[u8] {
    let byte = |at: usize| usize::from(message[descriptor + at]);
    let length = byte(0) | byte(1) << 8;
    if length == 0 {
        return &[];
    }
    let offset = byte(4) | byte(5) << 8 | byte(6) << 16 | byte(7) << 24;
    &message[offset..offset + length]
}

/// The offset of an error is that of a byte of the message, or its end.
pub fn assert_located(error: Error, bytes: &[u8]) {
    assert!(error.offset() <= bytes.len(), "{error} in {} bytes", bytes.len());
}

/// The same list, built pair by pair.
pub fn rebuilt(pairs: AvPairs<'_>) -> AvPairsBuf {
    let mut list = AvPairsBuf::default();
    for (id, value) in pairs.iter() {
        list.push(id, value).expect("what was parsed can be written");
    }
    list
}

/// In a list that parses, the value of each known pair is valid, and no known id occurs twice.
pub fn assert_pairs_agree(pairs: AvPairs<'_>) {
    for (id, value) in pairs.iter() {
        let is_once = || pairs.iter().filter(|(other, _)| *other == id).count() == 1;
        assert!(id.name().is_none() || is_once(), "{id} occurs twice");
        let is_same = match id {
            _ if id.is_text() => pairs.text(id).is_some_and(|text| text.to_utf16le() == value),
            AvId::FLAGS => pairs.flags().bits().to_le_bytes() == value,
            AvId::TIMESTAMP => {
                pairs.timestamp().is_some_and(|time| time.ticks().to_le_bytes() == value)
            }
            AvId::CHANNEL_BINDINGS => pairs.channel_bindings().unwrap_or(&[0; 16]) == value,
            _ => true,
        };
        assert!(is_same, "{id}: {value:?}");
    }
}

/// An NTLMv2 response that is built from its parts parses to the same response.
pub fn assert_written_anew(read: Ntlmv2Response<'_>) {
    let (time, client_challenge) = (read.time(), read.client_challenge());
    let mut written = read.proof().to_vec();
    ClientChallenge { time, client_challenge, target_info: read.target_info() }.emit(&mut written);
    let again = Ntlmv2Response::parse(&written).expect("what was written parses");
    assert_eq!((again.time(), again.client_challenge()), (time, client_challenge));
    assert_eq!((again.target_info(), again.proof()), (read.target_info(), read.proof()));
}
