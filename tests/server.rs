//! What a server offers, accepts and rejects ([MS-NLMP] 3.2).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use core::time::Duration;

use ntlm::crypto::{LmHash, ResponseKey};
use ntlm::error::{Denied, Misuse, Refused, Rejection, Unexpected};
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, Policy, Validation};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, AvId, Challenge, ErrorKind, LmResponse, Negotiate, NegotiateFlags as Flags,
    NtResponse, Version,
};
use ntlm::{
    ChannelBindings, Client, Credentials, Enforcement, EnvironmentError, Error, FileTime,
    LmCompatibility, NtHash, ResponseKind, Server, Text, TextError, UserName, client,
};
use ntlm_testkit::fields::{self, authenticate::MIC};
use ntlm_testkit::{
    Emit, Fixed, NOW, PASSWORD, Proof, accept, alice, alice_at, alice_with, challenged, changed,
    claim, exchange, list, log_in, log_in_changed, pairs_of, permissive, server, server_with,
    user_of, verdict, weaken, with_pairs,
};

fn names() -> Names {
    Names::member("FILES", "EXAMPLE")
        .with_dns_computer("files.example.com")
        .with_dns_domain("example.com")
        .with_dns_tree("forest.example")
}

/// The random numbers of the server in the fixed environment.
const SERVER_CHALLENGE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn negotiate(flags: Flags) -> Vec<u8> {
    let mut bytes = Vec::new();
    let message = Negotiate { flags, version: Some(Version::default()), ..Negotiate::default() };
    message.emit(&mut bytes).unwrap();
    bytes
}

/// A server after its CHALLENGE to a NEGOTIATE with these flags.
fn asked(server: &Server, flags: Flags) -> (Vec<u8>, AwaitAuthenticate) {
    server.challenge(&negotiate(flags), &mut Fixed::default()).unwrap()
}

/// The result of that server for this AUTHENTICATE.
fn read_after(server: &Server, flags: Flags, message: &Authenticate<'_>) -> Result<Claim, Error> {
    asked(server, flags).1.read(&message.to_bytes(), &mut Fixed::default())
}

/// The flags that the server sends in answer to these flags of a NEGOTIATE.
fn answer(server: &Server, flags: u32) -> Result<Flags, Error> {
    let negotiate = negotiate(Flags::from_bits_retain(flags));
    let (challenge, _) = server.challenge(&negotiate, &mut Fixed::default())?;
    Ok(Challenge::parse(&challenge).unwrap().flags)
}

/// An AUTHENTICATE with Alice's valid response to this CHALLENGE and no MIC, after `change`.
fn with_own_response(challenge: &[u8], change: impl FnOnce(&mut Authenticate<'_>)) -> Vec<u8> {
    changed(&Proof::repeating(challenge).authenticate(challenge), change)
}

#[test]
fn challenge_contains_the_names_and_time_of_the_server() {
    let (bytes, _) =
        Server::new(names()).challenge(&negotiate(Flags::all()), &mut Fixed::default()).unwrap();
    let message = Challenge::parse(&bytes).unwrap();
    assert_eq!(message.target_name, b"E\0X\0A\0M\0P\0L\0E\0");
    assert!(message.flags.contains(Flags::TARGET_TYPE_DOMAIN));
    assert!(!message.flags.contains(Flags::TARGET_TYPE_SERVER));
    assert_eq!(message.server_challenge, SERVER_CHALLENGE);
    let pairs = message.target_info.unwrap();
    let ids: Vec<u16> = pairs.iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 7]);
    for (id, name) in [
        (AvId::NB_COMPUTER_NAME, "FILES"),
        (AvId::NB_DOMAIN_NAME, "EXAMPLE"),
        (AvId::DNS_COMPUTER_NAME, "files.example.com"),
        (AvId::DNS_DOMAIN_NAME, "example.com"),
        (AvId::DNS_TREE_NAME, "forest.example"),
    ] {
        assert_eq!(pairs.text(id).unwrap(), name);
    }
    assert_eq!(pairs.timestamp(), Some(NOW));
}

#[test]
fn server_without_a_domain_sends_its_own_name_as_the_domain() {
    let server = Server::new(Names::standalone("FILES"));
    let (bytes, _) = server.challenge(&negotiate(Flags::all()), &mut Fixed::default()).unwrap();
    let message = Challenge::parse(&bytes).unwrap();
    assert_eq!(message.target_name, b"F\0I\0L\0E\0S\0");
    assert!(message.flags.contains(Flags::TARGET_TYPE_SERVER));
    assert!(!message.flags.contains(Flags::TARGET_TYPE_DOMAIN));
    let pairs = message.target_info.unwrap();
    let ids: Vec<u16> = pairs.iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, [1, 2, 7]);
    assert_eq!(pairs.text(AvId::NB_DOMAIN_NAME).unwrap(), "FILES");
}

#[test]
fn server_without_a_name_sends_no_challenge() {
    for names in [Names::standalone(""), Names::member("FILES", "")] {
        let result = Server::new(names).challenge(&negotiate(Flags::all()), &mut Fixed::default());
        assert_eq!(result.unwrap_err(), Misuse::NoServerName.into());
    }
}

#[test]
fn each_offered_flag_is_granted_or_dropped() {
    let always = 0x0281_8204 | 1; // VERSION, TARGET_INFO, DOMAIN, ALWAYS_SIGN, NTLM, REQUEST_TARGET
    let server = server_with(|policy| policy.shared.require_when_protected = Flags::empty());
    for (asked, granted) in [
        (0x0000_0001, always),
        (0x0000_0003, always),               // UNICODE wins over OEM
        (0x0000_0011, always | 0x10),        // SIGN
        (0x0000_0021, always | 0x20),        // SEAL
        (0x2000_0001, always | 0x2000_0000), // 128 without SIGN or SEAL
        (0x8000_0001, always | 0x8000_0000), // 56 likewise
        (0xa000_0011, always | 0xa000_0010), // both, with SIGN
        (0x2000_0021, always | 0x2000_0020), // 128 with SEAL
        (0x4000_0001, always | 0x4000_0000), // KEY_EXCH
        (0x0008_0001, always | 0x0008_0000), // EXTENDED_SESSIONSECURITY
        (0x0008_0081, always | 0x0008_0000), // which excludes LM_KEY
        (0x0000_0081, always),               // LM_KEY, not granted by default
        (0x0000_0041, always),               // DATAGRAM, not here
        (0xffff_ffff, always | 0xe008_0030), // all bits
    ] {
        assert_eq!(answer(&server, asked).unwrap().bits(), granted, "{asked:#010x}");
    }
    assert_eq!(answer(&server, 0x2).unwrap().bits(), always - 1 + 2);
    assert_eq!(answer(&server, 0x8200), Err(Unexpected::CharacterSet.into()));
}

#[test]
fn flags_in_offer_are_granted() {
    let server = server_with(|policy| policy.shared.offer = Flags::all());
    let granted = answer(&server, 0x0050_0081).unwrap();
    assert!(granted.contains(Flags::from_bits_retain(0x0050_0080)), "IDENTIFY, NON_NT, LM_KEY");
    let mut policy = client::Policy::default();
    policy.shared.offer |= Flags::NEGOTIATE_IDENTIFY;
    let outcome = log_in(&alice().with_policy(policy), &server, PASSWORD).unwrap();
    assert!(
        outcome.accepted.keys.flags().contains(Flags::NEGOTIATE_IDENTIFY),
        "in the session too"
    );
}

#[test]
fn reserved_flags_and_flags_of_clients_are_never_granted() {
    let server = server_with(|policy| policy.shared.offer = Flags::all());
    // Reserved bits, and flags that only a client sends.
    let never = Flags::from_bits_retain(0x1d24_7d08);
    let granted = answer(&server, 0xffff_ffff).unwrap();
    assert!(!granted.intersects(never | Flags::NEGOTIATE_DATAGRAM), "{granted}");
    let (datagram, _) = server.challenge_datagram(&mut Fixed::default()).unwrap();
    let offered = Challenge::parse(&datagram).unwrap().flags;
    assert!(!offered.intersects(never), "{offered}");
}

#[test]
fn clients_without_a_required_flag_get_no_challenge() {
    // 128 and extended session security are required if messages are protected.
    let missing = |flags| Err(Error::from(Refused::MissingFlags(flags)));
    assert_eq!(answer(&server(), 0x0008_0011), missing(Flags::NEGOTIATE_128));
    let extended = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    assert_eq!(answer(&server(), 0x2000_0011), missing(extended));
    assert!(answer(&server(), 0x2008_0011).is_ok());
    assert!(answer(&server(), 0x0000_0001).is_ok());

    let server = server_with(|policy| {
        policy.shared.require = Flags::NEGOTIATE_SEAL;
        // These flags are not policy decisions, so requiring them rejects no client.
        policy.shared.require |=
            Flags::from_bits_retain(0x1000_0000) | Flags::NEGOTIATE_TARGET_INFO;
    });
    assert_eq!(answer(&server, 0xe008_0011), missing(Flags::NEGOTIATE_SEAL));
    assert!(answer(&server, 0xe008_0031).is_ok());
}

