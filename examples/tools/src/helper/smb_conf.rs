//! The settings in Samba's `smb.conf` and `--option` that concern a helper without winbind.

use std::path::Path;

use anyhow::{Context, bail};
use ntlm::LmCompatibility;

/// The supported settings. Others are ignored, and may be reported on standard error.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `workgroup`: this machine's domain.
    pub workgroup: Option<String>,
    /// `netbios name`: this machine's name.
    pub netbios_name: Option<String>,
    /// `ntlm auth`: the responses that a server accepts.
    pub level: Option<LmCompatibility>,
    /// Whether the value of `ntlm auth` allows MS-CHAPv2 if it rejects NTLMv1.
    pub allows_ms_chapv2: Option<bool>,
    /// `winbind separator`: the character between the names of a domain and a user.
    pub separator: Option<char>,
}

impl Settings {
    /// Reads the section `global` of a file.
    pub fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(place)?;
        self.read_text(&text).with_context(place)
    }

    /// The separator; winbind's default unless another is set.
    pub fn separator(&self) -> char {
        self.separator.unwrap_or('\\')
    }

    /// Whether MS-CHAP responses are verified. They are NTLMv1 responses, so they are verified where
    /// NTLMv1 is accepted, or if the command line allows MS-CHAPv2 and the settings do not forbid it.
    pub fn accepts_ms_chap(&self, is_asked_for: bool) -> bool {
        let accepts_ntlmv1 = |level: LmCompatibility| level < LmCompatibility::RefuseLmAndNtlm;
        self.level.is_some_and(accepts_ntlmv1)
            || is_asked_for && self.allows_ms_chapv2 != Some(false)
    }

    fn read_text(&mut self, text: &str) -> anyhow::Result<()> {
        let mut is_global = false;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                is_global = section.trim().eq_ignore_ascii_case("global");
            } else if is_global {
                // Unsupported settings are ignored, because files contain many of them.
                self.set(line)?;
            }
        }
        Ok(())
    }

    /// Applies `name = value`, and returns whether this setting is supported.
    pub fn set(&mut self, setting: &str) -> anyhow::Result<bool> {
        let (name, value) = setting.split_once('=').context("a setting is name = value")?;
        // Samba ignores case and spaces in names.
        let name = name.to_ascii_lowercase().replace(char::is_whitespace, "");
        let value = value.trim().trim_matches('"');
        match name.as_str() {
            "workgroup" => self.workgroup = Some(literal(value)?),
            "netbiosname" => self.netbios_name = Some(literal(value)?),
            "ntlmauth" => {
                self.level = Some(level(value)?);
                self.allows_ms_chapv2 =
                    Some(value.eq_ignore_ascii_case("mschapv2-and-ntlmv2-only"));
            }
            "winbindseparator" => self.separator = value.chars().next(),
            // An included file could contain a supported setting, such as one that disables NTLM.
            "include" => bail!("{setting:?}: included files are not supported"),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn literal(value: &str) -> anyhow::Result<String> {
    match value.contains('%') {
        true => bail!("{value:?}: variables are not supported"),
        false => Ok(value.to_owned()),
    }
}

/// What a value of `ntlm auth` means for NTLM (smb.conf(5)).
fn level(value: &str) -> anyhow::Result<LmCompatibility> {
    match value.to_ascii_lowercase().as_str() {
        "ntlmv2-only" | "mschapv2-and-ntlmv2-only" | "no" | "false" | "0" | "off" => {
            Ok(LmCompatibility::RefuseLmAndNtlm)
        }
        "ntlmv1-permitted" | "yes" | "true" | "1" | "on" => Ok(LmCompatibility::RefuseLm),
        "disabled" => bail!("ntlm auth = disabled: NTLM is not allowed"),
        _ => bail!("ntlm auth = {value:?} is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_global_section_is_read() {
        let mut settings = Settings::default();
        let text = "# a comment\n[global]\n\tworkgroup = EXAMPLE\n  NetBIOS Name=PROXY\n; no\n\
                    ntlm auth = ntlmv1-permitted\nwinbind separator = +\nsecurity = ads\n\
                    [share]\nworkgroup = OTHER\nno setting";
        settings.read_text(text).unwrap();
        let expected = Settings {
            workgroup: Some("EXAMPLE".into()),
            netbios_name: Some("PROXY".into()),
            level: Some(LmCompatibility::RefuseLm),
            allows_ms_chapv2: Some(false),
            separator: Some('+'),
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn settings_that_could_restrict_logins_are_not_ignored() {
        for setting in ["ntlm auth = disabled", "ntlm auth = 7", "include = /etc/more", "nothing"] {
            assert!(Settings::default().set(setting).is_err(), "{setting}");
        }
        assert!(Settings::default().set("netbios name = %h").is_err());
        assert!(!Settings::default().set("log level = 3").unwrap());
        assert!(Settings::default().set("ntlm auth=no").unwrap());
    }
}
