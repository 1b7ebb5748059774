//! What passes over the loopback interface, as tshark sees it.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Process, run, wait_until};
use crate::programs::installed;
use crate::scratch::Directory;

/// A capture that goes on until this value is dropped.
#[derive(Debug)]
pub struct Capture {
    file: PathBuf,
    process: Option<Process>,
    _directory: Directory,
}

impl Capture {
    /// Captures what passes this filter, which is of libpcap.
    pub fn start(filter: &str) -> Self {
        let directory = Directory::new();
        let file = directory.path().join("capture.pcapng");
        let mut dumpcap = installed("dumpcap");
        dumpcap.args(["-q", "-i", "lo", "-f", filter, "-w"]).arg(&file);
        let process = Process::start(&mut dumpcap);
        // It writes the head of the file once it listens.
        wait_until(|| file.metadata().ok().filter(|file| file.len() > 0));
        Self { file, process: Some(process), _directory: directory }
    }

    /// Waits until it has a message that passes this filter, which is of tshark.
    pub fn wait_for(&self, filter: &str) {
        wait_until(|| (!self.fields(filter, "frame.number", None).is_empty()).then_some(()));
    }

    /// Stops it, so that what there is can be looked at.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// One field of each message that passes a filter. With the password, what is sealed in
    /// DCE/RPC is seen too.
    pub fn fields(&self, filter: &str, field: &str, password: Option<&str>) -> Vec<String> {
        let mut tshark = self.tshark(password);
        let shown = run(tshark.args(["-Y", filter, "-T", "fields", "-e", field]));
        shown.stdout.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// What tshark cannot make sense of.
    pub fn malformed(&self, password: Option<&str>) -> String {
        run(self.tshark(password).args(["-V", "-Y", "_ws.malformed"])).expect_success().stdout
    }

    fn tshark(&self, password: Option<&str>) -> Command {
        let mut tshark = installed("tshark");
        tshark.arg("-r").arg(&self.file);
        if let Some(password) = password {
            tshark.args(["-o", &format!("ntlmssp.nt_password:{password}")]);
        }
        tshark
    }
}
