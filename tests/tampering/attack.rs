//! A man in the middle between client and server, who sees each message first and does not know the
//! password.

use core::cell::RefCell;

use ntlm::wire::NegotiateFlags as Flags;

use ntlm_testkit::fields;

use crate::exchange::{Change, Given, Setting, World};
use crate::messages;
use crate::outcome::{End, Keys, Outcome, Stopped};

/// A row of the table.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) how: How,
    /// If the attack is possible: why the protocol allows it, and which setting stops it.
    pub(crate) note: Option<&'static str>,
}

pub(crate) enum How {
    /// Each bit of these fields is flipped; each has the number of its message.
    Flip(&'static [&'static str]),
    /// Flags are cleared and others set, in each combination of the messages.
    Flags(fn() -> Vec<(Flags, Flags)>),
    Other(fn(&Honest) -> Vec<Outcome>),
}

impl Attack {
    pub(crate) const fn new(name: &'static str, how: How) -> Self {
        Self { name, how, note: None }
    }

    pub(crate) const fn possible_since(self, note: &'static str) -> Self {
        Self { name: self.name, how: self.how, note: Some(note) }
    }
}

/// The handshake without an attack.
pub(crate) struct Honest {
    pub(crate) setting: Setting,
    pub(crate) messages: Vec<Sent>,
    pub(crate) end: Result<End, Stopped>,
}

/// A message as it was sent.
pub(crate) struct Sent {
    pub(crate) number: usize,
    pub(crate) bytes: Vec<u8>,
    /// The name of the field that each byte belongs to, with the message's number.
    pub(crate) fields: Vec<String>,
}

impl Sent {
    fn new(number: usize, bytes: &[u8]) -> Self {
        let name = |byte| format!("{number} {}", messages::field(bytes, byte));
        Self { number, bytes: bytes.to_vec(), fields: (0..bytes.len()).map(name).collect() }
    }
}

impl Honest {
    pub(crate) fn new(setting: Setting) -> Self {
        Self::in_world(setting, World::HONEST)
    }

    /// Another handshake of the same peers.
    pub(crate) fn another(&self) -> Self {
        Self::in_world(self.setting, World { randomness: 51, ..World::HONEST })
    }

    fn in_world(setting: Setting, world: World) -> Self {
        let messages = RefCell::new(Vec::new());
        let end = setting.run(world, &|number, bytes| {
            messages.borrow_mut().push(Sent::new(number, bytes));
        });
        Self { setting, messages: messages.into_inner(), end }
    }

    /// The message of this number, if there is one.
    pub(crate) fn message(&self, number: usize) -> Option<&Vec<u8>> {
        self.messages.iter().find(|sent| sent.number == number).map(|sent| &sent.bytes)
    }

    pub(crate) fn suffers(&self, how: &How) -> Vec<Outcome> {
        match how {
            How::Flip(fields) => self.flip(fields),
            How::Flags(changes) => {
                changes().into_iter().flat_map(|change| self.change_flags(change)).collect()
            }
            How::Other(attack) => attack(self),
        }
    }

    /// The result of messages that are changed in transit.
    pub(crate) fn tampered(&self, change: &Change<'_>) -> Outcome {
        self.compare(self.setting.run(World::HONEST, change))
    }

    fn compare(&self, result: Result<End, Stopped>) -> Outcome {
        match (result, &self.end) {
            (Err(stopped), _) => Outcome::Refused(stopped),
            (Ok(end), Ok(honest)) => end.compared_with(honest),
            (Ok(_), Err(_)) => Outcome::Possible("accepted".into()),
        }
    }

    /// The same for the message of this number, if it exists and the change affects it.
    pub(crate) fn tampered_in(
        &self,
        number: usize,
        change: impl Fn(&mut Vec<u8>),
    ) -> Option<Outcome> {
        let sent = self.message(number)?;
        let mut changed = sent.clone();
        change(&mut changed);
        if changed == *sent {
            return None;
        }
        if number == 3 {
            return Some(self.answered(&changed));
        }
        Some(self.tampered(&|current, message| {
            if current == number {
                change(message);
            }
        }))
    }

    /// The result of another last message.
    pub(crate) fn answered(&self, authenticate: &[u8]) -> Outcome {
        self.compare(self.answer(authenticate))
    }

    /// The server's verdict on another last message. Only the server receives that message, so only
    /// the server continues from the first two messages, which is faster.
    pub(crate) fn answer(&self, authenticate: &[u8]) -> Result<End, Stopped> {
        let negotiate = self.message(1).cloned().unwrap_or_default();
        let challenge = self.message(2).unwrap().clone();
        let handshake = self.setting.server(Given::RIGHT).resume(&negotiate, &challenge).unwrap();
        let accepted = World::HONEST.finish(handshake, authenticate)?;
        let clients_keys = self.end.as_ref().map_or(Keys::NONE, |honest| honest.client);
        Ok(End::new(clients_keys, &accepted))
    }

    /// The result of a handshake in which no message is changed, but the circumstances are.
    pub(crate) fn in_other_circumstances(&self, world: World, what: &str) -> Outcome {
        Outcome::of_acceptance(self.setting.run(world, &|_, _| {}), what)
    }

    pub(crate) fn relayed(&self, given: Given) -> Outcome {
        self.in_other_circumstances(World { given, ..World::HONEST }, "relayed")
    }

    fn flip(&self, fields: &[&str]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for sent in &self.messages {
            let bytes = sent.fields.iter().enumerate();
            for (byte, _) in bytes.filter(|(_, field)| fields.contains(&field.as_str())) {
                let flip =
                    |bit: u8| self.tampered_in(sent.number, |message| message[byte] ^= 1 << bit);
                outcomes.extend((0..8).filter_map(flip));
            }
        }
        outcomes
    }

    fn change_flags(&self, (clear, set): (Flags, Flags)) -> Vec<Outcome> {
        let changed = |message: &[u8]| (fields::flags(message) - clear) | set;
        let is_in = |combination: u8, number: usize| combination & (1 << number) != 0;
        let changes_something = |combination: &u8| {
            self.messages.iter().any(|sent| {
                is_in(*combination, sent.number)
                    && changed(&sent.bytes) != fields::flags(&sent.bytes)
            })
        };
        let outcome = |combination| {
            self.tampered(&|number, message| {
                if is_in(combination, number) {
                    let flags = changed(message);
                    fields::set_flags(message, flags);
                }
            })
        };
        // Bits 1 to 3 stand for the messages.
        (2..16).step_by(2).filter(changes_something).map(outcome).collect()
    }
}
