//! placeholder
#![no_std]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod channel_bindings;
pub mod client;
mod credentials;
pub mod crypto;
mod environment;
pub mod error;
mod handshake;
pub mod inspect;
mod policy;
mod secret;
pub mod server;
pub mod session;
mod text;
mod upcase;
pub mod wire;

pub use channel_bindings::ChannelBindings;
pub use client::Client;
pub use credentials::{Credentials, UserName};
pub use crypto::NtHash;
#[cfg(feature = "std")]
pub use environment::Os;
pub use environment::{Environment, EnvironmentError, FileTime};
pub use error::Error;
pub use policy::{Binding, LmCompatibility, ResponseKind};
pub use server::Server;
pub use session::{DatagramSession, Session, SessionKeys};
pub use text::{Ascii, CharacterSet, CodePage, Text, TextError};
