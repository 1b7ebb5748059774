//! Freed memory contains no secret.
//!
//! Each test watches for the secrets of one handshake: the password in all its forms, the hashes,
//! all keys, and the cipher states. The allocator of this test program reads each block before it
//! is freed. So it sees what the library allocates internally and, because a test puts each object
//! into a box, the object itself. It finds any eight bytes of a secret, so parts of a secret count
//! too. Each test also finds the secret while it is in use, which proves that it looks for the
//! right bytes.
//!
//! These tests do not cover the stack and registers, where the compiler may leave copies that are
//! not wiped; moves, which leave a copy in the old place (so moving a session out of a box frees a
//! block that contains its keys); and secrets that the operating system writes to disk.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod memory;

use core::hint::black_box;
use core::ops::Range;

use memory::{Memory, Run};
use ntlm::crypto::{
    ExportedSessionKey, KeyExchangeKey, LmHash, LmSessionKey, ResponseKey, SealingKey,
    SessionBaseKey, Side, SigningKey,
};
use ntlm::error::Rejection;
use ntlm::server::{AwaitAuthenticate, UserClaim, Validation};
use ntlm::session::{Part, Protection, Receiver, Sender, SessionKeys};
use ntlm::wire::{Authenticate, Challenge, NegotiateFlags as Flags, NtResponse};
use ntlm::{
    Ascii, Client, CodePage, Credentials, DatagramSession, LmCompatibility, NtHash, Server,
    Session, UserName, client, server,
};
use ntlm_testkit::{Scattered, server, user_of};

/// Short enough for an LM hash, and not ASCII, so that the buffer grows while it is converted to
/// UTF-8.
const PASSWORD: &str = "Kürzer gehts!?";

/// Some bytes of Windows-1252.
static CODE_PAGE: [char; 128] = {
    let mut table = ['\u{fffd}'; 128];
    table[0xdc - 0x80] = 'Ü';
    table[0xfc - 0x80] = 'ü';
    table
};

/// A way to log in and to protect messages.
#[derive(Clone, Copy, Debug)]
struct Mode {
    level: LmCompatibility,
    without: Flags,
    with: Flags,
}

impl Mode {
    const DEFAULT: Self = Self::new(LmCompatibility::SendNtlmv2, Flags::empty(), Flags::empty());
    const LM_KEY: Self =
        Self::new(LmCompatibility::SendLmAndNtlm, Flags::empty(), Flags::NEGOTIATE_LM_KEY);
    /// NTLMv2 with every protection, then without each of them in turn; then NTLM2 session, NTLM
    /// and LM.
    const ALL: [Self; 7] = [
        Self::DEFAULT,
        Self::new(LmCompatibility::SendNtlmv2, Flags::NEGOTIATE_KEY_EXCH, Flags::empty()),
        Self::new(LmCompatibility::SendNtlmv2, Flags::NEGOTIATE_128, Flags::empty()),
        Self::new(
            LmCompatibility::SendNtlmv2,
            Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY,
            Flags::empty(),
        ),
        Self::new(LmCompatibility::SendNtlm, Flags::empty(), Flags::empty()),
        Self::new(LmCompatibility::SendLmAndNtlm, Flags::empty(), Flags::empty()),
        Self::LM_KEY,
    ];

    const fn new(level: LmCompatibility, without: Flags, with: Flags) -> Self {
        Self { level, without, with }
    }

    fn client(&self) -> Client {
        let mut policy = client::Policy::default();
        policy.shared.lm_compatibility = self.level;
        policy.shared.offer = (policy.shared.offer | self.with) - self.without;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.allow_constant_key_exchange_key = true;
        policy.shared.code_page = &CODE_PAGE;
        Client::new(Credentials::password("EXAMPLE\\alice", PASSWORD))
            .with_policy(policy)
            .with_protection(Protection::Seal)
            .with_workstation("LAPTOP")
    }

    fn server(&self) -> Server {
        let mut policy = server::Policy::default();
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.offer |= self.with;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.allow_constant_key_exchange_key = true;
        server().with_policy(policy)
    }

    /// The handshake up to the last message. It is the same each time.
    fn exchange(&self) -> Exchange {
        let environment = &mut Scattered::default();
        let (negotiate, await_challenge) = self.client().initiate().unwrap();
        let (challenge, handshake) = self.server().challenge(&negotiate, environment).unwrap();
        let response = await_challenge.answer(&challenge, environment).unwrap();
        let (authenticate, keys) = (response.token, response.keys);
        Exchange { challenge, authenticate, keys, handshake }
    }

    fn watch(&self) -> Memory {
        Memory::watch(self.secrets())
    }

