//! A helper for programs that speak NTLM through Samba's `ntlm_auth`: Squid, Dovecot, FreeRADIUS and
//! Apache's mod_auth_ntlm_winbind (as servers), Firefox, programs with libsoup and wine (as clients). It
//! accepts the same command lines and speaks the same protocols on standard input and output, but needs
//! no Samba, no winbind and no domain. The users are in a file:
//!
//! ```text
//! hash=$(echo 'correct horse' | cargo run -q --example http_server -- --hash)
//! printf '%s\n' "EXAMPLE\\alice:$hash:EXAMPLE\\Proxy Users" > /etc/ntlm_auth.users
//! cargo install --path examples/tools --root /usr/local
//! ```
//!
//! An NT hash is equivalent to the password, so only the user that Squid or Dovecot runs as should
//! be able to read the file. It is read when the helper starts; `squid -k reconfigure` restarts all
//! helpers.
//!
//! A client that logs in with a user principal name, `alice@example.com`, is accepted only if the file
//! has a line of that name, because there is no domain to map the name to an account.
//!
//! In `squid.conf`, only the program's path changes:
//!
//! ```text
//! auth_param ntlm program /usr/local/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp \
//!     --domain=EXAMPLE "--require-membership-of=EXAMPLE\\Proxy Users"
//! auth_param ntlm children 20
//! acl users proxy_auth REQUIRED
//! http_access allow users
//! ```
//!
//! Quotes must enclose the whole word, because Squid treats quotes within a word as ordinary
//! characters.
//!
//! One process serves one login at a time. Squid sends it no channel-ID, even if `children` has a
//! `concurrency=`, because Squid reserves each helper for one client until the login is over.
//!
//! In Dovecot's configuration, too, only the path changes. Dovecot chooses the arguments itself:
//!
//! ```text
//! auth_mechanisms = ntlm
//! auth_use_winbind = yes
//! auth_winbind_helper_path = /usr/local/bin/ntlm_auth
//! ```
//!
//! As a client, for a program that transports the messages:
//!
//! ```text
//! NTLM_PASSWORD='correct horse' ntlm_auth --helper-protocol=ntlmssp-client-1 \
//!     --username alice --domain EXAMPLE
//! ```
//!
//! Firefox and programs with libsoup run it this way to log in without asking for a password, and pass
//! `NTLM_PASSWORD` on to it. Firefox does so for the servers in `network.automatic-ntlm-auth.trusted-uris`,
//! unless `network.auth.force-generic-ntlm` is set.
//!
//! FreeRADIUS verifies MS-CHAP and PEAP-MSCHAPv2 (Wi-Fi, VPNs) with it. In `mods-enabled/mschap`:
//!
//! ```text
//! mschap {
//!     ntlm_auth = "/usr/local/bin/ntlm_auth --request-nt-key --allow-mschapv2 --domain=EXAMPLE \
//!         --username=%{mschap:User-Name} --challenge=%{mschap:Challenge:-00} \
//!         --nt-response=%{mschap:NT-Response:-00}"
//! }
//! ```
//!
//! # Options of Samba's program
//!
//! | option | here |
//! |---|---|
//! | `--helper-protocol` | `squid-2.5-ntlmssp`, `squid-2.5-basic` and `ntlmssp-client-1`; others are rejected |
//! | `--require-membership-of` | for servers: the groups are in the file of users, after the hash: SIDs, or names, which without a domain match any domain. If the option is repeated, all groups are required; Samba uses only the last one. Clients reject the option |
//! | `--domain` | for clients, the user's domain; for servers, their own, which is also the default domain of groups and of names in `squid-2.5-basic` |
//! | `--username`, `--target-service`, `--target-hostname` | for clients, and `--username` for a single question; without effect on other servers |
//! | `--password` | for clients, or better in `NTLM_PASSWORD`. Servers reject the option: Samba accepts any user with that password |
//! | `--workstation` | the machine's name, which is sent to the other side |
//! | `-s`, `--configfile`, `--option` | `workgroup`, `netbios name`, `ntlm auth` and `winbind separator` are used; `ntlm auth = disabled` and `include` are rejected. Whatever the value of `ntlm auth`, clients that sign or seal without extended session security need `--level 0`. No file is read unless it is named |
//! | `-d`, `--debuglevel` | from 5 on, NTLM's messages are explained on standard error |
//! | `-V`, `-?`, `--version`, `--help`, `--usage` | as expected |
//! | `--use-cached-creds`, `--offline-logon`, `--pam-winbind-conf` | without effect: they concern winbind |
//! | `--username`, `--challenge`, `--nt-response`, `--request-nt-key` | without `--helper-protocol`: verify one response of MS-CHAP or MS-CHAPv2, and print the key. They have no effect on helpers, as in Samba |
//! | `--allow-mschapv2` | such a response is accepted even at level 5, unless `ntlm auth` is `ntlmv2-only` |
//! | `--diagnostics`, `--request-lm-key`, `--lm-response` | without effect |
//! | `-l`, `--log-basename`, `--debug-stdout` | without effect: standard error is the log |
//!
//! `--users` and `--level` do not exist in Samba. When the helper starts, it lists the options
//! without effect on standard error.
//!
//! The reason for each rejection is on standard error, which Squid writes into its `cache.log`; on
//! standard output all rejections look alike. What to copy is `ServerHelper` and `ClientHelper` of
//! `src/helper`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ntlm::server::{self, Names};
use ntlm::{Server, UserName, client};
use ntlm_net_examples::level;
use ntlm_tools::helper::basic::BasicHelper;
use ntlm_tools::helper::client::{ClientHelper, Template};
use ntlm_tools::helper::line::{Line, converse};
use ntlm_tools::helper::ms_chap::Question;
use ntlm_tools::helper::options::{Options, Protocol};
use ntlm_tools::helper::server::ServerHelper;
use ntlm_tools::helper::smb_conf::Settings;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ntlm_auth: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let settings = options.settings()?;
    match options.question(&settings)? {
        Some(question) => answer_once(&question, options, &settings),
        None => serve(options, settings).map(|()| ExitCode::SUCCESS),
    }
}

