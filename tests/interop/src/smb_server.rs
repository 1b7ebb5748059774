//! The example `smb_server`, and clients that log in to it.

use crate::accounts::nt_hash_line;
use crate::identities::Identity;
use crate::log::Line;
use crate::process::{Finished, Process, run};
use crate::programs::{example, installed, python};
use crate::scratch::Directory;
use crate::smb::smb_client;

/// The example, which knows all users but the one of no domain.
#[derive(Debug)]
pub struct Server {
    pub port: u16,
    process: Process,
    _directory: Directory,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let known = Identity::ALL.into_iter().filter(|user| *user != Identity::HOMELESS);
        let lines = known.map(|user| nt_hash_line(&user.name().to_string(), user.password));
        let users = directory.write("users", &lines.collect::<String>());
        let mut server = example("smb_server");
        server.args(["--listen", "127.0.0.1:0", "--users"]).arg(users).args(arguments);
        let mut process = Process::start(&mut server);
        let port = process.wait_for("listening on 127.0.0.1:").parse().expect("a port");
        Self { port, process, _directory: directory }
    }

    /// Samba's `smbclient`.
    pub fn smbclient(&self, identity: Identity, arguments: &[&str]) -> Finished {
        self.smbclient_as(&named(identity), arguments)
    }

    /// The same with `USER%PASSWORD`.
    pub fn smbclient_as(&self, user: &str, arguments: &[&str]) -> Finished {
        smbclient_at(self.port, user, arguments)
    }

    /// Our example `smb_client`, with `USER:PASSWORD`.
    pub fn our_client(&self, user: &str, arguments: &[&str]) -> Finished {
        let share = format!("//127.0.0.1:{}/IPC$", self.port);
        smb_client(&[&["--user", user, &share], arguments].concat())
    }

    /// A library of Python, over each version that it speaks.
    pub fn log_in_with(&self, library: &str, identity: Identity) -> Finished {
        let Identity { user, domain, password } = identity;
        let port = self.port.to_string();
        run(python("smb_login.py").args([library, &port, user, domain, password]))
    }

    /// Waits for so many lines of its log, which must be all.
    ///
    /// # Panics
    /// If there are more.
    pub fn lines(&mut self, count: usize) -> Vec<Line> {
        // The first one says where it listens.
        let lines = self.process.wait_for_lines("", 1 + count);
        assert_eq!(lines.len(), 1 + count, "{lines:#?}");
        lines[1..].iter().map(|line| Line::parse(line)).collect()
    }

    /// Its only line.
    pub fn only_line(&mut self) -> Line {
        self.lines(1).remove(0)
    }
}

/// `EXAMPLE\alice%password`
pub fn named(identity: Identity) -> String {
    format!("{}%{}", identity.full_name(), identity.password)
}

/// `smbclient` with `USER%PASSWORD` connects to the share without contents, and ends.
pub fn smbclient_at(port: u16, user: &str, arguments: &[&str]) -> Finished {
    let mut client = installed("smbclient");
    client.env("LC_ALL", "C.UTF-8");
    client.args(["--configfile=/dev/null", "--port", &port.to_string(), "--user", user]);
    run(client.args(arguments).args([r"//127.0.0.1/IPC$", "--command=exit"]))
}

/// The same with our client, as Alice.
pub fn our_client_at(port: u16, arguments: &[&str]) -> Finished {
    let share = format!("//127.0.0.1:{port}/IPC$");
    smb_client(&[&["--user", r"EXAMPLE\alice:correct horse", &share], arguments].concat())
}
