//! The client's side of SPNEGO.

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

use alloc::vec::Vec;
use core::fmt;

use negotiation::{Reply, Verdict};

pub use handshake::{InitiatorHandshake, InitiatorStep};

use super::token::Token;
use super::{Error, Mechanism, MicError};
use crate::client::{self, Client};
use crate::environment::Environment;
use crate::secret::Counted;
use crate::session::SessionKeys;

/// A client that sends NTLM in SPNEGO. It is cheap to clone, and makes any number of handshakes at
/// the same time.
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// use ntlm::spnego::{Initiated, Initiator};
/// use ntlm::{Client, Credentials, Os};
/// # use ntlm::spnego::{Acceptor, AcceptorStep, AcceptorOutcome};
/// # let acceptor = Acceptor::new(ntlm::Server::new(ntlm::server::Names::standalone("FILES")));
/// # let mut server = acceptor.handshake();
/// # let mut exchange = |token: &[u8]| {
/// #     let outcome = match server.step(token, &mut Os)? {
/// #         AcceptorStep::LookUp(user) => user.verify(|claim| claim.verify_password("secret"))?,
/// #         AcceptorStep::Outcome(outcome) => outcome,
/// #     };
/// #     Ok::<_, ntlm::spnego::Error>(match outcome {
/// #         AcceptorOutcome::Send(token) => Some(token),
/// #         AcceptorOutcome::Done(done) => done.token,
/// #     })
/// # };
///
/// let client = Client::new(Credentials::password("alice", "secret"));
/// let (mut token, mut negotiation) = Initiator::new(client).initiate()?;
/// let keys = loop {
///     // Send the token, and receive the answer, if the server sends one.
///     let Some(answer) = exchange(&token)? else { break negotiation.finish()? };
///     match negotiation.read(&answer, &mut Os)? {
///         Initiated::Send(next, state) => (token, negotiation) = (next, state),
///         Initiated::Done(keys) => break keys,
///     }
/// };
/// # let _ = keys;
/// # Ok::<(), ntlm::spnego::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Initiator {
    client: Client,
    asks_to_sign: bool,
    allows_missing_mic: bool,
}

impl Initiator {
    /// Makes an initiator for this client.
    ///
    /// Its NEGOTIATE asks for signing, so that a `mechListMIC` can protect the list of mechanisms.
    /// A server that does not grant signing is accepted, unless the client asks for
    /// [protection](Client::with_protection).
    #[must_use]
    pub fn new(client: Client) -> Self {
        let client = client.with_signing_if_granted(true);
        Self { client, asks_to_sign: true, allows_missing_mic: false }
    }

    /// Does not ask for signing, unless the client asks for [protection](Client::with_protection).
    /// Without signing, there is no `mechListMIC`.
    ///
    /// This is for application protocols in which signing has other effects once it is negotiated.
    /// In LDAP, both sides then wrap all messages; over TLS, Active Directory rejects a client that
    /// negotiates signing.
    #[must_use]
    pub fn without_signing(self) -> Self {
        let client = self.client.with_signing_if_granted(false);
        Self { client, asks_to_sign: false, ..self }
    }

    /// Accepts servers that receive a `mechListMIC` but send none, such as the file servers of
    /// Azure and Apple.
    ///
    /// This is safe for a client that offers only NTLM. After
    /// [`continue_after`](Self::continue_after), it allows a man in the middle to force NTLM.
    ///
    /// Sessions skip the sequence number of the client's `mechListMIC`. With servers that ignore
    /// the `mechListMIC`, such as Windows 2000, they do not work, because those expect the skipped
    /// number.
    #[must_use]
    pub fn with_missing_mic_allowed(self) -> Self {
        Self { allows_missing_mic: true, ..self }
    }

    /// Checks that a server which sends the first token (`NegTokenInit2`), as in SMB, offers NTLM.
    /// Call [`initiate`](Self::initiate) afterwards.
    ///
    /// The check is optional: it only reports early that the server does not offer NTLM. The token
    /// has no other effect, because nothing protects it.
    ///
    /// # Errors
    /// - [`Error::NtlmNotOffered`] if the server does not offer NTLM.
    /// - [`Error::Token`], [`Error::Unexpected`] if this is not a `NegTokenInit2`.
    pub fn check_hints(&self, token: &[u8]) -> Result<(), Error> {
        match Token::parse(token)? {
            Token::Init(init) if init.mech_types.iter().any(|m| m == Mechanism::Ntlm) => Ok(()),
            Token::Init(_) => Err(Error::NtlmNotOffered),
            token => Err(Error::Unexpected(token.kind())),
        }
    }

    /// Begins a negotiation. Returns the first token, a `NegTokenInit` with the NEGOTIATE, and the
    /// state that waits for the server's answer.
    ///
    /// # Errors
    /// The errors of [`Client::initiate`].
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    pub fn initiate(&self) -> Result<(Vec<u8>, AwaitServer), Error> {
        let (negotiate, handshake) = self.client.initiate()?;
        let (token, reply) = negotiation::AwaitReply::offer(&negotiate);
        Ok((token, self.state(State::Reply(reply, Some(handshake)))))
    }

