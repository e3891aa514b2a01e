//! A body made into a definition: reading, and the rules that need no catalog, in the contract's order (§5.1.7 rows 2 to 9).

use jiff::civil::Time;
use pressrun_cron::CronExpression;
use pressrun_domain::condition::{Condition, ConditionKind};
use pressrun_domain::destination::{Destination, DestinationKind};
use pressrun_domain::id::{MembershipId, TileKey};
use pressrun_domain::output::Format;
use pressrun_domain::schedule::{Definition, FilterConfig};
use pressrun_domain::text;
use serde_json::{Map, Value};

use super::destination::{self, Lists};
use super::error::AppError;
use super::given::{Fields, Given};
use super::options::{self, OptionFields};

/// A definition whose shape is right; the catalog has still to be asked.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The definition; mail recipients are still the stored ones.
    pub(crate) definition: Definition,
    /// Lists of mail that replace them.
    pub(crate) lists: Lists,
    /// Deliver once, now, and save nothing.
    pub(crate) test_now: bool,
    /// What of the body does nothing.
    pub(crate) warnings: Vec<String>,
    /// The body names another document, filters, a tile or a condition: the catalog decides again.
    pub(crate) asks: Asks,
}

/// What the catalog has to be asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asks {
    pub(crate) document: bool,
    pub(crate) tile: bool,
    pub(crate) condition: bool,
    pub(crate) filters: bool,
}

/// Reads a body, over the `stored` definition for an update.
pub(crate) fn draft(body: &Map<String, Value>, stored: Option<&Definition>, owner: MembershipId) -> Result<Draft, AppError> {
    let fields = Fields(body);
    let read = Common::read(fields, stored)?;
    let given = OptionFields::read(fields)?;
    let stored_destination = stored.map(|stored| &stored.destination);
    let target = destination::read(read.destination_kind, fields, stored_destination)?;

    let options_before = stored.map(|stored| stored.options.clone()).unwrap_or_default();
    let shape = given.check(read.format);
    let (output, mut warnings) = given.over(options_before, read.format);
    options::check_tile(&output, read.format, read.tile.is_some())?;
    let cron = cron(&read.cron)?;
    pressrun_cron::zone(&read.timezone).map_err(|_| AppError::field("timezone", "Time zone must be IANA valid."))?;
    if let Some(zone) = &read.timezone_override {
        pressrun_cron::zone(zone).map_err(|_| AppError::field("timezoneOverride", "Time zone must be IANA valid."))?;
    }
    shape?;
    options::check_fit_page(&output)?;
    let condition = match (read.condition_kind, read.condition_tile) {
        (Some(kind), Some(tile)) => Some(Condition { kind, tile: TileKey(tile) }),
        (None, None) => None,
        _ => return Err(AppError::invalid("Alert conditions require a condition type and a condition query map key")),
    };
    if let Some(condition) = condition.as_ref().filter(|condition| read.test_now && condition.kind.compares()) {
        return Err(AppError::invalid(format!("Test delivery not supported for condition type {}", condition.kind.as_str())));
    }
    warnings.extend(unknown(body));
    warnings.extend(target.warnings);
    warnings.extend(mistyped(&target.destination));
    if let Some(stored) = stored {
        if stored.condition.is_some() && condition.is_none() {
            warnings.push("the alert condition was dropped: every occurrence delivers from now on".to_owned());
        }
        let dropped: Vec<&str> =
            stored.filters.keys().filter(|key| !read.filters.contains_key(*key)).map(pressrun_domain::id::FilterKey::as_str).collect();
        if !dropped.is_empty() {
            warnings.push(format!("filter overrides were dropped: {}; the dashboard's defaults hold for them", text::listed(&dropped)));
        }
    }
    let mut output = output;
    if let Destination::S3(s3) = &target.destination {
        output.filename.clone_from(&s3.filename);
    }
    Ok(Draft {
        definition: Definition {
            name: read.name,
            identifier: read.identifier.into(),
            owner,
            cron: cron.as_str().to_owned(),
            timezone: read.timezone,
            timezone_override: read.timezone_override,
            format: read.format,
            options: output,
            tile: read.tile.map(TileKey),
            filters: read.filters,
            condition,
            kill_jobs_on_failure: read.kill_jobs_on_failure,
            destination: target.destination,
            worthless_after: read.worthless_after,
            link_epoch: stored.map_or(0, |stored| stored.link_epoch),
        },
        lists: target.lists,
        test_now: read.test_now,
        warnings,
        asks: read.asks,
    })
}

/// Every field of a schedule's body; others act nowhere.
pub(crate) const FIELDS: [&str; 55] = [
    "identifier",
    "name",
    "schedule",
    "timezone",
    "format",
    "destinationType",
    "filterConfig",
    "conditionType",
    "conditionQueryMapKey",
    "queryIdentifierMapKey",
    "testNow",
    "killJobsOnFailure",
    "worthlessAfter",
    "timezoneOverride",
    "hideTitle",
    "paperFormat",
    "paperOrientation",
    "expandTablesToShowAllRows",
    "singleColumnLayout",
    "pages",
    "showFilters",
    "showContentLink",
    "hideHiddenFields",
    "enableFormatting",
    "overrideRowLimit",
    "maxRowLimit",
    "filename",
    "recipients",
    "userGroupIds",
    "subject",
    "textBody",
    "cc",
    "bcc",
    "replyTo",
    "fanOut",
    "skipRecipientsWithoutValues",
    "url",
    "webhookUrl",
    "webhookSecretUnencrypted",
    "address",
    "port",
    "username",
    "passwordUnencrypted",
    "privateKeyUnencrypted",
    "passphraseUnencrypted",
    "hostKey",
    "path",
    "uploadMode",
    "temporaryName",
    "legacyAlgorithms",
    "slackRecipientType",
    "bucketName",
    "region",
    "roleArn",
    "keyPrefix",
];

