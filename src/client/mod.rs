//! The client side of a handshake.
//!
//! Connection-oriented: [`Client::initiate`] returns the NEGOTIATE, and [`AwaitChallenge::answer`]
//! takes the server's CHALLENGE and returns the AUTHENTICATE together with the session keys.
//! Connectionless: [`Client::answer_datagram`] does both, because the server speaks first.
//!
//! NTLM has no final reply: the application protocol tells you whether the login succeeded. If it
//! did not, only the server's log has the reason. NTLM authenticates the server only if messages
//! are signed or sealed, because only the genuine server has the session key.

mod handshake;
mod policy;
mod prove;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

pub use handshake::{Handshake, Step};
pub use policy::Policy;

use crate::channel_bindings::ChannelBindings;
use crate::credentials::Credentials;
use crate::environment::Environment;
use crate::error::{Error, Misuse, Refused};
use crate::negotiation::{Mode, demand, offer};
use crate::secret::Counted;
use crate::session::{Protection, SessionKeys};
use crate::text::{CharacterSet, Text};
use crate::wire::{Negotiate, NegotiateFlags, Version};

/// A client's credentials and configuration. It is cheap to clone and can run many handshakes.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<Config>,
}

#[derive(Clone, Debug)]
struct Config {
    credentials: Credentials,
    policy: Policy,
    protection: Protection,
    /// Whether to ask for SIGN without [`protection`](Self::protection) too, so that SPNEGO can
    /// sign its list of mechanisms. The handshake continues if the server does not grant it.
    signs_if_granted: bool,
    /// Empty if none was set. It is no `Option`: see [`Accepted`](crate::server::Accepted).
    spn: Text,
    spn_is_unverified: bool,
    /// 16 zeros if none were set.
    bindings: ChannelBindings,
    workstation: Text,
}

