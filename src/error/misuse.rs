//! Misuse of the API by the caller.

/// Misuse of the API by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The call does not fit the mode of the handshake. For example, a connection-oriented session
    /// was requested after a connectionless handshake.
    #[error("the call does not fit the mode of the handshake")]
    WrongMode,
    /// Signing or sealing was not negotiated. A client must request it before the handshake
    /// ([`Client::with_protection`](crate::Client::with_protection)); a server should require it
    /// ([`SharedPolicy::require`](crate::SharedPolicy::require)).
    #[error("this protection was not negotiated")]
    NotNegotiated,
    /// Anonymous clients and guests have no key to protect messages with ([MS-NLMP] 3.4).
    #[error("anonymous clients and guests have no session security")]
    NoSessionSecurity,
    /// The call needs extended session security, which was not negotiated.
    #[error("this needs extended session security")]
    NeedsExtendedSessionSecurity,
    /// SPNEGO's `mechListMIC` must be made or verified before any other message.
    #[error("the mechListMIC must come before all other messages")]
    MechListMicTooLate,
    /// The server has no NetBIOS name, which every CHALLENGE must contain ([MS-NLMP] 2.2.2.1).
    #[error("the server has no NetBIOS name")]
    NoServerName,
    /// The policy requires channel bindings, and the application set none.
    #[error("the policy requires channel bindings, and none were set")]
    NoChannelBindings,
    /// The policy requires an SPN (service principal name), and the application set none.
    #[error("the policy requires an SPN, and none was set")]
    NoSpn,
    /// The policy offers neither UNICODE nor OEM, so no character set can be negotiated ([MS-NLMP]
    /// 2.2.2.5, A and B).
    #[error("the policy offers neither UNICODE nor OEM")]
    NoCharacterSet,
    /// The bytes are not the hash of a certificate, because no hash function has this output
    /// length. They may be the certificate itself. The number is their length in bytes.
    #[error("a certificate's hash has 28, 32, 48 or 64 bytes, not {0}")]
    CertificateHashLength(usize),
    /// The handshake has completed or failed. Start another one.
    #[error("the handshake has completed or failed")]
    HandshakeOver,
}
