//! The server's side of SPNEGO.

mod established;
mod handshake;
#[cfg_attr(not(feature = "hazmat"), expect(unreachable_pub, reason = "public with `hazmat`"))]
#[allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "public only for replays"
)]
pub(super) mod negotiation;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use negotiation::{AwaitMic, AwaitProof, First, Offer, Start, Verified};

pub use established::Established;
pub use handshake::{AcceptorHandshake, AcceptorLookUp, AcceptorOutcome, AcceptorStep};

use super::token::Token;
use super::{Error, Mechanism, emit};
use crate::channel_bindings::ChannelBindings;
use crate::credentials::UserName;
use crate::environment::Environment;
use crate::error::{self, Rejection};
use crate::secret::Counted;
use crate::server::{Accepted, AwaitAuthenticate, Claim, Claimed, Identity, Server, UserClaim};

/// A server that accepts NTLM in SPNEGO. It is cheap to clone, and serves any number of handshakes
/// at the same time.
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// use ntlm::error::Rejection;
/// use ntlm::spnego::{Accepting, Acceptor, Outcome};
/// use ntlm::{NtHash, Os, Server, server::Names};
/// # use ntlm::spnego::{Initiator, InitiatorStep};
/// # let client = ntlm::Client::new(ntlm::Credentials::password("alice", "secret"));
/// # let mut client = Initiator::new(client).handshake();
/// # let mut first = Some(match client.step(&[], &mut Os)? {
/// #     InitiatorStep::Send(token) => token,
/// #     step => panic!("{step:?}"),
/// # });
/// # let mut receive = |sent: Option<Vec<u8>>| match sent {
/// #     None => Ok(first.take().unwrap()),
/// #     Some(sent) => match client.step(&sent, &mut Os)? {
/// #         InitiatorStep::Send(token) => Ok::<_, ntlm::spnego::Error>(token),
/// #         step => panic!("{step:?}"),
/// #     },
/// # };
///
/// # let store = |user: &ntlm::UserName| {
/// #     user.eq_ignore_case(&"alice".into()).then(|| NtHash::from_password("secret"))
/// # };
/// let acceptor = Acceptor::new(Server::new(Names::standalone("FILES")));
/// let mut negotiation = acceptor.start();
/// let mut answer = None;
/// let done = loop {
///     // Send the answer, if there is one, and receive the client's next token.
///     let token = receive(answer.take())?;
///     let outcome = match negotiation.read(&token, &mut Os)? {
///         Accepting::LookUp(look_up) => match store(look_up.claimed_user()) {
///             Some(hash) => look_up.verify(|claim| claim.verify_nt_hash(&hash))?,
///             None => look_up.reject(Rejection::UnknownUser)?,
///         },
///         Accepting::Outcome(outcome) => outcome,
///     };
///     match outcome {
///         Outcome::Send(token, next) => (answer, negotiation) = (Some(token), next),
///         Outcome::Done(done) => break done,
///     }
/// };
/// // Report success, and send `done.token` with it.
/// assert!(done.accepted.user().is_some() && done.list_checked);
/// # Ok::<(), ntlm::spnego::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Acceptor {
    server: Server,
    takes_ntlm: bool,
}

impl Acceptor {
    /// Makes an acceptor for this server. It rejects NTLM without SPNEGO.
    #[must_use]
    pub const fn new(server: Server) -> Self {
        Self { server, takes_ntlm: false }
    }

    /// Also accepts NTLM without SPNEGO, as Windows, Samba and pyspnego do. The first token
    /// determines the form of the whole handshake.
    ///
    /// A man in the middle can remove SPNEGO from a handshake. So with this setting, a
    /// `mechListMIC` no longer prevents a downgrade to NTLM of clients that prefer Kerberos.
    #[must_use]
    pub fn with_bare_ntlm_allowed(self) -> Self {
        Self { takes_ntlm: true, ..self }
    }

    /// Returns the token of a server that sends the first token (`NegTokenInit2`), as in the
    /// response to SMB's NEGOTIATE. In other protocols, a client asks for it with an empty token,
    /// which [`AwaitClient::read`] answers.
    #[must_use]
    pub fn hints() -> Vec<u8> {
        emit::hints()
    }

    /// Returns a `NegTokenResp` that rejects the client, for protocols that send one. Most
    /// protocols reject without token: see the [table](super).
    #[must_use]
    pub fn rejection() -> Vec<u8> {
        emit::rejection()
    }

    /// Begins a negotiation. Pass the client's first token to [`AwaitClient::read`].
    #[doc(alias("AcceptSecurityContext", "gss_accept_sec_context"))]
    pub fn start(&self) -> AwaitClient {
        let start = Start { takes_ntlm: self.takes_ntlm, has_sent_hints: false };
        AwaitClient { server: self.server.clone(), state: State::Start(start) }
    }
}