    /// Continues a negotiation that another library began, for example with Kerberos, and in which
    /// the server chose NTLM.
    ///
    /// `first_token` is the token that the other library sent. It must offer NTLM. Pass the
    /// server's answer to it to [`AwaitServer::read`].
    ///
    /// A man in the middle could have forced NTLM. Therefore the handshake must negotiate signing,
    /// unless the client is anonymous, or signing was turned off by
    /// [`without_signing`](Self::without_signing), for example inside TLS.
    ///
    /// # Errors
    /// - [`Error::NtlmNotOffered`] if `first_token` does not offer NTLM.
    /// - [`Error::UnexpectedMessage`] if it already contains an NTLM message.
    /// - [`Error::Token`], [`Error::Unexpected`] if it is not a `NegTokenInit`.
    pub fn continue_after(&self, first_token: &[u8]) -> Result<AwaitServer, Error> {
        let reply = negotiation::AwaitReply::after(first_token)?;
        if reply.has_negotiated() {
            return Err(Error::UnexpectedMessage);
        }
        Ok(self.state(State::Reply(reply, None)))
    }

    fn state(&self, state: State) -> AwaitServer {
        AwaitServer { initiator: self.clone(), state }
    }
}

/// A client that waits for the server's next token.
#[derive(Debug)]
#[must_use = "the negotiation continues with `read` or `finish`"]
pub struct AwaitServer {
    initiator: Initiator,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Waits for the choice of NTLM or, with an `AwaitChallenge`, for the CHALLENGE.
    Reply(negotiation::AwaitReply, Option<client::AwaitChallenge>),
    Verdict(negotiation::AwaitVerdict),
}

/// How a client's negotiation continues or ends.
#[expect(clippy::exhaustive_enums, reason = "a negotiation continues or ends")]
#[must_use]
pub enum Initiated {
    /// Send this token, and pass the server's answer to [`AwaitServer::read`].
    Send(Vec<u8>, AwaitServer),
    /// The negotiation is complete. Sessions made from these keys skip the sequence numbers of the
    /// `mechListMIC`s.
    Done(SessionKeys),
}

impl fmt::Debug for Initiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(token, next) => {
                f.debug_tuple("Send").field(&Counted(token)).field(next).finish()
            }
            Self::Done(keys) => f.debug_tuple("Done").field(keys).finish(),
        }
    }
}

impl AwaitServer {
    /// Processes the server's token, and returns what to do next.
    ///
    /// # Errors
    /// - [`Error::Token`], [`Error::Unexpected`], [`Error::NoMessage`],
    ///   [`Error::UnexpectedMessage`], [`Error::NothingToSend`] if the token is malformed or not
    ///   the expected one.
    /// - [`Error::Exchange`] with the errors of [`client::AwaitChallenge::answer`].
    /// - [`Error::Mechanism`] if the server chose a mechanism that was not offered.
    /// - [`Error::Rejected`] if the server rejects the client, for example because of a wrong
    ///   password.
    /// - [`Error::CompletedEarly`] if the server accepts before it has verified anything.
    /// - [`Error::Mic`] if the list of mechanisms was changed in transit, if a required
    ///   `mechListMIC` is missing, or if the client prefers another mechanism and the list cannot
    ///   be signed.
    pub fn read(self, token: &[u8], environment: &mut dyn Environment) -> Result<Initiated, Error> {
        let Self { initiator, state } = self;
        match state {
            State::Reply(reply, handshake) => initiator.read(reply, handshake, token, environment),
            State::Verdict(verdict) => match verdict.read(token)? {
                Verdict::Send(token, next) => {
                    Ok(Initiated::Send(token, initiator.state(State::Verdict(next))))
                }
                Verdict::Done(keys) => Ok(Initiated::Done(keys)),
            },
        }
    }

    /// Completes the negotiation if the application protocol reports success and the server sends
    /// no last token. Many HTTP servers send none. Some SMB servers send an empty one, which must
    /// not be passed to [`read`](Self::read).
    ///
    /// # Errors
    /// - [`Error::NoMessage`] if no AUTHENTICATE was sent yet.
    /// - [`Error::Mic`] if NTLM was not the client's first choice and the server has sent no
    ///   `mechListMIC`, because only that shows that the server received an unchanged list.
    pub fn finish(self) -> Result<SessionKeys, Error> {
        match self.state {
            State::Reply(..) => Err(Error::NoMessage),
            State::Verdict(verdict) => verdict.finish(),
        }
    }
}

impl Initiator {
    fn read(
        self,
        reply: negotiation::AwaitReply,
        handshake: Option<client::AwaitChallenge>,
        token: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Initiated, Error> {
        match (reply.read(token)?, handshake) {
            (Reply::Challenge(challenge, next), Some(handshake)) => {
                let answer = handshake.answer(challenge, environment)?;
                if self.asks_to_sign && !next.can_protect_list(&answer.keys) {
                    return Err(MicError::CannotSign.into());
                }
                let signs = next.signs(&answer.keys, answer.has_mic);
                let (token, verdict) = next.answer(&answer.token, answer.keys, signs);
                let verdict = verdict.allow_missing_mic(self.allows_missing_mic);
                Ok(Initiated::Send(token, self.state(State::Verdict(verdict))))
            }
            (Reply::Negotiate(next), _) => {
                let (negotiate, handshake) = self.client.initiate()?;
                let (token, reply) = next.negotiate(&negotiate);
                Ok(Initiated::Send(token, self.state(State::Reply(reply, Some(handshake)))))
            }
            (Reply::Challenge(..), None) => Err(Error::UnexpectedMessage),
        }
    }
}
