//! Bodies of requests and responses: sealed over plain HTTP, not sealed over TLS.

use anyhow::{Context, ensure};
use ntlm::Session;

use super::encrypted;

/// The `Content-Type` of an envelope that is not sealed.
pub const PLAIN: &str = "application/soap+xml;charset=UTF-8";

/// Writes the body for an envelope, sealed if there is a session. Returns its `Content-Type` and
/// the body.
pub fn write(
    session: Option<&mut Session>,
    envelope: &str,
) -> anyhow::Result<(&'static str, Vec<u8>)> {
    Ok(match session {
        Some(session) => (encrypted::CONTENT_TYPE, encrypted::seal(session, envelope)?),
        None => (PLAIN, envelope.as_bytes().to_vec()),
    })
}

/// Reads the envelope in a body, which must be sealed if there is a session, and must not be if there is
/// none.
pub fn read(
    session: Option<&mut Session>,
    content_type: &str,
    body: &[u8],
) -> anyhow::Result<String> {
    let is_sealed = encrypted::is_encrypted(content_type);
    if let Some(session) = session {
        ensure!(is_sealed, "unencrypted");
        return encrypted::unseal(session, body);
    }
    ensure!(!is_sealed, "there is no session to unseal with");
    String::from_utf8(body.to_vec()).context("the envelope is not UTF-8")
}

#[cfg(test)]
mod tests {
    use ntlm::crypto::{ExportedSessionKey, Side};
    use ntlm::wire::NegotiateFlags;

    use super::*;

    #[test]
    fn body_is_sealed_exactly_if_there_is_a_session() {
        let session = |side| {
            let flags = NegotiateFlags::from_bits_retain(0xe208_8235);
            Session::new(flags, &ExportedSessionKey::from([7; 16]), side)
        };
        let (sealed, sealed_body) = write(Some(&mut session(Side::Client)), "<a/>").unwrap();
        let mut server = session(Side::Server);
        assert_eq!(read(Some(&mut server), sealed, &sealed_body).unwrap(), "<a/>");
        assert!(read(None, sealed, &sealed_body).is_err());
        let (plain, plain_body) = write(None, "<a/>").unwrap();
        assert_eq!(read(None, plain, &plain_body).unwrap(), "<a/>");
        assert!(read(Some(&mut session(Side::Server)), plain, &plain_body).is_err());
        assert!(read(None, plain, b"\xff").is_err());
    }
}
