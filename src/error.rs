//! What can go wrong, sorted by whose fault it is.

use core::fmt;

use crate::environment::EnvironmentError;
use crate::text::TextError;
use crate::wire::{self, NegotiateFlags};

/// An exchange or a protected message that failed.
///
/// The variant says whose fault it is, its content which rule failed. All of that is for your own
/// log. To the peer, answer every failed attempt alike, and never send it the text of an error:
/// an attacker learns from the difference between "no such user" and "wrong password".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's bytes are no such message. On writing: a name or a list is too long for one.
    #[error("malformed message: {0}")]
    Wire(wire::Error),
    /// The peer's message is well formed, but cannot stand here.
    #[error("unexpected message: {0}")]
    Unexpected(Unexpected),
    /// Our policy and what the peer offers or sends do not meet.
    #[error("refused by policy: {0}")]
    Refused(Refused),
    /// The client did not prove who it is.
    #[error("{0}")]
    Denied(Denied),
    /// A signed or sealed message did not verify, or no more can be protected.
    #[error("message integrity: {0}")]
    Integrity(Integrity),
    /// The caller's mistake. Bytes from the network cause it only where the caller does not look at
    /// what was negotiated ([`SessionKeys::protection`](crate::SessionKeys::protection)).
    #[error("misuse: {0}")]
    Misuse(Misuse),
    /// There is no time, or there are no random numbers.
    #[error("environment: {0}")]
    Environment(EnvironmentError),
}

/// The cause is part of the text, so it is not its source too: whoever prints a chain of errors
/// would see it twice.
macro_rules! from_cause {
    ($($variant:ident($cause:ty),)*) => {$(
        impl From<$cause> for Error {
            fn from(cause: $cause) -> Self {
                Self::$variant(cause)
            }
        }
    )*};
}

from_cause! {
    Wire(wire::Error),
    Unexpected(Unexpected),
    Refused(Refused),
    Denied(Denied),
    Integrity(Integrity),
    Misuse(Misuse),
    Environment(EnvironmentError),
}

/// A well-formed message that cannot stand where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unexpected {
    /// The flags choose no character set, or one that was not offered ([MS-NLMP] 2.2.2.5, A, B).
    #[error("the flags choose no character set that was offered")]
    CharacterSet,
    /// The message contains the header of another message. No honest message does; a man in the
    /// middle could move the border between two messages that way, and the MIC would not show it.
    #[error("the message contains the header of another message")]
    SecondHeader,
    /// Names and NT response share bytes, which no client's do: to hash the same bytes again and
    /// again costs more than to send them.
    #[error("fields of the message share bytes")]
    SharedBytes,
    /// A name is not text in the negotiated character set.
    #[error("a name is no text: {0}")]
    Text(TextError),
    /// The flags of a connectionless exchange lack DATAGRAM or KEY_EXCH (2.2.2.5, F).
    #[error("the flags are not those of a connectionless exchange")]
    NotConnectionless,
    /// The CHALLENGE lacks the server's NetBIOS names, which protected NTLMv2 needs (3.1.5.1.2).
    #[error("the challenge lacks the server's NetBIOS names")]
    NetbiosNames,
    /// The AUTHENTICATE holds neither a response nor the marks of an anonymous client
    /// (3.2.5.1.2); or it lacks the LM response of which LM_KEY makes the session key (3.4.5.1).
    #[error("a response is missing, and the client is not anonymous")]
    NoResponse,
    /// NTLMv1 with extended session security lacks the client's challenge (3.2.5.1.2).
    #[error("the client's challenge is missing")]
    NoClientChallenge,
    /// The session key was to be exchanged, and does not have 16 bytes (3.2.5.1.2).
    #[error("the encrypted session key does not have 16 bytes")]
    EncryptedSessionKey,
}

