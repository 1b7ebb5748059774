//! Exports that continue in another process: a handshake before its last message, keys, and a
//! session in the middle of a conversation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ntlm::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use ntlm::error::{Error, Integrity, Misuse};
use ntlm::server::{Claim, Names, Policy};
use ntlm::session::{Protection, Receiver, Sender, Signature};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{
    ChannelBindings, Client, Credentials, Exported, ImportError, NtHash, Server, Session,
    SessionKeys, client,
};
use ntlm_testkit::{Fixed, accept, alice, exchange, log_in, server};

const EXTENDED: Flags = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;

/// Each kind of session: with and without extended session security, with and without key exchange,
/// weakened, with dummy signatures, and without protection.
fn flags() -> [Flags; 7] {
    let protected = Flags::PROTECTION;
    let full = protected | EXTENDED | Flags::NEGOTIATE_128 | Flags::NEGOTIATE_KEY_EXCH;
    [
        full,
        full - Flags::NEGOTIATE_KEY_EXCH,
        Flags::NEGOTIATE_SIGN | EXTENDED,
        protected,
        protected | Flags::NEGOTIATE_LM_KEY | Flags::NEGOTIATE_56,
        Flags::NEGOTIATE_ALWAYS_SIGN,
        Flags::empty(),
    ]
}

fn session(flags: Flags, side: Side) -> Session {
    Session::new(flags, &ExportedSessionKey::from([0x55; 16]), side)
}

fn handed_over(session: Session) -> Session {
    Session::import(session.export().as_bytes()).unwrap()
}

/// One message in each direction, protected as far as the session supports it.
fn converse(client: &mut Session, server: &mut Session) {
    send(client, server);
    send(server, client);
}

fn send(sender: &mut Session, receiver: &mut Session) {
    let mut message = *b"a message of some length, which is longer than a block of 64 bytes ..";
    match sender.protection() {
        Protection::Seal => {
            let signature = sender.seal(&mut message).unwrap();
            receiver.unseal(&mut message, &signature).unwrap();
            assert_eq!(&message[..9], b"a message");
        }
        Protection::Sign => {
            let signature = sender.sign(&message).unwrap();
            receiver.verify(&message, &signature).unwrap();
        }
        _ => assert_eq!(sender.sign(&message).ok(), receiver.sign(&message).ok()),
    }
}

#[test]
fn session_continues_after_an_export_at_any_message() {
    for flags in flags() {
        let (mut client, mut server) = (session(flags, Side::Client), session(flags, Side::Server));
        for _ in 0..3 {
            (client, server) = (handed_over(client), handed_over(server));
            assert_eq!(client.protection(), Protection::from_flags(flags));
            converse(&mut client, &mut server);
            server = handed_over(server);
            converse(&mut client, &mut server);
        }
        // The exports equal those of sessions that were never exported.
        let (mut a, mut b) = (session(flags, Side::Client), session(flags, Side::Server));
        (0..6).for_each(|_| converse(&mut a, &mut b));
        assert_eq!(client.export().as_bytes(), a.export().as_bytes(), "{flags}");
        assert_eq!(server.export().as_bytes(), b.export().as_bytes(), "{flags}");
    }
}

#[test]
fn halves_of_an_imported_session_continue() {
    let flags = flags()[0];
    let (mut client, mut server) = (session(flags, Side::Client), session(flags, Side::Server));
    converse(&mut client, &mut server);
    let (mut sender, mut receiver) = handed_over(client).split().unwrap();
    let mut message = *b"message";
    let signature = sender.seal(&mut message).unwrap();
    server.unseal(&mut message, &signature).unwrap();
    let signature = server.seal(&mut message).unwrap();
    receiver.unseal(&mut message, &signature).unwrap();
}

#[test]
fn imported_session_signs_the_mech_list_only_as_its_first_message() {
    let flags = flags()[0];
    let (mut client, mut server) = (session(flags, Side::Client), session(flags, Side::Server));
    let mic = handed_over(session(flags, Side::Client)).mech_list_mic(b"mechs").unwrap();
    assert_eq!(client.mech_list_mic(b"mechs"), Ok(mic));
    server.verify_mech_list_mic(b"mechs", &mic).unwrap();
    let (mut client, mut server) = (handed_over(client), handed_over(server));
    converse(&mut client, &mut server);
    let late = Err(Misuse::MechListMicTooLate.into());
    assert_eq!(handed_over(client).mech_list_mic(b"mechs"), late);
}

