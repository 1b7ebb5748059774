//! Signing and sealing of messages after the handshake (\[MS-NLMP\] 3.4).
//!
//! A session is made from [`SessionKeys`]. The client gets them from
//! [`answer`](crate::client::AwaitChallenge::answer), and the server when it has accepted the
//! client. The handshake negotiates the protection, so ask for it before: with
//! [`Client::with_protection`](crate::Client::with_protection).
//!
//! ```
#![doc = include_str!("hidden_handshake.md")]
//! // `client` and `server` are the sessions of the two sides.
//! let token = client.wrap(b"attack at dawn")?; // a signature, then the ciphertext
//! assert_eq!(server.unwrap(&token)?, b"attack at dawn");
//!
//! // In place, for protocols that send the signature elsewhere.
//! let mut message = *b"at the north gate";
//! let signature = server.seal(&mut message)?;
//! client.unseal(&mut message, &signature)?;
//! assert_eq!(&message, b"at the north gate");
//!
//! // Signed only.
//! let signature = client.sign(b"readable")?;
//! server.verify(b"readable", &signature)?;
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! | application protocol | what to call |
//! |---|---|
//! | LDAP, GSSAPI `gss_wrap` | [`Session::wrap`], [`Session::unwrap`]: signature, then ciphertext |
//! | GSSAPI `gss_get_mic` | [`Session::sign`], [`Session::verify`] |
//! | DCE/RPC, WinRM with headers | [`Session::seal_parts`], [`Session::unseal_parts`] |
//! | SPNEGO without the module `spnego` | [`Session::mech_list_mic`] before all other calls |
//! | CredSSP | [`Session::wrap`] for `pubKeyAuth` and `authInfo`; the client must ask for [`Protection::Seal`] |
//! | SMB | [`SessionKeys::exported_session_key`]: SMB protects its messages itself (if SPNEGO needs a session too, copy the key before [`SessionKeys::into_session`]) |
//! | datagrams | [`DatagramSession`] with the application's sequence numbers |
//!
//! If SIGN was negotiated without SEAL, the `gss_wrap` of other implementations differs: Samba
//! sends the signature and the message in clear ([`Session::sign`]), except over LDAP, where it
//! seals; gss-ntlmssp and pyspnego always seal. To seal nevertheless, make a session with
//! `Session::new` (feature `hazmat`), and add `NEGOTIATE_SEAL` to [`SessionKeys::flags`].
//!
//! Empty messages can be signed and sealed like others, but gss-ntlmssp rejects them.

mod checksum;
mod connection;
mod datagram;
mod direction;
mod export;
mod halves;
#[cfg(feature = "hazmat")]
mod hazmat;
mod keys;
mod mech_list_mics;
mod part;
mod protection;

pub use connection::Session;
pub use datagram::DatagramSession;
pub use halves::{Receiver, Sender};
pub use keys::SessionKeys;
pub use part::Part;
pub use protection::Protection;

pub use crate::wire::Signature;

pub(crate) use export::{export_handshake, import_handshake};
pub(crate) use keys::Secrecy;