/// What our policy does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// These required flags were not negotiated: the peer is too weak, or somebody in between
    /// cleared them.
    #[error("required flags were not negotiated: {0}")]
    MissingFlags(NegotiateFlags),
    /// The policy allows no NTLM, to this server or at all (`ClientBlocked`, `ServerBlock`).
    #[error("NTLM is blocked")]
    Blocked,
    /// The policy does not allow this kind of response, or none that can carry what it requires.
    #[error("the kind of response is not allowed")]
    ResponseKind,
    /// Messages are to be protected, and the key exchange key of this kind of response does not
    /// depend on the challenge, so that all sessions of the user would start from the same key
    /// (`SharedPolicy::allow_constant_key_exchange_key`).
    #[error("all sessions of this user would start from the same key")]
    ConstantKeyExchangeKey,
    /// The policy requires channel bindings or an SPN, and the response carries neither: the challenge
    /// has no `TargetInfo`, or the client does not send NTLMv2.
    #[error("the response carries neither channel bindings nor an SPN")]
    NoTargetInfo,
    /// The policy allows no anonymous clients.
    #[error("anonymous clients are not allowed")]
    Anonymous,
    /// The policy allows no guests.
    #[error("guests are not allowed")]
    Guest,
    /// Client: the session key is made from the LM hash, and the credentials have none.
    #[error("the session key needs an LM hash")]
    NoLmHash,
    /// A name of ours cannot be written in the character set that the peer chose, or is too long.
    #[error("a name of ours does not fit: {0}")]
    OurName(TextError),
    /// The policy requires a MIC, and the challenge leaves no room for one: only NTLMv2 has it, and
    /// only if the server tells the time.
    #[error("the exchange would have no MIC")]
    NoMic,
    /// The message is longer than the policy allows.
    #[error("the message is too long")]
    TooLong,
}

/// Why authentication failed.
///
/// `Display` is the same for all variants, because applications send it to peers.
/// [`reason`](Self::reason) is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("authentication failed")]
#[non_exhaustive]
pub enum Denied {
    /// The response does not prove that the client knows the password.
    WrongPassword,
    /// The application or the domain controller rejected the client.
    Rejected(Rejection),
    /// Only the LM hash can verify the response or make its session key, and the verifying call was
    /// given none.
    NoLmHash,
    /// The MIC (message integrity code) does not match the messages: one of them was changed in
    /// transit.
    Mic,
    /// The client announced a MIC and sent none (CVE-2019-1040), or the policy requires one.
    MicMissing,
    /// The channel bindings are those of another TLS connection: a proxy that ends TLS, or a relayed
    /// login.
    ChannelBindings,
    /// The policy requires channel bindings, and the client sent none.
    ChannelBindingsMissing,
    /// The client asked for a service that is not this server's: it uses a name of this server that
    /// was not configured, or the login is relayed.
    Spn,
    /// The policy requires an SPN (service principal name), and the client sent none, or one that it
    /// marks as unverified.
    SpnMissing,
    /// What the client repeats of the server's `TargetInfo` is not what this server sent.
    TargetInfo,
    /// The client sent its own time, and its clock is too far from the server's; or the response is
    /// too old.
    Time,
    /// The challenge is too old.
    ChallengeExpired,
}

/// Why the application, or a domain controller that it asked, rejects a client: the reasons that
/// [`UserClaim::reject`](crate::server::UserClaim::reject) takes. They are for the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no such user.
    UnknownUser,
    /// The domain controller reports that the password is wrong.
    WrongPassword,
    /// The account is disabled.
    AccountDisabled,
    /// The account is locked out after too many wrong passwords.
    AccountLocked,
    /// The account has expired.
    AccountExpired,
    /// The password has expired, or must be changed.
    PasswordExpired,
    /// The account may not log in here, or not now.
    AccountRestriction,
    /// The domain controller allows no NTLM for this account (`STATUS_NTLM_BLOCKED`).
    NtlmBlocked,
    /// The domain controller did not vouch for the client, for another reason.
    DomainController,
    /// No domain controller could be asked.
    Unreachable,
    /// The user could not be looked up.
    LookupFailed,
}

impl Denied {
    /// Returns the reason in words, for the log alone: an attacker learns from the difference between
    /// "unknown user" and "wrong password".
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong password",
            Self::Rejected(rejection) => rejection.reason(),
            Self::NoLmHash => {
                "the response or its session key needs an LM hash, and none was given"
            }
            Self::Mic => "wrong MIC: a message was changed in transit",
            Self::MicMissing => "the MIC is missing",
            Self::ChannelBindings => {
                "wrong channel bindings: a proxy ends TLS, or the login is relayed"
            }
            Self::ChannelBindingsMissing => {
                "channel bindings are required, and the client sent none"
            }
            Self::Spn => "wrong SPN: the client asked for another service",
            Self::SpnMissing => "an SPN is required, and the client sent none",
            Self::TargetInfo => "the response was made for another server",
            Self::Time => "the time of the response is too far from the server's",
            Self::ChallengeExpired => "the challenge has expired",
        }
    }
}

