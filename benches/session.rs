//! Messages signed, verified, sealed and unsealed, from 64 bytes to 1 MiB.
#![allow(missing_docs, clippy::unwrap_used)]

use core::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ntlm::Session;
use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::wire::NegotiateFlags;

const LENGTHS: [usize; 6] = [64, 256, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// Extended session security, 128 bits, key exchange, SIGN and SEAL.
const FLAGS: NegotiateFlags = NegotiateFlags::from_bits_retain(0xe208_8235);

fn session(side: Side) -> Session {
    Session::new(FLAGS, &ExportedSessionKey::from([7; 16]), side)
}

fn sending(criterion: &mut Criterion) {
    for len in LENGTHS {
        let mut group = criterion.benchmark_group(format!("{len} bytes"));
        group.throughput(Throughput::Bytes(len as u64));
        let (mut sender, mut message) = (session(Side::Client), vec![0x5a; len]);
        group.bench_function("sign", |b| b.iter(|| black_box(sender.sign(&message).unwrap())));
        group.bench_function("seal", |b| b.iter(|| black_box(sender.seal(&mut message).unwrap())));
        group.finish();
    }
}

/// Each message is received once, by a session in the state of the sender's.
fn receiving(criterion: &mut Criterion) {
    for len in LENGTHS {
        let mut group = criterion.benchmark_group(format!("{len} bytes"));
        group.throughput(Throughput::Bytes(len as u64));
        let plain = vec![0x5a; len];
        let mut sealed = plain.clone();
        let seal_signature = ready().0.seal(&mut sealed).unwrap();
        let sign_signature = ready().0.sign(&plain).unwrap();
        let fresh = || (ready().1, sealed.clone());
        group.bench_function("verify", |b| {
            b.iter_batched(
                fresh,
                |(mut receiver, _)| receiver.verify(&plain, &sign_signature).unwrap(),
                BatchSize::SmallInput,
            );
        });
        group.bench_function("unseal", |b| {
            b.iter_batched(
                fresh,
                |(mut receiver, mut message)| {
                    receiver.unseal(&mut message, &seal_signature).unwrap();
                    (receiver, message)
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

/// The two ends of a direction after its first message, for which the keys are derived.
fn ready() -> (Session, Session) {
    let (mut sender, mut receiver) = (session(Side::Client), session(Side::Server));
    let first = sender.sign(b"").unwrap();
    receiver.verify(b"", &first).unwrap();
    (sender, receiver)
}

criterion_group!(benches, sending, receiving);
criterion_main!(benches);
