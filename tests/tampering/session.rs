//! Protected messages, and the attacks of a man in the middle on them.

use ntlm::Error;
use ntlm::crypto::Side;
use ntlm::crypto::primitives::crc32;
use ntlm::session::{DatagramSession, Part, Session, Signature};
use ntlm::wire::NegotiateFlags as Flags;

use crate::notes;
use crate::outcome::{By, Keys, Outcome, Stopped};

/// A row of the table.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    run: fn(&Setting) -> Vec<Outcome>,
    pub(crate) note: Option<&'static str>,
}

/// A column of the table, as flags.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Extended,
    DatagramExtended,
    Legacy,
    DatagramLegacy,
}

impl Attack {
    /// The results in all sessions of this kind.
    pub(crate) fn outcomes(&self, kind: Kind) -> Vec<Outcome> {
        Setting::all(kind).iter().flat_map(self.run).collect()
    }

    const fn new(name: &'static str, run: fn(&Setting) -> Vec<Outcome>) -> Self {
        Self { name, run, note: None }
    }

    const fn possible_since(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }
}

pub(crate) const ATTACKS: &[Attack] = &[
    Attack::new("flip each bit of a message", |setting| {
        setting.each_bit(&|packet| &mut packet.message)
    }),
    Attack::new("flip each bit of a signature, without `RandomPad`", Setting::signature_bits),
    Attack::new("flip each bit of `RandomPad`", Setting::random_pad_bits),
    Attack::new("flip each bit of a clear part next to a sealed one", |setting| {
        setting.each_bit(&|packet| &mut packet.header)
    }),
    Attack::new(
        "flip each bit of a sealed message, and the corresponding bits of its checksum",
        Setting::linear_changes,
    )
    .possible_since(notes::LINEAR),
    Attack::new("truncate a message or its signature at each length, or add a byte", |setting| {
        [
            setting.each_length(|packet| &mut packet.message),
            setting.each_length(|packet| &mut packet.signature),
        ]
        .concat()
    }),
    Attack::new("sign a message with the dummy signature", |setting| {
        vec![setting.changed(&|packet| packet.signature = Signature::DUMMY.as_bytes().to_vec())]
    }),
    Attack::new("give a message the signature of another", |setting| vec![setting.exchanged()]),
    Attack::new("give a message another number", |setting| setting.renumbered()),
    Attack::new("drop a message", |setting| vec![setting.dropped()])
        .possible_since(notes::DATAGRAM),
    Attack::new("repeat a message", |setting| vec![setting.repeated()])
        .possible_since(notes::DATAGRAM),
    Attack::new("swap two messages", |setting| vec![setting.reordered()])
        .possible_since(notes::DATAGRAM),
    Attack::new("send a message back to its sender", |setting| vec![setting.sent_back()])
        .possible_since(notes::SENT_BACK),
];

/// The negotiated flags, and how messages are protected.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    flags: Flags,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Signed,
    Sealed,
    SealedWithHeader,
}

/// A message in transit.
#[derive(Clone)]
struct Packet {
    shape: Shape,
    number: u32,
    header: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// The messages that the peers send.
const MESSAGES: [&[u8]; 4] = [b"the first", b"the second", b"the third", b"the answer"];

impl Setting {
    fn all(kind: Kind) -> Vec<Self> {
        let common = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_128 | Flags::PROTECTION;
        let extended = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
        let exchange = Flags::NEGOTIATE_KEY_EXCH;
        let datagram = Flags::NEGOTIATE_DATAGRAM | exchange;
        let all_flags = match kind {
            Kind::Extended => vec![common | extended, common | extended | exchange],
            Kind::Legacy => vec![common, common | exchange],
            Kind::DatagramExtended => vec![common | extended | datagram],
            Kind::DatagramLegacy => vec![common | datagram],
        };
        let shapes: &[Shape] = match kind {
            // 3.4.3: it cannot seal.
            Kind::DatagramLegacy => &[Shape::Signed],
            _ => &[Shape::Signed, Shape::Sealed, Shape::SealedWithHeader],
        };
        let with = |flags: Flags| shapes.iter().map(move |shape| Self { flags, shape: *shape });
        all_flags.into_iter().flat_map(with).collect()
    }

