//! CredSSP ([MS-CSSP]): `TSRequest`s, the binding to the server's public key, and the credentials.

use ntlm_testkit::replay::{Outcome, bytes, check, list, number};
use ntlm_testkit::{Fields, der, hex};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Sender;
use crate::handshake::{Recording, Sessions};

pub(crate) fn replay(exchange: &Value) -> Outcome<()> {
    check_negotiation(exchange)?;
    replay_context(exchange, exchange, &exchange["check"], exchange)
}

/// The RDP negotiation before TLS ([MS-RDPBCGR] 2.2.1.1.1 and 2.2.1.2.1), if it was recorded.
fn check_negotiation(exchange: &Value) -> Outcome<()> {
    for (message, kind, flags, protocols) in [
        ("x224_request", 1, "neg_req_flags", "neg_req_protocols"),
        ("x224_confirm", 2, "", "selected_protocol"),
    ] {
        if exchange[message].is_null() {
            continue;
        }
        let message = bytes(exchange, message)?;
        let [.., found_kind, found_flags, 8, 0, a, b, c, d] = message[..] else {
            return Err("no RDP negotiation".into());
        };
        check("kind", found_kind, kind)?;
        if !exchange[flags].is_null() {
            check("flags", found_flags, number(exchange, flags)?)?;
        }
        if !exchange[protocols].is_null() {
            check("protocols", u32::from_le_bytes([a, b, c, d]), number(exchange, protocols)?)?;
        }
    }
    Ok(())
}

/// Replays the `TSRequest`s of `credssp`, whose handshake is described by `context`.
pub(crate) fn replay_context(
    exchange: &Value,
    context: &Value,
    facts: &Value,
    credssp: &Value,
) -> Outcome<()> {
    let steps = list(credssp, "steps")?.iter().map(Step::read).collect::<Outcome<Vec<_>>>()?;
    let mut tokens = Vec::new();
    for step in &steps {
        tokens.extend(step.request.token.clone().map(|token| (step.sender, token)));
    }
    let sessions = Recording { exchange, context, check: facts }.replay(&tokens)?;
    let public_key = public_key(&bytes(credssp, "server_certificate")?)?;
    check(
        "public key",
        &hex(&public_key)[..],
        credssp.text("subject_public_key").unwrap_or_default(),
    )?;
    check("TSRequests", steps.len(), number(facts, "tsrequests")?)?;
    Replay { credssp, facts, public_key, sessions, sealed: Vec::new(), numbers: [0; 2] }.run(&steps)
}

struct Step {
    sender: Sender,
    request: TsRequest,
}

impl Step {
    fn read(step: &Value) -> Outcome<Self> {
        let request = TsRequest::read(&bytes(step, "tsrequest")?)?;
        Ok(Self { sender: Sender::of(step)?, request })
    }
}

/// `TSRequest` (2.2.1)
#[derive(Default)]
struct TsRequest {
    version: u8,
    token: Option<Vec<u8>>,
    auth_info: Option<Vec<u8>>,
    pub_key_auth: Option<Vec<u8>>,
    error_code: Option<u32>,
    client_nonce: Option<Vec<u8>>,
}

impl TsRequest {
    fn read(bytes: &[u8]) -> Outcome<Self> {
        const INTEGER: u8 = 0x02;
        const OCTET_STRING: u8 = 0x04;
        const SEQUENCE: u8 = 0x30;
        let mut request = Self::default();
        for (tag, contents) in der::all(der::only(SEQUENCE, bytes)?)? {
            let octets = || der::only(OCTET_STRING, contents).map(|octets| Some(octets.to_vec()));
            match tag {
                0xa0 => {
                    let [version] = der::only(INTEGER, contents)? else {
                        return Err("a long version".into());
                    };
                    request.version = *version;
                }
                0xa1 => {
                    let item = der::only(SEQUENCE, der::only(SEQUENCE, contents)?)?;
                    let token = der::only(OCTET_STRING, der::only(0xa0, item)?)?;
                    request.token = Some(token.to_vec());
                }
                0xa2 => request.auth_info = octets()?,
                0xa3 => request.pub_key_auth = octets()?,
                0xa4 => {
                    let code = <[u8; 4]>::try_from(der::only(INTEGER, contents)?);
                    request.error_code =
                        Some(u32::from_be_bytes(code.map_err(|_| "an errorCode")?));
                }
                0xa5 => request.client_nonce = octets()?,
                _ => return Err(format!("field {tag:02x}")),
            }
        }
        Ok(request)
    }
}

/// `SubjectPublicKey` of a certificate: the contents of the BIT STRING, without the octet that counts
/// unused bits.
fn public_key(certificate: &[u8]) -> Outcome<Vec<u8>> {
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    let (signed, _) = der::first(der::only(SEQUENCE, certificate)?)?;
    let fields = der::all(signed.1)?;
    // `version` is optional, and the subject's key comes after five more fields.
    let has_version = fields.first().is_some_and(|(tag, _)| *tag == 0xa0);
    let (_, info) =
        fields.get(usize::from(has_version) + 5).ok_or("a certificate without a key")?;
    match der::all(info)?[..] {
        [_, (BIT_STRING, [0, key @ ..])] => Ok(key.to_vec()),
        _ => Err("no SubjectPublicKeyInfo".into()),
    }
}

struct Replay<'a> {
    credssp: &'a Value,
    facts: &'a Value,
    public_key: Vec<u8>,
    sessions: Sessions,
    /// The sealed contents, in the words of the check.
    sealed: Vec<String>,
    numbers: [u32; 2],
}

