//! An AUTHENTICATE with arbitrary secrets.

use arbitrary::Arbitrary;
use ntlm::FileTime;
use ntlm::wire::{
    Authenticate, AvId, AvPairsBuf, ClientChallenge, LmResponse, NegotiateFlags as Flags,
    NtResponse, SIGNATURE, Version,
};

/// The bytes that all secrets of a message are made from.
type Secret = [u8; 32];

/// A message with secrets, and the changes to it.
#[derive(Arbitrary, Debug)]
pub struct Masked<'a> {
    flags: u32,
    version: Option<[u8; 8]>,
    has_mic: bool,
    has_ntlmv2: bool,
    lm_length: u8,
    key_length: u8,
    domain: &'a [u8],
    user: &'a [u8],
    workstation: &'a [u8],
    pairs: Vec<(u16, &'a [u8])>,
    cut: Option<u16>,
    before: &'a [u8],
}

impl Masked<'_> {
    /// Two messages that differ only in their secrets, no two bytes of which are the same; `None`
    /// if they are too long to be written, or follow another message, whose fields would then refer
    /// to other bytes.
    pub fn tokens(&self) -> Option<[Vec<u8>; 2]> {
        if self.before.windows(SIGNATURE.len()).any(|bytes| bytes == SIGNATURE) {
            return None;
        }
        let one = self.token(&[0x9e; 32])?;
        let other = self.token(&[0x37; 32])?;
        Some([one, other])
    }

    fn token(&self, secret: &Secret) -> Option<Vec<u8>> {
        let of_length = |length: u8| &secret[..usize::from(length).min(secret.len())];
        let response = if self.has_ntlmv2 { self.ntlmv2(secret) } else { secret[..24].to_vec() };
        let message = Authenticate {
            lm_response: LmResponse::new(of_length(self.lm_length)),
            nt_response: NtResponse::parse(&response).ok()?,
            domain: self.domain,
            user: self.user,
            workstation: self.workstation,
            encrypted_random_session_key: of_length(self.key_length),
            flags: Some(Flags::from_bits_retain(self.flags ^ 0xe208_8235)),
            version: self.version.map(Version::from_bytes),
            mic: self.has_mic.then(|| secret.first_chunk().copied()).flatten(),
        };
        let mut token = self.before.to_vec();
        message.emit(&mut token).ok()?;
        token.truncate(self.cut.map_or(usize::MAX, usize::from));
        Some(token)
    }

    fn ntlmv2(&self, secret: &Secret) -> Vec<u8> {
        let mut list = AvPairsBuf::default();
        for (id, value) in &self.pairs {
            // Pairs that would make the list malformed are omitted.
            let _ = list.push(AvId(*id), value);
        }
        let mut response = secret[..16].to_vec();
        let time = FileTime::default();
        ClientChallenge { time, client_challenge: [0; 8], target_info: list.as_pairs() }
            .emit(&mut response);
        response
    }
}
