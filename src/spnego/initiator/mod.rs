//! The client's side.

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

/// A client that wraps NTLM in SPNEGO. Cheap to clone; good for many handshakes at a time.
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
///     // The carrier sends the token, and receives the answer.
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
    /// Wraps this client. Its NEGOTIATE asks for signing, so that the list of mechanisms can be
    /// protected; a server that does not grant it is accepted, unless the client asks for
    /// [protection](Client::with_protection).
    #[must_use]
    pub fn new(client: Client) -> Self {
        let client = client.with_signing_if_granted(true);
        Self { client, asks_to_sign: true, allows_missing_mic: false }
    }

    /// Does not ask for signing, so that there is no `mechListMIC`, unless the client asks for
    /// [protection](Client::with_protection).
    ///
    /// It is for carriers that protect their own messages as soon as signing was negotiated, for whatever
    /// reason. In LDAP, both sides then wrap all messages; over TLS, Active Directory rejects a client
    /// that negotiates signing.
    #[must_use]
    pub fn without_signing(self) -> Self {
        let client = self.client.with_signing_if_granted(false);
        Self { client, asks_to_sign: false, ..self }
    }

    /// Accepts servers that are sent a `mechListMIC` and send none back. Azure's and Apple's file
    /// servers do so.
    ///
    /// A client that offers NTLM alone loses nothing by it. After [`continue_after`](Self::continue_after),
    /// a man in the middle can force NTLM. Sessions start after the client's `mechListMIC` all the same; a
    /// server that ignores it, as Windows 2000 does, expects another number.
    #[must_use]
    pub fn with_missing_mic_allowed(self) -> Self {
        Self { allows_missing_mic: true, ..self }
    }

    /// Checks what a server sent that speaks first (`NegTokenInit2`), as in SMB. Then
    /// [`initiate`](Self::initiate).
    ///
    /// Nothing protects these bytes, so they decide nothing else: the client offers NTLM alone
    /// whatever they say.
    ///
    /// # Errors
    /// [`Error::NtlmNotOffered`], so that an error comes early. [`Error::Token`] and
    /// [`Error::Unexpected`] if it is not such a token.
    pub fn check_hints(&self, token: &[u8]) -> Result<(), Error> {
        match Token::parse(token)? {
            Token::Init(init) if init.mech_types.iter().any(|m| m == Mechanism::Ntlm) => Ok(()),
            Token::Init(_) => Err(Error::NtlmNotOffered),
            token => Err(Error::Unexpected(token.kind())),
        }
    }

    /// Makes the first token, a `NegTokenInit` with the NEGOTIATE.
    ///
    /// # Errors
    /// The errors of [`Client::initiate`].
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    pub fn initiate(&self) -> Result<(Vec<u8>, AwaitServer), Error> {
        let (negotiate, handshake) = self.client.initiate()?;
        let (token, reply) = negotiation::AwaitReply::offer(&negotiate);
        Ok((token, self.state(State::Reply(reply, Some(handshake)))))
    }

    /// Continues a negotiation that another library began and in which the server chose NTLM. It takes
    /// the first token that was sent, whose list offers NTLM after another mechanism such as Kerberos;
    /// the server's answer goes into [`AwaitServer::read`].
    ///
    /// A man in the middle could have forced NTLM. Therefore the handshake must be able to sign, unless
    /// the client is anonymous or [does not ask for it](Self::without_signing), as inside TLS.
    ///
    /// # Errors
    /// [`Error::NtlmNotOffered`] if the token does not offer it, [`Error::UnexpectedMessage`] if it
    /// already has an NTLM message; [`Error::Token`] and [`Error::Unexpected`] if it is no
    /// `NegTokenInit`.
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

/// A client that has sent a token and waits for the server's. One token uses it up.
#[derive(Debug)]
#[must_use = "the negotiation continues with `read` or `finish`"]
pub struct AwaitServer {
    initiator: Initiator,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Without an `AwaitChallenge`, no NEGOTIATE was sent yet.
    Reply(negotiation::AwaitReply, Option<client::AwaitChallenge>),
    Verdict(negotiation::AwaitVerdict),
}

/// What a client does with a server's token.
#[expect(clippy::exhaustive_enums, reason = "a negotiation continues or ends")]
#[must_use]
pub enum Initiated {
    /// Send this token, and wait for another one.
    Send(Vec<u8>, AwaitServer),
    /// The negotiation is complete. Sessions of these keys start after the `mechListMIC`s.
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
    /// Reads the server's token, and returns what to do.
    ///
    /// # Errors
    /// - [`Error::Token`], [`Error::Unexpected`], [`Error::NoMessage`], [`Error::UnexpectedMessage`],
    ///   [`Error::NothingToSend`]: the bytes are no token that can stand here.
    /// - [`Error::Exchange`]: the errors of [`client::AwaitChallenge::answer`].
    /// - [`Error::Mechanism`]: the server chose a mechanism that was not offered.
    /// - [`Error::Rejected`]: the server rejects the client, for a wrong password for example.
    /// - [`Error::CompletedEarly`]: it accepts before it verified anything.
    /// - [`Error::Mic`]: the list of mechanisms was changed in transit, a `mechListMIC` that is due is
    ///   missing, or the list cannot be protected although the client prefers another mechanism.
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

    /// Ends the negotiation without a last token, where the carrier reports success: many HTTP servers
    /// send none, and some servers of SMB an empty one, which must not go into [`read`](Self::read).
    ///
    /// # Errors
    /// [`Error::NoMessage`] before the AUTHENTICATE was sent. [`Error::Mic`] if NTLM was not the client's
    /// first choice, because only a `mechListMIC` shows that the server did not see another list.
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
