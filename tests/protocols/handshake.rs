//! The handshake inside each protocol, and the two sessions that it produces.

use ntlm::Session;
use ntlm::crypto::{ExportedSessionKey, Side};
use ntlm::error::{Denied, Error};
use ntlm::server::Accepted;
use ntlm::session::{SessionKeys, Signature};
use ntlm::spnego::Token;
use ntlm::spnego::hazmat::acceptor::{First, Start, Verified};
use ntlm::spnego::hazmat::initiator::{AwaitReply, Reply, Verdict};
use ntlm::wire::{Authenticate, AvId, NtResponse};
use serde_json::Value;

use crate::Sender;
use ntlm_testkit::recorded::lenient_server;
use ntlm_testkit::replay::{Outcome, check, display, text};
use ntlm_testkit::{Fields, Recorded, fields, hex};

/// A recorded handshake.
pub(crate) struct Recording<'a> {
    /// The whole recording, which contains the passwords.
    pub(crate) exchange: &'a Value,
    /// The part of it that describes this handshake.
    pub(crate) context: &'a Value,
    /// The facts that an independent program found in it.
    pub(crate) check: &'a Value,
}

/// The sessions of both sides. The server's session unseals each message that the client sealed,
/// and the client's session seals it again.
pub(crate) struct Sessions {
    client: Session,
    server: Session,
}

impl Sessions {
    /// Unseals a message with the receiver's session, and seals it again with the sender's.
    pub(crate) fn replay(&mut self, sender: Sender, sealed: &[u8]) -> Outcome<Vec<u8>> {
        let (sending, receiving) = match sender {
            Sender::Client => (&mut self.client, &mut self.server),
            Sender::Server => (&mut self.server, &mut self.client),
        };
        let plain = receiving.unwrap(sealed).map_err(|error| error.to_string())?;
        let again = sending.wrap(&plain).map_err(|error| error.to_string())?;
        check("sealed again", hex(&again), hex(sealed))?;
        Ok(plain)
    }
}

/// The end of a server's result for a wrong password.
const WRONG_PASSWORD: &str = "[Denied(WrongPassword)]";

