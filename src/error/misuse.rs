//! What a caller gets wrong.

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
    /// These bytes are not the hash of a certificate; they may be the certificate itself. It contains
    /// their number.
    #[error("a certificate's hash has 28, 32, 48 or 64 bytes, not {0}")]
    CertificateHashLength(usize),
    /// The handshake is over, by its end or by an error: make another.
    #[error("the handshake is over")]
    HandshakeOver,
}
