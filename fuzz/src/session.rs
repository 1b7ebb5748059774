//! Both ends of a session, and arbitrary operations on them.

use arbitrary::Arbitrary;
use ntlm::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use ntlm::error::{Error, Integrity, Misuse};
use ntlm::session::{Part, Protection, Receiver, Sender, Session, Signature};
use ntlm::wire::NegotiateFlags as Flags;

use crate::model::{Call, Channel, Form, Parts, Place, Stream};

/// A session and everything that happens to it.
#[derive(Arbitrary, Debug)]
pub struct Script<'a> {
    flags: u32,
    key: [u8; 16],
    /// The two directions on their own, this many messages before the last sequence number.
    halves: Option<u8>,
    operations: Vec<Operation<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    Send {
        by_client: bool,
        content: Content<'a>,
    },
    Deliver(Delivery),
    /// An end continues in another process.
    HandOver {
        client: bool,
    },
}

#[derive(Arbitrary, Debug)]
pub enum Content<'a> {
    Sign(&'a [u8]),
    Seal(&'a [u8]),
    Parts(Vec<(bool, &'a [u8])>),
    MechListMic(&'a [u8]),
}

/// A message that was sent arrives at an end, perhaps not for the first time, or not complete.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Delivery {
    to_client: bool,
    /// To the end that sent it.
    is_reflected: bool,
    /// Zero for the oldest message that was not delivered yet.
    which: u8,
    change: Change,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Change {
    Nothing,
    Message { bit: u16 },
    Signature { bit: u8 },
}

impl Change {
    pub fn apply(self, parts: &mut Parts, signature: Signature) -> Signature {
        let mut bytes = *signature.as_bytes();
        match self {
            Self::Nothing => {}
            Self::Signature { bit } => flip(bytes.iter_mut(), bit.into()),
            Self::Message { bit } => {
                flip(parts.iter_mut().flat_map(|(_, bytes)| bytes), bit.into());
            }
        }
        Signature::from(bytes)
    }
}

fn flip<'a>(bytes: impl Iterator<Item = &'a mut u8>, bit: usize) {
    let mut bytes: Vec<_> = bytes.collect();
    if !bytes.is_empty() {
        let at = bit / 8 % bytes.len();
        *bytes[at] ^= 1 << (bit % 8);
    }
}

impl Content<'_> {
    fn call(&self) -> Call {
        if matches!(self, Self::MechListMic(_)) { Call::MechListMic } else { Call::Message }
    }

    pub fn parts(&self) -> Parts {
        match self {
            Self::Sign(bytes) | Self::MechListMic(bytes) => vec![(false, bytes.to_vec())],
            Self::Seal(bytes) => vec![(true, bytes.to_vec())],
            Self::Parts(parts) => {
                parts.iter().map(|(is_sealed, bytes)| (*is_sealed, bytes.to_vec())).collect()
            }
        }
    }
}

/// A message in transit.
#[derive(Clone, Debug)]
struct Sent {
    call: Call,
    plain: Parts,
    parts: Parts,
    signature: Signature,
    place: Place,
}

impl Script<'_> {
    /// Runs all operations, and asserts the result of each.
    pub fn run(self) {
        let flags = Flags::from_bits_retain(self.flags ^ 0xe208_8235);
        let key = ExportedSessionKey::from(self.key);
        let mut ends = [Side::Client, Side::Server].map(|side| match self.halves {
            None => End::whole(flags, &key, side),
            Some(before) => End::halves(flags, &key, side, u32::MAX - u32::from(before % 4)),
        });
        for operation in &self.operations {
            match operation {
                Operation::Send { by_client, content } => {
                    let [client, server] = &mut ends;
                    if *by_client { client } else { server }.send(content);
                }
                Operation::Deliver(delivery) => {
                    let [client, server] = &mut ends;
                    let (to, from) =
                        if delivery.to_client { (client, server) } else { (server, client) };
                    to.receive(from, *delivery);
                }
                Operation::HandOver { client: is_client } => {
                    let [client, server] = &mut ends;
                    if *is_client { client } else { server }.halves.hand_over();
                }
            }
        }
    }
}

/// One end, and its invariants.
struct End {
    halves: Halves,
    protection: Protection,
    channel: Channel,
    form: Form,
    sending: Stream,
    receiving: Stream,
    sent: Vec<Sent>,
    delivered: usize,
}

#[allow(clippy::large_enum_variant, reason = "there are two of them")]
enum Halves {
    Together(Session),
    Apart(Sender, Receiver),
}

impl End {
    fn whole(flags: Flags, key: &ExportedSessionKey, side: Side) -> Self {
        let session = Session::new(flags, key, side);
        assert_eq!(session.protection(), Protection::from_flags(flags));
        Self::new(Halves::Together(session), Channel::of(flags), flags, 0)
    }

    fn halves(flags: Flags, key: &ExportedSessionKey, side: Side, sequence: u32) -> Self {
        let signing = |side| SigningKey::derive(flags, key, side);
        let sealing = |side| SealingKey::derive(flags, key, side);
        let peer = side.peer();
        let halves = Halves::Apart(
            Sender::with_keys(flags, signing(side).as_ref(), sealing(side), sequence),
            Receiver::with_keys(flags, signing(peer).as_ref(), sealing(peer), sequence),
        );
        Self::new(halves, Channel::Half, flags, sequence)
    }

    fn new(halves: Halves, channel: Channel, flags: Flags, sequence: u32) -> Self {
        let form = Form::of(flags);
        Self {
            halves,
            protection: Protection::from_flags(flags),
            channel,
            form,
            sending: Stream::new(form, sequence),
            receiving: Stream::new(form, sequence),
            sent: Vec::new(),
            delivered: 0,
        }
    }

    fn send(&mut self, content: &Content<'_>) {
        let (call, plain) = (content.call(), content.parts());
        let mut parts = plain.clone();
        let place = match self.channel.refuses(self.protection, call, &plain) {
            Some(misuse) => Err(misuse.into()),
            None => self.sending.next(call),
        };
        let result = self.halves.send(content, &mut parts);
        if self.channel == Channel::Dummy && matches!(content, Content::Sign(_)) {
            return assert_eq!(result, Ok(Signature::DUMMY));
        }
        assert_eq!(result.err(), place.err(), "{content:?}");
        let (Ok(signature), Ok(place)) = (result, place) else {
            return assert_eq!(parts, plain, "a message that cannot be sent is unchanged");
        };
        self.sending.advance(call, &plain);
        self.sent.push(Sent { call, plain, parts, signature, place });
    }

    fn receive(&mut self, from: &Self, delivery: Delivery) {
        let queue = if delivery.is_reflected { &self.sent } else { &from.sent };
        let Some(last) = queue.len().checked_sub(1) else { return };
        let sent = queue[(self.delivered + usize::from(delivery.which)) % (last + 1)].clone();
        let mut parts = sent.parts.clone();
        let signature = delivery.change.apply(&mut parts, sent.signature);
        let came = parts.clone();

        let result = self.halves.receive(sent.call, &mut parts, &signature);
        let is_own_key = delivery.is_reflected && self.form != Form::Legacy;
        let expected = self.expect(&sent, (&came, signature), !is_own_key);
        assert_eq!(result, expected, "{delivery:?} of {sent:?}");
        match result {
            Ok(()) => {
                assert_is_delivered(&parts, &sent.plain);
                self.receiving().advance(sent.call, &sent.plain);
                self.delivered += 1;
            }
            Err(Error::Integrity(Integrity::Checksum)) => assert_is_wiped(&parts, &came),
            Err(_) => assert_eq!(parts, came, "a message that was not decrypted is unchanged"),
        }
    }

    fn expect(
        &mut self,
        sent: &Sent,
        came: (&Parts, Signature),
        is_keyed: bool,
    ) -> Result<(), Error> {
        if let Some(misuse) = self.channel.refuses(self.protection, sent.call, came.0) {
            return Err(misuse.into());
        }
        let place = self.receiving().next(sent.call)?;
        self.receiving().admit(place, came.1)?;
        let is_intact = self.form.is_intact((&sent.parts, sent.signature), came);
        if is_intact && is_keyed && place == sent.place {
            return Ok(());
        }
        Err(self.receiving().close())
    }

    /// The stream with which this end receives, which may be the one with which it sends.
    fn receiving(&mut self) -> &mut Stream {
        if self.channel == Channel::Shared { &mut self.sending } else { &mut self.receiving }
    }
}

pub fn assert_is_delivered(parts: &Parts, plain: &Parts) {
    assert_eq!(parts, plain);
}

pub fn assert_is_wiped(parts: &Parts, came: &Parts) {
    for ((is_sealed, part), (_, came)) in parts.iter().zip(came) {
        if *is_sealed {
            assert!(part.iter().all(|byte| *byte == 0));
        } else {
            assert_eq!(part, came);
        }
    }
}

/// The parts for the crate. Each follows one that is neither signed nor sealed, which must change
/// nothing.
pub fn borrowed(parts: &mut Parts) -> Vec<Part<'_>> {
    let borrow = parts.iter_mut().flat_map(|(is_sealed, bytes)| {
        let part = match is_sealed {
            true => Part::Sealed(bytes),
            false => Part::Clear(bytes),
        };
        [Part::Unsigned(b"neither"), part]
    });
    borrow.collect()
}

