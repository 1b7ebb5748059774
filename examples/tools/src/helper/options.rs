//! The command line of `ntlm_auth`, compatible with existing `squid.conf` files.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::{ArgAction, Args, Parser};
use ntlm::{LmCompatibility, UserName};

use super::admission::{Admission, parse_group, parse_user};
use super::ms_chap::Question;
use super::smb_conf::Settings;
use ntlm_net_examples::encoding::unhex;
use ntlm_net_examples::level;
use ntlm_net_examples::users::Users;

/// Speaks NTLM on standard input and output, as Samba's `ntlm_auth` does.
#[derive(Parser)]
// As in Samba, the last occurrence of a repeated option counts.
#[command(
    name = "ntlm_auth",
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
#[command(version = "of the Rust crate ntlm, in the place of Samba's")]
pub struct Options {
    /// The protocol: squid-2.5-ntlmssp and squid-2.5-basic for a server, ntlmssp-client-1 for a
    /// client
    #[arg(long, value_name = "PROTOCOL", value_parser = parse_protocol)]
    helper_protocol: Option<Protocol>,

    /// As a server: who may log in, lines `DOMAIN\user:NT hash` or `DOMAIN\user:NT hash:group,group`
    #[arg(long, value_name = "FILE", env = "NTLM_USERS", default_value = "/etc/ntlm_auth.users")]
    pub users: PathBuf,

    /// As a server: accept only members of this group, DOMAIN\NAME or a SID; if repeated, a user must
    /// be in all groups
    #[arg(long, value_name = "GROUP", allow_hyphen_values = true, action = ArgAction::Append)]
    require_membership_of: Vec<String>,

    /// As a client, and for a single question: the user
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub username: Option<String>,

    /// As a client: the user's domain; as a server: its own domain, which it sends to clients
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    domain: Option<String>,

    /// As a client: the password. Every user of the machine can see it here; prefer the variable
    /// NTLM_PASSWORD, or the command PW
    #[arg(long, allow_hyphen_values = true)]
    password: Option<String>,

    /// The name of this machine, which is sent to the other side
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    workstation: Option<String>,

    /// As a client: the service of the SPN, such as HTTP; together with --target-hostname
    #[arg(long, value_name = "NAME")]
    target_service: Option<String>,

    /// As a client: the host of the SPN; together with --target-service
    #[arg(long, value_name = "NAME")]
    target_hostname: Option<String>,

    /// The LAN Manager authentication level, 0 to 5: below 3, a client's responses are weaker than
    /// NTLMv2; below 5, a server accepts weaker ones; at 0, neither side requires extended session
    /// security. Default: 3 for clients, 5 for servers
    #[arg(long, value_name = "N", value_parser = level::parse)]
    pub level: Option<LmCompatibility>,

    /// A file of Samba's settings; only `workgroup`, `netbios name`, `ntlm auth` and `winbind
    /// separator` are used
    #[arg(short = 's', long, value_name = "FILE")]
    configfile: Option<PathBuf>,

    /// One of these settings
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append)]
    option: Vec<String>,

    /// From 5 on, explain NTLM's messages on standard error
    #[arg(short, long, value_name = "N", default_value = "1", allow_hyphen_values = true)]
    debuglevel: String,

    #[command(flatten)]
    single: Single,

    #[command(flatten)]
    ignored: Ignored,

    /// Print help
    #[arg(short = '?', short_alias = 'h', long, alias = "usage", action = ArgAction::Help)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Options to verify one MS-CHAP response, without `--helper-protocol`, as FreeRADIUS requires.
#[derive(Args)]
#[command(next_help_heading = "A single question, of --username")]
struct Single {
    /// The challenge, 16 digits
    #[arg(long, value_name = "HEX", value_parser = bytes::<8>)]
    challenge: Option<[u8; 8]>,

    /// The response, 48 digits
    #[arg(long, value_name = "HEX", value_parser = bytes::<24>)]
    nt_response: Option<[u8; 24]>,

    /// Print the key from which the MPPE keys are derived
    #[arg(long)]
    request_nt_key: bool,

