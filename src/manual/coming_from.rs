//! Coming from sspi-rs, winauth, GSSAPI, pyspnego or go-ntlmssp: the calls here that correspond to
//! theirs.
//!
//! Three things to know first:
//!
//! - **You send and receive the tokens.** No call opens a socket, and none blocks.
//! - **A server looks the user up between two calls.** There is no callback and no file of users:
//!   the handshake pauses with a [`Claim`], which you verify with a hash, or reject.
//! - **Each step consumes the state and returns the next one.** If you prefer one value with a
//!   `step` function, use [`Client::handshake`] and [`Server::handshake`]:
//!
//! ```
//! use ntlm::client::Step;
//! use ntlm::{Client, Credentials, Error, Os, SessionKeys};
//!
//! /// As in other libraries: tokens in, tokens out. `None` instead of keys means: not yet.
//! fn step(
//!     handshake: &mut ntlm::client::Handshake,
//!     received: &[u8],
//! ) -> Result<(Vec<u8>, Option<SessionKeys>), Error> {
//!     Ok(match handshake.step(received, &mut Os)? {
//!         Step::Send(token) => (token, None),
//!         Step::Done(answer) => (answer.token, Some(answer.keys)),
//!     })
//! }
//!
//! let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"));
//! let mut handshake = client.handshake();
//! let (token, keys) = step(&mut handshake, &[])?; // the first step takes nothing
//! assert!(token.starts_with(b"NTLMSSP\0") && keys.is_none());
//! # Ok::<(), Error>(())
//! ```
//!
//! # SSPI and sspi-rs
//!
//! - `AuthIdentity`, `acquire_credentials_handle`: [`Credentials`], [`Client::new`].
//! - `initialize_security_context`: [`Client::initiate`], then [`AwaitChallenge::answer`].
//! - `accept_security_context`: [`Server::challenge`], then [`AwaitAuthenticate::read`].
//! - `complete_auth_token`, and the identity that you give a server before
//!   `accept_security_context`: [`UserClaim::verify_nt_hash`]. Call it after
//!   [`AwaitAuthenticate::read`], when the user's name is known.
//! - `with_target_name`: [`Client::with_spn`].
//! - `INTEGRITY`, `CONFIDENTIALITY`: [`Client::with_protection`]. On a server: [`require`].
//! - `SECBUFFER_CHANNEL_BINDINGS`: [`Client::with_channel_bindings`],
//!   [`Server::with_channel_bindings`].
//! - `encrypt_message`, `decrypt_message` with a token and a data buffer: [`Session::seal`],
//!   [`Session::unseal`]; with more buffers: [`Session::seal_parts`], [`Session::unseal_parts`].
//! - `make_signature`, `verify_signature`: [`Session::sign`], [`Session::verify`].
//! - `query_context_session_key`: [`SessionKeys::exported_session_key`].
//! - `query_context_names`: [`Accepted::user`].
//! - `Negotiate` instead of `Ntlm`: `spnego::Initiator`, `spnego::Acceptor` (feature `spnego`).
//! - `SEC_E_LOGON_DENIED` and others: [`Error::security_status`].
//!
//! # GSSAPI and gss-ntlmssp
//!
//! - `gss_acquire_cred_with_password`: [`Credentials::password`].
//! - `gss_import_name` of `HTTP@www.example.com`: [`Client::with_spn`] with `HTTP/www.example.com`.
//! - `gss_init_sec_context`: [`Client::initiate`], then [`AwaitChallenge::answer`].
//! - `gss_accept_sec_context`: [`Server::challenge`], then [`AwaitAuthenticate::read`].
//! - `GSS_C_INTEG_FLAG`, `GSS_C_CONF_FLAG`: [`Client::with_protection`].
//! - `application_data` of `gss_channel_bindings_struct`: [`ChannelBindings::application_data`].
//! - `gss_get_mic`, `gss_verify_mic`: [`Session::sign`], [`Session::verify`].
//! - `gss_wrap`, `gss_unwrap`: [`Session::wrap`], [`Session::unwrap`].
//! - `gss_wrap_iov`, `gss_unwrap_iov`: [`Session::seal_parts`], [`Session::unseal_parts`].
//! - `gss_inquire_sec_context_by_oid` for the session key: [`SessionKeys::exported_session_key`].
//! - `gss_export_sec_context`, `gss_import_sec_context`: [`Session::export`], [`Session::import`].
//! - The mechanism SPNEGO: `spnego::Initiator`, `spnego::Acceptor` (feature `spnego`).
//!
//! # winauth
//!
//! - `NtlmV2ClientBuilder::new().build(domain, user, password)`: [`Client::new`] with
//!   [`Credentials::password`].
//! - `target_spn`: [`Client::with_spn`].
//! - `channel_bindings`: [`Client::with_channel_bindings`] with
//!   [`ChannelBindings::application_data`].
//! - `NextBytes::next_bytes`: [`Client::handshake`], as above.
//! - `http::Authenticator::http_outgoing_auth`: [`http::ClientConnection::on_response`].
//! - `http::Authenticator::http_incoming_auth`: [`http::ServerConnection::on_request`].
//! - `windows::NtlmSspi`: not here. This crate does not use the credentials of the logged-in user.
//!
//! # pyspnego
//!
//! - `spnego.client(protocol="ntlm")`: [`Client::new`]. `spnego.server(protocol="ntlm")`:
//!   [`Server::new`].
//! - `protocol="negotiate"`: `spnego::Initiator`, `spnego::Acceptor` (feature `spnego`).
//! - `hostname` and `service`: [`Client::with_spn`] with `service/hostname`.
//! - `ContextReq.integrity`, `ContextReq.confidentiality`: [`Client::with_protection`].
//! - `GssChannelBindings(application_data=…)`: [`ChannelBindings::application_data`].
//! - A password of the form `LM:NT`: [`Credentials::nt_hash`]. Here, a password that looks like a
//!   hash is a password.
//! - `step`, `complete`: [`Client::handshake`], [`Server::handshake`].
//! - `client_principal`: [`Accepted::user`].
//! - `sign`, `verify`, `wrap`, `unwrap`: the same names of [`Session`].
//! - `wrap_iov`: [`Session::seal_parts`]. `wrap_winrm`: the examples `winrm_client` and
//!   `winrm_server`.
//! - `session_key`: [`SessionKeys::exported_session_key`].
//! - `python -m spnego --token`: [`inspect::annotate`] and the example `inspect`.
//!
//! # go-ntlmssp
//!
//! - `Negotiator{RoundTripper}`: [`http::ClientConnection`], with your own HTTP client around it.
//!   The examples `http_client`, `reqwest_client` and `ureq_client` are made to be copied.
//! - `NewNegotiateMessage`: [`Client::initiate`], which sends neither domain nor workstation.
//! - `ProcessChallenge`, `NewAuthenticateMessage`: [`AwaitChallenge::answer`].
//! - `ProcessChallengeWithHash`, `PasswordHashed`: [`Credentials::nt_hash`].
//! - `GetDomain`: [`UserName::from`](crate::UserName#impl-From<%26str>-for-UserName).
//!
//! [`Accepted::user`]: crate::server::Accepted::user
//! [`AwaitAuthenticate::read`]: crate::server::AwaitAuthenticate::read
//! [`AwaitChallenge::answer`]: crate::client::AwaitChallenge::answer
//! [`ChannelBindings::application_data`]: crate::ChannelBindings::application_data
//! [`Claim`]: crate::server::Claim
//! [`Client::handshake`]: crate::Client::handshake
//! [`Client::initiate`]: crate::Client::initiate
//! [`Client::new`]: crate::Client::new
//! [`Client::with_channel_bindings`]: crate::Client::with_channel_bindings
//! [`Client::with_protection`]: crate::Client::with_protection
//! [`Client::with_spn`]: crate::Client::with_spn
//! [`Credentials`]: crate::Credentials
//! [`Credentials::nt_hash`]: crate::Credentials::nt_hash
//! [`Credentials::password`]: crate::Credentials::password
//! [`Error::security_status`]: crate::Error::security_status
//! [`http::ClientConnection`]: crate::http::ClientConnection
//! [`http::ClientConnection::on_response`]: crate::http::ClientConnection::on_response
//! [`http::ServerConnection::on_request`]: crate::http::ServerConnection::on_request
//! [`inspect::annotate`]: crate::inspect::annotate
//! [`require`]: crate::SharedPolicy::require
//! [`Server::challenge`]: crate::Server::challenge
//! [`Server::handshake`]: crate::Server::handshake
//! [`Server::new`]: crate::Server::new
//! [`Server::with_channel_bindings`]: crate::Server::with_channel_bindings
//! [`Session`]: crate::Session
//! [`Session::export`]: crate::Session::export
//! [`Session::import`]: crate::Session::import
//! [`Session::seal`]: crate::Session::seal
//! [`Session::seal_parts`]: crate::Session::seal_parts
//! [`Session::sign`]: crate::Session::sign
//! [`Session::unseal`]: crate::Session::unseal
//! [`Session::unseal_parts`]: crate::Session::unseal_parts
//! [`Session::unwrap`]: crate::Session::unwrap
//! [`Session::verify`]: crate::Session::verify
//! [`Session::wrap`]: crate::Session::wrap
//! [`SessionKeys::exported_session_key`]: crate::SessionKeys::exported_session_key
//! [`UserClaim::verify_nt_hash`]: crate::server::UserClaim::verify_nt_hash