/// Required flags must also be set in the AUTHENTICATE, because a man in the middle may clear them
/// (CVE-2016-2110).
#[test]
fn required_flag_dropped_in_the_authenticate_is_rejected() {
    let client = alice().with_protection(Protection::Seal);
    for flag in [Flags::NEGOTIATE_128, Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY] {
        let result = log_in_changed(&client, &server(), PASSWORD, |message| {
            message.flags = message.flags.map(|flags| flags - flag);
        });
        assert_eq!(result.unwrap_err(), Refused::MissingFlags(flag).into());
    }
    let server = server_with(|policy| policy.shared.require = Flags::PROTECTION);
    let result = log_in_changed(&client, &server, PASSWORD, |message| {
        message.flags = message.flags.map(|flags| flags - Flags::PROTECTION);
    });
    assert_eq!(result.unwrap_err(), Refused::MissingFlags(Flags::PROTECTION).into());
}

#[test]
fn flags_that_were_not_granted_have_no_effect() {
    let server = server();
    let plain = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_NTLM;
    let (challenge, handshake) = asked(&server, plain);
    let granted = Challenge::parse(&challenge).unwrap().flags;
    let mut session_base_key = None;
    let bytes = with_own_response(&challenge, |message| {
        message.flags = Some(Flags::all());
        message.encrypted_random_session_key = &[7; 16];
        let NtResponse::V2(response) = message.nt_response else { panic!("not NTLMv2") };
        let key = Proof::default().key();
        session_base_key = Some(key.session_base_key(response.proof()));
    });
    let accepted = verdict(handshake, &bytes).unwrap();
    assert_eq!(accepted.keys.flags(), granted);
    let key = accepted.keys.exported_session_key().expose();
    assert_eq!(key, session_base_key.unwrap().expose(), "without key exchange");
}

#[test]
fn right_password_is_accepted_and_a_wrong_one_rejected() {
    let outcome = log_in(&alice(), &server(), PASSWORD).unwrap();
    assert_eq!(
        outcome.accepted.user(),
        Some(UserName::new("alice").with_domain("EXAMPLE")).as_ref()
    );
    assert_eq!(outcome.accepted.identity.response(), Some(ResponseKind::Ntlmv2));
    assert!(outcome.accepted.mic_checked);
    assert_eq!(
        outcome.accepted.keys.exported_session_key().expose(),
        outcome.client.exported_session_key().expose()
    );
    for wrong in ["Secret", "", "secret "] {
        let error = log_in(&alice(), &server(), wrong).err().unwrap();
        assert_eq!(error, Denied::WrongPassword.into());
    }
}

#[test]
fn denials_look_alike_to_the_peer_and_differ_in_the_log() {
    let rejections = [
        Rejection::UnknownUser,
        Rejection::WrongPassword,
        Rejection::AccountDisabled,
        Rejection::AccountLocked,
        Rejection::AccountExpired,
        Rejection::PasswordExpired,
        Rejection::AccountRestriction,
        Rejection::NtlmBlocked,
        Rejection::DomainController,
        Rejection::Unreachable,
        Rejection::LookupFailed,
    ];
    let mut reasons = std::collections::BTreeSet::new();
    for rejection in rejections {
        let (claim, _) = claim(&alice(), &server());
        let error = claim.reject(rejection).unwrap_err();
        assert_eq!(error, Denied::Rejected(rejection).into());
        assert_eq!(error, Error::from(rejection));
        assert!(reasons.insert(rejection.reason()));
    }
    let denials = [
        Denied::WrongPassword,
        Denied::NoLmHash,
        Denied::Mic,
        Denied::MicMissing,
        Denied::ChannelBindings,
        Denied::ChannelBindingsMissing,
        Denied::Spn,
        Denied::SpnMissing,
        Denied::TargetInfo,
        Denied::Time,
        Denied::ChallengeExpired,
    ];
    let for_the_peer = Error::from(Denied::Mic).to_string();
    for denied in denials.into_iter().chain(rejections.map(Denied::Rejected)) {
        let error = Error::from(denied);
        assert_eq!(error.to_string(), for_the_peer);
        assert_eq!((error.ntstatus(), error.security_status()), (0xc000_006d, 0x8009_030c));
        let logged = error.log().to_string();
        assert_eq!(logged, format!("{for_the_peer}: {}", denied.reason()));
        reasons.insert(denied.reason());
    }
    assert_eq!(reasons.len(), rejections.len() + denials.len(), "each reason has its own log text");
}