impl Recording<'_> {
    /// Replays the tokens of a handshake, in the order of transmission.
    pub(crate) fn replay(&self, tokens: &[(Sender, Vec<u8>)]) -> Outcome<Sessions> {
        let mut messages = Recorded::read(&self.context["ntlm"])?;
        let password = text(self.exchange, "password")?;
        let known = text(self.exchange, "server_knows_password")?;
        let recorded = text(self.context, "outcome")?;
        let is_rejected = recorded.ends_with(WRONG_PASSWORD);
        if password != known && recorded == "accepted" {
            return Err("a wrong password was accepted".into());
        }
        if password != known || is_rejected {
            let outcome = messages.verify(&lenient_server(), known);
            if !matches!(&outcome, Err(Error::Denied(Denied::WrongPassword))) {
                return Err(format!("a wrong password: {outcome:?}"));
            }
        }
        let sent = messages.authenticate.clone();
        if password == known && is_rejected {
            add_forgotten_flag(&mut messages.authenticate);
        }
        // The session key depends on the password that the client used, even if that was wrong.
        let accepted = messages.verify(&lenient_server(), password).map_err(display)?;
        messages.authenticate = sent;
        self.check_accepted(&accepted)?;
        self.check_pairs(&messages.authenticate)?;
        let side = |sender| {
            let of_side = tokens.iter().filter(move |(from, _)| *from == sender);
            of_side.map(|(_, token)| token.as_slice()).collect::<Vec<_>>()
        };
        let (clients, servers) = (side(Sender::Client), side(Sender::Server));
        match self.context.text("wrapping") {
            Some("bare") => self.bare(&messages, accepted, &clients, &servers),
            Some("spnego") => self.spnego(&messages, accepted, &clients, &servers),
            wrapping => Err(format!("wrapped in {wrapping:?}")),
        }
    }

    fn bare(
        &self,
        messages: &Recorded,
        accepted: Accepted,
        clients: &[&[u8]],
        servers: &[&[u8]],
    ) -> Outcome<Sessions> {
        check("tokens of the client", clients, &[&messages.negotiate[..], &messages.authenticate])?;
        match servers {
            [challenge] => check("CHALLENGE", *challenge, &messages.challenge)?,
            // FreeRDP 3 puts zeros beside an `errorCode`.
            [challenge, zeros] if zeros.iter().all(|byte| *byte == 0) => {
                check("CHALLENGE", *challenge, &messages.challenge)?;
            }
            _ => return Err(format!("{} tokens of the server", servers.len())),
        }
        let client = self.client_keys(&accepted);
        Self::sessions(client, accepted.keys)
    }

    /// Runs both sides of the negotiation in the place of the recorded ones. The `mechListMIC`s
    /// that they make must equal the recorded ones.
    fn spnego(
        &self,
        messages: &Recorded,
        accepted: Accepted,
        clients: &[&[u8]],
        servers: &[&[u8]],
    ) -> Outcome<Sessions> {
        let [first, second] = clients else {
            return Err(format!("{} tokens of the client", clients.len()));
        };
        let [reply, last @ ..] = servers else { return Err("no token of the server".into()) };
        // FreeRDP 3 repeats its last token.
        if last.iter().any(|token| *token != last[0]) {
            return Err("the server sends different last tokens".into());
        }
        let last = last.first().copied();
        let client_mic = mech_list_mic(second)?.ok_or("the client sends no mechListMIC")?;
        let server_mic = last.map(mech_list_mic).transpose()?.flatten();
        for (name, mic) in
            [("client_mech_list_mic", Some(client_mic)), ("server_mech_list_mic", server_mic)]
        {
            if let (Some(recorded), Some(mic)) = (self.context.text(name), mic) {
                check(name, &hex(mic.as_bytes())[..], recorded)?;
            }
        }

        let start = Start { takes_ntlm: true, has_sent_hints: false };
        let offer = match start.read(first).map_err(display)? {
            First::Negotiate(negotiate, offer) => {
                check("NEGOTIATE", negotiate, &messages.negotiate)?;
                offer
            }
            first => return Err(format!("the first token: {first:?}")),
        };
        let (authenticate, proof) = offer.read_authenticate(second).map_err(display)?;
        check("AUTHENTICATE", authenticate, &messages.authenticate)?;
        let client_keys = self.client_keys(&accepted);
        let done = proof.accept(accepted.keys, accepted.mic_checked, false).map_err(display)?;
        let Verified::Done(our_last, server_keys) = done else {
            return Err("the acceptor wants another token".into());
        };
        let our_mic = mech_list_mic(&our_last)?;
        check("the server's mechListMIC", server_mic.is_some(), last.is_some())?;
        if let Some(server_mic) = server_mic {
            check("the server's mechListMIC", our_mic, Some(server_mic))?;
        }

        let (ours, offer) = AwaitReply::offer(&messages.negotiate);
        let initiator =
            if ours == *first { offer } else { AwaitReply::after(first).map_err(display)? };
        let Reply::Challenge(challenge, next) = initiator.read(reply).map_err(display)? else {
            return Err("the server wants another NEGOTIATE".into());
        };
        check("CHALLENGE", challenge, &messages.challenge)?;
        let signs = next.signs(&client_keys, accepted.mic_checked);
        let (ours, verdict) = next.answer(&messages.authenticate, client_keys, signs);
        check("the client's mechListMIC", mech_list_mic(&ours)?, Some(client_mic))?;
        let client_keys = match verdict.read(last.unwrap_or(&our_last)).map_err(display)? {
            Verdict::Done(keys) => keys,
            Verdict::Send(..) => return Err("the initiator sends another token".into()),
        };
        Self::sessions(client_keys, server_keys)
    }

    fn client_keys(&self, accepted: &Accepted) -> SessionKeys {
        let key: [u8; 16] = *accepted.keys.exported_session_key().expose();
        SessionKeys::with_key(accepted.keys.flags(), ExportedSessionKey::from(key), Side::Client)
    }

    fn sessions(client: SessionKeys, server: SessionKeys) -> Outcome<Sessions> {
        let client = client.into_session().map_err(display)?;
        Ok(Sessions { client, server: server.into_session().map_err(display)? })
    }

    /// Compares what this crate found with what was recorded.
    fn check_accepted(&self, accepted: &Accepted) -> Outcome<()> {
        let Self { context, check: facts, .. } = self;
        if let Some(key) = context.text("exported_session_key") {
            check("session key", &hex(accepted.keys.exported_session_key().expose())[..], key)?;
        }
        if let Some(flags) = context["flags"].as_u64() {
            check("flags", u64::from(accepted.keys.flags().bits()), flags)?;
        }
        let has_mic = facts["ntlm_mic"].as_bool().unwrap_or_default();
        check("MIC", accepted.mic_checked, has_mic)?;
        let spn = accepted.spn().map(ToString::to_string);
        check("target", spn.as_deref(), facts.text("target"))?;
        let recorded = &context["accepted"];
        if recorded.is_null() {
            return Ok(());
        }
        let user = accepted.user().map(ToString::to_string);
        check("user", user.as_deref(), recorded.text("user"))?;
        check(
            "workstation",
            Some(&accepted.workstation.to_string()[..]),
            recorded.text("workstation"),
        )?;
        let response = format!("{:?}", accepted.identity.response());
        check("response", Some(&response[..]), recorded.text("response"))?;
        check("MIC", Some(accepted.mic_checked), recorded["mic"].as_bool())
    }

    /// Compares the channel bindings that the client sends.
    fn check_pairs(&self, authenticate: &[u8]) -> Outcome<()> {
        let message = Authenticate::parse(authenticate).map_err(display)?;
        let bindings = match message.nt_response {
            NtResponse::V2(response) => response.target_info().get(AvId::CHANNEL_BINDINGS),
            _ => None,
        };
        let bindings = bindings.map(hex);
        check("channel bindings", bindings.as_deref(), self.check.text("channel_bindings"))
    }
}

/// FreeTDS 1.3 with `use ntlmv2 = no` sends an NTLM2 session response without
/// `NEGOTIATE_EXTENDED_SESSIONSECURITY`. Without this flag the response counts as NTLMv1, and is
/// wrong.
fn add_forgotten_flag(authenticate: &mut [u8]) {
    authenticate[fields::authenticate::FLAGS + 2] |= 0x08;
}

fn mech_list_mic(token: &[u8]) -> Outcome<Option<Signature>> {
    match Token::parse(token).map_err(display)? {
        Token::Response(response) => {
            response.mech_list_mic.map(Signature::try_from).transpose().map_err(display)
        }
        token => Err(format!("no NegTokenResp: {token:?}")),
    }
}
