//! A message that contains the header of another one is rejected before anything else is checked,
//! because the MIC does not cover where one message ends and the next one starts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use ntlm::error::Unexpected;
use ntlm::wire::{AvId, Challenge, NegotiateFlags as Flags, SIGNATURE};
use ntlm::{
    ChannelBindings, Client, Enforcement, Error, ImportError, LmCompatibility, Server, client,
    server,
};
use ntlm_testkit::{
    Emit, Exchange, Fields, Fixed, PASSWORD, Recorded, accept, alice, case, exchange, read_json,
    server, transcripts, try_unhex,
};
use serde_json::Value;

const SPN: &str = "HTTP/files.example.com";

const SECOND_HEADER: Error = Error::Unexpected(Unexpected::SecondHeader);

fn bindings() -> ChannelBindings {
    ChannelBindings::application_data(b"a certificate")
}

/// A server that accepts everything that a policy can allow.
fn most_permissive() -> server::Policy {
    let mut policy = server::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
    policy.allow_lmv2_alone = true;
    policy.allow_anonymous = true;
    policy.shared.allow_insecure_anonymous_keys = true;
    policy.shared.allow_constant_key_exchange_key = true;
    policy.allow_guest = true;
    policy.shared.require_when_protected = Flags::empty();
    policy.channel_bindings = Enforcement::Off;
    policy.spn = Enforcement::Off;
    policy.require_target_info = false;
    policy.max_time_difference = None;
    policy.max_challenge_age = None;
    policy.shared.max_message_len = usize::MAX;
    policy
}

fn servers() -> [Server; 3] {
    [server::Policy::default(), server::Policy::strict(), most_permissive()].map(|policy| {
        server().with_policy(policy).with_channel_bindings(bindings()).with_spns([SPN])
    })
}

/// The same for a client that accepts everything that a policy can allow.
fn clients() -> [Client; 3] {
    let mut permissive = client::Policy::default();
    permissive.shared.require_when_protected = Flags::empty();
    permissive.allow_missing_netbios_names = true;
    permissive.shared.allow_insecure_anonymous_keys = true;
    permissive.shared.allow_constant_key_exchange_key = true;
    permissive.shared.max_message_len = usize::MAX;
    [client::Policy::default(), client::Policy::strict(), permissive]
        .map(|policy| alice().with_policy(policy).with_channel_bindings(bindings()).with_spn(SPN))
}

/// The message with another header: after it, within its payload, and after more bytes.
fn with_second_header(message: &[u8]) -> Vec<Vec<u8>> {
    let mut within = message.to_vec();
    let at = message.len() - SIGNATURE.len();
    within[at..].copy_from_slice(&SIGNATURE);
    let after = [message, &SIGNATURE].concat();
    let whole = [message, message].concat();
    let further = [message, &[0; 100], &SIGNATURE, &[0; 100]].concat();
    vec![within, after, whole, further]
}

#[test]
fn second_header_in_a_negotiate_is_rejected() {
    for server in servers() {
        let (negotiate, _) = clients()[0].initiate().unwrap();
        for message in with_second_header(&negotiate) {
            let error = server.challenge(&message, &mut Fixed::default()).unwrap_err();
            assert_eq!(error, SECOND_HEADER);
        }
        assert!(server.challenge(&negotiate, &mut Fixed::default()).is_ok());
    }
}

/// At each offset, so the search finds headers in parts that it skips quickly.
#[test]
fn second_header_is_found_at_every_offset() {
    let (negotiate, _) = clients()[0].initiate().unwrap();
    let (challenge, _) = servers()[0].challenge(&negotiate, &mut Fixed::default()).unwrap();
    for padding in 0..32 {
        for filler in [0, b'N', b'S', 0xff] {
            let tail = [&vec![filler; padding][..], b"NTLMSSP\0\x03\0\0\0"].concat();
            let with_tail = |message: &[u8]| [message, &tail].concat();
            let error = servers()[0].challenge(&with_tail(&negotiate), &mut Fixed::default());
            assert_eq!(error.unwrap_err(), SECOND_HEADER);
            let (_, await_challenge) = clients()[0].initiate().unwrap();
            let error = await_challenge.answer(&with_tail(&challenge), &mut Fixed::default());
            assert_eq!(error.unwrap_err(), SECOND_HEADER);
        }
    }
    for offset in 1..negotiate.len() - 8 {
        let mut message = negotiate.clone();
        message[offset..offset + 8].copy_from_slice(&SIGNATURE);
        let error = servers()[0].challenge(&message, &mut Fixed::default()).unwrap_err();
        assert_eq!(error, SECOND_HEADER, "{offset}");
    }
}

