//! Messages of other implementations that break a rule although other peers accept them: the
//! recorded bytes, and how this crate handles them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use core::time::Duration;

use ntlm::crypto::{ExportedSessionKey, mic};
use ntlm::error::{Denied, Misuse, Refused, Unexpected};
use ntlm::server::{Accepted, Policy};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, Challenge, Error as WireError, ErrorKind, Message, Negotiate,
    NegotiateFlags as Flags, NtResponse,
};
use ntlm::{
    Client, Credentials, Error, FileTime, LmCompatibility, NtHash, ResponseKind, Server, client,
};
use ntlm_testkit::fields::authenticate::{
    DOMAIN, FLAGS, LM, MIC, NT, SESSION_KEY, USER, WORKSTATION,
};
use ntlm_testkit::fields::challenge::{self, TARGET_INFO, TARGET_NAME};
use ntlm_testkit::{
    Emit, Fields, Fixed, PASSWORD, Proof, Recorded, accept, alice, alice_with, answer, array,
    changed, exchange, fields, log_in, ntlmv2, server, server_with, transcript, unhex, user_of,
    vector,
};
use serde_json::Value;

const STRENGTH: Flags = Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56);

fn verdict(server: &Server, recorded: &Value) -> Result<Accepted, Error> {
    Recorded::of(recorded).verify(server, recorded.text("password").unwrap())
}

/// Corporate proxies announce a `TargetInfo` and send an empty one. curl, gss-ntlmssp, ntlm-auth
/// and others log in nonetheless.
const EMPTY_TARGET_INFO: &str = "4e544c4d53535000020000000000000000000000058289a00123456789abcdef\
                                 00000000000000000000000000000000";

#[test]
fn empty_target_info_is_treated_as_absent() {
    let challenge = unhex(EMPTY_TARGET_INFO);
    assert!(Challenge::parse(&challenge).unwrap().target_info.is_none());
    let token = answer(&alice(), &challenge).unwrap().token;
    let message = Authenticate::parse(&token).unwrap();
    assert_eq!(ntlmv2(&token).target_info().iter().count(), 0);
    assert!(!message.flags.unwrap().contains(Flags::NEGOTIATE_TARGET_INFO));
    // The answer is the same as if the flag were clear, byte for byte.
    let mut without = challenge.clone();
    fields::change_flags(&mut without, Flags::NEGOTIATE_TARGET_INFO, Flags::empty());
    assert_eq!(answer(&alice(), &without).unwrap().token, token);
}

/// What a policy requires must reach the server, and an NTLMv2 response without a list cannot carry
/// it.
#[test]
fn client_that_requires_bindings_an_spn_or_a_mic_rejects_a_challenge_without_target_info() {
    let bound = |client: Client| {
        client
            .with_spn("HTTP/files")
            .with_channel_bindings(ntlm::ChannelBindings::tls_unique(b"finished"))
    };
    let with_flag = unhex(EMPTY_TARGET_INFO);
    let mut without_flag = with_flag.clone();
    fields::change_flags(&mut without_flag, Flags::NEGOTIATE_TARGET_INFO, Flags::empty());
    for challenge in [with_flag, without_flag] {
        for (client, refused) in [
            (alice_with(|policy| policy.require_channel_bindings = true), Refused::NoTargetInfo),
            (alice_with(|policy| policy.require_spn = true), Refused::NoTargetInfo),
            (alice_with(|policy| policy.shared.require_mic = true), Refused::NoMic),
        ] {
            assert_eq!(answer(&bound(client), &challenge).unwrap_err(), refused.into());
        }
    }
    // NTLMv1 cannot carry it either, whatever the CHALLENGE contains, nor can an anonymous client.
    let server = server_with(|policy| policy.allow_anonymous = true);
    let requires = |policy: &mut client::Policy| policy.require_channel_bindings = true;
    let ntlmv1 = alice_with(|policy| {
        requires(policy);
        policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
    });
    let mut policy = client::Policy::default();
    requires(&mut policy);
    let anonymous = Client::new(Credentials::anonymous()).with_policy(policy);
    for client in [ntlmv1, anonymous] {
        let result = exchange(&bound(client), &server, &mut Fixed::default());
        assert_eq!(result.unwrap_err(), Refused::NoTargetInfo.into());
    }
}