#[test]
fn closed_session_stays_closed_after_import() {
    let flags = flags()[0];
    let mut server = session(flags, Side::Server);
    let forged = Signature::from([1, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0]);
    assert_eq!(server.verify(b"forged", &forged), Err(Integrity::Checksum.into()));
    let closed = Err(Error::from(Integrity::Closed));
    assert_eq!(handed_over(server).verify(b"anything", &forged), closed);

    // Without extended session security both directions have one counter.
    let mut shared = session(flags - EXTENDED, Side::Server);
    shared.verify(b"forged", &forged).unwrap_err();
    assert_eq!(handed_over(shared).sign(b"anything"), Err(Integrity::Closed.into()));
}

/// A half constructed from keys protects messages as a session does that derives the same keys.
#[test]
fn halves_with_given_keys_protect_like_derived_ones() {
    let (flags, key) = (flags()[0], ExportedSessionKey::from([0x55; 16]));
    let signing = SigningKey::derive(flags, &key, Side::Client);
    let sealing = || SealingKey::derive(flags, &key, Side::Client);
    let mut sender = Sender::with_keys(flags, signing.as_ref(), sealing(), 0);
    let mut receiver = Receiver::with_keys(flags, signing.as_ref(), sealing(), 0);
    let mut message = *b"message";
    let signature = sender.seal(&mut message).unwrap();
    let mut again = *b"message";
    let derived = session(flags, Side::Client).seal(&mut again).unwrap();
    assert_eq!((derived, again), (signature, message));
    receiver.unseal(&mut message, &signature).unwrap();
}

#[test]
fn cut_longer_or_foreign_export_is_rejected() {
    let (flags, key) = (flags(), ExportedSessionKey::from([0x55; 16]));
    let mut made = session(flags[0], Side::Client);
    made.sign(b"message").unwrap();
    for exported in [made, session(flags[3], Side::Client), session(flags[6], Side::Server)] {
        let exported = exported.export();
        let bytes = exported.as_bytes();
        assert!(bytes.len() <= 710, "{} bytes", bytes.len());
        for len in 0..bytes.len() {
            assert!(Session::import(&bytes[..len]).is_err(), "{len}");
        }
        let longer = [bytes, &[0]].concat();
        assert_eq!(Session::import(&longer).unwrap_err(), ImportError::Damaged);
        assert_eq!(SessionKeys::import(bytes).unwrap_err(), ImportError::Foreign);
        let server = Server::new(Names::standalone("FILES"));
        assert_eq!(server.import(bytes).unwrap_err(), ImportError::Foreign);
        for version in (0..=u8::MAX).filter(|version| *version != bytes[4]) {
            let mut other_version = bytes.to_vec();
            other_version[4] = version;
            assert_eq!(Session::import(&other_version).unwrap_err(), ImportError::Version);
        }
    }
    assert_eq!(Session::import(key.expose()).unwrap_err(), ImportError::Foreign);
    assert_eq!(Session::import(b"").unwrap_err(), ImportError::Foreign);
}

/// The start of each export: its kind and version.
const START: usize = 6;
/// After that, a session has its protection and its structure.
const HALVES: usize = START + 2;

/// The error for an export in which this byte was changed, unless the result is another valid
/// export.
fn error_of_byte(at: usize) -> ImportError {
    match at {
        4 => ImportError::Version,
        _ if at < START => ImportError::Foreign,
        _ => ImportError::Damaged,
    }
}

/// Calls `change` with each byte of an export changed in several ways, and with its offset.
fn with_each_byte_changed(exported: &Exported, mut check: impl FnMut(usize, &[u8])) {
    for at in 0..exported.as_bytes().len() {
        for change in [0x01, 0x02, 0x41, 0x80, 0xff] {
            let mut bytes = exported.as_bytes().to_vec();
            bytes[at] ^= change;
            check(at, &bytes);
        }
    }
}

/// Whether the receiver accepts what the sender protects, as far as it can.
fn understands(sender: &mut Session, receiver: &mut Session) -> bool {
    let mut message = *b"a message";
    if sender.protection() == Protection::Seal {
        let signature = sender.seal(&mut message).unwrap();
        return receiver.unseal(&mut message, &signature).is_ok() && message == *b"a message";
    }
    let signature = sender.sign(&message).unwrap();
    receiver.verify(&message, &signature).is_ok()
}

