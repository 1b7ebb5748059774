//! What a client claims, for the log.

use alloc::string::{String, ToString};
use core::fmt;

use super::response::Proof;
use crate::credentials::UserName;
use crate::policy::ResponseKind;
use crate::text::{CharacterSet, Text};
use crate::wire::{Authenticate, NegotiateFlags};

/// The names and the kind of response in an AUTHENTICATE, for the log. Nothing of it is proven.
///
/// Use it to log which client was rejected. A claim returns it
/// ([`UserClaim::claimed`](super::UserClaim::claimed)); if
/// [`AwaitAuthenticate::read`](super::AwaitAuthenticate::read) rejected the message,
/// [`parse`](Self::parse) reads it from the bytes. `Display` escapes the names, so a client cannot
/// add lines to the log:
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
    /// The user that the client claims to be; `None` for an anonymous client.
    pub user: Option<UserName>,
    /// The workstation name that the client claims; empty if it sent none.
    pub workstation: Text,
    /// The kinds that the response can be. An LM response and an LMv2 response look alike, so there
    /// can be two; there is none if the client sent no response.
    pub responses: &'static [ResponseKind],
}

impl Claimed {
    /// Reads the names and the kind of response from an AUTHENTICATE; `None` if the bytes are not
    /// an AUTHENTICATE.
    ///
    /// The names are decoded in the character set of the message's flags. If that fails, they are
    /// decoded as UTF-8 as far as possible, because wget 1.21.3, for example, sends OEM names and
    /// sets UNICODE.
    #[must_use]
    pub fn parse(authenticate: &[u8]) -> Option<Self> {
        Self::parse_negotiated(authenticate, None)
    }

    /// Does the same as [`parse`](Self::parse), with the negotiated character set if it is known.
    pub(super) fn parse_negotiated(
        authenticate: &[u8],
        negotiated: Option<CharacterSet>,
    ) -> Option<Self> {
        // The session key is not needed.
        let message = Authenticate::parse_for_server(authenticate, |_| false).ok()?;
        Some(Self::of(&message, negotiated))
    }

    /// Returns what a parsed AUTHENTICATE claims.
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

/// Maximum number of bytes of a name in the log. Without a limit, a short message whose fields
/// overlap would result in a long log line.
const LONGEST: usize = 512;

/// Decodes a name for the log. OEM names are decoded as UTF-8 and not in the OEM code page, because
/// curl 7.88.1 sends UTF-8.
fn shown(name: &[u8], character_set: CharacterSet) -> Text {
    let (name, _) = name.split_at(name.len().min(LONGEST));
    match character_set {
        CharacterSet::Unicode => Text::from_utf16le(name).ok(),
        CharacterSet::Oem => None,
    }
    .unwrap_or_else(|| String::from_utf8_lossy(name).into_owned().into())
}

impl fmt::Display for Claimed {
    /// Prints `user="EXAMPLE\\alice" workstation="PC" response=Ntlmv2`. Names are escaped; an
    /// absent user or response is `none`.
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

    /// wget 1.21.3 sends this.
    #[test]
    fn name_that_is_not_utf16_is_logged_as_utf8() {
        let claimed = parse(&Authenticate {
            user: b"alice",
            nt_response: NtResponse::V1(&[7; 24]),
            flags: Some(NegotiateFlags::NEGOTIATE_UNICODE),
            ..Authenticate::default()
        });
        assert_eq!(claimed.user, Some(UserName::new("alice")));
    }

    #[test]
    fn invalid_utf8_byte_in_a_name_is_replaced() {
        let claimed = parse(&Authenticate {
            user: b"j\xfcrgen",
            flags: Some(NegotiateFlags::NEGOTIATE_OEM),
            ..Authenticate::default()
        });
        assert_eq!(claimed.to_string(), "user=\"j\u{fffd}rgen\" workstation=\"\" response=none");
    }

    #[test]
    fn lm_response_without_nt_response_is_logged_as_lmv2_or_lm() {
        let claimed = parse(&Authenticate {
            user: b"alice",
            lm_response: LmResponse::new(&[7; 24]),
            flags: Some(NegotiateFlags::NEGOTIATE_OEM),
            ..Authenticate::default()
        });
        assert!(claimed.to_string().ends_with("response=Lmv2/Lm"), "{claimed}");
    }

    #[test]
    fn anonymous_client_is_logged_without_a_user() {
        let claimed = parse(&Authenticate {
            lm_response: LmResponse::new(&[0]),
            flags: Some(NegotiateFlags::NEGOTIATE_OEM),
            ..Authenticate::default()
        });
        assert_eq!(claimed.to_string(), "user=none workstation=\"\" response=none");
        assert_eq!(Claimed::parse(b"NTLMSSP\0\x01\0\0\0"), None);
    }
}