/// A client that received no list may send none back. Samba 4.17 treats it as an empty list.
#[test]
fn server_accepts_an_ntlmv2_response_without_a_list() {
    let server = server_with(|policy| policy.require_target_info = false);
    let environment = &mut Fixed::default();
    let (negotiate, _) = alice().initiate().unwrap();
    let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
    let message = Proof::new(Vec::new()).authenticate(&challenge);
    let strict = Authenticate::parse(&message).map_err(WireError::kind);
    assert_eq!(strict, Err(ErrorKind::AvPairsUnended));
    let claim = handshake.read(&message, environment).unwrap();
    let accepted = accept(claim, PASSWORD).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv2));
}

/// ldap3 2.9.1 asks for no protection, and fails unless 128 and 56 bits are granted. Windows,
/// Samba, gss-ntlmssp, pyspnego and Dovecot grant them.
#[test]
fn strength_is_granted_to_clients_that_protect_nothing() {
    let ldap3 = unhex("4e544c4d5353500001000000078208a00000000028000000000000000000000f");
    let (challenge, _) = server().challenge(&ldap3, &mut Fixed::default()).unwrap();
    assert!(Challenge::parse(&challenge).unwrap().flags.contains(STRENGTH));
    // Windows: [MS-NLMP]'s example of extended protection, 0xa2088207 answered with 0xa2898205.
    let windows = vector("epa-challenge");
    let asked = Flags::from_bits_retain(0xa208_8207);
    let negotiate = Negotiate { flags: asked, ..Negotiate::default() }.to_bytes();
    let (challenge, _) = server().challenge(&negotiate, &mut Fixed::default()).unwrap();
    let [theirs, ours] = [&windows, &challenge].map(|bytes| Challenge::parse(bytes).unwrap().flags);
    assert_eq!((theirs & (asked | STRENGTH)) - Flags::NEGOTIATE_OEM, ours & (asked | STRENGTH));
}

/// Flags without effect do not change the keys of a session.
#[test]
fn strength_is_dropped_from_the_keys_if_nothing_is_protected() {
    let environment = &mut Fixed::default();
    let (sent, handshake) = exchange(&alice(), &server(), environment).unwrap();
    for flags in [
        Negotiate::parse(&sent.negotiate).unwrap().flags,
        Challenge::parse(&sent.challenge).unwrap().flags,
        Authenticate::parse(&sent.authenticate).unwrap().flags.unwrap(),
    ] {
        assert!(flags.contains(STRENGTH), "{flags}");
    }
    let claim = handshake.read(&sent.authenticate, environment).unwrap();
    let accepted = accept(claim, PASSWORD).unwrap();
    for keys in [&sent.client_keys, &accepted.keys] {
        assert!(!keys.flags().intersects(STRENGTH), "{}", keys.flags());
    }
}

/// Jakarta Mail 1.6.5 sends flags of zero over SMTP and IMAP; Samba accepts it.
#[test]
fn flags_of_zero_in_an_authenticate_stand_for_those_of_the_challenge() {
    for id in ["met-javamail-imap-l5", "met-javamail-smtp-l5"] {
        let recorded = transcript(id);
        let authenticate = recorded.bytes("authenticate").unwrap();
        let message = Authenticate::parse(&authenticate).unwrap();
        assert_eq!(message.flags, Some(Flags::empty()), "{id}");
        let accepted = verdict(&server(), recorded).unwrap();
        let challenge = recorded.bytes("challenge").unwrap();
        let granted = Challenge::parse(&challenge).unwrap().flags;
        assert!(granted.contains(accepted.keys.flags()), "{id}");
        assert_eq!(accepted.user().unwrap().to_string(), "EXAMPLE\\alice", "{id}");
    }
}