    /// The client's messages, and the state of the peers after they were sent.
    fn start(&self) -> ([Packet; 3], Peers) {
        let mut peers = Peers::new(self.flags);
        let packets = [0, 1, 2].map(|number| peers.client.protect(self.shape, number));
        (packets, peers)
    }

    fn changed(&self, change: &dyn Fn(&mut Packet)) -> Outcome {
        let ([first, second, third], mut peers) = self.start();
        let mut changed = first.clone();
        change(&mut changed);
        match peers.server.take(&changed, &[&first, &second, &third]) {
            Ok(text) if text == (first.header, MESSAGES[0].to_vec()) => Outcome::NoEffect,
            result => Outcome::of_acceptance(result, "changed"),
        }
    }

    fn each_bit(&self, part: &dyn Fn(&mut Packet) -> &mut [u8]) -> Vec<Outcome> {
        let length = part(&mut self.start().0[0]).len();
        let flip = |bit: usize| self.changed(&|packet| part(packet)[bit / 8] ^= 1 << (bit % 8));
        (0..length * 8).map(flip).collect()
    }

    fn signature_bits(&self) -> Vec<Outcome> {
        if self.is_extended() {
            return self.each_bit(&|packet| &mut packet.signature);
        }
        let version = self.each_bit(&|packet| &mut packet.signature[..4]);
        let checksum_and_number = self.each_bit(&|packet| &mut packet.signature[8..]);
        [version, checksum_and_number].concat()
    }

    /// Only signatures without extended session security have it (2.2.2.9.1).
    fn random_pad_bits(&self) -> Vec<Outcome> {
        if self.is_extended() {
            return Vec::new();
        }
        self.each_bit(&|packet| &mut packet.signature[4..8])
    }

    /// CRC32 and RC4 are linear: a change of the message changes the checksum by the CRC32 of that
    /// change, whatever the key and the message are.
    fn linear_changes(&self) -> Vec<Outcome> {
        if self.shape == Shape::Signed {
            return Vec::new();
        }
        let length = MESSAGES[0].len();
        let flip = |bit: usize| {
            let mut change = vec![0; length];
            change[bit / 8] ^= 1 << (bit % 8);
            let checksum = crc32(&change) ^ crc32(&vec![0; length]);
            self.changed(&|packet| {
                xor(&mut packet.message, &change);
                xor(&mut packet.signature[8..12], &checksum.to_le_bytes());
            })
        };
        (0..length * 8).map(flip).collect()
    }

    fn is_extended(&self) -> bool {
        self.flags.contains(Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY)
    }

    fn each_length(&self, part: fn(&mut Packet) -> &mut Vec<u8>) -> Vec<Outcome> {
        let length = part(&mut self.start().0[0]).len();
        let resize = |length| self.changed(&|packet| part(packet).resize(length, 0));
        (0..length).chain([length + 1]).map(resize).collect()
    }

    fn exchanged(&self) -> Outcome {
        let (packets, _) = self.start();
        self.changed(&|packet| packet.signature.clone_from(&packets[1].signature))
    }

    /// Only datagrams carry their numbers beside the signature.
    fn renumbered(&self) -> Vec<Outcome> {
        if self.flags.contains(Flags::NEGOTIATE_DATAGRAM) {
            return vec![
                self.changed(&|packet| packet.number = 7),
                self.changed(&|packet| {
                    packet.number = 7;
                    packet.signature[12] ^= 7;
                }),
            ];
        }
        Vec::new()
    }

    fn dropped(&self) -> Outcome {
        let ([_, second, third], mut peers) = self.start();
        Outcome::of_acceptance(peers.server.take(&second, &[&third]), "not detected")
    }

