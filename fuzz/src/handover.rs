//! States imported from another process.

use ntlm::error::{Error, Integrity, Misuse};
use ntlm::server::Names;
use ntlm::session::Signature;
use ntlm::{Server, Session};

pub fn server() -> Server {
    Server::new(Names::member("FILES", "EXAMPLE"))
}

/// A session in any state protects messages, or reports that it cannot. It rejects input that is
/// not a message.
pub fn assert_works(mut session: Session) {
    let mut message = *b"message";
    for result in [session.sign(&message), session.seal(&mut message)] {
        let excuses = [
            Misuse::NotNegotiated.into(),
            Error::from(Integrity::Closed),
            Integrity::Exhausted.into(),
        ];
        assert!(result.as_ref().err().is_none_or(|error| excuses.contains(error)), "{result:?}");
    }
    assert!(session.verify(&message, &Signature::from([2; 16])).is_err());
    assert!(session.unseal(&mut message, &Signature::from([0xff; 16])).is_err());
}