    /// All secrets of a handshake, by the names that the tests use.
    fn secrets(&self) -> Vec<(&'static str, Vec<u8>)> {
        let Exchange { challenge, authenticate, keys, .. } = self.exchange();
        let challenge = Challenge::parse(&challenge).unwrap();
        let (base, kex) = base_keys(keys.flags(), &challenge, &authenticate);
        let (flags, key) = (keys.flags(), keys.exported_session_key().clone());
        let upper = PASSWORD.replace('ü', "Ü").to_ascii_uppercase();
        let mut secrets = vec![
            ("password", PASSWORD.into()),
            ("password", upper.as_bytes().into()),
            ("password", utf16(PASSWORD)),
            ("password", utf16(&upper)),
            ("password", CODE_PAGE.encode(&upper).unwrap()),
            ("NT hash", nt_hash().expose().into()),
            ("LM hash", lm_hash().expose().into()),
            ("response key", response_key().expose().into()),
            ("session base key", base.expose().into()),
            ("key exchange key", kex.expose().into()),
            ("exported session key", key.expose().into()),
        ];
        for side in [Side::Client, Side::Server] {
            let sealing_key = SealingKey::derive(flags, &key, side);
            secrets.push(("RC4 state", rc4_state(sealing_key.expose())));
            secrets.push(("RC4 state", rc4_state(sealing_key.for_message(7).expose())));
            secrets.push(("sealing key", sealing_key.expose().into()));
            secrets.push(("sealing key", sealing_key.for_message(7).expose().into()));
            if let Some(signing_key) = SigningKey::derive(flags, &key, side) {
                secrets.push(("signing key", signing_key.expose().into()));
                let [inner, outer] = signing_states(flags, &key, side);
                secrets.extend([("inner state", inner), ("outer state", outer)]);
            }
        }
        secrets
    }
}

struct Exchange {
    challenge: Vec<u8>,
    authenticate: Vec<u8>,
    keys: SessionKeys,
    handshake: AwaitAuthenticate,
}

impl Exchange {
    fn claim(self) -> UserClaim {
        let environment = &mut Scattered::default();
        user_of(self.handshake.read(&self.authenticate, environment).unwrap())
    }
}

fn nt_hash() -> NtHash {
    NtHash::from_password(PASSWORD)
}

fn lm_hash() -> LmHash {
    LmHash::from_password(PASSWORD, &CODE_PAGE).unwrap()
}

fn response_key() -> ResponseKey {
    ResponseKey::new(&nt_hash(), &"alice".into(), &"EXAMPLE".into())
}

