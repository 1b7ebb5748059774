//! What to know about NTLM before you use it. There is no code here, only documentation.
//!
//! - [`explained`]: NTLM for someone who has never seen it.
//! - [`glossary`]: what the words mean, and what others call the same things.
//! - [`choosing_a_policy`]: what to set for HTTP, SMB, LDAP, RPC, RDP, WinRM, SQL Server and mail.
//! - [`attacks`]: what stops relaying, downgrades, replays and others, and which test shows it.
//! - [`coming_from`]: sspi-rs, winauth, GSSAPI, pyspnego, go-ntlmssp: which call is which.
//! - [`http_in_practice`]: frameworks, pools, proxies, load balancers, browsers and guesses.
//! - [`why_a_login_fails`]: from a line of the log to the cause.
//!
//! The front page of the [crate] has a whole login in thirty lines. The programs in the
//! repository's `examples` are made to be copied. What a man in the middle can do under each policy
//! is in `tests/tampering/README.md`, in a table that a test computes.

pub mod attacks;
pub mod choosing_a_policy;
pub mod coming_from;
pub mod explained;
pub mod glossary;
pub mod http_in_practice;
pub mod why_a_login_fails;
