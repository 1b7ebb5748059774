//! What WinRM puts into the bodies of HTTP ([MS-WSMV]).

pub mod encrypted;
pub mod shell;
pub mod soap;
