//! The client's login, whose messages are repeated until they are answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use ntlm::session::Protection;
use ntlm::{Client, Credentials, Os};

use super::Datagram;
use super::channel::Channel;
use crate::lossy::Lossy;

/// Logs in. The server speaks first, so it must be asked to.
pub fn log_in(
    socket: &mut Lossy,
    server: SocketAddr,
    credentials: Credentials,
) -> anyhow::Result<Channel> {
    let client = Client::new(credentials).with_protection(Protection::Seal).checked()?;
    let response = ask(socket, server, &Datagram::Hello, |answer| match answer {
        Datagram::Challenge(token) => Some(client.answer_datagram(token, &mut Os)),
        _ => None,
    })??;
    let mut channel = Channel::new(response.keys.into_datagram_session()?);
    let question = Datagram::Authenticate(&response.token);
    let is_welcome = ask(socket, server, &question, |answer| match answer {
        Datagram::Refused => Some(Ok(false)),
        Datagram::Sealed { sequence, signature, message } => {
            let text = channel.read("client", sequence, &signature, message).transpose()?;
            Some(text.map(|_| true))
        }
        _ => None,
    })??;
    // Anybody can forge a refusal, but no welcome.
    if is_welcome { Ok(channel) } else { bail!("access denied") }
}

/// Asks until somebody answers who can be believed.
fn ask<T>(
    socket: &mut Lossy,
    server: SocketAddr,
    question: &Datagram<'_>,
    mut read: impl FnMut(Datagram<'_>) -> Option<T>,
) -> anyhow::Result<T> {
    for _ in 0..ATTEMPTS {
        socket.send(&question.to_bytes(), server)?;
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            // Zero would mean for ever.
            let patience = left.max(Duration::from_millis(1));
            let Some((bytes, from)) = socket.receive(patience)? else { continue };
            let answer = Datagram::parse(bytes).filter(|_| from == server).and_then(&mut read);
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }
    bail!("{server} does not answer")
}

const ATTEMPTS: u32 = 40;
const PATIENCE: Duration = Duration::from_millis(100);
