//! Users in a small file of NT hashes.

use std::collections::HashMap;
use std::path::Path;

use ntlm::{NtHash, UserName};

/// Who may log in: each line `DOMAIN\user:NT hash`, the hash in 32 hexadecimal digits. Empty lines
/// and lines that start with `#` are passed over.
///
/// NT hashes are as good as passwords: keep the file as such.
#[derive(Debug, Default)]
pub struct Users {
    /// Names as the file has them, and hashes, by the name in upper case, as Windows compares names.
    accounts: HashMap<UserName, (UserName, NtHash)>,
}

impl Users {
    /// One user with a password, for trying things out.
    pub fn one(name: &str, password: &str) -> Self {
        let mut users = Self::default();
        users.insert(UserName::from(name), NtHash::from_password(password));
        users
    }

    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        text.parse()
    }

    /// The hash of a user. A user without a domain in the file has it in any domain: clients send
    /// the domain that they were told, which may be any.
    pub fn find(&self, user: &UserName) -> Option<&NtHash> {
        self.find_account(user).map(|(_, hash)| hash)
    }

    /// As [`find`](Self::find), with the name as the file has it.
    pub fn find_account(&self, user: &UserName) -> Option<(&UserName, &NtHash)> {
        let key = user.to_uppercase();
        let anywhere = UserName::new(key.user().clone());
        let found = self.accounts.get(&key).or_else(|| self.accounts.get(&anywhere));
        found.map(|(name, hash)| (name, hash))
    }

    fn insert(&mut self, user: UserName, hash: NtHash) {
        self.accounts.insert(user.to_uppercase(), (user, hash));
    }
}

impl std::str::FromStr for Users {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut users = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || format!("line {}: not DOMAIN\\user:32 hexadecimal digits", number + 1);
            let (name, hash) = line.rsplit_once(':').ok_or_else(wrong)?;
            let hash = hash.trim().parse().map_err(|_| wrong())?;
            users.insert(UserName::from(name.trim()), hash);
        }
        Ok(users)
    }
}

/// The 32 hexadecimal digits of an NT hash.
pub fn digits(hash: &NtHash) -> String {
    hash.expose().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_in_any_case_and_without_a_domain_in_any_domain() {
        let text = "# who\n\nLAB\\Alice:0123456789abcdef0123456789ABCDEF\n\
            bob:00000000000000000000000000000001\n";
        let users: Users = text.parse().unwrap();
        let find = |name: &str| users.find(&UserName::from(name)).map(digits);
        let alice = Some("0123456789abcdef0123456789abcdef".to_owned());
        assert_eq!(find("lab\\ALICE"), alice);
        assert_eq!(find("alice"), None);
        assert_eq!(find("OTHER\\alice"), None);
        assert!(find("bob").is_some() && find("ANY\\Bob").is_some());
    }

    #[test]
    fn an_account_has_the_name_that_is_in_the_file() {
        let hash = "0123456789abcdef0123456789abcdef";
        let users: Users = format!("LAB\\Alice:{hash}\nbob:{hash}\n").parse().unwrap();
        let name = |claimed: &str| {
            users.find_account(&UserName::from(claimed)).map(|(name, _)| name.to_string())
        };
        assert_eq!(name("lab\\ALICE").as_deref(), Some("LAB\\Alice"));
        assert_eq!(name("ANY\\Bob").as_deref(), Some("bob"));
    }

    #[test]
    fn lines_that_are_no_users_are_named() {
        for line in ["alice", "alice:12", "alice:+123456789abcdef0123456789abcdef"] {
            let error = format!("# one\n{line}").parse::<Users>().unwrap_err();
            assert!(error.starts_with("line 2:"), "{error}");
        }
    }
}
