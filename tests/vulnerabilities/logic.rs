//! Errors in the logic of the protocol: MICs, flags and passwords that were not checked.

use ntlm::error::{Denied, Integrity, Misuse, Refused, Rejection, Unexpected};
use ntlm::server::{Accepted, Names, Policy, Validation};
use ntlm::session::{Protection, Signature};
use ntlm::wire::{
    Authenticate, AvFlags, AvId, Challenge, ErrorKind, LmResponse, NegotiateFlags as Flags,
    NtResponse,
};
use ntlm::{
    ChannelBindings, Client, Credentials, Enforcement, Error, LmCompatibility, NtHash,
    ResponseKind, Server, Text, UserName,
};
use ntlm_testkit::fields::authenticate::{LM, NT};
use ntlm_testkit::fields::challenge::{self, TARGET_INFO};
use ntlm_testkit::fields::{payload, with_payload};
use ntlm_testkit::messages::Pairs;
use ntlm_testkit::peers::USER;
use ntlm_testkit::{
    Emit, Fields, Fixed, PASSWORD, Proof, Recorded, alice, alice_with, answer, array, case,
    challenged, changed, claim, exchange, list, log_in_changed, ntlmv2, pairs_of, server,
    server_with, user_of, verdict,
};

use crate::{default, named, wire};

pub(crate) fn log_in(client: &Client, server: &Server) -> Result<Accepted, Error> {
    ntlm_testkit::log_in(client, server, PASSWORD).map(|outcome| outcome.accepted)
}

/// The result of a server for a hostile handshake, under the default policy with this change.
pub(crate) fn judge(id: &str, set: impl FnOnce(&mut Policy)) -> Result<Accepted, Error> {
    let case = case("hostile.json", id);
    let mut server = server_with(set).with_spns(["HTTP/files"]);
    if case.get("channel_bindings_md5").is_some() {
        let md5 = array(case, "channel_bindings_md5");
        server = server.with_channel_bindings(ChannelBindings::from_md5(md5));
    }
    Recorded::of(case).verify(&server, case.text("password").unwrap())
}

/// The result for Alice's valid proof over changed AV pairs, without a MIC.
pub(crate) fn verdict_on_pairs(
    server: &Server,
    change: impl FnOnce(&mut Pairs),
) -> Result<Accepted, Error> {
    let (challenge, handshake) = challenged(server);
    let mut pairs = pairs_of(&challenge);
    change(&mut pairs);
    verdict(handshake, &Proof::new(list(&pairs)).authenticate(&challenge))
}

/// "Drop the MIC": Windows accepted messages without the MIC that the proof announces.
#[test]
fn cve_2019_1040_announced_mic_must_be_present_and_valid() {
    assert!(judge("H-400", default).unwrap().mic_checked);
    assert!(!judge("H-401", default).unwrap().mic_checked, "no MIC announced");
    let client = alice().with_protection(Protection::Seal);
    let all = Flags::PROTECTION | Flags::NEGOTIATE_KEY_EXCH | Flags::NEGOTIATE_ALWAYS_SIGN;
    for cleared in [Flags::empty(), Flags::NEGOTIATE_VERSION, all] {
        for (mic, with_version, denied) in [
            (None, true, Denied::MicMissing),
            (None, false, Denied::MicMissing),
            (Some([0; 16]), true, Denied::Mic),
        ] {
            let error = log_in_changed(&client, &server(), PASSWORD, |message| {
                message.flags = message.flags.map(|flags| flags - cleared);
                message.mic = mic;
                message.version = message.version.filter(|_| with_version);
            });
            assert_eq!(error.unwrap_err(), denied.into(), "cleared {cleared}");
        }
    }
}