    fn repeated(&self) -> Outcome {
        let ([first, second, _], mut peers) = self.start();
        peers.server.open(&first).unwrap();
        Outcome::of_acceptance(peers.server.take(&first, &[&second]), "accepted twice")
    }

    fn reordered(&self) -> Outcome {
        let ([first, second, third], mut peers) = self.start();
        let accepted = peers.server.take(&second, &[&first, &second, &third]);
        Outcome::of_acceptance(accepted, "not detected")
    }

    fn sent_back(&self) -> Outcome {
        let (packets, mut peers) = self.start();
        for packet in &packets {
            peers.server.open(packet).unwrap();
        }
        let answer = peers.server.protect(self.shape, 3);
        Outcome::of_acceptance(peers.client.take(&packets[0], &[&answer]), "accepted")
    }
}

struct Peers {
    client: Peer,
    server: Peer,
}

impl Peers {
    fn new(flags: Flags) -> Self {
        let keys = Keys { flags, key: [7; 16] };
        let peer = |side| {
            if flags.contains(Flags::NEGOTIATE_DATAGRAM) {
                Peer::Datagram(keys.datagram_session(side))
            } else {
                Peer::Connection(Box::new(keys.session(side)))
            }
        };
        Self { client: peer(Side::Client), server: peer(Side::Server) }
    }
}

enum Peer {
    Connection(Box<Session>),
    Datagram(DatagramSession),
}

/// The header and the message.
type Text = (Vec<u8>, Vec<u8>);

impl Peer {
    fn protect(&mut self, shape: Shape, number: usize) -> Packet {
        let header = if shape == Shape::SealedWithHeader { &b"header"[..] } else { b"" };
        let (header, mut message) = (header.to_vec(), MESSAGES[number].to_vec());
        let mut parts = parts(shape, &header, &mut message);
        let number = u32::try_from(number).unwrap();
        let signature = match self {
            Self::Connection(session) => session.seal_parts(&mut parts),
            Self::Datagram(session) => session.seal_parts(number, &mut parts),
        };
        let signature = signature.unwrap().as_bytes().to_vec();
        Packet { shape, number, header, message, signature }
    }

    /// Opens a packet; if it is rejected, reports whether the honest packets are still accepted.
    fn take(&mut self, packet: &Packet, honest: &[&Packet]) -> Result<Text, Stopped> {
        self.open(packet).map_err(|error| {
            let continues = honest.iter().all(|packet| self.open(packet).is_ok());
            Stopped::by(if continues { By::ReceiverContinues } else { By::ReceiverEnds })(error)
        })
    }

    fn open(&mut self, packet: &Packet) -> Result<Text, Error> {
        let mut message = packet.message.clone();
        let signature = Signature::try_from(&packet.signature[..])?;
        let mut parts = parts(packet.shape, &packet.header, &mut message);
        let opened = match self {
            Self::Connection(session) => session.unseal_parts(&mut parts, &signature),
            Self::Datagram(session) => session.unseal_parts(packet.number, &mut parts, &signature),
        };
        if opened.is_err() && packet.shape != Shape::Signed {
            let delivered = MESSAGES.iter().any(|text| message.starts_with(text));
            assert!(!delivered, "a rejected message is not decrypted, or is wiped");
        }
        opened.map(|()| (packet.header.clone(), message))
    }
}

fn xor(bytes: &mut [u8], change: &[u8]) {
    bytes.iter_mut().zip(change).for_each(|(byte, change)| *byte ^= change);
}

fn parts<'a>(shape: Shape, header: &'a [u8], message: &'a mut [u8]) -> Vec<Part<'a>> {
    match shape {
        Shape::Signed => vec![Part::Clear(message)],
        Shape::Sealed => vec![Part::Sealed(message)],
        Shape::SealedWithHeader => vec![Part::Clear(header), Part::Sealed(message)],
    }
}
