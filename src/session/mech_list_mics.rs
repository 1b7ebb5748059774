//! The record of the `mechListMIC`s of SPNEGO that were exchanged.

/// Which `mechListMIC`s were made with the session keys. Each uses up the first sequence number of
/// its direction, but no key stream ([MS-SPNG] 3.3.5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MechListMics {
    pub(super) sent: bool,
    pub(super) received: bool,
}
