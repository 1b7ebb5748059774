//! Computes the AUTHENTICATE that answers a CHALLENGE ([MS-NLMP] 3.1.5.1.2, 3.1.5.2.1).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Answer, Config};
use crate::crypto::{
    ExportedSessionKey, KeyExchangeKey, LmSessionKey, NtHash, ResponseKey, Side, mic,
    ntlm2_session_challenge,
};
use crate::environment::Environment;
use crate::error::{Error, Refused, Unexpected};
use crate::mic::check_challenge_has_no_authenticate;
use crate::negotiation::{
    Mode, agree_client, demand, has_constant_key_exchange_key, in_use, of_protection,
};
use crate::policy::ResponseKind;
use crate::session::{Protection, Secrecy, SessionKeys};
use crate::text::{Text, TextError};
use crate::wire::{
    Authenticate, AvFlags, AvId, AvPairs, Challenge, EOL, LmResponse, NegotiateFlags, NtResponse,
    Reserved, append_pair, append_text_pair, emit_fixed,
};

pub(super) fn answer(
    config: &Config,
    mode: Mode,
    negotiate: &[u8],
    challenge: &[u8],
    environment: &mut dyn Environment,
) -> Result<Answer, Error> {
    if challenge.len() > config.policy.shared.max_message_len {
        return Err(Refused::TooLong.into());
    }
    check_challenge_has_no_authenticate(challenge)?;
    let message = Challenge::parse_for_client(challenge)?;
    let mut flags = settle(config, mode, message.flags)?;
    flags.set(NegotiateFlags::NEGOTIATE_TARGET_INFO, message.target_info.is_some());
    let nonces = Nonces::draw(environment)?;
    let mut proof = prove(config, mode, flags, &message, &nonces, environment)?;
    if config.policy.shared.require_mic && !proof.announces_mic {
        return Err(Refused::NoMic.into());
    }
    // Do not send a response that cannot carry what the policy requires.
    let needs_target_info = config.policy.require_spn || config.policy.require_channel_bindings;
    if needs_target_info && !proof.carries_target_info {
        return Err(Refused::NoTargetInfo.into());
    }
    let (key, encrypted_key) = exchange_key(flags, &proof.key_exchange_key, nonces);
    let encrypted_key = encrypted_key.as_ref().map_or(&[][..], |key| key);
    let (mut token, mic_place) = emit(config, flags, &mut proof, encrypted_key)?;
    #[cfg(feature = "spnego")]
    let has_mic = mic_place.is_some();
    if let Some(place) = mic_place {
        // The MIC is computed with zeros in its place.
        let mic = mic(&key, &[negotiate, challenge, &token]);
        place.fill(&mut token, mic);
    }
    let secrecy = match (proof.is_anonymous, config.policy.shared.allow_insecure_anonymous_keys) {
        (false, _) => Secrecy::Secret,
        (true, true) => Secrecy::KnownToEveryone,
        (true, false) => Secrecy::Unusable,
    };
    let keys = SessionKeys::new(in_use(flags), key, Side::Client, secrecy);
    Ok(Answer {
        token,
        keys,
        #[cfg(feature = "spnego")]
        has_mic,
    })
}

/// Returns the negotiated flags, or an error if the policy or the requested protection needs more.
fn settle(config: &Config, mode: Mode, challenge: NegotiateFlags) -> Result<NegotiateFlags, Error> {
    let mut flags = agree_client(config.asked(mode), challenge, mode)?;
    let policy = &config.policy;
    if config.signs_if_granted && config.protection == Protection::None {
        flags -= unusable_signing(flags, policy.shared.require_when_protected);
    }
    let protection = of_protection(config.protection);
    demand(flags, policy.shared.require | protection, config.required_when_protected())?;
    if mode == Mode::Datagram && config.protection == Protection::Seal {
        // Connectionless sealing derives a key for each message, which needs extended session
        // security (3.4.3).
        demand(flags, NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY, NegotiateFlags::empty())?;
    }
    Ok(flags)
}

