//! Messages of other implementations that break a rule, and that other peers accept all the same:
//! the bytes that were seen, and what this crate makes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use core::time::Duration;

use common::{Fields, Fixed, exchange, read_json, unhex};
use ntlm::crypto::{ExportedSessionKey, ResponseKey, mic};
use ntlm::error::{Denied, Misuse, Refused, Unexpected};
use ntlm::server::{Accepted, Claim, Names, Policy};
use ntlm::session::Protection;
use ntlm::wire::{
    Authenticate, AvPairsBuf, Challenge, Error as WireError, ErrorKind, Message, Negotiate,
    NegotiateFlags as Flags, NtResponse,
};
use ntlm::{
    Client, Credentials, Error, FileTime, LmCompatibility, NtHash, ResponseKind, Server, client,
};
use serde_json::Value;

const STRENGTH: Flags = Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56);

fn alice() -> Client {
    Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"))
}

fn client_with(set: impl FnOnce(&mut client::Policy)) -> Client {
    let mut policy = client::Policy::default();
    set(&mut policy);
    alice().with_policy(policy)
}

fn respond(client: &Client, challenge: &[u8]) -> Result<client::Answer, Error> {
    let (_, handshake) = client.initiate()?;
    handshake.answer(challenge, &mut Fixed::default())
}

fn server_with(set: impl FnOnce(&mut Policy)) -> Server {
    let mut policy = Policy::default();
    set(&mut policy);
    Server::new(Names::member("FILES", "EXAMPLE")).with_policy(policy)
}

fn transcript(id: &str) -> Value {
    read_json(&common::data(&format!("transcripts/{id}.json")))
}

/// The time of the CHALLENGE of a recorded handshake.
fn time_of(recorded: &Value) -> FileTime {
    let challenge = recorded.bytes("challenge").unwrap();
    let info = Challenge::parse(&challenge).unwrap().target_info;
    info.and_then(|info| info.timestamp()).unwrap_or(common::NOW)
}

/// What a server says of a recorded AUTHENTICATE, at the time of the recording.
fn claim(server: &Server, recorded: &Value) -> Result<Claim, Error> {
    claim_at(server, recorded, time_of(recorded))
}

fn claim_at(server: &Server, recorded: &Value, now: FileTime) -> Result<Claim, Error> {
    let [negotiate, challenge, authenticate] =
        ["negotiate", "challenge", "authenticate"].map(|name| recorded.bytes(name).unwrap());
    let handshake = server.resume(&negotiate, &challenge)?;
    handshake.read(&authenticate, &mut Fixed::at(now))
}

fn verdict(server: &Server, recorded: &Value) -> Result<Accepted, Error> {
    common::accept(claim(server, recorded)?, recorded.text("password").unwrap())
}

/// Corporate proxies announce a `TargetInfo` and send an empty one. curl, gss-ntlmssp, ntlm-auth and
/// others log in.
const EMPTY_TARGET_INFO: &str = "4e544c4d53535000020000000000000000000000058289a00123456789abcdef\
                                 00000000000000000000000000000000";

#[test]
fn client_treats_an_empty_target_info_as_absent() {
    let challenge = unhex(EMPTY_TARGET_INFO);
    assert!(Challenge::parse(&challenge).unwrap().target_info.is_none());
    let token = respond(&alice(), &challenge).unwrap().token;
    let message = Authenticate::parse(&token).unwrap();
    let NtResponse::V2(response) = message.nt_response else { panic!("{message:?}") };
    assert_eq!(response.target_info().iter().count(), 0);
    assert!(!message.flags.unwrap().contains(Flags::NEGOTIATE_TARGET_INFO));
    // As if the flag were clear, byte for byte.
    let mut without = challenge.clone();
    without[22] &= !0x80;
    assert_eq!(respond(&alice(), &without).unwrap().token, token);
}

