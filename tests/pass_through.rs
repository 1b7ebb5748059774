//! A server that stores no hashes: a domain controller verifies the proof, and the server
//! everything else ([MS-NLMP] 3.2.5.1.2, 3.3.1, 3.3.2).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::crypto::{LmHash, NtHash, ResponseKey};
use ntlm::error::{Denied, Misuse, Refused, Rejection};
use ntlm::server::{Accepted, Identity, NetworkLogon, Policy, UserClaim, Validation};
use ntlm::session::Protection;
use ntlm::wire::{LmResponse, NegotiateFlags as Flags, NtResponse};
use ntlm::{
    Ascii, ChannelBindings, Client, Credentials, Error, LmCompatibility, ResponseKind, Server,
    client,
};
use ntlm_testkit::{
    Fixed, PASSWORD, alice_with, changed, claim, exchange, server, user_of, weaken,
};

/// Verifies [MS-NRPC]'s `NETLOGON_NETWORK_INFO` as a domain controller does, which knows neither
/// the messages of the handshake nor its flags.
fn domain_controller(logon: &NetworkLogon<'_>) -> Result<Validation, Rejection> {
    if !logon.user.user().eq_ignore_case(&"alice".into()) {
        return Err(Rejection::UnknownUser);
    }
    let user_session_key = user_session_key(logon).ok_or(Rejection::WrongPassword)?;
    let lm_hash = LmHash::from_password(PASSWORD, &Ascii).unwrap();
    let [a, b, c, d, e, f, g, h, ..] = *lm_hash.expose();
    Ok(Validation::new(user_session_key, 0).with_lm_session_key([a, b, c, d, e, f, g, h]))
}

/// Returns `UserSessionKey` if the response is valid.
fn user_session_key(logon: &NetworkLogon<'_>) -> Option<[u8; 16]> {
    let nt_hash = NtHash::from_password(PASSWORD);
    match NtResponse::parse(logon.nt_response).unwrap() {
        NtResponse::V1(response) if *response == nt_hash.ntlmv1_response(&logon.challenge) => {
            Some(*nt_hash.session_base_key().expose())
        }
        NtResponse::V2(response) => {
            let key = ResponseKey::new(&nt_hash, logon.user.user(), logon.user.domain());
            let proof = key.ntlmv2_proof(&logon.challenge, response.blob());
            (proof == *response.proof()).then(|| *key.session_base_key(&proof).expose())
        }
        _ => None,
    }
}

fn ask(claim: UserClaim) -> Result<Accepted, Error> {
    let answer = domain_controller(&claim.network_logon().unwrap());
    match answer {
        Ok(validation) => claim.verify_by_domain(&validation),
        Err(denied) => claim.reject(denied),
    }
}

fn client_of(level: u8, offer: Flags) -> Client {
    alice_with(|policy| {
        weaken(&mut policy.shared, LmCompatibility::try_from(level).unwrap());
        policy.shared.offer |= offer;
    })
    .with_protection(Protection::Seal)
}

fn server_of(policy: Policy) -> Server {
    server().with_policy(policy)
}

fn permissive(offer: Flags) -> Policy {
    let mut policy = ntlm_testkit::permissive();
    policy.shared.offer |= offer;
    policy
}

#[test]
fn domain_controller_gives_the_same_keys_as_the_hash() {
    let none = Flags::empty();
    for (level, offer, kind) in [
        (0, none, ResponseKind::Ntlmv1),
        (0, Flags::NEGOTIATE_LM_KEY, ResponseKind::Ntlmv1),
        (0, Flags::REQUEST_NON_NT_SESSION_KEY, ResponseKind::Ntlmv1),
        (1, none, ResponseKind::Ntlm2Session),
        (2, none, ResponseKind::Ntlm2Session),
        (3, none, ResponseKind::Ntlmv2),
    ] {
        let (claim, keys) = claim(&client_of(level, offer), &server_of(permissive(offer)));
        let accepted = ask(claim).unwrap();
        assert_eq!(accepted.identity.response(), Some(kind));
        assert_eq!(accepted.mic_checked, kind == ResponseKind::Ntlmv2);
        let mut client = keys.into_session().unwrap();
        let mut server = accepted.keys.into_session().unwrap();
        let mut message = *b"sealed";
        let signature = client.seal(&mut message).unwrap();
        server.unseal(&mut message, &signature).unwrap();
        assert_eq!(&message, b"sealed");
    }
}

/// For NTLMv1 with extended session security it is not the server challenge.
#[test]
fn challenge_for_the_domain_controller_depends_on_the_response() {
    let server = server_of(permissive(Flags::empty()));
    for (level, same) in [(0, true), (1, false), (3, true)] {
        let (claim, _) = claim(&client_of(level, Flags::empty()), &server);
        let logon = claim.network_logon().unwrap();
        assert_eq!(logon.challenge == [1, 2, 3, 4, 5, 6, 7, 8], same, "level {level}");
    }
}