/// `read` itself fails, so there is no claim with which a user could be looked up.
#[test]
fn second_header_in_an_authenticate_is_rejected_before_any_proof() {
    for (server, client) in servers().iter().zip(clients()) {
        let (honest, handshake) = exchange(&client, server, &mut Fixed::default()).unwrap();
        assert!(handshake.read(&honest.authenticate, &mut Fixed::default()).is_ok());
        for message in with_second_header(&honest.authenticate) {
            let (_, handshake) = exchange(&client, server, &mut Fixed::default()).unwrap();
            let error = handshake.read(&message, &mut Fixed::default()).unwrap_err();
            assert_eq!(error, SECOND_HEADER);
        }
    }
}

#[test]
fn second_header_in_a_connectionless_authenticate_is_rejected() {
    for (server, client) in servers().iter().zip(clients()) {
        let read = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let (challenge, handshake) = server.challenge_datagram(&mut Fixed::default()).unwrap();
            let response = client.answer_datagram(&challenge, &mut Fixed::default()).unwrap();
            handshake.read(&change(response.token), &mut Fixed::default()).map(drop)
        };
        assert_eq!(read(&|token| token), Ok(()));
        for kind in 0..4 {
            let change = |token: Vec<u8>| with_second_header(&token).swap_remove(kind);
            assert_eq!(read(&change), Err(SECOND_HEADER));
        }
    }
}

#[test]
fn second_header_in_a_resumed_handshake_is_rejected() {
    for (server, client) in servers().iter().zip(clients()) {
        let (Exchange { negotiate, challenge, .. }, _) =
            exchange(&client, server, &mut Fixed::default()).unwrap();
        let resume =
            |negotiate: &[u8], challenge: &[u8]| server.resume(negotiate, challenge).map(drop);
        assert_eq!(resume(&negotiate, &challenge), Ok(()));
        assert_eq!(resume(b"", &challenge), Ok(()));
        for message in with_second_header(&negotiate) {
            assert_eq!(resume(&message, &challenge), Err(SECOND_HEADER));
        }
        for message in with_second_header(&challenge) {
            assert_eq!(resume(&negotiate, &message), Err(SECOND_HEADER));
            assert_eq!(resume(b"", &message), Err(SECOND_HEADER));
        }
    }
}

#[test]
fn second_header_in_an_imported_handshake_is_rejected() {
    for (server, client) in servers().iter().zip(clients()) {
        let (honest, handshake) = exchange(&client, server, &mut Fixed::default()).unwrap();
        let exported = handshake.export();
        let import = |negotiate: &[u8], challenge: &[u8]| {
            // The messages follow the header of the export, each after its length.
            let mut bytes = exported.as_bytes()[..6].to_vec();
            for message in [negotiate, challenge] {
                bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_le_bytes());
                bytes.extend_from_slice(message);
            }
            // The channel bindings are last.
            bytes.extend_from_slice(exported.as_bytes().last_chunk::<16>().unwrap());
            server.import(&bytes).map(|handshake| handshake.export().as_bytes() == bytes)
        };
        assert_eq!(import(&honest.negotiate, &honest.challenge), Ok(true));
        for message in with_second_header(&honest.negotiate) {
            assert_eq!(import(&message, &honest.challenge), Err(ImportError::Damaged));
        }
        for message in with_second_header(&honest.challenge) {
            assert_eq!(import(&honest.negotiate, &message), Err(ImportError::Damaged));
        }
    }
}

