//! No debug output contains a secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use core::fmt::Debug;
use std::collections::BTreeSet;

use ntlm::crypto::{
    ExportedSessionKey, LmHash, LmSessionKey, ResponseKey, SealingKey, Side, SigningKey,
};
use ntlm::error::{Denied, Integrity, Misuse, Refused, Rejection, Unexpected};
use ntlm::server::{Claim, Names, UserClaim, Validation};
use ntlm::session::{Part, Protection, Receiver, Sender, SessionKeys};
use ntlm::wire::{Authenticate, Message, NegotiateFlags};
use ntlm::{
    Ascii, Client, Credentials, DatagramSession, Error, LmCompatibility, NtHash, Server, Session,
    UserName, client,
};
use ntlm_testkit::{Exchange, Fixed, exchange, hex, permissive, server, weaken};

const PASSWORD: &str = "secret words";

/// What must not be printed: the password, the hashes, the keys and the responses of one handshake.
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Fails if the output contains six consecutive bytes of a secret in any of the known
    /// encodings.
    fn absent_from(&self, what: &str, value: &dyn Debug) {
        for shown in [format!("{value:?}"), format!("{value:#?}")] {
            assert!(!shown.is_empty(), "{what} shows something");
            self.absent_from_text(what, &shown);
        }
    }

    fn absent_from_text(&self, what: &str, shown: &str) {
        let lower = shown.to_lowercase();
        assert!(!lower.contains(PASSWORD), "{what}: {shown}");
        let compact: String = shown.split_whitespace().collect();
        for window in self.0.iter().flat_map(|secret| secret.windows(WINDOW)) {
            for form in forms(window) {
                assert!(!compact.contains(&form), "{what} shows {form}: {shown}");
            }
        }
    }
}

const WINDOW: usize = 6;

/// Hexadecimal digits in upper and lower case, lists of numbers, the output of `b"..."`, and
/// base64.
fn forms(bytes: &[u8]) -> impl Iterator<Item = String> {
    let list = |separated: String| separated.split_whitespace().collect::<String>();
    let inner = |shown: String| list(shown.trim_matches(['[', ']']).into());
    [
        hex(bytes),
        hex(bytes).to_uppercase(),
        inner(format!("{bytes:?}")),
        inner(format!("{bytes:02x?}")),
        inner(format!("{bytes:02X?}")),
        inner(format!("{bytes:#04x?}")),
        list(bytes.escape_ascii().to_string()),
    ]
    .into_iter()
    .chain(base64(bytes))
    // Runs of spaces occur in every text.
    .filter(|form| form.len() >= WINDOW)
}

#[cfg(feature = "http")]
fn base64(bytes: &[u8]) -> Option<String> {
    let header = ntlm::http::header_value(ntlm::http::Scheme::Ntlm, bytes);
    header.strip_prefix("NTLM ").map(Into::into)
}

#[cfg(not(feature = "http"))]
fn base64(_: &[u8]) -> Option<String> {
    None
}

/// Control experiment: proves that secrets are found.
#[test]
fn secrets_are_found_in_every_encoding() {
    let secret = *b"\x07\xbdxyz\\\xf0\xff\x10";
    let is_seen = |shown: &str| {
        let secrets = Secrets(vec![secret.into()]);
        std::panic::catch_unwind(|| secrets.absent_from_text("it", shown)).is_err()
    };
    for shown in [
        format!("Key({})", hex(&secret)),
        format!("Key({secret:?})"),
        format!("Key({secret:#?})"),
        format!("Key({secret:02x?})"),
        format!("Key({:?})", &secret[2..8]),
        format!("Key(b\"{}\")", secret.escape_ascii()),
        "Key(Secret Words)".into(),
    ] {
        assert!(is_seen(&shown), "{shown}");
    }
    #[cfg(feature = "http")]
    for start in 0..3 {
        let token = [&[1; 2][..start.min(2)], &secret, &[1; 9]].concat();
        assert!(is_seen(&ntlm::http::header_value(ntlm::http::Scheme::Ntlm, &token)), "{start}");
    }
    assert!(!is_seen("Key([16 secret bytes])"));
}

#[test]
fn no_public_type_prints_a_secret() {
    for level in 0..=3 {
        one_exchange(LmCompatibility::try_from(level).unwrap());
    }
}

