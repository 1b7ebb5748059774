//! The side that verifies.
//!
//! Connection-oriented: the NEGOTIATE goes into [`Server::challenge`], the CHALLENGE comes out.
//! The AUTHENTICATE goes into [`AwaitAuthenticate::read`], and a [`Claim`] comes out: who the
//! client says it is. Look the user up, from any task and for as long as it takes, and let the
//! claim be verified: with a hash, or by a domain controller. Only then is there an [`Accepted`]
//! with the keys of the session.
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! # use ntlm::{Client, Credentials, Error, NtHash, Os, Server, UserName, server};
//! # use ntlm::{error::Rejection, server::Claim};
//! # fn store(user: &UserName) -> Option<NtHash> { Some(NtHash::from_password("secret")) }
//! # let client = Client::new(Credentials::password("alice", "secret"));
//! let server = Server::new(server::Names::member("FILES", "EXAMPLE")).checked()?;
//! # let (first, client) = client.initiate()?;
//! let (challenge, handshake) = server.challenge(&first, &mut Os)?;
//! # let third = client.answer(&challenge, &mut Os)?.token;
//! // ... send it, receive the third message ...
//! let accepted = match handshake.read(&third, &mut Os)? {
//!     Claim::User(claim) => match store(claim.claimed_user()) {
//!         Some(hash) => claim.verify_nt_hash(&hash)?,
//!         None => claim.reject(Rejection::UnknownUser)?,
//!     },
//!     Claim::Anonymous(claim) => claim.accept()?,
//! };
//! # assert_eq!(accepted.user().unwrap().to_string(), "alice");
//! # Ok::<(), Error>(())
//! ```
//!
//! Connectionless: [`Server::challenge_datagram`] starts, since the server speaks first.

mod accepted;
mod await_authenticate;
mod checks;
mod claim;
mod claimed;
mod config;
mod handshake;
mod messages;
mod names;
mod pass_through;
mod policy;
mod prove;
mod received;
mod response;
mod sent;

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use accepted::{Accepted, Identity};
pub use await_authenticate::AwaitAuthenticate;
pub use claim::{AnonymousClaim, Claim, UserClaim};
pub use claimed::Claimed;
pub use handshake::{Handshake, Step};
pub use names::Names;
pub use pass_through::{NetworkLogon, Validation};
pub use policy::Policy;

use config::Config;
use messages::Messages;
use sent::Sent;

use crate::channel_bindings::ChannelBindings;
use crate::environment::Environment;
use crate::error::{Error, Refused, Unexpected};
use crate::export::ImportError;
use crate::mic::check_single_header;
use crate::negotiation::{demand, grant, offer_datagram};
use crate::session::import_handshake;
use crate::text::{CharacterSet, Text, TextError};
use crate::wire::{self, AvId, AvPairs, Challenge, Negotiate, NegotiateFlags};

/// A service that clients log in to. Cheap to clone; good for many exchanges at a time.
#[derive(Clone, Debug)]
pub struct Server {
    config: Arc<Config>,
}

impl Server {
    /// A server with the default policy.
    #[must_use]
    pub fn new(names: Names) -> Self {
        let config = Config {
            target_info: names.target_info(),
            names,
            policy: Policy::default(),
            bindings: ChannelBindings::NONE,
            bindings_come_later: false,
            spns: Vec::new(),
        };
        Self { config: Arc::new(config) }
    }

