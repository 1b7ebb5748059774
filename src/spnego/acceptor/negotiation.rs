//! The server's states of a negotiation, independent of NTLM (RFC 4178, sections 4.2.2 and 5;
//! [MS-SPNG] 3.2.5 and 3.3.5).

use alloc::vec::Vec;
use core::fmt;

use super::super::emit::{self, Response};
use super::super::mechanism::Mechanism;
use super::super::mic::SignedList;
use super::super::response::read_response;
use super::super::token::{NegState, NegTokenInit, Token};
use super::super::{Error, MicError};
use crate::secret::Counted;
use crate::session::SessionKeys;

/// The server waits for the client's first token.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Whether the first token may be an NTLM message without SPNEGO.
    pub takes_ntlm: bool,
    /// Whether the server has sent a `NegTokenInit2`.
    pub has_sent_hints: bool,
}

/// The reaction to the client's first token.
#[derive(Debug)]
pub enum First<'a> {
    /// The token was empty: send this `NegTokenInit2`.
    Hints(Vec<u8>, Start),
    /// The token was a NEGOTIATE without SPNEGO: continue without SPNEGO.
    Ntlm(&'a [u8]),
    /// The token contains this NEGOTIATE: answer it.
    Negotiate(&'a [u8], Offer),
    /// The token contains no NEGOTIATE: send this token, which chooses NTLM.
    Chosen(Vec<u8>, Offer),
}

/// The client's list of mechanisms, from which the server has chosen NTLM.
#[derive(Debug)]
pub struct Offer {
    /// The list as received, which a `mechListMIC` covers.
    mech_types: Vec<u8>,
    preferred: Mechanism,
    /// Whether a token of this side has already contained `supportedMech`.
    has_chosen: bool,
}

impl Start {
    /// Reads the first token.
    pub fn read(self, token: &[u8]) -> Result<First<'_>, Error> {
        match Token::parse(token)? {
            Token::Empty if !self.has_sent_hints => {
                Ok(First::Hints(emit::hints(), Self { has_sent_hints: true, ..self }))
            }
            Token::Ntlm(message) if self.takes_ntlm => Ok(First::Ntlm(message)),
            Token::Init(init) => Offer::read(&init),
            Token::Other(mechanism) => Err(Error::Mechanism(mechanism)),
            token => Err(Error::Unexpected(token.kind())),
        }
    }
}

impl Offer {
    fn read<'a>(init: &NegTokenInit<'a>) -> Result<First<'a>, Error> {
        if !init.mech_types.iter().any(|mechanism| mechanism == Mechanism::Ntlm) {
            return Err(Error::NtlmNotOffered);
        }
        let preferred = init.mech_types.first();
        let mech_types = init.mech_types.as_bytes().to_vec();
        let offer = Self { mech_types, preferred, has_chosen: false };
        // The first message belongs to the first mechanism. If that is not NTLM, ignore it, even if
        // it is an NTLM message.
        let neg_state = match (preferred, init.mech_token) {
            (Mechanism::Ntlm, Some(negotiate)) => return Ok(First::Negotiate(negotiate, offer)),
            (Mechanism::Ntlm, None) => NegState::AcceptIncomplete,
            _ => NegState::RequestMic,
        };
        let token = Response { names_ntlm: true, ..Response::new(neg_state) }.emit();
        Ok(First::Chosen(token, Self { has_chosen: true, ..offer }))
    }

    /// Returns the mechanism that the client prefers to NTLM.
    pub fn preferred(&self) -> Option<Mechanism> {
        Some(self.preferred).filter(|mechanism| *mechanism != Mechanism::Ntlm)
    }

    /// Reads the NEGOTIATE that the client sends after the server has chosen NTLM.
    pub fn read_negotiate<'a>(&self, token: &'a [u8]) -> Result<&'a [u8], Error> {
        let response = read_response(token)?;
        if response.mech_list_mic.is_some() {
            return Err(MicError::Early.into());
        }
        response.response_token.ok_or(Error::NoMessage)
    }

    /// Returns the token with the CHALLENGE.
    pub fn challenge(&self, challenge: &[u8]) -> Vec<u8> {
        Response {
            names_ntlm: !self.has_chosen,
            token: Some(challenge),
            ..Response::new(NegState::AcceptIncomplete)
        }
        .emit()
    }

    /// Reads the AUTHENTICATE, and the client's `mechListMIC` if present.
    pub fn read_authenticate(self, token: &[u8]) -> Result<(&[u8], AwaitProof), Error> {
        let response = read_response(token)?;
        let authenticate = response.response_token.ok_or(Error::NoMessage)?;
        let mic = response.mech_list_mic.map(<[u8]>::to_vec);
        Ok((authenticate, AwaitProof { offer: self, mic }))
    }
}

