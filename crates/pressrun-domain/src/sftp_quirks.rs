//! What a partner's SFTP server needs otherwise than usual.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes of a pattern for temporary names.
const PATTERN_BYTES_MAX: usize = 64;

/// Settings for servers that do not take a file as usual: under a temporary name, renamed when it is whole, with current algorithms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SftpQuirks {
    /// How the file gets its name.
    pub upload_mode: UploadMode,
    /// The name until it is whole; `.{name}.{mark}.part` unless said otherwise.
    pub temporary_name: Option<TemporaryName>,
    /// Takes algorithms that are weak by today's measure (SHA-1 in the key exchange, CBC ciphers), for servers that have no other.
    pub legacy_algorithms: bool,
}

/// How a file gets its name on an SFTP server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadMode {
    /// Written under a temporary name and renamed: the final name shows a whole file or nothing (D6).
    #[default]
    Rename,
    /// Written under the final name at once, for servers that forbid renaming or take a file away when it is closed. An interrupted upload may
    /// leave part of a file there until the next attempt.
    Direct,
}

impl UploadMode {
    /// Every value.
    pub const ALL: [Self; 2] = [Self::Rename, Self::Direct];

    /// The wire value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rename => "rename",
            Self::Direct => "direct",
        }
    }
}

/// A pattern for the name of an unfinished file: `{name}` stands for the final name, `{mark}` for letters that only this delivery has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TemporaryName(String);

/// The text is no pattern for a temporary name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemporaryName {
    /// It is the same name for every file.
    #[error("Invalid temporary name: it must contain {{name}} or {{mark}}")]
    Fixed,
    /// It is the final name.
    #[error("Invalid temporary name: {{name}} alone is the final name; set uploadMode to direct to write that at once")]
    Final,
    /// A word in braces that means nothing.
    #[error("Invalid temporary name: only {{name}} and {{mark}} stand in braces")]
    Braces,
    /// A slash would lead to another folder, and control characters to trouble.
    #[error("Invalid temporary name: no slash, no backslash and no control character")]
    Character,
    /// Too long, with the final name in it, for file systems.
    #[error("Invalid temporary name: at most 64 bytes")]
    Long,
}

impl TemporaryName {
    /// The name for a file.
    #[must_use]
    pub fn fill(&self, name: &str, mark: &str) -> String {
        // The mark first: a name may contain braces.
        self.0.replace("{mark}", mark).replace("{name}", name)
    }

    /// The pattern as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TemporaryName {
    type Err = InvalidTemporaryName;

    fn from_str(text: &str) -> Result<Self, InvalidTemporaryName> {
        let text = text.trim();
        let rest = text.replace("{name}", "").replace("{mark}", "");
        if rest.len() == text.len() {
            return Err(InvalidTemporaryName::Fixed);
        }
        if text == "{name}" {
            return Err(InvalidTemporaryName::Final);
        }
        if rest.contains(['{', '}']) {
            return Err(InvalidTemporaryName::Braces);
        }
        if rest.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) {
            return Err(InvalidTemporaryName::Character);
        }
        if text.len() > PATTERN_BYTES_MAX || text.matches("{name}").count() > 1 || text.matches("{mark}").count() > 1 {
            return Err(InvalidTemporaryName::Long);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TemporaryName {
    type Error = InvalidTemporaryName;

    fn try_from(text: String) -> Result<Self, InvalidTemporaryName> {
        text.parse()
    }
}

impl From<TemporaryName> for String {
    fn from(name: TemporaryName) -> Self {
        name.0
    }
}

impl fmt::Display for TemporaryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f14_a_temporary_name_is_a_pattern_that_stays_in_its_folder() {
        use InvalidTemporaryName::{Braces, Character, Final, Fixed, Long};
        for (text, expected) in [
            ("{name}.tmp", Ok("Orders.csv.tmp")),
            (" tmp_{mark} ", Ok("tmp_0a1b")),
            ("{mark}-{name}.filepart", Ok("0a1b-Orders.csv.filepart")),
            ("{name}", Err(Final)),
            ("upload.tmp", Err(Fixed)),
            ("", Err(Fixed)),
            ("{name}.{date}", Err(Braces)),
            ("../{name}", Err(Character)),
            ("tmp\\{name}", Err(Character)),
            ("{name}\u{0}", Err(Character)),
            ("{name}{name}.tmp", Err(Long)),
        ] {
            let found = text.parse::<TemporaryName>().map(|pattern| pattern.fill("Orders.csv", "0a1b"));
            assert_eq!(found.as_deref(), expected.as_ref().map(|text| *text), "{text:?}");
        }
        assert_eq!("{name}.{mark}".parse::<TemporaryName>().expect("a pattern").fill("{mark}.csv", "0a1b"), "{mark}.csv.0a1b");
    }

    #[test]
    fn settings_from_before_there_were_any_are_the_usual_ones() {
        let stored: SftpQuirks = serde_json::from_str("{}").expect("reads");
        assert_eq!(stored, SftpQuirks::default());
        assert!(serde_json::from_str::<SftpQuirks>(r#"{"temporary_name":"../{name}"}"#).is_err(), "stored text is parsed as typed text is");
    }
}
