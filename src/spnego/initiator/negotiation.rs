//! The client's states of a negotiation, independent of NTLM (RFC 4178, sections 4.2.2 and 5;
//! [MS-SPNG] 3.1.5 and 3.3.5).

use alloc::vec::Vec;
use core::fmt;

use super::super::emit::{self, Response};
use super::super::mic::SignedList;
use super::super::response::read_response;
use super::super::token::{NegState, Token};
use super::super::{Error, Mechanism, MicError};
use crate::secret::Counted;
use crate::session::SessionKeys;

/// The client has offered its mechanisms, and waits for the server's choice or for the CHALLENGE.
#[derive(Debug)]
pub struct AwaitReply {
    /// The list as sent, which a `mechListMIC` covers.
    mech_types: Vec<u8>,
    /// Whether NTLM was the client's first choice.
    ntlm_is_first: bool,
    has_negotiated: bool,
    mic_is_due: bool,
}

/// The reaction to one of the server's first tokens.
#[derive(Debug)]
pub enum Reply<'a> {
    /// The server chose NTLM, and the client has not sent a NEGOTIATE yet: send one.
    Negotiate(AwaitNegotiate),
    /// The token contains this CHALLENGE: answer it.
    Challenge(&'a [u8], AwaitAnswer),
}

/// The client must send a NEGOTIATE.
#[derive(Debug)]
pub struct AwaitNegotiate(AwaitReply);

/// The client must send an AUTHENTICATE.
#[derive(Debug)]
pub struct AwaitAnswer(AwaitReply);

impl AwaitReply {
    /// Returns a first token that offers only NTLM, with a NEGOTIATE.
    pub fn offer(negotiate: &[u8]) -> (Vec<u8>, Self) {
        let mech_types = emit::ntlm_only();
        let token = emit::init(&mech_types, negotiate);
        let offer =
            Self { mech_types, ntlm_is_first: true, has_negotiated: true, mic_is_due: false };
        (token, offer)
    }

    /// Continues after a first token that offers NTLM, and usually prefers another mechanism.
    pub fn after(first_token: &[u8]) -> Result<Self, Error> {
        let init = match Token::parse(first_token)? {
            Token::Init(init) => init,
            token => return Err(Error::Unexpected(token.kind())),
        };
        if !init.mech_types.iter().any(|mechanism| mechanism == Mechanism::Ntlm) {
            return Err(Error::NtlmNotOffered);
        }
        let ntlm_is_first = init.mech_types.first() == Mechanism::Ntlm;
        Ok(Self {
            mech_types: init.mech_types.as_bytes().to_vec(),
            ntlm_is_first,
            has_negotiated: ntlm_is_first && init.mech_token.is_some(),
            mic_is_due: !ntlm_is_first,
        })
    }

    /// Returns whether a NEGOTIATE was sent.
    pub const fn has_negotiated(&self) -> bool {
        self.has_negotiated
    }

    /// Reads one of the server's first tokens.
    pub fn read(mut self, token: &[u8]) -> Result<Reply<'_>, Error> {
        let reply = read_response(token)?;
        if reply.neg_state == Some(NegState::AcceptCompleted) {
            return Err(Error::CompletedEarly);
        }
        if reply.mech_list_mic.is_some() {
            return Err(MicError::Early.into());
        }
        self.mic_is_due |= reply.neg_state == Some(NegState::RequestMic);
        match (self.has_negotiated, reply.response_token) {
            (true, Some(challenge)) => Ok(Reply::Challenge(challenge, AwaitAnswer(self))),
            (true, None) => Err(Error::NoMessage),
            (false, None) => Ok(Reply::Negotiate(AwaitNegotiate(self))),
            (false, Some(_)) => Err(Error::UnexpectedMessage),
        }
    }
}

impl AwaitNegotiate {
    /// Returns the token with the NEGOTIATE.
    pub fn negotiate(self, negotiate: &[u8]) -> (Vec<u8>, AwaitReply) {
        let token = with_message(negotiate).emit();
        (token, AwaitReply { has_negotiated: true, ..self.0 })
    }
}

impl AwaitAnswer {
    /// Returns whether the client must send a `mechListMIC` with the AUTHENTICATE. Windows also
    /// requires one if the AUTHENTICATE has a MIC (`has_mic`), even from a client that offered only
    /// NTLM.
    pub fn signs(&self, keys: &SessionKeys, has_mic: bool) -> bool {
        keys.can_sign_mech_types() && (self.0.mic_is_due || has_mic)
    }

    /// Returns whether the list needs no protection or can be protected: NTLM was the first choice,
    /// the keys can sign, or the client is anonymous. Otherwise a man in the middle could have
    /// forced NTLM, and cleared the flags for signing to avoid a `mechListMIC`.
    pub fn can_protect_list(&self, keys: &SessionKeys) -> bool {
        self.0.ntlm_is_first || keys.can_sign_mech_types() || keys.is_known_to_everyone()
    }

