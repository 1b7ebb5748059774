//! The users that every server of the tests knows.

use std::fmt::Write;

use ntlm::{Credentials, NtHash};

/// A user of the domain `EXAMPLE`.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub user: &'static str,
    pub password: &'static str,
}

pub const DOMAIN: &str = "EXAMPLE";
pub const ALICE: Account = Account { user: "alice", password: "correct horse" };
pub const JURGEN: Account = Account { user: "jürgen", password: "Pässwörd€1" };
pub const ALL: [Account; 2] = [ALICE, JURGEN];

impl Account {
    /// `EXAMPLE\alice`
    pub fn name(self) -> String {
        format!("{DOMAIN}\\{}", self.user)
    }

    /// `EXAMPLE\alice:password`, as curl and `http_client` take it.
    pub fn with_password(self) -> String {
        format!("{}:{}", self.name(), self.password)
    }

    /// A line of the file of users of gss-ntlmssp and pyspnego. A client logs in as the first one.
    pub fn password_line(self) -> String {
        format!("{DOMAIN}:{}:{}\n", self.user, self.password)
    }

    /// A line of the file of users of `http_server`.
    pub fn nt_hash_line(self) -> String {
        nt_hash_line(&self.name(), self.password)
    }
}

/// A line of the file of users of `http_server`.
pub fn nt_hash_line(name: &str, password: &str) -> String {
    let mut line = format!("{name}:");
    for byte in NtHash::from_password(password).expose() {
        write!(line, "{byte:02x}").expect("a string takes all");
    }
    line + "\n"
}

/// The file of users of gss-ntlmssp and pyspnego.
pub fn password_lines() -> String {
    ALL.map(Account::password_line).concat()
}

/// Many users with passwords of their own.
pub fn numbered(count: usize) -> Vec<Credentials> {
    (0..count).map(|n| Credentials::password(numbered_name(n).as_str(), &password(n))).collect()
}

/// The same, as lines of the file of users of `http_server`.
pub fn numbered_lines(count: usize) -> String {
    (0..count).map(|number| nt_hash_line(&numbered_name(number), &password(number))).collect()
}

/// `EXAMPLE\user17`
pub fn numbered_name(number: usize) -> String {
    format!("{DOMAIN}\\user{number}")
}

fn password(number: usize) -> String {
    format!("password of {number}")
}
