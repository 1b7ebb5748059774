//! The client's login, which repeats each message until it is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use ntlm::session::Protection;
use ntlm::{Client, Credentials, Os};

use super::Datagram;
use super::channel::Channel;
use crate::lossy::Lossy;

/// Logs in. In connectionless mode the server sends the first NTLM message, so the client asks for
/// it.
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
    // A rejection can be forged, a welcome cannot.
    if is_welcome { Ok(channel) } else { bail!("access denied") }
}

/// Repeats a datagram until an acceptable answer comes.
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
            // A timeout of zero would mean no timeout.
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