/// "Drop the MIC 2": a second `MsvAvFlags`, which a man in the middle put into the CHALLENGE, hid
/// the client's own.
#[test]
fn cve_2019_1166_second_msv_av_flags_does_not_hide_the_mic() {
    let twice = ErrorKind::AvPairTwice(AvId::FLAGS);
    for values in [[0, 2], [2, 0], [2, 2], [0, 0]] {
        let result = verdict_on_pairs(&server(), |pairs| {
            pairs.extend(values.map(|value| (AvId::FLAGS, vec![value, 0, 0, 0])));
        });
        assert_eq!(wire(result).0, twice);
    }
    for value in [0, 1, 2, 3] {
        let (challenge, handshake) = challenged(&server());
        let mut pairs = pairs_of(&challenge);
        pairs.insert(0, (AvId::FLAGS, vec![value, 0, 0, 0]));
        let injected = with_payload(&challenge, TARGET_INFO, &list(&pairs));
        let token = answer(&alice(), &injected).unwrap().token;
        let sent = ntlmv2(&token).target_info();
        assert_eq!(sent.iter().filter(|(id, _)| *id == AvId::FLAGS).count(), 1);
        assert!(sent.flags().contains(AvFlags::MIC_PRESENT), "the server's {value} is not copied");
        let without = changed(&token, |message| message.mic = None);
        assert_eq!(verdict(handshake, &without).unwrap_err(), Denied::MicMissing.into());
    }
}

/// Windows accepted an LMv2 response, which covers neither MIC nor channel bindings, instead of a
/// valid NT proof.
#[test]
fn cve_2019_1338_lmv2_does_not_replace_a_wrong_ntlmv2_response() {
    let wrong = Error::from(Denied::WrongPassword);
    let lenient = |policy: &mut Policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.allow_lmv2_alone = true;
    };
    assert_eq!(judge("H-430", lenient).unwrap_err(), wrong, "even if LMv2 alone is allowed");
    assert_eq!(judge("H-431", lenient).unwrap().identity.response(), Some(ResponseKind::Lmv2));
    for set in [
        (|policy| policy.shared.require_mic = true) as fn(&mut Policy),
        |policy| policy.channel_bindings = Enforcement::Required,
        |policy| policy.spn = Enforcement::Required,
    ] {
        let result = judge("H-431", |policy| {
            lenient(policy);
            policy.allow_any_channel_bindings = true;
            set(policy);
        });
        assert_eq!(result.unwrap_err(), Refused::ResponseKind.into(), "LMv2 cannot carry it");
    }
    // The bytes of a public scanner: the NT proof is that of a list with another ending.
    let (challenge, handshake) = challenged(&server());
    let server_challenge = Challenge::parse(&challenge).unwrap().server_challenge;
    let proof = Proof::repeating(&challenge);
    let mut bytes = proof.authenticate(&challenge);
    let response = [payload(&bytes, NT), &[1; 4]].concat();
    bytes = with_payload(&bytes, NT, &response);
    let lmv2 = proof.key().lmv2_response(&server_challenge, &[0xcc; 8]);
    assert_eq!(verdict(handshake, &with_payload(&bytes, LM, &lmv2)).unwrap_err(), wrong);
}

/// A domain controller of Windows returned the session key for another server if the response named
/// no server.
#[test]
fn cve_2019_1019_response_without_a_name_of_the_server_is_rejected() {
    for missing in [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME, AvId::TIMESTAMP] {
        let result = verdict_on_pairs(&server(), |pairs| pairs.retain(|(id, _)| *id != missing));
        assert_eq!(result.unwrap_err(), Denied::TargetInfo.into(), "{missing}");
    }
    // The client repeats the names, and does not seal to a server without a name.
    let token = answer(&alice(), &challenged(&server()).0).unwrap().token;
    let computer = ntlmv2(&token).target_info().text(AvId::NB_COMPUTER_NAME);
    assert_eq!(computer, Some("FILES".into()));
    let mut pairs = pairs_of(&crate::token("H-200"));
    pairs.retain(|(id, _)| *id != AvId::NB_COMPUTER_NAME);
    let nameless = with_payload(&crate::token("H-200"), TARGET_INFO, &list(&pairs));
    let sealing = alice().with_protection(Protection::Seal);
    assert_eq!(answer(&sealing, &nameless).unwrap_err(), Unexpected::NetbiosNames.into());
}