impl Client {
    /// Creates a client with the default policy. All other settings are empty or off.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        let config = Config {
            credentials,
            policy: Policy::default(),
            protection: Protection::None,
            signs_if_granted: false,
            spn: Text::default(),
            spn_is_unverified: false,
            bindings: ChannelBindings::NONE,
            workstation: Text::default(),
        };
        Self { config: Arc::new(config) }
    }

    /// Sets the policy: what the client sends and requires. See [`Policy`].
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        self.with(|config| config.policy = policy)
    }

    /// Sets the SPN (service principal name) of the service that the client wants to reach, such as
    /// `HTTP/www.example.com`. A server can reject logins for other services, which prevents
    /// relaying.
    ///
    /// For HTTP, the SPN is `HTTP/` and the host of the URL, without the port. It is sent as
    /// `MsvAvTargetName` (\[MS-NLMP\] 2.2.2.1), which needs an NTLMv2 response and a CHALLENGE with
    /// `TargetInfo`; servers since Windows Vista send one. To require that, set
    /// [`Policy::require_spn`].
    #[doc(alias("SPN", "service principal name", "MsvAvTargetName", "pszTargetName"))]
    #[must_use]
    pub fn with_spn(self, service_principal_name: impl Into<Text>) -> Self {
        self.with(|config| {
            config.spn = service_principal_name.into();
            config.spn_is_unverified = false;
        })
    }

    /// Sets the SPN as [`with_spn`](Self::with_spn) does, and marks it as coming from an untrusted
    /// source (`UnverifiedTargetName`).
    ///
    /// Servers that check SPNs reject a marked one. No Microsoft client sets the mark, and
    /// gss-ntlmssp stopped setting it for that reason.
    #[must_use]
    pub fn with_unverified_spn(self, service_principal_name: impl Into<Text>) -> Self {
        self.with_spn(service_principal_name).with(|config| config.spn_is_unverified = true)
    }

    /// Binds the login to one TLS connection (`MsvAvChannelBindings`).
    ///
    /// Channel bindings need an NTLMv2 response and a CHALLENGE with `TargetInfo`, as the
    /// [SPN](Self::with_spn) does. To require that, set [`Policy::require_channel_bindings`].
    #[doc(alias("EPA", "extended protection", "channel binding"))]
    #[must_use]
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        self.with(|config| config.bindings = bindings)
    }

    /// Sets the workstation name to send. Default: empty, so nothing about the host is disclosed.
    #[must_use]
    pub fn with_workstation(self, name: impl Into<Text>) -> Self {
        self.with(|config| config.workstation = name.into())
    }

    /// Requests that messages after the handshake are signed, or signed and sealed. If the server
    /// does not grant it, the handshake fails with [`Refused::MissingFlags`].
    ///
    /// Protection must be requested before the handshake, because the flags of the first message
    /// request it and the session keys depend on it. The default is [`Protection::None`].
    #[must_use]
    pub fn with_protection(self, protection: Protection) -> Self {
        self.with(|config| config.protection = protection)
    }

    /// If `signs_if_granted`, asks for SIGN even without protection, so that SPNEGO can sign its
    /// list of mechanisms (`mechListMIC`). If the server does not grant SIGN, or grants it
    /// without the flags of `require_when_protected`, the handshake continues without it.
    #[cfg(feature = "spnego")]
    pub(crate) fn with_signing_if_granted(self, signs_if_granted: bool) -> Self {
        self.with(|config| config.signs_if_granted = signs_if_granted)
    }

    /// Checks the configuration, and returns the client if a handshake with it can succeed. Call
    /// this when the configuration is read, so that mistakes are reported early.
    ///
    /// ```
    /// use ntlm::error::{Error, Misuse};
    /// use ntlm::{Client, Credentials, client};
    ///
    /// let credentials = Credentials::password("EXAMPLE\\alice", "correct horse");
    /// let client = Client::new(credentials).with_policy(client::Policy::strict());
    /// assert_eq!(client.checked().unwrap_err(), Error::Misuse(Misuse::NoSpn));
    /// ```
    ///
    /// # Errors
    /// - [`Misuse::NoSpn`], [`Misuse::NoChannelBindings`]: the policy requires an SPN or channel
    ///   bindings, and none were set.
    /// - [`Misuse::NoCharacterSet`]: the policy offers neither UNICODE nor OEM.
    /// - [`Misuse::NoSessionSecurity`]: protection was requested with anonymous credentials, and
    ///   the policy does not [allow it](crate::SharedPolicy::allow_insecure_anonymous_keys).
    /// - [`Refused::MissingFlags`]: the policy requires flags that it does not offer, or SIGN or
    ///   SEAL without [protection](Self::with_protection).
    /// - [`Refused::NoMic`], [`Refused::NoTargetInfo`]: the policy requires a MIC (message
    ///   integrity code), an SPN or channel bindings. Only an NTLMv2 response can carry them, and
    ///   the client will not send one.
    /// - [`Refused::Blocked`]: the policy blocks NTLM for this SPN.
    /// - [`Refused::OurName`]: a name is too long, or cannot be encoded in the only character set
    ///   that the policy offers.
    pub fn checked(self) -> Result<Self, Error> {
        self.config.check_all()?;
        Ok(self)
    }

    /// Starts a connection-oriented handshake: returns the NEGOTIATE to send to the server.
    ///
    /// # Errors
    /// - [`Refused::Blocked`]: the policy blocks NTLM for this SPN.
    /// - [`Misuse::NoSpn`], [`Misuse::NoChannelBindings`]: the policy requires an SPN or channel
    ///   bindings, and none were set.
    /// - [`Misuse::NoSessionSecurity`]: protection was requested with anonymous credentials, and
    ///   the policy does not [allow it](crate::SharedPolicy::allow_insecure_anonymous_keys).
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    pub fn initiate(&self) -> Result<(Vec<u8>, AwaitChallenge), Error> {
        self.config.check()?;
        let flags = self.config.asked(Mode::Connection);
        // Always 40 bytes, because gss-ntlmssp rejects a NEGOTIATE without the Version field. As
        // 3.1.5.1.1 says, DomainName and Workstation are not sent.
        let version = Some(self.config.version_for(flags));
        let message = Negotiate { flags, version, ..Negotiate::default() };
        let mut token = Vec::with_capacity(message.encoded_len());
        message.emit(&mut token)?;
        let config = Arc::clone(&self.config);
        Ok((token.clone(), AwaitChallenge { config, negotiate: token }))
    }

    /// Answers the CHALLENGE of a connectionless handshake, whose first message is the CHALLENGE.
    ///
    /// # Errors
    /// Those of [`initiate`](Self::initiate) and of [`AwaitChallenge::answer`], and
    /// [`Unexpected::NotConnectionless`](crate::error::Unexpected::NotConnectionless) if the
    /// CHALLENGE lacks the flags of a connectionless handshake.
    pub fn answer_datagram(
        &self,
        challenge: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Answer, Error> {
        self.config.check()?;
        prove::answer(&self.config, Mode::Datagram, &[], challenge, environment)
    }

    fn with(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(Arc::make_mut(&mut self.config));
        self
    }
}

