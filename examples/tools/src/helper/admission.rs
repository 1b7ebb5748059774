//! Who may log in: users of a file, and of them those who are in the groups that were asked for.

use anyhow::ensure;
use ntlm::UserName;

use ntlm_net_examples::users::{User, Users};

/// Decides who of the users may log in.
#[derive(Debug, Default)]
pub struct Admission {
    users: Users,
    /// A user has to be in all of them.
    required: Vec<UserName>,
}

impl Admission {
    pub const fn new(users: Users, required: Vec<UserName>) -> Self {
        Self { users, required }
    }

    /// The user of that name, who may be in the wrong groups.
    pub fn find(&self, claimed: &UserName) -> Option<&User> {
        self.users.find(claimed)
    }

    /// Whether somebody who proved who he is may log in.
    pub fn admits(&self, user: &User) -> bool {
        self.required.iter().all(|group| user.is_in(group))
    }

    /// Groups that the file says of nobody, which are likely misspelt.
    pub fn deserted_groups(&self) -> impl Iterator<Item = &UserName> {
        self.required.iter().filter(|group| !self.users.iter().any(|user| user.is_in(group)))
    }
}

/// A name whose domain ends with a backslash, or if there is none, with the separator of winbind.
pub fn parse_name(text: &str, separator: char) -> UserName {
    match text.contains('\\') {
        true => UserName::from(text),
        false => UserName::from(text.replacen(separator, "\\", 1)),
    }
}

/// The user whom a client names, of our domain if it names none.
pub fn parse_user(text: &str, separator: char, domain: &str) -> UserName {
    let name = parse_name(text, separator);
    match name.domain().is_empty() {
        true => UserName::new(name.user().clone()).with_domain(domain),
        false => name,
    }
}

/// The group that `--require-membership-of` names: a SID, or a name, of our domain if it has none
/// of its own.
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
    fn a_group_is_named_as_to_samba() {
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
    fn who_is_not_in_every_group_is_not_admitted() {
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