/// What a policy requires must reach the server, and there is no room for it.
#[test]
fn client_that_requires_bindings_an_spn_or_a_mic_rejects_a_challenge_without_target_info() {
    let bound = |client: Client| {
        client
            .with_spn("HTTP/files")
            .with_channel_bindings(ntlm::ChannelBindings::tls_unique(b"finished"))
    };
    let with_flag = unhex(EMPTY_TARGET_INFO);
    let mut without_flag = with_flag.clone();
    without_flag[22] &= !0x80;
    for challenge in [with_flag, without_flag] {
        for (client, refused) in [
            (client_with(|policy| policy.require_channel_bindings = true), Refused::NoTargetInfo),
            (client_with(|policy| policy.require_spn = true), Refused::NoTargetInfo),
            (client_with(|policy| policy.shared.require_mic = true), Refused::NoMic),
        ] {
            assert_eq!(respond(&bound(client), &challenge).unwrap_err(), refused.into());
        }
    }
    // Nor does NTLMv1 carry it, whatever the CHALLENGE has, nor an anonymous client.
    let server = server_with(|policy| policy.allow_anonymous = true);
    let requires = |policy: &mut client::Policy| policy.require_channel_bindings = true;
    let ntlmv1 = client_with(|policy| {
        requires(policy);
        policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
    });
    let mut policy = client::Policy::default();
    requires(&mut policy);
    let anonymous = Client::new(Credentials::anonymous()).with_policy(policy);
    for client in [ntlmv1, anonymous] {
        let result = exchange(&bound(client), &server, &mut Fixed::default());
        assert_eq!(result.unwrap_err(), Refused::NoTargetInfo.into());
    }
}

/// A client that got no list may repeat just that. Samba 4.17 reads it as an empty list.
#[test]
fn server_accepts_an_ntlmv2_response_without_a_list() {
    let server = server_with(|policy| policy.require_target_info = false);
    let environment = &mut Fixed::default();
    let (negotiate, _) = alice().initiate().unwrap();
    let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
    let challenge = Challenge::parse(&challenge).unwrap();
    let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
    blob.extend(common::NOW.ticks().to_le_bytes());
    blob.extend([0xcc; 12]);
    let nt_hash = NtHash::from_password("correct horse");
    let key = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into());
    let proof = key.ntlmv2_proof(&challenge.server_challenge, &blob);
    // Written by hand, since no response without a list parses as one.
    let fields: [&[u8]; 5] =
        [&[], &[&proof[..], &blob].concat(), b"E\0X\0A\0M\0P\0L\0E\0", b"a\0l\0i\0c\0e\0", &[]];
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut offset = 64_u32;
    for field in fields {
        let length = u16::try_from(field.len()).unwrap();
        message.extend([length.to_le_bytes(), length.to_le_bytes()].concat());
        message.extend(offset.to_le_bytes());
        offset += u32::from(length);
    }
    message.extend([0; 8]);
    message.extend(challenge.flags.bits().to_le_bytes());
    fields.iter().for_each(|field| message.extend_from_slice(field));
    let strict = Authenticate::parse(&message).map_err(WireError::kind);
    assert_eq!(strict, Err(ErrorKind::AvPairsUnended));
    let claim = handshake.read(&message, environment).unwrap();
    let accepted = common::accept(claim, "correct horse").unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv2));
}

/// ldap3 2.9.1 asks for no protection, and gives up if 128 and 56 bits are not granted. Windows, Samba,
/// gss-ntlmssp, pyspnego and Dovecot grant them.
#[test]
fn strength_is_granted_to_clients_that_protect_nothing() {
    let ldap3 = unhex("4e544c4d5353500001000000078208a00000000028000000000000000000000f");
    let (challenge, _) = server_with(|_| {}).challenge(&ldap3, &mut Fixed::default()).unwrap();
    assert!(Challenge::parse(&challenge).unwrap().flags.contains(STRENGTH));
    // Windows: [MS-NLMP]'s example of extended protection, 0xa2088207 answered with 0xa2898205.
    let windows = common::vector("epa-challenge");
    let asked = Flags::from_bits_retain(0xa208_8207);
    let mut negotiate = Vec::new();
    Negotiate { flags: asked, ..Negotiate::default() }.emit(&mut negotiate).unwrap();
    let (challenge, _) = server_with(|_| {}).challenge(&negotiate, &mut Fixed::default()).unwrap();
    let [theirs, ours] = [&windows, &challenge].map(|bytes| Challenge::parse(bytes).unwrap().flags);
    assert_eq!((theirs & (asked | STRENGTH)) - Flags::NEGOTIATE_OEM, ours & (asked | STRENGTH));
}

/// What has no effect is not part of what a session is made of.
#[test]
fn strength_is_asked_for_and_dropped_from_the_keys_where_nothing_is_protected() {
    let environment = &mut Fixed::default();
    let (sent, handshake) = exchange(&alice(), &server_with(|_| {}), environment).unwrap();
    for flags in [
        Negotiate::parse(&sent.negotiate).unwrap().flags,
        Challenge::parse(&sent.challenge).unwrap().flags,
        Authenticate::parse(&sent.authenticate).unwrap().flags.unwrap(),
    ] {
        assert!(flags.contains(STRENGTH), "{flags}");
    }
    let claim = handshake.read(&sent.authenticate, environment).unwrap();
    let accepted = common::accept(claim, "correct horse").unwrap();
    for keys in [&sent.client_keys, &accepted.keys] {
        assert!(!keys.flags().intersects(STRENGTH), "{}", keys.flags());
    }
}