fn base_keys(
    flags: Flags,
    challenge: &Challenge<'_>,
    authenticate: &[u8],
) -> (SessionBaseKey, KeyExchangeKey) {
    let message = Authenticate::parse(authenticate).unwrap();
    if let NtResponse::V2(response) = message.nt_response {
        let base = response_key().session_base_key(response.proof());
        let kex = base.ntlmv2_key_exchange_key();
        return (base, kex);
    }
    let base = nt_hash().session_base_key();
    let (lm_response, lm_key) = (message.lm_response.as_bytes(), LmSessionKey::from(&lm_hash()));
    let challenge = &challenge.server_challenge;
    let kex = base.ntlmv1_key_exchange_key(flags, challenge, lm_response, Some(&lm_key));
    (base, kex.unwrap())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The permutation of RC4 before the first byte of key stream.
fn rc4_state(key: &[u8]) -> Vec<u8> {
    let mut permutation: Vec<u8> = (0..=255).collect();
    let mut j = 0;
    for i in 0..256 {
        j = (j + usize::from(permutation[i]) + usize::from(key[i % key.len()])) % 256;
        permutation.swap(i, j);
    }
    permutation
}

/// What replaces the signing key in a session that has signed: its export has it after the header,
/// two type bytes, the sequence number and two more type bytes.
fn signing_states(flags: Flags, key: &ExportedSessionKey, side: Side) -> [Vec<u8>; 2] {
    let mut session = Session::new(flags, key, side);
    session.sign(b"").unwrap();
    let exported = session.export();
    [exported.as_bytes()[15..31].into(), exported.as_bytes()[31..47].into()]
}

/// Creates a value in a box and drops it. The value must contain these secrets, and leave none
/// behind.
#[track_caller]
fn assert_wiped<T>(memory: &Memory, what: &str, secrets: &[&str], make: impl FnOnce() -> T) {
    assert_wiped_but_for_gaps(memory, what, secrets, &[], make);
}

/// The same for a value of several variants, in which copies of some secrets may remain.
#[track_caller]
fn assert_wiped_but_for_gaps<T>(
    memory: &Memory,
    what: &str,
    secrets: &[&str],
    in_gaps: &[&str],
    make: impl FnOnce() -> T,
) {
    let object = Box::new(make());
    assert_nothing_left(memory, what);
    for secret in secrets {
        assert!(memory.holds(secret), "{what}: where is the {secret}?");
    }
    if let Err(left) = drop_and_look(memory, object, secrets, in_gaps) {
        panic!("{what} leaves {left}");
    }
}

/// The bytes of an enum that the current variant does not use are undefined; moving the enum copies
/// whatever was on the stack there. Such copies are not made by the library. So in the box itself,
/// copies of the secrets `in_gaps` may remain if they are as long as before and in the same place:
/// a copy that is wiped in part is not allowed. And of each secret that the value contains, at
/// least one copy must be gone.
fn drop_and_look<T>(
    memory: &Memory,
    object: Box<T>,
    secrets: &[&str],
    in_gaps: &[&str],
) -> Result<(), String> {
    let before = memory.runs_in(&*object);
    drop(black_box(object));
    let left = memory.left_behind();
    let is_in_gap = |run: &Run| in_gaps.contains(&run.secret) && before.contains(run);
    if let Some(run) = left.iter().find(|run| !is_in_gap(run)) {
        return Err(format!("{run:?} of {before:?}"));
    }
    let copies =
        |runs: &[Run], secret: &str| runs.iter().filter(|run| run.secret == secret).count();
    let is_less = |secret: &str| {
        let count = copies(&left, secret);
        count == 0 || count < copies(&before, secret)
    };
    match secrets.iter().find(|secret| !is_less(secret)) {
        Some(secret) => Err(format!("all of the {secret}: {before:?}")),
        None => Ok(()),
    }
}

/// Secrets that were on the stack before a session or a key was put there.
const KEYS: &[&str] =
    &["session base key", "key exchange key", "exported session key", "sealing key", "LM hash"];
const KEYS_AND_STATES: &[&str] = &[
    "session base key",
    "key exchange key",
    "exported session key",
    "sealing key",
    "inner state",
    "outer state",
    "RC4 state",
];

#[track_caller]
fn assert_nothing_left(memory: &Memory, what: &str) {
    let left = memory.left_behind();
    assert!(left.is_empty(), "{what} leaves {left:?}");
}

/// Control experiment: proves that the watch finds secrets.
#[test]
fn secret_that_is_not_wiped_is_found() {
    let memory = Memory::watch(vec![("secret", b"correct horse".into())]);
    let is_found = || memory.left_behind().iter().any(|left| left.secret == "secret");
    let boxed = Box::new(black_box(*b"xxcorrect horsexx"));
    assert!(memory.holds("secret"));
    drop(black_box(boxed));
    assert!(is_found());

    // Also part of a secret, in the block that a growing vector frees, and across the chunks that
    // are read at a time.
    let mut grown = Vec::with_capacity(10);
    grown.extend_from_slice(black_box(b"zzcorrect "));
    grown.resize(11, 0);
    assert!(is_found());
    let mut long = vec![0; 3000];
    long[1019..1032].copy_from_slice(b"correct horse");
    drop(black_box(long));
    assert!(is_found());

    drop(black_box(Box::new(*b"seven of correct")));
    assert!(!is_found());
}

/// A drop that wipes half of a secret is detected, although less of it remains than before; so is
/// one that wipes nothing, even if a value may have gaps.
#[test]
fn partly_wiped_secret_is_found() {
    struct Careless {
        secret: [u8; 64],
        wiped: Range<usize>,
    }
    impl Drop for Careless {
        fn drop(&mut self) {
            black_box(&mut self.secret[self.wiped.clone()]).fill(0);
            black_box(&self.secret);
        }
    }
    let secret: [u8; 64] = core::array::from_fn(|place| u8::try_from(place * 3).unwrap());
    let memory = Memory::watch(vec![("secret", secret.into())]);
    let is_wiped = |wiped, in_gaps| {
        let careless = Box::new(Careless { secret, wiped });
        drop_and_look(&memory, careless, &["secret"], in_gaps).is_ok()
    };
    for in_gaps in [&[][..], &["secret"]] {
        assert!(is_wiped(0..64, in_gaps));
        for wiped in [0..0, 0..32, 32..64, 0..56, 8..64, 20..40] {
            assert!(!is_wiped(wiped.clone(), in_gaps), "{wiped:?}");
        }
    }
}

#[test]
fn credentials_and_clients_leave_nothing() {
    let units: Vec<u16> = PASSWORD.encode_utf16().collect();
    let alice = || UserName::new("alice").with_domain("EXAMPLE");
    let memory = Mode::DEFAULT.watch();
    let password = || Credentials::password(alice(), PASSWORD);
    let hash = || Credentials::nt_hash(alice(), nt_hash());
    assert_wiped(&memory, "a password", &["password"], password);
    let utf16 = || Credentials::password_utf16(alice(), &units);
    assert_wiped(&memory, "a password in UTF-16", &["password"], utf16);
    assert_wiped(&memory, "a hash", &["NT hash"], hash);
    assert_wiped(&memory, "clones", &["password"], || password().clone());
    // Each setter changes a copy if another client shares the settings.
    for (secret, credentials) in
        [("password", &password as &dyn Fn() -> Credentials), ("NT hash", &hash)]
    {
        let client = || Client::new(credentials());
        assert_wiped(&memory, "a client", &[secret], client);
        assert_wiped(&memory, "two clients", &[secret], || {
            let first = client();
            (first.clone().with_spn("ldap/files"), first)
        });
        assert_wiped(&memory, "a client that waits", &[secret], || client().initiate().unwrap());
    }
}

#[test]
fn keys_leave_nothing() {
    let mode = Mode::DEFAULT;
    let Exchange { keys, challenge, authenticate, .. } = mode.exchange();
    let challenge = Challenge::parse(&challenge).unwrap();
    let memory = mode.watch();
    let exported = || keys.exported_session_key().clone();
    let (flags, side) = (keys.flags(), Side::Server);
    let base_keys = || base_keys(flags, &challenge, &authenticate);
    let sealing = || SealingKey::derive(flags, &exported(), side);
    assert_wiped(&memory, "NtHash", &["NT hash"], nt_hash);
    assert_wiped(&memory, "LmHash", &["LM hash"], lm_hash);
    assert_wiped(&memory, "LmSessionKey", &["LM hash"], || LmSessionKey::from(&lm_hash()));
    assert_wiped(&memory, "ResponseKey", &["response key"], response_key);
    assert_wiped(&memory, "SessionBaseKey", &["session base key"], || base_keys().0);
    assert_wiped(&memory, "KeyExchangeKey", &["key exchange key"], || base_keys().1);
    assert_wiped(&memory, "ExportedSessionKey", &["exported session key"], exported);
    assert_wiped(&memory, "SealingKey", &["sealing key"], sealing);
    assert_wiped(&memory, "SealingKey of a datagram", &["sealing key"], || {
        sealing().for_message(7)
    });
    assert_wiped(&memory, "SigningKey", &["signing key"], || {
        SigningKey::derive(flags, &exported(), side)
    });
    assert_wiped_but_for_gaps(
        &memory,
        "Validation",
        &["session base key", "LM hash"],
        KEYS,
        || {
            let lm_key = *lm_hash().expose().first_chunk().unwrap();
            Validation::new(*base_keys().0.expose(), 0).with_lm_session_key(lm_key)
        },
    );
}

/// A weakened key has 8 bytes.
#[test]
fn weakened_keys_leave_nothing() {
    let mode = Mode::LM_KEY;
    let keys = mode.exchange().keys;
    let memory = mode.watch();
    assert_wiped_but_for_gaps(&memory, "SealingKey", &["sealing key"], KEYS, || {
        let key = keys.exported_session_key().clone();
        SealingKey::derive(keys.flags(), &key, Side::Client)
    });
}

/// The password is encoded in a code page, which may lack one of its characters.
#[test]
fn lm_hashes_leave_nothing_of_the_password() {
    let tables: &[(&dyn CodePage, bool)] = &[
        (&CODE_PAGE, true),
        (&Ascii, false),
        (&['\u{fffd}'; 128], false),
        #[cfg(feature = "code-pages")]
        (&ntlm::text::code_page::Cp850, true),
        #[cfg(feature = "code-pages")]
        (&ntlm::text::code_page::Cp866, false),
    ];
    let memory = Mode::DEFAULT.watch();
    for &(code_page, has_hash) in tables {
        let hash = LmHash::from_password(PASSWORD, code_page);
        assert_eq!(hash.is_some(), has_hash);
        let late = LmHash::from_password("Kürzer gehts ☃", code_page);
        assert!(late.is_none());
        let long = LmHash::from_password("Kürzer gehts nimmer!?", code_page);
        assert!(long.is_none());
        let ill_formed = PASSWORD.encode_utf16().take(12).chain([0xd800]);
        assert!(LmHash::from_utf16(ill_formed, code_page).is_none());
        assert_nothing_left(&memory, "an LM hash");
    }
}

/// A code page has encoded part of the password when it meets a character that it lacks.
#[test]
fn half_encoded_passwords_leave_nothing() {
    let memory = Mode::DEFAULT.watch();
    drop(black_box(CODE_PAGE.encode("KÜRZER GEHTS!?")));
    assert!(!memory.left_behind().is_empty(), "the caller must wipe what was encoded");
    assert_eq!(CODE_PAGE.encode("KÜRZER GEHTS!☃"), None);
    assert_nothing_left(&memory, "a half-encoded password");
}

/// Everything that is allocated during a handshake, and what each state contains.
#[test]
fn handshakes_leave_nothing() {
    for mode in &Mode::ALL {
        let memory = mode.watch();
        let claim = || mode.exchange().claim();
        assert_wiped(&memory, "Response", &["exported session key"], || mode.exchange().keys);
        assert_wiped(&memory, "AwaitAuthenticate", &[], || mode.exchange().handshake);
        assert_wiped(&memory, "UserClaim", &[], claim);
        let lm_hash = lm_hash();
        assert_wiped(&memory, "Accepted", &["exported session key"], || {
            claim().verify_hashes(&nt_hash(), Some(&lm_hash)).unwrap()
        });
        assert_wiped(&memory, "a wrong password", &[], || {
            claim().verify_nt_hash(&NtHash::from_password("another")).unwrap_err()
        });
        assert_wiped(&memory, "no user", &[], || claim().reject(Rejection::UnknownUser));
        assert_wiped(&memory, "an export of keys", &["exported session key"], || {
            mode.exchange().keys.export()
        });
        assert_wiped(&memory, "keys from an export", &["exported session key"], || {
            SessionKeys::import(mode.exchange().keys.export().as_bytes()).unwrap()
        });
    }
}

#[test]
fn other_ways_to_be_accepted_leave_nothing() {
    let mode = Mode::DEFAULT;
    let Exchange { keys, challenge, authenticate, .. } = mode.exchange();
    let (base_key, _) =
        base_keys(keys.flags(), &Challenge::parse(&challenge).unwrap(), &authenticate);
    let memory = mode.watch();
    let claim = || mode.exchange().claim();
    assert_wiped(&memory, "with a response key", &["exported session key"], || {
        claim().verify_response_key(&response_key()).unwrap()
    });
    assert_wiped(&memory, "by a domain controller", &["exported session key"], || {
        claim().verify_by_domain(&Validation::new(*base_key.expose(), 0)).unwrap()
    });
}

/// The secrets in a datagram session, and those in one direction after its keys were derived.
const SIGNING_AND_SEALING: &[&str] = &["inner state", "outer state", "sealing key"];
const IN_USE: &[&str] = &["inner state", "outer state", "RC4 state"];

#[test]
fn sessions_leave_nothing() {
    for mode in &Mode::ALL {
        let memory = mode.watch();
        let session = || mode.exchange().keys.into_session().unwrap();
        let used = || {
            let mut session = session();
            session.sign(b"").unwrap();
            // Without extended session security this is the wrong key stream.
            _ = session.verify(b"", &ntlm::session::Signature::DUMMY);
            session
        };
        let is_extended = session().split().is_ok();
        let in_use: &[&str] = if is_extended { IN_USE } else { &["RC4 state"] };
        assert_wiped_but_for_gaps(
            &memory,
            "a new session",
            &["exported session key"],
            KEYS_AND_STATES,
            session,
        );
        assert_wiped_but_for_gaps(&memory, "a session", in_use, KEYS, used);
        assert_wiped(&memory, "an export", in_use, || used().export());
        assert_wiped_but_for_gaps(&memory, "an import", in_use, KEYS_AND_STATES, || {
            Session::import(used().export().as_bytes()).unwrap()
        });
        assert_wiped(&memory, "a damaged import", &[], || {
            let exported = used().export();
            let cut = &exported.as_bytes()[..exported.as_bytes().len() - 1];
            Session::import(cut).unwrap_err()
        });
        if is_extended {
            assert_wiped(&memory, "halves", &["exported session key"], || session().split());
            assert_wiped(
                &memory,
                "a session with a mechListMIC",
                &["exported session key"],
                || {
                    let mut session = session();
                    session.mech_list_mic(b"").unwrap();
                    session
                },
            );
        }
    }
}

#[test]
fn halves_with_keys_of_their_own_leave_nothing() {
    let mode = Mode::DEFAULT;
    let keys = mode.exchange().keys;
    let memory = mode.watch();
    let (flags, side) = (keys.flags(), Side::Client);
    let keys = || {
        let key = keys.exported_session_key().clone();
        (SigningKey::derive(flags, &key, side), SealingKey::derive(flags, &key, side))
    };
    let sender = || {
        let (signing_key, sealing_key) = keys();
        Sender::with_keys(flags, signing_key.as_ref(), sealing_key, 3)
    };
    let receiver = || {
        let (signing_key, sealing_key) = keys();
        Receiver::with_keys(flags, signing_key.as_ref(), sealing_key, 3)
    };
    assert_wiped_but_for_gaps(&memory, "a new sender", IN_USE, KEYS_AND_STATES, sender);
    assert_wiped_but_for_gaps(&memory, "a new receiver", IN_USE, KEYS_AND_STATES, receiver);
    assert_wiped(&memory, "a sender", IN_USE, || {
        let mut sender = sender();
        sender.sign(b"").unwrap();
        sender
    });
    assert_wiped(&memory, "a receiver", IN_USE, || {
        let (mut sender, mut receiver) = (sender(), receiver());
        let signature = sender.sign(b"").unwrap();
        receiver.verify(b"", &signature).unwrap();
        receiver
    });
}

#[test]
fn datagrams_leave_nothing() {
    let mode = Mode::DEFAULT;
    let keys = mode.exchange().keys;
    let memory = mode.watch();
    assert_wiped(&memory, "a datagram session", SIGNING_AND_SEALING, || {
        let key = keys.exported_session_key().clone();
        let session = |side| DatagramSession::new(keys.flags(), &key, side);
        let (client, server) = (session(Side::Client), session(Side::Server));
        let mut message = *b"message";
        let signature = client.seal(7, &mut message).unwrap();
        server.unseal(7, &mut message, &signature).unwrap();
        server
    });
}

/// Longer than three blocks of MD5.
const PLAIN: &[u8; 199] = b"attack at dawn, from the woods beyond the river; when the bells ring, the \
    gate will be open for as long as it takes to say a prayer. Burn this, and speak to nobody of it. \
    Bring the horses!!!!!!!!!!!!";

/// The buffer is the caller's, and contains no plaintext after a message was rejected.
#[test]
fn changed_message_leaves_nothing_of_its_plaintext() {
    for mode in &Mode::ALL {
        let keys = mode.exchange().keys;
        let key = keys.exported_session_key().clone();
        let session = |side| Session::new(keys.flags(), &key, side);
        let mut sealed = *PLAIN;
        let signature = session(Side::Client).seal(&mut sealed).unwrap();
        let memory = Memory::watch(vec![("text", PLAIN.into())]);

        let mut message = Box::new(sealed);
        session(Side::Server).unseal(&mut *message, &signature).unwrap();
        assert!(memory.holds("text"));
        drop(message);
        assert!(!memory.left_behind().is_empty(), "the caller must wipe what is delivered");

        for place in [0, 70, 198] {
            let mut message = Box::new(sealed);
            message[place] ^= 1;
            session(Side::Server).unseal(&mut *message, &signature).unwrap_err();
            assert!(!memory.holds("text"), "{mode:?}");
            drop(black_box(message));
            assert_nothing_left(&memory, "a changed message");
        }
        let mut message = Box::new(sealed);
        message[198] ^= 1;
        let (first, second) = message.split_at_mut(70);
        let mut parts = [Part::Sealed(first), Part::Clear(b"header"), Part::Sealed(second)];
        session(Side::Server).unseal_parts(&mut parts, &signature).unwrap_err();
        drop(black_box(message));
        assert_nothing_left(&memory, "a changed message");
    }
}

/// `wrap` and `unwrap` allocate their own buffer.
#[test]
fn failed_wrap_and_unwrap_leave_nothing_of_the_plaintext() {
    for mode in &Mode::ALL {
        let keys = mode.exchange().keys;
        let key = keys.exported_session_key().clone();
        let session = |side| Session::new(keys.flags(), &key, side);
        let mut token = session(Side::Client).wrap(PLAIN).unwrap();
        let memory = Memory::watch(vec![("text", PLAIN.into())]);
        drop(black_box(session(Side::Server).unwrap(&token).unwrap()));
        assert!(!memory.left_behind().is_empty(), "the caller must wipe what is delivered");
        token[80] ^= 1;
        session(Side::Server).unwrap(&token).unwrap_err();
        assert_nothing_left(&memory, "a changed token");

        let signing = keys.flags() - Flags::NEGOTIATE_SEAL;
        let mut session = Session::new(signing, &key, Side::Client);
        session.wrap(PLAIN).unwrap_err();
        assert_nothing_left(&memory, "a message that may not be sealed");
    }
}

#[test]
fn changed_datagram_leaves_nothing_of_its_plaintext() {
    let key = ExportedSessionKey::from([0x39; 16]);
    let session = |side| DatagramSession::new(Flags::from_bits_retain(0xe208_8275), &key, side);
    let mut sealed = *PLAIN;
    let signature = session(Side::Client).seal(7, &mut sealed).unwrap();
    let memory = Memory::watch(vec![("text", PLAIN.into())]);
    let mut message = Box::new(sealed);
    message[198] ^= 1;
    session(Side::Server).unseal(7, &mut *message, &signature).unwrap_err();
    drop(black_box(message));
    assert_nothing_left(&memory, "a changed datagram");
}

#[cfg(feature = "http")]
mod over_http {
    use super::*;
    use ntlm::http::{
        ClientConnection, HttpVersion, Next, Outcome, Scheme, ServerConnection, Step,
    };

    const H1: HttpVersion = HttpVersion::Http11;
    const KEY: &[&str] = &["exported session key"];

    const NO_HEADERS: [(&str, &str); 0] = [];

    /// The client has sent its last token, and the server has accepted it.
    fn connections() -> (ClientConnection, ServerConnection) {
        let client = ClientConnection::new(Mode::DEFAULT.client());
        connect(client, Scheme::Ntlm)
    }

    fn connect(
        mut client: ClientConnection,
        scheme: Scheme,
    ) -> (ClientConnection, ServerConnection) {
        let environment = &mut Scattered::default();
        let mut server = ServerConnection::new(Mode::DEFAULT.server()).with_schemes([scheme]);
        let first = client.start(scheme).unwrap();
        let reply = match server.on_request(H1, [(first.name, first.value)], environment) {
            Step::Outcome(Outcome::Continue(reply)) => reply,
            step => panic!("{step:?}"),
        };
        let headers = reply.values.iter().map(|value| (reply.name, value.as_str()));
        let last = match client.on_response(reply.status, H1, headers, environment).unwrap() {
            Next::Send(last) => last,
            next => panic!("{next:?}"),
        };
        match server.on_request(H1, [(last.name, last.value)], environment) {
            Step::LookUp(user) => _ = user.verify(|claim| claim.verify_nt_hash(&nt_hash())),
            step => panic!("{step:?}"),
        }
        (client, server)
    }

    fn answered(status: u16) -> ClientConnection {
        let mut client = connections().0;
        _ = client.on_response(status, H1, NO_HEADERS, &mut Scattered::default()).unwrap();
        client
    }

    #[test]
    fn connections_leave_nothing() {
        let memory = Mode::DEFAULT.watch();
        assert_wiped(&memory, "a client that waits", KEY, || connections().0);
        assert_wiped(&memory, "an authenticated client", KEY, || answered(200));
        assert_wiped(&memory, "a rejected client", &[], || answered(401));
        assert_wiped(&memory, "a server", KEY, || connections().1);
    }

    #[cfg(feature = "spnego")]
    #[test]
    fn connections_in_spnego_leave_nothing() {
        let memory = Mode::DEFAULT.watch();
        let connections = || {
            let client = ClientConnection::new(Mode::DEFAULT.client()).with_spnego();
            connect(client, Scheme::Negotiate)
        };
        assert_wiped(&memory, "a client that waits", KEY, || connections().0);
        assert_wiped(&memory, "a server", KEY, || connections().1);
        for status in [200, 401, 407, 302] {
            let mut client = Box::new(connections().0);
            assert!(memory.holds(KEY[0]));
            _ = client.on_response(status, H1, NO_HEADERS, &mut Scattered::default());
            assert_eq!(client.is_authenticated(), status == 200 || status == 302);
            _ = client.on_response(401, H1, NO_HEADERS, &mut Scattered::default());
            drop(black_box(client));
            assert_nothing_left(&memory, "a client that continued");
        }
    }

    /// A state that is replaced in place must not leave a copy of the previous state.
    #[test]
    fn connections_leave_nothing_when_they_continue() {
        let memory = Mode::DEFAULT.watch();
        let environment = &mut Scattered::default();
        let mut client = Box::new(answered(200));
        assert!(memory.holds(KEY[0]));
        let keys = client.take_keys().unwrap();
        drop(black_box(client));
        assert_nothing_left(&memory, "a client whose keys were taken");
        drop(keys);

        for (status, version) in [(401, H1), (407, H1), (302, H1), (200, HttpVersion::Http2)] {
            let mut client = Box::new(connections().0);
            _ = client.on_response(status, version, NO_HEADERS, environment);
            _ = client.on_response(401, H1, NO_HEADERS, environment);
            _ = client.start(Scheme::Ntlm);
            drop(black_box(client));
            assert_nothing_left(&memory, "a client that continued");
        }

        let mut client = Box::new(connections().0);
        assert!(memory.holds(KEY[0]));
        _ = client.on_response(200, H1, NO_HEADERS, environment).unwrap();
        assert!(memory.holds(KEY[0]) && client.is_authenticated());
        drop(black_box(client));
        assert_nothing_left(&memory, "an accepted client");

        let mut server = Box::new(connections().1);
        assert!(memory.holds(KEY[0]));
        let keys = server.take_keys().unwrap();
        assert!(server.accepted().is_some() && !memory.holds(KEY[0]), "the keys were taken");
        drop(black_box(server));
        assert_nothing_left(&memory, "a server whose keys were taken");
        drop(keys);

        let mut server = Box::new(connections().1);
        assert!(memory.holds(KEY[0]));
        _ = server.on_request(HttpVersion::Http2, NO_HEADERS, environment);
        drop(black_box(server));
        assert_nothing_left(&memory, "a server that continued");
    }
}

#[cfg(feature = "spnego")]
mod in_spnego {
    use super::*;
    use ntlm::spnego::{
        Accepting, Acceptor, AcceptorHandshake, AcceptorOutcome, AcceptorStep, AwaitClient,
        AwaitServer, Error, Initiated, Initiator, InitiatorHandshake, InitiatorStep, LookUp,
        NegState, Outcome, Token,
    };
    use ntlm_testkit::spnego::{Init, KERBEROS_FIRST, NTLM, Resp, change_response};

    const KEY: &[&str] = &["exported session key"];
    const PASSWORD_AND_KEY: &[&str] = &["password", "exported session key"];

    fn initiator() -> Initiator {
        Initiator::new(Mode::DEFAULT.client())
    }

    fn acceptor() -> Acceptor {
        Acceptor::new(Mode::DEFAULT.server())
    }

    /// Both sides of the negotiation, up to the AUTHENTICATE.
    struct Proven {
        client: AwaitServer,
        server: AwaitClient,
        token: Vec<u8>,
        environment: Scattered,
    }

    /// The client offers this list.
    fn prove(list: &[&[u8]]) -> Proven {
        let mut environment = Scattered::default();
        let first = Init::plain(list, None).der();
        let mut client = initiator().continue_after(&first).unwrap();
        let (mut server, mut token) = (acceptor().start(), first);
        loop {
            let answer = match server.read(&token, &mut environment).unwrap() {
                Accepting::Outcome(Outcome::Send(answer, next)) => {
                    server = next;
                    answer
                }
                step => panic!("{step:?}"),
            };
            (token, client) = match client.read(&answer, &mut environment).unwrap() {
                Initiated::Send(token, next) => (token, next),
                step @ Initiated::Done(_) => panic!("{step:?}"),
            };
            let Ok(Token::Response(response)) = Token::parse(&token) else { panic!("{token:?}") };
            if response.response_token.is_some_and(|message| message[8] == 3) {
                return Proven { client, server, token, environment };
            }
        }
    }

    impl Proven {
        /// Changes the client's token.
        fn with(mut self, change: impl FnOnce(&mut Resp)) -> Self {
            change_response(&mut self.token, change);
            self
        }

        fn look_up(self) -> (AwaitServer, LookUp) {
            let Self { client, server, token, mut environment } = self;
            match server.read(&token, &mut environment).unwrap() {
                Accepting::LookUp(look_up) => (client, look_up),
                step => panic!("{step:?}"),
            }
        }

        fn verify(self) -> Result<(AwaitServer, Outcome), Error> {
            let (client, look_up) = self.look_up();
            let outcome = look_up.verify(|claim| claim.verify_nt_hash(&nt_hash()))?;
            Ok((client, outcome))
        }

        /// Both sides; the server waits for a `mechListMIC`, which it asked for with this token.
        fn without_mic(self) -> (Vec<u8>, AwaitClient) {
            match self.with(|response| response.mic = None).verify().unwrap() {
                (_, Outcome::Send(token, next)) => (token, next),
                (_, outcome) => panic!("{outcome:?}"),
            }
        }
    }

    #[test]
    fn initiators_leave_nothing() {
        let memory = Mode::DEFAULT.watch();
        let first = || Init::plain(&KERBEROS_FIRST, None).der();
        assert_wiped(&memory, "an initiator", &["password"], initiator);
        assert_wiped(&memory, "a first token", &["password"], || initiator().initiate().unwrap());
        assert_wiped(&memory, "after Kerberos", &["password"], || {
            initiator().continue_after(&first()).unwrap()
        });
        for list in [&KERBEROS_FIRST[..], &[NTLM]] {
            let done = || {
                let (client, outcome) = prove(list).verify().unwrap();
                let Outcome::Done(done) = outcome else { panic!("{outcome:?}") };
                (client, done.token.unwrap())
            };
            let read = |token: &[u8]| prove(list).client.read(token, &mut Scattered::default());
            let state = |state| Resp { neg_state: Some(state as u8), ..Resp::default() }.der();
            assert_wiped_but_for_gaps(&memory, "a proven client", PASSWORD_AND_KEY, KEYS, || {
                prove(list).client
            });
            assert_wiped_but_for_gaps(&memory, "a client that is done", KEY, KEYS, || {
                let (client, token) = done();
                client.read(&token, &mut Scattered::default()).unwrap()
            });
            assert_wiped(&memory, "a client that is rejected", &[], || {
                read(&state(NegState::Reject)).unwrap_err()
            });
            assert_wiped(&memory, "a client without an answer", &[], || {
                read(&state(NegState::AcceptCompleted)).unwrap_err()
            });
            assert_wiped(&memory, "a client with a wrong answer", &[], || {
                let mic = Some(vec![7; 16]);
                let completed = Some(NegState::AcceptCompleted as u8);
                read(&Resp { neg_state: completed, mic, ..Resp::default() }.der()).unwrap_err()
            });
            assert_wiped(&memory, "a client without a last token", &[], || {
                _ = prove(list).client.finish();
            });
        }
    }

    #[test]
    fn acceptors_leave_nothing() {
        let memory = Mode::DEFAULT.watch();
        for list in [&KERBEROS_FIRST[..], &[NTLM]] {
            assert_wiped(&memory, "a look-up", &[], || prove(list).look_up().1);
            assert_wiped_but_for_gaps(&memory, "a server that is done", KEY, KEYS, || {
                prove(list).verify().unwrap().1
            });
            assert_wiped_but_for_gaps(&memory, "a server that waits for a MIC", KEY, KEYS, || {
                prove(list).without_mic().1
            });
            assert_wiped_but_for_gaps(&memory, "a server that got a late MIC", KEY, KEYS, || {
                let mut mic = None;
                let asks = prove(list).with(|response| mic = response.mic.take());
                let Ok((_, Outcome::Send(_, server))) = asks.verify() else { panic!("it asks") };
                let token = Resp { mic, ..Resp::default() }.der();
                server.read(&token, &mut Scattered::default()).unwrap()
            });
            assert_wiped(&memory, "a server without a MIC", &[], || {
                let (token, server) = prove(list).without_mic();
                server.read(&token[..0], &mut Scattered::default()).unwrap_err()
            });
            assert_wiped(&memory, "a server with a wrong MIC", &[], || {
                let wrong = prove(list).with(|response| response.mic = Some(vec![7; 16]));
                wrong.verify().map(drop).unwrap_err()
            });
        }
    }

    /// A state that is replaced in place must not leave a copy of the previous state.
    #[test]
    fn handshakes_leave_nothing_when_they_continue() {
        let memory = Mode::DEFAULT.watch();
        for (drops_mic, finishes) in [(false, false), (false, true), (true, false)] {
            let environment = &mut Scattered::default();
            let mut client = Box::new(initiator().handshake());
            let mut server = Box::new(acceptor().handshake());
            let first = sent(&mut client, &[], environment);
            let challenge = served(&mut server, &first, environment);
            let mut token = sent(&mut client, &challenge, environment);
            assert!(memory.holds(KEY[0]));
            if drops_mic {
                change_response(&mut token, |response| response.mic = None);
            }
            let answer = served(&mut server, &token, environment);
            if finishes {
                drop(black_box(client.finish()));
            } else if drops_mic {
                assert!(memory.holds(KEY[0]));
                client.step(&answer, environment).unwrap_err();
                server.step(&[], environment).unwrap_err();
            } else {
                drop(black_box(client.step(&answer, environment).unwrap()));
            }
            drop(black_box(client));
            drop(black_box(server));
            assert_nothing_left(&memory, "handshakes");
        }
    }

    fn sent(client: &mut InitiatorHandshake, token: &[u8], env: &mut Scattered) -> Vec<u8> {
        match client.step(token, env).unwrap() {
            InitiatorStep::Send(token) => token,
            step @ InitiatorStep::Done(_) => panic!("{step:?}"),
        }
    }

    fn served(server: &mut AcceptorHandshake, token: &[u8], env: &mut Scattered) -> Vec<u8> {
        let outcome = match server.step(token, env).unwrap() {
            AcceptorStep::Outcome(outcome) => outcome,
            AcceptorStep::LookUp(look_up) => {
                look_up.verify(|claim| claim.verify_nt_hash(&nt_hash())).unwrap()
            }
        };
        match outcome {
            AcceptorOutcome::Send(token) => token,
            AcceptorOutcome::Done(done) => done.token.unwrap(),
        }
    }
}