/// Returns the flags to drop if SIGN was requested only for SPNEGO's list of mechanisms: none if
/// SIGN was granted with all flags that signing needs. The server is not rejected otherwise,
/// because a server that cannot sign works without `mechListMIC`.
fn unusable_signing(flags: NegotiateFlags, required: NegotiateFlags) -> NegotiateFlags {
    let needed = required | NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    let is_granted = flags.contains(NegotiateFlags::NEGOTIATE_SIGN);
    if is_granted && demand(flags, NegotiateFlags::empty(), needed).is_ok() {
        NegotiateFlags::empty()
    } else {
        NegotiateFlags::NEGOTIATE_SIGN | NegotiateFlags::NEGOTIATE_KEY_EXCH
    }
}

/// The responses of the client, and the key that follows from them.
struct Proof {
    lm_response: LmAnswer,
    /// `NtChallengeResponse`. `emit` appends the names to the same buffer.
    nt_response: Vec<u8>,
    key_exchange_key: KeyExchangeKey,
    /// Whether `MsvAvFlags` in the NT response announces a MIC.
    announces_mic: bool,
    /// Whether the NT response contains AV pairs, which can carry channel bindings and an SPN.
    carries_target_info: bool,
    is_anonymous: bool,
}

enum LmAnswer {
    Nothing,
    /// One zero byte, which an anonymous client sends (3.2.5.1.2).
    Zero,
    Response([u8; 24]),
}

impl LmAnswer {
    const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Zero => &[0],
            Self::Response(response) => response,
        }
    }
}

fn prove(
    config: &Config,
    mode: Mode,
    flags: NegotiateFlags,
    message: &Challenge<'_>,
    nonces: &Nonces,
    environment: &mut dyn Environment,
) -> Result<Proof, Error> {
    let Some(nt_hash) = config.credentials.to_nt_hash() else { return Ok(anonymous()) };
    if !config.policy.shared.lm_compatibility.sends_ntlmv2() {
        return ntlmv1(config, flags, message, &nt_hash, nonces);
    }
    let names = [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME];
    let has = |id| message.target_info.and_then(|pairs| pairs.get(id)).is_some();
    let needs_names =
        config.protection != Protection::None && !config.policy.allow_missing_netbios_names;
    if needs_names && !names.into_iter().all(has) {
        return Err(Unexpected::NetbiosNames.into());
    }
    ntlmv2(config, mode, message, &nt_hash, nonces, environment)
}

/// An anonymous client: it proves nothing, and its key is not secret (3.3.1).
fn anonymous() -> Proof {
    Proof {
        lm_response: LmAnswer::Zero,
        nt_response: Vec::new(),
        key_exchange_key: KeyExchangeKey::from([0; 16]),
        announces_mic: false,
        carries_target_info: false,
        is_anonymous: true,
    }
}

/// NTLMv1, with or without extended session security (3.3.1).
fn ntlmv1(
    config: &Config,
    flags: NegotiateFlags,
    message: &Challenge<'_>,
    nt_hash: &NtHash,
    nonces: &Nonces,
) -> Result<Proof, Error> {
    if flags.intersects(NegotiateFlags::PROTECTION)
        && has_constant_key_exchange_key(flags, ResponseKind::Ntlmv1)
        && !config.policy.shared.allow_constant_key_exchange_key
    {
        return Err(Refused::ConstantKeyExchangeKey.into());
    }
    let lm_hash = config.credentials.to_lm_hash(config.policy.shared.code_page);
    let server_challenge = &message.server_challenge;
    let (nt_response, lm_response);
    if flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY) {
        let client_challenge = nonces.client_challenge;
        let challenge = ntlm2_session_challenge(server_challenge, &client_challenge);
        nt_response = nt_hash.ntlmv1_response(&challenge);
        let [a, b, c, d, e, f, g, h] = client_challenge;
        lm_response = [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    } else {
        nt_response = nt_hash.ntlmv1_response(server_challenge);
        lm_response = match &lm_hash {
            Some(hash) if config.policy.shared.lm_compatibility.sends_lm() => {
                hash.lm_response(server_challenge)
            }
            _ => nt_response,
        };
    }
    let lm_session_key = lm_hash.as_ref().map(LmSessionKey::from);
    let key_exchange_key = nt_hash
        .session_base_key()
        .ntlmv1_key_exchange_key(flags, server_challenge, &lm_response, lm_session_key.as_ref())
        .ok_or(Refused::NoLmHash)?;
    Ok(Proof {
        lm_response: LmAnswer::Response(lm_response),
        nt_response: nt_response.to_vec(),
        key_exchange_key,
        announces_mic: false,
        carries_target_info: false,
        is_anonymous: false,
    })
}

