//! One comparison of something secret with what a peer sent, to be counted by callgrind: of this
//! kind, with what was sent wrong at this place.
//!
//! ```text
//! compare KIND first|middle|last|nowhere
//! ```
//!
//! It prints `equal` or `refused`. Everything but the comparison and what belongs to it is done
//! outside of [`measured`].

use std::env;
use std::hint::black_box;
use std::ops::Range;

use ntlm::crypto::{ExportedSessionKey, LmHash, ResponseKey, Side};
use ntlm::error::Rejection;
use ntlm::server::{Accepted, Claim, Names, Policy, UserClaim};
use ntlm::session::Signature;
use ntlm::wire::{Authenticate, LmResponse, NegotiateFlags as Flags, NtResponse};
use ntlm::{
    Ascii, ChannelBindings, Client, Credentials, DatagramSession, Error, LmCompatibility, NtHash,
    Server, Session, client,
};
use ntlm_testkit::Fixed;

fn main() {
    let mut arguments = env::args().skip(1);
    let (kind, place) = (arguments.next(), arguments.next());
    let at = match place.as_deref() {
        Some("first") => Some(Place::First),
        Some("middle") => Some(Place::Middle),
        Some("last") => Some(Place::Last),
        Some("nowhere") => None,
        place => panic!("no place: {place:?}"),
    };
    let is_equal = match kind.as_deref() {
        Some("control") => control(at),
        Some("key") => key(at),
        Some("ntlmv2") => response(LmCompatibility::SendNtlmv2, 0..16, at),
        Some("matches") => matches(at),
        Some("ntlm2-session") => response(LmCompatibility::SendNtlm, 0..24, at),
        Some("ntlmv1") => response(LmCompatibility::SendLmAndNtlm, 0..24, at),
        Some("lm") => lm_field(lm_response(), 24, at),
        Some("lmv2") => lm_field(lmv2_response(), 16, at),
        Some("mic") => mic(at),
        Some("bindings") => bindings(at),
        Some("verify") => verify(EXTENDED, 4..12, at),
        Some("verify-legacy") => verify(LEGACY, 8..16, at),
        Some("unseal") => unseal(EXTENDED, 4..12, at),
        Some("unseal-legacy") => unseal(LEGACY, 8..16, at),
        Some("unseal-text") => unseal_text(at),
        Some("mechListMIC") => mech_list_mic(at),
        Some("datagram") => datagram(at),
        Some(kind) => rejected(kind),
        None => panic!("no kind"),
    };
    println!("{}", if is_equal { "equal" } else { "refused" });
}

/// What callgrind counts.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[derive(Clone, Copy)]
enum Place {
    First,
    Middle,
    Last,
}

/// Changes a byte, if a place is given.
fn spoil(bytes: &mut [u8], at: Option<Place>) {
    let place = match at {
        None => return,
        Some(Place::First) => 0,
        Some(Place::Middle) => bytes.len() / 2,
        Some(Place::Last) => bytes.len() - 1,
    };
    bytes[place] ^= 0x55;
}

/// So that the count can differ: a comparison that stops at the first difference.
fn control(at: Option<Place>) -> bool {
    let right = black_box([7_u8; 16]);
    let mut sent = right;
    spoil(&mut sent, at);
    let sent = black_box(sent);
    measured(|| {
        for (one, other) in right.iter().zip(&sent) {
            if black_box(one) != black_box(other) {
                return false;
            }
        }
        true
    })
}

fn key(at: Option<Place>) -> bool {
    let right = NtHash::from([7; 16]);
    let mut sent = [7; 16];
    spoil(&mut sent, at);
    let sent = NtHash::from(sent);
    measured(|| right == sent)
}

/// An exchange whose AUTHENTICATE is changed on the way.
struct Exchange {
    client: Client,
    server: Server,
}

impl Exchange {
    fn at(level: LmCompatibility) -> Self {
        let mut ours = client::Policy::default();
        ours.shared.lm_compatibility = level;
        let mut theirs = Policy::default();
        theirs.shared.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        theirs.allow_lmv2_alone = true;
        let client = Client::new(Credentials::password("EXAMPLE\\alice", PASSWORD));
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        Self { client: client.with_policy(ours), server: server.with_policy(theirs) }
    }

