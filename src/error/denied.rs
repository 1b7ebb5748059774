//! Why a server rejects a client.

/// Why authentication failed.
///
/// `Display` prints the same text for all variants, because applications send it to the peer. For
/// the log, use [`reason`](Self::reason).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("authentication failed")]
#[non_exhaustive]
pub enum Denied {
    /// The response was not made with the user's password.
    WrongPassword,
    /// The application or the domain controller rejected the client.
    Rejected(Rejection),
    /// The client should become a guest, and the policy does not allow guests, or requires what
    /// only a client with a proof can have.
    Guest,
    /// The response or its session key is derived from the LM hash, and there is none: the password
    /// has no LM hash, none was passed to the call that verifies, or the domain controller's answer
    /// has no `LmSessionKey`.
    NoLmHash,
    /// The MIC (message integrity code) is wrong: a message was changed in transit.
    Mic,
    /// The client announced a MIC but sent none (CVE-2019-1040), or the policy requires a MIC.
    MicMissing,
    /// The channel bindings are those of another TLS connection: a proxy ends TLS, or the login is
    /// relayed.
    ChannelBindings,
    /// The policy requires channel bindings, and the client sent none.
    ChannelBindingsMissing,
    /// The client's SPN (service principal name) is not one of this server's: one of this server's
    /// SPNs was not configured, or the login is relayed.
    Spn,
    /// The policy requires an SPN, and the client sent none or marked it as unverified.
    SpnMissing,
    /// The response does not repeat the `TargetInfo` that this server sent: it may have been made
    /// for another server.
    TargetInfo,
    /// The response is too old. Or it does not repeat the time of the CHALLENGE, and the client's
    /// clock differs too much from the server's.
    Time,
    /// The CHALLENGE is too old.
    ChallengeExpired,
}

/// Why the application or a domain controller rejects a client, as passed to
/// [`UserClaim::reject`](crate::server::UserClaim::reject). For the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no such user.
    UnknownUser,
    /// The domain controller reports a wrong password.
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
    /// The domain controller does not allow NTLM for this account (`STATUS_NTLM_BLOCKED`).
    NtlmBlocked,
    /// The domain controller rejected the client for another reason.
    DomainController,
    /// No domain controller could be reached.
    Unreachable,
    /// Looking up the user failed.
    LookupFailed,
}

impl Denied {
    /// Returns the reason as text. It is for the log only: the difference between "unknown user"
    /// and "wrong password" helps an attacker.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong password",
            Self::Rejected(rejection) => rejection.reason(),
            Self::Guest => "the policy does not allow guests",
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
    /// Returns the reason for an NTSTATUS of a domain controller ([MS-ERREF] 2.3), such as
    /// `STATUS_WRONG_PASSWORD` (0xc000006a). A status that no other variant describes becomes
    /// [`DomainController`](Self::DomainController).
    #[must_use]
    pub const fn from_ntstatus(status: u32) -> Self {
        match status {
            // STATUS_NO_SUCH_USER
            0xc000_0064 => Self::UnknownUser,
            // STATUS_WRONG_PASSWORD; STATUS_LOGON_FAILURE: wrong password or unknown user
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

    /// Returns the reason as text. It is for the log only.
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
            Self::NtlmBlocked => "the domain controller does not allow NTLM for this account",
            Self::DomainController => "the domain controller rejected the client",
            Self::Unreachable => "no domain controller could be reached",
            Self::LookupFailed => "the user could not be looked up",
        }
    }
}
