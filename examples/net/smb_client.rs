//! Lists a directory of an SMB share, or reads a file.
//!
//! ```text
//! cargo run --example smb_client -- --user 'EXAMPLE\alice' //files.example.com/share
//! cargo run --example smb_client -- --user 'EXAMPLE\alice' //files.example.com/share notes.txt
//! ```
//!
//! What to copy is [`log_in`]: SMB carries NTLM's messages, in SPNEGO or bare, and then signs all
//! messages itself with a key derived from the session key, in one of three ways
//! (`src/smb/signing.rs`). An anonymous client has no session key, so nothing is signed.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use ntlm::session::Protection;
use ntlm_net_examples::login::{Framing, LoginClient, NtlmOptions};
use ntlm_net_examples::smb::{Command, Connection, Dialect, Response, Status};
use ntlm_net_examples::tcp::Address;

/// Lists a directory of an SMB share, or writes a file to standard output.
///
/// All messages are signed, and the server's signatures are checked. Without a user they are not,
/// because an anonymous client has no session key. Encryption is not supported.
#[derive(Parser)]
struct Options {
    /// The share: //HOST[:PORT]/SHARE
    #[arg(value_parser = Share::parse)]
    share: Share,

    /// The path in the share to list or read
    #[arg(default_value = "")]
    path: String,

    #[command(flatten)]
    ntlm: NtlmOptions,

    /// Send bare NTLM messages, without SPNEGO
    #[arg(long)]
    raw: bool,

    /// The newest version of the protocol to offer
    #[arg(long, value_enum, default_value = "3.1.1")]
    newest: Dialect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Share {
    address: Address,
    name: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smb_client: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let Share { address, name } = &options.share;
    // Signing is requested for the session key, which is all that SMB uses.
    let client = options.ntlm.client(&format!("cifs/{}", address.host), Protection::Sign)?;
    // SMB signs the last response, so a missing SPNEGO signature weakens nothing.
    let client = client.with_missing_mic_allowed();
    let mut connection = Connection::open(address)?;
    connection.negotiate(options.newest)?;
    log_in(&mut connection, options, &client).context("cannot log in")?;
    eprintln!("logged in, over SMB {}", connection.dialect()?);

    let path = format!(r"\\{}\{name}", address.host);
    connection.connect_to_share(&path).with_context(|| format!("cannot connect to {path}"))?;
    connection.validate_negotiation()?;
    show(&mut connection, &options.path)
        .with_context(|| format!("cannot read {:?}", options.path))?;
    connection.log_off()
}

/// Logs in with one SESSION_SETUP for each of our tokens ([MS-SMB2] 3.2.4.2.3, 3.2.5.3), and then
/// starts to sign.
fn log_in(
    connection: &mut Connection,
    options: &Options,
    client: &LoginClient,
) -> anyhow::Result<()> {
    let framing = if options.raw { Framing::Raw } else { Framing::Spnego };
    let (mut token, mut login) = client.start(framing)?;
    let response = loop {
        let response = connection.call(Command::SessionSetup, &session_setup(&token)?)?;
        if response.status != Status::MORE_PROCESSING {
            break response;
        }
        (token, login) = login.read(SessionSetup::of(&response)?.token)?;
    };
    response.status.expect_success()?;
    let setup = SessionSetup::of(&response)?;
    // A man in the middle could turn the login into a guest login to avoid signatures.
    let is_guest = setup.flags & (IS_GUEST | IS_NULL) != 0;
    ensure!(client.is_anonymous() || !is_guest, "the server let us in as a guest");
    ensure!(setup.flags & ENCRYPT_DATA == 0, "the server encrypts, which this example does not");
    let established = login.finish(setup.token)?;
    if established.session.is_some() {
        connection.start_signing(&established.session_key, &response)?;
    }
    Ok(())
}

/// The body of a SESSION_SETUP (2.2.5).
fn session_setup(token: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    body.extend(25u16.to_le_bytes()); // StructureSize
    body.push(0); // Flags
    body.push(2); // SecurityMode: we require signatures
    body.extend(0u32.to_le_bytes()); // Capabilities
    body.extend(0u32.to_le_bytes()); // Channel
    body.extend((64u16 + 24).to_le_bytes()); // SecurityBufferOffset
    body.extend(u16::try_from(token.len())?.to_le_bytes());
    body.extend(0u64.to_le_bytes()); // PreviousSessionId
    body.extend(token);
    Ok(body)
}

/// The response to a SESSION_SETUP (2.2.6).
struct SessionSetup<'a> {
    flags: u16,
    token: &'a [u8],
}

impl<'a> SessionSetup<'a> {
    fn of(response: &'a Response) -> anyhow::Result<Self> {
        let mut fields = response.body();
        fields.take(2)?; // StructureSize
        let flags = fields.u16()?;
        let (at, len) = (fields.u16()?, fields.u16()?);
        Ok(Self { flags, token: response.buffer(at.into(), len.into())? })
    }
}

/// Lists a directory, or writes a file to standard output.
fn show(connection: &mut Connection, path: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    let file = connection.open_file(path)?;
    if file.is_directory {
        connection.list(&file, |entry| {
            let mark = if entry.is_directory { "/" } else { "" };
            Ok(writeln!(output, "{:>12}  {}{mark}", entry.size, entry.name)?)
        })?;
    } else {
        connection.read(&file, |bytes| Ok(output.write_all(bytes)?))?;
    }
    output.flush()?;
    connection.close(file)
}

impl Share {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let rest = text.strip_prefix("//").context("a share is //HOST[:PORT]/SHARE")?;
        let (host, name) = rest.split_once('/').context("the share is missing")?;
        let name = name.trim_end_matches('/');
        ensure!(!name.is_empty(), "the share is missing");
        ensure!(!name.contains('/'), "give the path as a separate argument");
        Ok(Self { address: Address::parse(host, 445)?, name: name.to_owned() })
    }
}

const IS_GUEST: u16 = 1;
const IS_NULL: u16 = 2;
const ENCRYPT_DATA: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_a_host_and_a_name() {
        let share = Share::parse("//files:4450/share/").unwrap();
        assert_eq!(share.address, Address { host: "files".into(), port: 4450 });
        assert_eq!(share.name, "share");
        for wrong in ["files/share", "//files", "//files/", "///share", "//files/share/path"] {
            assert!(Share::parse(wrong).is_err(), "{wrong}");
        }
    }
}
