//! What comes before the handshake: PRELOGIN ([MS-TDS] 2.2.6.5) and LOGIN7 (2.2.6.4).

/// `ENCRYPT_NOT_SUP`
const NO_TLS: u8 = 2;

/// Where the fields of a LOGIN7 are.
const VERSION: usize = 4;
const SSPI: usize = 78;
const LONG_SSPI: usize = 90;

/// TDS 7.1. Before, texts have no collation.
const OLDEST: u32 = 0x7100_0000;

/// What the server needs of a LOGIN7.
#[derive(Debug)]
pub(super) struct Login {
    /// Such as 0x74000004 for TDS 7.4.
    pub(super) version: u32,
    pub(super) sspi: Vec<u8>,
}

impl Login {
    /// `None` if there is no SSPI in it, or the version is too old.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let version = u32_at(message, VERSION).filter(|version| *version >= OLDEST)?;
        let offset = usize::from(u16_at(message, SSPI)?);
        let length = match u16_at(message, SSPI + 2)? {
            // 2.2.6.4, `cbSSPI`: the length is elsewhere then.
            u16::MAX => u32_at(message, LONG_SSPI).filter(|length| *length > 0)?,
            length => length.into(),
        };
        let end = offset.checked_add(usize::try_from(length).ok()?)?;
        let sspi = message.get(offset..end).filter(|sspi| !sspi.is_empty())?;
        Some(Self { version, sspi: sspi.to_vec() })
    }
}

/// SQL Server 2019, without TLS.
pub(super) fn prelogin_response() -> Vec<u8> {
    let options: [(u8, &[u8]); 3] = [
        // VERSION, ENCRYPTION, MARS
        (0, &[15, 0, 7, 208, 0, 0]),
        (1, &[NO_TLS]),
        (4, &[0]),
    ];
    let (mut head, mut data) = (Vec::new(), Vec::new());
    let data_start = options.len() * 5 + 1;
    for (option, value) in options {
        let offset = u16::try_from(data_start + data.len()).expect("it is short");
        let length = u16::try_from(value.len()).expect("it is short");
        head.push(option);
        head.extend(offset.to_be_bytes());
        head.extend(length.to_be_bytes());
        data.extend(value);
    }
    head.push(0xff);
    [head, data].concat()
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*message.get(at..)?.first_chunk()?))
}

fn u32_at(message: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*message.get(at..)?.first_chunk()?))
}
