//! Verifies one response of MS-CHAP (RFC 2433) or MS-CHAPv2 (RFC 2759), as FreeRADIUS requires for
//! Wi-Fi and VPNs. Both protocols use NTLMv1 responses to a challenge that the calling program
//! computes.

use std::fmt;

use ntlm::crypto::ExportedSessionKey;
use ntlm::error::{Denied, Rejection};
use ntlm::server::{Accepted, Claim, Names, Policy, UserClaim};
use ntlm::wire::{Authenticate, Challenge, Negotiate, NegotiateFlags, NtResponse};
use ntlm::{Error, LmCompatibility, Os, Server, UserName};
use ntlm_net_examples::encoding::hex;

use super::admission::Admission;
use super::log_rejection;

/// A response to verify: is it the user's response to the challenge?
pub struct Question {
    pub user: UserName,
    pub challenge: [u8; 8],
    pub nt_response: [u8; 24],
}

/// The key that Samba's program prints: MD4 of the NT hash, from which FreeRADIUS derives the MPPE
/// keys.
pub struct NtKey(ExportedSessionKey);

impl fmt::Display for NtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NT_KEY: {}", hex(self.0.expose()).to_uppercase())
    }
}

impl Question {
    /// Returns the key if the response is right and the user may log in.
    ///
    /// # Errors
    /// The text that Samba's program prints for all rejections; the reason is logged.
    pub fn answer(&self, admission: &Admission) -> Result<NtKey, &'static str> {
        self.verify(admission).map_err(|error| {
            log_rejection(error, Some(&self.user));
            "Logon failure (0xc000006d)"
        })
    }

    fn verify(&self, admission: &Admission) -> Result<NtKey, Error> {
        let claim = self.claim()?;
        let Some(user) = admission.find(&self.user) else {
            // Takes as long as rejecting a wrong response.
            claim.reject(Rejection::UnknownUser)?;
            return Err(Denied::Rejected(Rejection::UnknownUser).into());
        };
        let Accepted { keys, .. } = claim.verify_nt_hash(&user.hash)?;
        if !admission.admits(user) {
            return Err(Denied::Rejected(Rejection::AccountRestriction).into());
        }
        Ok(NtKey(keys.exported_session_key().clone()))
    }

    /// Puts the response into an AUTHENTICATE of NTLMv1 without key exchange, so that the session key
    /// is the requested key.
    fn claim(&self) -> Result<UserClaim, Error> {
        let flags = NegotiateFlags::NEGOTIATE_UNICODE | NegotiateFlags::NEGOTIATE_NTLM;
        let (mut negotiate, mut challenge, mut authenticate) = (Vec::new(), Vec::new(), Vec::new());
        Negotiate { flags, ..Negotiate::default() }.emit(&mut negotiate)?;
        let server_challenge = self.challenge;
        Challenge { flags, server_challenge, ..Challenge::default() }.emit(&mut challenge)?;
        let message = Authenticate {
            nt_response: NtResponse::V1(&self.nt_response),
            user: &self.user.user().to_utf16le(),
            domain: &self.user.domain().to_utf16le(),
            flags: Some(flags),
            ..Authenticate::default()
        };
        message.emit(&mut authenticate)?;
        let mut policy = Policy::default();
        policy.shared.lm_compatibility = LmCompatibility::RefuseLm;
        let server = Server::new(Names::standalone("RADIUS")).with_policy(policy);
        match server.resume(&negotiate, &challenge)?.read(&authenticate, &mut Os)? {
            Claim::User(claim) => Ok(claim),
            Claim::Anonymous(_) => Err(Denied::Rejected(Rejection::UnknownUser).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2759, 9.2: the challenge is `ChallengeHash` of both sides' challenges and the name.
    const CHALLENGE: [u8; 8] = [0xd0, 0x2e, 0x43, 0x86, 0xbc, 0xe9, 0x12, 0x26];
    const NT_RESPONSE: [u8; 24] = [
        0x82, 0x30, 0x9e, 0xcd, 0x8d, 0x70, 0x8b, 0x5e, 0xa0, 0x8f, 0xaa, 0x39, 0x81, 0xcd, 0x83,
        0x54, 0x42, 0x33, 0x11, 0x4a, 0x3d, 0x85, 0xd6, 0xdf,
    ];
    /// Of the password `clientPass`.
    const USERS: &str = "User:44ebba8d5312b8d611474411f56989ae:Wi-Fi\n";

    fn answer(question: &Question, group: &str) -> Result<String, &'static str> {
        let required = [group].into_iter().filter(|group| !group.is_empty()).map(UserName::from);
        let admission = Admission::new(USERS.parse().unwrap(), required.collect());
        question.answer(&admission).map(|key| key.to_string())
    }

    fn question(user: &str) -> Question {
        Question { user: user.into(), challenge: CHALLENGE, nt_response: NT_RESPONSE }
    }

    #[test]
    fn the_key_of_the_rfc_is_returned() {
        // PasswordHashHash.
        let key = "NT_KEY: 41C00C584BD2D91C4017A2A12FA59F3F".to_owned();
        assert_eq!(answer(&question("User"), ""), Ok(key.clone()));
        assert_eq!(answer(&question(r"EXAMPLE\user"), "Wi-Fi"), Ok(key));
    }

    #[test]
    fn wrong_responses_unknown_users_and_non_members_are_rejected_alike() {
        let no = Err("Logon failure (0xc000006d)");
        let mut wrong = question("User");
        wrong.nt_response[23] ^= 1;
        assert_eq!(answer(&wrong, ""), no);
        let mut wrong = question("User");
        wrong.challenge[0] ^= 1;
        assert_eq!(answer(&wrong, ""), no);
        assert_eq!(answer(&question("nobody"), ""), no);
        assert_eq!(answer(&question(""), ""), no);
        assert_eq!(answer(&question("User"), "VPN"), no);
        assert_eq!(answer(&question(&"x".repeat(40_000)), ""), no);
    }
}
