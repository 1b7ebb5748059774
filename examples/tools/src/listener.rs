//! Verifies and unseals recorded messages with the session key.

use ntlm::crypto::{ExportedSessionKey, SealingKey, Side, SigningKey};
use ntlm::error::Misuse;
use ntlm::session::{Protection, Receiver, Signature};
use ntlm::wire::NegotiateFlags;
use ntlm::{DatagramSession, Error, SessionKeys};

/// Reads both directions of a recorded session.
pub struct Listener {
    flags: NegotiateFlags,
    key: ExportedSessionKey,
    protection: Protection,
    client: Option<Receiver>,
    server: Option<Receiver>,
}

impl Listener {
    pub fn new(keys: &SessionKeys) -> Self {
        Self {
            flags: keys.flags(),
            key: keys.exported_session_key().clone(),
            protection: keys.protection(),
            client: None,
            server: None,
        }
    }

    /// Returns the plaintext of that side's next message, which consists of the signature and the
    /// signed or sealed data.
    pub fn read(&mut self, sender: Side, message: &[u8]) -> Result<Vec<u8>, Error> {
        let (signature, message) = message.split_at(message.len().min(16));
        let (signature, mut message) = (Signature::try_from(signature)?, message.to_vec());
        if self.flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM) {
            let session = DatagramSession::new(self.flags, &self.key, sender.peer());
            let sequence = signature.sequence();
            match self.protection {
                Protection::Seal => session.unseal(sequence, &mut message, &signature)?,
                _ => session.verify(sequence, &message, &signature)?,
            }
            return Ok(message);
        }
        let protection = self.protection;
        let receiver = self.receiver(sender, signature);
        match protection {
            Protection::Seal => receiver.unseal(&mut message, &signature)?,
            Protection::Sign => receiver.verify(&message, &signature)?,
            _ => return Err(Misuse::NotNegotiated.into()),
        }
        Ok(message)
    }

    fn receiver(&mut self, sender: Side, first: Signature) -> &mut Receiver {
        let Self { flags, ref key, .. } = *self;
        let is_extended = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        // After SPNEGO's `mechListMIC` the next message has the sequence number 1, and a fresh key
        // stream.
        let sequence = if is_extended { first.sequence() } else { 0 };
        let start = || {
            let signing_key = SigningKey::derive(flags, key, sender);
            let sealing_key = SealingKey::derive(flags, key, sender);
            Receiver::with_keys(flags, signing_key.as_ref(), sealing_key, sequence)
        };
        // Without extended session security both directions share one key stream.
        match sender {
            Side::Server if is_extended => self.server.get_or_insert_with(start),
            _ => self.client.get_or_insert_with(start),
        }
    }
}

#[cfg(test)]
mod tests {
    use ntlm::server::{Accepted, Names};
    use ntlm::{Os, Server};

    use super::*;
    use crate::recording::tests::{alice, exchange};
    use crate::recording::{Recording, Secret};

    fn verified(tokens: &[Vec<u8>]) -> Accepted {
        Recording::of(tokens).unwrap().verify(&Secret::from_password("correct horse")).unwrap()
    }

    fn sealed(seal: impl FnOnce(&mut [u8]) -> Result<Signature, Error>) -> Vec<u8> {
        let mut message = *b"a message";
        let signature = seal(&mut message).unwrap();
        [signature.as_bytes(), &message[..]].concat()
    }

    #[test]
    fn a_recording_is_verified_and_its_sealed_messages_are_read() {
        let (tokens, client, server) = exchange(&alice(Protection::Seal));
        let accepted = verified(&tokens);
        assert!(accepted.mic_checked);
        assert_eq!(
            accepted.keys.exported_session_key().expose(),
            client.exported_session_key().expose()
        );
        let mut listener = Listener::new(&accepted.keys);
        let mut client = client.into_session().unwrap();
        let mut server = server.into_session().unwrap();
        for _ in 0..2 {
            let message = sealed(|message| client.seal(message));
            assert_eq!(listener.read(Side::Client, &message).unwrap(), b"a message");
            let message = sealed(|message| server.seal(message));
            assert_eq!(listener.read(Side::Server, &message).unwrap(), b"a message");
        }
    }

    #[test]
    fn both_directions_of_a_session_after_spnegos_mic_are_read() {
        let (tokens, client, _) = exchange(&alice(Protection::Seal));
        let accepted = verified(&tokens);
        let mut client = client.into_session().unwrap();
        client.mech_list_mic(b"mechanisms").unwrap();
        let message = sealed(|message| client.seal(message));
        let mut listener = Listener::new(&accepted.keys);
        assert_eq!(listener.read(Side::Client, &message).unwrap(), b"a message");
    }

    #[test]
    fn signed_messages_are_checked() {
        let (tokens, client, _) = exchange(&alice(Protection::Sign));
        let accepted = verified(&tokens);
        let mut client = client.into_session().unwrap();
        let message = sealed(|message| client.sign(message));
        let mut changed = message.clone();
        changed[20] ^= 1;
        let read = |message: &[u8]| Listener::new(&accepted.keys).read(Side::Client, message);
        assert_eq!(read(&message).unwrap(), b"a message");
        assert!(matches!(read(&changed), Err(Error::Integrity(_))));
        assert!(read(&message[..15]).is_err());
    }

    #[test]
    fn datagrams_are_read_in_any_order() {
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        let (challenge, _) = server.challenge_datagram(&mut Os).unwrap();
        let response = alice(Protection::Seal).answer_datagram(&challenge, &mut Os).unwrap();
        let tokens = [challenge, response.token];
        let accepted = verified(&tokens);
        let session = response.keys.into_datagram_session().unwrap();
        let mut listener = Listener::new(&accepted.keys);
        for sequence in [7, 2] {
            let message = sealed(|message| session.seal(sequence, message));
            assert_eq!(listener.read(Side::Client, &message).unwrap(), b"a message");
        }
    }
}
