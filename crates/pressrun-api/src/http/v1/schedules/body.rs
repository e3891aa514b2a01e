//! The documented form of a schedule's body. Requests are read more leniently, field by field (`app::given`); a test holds the
//! two together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::wire::words;

/// A schedule. Only the fields of the chosen `destinationType` act; others are ignored with a warning.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "identifier": "12db1a0a", "name": "My Email schedule", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "pdf",
    "destinationType": "email", "recipients": ["iamagoodblob@myorg.co"], "subject": "Daily Sales report"
}))]
pub(crate) struct ScheduleBody {
    /// The document whose dashboard is delivered.
    identifier: String,
    /// What people call it.
    #[schema(min_length = 1)]
    name: String,
    /// Six-field cron expression (minute, hour, day-of-month, month, day-of-week, year), in `timezone`.
    #[schema(example = "0 9 ? * MON *")]
    schedule: String,
    /// IANA time zone in which the cron fires.
    #[schema(example = "America/New_York")]
    timezone: String,
    /// What is delivered.
    format: FormatWord,
    /// Where to.
    destination_type: DestinationWord,
    /// Filter key → filter expression, over the dashboard's defaults.
    filter_config: Option<BTreeMap<String, serde_json::Value>>,
    /// Makes the schedule an alert; goes with `conditionQueryMapKey`.
    condition_type: Option<ConditionWord>,
    /// The watched query; goes with `conditionType`.
    condition_query_map_key: Option<String>,
    /// Only this tile.
    query_identifier_map_key: Option<String>,
    /// Deliver once, now, and save nothing.
    test_now: Option<bool>,
    /// Stop the run when one query fails.
    kill_jobs_on_failure: Option<bool>,
    /// `HH:MM` in the schedule's zone: what an occurrence has not delivered by then, the first such time after its instant, is worth nothing any
    /// more and given up. Left out or null, that is after 24 hours or as the operator says. Not in Omni's API.
    #[schema(example = "09:00")]
    worthless_after: Option<String>,
    /// IANA time zone of the queries.
    timezone_override: Option<String>,
    /// pdf, png: no title.
    hide_title: Option<bool>,
    /// pdf: paper.
    paper_format: Option<PaperWord>,
    /// pdf: orientation.
    paper_orientation: Option<OrientationWord>,
    /// pdf, png: tables show up to 1,000 rows.
    expand_tables_to_show_all_rows: Option<bool>,
    /// pdf, png: tiles one under the other.
    single_column_layout: Option<bool>,
    /// Names of the dashboard's pages to deliver, in this order; all of them, or the first for png, when left out. png takes one.
    pages: Option<Vec<String>>,
    /// All but link_only and csv: print the filters in force.
    show_filters: Option<bool>,
    /// All but link_only: a link back to the dashboard.
    show_content_link: Option<bool>,
    /// csv, xlsx: leave hidden fields out.
    hide_hidden_fields: Option<bool>,
    /// csv, xlsx, json: values in display format; json needs `queryIdentifierMapKey`.
    enable_formatting: Option<bool>,
    /// csv, xlsx, json: lift the query's own limit; json and xlsx need `queryIdentifierMapKey`.
    override_row_limit: Option<bool>,
    /// Rows when `overrideRowLimit` is true.
    #[schema(minimum = 1)]
    max_row_limit: Option<u64>,
    /// File name without extension; may hold variables such as `{{currentDate}}`.
    #[schema(max_length = 255)]
    filename: Option<String>,
    /// email: addresses; slack: ids.
    recipients: Option<Vec<String>>,
    /// email: groups whose members receive it, as they are when it runs; with them, `recipients` may be left out. Not in Omni's API.
    user_group_ids: Option<Vec<uuid::Uuid>>,
    /// email: subject.
    subject: Option<String>,
    /// email, slack: message.
    text_body: Option<String>,
    /// email: a personal copy for each recipient.
    fan_out: Option<bool>,
    /// email: addresses that get a copy and are named in everybody's mail; not with personal copies.
    cc: Option<Vec<String>>,
    /// email: addresses that get a copy and are named nowhere; not with personal copies.
    bcc: Option<Vec<String>>,
    /// email: where answers go, instead of where the operator says.
    reply_to: Option<String>,
    /// email: personal copies leave out who has no value for an attribute that the content asks for.
    skip_recipients_without_values: Option<bool>,
    /// webhook: http or https address.
    url: Option<String>,
    /// webhook: another name of `url`.
    webhook_url: Option<String>,
    /// webhook: secrets that sign each request, newest first; write-only.
    #[schema(max_items = 2)]
    webhook_secret_unencrypted: Option<Vec<String>>,
    /// sftp: host.
    address: Option<String>,
    /// sftp: port.
    #[schema(minimum = 1, maximum = 65535)]
    port: Option<u16>,
    /// sftp: login name.
    username: Option<String>,
    /// sftp: password; write-only.
    password_unencrypted: Option<String>,
    /// sftp: private key, instead of a password or with one where the server wants both; write-only.
    private_key_unencrypted: Option<String>,
    /// sftp: passphrase of the private key; write-only.
    passphrase_unencrypted: Option<String>,
    /// sftp: host key in OpenSSH form; pinned at first use when left out.
    host_key: Option<String>,
    /// sftp: remote folder.
    path: Option<String>,
    /// sftp: how the file gets its name: written under a temporary name and renamed when it is whole (unless said otherwise), or written under its
    /// name at once, for servers that forbid renaming or take a file away when it is closed.
    upload_mode: Option<UploadModeWord>,
    /// sftp: name of the unfinished file, with `{name}` for its name and `{mark}` for letters that only this delivery has;
    /// `.{name}.{mark}.part` when left out, without the dot on servers that refuse it.
    #[schema(example = "{name}.{mark}.tmp", max_length = 64)]
    temporary_name: Option<String>,
    /// sftp: take algorithms that are weak by today's measure (SHA-1 in the key exchange, CBC ciphers), for servers that have no other.
    legacy_algorithms: Option<bool>,
    /// slack: one channel, or users.
    slack_recipient_type: Option<SlackWord>,
    /// s3: bucket.
    bucket_name: Option<String>,
    /// s3: region.
    region: Option<String>,
    /// s3: role to assume.
    role_arn: Option<String>,
    /// s3: prefix of the object's key.
    key_prefix: Option<String>,
}

