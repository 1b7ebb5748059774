//! Why a login fails: from a line of the log, an error or a recorded token to the cause.
//!
//! # Where to look
//!
//! The client sees only "no": a 401, a status, a closed connection. The reason is on the server, in
//! [`http::Refusal::log`] or [`Error::log`]. `Display` says "authentication failed" whatever the
//! reason is, so that it cannot leak to the client:
//!
//! ```
//! use ntlm::error::{Denied, Error};
//!
//! let error = Error::from(Denied::ChannelBindingsMissing);
//! assert_eq!(error.to_string(), "authentication failed");
//! let log = "authentication failed: channel bindings are required, and the client sent none";
//! assert_eq!(error.log().to_string(), log);
//! ```
//!
//! Below are the reasons as the log has them. A client's own errors are here too.
//!
//! **The log has only 401s and no reason.** The client gave up, or tried something else than NTLM.
//! Log [`http::Outcome::Continue`] with [`http::Reply::tried`].
//!
//! **Without the server's log**, record the three tokens, and give them to the example `inspect`,
//! with the password in `NTLM_PASSWORD`. It says whether the password and the MIC (message
//! integrity code) are right. A recording does not show what else the server requires: look in the
//! table for `MsvAvChannelBindings`, which are the channel bindings, and for `MsvAvTargetName`,
//! which is the SPN (service principal name).
//!
//! # How to read a line of the log
//!
//! [`http::Refusal::log`] prints `user`, `workstation`, `response` and `reason`. Only the reason is
//! certain: the others are what the client claims. `response` is the [kind](crate::ResponseKind) of
//! the response; by default, a server accepts only `Ntlmv2`.
//!
//! The server stops at the first check that fails, and the log has the reason of that one. It
//! checks in this order, so the reason also shows what was right before it:
//!
//! 1. the HTTP header and the connection;
//! 2. the form of the message, the policy and the age of the challenge;
//! 3. the user and the password;
//! 4. the MIC, the channel bindings, the SPN, the repeated names and the time, one after the other.
//!
//! A reason of the fourth step means that **the password is right**. If you correct it, a later
//! check can still fail. For example, curl sends neither a MIC nor channel bindings. If the server
//! requires both, the log says `the MIC is missing`, and nothing about bindings.
//!
//! Numbers below are rows of `tests/interop/README.md`, which has the versions.
//!
//! # Password and account
//!
//! A [`Rejection`](crate::error::Rejection) is the reason that you, or a domain controller, gave.
//! It is inside [`Denied::Rejected`].
//!
//! - `wrong password` ([`Denied::WrongPassword`]): the password; or the user or domain, because the
//!   response covers both. Some clients compute the response with another spelling of the name than
//!   they send: curl with names outside ASCII (row 4), gss-ntlmssp with `ß`, which it turns into
//!   `SS` (row 60).
//! - `unknown user` ([`Rejection::UnknownUser`]): often the store has another form of the name, or
//!   other letter case. `alice`, `EXAMPLE\alice` and `alice@example.com` may be one account. Look
//!   up all of them by [`UserName::to_uppercase`](crate::UserName::to_uppercase).
//! - `wrong password, as the domain controller reports` ([`Rejection::WrongPassword`]). Some
//!   controllers report the same for an unknown user.
//! - `the account is disabled` ([`Rejection::AccountDisabled`]), `the account is locked out`
//!   ([`Rejection::AccountLocked`]), `the account has expired` ([`Rejection::AccountExpired`]),
//!   `the password has expired` ([`Rejection::PasswordExpired`]),
//!   `the account may not log in here or now` ([`Rejection::AccountRestriction`]): as they say.
//! - `the domain controller does not allow NTLM for this account` ([`Rejection::NtlmBlocked`]): Kerberos
//!   only.
//! - `no domain controller could be reached` ([`Rejection::Unreachable`]),
//!   `the domain controller rejected the client` ([`Rejection::DomainController`]),
//!   `the user could not be looked up` ([`Rejection::LookupFailed`]): look at the controller or the
//!   store.
//! - `the policy does not allow guests` ([`Denied::Guest`]): see
//!   [`allow_guest`](crate::server::Policy::allow_guest).
//! - `the response or its session key needs an LM hash, and none was given` ([`Denied::NoLmHash`]):
//!   an old client. Use [`UserClaim::verify_hashes`], or better, change the client.
//!
//! # Bindings, SPN, MIC and time
//!
//! - `channel bindings are required, and the client sent none`
//!   ([`Denied::ChannelBindingsMissing`]): the client cannot send them, such as curl or Firefox
//!   (rows 17, 34), or its application did not set them ([`Client::with_channel_bindings`]).
//! - `wrong channel bindings: a proxy ends TLS, or the login is relayed`
//!   ([`Denied::ChannelBindings`]): see [a proxy that ends
//!   TLS](super::http_in_practice#a-proxy-that-ends-tls). Another cause is that the certificate was
//!   renewed and the server still has the bindings of the old one.
//! - `an SPN is required, and the client sent none` ([`Denied::SpnMissing`]),
//!   `wrong SPN: the client asked for another service` ([`Denied::Spn`]): the client knows the
//!   server by a name that [`Server::with_spns`] lacks; or the login is relayed.
//! - `the MIC is missing` ([`Denied::MicMissing`]): the policy requires one
//!   ([`require_mic`](crate::SharedPolicy::require_mic)), and the client, such as curl or Firefox,
//!   sends none; or an attacker removed it. Such clients usually send no channel bindings either.
//! - `wrong MIC: a message was changed in transit` ([`Denied::Mic`]): a proxy that rewrites tokens,
//!   an attack, or a client with a bug.
//! - `the response was made for another server` ([`Denied::TargetInfo`]): a relay, or a client that
//!   does not repeat what the CHALLENGE says.
//! - `the time of the response is too far from the server's` ([`Denied::Time`]): the client does
//!   not repeat the server's time, and the two clocks differ by more than
//!   [`max_time_difference`](crate::server::Policy::max_time_difference), which is 36 hours by
//!   default. Set the clocks. In the table of the AUTHENTICATE, `MsvAvTimestamp` is then absent or
//!   not the server's. Clients that repeat it, which most do, are accepted with any clock. A
//!   recorded handshake also fails in this way, unless you verify it with
//!   [`AtTime`](crate::environment::AtTime).
//! - `the challenge has expired` ([`Denied::ChallengeExpired`]): the client answered too late, or
//!   the server's clock was changed during the handshake. The password was not checked yet.
//!
//! # What the policy does not allow
//!
//! These begin with `rejected by policy`. A server checks them before the password.
//!
//! - `this kind of response is not allowed` ([`Refused::ResponseKind`]): the log has the kind after
//!   `response`. `Ntlmv1`, `Ntlm2Session` (which is a form of NTLMv1) and `Lm` come from wget (row
//!   7) and old devices, or from a client with an [LM compatibility
//!   level](crate::SharedPolicy::lm_compatibility) below 3; `Lmv2` without an NTLMv2 response comes
//!   from tedious (row 136). Let the client send NTLMv2, or see [old
//!   clients](super::choosing_a_policy#old-clients-and-servers).
//! - `required flags were not negotiated` ([`Refused::MissingFlags`]): the peer is too weak, or an
//!   attacker cleared flags. The error has the flags.
//! - `anonymous clients are not allowed` ([`Refused::Anonymous`]): the client has no credentials.
//! - `NTLM is blocked` ([`Refused::Blocked`]): by [`blocked`](crate::SharedPolicy::blocked).
//! - `the message is too long` ([`Refused::TooLong`]): longer than
//!   [`max_message_len`](crate::SharedPolicy::max_message_len).
//! - `cannot encode a configured name` ([`Refused::OurName`]): a name that you gave is too long, or the
//!   peer speaks no UTF-16 and the [code page](crate::SharedPolicy::code_page) lacks a character.
//! - `all sessions of this user would start from the same key`
//!   ([`Refused::ConstantKeyExchangeKey`]): NTLMv1 without extended session security, where
//!   messages are protected.
//! - On a client: `the response cannot have a MIC` ([`Refused::NoMic`]) and
//!   `the response cannot carry channel bindings or an SPN` ([`Refused::NoTargetInfo`]): the policy
//!   requires them, and the server is too old for them.
//!   `the session key is derived from an LM hash, and there is none` ([`Refused::NoLmHash`]): the
//!   credentials are an NT hash.
//!
//! # Messages that do not fit
//!
//! These begin with `unexpected message`. `malformed message` means that bytes were lost or
//! changed, or that the peer has a bug.
//!
//! - `the flags choose no character set that was offered` ([`Unexpected::CharacterSet`]): a strict
//!   server and a client that speaks OEM only, such as curl.
//! - `cannot decode a name` ([`Unexpected::Text`]): sent in another character set than the flags say.
//! - `a response is missing, and the client is not anonymous` ([`Unexpected::NoResponse`]),
//!   `the client's challenge is missing` ([`Unexpected::NoClientChallenge`]),
//!   `the encrypted session key does not have 16 bytes` ([`Unexpected::EncryptedSessionKey`]): a
//!   bug of the client.
//! - `the message contains the header of another message` ([`Unexpected::SecondHeader`]),
//!   `fields of the message overlap` ([`Unexpected::SharedBytes`]): an attack.
//! - `the flags are not those of a connectionless handshake` ([`Unexpected::NotConnectionless`]):
//!   one side uses the other mode.
//! - On a client: `the challenge lacks the server's NetBIOS names` ([`Unexpected::NetbiosNames`]):
//!   see [`allow_missing_netbios_names`](crate::client::Policy::allow_missing_netbios_names).
//!
//! # Connections of HTTP
//!
//! - `received an AUTHENTICATE without a pending challenge` ([`http::Error::NoPendingChallenge`]),
//!   `the AUTHENTICATE answers another challenge` ([`http::Error::OtherChallenge`]): the requests
//!   of one handshake were sent on different connections. Either the client did so, because its
//!   pool or its threads share connections, or a proxy or load balancer did. If it happens only
//!   under load, or only with several clients at a time, it is a pool or a balancer. If it happens
//!   at each login, the client or a proxy opens a connection for each request. See [pools of
//!   clients](super::http_in_practice#pools-of-clients) and [load
//!   balancers](super::http_in_practice#load-balancers). The password was not checked.
//! - On a client, the same cause results in `the AUTHENTICATE was answered with a CHALLENGE`
//!   ([`http::Error::OtherConnection`]), in
//!   `the server did not answer the NEGOTIATE with a CHALLENGE` ([`http::Error::NoChallenge`]), or
//!   in [`http::Next::Rejected`]. `NoChallenge` has another possible cause: the server rejects the
//!   NEGOTIATE.
//! - [`http::Next::Rejected`], on a client: the server rejected the login. The password may be
//!   wrong, or a check of the server failed, or the AUTHENTICATE was sent on another connection.
//!   The client cannot distinguish these; only the server's log has the reason.
//! - `the connection closes in the middle of the handshake` ([`http::Error::ConnectionCloses`]): a
//!   proxy that closes connections (rows 42, 44), or HTTP/1.0.
//! - `NTLM needs HTTP/1.1` ([`http::Error::NeedsHttp11`]): offer only `http/1.1` in TLS.
//! - `the token is not a bare NTLM message, but SPNEGO or another mechanism`
//!   ([`http::Error::NotBare`]): enable the feature `spnego`.
//! - `malformed header` ([`http::Error::NotBase64`], [`http::Error::TooLong`],
//!   [`http::Error::Repeated`]): the header was changed, or is sent twice.
//! - `mechListMIC` (`http::Error::Spnego`): the list of mechanisms was changed in transit, or the
//!   peer cannot sign it. The password may be right.
//! - [`http::Error::Exchange`]: one of the errors above.
//!
//! # Mistakes of the application
//!
//! `misuse` ([`Misuse`](crate::error::Misuse)) is a mistake in your configuration or code, such as
//! bindings that the policy requires and that were not given. [`Client::checked`] and
//! [`Server::checked`] find these before the first peer does.
//!
//! [`Client::checked`]: crate::Client::checked
//! [`Client::with_channel_bindings`]: crate::Client::with_channel_bindings
//! [`Server::checked`]: crate::Server::checked
//! [`Server::with_spns`]: crate::Server::with_spns
//! [`UserClaim::verify_hashes`]: crate::server::UserClaim::verify_hashes
//! [`Denied::ChallengeExpired`]: crate::error::Denied::ChallengeExpired
//! [`Denied::ChannelBindings`]: crate::error::Denied::ChannelBindings
//! [`Denied::ChannelBindingsMissing`]: crate::error::Denied::ChannelBindingsMissing
//! [`Denied::Guest`]: crate::error::Denied::Guest
//! [`Denied::Mic`]: crate::error::Denied::Mic
//! [`Denied::MicMissing`]: crate::error::Denied::MicMissing
//! [`Denied::NoLmHash`]: crate::error::Denied::NoLmHash
//! [`Denied::Rejected`]: crate::error::Denied::Rejected
//! [`Denied::Spn`]: crate::error::Denied::Spn
//! [`Denied::SpnMissing`]: crate::error::Denied::SpnMissing
//! [`Denied::TargetInfo`]: crate::error::Denied::TargetInfo
//! [`Denied::Time`]: crate::error::Denied::Time
//! [`Denied::WrongPassword`]: crate::error::Denied::WrongPassword
//! [`Error::log`]: crate::Error::log
//! [`Refused::Anonymous`]: crate::error::Refused::Anonymous
//! [`Refused::Blocked`]: crate::error::Refused::Blocked
//! [`Refused::ConstantKeyExchangeKey`]: crate::error::Refused::ConstantKeyExchangeKey
//! [`Refused::MissingFlags`]: crate::error::Refused::MissingFlags
//! [`Refused::NoLmHash`]: crate::error::Refused::NoLmHash
//! [`Refused::NoMic`]: crate::error::Refused::NoMic
//! [`Refused::NoTargetInfo`]: crate::error::Refused::NoTargetInfo
//! [`Refused::OurName`]: crate::error::Refused::OurName
//! [`Refused::ResponseKind`]: crate::error::Refused::ResponseKind
//! [`Refused::TooLong`]: crate::error::Refused::TooLong
//! [`Rejection::AccountDisabled`]: crate::error::Rejection::AccountDisabled
//! [`Rejection::AccountExpired`]: crate::error::Rejection::AccountExpired
//! [`Rejection::AccountLocked`]: crate::error::Rejection::AccountLocked
//! [`Rejection::AccountRestriction`]: crate::error::Rejection::AccountRestriction
//! [`Rejection::DomainController`]: crate::error::Rejection::DomainController
//! [`Rejection::LookupFailed`]: crate::error::Rejection::LookupFailed
//! [`Rejection::NtlmBlocked`]: crate::error::Rejection::NtlmBlocked
//! [`Rejection::PasswordExpired`]: crate::error::Rejection::PasswordExpired
//! [`Rejection::UnknownUser`]: crate::error::Rejection::UnknownUser
//! [`Rejection::Unreachable`]: crate::error::Rejection::Unreachable
//! [`Rejection::WrongPassword`]: crate::error::Rejection::WrongPassword
//! [`Unexpected::CharacterSet`]: crate::error::Unexpected::CharacterSet
//! [`Unexpected::EncryptedSessionKey`]: crate::error::Unexpected::EncryptedSessionKey
//! [`Unexpected::NetbiosNames`]: crate::error::Unexpected::NetbiosNames
//! [`Unexpected::NoClientChallenge`]: crate::error::Unexpected::NoClientChallenge
//! [`Unexpected::NoResponse`]: crate::error::Unexpected::NoResponse
//! [`Unexpected::NotConnectionless`]: crate::error::Unexpected::NotConnectionless
//! [`Unexpected::SecondHeader`]: crate::error::Unexpected::SecondHeader
//! [`Unexpected::SharedBytes`]: crate::error::Unexpected::SharedBytes
//! [`Unexpected::Text`]: crate::error::Unexpected::Text
//! [`http::Error::ConnectionCloses`]: crate::http::Error::ConnectionCloses
//! [`http::Error::Exchange`]: crate::http::Error::Exchange
//! [`http::Error::NeedsHttp11`]: crate::http::Error::NeedsHttp11
//! [`http::Error::NoChallenge`]: crate::http::Error::NoChallenge
//! [`http::Error::NoPendingChallenge`]: crate::http::Error::NoPendingChallenge
//! [`http::Error::NotBare`]: crate::http::Error::NotBare
//! [`http::Error::NotBase64`]: crate::http::Error::NotBase64
//! [`http::Error::OtherChallenge`]: crate::http::Error::OtherChallenge
//! [`http::Error::OtherConnection`]: crate::http::Error::OtherConnection
//! [`http::Error::Repeated`]: crate::http::Error::Repeated
//! [`http::Error::TooLong`]: crate::http::Error::TooLong
//! [`http::Next::Rejected`]: crate::http::Next::Rejected
//! [`http::Outcome::Continue`]: crate::http::Outcome::Continue
//! [`http::Refusal::log`]: crate::http::Refusal::log
//! [`http::Reply::tried`]: crate::http::Reply::tried
