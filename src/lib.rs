//! placeholder
#![no_std]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod crypto;
mod environment;
mod secret;
mod text;
mod upcase;
pub mod wire;

#[cfg(feature = "std")]
pub use environment::Os;
pub use environment::{Environment, EnvironmentError, FileTime};
pub use text::{Ascii, CharacterSet, CodePage, Text, TextError};
