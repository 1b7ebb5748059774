//! The ways to log in that every pair is tried with.

use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Client, Credentials, LmCompatibility, ResponseKind, Server, client, server};

/// A way to log in.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Which responses the client sends.
    pub level: LmCompatibility,
    /// What is not negotiated.
    pub without: Flags,
    pub protection: Protection,
}

const UNICODE: Flags = Flags::NEGOTIATE_UNICODE;
const EXTENDED: Flags = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
const KEY_EXCH: Flags = Flags::NEGOTIATE_KEY_EXCH;
/// What the keys of 56 bits are without.
const STRONGEST: Flags = Flags::NEGOTIATE_128;
/// What the keys of 40 bits are without.
pub const STRENGTH: Flags = Flags::NEGOTIATE_128.union(Flags::NEGOTIATE_56);

const V2: LmCompatibility = LmCompatibility::SendNtlmv2;
const V1: LmCompatibility = LmCompatibility::SendLmAndNtlmWithExtendedSessionSecurity;

/// All of them.
#[rustfmt::skip]
pub const ALL: [Mode; 27] = [
    Mode::new(V2, Flags::empty(), Protection::Seal),
    Mode::new(V2, Flags::empty(), Protection::Sign),
    Mode::new(V2, Flags::empty(), Protection::None),
    Mode::new(V2, KEY_EXCH, Protection::Seal),
    Mode::new(V2, KEY_EXCH, Protection::Sign),
    Mode::new(V2, STRONGEST, Protection::Seal),
    Mode::new(V2, STRENGTH, Protection::Seal),
    Mode::new(V2, STRENGTH.union(KEY_EXCH), Protection::Seal),
    Mode::new(V2, UNICODE, Protection::Seal),
    Mode::new(V2, EXTENDED, Protection::Seal),
    Mode::new(V2, EXTENDED.union(STRENGTH).union(KEY_EXCH), Protection::Seal),
    Mode::new(V1, Flags::empty(), Protection::Seal),
    Mode::new(V1, Flags::empty(), Protection::Sign),
    Mode::new(V1, Flags::empty(), Protection::None),
    Mode::new(V1, KEY_EXCH, Protection::Seal),
    Mode::new(V1, STRONGEST, Protection::Seal),
    Mode::new(V1, STRENGTH, Protection::Seal),
    Mode::new(V1, STRENGTH.union(KEY_EXCH), Protection::Seal),
    Mode::new(V1, UNICODE, Protection::Seal),
    Mode::new(V1, EXTENDED, Protection::Seal),
    Mode::new(V1, EXTENDED, Protection::Sign),
    Mode::new(V1, EXTENDED, Protection::None),
    Mode::new(V1, EXTENDED.union(KEY_EXCH), Protection::Seal),
    Mode::new(V1, EXTENDED.union(STRONGEST), Protection::Seal),
    Mode::new(V1, EXTENDED.union(STRENGTH), Protection::Seal),
    Mode::new(V1, EXTENDED.union(STRENGTH).union(KEY_EXCH), Protection::Seal),
    Mode::new(V1, EXTENDED.union(UNICODE), Protection::Seal),
];

/// One of each kind of response.
pub const RESPONSES: [Mode; 3] = [
    Mode::new(V2, Flags::empty(), Protection::Seal),
    Mode::new(V1, Flags::empty(), Protection::Seal),
    Mode::new(V1, EXTENDED, Protection::Seal),
];

/// What all servers of the tests know, and all clients want.
pub const DEFAULT: Mode = Mode::new(V2, Flags::empty(), Protection::Seal);

impl Mode {
    pub const fn new(level: LmCompatibility, without: Flags, protection: Protection) -> Self {
        Self { level, without, protection }
    }

    /// The same without some flags more.
    #[must_use]
    pub const fn without(self, flags: Flags) -> Self {
        Self { without: self.without.union(flags), ..self }
    }

    /// The same with another protection.
    #[must_use]
    pub const fn protected_by(self, protection: Protection) -> Self {
        Self { protection, ..self }
    }

    /// Our client, which takes whatever strength it is granted.
    pub fn client(&self, credentials: Credentials) -> Client {
        Client::new(credentials)
            .with_policy(self.client_policy())
            .with_spn("HTTP/files.example.com")
            .with_workstation("LAPTOP")
            .with_protection(self.protection)
    }

    /// Its policy.
    pub fn client_policy(&self) -> client::Policy {
        let mut policy = client::Policy::default();
        policy.shared.lm_compatibility = self.level;
        policy.shared.offer -= self.without;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.allow_constant_key_exchange_key = true;
        policy
    }

    /// Our server, which takes whatever strength it is asked for.
    pub fn server(&self) -> Server {
        server().with_policy(self.server_policy())
    }

    /// Its policy.
    pub fn server_policy(&self) -> server::Policy {
        let mut policy = server::Policy::default();
        policy.shared.offer -= self.without;
        policy.shared.require_when_protected = Flags::empty();
        policy.shared.allow_constant_key_exchange_key = true;
        if !self.level.sends_ntlmv2() {
            policy.shared.lm_compatibility = self.level;
        }
        policy
    }

    /// The same, signed where nothing is protected.
    #[must_use]
    pub fn signed_at_least(self) -> Self {
        match self.protection {
            Protection::None => self.protected_by(Protection::Sign),
            _ => self,
        }
    }

    pub fn is_extended(&self) -> bool {
        !self.without.contains(EXTENDED)
    }

    pub fn has_40_bits(&self) -> bool {
        self.without.contains(STRENGTH)
    }

    pub fn is_ntlmv2(&self) -> bool {
        self.level.sends_ntlmv2()
    }

    /// How the client proves itself once these flags are negotiated.
    pub fn response(&self, flags: Flags) -> ResponseKind {
        match (self.is_ntlmv2(), flags.contains(EXTENDED)) {
            (true, _) => ResponseKind::Ntlmv2,
            (false, true) => ResponseKind::Ntlm2Session,
            (false, false) => ResponseKind::Ntlmv1,
        }
    }

    /// What must have been negotiated, and what may have been.
    pub fn expected_flags(&self) -> Flags {
        let mut flags = server::Policy::default().shared.offer - self.without;
        if flags.contains(UNICODE) {
            flags -= Flags::NEGOTIATE_OEM;
        }
        match self.protection {
            Protection::Seal => flags |= Flags::PROTECTION,
            Protection::Sign => flags |= Flags::NEGOTIATE_SIGN,
            _ => flags -= STRENGTH | KEY_EXCH,
        }
        flags
    }

    /// `seal`, `sign` or `none`, for bridges.
    pub fn protection_name(&self) -> &'static str {
        match self.protection {
            Protection::Seal => "seal",
            Protection::Sign => "sign",
            _ => "none",
        }
    }
}

/// A server without a policy of its own.
pub fn server() -> Server {
    Server::new(
        Names::member("FILES", "EXAMPLE")
            .with_dns_computer("files.example.com")
            .with_dns_domain("example.com"),
    )
}
