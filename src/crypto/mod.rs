//! Password hashes and keys (\[MS-NLMP\] 3.3, 3.4.5 and 6).
//!
//! The feature `hazmat` adds the responses, the keys between a hash and a session, and the
//! primitives. [`Client`](crate::Client) and [`Server`](crate::Server) compute all of them for you.
//! They are public for test tools, and for protocols with the same hashes and responses (NETLOGON,
//! MS-CHAP).
//!
//! Each role of a key has its own type, so one cannot be passed in the place of another. All of
//! these types wipe their bytes when dropped, do not show them in `Debug`, and compare in constant
//! time.
//!
//! ```
//! use ntlm::crypto::{NtHash, ResponseKey};
//!
//! // [MS-NLMP] 4.2.4.1.1
//! let nt_hash = NtHash::from_password("Password");
//! let response_key = ResponseKey::new(&nt_hash, &"User".into(), &"Domain".into());
//! assert_eq!(response_key.expose()[..4], [0x0c, 0x86, 0x8a, 0x40]);
//! ```

mod hmac;
#[cfg_attr(
    not(feature = "hazmat"),
    expect(unreachable_pub, reason = "public with the feature `hazmat`")
)]
mod key_derivation;
mod owf;
mod parse_hash;
#[cfg(feature = "hazmat")]
pub mod primitives;
#[cfg(not(feature = "hazmat"))]
#[expect(unreachable_pub, reason = "public with the feature `hazmat`")]
pub(crate) mod primitives;
mod response;
pub(crate) mod stitched;

#[cfg(feature = "hazmat")]
pub use key_derivation::{
    KeyExchangeKey, LmSessionKey, SealingKey, SessionBaseKey, Side, SigningKey, mic,
};
#[cfg(not(feature = "hazmat"))]
pub(crate) use key_derivation::{
    KeyExchangeKey, LmSessionKey, SealingKey, SessionBaseKey, Side, SigningKey, mic,
};
pub use owf::{LmHash, NtHash};
pub use parse_hash::ParseHashError;
#[cfg(feature = "hazmat")]
pub use response::ntlm2_session_challenge;
#[cfg(not(feature = "hazmat"))]
pub(crate) use response::ntlm2_session_challenge;

use crate::secret::Secret;

/// Declares the type of a 16-byte key.
macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(Secret<16>);

        impl $name {
            /// Returns the 16 secret bytes. Wiping any copy is the caller's responsibility.
            #[must_use]
            pub fn expose(&self) -> &[u8; 16] {
                self.0.expose()
            }
        }

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self(Secret::new(bytes))
            }
        }

        impl AsRef<[u8]> for $name {
            /// Returns the 16 secret bytes, as [`expose`](Self::expose) does.
            fn as_ref(&self) -> &[u8] {
                self.expose()
            }
        }
    };
}
use key;

key! {
    /// The key of a user's NTLMv2 and LMv2 responses: `NTOWFv2`, the specification's
    /// `ResponseKeyNT`. It depends on the password, the user name and the domain as the client
    /// sends them.
    #[doc(alias("NTOWFv2", "LMOWFv2", "ResponseKeyNT", "ResponseKeyLM"))]
    ResponseKey
}

key! {
    /// `ExportedSessionKey`: the key that both sides share after the handshake. The signing and
    /// sealing keys are derived from it, and SMB protects its messages with it.
    ExportedSessionKey
}

/// Declares methods that are public with the feature `hazmat`, and `pub(crate)` without it.
macro_rules! hazmat {
    ($(impl $type:ident { $(
        $(#[$attribute:meta])*
        fn $name:ident $arguments:tt -> $result:ty $body:block
    )* })*) => { $(
        #[cfg(feature = "hazmat")]
        impl $type { $($(#[$attribute])* pub fn $name $arguments -> $result $body)* }
        #[cfg(not(feature = "hazmat"))]
        impl $type { $($(#[$attribute])* pub(crate) fn $name $arguments -> $result $body)* }
    )* };
}
use hazmat;