/// Whether the peer accepts the client's next message, and the client the peer's.
fn understood(client: &[u8], server: &Exported) -> (bool, bool) {
    let pair = || (Session::import(client).unwrap(), Session::import(server.as_bytes()).unwrap());
    let (mut client, mut server) = pair();
    let sends = understands(&mut client, &mut server);
    let (mut client, mut server) = pair();
    (sends, understands(&mut server, &mut client))
}

/// The contents of an export are not authenticated: an export is only as trustworthy as its source.
/// But a changed byte is either rejected with the right error, or produces a half that the peer
/// rejects, while the other half is unchanged. Without extended session security both halves are
/// one.
#[test]
fn any_changed_byte_is_rejected_or_makes_another_half() {
    for flags in flags().into_iter().filter(|flags| flags.intersects(Flags::PROTECTION)) {
        let (mut client, mut server) = (session(flags, Side::Client), session(flags, Side::Server));
        converse(&mut client, &mut server);
        let (client, server) = (client.export(), server.export());
        assert_eq!(understood(client.as_bytes(), &server), (true, true));
        let half = (client.as_bytes().len() - HALVES) / 2;
        // A session that only signs and has no exchanged key has a key stream that is never used;
        // the last two bytes of each half are the position in it.
        let has_stream = flags.intersects(Flags::NEGOTIATE_SEAL | Flags::NEGOTIATE_KEY_EXCH);
        let mut others = 0;
        with_each_byte_changed(&client, |at, bytes| {
            let imported = match Session::import(bytes) {
                Ok(imported) if at >= START => imported,
                imported => {
                    assert_eq!(imported.unwrap_err(), error_of_byte(at), "{flags}: {at}");
                    return;
                }
            };
            others += 1;
            if at < HALVES {
                let protections = [Protection::Sign, Protection::Seal];
                assert!(protections.contains(&imported.protection()), "{flags}: {at}");
                assert_ne!(imported.protection(), Protection::from_flags(flags), "{flags}: {at}");
                return;
            }
            let is_unused = !has_stream && (at - HALVES) % half >= half - 2;
            let expected = match (at - HALVES) / half {
                _ if is_unused => (true, true),
                _ if !flags.contains(EXTENDED) => (false, false),
                0 => (false, true),
                _ => (true, false),
            };
            assert_eq!(understood(bytes, &server), expected, "{flags}: {at}");
        });
        assert_ne!(others, 0, "{flags}");
    }
}

/// A session that has protected nothing yet contains what its keys are derived from. Some flags do
/// not affect them.
#[test]
fn any_changed_byte_of_a_new_session_is_rejected_or_makes_another_half() {
    let flags = flags()[0];
    let (client, server) =
        (session(flags, Side::Client).export(), session(flags, Side::Server).export());
    assert_eq!(understood(client.as_bytes(), &server), (true, true));
    let half = (client.as_bytes().len() - HALVES) / 2;
    // A number and the kind of the keys come before the flags.
    let place_of_flags = 6..10;
    with_each_byte_changed(&client, |at, bytes| match Session::import(bytes) {
        Err(error) => assert_eq!(error, error_of_byte(at), "{at}"),
        Ok(imported) if at < HALVES => assert_eq!(imported.protection(), Protection::Sign, "{at}"),
        Ok(_) => {
            let place = (at - HALVES) % half;
            let expected = if at - HALVES < half { (false, true) } else { (true, false) };
            let got = understood(bytes, &server);
            let makes_none = got == (true, true) && place_of_flags.contains(&place);
            assert!(makes_none || got == expected, "{at}: {got:?}");
        }
    });
}

/// A session without protection must not claim that it seals.
#[test]
fn any_changed_byte_of_a_session_without_protection_is_rejected_or_makes_the_other_kind() {
    for flags in [Flags::empty(), Flags::NEGOTIATE_ALWAYS_SIGN] {
        let made = |flags| session(flags, Side::Client);
        let other = flags ^ Flags::NEGOTIATE_ALWAYS_SIGN;
        with_each_byte_changed(&made(flags).export(), |at, bytes| match Session::import(bytes) {
            Err(error) => assert_eq!(error, error_of_byte(at), "{flags}: {at}"),
            Ok(mut imported) => {
                assert_eq!(imported.protection(), Protection::None, "{flags}: {at}");
                assert_eq!(imported.sign(b"message"), made(other).sign(b"message"), "{flags}");
            }
        });
    }
}