/// The LM response is sent to the domain controller only if the policy accepts LM responses.
#[test]
fn lm_response_is_passed_on_only_if_the_policy_accepts_it() {
    let mut no_lm = permissive(Flags::empty());
    no_lm.shared.lm_compatibility = LmCompatibility::RefuseLm;
    for (level, policy, lm_length) in [
        (0, permissive(Flags::empty()), 24),
        (0, no_lm.clone(), 0),
        (1, permissive(Flags::empty()), 0),
        (3, permissive(Flags::empty()), 0),
    ] {
        let (claim, _) = claim(&client_of(level, Flags::empty()), &server_of(policy));
        let logon = claim.network_logon().unwrap();
        assert_eq!(logon.lm_response.len(), lm_length, "level {level}");
        assert_eq!(logon.user.to_string(), "EXAMPLE\\alice");
        assert_eq!(*logon.workstation, "");
    }
}

/// The claim of a client that sends an LM field and no NT response.
fn claim_with_lm_field_alone(client: &Client, server: &Server) -> UserClaim {
    let (sent, handshake) = exchange(client, server, &mut Fixed::default()).unwrap();
    let bytes = changed(&sent.authenticate, |message| {
        message.nt_response = NtResponse::Empty;
        message.lm_response = LmResponse::new(&[7; 24]);
    });
    user_of(handshake.read(&bytes, &mut Fixed::default()).unwrap())
}

/// A domain controller does not report whether an LM field alone was LM or LMv2, so it is asked
/// only if the policy allows both.
#[test]
fn lm_field_alone_is_passed_on_only_if_lm_and_lmv2_are_allowed() {
    for (level, lmv2_alone, extended, kind) in [
        (LmCompatibility::SendLmAndNtlm, true, false, Some(ResponseKind::Lm)),
        (LmCompatibility::SendLmAndNtlm, true, true, Some(ResponseKind::Lmv2)),
        (LmCompatibility::SendLmAndNtlm, false, false, None),
        (LmCompatibility::RefuseLmAndNtlm, true, true, None),
        (LmCompatibility::RefuseLmAndNtlm, true, false, None),
    ] {
        let mut policy = permissive(Flags::empty());
        (policy.shared.lm_compatibility, policy.allow_lmv2_alone) = (level, lmv2_alone);
        policy.shared.offer.set(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY, extended);
        let (client, server) = (client_of(3, Flags::empty()), server_of(policy));
        let claim = claim_with_lm_field_alone(&client, &server);
        let logon = claim.network_logon().map(|logon| {
            assert_eq!((logon.nt_response, logon.lm_response), (&[][..], &[7; 24][..]));
            assert_eq!(logon.challenge, [1, 2, 3, 4, 5, 6, 7, 8]);
        });
        let accepted = claim.verify_by_domain(&Validation::new([9; 16], 0));
        match kind {
            Some(kind) => assert_eq!(accepted.unwrap().identity.response(), Some(kind)),
            None => {
                assert_eq!(logon, Err(Refused::ResponseKind.into()));
                assert_eq!(accepted.unwrap_err(), Refused::ResponseKind.into());
            }
        }
    }
}

/// The key exchange key of LM without extended session security is the same in every session.
#[test]
fn domain_controller_is_not_asked_if_a_constant_key_would_protect_messages() {
    for (is_allowed, expected) in [
        (true, Ok(Some(ResponseKind::Lm))),
        (false, Err(Error::from(Refused::ConstantKeyExchangeKey))),
    ] {
        let mut policy = permissive(Flags::empty());
        policy.allow_lmv2_alone = true;
        policy.shared.allow_constant_key_exchange_key = is_allowed;
        policy.shared.offer -= Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
        let (client, server) = (client_of(3, Flags::empty()), server_of(policy));
        let claim = claim_with_lm_field_alone(&client, &server);
        assert_eq!(claim.network_logon().map(drop), expected.map(drop));
        let accepted = claim.verify_by_domain(&Validation::new([9; 16], 0));
        let kind = accepted.map(|accepted| {
            assert_eq!(accepted.keys.protection(), Protection::Seal);
            accepted.identity.response()
        });
        assert_eq!(kind, expected);
    }
}

