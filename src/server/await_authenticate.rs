//! Between the CHALLENGE and the AUTHENTICATE.

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
/// It belongs to one connection and cannot be cloned, and one attempt uses it up:
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
#[must_use = "the exchange goes on with `read`"]
pub struct AwaitAuthenticate {
    config: Arc<Config>,
    /// Those of the server, unless the connection has its own.
    bindings: ChannelBindings,
    messages: Messages,
    sent: Sent,
}

impl AwaitAuthenticate {
    pub(super) fn new(config: &Arc<Config>, messages: Messages, sent: Sent) -> Self {
        Self { config: Arc::clone(config), bindings: config.bindings.clone(), messages, sent }
    }

    /// Sets the channel bindings of this connection, which replace those of the [`Server`](super::Server). Bindings
    /// of zeros count as none, and replace nothing.
    ///
    /// If the policy requires bindings and the server has none of its own, tell it that they come here
    /// ([promise](super::Server::with_channel_bindings_per_connection)); otherwise no handshake begins.
    ///
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
    /// // Of the certificate that TLS chose for this connection:
    /// let bindings = ChannelBindings::tls_server_end_point(&hash_of_the_certificate)?;
    /// let handshake = handshake.with_channel_bindings(bindings);
    /// # let _ = (challenge, handshake);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        if bindings.is_none() { self } else { Self { bindings, ..self } }
    }

    /// The exchange as bytes, for another process in which the AUTHENTICATE arrives. There is no
    /// key in it yet; but whoever can forge it can let an old answer in, so that it must not go
    /// through other hands: see [`Exported`].
    ///
    /// It must be answered once: [`Server::import`](super::Server::import) it once.
    #[must_use]
    pub fn export(self) -> Exported {
        let messages = &self.messages;
        export_handshake(messages.negotiate(), messages.challenge(), self.bindings.md5())
    }

    /// Reads the AUTHENTICATE: who does the client say it is? Nothing is proven yet.
    ///
    /// # Errors
    /// - [`Error::Wire`]: the bytes are no AUTHENTICATE.
    /// - [`Error::Unexpected`]: its flags, names, keys or responses cannot stand here, or it contains
    ///   the header of another message.
    /// - [`Error::Refused`]: it drops flags that the policy requires, proves itself in a way that
    ///   the policy does not allow, or is too long.
    /// - [`Refused::ConstantKeyExchangeKey`](crate::error::Refused::ConstantKeyExchangeKey): messages are to be protected, and all sessions of the
    ///   user would start from the same key.
    /// - [`Refused::Blocked`](crate::error::Refused::Blocked): the policy blocks NTLM.
    /// - [`Error::Denied`]: the challenge is too old.
    /// - [`Error::Misuse`]: the server, or this connection, should have been given channel bindings; or
    ///   an exchange from elsewhere ([`Server::resume`](super::Server::resume),
    ///   [`Server::import`](super::Server::import)) came to a server without the bindings or the SPN
    ///   that its policy requires.
    /// - [`Error::Environment`]: there is no time.
    ///
    /// For the log, [`Claimed::parse`](super::Claimed::parse) says which client it was.
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

    /// Does what [`read`](Self::read) does, and returns an error together with what the client claims,
    /// unless the bytes are no AUTHENTICATE.
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

    /// Returns when the message arrived, or why it is not even parsed.
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