/// A server that waits for the client's next token. It belongs to one connection.
#[derive(Debug)]
#[must_use = "the negotiation continues with `read`"]
pub struct AwaitClient {
    server: Server,
    state: State,
}

#[derive(Debug)]
enum State {
    Start(Start),
    /// Waits for the NEGOTIATE.
    Negotiate(Offer),
    /// Waits for the AUTHENTICATE. Without an offer, the handshake is NTLM without SPNEGO.
    Authenticate(Option<Offer>, AwaitAuthenticate),
    /// The password is right; waits for the client's `mechListMIC`. `AwaitMic` contains the keys.
    Mic(AwaitMic, Box<Accepted>, Option<Mechanism>),
}

/// The result of a client's token: a user to look up, or an outcome.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is a user to look up or not")]
#[expect(clippy::large_enum_variant, reason = "it is matched at once, and not kept")]
#[must_use]
pub enum Accepting {
    /// The client claims to be a user: look that user up, and [verify](LookUp::verify) the claim.
    LookUp(LookUp),
    /// There is no user to look up.
    Outcome(Outcome),
}

/// How a negotiation continues or ends.
#[expect(clippy::exhaustive_enums, reason = "a negotiation continues or ends")]
#[must_use]
pub enum Outcome {
    /// Send this token, and pass the client's answer to [`AwaitClient::read`].
    Send(Vec<u8>, AwaitClient),
    /// The client is accepted.
    Done(Established),
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(token, next) => {
                f.debug_tuple("Send").field(&Counted(token)).field(next).finish()
            }
            Self::Done(done) => f.debug_tuple("Done").field(done).finish(),
        }
    }
}

impl AwaitClient {
    /// Sets the channel bindings of this connection: see [`AwaitAuthenticate::with_channel_bindings`].
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        if bindings.is_none() {
            return self;
        }
        let state = match self.state {
            State::Authenticate(offer, handshake) => {
                State::Authenticate(offer, handshake.with_channel_bindings(bindings.clone()))
            }
            state => state,
        };
        Self { server: self.server.with_channel_bindings(bindings), state }
    }

    /// Processes the client's token, and returns what to do next.
    ///
    /// If the policy allows anonymous clients, they are accepted without a look-up.
    ///
    /// # Errors
    /// - [`Error::Token`], [`Error::Unexpected`], [`Error::NoMessage`],
    ///   [`Error::UnexpectedMessage`] if the token is malformed or not the expected one.
    /// - [`Error::NtlmNotOffered`], [`Error::Mechanism`] if the client uses another mechanism.
    /// - [`Error::Rejected`] if the client ends the negotiation.
    /// - [`Error::Exchange`] with the errors of [`Server::challenge`] and
    ///   [`AwaitAuthenticate::read`].
    /// - [`Error::Mic`] if the list of mechanisms was changed in transit, or a required
    ///   `mechListMIC` is missing. A wrong password is not the cause.
    pub fn read(self, token: &[u8], environment: &mut dyn Environment) -> Result<Accepting, Error> {
        self.read_or_claimed(token, environment).map_err(|(error, _)| error)
    }

    /// Does what [`read`](Self::read) does. An error is returned together with what the client
    /// claims.
    pub(crate) fn read_or_claimed(
        self,
        token: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Accepting, (Error, Option<Box<Claimed>>)> {
        let Self { server, state } = self;
        let outcome = match state {
            State::Start(start) => begin(server, start, token, environment),
            State::Negotiate(offer) => match offer.read_negotiate(token) {
                Ok(negotiate) => challenge(server, Some(offer), negotiate, environment),
                Err(error) => Err(error),
            },
            State::Authenticate(offer, handshake) => {
                return authenticate(server, offer, handshake, token, environment);
            }
            State::Mic(mic, accepted, client_preferred) => mic.read(token).map(|(token, keys)| {
                let mut accepted = *accepted;
                accepted.keys = keys;
                Outcome::Done(Established::new(accepted, Some(token), client_preferred))
            }),
        };
        outcome.map(Accepting::Outcome).map_err(|error| (error, None))
    }
}

fn begin(
    server: Server,
    start: Start,
    token: &[u8],
    environment: &mut dyn Environment,
) -> Result<Outcome, Error> {
    match start.read(token)? {
        First::Hints(token, start) => Ok(sent(server, token, State::Start(start))),
        First::Chosen(token, offer) => Ok(sent(server, token, State::Negotiate(offer))),
        First::Negotiate(negotiate, offer) => {
            challenge(server, Some(offer), negotiate, environment)
        }
        First::Ntlm(negotiate) => challenge(server, None, negotiate, environment),
    }
}

