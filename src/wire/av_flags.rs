//! The value of `MsvAvFlags` ([MS-NLMP] 2.2.2.1).

use bitflags::bitflags;

bitflags! {
    /// The value of `MsvAvFlags` (\[MS-NLMP\] 2.2.2.1). A bit without a name is kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AvFlags: u32 {
        /// The account is constrained.
        const CONSTRAINED = 0x1;
        /// The AUTHENTICATE carries a MIC.
        #[doc(alias = "MIC")]
        const MIC_PRESENT = 0x2;
        /// The target name comes from an untrusted source.
        const UNTRUSTED_SPN = 0x4;

        /// All other bits.
        const _ = !0;
    }
}
