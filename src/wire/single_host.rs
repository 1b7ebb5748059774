//! Single_Host_Data: the machine of a client ([MS-NLMP] 2.2.2.2).

/// `Single_Host_Data`: identifies the machine that the client runs on, to a server on the same
/// machine (\[MS-NLMP\] 2.2.2.2). Received from the network it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the specification fixes the structure")]
#[doc(alias = "MsvAvSingleHost")]
pub struct SingleHost<'a> {
    /// `CustomData`: private to the platform.
    pub custom_data: &'a [u8; 8],
    /// `MachineID`: created anew each time the machine starts.
    pub machine_id: &'a [u8; 32],
}

impl<'a> SingleHost<'a> {
    /// Parses the 48 bytes, or 80 bytes of which the last 32 are reserved.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (_size_and_z4, rest) = value.split_first_chunk::<8>()?;
        let (custom_data, rest) = rest.split_first_chunk()?;
        let (machine_id, reserved) = rest.split_first_chunk()?;
        matches!(reserved.len(), 0 | 32).then_some(Self { custom_data, machine_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_host_data_has_48_or_80_bytes() {
        let mut value = [0; 80];
        value[0] = 48;
        value[8..16].fill(1);
        value[16..48].fill(2);
        let expected = SingleHost { custom_data: &[1; 8], machine_id: &[2; 32] };
        for length in 0..=80 {
            let is_known = matches!(length, 48 | 80);
            let parsed = SingleHost::parse(&value[..length]);
            assert_eq!(parsed, is_known.then_some(expected), "{length}");
        }
    }
}