    /// Returns the token with the AUTHENTICATE and, if `signs`, a `mechListMIC`.
    pub fn answer(
        self,
        authenticate: &[u8],
        keys: SessionKeys,
        signs: bool,
    ) -> (Vec<u8>, AwaitVerdict) {
        let AwaitReply { mech_types, ntlm_is_first, mic_is_due, .. } = self.0;
        let mut list = SignedList::new(mech_types, keys);
        let mic = signs.then(|| list.sign());
        let token = Response { mic: mic.as_ref(), ..with_message(authenticate) }.emit();
        let is_due = mic_is_due && list.can_sign();
        let state = AwaitVerdict {
            list,
            ntlm_is_first,
            is_due,
            has_signed: signs,
            was_signed: false,
            allows_missing_mic: false,
        };
        (token, state)
    }
}

/// The client has sent its AUTHENTICATE, and waits for the server's result.
#[derive(Debug)]
pub struct AwaitVerdict {
    list: SignedList,
    ntlm_is_first: bool,
    /// Whether both sides must send a `mechListMIC`.
    is_due: bool,
    /// Whether the client has sent a `mechListMIC`.
    has_signed: bool,
    /// Whether the server has sent a `mechListMIC`.
    was_signed: bool,
    allows_missing_mic: bool,
}

/// The reaction to one of the server's last tokens.
pub enum Verdict {
    /// The server asks for a `mechListMIC`: send this token.
    Send(Vec<u8>, AwaitVerdict),
    /// The negotiation is complete.
    Done(SessionKeys),
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(token, next) => {
                f.debug_tuple("Send").field(&Counted(token)).field(next).finish()
            }
            Self::Done(keys) => f.debug_tuple("Done").field(keys).finish(),
        }
    }
}

impl AwaitVerdict {
    /// Sets whether the client accepts a server that receives a `mechListMIC` but sends none.
    pub fn allow_missing_mic(self, allows_missing_mic: bool) -> Self {
        Self { allows_missing_mic, ..self }
    }

    /// Reads one of the server's last tokens.
    pub fn read(mut self, token: &[u8]) -> Result<Verdict, Error> {
        let reply = read_response(token)?;
        if reply.response_token.is_some() {
            return Err(Error::UnexpectedMessage);
        }
        if let Some(mic) = reply.mech_list_mic {
            if self.was_signed {
                return Err(MicError::Twice.into());
            }
            self.list.verify(mic)?;
            self.was_signed = true;
        }
        let has_mic = reply.mech_list_mic.is_some();
        match reply.neg_state {
            Some(NegState::AcceptCompleted) => self.complete(),
            // A last token without `negState`: its `mechListMIC` shows that the server accepts.
            None if has_mic && self.has_signed => self.complete(),
            // The server asks for a `mechListMIC` by sending its own (Windows, Samba).
            _ if has_mic && !self.has_signed => {
                let mic = self.list.sign();
                self.has_signed = true;
                let token = Response { mic: Some(&mic), ..incomplete() }.emit();
                Ok(Verdict::Send(token, self))
            }
            _ => Err(Error::NothingToSend),
        }
    }

    fn complete(self) -> Result<Verdict, Error> {
        let is_missing = self.has_signed && !self.was_signed && !self.allows_missing_mic;
        if is_missing || (self.is_due && !self.has_signed) {
            return Err(MicError::Missing.into());
        }
        Ok(Verdict::Done(self.list.into_keys()))
    }

    /// Completes the negotiation without a last token, because the application protocol reports
    /// success.
    pub fn finish(mut self) -> Result<SessionKeys, Error> {
        let has_nothing_to_protect = self.ntlm_is_first || self.allows_missing_mic;
        let is_complete = !self.is_due || (self.has_signed && self.was_signed);
        if !has_nothing_to_protect && !is_complete {
            return Err(MicError::Missing.into());
        }
        if self.has_signed && !self.was_signed && !self.allows_missing_mic {
            // The server has received a `mechListMIC`, so it made its own, which uses up a sequence
            // number even though the token with it was not transmitted.
            self.list.keys_mut().suppose_mech_list_mic();
        }
        Ok(self.list.into_keys())
    }
}

/// Returns a response with the `negState` accept-incomplete, which Windows and MIT also send. It is
/// optional, but sspi-rs cannot read a token without it.
const fn incomplete() -> Response<'static> {
    Response::new(NegState::AcceptIncomplete)
}

const fn with_message(message: &[u8]) -> Response<'_> {
    Response { token: Some(message), ..Response::new(NegState::AcceptIncomplete) }
}
