//! What the live tests share: they find the programs to run, start them on the loopback interface,
//! wait for what they say, and end them.
//!
//! `tests/interop/install` installs what is run here, and `tests/interop/run` does all.
//! A program that is missing fails the test that needs it.

pub mod accounts;
pub mod balancers;
pub mod browsers;
pub mod certificates;
pub mod clients;
pub mod connection;
pub mod http;
pub mod log;
pub mod ports;
pub mod process;
pub mod programs;
pub mod scratch;
pub mod squid;
