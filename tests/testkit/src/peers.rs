//! Alice, and the server that she logs in to.

use ntlm::server::Names;
use ntlm::wire::NegotiateFlags;
use ntlm::{Client, Credentials, LmCompatibility, Server, SharedPolicy, client, server};

pub const USER: &str = "EXAMPLE\\alice";
/// Short and ASCII, so that it has an LM hash.
pub const PASSWORD: &str = "secret";

pub fn alice() -> Client {
    Client::new(Credentials::password(USER, PASSWORD))
}

/// Alice under the default policy with this change.
pub fn alice_with(set: impl FnOnce(&mut client::Policy)) -> Client {
    let mut policy = client::Policy::default();
    set(&mut policy);
    alice().with_policy(policy)
}

/// Alice at a level, with any strength that the server grants.
pub fn alice_at(level: LmCompatibility) -> Client {
    alice_with(|policy| weaken(&mut policy.shared, level))
}

/// A member of Alice's domain.
pub fn server() -> Server {
    Server::new(Names::member("FILES", "EXAMPLE"))
}

/// The server under the default policy with this change.
pub fn server_with(set: impl FnOnce(&mut server::Policy)) -> Server {
    let mut policy = server::Policy::default();
    set(&mut policy);
    server().with_policy(policy)
}

/// A server's policy that accepts every kind of response, with any strength.
pub fn permissive() -> server::Policy {
    let mut policy = server::Policy::default();
    weaken(&mut policy.shared, LmCompatibility::SendLmAndNtlm);
    policy
}

/// Sets the level, and requires no strength.
pub fn weaken(policy: &mut SharedPolicy, level: LmCompatibility) {
    policy.lm_compatibility = level;
    policy.require_when_protected = NegotiateFlags::empty();
    policy.allow_constant_key_exchange_key = true;
}
