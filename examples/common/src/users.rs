//! A file of users, with their NT hashes and groups.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use ntlm::{NtHash, UserName};

/// Who may log in: each line `DOMAIN\user:NT hash`, the hash in 32 hexadecimal digits, or
/// `DOMAIN\user:NT hash:group,group`. Empty lines and lines that start with `#` are ignored.
///
/// An NT hash is equivalent to the password, so keep the file secret.
#[derive(Debug, Default)]
pub struct Users {
    /// By name in upper case, because Windows compares names without case.
    users: HashMap<UserName, User>,
}

/// A user of the file.
#[derive(Clone, Debug)]
pub struct User {
    /// The name as in the file. A client may send it in another case and, if the file has no
    /// domain, with any domain, so applications should continue with this name.
    pub name: UserName,
    pub hash: NtHash,
    /// Names, `DOMAIN\group`, or SIDs.
    groups: Vec<UserName>,
}

impl User {
    /// Whether the user is in the group according to the file. As with users, a group without a
    /// domain in the file matches that name in any domain.
    pub fn is_in(&self, group: &UserName) -> bool {
        let anywhere = UserName::new(group.user().clone());
        self.groups.iter().any(|g| g.eq_ignore_case(group) || g.eq_ignore_case(&anywhere))
    }
}

impl Users {
    /// One user with a password, for demonstrations.
    pub fn one(name: &str, password: &str) -> Self {
        let mut users = Self::default();
        let name = UserName::from(name);
        users.insert(User { name, hash: NtHash::from_password(password), groups: Vec::new() });
        users
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(place)?;
        text.parse().with_context(place)
    }

    /// Finds a user. An entry without a domain matches any domain, because many clients send the
    /// domain from the server's CHALLENGE.
    pub fn find(&self, claimed: &UserName) -> Option<&User> {
        let key = claimed.to_uppercase();
        let anywhere = UserName::new(key.user().clone());
        self.users.get(&key).or_else(|| self.users.get(&anywhere))
    }

    /// All users, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    fn insert(&mut self, user: User) {
        self.users.insert(user.name.to_uppercase(), user);
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
            let wrong = || {
                let form = "DOMAIN\\user:32 hexadecimal digits, or the same and :group,group";
                format!("line {}: not {form}", number + 1)
            };
            users.insert(user(line).with_context(wrong)?);
        }
        Ok(users)
    }
}

/// The 32 hexadecimal digits of an NT hash.
pub fn digits(hash: &NtHash) -> String {
    hash.expose().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names contain no colon, and names of groups no comma.
fn user(line: &str) -> Option<User> {
    let (name, rest) = line.split_once(':')?;
    let (hash, groups) = rest.split_once(':').unwrap_or((rest, ""));
    let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
    Some(User {
        name: UserName::from(name.trim()),
        hash: hash.trim().parse().ok()?,
        groups: groups.map(UserName::from).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_in_any_case_and_without_a_domain_in_any_domain() {
        let text = "# who\n\nLAB\\Alice:0123456789abcdef0123456789ABCDEF\n\
            bob:00000000000000000000000000000001\n";
        let users: Users = text.parse().unwrap();
        let find = |name: &str| users.find(&UserName::from(name));
        let alice = find("lab\\ALICE").unwrap();
        assert_eq!(alice.name.to_string(), "LAB\\Alice");
        assert_eq!(digits(&alice.hash), "0123456789abcdef0123456789abcdef");
        assert!(find("alice").is_none());
        assert!(find("OTHER\\alice").is_none());
        assert_eq!(find("ANY\\Bob").unwrap().name.to_string(), "bob");
    }

    #[test]
    fn groups_follow_the_hash() {
        let hash = "0123456789abcdef0123456789abcdef";
        let text = format!("alice:{hash}: LAB\\Domain Users, Proxy,S-1-5-32-545\nbob:{hash}\n");
        let users: Users = text.parse().unwrap();
        let is_in = |user: &str, group: &str| {
            users.find(&UserName::from(user)).unwrap().is_in(&UserName::from(group))
        };
        for group in ["lab\\domain users", "LAB\\proxy", "OTHER\\Proxy", "Proxy", "s-1-5-32-545"] {
            assert!(is_in("alice", group), "{group}");
            assert!(!is_in("bob", group), "{group}");
        }
        for group in ["OTHER\\Domain Users", "Domain Users", "Prox", "", "S-1-5-32-54"] {
            assert!(!is_in("alice", group), "{group}");
        }
    }

    #[test]
    fn invalid_lines_are_reported() {
        for line in ["alice", "alice:12", "alice:+123456789abcdef0123456789abcdef"] {
            let error = format!("# one\n{line}").parse::<Users>().unwrap_err();
            assert!(error.to_string().starts_with("line 2:"), "{error}");
        }
    }
}