/// Answers on standard output with the text of Samba's program, also for a rejection.
fn answer_once(
    question: &Question,
    options: &Options,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    match question.answer(&options.admission(settings)?) {
        Ok(key) if options.requests_nt_key() => println!("{key}"),
        Ok(_) => {}
        Err(failure) => {
            println!("{failure}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(options: &Options, settings: Settings) -> anyhow::Result<()> {
    let protocol = options.protocol()?;
    for option in options.without_effect(protocol) {
        eprintln!("ntlm_auth: without effect: {option}");
    }
    let is_verbose = options.is_verbose();
    match protocol {
        Protocol::Server => {
            let mut helper = server_helper(options, &settings)?;
            converse(is_verbose, |line| answer(line, |line| helper.answer(line)))
        }
        Protocol::Client => {
            let mut helper = client_helper(options, settings)?;
            converse(is_verbose, |line| answer(line, |line| helper.answer(line)))
        }
        Protocol::Basic => {
            let helper = basic_helper(options, &settings)?;
            converse(is_verbose, |line| helper.answer(line))
        }
    }
}

fn answer(line: &[u8], answer: impl FnOnce(Line<'_>) -> String) -> String {
    Line::parse(line).map_or_else(|| "BH Query invalid".into(), answer)
}

fn server_helper(options: &Options, settings: &Settings) -> anyhow::Result<ServerHelper> {
    let machine = settings.netbios_name.as_deref().unwrap_or("SERVER");
    let names = match &settings.workgroup {
        Some(domain) => Names::member(machine, domain.as_str()),
        None => Names::standalone(machine),
    };
    let level = settings.level.unwrap_or(server::Policy::default().shared.lm_compatibility);
    let server = Server::new(names).with_policy(level::server_policy(level)).checked()?;
    Ok(ServerHelper::new(server, options.admission(settings)?, settings.separator()))
}

fn basic_helper(options: &Options, settings: &Settings) -> anyhow::Result<BasicHelper> {
    let domain = settings.workgroup.as_deref().unwrap_or_default();
    Ok(BasicHelper::new(options.admission(settings)?, domain, settings.separator()))
}

fn client_helper(options: &Options, settings: Settings) -> anyhow::Result<ClientHelper> {
    let user = options.username.as_deref().context("a client needs --username")?;
    let level = options.level.unwrap_or(client::Policy::default().shared.lm_compatibility);
    let template = Template {
        user: UserName::new(user).with_domain(settings.workgroup.unwrap_or_default()),
        policy: level::client_policy(level),
        workstation: settings.netbios_name.unwrap_or_default(),
        target: options.target(),
    };
    Ok(ClientHelper::new(template, options.password()?))
}