/// Then the CHALLENGE's flags also decide whether the client sent a session key.
#[test]
fn session_key_beside_flags_of_zero_is_used() {
    let plain = Flags::NEGOTIATE_UNICODE
        | Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY
        | Flags::NEGOTIATE_KEY_EXCH
        | Flags::NEGOTIATE_128;
    for asked in [plain, plain | Flags::NEGOTIATE_SIGN, plain | Flags::PROTECTION] {
        let environment = &mut Fixed::default();
        let negotiate = Negotiate { flags: asked, ..Negotiate::default() }.to_bytes();
        let (challenge, handshake) = server().challenge(&negotiate, environment).unwrap();
        let key = ExportedSessionKey::from([0x55; 16]);
        let authenticate = with_flags_of_zero(&challenge, &key);
        let accepted = accept(handshake.read(&authenticate, environment).unwrap(), PASSWORD);
        let keys = accepted.unwrap().keys;
        assert_eq!(keys.exported_session_key().expose(), key.expose(), "{asked}");
        assert_eq!(keys.protection(), Protection::from_flags(asked), "{asked}");
    }
}

/// A valid answer to a CHALLENGE, with this session key and flags of zero.
fn with_flags_of_zero(challenge: &[u8], key: &ExportedSessionKey) -> Vec<u8> {
    let proof = Proof::repeating(challenge);
    let bytes = proof.authenticate(challenge);
    let base = proof.key().session_base_key(ntlmv2(&bytes).proof());
    let encrypted = base.ntlmv2_key_exchange_key().encrypt(key);
    changed(&bytes, |message| {
        message.encrypted_random_session_key = &encrypted;
        message.flags = Some(Flags::empty());
    })
}

/// Flags that are never negotiated carry no more information than zero. Any other flags must
/// include a character set ([MS-NLMP] 2.2.2.5, A and B).
#[test]
fn flags_of_the_challenge_replace_only_flags_that_are_never_negotiated() {
    let recorded = transcript("met-javamail-imap-l5");
    let with_flags = |flags: u32| {
        let mut changed = Recorded::of(recorded);
        changed.authenticate[FLAGS..][..4].copy_from_slice(&flags.to_le_bytes());
        changed.verify(&server(), recorded.text("password").unwrap()).map(drop)
    };
    for nothing in [0, 0x0000_0800, 0x0200_0000, 0x0080_0000, 0x1d24_4508] {
        assert_eq!(with_flags(nothing), Ok(()), "{nothing:#010x}");
    }
    for something in [0x0000_8000, 0x0000_0200, 0x2000_0000, 0x0008_0000] {
        let error = Unexpected::CharacterSet.into();
        assert_eq!(with_flags(something), Err(error), "{something:#010x}");
    }
}

/// A server that grants both character sets leaves the choice to the client.
#[test]
fn authenticate_chooses_if_the_challenge_grants_both_character_sets() {
    let challenge =
        unhex("4e544c4d53535000020000000000000000000000078208000123456789abcdef0000000000000000");
    let server = server_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::RefuseLm;
    });
    let attempt = |flags: u32, user: &[u8]| {
        let response = NtHash::from_password(PASSWORD).ntlmv1_response(
            &ntlm::crypto::ntlm2_session_challenge(
                &0x0123_4567_89ab_cdef_u64.to_be_bytes(),
                &[7; 8],
            ),
        );
        let lm = [&[7; 8][..], &[0; 16]].concat();
        let message = Authenticate {
            user,
            nt_response: NtResponse::V1(&response),
            lm_response: ntlm::wire::LmResponse::new(&lm),
            flags: Some(Flags::from_bits_retain(flags)),
            ..Authenticate::default()
        };
        let handshake = server.resume(&[], &challenge).unwrap();
        let claim = handshake.read(&message.to_bytes(), &mut Fixed::default())?;
        let accepted = accept(claim, PASSWORD)?;
        Ok::<_, Error>(accepted.user().unwrap().to_string())
    };
    assert_eq!(attempt(0x0008_8206, b"alice").as_deref(), Ok("alice"));
    assert_eq!(attempt(0x0008_8205, b"a\0l\0i\0c\0e\0").as_deref(), Ok("alice"));
    assert_eq!(attempt(0x0008_8207, b"a\0l\0i\0c\0e\0").as_deref(), Ok("alice"), "UNICODE wins");
}

