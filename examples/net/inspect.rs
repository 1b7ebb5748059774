//! Shows NTLM messages as tables, and checks an exchange that somebody recorded.
//!
//! ```text
//! cargo run --example inspect -- TlRMTVNTUAABAAAAB4IIAA==
//! cargo run --example inspect -- 'WWW-Authenticate: NTLM TlRMTVNTUAACAAAA...'
//! curl -sv --ntlm --user 'alice:correct horse' http://127.0.0.1:8080/ 2>&1 |
//!     NTLM_PASSWORD='correct horse' cargo run --example inspect
//! ```
//!
//! With the password and all three messages it says whether the password is right and whether
//! somebody changed a message on the way; it tells the session key, and reads what was signed or
//! sealed with it. What to copy is [`Recording::verify`] and [`Listener::read`].

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use ntlm::crypto::{ExportedSessionKey, LmHash, SealingKey, Side, SigningKey};
use ntlm::error::{Denied, Misuse};
use ntlm::server::{Accepted, Claim, Names, Policy};
use ntlm::session::{Protection, Receiver, Signature};
use ntlm::wire::{Authenticate, Message, NegotiateFlags, SIGNATURE};
use ntlm::{
    Ascii, Binding, DatagramSession, Error, LmCompatibility, NtHash, Os, Server, SessionKeys,
    inspect,
};
use ntlm_net_examples::credentials::parse_nt_hash;
use ntlm_net_examples::encoding::{hex, unhex};
use ntlm_net_examples::tokens;

/// Shows NTLM messages as tables, and checks an exchange that somebody recorded.
#[derive(Parser)]
struct Options {
    /// Messages in hexadecimal or base64, bare or in SPNEGO, or lines and files that hold some;
    /// "-" is standard input
    #[arg(default_value = "-")]
    tokens: Vec<String>,

    /// Show responses, the MIC and the encrypted session key too, from which passwords can be
    /// guessed
    #[arg(long)]
    secrets: bool,

    /// Check the exchange with the user's password
    #[arg(long, env = "NTLM_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// Check the exchange with the NT hash of the password (32 hexadecimal digits)
    #[arg(long, value_name = "HEX", value_parser = parse_nt_hash, conflicts_with = "password")]
    nt_hash: Option<NtHash>,

    /// Read a signed or sealed message of that side, signature first, in hexadecimal; may be
    /// repeated, in the order in which the messages were sent
    #[arg(long, num_args = 2, value_names = ["client|server", "HEX"])]
    sealed_by: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Options::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inspect: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn run(options: &Options, output: &mut impl Write) -> anyhow::Result<()> {
    let tokens = tokens::find(&read_all(&options.tokens)?);
    ensure!(!tokens.is_empty(), "there is no NTLM message");
    for token in &tokens {
        let table = inspect::annotate(token);
        writeln!(output, "{}", if options.secrets { table.with_secrets() } else { table })?;
    }
    ensure!(tokens.iter().any(|token| is_ntlm(token)), "there is no NTLM message");
    let Some(secret) = Secret::of(options) else {
        ensure!(options.sealed_by.is_empty(), "sealed messages need --password or --nt-hash");
        return Ok(());
    };
    let recording = Recording::of(&tokens)?;
    let accepted = recording.verify(&secret).map_err(explain)?;
    report(&recording, &accepted, output)?;

    let mut listener = Listener::new(&accepted.keys);
    for pair in options.sealed_by.chunks(2) {
        let [side, digits] = pair else { bail!("--sealed-by takes two values") };
        let message = unhex(digits).context("a sealed message is not hexadecimal")?;
        let sender = match side.as_str() {
            "client" => Side::Client,
            "server" => Side::Server,
            _ => bail!("messages are sealed by the client or by the server, not by {side:?}"),
        };
        let plaintext = listener.read(sender, &message).map_err(explain)?;
        writeln!(output, "{side:<16}{}", show(&plaintext))?;
    }
    Ok(output.flush()?)
}

/// Whether it is a message of a login, or the signature of another, which has version 1.
fn is_ntlm(token: &[u8]) -> bool {
    token.starts_with(&SIGNATURE) || (token.len() == 16 && token.starts_with(&[1, 0, 0, 0]))
}

/// All arguments one after the other, and what the files among them hold.
fn read_all(arguments: &[String]) -> anyhow::Result<Vec<u8>> {
    let mut input = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "-" => drop(io::stdin().read_to_end(&mut input)?),
            path if Path::new(path).is_file() => {
                input.extend(fs::read(path).with_context(|| format!("cannot read {path}"))?);
            }
            path if Path::new(path).is_dir() => bail!("{path} is a directory"),
            path if looks_like_path(path) && !holds_token(path) => bail!("{path}: no such file"),
            token => input.extend(token.as_bytes()),
        }
        // Raw bytes must stay what they are.
        if arguments.len() > 1 {
            input.push(b'\n');
        }
    }
    Ok(input)
}

