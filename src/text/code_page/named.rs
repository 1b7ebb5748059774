//! Code pages of Windows, with the tables of the crate `yore`.
//!
//! The crate is called for one byte at a time, because its functions for strings leave unwiped
//! copies of the text behind.

use alloc::string::String;
use alloc::vec::Vec;

use yore::code_pages::{CP437, CP850, CP852, CP866, CP1252};

use super::CodePage;
use super::table::{decode, encode};

macro_rules! code_page {
    ($(#[$doc:meta])* $name:ident is $table:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        #[expect(clippy::exhaustive_structs, reason = "there is nothing to configure")]
        pub struct $name;

        impl CodePage for $name {
            fn decode(&self, bytes: &[u8]) -> Option<String> {
                decode(bytes, |byte| Some($table.decode_byte(byte)))
            }

            fn encode(&self, text: &str) -> Option<Vec<u8>> {
                encode(text, |byte| Some($table.decode_byte(byte)))
            }
        }
    };
}

code_page! {
    /// Code page 437, the OEM code page of Windows in the United States.
    ///
    /// ```
    /// use ntlm::crypto::LmHash;
    /// use ntlm::text::CodePage;
    /// use ntlm::text::code_page::Cp437;
    ///
    /// assert_eq!(Cp437.encode("Jürgen").as_deref(), Some(&b"J\x81rgen"[..]));
    /// assert_eq!(Cp437.decode(b"J\x81rgen").as_deref(), Some("Jürgen"));
    /// // A character outside the code page is never replaced.
    /// assert_eq!(Cp437.encode("50 €"), None);
    ///
    /// assert!(LmHash::from_password("Jürgen", &Cp437).is_some());
    /// ```
    #[doc(alias("IBM437", "CP437"))]
    Cp437 is CP437
}

code_page! {
    /// Code page 850, the OEM code page of Windows in Western Europe.
    #[doc(alias("IBM850", "CP850"))]
    Cp850 is CP850
}

code_page! {
    /// Code page 852, the OEM code page of Windows in Central Europe.
    #[doc(alias("IBM852", "CP852"))]
    Cp852 is CP852
}

code_page! {
    /// Code page 866, the OEM code page of Windows in Russia.
    #[doc(alias("IBM866", "CP866"))]
    Cp866 is CP866
}

code_page! {
    /// Windows-1252, which encodes all printable characters of Latin-1 (ISO 8859-1) as the same
    /// bytes.
    ///
    /// The five bytes that Windows-1252 does not assign are control characters, as in Windows.
    #[doc(alias("Latin-1", "ISO-8859-1", "CP1252"))]
    Windows1252 is CP1252
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of Microsoft's tables (`unicode.org/Public/MAPPINGS/VENDORS/MICSFT`).
    #[test]
    fn each_code_page_matches_the_published_table() {
        let code_pages: [(&dyn CodePage, &str); 5] = [
            (&Cp437, "Çüéâ√αß■"),
            (&Cp850, "Çüéâ¹ÓßþÐ"),
            (&Cp852, "Çüéâű§ŔčĹ"),
            (&Cp866, "АБВГ№рсю└"),
            (&Windows1252, "€‚äüûàßþÅ"),
        ];
        for (code_page, text) in code_pages {
            let bytes = code_page.encode(text).unwrap();
            assert_eq!(bytes.len(), text.chars().count());
            assert_eq!(code_page.decode(&bytes).unwrap(), text);
        }
        assert_eq!(Cp437.decode(&[0xe0, 0xe1, 0xfe]).unwrap(), "αß■");
        assert_eq!(Cp850.decode(&[0xe0, 0xe1, 0xe7, 0xfb]).unwrap(), "Óßþ¹");
        assert_eq!(Cp852.decode(&[0xe8, 0xe1, 0x9f, 0xfb]).unwrap(), "Ŕßčű");
        assert_eq!(Cp866.decode(&[0x80, 0xe0, 0xfc]).unwrap(), "Ар№");
        assert_eq!(Windows1252.decode(&[0x80, 0xe0, 0xe4]).unwrap(), "€àä");
    }

    #[test]
    fn every_byte_has_one_character_and_the_lower_half_is_ascii() {
        let bytes: Vec<u8> = (0..=0xff).collect();
        for code_page in [&Cp437 as &dyn CodePage, &Cp850, &Cp852, &Cp866, &Windows1252] {
            let text = code_page.decode(&bytes).unwrap();
            assert!(text.starts_with(core::str::from_utf8(&bytes[..0x80]).unwrap()));
            assert_eq!(code_page.encode(&text).as_ref(), Some(&bytes), "{code_page:?}");
        }
    }

    #[test]
    fn character_outside_the_code_page_is_not_replaced() {
        for code_page in [&Cp437 as &dyn CodePage, &Cp850, &Cp852, &Cp866, &Windows1252] {
            assert_eq!(code_page.encode("a😀"), None);
            assert_eq!(code_page.encode("\u{fffd}"), None);
        }
        assert_eq!(Cp437.encode("€"), None);
        assert_eq!(Windows1252.encode("╬"), None);
    }

    /// The bytes of Latin-1 are the code points of Unicode (RFC 1345).
    #[test]
    fn windows_1252_contains_latin_1() {
        for byte in 0xa0..=0xff {
            let text = String::from(char::from(byte));
            assert_eq!(Windows1252.encode(&text), Some(Vec::from([byte])));
        }
    }
}