impl Replay<'_> {
    fn run(mut self, steps: &[Step]) -> Outcome<()> {
        let version = |sender| {
            let step = steps.iter().find(|step| step.sender == sender);
            step.map(|step| step.request.version).ok_or("one side sends nothing")
        };
        let versions = (version(Sender::Client)?, version(Sender::Server)?);
        let effective = versions.0.min(versions.1);
        check("version", effective, number(self.credssp, "effective_version")?)?;
        let (mut nonce, mut client_sealed) = (None, None);
        for Step { sender, request } in steps {
            if let Some(code) = request.error_code {
                check("errorCode", code, number(self.credssp, "error_code")?)?;
                continue;
            }
            if let Some(sealed) = &request.pub_key_auth {
                if *sender == Sender::Client {
                    // The nonce beside the client's `pubKeyAuth` counts.
                    nonce.clone_from(&request.client_nonce);
                    client_sealed = Some(sealed);
                    let recorded = self.credssp.text("client_nonce");
                    if recorded.is_some() {
                        check("nonce", nonce.as_deref().map(hex).as_deref(), recorded)?;
                    }
                }
                if *sender == Sender::Server && client_sealed == Some(sealed) {
                    self.sent_back(sealed)?;
                } else {
                    let binding = self.binding(*sender, effective, nonce.as_deref())?;
                    self.public_key_proof(*sender, sealed, &binding)?;
                }
            }
            if let Some(sealed) = &request.auth_info {
                let plain = self.unseal(*sender, "authInfo", sealed)?;
                let recorded = bytes(self.credssp, "authinfo_plain")?;
                check("authInfo", hex(&plain), hex(&recorded))?;
                check("TSCredentials", &credentials(&plain)?, &self.credssp["ts_credentials"])?;
            }
        }
        let recorded =
            list(self.facts, "sealed")?.iter().map(|text| text.as_str().unwrap_or_default());
        check("sealed", &self.sealed[..], &recorded.map(str::to_owned).collect::<Vec<_>>())
    }

    /// The expected `pubKeyAuth` (3.1.5): since version 5 a hash; before that the public key, to
    /// whose first octet the server adds 1.
    fn binding(&self, sender: Sender, version: u8, nonce: Option<&[u8]>) -> Outcome<Vec<u8>> {
        if version >= 5 {
            let magic = match sender {
                Sender::Client => "CredSSP Client-To-Server Binding Hash\0",
                Sender::Server => "CredSSP Server-To-Client Binding Hash\0",
            };
            let nonce = nonce.ok_or("no nonce")?;
            return Ok(
                Sha256::digest([magic.as_bytes(), nonce, &self.public_key].concat()).to_vec()
            );
        }
        let mut key = self.public_key.clone();
        if sender == Sender::Server {
            key[0] = key[0].wrapping_add(1);
        }
        Ok(key)
    }

    fn public_key_proof(&mut self, sender: Sender, sealed: &[u8], binding: &[u8]) -> Outcome<()> {
        let (plain_name, verdict_name) = match sender {
            Sender::Client => ("client_pubkeyauth_plain", "client_pubkeyauth"),
            Sender::Server => ("server_pubkeyauth_plain", "server_pubkeyauth"),
        };
        let plain = self.unseal(sender, "pubKeyAuth", sealed)?;
        check(plain_name, hex(&plain), hex(&bytes(self.credssp, plain_name)?))?;
        let verdict = if plain == binding { "right" } else { "wrong" };
        check(verdict_name, verdict, self.facts.text(verdict_name).unwrap_or_default())
    }

    /// FreeRDP 3 sends the client's own `pubKeyAuth` back if it arrived beside the AUTHENTICATE.
    /// The keys of the two directions differ, so it does not verify as the server's.
    fn sent_back(&mut self, sealed: &[u8]) -> Outcome<()> {
        let fact = self.facts.text("server_pubkeyauth");
        check("server_pubkeyauth", fact, Some("the client's own bytes sent back"))?;
        match self.sessions.replay(Sender::Server, sealed) {
            Ok(_) => Err("a message of the client passes for one of the server".into()),
            Err(_) => Ok(()),
        }
    }

    fn unseal(&mut self, sender: Sender, what: &str, sealed: &[u8]) -> Outcome<Vec<u8>> {
        let (name, at) = match sender {
            Sender::Client => ("c2s", 0),
            Sender::Server => ("s2c", 1),
        };
        let number = sealed.get(12..16).and_then(|bytes| bytes.try_into().ok());
        let number = u32::from_le_bytes(number.ok_or("a short message")?);
        // With `mechListMIC`s, the first number is 1.
        if number != self.numbers[at] && self.numbers[at] != 0 {
            return Err(format!("number {number}"));
        }
        self.numbers[at] = number + 1;
        self.sealed.push(format!("{name} {what} #{number}"));
        self.sessions.replay(sender, sealed).map_err(|why| format!("{name} {what}: {why}"))
    }
}

/// `TSCredentials` with a password (2.2.1.2), as recorded: the type, then domain, user and password.
fn credentials(bytes: &[u8]) -> Outcome<Value> {
    const SEQUENCE: u8 = 0x30;
    const OCTET_STRING: u8 = 0x04;
    let fields = der::all(der::only(SEQUENCE, bytes)?)?;
    let [(0xa0, kind), (0xa1, inner)] = fields[..] else { return Err("no TSCredentials".into()) };
    let [kind] = der::only(0x02, kind)? else { return Err("no type of credentials".into()) };
    let inner = der::all(der::only(SEQUENCE, der::only(OCTET_STRING, inner)?)?)?;
    let text = |contents| {
        let octets = der::only(OCTET_STRING, contents)?;
        let units = octets.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        String::from_utf16(&units.collect::<Vec<_>>()).map_err(|error| error.to_string())
    };
    let texts = inner.iter().map(|(_, contents)| text(contents)).collect::<Outcome<Vec<_>>>()?;
    Ok(serde_json::json!([kind, texts]))
}