/// A client rejects the header of an AUTHENTICATE at any offset, so it is safe even with servers
/// that do not check.
#[test]
fn header_of_an_authenticate_in_a_challenge_is_rejected_by_the_client() {
    let header = b"NTLMSSP\0\x03\0\0\0";
    for (server, client) in servers().iter().zip(clients()) {
        for padding in [0, 1, 7, 8, 100] {
            let attack = |challenge: &[u8]| [challenge, &vec![0; padding], header].concat();
            let (negotiate, await_challenge) = client.initiate().unwrap();
            let (challenge, _) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
            let result = await_challenge.answer(&attack(&challenge), &mut Fixed::default());
            assert_eq!(result.unwrap_err(), SECOND_HEADER);

            let (challenge, _) = server.challenge_datagram(&mut Fixed::default()).unwrap();
            let result = client.answer_datagram(&attack(&challenge), &mut Fixed::default());
            assert_eq!(result.unwrap_err(), SECOND_HEADER);
        }
    }
}

/// The client would copy a header within `TargetInfo` into its own message.
#[test]
fn header_of_an_authenticate_in_the_target_info_is_rejected_by_the_client() {
    let (client, server) = (&clients()[0], &servers()[0]);
    let (negotiate, await_challenge) = client.initiate().unwrap();
    let (challenge, _) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
    let message = Challenge::parse(&challenge).unwrap();
    let mut pairs = ntlm::wire::AvPairsBuf::default();
    pairs.push(AvId(0x100), b"NTLMSSP\0\x03\0\0\0").unwrap();
    for (id, value) in message.target_info.unwrap().iter() {
        pairs.push(id, value).unwrap();
    }
    let changed = Challenge { target_info: Some(pairs.as_pairs()), ..message }.to_bytes();
    let result = await_challenge.answer(&changed, &mut Fixed::default());
    assert_eq!(result.unwrap_err(), SECOND_HEADER);
}

/// One such CHALLENGE occurs in public data, so a client answers it. If a man in the middle adds
/// such bytes, the MIC detects them.
#[test]
fn challenge_followed_by_a_piece_of_another_challenge_is_answered() {
    for (server, client) in servers().iter().zip(clients()) {
        let (negotiate, await_challenge) = client.initiate().unwrap();
        let (challenge, handshake) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
        let followed = [&challenge[..], &challenge[..40]].concat();
        let response = await_challenge.answer(&followed, &mut Fixed::default()).unwrap();
        let claim = handshake.read(&response.token, &mut Fixed::default()).unwrap();
        assert_eq!(accept(claim, PASSWORD).unwrap_err(), ntlm::error::Denied::Mic.into());

        let (challenge, _) = server.challenge_datagram(&mut Fixed::default()).unwrap();
        let followed = [&challenge[..], &challenge[..40]].concat();
        assert!(client.answer_datagram(&followed, &mut Fixed::default()).is_ok());
    }
}

/// The attack itself, as recorded bytes with a valid MIC over the concatenation. Other checks would
/// not detect it.
#[test]
fn recorded_attack_on_the_border_is_rejected_for_its_second_header() {
    let Recorded { negotiate, challenge, authenticate } =
        Recorded::of(case("hostile.json", "H-460"));
    for server in servers() {
        let handshake = server.resume(&negotiate, &challenge).unwrap();
        let error = handshake.read(&authenticate, &mut Fixed::default()).unwrap_err();
        assert_eq!(error, SECOND_HEADER);
    }
    let border = 1 + authenticate[1..].windows(8).position(|bytes| bytes == SIGNATURE).unwrap();
    let for_the_client = [&challenge[..], &authenticate[..border]].concat();
    for client in clients() {
        let (_, await_challenge) = client.initiate().unwrap();
        let result = await_challenge.answer(&for_the_client, &mut Fixed::default());
        assert_eq!(result.unwrap_err(), SECOND_HEADER);
    }
}