#[test]
fn log_of_a_login_escapes_names_and_lists_the_checks() {
    let client = Client::new(Credentials::password("EXAMPLE\\alice\nlogin user=root", "secret"));
    let accepted =
        log_in(&client.with_workstation("a \"PC\""), &server(), "secret").unwrap().accepted;
    let expected = r#"user="EXAMPLE\\alice\nlogin user=root" workstation="a \"PC\"" response=Ntlmv2 mic=yes bindings=no spn=none"#;
    assert_eq!(accepted.log().to_string(), expected);

    let bindings = ChannelBindings::application_data(b"tls-unique:channel");
    let server = server().with_channel_bindings(bindings.clone());
    let client = Client::new(Credentials::password("alice", "secret")).with_spn("HTTP/web");
    let accepted =
        log_in(&client.with_channel_bindings(bindings), &server, "secret").unwrap().accepted;
    assert!(accepted.log().to_string().ends_with(r#"mic=yes bindings=yes spn="HTTP/web""#));
}

#[test]
fn claim_exposes_its_names_and_checks_candidate_hashes() {
    let client = Client::new(Credentials::password("alice@example.com", PASSWORD));
    let client = client.with_workstation("LAPTOP");
    let (claim, _) = claim(&client, &server());
    assert_eq!(claim.claimed_user(), &UserName::new("alice@example.com"));
    assert_eq!(*claim.claimed_workstation(), "LAPTOP");
    assert!(!claim.proof_matches(&NtHash::from_password("old secret")));
    assert!(claim.proof_matches(&NtHash::from_password(PASSWORD)));
    assert!(claim.verify_nt_hash(&NtHash::from_password(PASSWORD)).is_ok());
}

/// FreeRDP's CVE-2022-24882 and -24883: the empty or zero result of a failed look-up must not count
/// as a hash.
#[test]
fn empty_or_zero_hash_of_an_account_is_rejected() {
    for hash in [NtHash::from([0; 16]), NtHash::from_password("")] {
        let (claim, _) = claim(&alice(), &server());
        assert_eq!(claim.verify_nt_hash(&hash).unwrap_err(), Denied::WrongPassword.into());
    }
}

/// 3.2.5.1.2, and Samba: the proof may cover the domain as sent, in upper case, or no domain.
#[test]
fn domain_in_the_proof_may_be_as_sent_upper_case_or_empty() {
    let attempt = |proven: &str, sent: &str| {
        let server = server_with(|policy| policy.require_target_info = false);
        let (challenge, handshake) = asked(&server, Flags::NEGOTIATE_UNICODE);
        let domain = Text::from(sent).to_utf16le();
        let own = Proof { domain: proven.into(), ..Proof::default() };
        let bytes = changed(&own.authenticate(&challenge), |message| message.domain = &domain);
        let accepted = verdict(handshake, &bytes)?;
        // The identity is the account that was looked up: the name in the proof may belong to
        // another account.
        assert_eq!(accepted.user(), Some(UserName::new("alice").with_domain(sent)).as_ref());
        Ok(accepted.proven_domain().unwrap().to_string())
    };
    assert_eq!(attempt("EXAMPLE", "EXAMPLE").as_deref(), Ok("EXAMPLE"));
    assert_eq!(attempt("example", "example").as_deref(), Ok("example"));
    assert_eq!(attempt("EXAMPLE", "example").as_deref(), Ok("EXAMPLE"));
    assert_eq!(attempt("", "COLLEY-XP4").as_deref(), Ok(""));
    let wrong = Err(Error::from(Denied::WrongPassword));
    assert_eq!(attempt("example", "EXAMPLE"), wrong);
    assert_eq!(attempt("OTHER", "EXAMPLE"), wrong);
    assert_eq!(attempt("OTHER", ""), wrong);
}

/// 3.3.2: NTOWFv2 hashes Upper(user) followed by the domain. If there is no MIC, a man in the
/// middle can move the border between them, and the proof stays valid.
#[test]
fn moved_border_of_user_and_domain_keeps_the_proof_and_not_the_mic() {
    let moved = |token: &[u8], user: &str, domain: &str| {
        let (user, domain) = (Text::from(user).to_utf16le(), Text::from(domain).to_utf16le());
        changed(token, |message| (message.user, message.domain) = (&user, &domain))
    };
    let environment = &mut Fixed::default();
    let server = server_with(|policy| policy.require_target_info = false);
    let without_mic = |user: &str, domain: &str, account: Option<UserName>| {
        let environment = &mut Fixed::default();
        let (challenge, handshake) = asked(&server, Flags::NEGOTIATE_UNICODE);
        let proof = Proof { user: "app".into(), domain: "LEGACY".into(), ..Proof::default() };
        let token = moved(&proof.authenticate(&challenge), user, domain);
        let mut claim = user_of(handshake.read(&token, environment).unwrap());
        assert_eq!(*claim.claimed_user(), UserName::new(user).with_domain(domain));
        if let Some(account) = account {
            claim = claim.with_account(account);
        }
        claim.verify_nt_hash(&NtHash::from_password(PASSWORD)).unwrap()
    };
    // An application that takes the name from the message accepts a user who does not exist.
    // A proof may also cover no domain, so that the border can be moved behind all of it.
    for (user, domain, proven) in
        [("appl", "EGACY", "EGACY"), ("ap", "PLEGACY", "PLEGACY"), ("appLEGACY", "EVIL", "")]
    {
        let accepted = without_mic(user, domain, None);
        assert_eq!(accepted.user(), Some(UserName::new(user).with_domain(domain)).as_ref());
        assert_eq!(accepted.proven_domain(), Some(proven.into()));
        assert!(!accepted.mic_checked);
        // An application that uses the account whose hash it passed accepts that account.
        let accepted = without_mic(user, domain, Some(UserName::new("app").with_domain("LEGACY")));
        assert_eq!(accepted.user(), Some(UserName::new("app").with_domain("LEGACY")).as_ref());
        assert_eq!(
            accepted.proven_domain(),
            Some(proven.into()),
            "the domain that the proof covers"
        );
    }

    let client = Client::new(Credentials::password("LEGACY\\app", PASSWORD));
    let (honest, handshake) = exchange(&client, &self::server(), environment).unwrap();
    let token = moved(&honest.authenticate, "appl", "EGACY");
    assert_eq!(verdict(handshake, &token).unwrap_err(), Denied::Mic.into());
}

#[test]
fn only_an_empty_user_with_empty_responses_is_anonymous() {
    let mut policy = permissive();
    policy.allow_anonymous = true;
    let server = server().with_policy(policy);
    let lm = |bytes: &'static [u8]| LmResponse::new(bytes);
    for (user, nt, lm, anonymous) in [
        (&b""[..], NtResponse::Empty, lm(&[0]), true),
        (b"", NtResponse::Empty, lm(&[]), true),
        (b"", NtResponse::Empty, lm(&[1]), false),
        (b"", NtResponse::Empty, lm(&[0, 0]), false),
        (b"", NtResponse::Empty, lm(&[0; 24]), false),
        (b"a\0", NtResponse::Empty, lm(&[0]), false),
        (b"a\0", NtResponse::Empty, lm(&[]), false),
        (b"", NtResponse::V1(&[0; 24]), lm(&[0; 24]), false),
        (b"", NtResponse::V1(&[0; 24]), lm(&[0]), false),
    ] {
        let result = log_in_changed(&alice(), &server, PASSWORD, |message| {
            (message.user, message.nt_response, message.lm_response) = (user, nt, lm);
        });
        match result {
            Ok(accepted) => {
                assert!(anonymous, "{user:?} {nt:?} {lm:?}");
                assert_eq!((accepted.user(), accepted.identity.response()), (None, None));
                assert!(!accepted.mic_checked);
            }
            Err(error) => assert!(!anonymous, "{user:?} {nt:?} {lm:?}: {error:?}"),
        }
    }
}

#[test]
fn anonymous_clients_are_rejected_by_default_and_get_no_session() {
    let nobody = Client::new(Credentials::anonymous());
    let refused = log_in(&nobody, &server(), "").err();
    assert_eq!(refused, Some(Refused::Anonymous.into()));

    let mut guests = Policy::default();
    guests.allow_guest = true;
    let refused = log_in(&nobody, &server().with_policy(guests), "").err();
    assert_eq!(refused, Some(Refused::Anonymous.into()));

    let mut policy = Policy::default();
    policy.allow_anonymous = true;
    let outcome = log_in(&nobody, &server().with_policy(policy.clone()), "").unwrap();
    assert_eq!(outcome.accepted.user(), None);
    assert_eq!(outcome.accepted.keys.protection(), Protection::None);
    let error = outcome.accepted.keys.into_session().unwrap_err();
    assert_eq!(error, Misuse::NoSessionSecurity.into());
    assert_eq!(outcome.client.into_session().unwrap_err(), Misuse::NoSessionSecurity.into());

    // Requirements for all clients apply to anonymous clients too.
    policy.shared.require = Flags::NEGOTIATE_SIGN;
    policy.shared.require_when_protected = Flags::empty();
    let refused = log_in(&nobody, &server().with_policy(policy.clone()), "").err();
    let missing = Refused::MissingFlags(Flags::NEGOTIATE_SIGN);
    assert_eq!(refused, Some(missing.into()));
    // The same for a client that only announces signatures: it has no key.
    let signs = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_SIGN;
    let server = server().with_policy(policy);
    let message = Authenticate {
        lm_response: LmResponse::new(&[0]),
        flags: Some(signs),
        ..Authenticate::default()
    };
    let claim = read_after(&server, signs, &message).unwrap();
    assert_eq!(accept(claim, "").unwrap_err(), missing.into());
    for (set, denied) in [
        ((|policy| policy.shared.require_mic = true) as fn(&mut Policy), Denied::MicMissing),
        (|policy| policy.channel_bindings = Enforcement::Required, Denied::ChannelBindingsMissing),
        (|policy| policy.spn = Enforcement::Required, Denied::SpnMissing),
    ] {
        let mut policy = Policy::default();
        policy.allow_anonymous = true;
        set(&mut policy);
        let server = with_own_identity(self::server().with_policy(policy));
        let refused = log_in(&nobody, &server, "").err();
        assert_eq!(refused, Some(denied.into()));
    }
}

/// smbclient 4.17 as an anonymous client: SIGN without extended session security.
#[test]
fn anonymous_client_needs_no_strength_because_it_protects_nothing() {
    let server = server_with(|policy| policy.allow_anonymous = true);
    let flags = Flags::from_bits_retain(0x6200_8215);
    let authenticated_as = |lm: &[u8], nt_response: NtResponse<'_>, user: &[u8]| {
        let message = Authenticate {
            lm_response: LmResponse::new(lm),
            nt_response,
            user,
            flags: Some(flags),
            encrypted_random_session_key: &[7; 16],
            ..Authenticate::default()
        };
        read_after(&server, flags, &message)
    };
    match authenticated_as(&[0], NtResponse::Empty, b"").unwrap() {
        Claim::Anonymous(claim) => {
            let accepted = claim.accept().unwrap();
            assert_eq!(accepted.keys.into_session().unwrap_err(), Misuse::NoSessionSecurity.into());
        }
        claim => panic!("{claim:?}"),
    }
    // A user's messages would be protected, so the strength is required.
    let response = NtResponse::parse(&[7; 24]).unwrap();
    let missing = Refused::MissingFlags(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
    assert_eq!(authenticated_as(&[7; 24], response, b"a\0").unwrap_err(), missing.into());
}

#[test]
fn anonymous_flag_is_ignored() {
    let result = log_in_changed(&alice(), &server(), PASSWORD, |message| {
        message.flags = message.flags.map(|flags| flags | Flags::ANONYMOUS);
    });
    assert_eq!(result.unwrap_err(), Denied::Mic.into(), "the MIC was still checked");
    let mut policy = Policy::default();
    policy.allow_anonymous = true;
    let nobody = Client::new(Credentials::anonymous());
    let result = log_in_changed(&nobody, &server().with_policy(policy), "", |message| {
        message.flags = message.flags.map(|flags| flags - Flags::ANONYMOUS);
    });
    let accepted = result.unwrap();
    assert_eq!(accepted.user(), None);
    assert!(accepted.log().to_string().starts_with("user=anonymous "));
}

#[test]
fn guest_is_accepted_only_if_the_policy_allows_guests() {
    let stranger = Client::new(Credentials::password("stranger", "whatever"));
    let claim = |policy| claim(&stranger, &server().with_policy(policy)).0;
    let refused = claim(Policy::default()).accept_as_guest().unwrap_err();
    assert_eq!(refused, Denied::Guest.into());
    let mut policy = Policy::default();
    policy.allow_guest = true;
    let accepted = claim(policy.clone()).accept_as_guest().unwrap();
    assert_eq!((accepted.user(), accepted.identity.response()), (None, None));
    assert!(accepted.log().to_string().starts_with("user=guest "));
    let error = accepted.keys.into_session().unwrap_err();
    assert_eq!(error, Misuse::NoSessionSecurity.into());
    policy.shared.require_mic = true;
    assert_eq!(claim(policy).accept_as_guest().unwrap_err(), Denied::Guest.into());
}

fn bound(data: &[u8]) -> ChannelBindings {
    ChannelBindings::application_data(data)
}

#[test]
fn channel_bindings_are_enforced_according_to_the_policy() {
    let outcome = |binding, ours: Option<&[u8]>, theirs: Option<ChannelBindings>| {
        let mut server = server_with(|policy| policy.channel_bindings = binding);
        if let Some(ours) = ours {
            server = server.with_channel_bindings(bound(ours));
        }
        let mut client = alice();
        if let Some(theirs) = theirs {
            client = client.with_channel_bindings(theirs);
        }
        log_in(&client, &server, PASSWORD).map(|outcome| outcome.accepted.bindings_checked)
    };
    let bad = Err(Error::from(Denied::ChannelBindings));
    let missing = Err(Error::from(Denied::ChannelBindingsMissing));
    let zero = || Some(ChannelBindings::from_md5([0; 16]));
    let (right, wrong) = (|| Some(bound(b"a")), || Some(bound(b"b")));
    for (binding, ours, theirs, expected) in [
        (Enforcement::Required, Some(&b"a"[..]), right(), Ok(true)),
        (Enforcement::Required, Some(b"a"), wrong(), bad),
        (Enforcement::Required, Some(b"a"), zero(), missing),
        (Enforcement::Required, Some(b"a"), None, missing),
        (Enforcement::IfPresent, Some(b"a"), right(), Ok(true)),
        (Enforcement::IfPresent, Some(b"a"), wrong(), bad),
        (Enforcement::IfPresent, Some(b"a"), zero(), Ok(false)),
        (Enforcement::IfPresent, Some(b"a"), None, Ok(false)),
        (Enforcement::IfPresent, None, right(), Ok(false)),
        (Enforcement::Off, Some(b"a"), wrong(), Ok(false)),
    ] {
        let what = format!("{binding:?}, server {ours:?}, client {theirs:?}");
        assert_eq!(outcome(binding, ours, theirs), expected, "{what}");
    }
    let nothing_to_compare = Err(Misuse::NoChannelBindings.into());
    assert_eq!(outcome(Enforcement::Required, None, right()), nothing_to_compare);
}

/// `ApplicationRequiresCBT`, for a server that does not know its TLS connection.
#[test]
fn any_nonzero_channel_bindings_are_accepted_if_the_policy_allows_any() {
    let outcome = |theirs: Option<ChannelBindings>| {
        let mut policy = Policy::default();
        policy.channel_bindings = Enforcement::Required;
        policy.allow_any_channel_bindings = true;
        let client = theirs.map_or(alice(), |theirs| alice().with_channel_bindings(theirs));
        let outcome = log_in(&client, &server().with_policy(policy), PASSWORD);
        outcome.map(|outcome| outcome.accepted.bindings_checked)
    };
    let bad = Err(Denied::ChannelBindingsMissing.into());
    assert_eq!(outcome(Some(bound(b"any"))), Ok(false));
    assert_eq!(outcome(Some(ChannelBindings::from_md5([0; 16]))), bad);
    assert_eq!(outcome(None), bad);
}

/// The bindings and the service name that clients are compared with.
fn with_own_identity(server: Server) -> Server {
    server.with_channel_bindings(bound(b"a")).with_spns(["HTTP/files"])
}

#[test]
fn target_names_are_enforced_according_to_the_policy() {
    let outcome = |binding, ours: &[&str], client: Client| {
        let server = server_with(|policy| policy.spn = binding).with_spns(ours.iter().copied());
        log_in(&client, &server, PASSWORD).map(|outcome| outcome.accepted.spn().cloned())
    };
    let bad = Err(Error::from(Denied::Spn));
    assert_eq!(Policy::default().spn, Enforcement::IfPresent);
    let ours = &["HTTP/files", "HTTP/files.example.com"][..];
    let asks = |name: &str| alice().with_spn(name);
    assert_eq!(
        outcome(Enforcement::Required, ours, asks("http/FILES")),
        Ok(Some("http/FILES".into()))
    );
    assert_eq!(outcome(Enforcement::Required, ours, asks("HTTP/evil")), bad);
    assert_eq!(outcome(Enforcement::Required, ours, asks("HTTP/files.example.com.evil")), bad);
    let missing = Err(Error::from(Denied::SpnMissing));
    assert_eq!(outcome(Enforcement::Required, ours, alice()), missing);
    assert_eq!(
        outcome(Enforcement::Required, ours, alice().with_unverified_spn("HTTP/files")),
        missing
    );
    let nothing_to_compare = Err(Misuse::NoSpn.into());
    assert_eq!(outcome(Enforcement::Required, &[], asks("HTTP/files")), nothing_to_compare);
    assert_eq!(outcome(Enforcement::IfPresent, ours, asks("HTTP/evil")), bad);
    assert_eq!(outcome(Enforcement::IfPresent, ours, alice()), Ok(None));
    let untrusted = alice().with_unverified_spn("HTTP/evil");
    assert_eq!(outcome(Enforcement::IfPresent, ours, untrusted), Ok(None));
    assert_eq!(outcome(Enforcement::IfPresent, &[], asks("cifs/x")), Ok(Some("cifs/x".into())));
    assert_eq!(outcome(Enforcement::Off, ours, asks("HTTP/evil")), Ok(Some("HTTP/evil".into())));
}

/// An SPN that is not valid text is rejected, whether SPNs are optional or required.
#[test]
fn spn_that_is_not_valid_text_is_rejected() {
    let attempt = |enforcement, change: fn(&mut [u8])| {
        let server = server_with(|policy| policy.spn = enforcement).with_spns(["x"]);
        let (challenge, handshake) = asked(&server, Flags::NEGOTIATE_UNICODE);
        let mut pairs = pairs_of(&challenge);
        // "x" and a lone surrogate.
        pairs.push((AvId::TARGET_NAME, vec![b'x', 0, 0x00, 0xd8]));
        let mut bytes = Proof::new(list(&pairs)).authenticate(&challenge);
        let pair = [9, 0, 4, 0, b'x', 0, 0x00, 0xd8];
        let at = bytes.windows(pair.len()).position(|window| window == pair).unwrap();
        change(&mut bytes[at..at + pair.len() + 4]);
        verdict(handshake, &bytes).map(drop)
    };
    for enforcement in [Enforcement::IfPresent, Enforcement::Required] {
        assert_eq!(attempt(enforcement, |_| ()), Err(Denied::Spn.into()), "{enforcement:?}");
        // One byte too many for UTF-16, followed by the end of the list.
        let odd = attempt(enforcement, |pair| {
            pair.copy_from_slice(&[9, 0, 3, 0, b'x', 0, 0xd8, 0, 0, 0, 0, 0]);
        });
        let Err(Error::Wire(error)) = odd else { panic!("{odd:?}") };
        assert_eq!(error.kind(), ErrorKind::AvPairLength(AvId::TARGET_NAME));
    }
}

/// CVE-2015-0005, CVE-2019-1019: the response must be made for this server.
#[test]
fn response_for_another_server_is_rejected() {
    let attempt = |set: fn(&mut Policy), pairs: &[(AvId, Vec<u8>)]| {
        let mut policy = Policy::default();
        set(&mut policy);
        let (challenge, handshake) = challenged(&Server::new(names()).with_policy(policy));
        verdict(handshake, &Proof::new(list(pairs)).authenticate(&challenge)).err()
    };
    // All pairs of this server, with one name or the time changed or left out.
    let ours = pairs_of(&challenged(&Server::new(names())).0);
    let without = |id, other: Option<&[u8]>| {
        let mut pairs = ours.clone();
        pairs.retain(|(our_id, _)| *our_id != id);
        pairs.extend(other.map(|value| (id, value.to_vec())));
        pairs
    };
    assert_eq!(attempt(|_| {}, &without(AvId(77), Some(b"more"))), None);
    for id in [1, 2, 3, 4, 5, 7].map(AvId) {
        for other in [None, Some(&b"O\0T\0H\0R\0"[..])] {
            let pairs = without(id, other);
            assert_eq!(attempt(|_| {}, &pairs), Some(Denied::TargetInfo.into()), "{id}");
            assert_eq!(attempt(|policy| policy.require_target_info = false, &pairs), None);
        }
    }
}

/// Flags, bindings and target name are set by the client, and the client may add pairs.
#[test]
fn only_pairs_of_the_server_must_be_repeated() {
    let environment = &mut Fixed::default();
    let (challenge, _) =
        server().challenge(&negotiate(Flags::NEGOTIATE_UNICODE), environment).unwrap();
    let bytes = with_own_response(&challenge, |_| {});
    // The same CHALLENGE, but issued by a server that sends more pairs.
    for (id, value) in [
        (AvId::FLAGS, &[1, 0, 0, 0][..]),
        (AvId::TARGET_NAME, b"x\0"),
        (AvId::CHANNEL_BINDINGS, &[9; 16]),
        (AvId(0x7fff), b"odd"),
    ] {
        let mut pairs = pairs_of(&challenge);
        pairs.push((id, value.to_vec()));
        let longer = with_pairs(&challenge, &pairs);
        let handshake = server().resume(&[], &longer).unwrap();
        assert_eq!(verdict(handshake, &bytes).map(drop), Ok(()), "{id}");
    }
}

#[test]
fn required_mic_that_is_absent_is_rejected() {
    let server = server_with(|policy| policy.shared.require_mic = true);
    let (challenge, handshake) = asked(&server, Flags::NEGOTIATE_UNICODE);
    let bytes = with_own_response(&challenge, |_| {});
    let error = verdict(handshake, &bytes).unwrap_err();
    assert_eq!(error, Denied::MicMissing.into());
    assert!(log_in(&alice(), &server, PASSWORD).unwrap().accepted.mic_checked);
}

#[test]
fn client_time_must_be_within_36_hours() {
    let hours = |hours: u64| hours * 36_000_000_000;
    let attempt = |ticks: u64, limit| {
        let server = server_with(|policy| {
            policy.require_target_info = false;
            policy.max_time_difference = limit;
        });
        let (challenge, handshake) = challenged(&server);
        let time = FileTime::from_ticks(ticks);
        let bytes = Proof { time, ..Proof::default() }.authenticate(&challenge);
        verdict(handshake, &bytes).err()
    };
    let limit = Policy::default().max_time_difference;
    assert_eq!(limit, Some(Duration::from_secs(36 * 3600)));
    let now = NOW.ticks();
    for (ticks, good) in [
        (now, true),
        (now - hours(36), true),
        (now + hours(36), true),
        (now - hours(36) - 1, false),
        (now + hours(36) + 1, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let expected = if good { None } else { Some(Denied::Time.into()) };
        assert_eq!(attempt(ticks, limit), expected, "{ticks}");
        assert_eq!(attempt(ticks, None), None, "{ticks}");
    }
}

#[test]
fn answer_to_an_expired_challenge_is_rejected() {
    let attempt = |age: u64, limit| {
        let server = server_with(|policy| {
            policy.max_challenge_age = limit;
            policy.max_time_difference = None;
        });
        let (exchange, handshake) = exchange(&alice(), &server, &mut Fixed::default()).unwrap();
        let later = FileTime::from_ticks(NOW.ticks() + age * 10_000_000);
        let claim = handshake.read(&exchange.authenticate, &mut Fixed::at(later))?;
        accept(claim, PASSWORD).map(drop)
    };
    let limit = Policy::default().max_challenge_age;
    assert_eq!(limit, Some(Duration::from_secs(36 * 3600)));
    for (seconds, limit) in [(36 * 3600, limit), (1800, Some(Duration::from_secs(1800)))] {
        assert_eq!(attempt(seconds, limit), Ok(()));
        assert_eq!(attempt(seconds + 1, limit), Err(Denied::ChallengeExpired.into()));
    }
    assert_eq!(attempt(u64::from(u32::MAX), None), Ok(()));
}

#[test]
fn challenge_dated_in_the_future_is_rejected() {
    let attempt = |ticks_ahead| {
        let (exchange, handshake) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
        let earlier = FileTime::from_ticks(NOW.ticks() - ticks_ahead);
        handshake.read(&exchange.authenticate, &mut Fixed::at(earlier)).map(drop)
    };
    let limit = 36 * 36_000_000_000;
    assert_eq!(attempt(limit), Ok(()));
    assert_eq!(attempt(limit + 1), Err(Denied::ChallengeExpired.into()));
}

#[test]
fn announced_mic_must_be_present_and_valid() {
    let attempt = |change: fn(&mut Authenticate<'_>)| {
        log_in_changed(&alice(), &server(), PASSWORD, change).map(drop)
    };
    assert_eq!(attempt(|_| {}), Ok(()));
    let missing = Err(Error::from(Denied::MicMissing));
    assert_eq!(attempt(|message| message.mic = None), missing);
    assert_eq!(attempt(|message| (message.mic, message.version) = (None, None)), missing);
    let wrong = Err(Error::from(Denied::Mic));
    assert_eq!(attempt(|message| message.mic = Some([0; 16])), wrong);
    assert_eq!(attempt(|message| message.version = None), wrong);
    assert_eq!(attempt(|message| message.workstation = b"X\0"), wrong);
}

/// Alice's valid LM, LMv2 and NTLM responses to the challenge of a fixed environment.
fn responses_of_24_bytes() -> [&'static [u8; 24]; 3] {
    let nt_hash = NtHash::from_password(PASSWORD);
    let lm_hash = LmHash::from_password(PASSWORD, &ntlm::Ascii).unwrap();
    let key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    [
        lm_hash.lm_response(&SERVER_CHALLENGE),
        key.lmv2_response(&SERVER_CHALLENGE, &[9; 8]),
        nt_hash.ntlmv1_response(&SERVER_CHALLENGE),
    ]
    .map(|response| &*Box::leak(Box::new(response)))
}

/// A handshake in which only the LM field proves Alice's password.
fn with_lm_field_alone(server: &Server, lm: &'static [u8; 24]) -> Result<Accepted, Error> {
    log_in_changed(&alice(), server, PASSWORD, |message| {
        message.nt_response = NtResponse::Empty;
        message.lm_response = LmResponse::new(lm);
    })
}

/// A server may store the NTLMv2 key instead of the hash. The key is specific to a user name and a
/// domain.
#[test]
fn response_key_verifies_only_ntlmv2_of_its_domain() {
    let hash = NtHash::from_password(PASSWORD);
    let key = |user: &str, domain: &str| ResponseKey::new(&hash, &user.into(), &domain.into());
    let attempt = |key: &ResponseKey| {
        let (claim, keys) = claim(&alice(), &server());
        let accepted = claim.verify_response_key(key)?;
        assert_eq!(
            accepted.keys.exported_session_key().expose(),
            keys.exported_session_key().expose()
        );
        assert!(accepted.mic_checked);
        // The server cannot check which names the key was made from; that is the caller's
        // responsibility.
        assert_eq!(accepted.proven_domain(), None);
        Ok(())
    };
    let wrong = Err(Error::from(Denied::WrongPassword));
    assert_eq!(attempt(&key("ALICE", "EXAMPLE")), Ok(()));
    assert_eq!(attempt(&key("alice", "")), wrong);
    assert_eq!(attempt(&key("bob", "EXAMPLE")), wrong);
    assert_eq!(attempt(&ResponseKey::from([0; 16])), wrong);

    // A valid proof is not enough.
    let environment = &mut Fixed::default();
    let (mut sent, handshake) = exchange(&alice(), &server(), environment).unwrap();
    sent.authenticate[MIC] ^= 1;
    let damaged = user_of(handshake.read(&sent.authenticate, environment).unwrap());
    let denied = damaged.verify_response_key(&key("alice", "EXAMPLE")).unwrap_err();
    assert_eq!(denied, Denied::Mic.into());

    let mut policy = permissive();
    policy.allow_lmv2_alone = true;
    let server = server().with_policy(policy);
    let [_, lmv2, _] = responses_of_24_bytes();
    let lmv2_alone = |server: &Server| {
        let (sent, handshake) = exchange(&alice(), server, &mut Fixed::default()).unwrap();
        let bytes = changed(&sent.authenticate, |message| {
            message.nt_response = NtResponse::Empty;
            message.lm_response = LmResponse::new(lmv2);
        });
        let claim = user_of(handshake.read(&bytes, &mut Fixed::default())?);
        claim.verify_response_key(&key("alice", "EXAMPLE"))
    };
    assert_eq!(lmv2_alone(&server).unwrap().identity.response(), Some(ResponseKind::Lmv2));
    let mut policy = permissive();
    policy.allow_lmv2_alone = false;
    let refused = Error::from(Refused::ResponseKind);
    assert_eq!(lmv2_alone(&server.clone().with_policy(policy)).unwrap_err(), refused);
    for level in [LmCompatibility::SendLmAndNtlm, LmCompatibility::SendNtlm] {
        let (claim, _) = claim(&alice_at(level), &server);
        assert_eq!(claim.verify_response_key(&key("alice", "EXAMPLE")).unwrap_err(), refused);
    }
}

/// CVE-2019-1338: a valid LM or LMv2 response must not replace an NT response that is wrong or
/// absent. CVE-2018-1139: an NT response in the LM field must not either.
#[test]
fn lm_field_is_ignored_unless_the_policy_accepts_it() {
    let policy = |level, lmv2_alone| {
        let mut policy = permissive();
        policy.shared.lm_compatibility = level;
        policy.allow_lmv2_alone = lmv2_alone;
        policy.shared.offer -= Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
        server().with_policy(policy)
    };
    let alone = |server: &Server, lm| {
        with_lm_field_alone(server, lm).map(|accepted| accepted.identity.response())
    };
    let [lm, lmv2, ntlm] = responses_of_24_bytes();
    let refused = Err(Error::from(Refused::ResponseKind));
    let wrong = Err(Error::from(Denied::WrongPassword));

    let strict = policy(LmCompatibility::RefuseLmAndNtlm, false);
    for response in [lm, lmv2, ntlm] {
        assert_eq!(alone(&strict, response), refused);
    }
    let old = policy(LmCompatibility::SendLmAndNtlm, false);
    assert_eq!(alone(&old, lm), Ok(Some(ResponseKind::Lm)));
    assert_eq!(alone(&old, lmv2), wrong);
    assert_eq!(alone(&old, ntlm), wrong);
    let sasl = policy(LmCompatibility::RefuseLmAndNtlm, true);
    assert_eq!(alone(&sasl, lmv2), Ok(Some(ResponseKind::Lmv2)));
    assert_eq!(alone(&sasl, lm), wrong);

    // Beside a wrong NT response, a valid LMv2 or LM response counts for nothing.
    let all = policy(LmCompatibility::SendLmAndNtlm, true);
    for response in [lm, lmv2] {
        let result = log_in_changed(&alice(), &all, "wrong", |message| {
            message.lm_response = LmResponse::new(response);
        });
        assert_eq!(result.unwrap_err(), Denied::WrongPassword.into());
        let v1 = alice_at(LmCompatibility::SendLmAndNtlm);
        let result = log_in_changed(&v1, &all, PASSWORD, |message| {
            message.nt_response = NtResponse::V1(&[7; 24]);
            message.lm_response = LmResponse::new(response);
        });
        assert_eq!(result.unwrap_err(), Denied::WrongPassword.into());
    }
}

/// A client that sends only an LM field as proof, without extended session security.
fn lm_field_alone(policy: Policy, response: &[u8; 24]) -> ntlm::server::UserClaim {
    let message = Authenticate {
        user: b"a\0",
        lm_response: LmResponse::new(response),
        flags: Some(Flags::NEGOTIATE_UNICODE),
        ..Authenticate::default()
    };
    let server = server().with_policy(policy);
    user_of(read_after(&server, Flags::NEGOTIATE_UNICODE, &message).unwrap())
}

/// A policy that accepts LM responses, and either accepts or rejects LMv2 responses alone.
fn with_lmv2_alone(is_allowed: bool) -> Policy {
    let mut policy = permissive();
    policy.allow_lmv2_alone = is_allowed;
    policy
}

/// An attacker knows the value that stands in for a hash that the server does not have.
#[test]
fn lm_response_of_an_all_zero_hash_is_rejected_without_an_lm_hash() {
    let zero = LmHash::from([0; 16]);
    let response = zero.lm_response(&SERVER_CHALLENGE);
    let attempt = |lmv2_alone, lm_hash: Option<&LmHash>| {
        lm_field_alone(with_lmv2_alone(lmv2_alone), &response)
            .verify_hashes(&NtHash::from_password(PASSWORD), lm_hash)
            .map(|accepted| accepted.identity.response())
    };
    assert_eq!(attempt(false, Some(&zero)), Ok(Some(ResponseKind::Lm)));
    assert_eq!(attempt(false, None), Err(Denied::NoLmHash.into()));
    // The field can also be an LMv2 response, which needs no LM hash.
    assert_eq!(attempt(true, None), Err(Denied::WrongPassword.into()));
}

#[test]
fn unknown_user_is_not_logged_as_a_user_without_an_lm_hash() {
    let claim = lm_field_alone(with_lmv2_alone(false), &[7; 24]);
    let error = claim.reject(Rejection::UnknownUser).unwrap_err();
    assert_eq!(error, Rejection::UnknownUser.into());
}

#[test]
fn response_key_does_not_prove_a_kind_that_the_policy_rejects() {
    let key = ResponseKey::new(&NtHash::from_password(PASSWORD), &"a".into(), &"".into());
    let response = key.lmv2_response(&SERVER_CHALLENGE, &[1; 8]);
    let kind = |lmv2_alone| {
        let claim = lm_field_alone(with_lmv2_alone(lmv2_alone), &response);
        claim.verify_response_key(&key).map(|accepted| accepted.identity.response())
    };
    assert_eq!(kind(true), Ok(Some(ResponseKind::Lmv2)));
    assert_eq!(kind(false), Err(Refused::ResponseKind.into()));
}

/// 3.3.2 and 3.2.5.1.2: LMv2 covers names and derives keys as NTLMv2 does, from its first 16 bytes.
#[test]
fn lmv2_response_alone_proves_the_domain_and_derives_the_key() {
    let mut policy = Policy::default();
    policy.allow_lmv2_alone = true;
    let [_, lmv2, _] = responses_of_24_bytes();
    let accepted = with_lm_field_alone(&server().with_policy(policy), lmv2).unwrap();
    assert_eq!(accepted.proven_domain(), Some("EXAMPLE".into()));
    let key = Proof::default().key();
    let base = key.session_base_key(lmv2.first_chunk().unwrap());
    assert_eq!(accepted.keys.exported_session_key().expose(), base.expose());
}

#[test]
fn ntlmv1_and_lm_responses_prove_no_domain() {
    let server = server().with_policy(permissive());
    for level in [LmCompatibility::SendLmAndNtlm, LmCompatibility::SendNtlm] {
        let client = alice_at(level);
        let accepted = log_in(&client, &server, PASSWORD).unwrap().accepted;
        assert_eq!(accepted.proven_domain(), None, "{:?}", accepted.identity.response());
    }
    let [lm, ..] = responses_of_24_bytes();
    let server = self::server().with_policy(without_extended_session_security());
    assert_eq!(with_lm_field_alone(&server, lm).unwrap().proven_domain(), None);
}

fn without_extended_session_security() -> Policy {
    let mut policy = permissive();
    policy.shared.offer -= Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    policy
}

/// With extended session security, LM has no session key of its own ([MS-NLMP] 3.4.5.1 names only
/// NTLMv1 and NTLMv2). The LM field is checked for LMv2 only.
#[test]
fn lm_response_alone_is_rejected_under_extended_session_security() {
    let [lm, lmv2, _] = responses_of_24_bytes();
    let extended = server().with_policy(permissive());
    let refused = with_lm_field_alone(&extended, lm).unwrap_err();
    assert_eq!(refused, Refused::ResponseKind.into());
    let mut policy = permissive();
    policy.allow_lmv2_alone = true;
    let extended = server().with_policy(policy);
    assert_eq!(with_lm_field_alone(&extended, lm).unwrap_err(), Denied::WrongPassword.into());
    let accepted = with_lm_field_alone(&extended, lmv2).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Lmv2));
    let plain = server().with_policy(without_extended_session_security());
    assert_eq!(
        with_lm_field_alone(&plain, lm).unwrap().identity.response(),
        Some(ResponseKind::Lm)
    );
}

#[test]
fn ntlm2_session_responses_need_the_clients_challenge() {
    let client = alice_at(LmCompatibility::SendNtlm);
    let server = server().with_policy(permissive());
    for lm in [&[][..], &[0], &[1; 23], &[1; 25]] {
        let result = log_in_changed(&client, &server, PASSWORD, |message| {
            message.lm_response = LmResponse::new(lm);
        });
        assert_eq!(result.unwrap_err(), Unexpected::NoClientChallenge.into());
    }
}

#[test]
fn weak_responses_are_rejected_if_the_policy_requires_bindings_spn_or_mic() {
    let attempt = |kind, set: fn(&mut Policy)| {
        let mut policy = permissive();
        policy.allow_lmv2_alone = true;
        if kind == ResponseKind::Lm {
            policy.shared.offer -= Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
        }
        set(&mut policy);
        let server = with_own_identity(server().with_policy(policy));
        let [lm, lmv2, _] = responses_of_24_bytes();
        let level = match kind {
            ResponseKind::Lm => return with_lm_field_alone(&server, lm),
            ResponseKind::Lmv2 => return with_lm_field_alone(&server, lmv2),
            ResponseKind::Ntlmv1 => LmCompatibility::SendLmAndNtlm,
            ResponseKind::Ntlm2Session => LmCompatibility::SendNtlm,
            ResponseKind::Ntlmv2 => LmCompatibility::SendNtlmv2,
        };
        let client = alice_at(level);
        log_in_changed(&client, &server, PASSWORD, |_| {})
    };
    for kind in
        [ResponseKind::Lm, ResponseKind::Lmv2, ResponseKind::Ntlmv1, ResponseKind::Ntlm2Session]
    {
        assert_eq!(attempt(kind, |_| {}).unwrap().identity.response(), Some(kind));
        for set in [
            (|policy| policy.shared.require_mic = true) as fn(&mut Policy),
            |policy| policy.channel_bindings = Enforcement::Required,
            |policy| policy.spn = Enforcement::Required,
        ] {
            let refused = attempt(kind, set).err();
            assert_eq!(refused, Some(Refused::ResponseKind.into()), "{kind:?}");
        }
    }
}

#[test]
fn needed_encrypted_key_must_have_16_bytes() {
    let client = alice().with_protection(Protection::Sign);
    for length in [0, 1, 15, 17] {
        let result = log_in_changed(&client, &server(), PASSWORD, |message| {
            message.encrypted_random_session_key = &[0; 17][..length];
        });
        assert_eq!(result.unwrap_err(), Unexpected::EncryptedSessionKey.into());
    }
}

#[test]
fn encrypted_key_of_another_length_is_rejected_with_seal_but_without_sign() {
    let client = alice().with_protection(Protection::Seal);
    for length in [0, 15, 17] {
        let result = log_in_changed(&client, &server(), PASSWORD, |message| {
            message.flags = message.flags.map(|flags| flags - Flags::NEGOTIATE_SIGN);
            message.encrypted_random_session_key = &[0; 17][..length];
        });
        assert_eq!(result.unwrap_err(), Unexpected::EncryptedSessionKey.into());
    }
}

/// With KEY_EXCH and without protection, gss-ntlmssp sends a key and uses it, while pyspnego sends
/// one byte and uses the key exchange key.
#[test]
fn encrypted_key_of_16_bytes_counts_without_protection() {
    let negotiated = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_NTLM | Flags::NEGOTIATE_KEY_EXCH;
    let server = server().with_policy(permissive());
    let attempt = |key: &[u8]| {
        let response = NtHash::from_password(PASSWORD).ntlmv1_response(&SERVER_CHALLENGE);
        let message = Authenticate {
            user: b"a\0",
            nt_response: NtResponse::V1(&response),
            lm_response: LmResponse::new(&response),
            encrypted_random_session_key: key,
            flags: Some(negotiated),
            ..Authenticate::default()
        };
        let claim = read_after(&server, negotiated, &message).unwrap();
        *accept(claim, PASSWORD).unwrap().keys.exported_session_key().expose()
    };
    let base = NtHash::from_password(PASSWORD).session_base_key();
    assert_eq!(attempt(&[]), *base.expose());
    assert_eq!(attempt(&[0]), *base.expose());
    let exchanged = ntlm::crypto::primitives::rc4k(base.expose(), &[7; 16]);
    assert_eq!(attempt(&[7; 16]), exchanged);
}

/// An NTLMv1 client and its server, which negotiate this flag and seal.
fn sealing_with(flag: Flags) -> (Client, Server) {
    let client = alice_with(|policy| {
        weaken(&mut policy.shared, LmCompatibility::SendLmAndNtlm);
        policy.shared.offer |= flag;
    });
    let mut policy = permissive();
    policy.shared.offer |= flag;
    (client.with_protection(Protection::Seal), server().with_policy(policy))
}

#[test]
fn lm_key_needs_the_lm_hash() {
    for flag in [Flags::NEGOTIATE_LM_KEY, Flags::REQUEST_NON_NT_SESSION_KEY] {
        let (client, server) = sealing_with(flag);
        // The error does not reveal whether the password is right.
        for password in [PASSWORD, "wrong"] {
            let (claim, _) = claim(&client, &server);
            let error = claim.verify_nt_hash(&NtHash::from_password(password)).unwrap_err();
            assert_eq!(error, Denied::NoLmHash.into(), "{password}");
        }
        // A domain controller verifies the password, but returns no LM hash.
        let (claim, _) = claim(&client, &server);
        let base_key = NtHash::from_password(PASSWORD).session_base_key();
        let error = claim.verify_by_domain(&Validation::new(*base_key.expose(), 0)).unwrap_err();
        assert_eq!(error, Denied::NoLmHash.into());

        let outcome = log_in(&client, &server, PASSWORD).unwrap();
        let keys = (outcome.client.exported_session_key().expose(), outcome.accepted.keys);
        assert_eq!(keys.0, keys.1.exported_session_key().expose());
    }
}

/// No error must reveal whether the password is right.
#[test]
fn lm_key_needs_the_lm_response_whatever_the_password_is() {
    let flag = Flags::NEGOTIATE_LM_KEY;
    let (client, server) = sealing_with(flag);
    let attempt = |lm: &[u8]| {
        let (sent, handshake) = exchange(&client, &server, &mut Fixed::default()).unwrap();
        let lm_response = LmResponse::new(lm);
        let bytes = changed(&sent.authenticate, |message| message.lm_response = lm_response);
        handshake.read(&bytes, &mut Fixed::default())
    };
    for length in [0, 1, 8, 23, 25] {
        let error = attempt(&[7; 25][..length]).unwrap_err();
        assert_eq!(error, Unexpected::NoResponse.into(), "{length}");
    }
    for (password, expected) in [(PASSWORD, None), ("wrong", Some(Denied::WrongPassword.into()))] {
        let claim = user_of(attempt(&[7; 24]).unwrap());
        assert_eq!(claim.verify_password(password).err(), expected, "{password}");
    }
}

#[test]
fn names_are_read_in_the_character_set_of_the_challenge() {
    // As wget does: the CHALLENGE is in OEM, the AUTHENTICATE sets UNICODE and contains OEM names.
    let client = oem_client("EXAMPLE\\alice", &ntlm::Ascii);
    let (exchange, handshake) = exchange(&client, &server(), &mut Fixed::default()).unwrap();
    let mut bytes = exchange.authenticate.clone();
    fields::change_flags(&mut bytes, Flags::empty(), Flags::NEGOTIATE_UNICODE);
    let claim = user_of(handshake.read(&bytes, &mut Fixed::default()).unwrap());
    assert_eq!(claim.claimed_user(), &UserName::new("alice").with_domain("EXAMPLE"));
}

static CODE_PAGE_850: [char; 128] = {
    let mut table = ['\u{fffd}'; 128];
    table[1] = 'ü';
    table[0x1a] = 'Ü';
    table
};

/// A client that offers OEM only and uses this code page.
fn oem_client(name: &str, code_page: &'static dyn ntlm::CodePage) -> Client {
    let mut policy = client::Policy::default();
    policy.shared.offer -= Flags::NEGOTIATE_UNICODE;
    policy.shared.code_page = code_page;
    Client::new(Credentials::password(name, PASSWORD)).with_policy(policy)
}

#[test]
fn oem_names_are_encoded_and_decoded_in_the_code_page() {
    let mut policy = Policy::default();
    policy.shared.code_page = &CODE_PAGE_850;
    let server = Server::new(Names::member("FILES", "MÜNCHEN")).with_policy(policy);
    let client = oem_client("MÜNCHEN\\jürgen", &CODE_PAGE_850);
    let (exchange, handshake) = exchange(&client, &server, &mut Fixed::default()).unwrap();
    let challenge = Challenge::parse(&exchange.challenge).unwrap();
    assert_eq!(challenge.target_name, b"M\x9aNCHEN");
    let pairs = challenge.target_info.unwrap();
    assert_eq!(pairs.text(AvId::NB_DOMAIN_NAME).unwrap(), "MÜNCHEN", "always UTF-16");
    let accepted = verdict(handshake, &exchange.authenticate).unwrap();
    assert_eq!(accepted.user(), Some(UserName::new("jürgen").with_domain("MÜNCHEN")).as_ref());
}

/// curl offers only OEM. The AV pairs contain the names, so `TargetName` can be omitted.
#[test]
fn oem_clients_log_in_to_a_domain_outside_the_code_page() {
    let server = Server::new(Names::member("FILES", "MÜNCHEN"));
    let client = oem_client("alice", &ntlm::Ascii);
    let (exchange, handshake) = exchange(&client, &server, &mut Fixed::default()).unwrap();
    let challenge = Challenge::parse(&exchange.challenge).unwrap();
    assert_eq!(
        challenge.flags & (Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_OEM),
        Flags::NEGOTIATE_OEM
    );
    assert_eq!(challenge.target_name, b"");
    assert_eq!(challenge.target_info.unwrap().text(AvId::NB_DOMAIN_NAME).unwrap(), "MÜNCHEN");
    assert!(verdict(handshake, &exchange.authenticate).is_ok());
}

#[test]
fn server_without_a_version_sends_zeros() {
    let server = server_with(|policy| policy.shared.version = None);
    let (bytes, _) = server.challenge(&negotiate(Flags::all()), &mut Fixed::default()).unwrap();
    let message = Challenge::parse(&bytes).unwrap();
    assert!(!message.flags.contains(Flags::NEGOTIATE_VERSION));
    assert_eq!(message.version, Some(Version::default()));
}

#[test]
fn messages_longer_than_the_limit_are_rejected() {
    let environment = &mut Fixed::default();
    let mut long = negotiate(Flags::all());
    long.resize(65_536, 0);
    assert!(server().challenge(&long, environment).is_ok());
    long.push(0);
    assert_eq!(server().challenge(&long, environment).unwrap_err(), Refused::TooLong.into());
    let (exchange, handshake) = exchange(&alice(), &server(), environment).unwrap();
    let mut long = exchange.authenticate;
    long.resize(65_537, 0);
    assert_eq!(handshake.read(&long, environment).unwrap_err(), Refused::TooLong.into());
}

/// The proof covers the reserved bytes as received, and the name with its lone surrogate.
#[test]
fn reserved_bytes_and_lone_surrogates_are_hashed_as_received() {
    let (challenge, handshake) = asked(&server(), Flags::NEGOTIATE_UNICODE);
    let sent = Challenge::parse(&challenge).unwrap();
    let user = Text::from_utf16(&[0xd800, 0x61]);
    let mut blob = vec![1, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa];
    blob.extend_from_slice(&NOW.ticks().to_le_bytes());
    blob.extend_from_slice(&[0xcc; 8]);
    blob.extend_from_slice(&[0xaa; 4]);
    blob.extend_from_slice(sent.target_info.unwrap().as_bytes());
    blob.extend_from_slice(&[0xaa; 17]);
    let nt_hash = NtHash::from_password(PASSWORD);
    let key = ResponseKey::new(&nt_hash, &user, &Text::default());
    let response = [&key.ntlmv2_proof(&sent.server_challenge, &blob)[..], &blob].concat();
    let message = Authenticate {
        user: &user.to_utf16le(),
        nt_response: NtResponse::parse(&response).unwrap(),
        flags: Some(sent.flags),
        ..Authenticate::default()
    };
    let bytes = message.to_bytes();
    let accepted = verdict(handshake, &bytes).unwrap();
    assert_eq!(*accepted.user().unwrap().user(), user);
}

/// A proof of which only the first 16 bytes are right is rejected.
#[test]
fn proof_that_is_wrong_after_16_bytes_is_rejected() {
    let client = alice_at(LmCompatibility::SendLmAndNtlm);
    let server = server().with_policy(permissive());
    let right = |challenge: [u8; 8]| NtHash::from_password(PASSWORD).ntlmv1_response(&challenge);
    let mut response = right([1, 2, 3, 4, 5, 6, 7, 8]);
    response[16..].fill(0);
    let result = log_in_changed(&client, &server, PASSWORD, |message| {
        message.nt_response = NtResponse::V1(Box::leak(Box::new(response)));
    });
    assert_eq!(result.unwrap_err(), Denied::WrongPassword.into());
}

/// The key of an anonymous client is derived from zeros, so that signatures made with it can be
/// verified.
#[test]
fn key_of_an_anonymous_client_is_public() {
    let mut policy = permissive();
    policy.allow_anonymous = true;
    let nobody = Client::new(Credentials::anonymous());
    let server = server().with_policy(policy);
    let exchanged = |negotiated: Flags, key: &[u8]| {
        let message = Authenticate {
            lm_response: LmResponse::new(&[0]),
            encrypted_random_session_key: key,
            flags: Some(negotiated),
            ..Authenticate::default()
        };
        let claim = read_after(&server, negotiated, &message).unwrap();
        accept(claim, "").unwrap().keys
    };
    let plain = Flags::NEGOTIATE_UNICODE;
    assert_eq!(*exchanged(plain, &[]).exported_session_key().expose(), [0; 16]);
    let keys = exchanged(plain | Flags::NEGOTIATE_KEY_EXCH, &[7; 16]);
    let expected = ntlm::crypto::primitives::rc4k(&[0; 16], &[7; 16]);
    assert_eq!(*keys.exported_session_key().expose(), expected);
    // So the key protects nothing, whatever was negotiated.
    for flags in [Flags::NEGOTIATE_SIGN, Flags::PROTECTION] {
        assert_eq!(exchanged(plain | flags, &[]).protection(), Protection::None);
    }
    let outcome = log_in(&nobody, &server, "").unwrap();
    assert_eq!(
        outcome.client.exported_session_key().expose(),
        outcome.accepted.keys.exported_session_key().expose()
    );
}

#[test]
fn names_that_are_not_valid_text_are_rejected() {
    let odd = log_in_changed(&alice(), &server(), PASSWORD, |message| message.user = b"abc");
    assert!(matches!(odd.unwrap_err(), Error::Unexpected(Unexpected::Text(_))));
    let oem = oem_client("alice", &ntlm::Ascii);
    // curl sends UTF-8 here; it is not ASCII.
    let utf8 = log_in_changed(&oem, &server(), PASSWORD, |message| message.user = "ü".as_bytes());
    assert!(matches!(utf8.unwrap_err(), Error::Unexpected(Unexpected::Text(_))));
    let none = log_in_changed(&alice(), &server(), PASSWORD, |message| {
        message.flags = message.flags.map(|flags| flags - Flags::NEGOTIATE_UNICODE);
    });
    assert_eq!(none.unwrap_err(), Unexpected::CharacterSet.into());
}

#[test]
fn blocked_server_rejects_negotiate_and_authenticate() {
    let blocked = server_with(|policy| policy.shared.blocked = true);
    let environment = &mut Fixed::default();
    let error = blocked.challenge(&negotiate(Flags::all()), environment).unwrap_err();
    assert_eq!(error, Refused::Blocked.into());
    assert_eq!(blocked.challenge_datagram(environment).unwrap_err(), Refused::Blocked.into());
    let (exchange, _) = exchange(&alice(), &server(), environment).unwrap();
    let handshake = blocked.resume(&exchange.negotiate, &exchange.challenge).unwrap();
    let error = handshake.read(&exchange.authenticate, environment).unwrap_err();
    assert_eq!(error, Refused::Blocked.into());
}

#[test]
fn resumed_handshake_verifies_the_mic() {
    let environment = &mut Fixed::default();
    let (exchange, _) = exchange(&alice(), &server(), environment).unwrap();
    let handshake = server().resume(&exchange.negotiate, &exchange.challenge).unwrap();
    assert!(verdict(handshake, &exchange.authenticate).unwrap().mic_checked);
    assert!(matches!(server().resume(&[], b"NTLM"), Err(Error::Wire(_))));
}

/// `resume` and `import` do not check that the server has everything that its policy needs, so
/// `read` must.
#[test]
fn resumed_handshake_is_rejected_if_required_bindings_or_spn_are_not_configured() {
    let environment = &mut Fixed::default();
    let client = alice().with_channel_bindings(bound(b"a")).with_spn("HTTP/files");
    for (set, misuse) in [
        (
            (|policy| policy.channel_bindings = Enforcement::Required) as fn(&mut Policy),
            Misuse::NoChannelBindings,
        ),
        (|policy| policy.spn = Enforcement::Required, Misuse::NoSpn),
    ] {
        let lacking = server_with(set);
        let complete = with_own_identity(lacking.clone());
        let (exchange, handshake) = exchange(&client, &server(), environment).unwrap();
        let exported = handshake.export();
        let handshakes = |server: &Server| {
            let (negotiate, challenge) = (&exchange.negotiate, &exchange.challenge);
            [
                server.resume(negotiate, challenge).unwrap(),
                server.import(exported.as_bytes()).unwrap(),
            ]
        };
        for handshake in handshakes(&lacking) {
            let error = handshake.read(&exchange.authenticate, environment).unwrap_err();
            assert_eq!(error, misuse.into());
        }
        for handshake in handshakes(&complete) {
            assert_eq!(verdict(handshake, &exchange.authenticate).map(drop), Ok(()), "{misuse:?}");
        }
    }
}

/// The result for an unknown user is the same, even if the client knows the substitute for the
/// hash.
#[test]
fn client_is_rejected_for_the_given_reason_even_if_it_knows_the_dummy_hash() {
    let credentials = Credentials::nt_hash("alice", NtHash::from([0; 16]));
    let client = Client::new(credentials).with_channel_bindings(bound(b"theirs"));
    let (claim, _) = claim(&client, &with_own_identity(server()));
    let error = claim.reject(Rejection::UnknownUser).unwrap_err();
    assert_eq!(error, Denied::Rejected(Rejection::UnknownUser).into());
}

#[test]
fn resume_accepts_only_a_negotiate_or_nothing() {
    let (exchange, _) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    let resume = |negotiate: &[u8]| server().resume(negotiate, &exchange.challenge).map(drop);
    for other in [&b"garbage"[..], b"N", &exchange.challenge, &exchange.authenticate] {
        assert!(matches!(resume(other), Err(Error::Wire(_))), "{other:?}");
    }
    assert_eq!(resume(&exchange.negotiate), Ok(()));
    assert_eq!(resume(b""), Ok(()), "connectionless");
}

#[test]
fn negotiate_longer_than_the_policy_allows_is_not_resumed() {
    let (exchange, _) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
    let resume = |length| {
        let mut negotiate = exchange.negotiate.clone();
        negotiate.resize(length, 0);
        server().resume(&negotiate, &exchange.challenge).map(drop)
    };
    let limit = Policy::default().shared.max_message_len;
    assert_eq!(resume(limit), Ok(()));
    assert_eq!(resume(limit + 1), Err(Refused::TooLong.into()));
}

#[test]
fn messages_of_other_types_are_rejected() {
    let environment = &mut Fixed::default();
    let (first, _) = exchange(&alice(), &server(), environment).unwrap();
    for bytes in [&first.challenge[..], &first.authenticate, b"", b"GET / HTTP/1.1"] {
        assert!(matches!(server().challenge(bytes, environment), Err(Error::Wire(_))));
    }
    for bytes in [&first.negotiate[..], &first.challenge, b""] {
        let (_, handshake) = exchange(&alice(), &server(), environment).unwrap();
        assert!(matches!(handshake.read(bytes, environment), Err(Error::Wire(_))));
    }
}

#[test]
fn no_challenge_is_sent_without_time_or_randomness() {
    for error in [EnvironmentError::Clock, EnvironmentError::Randomness] {
        let result = server().challenge(&negotiate(Flags::all()), &mut Fixed::lacking(error));
        assert_eq!(result.unwrap_err(), Error::Environment(error));
        let (exchange, handshake) = exchange(&alice(), &server(), &mut Fixed::default()).unwrap();
        let result = handshake.read(&exchange.authenticate, &mut Fixed::lacking(error));
        assert_eq!(result.is_err(), error == EnvironmentError::Clock);
    }
}

#[test]
fn server_name_that_does_not_fit_is_a_configuration_error() {
    let long = || "F".repeat(40_000);
    let fits = || "F".repeat(30_000);
    for names in [
        Names::standalone(long()),
        Names::standalone("FILES").with_dns_tree(long()),
        Names::member(fits(), fits()),
    ] {
        let challenge = Server::new(names)
            .challenge(&negotiate(Flags::NEGOTIATE_UNICODE), &mut Fixed::default());
        assert_eq!(challenge.unwrap_err(), Refused::OurName(TextError::TooLong).into());
    }
}

/// CVE-2010-0231: no server challenge is ever repeated.
#[cfg(feature = "std")]
#[test]
fn challenges_do_not_repeat() {
    let (server, negotiate) = (server(), negotiate(Flags::all()));
    let challenge = || {
        let (bytes, _) = server.challenge(&negotiate, &mut ntlm::Os).unwrap();
        Challenge::parse(&bytes).unwrap().server_challenge
    };
    let seen: std::collections::HashSet<_> = (0..10_000).map(|_| challenge()).collect();
    assert_eq!(seen.len(), 10_000);
}