    /// Accept MS-CHAP even at --level 5, where NTLMv1 is rejected otherwise
    #[arg(long)]
    allow_mschapv2: bool,
}

fn bytes<const N: usize>(digits: &str) -> Result<[u8; N], String> {
    let bytes = unhex(digits).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("it is not {} hexadecimal digits", 2 * N))
}

/// Options of Samba's program that have no effect on a helper without winbind. None of them
/// restricts logins.
#[derive(Args)]
#[command(next_help_heading = "Accepted without effect")]
struct Ignored {
    #[arg(long)]
    diagnostics: bool,
    #[arg(long)]
    request_lm_key: bool,
    #[arg(long, value_name = "HEX")]
    lm_response: Option<String>,
    #[arg(long)]
    use_cached_creds: bool,
    #[arg(long)]
    offline_logon: bool,
    #[arg(long, value_name = "FILE")]
    pam_winbind_conf: Option<String>,
    #[arg(short, long, value_name = "FILE")]
    log_basename: Option<String>,
    #[arg(long)]
    debug_stdout: bool,
}

/// The protocol that the helper speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Server,
    Basic,
    Client,
}

fn parse_protocol(text: &str) -> Result<Protocol, &'static str> {
    match text {
        "squid-2.5-ntlmssp" => Ok(Protocol::Server),
        "squid-2.5-basic" => Ok(Protocol::Basic),
        "ntlmssp-client-1" => Ok(Protocol::Client),
        "gss-spnego" | "gss-spnego-client" => {
            Err("SPNEGO is left out: offer NTLM, and squid-2.5-ntlmssp or ntlmssp-client-1 for it")
        }
        "ntlm-server-1" | "ntlm-change-password-1" => Err(
            "not supported: MS-CHAP is answered without a protocol, and passwords cannot be changed",
        ),
        _ => Err("there are squid-2.5-ntlmssp, squid-2.5-basic and ntlmssp-client-1"),
    }
}

impl Options {
    /// The question, if the program is to answer a single one instead of running a protocol.
    pub fn question(&self, settings: &Settings) -> anyhow::Result<Option<Question>> {
        let (None, Some(challenge)) = (self.helper_protocol, self.single.challenge) else {
            return Ok(None);
        };
        let nt_response = self.single.nt_response.context("--nt-response is missing")?;
        let user = self.username.as_deref().context("--username is missing")?;
        ensure!(self.password.is_none(), "--password is for clients: users are in a file");
        ensure!(
            settings.accepts_ms_chap(self.single.allow_mschapv2),
            "MS-CHAP sends NTLMv1 responses: it needs --allow-mschapv2, or --level 4 or less"
        );
        let domain = settings.workgroup.as_deref().unwrap_or_default();
        let user = parse_user(user, settings.separator(), domain);
        Ok(Some(Question { user, challenge, nt_response }))
    }

    /// Whether the answer contains the key.
    pub const fn requests_nt_key(&self) -> bool {
        self.single.request_nt_key
    }

    /// The protocol, after checking that it supports all given options.
    pub fn protocol(&self) -> anyhow::Result<Protocol> {
        let missing = "--helper-protocol is missing, or --challenge of a single question";
        let protocol = self.helper_protocol.context(missing)?;
        match protocol {
            Protocol::Client => ensure!(
                self.require_membership_of.is_empty(),
                "--require-membership-of is for servers"
            ),
            Protocol::Server | Protocol::Basic => ensure!(
                self.password.is_none(),
                "--password is for clients: a server would accept it under any user's name"
            ),
        }
        Ok(protocol)
    }