/// tedious 18 sends an NT response of 16 bytes beside a valid LMv2 response. Samba accepts the LMv2
/// response; this crate does so only if the policy allows it.
#[test]
fn lmv2_beside_a_short_nt_response_is_accepted_if_lmv2_alone_is() {
    for id in ["met-tedious", "met-ref-samba-tedious"] {
        let recorded = transcript(id);
        let authenticate = recorded.bytes("authenticate").unwrap();
        let message = Authenticate::parse(&authenticate).unwrap();
        assert!(
            matches!(message.nt_response, NtResponse::Short(short) if short.len() == 16),
            "{id}"
        );
        let refused = verdict(&server(), recorded).unwrap_err();
        assert_eq!(refused, Refused::ResponseKind.into(), "{id}");
        let allowing = server_with(|policy| policy.allow_lmv2_alone = true);
        let accepted = verdict(&allowing, recorded).unwrap();
        assert_eq!(accepted.identity.response(), Some(ResponseKind::Lmv2), "{id}");
        let key = array(recorded, "exported_session_key");
        assert_eq!(*accepted.keys.exported_session_key().expose(), key, "{id}");
    }
}

/// Both responses of such a client are sent to the domain controller if the policy accepts every
/// kind of response that the LM field may be.
#[test]
fn short_nt_response_is_passed_on_to_a_domain_controller() {
    let recorded = transcript("met-tedious");
    let logon = |level, lmv2_alone| {
        let server = server_with(|policy| {
            policy.shared.lm_compatibility = level;
            policy.allow_lmv2_alone = lmv2_alone;
        });
        let claim = user_of(Recorded::of(recorded).claim(&server)?);
        let logon = claim.network_logon()?;
        Ok::<_, Error>((logon.nt_response.to_vec(), logon.lm_response.to_vec()))
    };
    let authenticate = recorded.bytes("authenticate").unwrap();
    let message = Authenticate::parse(&authenticate).unwrap();
    let sent = (message.nt_response.as_bytes().to_vec(), message.lm_response.as_bytes().to_vec());
    assert_eq!(logon(LmCompatibility::SendNtlmv2, true), Ok(sent));
    let refused = Err(Refused::ResponseKind.into());
    assert_eq!(logon(LmCompatibility::RefuseLmAndNtlm, true), refused);
    assert_eq!(logon(LmCompatibility::SendNtlmv2, false), refused);
}

#[test]
fn short_nt_response_is_never_anonymous_and_proves_nothing_beside_lm() {
    let server = server_with(|policy| {
        policy.allow_anonymous = true;
        policy.allow_lmv2_alone = true;
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.offer -= Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    });
    let lm_hash = ntlm::crypto::LmHash::from_password(PASSWORD, &ntlm::Ascii).unwrap();
    let challenge = [1, 2, 3, 4, 5, 6, 7, 8];
    let attempt = |user: &[u8], nt: &[u8], lm: &[u8]| {
        let environment = &mut Fixed::default();
        let (sent, handshake) = exchange(&alice(), &server, environment).unwrap();
        let bytes = changed(&sent.authenticate, |message| {
            message.user = user;
            message.nt_response = NtResponse::parse(nt).unwrap();
            message.lm_response = ntlm::wire::LmResponse::new(lm);
            message.mic = None;
        });
        let claim = handshake.read(&bytes, environment)?;
        accept(claim, PASSWORD).map(|accepted| accepted.identity.response())
    };
    let lm = lm_hash.lm_response(&challenge);
    assert_eq!(attempt(b"a\0", &[], &lm), Ok(Some(ResponseKind::Lm)), "LM alone");
    for length in [1, 16, 23] {
        let nt = &[0; 23][..length];
        assert_eq!(attempt(b"a\0", nt, &lm), Err(Denied::WrongPassword.into()), "{length}");
        assert_eq!(attempt(b"", nt, &[0]), Err(Unexpected::NoResponse.into()), "{length}");
        assert_eq!(attempt(b"", nt, &[]), Err(Unexpected::NoResponse.into()), "{length}");
    }
}

