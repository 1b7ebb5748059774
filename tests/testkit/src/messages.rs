//! Messages and AV pairs that are changed and encoded again.

use ntlm::wire::{Authenticate, AvId, AvPairs, Challenge, Negotiate, NtResponse, Ntlmv2Response};

/// A message that can be encoded.
pub trait Emit {
    fn to_bytes(&self) -> Vec<u8>;
}

macro_rules! emit {
    ($($message:ty),*) => {
        $(impl Emit for $message {
            fn to_bytes(&self) -> Vec<u8> {
                let mut bytes = Vec::new();
                self.emit(&mut bytes).expect("its fields fit");
                bytes
            }
        })*
    };
}

emit!(Negotiate<'_>, Challenge<'_>, Authenticate<'_>);

/// An AUTHENTICATE with other fields.
pub fn changed<'a>(authenticate: &'a [u8], change: impl FnOnce(&mut Authenticate<'a>)) -> Vec<u8> {
    let mut message = Authenticate::parse(authenticate).expect("an AUTHENTICATE");
    change(&mut message);
    message.to_bytes()
}

/// The NTLMv2 response of an AUTHENTICATE.
#[track_caller]
pub fn ntlmv2(authenticate: &[u8]) -> Ntlmv2Response<'_> {
    match Authenticate::parse(authenticate).expect("an AUTHENTICATE").nt_response {
        NtResponse::V2(response) => response,
        other => panic!("{other:?}"),
    }
}

/// AV pairs, well formed or not.
pub type Pairs = Vec<(AvId, Vec<u8>)>;

/// The `TargetInfo` of a CHALLENGE.
pub fn pairs_of(challenge: &[u8]) -> Pairs {
    let pairs = Challenge::parse(challenge).expect("a CHALLENGE").target_info;
    pairs.unwrap_or_default().iter().map(|(id, value)| (id, value.to_vec())).collect()
}

/// A list of AV pairs with its end.
pub fn list<V: AsRef<[u8]>>(pairs: &[(AvId, V)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (id, value) in pairs {
        let value = value.as_ref();
        bytes.extend(id.0.to_le_bytes());
        bytes.extend(u16::try_from(value.len()).expect("it fits").to_le_bytes());
        bytes.extend(value);
    }
    bytes.extend([0; 4]);
    bytes
}

/// A CHALLENGE with other AV pairs.
pub fn with_pairs(challenge: &[u8], pairs: &[(AvId, Vec<u8>)]) -> Vec<u8> {
    let (message, list) = (Challenge::parse(challenge).expect("a CHALLENGE"), list(pairs));
    let target_info = Some(AvPairs::parse(&list).expect("a list"));
    Challenge { target_info, ..message }.to_bytes()
}
