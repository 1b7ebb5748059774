//! Users in a small file of NT hashes.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use ntlm::{NtHash, UserName};

use crate::credentials::parse_nt_hash;

/// Who may log in: each line `DOMAIN\user:NT hash`, the hash in 32 hexadecimal digits. Empty lines
/// and lines that start with `#` are passed over.
///
/// NT hashes are as good as passwords: keep the file as such.
#[derive(Debug, Default)]
pub struct Users {
    /// By the name in upper case, as Windows compares names.
    users: HashMap<UserName, User>,
}

/// A user of the file.
#[derive(Clone, Debug)]
pub struct User {
    /// As the file spells it. What a client sends is the same in any case, and may claim any
    /// domain where the file has none: better work on with this one.
    pub name: UserName,
    pub hash: NtHash,
}

impl Users {
    /// One user with a password, for trying things out.
    pub fn one(name: &str, password: &str) -> Self {
        let mut users = Self::default();
        users.insert(UserName::from(name), NtHash::of_password(password));
        users
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(place)?;
        text.parse().with_context(place)
    }

    /// A user without a domain in the file is meant by clients of any domain: they send the one
    /// that they were told, which may be any.
    pub fn find(&self, claimed: &UserName) -> Option<&User> {
        let key = claimed.to_uppercase();
        let anywhere = UserName::new(key.user().clone(), "");
        self.users.get(&key).or_else(|| self.users.get(&anywhere))
    }

    fn insert(&mut self, name: UserName, hash: NtHash) {
        self.users.insert(name.to_uppercase(), User { name, hash });
    }
}

impl std::str::FromStr for Users {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut users = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let user = line.rsplit_once(':').and_then(|(name, hash)| {
                Some((UserName::from(name.trim()), parse_nt_hash(hash.trim()).ok()?))
            });
            let wrong = || format!("line {}: not DOMAIN\\user:32 hexadecimal digits", number + 1);
            let (name, hash) = user.with_context(wrong)?;
            users.insert(name, hash);
        }
        Ok(users)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::hex;

    #[test]
    fn users_are_found_in_any_case_and_without_a_domain_in_any_domain() {
        let text = "# who\n\nLAB\\Alice:0123456789abcdef0123456789ABCDEF\n\
            bob:00000000000000000000000000000001\n";
        let users: Users = text.parse().unwrap();
        let find = |name: &str| users.find(&UserName::from(name));
        let alice = find("lab\\ALICE").unwrap();
        assert_eq!(alice.name.to_string(), "LAB\\Alice");
        assert_eq!(hex(alice.hash.expose()), "0123456789abcdef0123456789abcdef");
        assert!(find("alice").is_none());
        assert!(find("OTHER\\alice").is_none());
        assert_eq!(find("ANY\\Bob").unwrap().name.to_string(), "bob");
    }

    #[test]
    fn lines_that_are_no_users_are_named() {
        for line in ["alice", "alice:12", "alice:+123456789abcdef0123456789abcdef"] {
            let error = format!("# one\n{line}").parse::<Users>().unwrap_err();
            assert!(error.to_string().starts_with("line 2:"), "{error}");
        }
    }
}