/// [MS-NRPC] 2.2.1.4.11: with the guest flag, the answer does not authenticate the claimed user.
/// Other flags may be set beside it.
#[test]
fn guest_of_the_domain_controller_is_accepted_only_as_guest() {
    for (allow_guest, user_flags) in [(false, 1), (false, 0x101), (true, 1), (true, 0x101)] {
        let mut policy = Policy::default();
        policy.allow_guest = allow_guest;
        let (claim, _) = claim(&client_of(3, Flags::empty()), &server_of(policy));
        // The key is right, so only the flag distinguishes this answer from a user's.
        let key = user_session_key(&claim.network_logon().unwrap()).unwrap();
        let validation = Validation::new(key, user_flags).with_user("LAB\\Alice".into());
        let result = claim.with_account("LAB\\Alice".into()).verify_by_domain(&validation);
        if !allow_guest {
            assert_eq!(result.unwrap_err(), Denied::Guest.into(), "{user_flags:#x}");
            continue;
        }
        let accepted = result.unwrap();
        assert_eq!(accepted.identity, Identity::Guest, "{user_flags:#x}");
        assert_eq!((accepted.user(), accepted.proven_domain()), (None, None));
        assert!(!accepted.mic_checked && accepted.keys.is_known_to_everyone());
        assert_eq!(accepted.keys.protection(), Protection::None);
        let error = accepted.keys.into_session().unwrap_err();
        assert_eq!(error, Misuse::NoSessionSecurity.into());
    }
}

/// Other `UserFlags` do not make the user a guest.
#[test]
fn other_user_flags_do_not_make_a_guest() {
    let (claim, _) = claim(&client_of(3, Flags::empty()), &server_of(Policy::default()));
    let key = user_session_key(&claim.network_logon().unwrap()).unwrap();
    let accepted = claim.verify_by_domain(&Validation::new(key, 0x120)).unwrap();
    assert_eq!(accepted.user().unwrap().to_string(), "EXAMPLE\\alice");
}

#[test]
fn account_named_by_the_domain_controller_replaces_the_claimed_user() {
    let (claim, _) = claim(&client_of(2, Flags::empty()), &server_of(permissive(Flags::empty())));
    let validation = domain_controller(&claim.network_logon().unwrap()).unwrap();
    let accepted = claim.verify_by_domain(&validation.with_user("LAB\\Alice".into())).unwrap();
    assert_eq!(accepted.proven_domain(), None);
    assert_eq!(accepted.user().unwrap().to_string(), "LAB\\Alice");
}

#[test]
fn login_that_the_domain_controller_rejects_is_rejected() {
    let server = server_of(Policy::default());
    for (name, password, denied) in [
        ("EXAMPLE\\alice", "wrong", Denied::Rejected(Rejection::WrongPassword)),
        ("EXAMPLE\\bob", PASSWORD, Denied::Rejected(Rejection::UnknownUser)),
    ] {
        let client = Client::new(Credentials::password(name, password));
        let (claim, _) = claim(&client, &server);
        assert_eq!(ask(claim).unwrap_err(), denied.into());
    }
    let (claim, _) = claim(&client_of(3, Flags::empty()), &server);
    assert_eq!(
        claim.reject(Rejection::DomainController).unwrap_err(),
        Denied::Rejected(Rejection::DomainController).into()
    );
}

/// A domain controller verifies the password; this server checks the MIC, the bindings and the
/// names.
#[test]
fn mic_and_bindings_are_checked_beside_the_verdict_of_the_domain_controller() {
    let server =
        server_of(Policy::default()).with_channel_bindings(ChannelBindings::tls_unique(b"ours"));
    let client = client_of(3, Flags::empty());
    let other = client.clone().with_channel_bindings(ChannelBindings::tls_unique(b"theirs"));
    let (bound_elsewhere, _) = claim(&other, &server);
    assert_eq!(ask(bound_elsewhere).unwrap_err(), Denied::ChannelBindings.into());

    // The key of another handshake: the MIC does not match it.
    let (claim, _) = claim(&client, &server);
    let error = claim.verify_by_domain(&Validation::new([7; 16], 0)).unwrap_err();
    assert_eq!(error, Denied::Mic.into());
}

/// The claim can wait in another thread until the domain controller has answered.
#[test]
fn claim_can_be_verified_in_another_thread() {
    let (claim, _) = claim(&client_of(3, Flags::empty()), &server_of(Policy::default()));
    let accepted = std::thread::spawn(move || ask(claim)).join().unwrap().unwrap();
    assert_eq!(accepted.user().unwrap().to_string(), "EXAMPLE\\alice");
    fn is_sendable<T: Send + Sync + 'static>() {}
    is_sendable::<client::AwaitChallenge>();
    is_sendable::<ntlm::server::AwaitAuthenticate>();
    is_sendable::<UserClaim>();
    is_sendable::<Accepted>();
    is_sendable::<ntlm::Session>();
}
