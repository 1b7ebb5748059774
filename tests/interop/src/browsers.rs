//! Browsers that the tests drive.

use std::process::Command;

use serde_json::Value;

use crate::accounts::Account;
use crate::clients::give_gss_credentials;
use crate::process::run;
use crate::programs::{installed, node, tool};
use crate::scratch::Directory;

/// Opens one page after another with Chromium: `status`, `user` and `body` of each, or `error`.
pub fn chromium(account: Account, urls: &[&str]) -> Vec<Value> {
    browse(&mut chromium_command(), &account.name(), account.password, urls)
}

/// As [`chromium`], through a proxy, where it logs in as the account too.
pub fn chromium_through(proxy: &str, account: Account, urls: &[&str]) -> Vec<Value> {
    browse(chromium_command().env("PROXY", proxy), &account.name(), account.password, urls)
}

/// As [`chromium`], which logs in with the GSS-API credentials of an account and asks for no password.
pub fn chromium_with_gss(account: Account, urls: &[&str]) -> Vec<Value> {
    browse_with_gss(&mut chromium_command(), account, urls)
}

/// As [`chromium`], with Firefox, which gets the user's name without a domain: what drives it does
/// not split it.
pub fn firefox(account: Account, urls: &[&str]) -> Vec<Value> {
    browse(&mut firefox_command(), account.user, account.password, urls)
}

/// As [`chromium_with_gss`], with Firefox.
pub fn firefox_with_gss(account: Account, urls: &[&str]) -> Vec<Value> {
    browse_with_gss(&mut firefox_command(), account, urls)
}

/// As [`firefox_with_gss`], with the helper `ntlm_auth`, which is ours, and has the password.
pub fn firefox_with_helper(account: Account, urls: &[&str]) -> Vec<Value> {
    let directory = Directory::new();
    directory.copy(tool("ntlm_auth").get_program());
    let mut command = firefox_command();
    command.current_dir(directory.path()).env("USES_HELPER", "1");
    command.env("USER", account.user).env("NTLM_PASSWORD", account.password);
    browse(&mut command, "", "", urls)
}

fn chromium_command() -> Command {
    let mut command = node("chromium.js");
    command.env("CHROMIUM", installed("chromium").get_program());
    command
}

fn firefox_command() -> Command {
    let mut command = node("firefox.js");
    command.env("FIREFOX", installed("firefox-esr").get_program());
    command
}

fn browse_with_gss(command: &mut Command, account: Account, urls: &[&str]) -> Vec<Value> {
    let directory = Directory::new();
    give_gss_credentials(command, account, &directory);
    browse(command.env("USES_GSS", "1"), "", "", urls)
}

fn browse(command: &mut Command, user: &str, password: &str, urls: &[&str]) -> Vec<Value> {
    let profile = Directory::new();
    let finished = run(command.arg(profile.path()).args([user, password]).args(urls));
    let seen = finished.json();
    assert_eq!(seen.len(), urls.len(), "{finished:#?}");
    seen
}
