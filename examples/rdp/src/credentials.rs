//! `TSCredentials`: the credentials that the client delegates, so that the server can log the user
//! in elsewhere.

use anyhow::{Context, ensure};
use der::asn1::OctetStringRef;
use der::{Decode, Encode, Sequence};
use ntlm::{Text, UserName};
use zeroize::Zeroizing;

/// A user and password. The password is zeroized when dropped, and never printed.
pub struct Delegated {
    pub user: UserName,
    /// UTF-16LE.
    password: Zeroizing<Vec<u8>>,
}

/// `TSCredentials` ([MS-CSSP] 2.2.1.2)
#[derive(Sequence)]
struct TsCredentials<'a> {
    #[asn1(context_specific = "0")]
    cred_type: u32,
    #[asn1(context_specific = "1")]
    credentials: &'a OctetStringRef,
}

/// `TSPasswordCreds` (2.2.1.2.1)
#[derive(Sequence)]
struct TsPasswordCreds<'a> {
    #[asn1(context_specific = "0")]
    domain_name: &'a OctetStringRef,
    #[asn1(context_specific = "1")]
    user_name: &'a OctetStringRef,
    #[asn1(context_specific = "2")]
    password: &'a OctetStringRef,
}

const PASSWORD: u32 = 1;

impl Delegated {
    pub fn new(user: UserName, password: &str) -> Self {
        let mut units = Zeroizing::new(Vec::with_capacity(2 * password.len()));
        units.extend(password.encode_utf16().flat_map(u16::to_le_bytes));
        Self { user, password: units }
    }

    /// Empty credentials, which a client in Restricted Admin mode delegates because it keeps the
    /// password or has only its hash.
    pub fn nothing() -> Self {
        Self::new(UserName::new(""), "")
    }

    /// Whether the credentials are empty.
    pub fn is_nothing(&self) -> bool {
        self.user == UserName::new("") && self.password.is_empty()
    }

    pub fn to_der(&self) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let (domain, user) = (self.user.domain().to_utf16le(), self.user.user().to_utf16le());
        let inner = TsPasswordCreds {
            domain_name: OctetStringRef::new(&domain)?,
            user_name: OctetStringRef::new(&user)?,
            password: OctetStringRef::new(&self.password)?,
        };
        // `to_der` computes the length first, so it leaves no unwiped copy behind.
        let inner = Zeroizing::new(inner.to_der()?);
        let outer =
            TsCredentials { cred_type: PASSWORD, credentials: OctetStringRef::new(&inner)? };
        Ok(Zeroizing::new(outer.to_der()?))
    }

    pub fn from_der(bytes: &[u8]) -> anyhow::Result<Self> {
        let outer = TsCredentials::from_der(bytes)?;
        let kind = outer.cred_type;
        ensure!(
            kind == PASSWORD,
            "the client delegates credentials of kind {kind}, not a password"
        );
        let inner = TsPasswordCreds::from_der(outer.credentials.as_bytes())?;
        let text = |octets: &OctetStringRef| Text::from_utf16le(octets.as_bytes()).ok();
        let user = text(inner.user_name).context("the user is not UTF-16")?;
        let domain = text(inner.domain_name).context("the domain is not UTF-16")?;
        let password = Zeroizing::new(inner.password.as_bytes().to_vec());
        Ok(Self { user: UserName::new(user).with_domain(domain), password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings;

    #[test]
    fn recorded_credentials_are_read_and_written_again() {
        let mut read = 0;
        for exchange in recordings::all() {
            if exchange["authinfo_plain"].is_null() {
                continue;
            }
            let bytes = recordings::bytes(&exchange["authinfo_plain"]);
            let delegated = Delegated::from_der(&bytes).unwrap();
            let expected = &exchange["ts_credentials"][1];
            let text = |at: usize| expected[at].as_str().unwrap();
            let user = UserName::new(text(1)).with_domain(text(0));
            assert_eq!(delegated.user, user, "{}", exchange["id"]);
            let again = Delegated::new(user, text(2));
            assert_eq!(again.password, delegated.password);
            assert_eq!(*again.to_der().unwrap(), bytes);
            assert_eq!(delegated.is_nothing(), text(1).is_empty());
            read += 1;
        }
        assert!(read > 30);
    }

    #[test]
    fn other_kinds_and_broken_bytes_are_rejected() {
        let der = Delegated::new(UserName::new("alice"), "secret").to_der().unwrap();
        let smart_card = [&der[..6], &[2], &der[7..]].concat();
        assert!(Delegated::from_der(&smart_card).is_err());
        for len in 0..der.len() {
            assert!(Delegated::from_der(&der[..len]).is_err(), "{len}");
        }
    }
}
