//! As much of SPNEGO (RFC 4178) as carries NTLM alone.

/// 1.3.6.1.5.5.2
const SPNEGO: &[u8] = b"\x06\x06\x2b\x06\x01\x05\x05\x02";
/// 1.3.6.1.4.1.311.2.2.10
const NTLM: &[u8] = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";

const APPLICATION: u8 = 0x60;
const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;

/// What is negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Completed = 0,
    Incomplete = 1,
    Rejected = 2,
    RequestMic = 3,
}

/// What either side says after the first token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub state: Option<State>,
    pub token: Vec<u8>,
    pub mech_list_mic: Option<Vec<u8>>,
}

/// The mechanisms that this offers, NTLM alone: what `mechListMIC` signs.
pub fn mech_types() -> Vec<u8> {
    der(SEQUENCE, &[NTLM])
}

/// The first token of a client.
pub fn initial_token(token: &[u8]) -> Vec<u8> {
    let mechanisms = der(context(0), &[&mech_types()]);
    let token = der(context(2), &[&der(OCTETS, &[token])]);
    let init = der(context(0), &[&der(SEQUENCE, &[&mechanisms, &token])]);
    der(APPLICATION, &[SPNEGO, &init])
}

/// The mechanisms and the token of a client's first token.
///
/// # Panics
/// If it is something else, or has no token.
pub fn parse_initial_token(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut content = expect(APPLICATION, bytes);
    let oid = read(&mut content);
    assert_eq!(oid, (0x06, &SPNEGO[2..]), "it is not SPNEGO");
    let mut fields = expect(SEQUENCE, expect(context(0), content));
    let (mut mech_types, mut token) = (Vec::new(), Vec::new());
    while !fields.is_empty() {
        match read(&mut fields) {
            (tag, value) if tag == context(0) => mech_types = value.to_vec(),
            (tag, value) if tag == context(2) => token = expect(OCTETS, value).to_vec(),
            _ => {}
        }
    }
    assert!(!token.is_empty(), "there is no token");
    (mech_types, token)
}

impl Response {
    /// As a client sends it, or a server that has named the mechanism before.
    pub fn to_bytes(&self) -> Vec<u8> {
        let state = self.state.map(|s| der(context(0), &[&der(ENUMERATED, &[&[s as u8]])]));
        let mechanism = (self.state == Some(State::Incomplete)).then(|| der(context(1), &[NTLM]));
        let octets = |number, bytes: &[u8]| der(context(number), &[&der(OCTETS, &[bytes])]);
        let token = (!self.token.is_empty()).then(|| octets(2, &self.token));
        let mic = self.mech_list_mic.as_ref().map(|mic| octets(3, mic));
        let fields: Vec<_> = [state, mechanism, token, mic].into_iter().flatten().collect();
        der(context(1), &[&der(SEQUENCE, &[&fields.concat()])])
    }

    /// # Panics
    /// If it is something else.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut fields = expect(SEQUENCE, expect(context(1), bytes));
        let mut response = Self::default();
        while !fields.is_empty() {
            let (tag, value) = read(&mut fields);
            if tag == context(0) {
                response.state = Some(match expect(ENUMERATED, value) {
                    [0] => State::Completed,
                    [1] => State::Incomplete,
                    [2] => State::Rejected,
                    [3] => State::RequestMic,
                    other => panic!("unknown state {other:?}"),
                });
            } else if tag == context(2) {
                response.token = expect(OCTETS, value).to_vec();
            } else if tag == context(3) {
                response.mech_list_mic = Some(expect(OCTETS, value).to_vec());
            }
        }
        response
    }
}

const fn context(number: u8) -> u8 {
    0xa0 | number
}

fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = u16::try_from(content.len()).expect("tokens are short");
    let [high, low] = length.to_be_bytes();
    let head = if length < 0x80 { vec![tag, low] } else { vec![tag, 0x82, high, low] };
    [head, content].concat()
}

/// The content of the one element that there is.
fn expect(tag: u8, mut bytes: &[u8]) -> &[u8] {
    let (found, content) = read(&mut bytes);
    assert_eq!((found, bytes.len()), (tag, 0), "another element, or more than one");
    content
}

/// Takes an element off.
fn read<'a>(bytes: &mut &'a [u8]) -> (u8, &'a [u8]) {
    let (tag, length, rest) = match **bytes {
        [tag, 0x81, length, ref rest @ ..] => (tag, length.into(), rest),
        [tag, 0x82, high, low, ref rest @ ..] => (tag, u16::from_be_bytes([high, low]), rest),
        [tag, length @ ..=0x7f, ref rest @ ..] => (tag, length.into(), rest),
        _ => panic!("this is no DER: {bytes:?}"),
    };
    let (content, rest) = rest.split_at(length.into());
    *bytes = rest;
    (tag, content)
}
