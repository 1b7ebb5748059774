//! The upper case of user names equals Microsoft's published table for every code unit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashMap;

use ntlm::Text;
use ntlm_testkit::read_json;

#[test]
fn all_65536_code_units_match_the_table_except_the_final_sigma() {
    let table = read_json("upcase_windows8.json");
    let unit = |digits: &serde_json::Value| u16::from_str_radix(digits.as_str().unwrap(), 16);
    let pairs = table["pairs"].as_array().unwrap().iter();
    let mut upper: HashMap<u16, u16> =
        pairs.map(|pair| (unit(&pair[0]).unwrap(), unit(&pair[1]).unwrap())).collect();
    // The table lacks the final sigma, as the note in its file explains.
    upper.insert(0x03c2, 0x03a3);
    for code in 0..=u16::MAX {
        let expected = upper.get(&code).copied().unwrap_or(code);
        let text = Text::from_utf16(&[code]).to_uppercase();
        assert_eq!(text.utf16_units().collect::<Vec<_>>(), [expected], "{code:04x}");
    }
}
