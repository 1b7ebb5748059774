//! Compares the speed of this library with others in one run: `cargo run --release`.
//!
//! Contenders take turns, so that other load on the machine affects all of them alike. For each, the
//! 10th percentile and the median of its turns are printed, and both divided by those of the first
//! contender, which is this library. The median includes the effects of other load; the 10th
//! percentile shows the quiet phases. The limits are the times of the cryptographic primitives
//! alone, from the crates that the library uses. gss-ntlmssp is included if it is installed.

mod allocations;
mod devolutions;
mod gss;
mod limits;
mod ours;

use std::hint::black_box;
use std::time::Instant;

use devolutions::Devolutions;
use gss::Gss;
use hmac::{Hmac, KeyInit};
use md5::Md5;
use ntlm::Os;
use ntlm_testkit::Fixed;
use ours::Ours;

const USER: &str = "alice";
const PASSWORD: &str = "correct horse";

type Job<'a> = Box<dyn FnMut() + 'a>;

/// The number of turns of each contender. Turns are short, so that most of them run without an
/// interruption by another program.
const TURNS: usize = 201;

struct Contest<'a> {
    name: String,
    /// The bytes that a job processes, if throughput matters.
    bytes: Option<usize>,
    /// How often the job is repeated in a turn.
    repeat: usize,
    jobs: Vec<(&'static str, Job<'a>)>,
}

impl Contest<'_> {
    /// Runs the contest and prints its results. The first job is this library's.
    fn run(mut self) {
        let mut times = vec![Vec::new(); self.jobs.len()];
        for _ in 0..TURNS {
            for ((_, job), times) in self.jobs.iter_mut().zip(&mut times) {
                let start = Instant::now();
                (0..self.repeat).for_each(|_| job());
                times.push(start.elapsed().as_secs_f64() / self.repeat as f64);
            }
        }
        let times: Vec<_> = times.into_iter().map(Times::new).collect();
        println!("\n{}", self.name);
        for ((name, job), time) in self.jobs.iter_mut().zip(&times) {
            let rate = match self.bytes {
                Some(bytes) => format!("{:5.0} MB/s", bytes as f64 / time.median / 1e6),
                None => String::new(),
            };
            println!(
                "  {name:<36} p10{:9.3} µs{:6.2} × | median{:9.3} µs{:6.2} × {rate:>10}{:6} allocations",
                time.p10 * 1e6,
                time.p10 / times[0].p10,
                time.median * 1e6,
                time.median / times[0].median,
                allocations::count(job),
            );
        }
    }
}

/// A contender's times for a job, in seconds.
struct Times {
    p10: f64,
    median: f64,
}

impl Times {
    fn new(mut turns: Vec<f64>) -> Self {
        turns.sort_by(f64::total_cmp);
        Self { p10: turns[turns.len() / 10], median: turns[turns.len() / 2] }
    }
}

fn main() {
    let ours = Ours::new();
    let devolutions = Devolutions::new();
    let gss = Gss::load();
    if gss.is_none() {
        println!("gss-ntlmssp is missing: apt-get install gss-ntlmssp libgssapi-krb5-2");
    }
    handshakes(&ours, &devolutions, gss.as_ref());
    for len in [64, 1024, 16 << 10, 64 << 10, 1 << 20] {
        sealing(&ours, &devolutions, gss.as_ref(), len);
    }
    for len in [64, 1024, 16 << 10, 64 << 10] {
        unsealing(&ours, &devolutions, gss.as_ref(), len);
    }
    parsing(&ours);
}

/// The system calls for random numbers and the time take about a tenth of a handshake, and the limit
/// does not include them.
const WITHOUT_SYSTEM: &str = "ntlm, without randomness and clock";

