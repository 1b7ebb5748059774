//! The server side of a handshake.
//!
//! Connection-oriented: [`Server::challenge`] takes the client's NEGOTIATE and returns the
//! CHALLENGE. [`AwaitAuthenticate::read`] takes the AUTHENTICATE and returns a [`Claim`]: the name
//! of the user that the client claims to be. Look this user up, in any thread or task and for as
//! long as necessary, and verify the claim with the user's hash or through a domain controller.
//! Only then do you get an [`Accepted`] with the session keys.
//!
//! The claim is verified in this order: the password, the MIC (message integrity code), the channel
//! bindings, the SPN (service principal name), the repeated names, the time. The first check that
//! fails is the reason in [`Error::log`]. So if a check after the password fails, the password is
//! right. [`AwaitAuthenticate::read`] checks the policy before that.
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
//! Connectionless: [`Server::challenge_datagram`] returns the CHALLENGE, because the server speaks
//! first.

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

/// A server's names and configuration. It is cheap to clone and can run many handshakes.
#[derive(Clone, Debug)]
pub struct Server {
    config: Arc<Config>,
}

impl Server {
    /// Creates a server with the default policy, and without channel bindings and SPNs.
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

    /// Sets the policy: what the server accepts and requires. See [`Policy`].
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        self.with(|config| config.policy = policy)
    }

    /// Sets the channel bindings of the TLS connections that clients use.
    /// [`Policy::channel_bindings`] decides how strictly they are checked.
    ///
    /// By default, a client that sends no bindings is accepted, because many clients cannot send
    /// them. \[MS-NLMP\] 3.2.5.1.2 says that the server rejects such a client;
    /// [`Enforcement::Required`] does so.
    ///
    /// [`Enforcement::Required`]: crate::Enforcement::Required
    #[doc(alias("EPA", "extended protection", "channel binding"))]
    #[must_use]
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        self.with(|config| config.bindings = bindings)
    }

    /// Announces that each connection gets its own channel bindings through
    /// [`AwaitAuthenticate::with_channel_bindings`]. Use it if the server has several certificates
    /// (SNI) or renews them.
    ///
    /// Handshakes then begin without bindings even if the policy requires them. If the policy checks
    /// bindings and neither the connection nor the server has any, [`AwaitAuthenticate::read`] fails
    /// with [`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings).
    #[must_use]
    pub fn with_channel_bindings_per_connection(self) -> Self {
        self.with(|config| config.bindings_come_later = true)
    }

    /// Sets the SPNs (service principal names) under which clients may ask for this server, such as
    /// `HTTP/www.example.com`. The client's SPN must be equal to one of them; letter case is
    /// ignored. [`Policy::spn`] decides how strictly it is checked.
    #[doc(alias("SPN", "service principal name", "MsvAvTargetName"))]
    #[must_use]
    pub fn with_spns<T: Into<Text>>(self, names: impl IntoIterator<Item = T>) -> Self {
        self.with(|config| config.spns = names.into_iter().map(Into::into).collect())
    }

    /// Checks the configuration, and returns the server if a handshake with it can succeed. Call
    /// this when the configuration is read, so that mistakes are reported early.
    ///
    /// ```
    /// use ntlm::error::{Error, Misuse};
    /// use ntlm::{Server, server};
    ///
    /// let server = Server::new(server::Names::member("FILES", "EXAMPLE")).checked()?;
    ///
    /// // This policy requires channel bindings, and none were set.
    /// let error = server.with_policy(server::Policy::strict()).checked().unwrap_err();
    /// assert_eq!(error, Error::Misuse(Misuse::NoChannelBindings));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`Misuse::NoServerName`](crate::error::Misuse::NoServerName): the server has no NetBIOS
    ///   name.
    /// - [`Misuse::NoCharacterSet`](crate::error::Misuse::NoCharacterSet): the policy offers
    ///   neither UNICODE nor OEM.
    /// - [`Misuse::NoChannelBindings`](crate::error::Misuse::NoChannelBindings),
    ///   [`Misuse::NoSpn`](crate::error::Misuse::NoSpn): the policy requires channel bindings or an
    ///   SPN, and none were set.
    /// - [`Refused::MissingFlags`]: the policy requires flags that it does not offer.
    /// - [`Refused::OurName`]: the names of the server are too long.
    /// - [`Refused::Blocked`]: the policy blocks NTLM.
    pub fn checked(self) -> Result<Self, Error> {
        self.config.check_all()?;
        Ok(self)
    }

    /// Answers a NEGOTIATE: returns the CHALLENGE to send to the client, and the state that waits for
    /// the AUTHENTICATE.
    ///
    /// Each CHALLENGE can be answered once: the returned state is consumed by the first
    /// AUTHENTICATE, whether or not that succeeds.
    ///
    /// # Errors
    /// - [`Error::Wire`]: the bytes are not a NEGOTIATE.
    /// - [`Unexpected::CharacterSet`]: the client offers no character set that the policy grants.
    /// - [`Unexpected::SecondHeader`]: the NEGOTIATE contains the header of another message.
    /// - [`Refused::MissingFlags`]: the client does not offer flags that the policy requires.
    /// - [`Refused::TooLong`]: the NEGOTIATE is longer than the policy allows.
    /// - [`Refused::OurName`]: the names of the server are too long.
    /// - [`Refused::Blocked`]: the policy blocks NTLM.
    /// - [`Error::Misuse`]: the server has no NetBIOS name; or the policy requires channel bindings
    ///   or an SPN, and none were set.
    /// - [`Error::Environment`]: the time is not known, or there is no randomness.
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

    /// Starts a connectionless handshake: returns the CHALLENGE, which is its first message, and
    /// the state that waits for the AUTHENTICATE.
    ///
    /// # Errors
    /// - [`Unexpected::CharacterSet`]: the policy offers neither UNICODE nor OEM.
    /// - [`Refused::OurName`], [`Refused::Blocked`], [`Error::Misuse`], [`Error::Environment`]: the
    ///   causes are those of [`challenge`](Self::challenge).
    pub fn challenge_datagram(
        &self,
        environment: &mut dyn Environment,
    ) -> Result<(Vec<u8>, AwaitAuthenticate), Error> {
        self.config.check(self.config.expects_bindings())?;
        let flags = offer_datagram(self.config.policy.shared.offer)?;
        self.emit(flags, &[], environment)
    }

    /// Continues a handshake from its first two messages, for example to verify a recorded
    /// handshake. `negotiate` is empty if the handshake is connectionless.
    ///
    /// The caller must guarantee what [`AwaitAuthenticate`] otherwise guarantees: that this server
    /// issued the CHALLENGE, and that it is answered only once. The AUTHENTICATE is compared with
    /// the names in the CHALLENGE, not with those of this server.
    ///
    /// To verify a recorded handshake, use an [`Environment`] whose clock shows the time of the
    /// recording, such as [`AtTime`](crate::environment::AtTime), and if necessary the policy
    /// [`Policy::insecure_for_analysis`].
    ///
    /// # Errors
    /// - [`Error::Wire`]: `challenge` is not a CHALLENGE, or `negotiate` is neither empty nor a
    ///   NEGOTIATE.
    /// - [`Unexpected::SecondHeader`]: one of the messages contains the header of another message.
    /// - [`Refused::TooLong`]: `negotiate` is longer than the policy allows.
    pub fn resume(&self, negotiate: &[u8], challenge: &[u8]) -> Result<AwaitAuthenticate, Error> {
        self.config.check_received(negotiate)?;
        check_kept_negotiate(negotiate)?;
        check_single_header(challenge)?;
        let sent = Sent::parse(challenge)?;
        let messages = Messages::new(negotiate, challenge);
        Ok(AwaitAuthenticate::new(&self.config, messages, sent))
    }

    /// Continues a handshake that another process [exported](AwaitAuthenticate::export). Both
    /// servers must have the same configuration.
    ///
    /// # Errors
    /// - [`ImportError::Foreign`]: the bytes are not an exported handshake of a server.
    /// - [`ImportError::Version`]: another version of this crate exported it.
    /// - [`ImportError::Damaged`]: the bytes are truncated, too long or inconsistent.
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

    #[expect(clippy::expect_used, reason = "`Names::target_info` built the list")]
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
        // Set even if the client did not set it, as in Windows Server 2022. Without this flag, some
        // clients write the MIC at a wrong offset (reported by gss-ntlmssp).
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
        // Everything but the names has a fixed length.
        message.emit(&mut token).map_err(|_| Refused::OurName(TextError::TooLong))?;
        // `TargetInfo` is the last field, and it ends with the 8 bytes of the time and 4 bytes of
        // `MsvAvEOL`.
        let start = token.len() - target_info.as_bytes().len();
        let (_, [time @ .., _, _, _, _]) =
            token.split_last_chunk_mut::<12>().expect("each list ends with a time");
        *time = now.ticks().to_le_bytes();
        let sent =
            Sent { flags, server_challenge, time: Some(now), target_info: start..token.len() };
        let messages = Messages::new(negotiate, &token);
        Ok((token, AwaitAuthenticate::new(&self.config, messages, sent)))
    }

    /// Returns `TargetName` in this character set.
    #[expect(clippy::expect_used, reason = "`Names::target_info` built the list")]
    fn target_name<'a>(
        &self,
        character_set: CharacterSet,
        target_info: AvPairs<'a>,
    ) -> Cow<'a, [u8]> {
        match character_set {
            // `TargetInfo` contains the same name in UTF-16.
            CharacterSet::Unicode => {
                target_info.get(AvId::NB_DOMAIN_NAME).expect("each list has a domain name").into()
            }
            // Clients ignore this field, because `TargetInfo` has the names in UTF-16. So a name
            // that the code page cannot encode is left empty: an error would reject all clients
            // without UNICODE.
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

/// Parses a NEGOTIATE that was kept outside this process; it is empty if the handshake is
/// connectionless. The MIC covers it, and only the header of each message shows where the message
/// starts.
fn check_kept_negotiate(negotiate: &[u8]) -> Result<(), wire::Error> {
    if negotiate.is_empty() {
        return Ok(());
    }
    Negotiate::parse_flags(negotiate).map(drop)
}
