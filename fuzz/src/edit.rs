//! Changes that a man in the middle makes to a message.

use arbitrary::Arbitrary;

use ntlm::wire::{Authenticate, LmResponse, NegotiateFlags as Flags, NtResponse, Version};

/// A change of bytes at any offset.
#[derive(Arbitrary, Debug)]
pub enum Edit<'a> {
    /// Four bytes get other bits, which mostly affects flags, lengths and offsets.
    Flip {
        at: u16,
        bits: u32,
    },
    Cut {
        at: u16,
    },
    Append {
        more: &'a [u8],
    },
}

pub fn edit(message: &mut Vec<u8>, edits: &[Edit<'_>]) {
    for edit in edits {
        match *edit {
            Edit::Flip { at, bits } => flip(message, at, bits),
            Edit::Cut { at } => message.truncate(at.into()),
            Edit::Append { more } => message.extend_from_slice(more),
        }
    }
}

fn flip(bytes: &mut [u8], at: u16, bits: u32) {
    let places = bytes.iter_mut().skip(at.into());
    places.zip(bits.to_le_bytes()).for_each(|(place, bits)| *place ^= bits);
}

/// A change of a field of an AUTHENTICATE, which stays well formed.
#[derive(Arbitrary, Debug)]
pub enum FieldEdit<'a> {
    Domain(&'a [u8]),
    User(&'a [u8]),
    Workstation(&'a [u8]),
    Lm(&'a [u8]),
    /// Has no effect if these bytes are not a response.
    Nt(&'a [u8]),
    /// Four bytes of the NT response get other bits; has no effect if the result is not a response.
    FlipNt {
        at: u16,
        bits: u32,
    },
    /// The LM response alone proves the password, if it can.
    DropNt,
    /// The same, with the start of the NT response beside it; has no effect if that is not a
    /// response.
    CutNt {
        length: u8,
    },
    /// The NT response replaces the LM response too.
    LmFromNt,
    SessionKey(&'a [u8]),
    Flags {
        bits: u32,
    },
    DropFlags,
    Version(Option<[u8; 8]>),
    Mic(Option<[u8; 16]>),
}

/// The message with changed fields, encoded again; `None` if it does not parse or cannot be
/// encoded.
pub fn edit_fields(authenticate: &[u8], edits: &[FieldEdit<'_>]) -> Option<Vec<u8>> {
    let original = Authenticate::parse(authenticate).ok()?;
    let mut flipped = original.nt_response.as_bytes().to_vec();
    for edit in edits {
        if let FieldEdit::FlipNt { at, bits } = *edit {
            flip(&mut flipped, at, bits);
        }
    }
    let mut message = original;
    for edit in edits {
        message.apply(edit, &flipped);
    }
    let mut out = Vec::new();
    message.emit(&mut out).ok()?;
    Some(out)
}

trait Apply<'a> {
    fn apply(&mut self, edit: &FieldEdit<'a>, flipped: &'a [u8]);
}

impl<'a> Apply<'a> for Authenticate<'a> {
    fn apply(&mut self, edit: &FieldEdit<'a>, flipped: &'a [u8]) {
        let or_old = |bytes, old| NtResponse::parse(bytes).unwrap_or(old);
        match *edit {
            FieldEdit::Domain(domain) => self.domain = domain,
            FieldEdit::User(user) => self.user = user,
            FieldEdit::Workstation(workstation) => self.workstation = workstation,
            FieldEdit::Lm(response) => self.lm_response = LmResponse::new(response),
            FieldEdit::Nt(response) => self.nt_response = or_old(response, self.nt_response),
            FieldEdit::FlipNt { .. } => self.nt_response = or_old(flipped, self.nt_response),
            FieldEdit::CutNt { length } => {
                let bytes = self.nt_response.as_bytes();
                let start = &bytes[..bytes.len().min(length.into())];
                self.nt_response = or_old(start, self.nt_response);
            }
            FieldEdit::DropNt => self.nt_response = NtResponse::Empty,
            FieldEdit::LmFromNt => self.lm_response = LmResponse::new(self.nt_response.as_bytes()),
            FieldEdit::SessionKey(key) => self.encrypted_random_session_key = key,
            FieldEdit::Flags { bits } => {
                self.flags = self.flags.map(|flags| Flags::from_bits_retain(flags.bits() ^ bits));
            }
            FieldEdit::DropFlags => self.flags = None,
            FieldEdit::Version(version) => self.version = version.map(Version::from_bytes),
            FieldEdit::Mic(mic) => self.mic = mic,
        }
    }
}