/// Jakarta Mail 1.6.5 sends flags of zero over SMTP and IMAP; Samba accepts it.
#[test]
fn flags_of_zero_in_an_authenticate_stand_for_those_of_the_challenge() {
    for id in ["met-javamail-imap-l5", "met-javamail-smtp-l5"] {
        let recorded = transcript(id);
        let authenticate = recorded.bytes("authenticate").unwrap();
        let message = Authenticate::parse(&authenticate).unwrap();
        assert_eq!(message.flags, Some(Flags::empty()), "{id}");
        let accepted = verdict(&server_with(|_| {}), &recorded).unwrap();
        let challenge = recorded.bytes("challenge").unwrap();
        let granted = Challenge::parse(&challenge).unwrap().flags;
        assert!(granted.contains(accepted.keys.flags()), "{id}");
        assert_eq!(accepted.user().unwrap().to_string(), "EXAMPLE\\alice", "{id}");
    }
}

/// Then the CHALLENGE's flags also say whether the client sent a session key.
#[test]
fn session_key_beside_flags_of_zero_is_the_clients() {
    let plain = Flags::NEGOTIATE_UNICODE
        | Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY
        | Flags::NEGOTIATE_KEY_EXCH
        | Flags::NEGOTIATE_128;
    for asked in [plain, plain | Flags::NEGOTIATE_SIGN, plain | Flags::PROTECTION] {
        let environment = &mut Fixed::default();
        let mut negotiate = Vec::new();
        Negotiate { flags: asked, ..Negotiate::default() }.emit(&mut negotiate).unwrap();
        let (challenge, handshake) =
            server_with(|_| {}).challenge(&negotiate, environment).unwrap();
        let key = ExportedSessionKey::from([0x55; 16]);
        let authenticate = with_flags_of_zero(&challenge, &key);
        let accepted =
            common::accept(handshake.read(&authenticate, environment).unwrap(), "correct horse");
        let keys = accepted.unwrap().keys;
        assert_eq!(keys.exported_session_key().expose(), key.expose(), "{asked}");
        assert_eq!(keys.protection(), Protection::from_flags(asked), "{asked}");
    }
}

/// A right answer to a CHALLENGE, with this session key, and with flags of zero.
fn with_flags_of_zero(challenge: &[u8], key: &ExportedSessionKey) -> Vec<u8> {
    let mut pairs = AvPairsBuf::default();
    for (id, value) in Challenge::parse(challenge).unwrap().target_info.unwrap().iter() {
        pairs.push(id, value).unwrap();
    }
    let password = "correct horse";
    let bytes =
        common::ntlmv2_without_mic(challenge, "alice", "EXAMPLE", password, &pairs, common::NOW);
    let mut message = Authenticate::parse(&bytes).unwrap();
    let NtResponse::V2(response) = message.nt_response else { panic!("{message:?}") };
    let nt_hash = NtHash::from_password(password);
    let base = ResponseKey::new(&nt_hash, &"alice".into(), &"EXAMPLE".into())
        .session_base_key(response.proof());
    let encrypted = base.ntlmv2_key_exchange_key().encrypt(key);
    message.encrypted_random_session_key = &encrypted;
    message.flags = Some(Flags::empty());
    let mut authenticate = Vec::new();
    message.emit(&mut authenticate).unwrap();
    authenticate
}

/// Bits that are never negotiated carry as little information as zero. Others must name a character
/// set ([MS-NLMP] 2.2.2.5, A and B).
#[test]
fn flags_without_information_are_those_that_are_never_negotiated() {
    let recorded = transcript("met-javamail-imap-l5");
    let with_flags = |flags: u32| {
        let mut authenticate = recorded.bytes("authenticate").unwrap();
        authenticate[60..64].copy_from_slice(&flags.to_le_bytes());
        let mut changed = recorded.clone();
        changed["authenticate"] = common::hex(&authenticate).into();
        verdict(&server_with(|_| {}), &changed).map(drop)
    };
    for nothing in [0, 0x0000_0800, 0x0200_0000, 0x0080_0000, 0x1d24_4508] {
        assert_eq!(with_flags(nothing), Ok(()), "{nothing:#010x}");
    }
    for something in [0x0000_8000, 0x0000_0200, 0x2000_0000, 0x0008_0000] {
        let error = Unexpected::CharacterSet.into();
        assert_eq!(with_flags(something), Err(error), "{something:#010x}");
    }
}