    fn claim(&self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> UserClaim {
        let environment = &mut Fixed::default();
        let (negotiate, await_challenge) = self.client.initiate().expect("a first message");
        let (challenge, handshake) =
            self.server.challenge(&negotiate, environment).expect("a challenge");
        let token = await_challenge.answer(&challenge, environment).expect("an answer").token;
        match handshake.read(&change(&token), environment).expect("a claim") {
            Claim::User(claim) => claim,
            Claim::Anonymous(_) => panic!("alice has a name"),
        }
    }

    fn is_accepted(&self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> bool {
        let (claim, nt_hash) = (self.claim(change), NtHash::from_password(PASSWORD));
        let lm_hash = LmHash::from_password(PASSWORD, &Ascii);
        measured(|| claim.verify_hashes(&nt_hash, lm_hash.as_ref()).is_ok())
    }
}

const PASSWORD: &str = "correct horse";

/// The NT response is wrong somewhere in these bytes of it.
fn response(level: LmCompatibility, place: Range<usize>, at: Option<Place>) -> bool {
    Exchange::at(level).is_accepted(|token| with_spoiled_response(token, place, at))
}

fn matches(at: Option<Place>) -> bool {
    let exchange = Exchange::at(LmCompatibility::SendNtlmv2);
    let claim = exchange.claim(|token| with_spoiled_response(token, 0..16, at));
    let nt_hash = NtHash::from_password(PASSWORD);
    measured(|| claim.proof_matches(&nt_hash))
}

/// `RESPONSE of ACCOUNT`: a response of this kind, for an account that does not exist, or has another
/// password, with or without an LM hash.
fn rejected(kind: &str) -> bool {
    let (response, account) = kind.split_once(" of ").expect("RESPONSE of ACCOUNT");
    let claim = match response {
        "NTLMv2" => Exchange::at(LmCompatibility::SendNtlmv2).claim(<[u8]>::to_vec),
        "NTLM2 session" => Exchange::at(LmCompatibility::SendNtlm).claim(<[u8]>::to_vec),
        "NTLMv1" => Exchange::at(LmCompatibility::SendLmAndNtlm).claim(<[u8]>::to_vec),
        "LM" => Exchange::at(LmCompatibility::SendLmAndNtlm).claim(|token| {
            let message = Authenticate::parse(token).expect("an AUTHENTICATE");
            let (nt_response, lm) = (NtResponse::Empty, lm_response());
            emit(&Authenticate { nt_response, lm_response: LmResponse::new(&lm), ..message })
        }),
        response => panic!("no response: {response}"),
    };
    let guess = NtHash::from_password("a guess");
    let lm_guess = LmHash::from_password("a guess", &Ascii).expect("it is short");
    let verify: fn(UserClaim, &NtHash, &LmHash) -> Result<Accepted, Error> = match account {
        "nobody" => |claim, _, _| claim.reject(Rejection::UnknownUser),
        "a user" => |claim, nt_hash, _| claim.verify_nt_hash(nt_hash),
        "a user with an LM hash" => {
            |claim, nt_hash, lm_hash| claim.verify_hashes(nt_hash, Some(lm_hash))
        }
        account => panic!("no account: {account}"),
    };
    measured(|| verify(claim, &guess, &lm_guess)).is_ok()
}

fn with_spoiled_response(token: &[u8], place: Range<usize>, at: Option<Place>) -> Vec<u8> {
    let message = Authenticate::parse(token).expect("an AUTHENTICATE");
    let mut response = message.nt_response.as_bytes().to_vec();
    // A right one goes as it is: the MIC covers the message.
    if at.is_none() {
        return token.to_vec();
    }
    spoil(&mut response[place], at);
    let nt_response = NtResponse::parse(&response).expect("it is one still");
    emit(&Authenticate { nt_response, ..message })
}

/// Only a response in the LM field, wrong somewhere in its first bytes.
fn lm_field(mut response: [u8; 24], len: usize, at: Option<Place>) -> bool {
    spoil(&mut response[..len], at);
    Exchange::at(LmCompatibility::SendLmAndNtlm).is_accepted(|token| {
        let message = Authenticate::parse(token).expect("an AUTHENTICATE");
        let lm_response = LmResponse::new(&response);
        emit(&Authenticate { nt_response: NtResponse::Empty, lm_response, ..message })
    })
}

/// What a server draws first in the fixed environment.
const CHALLENGE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn lm_response() -> [u8; 24] {
    let hash = LmHash::from_password(PASSWORD, &Ascii).expect("it is short");
    hash.lm_response(&CHALLENGE)
}

fn lmv2_response() -> [u8; 24] {
    let hash = NtHash::from_password(PASSWORD);
    let key = ResponseKey::new(&hash, &"alice".into(), &"EXAMPLE".into());
    key.lmv2_response(&CHALLENGE, &[9; 8])
}

fn mic(at: Option<Place>) -> bool {
    Exchange::at(LmCompatibility::SendNtlmv2).is_accepted(|token| {
        let mut token = token.to_vec();
        spoil(&mut token[72..88], at);
        token
    })
}

fn bindings(at: Option<Place>) -> bool {
    let right = [7; 16];
    let mut sent = right;
    spoil(&mut sent, at);
    let Exchange { client, server } = Exchange::at(LmCompatibility::SendNtlmv2);
    let client = client.with_channel_bindings(ChannelBindings::from_md5(sent));
    let server = server.with_channel_bindings(ChannelBindings::from_md5(right));
    Exchange { client, server }.is_accepted(<[u8]>::to_vec)
}

fn emit(message: &Authenticate<'_>) -> Vec<u8> {
    let mut token = Vec::new();
    message.emit(&mut token).expect("it fits");
    token
}

/// SIGN and SEAL with extended session security, 128 bits and key exchange, and without.
const EXTENDED: Flags = Flags::from_bits_retain(0xe208_8235);
const LEGACY: Flags = Flags::from_bits_retain(0x0200_0235);
const TEXT: [u8; 300] = [0x5a; 300];

fn session(flags: Flags, side: Side) -> Session {
    Session::new(flags, &ExportedSessionKey::from([7; 16]), side)
}

/// A signature that is wrong somewhere in these bytes of it.
fn wrong(signature: Signature, place: Range<usize>, at: Option<Place>) -> Signature {
    let mut bytes = *signature.as_bytes();
    spoil(&mut bytes[place], at);
    bytes.into()
}

fn verify(flags: Flags, place: Range<usize>, at: Option<Place>) -> bool {
    let signature = session(flags, Side::Client).sign(&TEXT).expect("signed");
    let (signature, mut server) = (wrong(signature, place, at), session(flags, Side::Server));
    measured(|| server.verify(&TEXT, &signature).is_ok())
}

fn unseal(flags: Flags, place: Range<usize>, at: Option<Place>) -> bool {
    let mut message = TEXT;
    let signature = session(flags, Side::Client).seal(&mut message).expect("sealed");
    let (signature, mut server) = (wrong(signature, place, at), session(flags, Side::Server));
    measured(|| server.unseal(&mut message, &signature).is_ok())
}

fn unseal_text(at: Option<Place>) -> bool {
    let mut message = TEXT;
    let signature = session(EXTENDED, Side::Client).seal(&mut message).expect("sealed");
    spoil(&mut message, at);
    let mut server = session(EXTENDED, Side::Server);
    measured(|| server.unseal(&mut message, &signature).is_ok())
}

fn mech_list_mic(at: Option<Place>) -> bool {
    let signature = session(EXTENDED, Side::Client).mech_list_mic(&TEXT).expect("signed");
    let (signature, mut server) = (wrong(signature, 4..12, at), session(EXTENDED, Side::Server));
    measured(|| server.verify_mech_list_mic(&TEXT, &signature).is_ok())
}

fn datagram(at: Option<Place>) -> bool {
    let flags = EXTENDED | Flags::NEGOTIATE_DATAGRAM;
    let session = |side| DatagramSession::new(flags, &ExportedSessionKey::from([7; 16]), side);
    let mut message = TEXT;
    let signature = session(Side::Client).seal(7, &mut message).expect("sealed");
    let (signature, server) = (wrong(signature, 4..12, at), session(Side::Server));
    measured(|| server.unseal(7, &mut message, &signature).is_ok())
}