/// NTLMv2 (3.3.2).
fn ntlmv2(
    config: &Config,
    mode: Mode,
    message: &Challenge<'_>,
    nt_hash: &NtHash,
    nonces: &Nonces,
    environment: &mut dyn Environment,
) -> Result<Proof, Error> {
    let user = config.credentials.user();
    let response_key = ResponseKey::new(nt_hash, user.user(), user.domain());
    let server_challenge = &message.server_challenge;
    let client_challenge = nonces.client_challenge;
    let timestamp = message.target_info.and_then(AvPairs::timestamp);
    let time = timestamp.map_or_else(|| environment.now(), Ok)?;

    let mut nt_response = Vec::with_capacity(config.max_payload_len(message.target_info));
    nt_response.resize(16, 0);
    emit_fixed(&mut nt_response, time, client_challenge);
    append_target_info(config, message.target_info, &mut nt_response)?;
    // [MS-NLMP] 3.3.2 puts `Z(4)` after the AV pairs. It must be there, because the server of
    // pyspnego 0.12.4 encodes the response again and compares all bytes.
    nt_response.extend_from_slice(&[0; 4]);
    let (place, blob) = nt_response.split_at_mut(16);
    let (proof, session_base_key) = response_key.prove_ntlmv2(server_challenge, blob);
    place.copy_from_slice(&proof);

    // An LMv2 response proves the password without a MIC or channel bindings. So if the
    // CHALLENGE contains `MsvAvTimestamp`, `Z(24)` takes its place (3.1.5.1.2); if a connectionless
    // CHALLENGE contains `TargetInfo`, an empty field does (3.1.5.2.1).
    let lm_response = match mode {
        Mode::Connection if timestamp.is_some() => LmAnswer::Response([0; 24]),
        Mode::Datagram if message.target_info.is_some() => LmAnswer::Nothing,
        _ => LmAnswer::Response(response_key.lmv2_response(server_challenge, &client_challenge)),
    };
    Ok(Proof {
        lm_response,
        nt_response,
        key_exchange_key: session_base_key.ntlmv2_key_exchange_key(),
        announces_mic: timestamp.is_some(),
        carries_target_info: message.target_info.is_some(),
        is_anonymous: false,
    })
}

impl Config {
    /// Upper bound in bytes for the NTLMv2 response and the names, to reserve the buffer once.
    fn max_payload_len(&self, from_server: Option<AvPairs<'_>>) -> usize {
        let user = self.credentials.user();
        let names = [user.user(), user.domain(), &self.workstation].map(Text::max_utf16le_len);
        let target = self.spn.max_utf16le_len();
        let pairs = from_server.map_or(0, |pairs| pairs.as_bytes().len());
        // 44 proof and fixed part, 8 MsvAvFlags, 20 channel bindings, 4 header of the SPN, 4
        // MsvAvEOL, 4 `Z(4)`.
        84 + pairs + target + names.iter().sum::<usize>()
    }
}

