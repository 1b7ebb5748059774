//! Handshakes with a man in the middle: their settings, and how one runs.

use core::time::Duration;
use std::sync::LazyLock;

use ntlm::client::Policy as ClientPolicy;
use ntlm::crypto::LmHash;
use ntlm::server::{Accepted, AwaitAuthenticate, Claim, Policy};
use ntlm::session::Protection;
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{
    Ascii, ChannelBindings, Client, Credentials, FileTime, LmCompatibility, NtHash, Server,
};

use crate::foreign;
use crate::outcome::{By, End, Keys, Stopped};
use ntlm_testkit::peers::USER;
use ntlm_testkit::{Fixed, NOW, PASSWORD, server, weaken};

/// How the client proves the password, and which side speaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// NTLMv2 with a MIC.
    Ntlmv2,
    /// The same, connectionless.
    Datagram,
    /// NTLMv2 of a client that answers a timestamp without a MIC, as curl, Firefox and impacket do.
    WithoutMic,
    /// NTLMv1 with extended session security.
    Ntlm2Session,
    /// The same, connectionless.
    Ntlm2SessionDatagram,
    /// NTLMv1 without extended session security, and with an LM response.
    Ntlmv1,
    /// An LMv2 response alone, as Cyrus SASL's client sends it.
    Lmv2Alone,
    Anonymous,
}

/// The policies of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The server has the default policy, and so does the client if the mode allows it.
    Default,
    /// Both policies are strict, if the mode allows it.
    Strict,
    /// The server has the default policy, changed only so that it accepts the mode.
    Allowing,
}

/// The setting of a handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) mode: Mode,
    pub(crate) level: Level,
    pub(crate) protection: Protection,
    /// The flags that are not negotiated, although the policies would.
    pub(crate) without: Flags,
}

impl Setting {
    /// A mode with each protection that it supports, and without each flag that it can be without.
    pub(crate) fn all(mode: Mode, level: Level) -> Vec<Self> {
        let setting = |protection, without| Self { mode, level, protection, without };
        let mut all = vec![setting(Protection::None, Flags::empty())];
        if !matches!(mode, Mode::Lmv2Alone | Mode::Anonymous) {
            all.push(setting(Protection::Sign, Flags::empty()));
            all.push(setting(Protection::Seal, Flags::empty()));
        }
        all.extend(can_be_without(mode, level).iter().map(|without| {
            // By default, protected messages require extended session security.
            let protection = match *without {
                Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY => Protection::None,
                _ => Protection::Seal,
            };
            setting(protection, *without)
        }));
        all
    }

    pub(crate) fn is_datagram(&self) -> bool {
        matches!(self.mode, Mode::Datagram | Mode::Ntlm2SessionDatagram)
    }

    /// Runs a handshake; `change` receives the number of each message and the message in transit.
    pub(crate) fn run(&self, world: World, change: &Change<'_>) -> Result<End, Stopped> {
        if self.is_datagram() {
            return self.run_datagram(world, change);
        }
        let (ours, theirs) = &mut world.environments();
        let client = match self.mode {
            Mode::WithoutMic | Mode::Lmv2Alone => None,
            _ => Some(self.client(world.given).initiate().map_err(Stopped::by(By::Client))?),
        };
        let (mut negotiate, await_challenge) = match client {
            Some((negotiate, await_challenge)) => (negotiate, Some(await_challenge)),
            None => (foreign::negotiate(self.protection), None),
        };
        change(1, &mut negotiate);
        let server = self.server(world.given);
        let (mut challenge, handshake) =
            server.challenge(&negotiate, theirs).map_err(Stopped::by(By::Server))?;
        change(2, &mut challenge);
        let answered = match await_challenge {
            Some(client) => client
                .answer(&challenge, ours)
                .map(|response| (response.token, Keys::of(&response.keys))),
            None => foreign::respond(self.mode, &challenge, world.given),
        };
        let (mut authenticate, keys) = answered.map_err(Stopped::by(By::Client))?;
        change(3, &mut authenticate);
        Ok(End::new(keys, &world.finish(handshake, &authenticate)?))
    }

    fn run_datagram(&self, world: World, change: &Change<'_>) -> Result<End, Stopped> {
        let (ours, theirs) = &mut world.environments();
        let (mut challenge, handshake) =
            self.server(world.given).challenge_datagram(theirs).map_err(Stopped::by(By::Server))?;
        change(2, &mut challenge);
        let mut response = self
            .client(world.given)
            .answer_datagram(&challenge, ours)
            .map_err(Stopped::by(By::Client))?;
        change(3, &mut response.token);
        let accepted = world.finish(handshake, &response.token)?;
        Ok(End::new(Keys::of(&response.keys), &accepted))
    }

    pub(crate) fn client(&self, given: Given) -> Client {
        let credentials = match self.mode {
            Mode::Anonymous => Credentials::anonymous(),
            _ => Credentials::password(USER, PASSWORD),
        };
        let mut client = Client::new(credentials)
            .with_policy(self.client_policy(given))
            .with_workstation("LAPTOP")
            .with_protection(self.protection);
        if let Some(target) = given.target {
            client = client.with_spn(target);
        }
        if let Some(channel) = given.channel {
            client = client.with_channel_bindings(channel.bindings());
        }
        client
    }

    /// A strict client of this crate rejects a configuration without bindings and SPN; here it is a
    /// client that requires neither, so only the server can reject it.
    fn client_policy(&self, given: Given) -> ClientPolicy {
        let mut policy = match (self.mode, self.level) {
            (Mode::Ntlmv2 | Mode::Datagram, Level::Strict) => ClientPolicy::strict(),
            _ => ClientPolicy::default(),
        };
        policy.require_spn &= given.target.is_some();
        policy.require_channel_bindings &= given.channel.is_some();
        match self.mode {
            Mode::Ntlm2Session | Mode::Ntlm2SessionDatagram => {
                policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
            }
            Mode::Ntlmv1 => {
                weaken(&mut policy.shared, LmCompatibility::SendLmAndNtlm);
            }
            _ => {}
        }
        policy
    }

