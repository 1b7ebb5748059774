//! SPNEGO around NTLM (RFC 4178, \[MS-SPNG\]): how SMB, LDAP, DCE/RPC, CredSSP, WinRM and browsers under
//! `Negotiate` carry it.
//!
//! SPNEGO negotiates which mechanism a client and a server use. This crate speaks one mechanism, so an
//! [`Initiator`] offers NTLM alone, and an [`Acceptor`] chooses NTLM from what a client offers, also
//! where the client prefers Kerberos. Both take and return the tokens of the carrier; the NTLM messages
//! inside come from [`Client`](crate::Client) and [`Server`](crate::Server), whose policies apply.
//!
//! | token | from | contents |
//! |---|---|---|
//! | `NegTokenInit` | client | NTLM, NEGOTIATE |
//! | `NegTokenResp` | server | accept-incomplete, NTLM, CHALLENGE |
//! | `NegTokenResp` | client | accept-incomplete, AUTHENTICATE, `mechListMIC` |
//! | `NegTokenResp` | server | accept-completed, `mechListMIC` |
//!
//! There are more tokens if the client prefers another mechanism, sends no first message, or leaves out
//! a `mechListMIC` that is due. The `mechListMIC` is a signature over the list of mechanisms. It shows
//! that nobody changed the list in transit; it is not the MIC of the AUTHENTICATE, which covers the NTLM
//! messages.
//!
//! For each `mechListMIC`, the sequence numbers of its direction start at 1 instead of 0. The sessions of
//! the keys that are returned here do so on their own.
//!
//! | carrier | token of a server that rejects | last token |
//! |---|---|---|
//! | SMB | none; a status | with the status 0 |
//! | LDAP (SASL GSS-SPNEGO) | none; a result code | with the result code 0; sealing starts at once |
//! | DCE/RPC (auth_type 9) | none; a fault | in the response to `alter_context` |
//! | HTTP | none; 401 | in the 200, if the server sends it: see [`AwaitServer::finish`] |
//! | CredSSP | none; an error code | with `pubKeyAuth`, or before |

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
