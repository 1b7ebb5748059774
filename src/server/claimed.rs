//! What a client claims, for the log.

use alloc::string::{String, ToString};
use core::fmt;

use super::response::Proof;
use crate::credentials::UserName;
use crate::policy::ResponseKind;
use crate::text::{CharacterSet, Text};
use crate::wire::{Authenticate, NegotiateFlags};

/// What an AUTHENTICATE claims, for the log. Nothing of it is proven.
///
/// An administrator who reads that a client was rejected wants to know which one. The claims have it
/// ([`UserClaim::claimed`](super::UserClaim::claimed)); where
/// [`AwaitAuthenticate::read`](super::AwaitAuthenticate::read) already rejects the message, for the
/// kind of its response for example, [`parse`](Self::parse) has it. `Display` escapes the names, so
/// that a client cannot write lines of its own into the log:
///
/// ```
/// # use ntlm::wire::{Authenticate, NegotiateFlags, NtResponse};
/// use ntlm::server::Claimed;
///
/// # let mut authenticate = Vec::new();
/// # let message = Authenticate {
/// #     user: b"alice\n",
/// #     workstation: b"OLD-PRINTER",
/// #     nt_response: NtResponse::V1(&[7; 24]),
/// #     flags: Some(NegotiateFlags::NEGOTIATE_OEM),
/// #     ..Authenticate::default()
/// # };
/// # message.emit(&mut authenticate).unwrap();
/// // An AUTHENTICATE that `read` rejected:
/// let claimed = Claimed::parse(&authenticate).unwrap();
/// assert_eq!(
///     claimed.to_string(),
///     r#"user="alice\n" workstation="OLD-PRINTER" response=Ntlmv1"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// The user; `None` if the client names none, as anonymous clients do.
    pub user: Option<UserName>,
    /// The machine that the client claims to run on; empty if it does not say.
    pub workstation: Text,
    /// Which kinds the response can be: one, or both of LM and LMv2, which look alike; none if there
    /// is no response.
    pub responses: &'static [ResponseKind],
}

impl Claimed {
    /// Reads what an AUTHENTICATE claims; `None` if the bytes are no AUTHENTICATE.
    ///
    /// This is for the log: it decides nothing, and a name that is not text in the character set of
    /// the message's flags is shown as far as it can be. Clients are known (wget) whose flags name
    /// another character set than the one they use.
    #[must_use]
    pub fn parse(authenticate: &[u8]) -> Option<Self> {
        Self::parse_negotiated(authenticate, None)
    }

    /// Reads it with the character set that was negotiated, if that is known.
    pub(super) fn parse_negotiated(
        authenticate: &[u8],
        negotiated: Option<CharacterSet>,
    ) -> Option<Self> {
        // The session key is not for the log.
        let message = Authenticate::parse_for_server(authenticate, |_| false).ok()?;
        Some(Self::of(&message, negotiated))
    }

    /// What a parsed AUTHENTICATE claims.
    pub(super) fn of(message: &Authenticate<'_>, negotiated: Option<CharacterSet>) -> Self {
        let flags = message.flags.unwrap_or(NegotiateFlags::empty());
        let character_set =
            negotiated.or_else(|| flags.character_set()).unwrap_or(CharacterSet::Oem);
        let text = |bytes| shown(bytes, character_set);
        let user = UserName::new(text(message.user)).with_domain(text(message.domain));
        let proof = Proof::new(message, flags);
        let responses = proof.map_or(&[][..], Proof::possible_kinds);
        Self::new(&user, &text(message.workstation), responses)
    }

    pub(super) fn new(
        user: &UserName,
        workstation: &Text,
        responses: &'static [ResponseKind],
    ) -> Self {
        let user = Some(user).filter(|user| !user.user().is_empty()).cloned();
        Self { user, workstation: workstation.clone(), responses }
    }
}

/// How many bytes of a name are shown: fields may overlap, and a short message fill the log.
const LONGEST: usize = 512;

/// A name for people. The code page of an OEM name is not looked up: `curl` sends UTF-8 there.
fn shown(name: &[u8], character_set: CharacterSet) -> Text {
    let (name, _) = name.split_at(name.len().min(LONGEST));
    match character_set {
        CharacterSet::Unicode => Text::from_utf16le(name).ok(),
        CharacterSet::Oem => None,
    }
    .unwrap_or_else(|| String::from_utf8_lossy(name).into_owned().into())
}

impl fmt::Display for Claimed {
    /// `user="EXAMPLE\\alice" workstation="PC" response=Ntlmv2`: names are escaped, and what is
    /// absent is `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "user={:?}", user.to_string())?,
            None => f.write_str("user=none")?,
        }
        write!(f, " workstation={:?} response=", self.workstation.to_string())?;
        let Some((first, others)) = self.responses.split_first() else {
            return f.write_str("none");
        };
        write!(f, "{first:?}")?;
        others.iter().try_for_each(|kind| write!(f, "/{kind:?}"))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::wire::{LmResponse, NtResponse};

    fn parse(message: &Authenticate<'_>) -> Claimed {
        let mut bytes = Vec::new();
        message.emit(&mut bytes).unwrap();
        Claimed::parse(&bytes).unwrap()
    }

    /// As wget does it.
    #[test]
    fn a_name_that_is_no_utf_16_is_shown_as_bytes() {
        let claimed = parse(&Authenticate {
            user: b"alice",
            nt_response: NtResponse::V1(&[7; 24]),
            flags: Some(NegotiateFlags::NEGOTIATE_UNICODE),
            ..Authenticate::default()
        });
        assert_eq!(claimed.user, Some(UserName::new("alice")));
    }

    #[test]
    fn a_byte_outside_utf_8_is_replaced() {
        let claimed = parse(&Authenticate {
            user: b"j\xfcrgen",
            flags: Some(NegotiateFlags::NEGOTIATE_OEM),
            ..Authenticate::default()
        });
        assert_eq!(claimed.to_string(), "user=\"j\u{fffd}rgen\" workstation=\"\" response=none");
    }

    #[test]
    fn an_lm_field_alone_can_be_two_kinds() {
        let claimed = parse(&Authenticate {
            user: b"alice",
            lm_response: LmResponse::new(&[7; 24]),
            flags: Some(NegotiateFlags::NEGOTIATE_OEM),
            ..Authenticate::default()
        });
        assert!(claimed.to_string().ends_with("response=Lmv2/Lm"), "{claimed}");
    }

    #[test]
    fn an_anonymous_client_has_no_user() {
        let claimed = parse(&Authenticate {
            lm_response: LmResponse::new(&[0]),
            flags: Some(NegotiateFlags::NEGOTIATE_OEM),
            ..Authenticate::default()
        });
        assert_eq!(claimed.to_string(), "user=none workstation=\"\" response=none");
        assert_eq!(Claimed::parse(b"NTLMSSP\0\x01\0\0\0"), None);
    }
}