/// A server that grants both character sets leaves the choice to the client.
#[test]
fn authenticate_chooses_where_the_challenge_grants_both_character_sets() {
    let challenge =
        unhex("4e544c4d53535000020000000000000000000000078208000123456789abcdef0000000000000000");
    let server = server_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::RefuseLm;
    });
    let attempt = |flags: u32, user: &[u8]| {
        let response = NtHash::from_password("correct horse").ntlmv1_response(
            &ntlm::crypto::ntlm2_session_challenge(
                &0x0123_4567_89ab_cdef_u64.to_be_bytes(),
                &[7; 8],
            ),
        );
        let lm = [&[7; 8][..], &[0; 16]].concat();
        let message = Authenticate {
            user,
            nt_response: NtResponse::V1(&response),
            lm_response: ntlm::wire::LmResponse::new(&lm),
            flags: Some(Flags::from_bits_retain(flags)),
            ..Authenticate::default()
        };
        let mut bytes = Vec::new();
        message.emit(&mut bytes).unwrap();
        let handshake = server.resume(&[], &challenge).unwrap();
        let claim = handshake.read(&bytes, &mut Fixed::default())?;
        let accepted = common::accept(claim, "correct horse")?;
        Ok::<_, Error>(accepted.user().unwrap().to_string())
    };
    assert_eq!(attempt(0x0008_8206, b"alice").as_deref(), Ok("alice"));
    assert_eq!(attempt(0x0008_8205, b"a\0l\0i\0c\0e\0").as_deref(), Ok("alice"));
    assert_eq!(attempt(0x0008_8207, b"a\0l\0i\0c\0e\0").as_deref(), Ok("alice"), "UNICODE wins");
}

/// tedious 18 sends an NT response of 16 bytes beside a right LMv2 response. Samba accepts the LMv2
/// response; a policy here must allow it.
#[test]
fn lmv2_beside_a_short_nt_response_is_accepted_where_lmv2_alone_is() {
    for id in ["met-tedious", "met-ref-samba-tedious"] {
        let recorded = transcript(id);
        let authenticate = recorded.bytes("authenticate").unwrap();
        let message = Authenticate::parse(&authenticate).unwrap();
        assert!(
            matches!(message.nt_response, NtResponse::Short(short) if short.len() == 16),
            "{id}"
        );
        let refused = verdict(&server_with(|_| {}), &recorded).unwrap_err();
        assert_eq!(refused, Refused::ResponseKind.into(), "{id}");
        let allowing = server_with(|policy| policy.allow_lmv2_alone = true);
        let accepted = verdict(&allowing, &recorded).unwrap();
        assert_eq!(accepted.identity.response(), Some(ResponseKind::Lmv2), "{id}");
        let key = common::array(&recorded, "exported_session_key");
        assert_eq!(*accepted.keys.exported_session_key().expose(), key, "{id}");
    }
}

/// All that such a client sent reaches the domain controller, where the policy accepts whatever that
/// may take the LM field for.
#[test]
fn short_nt_response_is_passed_on_to_a_domain_controller() {
    let recorded = transcript("met-tedious");
    let logon = |level, lmv2_alone| {
        let server = server_with(|policy| {
            policy.shared.lm_compatibility = level;
            policy.allow_lmv2_alone = lmv2_alone;
        });
        let Claim::User(claim) = claim(&server, &recorded)? else { panic!("it has a name") };
        let logon = claim.network_logon()?;
        Ok::<_, Error>((logon.nt_response.to_vec(), logon.lm_response.to_vec()))
    };
    let authenticate = recorded.bytes("authenticate").unwrap();
    let message = Authenticate::parse(&authenticate).unwrap();
    let sent = (message.nt_response.as_bytes().to_vec(), message.lm_response.as_bytes().to_vec());
    assert_eq!(logon(LmCompatibility::SendNtlmv2, true), Ok(sent));
    let refused = Err(Refused::ResponseKind.into());
    assert_eq!(logon(LmCompatibility::RefuseLmAndNtlm, true), refused);
    assert_eq!(logon(LmCompatibility::SendNtlmv2, false), refused);
}

