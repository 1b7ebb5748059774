//! A user's name, and the credentials of a client.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::crypto::{LmHash, NtHash};
use crate::text::{CodePage, Text};

/// A user's name and domain.
///
/// `==` is case-sensitive. Windows ignores the case of names: to compare as Windows does, use
/// [`eq_ignore_case`](Self::eq_ignore_case), and as a key of a map
/// [`to_uppercase`](Self::to_uppercase):
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
    /// A user without a domain, such as `alice` or `alice@example.com`.
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

    /// The user's domain, such as `EXAMPLE`; empty if there is none.
    #[must_use]
    pub const fn domain(&self) -> &Text {
        &self.domain
    }

    pub(crate) fn into_domain(self) -> Text {
        self.domain
    }
}

impl UserName {
    /// Whether both are the same name to Windows, which ignores case.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.user.eq_ignore_case(&other.user) && self.domain.eq_ignore_case(&other.domain)
    }

    /// Returns both names in upper case, for use as a key: names that
    /// [`eq_ignore_case`](Self::eq_ignore_case) calls equal have the same key.
    #[must_use]
    pub fn to_uppercase(&self) -> Self {
        Self { user: self.user.to_uppercase(), domain: self.domain.to_uppercase() }
    }
}

impl From<String> for UserName {
    /// Splits the name as [`From<&str>`](#impl-From<%26str>-for-UserName) does.
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&str> for UserName {
    /// Splits `DOMAIN\user` at the first backslash. Any other name is a user without a domain. This
    /// includes a user principal name (UPN) such as `user@example.com`, which is sent as a whole.
    fn from(name: &str) -> Self {
        match name.split_once('\\') {
            Some((domain, user)) => Self::new(user).with_domain(domain),
            None => Self::new(name),
        }
    }
}

impl fmt::Display for UserName {
    /// Prints `DOMAIN\user`, or `user` if there is no domain, without escaping. A peer's name can
    /// contain line breaks; `Debug` escapes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain.is_empty() {
            return self.user.fmt(f);
        }
        write!(f, "{}\\{}", self.domain, self.user)
    }
}

/// A client's name and secret: a password, an NT hash, or nothing for an anonymous client.
///
/// The secret is wiped when dropped and never printed. A password that looks like a hash is still a
/// password; for pass-the-hash, use [`nt_hash`](Self::nt_hash).
#[derive(Clone)]
pub struct Credentials {
    user: UserName,
    kind: Kind,
    /// UTF-16 code units, not necessarily well formed. Empty unless the kind is `Password`.
    password: Zeroizing<Vec<u16>>,
    /// 16 zeros unless the kind is `NtHash`.
    nt_hash: NtHash,
}

/// The kind of secret. The secrets are fields and not variants, because moving an enum copies its
/// unused bytes, and these can contain data from the stack, such as a copy of the hash.
#[derive(Clone, Copy)]
enum Kind {
    Password,
    NtHash,
    Anonymous,
}

impl Credentials {
    /// A user's name and password.
    ///
    /// If both are empty, the client is [anonymous](Self::anonymous) (\[MS-NLMP\] 3.3.1). A name
    /// with an empty password is a user like any other.
    ///
    /// ```
    /// use ntlm::Credentials;
    ///
    /// let alice = Credentials::password("EXAMPLE\\alice", "correct horse");
    /// assert_eq!(alice.user().to_string(), "EXAMPLE\\alice");
    /// ```
    #[must_use]
    pub fn password(user: impl Into<UserName>, password: &str) -> Self {
        // Reserve space for all units, because a vector that grows leaves unwiped copies.
        let mut units = Vec::with_capacity(password.len());
        units.extend(password.encode_utf16());
        Self::with_units(user.into(), units)
    }

    /// A user's name, and a password of UTF-16 code units that need not be well formed. Machine
    /// accounts and group managed service accounts have such passwords.
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

    /// A user's name, and the NT hash of the password instead of the password (pass-the-hash).
    ///
    /// There is then no LM hash, so a client of LM compatibility level 0 or 1 sends the NTLMv1
    /// response in place of the LM response.
    #[doc(alias("pass the hash", "pass-the-hash"))]
    #[must_use]
    pub fn nt_hash(user: impl Into<UserName>, hash: NtHash) -> Self {
        Self { user: user.into(), kind: Kind::NtHash, nt_hash: hash, ..Self::anonymous() }
    }

    /// An anonymous client. It has no name, no proof and no session security.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            user: UserName::default(),
            kind: Kind::Anonymous,
            password: Zeroizing::default(),
            nt_hash: NtHash::from([0; 16]),
        }
    }

    /// The user's name; empty if the client is anonymous.
    #[must_use]
    pub const fn user(&self) -> &UserName {
        &self.user
    }

    /// Whether the client is anonymous.
    pub(crate) const fn is_anonymous(&self) -> bool {
        matches!(self.kind, Kind::Anonymous)
    }

    /// Returns the NT hash; `None` if the client is anonymous.
    pub(crate) fn to_nt_hash(&self) -> Option<NtHash> {
        match self.kind {
            Kind::Password => Some(NtHash::from_utf16(self.password.iter().copied())),
            Kind::NtHash => Some(self.nt_hash.clone()),
            Kind::Anonymous => None,
        }
    }

    /// Returns the LM hash; `None` if only the NT hash is known, or the password has no LM hash.
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
    fn name_is_split_at_the_first_backslash() {
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
    fn names_that_differ_only_in_case_are_equal() {
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
