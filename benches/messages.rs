//! Messages are parsed, written and displayed.
#![allow(missing_docs, clippy::unwrap_used)]

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::wire::{Authenticate, AvPairs, Challenge, Message, Negotiate, NegotiateFlags};
use ntlm::{Client, Credentials, Os, Server, inspect};

fn messages() -> [Vec<u8>; 3] {
    let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"))
        .with_protection(Protection::Seal)
        .with_spn("HTTP/www.example.com")
        .with_workstation("LAPTOP");
    let names = Names::member("FILES", "EXAMPLE").with_dns_computer("files.example.com");
    let server = Server::new(names);
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, _) = server.challenge(&negotiate, &mut Os).unwrap();
    let response = await_challenge.answer(&challenge, &mut Os).unwrap();
    [negotiate, challenge, response.token]
}

fn reading_and_writing(criterion: &mut Criterion) {
    for bytes in &messages() {
        let message = Message::parse(bytes).unwrap();
        let name = match message {
            Message::Negotiate(_) => "NEGOTIATE",
            Message::Challenge(_) => "CHALLENGE",
            Message::Authenticate(_) => "AUTHENTICATE",
        };
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut out = Vec::with_capacity(bytes.len());
        match message {
            Message::Negotiate(message) => {
                group.bench_function("parse", |b| {
                    b.iter(|| _ = black_box(Negotiate::parse(black_box(bytes))));
                });
                group.bench_function("emit", |b| {
                    b.iter(|| {
                        out.clear();
                        message.emit(&mut out).unwrap();
                    });
                });
            }
            Message::Challenge(message) => {
                group.bench_function("parse", |b| {
                    b.iter(|| _ = black_box(Challenge::parse(black_box(bytes))));
                });
                group.bench_function("emit", |b| {
                    b.iter(|| {
                        out.clear();
                        message.emit(&mut out).unwrap();
                    });
                });
            }
            Message::Authenticate(message) => {
                group.bench_function("parse", |b| {
                    b.iter(|| _ = black_box(Authenticate::parse(black_box(bytes))));
                });
                group.bench_function("emit", |b| {
                    b.iter(|| {
                        out.clear();
                        message.emit(&mut out).unwrap();
                    });
                });
            }
        }
        group.bench_function("inspect", |b| b.iter(|| inspect::annotate(bytes).to_string()));
        group.finish();
    }
}

/// Long lists or fields of a peer must not cause more work than their length warrants.
fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("64 KB of TargetInfo");
    let many = [11, 0, 0, 0].repeat(16_000);
    let one = [&[11, 0, 0xfc, 0xf9][..], &[0; 63_996]].concat();
    for (name, pairs) in [("16 000 empty pairs", many), ("one pair", one)] {
        let list = [&pairs[..], &[0; 4]].concat();
        let message = Challenge {
            flags: NegotiateFlags::NEGOTIATE_UNICODE,
            target_info: Some(AvPairs::parse(&list).unwrap()),
            ..Challenge::default()
        };
        let mut bytes = Vec::new();
        message.emit(&mut bytes).unwrap();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| _ = black_box(Challenge::parse(black_box(&bytes))));
        });
    }
    group.finish();
}

criterion_group!(benches, reading_and_writing, hostile);
criterion_main!(benches);
