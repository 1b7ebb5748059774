//! The `mechListMIC`s of one negotiation (RFC 4178, section 5; [MS-SPNG] 3.3.5.1).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::MicError;
use crate::session::SessionKeys;
use crate::wire::Signature;

/// The list of mechanisms, and the session keys with which both sides sign it.
#[derive(Debug)]
pub(super) struct SignedList {
    mech_types: Vec<u8>,
    /// In a box, because each move of the state around it would leave an unwiped copy of the keys.
    keys: Box<SessionKeys>,
}

impl SignedList {
    pub(super) fn new(mech_types: Vec<u8>, keys: SessionKeys) -> Self {
        Self { mech_types, keys: Box::new(keys) }
    }

    /// Returns whether the keys can sign: SIGN and extended session security were negotiated, and
    /// the client is neither anonymous nor a guest, which have no secret key.
    ///
    /// Without SIGN, the signature would be the constant dummy signature; pyspnego sends it
    /// nevertheless. Without extended session security, it would be an encrypted CRC32; Samba sends
    /// that, but Windows was not seen to.
    pub(super) fn can_sign(&self) -> bool {
        self.keys.can_sign_mech_types()
    }

    /// Makes this side's `mechListMIC`. Call it only once, and only if
    /// [`can_sign`](Self::can_sign).
    pub(super) fn sign(&mut self) -> [u8; 16] {
        *self.keys.sign_mech_types(&self.mech_types).as_bytes()
    }

    /// Verifies the peer's `mechListMIC`.
    pub(super) fn verify(&mut self, mic: &[u8]) -> Result<(), MicError> {
        if !self.can_sign() {
            return Err(MicError::NoKey);
        }
        let mic = <[u8; 16]>::try_from(mic).map_err(|_| MicError::Wrong)?;
        let is_right = self.keys.verify_mech_types(&self.mech_types, &Signature::from(mic));
        if is_right { Ok(()) } else { Err(MicError::Wrong) }
    }

    /// Returns the session keys. A session made from them skips the sequence numbers of the
    /// `mechListMIC`s.
    pub(super) fn into_keys(self) -> SessionKeys {
        // A move out of the box would leave an unwiped copy in it.
        self.keys.copy()
    }

    pub(super) const fn keys_mut(&mut self) -> &mut SessionKeys {
        &mut self.keys
    }
}
