//! What was proven, as values.
//!
//! Each has few constructors, so that a search for its name finds every place that says so.

use crate::secret;

/// The response was checked: compared with the right one, or vouched for.
#[derive(Debug)]
pub(crate) struct ResponseChecked(());

impl ResponseChecked {
    /// Compares in constant time.
    pub(crate) fn compare(right: &[u8], received: &[u8]) -> Option<Self> {
        secret::equal(right, received).then_some(Self(()))
    }

    /// The domain controller compared.
    pub(crate) fn vouched_for_by_the_domain_controller() -> Self {
        Self(())
    }
}

/// The MIC was compared with the right one.
#[derive(Debug)]
pub(crate) struct MicChecked(());

impl MicChecked {
    /// Compares in constant time.
    pub(crate) fn compare(right: &[u8; 16], received: &[u8; 16]) -> Option<Self> {
        secret::equal(right, received).then_some(Self(()))
    }
}

/// The channel bindings were compared with those of this channel.
#[derive(Debug)]
pub(crate) struct BindingsChecked(());

impl BindingsChecked {
    /// Compares in constant time.
    pub(crate) fn compare(right: &[u8; 16], received: &[u8; 16]) -> Option<Self> {
        secret::equal(right, received).then_some(Self(()))
    }
}
