//! Credentials from the command line, the environment or a prompt.

use std::env;

use anyhow::{Context, bail, ensure};
use ntlm::{Credentials, NtHash};
use zeroize::Zeroizing;

/// The options of a login. A password on the command line is visible to every user of the machine
/// and stored in the shell's history, so prefer the environment or the prompt.
#[derive(clap::Args)]
pub struct LoginOptions {
    /// Log in as this user. Other users of this machine can see a password here; without one, the
    /// variable NTLM_PASSWORD or a prompt supplies it
    #[arg(short, long, value_name = r"DOMAIN\USER[:PASSWORD]")]
    user: Option<String>,

    /// Use the NT hash of the password (32 hexadecimal digits) instead of the password
    #[arg(long, value_name = "HEX", requires = "user")]
    nt_hash: Option<NtHash>,
}

impl LoginOptions {
    /// The credentials; `None` if no user is given. May ask for the password.
    pub fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        let Some(user) = &self.user else { return Ok(None) };
        let Some(hash) = &self.nt_hash else {
            return with_password(user, "NTLM_PASSWORD").map(Some);
        };
        let (user, password) = split_password(user);
        ensure!(password.is_none(), "give either a password or --nt-hash");
        Ok(Some(Credentials::nt_hash(user, hash.clone())))
    }
}

/// The credentials of `DOMAIN\user:password`. If the password is missing, it is taken from a
/// variable of the environment, or else asked for at the terminal.
pub fn with_password(user: &str, variable: &str) -> anyhow::Result<Credentials> {
    let (user, given) = split_password(user);
    Ok(match given {
        Some(password) => Credentials::password(user, password),
        None => Credentials::password(user, &password(user, variable)?),
    })
}

/// The password of a user, from a variable of the environment, or else asked for at the terminal.
pub fn password(user: &str, variable: &str) -> anyhow::Result<Zeroizing<String>> {
    let password = match env::var(variable) {
        Ok(password) => password,
        Err(env::VarError::NotUnicode(_)) => bail!("{variable} is not UTF-8"),
        Err(env::VarError::NotPresent) => {
            rpassword::prompt_password(format!("Password of {user}: "))
                .with_context(|| format!("cannot ask for a password, and {variable} is not set"))?
        }
    };
    Ok(Zeroizing::new(password))
}

/// Splits at the first colon: a name cannot contain one, a password can.
fn split_password(user: &str) -> (&str, Option<&str>) {
    match user.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (user, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_begins_after_the_first_colon() {
        assert_eq!(split_password(r"D\alice:a:b"), (r"D\alice", Some("a:b")));
        assert_eq!(split_password("alice@example.com:"), ("alice@example.com", Some("")));
        assert_eq!(split_password(r"D\alice"), (r"D\alice", None));
        assert_eq!(split_password(":"), ("", Some("")));
    }

    #[test]
    fn a_hash_and_a_password_exclude_each_other() {
        let hash = Some(NtHash::from_password("secret"));
        let options = |user: &str| LoginOptions { user: Some(user.into()), nt_hash: hash.clone() };
        let credentials = options(r"D\alice").credentials().unwrap().unwrap();
        assert_eq!(credentials.user().to_string(), r"D\alice");
        assert!(options(r"D\alice:secret").credentials().is_err());
    }
}