impl Halves {
    fn hand_over(&mut self) {
        let Self::Together(session) = self else { return };
        let nothing =
            Session::new(Flags::empty(), &ExportedSessionKey::from([0; 16]), Side::Client);
        let exported = core::mem::replace(session, nothing).export();
        *session = Session::import(exported.as_bytes()).expect("it was exported");
    }

    fn send(&mut self, content: &Content<'_>, parts: &mut Parts) -> Result<Signature, Error> {
        match (self, content) {
            (Self::Together(session), Content::Sign(message)) => session.sign(message),
            (Self::Together(session), Content::Seal(_)) => session.seal(&mut parts[0].1),
            (Self::Together(session), Content::Parts(_)) => {
                session.seal_parts(&mut borrowed(parts))
            }
            (Self::Together(session), Content::MechListMic(list)) => session.mech_list_mic(list),
            (Self::Apart(sender, _), Content::Sign(message)) => sender.sign(message),
            (Self::Apart(sender, _), Content::Seal(_)) => sender.seal(&mut parts[0].1),
            (Self::Apart(sender, _), Content::Parts(_)) => sender.seal_parts(&mut borrowed(parts)),
            // Only a whole session supports it.
            (Self::Apart(..), Content::MechListMic(_)) => {
                Err(Misuse::NeedsExtendedSessionSecurity.into())
            }
        }
    }

    fn receive(
        &mut self,
        call: Call,
        parts: &mut Parts,
        signature: &Signature,
    ) -> Result<(), Error> {
        match (self, call, &mut parts[..]) {
            (Self::Together(session), Call::MechListMic, [(_, list)]) => {
                session.verify_mech_list_mic(list, signature)
            }
            (Self::Together(session), _, [(false, message)]) => session.verify(message, signature),
            (Self::Together(session), _, [(true, message)]) => session.unseal(message, signature),
            (Self::Together(session), ..) => session.unseal_parts(&mut borrowed(parts), signature),
            (Self::Apart(_, receiver), _, [(false, message)]) => {
                receiver.verify(message, signature)
            }
            (Self::Apart(_, receiver), _, [(true, message)]) => receiver.unseal(message, signature),
            (Self::Apart(_, receiver), ..) => {
                receiver.unseal_parts(&mut borrowed(parts), signature)
            }
        }
    }
}
