//! What the policy of this side does not allow.

use crate::text::TextError;
use crate::wire::NegotiateFlags;

/// What the policy of this side does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Required flags were not negotiated: the peer does not support them, or a man in the middle
    /// cleared them.
    #[error("required flags were not negotiated: {0}")]
    MissingFlags(NegotiateFlags),
    /// NTLM is disabled by policy, either entirely (`ServerBlock`) or for this server
    /// (`ClientBlocked`).
    #[error("NTLM is blocked")]
    Blocked,
    /// The policy does not allow this kind of response (`lm_compatibility`), or this kind cannot
    /// carry the MIC, channel bindings or SPN that the policy requires.
    #[error("this kind of response is not allowed")]
    ResponseKind,
    /// Messages are to be protected, and the key exchange key of this kind of response does not
    /// depend on the challenge. All sessions of the user would start from the same key
    /// (`SharedPolicy::allow_constant_key_exchange_key`).
    #[error("all sessions of this user would start from the same key")]
    ConstantKeyExchangeKey,
    /// Client: the policy requires channel bindings or an SPN, and the response cannot carry them,
    /// because the CHALLENGE has no `TargetInfo` or the client does not send NTLMv2.
    #[error("the response cannot carry channel bindings or an SPN")]
    NoTargetInfo,
    /// The policy does not allow anonymous clients.
    #[error("anonymous clients are not allowed")]
    Anonymous,
    /// Client: the session key is derived from the LM hash, and the credentials have none.
    #[error("the session key is derived from an LM hash, and there is none")]
    NoLmHash,
    /// A name of this side is too long, or cannot be encoded in the character set that the peer
    /// chose.
    #[error("cannot encode a configured name: {0}")]
    OurName(TextError),
    /// Client: the policy requires a MIC, and the response cannot have one, because it is not
    /// NTLMv2 or the CHALLENGE does not contain the time.
    #[error("the response cannot have a MIC")]
    NoMic,
    /// The message is longer than the policy allows.
    #[error("the message is too long")]
    TooLong,
}
