//! Both ends of a connectionless session, and arbitrary datagrams between them.

use arbitrary::Arbitrary;
use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::error::{Error, Integrity, Misuse};
use ntlm::session::{DatagramSession, Protection, Signature};
use ntlm::wire::NegotiateFlags as Flags;

use crate::model::Form;
use crate::session::{Change, Content, assert_is_delivered, assert_is_wiped, borrowed};

/// A session, and datagrams that are independent of each other.
#[derive(Arbitrary, Debug)]
pub struct Datagrams<'a> {
    flags: u32,
    key: [u8; 16],
    datagrams: Vec<Datagram<'a>>,
}

#[derive(Arbitrary, Debug)]
struct Datagram<'a> {
    sequence: u32,
    content: Content<'a>,
    /// The bits by which the sequence number differs on arrival.
    other_sequence: u32,
    change: Change,
    is_reflected: bool,
}

impl Datagrams<'_> {
    /// Passes all datagrams, and asserts the result of each.
    pub fn run(self) {
        let flags = Flags::from_bits_retain(self.flags ^ 0xe208_8275);
        let key = ExportedSessionKey::from(self.key);
        let [client, server] =
            [Side::Client, Side::Server].map(|side| DatagramSession::new(flags, &key, side));
        let form = Form::of(flags);
        assert!(client.protection() <= Protection::from_flags(flags));
        for datagram in &self.datagrams {
            let receiver = if datagram.is_reflected { &client } else { &server };
            datagram.pass(&client, receiver, form);
        }
    }
}

impl Datagram<'_> {
    fn pass(&self, sender: &DatagramSession, receiver: &DatagramSession, form: Form) {
        let plain = self.content.parts();
        let mut parts = plain.clone();
        let sealed = parts.iter().any(|(is_sealed, _)| *is_sealed);
        let refused = match () {
            () if sealed && form == Form::Legacy => Some(Misuse::NeedsExtendedSessionSecurity),
            () if sealed && sender.protection() < Protection::Seal => Some(Misuse::NotNegotiated),
            () if sender.protection() < Protection::Sign => Some(Misuse::NotNegotiated),
            () => None,
        };
        let result = sender.seal_parts(self.sequence, &mut borrowed(&mut parts));
        let Ok(signature) = result else {
            assert_eq!(result.err(), refused.map(Error::from));
            return assert_eq!(parts, plain, "a message that cannot be sent is unchanged");
        };
        assert_eq!(refused, None);

        let sent = parts.clone();
        let came_with = self.change.apply(&mut parts, signature);
        let came = parts.clone();
        let sequence = self.sequence ^ self.other_sequence;
        let result = receiver.unseal_parts(sequence, &mut borrowed(&mut parts), &came_with);
        // Without extended session security, both directions have the same key.
        let is_keyed = !self.is_reflected || form == Form::Legacy;
        let is_intact = form.is_intact((&sent, signature), (&came, came_with));
        let is_right = is_intact && is_keyed && self.other_sequence == 0;
        assert_eq!(result, expected(came_with, sequence, form, is_right));
        match result {
            Ok(()) => assert_is_delivered(&parts, &plain),
            Err(Error::Integrity(Integrity::Checksum)) => assert_is_wiped(&parts, &came),
            Err(_) => assert_eq!(parts, came, "a message that was not decrypted is unchanged"),
        }
    }
}

fn expected(signature: Signature, sequence: u32, form: Form, is_right: bool) -> Result<(), Error> {
    let has_other_number = || signature.sequence() != sequence;
    match () {
        () if !signature.as_bytes().starts_with(&[1, 0, 0, 0]) => Err(Integrity::Version.into()),
        () if form != Form::Legacy && has_other_number() => Err(Integrity::Sequence.into()),
        () if is_right => Ok(()),
        () => Err(Integrity::Checksum.into()),
    }
}
