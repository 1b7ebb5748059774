//! Users whose names and passwords are a test of their own.

use ntlm::{Credentials, UserName};

/// How a user logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: &'static str,
    pub domain: &'static str,
    pub password: &'static str,
}

/// A password of 120 characters.
const PATIENCE: &str = "Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!\
                        Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!";

impl Identity {
    pub const ALICE: Self = Self { user: "alice", domain: "EXAMPLE", password: "correct horse" };
    /// Letters of two bytes, also in the password.
    pub const JURGEN: Self = Self { user: "jürgen", password: "Pässwörd€1", ..Self::ALICE };
    /// A letter that some write in upper case as two.
    pub const GROSS: Self = Self { user: "groß", ..Self::ALICE };
    /// Another script, and a letter with two lower cases.
    pub const SISYPHUS: Self = Self { user: "σίσυφος", ..Self::ALICE };
    /// Beyond the basic plane.
    pub const ZOE: Self = Self { user: "zoë😀", ..Self::ALICE };
    /// A password of 120 characters.
    pub const PATIENT: Self = Self { user: "patient", password: PATIENCE, ..Self::ALICE };
    /// A user principal name, which is the user's name, whole.
    pub const PRINCIPAL: Self = Self { user: "alice@example.com", domain: "", ..Self::ALICE };
    /// A user of no domain.
    pub const HOMELESS: Self = Self { domain: "", ..Self::ALICE };
    /// Somebody who knows no more than the name.
    pub const MALLORY: Self = Self { password: "battery staple", ..Self::ALICE };

    /// All who can log in.
    pub const ALL: [Self; 8] = [
        Self::ALICE,
        Self::JURGEN,
        Self::GROSS,
        Self::SISYPHUS,
        Self::ZOE,
        Self::PATIENT,
        Self::PRINCIPAL,
        Self::HOMELESS,
    ];

    pub fn credentials(self) -> Credentials {
        Credentials::password(self.name(), self.password)
    }

    pub fn name(self) -> UserName {
        UserName::new(self.user).with_domain(self.domain)
    }

    /// The user's account: a principal's is before the `@`.
    pub fn account(self) -> &'static str {
        self.user.split_once('@').map_or(self.user, |(account, _)| account)
    }

    /// `DOMAIN\user`, also if the domain is empty.
    pub fn full_name(self) -> String {
        format!("{}\\{}", self.domain, self.user)
    }
}

/// The file of users of gss-ntlmssp, pyspnego and Heimdal.
pub fn user_file() -> String {
    Identity::ALL.iter().map(|i| format!("{}:{}:{}\n", i.domain, i.user, i.password)).collect()
}