/// Perl's Authen::NTLM 1.09 sends a time some seconds after 1601, and repeats the server's
/// `MsvAvTimestamp`. Samba accepts this.
#[test]
fn response_without_a_time_is_dated_by_the_repeated_server_timestamp() {
    let recorded = transcript("met-lwp-v2-nodom-2");
    let messages = Recorded::of(recorded);
    let response = ntlmv2(&messages.authenticate);
    assert!(response.time().ticks() < 10_000_000_000, "a quarter of an hour after 1601");
    let told = messages.time().unwrap();
    assert_eq!(response.target_info().timestamp(), Some(told));
    let accepted = verdict(&server(), recorded).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv2));

    // The time limit still applies; otherwise a stored challenge could be answered forever.
    let server = server_with(|policy| policy.max_challenge_age = None);
    let late = |hours: u64| {
        let now = FileTime::from_ticks(told.ticks() + hours * 36_000_000_000);
        let handshake = messages.resume(&server).unwrap();
        let claim = handshake.read(&messages.authenticate, &mut Fixed::at(now))?;
        accept(claim, recorded.text("password").unwrap()).map(drop)
    };
    assert_eq!(late(35), Ok(()));
    assert_eq!(late(37), Err(Denied::Time.into()));
}

/// A timestamp of another server does not count, even if the list is not compared.
#[test]
fn repeated_timestamp_of_another_server_is_ignored() {
    let transcript = transcript("met-lwp-v2-nodom-2");
    let (mut recorded, password) = (Recorded::of(transcript), transcript.text("password").unwrap());
    let server = server_with(|policy| policy.require_target_info = false);
    let told = recorded.time().unwrap();
    assert!(recorded.verify(&server, password).is_ok());
    let timestamp = told.ticks().to_le_bytes();
    let at = recorded.challenge.windows(8).position(|bytes| bytes == timestamp).unwrap();
    recorded.challenge[at] ^= 1;
    assert_eq!(recorded.verify(&server, password).unwrap_err(), Denied::Time.into());
}

/// jTDS 1.3.1 counts characters instead of bytes, so the fields of a domain outside ASCII lie
/// outside its NEGOTIATE.
const JTDS: &str = "4e544c4d535350000100000005b208000800080020000000000000002000000044c3964dc384";

#[test]
fn server_ignores_the_names_of_a_negotiate() {
    let jtds = unhex(JTDS);
    let strict = Negotiate::parse(&jtds).map_err(WireError::kind);
    assert_eq!(strict, Err(ErrorKind::FieldOutside));
    assert!(server().challenge(&jtds, &mut Fixed::default()).is_ok());
    // The same for a NEGOTIATE that ends after its flags, and announces names.
    assert!(server().challenge(&jtds[..16], &mut Fixed::default()).is_ok());
    let cut = server().challenge(&jtds[..15], &mut Fixed::default());
    assert!(matches!(cut, Err(Error::Wire(error)) if error.kind() == ErrorKind::TooShort));
}

#[cfg(feature = "http")]
#[test]
fn http_server_ignores_the_names_of_a_negotiate() {
    use ntlm::http::{HttpVersion, Outcome, Scheme, ServerConnection, Step, header_value};
    let header = header_value(Scheme::Ntlm, &unhex(JTDS));
    let mut connection = ServerConnection::new(server());
    let headers = [("Authorization", header.as_str())];
    let step = connection.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
    let Step::Outcome(Outcome::Continue(reply)) = step else { panic!("{step:?}") };
    assert!(reply.values[0].starts_with("NTLM TlRMTVNTUAAC"));
}

