//! A client and a server log in to each other in one process, and show every byte.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! Sockets are left out: where this prints a token, your application protocol sends it.

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

    title("Connection-oriented: three messages");
    let (negotiate, await_challenge) = client.initiate()?;
    show("client to server", &negotiate);
    let (challenge, await_authenticate) = server.challenge(&negotiate, &mut Os)?;
    show("server to client", &challenge);
    let response = await_challenge.answer(&challenge, &mut Os)?;
    show("client to server", &response.token);
    let accepted = verify(await_authenticate.read(&response.token, &mut Os)?)?;
    report(&accepted);

    title("Then messages are signed or sealed");
    let mut client_side = response.keys.into_session()?;
    let mut server_side = accepted.keys.into_session()?;
    let message = b"Anybody can read this.";
    let signature = client_side.sign(message)?;
    println!("signed       {:?}", text(message));
    println!("signature    {}", hex(signature.as_bytes()));
    server_side.verify(message, &signature)?;
    println!("verified");
    let mut message = *b"Nobody else can read this.";
    println!("plaintext    {:?}", text(&message));
    let signature = client_side.seal(&mut message)?;
    println!("ciphertext   {}", hex(&message));
    println!("signature    {}", hex(signature.as_bytes()));
    server_side.unseal(&mut message, &signature)?;
    println!("unsealed     {:?}", text(&message));

    title("Connectionless: the server speaks first, messages may come in any order");
    let (challenge, await_authenticate) = server.challenge_datagram(&mut Os)?;
    show("server to client", &challenge);
    let response = client.answer_datagram(&challenge, &mut Os)?;
    show("client to server", &response.token);
    let accepted = verify(await_authenticate.read(&response.token, &mut Os)?)?;
    report(&accepted);
    let client_side = response.keys.into_datagram_session()?;
    let server_side = accepted.keys.into_datagram_session()?;
    let message = b"Datagram 0 is readable.";
    let signature = client_side.sign(0, message)?;
    server_side.verify(0, message, &signature)?;
    println!("signed       {:?}, verified", text(message));
    let (mut first, mut second) = (*b"Datagram 1", *b"Datagram 2");
    let first_signature = client_side.seal(1, &mut first)?;
    let second_signature = client_side.seal(2, &mut second)?;
    println!("ciphertext   {}, {}", hex(&first), hex(&second));
    server_side.unseal(2, &mut second, &second_signature)?;
    server_side.unseal(1, &mut first, &first_signature)?;
    println!("received     {:?}, then {:?}", text(&second), text(&first));

    title("A wrong password is refused");
    let mallory = Client::new(Credentials::password("EXAMPLE\\alice", "battery staple"));
    let (negotiate, await_challenge) = mallory.initiate()?;
    let (challenge, await_authenticate) = server.challenge(&negotiate, &mut Os)?;
    let response = await_challenge.answer(&challenge, &mut Os)?;
    match verify(await_authenticate.read(&response.token, &mut Os)?) {
        Ok(_) => unreachable!("the server believes anybody"),
        // The peer learns no more than that; why, only the log does.
        Err(error) => println!("to the peer  access denied\nto the log   {}", error.log()),
    }
    Ok(())
}

/// What a server does with a claim: look the user up, and let the proof be verified.
fn verify(claim: Claim) -> Result<Accepted, Error> {
    match claim {
        Claim::User(claim) => match lookup(claim.claimed_user()) {
            Some(hash) => claim.verify_nt_hash(&hash),
            None => claim.reject(Rejection::UnknownUser),
        },
        Claim::Anonymous(claim) => claim.accept(),
    }
}

/// The user database. A real one stores hashes, not passwords.
fn lookup(user: &UserName) -> Option<NtHash> {
    let alice = UserName::new("alice").with_domain("EXAMPLE");
    user.eq_ignore_case(&alice).then(|| NtHash::from_password("correct horse"))
}

fn report(accepted: &Accepted) {
    // Names come from the peer: where that could break a log, print them with `{:?}`.
    let user = accepted.user().as_ref().map_or("nobody".into(), ToString::to_string);
    let response =
        accepted.identity.response().map_or("nothing".into(), |kind| format!("{kind:?}"));
    let mic = if accepted.mic_checked { "checked" } else { "none" };
    let workstation = accepted.workstation.to_string();
    println!("accepted     {user} from {workstation}, proven by {response}, MIC {mic}");
}

fn title(text: &str) {
    println!("\n== {text} ==\n");
}

fn show(direction: &str, token: &[u8]) {
    println!("{direction}: {}", inspect::annotate(token));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
