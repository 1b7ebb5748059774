//! The server's state between the CHALLENGE and the AUTHENTICATE.

#[cfg(any(feature = "http", feature = "spnego"))]
use alloc::boxed::Box;
use alloc::sync::Arc;

use super::checks;
use super::claim::Claim;
#[cfg(any(feature = "http", feature = "spnego"))]
use super::claimed::Claimed;
use super::config::Config;
use super::messages::Messages;
use super::received::Received;
use super::sent::Sent;
use crate::channel_bindings::ChannelBindings;
use crate::environment::{Environment, FileTime};
use crate::error::Error;
use crate::export::Exported;
use crate::session::export_handshake;
use crate::wire::Authenticate;

/// A server that has sent its CHALLENGE and waits for the AUTHENTICATE.
///
/// It belongs to one connection. It cannot be cloned, and the first AUTHENTICATE consumes it:
///
/// ```compile_fail,E0382
/// # use ntlm::{Error, Os, server::AwaitAuthenticate};
/// # fn twice(handshake: AwaitAuthenticate, first: &[u8], second: &[u8]) -> Result<(), Error> {
/// handshake.read(first, &mut Os)?;
/// handshake.read(second, &mut Os)?; // moved by the first
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the handshake continues with `read`"]
pub struct AwaitAuthenticate {
    config: Arc<Config>,
    /// Those of the server, until the connection gets its own.
    bindings: ChannelBindings,
    messages: Messages,
    sent: Sent,
}

impl AwaitAuthenticate {
    pub(super) fn new(config: &Arc<Config>, messages: Messages, sent: Sent) -> Self {
        Self { config: Arc::clone(config), bindings: config.bindings.clone(), messages, sent }
    }

    /// Sets the channel bindings of this connection, which replace those of the
    /// [`Server`](super::Server). Bindings of 16 zeros count as absent and replace nothing.
    ///
    /// If the policy requires bindings and the server has none, call
    /// [`with_channel_bindings_per_connection`](super::Server::with_channel_bindings_per_connection)
    /// on the server, so that it starts handshakes.
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// # use ntlm::{ChannelBindings, Client, Credentials, Enforcement, Os, Server, server};
    /// let mut policy = server::Policy::default();
    /// policy.channel_bindings = Enforcement::Required;
    /// let server = Server::new(server::Names::standalone("WEB"))
    ///     .with_policy(policy)
    ///     .with_channel_bindings_per_connection();
    /// # let client = Client::new(Credentials::password("alice", "secret"));
    /// # let (negotiate, _) = client.initiate()?;
    /// # let hash_of_the_certificate = [7; 32];
    /// let (challenge, handshake) = server.challenge(&negotiate, &mut Os)?;
    /// // The certificate that TLS chose for this connection:
    /// let bindings = ChannelBindings::tls_server_end_point(&hash_of_the_certificate)?;
    /// let handshake = handshake.with_channel_bindings(bindings);
    /// # let _ = (challenge, handshake);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        if bindings.is_none() { self } else { Self { bindings, ..self } }
    }

    /// Returns the handshake as bytes, for another process that receives the AUTHENTICATE. Pass
    /// them to [`Server::import`](super::Server::import), and only once.
    ///
    /// The bytes contain no key yet. But anyone who can forge them can replay an old AUTHENTICATE,
    /// so protect them as a secret: see [`Exported`].
    #[must_use]
    pub fn export(self) -> Exported {
        let messages = &self.messages;
        export_handshake(messages.negotiate(), messages.challenge(), self.bindings.md5())
    }

    /// Reads the AUTHENTICATE and returns what the client claims. Nothing is proven yet.
    ///
    /// If this fails, [`Claimed::parse`](super::Claimed::parse) gets the claimed names for the log.
    ///
    /// # Errors
    /// - [`Error::Wire`]: the bytes are not an AUTHENTICATE.
    /// - [`Error::Unexpected`]: the flags, names, session key or responses are inconsistent, or the
    ///   message contains the header of another message.
    /// - [`Refused::MissingFlags`](crate::error::Refused::MissingFlags): the client dropped flags
    ///   that the policy requires.
    /// - [`Refused::ResponseKind`](crate::error::Refused::ResponseKind),
    ///   [`Refused::Anonymous`](crate::error::Refused::Anonymous): the policy does not allow this
    ///   kind of response, or anonymous clients.
    /// - [`Refused::ConstantKeyExchangeKey`](crate::error::Refused::ConstantKeyExchangeKey):
    ///   messages are to be protected, and all sessions of the user would start from the same key.
    /// - [`Refused::TooLong`](crate::error::Refused::TooLong): the message is longer than the
    ///   policy allows.
    /// - [`Refused::Blocked`](crate::error::Refused::Blocked): the policy blocks NTLM.
    /// - [`Denied::ChallengeExpired`](crate::error::Denied::ChallengeExpired): the CHALLENGE is too
    ///   old.
    /// - [`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings),
    ///   [`Misuse::NoSpn`](crate::error::Misuse::NoSpn): the policy requires channel bindings or an
    ///   SPN, and neither the server nor this connection has them.
    /// - [`Error::Environment`]: the time is not known.
    #[doc(alias("AcceptSecurityContext", "gss_accept_sec_context"))]
    pub fn read(
        self,
        authenticate: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Claim, Error> {
        let now = self.check_before_parsing(authenticate, environment)?;
        let message = self.sent.parse_answer(authenticate)?;
        self.read_parsed(authenticate, &message, now)
    }

    /// Does the same as [`read`](Self::read). An error comes with what the client claims, unless
    /// the bytes are not an AUTHENTICATE.
    #[cfg(any(feature = "http", feature = "spnego"))]
    pub(crate) fn read_or_claimed(
        self,
        authenticate: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Claim, (Error, Option<Box<Claimed>>)> {
        let character_set = self.sent.flags.character_set();
        let now = self.check_before_parsing(authenticate, environment).map_err(|error| {
            let claimed = Claimed::parse_negotiated(authenticate, character_set);
            (error, claimed.map(Box::new))
        })?;
        let message = self.sent.parse_answer(authenticate).map_err(|error| (error.into(), None))?;
        self.read_parsed(authenticate, &message, now)
            .map_err(|error| (error, Some(Box::new(Claimed::of(&message, character_set)))))
    }

    /// Runs the checks that need no parsing, and returns the time at which the message arrived.
    fn check_before_parsing(
        &self,
        authenticate: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<FileTime, Error> {
        self.config.check(!self.bindings.is_none())?;
        self.config.check_received(authenticate)?;
        Ok(environment.now()?)
    }

    fn read_parsed(
        self,
        authenticate: &[u8],
        message: &Authenticate<'_>,
        now: FileTime,
    ) -> Result<Claim, Error> {
        let Self { config, bindings, messages, sent } = self;
        let received =
            Received::new(config, bindings, messages, &sent, authenticate, message, now)?;
        checks::before_proof(&received)?;
        Ok(Claim::new(received))
    }
}
