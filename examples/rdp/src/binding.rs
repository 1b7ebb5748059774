//! `pubKeyAuth`: binds the login to the server's public key, and so to the TLS connection.

use anyhow::Context;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ts_request::Nonce;
use crate::version::Version;

/// Which side sends the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Client,
    Server,
}

/// The server's public key, and how the version of CredSSP binds it.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    pub public_key: &'a [u8],
    pub version: Version,
    /// Present since version 5.
    pub nonce: Option<Nonce>,
}

impl Binding<'_> {
    /// The plaintext of `pubKeyAuth` ([MS-CSSP] 3.1.5): a hash that is different for each side.
    /// Before version 5, it is the public key, to whose first octet the server adds 1.
    pub fn proof(&self, sender: Sender) -> anyhow::Result<Vec<u8>> {
        if self.version.hashes_public_key() {
            let magic = match sender {
                Sender::Client => "CredSSP Client-To-Server Binding Hash\0",
                Sender::Server => "CredSSP Server-To-Client Binding Hash\0",
            };
            let nonce = self.nonce.context("the client's nonce is missing")?;
            let hash = Sha256::new_with_prefix(magic).chain_update(nonce);
            return Ok(hash.chain_update(self.public_key).finalize().to_vec());
        }
        let mut key = self.public_key.to_vec();
        if let (Sender::Server, Some(first)) = (sender, key.first_mut()) {
            *first = first.wrapping_add(1);
        }
        Ok(key)
    }

    /// Compares a plaintext with the right one, in constant time.
    pub fn is_proof(&self, sender: Sender, proof: &[u8]) -> anyhow::Result<bool> {
        Ok(self.proof(sender)?.ct_eq(proof).into())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::recordings;
    use crate::version::Versions;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        versions: Versions,
    }

    /// Recorded proofs of both sides, in all versions.
    #[test]
    fn proofs_match_recorded_ones() {
        let options = Options::parse_from(["", "--min-version", "2"]);
        let mut right = 0;
        for exchange in recordings::all() {
            let version = exchange["effective_version"].as_u64().unwrap() as u32;
            let public_key = &recordings::bytes(&exchange["subject_public_key"]);
            let nonce = exchange["client_nonce"].as_str();
            let nonce =
                nonce.map(|_| recordings::bytes(&exchange["client_nonce"]).try_into().unwrap());
            let version = options.versions.with(version).unwrap();
            for (sender, plain, verdict) in [
                (Sender::Client, "client_pubkeyauth_plain", "client_pubkeyauth"),
                (Sender::Server, "server_pubkeyauth_plain", "server_pubkeyauth"),
            ] {
                let nonce = nonce.or_else(|| nonce_of(&exchange));
                let binding = Binding { public_key, version, nonce };
                if exchange[plain].is_null() {
                    continue;
                }
                let plain = recordings::bytes(&exchange[plain]);
                let is_right = exchange["check"][verdict] == "right";
                assert_eq!(
                    binding.is_proof(sender, &plain).unwrap(),
                    is_right,
                    "{}",
                    exchange["id"]
                );
                right += u32::from(is_right);
            }
        }
        assert!(right > 80, "{right}");
    }

    /// The nonce sent with `pubKeyAuth`.
    fn nonce_of(exchange: &serde_json::Value) -> Option<Nonce> {
        let mut steps = exchange["steps"].as_array().unwrap().iter();
        steps.find_map(|step| {
            let bytes = recordings::bytes(&step["tsrequest"]);
            let request = crate::ts_request::TsRequest::read(&mut &bytes[..]).unwrap();
            request.pub_key_auth().and(request.client_nonce().unwrap())
        })
    }

    #[test]
    fn version_5_needs_a_nonce() {
        let version = Options::parse_from([""]).versions.with(6).unwrap();
        let binding = Binding { public_key: &[1], version, nonce: None };
        assert!(binding.proof(Sender::Client).is_err());
    }
}
