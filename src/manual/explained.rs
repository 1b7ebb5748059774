//! NTLM explained for someone who has never seen it: three messages, what they prove, and what
//! protects the messages after them.
//!
//! # Three messages
//!
//! NTLM proves to a server that a client knows a user's password, without sending the password.
//! Another protocol, such as HTTP, SMB or LDAP, carries its messages:
//!
//! ```text
//! client                          server
//!   | -- NEGOTIATE ----------------> |
//!   | <------------- CHALLENGE ----- |
//!   | -- AUTHENTICATE -------------> |
//!   | <-- yes or no (other protocol) |
//! ```
//!
//! 1. **NEGOTIATE**, from the client: what the client supports, as flags. It does not say who the
//!    user is.
//! 2. **CHALLENGE**, from the server: the flags that it grants, eight random bytes (the *server
//!    challenge*), its names and its time.
//! 3. **AUTHENTICATE**, from the client: the user's name and domain, and a *response*, which is the
//!    proof.
//!
//! NTLM has no fourth message. The application protocol reports whether the server accepts the
//! client: HTTP with the status 200 or 401, for example.
//!
//! None of the three messages is encrypted, and [`inspect`](crate::inspect) shows what is in them:
//!
//! ```
//! use ntlm::server::{Claim, Names};
//! use ntlm::{Client, Credentials, NtHash, Os, Server, inspect};
//!
//! let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"));
//! let server = Server::new(Names::member("FILES", "EXAMPLE"));
//!
//! let (negotiate, client) = client.initiate()?;
//! let (challenge, server) = server.challenge(&negotiate, &mut Os)?;
//! let authenticate = client.answer(&challenge, &mut Os)?.token;
//!
//! // The first message does not name the user. The last one does.
//! assert!(!inspect::annotate(&negotiate).to_string().contains("alice"));
//! assert!(inspect::annotate(&authenticate).to_string().contains("alice"));
//!
//! let Claim::User(claim) = server.read(&authenticate, &mut Os)? else { panic!("anonymous") };
//! let accepted = claim.verify_nt_hash(&NtHash::from_password("correct horse"))?;
//! assert_eq!(accepted.user().unwrap().to_string(), "EXAMPLE\\alice");
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! # What a response proves
//!
//! A response is computed from the server challenge and the *NT hash*, which is the MD4 of the
//! password. The server, or a domain controller that it asks, computes the same value and compares.
//! This has three consequences:
//!
//! - **The NT hash is as good as the password.** A client needs nothing else ([`NtHash`]).
//! - **A recorded handshake is enough to guess the password offline**, because a guess can be
//!   compared with the response. Only a long password helps.
//! - **A response does not say over which connection it was sent**, unless it covers channel
//!   bindings. A man in the middle can therefore relay it.
//!
//! # Five kinds of response
//!
//! NTLM is old, and there are five ways to compute a response ([`ResponseKind`]). They differ in
//! what they cover, that is, in what a man in the middle cannot change without making the response
//! wrong:
//!
//! | kind | covers |
//! |---|---|
//! | LM | the server challenge |
//! | NTLMv1 | the server challenge |
//! | NTLM2 session | both challenges |
//! | LMv2 | both challenges, the user |
//! | **NTLMv2** | both challenges, the user, the time, the server's names, the SPN, the channel bindings, whether there is a MIC |
//!
//! "Both challenges" means that the client adds random bytes of its own. LM is the worst: it is
//! made of the password in upper case, in two halves of seven characters. Despite its name, NTLM2
//! session is a form of NTLMv1 and not of NTLMv2; it is used with extended session security (see
//! [below](#from-the-session-key-to-signing-and-sealing)). LMv2 is a short form of NTLMv2 that fits
//! into the field of LM.
//!
//! By default, a client of this crate sends NTLMv2 only, and a server accepts NTLMv2 only.
//! [`LmCompatibility`] changes that.
//!
//! # The MIC
//!
//! The response covers neither the flags nor most of the three messages. The MIC (message integrity
//! code) covers all three messages: it is a checksum with a key that only the client and the server
//! have. This crate's client sends one if the response is NTLMv2 and the server sent its time. The
//! response announces the MIC, so a man in the middle cannot remove it unnoticed.
//!
//! Many other clients, such as curl, never send a MIC. Therefore a server by default checks the MIC
//! only if the response announces one. [`SharedPolicy::require_mic`] rejects clients without one.
//!
//! # Channel bindings and SPN
//!
//! These two values let a server notice a relay. The application gives them to the client, and the
//! NTLMv2 response covers them:
//!
//! - **Channel bindings** are a hash of the certificate that the client received over TLS. A man in
//!   the middle has another certificate. If the client's bindings differ from the server's, client
//!   and server are not on the same TLS connection. A server that checks them has *extended
//!   protection*. Here: [`ChannelBindings`].
//! - The **SPN** (service principal name) says which service the client wants, such as
//!   `HTTP/www.example.com`. A server can reject a login that was meant for another service. Here:
//!   [`Client::with_spn`], [`Server::with_spns`].
//!
//! Many clients send neither, so by default a server compares them only if they are sent. [How to
//! require them](super::choosing_a_policy#in-code) is on another page.
//!
//! # From the session key to signing and sealing
//!
//! After the handshake, both sides have the same *session key*, because it follows from the NT hash
//! and the response. A man in the middle does not have it, even after relaying each message. The
//! flags decide what it is used for:
//!
//! - **Neither SIGN nor SEAL**: the key is not used. HTTP works this way. After the login, the
//!   connection is authenticated, and nothing protects what travels on it, so use TLS.
//! - **SIGN**: each message gets a signature of 16 bytes, with a sequence number. The receiver
//!   rejects messages that were changed, repeated or reordered.
//! - **SEAL**: each message is signed and also encrypted.
//!
//! The client asks for protection before the handshake ([`Client::with_protection`]). Afterwards,
//! [`SessionKeys::into_session`] returns the [`Session`] that signs and seals. With *extended
//! session security*, each direction has keys of its own. Without it, both directions share one key
//! and a weaker checksum, so the default policies require it for protected messages.
//!
//! Signatures also authenticate the server to the client, because only the genuine server, or the
//! domain controller behind it, can compute the session key.
//!
//! # Connection-oriented and connectionless
//!
//! All of the above is the *connection-oriented* mode, over TCP for example. There is also a
//! *connectionless* mode, for datagrams that can get lost or change their order. The server speaks
//! first, so there are only CHALLENGE and AUTHENTICATE, and the application numbers its messages
//! itself: [`Client::answer_datagram`], [`Server::challenge_datagram`], [`DatagramSession`].
//!
//! # What carries the messages
//!
//! Some protocols carry the three messages as they are. Others wrap them in SPNEGO, which can
//! choose between NTLM and Kerberos: SMB, LDAP, and HTTP under the name `Negotiate`. The feature
//! `spnego` wraps and unwraps them. [`choosing_a_policy`](super::choosing_a_policy) says which
//! protocol does what.
//!
//! [`Client::answer_datagram`]: crate::Client::answer_datagram
//! [`ChannelBindings`]: crate::ChannelBindings
//! [`Client::with_protection`]: crate::Client::with_protection
//! [`Client::with_spn`]: crate::Client::with_spn
//! [`DatagramSession`]: crate::DatagramSession
//! [`LmCompatibility`]: crate::LmCompatibility
//! [`NtHash`]: crate::NtHash
//! [`ResponseKind`]: crate::ResponseKind
//! [`Server::challenge_datagram`]: crate::Server::challenge_datagram
//! [`Server::with_spns`]: crate::Server::with_spns
//! [`Session`]: crate::Session
//! [`SessionKeys::into_session`]: crate::SessionKeys::into_session
//! [`SharedPolicy::require_mic`]: crate::SharedPolicy::require_mic
