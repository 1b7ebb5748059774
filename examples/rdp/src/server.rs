//! The server's side of CredSSP ([MS-CSSP] 3.2.5).

use std::io::{Read, Write};

use anyhow::{Context, anyhow, ensure};
use ntlm::error::Rejection;
use ntlm::server::{self, Accepted};
use ntlm::spnego::{self, Accepting, Acceptor, Established, Outcome};
use ntlm::wire::NegotiateFlags;
use ntlm::{Os, UserName};
use zeroize::Zeroizing;

use crate::binding::{Binding, Sender};
use crate::channel::{Channel, session};
use crate::credentials::Delegated;
use crate::ts_request::TsRequest;
use crate::users::Users;
use crate::version::{Version, Versions};

/// The settings of a server.
pub struct Gate {
    /// Accepts NTLM with and without SPNEGO. Its server must have the [`policy`].
    pub acceptor: Acceptor,
    pub users: Users,
    pub versions: Versions,
    /// The public key of the server's certificate.
    pub public_key: Vec<u8>,
}

/// A client that logged in.
pub struct Login {
    /// The user, with the name that the client claims; `UserClaim::with_account` sets the name from a
    /// store. The user in `delegated` was not verified.
    pub identity: ntlm::server::Identity,
    /// The line of [`Accepted::log`].
    pub log: String,
    pub has_spnego: bool,
    pub version: Version,
    pub delegated: Delegated,
}

/// The policy for [`Gate::acceptor`]. A client that cannot seal is rejected before the password is
/// checked, because it can send neither `pubKeyAuth` nor credentials.
pub fn policy() -> server::Policy {
    let mut policy = server::Policy::default();
    policy.shared.require |= NegotiateFlags::NEGOTIATE_SEAL;
    policy
}

impl Gate {
    /// Runs a client's login over TLS. `claimed` is set to the name that the client claims.
    pub fn log_in(
        &self,
        stream: &mut (impl Read + Write),
        claimed: &mut Option<UserName>,
    ) -> anyhow::Result<Login> {
        let channel = &mut Channel::new(stream, self.versions);
        let (established, mut request, mut version) = self.authenticate(channel, claimed)?;
        let Established { accepted, mut token, .. } = established;
        let (has_spnego, log) = (token.is_some(), accepted.log().to_string());
        let Accepted { identity, keys, .. } = accepted;
        let mut session = session(keys)?;

        // pyspnego sends `pubKeyAuth` together with its last token, sspi-rs in a message of its own.
        if request.pub_key_auth().is_none() {
            let token = token.take().context("the client's pubKeyAuth is missing")?;
            channel.send(&channel.request().with_token(&token)?)?;
            (request, version) = channel.receive()?;
        }
        let nonce = request.client_nonce()?;
        let binding = Binding { public_key: &self.public_key, version, nonce };
        let proof = request.pub_key_auth().context("the client's pubKeyAuth is missing")?;
        let proof = session.unwrap(proof)?;
        ensure!(
            binding.is_proof(Sender::Client, &proof)?,
            "the client was shown another public key: there is a man in the middle"
        );
        let proof = session.wrap(&binding.proof(Sender::Server)?)?;
        let mut reply = channel.request().with_pub_key_auth(&proof, None)?;
        if let Some(token) = token {
            reply = reply.with_token(&token)?;
        }
        channel.send(&reply)?;

        let (request, _) = channel.receive()?;
        let credentials = request.auth_info().context("the client's credentials are missing")?;
        let credentials = Zeroizing::new(session.unwrap(credentials)?);
        let delegated = Delegated::from_der(&credentials)?;
        Ok(Login { identity, log, has_spnego, version, delegated })
    }

    /// Exchanges tokens until the user is authenticated, and returns the message with the last
    /// token.
    fn authenticate(
        &self,
        channel: &mut Channel<'_, impl Read + Write>,
        claimed: &mut Option<UserName>,
    ) -> anyhow::Result<(Established, TsRequest, Version)> {
        let mut negotiation = self.acceptor.start();
        loop {
            let (request, version) = channel.receive()?;
            let token = request.token().context("the client sends no token")?;
            let outcome = negotiation.read(token, &mut Os).and_then(|accepting| match accepting {
                Accepting::LookUp(client) => {
                    *claimed = Some(client.claimed_user().clone());
                    match self.users.find(client.claimed_user()) {
                        Some(user) => client.verify(|claim| claim.verify_nt_hash(&user.hash)),
                        None => client.reject(Rejection::UnknownUser),
                    }
                }
                Accepting::Outcome(outcome) => Ok(outcome),
            });
            match outcome {
                Ok(Outcome::Send(token, next)) => {
                    channel.send(&channel.request().with_token(&token)?)?;
                    negotiation = next;
                }
                Ok(Outcome::Done(established)) => return Ok((established, request, version)),
                Err(error) => return Err(reject(channel, version, error)),
            }
        }
    }
}