/// A domain controller returned the session key of a logon that was made for another server.
#[test]
fn cve_2015_0005_cve_2016_2111_logon_for_another_server_gets_no_key() {
    let names = Names::member("FILES", "EXAMPLE")
        .with_dns_computer("files.example.com")
        .with_dns_domain("example.com")
        .with_dns_tree("example.com");
    let server = Server::new(names);
    for id in [1, 2, 3, 4, 5].map(AvId) {
        let (challenge, handshake) = challenged(&server);
        let mut pairs = pairs_of(&challenge);
        let pair = pairs.iter_mut().find(|(other, _)| *other == id).unwrap();
        pair.1 = Text::from("OTHER").to_utf16le();
        let message = Proof::new(list(&pairs)).authenticate(&challenge);
        let claim = user_of(handshake.read(&message, &mut Fixed::default()).unwrap());
        // The domain controller accepts the logon, but this server still derives no key.
        let error = claim.verify_by_domain(&Validation::new([7; 16], 0)).unwrap_err();
        assert_eq!(error, Denied::TargetInfo.into(), "{id}");
        let (_, handshake) = challenged(&server);
        assert_eq!(verdict(handshake, &message).unwrap_err(), Denied::TargetInfo.into(), "{id}");
    }
}

/// Samba continued without the protection that a man in the middle had cleared.
#[test]
fn cve_2016_2110_cleared_flags_are_rejected() {
    let missing = |flags| Error::from(Refused::MissingFlags(flags));
    let client =
        alice_with(|policy| policy.shared.require_when_protected |= Flags::NEGOTIATE_KEY_EXCH)
            .with_protection(Protection::Seal);
    let (negotiate, _) = client.initiate().unwrap();
    let (challenge, _) = server().challenge(&negotiate, &mut Fixed::default()).unwrap();
    assert!(answer(&client, &challenge).is_ok());
    let without = |bit: Flags| {
        let mut cleared = challenge.clone();
        let flags = Challenge::parse(&challenge).unwrap().flags - bit;
        cleared[challenge::FLAGS..][..4].copy_from_slice(&flags.bits().to_le_bytes());
        answer(&client, &cleared)
    };
    let needed = Flags::PROTECTION
        | Flags::NEGOTIATE_128
        | Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY
        | Flags::NEGOTIATE_KEY_EXCH;
    for bit in needed.iter().filter(|bit| *bit != Flags::PROTECTION) {
        assert_eq!(without(bit).unwrap_err(), missing(bit));
    }
    // Clearing flags never downgrades the login to NTLMv1 or LM.
    let others = (0..32).map(|bit| Flags::from_bits_retain(1 << bit));
    for bit in others.filter(|bit| !needed.contains(*bit)) {
        match without(bit) {
            Ok(response) => {
                let message = Authenticate::parse(&response.token).unwrap();
                assert!(matches!(message.nt_response, NtResponse::V2(_)), "{bit}");
                assert_eq!(message.lm_response.as_bytes(), [0; 24], "{bit}");
            }
            Err(Error::Unexpected(Unexpected::CharacterSet)) => {
                assert_eq!(bit, Flags::NEGOTIATE_UNICODE);
            }
            Err(error) => {
                assert_eq!(bit, Flags::NEGOTIATE_TARGET_INFO, "{error:?}");
                assert_eq!(error, Unexpected::NetbiosNames.into());
            }
        }
    }
}

/// Samba asked for protection and continued without it. In this crate the keys report the
/// protection that was negotiated, a client requires from the server what the application asked
/// for, and no unprotected message looks protected.
#[test]
fn cve_2016_2112_2113_2115_requested_protection_is_required() {
    for wanted in [Protection::None, Protection::Sign, Protection::Seal] {
        let accepted = log_in(&alice().with_protection(wanted), &server()).unwrap();
        assert_eq!(accepted.keys.protection(), wanted);
        let mut session = accepted.keys.into_session().unwrap();
        let sealed = session.seal(&mut [1, 2, 3]);
        let expected = if wanted == Protection::Seal { Ok(()) } else { NOT_NEGOTIATED };
        assert_eq!(sealed.map(drop), expected);
        // The dummy signature of a session without protection verifies nothing.
        let dummy = session.verify(b"message", &Signature::DUMMY);
        let checksum = Err(Integrity::Checksum.into());
        let expected = if wanted == Protection::None { NOT_NEGOTIATED } else { checksum };
        assert_eq!(dummy, expected);
    }
    let signs = server_with(|policy| policy.shared.require = Flags::NEGOTIATE_SIGN);
    let missing = Refused::MissingFlags(Flags::NEGOTIATE_SIGN);
    assert_eq!(log_in(&alice(), &signs).unwrap_err(), missing.into());
    let (unsigned, _) = challenged(&server());
    let signing = alice().with_protection(Protection::Sign);
    assert_eq!(answer(&signing, &unsigned).unwrap_err(), missing.into());
}

