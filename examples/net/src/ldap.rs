//! The messages of LDAP (RFC 4511) that a bind and a search need.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, ensure};

use crate::bytes::printable;
use crate::der::{
    self, BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, application, context, element,
};

/// A bind with SASL's GSS-SPNEGO (4.2). Active Directory and Samba also accept bare NTLM messages
/// in it.
pub fn bind_request(message_id: u32, token: &[u8]) -> Vec<u8> {
    let version = der::unsigned(INTEGER, 3);
    let name = element(OCTET_STRING, &[]);
    let mechanism = element(OCTET_STRING, &[b"GSS-SPNEGO"]);
    let token = element(OCTET_STRING, &[token]);
    let sasl = element(context(3), &[&mechanism, &token]);
    message(message_id, &element(application(0), &[&version, &name, &sasl]))
}

/// A search request.
#[derive(Debug)]
pub struct Search<'a> {
    pub base: &'a str,
    /// 0: the base itself, 1: its children, 2: the whole subtree.
    pub scope: u32,
    pub filter: &'a Filter,
    pub attributes: &'a [String],
}

impl Search<'_> {
    /// 4.5.1
    pub fn request(&self, message_id: u32) -> Vec<u8> {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|name| element(OCTET_STRING, &[name.as_bytes()]));
        let request = [
            element(OCTET_STRING, &[self.base.as_bytes()]),
            der::unsigned(ENUMERATED, self.scope),
            der::unsigned(ENUMERATED, 0), // derefAliases: never
            der::unsigned(INTEGER, 0),    // sizeLimit
            der::unsigned(INTEGER, 0),    // timeLimit
            element(BOOLEAN, &[&[0]]),    // typesOnly
            self.filter.to_ber(),
            element(SEQUENCE, &[&Vec::from_iter(attributes).concat()]),
        ];
        message(message_id, &element(application(3), &[&request.concat()]))
    }
}

/// The two simplest kinds of a search filter (RFC 4515).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    Present(String),
    Equal(String, String),
}

impl Filter {
    fn to_ber(&self) -> Vec<u8> {
        match self {
            // [7], which is primitive.
            Self::Present(name) => element(0x87, &[name.as_bytes()]),
            Self::Equal(name, value) => {
                let name = element(OCTET_STRING, &[name.as_bytes()]);
                let value = element(OCTET_STRING, &[value.as_bytes()]);
                element(context(3), &[&name, &value])
            }
        }
    }
}

impl FromStr for Filter {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let pair = inner.and_then(|inner| inner.split_once('='));
        let (name, value) = pair.context("a filter is (NAME=VALUE) or (NAME=*)")?;
        ensure!(!name.starts_with(['&', '|', '!']), "nested filters are not supported");
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-.;".contains(c);
        ensure!(!name.is_empty() && name.chars().all(is_name), "{name:?} is not an attribute");
        if value == "*" {
            return Ok(Self::Present(name.to_owned()));
        }
        ensure!(!value.contains(['*', '(', ')', '\\']), "this kind of filter is not supported");
        Ok(Self::Equal(name.to_owned(), value.to_owned()))
    }
}

/// A message from the server.
#[derive(Debug)]
pub struct Reply {
    pub message_id: u32,
    /// The tag of the operation.
    pub tag: u8,
    content: Vec<u8>,
}

impl Reply {
    pub const BIND_RESPONSE: u8 = application(1);
    pub const SEARCH_RESULT_ENTRY: u8 = application(4);
    pub const SEARCH_RESULT_DONE: u8 = application(5);
    pub const SEARCH_RESULT_REFERENCE: u8 = application(19);

    /// Parses the envelope, LDAPMessage (4.1.1).
    pub fn parse(mut message: &[u8]) -> anyhow::Result<Self> {
        let mut envelope = der::expect(&mut message, SEQUENCE)?;
        let message_id = der::to_unsigned(der::expect(&mut envelope, INTEGER)?)?;
        let (tag, content) = der::read(&mut envelope)?;
        let reply = Self { message_id, tag, content: content.to_vec() };
        // 4.4.1: Notice of Disconnection.
        if message_id == 0 && tag == application(24) {
            anyhow::bail!("the server ends the connection: {}", reply.result()?);
        }
        Ok(reply)
    }

    /// How an operation ended (4.1.9).
    pub fn result(&self) -> anyhow::Result<LdapResult> {
        LdapResult::parse(&mut &*self.content)
    }

    /// The result of a bind, and SASL's token (4.2.2).
    pub fn bind_response(&self) -> anyhow::Result<(LdapResult, &[u8])> {
        ensure!(self.tag == Self::BIND_RESPONSE, "the server does not answer the bind");
        let mut fields = &*self.content;
        let result = LdapResult::parse(&mut fields)?;
        der::optional(&mut fields, context(3))?; // referral
        // [7], which is primitive.
        let token = der::optional(&mut fields, 0x87)?;
        Ok((result, token.unwrap_or_default()))
    }