fn looks_like_path(argument: &str) -> bool {
    argument.starts_with('.') || argument.contains(['/', '\\'])
}

/// Base64 has slashes too, in NTLM's messages and in others that come in GSS-API or SPNEGO.
fn holds_token(argument: &str) -> bool {
    let is_gss = |token: &[u8]| matches!(token.first(), Some(0x60 | 0xa0 | 0xa1));
    let mut tokens = argument.split_whitespace().flat_map(|word| tokens::find(word.as_bytes()));
    tokens.any(|token| is_ntlm(&token) || is_gss(&token))
}

/// What the password is known by.
struct Secret {
    nt_hash: NtHash,
    lm_hash: Option<LmHash>,
}

impl Secret {
    fn of(options: &Options) -> Option<Self> {
        if let Some(nt_hash) = &options.nt_hash {
            return Some(Self { nt_hash: nt_hash.clone(), lm_hash: None });
        }
        let password = options.password.as_deref()?;
        let nt_hash = NtHash::of_password(password);
        Some(Self { nt_hash, lm_hash: LmHash::of_password(password, &Ascii) })
    }
}

/// The messages of one exchange.
struct Recording<'a> {
    /// Empty if the exchange is connectionless.
    negotiate: &'a [u8],
    challenge: &'a [u8],
    authenticate: &'a [u8],
}

impl<'a> Recording<'a> {
    /// The last message of each kind.
    fn of(tokens: &'a [Vec<u8>]) -> anyhow::Result<Self> {
        let last = |is_it: fn(&Message<'_>) -> bool| {
            let found = tokens.iter().rfind(|token| Message::parse(token).is_ok_and(|m| is_it(&m)));
            found.map(Vec::as_slice)
        };
        let challenge = last(|m| matches!(m, Message::Challenge(_)));
        let challenge = challenge.context("to check an exchange takes its CHALLENGE")?;
        let authenticate = last(|m| matches!(m, Message::Authenticate(_)));
        let authenticate = authenticate.context("to check an exchange takes its AUTHENTICATE")?;
        let negotiate = last(|m| matches!(m, Message::Negotiate(_)));
        let is_connectionless = matches!(Message::parse(challenge), Ok(Message::Challenge(message))
            if message.flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM));
        let negotiate = match negotiate {
            _ if is_connectionless => &[],
            None => bail!("to check an exchange takes its NEGOTIATE"),
            Some(negotiate) => negotiate,
        };
        Ok(Self { negotiate, challenge, authenticate })
    }

    /// Lets a server that is as tolerant as can be go on where the recorded one was.
    fn verify(&self, secret: &Secret) -> Result<Accepted, Error> {
        let mut policy = Policy::default();
        policy.lm_compatibility = LmCompatibility::SendLmAndNtlm;
        policy.allow_lmv2_alone = true;
        policy.allow_anonymous = true;
        policy.require_when_protected = NegotiateFlags::empty();
        policy.channel_bindings = Binding::Ignore;
        policy.max_time_difference = None;
        policy.max_challenge_age = None;
        // The CHALLENGE tells the name; this one goes nowhere.
        let server = Server::new(Names::standalone("RECORDING")).with_policy(policy);
        let handshake = server.resume(self.negotiate.into(), self.challenge.into())?;
        match handshake.read(self.authenticate, &mut Os)? {
            Claim::User(claim) => claim.with_hashes(&secret.nt_hash, secret.lm_hash.as_ref()),
            Claim::Anonymous(claim) => claim.accept(),
        }
    }
}