/// Appends the server's AV pairs in their order, followed by the client's own (3.1.5.1.2).
///
/// The client sets `MsvAvFlags`, the SPN and the channel bindings itself, even if the server sent
/// such pairs. Each of them occurs once: servers that read only one of two `MsvAvFlags` overlooked
/// the MIC (CVE-2019-1166).
fn append_target_info(
    config: &Config,
    from_server: Option<AvPairs<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let Some(from_server) = from_server else {
        out.extend_from_slice(&EOL);
        return Ok(());
    };
    let mut flags = from_server.flags();
    flags.set(AvFlags::MIC_PRESENT, from_server.timestamp().is_some());
    flags.set(AvFlags::UNTRUSTED_SPN, config.spn_is_unverified);
    let mut has_flags = false;
    for (id, value) in from_server.iter() {
        match id {
            AvId::TARGET_NAME | AvId::CHANNEL_BINDINGS => {}
            AvId::FLAGS => {
                append_pair(out, id, &flags.bits().to_le_bytes())?;
                has_flags = true;
            }
            _ => append_pair(out, id, value)?,
        }
    }
    if !has_flags && !flags.is_empty() {
        append_pair(out, AvId::FLAGS, &flags.bits().to_le_bytes())?;
    }
    // 3.1.5.1.2 says that a client without channel bindings sends 16 zeros. IIS set to "Accept"
    // rejects such a client, because it takes zeros for a client that supports bindings but has
    // none. It accepts a client that sends no pair, so we send none, like gss-ntlmssp and pyspnego.
    if !config.bindings.is_none() {
        append_pair(out, AvId::CHANNEL_BINDINGS, config.bindings.md5())?;
    }
    append_text_pair(out, AvId::TARGET_NAME, &config.spn)
        .map_err(|_| Refused::OurName(TextError::TooLong))?;
    out.extend_from_slice(&EOL);
    Ok(())
}

/// All random values of a handshake. They are drawn in one call, because a call of the operating
/// system's generator takes as long as an HMAC.
struct Nonces {
    client_challenge: [u8; 8],
    exported_session_key: ExportedSessionKey,
}

impl Nonces {
    fn draw(environment: &mut dyn Environment) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 24]);
        environment.fill_random(&mut *bytes)?;
        let [a, b, c, d, e, f, g, h, key @ ..] = *bytes;
        Ok(Self {
            client_challenge: [a, b, c, d, e, f, g, h],
            exported_session_key: ExportedSessionKey::from(key),
        })
    }
}

/// Returns the exported session key and, if KEY_EXCH was negotiated, `EncryptedRandomSessionKey`.
fn exchange_key(
    flags: NegotiateFlags,
    key_exchange_key: &KeyExchangeKey,
    nonces: Nonces,
) -> (ExportedSessionKey, Option<[u8; 16]>) {
    if !flags.contains(NegotiateFlags::NEGOTIATE_KEY_EXCH) {
        return (key_exchange_key.as_exported_session_key(), None);
    }
    let encrypted = key_exchange_key.encrypt(&nonces.exported_session_key);
    (nonces.exported_session_key, Some(encrypted))
}

/// Returns the AUTHENTICATE, and the place of the MIC that is still to be filled in.
fn emit(
    config: &Config,
    flags: NegotiateFlags,
    proof: &mut Proof,
    encrypted_key: &[u8],
) -> Result<(Vec<u8>, Option<Reserved<16>>), Error> {
    let character_set = flags.character_set().ok_or(Unexpected::CharacterSet)?;
    let user = config.credentials.user();
    // The names are appended to the buffer of the NT response, to allocate only once.
    let payload = &mut proof.nt_response;
    let nt_len = payload.len();
    let mut append = |text: &Text| {
        let start = payload.len();
        text.append_to(payload, character_set, config.policy.shared.code_page)
            .map(|()| payload.len() - start)
            .map_err(Refused::OurName)
    };
    let domain_len = append(user.domain())?;
    let user_len = append(user.user())?;
    append(&config.workstation)?;
    let (nt_response, names) = proof.nt_response.split_at(nt_len);
    let (domain, names) = names.split_at(domain_len);
    let (user, workstation) = names.split_at(user_len);
    let message = Authenticate {
        lm_response: LmResponse::new(proof.lm_response.as_bytes()),
        nt_response: NtResponse::parse(nt_response)?,
        domain,
        user,
        workstation,
        encrypted_random_session_key: encrypted_key,
        flags: Some(if proof.is_anonymous { flags | NegotiateFlags::ANONYMOUS } else { flags }),
        version: Some(config.version_for(flags)),
        mic: None,
    };
    let mut token = Vec::new();
    if proof.announces_mic {
        let place = message.emit_without_mic(&mut token)?;
        return Ok((token, Some(place)));
    }
    message.emit(&mut token)?;
    Ok((token, None))
}
