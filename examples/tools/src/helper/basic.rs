//! `squid-2.5-basic`: a name and a password in clear text, which Squid received from its client.

use ntlm::error::{Denied, Rejection};
use ntlm::{NtHash, UserName};

use super::admission::{Admission, parse_user};
use super::log_rejection;

/// Compares passwords.
#[derive(Debug)]
pub struct BasicHelper {
    admission: Admission,
    /// The domain of users who send none.
    domain: String,
    separator: char,
}

impl BasicHelper {
    pub fn new(admission: Admission, domain: &str, separator: char) -> Self {
        Self { admission, domain: domain.into(), separator }
    }

    /// Answers `OK` or `ERR` to a line of two words with percent encoding.
    pub fn answer(&self, line: &[u8]) -> String {
        let words: Vec<_> = line.trim_ascii_end().split(|b| *b == b' ').map(unescape).collect();
        let [Some(name), Some(password)] = &words[..] else { return "ERR".into() };
        let claimed = parse_user(name, self.separator, &self.domain);
        match self.verify(&claimed, password) {
            Ok(()) => "OK".into(),
            Err(denied) => {
                log_rejection(denied.into(), Some(&claimed));
                "ERR".into()
            }
        }
    }

    fn verify(&self, claimed: &UserName, password: &str) -> Result<(), Denied> {
        // Hash before the look-up, so that the time does not reveal whether the user exists.
        let hash = NtHash::from_password(password);
        let user = self.admission.find(claimed).ok_or(Denied::Rejected(Rejection::UnknownUser))?;
        // Compares in constant time.
        if hash != user.hash {
            return Err(Denied::WrongPassword);
        }
        if self.admission.admits(user) {
            Ok(())
        } else {
            Err(Denied::Rejected(Rejection::AccountRestriction))
        }
    }
}

/// Decodes percent encoding (RFC 1738, 2.2).
fn unescape(word: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').map(std::str::from_utf8);
        let digits =
            digits.and_then(Result::ok).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntlm_net_examples::encoding::hex;

    #[test]
    fn password_and_membership_are_checked() {
        let line = |user, password, groups| {
            format!("{user}:{}:{groups}\n", hex(NtHash::from_password(password).expose()))
        };
        let users = line(r"EXAMPLE\alice", "correct horse", "Proxy")
            + &line(r"EXAMPLE\bob", "100%", "")
            + &line("jürgen", "grün", "Proxy");
        let helper = |required: &[&str]| {
            let required = required.iter().map(|group| UserName::from(*group)).collect();
            BasicHelper::new(Admission::new(users.parse().unwrap(), required), "EXAMPLE", '+')
        };
        let everybody = helper(&[]);
        for (line, answer) in [
            ("alice correct%20horse\n", "OK"),
            ("EXAMPLE%5Calice correct%20horse\n", "OK"),
            ("example+ALICE correct%20horse\r\n", "OK"),
            ("bob 100%25", "OK"),
            ("bob 100%", "OK"),
            ("j%c3%bcrgen gr%C3%BCn", "OK"),
            ("OTHER+alice correct%20horse", "ERR"),
            ("alice correct%20Horse", "ERR"),
            ("nobody correct%20horse", "ERR"),
            ("alice", "ERR"),
            ("alice ", "ERR"),
            ("alice correct horse", "ERR"),
            ("%ff x", "ERR"),
            ("", "ERR"),
        ] {
            assert_eq!(everybody.answer(line.as_bytes()), answer, "{line:?}");
        }
        assert_eq!(helper(&["Proxy"]).answer(b"alice correct%20horse\n"), "OK");
        assert_eq!(helper(&["Proxy"]).answer(b"bob 100%25\n"), "ERR");
    }
}
