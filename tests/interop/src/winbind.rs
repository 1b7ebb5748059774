//! Samba's winbind, which asks a domain: here beside the domain's own controller, which also takes
//! NTLMv1.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::OnceLock;

use crate::controller::{self, Lock};
use crate::process::run;
use crate::programs::{installed, interop_directory, required};

/// A controller of the domain `EXAMPLE` with winbind. It runs until the test program ends.
#[derive(Debug)]
pub struct Winbind {
    /// Holds its standard input open.
    _samba: Child,
}

impl Winbind {
    /// The only one: it is started by whoever needs it first.
    pub fn shared() -> &'static Self {
        static WINBIND: OnceLock<Winbind> = OnceLock::new();
        WINBIND.get_or_init(Self::start)
    }

    fn start() -> Self {
        let configuration = configuration("ntlmv1", "ntlm auth = ntlmv1-permitted");
        Self { _samba: controller::start(&configuration, is_ready) }
    }
}

/// A place for controllers of the domain `EXAMPLE` with winbind, of which one runs at a time, or none:
/// also those of other checkouts wait. A test program that uses this must not use [`Winbind`].
#[derive(Debug)]
pub struct Domain {
    lock: Lock,
    samba: Option<Child>,
}

/// A controller whose processes stand still, until this is dropped or the test program ends.
#[derive(Debug)]
pub struct Standstill {
    helper: Child,
}

impl Domain {
    /// Without a controller so far.
    pub fn new() -> Self {
        Self { lock: Lock::take(), samba: None }
    }

    /// Starts the controller.
    pub fn start(&mut self) {
        self.start_with("usual", "", is_ready);
    }

    /// Starts a controller that lets nobody log in with NTLM.
    pub fn start_without_ntlm(&mut self) {
        self.start_with("disabled", "ntlm auth = disabled", || {
            let got = run(installed("wbinfo").arg("--ping-dc"));
            got.status.success()
        });
    }

    fn start_with(&mut self, name: &str, setting: &str, is_ready: impl Fn() -> bool) {
        assert!(self.samba.is_none(), "one runs");
        self.samba = Some(self.lock.start(&configuration(name, setting), is_ready));
    }

    /// Ends the controller, if one runs.
    pub fn stop(&mut self) {
        if let Some(mut samba) = self.samba.take() {
            controller::stop(&mut samba);
        }
    }

    /// Halts the controller: it accepts connections, and answers nothing.
    ///
    /// # Panics
    /// If none runs.
    pub fn halt(&self) -> Standstill {
        let samba = self.samba.as_ref().expect("one runs").id();
        // Its processes are in groups of their own. What helps ends with its standard input.
        let script = "tree() { for child in $(pgrep -P $1); do echo $child; tree $child; done; }
            processes=$(tree $1)
            kill -STOP $processes && echo halted
            read line
            kill -CONT $processes";
        let mut helper = installed("sh");
        helper.args(["-c", script, "sh", &samba.to_string()]);
        helper.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut helper = helper.spawn().expect("a shell");
        let mut line = String::new();
        let output = helper.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("text");
        assert_eq!(line, "halted\n");
        Standstill { helper }
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        drop(self.helper.stdin.take());
        let _ = self.helper.wait();
    }
}

/// Whether winbind answers, reaches the controller, and finds users there.
fn is_ready() -> bool {
    let finds = |option| run(installed("wbinfo").arg(option)).status.success();
    finds("--ping-dc") && finds("--name-to-sid=EXAMPLE\\alice")
}

/// The settings of the controller that `tests/interop/install` provisions, with one more.
fn configuration(name: &str, setting: &str) -> PathBuf {
    let directory = required(interop_directory().join("controller"));
    let usual = fs::read_to_string(directory.join("etc/smb.conf")).expect("it is provisioned");
    let changed = usual.replace("[global]\n", &format!("[global]\n\t{setting}\n"));
    let configuration = directory.join(format!("etc/smb.{name}.conf"));
    fs::write(&configuration, changed).expect("its own directory");
    configuration
}