/// Reports the failed login to the client, if the version supports that.
fn reject(
    channel: &mut Channel<'_, impl Read + Write>,
    version: Version,
    error: spnego::Error,
) -> anyhow::Error {
    if version.has_error_code() {
        // The client may have left; the original error matters more.
        let _ = channel.send(&channel.request().with_error_code(error.ntstatus()));
    }
    anyhow!("{}", error.log())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Duration;

    use clap::Parser;
    use ntlm::server::Names;
    use ntlm::session::Protection;
    use ntlm::{Client, Credentials, Server};

    use super::*;
    use crate::client;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        versions: Versions,
    }

    fn versions(min: u32, max: u32) -> Versions {
        let [min, max] = [min, max].map(|version| version.to_string());
        Options::parse_from(["", "--min-version", &min, "--max-version", &max]).versions
    }

    struct Case {
        client: Versions,
        server: Versions,
        is_bare: bool,
        password: &'static str,
        protection: Protection,
        certificate_of: &'static [u8],
    }

    impl Default for Case {
        fn default() -> Self {
            let (client, server) = (versions(5, 6), versions(5, 6));
            Self {
                client,
                server,
                is_bare: false,
                password: "secret",
                protection: Protection::Seal,
                certificate_of: b"key",
            }
        }
    }

    impl Case {
        /// Runs both sides, without TLS.
        fn run(&self) -> (anyhow::Result<Version>, anyhow::Result<Login>) {
            self.run_with(|gate, mut stream| gate.log_in(&mut stream, &mut None))
        }

        /// Runs the client with a server that does this.
        fn run_with<T: Send + 'static>(
            &self,
            serve: impl FnOnce(Gate, UnixStream) -> T + Send + 'static,
        ) -> (anyhow::Result<Version>, T) {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            for stream in [&ours, &theirs] {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            }
            let server = Server::new(Names::member("RDP", "EXAMPLE"));
            let gate = Gate {
                acceptor: Acceptor::new(server.with_policy(policy())).with_bare_ntlm_allowed(),
                users: Users::one("alice", "secret"),
                versions: self.server,
                public_key: b"key".to_vec(),
            };
            let server = thread::spawn(move || serve(gate, theirs));
            let client = Client::new(Credentials::password(r"EXAMPLE\alice", self.password))
                .with_protection(self.protection);
            let delegated = &Delegated::new(UserName::from(r"EXAMPLE\alice"), self.password);
            let (versions, public_key) = (self.client, self.certificate_of);
            let is_bare = self.is_bare;
            let login = client::Login { client: &client, is_bare, versions, public_key, delegated };
            let client = login.run(&mut ours);
            drop(ours);
            (client, server.join().unwrap())
        }
    }

    #[test]
    fn both_sides_log_in_in_each_version_with_and_without_spnego() {
        for is_bare in [false, true] {
            for (client, server) in [(6, 6), (6, 5), (5, 6), (4, 6), (6, 3), (2, 2)] {
                let case = Case {
                    client: versions(2, client),
                    server: versions(2, server),
                    is_bare,
                    ..Case::default()
                };
                let (client, server) = case.run();
                let server = server.unwrap();
                assert_eq!(client.unwrap(), server.version);
                assert_eq!(server.has_spnego, !is_bare);
                assert_eq!(server.identity.user().unwrap().to_string(), r"EXAMPLE\alice");
                assert_eq!(server.delegated.user.to_string(), r"EXAMPLE\alice");
            }
        }
    }

    /// A server that knows the user's secret, but sees another TLS connection than the client (a
    /// relayed login). It seals `proof`. Returns the client's result, and the bytes that the client
    /// sent afterwards.
    fn log_in_to_fake_server(
        versions: Versions,
        is_bare: bool,
        proof: fn(Binding<'_>) -> Vec<u8>,
    ) -> (anyhow::Result<Version>, Vec<u8>) {
        let case = Case { client: versions, server: versions, is_bare, ..Case::default() };
        let (client, rest) = case.run_with(move |gate, mut stream| {
            let channel = &mut Channel::new(&mut stream, versions);
            let (established, mut request, mut version) =
                gate.authenticate(channel, &mut None).unwrap();
            let mut session = session(established.accepted.keys).unwrap();
            if let Some(token) = established.token {
                channel.send(&channel.request().with_token(&token).unwrap()).unwrap();
                (request, version) = channel.receive().unwrap();
            }
            let _ = session.unwrap(request.pub_key_auth().unwrap()).unwrap();
            let nonce = request.client_nonce().unwrap();
            let proof = proof(Binding { public_key: &gate.public_key, version, nonce });
            let proof = session.wrap(&proof).unwrap();
            channel.send(&channel.request().with_pub_key_auth(&proof, None).unwrap()).unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).unwrap();
            rest
        });
        (client, rest)
    }

    #[test]
    fn client_sends_no_password_to_a_server_that_seals_a_wrong_proof() {
        let wrong: [fn(Binding<'_>) -> Vec<u8>; 3] = [
            |binding| {
                let other = Binding { public_key: b"other", ..binding };
                other.proof(Sender::Server).unwrap()
            },
            // The proof that the client sealed.
            |binding| binding.proof(Sender::Client).unwrap(),
            |_| Vec::new(),
        ];
        for is_bare in [false, true] {
            for version in 2..=6 {
                let versions = versions(2, version);
                for proof in wrong {
                    let (client, rest) = log_in_to_fake_server(versions, is_bare, proof);
                    let client = client.unwrap_err().to_string();
                    assert!(client.contains("man in the middle"), "{version}: {client}");
                    assert!(rest.is_empty(), "{version}: {rest:?}");
                }
                // The same server with the right proof gets the password.
                let right = |binding: Binding<'_>| binding.proof(Sender::Server).unwrap();
                let (client, rest) = log_in_to_fake_server(versions, is_bare, right);
                assert!(client.is_ok());
                assert!(TsRequest::read(&mut &rest[..]).unwrap().auth_info().is_some());
            }
        }
    }

    #[test]
    fn old_versions_are_rejected_unless_they_are_allowed() {
        let case = Case { client: versions(2, 4), ..Case::default() };
        assert!(case.run().1.is_err_and(|error| error.to_string().contains("version 4")));
        let case = Case { server: versions(2, 3), ..Case::default() };
        assert!(case.run().0.is_err_and(|error| error.to_string().contains("version 3")));
    }

    #[test]
    fn wrong_password_is_reported_where_the_version_has_a_code() {
        for is_bare in [false, true] {
            for (version, has_code) in [(2, false), (3, true), (4, true), (5, false), (6, true)] {
                let versions = versions(2, version);
                let case = Case { server: versions, client: versions, is_bare, ..Case::default() };
                let (client, server) = Case { password: "wrong", ..case }.run();
                let client = client.unwrap_err().to_string();
                assert_eq!(client.contains("0xc000006d"), has_code, "{version}: {client}");
                let server = server.err().unwrap().to_string();
                assert!(server.contains("wrong password"), "{server}");
            }
        }
    }

    #[test]
    fn client_that_does_not_seal_is_rejected_with_a_code() {
        for is_bare in [false, true] {
            let case = Case { is_bare, protection: Protection::Sign, ..Case::default() };
            let (client, server) = case.run();
            let server = server.err().unwrap().to_string();
            assert!(server.contains("NEGOTIATE_SEAL"), "{server}");
            let client = client.unwrap_err().to_string();
            assert!(client.contains("the peer rejects the login with 0x"), "{client}");
        }
    }

    #[test]
    fn man_in_the_middle_with_another_key_is_detected() {
        for is_bare in [false, true] {
            for version in 2..=6 {
                let versions = versions(2, version);
                let case = Case { client: versions, server: versions, is_bare, ..Case::default() };
                let (client, server) = Case { certificate_of: b"other", ..case }.run();
                assert!(client.is_err());
                let server = server.err().unwrap().to_string();
                assert!(server.contains("man in the middle"), "{server}");
            }
        }
    }

    /// An attacker without the user's secret can only send back the client's own bytes, or nothing.
    #[test]
    fn server_that_proves_nothing_gets_no_password() {
        struct Echo {
            incoming: io::Cursor<Vec<u8>>,
            sent: usize,
        }
        impl Read for Echo {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.incoming.read(buffer)
            }
        }
        impl Write for Echo {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let request = TsRequest::read(&mut &*bytes).unwrap();
                assert_eq!(request.auth_info(), None);
                self.sent += 1;
                let server = Server::new(Names::member("RDP", "EXAMPLE"));
                let reply = match request.pub_key_auth() {
                    Some(_) => bytes.to_vec(),
                    None => {
                        let token = request.token().unwrap();
                        let (challenge, _) = server.challenge(token, &mut Os).unwrap();
                        TsRequest::new(6).with_token(&challenge).unwrap().to_bytes().unwrap()
                    }
                };
                self.incoming = io::Cursor::new(reply);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let client =
            Client::new(Credentials::password("alice", "secret")).with_protection(Protection::Seal);
        let delegated = &Delegated::new(UserName::new("alice"), "secret");
        let (versions, public_key) = (versions(5, 6), &b"key"[..]);
        let login =
            client::Login { client: &client, is_bare: true, versions, public_key, delegated };
        let mut echo = Echo { incoming: io::Cursor::default(), sent: 0 };
        assert!(login.run(&mut echo).is_err());
        assert_eq!(echo.sent, 2);
    }
}