/// The same fields as on create, all of them optional: what is left out keeps its value, `null` clears it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"schedule": "0 10 ? * MON-FRI *", "timezone": "America/New_York"}))]
pub(crate) struct ScheduleChange(BTreeMap<String, serde_json::Value>);

words! {
    /// What is delivered.
    FormatWord { Csv = "csv", Json = "json", LinkOnly = "link_only", Pdf = "pdf", Png = "png", Xlsx = "xlsx" }
    /// Where to.
    DestinationWord { Email = "email", Sftp = "sftp", Webhook = "webhook", Slack = "slack", S3 = "s3" }
    /// What has to hold of the watched result.
    ConditionWord { Present = "RESULTS_PRESENT", Changed = "RESULTS_CHANGED", Missing = "RESULTS_MISSING", Unchanged = "RESULTS_UNCHANGED" }
    /// Paper of a pdf.
    PaperWord { A3 = "a3", A4 = "a4", Legal = "legal", Letter = "letter", FitPage = "fit_page", Tabloid = "tabloid" }
    /// Orientation of a pdf.
    OrientationWord { Portrait = "portrait", Landscape = "landscape" }
    /// How a file gets its name on an SFTP server.
    UploadModeWord { Rename = "rename", Direct = "direct" }
    /// One channel, or users.
    SlackWord { Channel = "channel", Users = "users" }
}

/// Recipients to add or remove: at least one list, none of them empty.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"emails": ["iamagoodblob@myorg.co"]}))]
pub(crate) struct RecipientsBody {
    /// Addresses; unknown ones become email-only users.
    #[schema(min_items = 1)]
    emails: Option<Vec<String>>,
    /// Membership ids.
    #[schema(min_items = 1)]
    user_ids: Option<Vec<uuid::Uuid>>,
    /// Group ids.
    #[schema(min_items = 1)]
    user_group_ids: Option<Vec<uuid::Uuid>>,
}