/// Control experiment: the check rejects no honest peer.
#[test]
fn recorded_messages_contain_one_header() {
    let files = ["vectors.json", "quirks.json", "hostile.json"].map(read_json);
    for file in files.into_iter().chain(transcripts()) {
        let mut count = 0;
        for_each_message(file, "", &mut |id, message| {
            count += 1;
            let has_second = message[1..].windows(8).any(|bytes| bytes == SIGNATURE);
            assert_eq!(has_second, id == "H-460" && message[8] == 3, "{id}");
        });
        assert!(count > 0, "a file without messages");
    }
}

/// Visits each string of hexadecimal digits that contains a message, also one wrapped in SPNEGO,
/// together with the id of the innermost object that has one.
fn for_each_message(value: &Value, id: &str, visit: &mut impl FnMut(&str, &[u8])) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| for_each_message(value, id, visit)),
        Value::Object(fields) => {
            let id = value.text("id").unwrap_or(id);
            fields.values().for_each(|value| for_each_message(value, id, visit));
        }
        Value::String(digits) => {
            let Some(bytes) = try_unhex(digits) else { return };
            let start = bytes.windows(8).position(|bytes| bytes == SIGNATURE);
            if let Some(start) = start {
                visit(id, &bytes[start..]);
            }
        }
        _ => {}
    }
}

#[cfg(feature = "http")]
mod http {
    use super::*;
    use ntlm::http::{
        AuthHeader, ClientConnection, Error as HttpError, HttpVersion, Next, Outcome, Scheme,
        ServerConnection, Step, header_value,
    };

    fn sent(next: Next) -> Vec<u8> {
        let Next::Send(header) = next else { panic!("{next:?}") };
        token(&header.value)
    }

    fn token(value: &str) -> Vec<u8> {
        AuthHeader::credentials(value).unwrap().token().unwrap()
    }

    /// The token of the server's reply, or the reason why it rejected the message. No user is
    /// looked up.
    fn answer(server: &mut ServerConnection, message: &[u8]) -> Result<Vec<u8>, HttpError> {
        let value = header_value(Scheme::Ntlm, message);
        let headers = [("Authorization", value.as_str())];
        match server.on_request(HttpVersion::Http11, headers, &mut Fixed::default()) {
            Step::Outcome(Outcome::Continue(reply)) => Ok(token(&reply.values[0])),
            Step::Outcome(Outcome::Refused(refusal)) => Err(refusal.reason),
            step => panic!("{step:?}"),
        }
    }

    fn next(client: &mut ClientConnection, challenge: &[u8]) -> Result<Next, HttpError> {
        let headers = [("WWW-Authenticate", header_value(Scheme::Ntlm, challenge))];
        client.on_response(401, HttpVersion::Http11, headers, &mut Fixed::default())
    }

    #[test]
    fn second_header_is_rejected_over_http() {
        for (server, client) in servers().into_iter().zip(clients()) {
            let connect = || {
                let mut client = ClientConnection::new(client.clone());
                let negotiate = client.start(Scheme::Ntlm).unwrap();
                (client, ServerConnection::new(server.clone()), token(&negotiate.value))
            };
            let (_, _, negotiate) = connect();
            for message in with_second_header(&negotiate) {
                let (_, mut server, _) = connect();
                assert_eq!(answer(&mut server, &message), Err(SECOND_HEADER.into()));
                assert!(server.accepted().is_none());
            }
            for kind in 0..4 {
                let (mut client, mut server, negotiate) = connect();
                let challenge = answer(&mut server, &negotiate).unwrap();
                let authenticate = sent(next(&mut client, &challenge).unwrap());
                let message = with_second_header(&authenticate).swap_remove(kind);
                assert_eq!(answer(&mut server, &message), Err(SECOND_HEADER.into()));
                assert!(server.accepted().is_none());
                // The challenge has been consumed.
                let again = answer(&mut server, &authenticate);
                assert_eq!(again, Err(HttpError::NoPendingChallenge));
            }
            let (mut client, mut server, negotiate) = connect();
            let challenge = answer(&mut server, &negotiate).unwrap();
            let followed = [&challenge[..], b"NTLMSSP\0\x03\0\0\0"].concat();
            assert_eq!(next(&mut client, &followed), Err(SECOND_HEADER.into()));
        }
    }
}
