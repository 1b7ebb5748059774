//! SPNEGO around NTLM (RFC 4178, [MS-SPNG]): what SMB, LDAP and DCE/RPC expect tokens to be in.
//!
//! Only what a client needs that offers NTLM and nothing else.

use anyhow::{Context, ensure};

use crate::der::{self, ENUMERATED, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// `MechTypeList`: NTLM alone, which is 1.3.6.1.4.1.311.2.2.10. The `mechListMIC` is a
/// signature over these bytes.
pub const MECH_TYPES: [u8; 14] = *b"\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";

/// The first token, `NegTokenInit` (4.2.1), in the framing of GSS-API (RFC 2743, 3.1).
pub fn init(mech_token: &[u8]) -> Vec<u8> {
    let spnego = der::element(OBJECT_IDENTIFIER, &[&SPNEGO]);
    let mech_token = der::element(OCTET_STRING, &[mech_token]);
    let fields = [der::element(der::context(0), &[&MECH_TYPES]), field(2, &mech_token)].concat();
    let init = der::element(der::context(0), &[&der::element(SEQUENCE, &[&fields])]);
    der::element(der::application(0), &[&spnego, &init])
}

/// A later token, `NegTokenResp` (4.2.2), as a client sends it.
pub fn response(response_token: &[u8], mech_list_mic: Option<&[u8]>) -> Vec<u8> {
    let mut fields = field(2, &der::element(OCTET_STRING, &[response_token]));
    if let Some(mic) = mech_list_mic {
        fields.extend(field(3, &der::element(OCTET_STRING, &[mic])));
    }
    der::element(der::context(1), &[&der::element(SEQUENCE, &[&fields])])
}

/// A `NegTokenResp` of the server.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reply<'a> {
    /// `negState`: [`COMPLETED`], or one of those that are not the end.
    pub state: Option<u8>,
    /// NTLM's message.
    pub response_token: &'a [u8],
    /// `mechListMIC`
    pub mech_list_mic: Option<&'a [u8]>,
}

/// `accept-completed`
pub const COMPLETED: u8 = 0;

impl<'a> Reply<'a> {
    /// Takes a token apart.
    pub fn parse(mut token: &'a [u8]) -> anyhow::Result<Self> {
        let mut response = der::expect(&mut token, der::context(1)).context("no SPNEGO")?;
        let mut fields = der::expect(&mut response, SEQUENCE)?;
        let mut reply = Self::default();
        if let Some(mut state) = der::optional(&mut fields, der::context(0))? {
            let state = der::to_unsigned(der::expect(&mut state, ENUMERATED)?)?;
            reply.state = Some(u8::try_from(state)?);
        }
        ensure!(reply.state != Some(REJECT), "the server rejects SPNEGO's offer");
        if let Some(mechanism) = der::optional(&mut fields, der::context(1))? {
            let is_ntlm = MECH_TYPES.ends_with(mechanism) && mechanism.len() == 12;
            ensure!(is_ntlm, "the server chose a mechanism that was not offered");
        }
        if let Some(mut token) = der::optional(&mut fields, der::context(2))? {
            reply.response_token = der::expect(&mut token, OCTET_STRING)?;
        }
        if let Some(mut mic) = der::optional(&mut fields, der::context(3))? {
            reply.mech_list_mic = Some(der::expect(&mut mic, OCTET_STRING)?);
        }
        Ok(reply)
    }
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    der::element(der::context(number), &[content])
}

/// 1.3.6.1.5.5.2
const SPNEGO: [u8; 6] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
const REJECT: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_offers_ntlm_alone() {
        let token = init(b"NTLM");
        let expected = [
            &[0x60, 0x24, 0x06, 0x06][..],
            &SPNEGO,
            &[0xa0, 0x1a, 0x30, 0x18, 0xa0, 0x0e],
            &MECH_TYPES,
            &[0xa2, 0x06, 0x04, 0x04],
            b"NTLM",
        ];
        assert_eq!(token, expected.concat());
    }

    #[test]
    fn a_reply_is_taken_apart() {
        let fields = [
            field(0, &[ENUMERATED, 1, 1]),
            field(1, &MECH_TYPES[2..]),
            field(2, &der::element(OCTET_STRING, &[b"challenge"])),
            field(3, &der::element(OCTET_STRING, &[b"mic"])),
        ];
        let token = der::element(der::context(1), &[&der::element(SEQUENCE, &[&fields.concat()])]);
        let reply = Reply::parse(&token).unwrap();
        assert_eq!(reply.state, Some(1));
        assert_eq!(reply.response_token, b"challenge");
        assert_eq!(reply.mech_list_mic, Some(&b"mic"[..]));
        for end in 0..token.len() {
            assert!(Reply::parse(&token[..end]).is_err());
        }
    }

    #[test]
    fn another_mechanism_and_a_rejection_are_refused() {
        let reply =
            |fields: &[u8]| der::element(der::context(1), &[&der::element(SEQUENCE, &[fields])]);
        assert!(Reply::parse(&reply(&field(0, &[ENUMERATED, 1, REJECT]))).is_err());
        let kerberos = field(1, &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2]);
        assert!(Reply::parse(&reply(&kerberos)).is_err());
        assert!(Reply::parse(&reply(&field(1, &[]))).is_err());
    }
}