fn one_exchange(level: LmCompatibility) {
    let nt_hash = NtHash::from_password(PASSWORD);
    let lm_hash = LmHash::from_password(PASSWORD, &Ascii).unwrap();
    let credentials = Credentials::password("EXAMPLE\\alice", PASSWORD);
    let with_hash = Credentials::nt_hash(UserName::from("alice"), nt_hash.clone());
    let mut policy = client::Policy::default();
    weaken(&mut policy.shared, level);
    let client =
        Client::new(credentials.clone()).with_policy(policy).with_protection(Protection::Seal);
    let server = server().with_policy(permissive());
    let environment = &mut Fixed::default();
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
    let waiting = format!("{await_challenge:?}");
    let response = await_challenge.answer(&challenge, environment).unwrap();
    let message = Authenticate::parse(&response.token).unwrap();
    let response_key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    let exported = *response.keys.exported_session_key().expose();
    let nt_response = &message.nt_response.as_bytes()[..16];
    let keys = Derived::of(response.keys.flags(), &exported);
    let secrets = Secrets(vec![
        nt_hash.expose().to_vec(),
        lm_hash.expose().to_vec(),
        response_key.expose().to_vec(),
        nt_hash.session_base_key().expose().to_vec(),
        exported.to_vec(),
        nt_response.to_vec(),
        message.encrypted_random_session_key.to_vec(),
        PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        PASSWORD.to_uppercase().into(),
        keys.sealing.expose().to_vec(),
        keys.signing.as_ref().map_or_else(Vec::new, |key| key.expose().to_vec()),
    ]);

    secrets.absent_from("Credentials", &credentials);
    secrets.absent_from("Credentials", &with_hash);
    secrets.absent_from("Client", &client);
    secrets.absent_from("NtHash", &nt_hash);
    secrets.absent_from("LmHash", &lm_hash);
    secrets.absent_from("ResponseKey", &response_key);
    secrets.absent_from("SessionBaseKey", &nt_hash.session_base_key());
    let key_exchange_key = nt_hash.session_base_key().ntlmv2_key_exchange_key();
    secrets.absent_from("KeyExchangeKey", &key_exchange_key);
    secrets.absent_from("LmSessionKey", &LmSessionKey::from(&lm_hash));
    secrets.absent_from("ExportedSessionKey", &ExportedSessionKey::from(exported));
    secrets.absent_from("keys of a direction", &keys);
    keys.show_sessions(&secrets);
    secrets.absent_from("Authenticate", &message);
    secrets.absent_from("Message", &Message::parse(&response.token).unwrap());
    secrets.absent_from("NtResponse", &message.nt_response);
    secrets.absent_from("LmResponse", &message.lm_response);
    let table = ntlm::inspect::annotate(&response.token);
    secrets.absent_from_text("the table", &table.to_string());
    if level < LmCompatibility::SendNtlmv2 {
        let responses = [message.nt_response.as_bytes(), message.lm_response.as_bytes()];
        assert!(!responses.iter().any(|response| table.to_string().contains(&hex(response))));
    }
    secrets.absent_from("Response", &response);
    secrets.absent_from("SessionKeys", &response.keys);
    secrets.absent_from_text("AwaitChallenge", &waiting);
    secrets.absent_from("AwaitAuthenticate", &handshake);
    secrets.absent_from("Validation", &Validation::new(exported, 0));
    let claim = handshake.read(&response.token, environment).unwrap();
    secrets.absent_from("Claim", &claim);
    let Claim::User(claim) = claim else { panic!("{claim:?}") };
    secrets.absent_from("NetworkLogon", &claim.network_logon().unwrap());
    let accepted = claim.verify_hashes(&nt_hash, Some(&lm_hash)).unwrap();
    secrets.absent_from("Accepted", &accepted);
    let handed_over = accepted.keys.export();
    secrets.absent_from("Exported", &handed_over);
    secrets.absent_from("SessionKeys", &SessionKeys::import(handed_over.as_bytes()).unwrap());
    let mut session = response.keys.into_session().unwrap();
    let mut parts = [Part::Clear(&exported), Part::Sealed(&mut [7; 20])];
    secrets.absent_from("Part", &parts);
    session.seal_parts(&mut parts).unwrap();
    secrets.absent_from("Session", &session);
    let handed_over = session.export();
    secrets.absent_from("Exported", &handed_over);
    let session = Session::import(handed_over.as_bytes()).unwrap();
    secrets.absent_from("Session", &session);
    secrets.absent_from("halves", &session.split());
    #[cfg(feature = "http")]
    over_http(&secrets, &client, &server, &nt_hash, &lm_hash);
    #[cfg(feature = "spnego")]
    in_spnego::show_each_state(&secrets, &client, &server, (&nt_hash, &lm_hash));
}

