//! Handshakes from the first to the last token, and each side on its own, in each mode.
#![allow(missing_docs, clippy::unwrap_used)]

use core::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ntlm::crypto::{NtHash, ResponseKey};
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Names, Policy, UserClaim};
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, LmCompatibility, Os, Server, client};

struct Mode {
    name: &'static str,
    client: Client,
    server: Server,
}

fn modes() -> Vec<Mode> {
    let mode = |name, level, protection| {
        let mut policy = client::Policy::default();
        policy.shared.lm_compatibility = level;
        policy.shared.require_when_protected = NegotiateFlags::empty();
        policy.shared.allow_constant_key_exchange_key = true;
        let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"))
            .with_policy(policy)
            .with_protection(protection)
            .with_spn("HTTP/www.example.com")
            .with_workstation("LAPTOP");
        let mut policy = Policy::default();
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.require_when_protected = NegotiateFlags::empty();
        policy.shared.allow_constant_key_exchange_key = true;
        let names = Names::member("FILES", "EXAMPLE").with_dns_computer("files.example.com");
        Mode { name, client, server: Server::new(names).with_policy(policy) }
    };
    vec![
        mode("NTLMv2", LmCompatibility::SendNtlmv2, Protection::None),
        mode("NTLMv2, sealing", LmCompatibility::SendNtlmv2, Protection::Seal),
        mode("NTLM2 session, sealing", LmCompatibility::SendNtlm, Protection::Seal),
        mode("NTLMv1, sealing", LmCompatibility::SendLmAndNtlm, Protection::Seal),
    ]
}

fn claim(handshake: AwaitAuthenticate, authenticate: &[u8]) -> UserClaim {
    match handshake.read(authenticate, &mut Os).unwrap() {
        Claim::User(claim) => claim,
        Claim::Anonymous(_) => unreachable!("alice has a name"),
    }
}

fn exchange(Mode { client, server, .. }: &Mode, hash: &NtHash) -> Accepted {
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, handshake) = server.challenge(&negotiate, &mut Os).unwrap();
    let response = await_challenge.answer(&challenge, &mut Os).unwrap();
    claim(handshake, &response.token).verify_nt_hash(hash).unwrap()
}

fn exchanges(criterion: &mut Criterion) {
    let hash = NtHash::from_password("correct horse");
    for mode in &modes() {
        let mut group = criterion.benchmark_group(mode.name);
        let (negotiate, _) = mode.client.initiate().unwrap();
        let (challenge, _) = mode.server.challenge(&negotiate, &mut Os).unwrap();
        let (_, await_challenge) = mode.client.initiate().unwrap();
        let authenticate = await_challenge.answer(&challenge, &mut Os).unwrap().token;
        group.bench_function("both sides", |b| b.iter(|| black_box(exchange(mode, &hash))));
        group.bench_function("client", |b| {
            b.iter(|| mode.client.initiate().unwrap().1.answer(&challenge, &mut Os).unwrap());
        });
        group.bench_function("server", |b| {
            b.iter(|| {
                let _challenge = mode.server.challenge(&negotiate, &mut Os).unwrap();
                let handshake = mode.server.resume(&negotiate, &challenge).unwrap();
                black_box(claim(handshake, &authenticate).verify_nt_hash(&hash).unwrap())
            });
        });
        group.finish();
    }
}

/// The connectionless handshake, and a server that stores the NTLMv2 key of a user.
fn others(criterion: &mut Criterion) {
    let hash = NtHash::from_password("correct horse");
    let key = ResponseKey::new(&hash, &"alice".into(), &"EXAMPLE".into());
    let Some(Mode { client, server, .. }) = modes().into_iter().nth(1) else { return };
    criterion.bench_function("connectionless, both sides", |b| {
        b.iter(|| {
            let (challenge, handshake) = server.challenge_datagram(&mut Os).unwrap();
            let response = client.answer_datagram(&challenge, &mut Os).unwrap();
            black_box(claim(handshake, &response.token).verify_nt_hash(&hash).unwrap())
        });
    });
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, _) = server.challenge(&negotiate, &mut Os).unwrap();
    let authenticate = await_challenge.answer(&challenge, &mut Os).unwrap().token;
    let mut group = criterion.benchmark_group("verify");
    let handshake = || server.resume(&negotiate, &challenge).unwrap();
    group.bench_function("with the NT hash", |b| {
        b.iter(|| claim(handshake(), &authenticate).verify_nt_hash(&hash).unwrap());
    });
    group.bench_function("with the NTLMv2 key", |b| {
        b.iter(|| claim(handshake(), &authenticate).verify_response_key(&key).unwrap());
    });
    group.finish();
}

criterion_group!(benches, exchanges, others);
criterion_main!(benches);