/// The server has received the AUTHENTICATE, and must verify it.
pub struct AwaitProof {
    offer: Offer,
    mic: Option<Vec<u8>>,
}

impl fmt::Debug for AwaitProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitProof")
            .field("offer", &self.offer)
            .field("mic", &self.mic.as_deref().map(Counted))
            .finish()
    }
}

/// The next step after the AUTHENTICATE was verified.
pub enum Verified {
    /// The client did not send the required `mechListMIC`: send this token, and wait for it.
    Send(Vec<u8>, AwaitMic),
    /// Send this token. The negotiation is complete.
    Done(Vec<u8>, SessionKeys),
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(token, next) => {
                f.debug_tuple("Send").field(&Counted(token)).field(next).finish()
            }
            Self::Done(token, keys) => {
                f.debug_tuple("Done").field(&Counted(token)).field(keys).finish()
            }
        }
    }
}

impl AwaitProof {
    /// Returns the mechanism that the client prefers to NTLM.
    pub fn preferred(&self) -> Option<Mechanism> {
        self.offer.preferred()
    }

    /// Verifies the client's `mechListMIC` with the session keys, or asks for it if it is missing
    /// and required: if the client prefers another mechanism, or its AUTHENTICATE has a MIC
    /// (`has_mic`).
    ///
    /// A client that proved nothing (`proved_nothing`: it is anonymous or a guest) need not sign,
    /// because it has no secret key.
    pub fn accept(
        self,
        keys: SessionKeys,
        has_mic: bool,
        proved_nothing: bool,
    ) -> Result<Verified, Error> {
        let prefers_another = self.offer.preferred().is_some();
        let mut list = SignedList::new(self.offer.mech_types, keys);
        if let Some(mic) = self.mic {
            list.verify(&mic)?;
            return Ok(complete(list, true));
        }
        if prefers_another && !list.can_sign() && !proved_nothing {
            return Err(MicError::CannotSign.into());
        }
        if list.can_sign() && (prefers_another || has_mic) {
            let mic = list.sign();
            let response = Response::new(NegState::AcceptIncomplete);
            let token = Response { mic: Some(&mic), ..response }.emit();
            return Ok(Verified::Send(token, AwaitMic(list)));
        }
        Ok(complete(list, false))
    }
}

/// The server waits for the client's `mechListMIC`.
#[derive(Debug)]
pub struct AwaitMic(SignedList);

impl AwaitMic {
    /// Reads the client's `mechListMIC`, and returns the last token.
    pub fn read(mut self, token: &[u8]) -> Result<(Vec<u8>, SessionKeys), Error> {
        let response = read_response(token)?;
        if response.response_token.is_some() {
            return Err(Error::UnexpectedMessage);
        }
        self.0.verify(response.mech_list_mic.ok_or(MicError::Missing)?)?;
        Ok((Response::new(NegState::AcceptCompleted).emit(), self.0.into_keys()))
    }
}

/// Makes the last token. It contains a `mechListMIC` only if the client sent one, because Windows
/// closes the session if it receives an unexpected one.
fn complete(mut list: SignedList, signs: bool) -> Verified {
    let mic = signs.then(|| list.sign());
    let response = Response::new(NegState::AcceptCompleted);
    let token = Response { mic: mic.as_ref(), ..response }.emit();
    Verified::Done(token, list.into_keys())
}