#[test]
fn client_ignores_a_target_name_outside_the_challenge() {
    let (negotiate, _) = alice().initiate().unwrap();
    let server = server();
    let (challenge, _) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
    for (length, offset) in [(14, 0xffff_0000), (14, 4000), (3, 56), (0xffff, 56)] {
        let changed = fields::described(&challenge, TARGET_NAME, length, offset);
        assert!(Message::parse(&changed).is_err(), "{length} at {offset}");
        assert!(answer(&alice(), &changed).is_ok(), "{length} at {offset}");
        // A list outside the message is not ignored, because the response depends on it.
        let broken = fields::described(&challenge, TARGET_INFO, 0xffff, 56);
        assert!(matches!(answer(&alice(), &broken), Err(Error::Wire(_))));
    }
}

/// Neither of them is proven or used; user, domain, NT response and session key are.
#[test]
fn server_ignores_malformed_workstation_and_lm_fields() {
    let client = alice().with_workstation("LAPTOP");
    let server = server();
    let attempt = |descriptor: usize, (length, offset): (usize, usize)| {
        let environment = &mut Fixed::default();
        let (sent, handshake) = exchange(&client, &server, environment).unwrap();
        let mut message = fields::described(&sent.authenticate, descriptor, length, offset);
        // The client sent these bytes, so its MIC covers them.
        message[MIC..][..16].fill(0);
        let key = sent.client_keys.exported_session_key();
        let right = mic(key, &[&sent.negotiate, &sent.challenge, &message]);
        message[MIC..][..16].copy_from_slice(&right);
        accept(handshake.read(&message, environment)?, PASSWORD)
    };
    let (outside, odd) = ((9, 0xff00), (3, 88));
    for (descriptor, field) in [(WORKSTATION, outside), (WORKSTATION, odd), (LM, outside)] {
        let accepted = attempt(descriptor, field).unwrap();
        assert!(accepted.mic_checked);
        assert_eq!(accepted.workstation.is_empty(), descriptor == WORKSTATION);
    }
    for descriptor in [NT, DOMAIN, USER] {
        let error = attempt(descriptor, outside).unwrap_err();
        assert!(matches!(error, Error::Wire(error) if error.offset() == descriptor));
    }
    for descriptor in [DOMAIN, USER] {
        assert!(matches!(attempt(descriptor, odd), Err(Error::Unexpected(Unexpected::Text(_)))));
    }
}

/// Windows 10's event forwarder logs in anonymously, with a MIC, and then seals. Its session key is
/// encrypted under a key exchange key of zeros, so everyone can compute it.
fn event_forwarder() -> Recorded {
    Recorded {
        negotiate: unhex(
            "4e544c4d5353500001000000b78208e2000000000000000000000000000000000a00ba470000000f",
        ),
        challenge: unhex(
            "4e544c4d53535000020000001e001e003800000035828ae261439b986c049b610000000000000000\
                 98009800560000000a00ba470000000f570049004e002d004700300046003900420044004c004600\
                 47004c00470002001e00570049004e002d004700300046003900420044004c00460047004c004700\
                 01001e00570049004e002d004700300046003900420044004c00460047004c00470004001e004400\
                 450053004b0054004f0050002d0036004500460045004d004200420003001e004400450053004b00\
                 54004f0050002d0036004500460045004d0042004200070008006f3e6af82204d60100000000",
        ),
        authenticate: unhex(
            "4e544c4d535350000300000001000100760000000000000077000000000000005800000000000000\
                 580000001e001e00580000001000100077000000358a88e20a00ba470000000f983d324304ca5a71\
                 69d54cb88cb8a6e2570049004e002d005400320031004c0055004e00360044004a004b0036000004\
                 8d8961a5bef705839e8866a6913f2c",
        ),
    }
}

