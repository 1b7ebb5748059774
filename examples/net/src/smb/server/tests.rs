use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::super::negotiate::FSCTL_VALIDATE_NEGOTIATE_INFO;
use super::*;

/// A client that sends arbitrary bytes, and the server's end of the connection.
struct Pair {
    client: TcpStream,
    server: ServerConnection,
}

impl Pair {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = DeadlineStream::new(listener.accept().unwrap().0, Duration::from_secs(20));
        Self { client, server: ServerConnection::new(stream) }
    }

    /// The same after the client has offered these versions.
    fn negotiated(dialects: &[u16]) -> Self {
        let mut pair = Self::new();
        let request = pair.receive(&message(Command::Negotiate, 0, &negotiate(dialects))).unwrap();
        pair.server.negotiate(&request, b"hints").unwrap();
        pair
    }

    fn receive(&mut self, message: &[u8]) -> anyhow::Result<Request> {
        let len = u32::try_from(message.len()).unwrap();
        self.client.write_all(&[&len.to_be_bytes(), message].concat()).unwrap();
        self.server.receive().map(|request| request.unwrap())
    }

    /// The body of the next response.
    fn response(&mut self) -> Vec<u8> {
        let mut prefix = [0; 4];
        self.client.read_exact(&mut prefix).unwrap();
        let mut message = vec![0; u32::from_be_bytes(prefix) as usize];
        self.client.read_exact(&mut message).unwrap();
        assert_eq!(message[8..12], [0; 4], "a success");
        assert_eq!(message[14..16], [1, 0], "one credit");
        message.split_off(HEADER_LEN)
    }

    /// Sends FSCTL_VALIDATE_NEGOTIATE_INFO.
    fn validate(&mut self, input: &[u8], most: u32) -> anyhow::Result<()> {
        let body = validate(input, most);
        let request = self.receive(&message(Command::Ioctl, 1, &body)).unwrap();
        self.server.ioctl(&request)
    }
}

fn message(command: Command, message_id: u64, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0; HEADER_LEN];
    message[..4].copy_from_slice(&PROTOCOL_ID);
    message[12..14].copy_from_slice(&(command as u16).to_le_bytes());
    message[14] = 7; // CreditRequest
    message[24..32].copy_from_slice(&message_id.to_le_bytes());
    message.extend(body);
    message
}