    /// A search result entry (4.5.2).
    pub fn entry(&self) -> anyhow::Result<Entry> {
        let mut fields = &*self.content;
        let name = text(der::expect(&mut fields, OCTET_STRING)?);
        let mut list = der::expect(&mut fields, SEQUENCE)?;
        let mut attributes = Vec::new();
        while !list.is_empty() {
            let mut attribute = der::expect(&mut list, SEQUENCE)?;
            let name = text(der::expect(&mut attribute, OCTET_STRING)?);
            let (mut set, mut values) = (der::expect(&mut attribute, SET)?, Vec::new());
            while !set.is_empty() {
                values.push(der::expect(&mut set, OCTET_STRING)?.to_vec());
            }
            attributes.push((name, values));
        }
        Ok(Entry { name, attributes })
    }
}

/// A directory entry.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// The result of an operation.
#[derive(Debug)]
pub struct LdapResult {
    pub code: ResultCode,
    message: String,
}

/// `resultCode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultCode(u32);

impl ResultCode {
    pub const SUCCESS: Self = Self(0);
    pub const SASL_BIND_IN_PROGRESS: Self = Self(14);
}

impl LdapResult {
    fn parse(fields: &mut &[u8]) -> anyhow::Result<Self> {
        let code = ResultCode(der::to_unsigned(der::expect(fields, ENUMERATED)?)?);
        der::expect(fields, OCTET_STRING)?; // matchedDN
        Ok(Self { code, message: text(der::expect(fields, OCTET_STRING)?) })
    }
}

impl fmt::Display for LdapResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ResultCode(code) = self.code;
        let name = match code {
            0 => "success",
            1 => "operationsError",
            2 => "protocolError",
            7 => "authMethodNotSupported",
            8 => "strongerAuthRequired",
            14 => "saslBindInProgress",
            32 => "noSuchObject",
            49 => "invalidCredentials",
            50 => "insufficientAccessRights",
            53 => "unwillingToPerform",
            _ => "result",
        };
        write!(f, "{name} ({code})")?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", printable(&self.message)) }
    }
}

fn message(message_id: u32, operation: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&der::unsigned(INTEGER, message_id), operation])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_simple_ones() {
        let filter = |text: &str| text.parse::<Filter>().ok();
        assert_eq!(filter("(cn=*)"), Some(Filter::Present("cn".into())));
        assert_eq!(filter("(cn=jürgen)"), Some(Filter::Equal("cn".into(), "jürgen".into())));
        let of_filters = "(&(a=b)(c=d))".parse::<Filter>().unwrap_err();
        assert_eq!(of_filters.to_string(), "nested filters are not supported");
        for wrong in ["cn=a", "(cn)", "(=a)", "(&(a=b)(c=d))", "(cn=a*)", "(!cn=a)"] {
            assert_eq!(filter(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bind_response_has_a_token() {
        let fields = [&[ENUMERATED, 1, 14, OCTET_STRING, 0, OCTET_STRING, 0][..], &[0x87, 1, 9]];
        let bytes = message(7, &element(Reply::BIND_RESPONSE, &fields));
        let reply = Reply::parse(&bytes).unwrap();
        let (result, token) = reply.bind_response().unwrap();
        assert_eq!(reply.message_id, 7);
        assert_eq!(result.code, ResultCode::SASL_BIND_IN_PROGRESS);
        assert_eq!(token, [9]);
    }

    #[test]
    fn an_entry_has_attributes_with_values() {
        let value = |bytes: &[u8]| element(OCTET_STRING, &[bytes]);
        let values = element(SET, &[&value(b"a"), &value(b"b")]);
        let attribute = element(SEQUENCE, &[&value(b"cn"), &values]);
        let list = element(SEQUENCE, &[&attribute]);
        let entry = element(Reply::SEARCH_RESULT_ENTRY, &[&value(b"DC=x"), &list]);
        let entry = Reply::parse(&message(1, &entry)).unwrap().entry().unwrap();
        assert_eq!(entry.name, "DC=x");
        assert_eq!(entry.attributes, [("cn".to_owned(), vec![b"a".to_vec(), b"b".to_vec()])]);
    }

    #[test]
    fn a_notice_of_disconnection_is_reported_with_its_reason() {
        let fields = [ENUMERATED, 1, 8, OCTET_STRING, 0, OCTET_STRING, 0];
        let notice = message(0, &element(application(24), &[&fields]));
        assert!(Reply::parse(&notice).unwrap_err().to_string().contains("strongerAuthRequired"));
    }
}
