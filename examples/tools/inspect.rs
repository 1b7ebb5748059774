//! Shows NTLM messages as tables, and checks a recorded handshake.
//!
//! `cargo install --path examples/tools` installs it; `cargo run --bin inspect` runs it from the repository.
//!
//! ```text
//! inspect TlRMTVNTUAABAAAAB4IIAA==
//! inspect 'WWW-Authenticate: NTLM TlRMTVNTUAACAAAA...'
//! inspect 4e:54:4c:4d:53:53:50:00:01:00:00:00:07:82:08:00
//! curl -sv --ntlm --user 'alice:correct horse' http://127.0.0.1:8080/ 2>&1 |
//!     NTLM_PASSWORD='correct horse' inspect
//! ```
//!
//! Paste tokens in any form: in a sentence, in quotes, in the log of curl or wget, in base64 or
//! hexadecimal over several lines, as a dump of xxd, hexdump, od or Wireshark, as an array or a literal
//! of C, Python, Java, Rust or JSON, or as raw bytes; bare or in SPNEGO. A repeated token is shown once.
//! Of a truncated token, the available part is shown, and the missing part is reported on standard error.
//!
//! With the password and all three messages it reports whether the password is right, whether a man in
//! the middle changed a message, and which servers reject the login nonetheless: because of the kind of
//! response, missing channel bindings or SPN, or the clock. It also verifies and unseals the messages of
//! the session. Secrets are shown only with `--secrets`. What to copy is [`Recording::verify`] of
//! `src/recording.rs`, [`Report`] of `src/verdict.rs` and [`Listener::read`] of `src/listener.rs`.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use ntlm::crypto::Side;
use ntlm::server::Accepted;
use ntlm::wire::{Message, SIGNATURE};
use ntlm::{NtHash, inspect};
use ntlm_net_examples::encoding::{hex, unhex};
use ntlm_tools::listener::Listener;
use ntlm_tools::recording::{Recording, Secret, explain};
use ntlm_tools::tokens::{self, Found};
use ntlm_tools::verdict::Report;

/// Shows NTLM messages as tables, and checks a recorded handshake.
#[derive(Parser)]
struct Options {
    /// Messages in hexadecimal or base64, bare or in SPNEGO, within any text, or files that contain
    /// some; "-" is standard input
    #[arg(default_value = "-")]
    tokens: Vec<String>,

    /// Also show responses, the MIC and session keys: a response or a MIC allows guessing the
    /// password, and the session key decrypts sealed messages
    #[arg(long)]
    secrets: bool,

    /// Check the handshake with the user's password
    #[arg(long, env = "NTLM_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// Check the handshake with the NT hash of the password (32 hexadecimal digits); it takes precedence
    /// over a password
    #[arg(long, value_name = "HEX")]
    nt_hash: Option<NtHash>,

    /// Read a signed or sealed message of that side, signature first, in hexadecimal; may be
    /// repeated, in the order in which the messages were sent
    #[arg(long, num_args = 2, value_names = ["client|server", "HEX"])]
    sealed_by: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Options::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed the pipe.
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
    let Found { tokens, troubles } = tokens::find(&read_all(&options.tokens)?);
    ensure!(!tokens.is_empty(), "{}", troubles.join("; "));
    for trouble in &troubles {
        eprintln!("inspect: {trouble}");
    }
    for token in &tokens {
        let table = inspect::annotate(token);
        writeln!(output, "{}", if options.secrets { table.with_secrets() } else { table })?;
    }
    ensure!(tokens.iter().any(|token| is_ntlm(token)), "there is no NTLM message");
    let Some(secret) = secret(options) else {
        ensure!(options.sealed_by.is_empty(), "sealed messages need --password or --nt-hash");
        return Ok(advise(&tokens, output)?);
    };
    let recording = Recording::of(&tokens)?;
    let accepted = recording.verify(&secret).map_err(explain)?;
    write!(output, "{}", Report::new(&recording, &secret, &accepted, options.secrets)?)?;
    listen(options, &accepted, output)?;
    Ok(output.flush()?)
}

