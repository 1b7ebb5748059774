//! An SMB client as the crates `smb` and `smb2` have it: an object of the login takes the token of each
//! response, beginning with that of the NEGOTIATE response, and returns the one of the next request. In
//! the end it has a session key. `step_smb SERVER USER PASSWORD` connects to a share, signed.

use std::env;

use anyhow::{Context, ensure};
use ntlm::session::SessionKeys;
use ntlm::spnego::{Initiator, InitiatorHandshake, InitiatorStep};
use ntlm::{Client, Credentials, Os};
use ntlm_net_examples::smb::{Command, Connection, Dialect, Status};
use ntlm_net_examples::tcp::Address;

/// The login of such a client.
struct Authenticator {
    handshake: InitiatorHandshake,
    keys: Option<SessionKeys>,
}

impl Authenticator {
    fn next(&mut self, token: &[u8]) -> anyhow::Result<Vec<u8>> {
        match self.handshake.step(token, &mut Os)? {
            InitiatorStep::Send(token) => Ok(token),
            InitiatorStep::Done(keys) => {
                self.keys = Some(keys);
                Ok(Vec::new())
            }
        }
    }

    const fn is_authenticated(&self) -> bool {
        self.keys.is_some()
    }
}

fn main() -> anyhow::Result<()> {
    let [_, server, user, password] = &env::args().collect::<Vec<_>>()[..] else {
        anyhow::bail!("SERVER USER PASSWORD")
    };
    let client = Client::new(Credentials::password(user.as_str(), password.as_str()))
        .with_spn(format!("cifs/{server}"));
    let handshake = Initiator::new(client).handshake();
    let mut authenticator = Authenticator { handshake, keys: None };

    let mut connection = Connection::open(&Address::parse(server, 445)?)?;
    connection.negotiate(Dialect::Smb311)?;
    // This connection does not keep the token of the NEGOTIATE response, which may be empty.
    let mut token = authenticator.next(&[])?;
    let last = loop {
        let response = connection.call(Command::SessionSetup, &session_setup(&token)?)?;
        let continues = response.status == Status::MORE_PROCESSING;
        ensure!(continues || response.status == Status::SUCCESS, "{}", response.status);
        let mut fields = response.body();
        fields.take(4)?; // StructureSize, SessionFlags
        let (at, len) = (fields.u16()?, fields.u16()?);
        token = authenticator.next(response.buffer(at.into(), len.into())?)?;
        ensure!(authenticator.is_authenticated() != continues, "the two disagree about the end");
        if !continues {
            break response;
        }
    };
    let keys = authenticator.keys.context("nobody logged in")?;
    connection.start_signing(keys.exported_session_key(), &last)?;
    connection.connect_to_share(&format!(r"\\{server}\share"))?;
    connection.log_off()?;
    println!("connected to the share");
    Ok(())
}

/// The body of a `SESSION_SETUP` ([MS-SMB2] 2.2.5).
fn session_setup(token: &[u8]) -> anyhow::Result<Vec<u8>> {
    let length = u16::try_from(token.len())?.to_le_bytes();
    // StructureSize, SecurityMode, SecurityBufferOffset, its length.
    Ok([&[25, 0, 0, 2][..], &[0; 8], &[88, 0], &length, &[0; 8], token].concat())
}