/// Names the keys of a body that are no fields: a misspelt one must not look as if it had acted.
fn unknown(body: &Map<String, Value>) -> Option<String> {
    let unknown: Vec<&str> = body.keys().map(String::as_str).filter(|key| !FIELDS.contains(key)).collect();
    (!unknown.is_empty()).then(|| format!("not a field of a schedule, and ignored: {}", text::listed(&unknown)))
}

/// Variables of subject and body that do not exist: they are sent as typed, which is hardly what was meant (D11).
fn mistyped(destination: &Destination) -> Vec<String> {
    let Some(email) = destination.email() else { return Vec::new() };
    let texts = [("subject", Some(&email.subject)), ("textBody", email.text_body.as_ref())];
    let fault = |(field, text): (&str, Option<&String>)| {
        let fault = pressrun_domain::naming::check(text?).err()?;
        Some(format!("{field} is sent as typed: {fault}"))
    };
    texts.into_iter().filter_map(fault).collect()
}

/// A cron expression (§5.1.7 row 3).
pub(crate) fn cron(text: &str) -> Result<CronExpression, AppError> {
    // The contract's sentence, and then what to change.
    text.parse().map_err(|error| AppError::field("schedule", format!("Schedule is an invalid cron expression: {error}")))
}

/// The fields of §5.1.2, over the stored ones.
struct Common {
    identifier: String,
    name: String,
    cron: String,
    timezone: String,
    timezone_override: Option<String>,
    format: Format,
    destination_kind: DestinationKind,
    filters: FilterConfig,
    condition_kind: Option<ConditionKind>,
    condition_tile: Option<String>,
    tile: Option<String>,
    test_now: bool,
    kill_jobs_on_failure: bool,
    worthless_after: Option<Time>,
    asks: Asks,
}

impl Common {
    fn read(fields: Fields<'_>, stored: Option<&Definition>) -> Result<Self, AppError> {
        let identifier = fields.filled("identifier")?;
        let document = identifier.is_given();
        let identifier = needed("identifier", identifier, stored.map(|stored| stored.identifier.0.clone()))?;
        let name = needed("name", fields.filled("name")?, stored.map(|stored| stored.name.clone()))?;
        let cron = needed("schedule", fields.text("schedule")?, stored.map(|stored| stored.cron.clone()))?;
        let timezone = needed("timezone", fields.text("timezone")?, stored.map(|stored| stored.timezone.clone()))?;
        let format = fields.word("format", &Format::ALL, Format::as_str)?;
        let format = needed("format", format, stored.map(|stored| stored.format))?;
        let kinds = [DestinationKind::Email, DestinationKind::Sftp, DestinationKind::Webhook, DestinationKind::Slack, DestinationKind::S3];
        let kind = fields.word("destinationType", &kinds, DestinationKind::as_str)?;
        let destination_kind = needed("destinationType", kind, stored.map(|stored| stored.destination.kind()))?;
        let filter_config = fields.object("filterConfig")?;
        let condition_kind = fields.word("conditionType", &ConditionKind::ALL, ConditionKind::as_str)?;
        let condition_tile = fields.filled("conditionQueryMapKey")?;
        let tile = fields.filled("queryIdentifierMapKey")?;
        let test_now = fields.flag("testNow")?.or_default(false, false) && stored.is_none();
        let kill = fields.flag("killJobsOnFailure")?;
        let worthless_after = match fields.text("worthlessAfter")? {
            Given::Value(text) => Some(time_of_day("worthlessAfter", &text)?),
            Given::Null => None,
            Given::Absent => stored.and_then(|stored| stored.worthless_after),
        };
        let timezone_override = fields.text("timezoneOverride")?;
        let asks = Asks {
            document,
            tile: document || tile.is_given(),
            condition: document || condition_tile.is_given() || condition_kind.is_given(),
            filters: document || filter_config.is_given(),
        };
        let filters = match filter_config {
            Given::Value(map) => map.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            Given::Null => FilterConfig::new(),
            Given::Absent => stored.map(|stored| stored.filters.clone()).unwrap_or_default(),
        };
        let condition = stored.and_then(|stored| stored.condition.as_ref());
        Ok(Self {
            identifier,
            name,
            cron,
            timezone,
            timezone_override: timezone_override.over(stored.and_then(|stored| stored.timezone_override.clone())),
            format,
            destination_kind,
            filters,
            condition_kind: condition_kind.over(condition.map(|condition| condition.kind)),
            condition_tile: condition_tile.over(condition.map(|condition| condition.tile.0.clone())),
            tile: tile.over(stored.and_then(|stored| stored.tile.as_ref()).map(|tile| tile.0.clone())),
            test_now,
            kill_jobs_on_failure: kill.or_default(stored.is_some_and(|stored| stored.kill_jobs_on_failure), false),
            worthless_after,
            asks,
        })
    }
}

/// A time of day such as `09:00`.
fn time_of_day(field: &'static str, text: &str) -> Result<Time, AppError> {
    let two = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once(':').filter(|(hour, minute)| two(hour) && two(minute));
    let time = parts.and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
    time.ok_or_else(|| AppError::field(field, "Expected a time of day from 00:00 to 23:59, such as 09:00"))
}

fn needed<T>(field: &'static str, given: Given<T>, stored: Option<T>) -> Result<T, AppError> {
    match given {
        Given::Value(value) => Ok(value),
        Given::Absent => stored.ok_or_else(|| AppError::required(field)),
        Given::Null => Err(AppError::field(field, "Expected string, received null")),
    }
}
