//! A client logs in to a server in the same process, with an explanation of each step.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! There are no sockets: an application sends the tokens that this program prints.

use ntlm::error::Rejection;
use ntlm::server::{Accepted, Claim, Names};
use ntlm::session::Protection;
use ntlm::{Client, Credentials, Error, NtHash, Os, Server, UserName, inspect};

fn main() -> Result<(), Error> {
    let client = Client::new(Credentials::password("EXAMPLE\\alice", "correct horse"))
        .with_spn("ldap/files.example.com")
        .with_workstation("LAPTOP")
        .with_protection(Protection::Seal)
        .checked()?;
    let server = Server::new(
        Names::member("FILES", "EXAMPLE")
            .with_dns_computer("files.example.com")
            .with_dns_domain("example.com"),
    )
    .checked()?;

    title("1. NEGOTIATE, from the client: the features it supports and requests");
    let (negotiate, await_challenge) = client.initiate()?;
    show(&negotiate);

    title("2. CHALLENGE, from the server: 8 random bytes, and the server's names");
    let (challenge, await_authenticate) = server.challenge(&negotiate, &mut Os)?;
    show(&challenge);

    title("3. AUTHENTICATE, from the client: a name, and a proof of the password");
    let answer = await_challenge.answer(&challenge, &mut Os)?;
    show(&answer.token);
    say(
        "NTProofStr is an HMAC with a key derived from the password. It covers the server's random bytes and\n\
         everything after it in the NTLMv2 response: the time, the server's names, and the service that\n\
         the client asks for (MsvAvTargetName). The MIC covers all three messages.",
    );

    title("The server looks the user up, and verifies the proof");
    let accepted = verify(await_authenticate.read(&answer.token, &mut Os)?)?;
    println!("accepted: {}\n", accepted.log());
    say(
        "The password itself was never sent. But an attacker who recorded these messages can try\n\
         passwords offline, billions per second, until one results in the same NTProofStr: use long\n\
         passwords, and TLS.",
    );

    title("What an attacker cannot do: change a message");
    let (challenge, await_authenticate) = server.challenge(&negotiate, &mut Os)?;
    let (_, await_challenge) = client.initiate()?;
    let mut changed = await_challenge.answer(&challenge, &mut Os)?.token;
    // The first letter of LAPTOP, in UTF-16.
    if let Some(place) = changed.windows(4).position(|bytes| bytes == *b"L\0A\0") {
        changed.splice(place..=place, *b"X");
    }
    println!(
        "LAPTOP became XAPTOP: {}",
        outcome(verify(await_authenticate.read(&changed, &mut Os)?))
    );

    title("What an attacker cannot do: replay a recorded proof");
    let (_, await_authenticate) = server.challenge(&negotiate, &mut Os)?;
    let replayed = await_authenticate.read(&answer.token, &mut Os)?;
    println!("proof for another challenge: {}", outcome(verify(replayed)));

    title("What an attacker cannot do: guess without being noticed");
    let guesser = Client::new(Credentials::password("EXAMPLE\\alice", "battery staple"));
    let (negotiate, await_challenge) = guesser.initiate()?;
    let (challenge, await_authenticate) = server.challenge(&negotiate, &mut Os)?;
    let guess = await_challenge.answer(&challenge, &mut Os)?;
    println!("{}", outcome(verify(await_authenticate.read(&guess.token, &mut Os)?)));
    say("The log contains the reason. The client learns only that access is denied.");

    title("After the login: signed messages, and sealed ones (encrypted and signed)");
    let mut client_side = answer.keys.into_session()?;
    let mut server_side = accepted.keys.into_session()?;
    let message = b"Anyone can read this.";
    let signature = client_side.sign(message)?;
    println!("signed      {:?}", text(message));
    println!("signature   {}", hex(signature.as_bytes()));
    server_side.verify(message, &signature)?;
    let mut message = *b"Only the server can read this.";
    let signature = client_side.seal(&mut message)?;
    println!("sealed      {}", hex(&message));
    println!("signature   {}", hex(signature.as_bytes()));
    server_side.unseal(&mut message, &signature)?;
    println!("unsealed    {:?}\n", text(&message));
    say(
        "Both sides derived the keys from the proof. Only a server that knows the password's hash can\n\
         do that, so signed messages also authenticate the server to the client.",
    );

    title("Connectionless mode: a handshake of two messages, and datagrams in any order");
    let (challenge, await_authenticate) = server.challenge_datagram(&mut Os)?;
    let answer = client.answer_datagram(&challenge, &mut Os)?;
    println!("CHALLENGE, {} bytes, and AUTHENTICATE, {}", challenge.len(), answer.token.len());
    let accepted = verify(await_authenticate.read(&answer.token, &mut Os)?)?;
    let client_side = answer.keys.into_datagram_session()?;
    let server_side = accepted.keys.into_datagram_session()?;
    let (mut first, mut second) = (*b"datagram 1", *b"datagram 2");
    let first_signature = client_side.seal(1, &mut first)?;
    let second_signature = client_side.seal(2, &mut second)?;
    server_side.unseal(2, &mut second, &second_signature)?;
    server_side.unseal(1, &mut first, &first_signature)?;
    println!("received {:?}, then {:?}", text(&second), text(&first));
    Ok(())
}

/// A server's part: looks the claimed user up, and verifies the proof.
fn verify(claim: Claim) -> Result<Accepted, Error> {
    match claim {
        Claim::User(claim) => match look_up(claim.claimed_user()) {
            Some(hash) => claim.verify_nt_hash(&hash),
            None => claim.reject(Rejection::UnknownUser),
        },
        Claim::Anonymous(claim) => claim.accept(),
    }
}

/// The user database. A real one stores hashes, not passwords.
fn look_up(user: &UserName) -> Option<NtHash> {
    let alice = UserName::new("alice").with_domain("EXAMPLE");
    user.eq_ignore_case(&alice).then(|| NtHash::from_password("correct horse"))
}

fn outcome(verdict: Result<Accepted, Error>) -> String {
    match verdict {
        Ok(accepted) => format!("accepted: {}", accepted.log()),
        Err(error) => format!("rejected: {}", error.log()),
    }
}

fn title(text: &str) {
    println!("\n== {text} ==\n");
}

fn say(text: &str) {
    println!("{text}");
}

fn show(token: &[u8]) {
    println!("{}", inspect::annotate(token));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