    /// Samba's settings, overridden by the command line.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        if let Some(file) = &self.configfile {
            settings.read(file)?;
        }
        for option in &self.option {
            if !settings.set(option)? {
                eprintln!("ntlm_auth: without effect: --option={option}");
            }
        }
        settings.workgroup = self.domain.clone().or(settings.workgroup);
        settings.netbios_name = self.workstation.clone().or(settings.netbios_name);
        settings.level = self.level.or(settings.level);
        Ok(settings)
    }

    /// The users who may log in. A required group without members rejects all users; this is
    /// reported on standard error.
    pub fn admission(&self, settings: &Settings) -> anyhow::Result<Admission> {
        let domain = settings.workgroup.as_deref().unwrap_or_default();
        let separator = settings.separator();
        let groups = self.require_membership_of.iter();
        let groups = groups.map(|group| parse_group(group, separator, domain));
        let groups: Vec<UserName> =
            groups.collect::<Result<_, _>>().context("--require-membership-of")?;
        let admission = Admission::new(Users::read(&self.users)?, groups);
        for group in admission.deserted_groups() {
            eprintln!("ntlm_auth: no user of {} is in the group {group}", self.users.display());
        }
        Ok(admission)
    }

    /// A client's password, if it is known yet.
    pub fn password(&self) -> anyhow::Result<Option<String>> {
        match (&self.password, std::env::var("NTLM_PASSWORD")) {
            (Some(password), _) => Ok(Some(password.clone())),
            (None, Ok(password)) => Ok(Some(password)),
            (None, Err(std::env::VarError::NotPresent)) => Ok(None),
            (None, Err(std::env::VarError::NotUnicode(_))) => bail!("NTLM_PASSWORD is not UTF-8"),
        }
    }

    /// `HTTP/www.example.com`
    pub fn target(&self) -> Option<String> {
        let (service, host) = self.target_service.as_ref().zip(self.target_hostname.as_ref())?;
        Some(format!("{service}/{host}"))
    }

    /// Whether to explain NTLM's messages. Samba also accepts levels for its parts, such as `3
    /// auth:5`.
    pub fn is_verbose(&self) -> bool {
        let level = self.debuglevel.split([' ', ',']).next();
        level.and_then(|level| level.parse().ok()).is_some_and(|level: i32| level >= 5)
    }

    /// Lists the given options that have no effect.
    pub fn without_effect(&self, protocol: Protocol) -> Vec<&'static str> {
        let ignored = &self.ignored;
        let is_client = protocol == Protocol::Client;
        let half = self.target_service.is_some() != self.target_hostname.is_some();
        let all = [
            ("--diagnostics", ignored.diagnostics),
            ("--request-lm-key", ignored.request_lm_key),
            ("--request-nt-key", self.single.request_nt_key),
            ("--challenge", self.single.challenge.is_some()),
            ("--lm-response", ignored.lm_response.is_some()),
            ("--nt-response", self.single.nt_response.is_some()),
            ("--use-cached-creds", ignored.use_cached_creds),
            ("--allow-mschapv2", self.single.allow_mschapv2),
            ("--offline-logon", ignored.offline_logon),
            ("--pam-winbind-conf", ignored.pam_winbind_conf.is_some()),
            ("--log-basename", ignored.log_basename.is_some()),
            ("--debug-stdout", ignored.debug_stdout),
            ("--username", self.username.is_some() && !is_client),
            ("--target-service", self.target_service.is_some() && (half || !is_client)),
            ("--target-hostname", self.target_hostname.is_some() && (half || !is_client)),
        ];
        all.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("ntlm_auth").chain(line.split_whitespace()))
    }

    /// Command lines from `squid.conf` and from Dovecot.
    #[test]
    fn existing_command_lines_are_accepted() {
        for (line, protocol) in [
            ("--helper-protocol=squid-2.5-ntlmssp", Protocol::Server),
            ("--helper-protocol squid-2.5-ntlmssp", Protocol::Server),
            ("--diagnostics --helper-protocol=squid-2.5-ntlmssp --domain=LAB", Protocol::Server),
            ("--helper-protocol=squid-2.5-ntlmssp --domain LAB -d 3", Protocol::Server),
            ("-d10 --helper-protocol=squid-2.5-ntlmssp -s /etc/smb.conf", Protocol::Server),
            ("--helper-protocol=squid-2.5-ntlmssp --debuglevel=3,auth:5", Protocol::Server),
            (r"--helper-protocol=squid-2.5-basic --require-membership-of=LAB\p", Protocol::Basic),
            ("--helper-protocol=ntlmssp-client-1 --use-cached-creds", Protocol::Client),
            ("--helper-protocol=ntlmssp-client-1 --username u --password -x", Protocol::Client),
            (
                "--helper-protocol=squid-2.5-basic --helper-protocol=ntlmssp-client-1",
                Protocol::Client,
            ),
        ] {
            let options = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(options.protocol().unwrap(), protocol, "{line}");
        }
    }

    #[test]
    fn unsupported_options_are_rejected() {
        for protocol in ["gss-spnego", "ntlm-server-1", "squid-2.4-basic", "what"] {
            assert!(parse(&format!("--helper-protocol={protocol}")).is_err(), "{protocol}");
        }
        assert!(parse("--helper-protocol=squid-2.5-ntlmssp --unknown").is_err());
        assert!(parse("--username=u --challenge=00").is_err());
        for line in [
            "--request-nt-key --username=u --nt-response=000000000000000000000000000000000000000000000000",
            "--helper-protocol=ntlmssp-client-1 --require-membership-of=g",
            "--helper-protocol=squid-2.5-ntlmssp --password=x",
            "--helper-protocol=squid-2.5-basic --password=x",
        ] {
            assert!(parse(line).unwrap().protocol().is_err(), "{line}");
        }
    }

    #[test]
    fn ms_chap_is_accepted_only_if_it_is_allowed() {
        let response = "0".repeat(48);
        let single = format!("--username=u --challenge=0011223344556677 --nt-response={response}");
        let question = |more: &str| {
            let options = parse(&format!("{single} {more}")).unwrap();
            let settings = options.settings().unwrap();
            options.question(&settings).map(|question| question.map(|q| q.user.to_string()))
        };
        let user = |name: &str| Some(name.to_owned());
        assert_eq!(question("--allow-mschapv2 --domain LAB").unwrap(), user(r"LAB\u"));
        assert_eq!(question("--level 4").unwrap(), user("u"));
        assert_eq!(question("--option=ntlmauth=yes").unwrap(), user("u"));
        assert_eq!(question("--helper-protocol=squid-2.5-basic").unwrap(), None);
        for more in ["", "--allow-mschapv2 --option=ntlmauth=ntlmv2-only", "--level 5"] {
            assert!(question(more).is_err(), "{more}");
        }
        assert!(question("--option=ntlmauth=mschapv2-and-ntlmv2-only").is_err());
        let both = "--allow-mschapv2 --option=ntlmauth=mschapv2-and-ntlmv2-only";
        assert_eq!(question(both).unwrap(), user("u"));
        assert!(question("--allow-mschapv2 --password=x").is_err());
        let alone = parse("--username=u --challenge=0011223344556677 --allow-mschapv2").unwrap();
        assert!(alone.question(&Settings::default()).is_err());
    }

    #[test]
    fn every_required_group_is_checked() {
        let line = "--require-membership-of=a --require-membership-of b";
        assert_eq!(parse(line).unwrap().require_membership_of, ["a", "b"]);
    }

    #[test]
    fn options_without_effect_are_listed() {
        let line = "--diagnostics --username=u --target-service=HTTP";
        let named = |protocol| parse(line).unwrap().without_effect(protocol);
        assert_eq!(named(Protocol::Client), ["--diagnostics", "--target-service"]);
        assert_eq!(named(Protocol::Server), ["--diagnostics", "--username", "--target-service"]);
    }

    #[test]
    fn the_command_line_overrides_settings() {
        let line = "--option=workgroup=ONE --option=winbind_separator --domain TWO";
        assert!(parse(line).unwrap().settings().is_err(), "no setting");
        let line = "--option=workgroup=ONE --option=netbiosname=PC --domain TWO --level 3";
        let settings = parse(line).unwrap().settings().unwrap();
        assert_eq!(settings.workgroup.as_deref(), Some("TWO"));
        assert_eq!(settings.netbios_name.as_deref(), Some("PC"));
        assert_eq!(settings.level, Some(LmCompatibility::SendNtlmv2));
    }

    #[test]
    fn debug_levels_may_name_parts() {
        for (level, is_verbose) in [("1", false), ("5", true), ("10", true), ("3,auth:9", false)] {
            assert_eq!(parse(&format!("-d{level}")).unwrap().is_verbose(), is_verbose, "{level}");
        }
    }
}
