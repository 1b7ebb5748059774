//! What both sides check of each `NegTokenResp`.

use super::token::{NegState, NegTokenResp, Token};
use super::{Error, Mechanism};

/// Reads a peer's later token, which continues with NTLM.
pub(super) fn read_response(token: &[u8]) -> Result<NegTokenResp<'_>, Error> {
    let response = match Token::parse(token)? {
        Token::Response(response) => response,
        token => return Err(Error::Unexpected(token.kind())),
    };
    if response.neg_state == Some(NegState::Reject) {
        return Err(Error::Rejected);
    }
    match response.supported_mech {
        Some(Mechanism::Ntlm) | None => Ok(response),
        Some(mechanism) => Err(Error::Mechanism(mechanism)),
    }
}