#[test]
fn short_nt_response_is_never_anonymous_and_proves_nothing_beside_lm() {
    let server = server_with(|policy| {
        policy.allow_anonymous = true;
        policy.allow_lmv2_alone = true;
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.offer -= Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    });
    let lm_hash = ntlm::crypto::LmHash::from_password("correct horse", &ntlm::Ascii).unwrap();
    let challenge = [1, 2, 3, 4, 5, 6, 7, 8];
    let attempt = |user: &[u8], nt: &[u8], lm: &[u8]| {
        let environment = &mut Fixed::default();
        let (sent, handshake) = exchange(&alice(), &server, environment).unwrap();
        let mut message = Authenticate::parse(&sent.authenticate).unwrap();
        message.user = user;
        message.nt_response = NtResponse::parse(nt).unwrap();
        message.lm_response = ntlm::wire::LmResponse::new(lm);
        message.mic = None;
        let mut bytes = Vec::new();
        message.emit(&mut bytes).unwrap();
        let claim = handshake.read(&bytes, environment)?;
        common::accept(claim, "correct horse").map(|accepted| accepted.identity.response())
    };
    let lm = lm_hash.lm_response(&challenge);
    assert_eq!(attempt(b"a\0", &[], &lm), Ok(Some(ResponseKind::Lm)), "LM alone");
    for length in [1, 16, 23] {
        let nt = &[0; 23][..length];
        assert_eq!(attempt(b"a\0", nt, &lm), Err(Denied::WrongPassword.into()), "{length}");
        assert_eq!(attempt(b"", nt, &[0]), Err(Unexpected::NoResponse.into()), "{length}");
        assert_eq!(attempt(b"", nt, &[]), Err(Unexpected::NoResponse.into()), "{length}");
    }
}

/// Perl's Authen::NTLM 1.09 sends a time some seconds after 1601, and repeats the server's
/// `MsvAvTimestamp`. Samba accepts it.
#[test]
fn response_without_a_time_counts_from_the_servers_time_that_it_repeats() {
    let recorded = transcript("met-lwp-v2-nodom-2");
    let sent = recorded.bytes("authenticate").unwrap();
    let NtResponse::V2(response) = Authenticate::parse(&sent).unwrap().nt_response else {
        panic!("not NTLMv2")
    };
    assert!(response.time().ticks() < 10_000_000_000, "a quarter of an hour after 1601");
    let told = time_of(&recorded);
    assert_eq!(response.target_info().timestamp(), Some(told));
    let accepted = verdict(&server_with(|_| {}), &recorded).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlmv2));

    // The limit still holds, or a challenge that was kept could be answered forever.
    let server = server_with(|policy| policy.max_challenge_age = None);
    let late = |hours: u64| {
        let now = FileTime::from_ticks(told.ticks() + hours * 36_000_000_000);
        let claim = claim_at(&server, &recorded, now)?;
        common::accept(claim, "correct horse").map(drop)
    };
    assert_eq!(late(35), Ok(()));
    assert_eq!(late(37), Err(Denied::Time.into()));
}

/// A time that is repeated from elsewhere does not count, also where the list is not compared.
#[test]
fn repeated_time_of_another_server_does_not_stand_for_the_clients() {
    let mut recorded = transcript("met-lwp-v2-nodom-2");
    let server = server_with(|policy| policy.require_target_info = false);
    let told = time_of(&recorded);
    assert!(verdict(&server, &recorded).is_ok());
    let mut challenge = recorded.bytes("challenge").unwrap();
    let timestamp = told.ticks().to_le_bytes();
    let at = challenge.windows(8).position(|bytes| bytes == timestamp).unwrap();
    challenge[at] ^= 1;
    recorded["challenge"] = common::hex(&challenge).into();
    assert_eq!(verdict(&server, &recorded).unwrap_err(), Denied::Time.into());
}

/// jTDS 1.3.1 counts characters where it writes bytes, so that the names of a domain outside ASCII lie
/// outside its NEGOTIATE.
const JTDS: &str = "4e544c4d535350000100000005b208000800080020000000000000002000000044c3964dc384";

#[test]
fn server_ignores_the_names_of_a_negotiate() {
    let jtds = unhex(JTDS);
    let strict = Negotiate::parse(&jtds).map_err(WireError::kind);
    assert_eq!(strict, Err(ErrorKind::FieldOutside));
    assert!(server_with(|_| {}).challenge(&jtds, &mut Fixed::default()).is_ok());
    // The same of one that ends with its flags, and announces names.
    assert!(server_with(|_| {}).challenge(&jtds[..16], &mut Fixed::default()).is_ok());
    let cut = server_with(|_| {}).challenge(&jtds[..15], &mut Fixed::default());
    assert!(matches!(cut, Err(Error::Wire(error)) if error.kind() == ErrorKind::TooShort));
}

