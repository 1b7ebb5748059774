//! The server: it authenticates clients, and answers their sealed messages.

use std::collections::HashMap;
use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ntlm::error::{Denied, Rejection};
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, Policy};
use ntlm::wire::NegotiateFlags;
use ntlm::{Error, Os, Server};

use super::Datagram;
use super::channel::Channel;
use crate::users::Users;

/// The state of all clients, by address.
pub struct Service {
    server: Server,
    users: Users,
    greeted: HashMap<SocketAddr, Greeted>,
    known: HashMap<SocketAddr, Known>,
}

/// A client that was sent a CHALLENGE.
struct Greeted {
    since: Instant,
    challenge: Vec<u8>,
    handshake: AwaitAuthenticate,
}

/// A client that logged in.
struct Known {
    authenticate: Vec<u8>,
    /// The answer to the AUTHENTICATE.
    welcome: Vec<u8>,
    channel: Channel,
    /// Before this time, the entry is not removed in favour of another client.
    expires: Instant,
}

/// The most clients of each kind; bounded because addresses are easy to forge.
const MOST_CLIENTS: usize = 1000;
/// After this time without an AUTHENTICATE, a client can be removed in favour of another.
const GREETING_LIFETIME: Duration = Duration::from_secs(10);
/// After this time of silence, a client that logged in can be removed in favour of another.
const KNOWN_LIFETIME: Duration = Duration::from_secs(10 * 60);

impl Service {
    pub fn new(users: Users) -> Result<Self, Error> {
        let mut policy = Policy::default();
        // If a man in the middle clears the flag, the login fails instead of continuing in clear
        // text.
        policy.shared.require = NegotiateFlags::NEGOTIATE_SEAL;
        let server =
            Server::new(Names::member("DATAGRAMS", "EXAMPLE")).with_policy(policy).checked()?;
        Ok(Self { server, users, greeted: HashMap::new(), known: HashMap::new() })
    }

