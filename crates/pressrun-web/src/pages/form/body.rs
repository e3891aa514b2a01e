//! The form as a body of the API: the fields that fit the chosen format and destination, and no others.

use pressrun_api::saving::NotSaved;
use pressrun_domain::destination::DestinationKind;
use pressrun_domain::output::Format;
use pressrun_domain::schedule::{Definition, FilterConfig};
use serde_json::{Map, Value, json};

use super::typed::Typed;

/// What of a body the form has read already.
pub(super) struct Read<'a> {
    /// The expression.
    pub(super) cron: &'a str,
    /// The zone, unless nothing was given.
    pub(super) timezone: &'a str,
    /// The document.
    pub(super) identifier: &'a str,
    /// Filters over the dashboard's.
    pub(super) filters: &'a FilterConfig,
}

/// The body; `stored` is what it changes. What was left empty is left out of a new schedule and cleared in one that is there, but for secrets:
/// an empty one keeps what is stored.
pub(super) fn body(typed: &Typed, read: &Read<'_>, stored: Option<&Definition>) -> Map<String, Value> {
    let mut body = Body { typed, clears: stored.is_some(), map: Map::new() };
    if stored.is_none() {
        body.put("identifier", json!(read.identifier));
    }
    body.needed("name");
    body.put("schedule", json!(read.cron));
    body.put("timezone", json!(read.timezone));
    body.optional("timezoneOverride");
    for name in ["queryIdentifierMapKey", "conditionType"] {
        body.optional(name);
    }
    // The watched query goes with the condition.
    if typed.text("conditionType").is_empty() {
        body.put_or_clear("conditionQueryMapKey", None);
    } else {
        body.optional("conditionQueryMapKey");
    }
    body.flag("killJobsOnFailure");
    body.optional("worthlessAfter");
    if stored.is_none_or(|stored| stored.filters != *read.filters) {
        let filters: Map<String, Value> = read.filters.iter().map(|(key, value)| (key.as_str().to_owned(), value.clone())).collect();
        body.put("filterConfig", Value::Object(filters));
    }
    body.needed("format");
    if let Some(format) = Format::from_wire(typed.text("format")) {
        body.output(format);
    }
    body.needed("destinationType");
    let kind = DestinationKind::ALL.into_iter().find(|kind| kind.as_str() == typed.text("destinationType"));
    match kind {
        Some(DestinationKind::Email) => body.email(),
        Some(DestinationKind::Sftp) => body.sftp(),
        Some(DestinationKind::Webhook) => body.webhook(),
        Some(DestinationKind::Slack) => body.slack(),
        Some(DestinationKind::S3) => body.s3(),
        None => {}
    }
    body.map
}

/// Makes of a body one that is sent once, now: to `address` alone when it is a mail, else to where it leads. Everybody else is taken off in so many
/// words, for what a body leaves out is as it is stored.
///
/// # Errors
/// It is a mail, and whoever asks has no address: it would go to everybody on the list.
pub(super) fn as_test(mut body: Map<String, Value>, address: Option<&str>) -> Result<Map<String, Value>, NotSaved> {
    body.insert("testNow".to_owned(), json!(true));
    if body.get("destinationType").and_then(Value::as_str) == Some(DestinationKind::Email.as_str()) {
        let Some(address) = address else {
            let fault =
                "A test goes to whoever asks for it, and this token belongs to nobody with an address; sign in with one of your own";
            return Err(NotSaved::Field { field: "recipients".to_owned(), fault: fault.to_owned() });
        };
        for name in ["cc", "bcc", "userGroupIds", "replyTo"] {
            body.insert(name.to_owned(), Value::Null);
        }
        body.insert("recipients".to_owned(), json!([address]));
    }
    Ok(body)
}

struct Body<'a> {
    typed: &'a Typed,
    /// Whether what is empty clears what is stored.
    clears: bool,
    map: Map<String, Value>,
}