#[test]
fn anonymous_client_seals_with_a_public_key_if_the_policy_allows_it() {
    let recorded = event_forwarder();
    let verdict = |recorded: &Recorded, set: &dyn Fn(&mut Policy)| {
        let server = server_with(|policy| {
            policy.allow_anonymous = true;
            set(policy);
        });
        recorded.verify(&server, "")
    };
    let allow = |policy: &mut Policy| policy.shared.allow_insecure_anonymous_keys = true;
    let accepted = verdict(&recorded, &allow).unwrap();
    let key = 0xda95_0020_0689_aa3f_0998_9601_f1ff_ad41_u128.to_be_bytes();
    assert_eq!(*accepted.keys.exported_session_key().expose(), key);
    assert!(accepted.keys.is_known_to_everyone());
    assert_eq!(accepted.keys.protection(), Protection::Seal);
    // Its MIC is valid, so the key is right; but the MIC proves nothing.
    let message = Authenticate::parse(&recorded.authenticate).unwrap();
    let mut zeroed = recorded.authenticate.clone();
    zeroed[MIC..][..16].fill(0);
    let messages: [&[u8]; 3] = [&recorded.negotiate, &recorded.challenge, &zeroed];
    assert_eq!(message.mic, Some(mic(&ExportedSessionKey::from(key), &messages)));
    assert!(!accepted.mic_checked && !accepted.bindings_checked && accepted.spn().is_none());
    assert!(accepted.user().is_none());
    accepted.keys.into_session().unwrap();

    let by_default = verdict(&recorded, &|_| {}).unwrap();
    assert_eq!(by_default.keys.protection(), Protection::None);
    let refused = by_default.keys.into_session().unwrap_err();
    assert_eq!(refused, Misuse::NoSessionSecurity.into());
    for (demand, error) in [
        (
            (|policy| policy.shared.require = Flags::NEGOTIATE_SIGN) as fn(&mut Policy),
            Error::from(Refused::MissingFlags(Flags::NEGOTIATE_SIGN)),
        ),
        (|policy| policy.shared.require_mic = true, Denied::MicMissing.into()),
    ] {
        let result = verdict(&recorded, &|policy| {
            allow(policy);
            demand(policy);
        });
        assert_eq!(result.unwrap_err(), error);
    }
    // The exchanged key must be present.
    let mut without_key = event_forwarder();
    without_key.authenticate[SESSION_KEY..][..2].fill(0);
    let error = verdict(&without_key, &allow).unwrap_err();
    assert_eq!(error, Unexpected::EncryptedSessionKey.into());
}

/// Both sides, and the messages that they send.
#[test]
fn anonymous_client_and_server_of_this_crate_seal_for_each_other() {
    let mut policy = client::Policy::default();
    let anonymous = || Client::new(Credentials::anonymous()).with_protection(Protection::Seal);
    let server = server_with(|policy| {
        policy.allow_anonymous = true;
        policy.shared.allow_insecure_anonymous_keys = true;
    });
    let environment = &mut Fixed::default();
    let by_default = exchange(&anonymous(), &server, environment).unwrap_err();
    assert_eq!(by_default, Misuse::NoSessionSecurity.into());
    policy.shared.allow_insecure_anonymous_keys = true;
    let client = anonymous().with_policy(policy.clone());
    let (sent, handshake) = exchange(&client, &server, environment).unwrap();
    let claim = handshake.read(&sent.authenticate, environment).unwrap();
    let accepted = accept(claim, "").unwrap();
    assert!(sent.client_keys.is_known_to_everyone() && accepted.keys.is_known_to_everyone());
    // An imported export has the same properties.
    let exported = accepted.keys.export();
    let keys = ntlm::SessionKeys::import(exported.as_bytes()).unwrap();
    assert!(keys.is_known_to_everyone());
    let mut server_side = keys.into_session().unwrap();
    let mut client_side = sent.client_keys.into_session().unwrap();
    let mut message = *b"sealed, for everyone";
    let signature = client_side.seal(&mut message).unwrap();
    server_side.unseal(&mut message, &signature).unwrap();
    assert_eq!(&message, b"sealed, for everyone");
    // It never counts as a MIC.
    policy.shared.require_mic = true;
    let error = exchange(&anonymous().with_policy(policy), &server, environment).unwrap_err();
    assert_eq!(error, Refused::NoMic.into());
}

