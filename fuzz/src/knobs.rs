//! Clients and servers with any policy. If all knobs are zero, the result is the default policy.
//! Knobs have a fixed number of bytes, so that seeds can start with them.

use core::time::Duration;

use arbitrary::Arbitrary;
use ntlm::error::Misuse;
use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{
    ChannelBindings, Client, CodePage, Credentials, Enforcement, EnvironmentError, LmCompatibility,
    NtHash, Server, client, server,
};

use ntlm_testkit::Fixed;

pub const USER: &str = "alice";
pub const DOMAIN: &str = "EXAMPLE";
/// Short and ASCII, so that it has an LM hash.
pub const PASSWORD: &str = "correct horse";
const TARGET: &str = "HTTP/www.example.com";
/// Servers to which NTLM is not blocked.
const EXCEPTIONS: [[&str; 1]; 2] = [["files.example.com"], ["www.example.com"]];
/// Names outside ASCII that other code pages contain.
const JURGEN: &str = "EXAMPLE\\j\u{fc}rgen";

/// The bytes 0x80-0xbf of ISO 8859-1; the others are not assigned.
pub static HALF_OF_LATIN_1: [char; 128] = {
    let mut table = ['\u{fffd}'; 128];
    let mut at = 0;
    while at < 64 {
        table[at] = (0x80 + at as u8) as char;
        at += 1;
    }
    table
};

/// The options that a target can choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    Alice,
    /// Alice with the NT hash of her password only.
    AliceByHash,
    Anonymous,
    Jurgen,
    /// Alice with a wrong password.
    Impostor,
}

/// A client with any policy.
#[derive(Arbitrary, Clone, Debug)]
pub struct ClientKnobs {
    identity: u8,
    level: u8,
    offer: u32,
    require: u32,
    require_when_protected: u32,
    protection: u8,
    target: u8,
    has_bindings: bool,
    has_workstation: bool,
    require_mic: bool,
    tells_no_version: bool,
    has_code_page: bool,
    max_message_len: u16,
    blocked: u8,
    lacks: u8,
    require_spn: bool,
    require_channel_bindings: bool,
    allow_missing_netbios_names: bool,
    allow_insecure_anonymous_keys: bool,
    allow_constant_key_exchange_key: bool,
}

impl ClientKnobs {
    pub fn identity(&self) -> Identity {
        let identities = [
            Identity::Alice,
            Identity::AliceByHash,
            Identity::Anonymous,
            Identity::Jurgen,
            Identity::Impostor,
        ];
        pick(&identities, self.identity)
    }

    pub fn protection(&self) -> Protection {
        pick(&[Protection::None, Protection::Sign, Protection::Seal], self.protection)
    }

    /// Mistakes of the application.
    pub fn misuses(&self) -> Vec<Misuse> {
        let protects_nothing = self.identity() == Identity::Anonymous
            && self.protection() != Protection::None
            && !self.allow_insecure_anonymous_keys;
        those(&[
            (self.require_spn && !self.has_target(), Misuse::NoSpn),
            (self.require_channel_bindings && !self.has_bindings, Misuse::NoChannelBindings),
            (protects_nothing, Misuse::NoSessionSecurity),
        ])
    }

    fn has_target(&self) -> bool {
        self.target % 4 != 0
    }

    pub fn has_bindings(&self) -> bool {
        self.has_bindings
    }

    pub fn lacks(&self) -> Option<EnvironmentError> {
        lacks(self.lacks)
    }

    pub fn environment(&self) -> Fixed {
        self.lacks().map_or_else(Fixed::default, Fixed::lacking)
    }

