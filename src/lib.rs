//! NTLM authentication (\[MS-NLMP\]): a client, a verifying server, and the signing and sealing of
//! messages afterwards. It turns bytes into bytes and verdicts; sockets, threads and the look-up of
//! users are yours.
//!
//! **NTLM is weak.** Anyone who records a handshake can brute-force the password offline, and a man in
//! the middle can relay the login to another server. Prefer Kerberos, or TLS with client certificates, where you
//! can; where you cannot, run it inside TLS with [`ChannelBindings`].
//!
//! # A whole exchange
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
//! // The server pauses for the look-up, and verifies.
//! let accepted = match await_authenticate.read(&answer.token, &mut Os)? {
//!     Claim::User(claim) => match store(claim.claimed_user()) {
//!         Some(hash) => claim.verify_nt_hash(&hash)?,
//!         None => claim.reject(Rejection::UnknownUser)?,
//!     },
//!     Claim::Anonymous(claim) => claim.accept()?,
//! };
//! assert_eq!(accepted.user(), Some(&alice));
//!
//! // Both sides share a key; messages are sealed in place.
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
//! # Where to go
//!
//! | task | module |
//! |---|---|
//! | learn what NTLM is; choose settings; find out why a login fails | [`manual`] |
//! | log in to a server | [`client`] |
//! | let clients log in; ask a domain controller | [`server`] |
//! | all steps in one value, for owners of `&mut self` | [`client::Handshake`], [`server::Handshake`] |
//! | sign, seal, split into parts, datagrams | [`session`] |
//! | go on in another process | [`Session::export`], [`SessionKeys::export`], [`server::AwaitAuthenticate::export`] |
//! | SPNEGO, as SMB, LDAP, DCE/RPC, CredSSP and WinRM need it | `spnego` (feature `spnego`) |
//! | HTTP: 401 and 407, `NTLM` and `Negotiate`, one connection | `http` (feature `http`) |
//! | look at a token | [`inspect`] |
//! | verify a recorded handshake | [`environment::AtTime`], [`Server::resume`] |
//! | read and write messages without a policy | [`wire`] |
//! | hashes and keys on their own; with the feature `hazmat`, also responses and primitives | [`crypto`] |
//! | names in OEM code pages | [`text::code_page`] |
//! | whose fault it is | [`error`] |
//!
//! # What is here, and what is not
//!
//! All of \[MS-NLMP\] revision 37.0 (2026-03-30): connection-oriented and connectionless, client
//! and server; LM, NTLM, NTLM2 session, LMv2 and NTLMv2 responses, anonymous clients and guests; 40, 56
//! and 128 bits, with and without extended session security and key exchange; OEM code pages; MIC,
//! channel bindings, SPNs; signing and sealing in every form. Where peers are known to
//! differ from the text, it does what works with Windows; the reasons stand in the code.
//!
//! Not here: sockets; Kerberos; NETLOGON, with which a server asks a domain
//! controller; `Single_Host_Data` of our own (it is for the same machine).
//!
//! # Defaults
//!
//! A client sends NTLMv2 only, and offers neither protection nor any name that you did not give.
//! Both sides tell the version of Windows Server 2022, since some peers need to see one. A
//! server takes NTLMv2 only, insists on a MIC that was promised, on channel bindings and target
//! names that are right if they are there, on its own names and time in the response, and lets
//! neither anonymous clients nor guests in. Both demand 128 bits and extended session security
//! where messages are protected. Everything else is a field of [`client::Policy`] or
//! [`server::Policy`]; [`client::Policy::strict`] and [`server::Policy::strict`] demand all that can
//! be demanded.
//!
//! # Errors, panics, features
//!
//! No bytes from the network make it panic (a panic is our bug) or allocate more than their length
//! warrants; a policy limits that length. [`Error`] says whose fault it is and which rule failed.
//! Secrets are wiped when dropped, compared in constant time, and never printed.
//!
//! It is `no_std` with `alloc`, and needs Rust 1.85.
//!
//! | feature | default | what it adds | with |
//! |---|---|---|---|
//! | `std` | yes | `Os`: the operating system's clock and randomness | `rand` |
//! | `http` | yes | the module `http`: headers, and both sides of an HTTP/1.1 connection | `base64` |
//! | `http-types` | no | conversions between the module `http` and the types of the crate `http` | `http`, `std` |
//! | `spnego` | no | the module `spnego`: NTLM in SPNEGO, on both sides; `http` speaks it under `Negotiate` | `der` |
//! | `certificate` | no | `ChannelBindings::from_certificate` | `x509-cert`, `sha2` |
//! | `hazmat` | no | what is easy to misuse: sessions from keys that you give, responses and session keys on their own, `crypto::primitives`, `wire::AvPairsBuf` | |
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

/// The README's example is tested too.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
