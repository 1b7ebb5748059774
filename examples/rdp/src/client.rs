//! The client's side of CredSSP ([MS-CSSP] 3.1.5).

use std::io::{Read, Write};

use anyhow::{Context, ensure};
use ntlm::environment::Environment;
use ntlm::spnego::{Initiated, Initiator};
use ntlm::{Client, Os, SessionKeys};

use crate::binding::{Binding, Sender};
use crate::channel::{Channel, session};
use crate::credentials::Delegated;
use crate::ts_request::Nonce;
use crate::version::{Version, Versions};

/// The parameters of a client's login.
pub struct Login<'a> {
    /// The client, which must seal messages.
    pub client: &'a Client,
    /// Sends bare NTLM messages, without SPNEGO, as FreeRDP 2 does.
    pub is_bare: bool,
    pub versions: Versions,
    /// The public key of the server's certificate.
    pub public_key: &'a [u8],
    /// The credentials that are delegated to the server.
    pub delegated: &'a Delegated,
}

impl Login<'_> {
    /// Logs in over TLS.
    ///
    /// In SPNEGO, `pubKeyAuth` is sent in a message of its own, because FreeRDP 3 sends a `pubKeyAuth`
    /// that comes with the last token back to the client.
    pub fn run(&self, stream: &mut (impl Read + Write)) -> anyhow::Result<Version> {
        let channel = &mut Channel::new(stream, self.versions);
        let (token, keys, mut version) = match self.is_bare {
            true => self.bare(channel)?,
            false => self.spnego(channel)?,
        };
        let mut session = session(keys)?;
        let nonce = if version.hashes_public_key() { Some(nonce()?) } else { None };
        let binding = Binding { public_key: self.public_key, version, nonce };
        let proof = session.wrap(&binding.proof(Sender::Client)?)?;
        let mut request = channel.request().with_pub_key_auth(&proof, nonce.as_ref())?;
        if let Some(token) = token {
            request = request.with_token(&token)?;
        }
        channel.send(&request)?;

        // Only a server that has the certificate's key and knows the user's secret can answer
        // correctly. The password must not be sent before that answer is verified. FreeRDP 3 repeats
        // its last token in this message.
        let (reply, answered) = channel.receive()?;
        version = version.min(answered);
        ensure!(version == binding.version, "the server changes the version");
        let proof = reply.pub_key_auth().context("the server does not prove its public key")?;
        let proof = session.unwrap(proof)?;
        ensure!(
            binding.is_proof(Sender::Server, &proof)?,
            "the server proves another public key than that of its certificate: there may be a man in \
             the middle"
        );
        let credentials = session.wrap(&self.delegated.to_der()?)?;
        channel.send(&channel.request().with_auth_info(&credentials)?)?;
        Ok(version)
    }

    /// NTLM without SPNEGO: the AUTHENTICATE is sent together with `pubKeyAuth`.
    fn bare(&self, channel: &mut Channel<'_, impl Read + Write>) -> anyhow::Result<Handshake> {
        let (negotiate, handshake) = self.client.initiate()?;
        channel.send(&channel.request().with_token(&negotiate)?)?;
        let (reply, version) = channel.receive()?;
        let challenge = reply.token().context("the server sends no token")?;
        let answer = handshake.answer(challenge, &mut Os)?;
        Ok((Some(answer.token), answer.keys, version))
    }

    fn spnego(&self, channel: &mut Channel<'_, impl Read + Write>) -> anyhow::Result<Handshake> {
        let (mut token, mut negotiation) = Initiator::new(self.client.clone()).initiate()?;
        loop {
            channel.send(&channel.request().with_token(&token)?)?;
            let (reply, version) = channel.receive()?;
            let reply = reply.token().context("the server sends no token")?;
            match negotiation.read(reply, &mut Os)? {
                Initiated::Send(next, state) => (token, negotiation) = (next, state),
                Initiated::Done(keys) => return Ok((None, keys, version)),
            }
        }
    }
}

/// A token to send with the next message, the keys, and the version.
type Handshake = (Option<Vec<u8>>, SessionKeys, Version);

fn nonce() -> anyhow::Result<Nonce> {
    let mut nonce = [0; 32];
    Os.fill_random(&mut nonce)?;
    Ok(nonce)
}
