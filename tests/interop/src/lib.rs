//! What the live tests share: they find the programs to run, start them on the loopback interface,
//! wait for what they say, and end them.
//!
//! `tests/interop/install` installs what is run here, and `tests/interop/run` does all.
//! A program that is missing fails the test that needs it.

pub mod accounts;
pub mod authenticator;
pub mod balancers;
pub mod bindings;
pub mod bridge;
pub mod browsers;
pub mod capture;
pub mod certificates;
pub mod client_modes;
pub mod clients;
pub mod connection;
mod controller;
pub mod conversation;
pub mod domain_clients;
pub mod dovecot;
pub mod exchange;
pub mod helper;
pub mod http;
pub mod http_peer;
pub mod identities;
pub mod imap;
pub mod instructions;
pub mod kerberos;
pub mod ldap;
pub mod log;
pub mod messages;
pub mod modes;
pub mod negotiations;
pub mod pcap;
pub mod peer;
pub mod pop3;
pub mod ports;
pub mod process;
pub mod programs;
pub mod radius;
pub mod rdp;
pub mod samba_servers;
pub mod samba_settings;
pub mod sasl;
pub mod scratch;
pub mod service;
pub mod smb;
pub mod smb_server;
pub mod smtp;
pub mod spnego;
pub mod squid;
pub mod tds;
pub mod web;
pub mod winbind;
pub mod winrm;

pub use ntlm_testkit::{fields, hex};