/// The state of RC4 contains each byte value once.
#[test]
fn key_stream_with_a_repeated_byte_is_rejected() {
    let mut made = session(flags()[3], Side::Client);
    made.sign(b"message").unwrap();
    let exported = made.export();
    let mut twice = exported.as_bytes().to_vec();
    let end = twice.len();
    twice[end - 3] = twice[end - 4];
    assert_eq!(Session::import(&twice).unwrap_err(), ImportError::Damaged);
}

#[test]
fn imported_keys_make_the_same_session() {
    let mut policy = client::Policy::default();
    policy.shared.require_when_protected = Flags::empty();
    let client = alice().with_policy(policy).with_protection(Protection::Seal);
    let server = server();
    let outcome = log_in(&client, &server, "secret").unwrap();
    let flags = outcome.accepted.keys.flags();
    let exported = outcome.accepted.keys.export();
    let keys = SessionKeys::import(exported.as_bytes()).unwrap();
    assert_eq!(keys.flags(), flags);
    assert_eq!(
        keys.exported_session_key().expose(),
        outcome.client.exported_session_key().expose()
    );
    let mut server_side = keys.into_session().unwrap();
    converse(&mut outcome.client.into_session().unwrap(), &mut server_side);
    for len in 0..exported.as_bytes().len() {
        assert!(SessionKeys::import(&exported.as_bytes()[..len]).is_err(), "{len}");
    }

    // The keys of an anonymous client stay anonymous after an import.
    let mut policy = Policy::default();
    policy.allow_anonymous = true;
    let anonymous = Client::new(Credentials::anonymous());
    let outcome = log_in(&anonymous, &server.with_policy(policy), "").unwrap();
    let keys = SessionKeys::import(outcome.accepted.keys.export().as_bytes()).unwrap();
    assert_eq!(keys.into_session().unwrap_err(), Misuse::NoSessionSecurity.into());
}

/// Everything in an export of keys is visible in the imported keys: flags, key, identity, whether
/// the key is secret, and which `mechListMIC`s were made.
#[test]
fn any_changed_byte_of_keys_is_rejected_or_visible() {
    let client = alice();
    let client = client.with_protection(Protection::Seal);
    let server = server();
    let outcome = log_in(&client, &server, "secret").unwrap();
    let right = (outcome.client.flags(), *outcome.client.exported_session_key().expose());
    let theirs = outcome.client.into_session().unwrap().export();
    let mut others = 0;
    with_each_byte_changed(&outcome.accepted.keys.export(), |at, bytes| {
        let keys = match SessionKeys::import(bytes) {
            Ok(keys) if at >= START => keys,
            imported => {
                assert_eq!(imported.unwrap_err(), error_of_byte(at), "{at}");
                return;
            }
        };
        others += 1;
        if (keys.flags(), *keys.exported_session_key().expose()) != right {
            return;
        }
        match keys.into_session() {
            Err(error) => assert_eq!(error, Misuse::NoSessionSecurity.into(), "{at}"),
            Ok(mut session) => {
                let mut theirs = Session::import(theirs.as_bytes()).unwrap();
                // A `mechListMIC` counts in one direction.
                let both = understands(&mut session, &mut theirs)
                    && understands(&mut theirs, &mut session);
                assert!(!both, "{at}");
            }
        }
    });
    assert!(others >= 5 * (4 + 16), "{others} were imported");
}

