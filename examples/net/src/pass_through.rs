//! A server that accepts the clients that a domain authenticates.

use std::fmt;
use std::net::TcpStream;
use std::time::Duration;

use ntlm::error::Rejection;
use ntlm::server::{Accepted, Claim};
use ntlm::{Error, Os, Server, UserName};

use crate::claimed::claimed;
use crate::frames::{Frames, seal, unseal};
use crate::spans::until_next;
use crate::winbind::{Domain, Unvouched};

/// Immutable state shared by all connections.
pub struct Service<D, P> {
    pub server: Server,
    pub domain: D,
    /// How long a client waits for a rejection.
    pub refuse_after: Duration,
    /// Sleeps; tests substitute a function that records the time.
    pub pause: P,
}

impl<D: Domain, P: Fn(Duration)> Service<D, P> {
    /// Authenticates a client, and echoes its message.
    pub fn converse(&self, stream: TcpStream) -> anyhow::Result<()> {
        let from = stream.peer_addr()?;
        let mut frames = Frames::new(stream)?;
        let Accepted { identity, keys, .. } = match self.authenticate(&mut frames)? {
            Ok(accepted) => {
                println!("login {} from={from}", accepted.log());
                frames.send(&[VERDICT_ACCEPTED])?;
                accepted
            }
            Err(refusal) => {
                println!("refused from={from} {refusal}");
                // The same byte at the same time, whatever the reason.
                (self.pause)(until_next(self.refuse_after, frames.received().elapsed()));
                return frames.send(&[VERDICT_REFUSED]);
            }
        };
        let mut session = keys.into_session()?;
        let message = unseal(&mut session, frames.receive()?)?;
        let user = identity.user().map(ToString::to_string).unwrap_or_default();
        let answer = format!("{user} said: {}", String::from_utf8_lossy(&message));
        frames.send(&seal(&mut session, answer.as_bytes())?)
    }

    /// Runs the three messages of the handshake. The outer error is one of the connection, the
    /// inner one rejects the client.
    fn authenticate(&self, frames: &mut Frames) -> anyhow::Result<Result<Accepted, Refusal>> {
        let negotiate = frames.receive()?;
        let (challenge, handshake) = match self.server.challenge(&negotiate, &mut Os) {
            Ok(challenged) => challenged,
            Err(error) => return Ok(Err(error.into())),
        };
        frames.send(&challenge)?;
        let authenticate = frames.receive()?;
        Ok(handshake
            .read(&authenticate, &mut Os)
            .map_err(|error| Refusal { user: claimed(&authenticate), ..error.into() })
            .and_then(|claim| self.verify(claim)))
    }

    fn verify(&self, claim: Claim) -> Result<Accepted, Refusal> {
        let Claim::User(claim) = claim else {
            // The policy rejects anonymous clients earlier.
            return Err(Error::from(Rejection::UnknownUser).into());
        };
        let user = claim.claimed_user().clone();
        let refusal = |error: Error, status: &str| Refusal {
            user: Some(user.clone()),
            status: status.into(),
            error,
        };
        let logon = claim.network_logon().map_err(|error| refusal(error, ""))?;
        match self.domain.ask(&logon) {
            Ok(validation) => {
                claim.verify_by_domain(&validation).map_err(|error| refusal(error, "NT_STATUS_OK"))
            }
            Err(Unvouched { reason, status }) => {
                claim.reject(reason).map_err(|error| refusal(error, &status))
            }
        }
    }
}

/// A rejected client, for the log.
struct Refusal {
    user: Option<UserName>,
    /// The domain's status.
    status: String,
    error: Error,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { user: None, status: String::new(), error }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, status, error } = self;
        // Names come from the client: `{:?}` escapes what would break a log.
        let user = user.as_ref().map(ToString::to_string).unwrap_or_default();
        let reason = error.log().to_string();
        write!(f, "user={user:?} reason={reason:?} detail={error:?} status={status:?}")
    }
}

