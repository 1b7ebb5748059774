//! An encoder of SPNEGO tokens that shares no code with the crate. It also writes what the crate
//! never sends: lengths that are longer than needed, other fields, other mechanisms.

use crate::der;

/// Writes elements of tag, length and contents. Each length uses the next one of these forms: 0 for
/// the shortest form, otherwise this many octets after the first, if they suffice.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    forms: Vec<u8>,
    at: usize,
}

impl Encoder {
    pub fn new(forms: &[u8]) -> Self {
        Self { forms: forms.to_vec(), at: 0 }
    }

    pub fn element(&mut self, tag: u8, contents: &[&[u8]]) -> Vec<u8> {
        let contents = contents.concat();
        let form = self.forms.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        let octets = u32::try_from(contents.len()).unwrap().to_be_bytes();
        let least = octets.len() - octets.iter().take_while(|octet| **octet == 0).count();
        let count = usize::from(form).max(least);
        let mut out = vec![tag];
        match contents.len() {
            length @ 0..0x80 if form == 0 => out.push(u8::try_from(length).unwrap()),
            _ => {
                out.push(0x80 | u8::try_from(count).unwrap());
                out.extend(&octets[4 - count..]);
            }
        }
        out.extend(contents);
        out
    }

    pub fn field(&mut self, number: u8, tag: u8, contents: &[u8]) -> Vec<u8> {
        let inner = self.element(tag, &[contents]);
        self.element(0xa0 + number, &[&inner])
    }

    pub fn fields(&mut self, token: u8, fields: &[Vec<u8>]) -> Vec<u8> {
        let sequence = self.element(0x30, &[&fields.concat()]);
        self.element(token, &[&sequence])
    }
}

pub const OID: u8 = 0x06;
pub const OCTETS: u8 = 0x04;
pub const NTLM: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
pub const KERBEROS: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
pub const MS_KERBEROS: &[u8] = b"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";
pub const KERBEROS_USER_TO_USER: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03";
pub const NEGOEX: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e";
/// The mechanisms that the crate supports.
pub const KNOWN: [&[u8]; 5] = [NTLM, KERBEROS, MS_KERBEROS, KERBEROS_USER_TO_USER, NEGOEX];
/// The identifiers of a client that prefers Kerberos, as Windows sends them.
pub const KERBEROS_FIRST: [&[u8]; 3] = [MS_KERBEROS, KERBEROS, NTLM];

/// A `NegTokenInit` or `NegTokenInit2`.
#[derive(Clone, Debug, Default)]
pub struct Init {
    pub is_framed: bool,
    pub mech_types: Vec<Vec<u8>>,
    pub req_flags: Option<Vec<u8>>,
    pub mech_token: Option<Vec<u8>>,
    /// The contents of `negHints`.
    pub hints: Option<Vec<u8>>,
    /// In \[3\], or in \[4\] beside `negHints`.
    pub mic: Option<Vec<u8>>,
    /// By their number.
    pub unknown: Vec<(u8, Vec<u8>)>,
}

impl Init {
    /// A token as the crate and Windows write it.
    pub fn plain(mech_types: &[&[u8]], mech_token: Option<&[u8]>) -> Self {
        Self {
            is_framed: true,
            mech_types: mech_types.iter().map(|oid| oid.to_vec()).collect(),
            mech_token: mech_token.map(<[u8]>::to_vec),
            ..Self::default()
        }
    }

    /// With the shortest lengths.
    pub fn der(&self) -> Vec<u8> {
        self.encode(&mut Encoder::default()).0
    }

    /// The token, and the list in it.
    pub fn encode(&self, encoder: &mut Encoder) -> (Vec<u8>, Vec<u8>) {
        let oids: Vec<_> = self.mech_types.iter().map(|oid| encoder.element(OID, &[oid])).collect();
        let list = encoder.element(0x30, &[&oids.concat()]);
        let mut fields = vec![encoder.element(0xa0, &[&list])];
        fields.extend(self.req_flags.as_ref().map(|bits| encoder.field(1, 0x03, bits)));
        fields.extend(self.mech_token.as_ref().map(|token| encoder.field(2, OCTETS, token)));
        fields.extend(self.hints.as_ref().map(|hints| encoder.field(3, 0x30, hints)));
        let number = if self.hints.is_some() { 4 } else { 3 };
        fields.extend(self.mic.as_ref().map(|mic| encoder.field(number, OCTETS, mic)));
        fields.extend(unknown(encoder, &self.unknown));
        let token = encoder.fields(0xa0, &fields);
        if !self.is_framed {
            return (token, list);
        }
        let spnego = encoder.element(OID, &[b"\x2b\x06\x01\x05\x05\x02"]);
        (encoder.element(0x60, &[&spnego, &token]), list)
    }
}

/// A `NegTokenResp`.
#[derive(Clone, Debug, Default)]
pub struct Resp {
    /// The number of the state, such as `NegState::Reject as u8`.
    pub neg_state: Option<u8>,
    pub supported_mech: Option<Vec<u8>>,
    pub token: Option<Vec<u8>>,
    pub mic: Option<Vec<u8>>,
    pub unknown: Vec<(u8, Vec<u8>)>,
}

impl Resp {
    /// Reads a token and ignores unknown fields; `None` if it is not a `NegTokenResp`.
    pub fn read(token: &[u8]) -> Option<Self> {
        let fields = der::only(0x30, der::only(0xa1, token).ok()?).ok()?;
        let mut resp = Self::default();
        for (tag, field) in der::all(fields).ok()? {
            let contents = || Some(der::first(field).ok()?.0.1.to_vec());
            match tag {
                0xa0 => resp.neg_state = contents()?.first().copied(),
                0xa1 => resp.supported_mech = contents(),
                0xa2 => resp.token = contents(),
                0xa3 => resp.mic = contents(),
                _ => {}
            }
        }
        Some(resp)
    }

    pub fn encode(&self, encoder: &mut Encoder) -> Vec<u8> {
        let mut fields = Vec::new();
        fields.extend(self.neg_state.map(|state| encoder.field(0, 0x0a, &[state])));
        fields.extend(self.supported_mech.as_ref().map(|oid| encoder.field(1, OID, oid)));
        fields.extend(self.token.as_ref().map(|token| encoder.field(2, OCTETS, token)));
        fields.extend(self.mic.as_ref().map(|mic| encoder.field(3, OCTETS, mic)));
        fields.extend(unknown(encoder, &self.unknown));
        encoder.fields(0xa1, &fields)
    }

    /// With the shortest lengths.
    pub fn der(&self) -> Vec<u8> {
        self.encode(&mut Encoder::default())
    }
}

/// Fields that no version of SPNEGO defines.
fn unknown(encoder: &mut Encoder, fields: &[(u8, Vec<u8>)]) -> Vec<Vec<u8>> {
    let field = |(number, contents): &(u8, Vec<u8>)| encoder.element(0xa0 + number, &[contents]);
    fields.iter().map(field).collect()
}

/// Changes a token if it is a `NegTokenResp`.
pub fn change_response(token: &mut Vec<u8>, change: impl FnOnce(&mut Resp)) {
    if let Some(mut resp) = Resp::read(token) {
        change(&mut resp);
        *token = resp.der();
    }
}

/// An element with the shortest length.
pub fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    Encoder::default().element(tag, &[contents])
}