/// Each state of both sides, their results, and the tokens.
#[cfg(feature = "spnego")]
mod in_spnego {
    use super::*;
    use ntlm::spnego::Error as SpnegoError;
    use ntlm::spnego::{
        Accepting, Acceptor, AcceptorOutcome, AcceptorStep, Initiated, Initiator, InitiatorStep,
        MicError, Outcome, Token,
    };
    use ntlm_testkit::spnego::{Init, KERBEROS_FIRST, change_response};

    type Hashes<'a> = (&'a NtHash, &'a LmHash);

    pub(super) fn show_each_state(
        secrets: &Secrets,
        client: &Client,
        server: &Server,
        hashes: Hashes<'_>,
    ) {
        let (initiator, acceptor) = (Initiator::new(client.clone()), Acceptor::new(server.clone()));
        for prefers_kerberos in [false, true] {
            for drops_mic in [false, true] {
                let mut shown = Shown::default();
                shown.add("both sides", &(&initiator, &acceptor));
                negotiate(&mut shown, &initiator, &acceptor, hashes, prefers_kerberos, drops_mic);
                shown.check(secrets);
            }
        }
        let mut shown = Shown::default();
        in_one_value(&mut shown, &initiator, &acceptor, hashes);
        shown.check(secrets);
    }

    /// The debug output, and the secrets of that negotiation.
    #[derive(Default)]
    struct Shown {
        texts: BTreeSet<(&'static str, String)>,
        secrets: Vec<Vec<u8>>,
        ends_without_key: bool,
    }

    impl Shown {
        fn add(&mut self, what: &'static str, value: &dyn Debug) {
            self.texts.insert((what, format!("{value:?}")));
        }

        fn add_token(&mut self, bytes: &[u8]) {
            let token = Token::parse(bytes).unwrap();
            self.add("Token", &token);
            self.texts.insert(("the table", ntlm::inspect::annotate(bytes).to_string()));
            if let Token::Response(response) = token {
                self.secrets.extend(response.mech_list_mic.map(<[u8]>::to_vec));
                let message = response.response_token.map(Message::parse);
                if let Some(Ok(Message::Authenticate(message))) = message {
                    self.secrets.push(message.nt_response.as_bytes()[..16].to_vec());
                    self.secrets.extend(message.mic.map(|mic| mic.to_vec()));
                    self.secrets.push(message.encrypted_random_session_key.to_vec());
                }
            }
        }

        fn add_keys(&mut self, keys: &SessionKeys) {
            let key = *keys.exported_session_key().expose();
            let derived = Derived::of(keys.flags(), &key);
            self.secrets.extend([key.to_vec(), derived.sealing.expose().to_vec()]);
            self.secrets.extend(derived.signing.iter().map(|key| key.expose().to_vec()));
        }

        fn check(self, others: &Secrets) {
            assert!(self.secrets.len() > 1 || self.ends_without_key);
            let secrets: BTreeSet<_> = self.secrets.iter().chain(&others.0).cloned().collect();
            let secrets = Secrets(secrets.into_iter().collect());
            for (what, shown) in &self.texts {
                secrets.absent_from_text(what, shown);
            }
        }
    }

