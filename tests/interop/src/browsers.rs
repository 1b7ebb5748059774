//! Browsers that the tests drive.

use std::process::Command;

use serde_json::Value;

use crate::accounts::Account;
use crate::process::run;
use crate::programs::{installed, node};
use crate::scratch::Directory;

/// Opens one page after another with Chromium: `status`, `user` and `body` of each, or `error`.
pub fn chromium(account: Account, urls: &[&str]) -> Vec<Value> {
    browse(&mut chromium_command(), &account.name(), account.password, urls)
}

/// As [`chromium`], through a proxy, where it logs in as the account too.
pub fn chromium_through(proxy: &str, account: Account, urls: &[&str]) -> Vec<Value> {
    browse(chromium_command().env("PROXY", proxy), &account.name(), account.password, urls)
}

/// As [`chromium`], with Firefox, which gets the user's name without a domain: what drives it does
/// not split it.
pub fn firefox(account: Account, urls: &[&str]) -> Vec<Value> {
    let mut command = node("firefox.js");
    command.env("FIREFOX", installed("firefox-esr").get_program());
    browse(&mut command, account.user, account.password, urls)
}

fn chromium_command() -> Command {
    let mut command = node("chromium.js");
    command.env("CHROMIUM", installed("chromium").get_program());
    command
}

fn browse(command: &mut Command, user: &str, password: &str, urls: &[&str]) -> Vec<Value> {
    let profile = Directory::new();
    let finished = run(command.arg(profile.path()).args([user, password]).args(urls));
    let seen = finished.json();
    assert_eq!(seen.len(), urls.len(), "{finished:#?}");
    seen
}