/// This once, the difference matters: who looks at a recording is no peer.
fn explain(error: Error) -> anyhow::Error {
    let text = match error {
        Error::Denied(Denied::WrongPassword) => {
            "the password is wrong, or the messages are not of one exchange"
        }
        Error::Denied(Denied::Mic) => {
            "the password is right and the MIC is not: a message was changed on the way"
        }
        Error::Denied(Denied::MicMissing) => {
            "the password is right, and the MIC that the response announces was taken away"
        }
        Error::Denied(Denied::TargetInfo) => {
            "the password is right, but the response was made for another server's challenge"
        }
        _ => return anyhow::anyhow!("{error} ({error:?})"),
    };
    anyhow::anyhow!(text)
}

fn report(
    recording: &Recording<'_>,
    accepted: &Accepted,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    // Names come from the peer: `{:?}` escapes what would move the cursor.
    let user = accepted.user.as_ref().map(ToString::to_string).unwrap_or_default();
    let response = accepted.response.map(|kind| format!("{kind:?}, and it is right"));
    let mic = Authenticate::parse(recording.authenticate)?.mic.filter(|_| accepted.mic_checked);
    let mic = mic.map(|mic| format!("{}, and it is right", hex(&mic)));
    writeln!(output, "user            {user:?}")?;
    writeln!(output, "response        {}", response.unwrap_or("none: anonymous".into()))?;
    writeln!(output, "MIC             {}", mic.unwrap_or("none".into()))?;
    writeln!(output, "flags           {}", accepted.keys.flags())?;
    writeln!(output, "protection      {:?}", accepted.keys.protection())?;
    writeln!(output, "session key     {}", hex(accepted.keys.exported_session_key()))?;
    Ok(())
}

/// Reads both directions of a session with the key.
struct Listener {
    flags: NegotiateFlags,
    key: ExportedSessionKey,
    protection: Protection,
    client: Option<Receiver>,
    server: Option<Receiver>,
}

impl Listener {
    fn new(keys: &SessionKeys) -> Self {
        Self {
            flags: keys.flags(),
            key: ExportedSessionKey::from(*keys.exported_session_key()),
            protection: keys.protection(),
            client: None,
            server: None,
        }
    }

    /// The plaintext of the next message of that side: signature, then what was signed or sealed.
    fn read(&mut self, sender: Side, message: &[u8]) -> Result<Vec<u8>, Error> {
        let (signature, message) = message.split_at(message.len().min(16));
        let (signature, mut message) = (Signature::try_from(signature)?, message.to_vec());
        if self.flags.contains(NegotiateFlags::NEGOTIATE_DATAGRAM) {
            let session = DatagramSession::new(self.flags, &self.key, sender.peer());
            let sequence = signature.extended().sequence;
            match self.protection {
                Protection::Seal => session.unseal(sequence, &mut message, &signature)?,
                _ => session.verify(sequence, &message, &signature)?,
            }
            return Ok(message);
        }
        let protection = self.protection;
        let receiver = self.receiver(sender, signature);
        match protection {
            Protection::Seal => receiver.unseal(&mut message, &signature)?,
            Protection::Sign => receiver.verify(&message, &signature)?,
            _ => return Err(Misuse::NotNegotiated.into()),
        }
        Ok(message)
    }