    fn negotiate(
        shown: &mut Shown,
        initiator: &Initiator,
        acceptor: &Acceptor,
        (nt_hash, lm_hash): Hashes<'_>,
        prefers_kerberos: bool,
        drops_mic: bool,
    ) {
        let environment = &mut Fixed::default();
        let (mut token, mut client) = if prefers_kerberos {
            let first = Init::plain(&KERBEROS_FIRST, Some(b"a ticket")).der();
            let client = initiator.continue_after(&first).unwrap();
            (first, client)
        } else {
            initiator.initiate().unwrap()
        };
        let mut server = acceptor.start();
        loop {
            shown.add("what waits", &(&client, &server));
            shown.add_token(&token);
            if drops_mic {
                // The server asks for it.
                change_response(&mut token, |resp| _ = resp.mic.take_if(|_| resp.token.is_some()));
            }
            let step = server.read(&token, environment);
            shown.add("Accepting", &step);
            let outcome = match step.unwrap() {
                Accepting::Outcome(outcome) => Ok(outcome),
                Accepting::LookUp(look_up) => {
                    look_up.verify(|claim| claim.verify_hashes(nt_hash, Some(lm_hash)))
                }
            };
            shown.add("Outcome", &outcome);
            let answer = match outcome {
                Ok(Outcome::Send(token, next)) => {
                    server = next;
                    token
                }
                Ok(Outcome::Done(done)) => {
                    shown.add_keys(&done.accepted.keys);
                    shown.add_token(done.token.as_ref().unwrap());
                    shown.add("Initiated", &client.read(&done.token.unwrap(), environment));
                    return;
                }
                Err(error) => panic!("{error}"),
            };
            shown.add_token(&answer);
            let step = client.read(&answer, environment);
            shown.add("Initiated", &step);
            match step {
                Ok(Initiated::Send(next, state)) => (token, client) = (next, state),
                Ok(Initiated::Done(_)) => return,
                // The client does not know that its signature was dropped; or NTLMv1 has no
                // extended session security.
                Err(error) => {
                    let cannot_sign = error == SpnegoError::Mic(MicError::CannotSign);
                    assert!(drops_mic || cannot_sign, "{error}");
                    shown.ends_without_key = cannot_sign;
                    return;
                }
            }
        }
    }

    fn in_one_value(
        shown: &mut Shown,
        initiator: &Initiator,
        acceptor: &Acceptor,
        (nt_hash, lm_hash): Hashes<'_>,
    ) {
        let environment = &mut Fixed::default();
        let (mut client, mut server) = (initiator.handshake(), acceptor.handshake());
        let mut received = Vec::new();
        loop {
            let step = client.step(&received, environment).unwrap();
            shown.add("InitiatorStep", &(&step, &client));
            let token = match step {
                InitiatorStep::Send(token) => token,
                InitiatorStep::Done(keys) => return shown.add_keys(&keys),
            };
            shown.add_token(&token);
            let step = server.step(&token, environment).unwrap();
            shown.add("AcceptorStep", &step);
            let outcome = match step {
                AcceptorStep::Outcome(outcome) => outcome,
                AcceptorStep::LookUp(look_up) => {
                    let verified =
                        look_up.verify(|claim| claim.verify_hashes(nt_hash, Some(lm_hash)));
                    verified.unwrap()
                }
            };
            shown.add("AcceptorOutcome", &(&outcome, &server));
            received = match outcome {
                AcceptorOutcome::Send(token) => token,
                AcceptorOutcome::Done(done) => done.token.unwrap(),
            };
            shown.add_token(&received);
        }
    }
}

/// The keys of a direction.
#[derive(Debug)]
struct Derived {
    flags: NegotiateFlags,
    key: ExportedSessionKey,
    signing: Option<SigningKey>,
    sealing: SealingKey,
}

impl Derived {
    fn of(flags: NegotiateFlags, exported: &[u8; 16]) -> Self {
        let key = ExportedSessionKey::from(*exported);
        let signing = SigningKey::derive(flags, &key, Side::Client);
        let sealing = SealingKey::derive(flags, &key, Side::Client);
        Self { flags, key, signing, sealing }
    }