/// A `mechListMIC` uses the first sequence number of its direction, so the export of the keys
/// records which ones were made.
#[cfg(feature = "spnego")]
#[test]
fn keys_after_spnego_continue_with_the_next_numbers() {
    use ntlm::spnego::{Accepting, Acceptor, Initiated, Initiator, Outcome};

    let environment = &mut Fixed::default();
    let initiator = Initiator::new(alice().with_protection(Protection::Seal));
    let (first, client) = initiator.initiate().unwrap();
    let challenge = Acceptor::new(server()).start().read(&first, environment).unwrap();
    let Accepting::Outcome(Outcome::Send(challenge, server)) = challenge else { panic!() };
    let Initiated::Send(authenticate, client) = client.read(&challenge, environment).unwrap()
    else {
        panic!()
    };
    let Accepting::LookUp(look_up) = server.read(&authenticate, environment).unwrap() else {
        panic!()
    };
    let hash = NtHash::from_password("secret");
    let Outcome::Done(done) = look_up.verify(|claim| claim.verify_nt_hash(&hash)).unwrap() else {
        panic!()
    };
    assert!(done.list_checked);
    let Initiated::Done(keys) = client.read(&done.token.unwrap(), environment).unwrap() else {
        panic!()
    };
    let handed_over = |keys: SessionKeys| {
        SessionKeys::import(keys.export().as_bytes()).unwrap().into_session().unwrap()
    };
    let (mut client, mut server) = (handed_over(keys), handed_over(done.accepted.keys));
    let (to_server, to_client) = (client.sign(b"a").unwrap(), server.sign(b"b").unwrap());
    assert_eq!((to_server.sequence(), to_client.sequence()), (1, 1));
    assert_eq!(server.verify(b"a", &to_server), Ok(()));
    assert_eq!(client.verify(b"b", &to_client), Ok(()));
}

#[test]
fn imported_handshake_verifies_the_last_message() {
    let client = alice();
    let server = || server();
    let (sent, handshake) = exchange(&client, &server(), &mut Fixed::default()).unwrap();
    let exported = handshake.export();
    let verify = |exported: &Exported| {
        let handshake = server().import(exported.as_bytes()).unwrap();
        match handshake.read(&sent.authenticate, &mut Fixed::default()).unwrap() {
            Claim::User(claim) => claim.verify_nt_hash(&NtHash::from_password("secret")).unwrap(),
            claim => panic!("{claim:?}"),
        }
    };
    assert!(verify(&exported).mic_checked, "over all three messages");
    let bytes = exported.as_bytes();
    for len in 0..bytes.len() {
        assert!(server().import(&bytes[..len]).is_err(), "{len}");
    }
    for at in 6..10 {
        let mut lying = bytes.to_vec();
        lying[at] = 0xff;
        assert_eq!(server().import(&lying).unwrap_err(), ImportError::Damaged, "{at}");
    }
    let longer = [bytes, b"\0"].concat();
    assert_eq!(server().import(&longer).unwrap_err(), ImportError::Damaged);
    for header in [b"NTLMSSP\0\x01\0\0\0", b"NTLMSSP\0\x02\0\0\0"] {
        let mut no_message = bytes.to_vec();
        let place = bytes.windows(12).position(|place| place == header).unwrap();
        no_message[place] = b'X';
        assert_eq!(server().import(&no_message).unwrap_err(), ImportError::Damaged);
    }
}

/// The MIC covers the messages in the export, and the client has sent its bindings.
#[test]
fn any_changed_byte_of_a_handshake_is_rejected_at_import_or_with_the_answer() {
    let bindings = ChannelBindings::from_md5([7; 16]);
    let client = alice().with_channel_bindings(bindings.clone());
    let server = server().with_channel_bindings(bindings);
    let (sent, handshake) = exchange(&client, &server, &mut Fixed::default()).unwrap();
    let verify = |exported: &[u8]| {
        let handshake = server.import(exported)?;
        let claim = handshake.read(&sent.authenticate, &mut Fixed::default());
        Ok::<_, ImportError>(claim.and_then(|claim| accept(claim, "secret")))
    };
    let exported = handshake.export();
    assert!(verify(exported.as_bytes()).unwrap().is_ok());
    let mut others = 0;
    with_each_byte_changed(&exported, |at, bytes| match verify(bytes) {
        Err(error) => assert_eq!(error, error_of_byte(at), "{at}"),
        Ok(answer) => {
            others += 1;
            assert!(at >= START, "{at}");
            assert!(answer.is_err(), "{at}: {answer:?}");
        }
    });
    assert!(others > sent.challenge.len(), "{others} were imported");
}

#[test]
fn export_debug_output_shows_no_secret() {
    let exported = session(flags()[0], Side::Client).export();
    let shown = format!("{exported:?}");
    assert_eq!(shown, format!("[{} secret bytes]", exported.as_ref().len()));
}