impl Rejection {
    /// The reason that an NTSTATUS of a domain controller stands for ([MS-ERREF] 2.3), such as
    /// `STATUS_WRONG_PASSWORD` (0xc000006a). Any status that is not about the account or the
    /// controller itself is [`DomainController`](Self::DomainController).
    #[must_use]
    pub const fn from_ntstatus(status: u32) -> Self {
        match status {
            // STATUS_NO_SUCH_USER
            0xc000_0064 => Self::UnknownUser,
            // STATUS_WRONG_PASSWORD; STATUS_LOGON_FAILURE, which does not say which it was
            0xc000_006a | 0xc000_006d => Self::WrongPassword,
            // STATUS_ACCOUNT_DISABLED
            0xc000_0072 => Self::AccountDisabled,
            // STATUS_ACCOUNT_LOCKED_OUT
            0xc000_0234 => Self::AccountLocked,
            // STATUS_ACCOUNT_EXPIRED
            0xc000_0193 => Self::AccountExpired,
            // STATUS_PASSWORD_EXPIRED, STATUS_PASSWORD_MUST_CHANGE
            0xc000_0071 | 0xc000_0224 => Self::PasswordExpired,
            // STATUS_ACCOUNT_RESTRICTION, INVALID_LOGON_HOURS, INVALID_WORKSTATION,
            // LOGON_TYPE_NOT_GRANTED
            0xc000_006e..=0xc000_0070 | 0xc000_015b => Self::AccountRestriction,
            // STATUS_NTLM_BLOCKED
            0xc000_0418 => Self::NtlmBlocked,
            // STATUS_NO_LOGON_SERVERS
            0xc000_005e => Self::Unreachable,
            _ => Self::DomainController,
        }
    }

    /// Returns the reason in words, for the log alone.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown user",
            Self::WrongPassword => "wrong password, as the domain controller reports",
            Self::AccountDisabled => "the account is disabled",
            Self::AccountLocked => "the account is locked out",
            Self::AccountExpired => "the account has expired",
            Self::PasswordExpired => "the password has expired",
            Self::AccountRestriction => "the account may not log in here or now",
            Self::NtlmBlocked => "the domain controller allows no NTLM for this account",
            Self::DomainController => "the domain controller did not vouch for the client",
            Self::Unreachable => "no domain controller could be asked",
            Self::LookupFailed => "the user could not be looked up",
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Denied(Denied::Rejected(rejection))
    }
}

impl Error {
    /// Prints the error for the log: as `Display` does, but with the [reason](Denied::reason) why
    /// authentication failed.
    ///
    /// ```
    /// use ntlm::error::{Denied, Error};
    ///
    /// let error = Error::from(Denied::WrongPassword);
    /// assert_eq!(error.to_string(), "authentication failed");
    /// assert_eq!(error.log().to_string(), "authentication failed: wrong password");
    /// ```
    #[must_use]
    pub fn log(self) -> impl fmt::Display {
        Log(self)
    }

    /// Returns the NTSTATUS that protocols such as SMB send for this error ([MS-ERREF] 2.3). It is
    /// `STATUS_LOGON_FAILURE` for every reason that a peer must not tell apart.
    ///
    /// ```
    /// use ntlm::error::{Denied, Error, Rejection};
    ///
    /// assert_eq!(Error::from(Denied::WrongPassword).ntstatus(), 0xc000_006d);
    /// assert_eq!(Error::from(Rejection::UnknownUser).ntstatus(), 0xc000_006d);
    /// ```
    #[must_use]
    pub const fn ntstatus(self) -> u32 {
        match self {
            // STATUS_LOGON_FAILURE
            Self::Denied(_) | Self::Refused(_) => 0xc000_006d,
            // STATUS_INVALID_PARAMETER
            Self::Wire(_) | Self::Unexpected(_) => 0xc000_000d,
            // STATUS_ACCESS_DENIED
            Self::Integrity(_) => 0xc000_0022,
            // STATUS_INTERNAL_ERROR
            Self::Misuse(_) | Self::Environment(_) => 0xc000_00e5,
        }
    }

