//! WinRM ([MS-WSMV] 2.2.9.1): tokens in HTTP headers, sealed messages in `multipart/encrypted` bodies.

use ntlm::http::{AuthHeader, Scheme};
use ntlm_testkit::Fields;
use ntlm_testkit::replay::{Outcome, bytes, check, list, number};
use serde_json::Value;

use crate::handshake::{Recording, Sessions};
use crate::{Sender, credssp};

pub(crate) fn replay(exchange: &Value) -> Outcome<()> {
    let connections = list(exchange, "connections")?;
    let facts = list(&exchange["check"], "contexts")?;
    let mut facts = facts.iter();
    let mut count = 0;
    let mut old_bodies = Vec::new();
    for connection in connections {
        let requests = list(connection, "requests")?.iter().map(Message::read);
        let requests = requests.collect::<Outcome<Vec<_>>>()?;
        for context in list(connection, "contexts")? {
            let facts = facts.next().ok_or("more handshakes than were checked")?;
            count += 1;
            if context.text("scheme") == Some("CredSSP") {
                credssp::replay_context(exchange, context, facts, &context["credssp"])?;
                check_tls_records(&requests, context)?;
                continue;
            }
            let tokens = tokens(&requests, context.text("scheme").unwrap_or_default())?;
            let mut sessions = Recording { exchange, context, check: facts }.replay(&tokens)?;
            if !facts["wrong_password_shown"].is_null() {
                // The server rejected the client: no message was sealed.
                check("messages", list(context, "messages")?.len(), 0)?;
            } else if connection["exception"].is_null() {
                messages(&requests, context, facts, &mut sessions)?;
            } else {
                sent_again(&requests, &old_bodies, sessions)?;
            }
        }
        old_bodies.extend(requests.into_iter().map(|request| request.body));
    }
    if count == 0 || facts.next().is_some() {
        return Err(format!("{count} handshakes"));
    }
    Ok(())
}

/// A request or a response.
struct Message {
    sender: Sender,
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn read(message: &Value) -> Outcome<Self> {
        let head = String::from_utf8(bytes(message, "head")?).map_err(|error| error.to_string())?;
        Ok(Self { sender: Sender::of(message)?, head, body: bytes(message, "body")? })
    }

    fn header(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The tokens under this scheme, in the order of transmission.
fn tokens(messages: &[Message], scheme: &str) -> Outcome<Vec<(Sender, Vec<u8>)>> {
    let scheme = match scheme {
        "NTLM" => Scheme::Ntlm,
        "Negotiate" => Scheme::Negotiate,
        _ => return Err(format!("unknown scheme {scheme}")),
    };
    let mut tokens = Vec::new();
    for message in messages {
        let name = match message.sender {
            Sender::Client => "Authorization",
            Sender::Server => "WWW-Authenticate",
        };
        for header in message.header(name).flat_map(AuthHeader::offers) {
            if header.scheme() == scheme && !header.is_bare() {
                let token = header.token().map_err(|error| error.to_string())?;
                tokens.push((message.sender, token));
            }
        }
    }
    Ok(tokens)
}

const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";

fn messages(
    requests: &[Message],
    context: &Value,
    facts: &Value,
    sessions: &mut Sessions,
) -> Outcome<()> {
    let mut unsealed = 0;
    for (index, message) in list(context, "messages")?.iter().enumerate() {
        let plain = bytes(message, "plain")?;
        let sender = Sender::of(message)?;
        if message["unencrypted"] == true {
            if !requests.iter().any(|request| request.sender == sender && request.body == plain) {
                return Err(format!("message {index} was not sent in clear"));
            }
            continue;
        }
        let request =
            &requests.get(number::<usize>(message, "request")?).ok_or("no such request")?;
        check("sender", request.sender, sender)?;
        let content_type = request.header("Content-Type").next().unwrap_or_default();
        let expected =
            format!("multipart/encrypted;protocol=\"{PROTOCOL}\";boundary=\"Encrypted Boundary\"");
        check("Content-Type", content_type, &expected)?;
        let data = whole_body(request, message, plain.len(), PROTOCOL)?;
        let (&[a, b, c, d], sealed) = data.split_first_chunk().ok_or("a short body")?;
        check("length of the signature", u32::from_le_bytes([a, b, c, d]), 16)?;
        let replayed = sessions.replay(sender, sealed).map_err(|why| format!("{index}: {why}"))?;
        check("plaintext", replayed, plain)?;
        unsealed += 1;
    }
    check("messages", unsealed, number::<u64>(facts, "unsealed")?)
}

/// Checks the MIME framing of a body that has one part, and returns the sealed data.
fn whole_body<'a>(
    request: &'a Message,
    message: &Value,
    len: usize,
    protocol: &str,
) -> Outcome<&'a [u8]> {
    let before = format!(
        "--Encrypted Boundary\r\n\tContent-Type: {protocol}\r\n\
         \tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len}\r\n\
         --Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n",
    );
    let body =
        request.body.strip_prefix(before.as_bytes()).ok_or("another beginning of the body")?;
    let data = body.strip_suffix(b"--Encrypted Boundary--\r\n").ok_or("another end of the body")?;
    check("offset", before.len(), number(message, "offset")?)?;
    check("length", data.len(), number(message, "length")?)?;
    Ok(data)
}

/// Under CredSSP, the sealed data is a TLS record, whose keys were not recorded.
fn check_tls_records(requests: &[Message], context: &Value) -> Outcome<()> {
    for message in list(context, "messages")? {
        let request =
            &requests.get(number::<usize>(message, "request")?).ok_or("no such request")?;
        let len = bytes(message, "plain")?.len();
        let data = whole_body(request, message, len, "application/HTTP-CredSSP-session-encrypted")?;
        let (trailer, record) = data.split_first_chunk().ok_or("a short body")?;
        let trailer = usize::try_from(u32::from_le_bytes(*trailer)).unwrap_or_default();
        // An explicit nonce of AES-GCM in TLS 1.2 has 8 octets.
        let [0x17, 3, 3, high, low, ..] = record[..] else { return Err("no TLS record".into()) };
        check(
            "length of the record",
            usize::from(u16::from_be_bytes([high, low])),
            record.len() - 5,
        )?;
        check("length of the record", record.len(), 5 + 8 + len + trailer)?;
    }
    Ok(())
}

/// pypsrp answers a 401 response in the middle of a session with the body that it sealed for the
/// first connection. The server of the second connection cannot unseal it.
fn sent_again(requests: &[Message], old: &[Vec<u8>], mut sessions: Sessions) -> Outcome<()> {
    let last = requests.last().ok_or("no requests")?;
    check("the last body was sent before", old.contains(&last.body), true)?;
    let marker = b"Content-Type: application/octet-stream\r\n\x10\0\0\0";
    let at = last.body.windows(marker.len()).position(|bytes| bytes == marker);
    let data = &last.body[at.ok_or("no sealed data")? + marker.len()..];
    let data = data.strip_suffix(b"--Encrypted Boundary--\r\n").ok_or("another end of the body")?;
    match sessions.replay(Sender::Client, data) {
        Ok(_) => Err("a message of another session is unsealed".into()),
        Err(_) => Ok(()),
    }
}
