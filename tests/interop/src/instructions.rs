//! How many instructions something takes: exact, and the same in each run.

use std::env;

use crate::process::run;
use crate::programs::installed;

/// Runs a program of `src/bin`, as optimised as users run it, and returns what it says and how
/// many instructions its function `measured` took.
///
/// # Panics
/// If the program or valgrind is missing, or nothing was measured.
pub fn count(program: &str, arguments: &[&str]) -> (String, u64) {
    let test = env::current_exe().expect("the test has a path");
    let target = test.ancestors().nth(3).expect("it is in `deps` of a profile's directory");
    let path = target.join("release").join(program);
    let name = path.display();
    let how = format!("cargo build --release -p ntlm-interop --bin {program}");
    assert!(path.exists(), "{name} is missing: run `{how}`");
    let mut valgrind = installed("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--toggle-collect=*{program}::measured*"));
    valgrind.arg(&path).args(arguments);
    let finished = run(&mut valgrind).expect_success();
    let collected = finished.stderr.lines().find_map(|line| line.split_once("Collected : "));
    let (_, instructions) = collected.expect("valgrind counts");
    let instructions = instructions.trim().parse().expect("it is a number");
    assert!(instructions > 0, "{program} {arguments:?}: nothing was measured");
    (finished.stdout, instructions)
}