/// Network storage devices and home routers send no NetBIOS names, which [MS-NLMP] 3.1.5.1.2
/// requires if NTLMv2 protects messages.
#[test]
fn client_protects_messages_to_a_server_without_names_if_the_policy_allows_it() {
    let challenge =
        unhex("4e544c4d53535000020000000000000000000000358208600123456789abcdef0000000000000000");
    let sealing = |client: Client| client.with_protection(Protection::Seal);
    let error = answer(&sealing(alice()), &challenge).unwrap_err();
    assert_eq!(error, Unexpected::NetbiosNames.into());
    let client = alice_with(|policy| policy.allow_missing_netbios_names = true);
    let response = answer(&sealing(client), &challenge).unwrap();
    assert_eq!(response.keys.protection(), Protection::Seal);
}

/// FreeTDS 1.3.17 with `use ntlmv2 = no` sends an NTLM2 session response and drops the flag of
/// extended session security. Samba rejects it too: a server that guessed would misread an honest
/// NTLMv1 client whose LM field is zeroed.
#[test]
fn ntlm2_session_response_without_its_flag_is_rejected() {
    let recorded = transcript("met-ref-samba-freetds-v1");
    let server = server_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.require_when_protected = Flags::empty();
    });
    assert_eq!(verdict(&server, recorded).unwrap_err(), Denied::WrongPassword.into());
    // With the flag it would be valid.
    let mut changed = Recorded::of(recorded);
    changed.authenticate[FLAGS + 2] |= 0x08;
    changed.challenge[challenge::FLAGS + 2] |= 0x08;
    let accepted = changed.verify(&server, recorded.text("password").unwrap()).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlm2Session));
}

/// NTLMv1 without extended session security derives the same key in every session of a user.
#[test]
fn messages_are_not_protected_with_a_key_that_is_the_same_in_every_session() {
    let v1 = |allowed| {
        alice_with(|policy| {
            policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
            policy.shared.require_when_protected = Flags::empty();
            policy.shared.allow_constant_key_exchange_key = allowed;
        })
        .with_protection(Protection::Sign)
    };
    let server = |allowed, extended| {
        server_with(|policy| {
            policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
            policy.shared.require_when_protected = Flags::empty();
            policy.shared.allow_constant_key_exchange_key = allowed;
            policy.shared.offer.set(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY, extended);
            policy.max_time_difference = Some(Duration::from_secs(60));
        })
    };
    let constant = Error::from(Refused::ConstantKeyExchangeKey);
    let environment = &mut Fixed::default();
    let error = exchange(&v1(false), &server(true, false), environment).unwrap_err();
    assert_eq!(error, constant);
    // The server rejects it before it verifies the proof, whether the password is right or wrong.
    let (sent, handshake) = exchange(&v1(true), &server(false, false), environment).unwrap();
    assert_eq!(handshake.read(&sent.authenticate, environment).unwrap_err(), constant);
    let outcome = log_in(&v1(true), &server(true, false), PASSWORD);
    assert!(outcome.is_ok());
    // Without protection, the session key is not used.
    let unprotected = v1(false).with_protection(Protection::None);
    assert!(log_in(&unprotected, &server(false, false), PASSWORD).is_ok());
    // With LM_KEY, the key depends on the response and so on the challenge.
    let lm_key = Flags::NEGOTIATE_LM_KEY;
    let with_lm_key = alice_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.offer |= lm_key;
    });
    let server = server_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.offer |= lm_key;
    });
    let client = with_lm_key.with_protection(Protection::Sign);
    let outcome = log_in(&client, &server, PASSWORD).unwrap();
    assert!(outcome.accepted.keys.flags().contains(lm_key));
}