const NOT_NEGOTIATED: Result<(), Error> = Err(Error::Misuse(Misuse::NotNegotiated));

/// Samba accepted an NTLMv1 response in the LM field although NTLMv1 was not allowed. It proves
/// nothing either if the server has no LM hash to compare the field with.
#[test]
fn cve_2018_1139_ntlmv1_in_the_lm_field_is_rejected() {
    for level in [0, 3, 4, 5].map(|level| LmCompatibility::try_from(level).unwrap()) {
        for allow_lmv2_alone in [false, true] {
            let server = server_with(|policy| {
                policy.shared.lm_compatibility = level;
                policy.allow_lmv2_alone = allow_lmv2_alone;
            });
            let (challenge, handshake) = challenged(&server);
            let sent = Challenge::parse(&challenge).unwrap();
            let nt = NtHash::from_password(PASSWORD).ntlmv1_response(&sent.server_challenge);
            let message = Authenticate {
                lm_response: LmResponse::new(&nt),
                user: &Text::from("alice").to_utf16le(),
                flags: Some(sent.flags - Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY),
                ..Authenticate::default()
            };
            let can_be = allow_lmv2_alone || level < LmCompatibility::RefuseLm;
            let expected =
                if can_be { Denied::WrongPassword.into() } else { Refused::ResponseKind.into() };
            let bytes = message.to_bytes();
            assert_eq!(verdict(handshake, &bytes).unwrap_err(), expected, "{level:?}");

            let (same_challenge, handshake) = challenged(&server);
            assert_eq!(same_challenge, challenge);
            let claim = handshake.read(&bytes, &mut Fixed::default());
            let nt_hash = NtHash::from_password(PASSWORD);
            let result = claim.and_then(|claim| user_of(claim).verify_nt_hash(&nt_hash));
            let needs_lm_hash = can_be && !allow_lmv2_alone;
            let expected = if needs_lm_hash { Denied::NoLmHash.into() } else { expected };
            assert_eq!(result.unwrap_err(), expected, "{level:?}, without an LM hash");
        }
    }
}

/// Samba mapped an unknown user to another account. In this crate the accepted user is the one that
/// was claimed and looked up, or the one that the domain controller returns.
#[test]
fn cve_2020_25717_accepted_user_is_the_one_looked_up() {
    for (user, domain) in [("alice", "EXAMPLE"), ("alice", ""), ("root", "EXAMPLE"), ("a@b", "")] {
        let accepted = log_in(&named(user, domain), &server()).unwrap();
        assert_eq!(accepted.user(), Some(UserName::new(user).with_domain(domain)).as_ref());
        assert_eq!(accepted.proven_domain(), Some(domain.into()));
    }
    let (sent, handshake) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    let claim = user_of(handshake.read(&sent.authenticate, &mut Fixed::default()).unwrap());
    let key = Proof::default().key().session_base_key(ntlmv2(&sent.authenticate).proof());
    let validation = Validation::new(*key.expose(), 0);
    let found = UserName::new("alice.smith").with_domain("CORP");
    let accepted = claim.verify_by_domain(&validation.with_user(found.clone())).unwrap();
    assert_eq!(accepted.user(), Some(found).as_ref());
}

/// FreeRDP treated the missing hash of a failed look-up as a hash.
#[test]
fn cve_2022_24882_user_without_a_hash_is_rejected() {
    // A look-up that finds nothing has no hash to pass, and there is no other way to accept the
    // user.
    let store = |_: &UserName| None::<NtHash>;
    let (claim, _) = claim(&alice(), &server());
    let result = match store(claim.claimed_user()) {
        Some(hash) => claim.verify_nt_hash(&hash),
        None => claim.reject(Rejection::UnknownUser),
    };
    assert_eq!(result.unwrap_err(), Denied::Rejected(Rejection::UnknownUser).into());
    for hash in [[0; 16], *NtHash::from_password("").expose()] {
        let (claim, _) = ntlm_testkit::claim(&alice(), &server());
        let error = claim.verify_nt_hash(&NtHash::from(hash)).unwrap_err();
        assert_eq!(error, Denied::WrongPassword.into());
    }
}