/// The server's answer to the AUTHENTICATE. It cannot be confused with a token, because no token is
/// one byte long.
pub const VERDICT_ACCEPTED: u8 = 0;
pub const VERDICT_REFUSED: u8 = 1;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc::channel;
    use std::thread;

    use ntlm::server::{Names, NetworkLogon, Validation};
    use ntlm::session::Protection;
    use ntlm::{Client, Credentials, LmCompatibility, client};

    use super::*;

    /// A domain that gives every user the same answer.
    struct Says(Result<Validation, Rejection>);

    impl Domain for Says {
        fn ask(&self, _: &NetworkLogon<'_>) -> Result<Validation, Unvouched> {
            let said = self.0.clone();
            said.map_err(|reason| Unvouched { reason, status: String::new() })
        }
    }

    /// What a client sees.
    #[derive(Debug, PartialEq, Eq)]
    enum Event {
        /// The server pauses.
        Paused(Duration),
        /// The server's verdict.
        Told(u8),
    }

    /// Far more time than a test needs.
    const SPAN: Duration = Duration::from_secs(1000);

    /// Runs a client: `answer` maps each received message, at first an empty one, to the client's
    /// next one.
    fn events(domain: Says, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<Event> {
        let (sender, events) = channel();
        let paused = sender.clone();
        let service = Service {
            server: Server::new(Names::member("SERVER", "EXAMPLE")),
            domain,
            refuse_after: SPAN,
            pause: move |time| paused.send(Event::Paused(time)).unwrap(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut frames =
            Frames::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap()).unwrap();
        let server = thread::spawn(move || service.converse(listener.accept().unwrap().0));
        let mut received = Vec::new();
        while received.len() != 1 {
            frames.send(&answer(&received)).unwrap();
            received = frames.receive().unwrap();
        }
        sender.send(Event::Told(received[0])).unwrap();
        drop((sender, frames));
        // The server may fail, because the client sends no message after its login.
        drop(server.join().unwrap());
        events.iter().collect()
    }

    /// The messages of a correct client.
    fn messages(client: Client) -> impl FnMut(&[u8]) -> Vec<u8> {
        let mut state = None;
        move |challenge: &[u8]| match state.take() {
            None => {
                let (negotiate, next) = client.initiate().unwrap();
                state = Some(next);
                negotiate
            }
            Some(next) => next.answer(challenge, &mut Os).unwrap().token,
        }
    }

    fn alice() -> Client {
        Client::new(Credentials::password(r"EXAMPLE\alice", "correct horse"))
            .with_protection(Protection::Seal)
    }

    fn alice_of_level(level: LmCompatibility) -> Client {
        let mut policy = client::Policy::default();
        policy.shared.lm_compatibility = level;
        alice().with_policy(policy)
    }

    #[track_caller]
    fn assert_rejected_in_time(events: &[Event]) {
        let [Event::Paused(pause), Event::Told(VERDICT_REFUSED)] = events else {
            panic!("{events:?}")
        };
        assert!(*pause > SPAN / 2 && *pause <= SPAN, "{pause:?}");
    }

    #[test]
    fn a_rejection_is_sent_at_the_same_time_for_every_reason() {
        for reason in [
            Rejection::WrongPassword,
            Rejection::UnknownUser,
            Rejection::AccountRestriction,
            Rejection::NtlmBlocked,
            Rejection::DomainController,
            Rejection::LookupFailed,
        ] {
            assert_rejected_in_time(&events(Says(Err(reason)), messages(alice())));
        }
        // The domain accepts with another session key, so the MIC is wrong.
        let vouches = Says(Ok(Validation::new([7; 16], 0)));
        assert_rejected_in_time(&events(vouches, messages(alice())));
    }

    #[test]
    fn a_rejection_without_asking_the_domain_is_sent_at_the_same_time() {
        let domain = || Says(Err(Rejection::WrongPassword));
        assert_rejected_in_time(&events(domain(), |_| b"what is this?".to_vec()));
        let mut genuine = messages(alice());
        let cut_short = |received: &[u8]| {
            let token = genuine(received);
            if received.is_empty() { token } else { token[..40].into() }
        };
        assert_rejected_in_time(&events(domain(), cut_short));
        let weak = alice_of_level(LmCompatibility::SendNtlm);
        assert_rejected_in_time(&events(domain(), messages(weak)));
        let unprotected = alice().with_protection(Protection::None);
        assert_rejected_in_time(&events(domain(), messages(unprotected)));
        let anonymous = Client::new(Credentials::anonymous());
        assert_rejected_in_time(&events(domain(), messages(anonymous)));
    }
}
