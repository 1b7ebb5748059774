//! Bodies that are sealed with the session of the login ([MS-WSMV] 2.2.9.1).
//!
//! They resemble MIME but are not MIME: headers begin with a tab, no empty line follows them, and the
//! announced length delimits the sealed data, whose bytes may contain the boundary.

use anyhow::{Context, bail, ensure};
use ntlm::Session;
use ntlm::session::Signature;

/// The value of `Content-Type`.
pub const CONTENT_TYPE: &str = "multipart/encrypted;\
    protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";

/// For NTLM and SPNEGO. With Kerberos and CredSSP the data has another form.
const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";
const DELIMITER: &str = "--Encrypted Boundary";
const END: &str = "--Encrypted Boundary--\r\n";
const SIGNATURE_LEN: u32 = 16;

/// Whether a body with this `Content-Type` is sealed.
pub fn is_encrypted(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart/encrypted")
}

/// Seals an envelope. Each call uses a sequence number of the session, so a body that is sent again on
/// another connection must be sealed again.
pub fn seal(session: &mut Session, envelope: &str) -> anyhow::Result<Vec<u8>> {
    let mut data = envelope.as_bytes().to_vec();
    let signature = session.seal(&mut data)?;
    let head = format!(
        "{DELIMITER}\r\n\
         \tContent-Type: {PROTOCOL}\r\n\
         \tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={}\r\n\
         {DELIMITER}\r\n\
         \tContent-Type: application/octet-stream\r\n",
        envelope.len()
    );
    let len = SIGNATURE_LEN.to_le_bytes();
    Ok([head.as_bytes(), &len, signature.as_bytes(), &data, END.as_bytes()].concat())
}

/// Unseals the envelope in a body.
///
/// # Errors
/// If the body has another form, or was not sealed as the peer's next message in this session. Then
/// the connection cannot be used any longer.
pub fn unseal(session: &mut Session, body: &[u8]) -> anyhow::Result<String> {
    let mut rest = body;
    ensure!(line(&mut rest)? == DELIMITER, "the body does not begin with its boundary");
    let (mut content_type, mut original) = ("", None);
    loop {
        let line = line(&mut rest)?;
        if line == DELIMITER {
            break;
        }
        match header(line)? {
            ("content-type", value) => content_type = value,
            ("originalcontent", value) => original = Some(Original::parse(value)?),
            _ => {}
        }
    }
    ensure!(content_type.eq_ignore_ascii_case(PROTOCOL), "the body is sealed for {content_type:?}");
    let original = original.context("the length is missing")?;
    let octets = ("content-type", "application/octet-stream");
    ensure!(header(line(&mut rest)?)? == octets, "the second part is not octets");

    let (len, rest) = rest.split_first_chunk().context("the body is too short")?;
    ensure!(u32::from_le_bytes(*len) == SIGNATURE_LEN, "the signature has another length");
    let (signature, rest) = rest.split_at_checked(16).context("the body is too short")?;
    let (data, rest) = rest.split_at_checked(original.len).context("the body is too short")?;
    ensure!(rest == END.as_bytes(), "the body does not end with its boundary");
    let (signature, mut data) = (Signature::try_from(signature)?, data.to_vec());
    session.unseal(&mut data, &signature)?;
    original.decode(data)
}

/// The envelope's properties in `OriginalContent`.
struct Original {
    len: usize,
    is_utf16: bool,
}

impl Original {
    fn parse(value: &str) -> anyhow::Result<Self> {
        let (mut len, mut is_utf16) = (None, false);
        for parameter in value.split(';') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (&*name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')) {
                ("length", value) => {
                    len = Some(value.parse().context("the length is not a number")?)
                }
                ("charset", value) => is_utf16 = value.eq_ignore_ascii_case("UTF-16"),
                _ => {}
            }
        }
        Ok(Self { len: len.context("the length is missing")?, is_utf16 })
    }

    fn decode(&self, data: Vec<u8>) -> anyhow::Result<String> {
        if !self.is_utf16 {
            return String::from_utf8(data).context("the envelope is not UTF-8");
        }
        ensure!(data.len() % 2 == 0, "the envelope is not UTF-16");
        let units = data.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        Ok(text.context("the envelope is not UTF-16")?.trim_start_matches('\u{feff}').to_owned())
    }
}

/// Reads the next line.
fn line<'a>(rest: &mut &'a [u8]) -> anyhow::Result<&'a str> {
    let start = rest.get(..MAX_LINE_LEN).unwrap_or(rest);
    let Some(end) = start.windows(2).position(|end| end == b"\r\n") else {
        bail!("a line of the body has no end");
    };
    let (line, after) = rest.split_at(end);
    *rest = &after[2..];
    Ok(std::str::from_utf8(line)?)
}

/// A header's value and its name in lower case, which must be one of the known names.
fn header(line: &str) -> anyhow::Result<(&'static str, &str)> {
    let (name, value) = line.split_once(':').context("a line of the body is not a header")?;
    let names = ["content-type", "originalcontent"];
    let name = names.into_iter().find(|known| name.trim().eq_ignore_ascii_case(known));
    Ok((name.unwrap_or_default(), value.trim()))
}