#[cfg(feature = "http")]
#[test]
fn http_server_ignores_the_names_of_a_negotiate() {
    use ntlm::http::{HttpVersion, Outcome, Scheme, ServerConnection, Step, header_value};
    let header = header_value(Scheme::Ntlm, &unhex(JTDS));
    let mut connection = ServerConnection::new(server_with(|_| {}));
    let headers = [("Authorization", header.as_str())];
    let step = connection.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
    let Step::Outcome(Outcome::Continue(reply)) = step else { panic!("{step:?}") };
    assert!(reply.values[0].starts_with("NTLM TlRMTVNTUAAC"));
}

#[test]
fn client_ignores_a_target_name_outside_the_challenge() {
    let (negotiate, _) = alice().initiate().unwrap();
    let server = server_with(|_| {});
    let (challenge, _) = server.challenge(&negotiate, &mut Fixed::default()).unwrap();
    for (length, offset) in [(14_u16, 0xffff_0000_u32), (14, 4000), (3, 56), (0xffff, 56)] {
        let mut changed = challenge.clone();
        changed[12..14].copy_from_slice(&length.to_le_bytes());
        changed[16..20].copy_from_slice(&offset.to_le_bytes());
        assert!(Message::parse(&changed).is_err(), "{length} at {offset}");
        assert!(respond(&alice(), &changed).is_ok(), "{length} at {offset}");
        // A list outside is not ignored: the response depends on it.
        let mut broken = challenge.clone();
        broken[40..42].copy_from_slice(&0xffff_u16.to_le_bytes());
        assert!(matches!(respond(&alice(), &broken), Err(Error::Wire(_))));
    }
}

/// Neither is proven or used; user, domain, NT response and session key are.
#[test]
fn server_ignores_a_workstation_and_an_lm_response_that_mean_nothing() {
    let client = alice().with_workstation("LAPTOP");
    let server = server_with(|_| {});
    let attempt = |descriptor: usize, field: [u8; 8]| {
        let environment = &mut Fixed::default();
        let (negotiate, await_challenge) = client.initiate().unwrap();
        let (challenge, handshake) = server.challenge(&negotiate, environment).unwrap();
        let response = await_challenge.answer(&challenge, environment).unwrap();
        let mut message = response.token;
        message[descriptor..descriptor + 8].copy_from_slice(&field);
        // The client did it, so its MIC covers it.
        message[72..88].fill(0);
        let key = response.keys.exported_session_key().clone();
        let right = mic(&key, &[&negotiate, &challenge, &message]);
        message[72..88].copy_from_slice(&right);
        let claim = handshake.read(&message, environment)?;
        common::accept(claim, "correct horse")
    };
    let outside = [9, 0, 9, 0, 0, 0xff, 0, 0];
    let odd = [3, 0, 3, 0, 88, 0, 0, 0];
    for (descriptor, field) in [(44, outside), (44, odd), (12, outside)] {
        let accepted = attempt(descriptor, field).unwrap();
        assert!(accepted.mic_checked);
        assert_eq!(accepted.workstation.is_empty(), descriptor == 44);
    }
    for descriptor in [20, 28, 36] {
        let error = attempt(descriptor, outside).unwrap_err();
        assert!(matches!(error, Error::Wire(error) if error.offset() == descriptor));
    }
    for descriptor in [28, 36] {
        assert!(matches!(attempt(descriptor, odd), Err(Error::Unexpected(Unexpected::Text(_)))));
    }
}

/// Windows 10's event forwarder logs in anonymously, with a MIC, and then seals. Its key is exchanged
/// under a key exchange key of zeros, so everyone can compute it.
struct EventForwarder {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    authenticate: Vec<u8>,
}

impl EventForwarder {
    fn recorded() -> Self {
        Self {
            negotiate: unhex(
                "4e544c4d5353500001000000b78208e2000000000000000000000000000000000a00ba470000000f",
            ),
            challenge: unhex(
                "4e544c4d53535000020000001e001e003800000035828ae261439b986c049b610000000000000000\
                 98009800560000000a00ba470000000f570049004e002d004700300046003900420044004c004600\
                 47004c00470002001e00570049004e002d004700300046003900420044004c00460047004c004700\
                 01001e00570049004e002d004700300046003900420044004c00460047004c00470004001e004400\
                 450053004b0054004f0050002d0036004500460045004d004200420003001e004400450053004b00\
                 54004f0050002d0036004500460045004d0042004200070008006f3e6af82204d60100000000",
            ),
            authenticate: unhex(
                "4e544c4d535350000300000001000100760000000000000077000000000000005800000000000000\
                 580000001e001e00580000001000100077000000358a88e20a00ba470000000f983d324304ca5a71\
                 69d54cb88cb8a6e2570049004e002d005400320031004c0055004e00360044004a004b0036000004\
                 8d8961a5bef705839e8866a6913f2c",
            ),
        }
    }

