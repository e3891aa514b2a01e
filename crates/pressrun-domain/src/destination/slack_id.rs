//! Ids of Slack's channels and people.

use std::fmt;

use super::SlackRecipientType;

/// A channel (`C…`, `G…`, or `D…` for an open conversation) or a person (`U…`, `W…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackId(String);

/// The text is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSlackId {
    /// No channel.
    #[error(
        "Invalid Slack channel {0:?}: give its id, which begins with C or G and stands at the end of the channel's details in Slack, not its name"
    )]
    Channel(String),
    /// No person.
    #[error("Invalid Slack user {0:?}: give the member id, which begins with U or W (in Slack: profile, ⋮, copy member ID), not the name")]
    User(String),
}

impl SlackId {
    /// Reads an id of this kind, exactly as Slack shows it.
    ///
    /// # Errors
    /// [`InvalidSlackId`], which says where to find the id.
    pub fn parse(kind: SlackRecipientType, text: &str) -> Result<Self, InvalidSlackId> {
        let first: &[char] = match kind {
            SlackRecipientType::Channel => &['C', 'G', 'D'],
            SlackRecipientType::Users => &['U', 'W'],
        };
        let rest = text.strip_prefix(first).unwrap_or_default();
        let valid = (1..=30).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        match kind {
            _ if valid => Ok(Self(text.to_owned())),
            SlackRecipientType::Channel => Err(InvalidSlackId::Channel(text.to_owned())),
            SlackRecipientType::Users => Err(InvalidSlackId::User(text.to_owned())),
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m5_a_slack_id_is_an_id_and_no_name() {
        use SlackRecipientType::{Channel, Users};
        for (kind, text, valid) in [
            (Channel, "C0123", true),
            (Channel, "G0AB", true),
            (Channel, "D024BE91L", true),
            (Users, "U0456", true),
            (Users, "W012A3CDE", true),
            (Channel, "#general", false),
            (Channel, "general", false),
            (Channel, "U0456", false),
            (Channel, "C", false),
            (Channel, "c0123", false),
            (Channel, "C0123 ", false),
            (Channel, "C0123\n", false),
            (Channel, "", false),
            (Users, "@bob", false),
            (Users, "bob@x.example", false),
            (Users, "C0123", false),
        ] {
            let read = SlackId::parse(kind, text);
            assert_eq!(read.is_ok(), valid, "{text:?}");
            if let Ok(id) = read {
                assert_eq!(id.as_str(), text);
            }
        }
    }
}