const MAX_LINE_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use ntlm::crypto::{ExportedSessionKey, Side};
    use ntlm::wire::NegotiateFlags;

    use super::*;

    fn session(side: Side) -> Session {
        let flags = NegotiateFlags::from_bits_retain(0xe208_8235);
        Session::new(flags, &ExportedSessionKey::from([7; 16]), side)
    }

    /// A body with this data, sealed by the client.
    fn body(head: &str, envelope: &[u8]) -> Vec<u8> {
        let mut data = envelope.to_vec();
        let signature = session(Side::Client).seal(&mut data).unwrap();
        let head = format!(
            "{DELIMITER}\r\n{head}{DELIMITER}\r\n\tContent-Type: application/octet-stream\r\n"
        );
        let len = SIGNATURE_LEN.to_le_bytes();
        [head.as_bytes(), &len, signature.as_bytes(), &data, END.as_bytes()].concat()
    }

    #[test]
    fn body_has_the_form_of_the_specification() {
        let sealed = seal(&mut session(Side::Client), "<a/>").unwrap();
        let head = "\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n\
                    \tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=4\r\n";
        assert_eq!(sealed, body(head, b"<a/>"));
        assert_eq!(unseal(&mut session(Side::Server), &sealed).unwrap(), "<a/>");
    }

    #[test]
    fn envelopes_of_any_length_are_unsealed_in_order() {
        let (mut client, mut server) = (session(Side::Client), session(Side::Server));
        for len in [0, 1, 15, 16, 17, 100_000] {
            let envelope = DELIMITER.repeat(len).get(..len).unwrap().to_owned();
            let sealed = seal(&mut client, &envelope).unwrap();
            assert_eq!(unseal(&mut server, &sealed).unwrap(), envelope);
        }
    }

    #[test]
    fn boundary_within_the_data_does_not_end_it() {
        // Chooses a plaintext whose ciphertext is the boundary.
        let mut stream = vec![0; END.len()];
        session(Side::Client).seal(&mut stream).unwrap();
        let envelope: Vec<_> =
            stream.iter().zip(END.bytes()).map(|(key, byte)| key ^ byte).collect();
        let mut data = envelope.clone();
        let signature = session(Side::Client).seal(&mut data).unwrap();
        assert_eq!(data, END.as_bytes());
        let head =
            format!("\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: Length={}\r\n", data.len());
        let sealed = body(&head, &envelope);
        let at = sealed.windows(16).position(|bytes| bytes == signature.as_bytes()).unwrap();
        assert!(sealed[at + 16..].starts_with(END.as_bytes()));
        // The error shows that the data was unsealed as a whole: the plaintext is not text.
        let error = unseal(&mut session(Side::Server), &sealed).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "the envelope is not UTF-8");
    }

    #[test]
    fn other_spaces_and_charsets_are_accepted() {
        for head in [
            format!(
                "Content-Type: {PROTOCOL}\r\nOriginalContent: type=a;charset=UTF-8;Length=4\r\n"
            ),
            format!("\tcontent-type:{PROTOCOL}\r\n\tOriginalContent:  type=a; Length=4\r\n"),
        ] {
            assert_eq!(unseal(&mut session(Side::Server), &body(&head, b"<a/>")).unwrap(), "<a/>");
        }
        let head = format!(
            "\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: type=a;charset=UTF-16;Length=10\r\n"
        );
        let utf16 = b"\xff\xfe<\0a\0/\0>\0";
        assert_eq!(unseal(&mut session(Side::Server), &body(&head, utf16)).unwrap(), "<a/>");
    }

    #[test]
    fn any_changed_body_is_rejected() {
        let sealed = seal(&mut session(Side::Client), "<a>text</a>").unwrap();
        for at in 0..sealed.len() {
            assert!(unseal(&mut session(Side::Server), &sealed[..at]).is_err(), "{at}");
            let mut changed = sealed.clone();
            changed[at] ^= 0x80;
            assert!(unseal(&mut session(Side::Server), &changed).is_err(), "{at}");
        }
        let longer = [&sealed[..], b"\r\n"].concat();
        assert!(unseal(&mut session(Side::Server), &longer).is_err());
        for len in ["5", "18446744073709551615", "-1", "x"] {
            let head = format!("\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: Length={len}\r\n");
            assert!(unseal(&mut session(Side::Server), &body(&head, b"<a/>")).is_err(), "{len}");
        }
    }

    #[test]
    fn body_that_is_sent_again_is_rejected() {
        let mut server = session(Side::Server);
        let sealed = seal(&mut session(Side::Client), "<a/>").unwrap();
        unseal(&mut server, &sealed).unwrap();
        assert!(unseal(&mut server, &sealed).is_err());
    }

    #[test]
    fn content_type_is_recognized() {
        assert!(is_encrypted(CONTENT_TYPE));
        assert!(!is_encrypted("application/soap+xml;charset=UTF-8"));
        // CredSSP's data has another form.
        assert!(!is_encrypted("multipart/x-multi-encrypted;protocol=\"x\""));
    }
}
