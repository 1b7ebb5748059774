//! What to know about NTLM before you use it. There is no code here, only documentation.
//!
//! - [`explained`]: NTLM for someone who has never seen it.
//! - [`glossary`]: what the terms mean, and their names in other libraries.
//! - [`choosing_a_policy`]: what to set for HTTP, SMB, LDAP, RPC, RDP, WinRM, SQL Server and mail.
//! - [`attacks`]: what stops relaying, downgrades, replays and other attacks, and which test shows
//!   it.
//! - [`coming_from`]: sspi-rs, winauth, GSSAPI, pyspnego, go-ntlmssp: which of their calls is which
//!   call here.
//! - [`http_in_practice`]: frameworks, pools, proxies, load balancers, browsers and password
//!   guessing.
//! - [`why_a_login_fails`]: from a line of the log to the cause.
//!
//! The front page of the [crate] has a whole login in thirty lines. The programs in the
//! repository's `examples` are made to be copied. A table in `tests/tampering/README.md`, which a
//! test computes, shows what a man in the middle can change under each policy.

pub mod attacks;
pub mod choosing_a_policy;
pub mod coming_from;
pub mod explained;
pub mod glossary;
pub mod http_in_practice;
pub mod why_a_login_fails;
