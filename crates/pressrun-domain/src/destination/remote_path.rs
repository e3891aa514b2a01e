//! Folders and login names on a file server.

use std::fmt;
use std::str::FromStr;

/// Longest name between two slashes, in bytes; what file systems take.
const NAME_BYTES_MAX: usize = 255;

/// Longest folder in bytes: with a slash and a file's name behind it, it stays within the 4096 that servers take.
const FOLDER_BYTES_MAX: usize = 4096 - 1 - NAME_BYTES_MAX;

/// A folder on a file server; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePath(String);

/// Why a text is no folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRemotePath {
    /// Nothing but blanks.
    #[error("Invalid path: it is empty; leave it out for the folder of the login")]
    Empty,
    /// A control character.
    #[error("Invalid path: it contains the control character U+{0:04X}; take that out")]
    Control(u32),
    /// A name that no file system takes.
    #[error("Invalid path: a name between two slashes has at most 255 bytes")]
    LongName,
    /// A path that servers do not take.
    #[error("Invalid path: it is longer than 3840 bytes")]
    Long,
}

impl FromStr for RemotePath {
    type Err = InvalidRemotePath;

    /// Blanks around the path are dropped; those inside belong to names.
    fn from_str(text: &str) -> Result<Self, InvalidRemotePath> {
        if let Some(c) = text.chars().find(|c| c.is_control()) {
            return Err(InvalidRemotePath::Control(u32::from(c)));
        }
        let path = text.trim();
        if path.is_empty() {
            return Err(InvalidRemotePath::Empty);
        }
        if path.split('/').any(|name| name.len() > NAME_BYTES_MAX) {
            return Err(InvalidRemotePath::LongName);
        }
        if path.len() > FOLDER_BYTES_MAX {
            return Err(InvalidRemotePath::Long);
        }
        Ok(Self(path.to_owned()))
    }
}

impl RemotePath {
    /// The folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A login name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginName(String);

/// The text is no login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLoginName {
    /// Nothing.
    #[error("String must contain at least 1 character(s)")]
    Empty,
    /// A control character.
    #[error("Invalid user name: it contains a control character; take that out")]
    Control,
    /// Longer than servers take.
    #[error("Invalid user name: it is longer than 255 bytes")]
    Long,
}

impl FromStr for LoginName {
    type Err = InvalidLoginName;

    fn from_str(text: &str) -> Result<Self, InvalidLoginName> {
        if text.trim().is_empty() {
            Err(InvalidLoginName::Empty)
        } else if text.chars().any(char::is_control) {
            Err(InvalidLoginName::Control)
        } else if text.len() > NAME_BYTES_MAX {
            Err(InvalidLoginName::Long)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl LoginName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn m5_a_folder_has_no_control_characters_and_no_length_that_servers_refuse() {
        let (name, long_name) = ("é".repeat(127), "é".repeat(128));
        let (long, too_long) = (format!("{}{}", "a/".repeat(1919), "ab"), "a/".repeat(1921));
        for (text, expected) in [
            ("in", Some("in")),
            ("/in/daily reports/", Some("/in/daily reports/")),
            ("../shared", Some("../shared")),
            (" in ", Some("in")),
            (".", Some(".")),
            (name.as_str(), Some(name.as_str())),
            (long.as_str(), Some(long.as_str())),
            ("", None),
            ("  ", None),
            ("in\u{0}", None),
            ("in\nout", None),
            ("in\u{7f}", None),
            (long_name.as_str(), None),
            (too_long.as_str(), None),
        ] {
            assert_eq!(text.parse::<RemotePath>().ok().as_ref().map(RemotePath::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn m5_a_login_name_has_no_control_characters() {
        for (text, valid) in [("blobby", true), ("DOMAIN\\blob by", true), ("", false), (" ", false), ("blob\n", false), ("a\u{0}b", false)]
        {
            assert_eq!(text.parse::<LoginName>().is_ok(), valid, "{text:?}");
        }
        assert!("a".repeat(256).parse::<LoginName>().is_err());
    }

    proptest! {
        #[test]
        fn m5_an_accepted_folder_round_trips(text in "[a-z/. \u{0}\u{1f}é]{0,40}") {
            if let Ok(path) = text.parse::<RemotePath>() {
                prop_assert_eq!(path.as_str().parse::<RemotePath>().ok(), Some(path.clone()));
                prop_assert_eq!(path.as_str(), text.trim());
            }
        }
    }
}
