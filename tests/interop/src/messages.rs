//! What the two sides say to each other under protection.

use ntlm::session::{Protection, Session, Signature};

use crate::bridge::Bridge;

/// What a peer can do after the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    pub tells_key: bool,
    pub signs: bool,
    pub seals: bool,
    /// Whether it signs and seals messages of no bytes.
    pub protects_nothing: bool,
    /// Whether it protects messages without extended session security.
    pub does_legacy: bool,
    /// Whether its client sends NTLMv2 responses, whatever a mode says.
    pub sends_ntlmv2_alone: bool,
}

impl Abilities {
    pub const ALL: Self = Self {
        tells_key: true,
        signs: true,
        seals: true,
        protects_nothing: true,
        does_legacy: true,
        sends_ntlmv2_alone: false,
    };
    /// It only logs in.
    pub const NONE: Self = Self {
        tells_key: false,
        signs: false,
        seals: false,
        protects_nothing: false,
        does_legacy: false,
        sends_ntlmv2_alone: false,
    };

    /// Whether it protects messages at all.
    pub fn protects(self, is_extended: bool) -> bool {
        (self.signs || self.seals) && (is_extended || self.does_legacy)
    }
}

/// Several messages in each direction, signed and sealed in turn, of odd lengths; then a changed
/// one, sealed or else signed, which each refuses.
///
/// # Errors
/// If one is not understood, or a changed one is.
pub fn converse(
    bridge: &mut Bridge,
    mut session: Session,
    abilities: Abilities,
) -> Result<(), String> {
    let long = vec![0x5a; 70_001];
    let all: [&[u8]; 6] = [b"a message", b"", b"\0", "grün ☃".as_bytes(), &long, b"the last"];
    let seals = abilities.seals && session.protection() == Protection::Seal;
    let signs = abilities.signs && session.protection() != Protection::None;
    for message in all {
        if message.is_empty() && !abilities.protects_nothing {
            continue;
        }
        if seals {
            seal_for_peer(bridge, &mut session, message)?;
            unseal_from_peer(bridge, &mut session, message)?;
            seal_for_peer(bridge, &mut session, message)?;
        }
        if signs {
            sign_for_peer(bridge, &mut session, message)?;
            verify_from_peer(bridge, &mut session, message)?;
            verify_from_peer(bridge, &mut session, message)?;
        }
    }
    if seals {
        return changed_sealed_messages_are_refused(bridge, session);
    }
    if signs { changed_signed_messages_are_refused(bridge, session) } else { Ok(()) }
}

/// What we sealed, the peer reads.
///
/// # Errors
/// If not.
pub fn seal_for_peer(
    bridge: &mut Bridge,
    session: &mut Session,
    message: &[u8],
) -> Result<(), String> {
    let read = bridge.unseal(&seal(session, message))?;
    expect(read == message, "the peer reads something else")
}

/// What the peer sealed, we read.
///
/// # Errors
/// If not.
pub fn unseal_from_peer(
    bridge: &mut Bridge,
    session: &mut Session,
    message: &[u8],
) -> Result<(), String> {
    let sealed = bridge.seal(message)?;
    let read = unseal(session, &sealed).map_err(|error| format!("unseal: {error:?}"))?;
    expect(read == message, "we read something else")
}

/// What we signed, the peer believes.
///
/// # Errors
/// If not.
pub fn sign_for_peer(
    bridge: &mut Bridge,
    session: &mut Session,
    message: &[u8],
) -> Result<(), String> {
    let signature = session.sign(message).map_err(|error| format!("sign: {error:?}"))?;
    bridge.verify(message, signature.as_bytes())
}

/// What the peer signed, we believe.
///
/// # Errors
/// If not.
pub fn verify_from_peer(
    bridge: &mut Bridge,
    session: &mut Session,
    message: &[u8],
) -> Result<(), String> {
    let signature = bridge.sign(message)?;
    let verified = Signature::try_from(&signature[..])
        .map_err(ntlm::Error::from)
        .and_then(|signature| session.verify(message, &signature));
    verified.map_err(|error| format!("verify: {error:?}"))
}

/// Signature and ciphertext.
///
/// # Panics
/// If sealing was not negotiated.
pub fn seal(session: &mut Session, message: &[u8]) -> Vec<u8> {
    let mut sealed = message.to_vec();
    let signature = session.seal(&mut sealed).expect("sealing was negotiated");
    [signature.as_bytes(), &sealed[..]].concat()
}

/// Takes signature and ciphertext.
///
/// # Errors
/// If it was changed.
pub fn unseal(session: &mut Session, sealed: &[u8]) -> Result<Vec<u8>, ntlm::Error> {
    let (signature, message) = sealed.split_at(sealed.len().min(16));
    let mut message = message.to_vec();
    session.unseal(&mut message, &Signature::try_from(signature)?)?;
    Ok(message)
}

/// The last thing that a session does, in either direction.
fn changed_sealed_messages_are_refused(
    bridge: &mut Bridge,
    session: Session,
) -> Result<(), String> {
    let (mut session, mut deceived) = twins(session);
    let theirs = bridge.seal(ORDER)?;
    let refusal = unseal(&mut deceived, &changed(&theirs));
    expect(matches!(refusal, Err(ntlm::Error::Integrity(_))), "we believe a changed message")?;
    expect(unseal(&mut session, &theirs).is_ok(), "we do not believe what was not changed")?;
    let ours = seal(&mut session, ORDER);
    expect(bridge.unseal(&changed(&ours)).is_err(), "the peer believes a changed message")
}

/// The same with what travels in clear.
fn changed_signed_messages_are_refused(
    bridge: &mut Bridge,
    session: Session,
) -> Result<(), String> {
    let (mut session, mut deceived) = twins(session);
    let theirs = bridge.sign(ORDER)?;
    let signature = Signature::try_from(&theirs[..]).map_err(|error| error.to_string())?;
    let refusal = deceived.verify(&changed(ORDER), &signature);
    expect(matches!(refusal, Err(ntlm::Error::Integrity(_))), "we believe a changed message")?;
    let belief = session.verify(ORDER, &signature);
    expect(belief.is_ok(), "we do not believe what was not changed")?;
    let ours = session.sign(ORDER).map_err(|error| format!("sign: {error:?}"))?;
    let refusal = bridge.verify(&changed(ORDER), ours.as_bytes());
    expect(refusal.is_err(), "the peer believes a changed message")
}

/// A session and its equal: whoever refuses a message does not go on, and without extended session
/// security would not even send.
fn twins(session: Session) -> (Session, Session) {
    let exported = session.export();
    let twin = || Session::import(exported.as_bytes()).expect("it was just exported");
    (twin(), twin())
}

fn changed(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    *message.last_mut().expect("it is not empty") ^= 1;
    message
}

fn expect(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// What somebody would like to change.
const ORDER: &[u8] = b"pay mallory 100";
