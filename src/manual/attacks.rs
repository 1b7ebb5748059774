//! Attacks on NTLM: what each does, which setting stops it, and which test shows that.
//!
//! This page has the attacks that have a name. A table in the repository's
//! `tests/tampering/README.md` has every change that a man in the middle can make to a message,
//! under the default and the strict policies. For a web server, read its columns "NTLMv2" and,
//! because curl and Firefox send no MIC (message integrity code), "no MIC".
//!
//! # Relay
//!
//! A client logs in to the attacker, or through the attacker, who passes the messages on to another
//! server. The server then takes the attacker's connection for the client's.
//!
//! What stops it, on the server:
//! - In TLS: [`channel_bindings`] set to [`Enforcement::Required`], together with [`require_mic`].
//! - Without TLS: SIGN or SEAL in [`require`], because the attacker does not have the session key.
//! - In addition: [`spn`] set to [`Enforcement::Required`]. It stops a relay to another service.
//!
//! By default, bindings and SPNs are compared only if the client sends them, and a client that was
//! given neither can be relayed. This server rejects a client that saw another certificate:
//!
//! ```
//! use ntlm::error::Denied;
//! use ntlm::server::{Claim, Names};
//! use ntlm::{ChannelBindings, Client, Credentials, Os, Server};
//!
//! let own = ChannelBindings::tls_server_end_point(&[1; 32])?;
//! let of_the_attacker = ChannelBindings::tls_server_end_point(&[2; 32])?;
//! let server = Server::new(Names::standalone("WEB")).with_channel_bindings(own);
//! let client = Client::new(Credentials::password("alice", "correct horse"))
//!     .with_channel_bindings(of_the_attacker);
//!
//! let (negotiate, client) = client.initiate()?;
//! let (challenge, server) = server.challenge(&negotiate, &mut Os)?;
//! let authenticate = client.answer(&challenge, &mut Os)?.token;
//! let Claim::User(claim) = server.read(&authenticate, &mut Os)? else { panic!("anonymous") };
//! let error = claim.verify_password("correct horse").unwrap_err();
//! assert_eq!(error, Denied::ChannelBindings.into());
//! # Ok::<(), ntlm::Error>(())
//! ```
//!
//! Tests: `tests/vulnerabilities/identity.rs`: `cve_2024_21410_login_from_another_channel_is_rejected`,
//! `cve_2017_8563_channel_bindings_are_enforced_as_the_policy_says`,
//! `cve_2008_4037_answer_for_another_service_is_rejected`; `tests/tampering/main.rs`:
//! `under_strict_policies_only_application_mistakes_allow_attacks`; live,
//! `tests/interop/http_bindings.rs`: `clients_are_refused_if_somebody_stands_between`.
//!
//! # Downgrade
//!
//! The attacker clears or sets flags, so that both sides agree on less than they support. What
//! stops it depends on what the attacker wants:
//!
//! - *An older response*: the default of [`lm_compatibility`] stops it, on both sides.
//! - *No signing or sealing*: a client that [requests it](crate::Client::with_protection) does not
//!   continue without it. On a server, put SIGN or SEAL into [`require`]. Each changed flag also
//!   makes the MIC wrong.
//! - *Weaker keys*: the default of [`require_when_protected`] stops it.
//! - *NTLM instead of Kerberos*: SPNEGO's `mechListMIC` stops it, which the feature `spnego`
//!   checks. Do not accept bare NTLM beside SPNEGO if clients may prefer Kerberos.
//!
//! Tests: `tests/levels.rs`: `every_client_level_works_with_the_server_levels_that_allow_it`;
//! `tests/client.rs`: `challenge_without_a_needed_flag_is_rejected`; `tests/server.rs`:
//! `required_flag_dropped_in_the_authenticate_is_rejected`; `tests/vulnerabilities/logic.rs`:
//! `cve_2016_2110_cleared_flags_are_rejected`; `tests/tampering/main.rs`: `mic_detects_every_change`;
//! `tests/spnego_downgrade.rs`:
//! `client_that_prefers_kerberos_does_not_log_in_if_the_list_cannot_be_signed`; live,
//! `tests/interop/spnego_kerberos.rs`: `a_list_without_kerberos_is_detected`.
//!
//! # Drop the MIC
//!
//! The attacker removes the MIC from the AUTHENTICATE, and then changes the flags (CVE-2019-1040).
//! Or the attacker makes the client send two AV pairs `MsvAvFlags`, of which one announces the MIC
//! and one does not (CVE-2019-1166).
//!
//! The response covers the pair that announces the MIC, so this crate's server rejects an
//! AUTHENTICATE whose MIC was announced and is missing or wrong, under each policy. [`require_mic`]
//! also rejects clients that never announce one. An LMv2 response cannot announce a MIC, so a
//! server rejects it on its own unless [`allow_lmv2_alone`] is set (CVE-2019-1338).
//!
//! Tests: `tests/vulnerabilities/logic.rs`: `cve_2019_1040_announced_mic_must_be_present_and_valid`,
//! `cve_2019_1166_second_msv_av_flags_does_not_hide_the_mic`,
//! `cve_2019_1338_lmv2_does_not_replace_a_wrong_ntlmv2_response`; `tests/server.rs`:
//! `required_mic_that_is_absent_is_rejected`.
//!
//! # Moved border
//!
//! The MIC covers the three messages as one string, which does not say where a message ends. The
//! attacker appends an AUTHENTICATE header with other flags and names to the CHALLENGE, and the MIC
//! is still right. Both sides of this crate reject a message that contains the header of another
//! one ([`Unexpected::SecondHeader`]), under each policy.
//!
//! The response has the same weakness: it covers user and domain as one string, so user `app` of
//! domain `LEGACY` can become `appl` of `EGACY`. [`require_mic`] stops it.
//! [`UserClaim::with_account`] makes it harmless, because then the name of the account that you
//! looked up counts, and not the name that was sent.
//!
//! Tests: `tests/border.rs`: `recorded_attack_on_the_border_is_rejected_for_its_second_header`,
//! `second_header_is_found_at_every_offset`,
//! `header_of_an_authenticate_in_a_challenge_is_rejected_by_the_client`; `tests/server.rs`:
//! `moved_border_of_user_and_domain_keeps_the_proof_and_not_the_mic`.
//!
//! # Brute force
//!
//! *Offline*: the attacker records a handshake and tries passwords on it. No setting stops that.
//! TLS hides the handshake from an attacker who only listens, and long passwords make the search
//! take too long. The tables of [`inspect`](crate::inspect) mask the values that the search needs.
//!
//! *Online*: the attacker tries passwords at the server. The library keeps no count:
//! [`Refusal::is_wrong_password`] says what to count, and the example `web_application` makes an
//! account wait. An unknown user gets the same reply as a wrong password, after the same number of
//! instructions.
//!
//! Tests: `tests/secrets.rs`: `table_of_a_token_masks_responses_that_allow_brute_force`;
//! `tests/http.rs`: `only_a_wrong_password_counts_as_a_guess`,
//! `every_refusal_has_the_reply_of_a_first_request`; live, `tests/interop/web_application.rs`:
//! `an_account_waits_after_too_many_wrong_passwords`; `tests/interop/constant_time.rs`:
//! `unknown_user_and_wrong_password_take_the_same_instructions`.
//!
//! # Pass-the-hash
//!
//! The attacker has stolen an NT hash and logs in with it. No setting stops that, because the hash
//! is all that NTLM needs. Protect stored hashes as you would protect passwords in clear, or store
//! none and let a domain controller verify ([`UserClaim::network_logon`]). The library wipes hashes
//! and keys when they are dropped, and never prints them.
//!
//! Tests: `tests/wiping.rs`: `credentials_and_clients_leave_nothing`, `keys_leave_nothing`;
//! `tests/secrets.rs`: `no_public_type_prints_a_secret`; `tests/pass_through.rs`:
//! `domain_controller_gives_the_same_keys_as_the_hash`.
//!
//! # Replay
//!
//! *Of a handshake*: each CHALLENGE is random, and the state that waits for the answer is consumed
//! by the first answer. If you keep challenges elsewhere ([`Server::resume`], [`Server::import`]),
//! it is your responsibility that each is answered once. [`max_challenge_age`] limits how late an
//! answer may be.
//!
//! *Of a protected message*: each has a sequence number, so a repeated message is rejected. With
//! datagrams, it is the application's responsibility to reject a number that it has received
//! before.
//!
//! Tests: `tests/server.rs`: `challenges_do_not_repeat`, `answer_to_an_expired_challenge_is_rejected`;
//! `tests/misuse.rs`: `answer_to_another_challenge_is_rejected`; `tests/session.rs`:
//! `message_out_of_order_is_rejected_and_the_next_one_is_still_accepted`; live,
//! `tests/interop/connectionless.rs`: `what_comes_twice_is_refused_and_nothing_is_lost`.
//!
//! # Changed messages
//!
//! *Protected ones*: with extended session security, which the default policies require, a changed
//! message is rejected and wiped. *Malformed ones*: no bytes from the network make the library
//! panic or allocate more than their length, and [`max_message_len`] limits that length.
//!
//! Tests: `tests/session.rs`: `changed_message_is_wiped_and_closes_the_direction`;
//! `tests/vulnerabilities/hostile.rs`: `every_hostile_case_has_its_listed_result`;
//! `tests/vulnerabilities/main.rs`: a test for each published vulnerability of an implementation of
//! NTLM.
//!
//! [`allow_lmv2_alone`]: crate::server::Policy::allow_lmv2_alone
//! [`channel_bindings`]: crate::server::Policy::channel_bindings
//! [`Enforcement::Required`]: crate::Enforcement::Required
//! [`lm_compatibility`]: crate::SharedPolicy::lm_compatibility
//! [`max_challenge_age`]: crate::server::Policy::max_challenge_age
//! [`max_message_len`]: crate::SharedPolicy::max_message_len
//! [`Refusal::is_wrong_password`]: crate::http::Refusal::is_wrong_password
//! [`require`]: crate::SharedPolicy::require
//! [`require_mic`]: crate::SharedPolicy::require_mic
//! [`require_when_protected`]: crate::SharedPolicy::require_when_protected
//! [`Server::import`]: crate::Server::import
//! [`Server::resume`]: crate::Server::resume
//! [`spn`]: crate::server::Policy::spn
//! [`Unexpected::SecondHeader`]: crate::error::Unexpected::SecondHeader
//! [`UserClaim::network_logon`]: crate::server::UserClaim::network_logon
//! [`UserClaim::with_account`]: crate::server::UserClaim::with_account
