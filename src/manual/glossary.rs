//! The terms of NTLM: what they mean, and their names in the specification, in this crate, in SSPI
//! (Windows) and in GSSAPI (Unix).
//!
//! In each entry, other names for the same thing are in parentheses. After "Here" comes this
//! crate's item.
//!
//! # The handshake
//!
//! - **Handshake** (authentication, security context): the three messages together. Here: from
//!   [`Client::initiate`] to [`Answer`], and from [`Server::challenge`] to [`Accepted`].
//! - **NEGOTIATE** (`NEGOTIATE_MESSAGE`, Type 1 message): the client's first message. Here:
//!   [`wire::Negotiate`].
//! - **CHALLENGE** (`CHALLENGE_MESSAGE`, Type 2 message): the server's message. Here:
//!   [`wire::Challenge`].
//! - **AUTHENTICATE** (`AUTHENTICATE_MESSAGE`, Type 3 message): the client's second message. Here:
//!   [`wire::Authenticate`].
//! - **Token** (SSPI: `SECBUFFER_TOKEN`; GSSAPI: `gss_buffer_t`): the bytes of one message, with or
//!   without SPNEGO around it.
//! - **Flags** (`NegotiateFlags`): 32 bits in each message that say what is offered, asked for and
//!   agreed. Here: [`wire::NegotiateFlags`].
//! - **Server challenge** (nonce): eight random bytes of the server. **Client challenge**: eight of
//!   the client.
//! - **Target info** (`TargetInfo`): a list of **AV pairs** (`AV_PAIR`) in the CHALLENGE, with the
//!   server's names and time. An NTLMv2 client repeats it in its response and adds pairs. Here:
//!   [`wire::AvPairs`].
//! - **`MsvAvTimestamp`**: the AV pair with the *server's* time. **`TimeStamp`**: the time in the
//!   response, which is the *client's*, unless the client repeats the server's.
//!
//! # Names
//!
//! - **User**, **domain**: `alice` and `EXAMPLE` in `EXAMPLE\alice`. Here: [`UserName`].
//! - **UPN** (user principal name): `alice@example.com`. The client sends all of it as the user's
//!   name, with an empty domain.
//! - **NetBIOS name**: the short name of a machine or domain, by custom in capitals and of at most
//!   15 characters, such as `FILES`. **DNS name**: the long one, such as `files.example.com`.
//! - **Member**, **standalone**: a server that belongs to a domain, or to none. Here: [`Names`].
//! - **Workstation**: the client's machine, as the client names it. Nothing proves it.
//! - **SPN** (service principal name; `MsvAvTargetName`; SSPI: `pszTargetName`; GSSAPI: the target
//!   name): which service the client wants, such as `HTTP/www.example.com`. Here:
//!   [`Client::with_spn`], [`Server::with_spns`].
//! - **`TargetName`**: a field of the CHALLENGE with the server's *domain*, or its own name if it
//!   has none. It is not the SPN.
//!
//! # Secrets and proofs
//!
//! - **NT hash** (`NTOWFv1`, NTLM hash): the MD4 of the password. It is as good as the password.
//!   Here: [`NtHash`].
//! - **LM hash** (`LMOWFv1`): an older, much weaker hash. Passwords of more than 14 characters have
//!   none.
//! - **NTLMv2 key** (`NTOWFv2`, `ResponseKeyNT`): made of NT hash, user and domain. Here:
//!   [`crypto::ResponseKey`].
//! - **Response** (`NtChallengeResponse`, `LmChallengeResponse`): the proof in the AUTHENTICATE.
//! - **LM, NTLMv1, NTLM2 session, LMv2, NTLMv2**: the five kinds of it. "NTLM2" is a form of
//!   NTLMv1. Here: [`ResponseKind`].
//! - **LM compatibility level** (`LmCompatibilityLevel`, "LAN Manager authentication level"): a
//!   number from 0 to 5 that says which kinds are sent and accepted. Here: [`LmCompatibility`].
//! - **Session key** (`ExportedSessionKey`; SSPI: `SECPKG_ATTR_SESSION_KEY`): the 16 bytes that
//!   both sides share after the handshake. Here: [`SessionKeys`].
//! - **Key exchange** (KEY_EXCH): the client chooses the session key and sends it encrypted.
//! - **Anonymous** (null session): a client that claims to be no user and proves nothing.
//!   **Guest**: a client that claims to be a user and proves nothing, and that the server accepts.
//!   Here: [`Identity`].
//!
//! # What protects the handshake
//!
//! - **MIC** (message integrity code): a checksum over all three messages. In GSSAPI, "MIC" means a
//!   signature of *any* message, as in `gss_get_mic`.
//! - **`mechListMIC`**: SPNEGO's signature over its list of mechanisms. Despite its name, it is not
//!   NTLM's MIC.
//! - **Channel bindings** (CBT, channel binding token; `MsvAvChannelBindings`; SSPI:
//!   `SEC_CHANNEL_BINDINGS`; GSSAPI: `gss_channel_bindings_struct`): a hash that ties a login to
//!   one TLS connection. Here: [`ChannelBindings`].
//! - **Extended protection** (EPA, Extended Protection for Authentication): Microsoft's name for a
//!   server that checks channel bindings and SPNs.
//! - **`tls-server-end-point`**, **`tls-unique`**: two kinds of channel bindings, made of the
//!   server's certificate or of the TLS handshake.
//!
//! # What protects messages afterwards
//!
//! - **Sign** (integrity; SSPI: `MakeSignature`; GSSAPI: `gss_get_mic`): add a signature. Here:
//!   [`Session::sign`].
//! - **Seal** (confidentiality, encryption, privacy; SSPI: `EncryptMessage`; GSSAPI: `gss_wrap`):
//!   encrypt and sign. Here: [`Session::seal`], [`Session::wrap`].
//! - **Session security**: signing and sealing together. Here: [`session`].
//! - **Extended session security** (ESS, "NTLM2 session security"): the stronger form of session
//!   security.
//! - **Connectionless** (datagram; SSPI: `ISC_REQ_DATAGRAM`): the mode in which the server speaks
//!   first and the application numbers the messages. Here: [`DatagramSession`].
//!
//! # Around NTLM
//!
//! - **NTLMSSP**: Windows' provider of NTLM. Each message starts with this word.
//! - **SPNEGO** (`Negotiate`, GSS-SPNEGO): a wrapper that chooses between NTLM and Kerberos. **Bare
//!   NTLM** (raw NTLM): without it.
//! - **SSPI**, **GSSAPI**: the interfaces of Windows and of Unix to such providers.
//! - **Domain controller** (DC): a server that has the hashes of a domain's users. A server without
//!   hashes lets a domain controller verify the response, over the protocol NETLOGON. This is
//!   **pass-through authentication**. Here: [`UserClaim::network_logon`].
//! - **OEM, code page**: character sets from before Unicode. **UNICODE**: UTF-16.
//!
//! # Attacks
//!
//! - **Relay**: the attacker passes a client's messages on to another server.
//! - **Pass-the-hash**: a login with a stolen NT hash.
//! - **Downgrade**: the attacker makes both sides choose something weaker.
//! - **Replay**: the attacker sends recorded messages again.
//!
//! [`Accepted`]: crate::server::Accepted
//! [`Answer`]: crate::client::Answer
//! [`ChannelBindings`]: crate::ChannelBindings
//! [`Client::initiate`]: crate::Client::initiate
//! [`Client::with_spn`]: crate::Client::with_spn
//! [`crypto::ResponseKey`]: crate::crypto::ResponseKey
//! [`DatagramSession`]: crate::DatagramSession
//! [`Identity`]: crate::server::Identity
//! [`LmCompatibility`]: crate::LmCompatibility
//! [`Names`]: crate::server::Names
//! [`NtHash`]: crate::NtHash
//! [`ResponseKind`]: crate::ResponseKind
//! [`Server::challenge`]: crate::Server::challenge
//! [`Server::with_spns`]: crate::Server::with_spns
//! [`session`]: crate::session
//! [`Session::seal`]: crate::Session::seal
//! [`Session::sign`]: crate::Session::sign
//! [`Session::wrap`]: crate::Session::wrap
//! [`SessionKeys`]: crate::SessionKeys
//! [`UserClaim::network_logon`]: crate::server::UserClaim::network_logon
//! [`UserName`]: crate::UserName
//! [`wire::Authenticate`]: crate::wire::Authenticate
//! [`wire::AvPairs`]: crate::wire::AvPairs
//! [`wire::Challenge`]: crate::wire::Challenge
//! [`wire::Negotiate`]: crate::wire::Negotiate
//! [`wire::NegotiateFlags`]: crate::wire::NegotiateFlags
