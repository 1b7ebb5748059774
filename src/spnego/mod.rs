//! NTLM in SPNEGO (RFC 4178, \[MS-SPNG\]), as SMB, LDAP, DCE/RPC, CredSSP, WinRM and HTTP
//! (`Negotiate`) use it.
//!
//! With SPNEGO, client and server negotiate an authentication mechanism, such as Kerberos or NTLM.
//! This crate supports only NTLM: an [`Initiator`] offers nothing else, and an [`Acceptor`] chooses
//! NTLM if the client offers it, even if the client prefers Kerberos. The application sends and
//! receives their tokens. The NTLM messages in the tokens are those of [`Client`](crate::Client)
//! and [`Server`](crate::Server), whose policies apply.
//!
//! A usual negotiation has four tokens:
//!
//! | token | from | contents |
//! |---|---|---|
//! | `NegTokenInit` | client | NTLM, NEGOTIATE |
//! | `NegTokenResp` | server | accept-incomplete, NTLM, CHALLENGE |
//! | `NegTokenResp` | client | accept-incomplete, AUTHENTICATE, `mechListMIC` |
//! | `NegTokenResp` | server | accept-completed, `mechListMIC` |
//!
//! There are more tokens if the client prefers another mechanism, sends no NEGOTIATE in its first
//! token, or omits a required `mechListMIC`.
//!
//! The `mechListMIC` is a signature over the client's list of mechanisms, which shows that the list
//! was not changed in transit. It is not the MIC of the AUTHENTICATE, which covers the NTLM
//! messages.
//!
//! Each `mechListMIC` uses up the first sequence number of its direction. Sessions made from the
//! keys that this module returns take that into account.
//!
//! Application protocols differ in how a server rejects a client, and where it sends its last
//! token:
//!
//! | protocol | rejection | last token |
//! |---|---|---|
//! | SMB | a status, without token | with the status 0 |
//! | LDAP (SASL GSS-SPNEGO) | a result code, without token | with the result code 0; sealing starts directly afterwards |
//! | DCE/RPC (auth_type 9) | a fault, without token | in the response to `alter_context` |
//! | HTTP | 401, without token | in the 200; some servers omit it: see [`AwaitServer::finish`] |
//! | CredSSP | an error code, without token | with `pubKeyAuth`, or before it |

mod acceptor;
mod emit;
mod error;
#[cfg(feature = "hazmat")]
#[doc(hidden)]
pub mod hazmat;
mod initiator;
mod mechanism;
mod mic;
mod response;
mod tlv;
mod token;

pub use acceptor::{
    Accepting, Acceptor, AcceptorHandshake, AcceptorLookUp, AcceptorOutcome, AcceptorStep,
    AwaitClient, Established, LookUp, Outcome,
};
pub use error::{Error, MicError, TokenError, TokenErrorKind, TokenKind};
pub use initiator::{AwaitServer, Initiated, Initiator, InitiatorHandshake, InitiatorStep};
pub use mechanism::Mechanism;
pub(crate) use tlv::{Element, Elements};
pub(crate) use token::SPNEGO;
pub use token::{MechTypes, NegState, NegTokenInit, NegTokenResp, Token};
