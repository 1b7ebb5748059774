//! The value of `MsvAvFlags` ([MS-NLMP] 2.2.2.1).

use bitflags::bitflags;

bitflags! {
    /// The value of `MsvAvFlags` (\[MS-NLMP\] 2.2.2.1). Unknown bits are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AvFlags: u32 {
        /// The authentication of the account is constrained.
        const CONSTRAINED = 0x1;
        /// The AUTHENTICATE contains a MIC (message integrity code).
        #[doc(alias = "MIC")]
        const MIC_PRESENT = 0x2;
        /// The SPN in `MsvAvTargetName` comes from an untrusted source.
        const UNTRUSTED_SPN = 0x4;

        /// Unknown bits.
        const _ = !0;
    }
}
