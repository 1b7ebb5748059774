//! Samba's winbind, which asks a domain: here beside the domain's own controller, which also takes
//! NTLMv1.

use std::fs;
use std::process::Child;
use std::sync::OnceLock;

use crate::controller;
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
        let directory = required(interop_directory().join("controller"));
        let usual = fs::read_to_string(directory.join("etc/smb.conf")).expect("it is provisioned");
        let lax = usual.replace("[global]\n", "[global]\n\tntlm auth = ntlmv1-permitted\n");
        let configuration = directory.join("etc/smb.ntlmv1.conf");
        fs::write(&configuration, lax).expect("its own directory");
        Self { _samba: controller::start(&configuration, is_ready) }
    }
}

/// Whether winbind answers, reaches the controller, and finds users there.
fn is_ready() -> bool {
    let finds = |option| run(installed("wbinfo").arg(option)).status.success();
    finds("--ping-dc") && finds("--name-to-sid=EXAMPLE\\alice")
}
