//! TDS ([MS-TDS]): tokens in LOGIN7, in `SSPI` messages and in the token stream of the server.

use ntlm_testkit::replay::{Outcome, bytes, check, list, number};
use ntlm_testkit::{Fields, hex};
use serde_json::Value;

use crate::Sender;
use crate::handshake::Recording;

const LOGIN7: u8 = 0x10;
const PRELOGIN: u8 = 0x12;

pub(crate) fn replay(exchange: &Value) -> Outcome<()> {
    let messages = messages(exchange)?;
    let facts = &exchange["check"];
    let names = messages.iter().map(Message::name).collect::<Vec<_>>();
    check("messages", serde_json::json!(names), facts["messages"].clone())?;

    // Only a PRELOGIN may precede the login.
    let begin = messages.iter().position(|message| message.kind == LOGIN7).ok_or("no LOGIN7")?;
    let is_prelogin =
        |message: &Message| message.kind == PRELOGIN || message.sender == Sender::Server;
    check("PRELOGIN", messages[..begin].iter().all(is_prelogin), true)?;
    let [login, challenge, second, reply, ..] = &messages[begin..] else {
        return Err("a login of fewer than four messages".into());
    };
    let first = first_token(exchange, &login.contents)?;
    check("first token", hex(first), exchange.text("sspi_first_token").unwrap_or_default().into())?;
    check("kind of the second", second.kind, number(exchange, "second_packet_type")?)?;
    let (challenge, rest) = sspi(&challenge.contents)?.ok_or("no token of the server")?;
    check("what follows the CHALLENGE", rest, &[])?;

    let mut tokens = vec![
        (Sender::Client, first.to_vec()),
        (Sender::Server, challenge.to_vec()),
        (Sender::Client, second.contents.clone()),
    ];
    tokens.extend(sspi(&reply.contents)?.map(|(token, _)| (Sender::Server, token.to_vec())));
    check_reply(exchange, &reply.contents, &facts["reply_tokens"])?;
    Recording { exchange, context: exchange, check: facts }.replay(&tokens).map(drop)
}

/// Packets of one message, joined, without their headers.
struct Message {
    sender: Sender,
    kind: u8,
    in_tls: bool,
    contents: Vec<u8>,
}

impl Message {
    fn name(&self) -> String {
        let sender = if self.sender == Sender::Client { "c2s" } else { "s2c" };
        let tls = if self.in_tls { " tls" } else { "" };
        format!("{sender} {:#04x}{tls}", self.kind)
    }
}

/// Joins packets (2.2.3.1): a bit of the status marks the last packet of a message.
fn messages(exchange: &Value) -> Outcome<Vec<Message>> {
    let mut messages: Vec<Message> = Vec::new();
    let mut is_complete = true;
    for packet in list(exchange, "packets")? {
        let (sender, in_tls) = (Sender::of(packet)?, packet["tls"] == true);
        let packet = bytes(packet, "packet")?;
        let [kind, status, high, low, _, _, _, _, ref contents @ ..] = packet[..] else {
            return Err("a short packet".into());
        };
        check("length", usize::from(u16::from_be_bytes([high, low])), packet.len())?;
        match messages.last_mut() {
            Some(message) if !is_complete => {
                check("packets of one message", (message.sender, message.kind), (sender, kind))?;
                message.contents.extend(contents);
            }
            _ => messages.push(Message { sender, kind, in_tls, contents: contents.to_vec() }),
        }
        is_complete = status & 1 != 0;
    }
    check("the last message is complete", is_complete, true)?;
    Ok(messages)
}

/// The token in a LOGIN7 (2.2.6.4).
fn first_token<'a>(exchange: &Value, login: &'a [u8]) -> Outcome<&'a [u8]> {
    let u16_at = |at: usize| {
        let bytes = login.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u16::from_le_bytes).map(usize::from).ok_or("a short LOGIN7")
    };
    let version = login.get(4..8).ok_or("a short LOGIN7")?.iter().rev().copied();
    check(
        "version",
        hex(&version.collect::<Vec<_>>()),
        exchange.text("tds_version").unwrap_or_default().into(),
    )?;
    let flags = *login.get(25).ok_or("a short LOGIN7")?;
    check("OptionFlags2", flags, number(exchange, "option_flags2")?)?;
    // fIntSecurity
    check("integrated security", flags & 0x80, 0x80)?;
    let (at, len) = (u16_at(78)?, u16_at(80)?);
    check("ibSSPI", at, number(exchange, "ib_sspi")?)?;
    check("cbSSPI", len, number(exchange, "cb_sspi")?)?;
    login.get(at..at + len).ok_or("the token lies outside of the LOGIN7".into())
}

/// The token in a message of the server that begins with one (2.2.7.22), and what follows it.
fn sspi(contents: &[u8]) -> Outcome<Option<(&[u8], &[u8])>> {
    match *contents {
        [0xed, low, high, ref rest @ ..] => {
            let len = usize::from(u16::from_le_bytes([low, high]));
            rest.split_at_checked(len).map(Some).ok_or("a short token".into())
        }
        _ => Ok(None),
    }
}

/// The kinds of the tokens with which the server answers the login.
fn check_reply(exchange: &Value, mut reply: &[u8], recorded: &Value) -> Outcome<()> {
    const ERROR: u8 = 0xaa;
    const LOGIN_ACK: u8 = 0xad;
    const DONE: u8 = 0xfd;
    let mut kinds = Vec::new();
    while let [kind, rest @ ..] = reply {
        kinds.push(*kind);
        let (len, rest) = match (*kind, rest) {
            // The count of rows is longer since version 7.2.
            (DONE, _) => (rest.len(), rest),
            (_, [low, high, rest @ ..]) => (usize::from(u16::from_le_bytes([*low, *high])), rest),
            _ => return Err("a short token".into()),
        };
        reply = rest.get(len..).ok_or("a short token")?;
    }
    let names: Vec<_> = kinds.iter().map(|kind| format!("{kind:02x}")).collect();
    check("tokens of the reply", &serde_json::json!(names), recorded)?;
    let is_accepted = exchange.text("outcome") == Some("accepted");
    check("LOGINACK", kinds.contains(&LOGIN_ACK), is_accepted)?;
    check("ERROR", kinds.contains(&ERROR), !is_accepted)?;
    Ok(())
}
