//! The process of a domain controller. Its ports and winbind's socket are fixed: there can be one
//! of them on a machine, and test programs take turns, also those of other checkouts.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::wait_until;
use crate::programs::installed;

/// How long one may take to get ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts it when no other runs, and waits until it is ready. It ends with its standard input, so
/// when the test program does, however that ends.
///
/// A winbind that asked the domain before that answered takes it for offline for a long time: then
/// another one is started.
pub(crate) fn start(configuration: &Path, is_ready: impl Fn() -> bool) -> Child {
    // All its processes inherit the lock, so the last one frees it.
    start_by(locked, configuration, is_ready)
}

/// The right to run a controller, from one to the next: as long as this is held, no other checkout
/// starts one, also while none runs.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Ends with its standard input.
    _holder: Child,
}

impl Lock {
    pub(crate) fn take() -> Self {
        let mut holder = locked();
        let script = "echo locked; exec cat";
        Self { _holder: wait_for_lock(holder.args(["sh", "-c", script])) }
    }

    /// As [`start`].
    pub(crate) fn start(&self, configuration: &Path, is_ready: impl Fn() -> bool) -> Child {
        start_by(|| installed("env"), configuration, is_ready)
    }
}

/// Ends a controller.
pub(crate) fn stop(samba: &mut Child) {
    drop(samba.stdin.take());
    samba.wait().expect("it can be waited for");
    wait_until(|| CONTROLLER_PORTS.iter().all(|port| !is_open(*port)).then_some(()));
}

/// Starts it with a program that runs another.
fn start_by(
    runner: impl Fn() -> Command,
    configuration: &Path,
    is_ready: impl Fn() -> bool,
) -> Child {
    let output = configuration.with_extension("output");
    for _ in 0..3 {
        let mut samba = spawn(runner(), configuration, &output);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let ended = samba.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "samba ended: {:?}", fs::read_to_string(&output));
            if CONTROLLER_PORTS.iter().all(|port| is_open(*port)) && is_ready() {
                return samba;
            }
            thread::sleep(Duration::from_millis(50));
        }
        drop(samba.stdin.take());
        samba.wait().expect("it can be waited for");
    }
    panic!("samba does not get ready: {:?}", fs::read_to_string(&output))
}

fn spawn(mut runner: Command, configuration: &Path, output: &Path) -> Child {
    // Samba leaves winbind's socket behind.
    let script = format!(
        "echo locked; output=$1; shift; \"$@\" >\"$output\" 2>&1; code=$?; \
         rm -f {PLACE}/winbindd/pipe; exit $code"
    );
    runner.args(["sh", "-c", &script, "sh"]).arg(output).arg(installed("samba").get_program());
    runner.args(["--interactive", "--no-process-group", "--configfile"]).arg(configuration);
    wait_for_lock(&mut runner)
}

/// Runs what follows with the lock that all checkouts share.
fn locked() -> Command {
    fs::create_dir_all(PLACE).expect("the tests run as root");
    let mut flock = installed("flock");
    flock.args(["--timeout", "300"]).arg(Path::new(PLACE).join("ntlm-interop.lock"));
    flock
}

/// Starts a program that says when it has the lock.
fn wait_for_lock(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut line = [0; "locked\n".len()];
    let locked = child.stdout.take().expect("it is piped").read_exact(&mut line);
    assert!(locked.is_ok(), "somebody else's controller does not end");
    child
}

/// Where winbind's socket lies, in any case.
const PLACE: &str = "/run/samba";
/// The endpoint mapper, LDAP and SMB.
const CONTROLLER_PORTS: [u16; 3] = [135, 389, 445];

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
