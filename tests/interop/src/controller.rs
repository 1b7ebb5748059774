//! The process of a domain controller. Its ports and winbind's socket are fixed: there can be one
//! of them on a machine, and test programs take turns.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::process::wait_until;
use crate::programs::{installed, interop_directory};

/// Starts it when no other runs, and waits until it is ready. It ends with its standard input, so
/// when the test program does, however that ends.
pub(crate) fn start(configuration: &Path, is_ready: impl Fn() -> bool) -> Child {
    // Winbind's socket lies there, which cannot be set.
    fs::create_dir_all("/run/samba").expect("the tests run as root");
    let output = configuration.with_extension("output");
    // All its processes inherit the lock, so the last one frees it.
    let mut samba = installed("flock");
    samba.args(["--timeout", "300"]).arg(interop_directory().join("controller.lock"));
    samba.args(["sh", "-c", "echo locked; output=$1; shift; exec \"$@\" >\"$output\" 2>&1", "sh"]);
    samba.arg(&output).arg(installed("samba").get_program());
    samba.args(["--interactive", "--no-process-group", "--configfile"]).arg(configuration);
    samba.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut samba = samba.spawn().unwrap_or_else(|error| panic!("samba: {error}"));
    let mut line = [0; "locked\n".len()];
    let locked = samba.stdout.take().expect("it is piped").read_exact(&mut line);
    assert!(locked.is_ok(), "somebody else's controller does not end");
    wait_until(|| {
        let ended = samba.try_wait().expect("it can be waited for");
        assert!(ended.is_none(), "samba ended: {:?}", fs::read_to_string(&output));
        is_ready().then_some(())
    });
    samba
}
