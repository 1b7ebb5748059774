//! Programs that run while a test does.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take for one thing. Browsers on a busy machine are slow to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that was started, whose output is collected line by line. It ends with this value.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
    readers: Vec<thread::JoinHandle<()>>,
}

/// A program that ended by itself.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    stdout: Vec<String>,
    stderr: Vec<String>,
}

/// What clients look for proxies in; the tests say which.
const PROXY_VARIABLES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Finished {
    Process::start(command).finish()
}

/// Waits until there is something.
///
/// # Panics
/// If there is nothing in time.
#[track_caller]
pub fn wait_until<T>(mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come in time");
        thread::sleep(Duration::from_millis(5));
    }
}

impl Process {
    /// Starts a program, without input, in a process group of its own.
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        for variable in PROXY_VARIABLES {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let output = Arc::new(Output::default());
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let readers = vec![
            collect(stdout, &output, |lines| &mut lines.stdout),
            collect(stderr, &output, |lines| &mut lines.stderr),
        ];
        Self { name, child, output, readers }
    }

    /// Waits until the program has printed as many lines that begin so, and returns them.
    ///
    /// # Panics
    /// If it does not in time, with what it printed.
    pub fn wait_for_lines(&mut self, beginning: &str, count: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.child.try_wait().expect("it can be waited for").is_some();
            let lines = self.output.lock();
            let found: Vec<_> =
                lines.stdout.iter().filter(|l| l.starts_with(beginning)).cloned().collect();
            if found.len() >= count {
                return found;
            }
            assert!(
                !ended && Instant::now() < deadline,
                "{}: {count} lines {beginning:?} did not come, but {lines:#?}",
                self.name
            );
            // Wakes now and then to see whether the program still runs.
            drop(self.output.more.wait_timeout(lines, Duration::from_millis(200)));
        }
    }

    /// Waits until the program has printed a line that begins so, and returns what follows.
    pub fn wait_for(&mut self, beginning: &str) -> String {
        self.wait_for_lines(beginning, 1)[0][beginning.len()..].to_owned()
    }

    /// Waits until the program listens on a port, if it does not say when it is ready.
    ///
    /// # Panics
    /// If it does not in time, with what it printed.
    pub fn wait_for_port(&mut self, port: u16) {
        wait_until(|| {
            let ended = self.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "{} ended: {:#?}", self.name, self.output.lock());
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
    }

    /// What the program printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.output.lock().stdout.clone()
    }

    /// Waits until the program ends.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn finish(mut self) -> Finished {
        let status = self.wait(PATIENCE).unwrap_or_else(|| {
            panic!("{} did not end, but printed {:#?}", self.name, self.output.lock())
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        let lines = self.output.lock();
        Finished { status, stdout: lines.stdout.join("\n"), stderr: lines.stderr.join("\n") }
    }

    fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the program and those that it started.
    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.child.id());
        let mut kill = Command::new("kill");
        // What has ended meanwhile cannot be signalled.
        let _ = kill.args([signal, "--", &group]).stderr(Stdio::null()).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal("-TERM");
        if self.wait(Duration::from_secs(5)).is_none() {
            self.signal("-KILL");
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Finished {
    /// # Panics
    /// If the program failed, with what it printed.
    #[must_use]
    pub fn expect_success(self) -> Self {
        assert!(self.status.success(), "it failed: {self:#?}");
        self
    }

    /// The lines of the output that are JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().expect("no holder panics")
    }
}

fn collect(
    stream: impl Read + Send + 'static,
    output: &Arc<Output>,
    of: fn(&mut Lines) -> &mut Vec<String>,
) -> thread::JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        // Lines of any bytes: what a peer prints may be in any encoding.
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            of(&mut output.lock()).push(line);
            output.more.notify_all();
        }
    })
}
