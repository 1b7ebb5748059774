//! The checks of a `NegTokenResp` that both sides share.

use super::token::{NegState, NegTokenResp, Token};
use super::{Error, Mechanism};

/// Parses a token that must be a `NegTokenResp`, must not reject, and must not choose another
/// mechanism than NTLM.
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