    /// Returns the answer to a datagram. Any datagram may be duplicated, late or forged.
    pub fn answer(&mut self, from: SocketAddr, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        match Datagram::parse(bytes) {
            Some(Datagram::Hello) => self.greet(from),
            Some(Datagram::Authenticate(token)) => self.authenticate(from, token).map(Some),
            Some(Datagram::Sealed { sequence, signature, message }) => {
                let Some(known) = self.known.get_mut(&from) else { return Ok(None) };
                let text = known.channel.read("server", sequence, &signature, message)?;
                let Some(text) = text else { return Ok(None) };
                known.expires = Instant::now() + KNOWN_LIFETIME;
                known.channel.seal(&format!("You said: {text}")).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Returns the same CHALLENGE until it is answered.
    fn greet(&mut self, from: SocketAddr) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(Greeted { challenge, .. }) = self.greeted.get(&from) {
            return Ok(Some(Datagram::Challenge(challenge).to_bytes()));
        }
        if self.greeted.len() >= MOST_CLIENTS {
            self.greeted.retain(|_, greeted| greeted.since.elapsed() < GREETING_LIFETIME);
        }
        if self.greeted.len() >= MOST_CLIENTS {
            return Ok(None);
        }
        let (challenge, handshake) = self.server.challenge_datagram(&mut Os)?;
        let answer = Datagram::Challenge(&challenge).to_bytes();
        self.greeted.insert(from, Greeted { since: Instant::now(), challenge, handshake });
        Ok(Some(answer))
    }

    /// Authenticates a client. The answer to an accepted client is sealed, which proves that it
    /// comes from the server.
    fn authenticate(&mut self, from: SocketAddr, token: &[u8]) -> anyhow::Result<Vec<u8>> {
        // The answer may have been lost, so it is sent again unchanged; that uses no new sequence
        // number.
        if let Some(known) = self.known.get(&from).filter(|known| known.authenticate == token) {
            return Ok(known.welcome.clone());
        }
        let Some(Greeted { handshake, .. }) = self.greeted.remove(&from) else {
            return Ok(Datagram::Refused.to_bytes());
        };
        let accepted = match self.has_room_for(from) {
            true => handshake.read(token, &mut Os).and_then(|claim| self.verify(claim)),
            false => Err(Denied::Rejected(Rejection::LookupFailed).into()),
        };
        match accepted {
            Ok(Accepted { identity, keys, .. }) => {
                let user = identity.user().map(ToString::to_string).unwrap_or_default();
                writeln!(stdout(), "server: login user={user:?} from={from}")?;
                let mut channel = Channel::new(keys.into_datagram_session()?);
                let welcome = channel.seal(&format!("Welcome, {user}."))?;
                let answer = welcome.clone();
                let (authenticate, expires) = (token.into(), Instant::now() + KNOWN_LIFETIME);
                self.known.insert(from, Known { authenticate, welcome, channel, expires });
                Ok(answer)
            }
            Err(error) => {
                let reason = error.log().to_string();
                writeln!(
                    stdout(),
                    "server: refused login from={from} reason={reason:?} detail={error:?}"
                )?;
                Ok(Datagram::Refused.to_bytes())
            }
        }
    }

    /// Returns whether there is room for a client; if not, first removes the clients that were
    /// silent for too long.
    fn has_room_for(&mut self, from: SocketAddr) -> bool {
        if self.known.contains_key(&from) {
            return true;
        }
        if self.known.len() >= MOST_CLIENTS {
            self.known.retain(|_, known| known.expires > Instant::now());
        }
        self.known.len() < MOST_CLIENTS
    }

    fn verify(&self, claim: Claim) -> Result<Accepted, Error> {
        match claim {
            Claim::User(claim) => match self.users.find(claim.claimed_user()) {
                Some(user) => claim.verify_nt_hash(&user.hash),
                None => claim.reject(Rejection::UnknownUser),
            },
            Claim::Anonymous(claim) => claim.accept(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use ntlm::Client;
    use ntlm::Credentials;
    use ntlm::session::Protection;

    use super::*;
    use crate::datagrams::channel::Unreadable;
    use crate::datagrams::wire::HELLO_LEN;

    const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);

    fn service() -> Service {
        Service::new(Users::one("alice", "correct horse")).unwrap()
    }

    fn alice(password: &str) -> Client {
        Client::new(Credentials::password(r"EXAMPLE\alice", password))
            .with_protection(Protection::Seal)
    }

    fn challenge(service: &mut Service) -> Vec<u8> {
        service.answer(CLIENT, &Datagram::Hello.to_bytes()).unwrap().unwrap()
    }

    /// Logs in from a port; returns the server's answer and the client's end.
    fn log_in_from(port: u16, service: &mut Service) -> (Vec<u8>, Channel) {
        let from = SocketAddr::new(CLIENT.ip(), port);
        let challenge = service.answer(from, &Datagram::Hello.to_bytes()).unwrap().unwrap();
        let (authenticate, channel) = respond(&alice("correct horse"), &challenge);
        (service.answer(from, &authenticate).unwrap().unwrap(), channel)
    }

    /// Returns the AUTHENTICATE and the client's end.
    fn respond(client: &Client, challenge: &[u8]) -> (Vec<u8>, Channel) {
        let Some(Datagram::Challenge(token)) = Datagram::parse(challenge) else { panic!("none") };
        let response = client.answer_datagram(token, &mut Os).unwrap();
        let channel = Channel::new(response.keys.into_datagram_session().unwrap());
        (Datagram::Authenticate(&response.token).to_bytes(), channel)
    }

    fn unseal(channel: &mut Channel, bytes: &[u8]) -> Result<String, Unreadable> {
        match Datagram::parse(bytes) {
            Some(Datagram::Sealed { sequence, signature, message }) => {
                channel.unseal(sequence, &signature, message)
            }
            _ => panic!("it is not sealed"),
        }
    }

    #[test]
    fn messages_of_the_login_may_come_twice() {
        let mut service = service();
        let first = challenge(&mut service);
        assert_eq!(challenge(&mut service), first);
        let (authenticate, mut channel) = respond(&alice("correct horse"), &first);
        let welcome = service.answer(CLIENT, &authenticate).unwrap().unwrap();
        assert_eq!(unseal(&mut channel, &welcome).unwrap(), r"Welcome, EXAMPLE\alice.");
        assert_eq!(service.answer(CLIENT, &authenticate).unwrap().unwrap(), welcome);
    }

    #[test]
    fn a_challenge_allows_one_attempt() {
        let mut service = service();
        let challenge = challenge(&mut service);
        let (wrong, _) = respond(&alice("wrong"), &challenge);
        let (right, _) = respond(&alice("correct horse"), &challenge);
        for attempt in [wrong, right] {
            let answer = service.answer(CLIENT, &attempt).unwrap();
            assert_eq!(answer, Some(Datagram::Refused.to_bytes()));
        }
    }

    #[test]
    fn a_hello_does_not_end_a_session() {
        let mut service = service();
        let (authenticate, mut channel) =
            respond(&alice("correct horse"), &challenge(&mut service));
        service.answer(CLIENT, &authenticate).unwrap();
        challenge(&mut service);
        let datagram = channel.seal("still here").unwrap();
        let answer = service.answer(CLIENT, &datagram).unwrap().unwrap();
        assert_eq!(unseal(&mut channel, &answer).unwrap(), "You said: still here");
    }

    #[test]
    fn a_replayed_or_forged_datagram_is_not_answered_and_a_genuine_one_is() {
        let mut service = service();
        let (authenticate, mut channel) =
            respond(&alice("correct horse"), &challenge(&mut service));
        service.answer(CLIENT, &authenticate).unwrap();
        let (early, late) = (channel.seal("early").unwrap(), channel.seal("late").unwrap());
        let mut forged = early.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(service.answer(CLIENT, &late).unwrap().is_some());
        assert!(service.answer(CLIENT, &forged).unwrap().is_none());
        assert!(
            service.answer(CLIENT, &early).unwrap().is_some(),
            "the forgery used up its number"
        );
        assert!(service.answer(CLIENT, &early).unwrap().is_none());
        let other = SocketAddr::new(CLIENT.ip(), 8);
        assert!(service.answer(other, &late).unwrap().is_none());
    }

    #[test]
    fn memory_for_clients_that_only_send_hello_is_bounded() {
        let mut service = service();
        for port in 0..2000 {
            let from = SocketAddr::new(CLIENT.ip(), port);
            let answer = service.answer(from, &Datagram::Hello.to_bytes()).unwrap();
            assert_eq!(answer.is_some(), usize::from(port) < MOST_CLIENTS);
            assert!(answer.is_none_or(|answer| answer.len() <= HELLO_LEN));
        }
        assert!(service.answer(CLIENT, &[0]).unwrap().is_none(), "a short hello gets nothing");
    }

    #[test]
    fn silent_clients_are_removed_in_favour_of_others() {
        let mut service = service();
        let (_, mut channel) = log_in_from(CLIENT.port(), &mut service);
        for port in (1000..).take(MOST_CLIENTS - 1) {
            log_in_from(port, &mut service);
        }
        assert_eq!(log_in_from(1, &mut service).0, Datagram::Refused.to_bytes());

        service.known.values_mut().for_each(|known| known.expires = Instant::now());
        let datagram = channel.seal("still here").unwrap();
        service.answer(CLIENT, &datagram).unwrap();
        assert_ne!(log_in_from(1, &mut service).0, Datagram::Refused.to_bytes());
        assert_eq!(service.known.len(), 2, "who spoke is not forgotten");
        assert!(service.known.contains_key(&CLIENT));
    }
}
