//! Credentials: the user's name and the secret that proves it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::crypto::{LmHash, NtHash};
use crate::text::{CodePage, Text};

/// A user's name and domain, as they are sent.
///
/// `==` compares them as they are written. Windows ignores the case of names, and so do
/// [`eq_ignore_case`](Self::eq_ignore_case) and [`to_uppercase`](Self::to_uppercase):
///
/// ```
/// use ntlm::UserName;
///
/// let (one, other) = (UserName::from("EXAMPLE\\alice"), UserName::from("example\\ALICE"));
/// assert_ne!(one, other);
/// assert!(one.eq_ignore_case(&other));
/// assert_eq!(one.to_uppercase(), other.to_uppercase()); // a key for a map
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName {
    user: Text,
    domain: Text,
}

impl UserName {
    /// A user without a domain, which leaves it to the server: `alice`, or `alice@example.com`.
    #[must_use]
    pub fn new(user: impl Into<Text>) -> Self {
        Self { user: user.into(), domain: Text::default() }
    }

    /// Sets the domain, such as `EXAMPLE`.
    ///
    /// ```
    /// use ntlm::UserName;
    ///
    /// let alice = UserName::new("alice").with_domain("EXAMPLE");
    /// assert_eq!(alice, UserName::from("EXAMPLE\\alice"));
    /// ```
    #[must_use]
    pub fn with_domain(self, domain: impl Into<Text>) -> Self {
        Self { domain: domain.into(), ..self }
    }

    /// The user's name: `alice`, or the whole of `alice@example.com`.
    #[must_use]
    pub const fn user(&self) -> &Text {
        &self.user
    }

    /// The user's domain, which may be empty.
    #[must_use]
    pub const fn domain(&self) -> &Text {
        &self.domain
    }

    pub(crate) fn into_domain(self) -> Text {
        self.domain
    }
}

impl UserName {
    /// Whether two names are of the same user to Windows, which ignores case.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.user.eq_ignore_case(&other.user) && self.domain.eq_ignore_case(&other.domain)
    }

    /// Both names in upper case: a key under which a user is found however it is written.
    #[must_use]
    pub fn to_uppercase(&self) -> Self {
        Self { user: self.user.to_uppercase(), domain: self.domain.to_uppercase() }
    }
}

impl From<String> for UserName {
    /// As [`From<&str>`](#impl-From<%26str>-for-UserName).
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&str> for UserName {
    /// `DOMAIN\user` is split at the first backslash. All else is a user without a domain, also
    /// `user@example.com`: a user principal name is sent whole.
    fn from(name: &str) -> Self {
        match name.split_once('\\') {
            Some((domain, user)) => Self::new(user).with_domain(domain),
            None => Self::new(name),
        }
    }
}

impl fmt::Display for UserName {
    /// `DOMAIN\user`, or `user` without a domain, as it is: a name from a peer can hold line
    /// breaks, which `Debug` escapes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain.is_empty() {
            return self.user.fmt(f);
        }
        write!(f, "{}\\{}", self.domain, self.user)
    }
}

/// A client's identity and its secret.
///
/// The secret is wiped when dropped and never printed. A password that looks like a hash is a password:
/// a hash has a constructor of its own, [`nt_hash`](Self::nt_hash).
#[derive(Clone)]
pub struct Credentials {
    user: UserName,
    kind: Kind,
    /// UTF-16, well formed or not. Empty unless the kind is a password.
    password: Zeroizing<Vec<u16>>,
    /// Zeros unless the kind is a hash.
    nt_hash: NtHash,
}

/// Which of the secrets there is. They are fields and not variants: a variant has unused bytes while
/// another is larger, and those would carry whatever was on the stack before, such as a copy of the
/// hash, to wherever this is moved.
#[derive(Clone, Copy)]
enum Kind {
    Password,
    NtHash,
    Anonymous,
}

