//! What stands in the form: as it was typed, or as a schedule has it.

use pressrun_domain::destination::{Destination, EmailSettings, Recipient};
use pressrun_domain::schedule::Definition;

/// Fields and values, in the order sent. A tick that is not set, and a field that is not there, are absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Typed(Vec<(String, String)>);

impl Typed {
    /// As a browser sent it.
    pub(super) fn sent(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The first value of a field; nothing when there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// Every value of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether one of the field's values is this.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|one| one == value)
    }

    /// Whether the tick is set.
    pub(crate) fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Makes `zone` that of the form, and keeps it beside the field, to know whether somebody changed that.
    pub(super) fn zone(&mut self, zone: &str) {
        self.set("timezone", zone);
        self.set("zone_was", zone);
    }

    /// Whether somebody chose a zone in the field, and another than this.
    pub(super) fn chose_zone_but(&self, zone: &str) -> bool {
        let typed = self.text("timezone").trim();
        self.ticked("zone_was") && typed != self.text("zone_was") && !typed.is_empty() && typed != zone
    }

    /// Everything, for those who read whole groups of fields.
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// Makes `value` the only value of a field.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.clear(name);
        self.0.push((name.to_owned(), value.into()));
    }

    /// Takes a field away.
    pub(super) fn clear(&mut self, name: &str) {
        self.0.retain(|(field, _)| field != name);
    }

    fn tick(&mut self, name: &str, set: bool) {
        if set {
            self.set(name, "on");
        }
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Addresses of a list: what stands in its text, parted by lines, commas or semicolons, and those that were ticked beside it. Of
    /// `Ann <ann@example.com>`, the address.
    pub(super) fn addresses(&self, name: &str) -> Vec<String> {
        let typed = self.all(name).flat_map(|text| text.split(['\n', '\r', ',', ';'])).map(bare);
        let mut all: Vec<String> = Vec::new();
        for address in typed.filter(|address| !address.is_empty()) {
            all.push(address.to_owned());
        }
        all
    }

    /// The form of a new schedule, before anybody typed.
    pub(super) fn new_one() -> Self {
        let mut typed = Self::default();
        for (name, value) in [
            ("destinationType", "email"),
            ("format", "pdf"),
            ("port", "22"),
            ("uploadMode", "rename"),
            ("slackRecipientType", "channel"),
            ("showFilters", "on"),
            ("showContentLink", "on"),
        ] {
            typed.set(name, value);
        }
        typed
    }

    /// The form of a schedule as it is; its secrets are not in it.
    pub(super) fn of(definition: &Definition) -> Self {
        let mut typed = Self::new_one();
        let Definition { name, timezone, timezone_override, format, options, tile, condition, destination, .. } = definition;
        typed.set("name", name);
        typed.set("timezone", timezone);
        typed.maybe("timezoneOverride", timezone_override.as_deref());
        typed.set("format", format.as_str());
        typed.set("destinationType", destination.kind().as_str());
        typed.maybe("queryIdentifierMapKey", tile.as_ref().map(pressrun_domain::id::TileKey::as_str));
        if let Some(condition) = condition {
            typed.set("conditionType", condition.kind.as_str());
            typed.set("conditionQueryMapKey", condition.tile.as_str());
        }
        typed.tick("killJobsOnFailure", definition.kill_jobs_on_failure);
        if let Some(time) = definition.worthless_after {
            typed.set("worthlessAfter", time.strftime("%H:%M").to_string());
        }
        for (name, set) in [("showFilters", options.show_filters), ("showContentLink", options.show_content_link)] {
            typed.clear(name);
            typed.tick(name, set);
        }
        typed.tick("hideTitle", options.hide_title);
        typed.maybe("paperFormat", options.paper_format.map(pressrun_domain::output::PaperFormat::as_str));
        typed.maybe("paperOrientation", options.paper_orientation.map(pressrun_domain::output::PaperOrientation::as_str));
        typed.tick("expandTablesToShowAllRows", options.expand_tables_to_show_all_rows);
        typed.tick("singleColumnLayout", options.single_column_layout);
        typed.0.extend(options.pages.iter().map(|page| ("pages".to_owned(), page.clone())));
        typed.tick("hideHiddenFields", options.hide_hidden_fields);
        typed.tick("enableFormatting", options.enable_formatting);
        typed.tick("overrideRowLimit", options.override_row_limit);
        typed.maybe("maxRowLimit", options.max_row_limit.map(|limit| limit.to_string()).as_deref());
        typed.maybe("filename", options.filename.as_deref());
        typed.destination(destination);
        typed
    }

    fn destination(&mut self, destination: &Destination) {
        match destination {
            Destination::Email(email) => self.email(email),
            Destination::Sftp(sftp) => {
                self.set("address", &sftp.address);
                self.set("port", sftp.port.to_string());
                self.set("username", &sftp.username);
                self.maybe("hostKey", sftp.host_key.as_deref());
                self.maybe("path", sftp.path.as_deref());
                self.set("uploadMode", sftp.quirks.upload_mode.as_str());
                self.maybe("temporaryName", sftp.quirks.temporary_name.as_ref().map(ToString::to_string).as_deref());
                self.tick("legacyAlgorithms", sftp.quirks.legacy_algorithms);
            }
            // Without its login, which stays with the address as long as the origin is the same.
            Destination::Webhook(hook) => self.set("url", hook.shown()),
            Destination::Slack(slack) => {
                self.set("slackRecipientType", slack.recipient_type.as_str());
                self.set("slack.recipients", slack.recipients.join(", "));
                self.maybe("slack.textBody", slack.text_body.as_deref());
            }
            Destination::S3(s3) => {
                self.set("bucketName", &s3.bucket_name);
                self.set("region", &s3.region);
                self.set("roleArn", &s3.role_arn);
                self.maybe("keyPrefix", s3.key_prefix.as_deref());
            }
        }
    }

    fn email(&mut self, email: &EmailSettings) {
        let list = |places: &[Recipient]| places.iter().map(|place| place.email.as_str()).collect::<Vec<_>>().join("\n");
        self.set("recipients", list(&email.recipients));
        self.set("cc", list(&email.cc));
        self.set("bcc", list(&email.bcc));
        self.0.extend(email.groups.iter().map(|group| ("userGroupIds".to_owned(), group.to_string())));
        self.set("subject", &email.subject);
        self.maybe("textBody", email.text_body.as_deref());
        self.maybe("replyTo", email.reply_to.as_ref().map(pressrun_domain::email::EmailAddress::as_str));
        self.tick("fanOut", email.fan_out);
        self.tick("skipRecipientsWithoutValues", email.skip_without_values);
    }
}

/// The address in `Ann <ann@example.com>`, or the text.
fn bare(text: &str) -> &str {
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>').or_else(|| rest.split('>').next()));
    inner.unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_pasted_as_they_stand_in_a_mail_program() {
        let typed = Typed::sent(vec![
            ("recipients".to_owned(), "Ann <ann@x.example>; bob@x.example,\r\n c@x.example \n\n".to_owned()),
            ("recipients".to_owned(), "d@x.example".to_owned()),
        ]);
        assert_eq!(typed.addresses("recipients"), ["ann@x.example", "bob@x.example", "c@x.example", "d@x.example"]);
    }
}
