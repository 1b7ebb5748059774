//! NTLM authentication (\[MS-NLMP\]): a client, a server that verifies logins, and signing and
//! sealing of the messages that follow. The crate does no I/O: you pass it the received bytes, and
//! it returns the bytes to send. You provide sockets and threads, and look up the users.
//!
//! **NTLM is weak.** Anyone who records a handshake can brute-force the password offline, and a man
//! in the middle can relay the login to another server. Prefer Kerberos, or TLS with client
//! certificates. If you cannot, use NTLM inside TLS with [`ChannelBindings`].
//!
//! # A complete handshake
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use ntlm::error::{Error, Rejection};
//! use ntlm::server::{Claim, Names};
//! use ntlm::session::Protection;
//! use ntlm::{Client, Credentials, NtHash, Os, Server, UserName};
//!
//! # fn main() -> Result<(), Error> {
//! let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"))
//!     .with_spn("ldap/files.example.com")
//!     .with_protection(Protection::Seal)
//!     .checked()?;
//! let server = Server::new(Names::member("FILES", "EXAMPLE")).checked()?;
//! let alice = UserName::new("alice").with_domain("EXAMPLE");
//! let store = |user: &UserName| {
//!     user.eq_ignore_case(&alice).then(|| NtHash::from_password("correct horse"))
//! };
//!
//! // Three messages: client, server, client.
//! let (negotiate, await_challenge) = client.initiate()?;
//! let (challenge, await_authenticate) = server.challenge(&negotiate, &mut Os)?;
//! let answer = await_challenge.answer(&challenge, &mut Os)?;
//!
//! // Look the user up, and verify the proof.
//! let accepted = match await_authenticate.read(&answer.token, &mut Os)? {
//!     Claim::User(claim) => match store(claim.claimed_user()) {
//!         Some(hash) => claim.verify_nt_hash(&hash)?,
//!         None => claim.reject(Rejection::UnknownUser)?,
//!     },
//!     Claim::Anonymous(claim) => claim.accept()?,
//! };
//! assert_eq!(accepted.user(), Some(&alice));
//!
//! // Both sides have the same session key. Messages are sealed in place.
//! let mut client_side = answer.keys.into_session()?;
//! let mut server_side = accepted.keys.into_session()?;
//! let mut message = *b"for your eyes only";
//! let signature = client_side.seal(&mut message)?;
//! server_side.unseal(&mut message, &signature)?;
//! assert_eq!(&message, b"for your eyes only");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to start
//!
//! | task | module |
//! |---|---|
//! | learn what NTLM is; choose settings; find out why a login fails | [`manual`] |
//! | log in to a server | [`client`] |
//! | authenticate clients, also through a domain controller | [`server`] |
//! | run a handshake with one value and its method `step` | [`client::Handshake`], [`server::Handshake`] |
//! | sign and seal messages, in parts or as datagrams | [`session`] |
//! | continue in another process | [`Session::export`], [`SessionKeys::export`], [`server::AwaitAuthenticate::export`] |
//! | SPNEGO, which SMB, LDAP, DCE/RPC, CredSSP and WinRM need | `spnego` (feature `spnego`) |
//! | HTTP: 401 and 407, `NTLM` and `Negotiate`, the state of a connection | `http` (feature `http`) |
//! | print a token with explanations | [`inspect`] |
//! | verify a recorded handshake | [`environment::AtTime`], [`Server::resume`] |
//! | read and write messages without a policy | [`wire`] |
//! | hashes and keys; with the feature `hazmat`, also responses and primitives | [`crypto`] |
//! | names in OEM code pages | [`text::code_page`] |
//! | the reasons why a handshake fails, as types | [`error`] |
//!
//! # What is supported
//!
//! The crate implements all of \[MS-NLMP\] revision 37.0 (2026-03-30): client and server,
//! connection-oriented and connectionless; LM, NTLMv1, NTLM2 session, LMv2 and NTLMv2 responses,
//! anonymous clients and guests; keys of 40, 56 and 128 bits, with and without extended session
//! security and key exchange; OEM code pages; MIC (message integrity code), channel bindings and
//! SPNs (service principal names); all forms of signing and sealing. If peers deviate from the
//! specification, this crate follows Windows; comments in the code explain why.
//!
//! Not supported: sockets; Kerberos; NETLOGON, the protocol between a server and its domain
//! controller; sending `Single_Host_Data`, which is only meaningful between processes of one
//! machine.
//!
//! # Defaults
//!
//! A client sends only NTLMv2. It requests neither signing nor sealing, and it sends no workstation
//! name and no SPN unless you set them. A server accepts only NTLMv2, and no anonymous clients or
//! guests. If the client announces a MIC, the MIC must be present and valid. If the client sends
//! channel bindings or an SPN, they must match those that you set on the server, if any. The
//! response must repeat the names and the time that the server sent.
//!
//! If messages are signed or sealed, both sides require 128 bits and extended session security.
//! Both send the version of Windows Server 2022, because some peers require a version. All this can
//! be changed in [`client::Policy`] and [`server::Policy`]; [`client::Policy::strict`] and
//! [`server::Policy::strict`] turn on every check that the protocol supports.
//!
//! # Errors, panics, features
//!
//! Data from the network cannot cause a panic (if it does, it is a bug in this crate), and memory
//! is allocated in proportion to the length of a message, which the policy limits. [`Error`] says
//! who caused a failure and which rule failed. Secrets are wiped when dropped, compared in constant
//! time, and never printed.
//!
//! The crate is `no_std` with `alloc`, and needs Rust 1.85.
//!
//! | feature | default | what it adds | dependencies and features |
//! |---|---|---|---|
//! | `std` | yes | `Os`: the operating system's clock and random number generator | `rand` |
//! | `http` | yes | the module `http`: headers, and both sides of an HTTP/1.1 connection | `base64` |
//! | `http-types` | no | conversions between the module `http` and the types of the crate `http` | `http`, `std` |
//! | `spnego` | no | the module `spnego`: NTLM inside SPNEGO, on both sides; the module `http` uses it under `Negotiate` | `der` |
//! | `certificate` | no | `ChannelBindings::from_certificate` | `x509-cert`, `sha2` |
//! | `hazmat` | no | functions that are easy to misuse: sessions from your own keys, responses and session keys, `crypto::primitives`, `wire::AvPairsBuf` | |
//! | `code-pages` | no | code pages 437, 850, 852, 866 and Windows-1252: `text::code_page` | `yore` |
//!
#![cfg_attr(
    not(all(feature = "std", feature = "http")),
    doc = "[`manual`]: https://docs.rs/ntlm/latest/ntlm/manual/"
)]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "certificate")]
mod certificate;
mod channel_bindings;
pub mod client;
mod credentials;
pub mod crypto;
pub mod environment;
pub mod error;
mod export;
#[cfg(feature = "http")]
pub mod http;
pub mod inspect;
#[cfg(all(any(doc, doctest), feature = "std", feature = "http"))]
pub mod manual;
mod mic;
mod negotiation;
mod policy;
mod secret;
pub mod server;
pub mod session;
#[cfg(feature = "spnego")]
pub mod spnego;
pub mod text;
mod upcase;
pub mod wire;

#[cfg(feature = "certificate")]
pub use certificate::CertificateError;
pub use channel_bindings::ChannelBindings;
pub use client::Client;
pub use credentials::{Credentials, UserName};
pub use crypto::NtHash;
#[cfg(feature = "std")]
pub use environment::Os;
pub use environment::{Environment, EnvironmentError, FileTime};
pub use error::Error;
pub use export::{Exported, ImportError};
pub use policy::{Enforcement, LmCompatibility, ResponseKind, SharedPolicy};
pub use server::Server;
pub use session::{DatagramSession, Session, SessionKeys};
pub use text::{Ascii, CharacterSet, CodePage, Text, TextError};

/// Tests the examples of the README.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