/// The NEGOTIATE of a client with the capabilities 5 and the GUID 9, 9, …, and a context of this
/// kind and hash.
fn negotiate_with(dialects: &[u16], (kind, hash): (u8, u8)) -> Vec<u8> {
    let count = u8::try_from(dialects.len()).unwrap();
    let mut body = vec![36, 0, count, 0, 1, 0, 0, 0, 5, 0, 0, 0];
    body.extend([9; 16]);
    body.extend([128, 0, 0, 0, 2, 0, 0, 0]); // contexts
    body.extend(dialects.iter().flat_map(|dialect| dialect.to_le_bytes()));
    body.resize(64, 0);
    body.extend([0x99, 0, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
    body.extend([kind, 0, 8, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0xff, 0, hash, 0]);
    body
}

fn negotiate(dialects: &[u16]) -> Vec<u8> {
    negotiate_with(dialects, (1, 1))
}

/// The client's values in FSCTL_VALIDATE_NEGOTIATE_INFO.
fn info(dialects: &[u16]) -> Vec<u8> {
    let mut info = vec![5, 0, 0, 0];
    info.extend([9; 16]);
    info.extend([1, 0, u8::try_from(dialects.len()).unwrap(), 0]);
    info.extend(dialects.iter().flat_map(|dialect| dialect.to_le_bytes()));
    info
}

fn validate(input: &[u8], most: u32) -> Vec<u8> {
    let mut body = vec![57, 0, 0, 0];
    body.extend(FSCTL_VALIDATE_NEGOTIATE_INFO.to_le_bytes());
    body.extend([0xff; 16]);
    body.extend(120u32.to_le_bytes());
    body.extend(u32::try_from(input.len()).unwrap().to_le_bytes());
    body.extend([0; 12]);
    body.extend(most.to_le_bytes());
    body.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(input);
    body
}

#[test]
fn message_without_a_whole_header_is_rejected() {
    let message = message(Command::Negotiate, 0, &[]);
    for len in 0..HEADER_LEN {
        assert!(Pair::new().receive(&message[..len]).is_err(), "{len}");
    }
    let mut pair = Pair::new();
    let request = pair.receive(&message).unwrap();
    pair.server.respond_with_error(&request, Status::NOT_SUPPORTED).unwrap();
}

#[test]
fn message_that_is_repeated_or_skipped_is_rejected() {
    for first in [1, 2, u64::MAX] {
        let error = Pair::new().receive(&message(Command::Negotiate, first, &[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the client sends message {first} in the place of 0")
        );
    }
    for (second, is_next) in [(0, false), (1, true), (2, false)] {
        let mut pair = Pair::negotiated(&[0x0210]);
        let got = pair.receive(&message(Command::SessionSetup, second, &[]));
        assert_eq!(got.is_ok(), is_next, "{second}");
    }
}

#[test]
fn session_setup_before_negotiate_and_second_negotiate_are_rejected() {
    let expected = "the client does not negotiate first, and once";
    let error = Pair::new().receive(&message(Command::SessionSetup, 0, &[])).unwrap_err();
    assert_eq!(error.to_string(), expected);
    let mut pair = Pair::negotiated(&[0x0210]);
    let error = pair.receive(&message(Command::Negotiate, 1, &negotiate(&[0x0202]))).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn newest_common_version_is_chosen() {
    for (offered, chosen) in [
        (&[0x0202][..], 0x0202u16),
        (&[0x0202, 0x0210, 0x0300], 0x0300),
        (&[0x0302, 0x0311, 0x0999], 0x0311),
    ] {
        let mut pair = Pair::negotiated(offered);
        assert_eq!(pair.response()[4..6], chosen.to_le_bytes());
    }
    let mut pair = Pair::negotiated(&[0x0999]);
    let mut response = [0; 16];
    pair.client.read_exact(&mut response).unwrap();
    assert_eq!(response[12..], 0xc000_00bb_u32.to_le_bytes());
    // Another offer may follow.
    let _ = pair.receive(&message(Command::Negotiate, 1, &negotiate(&[0x0202]))).unwrap();
}

#[test]
fn smb_3_1_1_without_a_common_hash_is_rejected() {
    for (context, is_status) in [((1, 2), true), ((2, 1), false)] {
        let mut pair = Pair::new();
        let body = negotiate_with(&[0x0210, 0x0311], context);
        let request = pair.receive(&message(Command::Negotiate, 0, &body)).unwrap();
        let result = pair.server.negotiate(&request, b"");
        assert_eq!(result.is_ok(), is_status, "{result:?}");
        assert!(pair.server.negotiated.is_none());
        if is_status {
            let mut response = [0; 16];
            pair.client.read_exact(&mut response).unwrap();
            assert_eq!(response[12..], 0xc05d_0000_u32.to_le_bytes());
        }
    }
    // The other versions have no contexts.
    assert!(Pair::negotiated(&[0x0210]).server.negotiated.is_some());
}

#[test]
fn validation_is_answered_with_the_negotiated_values() {
    for dialects in [&[0x0202][..], &[0x0202, 0x0210], &[0x0210, 0x0300, 0x0302]] {
        let mut pair = Pair::negotiated(dialects);
        let negotiated = pair.response();
        pair.validate(&info(dialects), 24).unwrap();
        let output = pair.response().split_off(48);
        // Capabilities, ServerGuid, SecurityMode, DialectRevision
        let [mode_and_dialect, guid, capabilities] =
            [2..6, 8..24, 24..28].map(|at| &negotiated[at]);
        assert_eq!(output, [capabilities, guid, mode_and_dialect].concat());
    }
}

#[test]
fn changed_negotiation_is_noticed() {
    let offered = [0x0202, 0x0210];
    let right = info(&offered);
    for at in 0..right.len() {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        let error = Pair::negotiated(&offered).validate(&wrong, 24).unwrap_err();
        assert_eq!(error.to_string(), "a man in the middle changed the negotiation", "{at}");
    }
    // The man in the middle took SMB 3.1.1 out of the offer.
    assert!(Pair::negotiated(&offered).validate(&info(&[0x0202, 0x0210, 0x0311]), 24).is_err());
    assert!(Pair::negotiated(&offered).validate(&[], 24).is_err());
}

#[test]
fn question_in_smb_3_1_1_and_without_room_for_the_answer_is_rejected() {
    let expected = "the client asks in a wrong way what was negotiated";
    for (offered, most) in [(0x0311, 24), (0x0210, 23)] {
        let error = Pair::negotiated(&[offered]).validate(&info(&[offered]), most).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