    fn verdict(&self, set: impl FnOnce(&mut Policy)) -> Result<Accepted, Error> {
        let server = server_with(|policy| {
            policy.allow_anonymous = true;
            set(policy);
        });
        let told = Challenge::parse(&self.challenge).unwrap().target_info.unwrap().timestamp();
        let handshake = server.resume(&self.negotiate, &self.challenge)?;
        match handshake.read(&self.authenticate, &mut Fixed::at(told.unwrap()))? {
            Claim::Anonymous(claim) => claim.accept(),
            claim => panic!("{claim:?}"),
        }
    }
}

#[test]
fn anonymous_client_seals_with_a_key_that_everyone_knows_where_the_policy_says_so() {
    let recorded = EventForwarder::recorded();
    let allow = |policy: &mut Policy| policy.shared.allow_insecure_anonymous_keys = true;
    let accepted = recorded.verdict(allow).unwrap();
    let key = 0xda95_0020_0689_aa3f_0998_9601_f1ff_ad41_u128.to_be_bytes();
    assert_eq!(*accepted.keys.exported_session_key().expose(), key);
    assert!(accepted.keys.is_known_to_everyone());
    assert_eq!(accepted.keys.protection(), Protection::Seal);
    // Its MIC is right, so the key is; but it shows nothing.
    let message = Authenticate::parse(&recorded.authenticate).unwrap();
    let mut zeroed = recorded.authenticate.clone();
    zeroed[72..88].fill(0);
    let messages: [&[u8]; 3] = [&recorded.negotiate, &recorded.challenge, &zeroed];
    assert_eq!(message.mic, Some(mic(&ExportedSessionKey::from(key), &messages)));
    assert!(!accepted.mic_checked && !accepted.bindings_checked && accepted.spn().is_none());
    assert!(accepted.user().is_none());
    accepted.keys.into_session().unwrap();

    let by_default = recorded.verdict(|_| {}).unwrap();
    assert_eq!(by_default.keys.protection(), Protection::None);
    let refused = by_default.keys.into_session().unwrap_err();
    assert_eq!(refused, Misuse::NoSessionSecurity.into());
    for (demand, error) in [
        (
            (|policy| policy.shared.require = Flags::NEGOTIATE_SIGN) as fn(&mut Policy),
            Error::from(Refused::MissingFlags(Flags::NEGOTIATE_SIGN)),
        ),
        (|policy| policy.shared.require_mic = true, Denied::MicMissing.into()),
    ] {
        let result = recorded.verdict(|policy| {
            allow(policy);
            demand(policy);
        });
        assert_eq!(result.unwrap_err(), error);
    }
    // A key that was to be exchanged must be there.
    let mut without_key = EventForwarder::recorded();
    without_key.authenticate[52..54].fill(0);
    let error = without_key.verdict(allow).unwrap_err();
    assert_eq!(error, Unexpected::EncryptedSessionKey.into());
}

/// Both sides, and what they send each other.
#[test]
fn anonymous_client_and_server_of_this_crate_seal_for_each_other() {
    let mut policy = client::Policy::default();
    let anonymous = || Client::new(Credentials::anonymous()).with_protection(Protection::Seal);
    let server = server_with(|policy| {
        policy.allow_anonymous = true;
        policy.shared.allow_insecure_anonymous_keys = true;
    });
    let environment = &mut Fixed::default();
    let by_default = exchange(&anonymous(), &server, environment).unwrap_err();
    assert_eq!(by_default, Misuse::NoSessionSecurity.into());
    policy.shared.allow_insecure_anonymous_keys = true;
    let client = anonymous().with_policy(policy.clone());
    let (sent, handshake) = exchange(&client, &server, environment).unwrap();
    let claim = handshake.read(&sent.authenticate, environment).unwrap();
    let accepted = common::accept(claim, "").unwrap();
    assert!(sent.client_keys.is_known_to_everyone() && accepted.keys.is_known_to_everyone());
    // They say so in another process too.
    let exported = accepted.keys.export();
    let keys = ntlm::SessionKeys::import(exported.as_bytes()).unwrap();
    assert!(keys.is_known_to_everyone());
    let mut server_side = keys.into_session().unwrap();
    let mut client_side = sent.client_keys.into_session().unwrap();
    let mut message = *b"sealed, for everyone";
    let signature = client_side.seal(&mut message).unwrap();
    server_side.unseal(&mut message, &signature).unwrap();
    assert_eq!(&message, b"sealed, for everyone");
    // It never counts as a MIC.
    policy.shared.require_mic = true;
    let error = exchange(&anonymous().with_policy(policy), &server, environment).unwrap_err();
    assert_eq!(error, Refused::NoMic.into());
}