    fn show_sessions(&self, secrets: &Secrets) {
        let (flags, key, sealing) = (self.flags, self.signing.as_ref(), || self.sealing.clone());
        secrets.absent_from("Sender", &Sender::with_keys(flags, key, sealing(), 0));
        secrets.absent_from("Receiver", &Receiver::with_keys(flags, key, sealing(), 0));
        let datagrams = DatagramSession::new(flags, &self.key, Side::Client);
        secrets.absent_from("DatagramSession", &datagrams);
    }
}

/// Each state of both connections, and their results.
#[cfg(feature = "http")]
fn over_http(
    secrets: &Secrets,
    client: &Client,
    server: &Server,
    nt_hash: &NtHash,
    lm_hash: &LmHash,
) {
    use ntlm::http::{
        AuthHeader, ClientConnection, HttpVersion, Next, Outcome, Scheme, ServerConnection, Step,
    };

    const H1: HttpVersion = HttpVersion::Http11;
    let environment = &mut Fixed::default();
    let mut client = ClientConnection::new(client.clone());
    let mut server = ServerConnection::new(server.clone());
    let first = client.start(Scheme::Ntlm).unwrap();
    secrets.absent_from("a client that asked", &(&client, &first));
    let reply = match server.on_request(H1, [(first.name, &first.value)], environment) {
        Step::Outcome(Outcome::Continue(reply)) => reply,
        step => panic!("{step:?}"),
    };
    secrets.absent_from("a server that waits", &(&server, &reply));
    let headers = reply.values.iter().map(|value| (reply.name, value));
    let next = client.on_response(401, H1, headers, environment).unwrap();
    secrets.absent_from("a client that waits", &(&client, &next));
    let Next::Send(last) = next else { panic!("{next:?}") };
    secrets.absent_from("AuthHeader", &AuthHeader::credentials(&last.value));
    let step = server.on_request(H1, [(last.name, &last.value)], environment);
    secrets.absent_from("LookUp", &step);
    let Step::LookUp(user) = step else { panic!("{step:?}") };
    let verified = user.verify(|claim| claim.verify_hashes(nt_hash, Some(lm_hash)));
    secrets.absent_from("Accepted", &verified);
    secrets.absent_from("a server that knows", &server);
    let next = client.on_response(200, H1, [("", ""); 0], environment).unwrap();
    assert_eq!(next, Next::Authenticated);
    secrets.absent_from("a client that is known", &client);
    let refused = server.on_request(H1, [(last.name, &last.value)], environment);
    secrets.absent_from("Refusal", &refused);
}

/// Neither `Debug` nor `Display` of an error reveals a secret, wherever a message, a sealed text or
/// an export was truncated or changed.
#[test]
fn no_error_contains_a_secret() {
    let nt_hash = NtHash::from_password(PASSWORD);
    let client = Client::new(Credentials::password("EXAMPLE\\alice", PASSWORD))
        .with_protection(Protection::Seal);
    let server = server();
    let (Exchange { negotiate, challenge, authenticate, client_keys }, handshake) =
        exchange(&client, &server, &mut Fixed::default()).unwrap();
    let claim = |message: &[u8]| -> Result<UserClaim, Error> {
        let handshake = server.resume(&negotiate, &challenge)?;
        match handshake.read(message, &mut Fixed::default())? {
            Claim::User(claim) => Ok(claim),
            claim => panic!("{claim:?}"),
        }
    };
    let message = Authenticate::parse(&authenticate).unwrap();
    let derived = Derived::of(client_keys.flags(), client_keys.exported_session_key().expose());
    let secrets = Secrets(vec![
        nt_hash.expose().to_vec(),
        ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into()).expose().to_vec(),
        derived.key.expose().to_vec(),
        derived.sealing.expose().to_vec(),
        derived.signing.as_ref().unwrap().expose().to_vec(),
        message.nt_response.as_bytes()[..16].to_vec(),
        message.mic.unwrap().to_vec(),
        message.encrypted_random_session_key.to_vec(),
        PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ]);
    let mut told = Told::default();

    let another = NtHash::from_password("another");
    told.add(claim(&authenticate).unwrap().verify_nt_hash(&another).map(drop));
    told.add(claim(&authenticate).unwrap().reject(Rejection::UnknownUser).map(drop));
    assert!(!told.0.is_empty());
    for damaged in damaged(&authenticate) {
        told.add(claim(&damaged).and_then(|claim| claim.verify_nt_hash(&nt_hash)).map(drop));
    }
    for damaged in damaged(&challenge) {
        let (_, await_challenge) = client.initiate().unwrap();
        told.add(await_challenge.answer(&damaged, &mut Fixed::default()).map(drop));
    }
    told.add(handshake.read(&negotiate, &mut Fixed::default()).map(drop));