    pub(crate) fn server(&self, given: Given) -> Server {
        let server =
            server().with_policy(self.server_policy()).with_spns([Given::TARGET, "HTTP/files"]);
        match given.servers_channel {
            Some(channel) => server.with_channel_bindings(channel.bindings()),
            None => server,
        }
    }

    fn server_policy(&self) -> Policy {
        let mut policy = match self.level {
            Level::Strict => Policy::strict(),
            Level::Default | Level::Allowing => Policy::default(),
        };
        policy.shared.offer -= self.without;
        if self.level != Level::Allowing {
            return policy;
        }
        match self.mode {
            Mode::Ntlm2Session | Mode::Ntlm2SessionDatagram => {
                policy.shared.lm_compatibility = LmCompatibility::RefuseLm;
            }
            Mode::Ntlmv1 => {
                weaken(&mut policy.shared, LmCompatibility::RefuseLm);
            }
            Mode::Lmv2Alone => policy.allow_lmv2_alone = true,
            Mode::Anonymous => policy.allow_anonymous = true,
            Mode::Ntlmv2 | Mode::Datagram | Mode::WithoutMic => {}
        }
        policy
    }
}

/// The flags that a mode can be without under a policy that would negotiate them. The foreign
/// client supports only UNICODE and no key exchange; datagrams require a key exchange.
const fn can_be_without(mode: Mode, level: Level) -> &'static [Flags] {
    const UNICODE: Flags = Flags::NEGOTIATE_UNICODE;
    const EXTENDED: Flags = Flags::NEGOTIATE_EXTENDED_SESSIONSECURITY;
    const KEY_EXCHANGE: Flags = Flags::NEGOTIATE_KEY_EXCH;
    const BITS_128: Flags = Flags::NEGOTIATE_128;
    const MORE_THAN_40_BITS: Flags = BITS_128.union(Flags::NEGOTIATE_56);
    match (mode, level) {
        (Mode::Ntlmv2, Level::Default) => &[UNICODE, EXTENDED, KEY_EXCHANGE],
        (Mode::Datagram, Level::Default) => &[UNICODE, EXTENDED],
        (Mode::WithoutMic, Level::Default) => &[EXTENDED],
        (Mode::Ntlm2Session, Level::Allowing) => &[UNICODE, KEY_EXCHANGE],
        (Mode::Ntlm2SessionDatagram, Level::Allowing) => &[UNICODE],
        (Mode::Ntlmv1, Level::Allowing) => &[UNICODE, KEY_EXCHANGE, BITS_128, MORE_THAN_40_BITS],
        _ => &[],
    }
}

/// The change that the man in the middle makes to each message, by its number.
pub(crate) type Change<'a> = dyn Fn(usize, &mut Vec<u8>) + 'a;

/// The parameters of a handshake besides its setting.
#[derive(Clone, Copy)]
pub(crate) struct World {
    pub(crate) given: Given,
    /// The first "random" number.
    pub(crate) randomness: u8,
    /// The delay of the last message.
    pub(crate) delay: Duration,
}

impl World {
    pub(crate) const HONEST: Self =
        Self { given: Given::RIGHT, randomness: 1, delay: Duration::ZERO };

    fn environments(self) -> (Fixed, Fixed) {
        (Fixed::starting_with(self.randomness), Fixed::starting_with(self.randomness + 100))
    }

    /// The server's verdict on the last message. For the server, every user has the same password.
    pub(crate) fn finish(
        self,
        handshake: AwaitAuthenticate,
        authenticate: &[u8],
    ) -> Result<Accepted, Stopped> {
        let delay = u64::try_from(self.delay.as_nanos() / 100).unwrap();
        let environment = &mut Fixed::at(FileTime::from_ticks(NOW.ticks() + delay));
        let (nt_hash, lm_hash) = &*HASHES;
        let accepted = match handshake.read(authenticate, environment) {
            Ok(Claim::User(claim)) => claim.verify_hashes(nt_hash, lm_hash.as_ref()),
            Ok(Claim::Anonymous(claim)) => claim.accept(),
            Err(error) => Err(error),
        };
        accepted.map_err(Stopped::by(By::Server))
    }
}

/// The hashes of the password, computed once for the many handshakes.
static HASHES: LazyLock<(NtHash, Option<LmHash>)> =
    LazyLock::new(|| (NtHash::from_password(PASSWORD), LmHash::from_password(PASSWORD, &Ascii)));

/// The configuration that both applications set.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    pub(crate) target: Option<&'static str>,
    pub(crate) channel: Option<Channel>,
    pub(crate) servers_channel: Option<Channel>,
}

impl Given {
    pub(crate) const TARGET: &str = "HTTP/files.example.com";

    pub(crate) const RIGHT: Self = Self {
        target: Some(Self::TARGET),
        channel: Some(Channel::OfTheServer),
        servers_channel: Some(Channel::OfTheServer),
    };
}

/// A TLS channel.
#[derive(Clone, Copy)]
pub(crate) enum Channel {
    OfTheServer,
    /// The channel of the man in the middle.
    Another,
}

impl Channel {
    pub(crate) fn bindings(self) -> ChannelBindings {
        ChannelBindings::application_data(match self {
            Self::OfTheServer => b"the server's certificate",
            Self::Another => b"another certificate",
        })
    }
}
