//! Where the programs are that the tests run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An example of the packages of `examples`.
pub fn example(name: &str) -> Command {
    built(&format!("examples/{name}"), "cargo build --examples")
}

/// A program of the package `ntlm-tools`.
pub fn tool(name: &str) -> Command {
    built(name, "cargo build -p ntlm-tools")
}

fn built(place: &str, how: &str) -> Command {
    let test = env::current_exe().expect("the test has a path");
    let profile = test.ancestors().nth(2).expect("it is in `deps` of a profile's directory");
    let path = profile.join(place);
    assert!(path.exists(), "{} is missing: run `{how}`", path.display());
    Command::new(path)
}

/// A program that the system has.
pub fn installed(name: &str) -> Command {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    let found = env::split_paths(&path).map(|directory| directory.join(name)).find(|p| p.exists());
    Command::new(found.unwrap_or_else(|| missing(name)))
}

/// A file that comes with what is installed.
///
/// # Panics
/// If it is missing.
pub fn required(path: impl Into<PathBuf>) -> PathBuf {
    let path = path.into();
    if path.exists() { path } else { missing(&path.display().to_string()) }
}

/// A script of `tests/interop/peers`, run by Debian's Python, which has Samba's module.
pub fn system_python(script: &str) -> Command {
    script_of(Command::new(required("/usr/bin/python3")), script)
}

/// A script of `tests/interop/peers`, run by the Python that has the libraries from PyPI.
pub fn python(script: &str) -> Command {
    let mut command =
        script_of(Command::new(required(interop_directory().join("python/bin/python"))), script);
    // ntlm-auth, which requests-ntlm2 uses, wants MD4 from OpenSSL.
    command.env("OPENSSL_CONF", peers_directory().join("openssl-legacy.cnf"));
    command
}

/// A script of `tests/interop/peers`, run by Node.
pub fn node(script: &str) -> Command {
    required(interop_directory().join("node/node_modules"));
    let mut command = script_of(installed("node"), script);
    // MD4 again.
    command.env("OPENSSL_CONF", peers_directory().join("openssl-legacy.cnf"));
    command
}

/// A script of `tests/interop/peers`, run by Debian's Perl, which has the libraries of Debian.
pub fn perl(script: &str) -> Command {
    script_of(Command::new(required("/usr/bin/perl")), script)
}

/// A script of `tests/interop/peers`, run by Debian's Ruby, which has the libraries of Debian.
pub fn ruby(script: &str) -> Command {
    let mut command = Command::new(required("/usr/bin/ruby"));
    // Without warnings of the libraries, which take names in the encoding of the locale.
    command.arg("-W0").env("LC_ALL", "C.UTF-8");
    script_of(command, script)
}

/// A program of `tests/interop/peers` in Go, compiled with the libraries of Debian.
pub fn go(source: &str) -> Command {
    let mut command = Command::new(required("/usr/bin/go"));
    command.arg("run").env("GO111MODULE", "off").env("GOPATH", required("/usr/share/gocode"));
    // What the libraries come to is compiled once.
    command.env("GOCACHE", interop_directory().join("go")).env("GOFLAGS", "");
    script_of(command, source)
}

/// A program of `tests/interop/peers` in Java, compiled in memory, with these libraries of Debian.
pub fn java(source: &str, libraries: &[&str]) -> Command {
    let libraries = libraries.iter().map(|name| required(Path::new("/usr/share/java").join(name)));
    let class_path = env::join_paths(libraries).expect("no colons");
    let mut command = Command::new(required("/usr/bin/java"));
    command.args(["-Dfile.encoding=UTF-8", "-XX:TieredStopAtLevel=1", "-classpath"]);
    // Java reads its arguments in the encoding of the locale.
    command.arg(class_path).env("LC_ALL", "C.UTF-8");
    script_of(command, source)
}

/// Where `tests/interop/install` puts what is not the system's.
pub fn interop_directory() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/interop");
    let directory = env::var_os("NTLM_INTEROP").map_or_else(default, PathBuf::from);
    directory.canonicalize().unwrap_or_else(|_| missing(&directory.display().to_string()))
}

fn script_of(mut command: Command, script: &str) -> Command {
    command.arg(peers_directory().join(script));
    command.env("NTLM_INTEROP", interop_directory()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn peers_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn missing(what: &str) -> ! {
    panic!("{what} is missing: run `tests/interop/install`")
}
