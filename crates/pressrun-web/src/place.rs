//! Destinations for reading: what they are, never their secrets (D13).

use pressrun_domain::destination::{Destination, SftpSettings, SlackRecipientType, WebhookSettings};
use pressrun_domain::sftp_quirks::{SftpQuirks, UploadMode};
use pressrun_store::ListRow;

/// One line of a definition.
pub(crate) struct Line {
    /// What it is.
    pub(crate) label: &'static str,
    /// Its value.
    pub(crate) value: String,
}

impl Line {
    pub(crate) fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, value: value.into() }
    }
}

/// The destination in a few words, for the list.
pub(crate) fn summary(row: &ListRow) -> String {
    let Ok(definition) = &row.definition else { return row.destination.clone() };
    match &definition.destination {
        Destination::Email(mail) => {
            let people = u64::try_from(row.recipient_count).unwrap_or(0);
            let people = crate::words::count(people, "recipient");
            match mail.groups.len() as u64 {
                0 => format!("Email · {people}"),
                groups => format!("Email · {people}, {}", crate::words::count(groups, "group")),
            }
        }
        Destination::Sftp(sftp) => format!("SFTP · {}", bare_host(&sftp.address)),
        Destination::Webhook(hook) => format!("Webhook · {}", hook.host()),
        Destination::Slack(slack) => match slack.recipient_type {
            SlackRecipientType::Channel => "Slack · channel".to_owned(),
            SlackRecipientType::Users => format!("Slack · {}", crate::words::count(slack.recipients.len() as u64, "person")),
        },
        Destination::S3(s3) => format!("S3 · {}", s3.bucket_name),
    }
}

/// The destination line by line, without who is on its list; `personal` when each recipient is sent their own rows, and `whole` when none of
/// it was left out ([`pressrun_domain::access`]).
pub(crate) fn lines(destination: &Destination, personal: bool, whole: bool) -> Vec<Line> {
    if !whole {
        return outline(destination, personal);
    }
    match destination {
        Destination::Email(mail) => {
            let mut lines = vec![Line::new("Destination", "Email"), Line::new("Subject", mail.subject.clone())];
            if personal {
                let skipped = if mail.skip_without_values { "; whoever has no value for it is left out" } else { "" };
                lines.push(Line::new("Personal copies", format!("each recipient gets their own data{skipped}")));
            }
            if let Some(reply_to) = &mail.reply_to {
                lines.push(Line::new("Answers go to", reply_to.as_str()));
            }
            if let Some(body) = &mail.text_body {
                lines.push(Line::new("Text", body.clone()));
            }
            lines
        }
        Destination::Sftp(sftp) => {
            let mut lines =
                vec![Line::new("Destination", "SFTP"), Line::new("Host", format!("{}:{}", bare_host(&sftp.address), sftp.port))];
            lines.extend(account(sftp));
            lines
        }
        Destination::Webhook(hook) => vec![
            Line::new("Destination", "Webhook"),
            Line::new("Address", address(hook)),
            Line::new(
                "Signing secrets",
                match hook.secrets.len() {
                    0 => "none".to_owned(),
                    stored => format!("{stored} (stored, not shown)"),
                },
            ),
        ],
        Destination::Slack(slack) => {
            let label = match slack.recipient_type {
                SlackRecipientType::Channel => "Channel",
                SlackRecipientType::Users => "People",
            };
            let mut lines = vec![Line::new("Destination", "Slack"), Line::new(label, slack.recipients.join(", "))];
            if let Some(body) = &slack.text_body {
                lines.push(Line::new("Text", body.clone()));
            }
            lines
        }
        Destination::S3(s3) => {
            vec![
                Line::new("Destination", "S3"),
                Line::new("Bucket", format!("{} ({})", s3.bucket_name, s3.region)),
                Line::new("Key prefix", s3.key_prefix.clone().filter(|prefix| !prefix.is_empty()).unwrap_or_else(|| "none".to_owned())),
                Line::new("Role", s3.role_arn.clone()),
            ]
        }
    }
}