    pub fn policy(&self) -> client::Policy {
        let mut policy = client::Policy::default();
        policy.shared.lm_compatibility = level(policy.shared.lm_compatibility, self.level);
        policy.shared.offer = flip(policy.shared.offer, self.offer);
        policy.shared.require = flip(policy.shared.require, self.require);
        policy.shared.require_when_protected =
            flip(policy.shared.require_when_protected, self.require_when_protected);
        policy.shared.require_mic = self.require_mic;
        policy.require_spn = self.require_spn;
        policy.require_channel_bindings = self.require_channel_bindings;
        policy.allow_missing_netbios_names = self.allow_missing_netbios_names;
        policy.shared.allow_insecure_anonymous_keys = self.allow_insecure_anonymous_keys;
        policy.shared.allow_constant_key_exchange_key = self.allow_constant_key_exchange_key;
        policy.shared.version = policy.shared.version.filter(|_| !self.tells_no_version);
        policy.shared.code_page = code_page(self.has_code_page).unwrap_or(policy.shared.code_page);
        policy.shared.max_message_len = length(policy.shared.max_message_len, self.max_message_len);
        policy.shared.blocked = self.blocked % 8 == 1;
        policy.block_exceptions = pick(&EXCEPTIONS, self.blocked / 8).map(Into::into).into();
        policy
    }

    pub fn client(&self) -> Client {
        let alice = format!("{DOMAIN}\\{USER}");
        let credentials = match self.identity() {
            Identity::Alice => Credentials::password(alice, PASSWORD),
            Identity::AliceByHash => Credentials::nt_hash(alice, NtHash::from_password(PASSWORD)),
            Identity::Anonymous => Credentials::anonymous(),
            Identity::Jurgen => Credentials::password(JURGEN, PASSWORD),
            Identity::Impostor => Credentials::password(alice, "battery staple"),
        };
        let mut client =
            Client::new(credentials).with_policy(self.policy()).with_protection(self.protection());
        client = match self.target % 4 {
            0 => client,
            1 => client.with_spn(TARGET),
            2 => client.with_unverified_spn(TARGET),
            _ => client.with_spn("cifs/elsewhere"),
        };
        if self.has_bindings {
            client = client.with_channel_bindings(ChannelBindings::tls_unique(b"finished"));
        }
        if self.has_workstation {
            client = client.with_workstation("WORKSTATION");
        }
        client
    }
}

/// A server with any policy.
#[derive(Arbitrary, Clone, Debug)]
pub struct ServerKnobs {
    names: u8,
    level: u8,
    offer: u32,
    require: u32,
    require_when_protected: u32,
    allow_lmv2_alone: bool,
    allow_anonymous: bool,
    allow_guest: bool,
    require_mic: bool,
    channel_bindings: u8,
    target_name: u8,
    bindings: u8,
    has_target_names: bool,
    ignores_target_info: bool,
    max_time_difference: u8,
    max_challenge_age: u8,
    tells_no_version: bool,
    has_code_page: bool,
    max_message_len: u16,
    blocked: u8,
    lacks: u8,
    allow_insecure_anonymous_keys: bool,
    allow_constant_key_exchange_key: bool,
    allow_any_channel_bindings: bool,
}

impl ServerKnobs {
    /// Mistakes of the application.
    pub fn misuses(&self) -> Vec<Misuse> {
        let policy = self.policy();
        let lacks_bindings = policy.channel_bindings == Enforcement::Required
            && !policy.allow_any_channel_bindings
            && self.bindings().is_none();
        let lacks_names = policy.spn == Enforcement::Required && !self.has_target_names;
        those(&[
            (lacks_bindings, Misuse::NoChannelBindings),
            (lacks_names, Misuse::NoSpn),
            (self.names % 5 == 4, Misuse::NoServerName),
        ])
    }

    pub fn lacks(&self) -> Option<EnvironmentError> {
        lacks(self.lacks)
    }

    pub fn environment(&self) -> Fixed {
        self.lacks().map_or_else(Fixed::default, Fixed::lacking)
    }

