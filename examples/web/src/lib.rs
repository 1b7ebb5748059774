//! NTLM in a web application with axum, or with any other tower `Service`.
//!
//! What to copy is `layer`, which needs only this library, `http`, `http-body-util`, `tower` and
//! `tokio`. `serve` adds a connection's state to its requests, and needs hyper.

pub mod accounts;
pub mod certificates;
pub mod gate;
pub mod guesses;
pub mod layer;
pub mod notebook;
pub mod same_site;
pub mod serve;
