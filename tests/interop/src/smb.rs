//! The example `smb_client`, and a man in the middle between a client and a server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::process::{Finished, run};
use crate::programs::example;

/// Runs the example.
pub fn smb_client(arguments: &[&str]) -> Finished {
    let mut command = example("smb_client");
    command.env_remove("NTLM_PASSWORD").args(arguments);
    run(&mut command)
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// A man in the middle who passes SMB's messages on, but changes them, for one client.
///
/// Returns the port that the client must connect to.
pub fn in_between(server: u16, change: fn(Direction, &mut [u8])) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || -> io::Result<()> {
        let (client, _) = listener.accept()?;
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
        let (to_server, to_client) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || pass_on(&client, &to_server, |m| change(Direction::ToServer, m)));
        let ended = pass_on(&server, &to_client, |message| change(Direction::ToClient, message));
        to_client.shutdown(Shutdown::Both)?;
        ended
    });
    port
}

/// Until one of them ends, or is silent for too long.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream, change: impl Fn(&mut [u8])) -> io::Result<()> {
    from.set_read_timeout(Some(Duration::from_secs(30)))?;
    loop {
        let mut prefix = [0; 4];
        from.read_exact(&mut prefix)?;
        let mut message = vec![0; u32::from_be_bytes(prefix) as usize];
        from.read_exact(&mut message)?;
        change(&mut message);
        let prefix = u32::try_from(message.len()).expect("it is short").to_be_bytes();
        to.write_all(&[&prefix, &*message].concat())?;
    }
}