    for damaged in damaged(client_keys.export().as_bytes()) {
        told.add(SessionKeys::import(&damaged).map(drop));
    }
    let mut sealed = *b"secret words, sealed";
    let mut session = Session::new(derived.flags, &derived.key, Side::Client);
    let signature = session.seal(&mut sealed).unwrap();
    for damaged in damaged(session.export().as_bytes()) {
        told.add(Session::import(&damaged).map(drop));
    }
    let server_side = || Session::new(derived.flags, &derived.key, Side::Server);
    for mut damaged in damaged(&sealed) {
        told.add(server_side().unseal(&mut damaged, &signature));
    }
    let mut session = server_side();
    session.unseal(&mut sealed, &signature).unwrap();
    told.add(session.unseal(&mut sealed, &signature));
    assert!(!told.0.is_empty());
    for text in &told.0 {
        secrets.absent_from_text("an error", text);
    }
}

/// The texts of errors, each once.
#[derive(Default)]
struct Told(BTreeSet<String>);

impl Told {
    fn add<E: core::error::Error>(&mut self, result: Result<(), E>) {
        let Err(error) = result else { return };
        self.0.extend([error.to_string(), format!("{error:?}"), format!("{error:#?}")]);
        assert!(error.source().is_none(), "{error:?} has a source, which may reveal more");
    }
}

/// Truncated at each offset, and with each byte changed.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..bytes.len()).map(|len| bytes[..len].to_vec());
    let changed = (0..bytes.len()).flat_map(move |place| {
        [0x01, 0x80, 0xff].map(|change| {
            let mut changed = bytes.to_vec();
            changed[place] ^= change;
            changed
        })
    });
    cut.chain(changed)
}

/// Errors own no buffer and borrow none.
#[test]
fn errors_neither_borrow_nor_allocate() {
    fn is_copy<T: Copy + 'static>(_: &T) {}
    is_copy(&Error::from(Denied::WrongPassword));
    is_copy(&Unexpected::NoResponse);
    is_copy(&Refused::NoLmHash);
    is_copy(&Integrity::Checksum);
    is_copy(&Misuse::WrongMode);
    is_copy(&ntlm::ImportError::Damaged);
    is_copy(&ntlm::EnvironmentError::Clock);
    is_copy(&ntlm::TextError::TooLong);
}

#[test]
fn table_of_a_token_masks_responses_that_allow_brute_force() {
    let client = Client::new(Credentials::password("alice", "secret words"));
    let client = client.with_protection(Protection::Seal);
    let server = Server::new(Names::standalone("FILES"));
    let (exchange, _) = exchange(&client, &server, &mut Fixed::default()).unwrap();
    let message = Authenticate::parse(&exchange.authenticate).unwrap();
    let table = ntlm::inspect::annotate(&exchange.authenticate);
    for secret in [
        &message.nt_response.as_bytes()[..16],
        &message.mic.unwrap(),
        message.encrypted_random_session_key,
    ] {
        assert!(!table.to_string().contains(&hex(secret)));
        assert!(table.with_secrets().to_string().contains(&hex(secret)));
    }
}

#[test]
fn debug_output_names_the_type_of_a_secret() {
    let (negotiate, await_challenge) = Client::new(Credentials::anonymous()).initiate().unwrap();
    assert!(format!("{await_challenge:?}").starts_with("AwaitChallenge {"));
    assert_eq!(
        format!("{:?}", ntlm::inspect::annotate(&negotiate)),
        format!("Annotated([{} bytes])", negotiate.len())
    );
    let parts = [Part::Clear(b"header"), Part::Sealed(&mut [7; 20])];
    assert_eq!(format!("{parts:?}"), "[Clear([6 bytes]), Sealed([20 bytes])]");

    let server = Server::new(Names::standalone("FILES"));
    let (_, handshake) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
    assert!(format!("{handshake:?}").contains("[[40 bytes], ["), "{handshake:?}");

    let client =
        Client::new(Credentials::password("alice", "secret")).with_protection(Protection::Sign);
    let (exchange, handshake) = exchange(&client, &server, &mut Fixed::default()).unwrap();
    let claim = handshake.read(&exchange.authenticate, &mut Fixed::default()).unwrap();
    assert!(format!("{claim:?}").contains("Received { messages: [[40 bytes], ["), "{claim:?}");
    let mut session = exchange.client_keys.into_session().unwrap();
    session.sign(b"message").unwrap();
    let shown = format!("{session:?}");
    assert!(shown.contains("mac_key: HmacKey") && shown.contains("KeyStream"), "{shown}");
}