fn handshakes(ours: &Ours, devolutions: &Devolutions, gss: Option<&Gss>) {
    let messages = ours.messages();
    let mut jobs: Vec<(_, Job<'_>)> = vec![
        ("ntlm", Box::new(|| drop(black_box(ours.handshake())))),
        (WITHOUT_SYSTEM, Box::new(|| drop(black_box(ours.handshake_in(&mut Fixed::default()))))),
        ("ntlm, plus a message each way", Box::new(|| ours.handshake_and_first_messages())),
        ("sspi", Box::new(|| drop(black_box(devolutions.handshake())))),
        ("sspi, plus a message each way", Box::new(|| devolutions.handshake_and_first_messages())),
        ("limit: the primitives alone", Box::new(|| limits::handshake(&messages))),
    ];
    if let Some(gss) = gss {
        jobs.push(("gss-ntlmssp", Box::new(|| drop(black_box(gss.handshake())))));
    }
    let name = "handshake, both sides: NTLMv2, MIC, key exchange".into();
    Contest { name, bytes: None, repeat: 50, jobs }.run();

    let challenge = &messages[1];
    let jobs: Vec<(_, Job<'_>)> = vec![
        ("ntlm", Box::new(|| ours.client(challenge, &mut Os))),
        (WITHOUT_SYSTEM, Box::new(|| ours.client(challenge, &mut Fixed::default()))),
        ("sspi", Box::new(|| devolutions.client(challenge))),
        (
            "ntlmssp, without key exchange",
            Box::new(|| {
                let client = ntlmssp::Ntlm::new_sealed();
                let answer = client.authenticate(challenge, "EXAMPLE", USER, PASSWORD, "LAPTOP");
                black_box(answer.unwrap());
            }),
        ),
        (
            "limit: the primitives alone",
            Box::new(|| limits::client(&messages, &[0x41; 24], &[0x42; 150])),
        ),
    ];
    let name = "handshake, client alone".into();
    Contest { name, bytes: None, repeat: 50, jobs }.run();
}

/// How often a message of this length is sealed in a turn. Up to 64 KiB, a turn takes less than a
/// millisecond.
fn repeat(len: usize) -> usize {
    ((256 << 10) / len.max(512)).max(1)
}

fn sealing(ours: &Ours, devolutions: &Devolutions, gss: Option<&Gss>, len: usize) {
    let mut our_sender = ours.handshake().0;
    let mut sspi_sender = devolutions.handshake().0;
    let mut ntlmssp_sender = ntlmssp::SealState::new(&[7; 16]);
    let contexts = gss.map(Gss::handshake);
    let (mut stream, keyed) = (limits::rc4(), Hmac::<Md5>::new_from_slice(&[7; 16]).unwrap());
    let [mut a, mut b, mut d] = [(); 3].map(|()| vec![0x5a; len]);
    let (c, e, f) = (vec![0x5a; len], vec![0x5a; len], vec![0x5a; len]);
    let mut signature = [0; 16];
    let mut jobs: Vec<(_, Job<'_>)> = vec![
        ("ntlm", Box::new(|| _ = black_box(our_sender.seal(&mut a).unwrap()))),
        ("sspi", Box::new(|| devolutions::seal(&mut sspi_sender, &mut signature, &mut b))),
        ("ntlmssp", Box::new(|| drop(black_box(ntlmssp_sender.seal_pdu(&c, &c))))),
        ("limit: RC4, then HMAC-MD5", Box::new(|| limits::seal(&mut stream, &keyed, &mut d))),
        ("limit: HMAC-MD5", Box::new(|| _ = black_box(limits::hmac_md5(&[7; 16], &[&e])))),
    ];
    if let Some(contexts) = &contexts {
        jobs.push(("gss-ntlmssp", Box::new(|| contexts.seal(&f))));
    }
    Contest { name: format!("seal {len} bytes"), bytes: Some(len), repeat: repeat(len), jobs }
        .run();
}

fn unsealing(ours: &Ours, devolutions: &Devolutions, gss: Option<&Gss>, len: usize) {
    // Each message is unsealed once; one more is for counting allocations.
    let repeat = repeat(len).min(64);
    let count = TURNS * repeat + 1;
    let mut our_messages = ours::Sealed::new(ours, len, count);
    let mut sspi_messages = devolutions::Sealed::new(devolutions, len, count);
    let mut gss_messages = gss.map(|gss| gss::Sealed::new(gss, len, count));
    let plain = vec![0x5a; len];
    let mut jobs: Vec<(_, Job<'_>)> = vec![
        ("ntlm", Box::new(|| our_messages.unseal())),
        ("sspi", Box::new(|| sspi_messages.unseal())),
        ("limit: HMAC-MD5", Box::new(|| _ = black_box(limits::hmac_md5(&[7; 16], &[&plain])))),
    ];
    if let Some(messages) = &mut gss_messages {
        jobs.push(("gss-ntlmssp", Box::new(|| messages.unseal())));
    }
    Contest { name: format!("unseal {len} bytes"), bytes: Some(len), repeat, jobs }.run();
}

fn parsing(ours: &Ours) {
    for message in &ours.messages() {
        let jobs: Vec<(_, Job<'_>)> = vec![
            ("ntlm", Box::new(|| ours::parse(message))),
            (
                "ntlmclient",
                Box::new(|| {
                    let parsed = ntlmclient::Message::try_from(&message[..]);
                    drop(black_box(parsed));
                }),
            ),
        ];
        let name = format!("parse message {} of {} bytes", message[8], message.len());
        Contest { name, bytes: None, repeat: 500, jobs }.run();
    }
}
