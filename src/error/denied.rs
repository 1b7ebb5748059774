//! Verdicts of a server.

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
    /// The client proved nothing, and the policy allows no guests, or requires what only a proof or a key
    /// can give.
    Guest,
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
            Self::Guest => "the policy allows no guest",
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
