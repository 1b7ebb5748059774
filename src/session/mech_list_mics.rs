//! Which `mechListMIC`s of SPNEGO were made.

/// Which `mechListMIC`s were made with the keys. Each takes the first sequence number of its
/// direction, but not the key stream ([MS-SPNG] 3.3.5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MechListMics {
    pub(super) sent: bool,
    pub(super) received: bool,
}