/// Network storage and home routers send no NetBIOS names, which [MS-NLMP] 3.1.5.1.2 demands where
/// messages are protected with NTLMv2.
#[test]
fn client_protects_messages_to_a_server_without_names_where_the_policy_says_so() {
    let challenge =
        unhex("4e544c4d53535000020000000000000000000000358208600123456789abcdef0000000000000000");
    let sealing = |client: Client| client.with_protection(Protection::Seal);
    let error = respond(&sealing(alice()), &challenge).unwrap_err();
    assert_eq!(error, Unexpected::NetbiosNames.into());
    let client = client_with(|policy| policy.allow_missing_netbios_names = true);
    let response = respond(&sealing(client), &challenge).unwrap();
    assert_eq!(response.keys.protection(), Protection::Seal);
}

/// FreeTDS 1.3.17 with `use ntlmv2 = no` sends an NTLM2 session response and drops the flag of extended
/// session security. Samba rejects it too; to guess would take an honest NTLMv1 client with a zeroed
/// LM field for another.
#[test]
fn ntlm2_session_response_without_its_flag_is_rejected() {
    let recorded = transcript("met-ref-samba-freetds-v1");
    let server = server_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.require_when_protected = Flags::empty();
    });
    assert_eq!(verdict(&server, &recorded).unwrap_err(), Denied::WrongPassword.into());
    // With the flag it would be right.
    let mut authenticate = recorded.bytes("authenticate").unwrap();
    authenticate[62] |= 0x08;
    let mut challenge = recorded.bytes("challenge").unwrap();
    challenge[22] |= 0x08;
    let mut changed = recorded.clone();
    changed["authenticate"] = common::hex(&authenticate).into();
    changed["challenge"] = common::hex(&challenge).into();
    let accepted = verdict(&server, &changed).unwrap();
    assert_eq!(accepted.identity.response(), Some(ResponseKind::Ntlm2Session));
}

/// NTLMv1 without extended session security makes the same key in every session of a user.
#[test]
fn messages_are_not_protected_with_a_key_that_no_challenge_changes() {
    let v1 = |allowed| {
        client_with(|policy| {
            policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
            policy.shared.require_when_protected = Flags::empty();
            policy.shared.allow_constant_key_exchange_key = allowed;
        })
        .with_protection(Protection::Sign)
    };
    let server = |allowed, extended| {
        server_with(|policy| {
            policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
            policy.shared.require_when_protected = Flags::empty();
            policy.shared.allow_constant_key_exchange_key = allowed;
            policy.shared.offer.set(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY, extended);
            policy.max_time_difference = Some(Duration::from_secs(60));
        })
    };
    let constant = Error::from(Refused::ConstantKeyExchangeKey);
    let environment = &mut Fixed::default();
    let error = exchange(&v1(false), &server(true, false), environment).unwrap_err();
    assert_eq!(error, constant);
    // The server rejects it with the first look, right or wrong password.
    let (sent, handshake) = exchange(&v1(true), &server(false, false), environment).unwrap();
    assert_eq!(handshake.read(&sent.authenticate, environment).unwrap_err(), constant);
    let outcome = common::log_in(&v1(true), &server(true, false), "correct horse");
    assert!(outcome.is_ok());
    // Without protection there is no session key to speak of.
    let unprotected = v1(false).with_protection(Protection::None);
    assert!(common::log_in(&unprotected, &server(false, false), "correct horse").is_ok());
    // With LM_KEY the key depends on the response, so on the challenge.
    let lm_key = Flags::NEGOTIATE_LM_KEY;
    let with_lm_key = client_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.offer |= lm_key;
    });
    let server = server_with(|policy| {
        policy.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.offer |= lm_key;
    });
    let client = with_lm_key.with_protection(Protection::Sign);
    let outcome = common::log_in(&client, &server, "correct horse").unwrap();
    assert!(outcome.accepted.keys.flags().contains(lm_key));
}