    /// Sets what is accepted.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        self.with(|config| config.policy = policy)
    }

    /// Sets the bindings of the TLS connection that clients use. [`Policy::channel_bindings`]
    /// decides how strictly they are checked. By default a client that sends none is accepted,
    /// because many cannot; the specification would reject it, as [`Enforcement::Required`] does.
    ///
    /// [`Enforcement::Required`]: crate::Enforcement::Required
    #[doc(alias("EPA", "extended protection", "channel binding"))]
    #[must_use]
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        self.with(|config| config.bindings = bindings)
    }

    /// Promises channel bindings for each connection, by
    /// [`AwaitAuthenticate::with_channel_bindings`], for servers with several certificates (SNI) or
    /// renewed ones.
    ///
    /// A handshake then begins without bindings, also where the policy requires them. Unless the
    /// policy does not check bindings at all, [`AwaitAuthenticate::read`] fails if the promise was
    /// forgotten and the server has no bindings of its own.
    #[must_use]
    pub fn with_channel_bindings_per_connection(self) -> Self {
        self.with(|config| config.bindings_come_later = true)
    }

    /// Tells by which service principal names clients may ask for this server, such as
    /// `HTTP/www.example.com`. They are compared as whole texts, in any case; how strictly that is
    /// checked, [`Policy::spn`] says.
    #[doc(alias("SPN", "service principal name", "MsvAvTargetName"))]
    #[must_use]
    pub fn with_spns<T: Into<Text>>(self, names: impl IntoIterator<Item = T>) -> Self {
        self.with(|config| config.spns = names.into_iter().map(Into::into).collect())
    }

    /// Returns the server if a handshake with it can succeed: call it when the configuration is
    /// read, so that its mistakes appear there and not with the first client.
    ///
    /// ```
    /// use ntlm::error::{Error, Misuse};
    /// use ntlm::{Server, server};
    ///
    /// let server = Server::new(server::Names::member("FILES", "EXAMPLE")).checked()?;
    ///
    /// // This policy requires channel bindings, and the server has none to compare with.
    /// let error = server.with_policy(server::Policy::strict()).checked().unwrap_err();
    /// assert_eq!(error, Error::Misuse(Misuse::NoChannelBindings));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`Error::Misuse`]: the server has no NetBIOS name; the policy offers no character set; or it
    ///   requires channel bindings or an SPN, and the server was given none to compare with.
    /// - [`Refused::MissingFlags`]: the policy requires flags that it does not offer.
    /// - [`Refused::OurName`]: the names of the server are too long.
    /// - [`Refused::Blocked`]: the policy blocks NTLM.
    pub fn checked(self) -> Result<Self, Error> {
        self.config.check_all()?;
        Ok(self)
    }

    /// Answers a NEGOTIATE with the CHALLENGE.
    ///
    /// Each challenge is good for one attempt: the state that waits for the answer is used up by
    /// it, whatever comes out.
    ///
    /// # Errors
    /// - [`Error::Wire`]: the bytes are no NEGOTIATE.
    /// - [`Error::Unexpected`]: it offers no character set that the policy grants, or contains the
    ///   header of another message.
    /// - [`Error::Refused`]: it lacks flags that the policy requires, or is too long; the names of
    ///   the server are too long; or NTLM is blocked.
    /// - [`Error::Misuse`]: the server has no NetBIOS name; or the policy requires channel bindings
    ///   or an SPN, and the server was given none to compare with.
    /// - [`Error::Environment`]: there is no time, or no randomness.
    #[doc(alias("AcceptSecurityContext", "gss_accept_sec_context"))]
    pub fn challenge(
        &self,
        negotiate: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<(Vec<u8>, AwaitAuthenticate), Error> {
        self.config.check(self.config.expects_bindings())?;
        self.config.check_received(negotiate)?;
        let policy = &self.config.policy;
        let flags = grant(policy.shared.offer, Negotiate::parse_flags(negotiate)?)?;
        demand(flags, policy.shared.require, policy.required_of_offers())?;
        self.emit(flags, negotiate, environment)
    }

    /// Makes the CHALLENGE that opens a connectionless exchange.
    ///
    /// # Errors
    /// As [`challenge`](Self::challenge).
    pub fn challenge_datagram(
        &self,
        environment: &mut dyn Environment,
    ) -> Result<(Vec<u8>, AwaitAuthenticate), Error> {
        self.config.check(self.config.expects_bindings())?;
        let flags = offer_datagram(self.config.policy.shared.offer)?;
        self.emit(flags, &[], environment)
    }

    /// Goes on with an exchange whose first two messages were kept elsewhere, such as by another
    /// process; `negotiate` is empty if the exchange is connectionless.
    ///
    /// The caller answers for what [`AwaitAuthenticate`] does by itself: that this server has made
    /// this CHALLENGE, and that it is answered once. The CHALLENGE tells the names; this server's
    /// own are not looked at.
    ///
    /// It is also the way to check a recorded exchange. The server has the policy
    /// [`Policy::insecure_for_analysis`], and the clock of the [`Environment`] shows the time of the
    /// recording.
    ///
    /// # Errors
    /// [`Refused::TooLong`] if `negotiate` is longer than the policy allows,
    /// [`Unexpected::SecondHeader`] if one of the messages contains the header of another, and
    /// [`Error::Wire`] if `challenge` is no CHALLENGE, or `negotiate` neither a NEGOTIATE nor empty.
    pub fn resume(&self, negotiate: &[u8], challenge: &[u8]) -> Result<AwaitAuthenticate, Error> {
        self.config.check_received(negotiate)?;
        check_kept_negotiate(negotiate)?;
        check_single_header(challenge)?;
        let sent = Sent::parse(challenge)?;
        let messages = Messages::new(negotiate, challenge);
        Ok(AwaitAuthenticate::new(&self.config, messages, sent))
    }

    /// Goes on with an exchange that another process [exported](AwaitAuthenticate::export). This
    /// server must be configured as that one was.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn import(&self, exported: &[u8]) -> Result<AwaitAuthenticate, ImportError> {
        let (negotiate, challenge, bindings) = import_handshake(exported)?;
        if check_single_header(negotiate).and(check_single_header(challenge)).is_err() {
            return Err(ImportError::Damaged);
        }
        check_kept_negotiate(negotiate).map_err(|_| ImportError::Damaged)?;
        let sent = Sent::parse(challenge).map_err(|_| ImportError::Damaged)?;
        let messages = Messages::new(negotiate, challenge);
        let handshake = AwaitAuthenticate::new(&self.config, messages, sent);
        Ok(handshake.with_channel_bindings(ChannelBindings::from_md5(bindings)))
    }

    #[expect(clippy::expect_used, reason = "`Names::target_info` has made the list")]
    fn emit(
        &self,
        mut flags: NegotiateFlags,
        negotiate: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<(Vec<u8>, AwaitAuthenticate), Error> {
        let policy = &self.config.policy;
        let target_info = self.config.target_info()?;
        let (_, target_type) = self.config.names.target();
        flags |= target_type | NegotiateFlags::NEGOTIATE_TARGET_INFO;
        // Announced even to clients that do not, as Windows Server 2022 does: some clients put the
        // MIC in a wrong place otherwise (seen by gss-ntlmssp).
        flags.set(NegotiateFlags::NEGOTIATE_VERSION, policy.shared.version.is_some());
        let character_set = flags.character_set().ok_or(Unexpected::CharacterSet)?;
        let target_name = self.target_name(character_set, target_info);
        let now = environment.now()?;
        let mut server_challenge = [0; 8];
        environment.fill_random(&mut server_challenge)?;
        let message = Challenge {
            target_name: &target_name,
            flags,
            server_challenge,
            target_info: Some(target_info),
            version: Some(policy.shared.version.unwrap_or_default()),
        };
        let mut token = Vec::with_capacity(message.encoded_len());
        // Only the names together can be too long.
        message.emit(&mut token).map_err(|_| Refused::OurName(TextError::TooLong))?;
        // The list is the last field, and the time is its last pair.
        let start = token.len() - target_info.as_bytes().len();
        let (_, [time @ .., _, _, _, _]) =
            token.split_last_chunk_mut::<12>().expect("each list ends with a time");
        *time = now.ticks().to_le_bytes();
        let sent =
            Sent { flags, server_challenge, time: Some(now), target_info: start..token.len() };
        let messages = Messages::new(negotiate, &token);
        Ok((token, AwaitAuthenticate::new(&self.config, messages, sent)))
    }

    /// `TargetName` in this character set.
    #[expect(clippy::expect_used, reason = "`Names::target_info` has made the list")]
    fn target_name<'a>(
        &self,
        character_set: CharacterSet,
        target_info: AvPairs<'a>,
    ) -> Cow<'a, [u8]> {
        match character_set {
            // The same text is in the list, in UTF-16.
            CharacterSet::Unicode => {
                target_info.get(AvId::NB_DOMAIN_NAME).expect("each list has one").into()
            }
            // The AV pairs carry the names; clients do nothing with this field. So a name that the
            // code page lacks is left out instead of rejecting all clients without UNICODE.
            CharacterSet::Oem => {
                let (target, _) = self.config.names.target();
                let code_page = self.config.policy.shared.code_page;
                target.encode(character_set, code_page).unwrap_or_default().into()
            }
        }
    }

    fn with(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(Arc::make_mut(&mut self.config));
        self
    }
}

/// Checks a NEGOTIATE that was kept elsewhere; a connectionless exchange has none. The MIC covers it,
/// and its header is what tells the borders of the messages.
fn check_kept_negotiate(negotiate: &[u8]) -> Result<(), wire::Error> {
    if negotiate.is_empty() {
        return Ok(());
    }
    Negotiate::parse_flags(negotiate).map(drop)
}