impl Credentials {
    /// A user with a password.
    ///
    /// A user without a name and without a password is [anonymous](Self::anonymous)
    /// (\[MS-NLMP\] 3.3.1); an empty password with a name is just that.
    ///
    /// ```
    /// use ntlm::Credentials;
    ///
    /// let alice = Credentials::password("EXAMPLE\\alice", "correct horse");
    /// assert_eq!(alice.user().to_string(), "EXAMPLE\\alice");
    /// ```
    #[must_use]
    pub fn password(user: impl Into<UserName>, password: &str) -> Self {
        // With room for all, since a vector that grows leaves copies behind.
        let mut units = Vec::with_capacity(password.len());
        units.extend(password.encode_utf16());
        Self::with_units(user.into(), units)
    }

    /// A user with a password of UTF-16 code units, well formed or not, as machine accounts and
    /// group managed service accounts have it.
    #[must_use]
    pub fn password_utf16(user: impl Into<UserName>, password: &[u16]) -> Self {
        Self::with_units(user.into(), password.into())
    }

    fn with_units(user: UserName, units: Vec<u16>) -> Self {
        if units.is_empty() && user.user.is_empty() {
            return Self::anonymous();
        }
        Self { user, kind: Kind::Password, password: Zeroizing::new(units), ..Self::anonymous() }
    }

    /// A user with the NT hash of a password instead of the password ("pass the hash"). There is no LM
    /// hash then, so the NTLM response takes the place of an LM response.
    #[doc(alias("pass the hash", "pass-the-hash"))]
    #[must_use]
    pub fn nt_hash(user: impl Into<UserName>, hash: NtHash) -> Self {
        Self { user: user.into(), kind: Kind::NtHash, nt_hash: hash, ..Self::anonymous() }
    }

    /// An anonymous client: no name, no proof, and no session security.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            user: UserName::default(),
            kind: Kind::Anonymous,
            password: Zeroizing::default(),
            nt_hash: NtHash::from([0; 16]),
        }
    }

    /// The user's name; empty for an anonymous client.
    #[must_use]
    pub const fn user(&self) -> &UserName {
        &self.user
    }

    /// Whether there is nothing that proves it.
    pub(crate) const fn is_anonymous(&self) -> bool {
        matches!(self.kind, Kind::Anonymous)
    }

    /// What proves it, `None` if nothing does.
    pub(crate) fn to_nt_hash(&self) -> Option<NtHash> {
        match self.kind {
            Kind::Password => Some(NtHash::from_utf16(self.password.iter().copied())),
            Kind::NtHash => Some(self.nt_hash.clone()),
            Kind::Anonymous => None,
        }
    }

    /// The LM hash, if the password is known and has one.
    pub(crate) fn to_lm_hash(&self, code_page: &dyn CodePage) -> Option<LmHash> {
        match self.kind {
            Kind::Password => LmHash::from_utf16(self.password.iter().copied(), code_page),
            Kind::NtHash | Kind::Anonymous => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = match self.kind {
            Kind::Password => "password",
            Kind::NtHash => "NT hash",
            Kind::Anonymous => "anonymous",
        };
        f.debug_struct("Credentials").field("user", &self.user).field("secret", &secret).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_backslash_splits_a_name() {
        for (name, user, domain) in [
            ("EXAMPLE\\alice", "alice", "EXAMPLE"),
            ("alice@example.com", "alice@example.com", ""),
            ("A\\b\\c", "b\\c", "A"),
        ] {
            assert_eq!(UserName::from(name), UserName::new(user).with_domain(domain));
            assert_eq!(UserName::from(String::from(name)), UserName::new(user).with_domain(domain));
        }
    }

    #[test]
    fn names_are_the_same_in_any_case_and_no_other() {
        let alice = UserName::new("alice").with_domain("EXAMPLE");
        for (user, domain, same) in [
            ("alice", "EXAMPLE", true),
            ("ALICE", "example", true),
            ("bob", "EXAMPLE", false),
            ("alice", "OTHER", false),
            ("alice", "", false),
        ] {
            let other = UserName::new(user).with_domain(domain);
            assert_eq!(alice.eq_ignore_case(&other), same, "{other}");
            assert_eq!(alice.to_uppercase() == other.to_uppercase(), same, "{other}");
        }
        assert_eq!(alice.to_uppercase(), UserName::new("ALICE").with_domain("EXAMPLE"));
    }
}