/// How a file server is used.
fn account(sftp: &SftpSettings) -> [Line; 5] {
    let login = match (&sftp.password, &sftp.private_key) {
        (Some(_), Some(_)) => "private key and password (stored, not shown)",
        (None, Some(_)) => "private key (stored, not shown)",
        (Some(_), None) => "password (stored, not shown)",
        (None, None) => "none",
    };
    let pinned = if sftp.host_key.is_some() { "pinned" } else { "will be pinned at the first use" };
    [
        Line::new("User", sftp.username.clone()),
        Line::new("Login", login),
        Line::new("Folder", sftp.path.clone().unwrap_or_else(|| "login folder".to_owned())),
        Line::new("Host key", pinned),
        Line::new("Upload", upload(&sftp.quirks)),
    ]
}

/// What readers who do not manage the schedule are shown of a destination.
fn outline(destination: &Destination, personal: bool) -> Vec<Line> {
    let line = |kind: &str| Line::new("Destination", kind.to_owned());
    match destination {
        Destination::Email(mail) => {
            let mut lines = vec![line("Email"), Line::new("Subject", mail.subject.clone())];
            if personal {
                lines.push(Line::new("Personal copies", "each recipient gets their own data"));
            }
            lines
        }
        Destination::Sftp(sftp) => vec![line("SFTP"), Line::new("Host", bare_host(&sftp.address))],
        Destination::Webhook(hook) => vec![line("Webhook"), Line::new("Address", hook.host().to_owned())],
        Destination::Slack(_) => vec![line("Slack")],
        Destination::S3(s3) => vec![line("S3"), Line::new("Bucket", format!("{} ({})", s3.bucket_name, s3.region))],
    }
}

/// How a file gets its name, and whether weak algorithms are taken.
fn upload(quirks: &SftpQuirks) -> String {
    let mode = match (quirks.upload_mode, &quirks.temporary_name) {
        (UploadMode::Direct, _) => "under its name at once".to_owned(),
        (UploadMode::Rename, None) => "under a temporary name, then renamed".to_owned(),
        (UploadMode::Rename, Some(pattern)) => format!("as {pattern}, then renamed"),
    };
    if quirks.legacy_algorithms { format!("{mode}; legacy algorithms are taken") } else { mode }
}

/// Host and path, without login and query.
fn address(hook: &WebhookSettings) -> String {
    let Ok(url) = hook.address() else { return hook.host().to_owned() };
    let shown = url.without_login();
    let plain = shown.split('?').next().unwrap_or_default();
    if url.has_login() || plain != shown { format!("{plain} (login and query not shown)") } else { shown }
}

/// A host typed with or without its scheme, and never with a login.
fn bare_host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pressrun_domain::destination::EmailSettings;

    #[test]
    fn c1_personal_copies_are_said_of_what_is_sent_and_not_of_what_was_asked() {
        for (personal, whole) in [(true, true), (true, false), (false, true), (false, false)] {
            let mail = Destination::Email(EmailSettings { fan_out: !personal, ..EmailSettings::default() });
            let said = lines(&mail, personal, whole).iter().any(|line| line.label == "Personal copies");
            assert_eq!(said, personal, "whole: {whole}");
        }
    }

    #[test]
    fn d13_addresses_are_shown_without_login_and_query() {
        for (typed, manager, other) in [
            ("https://hooks.example.com/a/b", "https://hooks.example.com/a/b", "hooks.example.com"),
            ("https://u:p@hooks.example.com/a?token=1", "https://hooks.example.com/a (login and query not shown)", "hooks.example.com"),
            ("nonsense", "an address that is not understood", "an address that is not understood"),
        ] {
            let hook = WebhookSettings::new(typed, Vec::new());
            assert_eq!((address(&hook).as_str(), hook.host()), (manager, other));
        }
        for (address, expected) in [("sftp://bob:pw@files.example.com/x", "files.example.com"), ("files.example.com", "files.example.com")]
        {
            assert_eq!(bare_host(address), expected);
        }
    }
}