impl Body<'_> {
    fn put(&mut self, name: &str, value: Value) {
        self.map.insert(name.to_owned(), value);
    }

    fn put_or_clear(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => self.put(name, value),
            None if self.clears => self.put(name, Value::Null),
            None => {}
        }
    }

    fn given(&self, name: &str) -> Option<Value> {
        Some(self.typed.text(name)).filter(|text| !text.trim().is_empty()).map(|text| json!(text.trim()))
    }

    /// A field that may be empty.
    fn optional(&mut self, name: &str) {
        let given = self.given(name);
        self.put_or_clear(name, given);
    }

    /// A field that may not: empty it is refused, and not taken for one that stays as it is.
    fn needed(&mut self, name: &str) {
        match self.given(name) {
            Some(value) => self.put(name, value),
            None if self.clears => self.put(name, json!("")),
            None => {}
        }
    }

    /// A text that keeps its line breaks, as one line feed each.
    fn prose(&mut self, name: &str, from: &str) {
        let text = self.typed.text(from).replace("\r\n", "\n");
        self.put_or_clear(name, Some(text.trim_end()).filter(|text| !text.is_empty()).map(|text| json!(text)));
    }

    /// A secret: what is not typed stays.
    fn secret(&mut self, name: &str) {
        let text = self.typed.text(name);
        if !text.is_empty() {
            self.put(name, json!(text));
        }
    }

    fn flag(&mut self, name: &str) {
        let set = self.typed.ticked(name);
        self.put(name, json!(set));
    }

    fn output(&mut self, format: Format) {
        if format.is_visual() {
            for name in ["hideTitle", "expandTablesToShowAllRows", "singleColumnLayout"] {
                self.flag(name);
            }
        }
        if format == Format::Pdf {
            self.optional("paperFormat");
            self.optional("paperOrientation");
        }
        if !matches!(format, Format::Csv | Format::LinkOnly) {
            self.flag("showFilters");
        }
        if format != Format::LinkOnly {
            self.flag("showContentLink");
            self.optional("filename");
            let pages: Vec<&str> = self.typed.all("pages").collect();
            let pages = Some(json!(pages)).filter(|_| !pages.is_empty());
            self.put_or_clear("pages", pages);
        }
        if matches!(format, Format::Csv | Format::Xlsx) {
            self.flag("hideHiddenFields");
        }
        if matches!(format, Format::Csv | Format::Xlsx | Format::Json) {
            self.flag("enableFormatting");
            self.flag("overrideRowLimit");
            let limit = self.given("maxRowLimit").filter(|_| self.typed.ticked("overrideRowLimit"));
            self.put_or_clear("maxRowLimit", limit);
        }
    }

    fn list(&mut self, name: &str) {
        let addresses = self.typed.addresses(name);
        self.put_or_clear(name, Some(json!(addresses)).filter(|_| !addresses.is_empty()));
    }

    fn email(&mut self) {
        for name in ["recipients", "cc", "bcc"] {
            self.list(name);
        }
        let groups: Vec<&str> = self.typed.all("userGroupIds").collect();
        self.put_or_clear("userGroupIds", Some(json!(groups)).filter(|_| !groups.is_empty()));
        self.needed("subject");
        self.prose("textBody", "textBody");
        self.optional("replyTo");
        self.flag("fanOut");
        self.flag("skipRecipientsWithoutValues");
    }

    fn sftp(&mut self) {
        for name in ["address", "port", "username"] {
            self.needed(name);
        }
        for name in ["passwordUnencrypted", "privateKeyUnencrypted", "passphraseUnencrypted"] {
            self.secret(name);
        }
        for name in ["hostKey", "path", "uploadMode", "temporaryName"] {
            self.optional(name);
        }
        self.flag("legacyAlgorithms");
    }

    fn webhook(&mut self) {
        self.needed("url");
        let secrets: Vec<&str> =
            self.typed.text("webhookSecretUnencrypted").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if !secrets.is_empty() {
            self.put("webhookSecretUnencrypted", json!(secrets));
        } else if self.typed.ticked("unsigned") {
            self.put_or_clear("webhookSecretUnencrypted", None);
        }
    }

    fn slack(&mut self) {
        self.needed("slackRecipientType");
        let ids = self.typed.addresses("slack.recipients");
        self.put_or_clear("recipients", Some(json!(ids)).filter(|_| !ids.is_empty()));
        self.prose("textBody", "slack.textBody");
    }

    fn s3(&mut self) {
        for name in ["bucketName", "region", "roleArn"] {
            self.needed(name);
        }
        self.optional("keyPrefix");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &[(&str, &str)]) -> Typed {
        Typed::sent(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn read(filters: &FilterConfig) -> Read<'_> {
        Read { cron: "0 8 ? * * *", timezone: "UTC", identifier: "12db1a0a", filters }
    }

    #[test]
    fn only_fields_of_the_chosen_format_and_destination_are_sent() {
        let filters = FilterConfig::default();
        let all = [
            ("name", "N"),
            ("format", "csv"),
            ("hideTitle", "on"),
            ("paperFormat", "a4"),
            ("enableFormatting", "on"),
            ("maxRowLimit", "5"),
            ("destinationType", "slack"),
            ("slackRecipientType", "channel"),
            ("slack.recipients", "C0123"),
            ("recipients", "a@b.co"),
            ("subject", "S"),
            ("passwordUnencrypted", "secret"),
        ];
        let body = body(&typed(&all), &read(&filters), None);
        for name in ["hideTitle", "paperFormat", "subject", "passwordUnencrypted", "maxRowLimit", "showFilters", "queryIdentifierMapKey"] {
            assert!(!body.contains_key(name), "{name}: {body:?}");
        }
        assert_eq!(
            (&body["recipients"], &body["enableFormatting"], &body["overrideRowLimit"]),
            (&json!(["C0123"]), &json!(true), &json!(false))
        );
    }

    #[test]
    fn d13_an_empty_secret_keeps_what_is_stored_and_other_fields_are_cleared() {
        let stored = pressrun_store::sample::schedule("S").definition;
        let fields =
            typed(&[("name", ""), ("format", "pdf"), ("destinationType", "sftp"), ("address", "h"), ("port", "22"), ("username", "u")]);
        let body = body(&fields, &read(&stored.filters), Some(&stored));
        assert!(
            !body.contains_key("passwordUnencrypted") && !body.contains_key("identifier") && !body.contains_key("filterConfig"),
            "{body:?}"
        );
        assert_eq!((&body["name"], &body["path"], &body["conditionQueryMapKey"]), (&json!(""), &Value::Null, &Value::Null));
    }

    #[test]
    fn a_test_of_a_mail_goes_to_its_author_alone() {
        let filters = FilterConfig::default();
        let fields = typed(&[
            ("destinationType", "email"),
            ("recipients", "a@b.co\nb@b.co"),
            ("cc", "c@b.co"),
            ("userGroupIds", "g"),
            ("fanOut", "on"),
        ]);
        let body = as_test(body(&fields, &read(&filters), None), Some("me@b.co")).unwrap();
        assert_eq!((&body["recipients"], &body["testNow"], &body["fanOut"]), (&json!(["me@b.co"]), &json!(true), &json!(true)));
        for name in ["cc", "bcc", "userGroupIds", "replyTo"] {
            assert_eq!(body.get(name), Some(&Value::Null), "{name}: what is left out stays as it is stored");
        }
    }

    #[test]
    fn q1_a_test_of_a_mail_goes_to_nobody_when_whoever_asks_has_no_address() {
        let mail = Map::from_iter([("destinationType".to_owned(), json!("email")), ("recipients".to_owned(), json!(["all@b.co"]))]);
        assert!(matches!(as_test(mail, None), Err(NotSaved::Field { field, .. }) if field == "recipients"));
        let webhook = Map::from_iter([("destinationType".to_owned(), json!("webhook"))]);
        assert!(as_test(webhook, None).is_ok(), "what is no mail leads where it leads");
    }
}
