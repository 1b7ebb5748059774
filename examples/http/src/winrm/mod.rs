//! WinRM: the bodies of its HTTP messages, and both sides of a connection ([MS-WSMV]).

pub mod body;
pub mod client;
pub mod encrypted;
pub mod server;
pub mod shell;
pub mod soap;
