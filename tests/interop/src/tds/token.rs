//! What a response is made of ([MS-TDS] 2.2.7).

use super::packet::PACKET_LEN;

const COLMETADATA: u8 = 0x81;
const ERROR: u8 = 0xaa;
const LOGINACK: u8 = 0xad;
const ROW: u8 = 0xd1;
const ENVCHANGE: u8 = 0xe3;
const SSPI: u8 = 0xed;
const DONE: u8 = 0xfd;

/// TDS 7.2, since which some numbers are longer.
const LONGER: u32 = 0x7200_0000;
/// Latin1_General_CI_AS
const COLLATION: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 0x34];
const NVARCHAR: u8 = 0xe7;
const NULLABLE: u16 = 1;
/// `Login failed for user`
const LOGIN_FAILED: u32 = 18_456;
const DONE_ERROR: u16 = 0x02;
const DONE_COUNT: u16 = 0x10;
const SELECT: u16 = 0xc1;

/// A response in the making.
#[derive(Debug)]
pub(super) struct Tokens {
    version: u32,
    bytes: Vec<u8>,
}

impl Tokens {
    /// Of the version that the client speaks.
    pub(super) fn new(version: u32) -> Self {
        Self { version, bytes: Vec::new() }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What authenticates the server, or asks the client to.
    pub(super) fn sspi(self, message: &[u8]) -> Self {
        self.token(SSPI, message)
    }

    /// The login is accepted.
    pub(super) fn login_ack(self) -> Self {
        let [database, collation, packet_size] = [1, 7, 4];
        let size = PACKET_LEN.to_string();
        // The interface is Transact-SQL; the version is in the other byte order.
        let [interface, version] = [&[1][..], &self.version.to_be_bytes()];
        let acknowledgement =
            [interface, version, &short_text("Microsoft SQL Server"), &[15, 0, 7, 208]].concat();
        self.change(database, &short_text("master"), &short_text("master"))
            .change(collation, &[&[5][..], &COLLATION].concat(), &[0])
            .change(packet_size, &short_text(&size), &short_text(&size))
            .token(LOGINACK, &acknowledgement)
    }

    /// The login is rejected.
    pub(super) fn error(self, message: &str) -> Self {
        let [state, class] = [1, 14];
        let length = u16::try_from(message.encode_utf16().count()).expect("it is short");
        let line = self.short_number(1);
        let content = [
            &LOGIN_FAILED.to_le_bytes()[..],
            &[state, class],
            &length.to_le_bytes(),
            &utf16(message),
            &short_text("localhost"),
            &short_text(""),
            &line,
        ];
        self.token(ERROR, &content.concat())
    }

    /// Rows with one column of text follow.
    pub(super) fn column(mut self) -> Self {
        self.bytes.push(COLMETADATA);
        self.bytes.extend(1_u16.to_le_bytes());
        let user_type = self.short_number(0);
        self.bytes.extend(user_type);
        self.bytes.extend(NULLABLE.to_le_bytes());
        self.bytes.push(NVARCHAR);
        self.bytes.extend(512_u16.to_le_bytes());
        self.bytes.extend(COLLATION);
        self.bytes.extend(short_text("answer"));
        self
    }

    /// A row of one text, whose length stands where other tokens have their own.
    pub(super) fn row(self, text: &str) -> Self {
        self.token(ROW, &utf16(text))
    }

    /// The end of a response that has so many rows.
    pub(super) fn done(self, rows: u32) -> Self {
        if rows == 0 { self.end(0, 0, 0) } else { self.end(DONE_COUNT, SELECT, rows) }
    }

    pub(super) fn done_with_error(self) -> Self {
        self.end(DONE_ERROR, 0, 0)
    }

    fn end(mut self, status: u16, command: u16, rows: u32) -> Self {
        let rows = self.long_number(rows);
        self.bytes.push(DONE);
        self.bytes.extend([status.to_le_bytes(), command.to_le_bytes()].concat());
        self.bytes.extend(rows);
        self
    }

    /// What the client is to know of the session.
    fn change(self, kind: u8, new: &[u8], old: &[u8]) -> Self {
        self.token(ENVCHANGE, &[&[kind][..], new, old].concat())
    }

    fn token(mut self, kind: u8, content: &[u8]) -> Self {
        self.bytes.push(kind);
        let length = u16::try_from(content.len()).expect("it fits a packet");
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(content);
        self
    }

    /// A line or a user type: their length depends on the version.
    fn short_number(&self, number: u16) -> Vec<u8> {
        if self.version >= LONGER {
            u32::from(number).to_le_bytes().to_vec()
        } else {
            number.to_le_bytes().to_vec()
        }
    }

    /// A number of rows.
    fn long_number(&self, number: u32) -> Vec<u8> {
        if self.version >= LONGER {
            u64::from(number).to_le_bytes().to_vec()
        } else {
            number.to_le_bytes().to_vec()
        }
    }
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A text after its length in characters.
fn short_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.encode_utf16().count()).expect("it is short");
    [vec![length], utf16(text)].concat()
}
