//! The `mechListMIC`s of one negotiation (RFC 4178, 5; [MS-SPNG] 3.3.5.1).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::MicError;
use crate::session::SessionKeys;
use crate::wire::Signature;

/// The keys of the handshake, and the list that both sides sign with them.
#[derive(Debug)]
pub(super) struct SignedList {
    mech_types: Vec<u8>,
    /// In one place while the state around it moves, because each move would leave a copy.
    keys: Box<SessionKeys>,
}

impl SignedList {
    pub(super) fn new(mech_types: Vec<u8>, keys: SessionKeys) -> Self {
        Self { mech_types, keys: Box::new(keys) }
    }

    /// Whether the keys can sign. Without SIGN, the "signature" would be a constant, which pyspnego
    /// sends all the same. Without extended session security it would be a CRC, which Samba sends;
    /// Windows is not known to. Anonymous clients and guests have no key.
    pub(super) fn can_sign(&self) -> bool {
        self.keys.can_sign_mech_types()
    }

    /// Makes this side's `mechListMIC`. Call it if [`can_sign`](Self::can_sign) says so, and once.
    pub(super) fn sign(&mut self) -> [u8; 16] {
        *self.keys.sign_mech_types(&self.mech_types).as_bytes()
    }

    /// Verifies the peer's.
    pub(super) fn verify(&mut self, mic: &[u8]) -> Result<(), MicError> {
        if !self.can_sign() {
            return Err(MicError::NoKey);
        }
        let mic = <[u8; 16]>::try_from(mic).map_err(|_| MicError::Wrong)?;
        let is_right = self.keys.verify_mech_types(&self.mech_types, &Signature::from(mic));
        if is_right { Ok(()) } else { Err(MicError::Wrong) }
    }

    /// The keys, of which a session starts after the signatures that were made.
    pub(super) fn into_keys(self) -> SessionKeys {
        // Taken out of the box, the keys would stay behind in it.
        self.keys.copy()
    }

    pub(super) const fn keys_mut(&mut self) -> &mut SessionKeys {
        &mut self.keys
    }
}