fn authenticate(
    server: Server,
    offer: Option<Offer>,
    handshake: AwaitAuthenticate,
    token: &[u8],
    environment: &mut dyn Environment,
) -> Result<Accepting, (Error, Option<Box<Claimed>>)> {
    let unwrapped = match offer {
        None => bare(token).map(|message| (message, None)),
        Some(offer) => {
            offer.read_authenticate(token).map(|(message, proof)| (message, Some(proof)))
        }
    };
    let (message, proof) = unwrapped.map_err(|error| (error, None))?;
    match handshake.read_or_claimed(message, environment) {
        Ok(Claim::User(claim)) => Ok(Accepting::LookUp(LookUp { server, claim, proof })),
        Ok(Claim::Anonymous(claim)) => {
            let claimed = claim.claimed();
            let outcome = claim.accept().map_err(Error::from);
            let outcome = outcome.and_then(|accepted| accept(server, proof, accepted));
            outcome.map(Accepting::Outcome).map_err(|error| (error, Some(Box::new(claimed))))
        }
        Err((error, claimed)) => Err((error.into(), claimed)),
    }
}

const fn sent(server: Server, token: Vec<u8>, state: State) -> Outcome {
    Outcome::Send(token, AwaitClient { server, state })
}

fn challenge(
    server: Server,
    offer: Option<Offer>,
    negotiate: &[u8],
    environment: &mut dyn Environment,
) -> Result<Outcome, Error> {
    let (challenge, handshake) = server.challenge(negotiate, environment)?;
    let token = match &offer {
        Some(offer) => offer.challenge(&challenge),
        None => challenge,
    };
    Ok(sent(server, token, State::Authenticate(offer, handshake)))
}

/// Returns the NTLM message of a handshake that began without SPNEGO, and must continue without it.
fn bare(token: &[u8]) -> Result<&[u8], Error> {
    match Token::parse(token)? {
        Token::Ntlm(message) => Ok(message),
        token => Err(Error::Unexpected(token.kind())),
    }
}

fn accept(
    server: Server,
    proof: Option<AwaitProof>,
    mut accepted: Accepted,
) -> Result<Outcome, Error> {
    let Some(proof) = proof else {
        return Ok(Outcome::Done(Established::new(accepted, None, None)));
    };
    let client_preferred = proof.preferred();
    let proved_nothing = !matches!(accepted.identity, Identity::User { .. });
    let keys = accepted.keys.take();
    match proof.accept(keys, accepted.mic_checked, proved_nothing)? {
        Verified::Send(token, mic) => {
            let state = State::Mic(mic, Box::new(accepted), client_preferred);
            Ok(sent(server, token, state))
        }
        Verified::Done(token, keys) => {
            accepted.keys = keys;
            Ok(Outcome::Done(Established::new(accepted, Some(token), client_preferred)))
        }
    }
}

/// A client that claims to be a user. The negotiation waits until the application has looked up
/// that user.
#[derive(Debug)]
#[must_use = "nothing is proven yet"]
pub struct LookUp {
    server: Server,
    claim: UserClaim,
    proof: Option<AwaitProof>,
}

impl LookUp {
    /// Returns the user name that the client claims: see [`UserClaim::claimed_user`].
    #[must_use]
    pub const fn claimed_user(&self) -> &UserName {
        self.claim.claimed_user()
    }

    /// Returns everything that the client claims, and the request for a domain controller.
    pub const fn claim(&self) -> &UserClaim {
        &self.claim
    }

    /// Returns what the client claims, for the log.
    #[must_use]
    pub fn claimed(&self) -> Claimed {
        self.claim.claimed()
    }

    /// Returns the mechanism that the client prefers to NTLM: see
    /// [`Established::client_preferred`].
    #[must_use]
    pub fn client_preferred(&self) -> Option<Mechanism> {
        self.proof.as_ref().and_then(AwaitProof::preferred)
    }

    /// Verifies the claim, and then the list of mechanisms. `verify` calls one of the methods of
    /// [`UserClaim`], such as [`verify_nt_hash`](UserClaim::verify_nt_hash) or
    /// [`verify_by_domain`](UserClaim::verify_by_domain).
    ///
    /// # Errors
    /// - [`Error::Exchange`] with the error of `verify`.
    /// - [`Error::Mic`] if the list of mechanisms was changed in transit, or if the client prefers
    ///   another mechanism and the list cannot be signed.
    pub fn verify(
        self,
        verify: impl FnOnce(UserClaim) -> Result<Accepted, error::Error>,
    ) -> Result<Outcome, Error> {
        accept(self.server, self.proof, verify(self.claim)?)
    }

    /// Rejects the client: see [`UserClaim::reject`].
    ///
    /// # Errors
    /// Always [`Error::Exchange`].
    pub fn reject(self, reason: Rejection) -> Result<Outcome, Error> {
        self.verify(|claim| claim.reject(reason))
    }
}
