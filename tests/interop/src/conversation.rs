//! Programs that are spoken to line by line on their standard input and output.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to end.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// A program that answers. It ends with this value.
#[derive(Debug)]
pub struct Conversation {
    name: String,
    child: Child,
    input: Option<Sender<String>>,
    output: Receiver<String>,
    /// All that it says on its standard error, once it has ended.
    errors: Receiver<String>,
}

impl Conversation {
    /// Starts a program.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let errors = collector(child.stderr.take().expect("it is piped"));
        let input = Some(writer(child.stdin.take().expect("it is piped")));
        let output = reader(child.stdout.take().expect("it is piped"));
        Self { name, child, input, output, errors }
    }

    /// Says a line, and returns the line that comes back.
    ///
    /// # Panics
    /// As [`receive`](Self::receive).
    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.receive()
    }

    /// Says a line. Whether it arrives shows in the answer.
    pub fn send(&mut self, line: &str) {
        // The writer is gone only if the program is.
        let _ = self.input.as_ref().map(|input| input.send(format!("{line}\n")));
    }

    /// Waits for the next line.
    ///
    /// # Panics
    /// If it does not come in time, or the program ends.
    pub fn receive(&mut self) -> String {
        match self.output.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("{} does not answer", self.name),
            Err(RecvTimeoutError::Disconnected) => {
                let errors = self.errors.recv_timeout(LAST_PATIENCE).unwrap_or_default();
                panic!("{} ended: {errors}", self.name)
            }
        }
    }
}

impl Drop for Conversation {
    /// It ends by itself when there is nothing more to read, and removes its files.
    fn drop(&mut self) {
        self.input = None;
        let deadline = Instant::now() + LAST_PATIENCE;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes in a thread of its own, since a program that does not read would block it.
fn writer(mut stream: impl Write + Send + 'static) -> Sender<String> {
    let (sender, lines) = mpsc::channel::<String>();
    thread::spawn(move || {
        for line in lines {
            if stream.write_all(line.as_bytes()).and_then(|()| stream.flush()).is_err() {
                return;
            }
        }
    });
    sender
}

fn reader(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn collector(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, text) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        // Mostly nobody wants to know.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}