/// Prints the report that is possible without the password.
fn advise(tokens: &[Vec<u8>], output: &mut impl Write) -> io::Result<()> {
    let is_answer =
        |token: &&Vec<u8>| matches!(Message::parse(token), Ok(Message::Authenticate(_)));
    if let Some(answer) = tokens.iter().rfind(is_answer) {
        let recording = Recording::of(tokens).ok();
        write!(output, "{}", Report::without_password(answer, recording.as_ref()))?;
    }
    output.flush()
}

fn secret(options: &Options) -> Option<Secret> {
    match (&options.nt_hash, &options.password) {
        (Some(nt_hash), _) => Some(Secret::of_nt_hash(nt_hash.clone())),
        (None, Some(password)) => Some(Secret::from_password(password)),
        (None, None) => None,
    }
}

/// Whether it is a message of a handshake, or a message signature, which has version 1.
fn is_ntlm(token: &[u8]) -> bool {
    token.starts_with(&SIGNATURE) || (token.len() == 16 && token.starts_with(&[1, 0, 0, 0]))
}

/// Concatenates all arguments and the contents of the files among them.
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
        // Raw bytes must stay unchanged.
        if arguments.len() > 1 {
            input.push(b'\n');
        }
    }
    Ok(input)
}

fn looks_like_path(argument: &str) -> bool {
    let is_word = !argument.contains(char::is_whitespace);
    !argument.contains('\n')
        && (argument.contains(['/', '\\']) || is_word && argument.contains('.'))
}

/// Base64 can contain slashes too, in NTLM messages and in tokens of GSS-API or SPNEGO.
fn holds_token(argument: &str) -> bool {
    let is_gss = |token: &[u8]| matches!(token.first(), Some(0x60 | 0xa0 | 0xa1));
    let texts = std::iter::once(argument).chain(argument.split_whitespace());
    texts
        .flat_map(|text| tokens::find(text.as_bytes()).tokens)
        .any(|token| is_ntlm(&token) || is_gss(&token))
}

/// Prints the messages that were signed or sealed after the handshake.
fn listen(options: &Options, accepted: &Accepted, output: &mut impl Write) -> anyhow::Result<()> {
    let mut listener = Listener::new(&accepted.keys);
    for pair in options.sealed_by.chunks(2) {
        let [side, digits] = pair else { bail!("--sealed-by takes two values") };
        let digits: String = digits.split([' ', ':']).collect();
        let message = unhex(&digits).context("a sealed message is not hexadecimal")?;
        let sender = match side.as_str() {
            "client" => Side::Client,
            "server" => Side::Server,
            _ => bail!("messages are sealed by the client or by the server, not by {side:?}"),
        };
        let plaintext = listener.read(sender, &message).map_err(explain)?;
        writeln!(output, "{side:<16}{}", show(&plaintext))?;
    }
    Ok(())
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
    use super::*;

    #[test]
    fn a_path_is_distinguished_from_a_token() {
        for path in ["./log", ".", "no/such/file", r"C:\log", "/tmp/file", "token.txt"] {
            let error = read_all(&[path.into()]).unwrap_err().to_string();
            assert!(error.contains("no such file") || error.contains("directory"), "{error}");
        }
        // A NEGOTIATE and Kerberos, with slashes in both.
        let dump = "0000  4e 54 4c 4d 53 53 50 00 01 00 00 00 2f 82 08 00  NTLMSSP...../...";
        for token in [
            "TlRMTVNTUAABAAAA////4g==",
            "TlRMTVNTUAABAAAA...",
            "Authorization: Negotiate YIIG/w==",
            "YIIG/w==",
            dump,
        ] {
            assert_eq!(read_all(&[token.into()]).unwrap(), token.as_bytes());
        }
    }

    #[test]
    fn input_without_a_message_is_an_error_and_is_shown() {
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
    fn binary_plaintext_is_shown_in_hexadecimal() {
        assert_eq!(show("grün\n".as_bytes()), "\"grün\\n\"");
        assert_eq!(show(&[0xff, 0]), "ff00");
        assert_eq!(show(b"\x1b[2J"), "1b5b324a");
    }
}