    fn receiver(&mut self, sender: Side, first: Signature) -> &mut Receiver {
        let Self { flags, ref key, .. } = *self;
        let is_extended = flags.contains(NegotiateFlags::NEGOTIATE_EXTENDED_SESSIONSECURITY);
        // After SPNEGO's `mechListMIC` the next message has the number 1, and a fresh key stream.
        let sequence = if is_extended { first.extended().sequence } else { 0 };
        let start = || {
            let signing_key = SigningKey::derive(flags, key, sender);
            let sealing_key = SealingKey::derive(flags, key, sender);
            Receiver::with_keys(flags, signing_key.as_ref(), sealing_key, sequence)
        };
        // Without extended session security both directions share one key stream.
        match sender {
            Side::Server if is_extended => self.server.get_or_insert_with(start),
            _ => self.client.get_or_insert_with(start),
        }
    }
}

fn show(bytes: &[u8]) -> String {
    let is_text = |text: &&str| !text.chars().any(|c| c.is_control() && !c.is_whitespace());
    match std::str::from_utf8(bytes).ok().filter(is_text) {
        Some(text) => format!("{text:?}"),
        None => hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use ntlm::{Client, Credentials};

    use super::*;

    fn alice(protection: Protection) -> Client {
        Client::new(Credentials::password(r"EXAMPLE\alice", "correct horse"))
            .with_protection(protection)
    }

    fn secret(password: &str) -> Secret {
        Secret { nt_hash: NtHash::of_password(password), lm_hash: None }
    }

    /// The tokens, and the keys of both sides.
    fn exchange(client: &Client) -> (Vec<Vec<u8>>, SessionKeys, SessionKeys) {
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        let (negotiate, await_challenge) = client.initiate().unwrap();
        let (challenge, handshake) = server.challenge(&negotiate, &mut Os).unwrap();
        let response = await_challenge.respond(&challenge, &mut Os).unwrap();
        let Claim::User(claim) = handshake.read(&response.token, &mut Os).unwrap() else {
            panic!("alice is somebody")
        };
        let accepted = claim.with_nt_hash(&NtHash::of_password("correct horse")).unwrap();
        (vec![negotiate, challenge, response.token], response.keys, accepted.keys)
    }

    fn sealed(seal: impl FnOnce(&mut [u8]) -> Result<Signature, Error>) -> Vec<u8> {
        let mut message = *b"a message";
        let signature = seal(&mut message).unwrap();
        [signature.as_bytes(), &message[..]].concat()
    }

    #[test]
    fn a_recording_is_verified_and_its_sealed_messages_are_read() {
        let (tokens, client, server) = exchange(&alice(Protection::Seal));
        let accepted = Recording::of(&tokens).unwrap().verify(&secret("correct horse")).unwrap();
        assert!(accepted.mic_checked);
        assert_eq!(accepted.keys.exported_session_key(), client.exported_session_key());
        let mut listener = Listener::new(&accepted.keys);
        let mut client = client.into_session().unwrap();
        let mut server = server.into_session().unwrap();
        for _ in 0..2 {
            let message = sealed(|message| client.seal(message));
            assert_eq!(listener.read(Side::Client, &message).unwrap(), b"a message");
            let message = sealed(|message| server.seal(message));
            assert_eq!(listener.read(Side::Server, &message).unwrap(), b"a message");
        }
    }

    #[test]
    fn both_directions_of_a_session_after_spnegos_mic_are_read() {
        let (tokens, client, _) = exchange(&alice(Protection::Seal));
        let accepted = Recording::of(&tokens).unwrap().verify(&secret("correct horse")).unwrap();
        let mut client = client.into_session().unwrap();
        client.mech_list_mic(b"mechanisms").unwrap();
        let message = sealed(|message| client.seal(message));
        let mut listener = Listener::new(&accepted.keys);
        assert_eq!(listener.read(Side::Client, &message).unwrap(), b"a message");
    }

    #[test]
    fn signed_messages_are_checked() {
        let (tokens, client, _) = exchange(&alice(Protection::Sign));
        let accepted = Recording::of(&tokens).unwrap().verify(&secret("correct horse")).unwrap();
        let mut client = client.into_session().unwrap();
        let message = sealed(|message| client.sign(message));
        let mut changed = message.clone();
        changed[20] ^= 1;
        let read = |message: &[u8]| Listener::new(&accepted.keys).read(Side::Client, message);
        assert_eq!(read(&message).unwrap(), b"a message");
        assert!(matches!(read(&changed), Err(Error::Integrity(_))));
        assert!(read(&message[..15]).is_err());
    }

    #[test]
    fn a_wrong_password_is_told_from_a_changed_message() {
        let (mut tokens, ..) = exchange(&alice(Protection::None));
        let verify = |tokens: &[Vec<u8>], password| {
            Recording::of(tokens).unwrap().verify(&secret(password)).unwrap_err()
        };
        assert_eq!(verify(&tokens, "wrong"), Denied::WrongPassword.into());
        // The offer of extended session security.
        tokens[0][14] ^= 0x08;
        assert_eq!(verify(&tokens, "correct horse"), Denied::Mic.into());
    }

    #[test]
    fn an_exchange_takes_three_messages() {
        let (tokens, ..) = exchange(&alice(Protection::None));
        for missing in 0..3 {
            let mut tokens = tokens.clone();
            tokens.remove(missing);
            assert!(Recording::of(&tokens).is_err());
        }
    }

    #[test]
    fn datagrams_are_read_in_any_order() {
        let server = Server::new(Names::member("FILES", "EXAMPLE"));
        let (challenge, _) = server.challenge_datagram(&mut Os).unwrap();
        let response = alice(Protection::Seal).respond_datagram(&challenge, &mut Os).unwrap();
        let tokens = [challenge, response.token];
        let accepted = Recording::of(&tokens).unwrap().verify(&secret("correct horse")).unwrap();
        let session = response.keys.into_datagram_session().unwrap();
        let mut listener = Listener::new(&accepted.keys);
        for sequence in [7, 2] {
            let message = sealed(|message| session.seal(sequence, message));
            assert_eq!(listener.read(Side::Client, &message).unwrap(), b"a message");
        }
    }

    #[test]
    fn a_path_is_told_from_a_token() {
        for path in ["./log", ".", "no/such/file", r"C:\log", "/tmp/file"] {
            let error = read_all(&[path.into()]).unwrap_err().to_string();
            assert!(error.contains("no such file") || error.contains("directory"), "{error}");
        }
        // A NEGOTIATE and Kerberos, with slashes in both.
        for token in ["TlRMTVNTUAABAAAA////4g==", "Authorization: Negotiate YIIG/w==", "YIIG/w=="] {
            assert_eq!(read_all(&[token.into()]).unwrap(), token.as_bytes());
        }
    }

    #[test]
    fn what_holds_no_message_is_an_error_and_is_shown() {
        let show = |token: &str| {
            let mut output = Vec::new();
            let result = run(&Options::parse_from(["inspect", token]), &mut output);
            (result.is_ok(), !output.is_empty())
        };
        assert_eq!(show("TlRMTVNTUAABAAAAB4IIAA=="), (true, true));
        assert_eq!(show("01000000000000000000000000000000"), (true, true));
        assert_eq!(show("01020304"), (false, true));
        assert_eq!(show("what is this?"), (false, false));
    }

    #[test]
    fn what_is_no_text_is_shown_in_digits() {
        assert_eq!(show("grün\n".as_bytes()), "\"grün\\n\"");
        assert_eq!(show(&[0xff, 0]), "ff00");
        assert_eq!(show(b"\x1b[2J"), "1b5b324a");
    }
}