impl Config {
    /// Fails if a handshake must not begin: NTLM is blocked, or the application did not set what
    /// the policy requires.
    fn check(&self) -> Result<(), Error> {
        let Policy { shared, require_spn, require_channel_bindings, .. } = &self.policy;
        if self.policy.blocks(&self.spn) {
            return Err(Refused::Blocked.into());
        }
        if *require_spn && self.spn.is_empty() {
            return Err(Misuse::NoSpn.into());
        }
        if *require_channel_bindings && self.bindings.is_none() {
            return Err(Misuse::NoChannelBindings.into());
        }
        // [MS-NLMP] 3.3.1 and 3.4: an anonymous client proves nothing and shares no secret, so its
        // messages cannot be protected. Windows seals them nevertheless, with a key that everyone
        // can compute. We do so only if the policy allows it.
        let is_protected = self.protection != Protection::None;
        let has_key = !self.credentials.is_anonymous() || shared.allow_insecure_anonymous_keys;
        if is_protected && !has_key {
            return Err(Misuse::NoSessionSecurity.into());
        }
        Ok(())
    }

    /// Fails if no handshake with this configuration can succeed.
    fn check_all(&self) -> Result<(), Error> {
        self.check()?;
        let Policy { shared, require_spn, require_channel_bindings, .. } = &self.policy;
        let character_set = shared.offer.character_set().ok_or(Misuse::NoCharacterSet)?;
        // One mode is enough: without protection, only the connectionless mode asks for KEY_EXCH.
        let asks = |mode| demand(self.asked(mode), shared.require, self.required_when_protected());
        asks(Mode::Connection).or_else(|_| asks(Mode::Datagram))?;
        // Only an NTLMv2 response can carry a MIC, an SPN and channel bindings.
        let sends_ntlmv2 =
            shared.lm_compatibility.sends_ntlmv2() && !self.credentials.is_anonymous();
        if shared.require_mic && !sends_ntlmv2 {
            return Err(Refused::NoMic.into());
        }
        if (*require_spn || *require_channel_bindings) && !sends_ntlmv2 {
            return Err(Refused::NoTargetInfo.into());
        }
        let user = self.credentials.user();
        for name in [user.user(), user.domain(), &self.workstation] {
            name.encode(character_set, shared.code_page).map_err(Refused::OurName)?;
        }
        self.spn.encode(CharacterSet::Unicode, shared.code_page).map_err(Refused::OurName)?;
        Ok(())
    }

