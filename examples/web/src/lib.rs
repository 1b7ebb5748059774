//! NTLM in a web application of axum, or of anything else that is a tower `Service`.
//!
//! `layer` is what to copy; it needs only this library, `http`, `http-body-util`, `tower` and `tokio`.
//! `serve` puts a connection's state into its requests, and needs hyper.

pub mod accounts;
pub mod certificates;
pub mod gate;
pub mod guesses;
pub mod layer;
pub mod notebook;
pub mod same_site;
pub mod serve;
