//! The side that logs in.
//!
//! Connection-oriented: [`Client::initiate`] makes the NEGOTIATE, the CHALLENGE goes into
//! [`AwaitChallenge::answer`], and the AUTHENTICATE comes out with the keys. Connectionless:
//! [`Client::answer_datagram`] does it in one step, since the server speaks first.
//!
//! The application protocol reports whether the login succeeded. NTLM authenticates the server only if
//! messages are signed or sealed, because only the genuine server has the session key.

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

/// An identity and how to log in with it. Cheap to clone; good for many exchanges at a time.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<Config>,
}

#[derive(Clone, Debug)]
struct Config {
    credentials: Credentials,
    policy: Policy,
    protection: Protection,
    /// Whether to ask for SIGN also without protection, and to continue if it is not granted: SPNEGO
    /// signs its list of mechanisms then.
    signs_if_granted: bool,
    /// Empty if there is none: see [`Accepted`](crate::server::Accepted) for why it is no `Option`.
    spn: Text,
    spn_is_unverified: bool,
    /// Zeros if there are none.
    bindings: ChannelBindings,
    workstation: Text,
}

impl Client {
    /// A client with the default policy, without protection, target, bindings and workstation.
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

    /// Sets what is sent, demanded and refused.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        self.with(|config| config.policy = policy)
    }

    /// Names the service that is asked for, a service principal name such as
    /// `HTTP/www.example.com` (`MsvAvTargetName`). A server can refuse a client that meant
    /// another one.
    ///
    /// It travels in NTLMv2 responses, if the server sends `TargetInfo`, as all do since Windows
    /// Vista; [`SharedPolicy::require_mic`](crate::SharedPolicy::require_mic) insists on that.
    #[doc(alias("SPN", "service principal name", "MsvAvTargetName", "pszTargetName"))]
    #[must_use]
    pub fn with_spn(self, service_principal_name: impl Into<Text>) -> Self {
        self.with(|config| {
            config.spn = service_principal_name.into();
            config.spn_is_unverified = false;
        })
    }

    /// As [`with_spn`](Self::with_spn), and marks the name for the server as one that comes from an
    /// untrusted source (`UnverifiedTargetName`). Servers that check names refuse it then, and no
    /// Microsoft client sends it: gss-ntlmssp had to stop.
    #[must_use]
    pub fn with_unverified_spn(self, service_principal_name: impl Into<Text>) -> Self {
        self.with_spn(service_principal_name).with(|config| config.spn_is_unverified = true)
    }

    /// Binds the exchange to a TLS channel (`MsvAvChannelBindings`).
    ///
    /// It travels as the [SPN](Self::with_spn) does.
    #[doc(alias("EPA", "extended protection", "channel binding"))]
    #[must_use]
    pub fn with_channel_bindings(self, bindings: ChannelBindings) -> Self {
        self.with(|config| config.bindings = bindings)
    }

    /// Sets the workstation name that is sent to the server. It is empty by default, so nothing about
    /// the machine is disclosed.
    #[must_use]
    pub fn with_workstation(self, name: impl Into<Text>) -> Self {
        self.with(|config| config.workstation = name.into())
    }

    /// Asks to sign, or to sign and seal, the messages that follow. A server that does not grant
    /// it is refused. It must be asked for before the exchange: the flags of the first message
    /// say so, and the keys depend on it.
    #[must_use]
    pub fn with_protection(self, protection: Protection) -> Self {
        self.with(|config| config.protection = protection)
    }

    /// Asks for SIGN, for SPNEGO's `mechListMIC`, or only if the application wants protection. If the
    /// server does not grant it, or grants it without the strength that `require_when_protected` requires,
    /// the handshake continues without.
    #[cfg(feature = "spnego")]
    pub(crate) fn with_signing_if_granted(self, signs_if_granted: bool) -> Self {
        self.with(|config| config.signs_if_granted = signs_if_granted)
    }

    /// Returns the client if a handshake with it can succeed: call it when the configuration is
    /// read, so that its mistakes appear there and not with the first server.
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
    /// - [`Error::Misuse`]: the policy requires an SPN or channel bindings, and there are none; it
    ///   offers no character set; or anonymous credentials are to protect messages, and the policy
    ///   does not [allow it](crate::SharedPolicy::allow_insecure_anonymous_keys).
    /// - [`Refused::MissingFlags`]: the policy requires flags that it does not offer, or SIGN or SEAL
    ///   without [protection](Self::with_protection).
    /// - [`Refused::NoMic`], [`Refused::NoTargetInfo`]: the policy requires what only an NTLMv2 response
    ///   can carry, and another one will be sent.
    /// - [`Refused::Blocked`]: the policy blocks NTLM to this SPN.
    /// - [`Refused::OurName`]: a name is too long, or does not fit the code page, where the policy
    ///   offers OEM alone.
    pub fn checked(self) -> Result<Self, Error> {
        self.config.check_all()?;
        Ok(self)
    }

    /// Makes the first message, the NEGOTIATE.
    ///
    /// # Errors
    /// - [`Refused::Blocked`]: the policy blocks NTLM to this SPN.
    /// - [`Misuse::NoSpn`], [`Misuse::NoChannelBindings`]: the policy requires what the application did
    ///   not give.
    /// - [`Misuse::NoSessionSecurity`]: anonymous credentials are to protect messages, and the policy
    ///   does not [allow it](crate::SharedPolicy::allow_insecure_anonymous_keys).
    #[doc(alias("InitializeSecurityContext", "gss_init_sec_context"))]
    pub fn initiate(&self) -> Result<(Vec<u8>, AwaitChallenge), Error> {
        self.config.check()?;
        let flags = self.config.asked(Mode::Connection);
        // Always 40 bytes: gss-ntlmssp refuses the form without Version. No names (3.1.5.1.1).
        let version = Some(self.config.version_for(flags));
        let message = Negotiate { flags, version, ..Negotiate::default() };
        let mut token = Vec::with_capacity(message.encoded_len());
        message.emit(&mut token)?;
        let config = Arc::clone(&self.config);
        Ok((token.clone(), AwaitChallenge { config, negotiate: token }))
    }

    /// Answers the CHALLENGE of a connectionless exchange, in which it is the first message.
    ///
    /// # Errors
    /// As [`AwaitChallenge::answer`] and [`initiate`](Self::initiate).
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
    /// Fails if no handshake must begin: NTLM is blocked, or the application did not give what the
    /// policy requires.
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
        // An anonymous client proves nothing and shares no secret, so nothing can be protected (3.3.1,
        // 3.4). Windows seals all the same, with a key that everyone knows; a policy can allow that.
        let is_protected = self.protection != Protection::None;
        let has_key = !self.credentials.is_anonymous() || shared.allow_insecure_anonymous_keys;
        if is_protected && !has_key {
            return Err(Misuse::NoSessionSecurity.into());
        }
        Ok(())
    }

    /// Fails if no handshake can succeed.
    fn check_all(&self) -> Result<(), Error> {
        self.check()?;
        let Policy { shared, require_spn, require_channel_bindings, .. } = &self.policy;
        let character_set = shared.offer.character_set().ok_or(Misuse::NoCharacterSet)?;
        // KEY_EXCH belongs to the connectionless mode.
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

    /// The flags of the NEGOTIATE, or what is taken of a connectionless offer.
    fn asked(&self, mode: Mode) -> NegotiateFlags {
        let offered = self.policy.offered();
        // Without extended session security there is no `mechListMIC`, for which alone SIGN would be
        // asked.
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

    /// The flags that must have been negotiated if messages are to be protected.
    fn required_when_protected(&self) -> NegotiateFlags {
        match self.protection {
            Protection::None => NegotiateFlags::empty(),
            Protection::Sign | Protection::Seal => self.policy.shared.require_when_protected,
        }
    }

    /// The version that goes with these flags: zero unless they announce one (2.2.1.1).
    fn version_for(&self, flags: NegotiateFlags) -> Version {
        match self.policy.shared.version {
            Some(version) if flags.contains(NegotiateFlags::NEGOTIATE_VERSION) => version,
            _ => Version::default(),
        }
    }
}

/// A client that has sent its NEGOTIATE and waits for the CHALLENGE. One answer uses it up.
#[must_use = "the handshake continues with `answer`"]
pub struct AwaitChallenge {
    config: Arc<Config>,
    negotiate: Vec<u8>,
}

impl AwaitChallenge {
    /// Answers the CHALLENGE with the last message, the AUTHENTICATE.
    ///
    /// # Errors
    /// - [`Error::Wire`]: the bytes are no CHALLENGE, or its `TargetInfo` leaves no room for what
    ///   the response adds.
    /// - [`Error::Unexpected`]: it chooses no character set that was offered, or lacks the names
    ///   that NTLMv2 needs if messages are to be protected; or it contains the header of an
    ///   AUTHENTICATE ([`Unexpected::SecondHeader`](crate::error::Unexpected::SecondHeader)).
    /// - [`Error::Refused`]: the server did not grant what was asked for or what the policy
    ///   requires, chose a character set that a name of ours does not fit, or wants a session key
    ///   from an LM hash that is not at hand; or the message, or a name of ours, is too long.
    /// - [`Refused::NoTargetInfo`], [`Refused::NoMic`]: the policy requires channel bindings, an SPN or
    ///   a MIC, and the answer could not carry it.
    /// - [`Refused::ConstantKeyExchangeKey`]: messages are to be protected, and all sessions of the
    ///   user would start from the same key.
    /// - [`Error::Environment`]: there is no time, or no randomness.
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

/// The last message, to be sent, and the session keys.
#[non_exhaustive]
#[must_use]
pub struct Answer {
    /// The AUTHENTICATE, to be sent.
    pub token: Vec<u8>,
    /// The session keys. They are valid only if the server accepts the login.
    pub keys: SessionKeys,
    /// Whether the AUTHENTICATE has a MIC.
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
mod tests {
    use super::{Client, Policy};
    use crate::credentials::Credentials;
    use crate::policy::LmCompatibility;
    use crate::session::Protection;
    use crate::wire::{Negotiate, NegotiateFlags as Flags};

    /// gss-ntlmssp 1.2.0 crashes in SPNEGO if SIGN is granted without extended session security and the
    /// client does not use it.
    #[test]
    fn signing_is_asked_for_the_list_of_mechanisms_only_if_that_can_be_signed() {
        for (level, signs) in [
            (LmCompatibility::SendLmAndNtlm, false),
            (LmCompatibility::SendLmAndNtlmWithExtendedSessionSecurity, true),
        ] {
            let mut policy = Policy::default();
            policy.shared.lm_compatibility = level;
            let client = Client::new(Credentials::password("alice", "secret")).with_policy(policy);
            let (negotiate, _) = client.with_signing_if_granted(true).initiate().unwrap();
            let flags = Negotiate::parse(&negotiate).unwrap().flags;
            assert_eq!(flags.contains(Flags::NEGOTIATE_SIGN), signs, "{level:?}");
        }
    }

    /// LDAP servers take SIGN for the wish to wrap all messages.
    #[test]
    fn signing_is_not_asked_for_without_need_if_the_carrier_would_take_it_for_a_wish() {
        for (protection, signs) in [(Protection::None, false), (Protection::Sign, true)] {
            let client = Client::new(Credentials::password("alice", "secret"));
            let client = client.with_protection(protection).with_signing_if_granted(false);
            let (negotiate, _) = client.initiate().unwrap();
            let flags = Negotiate::parse(&negotiate).unwrap().flags;
            assert_eq!(flags.contains(Flags::NEGOTIATE_SIGN), signs, "{protection:?}");
        }
    }
}