    /// The flags that the client asks for: those of the NEGOTIATE or, in a connectionless
    /// handshake, those that it selects from the server's offer.
    fn asked(&self, mode: Mode) -> NegotiateFlags {
        let offered = self.policy.offered();
        // Here SIGN is only for SPNEGO's `mechListMIC`, which needs extended session security.
        let signs = self.signs_if_granted
            && offered.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        let protection = match (self.protection, mode) {
            (Protection::None, Mode::Connection) if signs => Protection::Sign,
            (protection, _) => protection,
        };
        let mut flags = offer(offered, protection, mode);
        flags.set(NegotiateFlags::NEGOTIATE_VERSION, self.policy.shared.version.is_some());
        flags
    }

    /// The flags that must be negotiated because protection was requested.
    fn required_when_protected(&self) -> NegotiateFlags {
        match self.protection {
            Protection::None => NegotiateFlags::empty(),
            Protection::Sign | Protection::Seal => self.policy.shared.require_when_protected,
        }
    }

    /// The Version field for these flags: zeros unless NEGOTIATE_VERSION is set (2.2.1.1).
    fn version_for(&self, flags: NegotiateFlags) -> Version {
        match self.policy.shared.version {
            Some(version) if flags.contains(NegotiateFlags::NEGOTIATE_VERSION) => version,
            _ => Version::default(),
        }
    }
}

/// A client that has sent its NEGOTIATE and waits for the CHALLENGE. It answers one CHALLENGE.
#[must_use = "the handshake continues with `answer`"]
pub struct AwaitChallenge {
    config: Arc<Config>,
    negotiate: Vec<u8>,
}

impl AwaitChallenge {
    /// Answers the CHALLENGE: returns the AUTHENTICATE and the session keys.
    ///
    /// # Errors
    /// - [`Error::Wire`]: the bytes are not a CHALLENGE, or its `TargetInfo` is so long that the
    ///   response does not fit its field.
    /// - [`Unexpected::CharacterSet`](crate::error::Unexpected::CharacterSet): the server did not
    ///   choose a character set that the client offered.
    /// - [`Unexpected::NetbiosNames`](crate::error::Unexpected::NetbiosNames): protection was
    ///   requested, and the CHALLENGE lacks the server's NetBIOS names.
    /// - [`Unexpected::SecondHeader`](crate::error::Unexpected::SecondHeader): the CHALLENGE
    ///   contains the header of an AUTHENTICATE.
    /// - [`Refused::MissingFlags`]: the server did not grant requested or required flags.
    /// - [`Refused::OurName`]: a name of the client is too long, or cannot be encoded in the
    ///   character set that the server chose.
    /// - [`Refused::NoLmHash`]: the session key is derived from an LM hash, and there is none.
    /// - [`Refused::NoTargetInfo`], [`Refused::NoMic`]: the policy requires channel bindings, an
    ///   SPN or a MIC, and the response cannot carry it.
    /// - [`Refused::ConstantKeyExchangeKey`]: messages are to be protected, and all sessions of the
    ///   user would start from the same key.
    /// - [`Refused::TooLong`]: the CHALLENGE is longer than the policy allows.
    /// - [`Error::Environment`]: the time is not known, or there is no randomness.
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    pub fn answer(
        self,
        challenge: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Answer, Error> {
        let Self { config, negotiate } = self;
        prove::answer(&config, Mode::Connection, &negotiate, challenge, environment)
    }
}

impl fmt::Debug for AwaitChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitChallenge")
            .field("config", &self.config)
            .field("negotiate", &Counted(&self.negotiate))
            .finish()
    }
}

/// The AUTHENTICATE and the session keys.
#[non_exhaustive]
#[must_use]
pub struct Answer {
    /// The AUTHENTICATE to send to the server.
    pub token: Vec<u8>,
    /// The session keys. They are useful only if the server accepts the login.
    pub keys: SessionKeys,
    /// Whether the AUTHENTICATE contains a MIC.
    #[cfg(feature = "spnego")]
    pub(crate) has_mic: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("token", &Counted(&self.token))
            .field("keys", &self.keys)
            .finish()
    }
}

#[cfg(all(test, feature = "spnego"))]
mod tests;
