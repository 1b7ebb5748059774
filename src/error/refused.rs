//! What this side's policy does not allow.

use crate::text::TextError;
use crate::wire::NegotiateFlags;

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