    pub fn policy(&self) -> server::Policy {
        let strictness = [Enforcement::IfPresent, Enforcement::Off, Enforcement::Required];
        let mut policy = server::Policy::default();
        policy.shared.lm_compatibility = level(policy.shared.lm_compatibility, self.level);
        policy.allow_lmv2_alone = self.allow_lmv2_alone;
        policy.allow_anonymous = self.allow_anonymous;
        policy.allow_guest = self.allow_guest;
        policy.shared.allow_insecure_anonymous_keys = self.allow_insecure_anonymous_keys;
        policy.shared.allow_constant_key_exchange_key = self.allow_constant_key_exchange_key;
        policy.allow_any_channel_bindings = self.allow_any_channel_bindings;
        policy.shared.offer = flip(policy.shared.offer, self.offer);
        policy.shared.require = flip(policy.shared.require, self.require);
        policy.shared.require_when_protected =
            flip(policy.shared.require_when_protected, self.require_when_protected);
        policy.shared.require_mic = self.require_mic;
        policy.channel_bindings = pick(&strictness, self.channel_bindings);
        policy.spn = pick(&strictness, self.target_name);
        policy.require_target_info = !self.ignores_target_info;
        policy.max_time_difference = duration(policy.max_time_difference, self.max_time_difference);
        policy.max_challenge_age = duration(policy.max_challenge_age, self.max_challenge_age);
        policy.shared.version = policy.shared.version.filter(|_| !self.tells_no_version);
        policy.shared.code_page = code_page(self.has_code_page).unwrap_or(policy.shared.code_page);
        policy.shared.max_message_len = length(policy.shared.max_message_len, self.max_message_len);
        policy.shared.blocked = self.blocked % 8 == 1;
        policy
    }

    pub fn bindings(&self) -> Option<ChannelBindings> {
        let finished: [&[u8]; 2] = [b"finished", b"another"];
        let chosen = self.bindings.checked_sub(1)?;
        Some(ChannelBindings::tls_unique(pick(&finished, chosen)))
    }

    pub fn server(&self) -> Server {
        let names = match self.names % 5 {
            0 => Names::member("FILES", DOMAIN),
            1 => Names::standalone("FILES"),
            2 => Names::member("FILES", DOMAIN)
                .with_dns_computer("files.example.com")
                .with_dns_domain("example.com")
                .with_dns_tree("example.com"),
            3 => Names::standalone("D\u{dc}SSELDORF"),
            _ => Names::standalone(""),
        };
        let mut server = Server::new(names).with_policy(self.policy());
        if let Some(bindings) = self.bindings() {
            server = server.with_channel_bindings(bindings);
        }
        if self.has_target_names {
            server = server.with_spns([TARGET, "HOST/www.example.com"]);
        }
        server
    }
}

fn those(misuses: &[(bool, Misuse)]) -> Vec<Misuse> {
    misuses.iter().filter(|(is_there, _)| *is_there).map(|(_, misuse)| *misuse).collect()
}

pub fn pick<T: Copy>(choices: &[T], knob: u8) -> T {
    choices[usize::from(knob) % choices.len()]
}

fn flip(flags: Flags, bits: u32) -> Flags {
    Flags::from_bits_retain(flags.bits() ^ bits)
}

fn level(default: LmCompatibility, knob: u8) -> LmCompatibility {
    let number = (default as u8 + knob % 6) % 6;
    LmCompatibility::try_from(number).expect("there are six")
}

fn length(default: usize, knob: u16) -> usize {
    if knob == 0 { default } else { knob.into() }
}

fn duration(default: Option<Duration>, knob: u8) -> Option<Duration> {
    pick(&[default, None, Some(Duration::from_secs(1))], knob)
}

fn code_page(is_other: bool) -> Option<&'static dyn CodePage> {
    is_other.then_some(&HALF_OF_LATIN_1)
}

fn lacks(knob: u8) -> Option<EnvironmentError> {
    let errors = [None, Some(EnvironmentError::Clock), Some(EnvironmentError::Randomness)];
    pick(&errors, knob)
}