/// FreeRDP accepted every client if the file of users could not be read.
#[test]
fn cve_2022_24883_failed_look_up_rejects_the_client() {
    let store = |_: &UserName| Err::<NtHash, _>("no such file");
    let (claim, _) = claim(&alice(), &server());
    let result = match store(claim.claimed_user()) {
        Ok(hash) => claim.verify_nt_hash(&hash),
        Err(_) => claim.reject(Rejection::LookupFailed),
    };
    assert_eq!(result.unwrap_err(), Denied::Rejected(Rejection::LookupFailed).into());
    #[cfg(feature = "http")]
    for denies in [true, false] {
        use ntlm::http::{AuthHeader, HttpVersion, Scheme, ServerConnection, Step, header_value};
        let environment = &mut Fixed::default();
        let mut connection = ServerConnection::new(server());
        let (negotiate, await_challenge) = alice().initiate().unwrap();
        let headers = [("Authorization", header_value(Scheme::Ntlm, &negotiate))];
        let step = connection.on_request(HttpVersion::Http11, headers, environment);
        let Step::Outcome(ntlm::http::Outcome::Continue(reply)) = step else { panic!("{step:?}") };
        let challenge = AuthHeader::credentials(&reply.values[0]).unwrap().token().unwrap();
        let response = await_challenge.answer(&challenge, environment).unwrap();
        let headers = [("Authorization", header_value(Scheme::Ntlm, &response.token))];
        let step = connection.on_request(HttpVersion::Http11, headers, environment);
        let Step::LookUp(look_up) = step else { panic!("{step:?}") };
        if denies {
            let outcome = look_up.reject(Rejection::LookupFailed);
            let ntlm::http::Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
            assert_eq!(
                refusal.reason,
                Error::from(Denied::Rejected(Rejection::LookupFailed)).into()
            );
        } else {
            drop(look_up);
        }
        assert!(connection.accepted().is_none());
        let plain = connection.on_request(HttpVersion::Http11, [("Host", "www")], environment);
        assert!(
            matches!(plain, Step::Outcome(ntlm::http::Outcome::Continue(_))),
            "the next request is not authenticated"
        );
    }
}

/// FreeRDP checked the password only if there was a MIC.
#[test]
fn freerdp_85e49aa60_password_is_verified_without_a_mic() {
    let accepted = judge("H-401", default).unwrap();
    assert!(!accepted.mic_checked);
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv2));
}

/// rubyntlm verified NTLMv2 against the empty password, whatever the user's password was.
#[test]
fn rubyntlm_0_6_5_empty_password_is_rejected() {
    assert!(judge("H-400", default).is_ok());
    let nobody_asked = Client::new(Credentials::password("EXAMPLE\\alice", ""));
    let error = log_in(&nobody_asked, &server()).unwrap_err();
    assert_eq!(error, Denied::WrongPassword.into());
}

/// ksmbd derived the session key before the proof was verified, and continued after a wrong proof.
#[test]
fn ksmbd_954d196bebb2_no_key_is_derived_after_a_wrong_proof() {
    let client = alice().with_protection(Protection::Seal);
    // The claim is consumed; only the error is left of it.
    let error = claim(&client, &server()).0.verify_password("wrong").unwrap_err();
    assert_eq!(format!("{error:?}"), "Denied(WrongPassword)");
    assert_eq!(error.to_string(), Error::from(Denied::Mic).to_string());
    // The proof is verified before the MIC, and the MIC before everything else.
    let error = log_in_changed(&client, &server(), PASSWORD, |message| {
        message.encrypted_random_session_key = &[0; 16];
        message.mic = None;
    });
    assert_eq!(error.unwrap_err(), Denied::MicMissing.into());
    let wrong = Client::new(Credentials::password(USER, "wrong"));
    let error = log_in_changed(&wrong, &server(), PASSWORD, |message| message.mic = None);
    assert_eq!(error.unwrap_err(), Denied::WrongPassword.into());
}