    /// Returns the SECURITY_STATUS that SSPI returns for this error, such as `SEC_E_LOGON_DENIED`
    /// (0x8009030c).
    #[must_use]
    #[doc(alias("SEC_E_LOGON_DENIED", "SEC_E_INVALID_TOKEN"))]
    pub const fn security_status(self) -> u32 {
        match self {
            // SEC_E_UNSUPPORTED_FUNCTION
            Self::Refused(Refused::MissingFlags(_)) => 0x8009_0302,
            // SEC_E_LOGON_DENIED
            Self::Denied(_) | Self::Refused(_) => 0x8009_030c,
            // SEC_E_INVALID_TOKEN
            Self::Wire(_) | Self::Unexpected(_) => 0x8009_0308,
            // SEC_E_OUT_OF_SEQUENCE
            Self::Integrity(Integrity::Sequence) => 0x8009_0310,
            // SEC_E_MESSAGE_ALTERED
            Self::Integrity(_) => 0x8009_030f,
            // SEC_E_INTERNAL_ERROR
            Self::Misuse(_) | Self::Environment(_) => 0x8009_0304,
        }
    }
}

/// An error as it is logged.
struct Log(Error);

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Denied(denied) => write!(f, "{denied}: {}", denied.reason()),
            error => error.fmt(f),
        }
    }
}

/// Why a message was not accepted, or cannot be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Integrity {
    /// The signature is of a version that does not exist. The session goes on.
    #[error("the signature has an unknown version")]
    Version,
    /// The message is not the next one: it was replayed, or others were lost or reordered. The
    /// session goes on. Without extended session security, that is a [`Checksum`](Self::Checksum).
    #[error("the message is not the next one")]
    Sequence,
    /// The message or its signature was changed. A [`Session`](crate::Session) receives nothing
    /// more in that direction; a [`DatagramSession`](crate::DatagramSession) goes on.
    #[error("the message does not match its signature")]
    Checksum,
    /// An earlier message did not match its signature.
    #[error("an earlier message did not match its signature")]
    Closed,
    /// All 2^32 sequence numbers are used up: a new exchange is needed.
    #[error("all sequence numbers are used up")]
    Exhausted,
}

/// What the caller should not have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A connection-oriented session was asked of a connectionless exchange, or the reverse.
    #[error("the exchange was of the other mode")]
    WrongMode,
    /// Signing or sealing was not negotiated: ask for it before the exchange begins, and as a
    /// server require it.
    #[error("this protection was not negotiated")]
    NotNegotiated,
    /// Anonymous clients and guests have no key to protect messages with ([MS-NLMP] 3.4).
    #[error("anonymous clients and guests have no session security")]
    NoSessionSecurity,
    /// It works with extended session security only.
    #[error("this needs extended session security")]
    NeedsExtendedSessionSecurity,
    /// The `mechListMIC` of SPNEGO comes before all other messages.
    #[error("the mechListMIC comes before all other messages")]
    MechListMicTooLate,
    /// The server has no NetBIOS name, which each CHALLENGE must tell (2.2.2.1).
    #[error("the server has no NetBIOS name")]
    NoServerName,
    /// The policy requires channel bindings, and the application gave this side none to send, or to
    /// compare with.
    #[error("the policy requires channel bindings, and this side was given none")]
    NoChannelBindings,
    /// The policy requires an SPN (service principal name), and the application gave this side none to
    /// send, or to compare with.
    #[error("the policy requires an SPN, and this side was given none")]
    NoSpn,
    /// The policy offers neither UNICODE nor OEM, so that no peer can agree on a character set
    /// (2.2.2.5, A and B).
    #[error("the policy offers no character set")]
    NoCharacterSet,
    /// The handshake is over, by its end or by an error: make another.
    #[error("the handshake is over")]
    HandshakeOver,
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn errors_say_whose_fault_it_is_and_which_rule_failed() {
        let wire = wire::Challenge::parse(b"NTLMSSP\0\x02\0\0\0").unwrap_err();
        let missing = Refused::MissingFlags(NegotiateFlags::NEGOTIATE_SEAL);
        for (error, text) in [
            (wire.into(), "malformed message: the message is too short, at byte 12"),
            (Unexpected::NoResponse.into(), "unexpected message: a response is missing"),
            (missing.into(), "refused by policy: required flags were not negotiated: 0x00000020"),
            (Denied::Mic.into(), "authentication failed"),
            (Integrity::Sequence.into(), "message integrity: the message is not the next one"),
            (Misuse::WrongMode.into(), "misuse: the exchange was of the other mode"),
            (EnvironmentError::Clock.into(), "environment: the current time is not known"),
        ] {
            let error: Error = error;
            assert!(error.to_string().starts_with(text), "{error}");
            assert!(core::error::Error::source(&error).is_none(), "it says so itself");
        }
        assert_eq!(format!("{:?}", Error::from(Denied::Mic)), "Denied(Mic)");
    }
}
