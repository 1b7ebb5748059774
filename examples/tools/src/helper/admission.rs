//! Which users may log in: those in a file who are members of the required groups.

use anyhow::ensure;
use ntlm::UserName;

use ntlm_net_examples::users::{User, Users};

/// Decides which users may log in.
#[derive(Debug, Default)]
pub struct Admission {
    users: Users,
    /// A user must be in all of them.
    required: Vec<UserName>,
}

impl Admission {
    pub const fn new(users: Users, required: Vec<UserName>) -> Self {
        Self { users, required }
    }

    /// The user with this name, without checking groups.
    pub fn find(&self, claimed: &UserName) -> Option<&User> {
        self.users.find(claimed)
    }

    /// Whether an authenticated user may log in.
    pub fn admits(&self, user: &User) -> bool {
        self.required.iter().all(|group| user.is_in(group))
    }

    /// Required groups without members in the file, which are probably misspelt.
    pub fn deserted_groups(&self) -> impl Iterator<Item = &UserName> {
        self.required.iter().filter(|group| !self.users.iter().any(|user| user.is_in(group)))
    }
}

/// Parses a name whose domain ends at a backslash, or without a backslash, at winbind's separator.
pub fn parse_name(text: &str, separator: char) -> UserName {
    match text.contains('\\') {
        true => UserName::from(text),
        false => UserName::from(text.replacen(separator, "\\", 1)),
    }
}

/// Parses a user's name; without a domain, it is in our domain.
pub fn parse_user(text: &str, separator: char, domain: &str) -> UserName {
    let name = parse_name(text, separator);
    match name.domain().is_empty() {
        true => UserName::new(name.user().clone()).with_domain(domain),
        false => name,
    }
}

/// Parses the group of `--require-membership-of`: a SID or a name; a name without a domain is in
/// our domain.
pub fn parse_group(text: &str, separator: char, domain: &str) -> anyhow::Result<UserName> {
    ensure!(!text.trim().is_empty(), "the group has no name");
    let is_sid = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("S-1-"));
    let name = parse_name(text, separator);
    match is_sid || !name.domain().is_empty() {
        true => Ok(name),
        false => Ok(UserName::new(name.user().clone()).with_domain(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_names_are_parsed_as_in_samba() {
        for (text, separator, expected) in [
            (r"LAB\Proxy Users", '\\', r"LAB\Proxy Users"),
            ("LAB+Proxy Users", '+', r"LAB\Proxy Users"),
            (r"LAB\Proxy+Users", '\\', r"LAB\Proxy+Users"),
            (r"LAB\Proxy+Users", '+', r"LAB\Proxy+Users"),
            ("Proxy Users", '\\', r"EXAMPLE\Proxy Users"),
            ("S-1-5-21-1-2-3-513", '\\', "S-1-5-21-1-2-3-513"),
        ] {
            let group = parse_group(text, separator, "EXAMPLE").unwrap();
            assert_eq!(group.to_string(), expected);
        }
        assert!(parse_group("", '\\', "EXAMPLE").is_err());
    }

    #[test]
    fn only_members_of_every_group_are_admitted() {
        let hash = "0123456789abcdef0123456789abcdef";
        let text = format!("alice:{hash}:One,Two\nbob:{hash}:One\ncarol:{hash}\n");
        let admitted = |required: &[&str]| {
            let required = required.iter().map(|group| UserName::from(*group)).collect();
            let admission = Admission::new(text.parse().unwrap(), required);
            let admits = |name: &&str| admission.admits(admission.find(&(*name).into()).unwrap());
            let admitted = ["alice", "bob", "carol"].into_iter().filter(admits).collect::<Vec<_>>();
            (admitted, admission.deserted_groups().count())
        };
        assert_eq!(admitted(&[]), (vec!["alice", "bob", "carol"], 0));
        assert_eq!(admitted(&[r"LAB\one"]), (vec!["alice", "bob"], 0));
        assert_eq!(admitted(&["One", "Two"]), (vec!["alice"], 0));
        assert_eq!(admitted(&["Three"]), (vec![], 1));
    }
}
