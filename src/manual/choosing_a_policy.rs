//! Which settings fit which application protocol: protection, SPN, channel bindings and SPNEGO, on
//! both sides.
//!
//! # Three questions
//!
//! 1. **Does TLS protect the connection?** Then give both sides the channel bindings of its
//!    certificate.
//! 2. **Does the application protocol sign or seal messages with NTLM's key?** Then ask for it on
//!    the client, and require it on the server.
//! 3. **Do you know all clients, and are they current?** Then begin with [`client::Policy::strict`]
//!    and [`server::Policy::strict`], and turn off each requirement that one of your clients cannot
//!    meet. Otherwise begin with the defaults, which accept most clients, and require more where
//!    you can.
//!
//! If the answers to 1 and 2 are both no, only the SPN is left. It stops a relay to another
//! service, but not a man in the middle between the client and the right service.
//!
//! # By protocol
//!
//! What a client asks for ([`Client::with_protection`]) and which SPN it names
//! ([`Client::with_spn`]):
//!
//! | protocol | ask for | SPN |
//! |---|---|---|
//! | HTTP | nothing | `HTTP/host` |
//! | WinRM, plain | seal | `HTTP/host` |
//! | SMB | sign | `cifs/host` |
//! | LDAP, plain | seal | `ldap/host` |
//! | LDAP in TLS | nothing | `ldap/host` |
//! | DCE/RPC | seal | `host/host` |
//! | RDP (CredSSP) | seal | `TERMSRV/host` |
//! | SQL Server | nothing | `MSSQLSvc/host:port` |
//! | mail | nothing | none |
//!
//! The host is the name that the user or the configuration gives, such as `files.example.com`. Only
//! SQL Server's SPN has a port.
//!
//! Which channel bindings tie the login to TLS, and what the messages are wrapped in:
//!
//! | protocol | bindings | wrapped in |
//! |---|---|---|
//! | HTTPS | end point | nothing, or SPNEGO |
//! | WinRM in TLS | end point | nothing, or SPNEGO |
//! | SMB | no TLS | SPNEGO |
//! | LDAP in TLS | end point | SPNEGO |
//! | DCE/RPC | no TLS | nothing, or SPNEGO |
//! | RDP (CredSSP) | none; see below | SPNEGO, or nothing |
//! | SQL Server | unique | SPNEGO, or nothing |
//! | mail | depends | nothing |
//!
//! "End point" is [`ChannelBindings::tls_server_end_point`], or `ChannelBindings::from_certificate`
//! with the feature `certificate`. "Unique" is [`ChannelBindings::tls_unique`].
//!
//! # Remarks
//!
//! The numbers are rows of `tests/interop/README.md`, where the versions are.
//!
//! - **HTTP.** Chromium and requests_ntlm send channel bindings (rows 14, 31); curl, Firefox,
//!   httpx-ntlm, axios-ntlm and httpntlm do not (rows 17, 34). So a server with extended protection
//!   rejects these. See also [`http_in_practice`](super::http_in_practice).
//! - **SMB** signs with [`SessionKeys::exported_session_key`], not with a [`Session`]. All messages
//!   of the example `smb_client` are signed (rows 49, 54, 160, 166).
//! - **LDAP.** A Samba domain rejects a search without protection (row 56). Inside TLS, do not
//!   negotiate signing, because both sides would then wrap all messages:
//!   `Initiator::without_signing`.
//! - **DCE/RPC** seals the body and signs the header ([`Session::seal_parts`]; row 54).
//! - **RDP.** CredSSP binds the login to the server's public key itself, in the sealed field
//!   `pubKeyAuth`. FreeRDP sends NTLM without SPNEGO; pyspnego can do both (rows 260, 265).
//! - **WinRM** seals its messages inside plain HTTP (rows 270, 273).
//! - **SQL Server.** jTDS and python-tds send NTLMv2 (rows 138, 309), and tedious only LMv2, which
//!   needs [`allow_lmv2_alone`] (rows 135, 136). impacket sends `tls-unique` (row 314).
//! - **Mail.** Jakarta Mail and Dovecot use NTLMv2 (rows 119, 133). Exim's server accepts only
//!   NTLMv1 (row 113).
//!
//! # In code
//!
//! A web server with extended protection, whose clients all send bindings and a MIC. It rejects
//! curl and Firefox, which send neither, with the reason `the MIC is missing`:
//!
//! ```
//! use ntlm::server::{Names, Policy};
//! use ntlm::{ChannelBindings, Enforcement, Server};
//!
//! # let certificate_hash = [7; 32];
//! let mut policy = Policy::default();
//! policy.channel_bindings = Enforcement::Required;
//! policy.shared.require_mic = true; // otherwise a man in the middle can insert bindings
//! let server = Server::new(Names::member("WEB", "EXAMPLE"))
//!     .with_policy(policy)
//!     .with_channel_bindings(ChannelBindings::tls_server_end_point(&certificate_hash)?)
//!     .checked()?;
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! A directory server without TLS, whose clients all seal:
//!
//! ```
//! use ntlm::server::{Names, Policy};
//! use ntlm::wire::NegotiateFlags;
//! use ntlm::{Enforcement, Server};
//!
//! let mut policy = Policy::strict();
//! policy.channel_bindings = Enforcement::IfPresent; // there is no TLS
//! policy.shared.require |= NegotiateFlags::PROTECTION; // SIGN and SEAL
//! let server = Server::new(Names::member("DIRECTORY", "EXAMPLE"))
//!     .with_policy(policy)
//!     .with_spns(["ldap/directory.example.com", "ldap/directory"])
//!     .checked()?;
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! [`Names`] are what the server calls itself in the CHALLENGE: the short names of the machine and
//! of the domain, in capitals by custom, or [`Names::standalone`] without a domain. They do not
//! restrict who can log in: the domain in a user's name is not compared with them. `checked` finds
//! contradictions, such as bindings that are required and were not given.
//!
//! # What the policies require
//!
//! | | default | strict |
//! |---|---|---|
//! | response | NTLMv2 | NTLMv2 |
//! | MIC | if announced | always |
//! | bindings | if sent | always |
//! | SPN | if sent | always |
//! | server's names and time | must be repeated | must be repeated |
//! | age of the challenge | 36 hours | 5 minutes |
//! | character set | UTF-16, OEM | UTF-16 |
//! | 128 bits | if protected | if protected |
//! | extended session security | if protected | always |
//! | key exchange | offered | if protected |
//! | anonymous, guests | rejected | rejected |
//!
//! "If sent": the server compares them with its own. If it was given none, it checks nothing. Which
//! clients the strict policy rejects is listed at [`server::Policy::strict`].
//!
//! # Old clients and servers
//!
//! Weaken one setting at a time, and only for the server or client that needs it:
//!
//! - NTLMv1: [`lm_compatibility`]. LMv2 only: [`allow_lmv2_alone`].
//! - Names outside ASCII without UTF-16: [`code_page`].
//! - No 128 bits or no extended session security: [`require_when_protected`].
//! - A server without NetBIOS names: [`allow_missing_netbios_names`].
//!
//! [`allow_lmv2_alone`]: crate::server::Policy::allow_lmv2_alone
//! [`allow_missing_netbios_names`]: crate::client::Policy::allow_missing_netbios_names
//! [`ChannelBindings::tls_server_end_point`]: crate::ChannelBindings::tls_server_end_point
//! [`ChannelBindings::tls_unique`]: crate::ChannelBindings::tls_unique
//! [`client::Policy::strict`]: crate::client::Policy::strict
//! [`Client::with_protection`]: crate::Client::with_protection
//! [`Client::with_spn`]: crate::Client::with_spn
//! [`code_page`]: crate::SharedPolicy::code_page
//! [`lm_compatibility`]: crate::SharedPolicy::lm_compatibility
//! [`Names`]: crate::server::Names
//! [`Names::standalone`]: crate::server::Names::standalone
//! [`require_when_protected`]: crate::SharedPolicy::require_when_protected
//! [`server::Policy::strict`]: crate::server::Policy::strict
//! [`Session`]: crate::Session
//! [`Session::seal_parts`]: crate::Session::seal_parts
//! [`SessionKeys::exported_session_key`]: crate::SessionKeys::exported_session_key
