//! The server's side of the handshake, for the small servers of the tests, with a log of what came
//! of each login.

use std::fmt::Write;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use ntlm::error::{Refused, Rejection};
use ntlm::server::{Accepted, AwaitAuthenticate, Claim};
use ntlm::spnego::{Accepting, Acceptor, AwaitClient, Outcome};
use ntlm::{Error, NtHash, Os, Server, UserName};

use crate::hex::hex;
use crate::identities::Identity;
use crate::log::Line;

/// How long a client may take until its login is logged.
const PATIENCE: Duration = Duration::from_secs(60);

/// Verifies the logins of some users, and logs each.
#[derive(Debug)]
pub struct Authenticator {
    server: Server,
    users: Vec<Identity>,
    log: Mutex<Vec<Line>>,
    more: Condvar,
}

/// A handshake that waits for the AUTHENTICATE.
#[derive(Debug)]
pub struct Pending {
    handshake: AwaitAuthenticate,
    negotiate: Vec<u8>,
}

impl Authenticator {
    pub fn new(server: Server, users: &[Identity]) -> Self {
        Self { server, users: users.to_vec(), log: Mutex::default(), more: Condvar::new() }
    }

    /// Answers a NEGOTIATE with the CHALLENGE; `None` if the server rejects it.
    pub fn challenge(&self, negotiate: &[u8]) -> Option<(Vec<u8>, Pending)> {
        match self.server.challenge(negotiate, &mut Os) {
            Ok((challenge, handshake)) => {
                Some((challenge, Pending { handshake, negotiate: negotiate.to_vec() }))
            }
            Err(error) => {
                self.log(&format!("{} negotiate={}", rejection(None, error), hex(negotiate)));
                None
            }
        }
    }

    /// Verifies the AUTHENTICATE; `None` if the server rejects it.
    pub fn verify(&self, pending: Pending, authenticate: &[u8]) -> Option<Accepted> {
        let (mut line, accepted) = match self.look_up_and_verify(pending.handshake, authenticate) {
            Ok(accepted) => (login(&accepted), Some(accepted)),
            Err((user, error)) => (rejection(user.as_ref(), error), None),
        };
        let (negotiate, authenticate) = (hex(&pending.negotiate), hex(authenticate));
        write!(line, " negotiate={negotiate} authenticate={authenticate}")
            .expect("a string takes all");
        self.log(&line);
        accepted
    }

    /// Begins a negotiation in SPNEGO, with the client's first token.
    pub fn start_spnego(&self) -> AwaitClient {
        Acceptor::new(self.server.clone()).start()
    }

    /// Reads a token of SPNEGO, and verifies the user if it claims one; `None` if the server rejects the
    /// client.
    pub fn step(&self, state: AwaitClient, token: &[u8]) -> Option<Outcome> {
        let mut user = None;
        let outcome = state.read(token, &mut Os).and_then(|step| match step {
            Accepting::LookUp(look_up) => {
                let claimed = user.insert(look_up.claimed_user().clone());
                match self.find(claimed) {
                    Some(found) => look_up.verify(|claim| claim.verify_password(found.password)),
                    None => look_up.reject(Rejection::UnknownUser),
                }
            }
            Accepting::Outcome(outcome) => Ok(outcome),
        });
        match outcome {
            Ok(outcome) => {
                if let Outcome::Done(done) = &outcome {
                    let preferred = done.client_preferred.map(|mechanism| mechanism.to_string());
                    let preferred = preferred.as_deref().unwrap_or("NTLM");
                    let protection = done.accepted.keys.protection();
                    self.log(&format!(
                        "{} protection={protection:?} preferred={preferred:?}",
                        login(&done.accepted)
                    ));
                }
                Some(outcome)
            }
            Err(error) => {
                let user =
                    user.map(|user| format!(" user={:?}", user.to_string())).unwrap_or_default();
                self.log(&format!(
                    "rejected{user} reason={:?} detail={:?}",
                    error.to_string(),
                    format!("{error:?}")
                ));
                None
            }
        }
    }

    /// Waits for a login, which must be the only line of the log.
    ///
    /// # Panics
    /// If there are more lines, or another one.
    #[track_caller]
    pub fn only_login(&self) -> Line {
        let line = self.only_line();
        assert!(line.is_login(), "{}", line.text());
        line
    }

    /// Waits for a rejection, which must be the only line of the log.
    ///
    /// # Panics
    /// If there are more lines, or another one.
    #[track_caller]
    pub fn only_rejection(&self) -> Line {
        let line = self.only_line();
        assert!(line.text().starts_with("rejected "), "{}", line.text());
        line
    }

    #[track_caller]
    fn only_line(&self) -> Line {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.lock().expect("no holder panics");
        while lines.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing was logged in time");
            lines = self.more.wait_timeout(lines, left).expect("no holder panics").0;
        }
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines[0].clone()
    }

    fn look_up_and_verify(
        &self,
        handshake: AwaitAuthenticate,
        authenticate: &[u8],
    ) -> Result<Accepted, (Option<UserName>, Error)> {
        let claim = match handshake.read(authenticate, &mut Os).map_err(|error| (None, error))? {
            Claim::User(claim) => claim,
            Claim::Anonymous(claim) => return claim.accept().map_err(|error| (None, error)),
        };
        let claimed = claim.claimed_user().clone();
        let result = match self.find(&claimed) {
            Some(user) => claim.verify_nt_hash(&NtHash::from_password(user.password)),
            None => claim.reject(Rejection::UnknownUser),
        };
        result.map_err(|error| (Some(claimed), error))
    }

    fn find(&self, claimed: &UserName) -> Option<&Identity> {
        self.users.iter().find(|user| user.name().eq_ignore_case(claimed))
    }

    fn log(&self, line: &str) {
        self.log.lock().expect("no holder panics").push(Line::parse(line));
        self.more.notify_all();
    }
}

fn login(accepted: &Accepted) -> String {
    // Names come from the client: `{:?}` escapes what would break a log.
    let user = accepted.user().as_ref().map_or("anonymous".into(), ToString::to_string);
    let response = accepted.identity.response().map_or("none".into(), |kind| format!("{kind:?}"));
    let mic = if accepted.mic_checked { "yes" } else { "no" };
    let workstation = accepted.workstation.to_string();
    format!("login user={user:?} response={response} mic={mic} workstation={workstation:?}")
}

/// Names the setting that would accept the client, where there is one.
fn rejection(user: Option<&UserName>, error: Error) -> String {
    let user = user.map(|user| format!(" user={:?}", user.to_string())).unwrap_or_default();
    let hint = match error {
        Error::Refused(Refused::ResponseKind) => {
            " hint=\"Policy::allow_lmv2_alone or a lower Policy::shared.lm_compatibility would accept it\""
        }
        _ => "",
    };
    format!("rejected{user} reason={:?} detail={:?}{hint}", error.to_string(), format!("{error:?}"))
}
