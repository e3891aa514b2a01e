//! What data teams write in files: connections, people, documents, dashboards and tiles, as one validated snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::chart::Chart;
use crate::email::EmailAddress;
use crate::id::{ConnectionName, DocumentIdentifier, FilterKey, GroupId, MembershipId, OrganizationId, TileKey, UserId};
use crate::secret::Secret;

mod directory;
mod file_table;

pub use directory::{Groups, Members};
pub use file_table::{ColumnType, Compression, FileFormat, FileReading, FileTable, Quote, UnknownType};

/// A consistent, validated state of the catalog folder.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// SHA-256 (hex) over the files it was read from.
    pub version: String,
    /// The one organization that this server serves.
    pub organization: Organization,
    /// Where data lives.
    pub connections: IndexMap<ConnectionName, Connection>,
    /// People with a login.
    pub members: Members,
    /// Groups of members.
    pub groups: Groups,
    /// User attributes that may be set, in file order; system attributes are not in here.
    pub attributes: IndexMap<String, AttributeDefinition>,
    /// API keys written into files; for development only.
    pub dev_keys: Vec<DevKey>,
    /// Documents by identifier, in file order. One that did not change is shared with the catalog before.
    pub documents: IndexMap<DocumentIdentifier, Arc<Document>>,
    /// What is not among them although it is there.
    pub waiting: Waiting,
}

/// Documents that are there but have a fault in their file, with nothing known from before: schedules on them wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Those whose identifier can be read.
    pub documents: BTreeSet<DocumentIdentifier>,
    /// There are others, and any document that is missing may be one of them.
    pub unidentified: bool,
}

impl Catalog {
    /// Whether the document is missing only because its file has a fault.
    #[must_use]
    pub fn waits(&self, identifier: &DocumentIdentifier) -> bool {
        !self.documents.contains_key(identifier) && (self.waiting.unidentified || self.waiting.documents.contains(identifier))
    }

    /// The member with this membership id, or, since clients mix them up, with this user id (contract Q15).
    #[must_use]
    pub fn member(&self, id: uuid::Uuid) -> Option<&Member> {
        self.members.by_id(MembershipId(id)).or_else(|| self.members.by_user(UserId(id)))
    }

    /// The member with this address, compared without case.
    #[must_use]
    pub fn member_by_email(&self, email: &EmailAddress) -> Option<&Member> {
        self.members.by_address(&email.folded())
    }

    /// The group with this id.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.by_id(id)
    }

    /// Month, 1 to 12, in which the fiscal years of `dashboard` begin.
    #[must_use]
    pub fn fiscal_start(&self, dashboard: &Dashboard) -> i8 {
        dashboard.fiscal_start.unwrap_or(self.organization.fiscal_start)
    }

    /// Whether `member` may see `document`: admins and everybody when no group is named, else members of a named group.
    #[must_use]
    pub fn may_view(&self, member: &Member, document: &Document) -> bool {
        member.active
            && (member.admin
                || document.access.groups.is_empty()
                || self.groups.of(member.id).any(|group| document.access.groups.contains(&group.name)))
    }
}

/// The organization that owns everything.
#[derive(Debug, Clone)]
pub struct Organization {
    /// UUID; also the external id of S3 role assumption.
    pub id: OrganizationId,
    /// Display name.
    pub name: String,
    /// Overrides every schedule's `fanOut` at run time (P6).
    pub fan_out: FanOutPolicy,
    /// Mail domains that may receive deliveries, lower case; empty allows all (P13).
    pub allowed_domains: Vec<String>,
    /// Whether a member's own time zone is used for queries (Q6).
    pub member_timezones: bool,
    /// Month, 1 to 12, in which fiscal years begin, unless a dashboard says otherwise.
    pub fiscal_start: i8,
}

/// What the organization says about personal copies (P6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FanOutPolicy {
    /// The schedule decides.
    #[default]
    Schedule,
    /// Every e-mail is personal.
    Always,
    /// No e-mail is personal.
    Never,
}

impl FanOutPolicy {
    /// Whether mails of a schedule that asks for personal copies, or does not, are personal.
    #[must_use]
    pub fn is_personal(self, fan_out: bool) -> bool {
        match self {
            Self::Schedule => fan_out,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// A named place where data lives.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The name dashboards use.
    pub name: ConnectionName,
    /// IANA zone in which relative dates and truncation are computed when nothing more specific is said (Q6).
    pub timezone: String,
    /// Most queries running at once on it.
    pub max_concurrency: usize,
    /// Seconds after which a query is stopped.
    pub timeout_seconds: u64,
    /// The kind of source and its settings.
    pub source: SourceSettings,
}

/// The kind of source and its settings.
#[derive(Debug, Clone)]
pub enum SourceSettings {
    /// Parquet, CSV and JSON files under one folder, queried by the embedded engine.
    Files {
        /// Absolute folder; nothing outside it is readable.
        folder: std::path::PathBuf,
        /// Tables by name. Files not named here are tables by their stem.
        tables: IndexMap<String, FileTable>,
    },
    /// A server that speaks Postgres' wire; the whole query is pushed down.
    Postgres {
        /// As [`crate::postgres::PostgresAddress`] reads it.
        url: Secret,
        /// The file that the password came from, if it did.
        secret_file: Option<crate::postgres::PostgresSecretFile>,
    },
    /// A ClickHouse server by its HTTP interface; the whole query is pushed down.
    ClickHouse(ClickHouseSettings),
    /// A database with an ADBC driver that the operator has put into a folder; the whole query is pushed down.
    Adbc(AdbcSettings),
}

/// Which driver, and what it is told.
#[derive(Debug, Clone)]
pub struct AdbcSettings {
    /// The driver's name: letters, digits, `_` and `-`. Never a path: whoever edits the catalog does not decide which native code the server runs.
    pub driver: String,
    /// The name of the SQL that it speaks.
    pub dialect: String,
    /// Options of the database, by the driver's names.
    pub options: IndexMap<String, AdbcOption>,
    /// Statements before each query.
    pub session: Vec<String>,
}

/// A driver's option.
#[derive(Debug, Clone)]
pub struct AdbcOption {
    /// Its value.
    pub value: Secret,
    /// It came from the environment or a file, and is not repeated anywhere.
    pub is_secret: bool,
}

/// Where a ClickHouse server is and who asks it.
#[derive(Debug, Clone)]
pub struct ClickHouseSettings {
    /// `http` or `https` with host and port, without a login.
    pub url: url::Url,
    /// The database of tables without one; the server's default when absent.
    pub database: Option<String>,
    /// Who asks.
    pub user: String,
    /// Their password; empty for none.
    pub password: Secret,
    /// The file that the password came from, if it did; it is read again for each query.
    pub password_file: Option<std::path::PathBuf>,
    /// PEM file of the authorities that are trusted; those of the system and the bundled ones when absent.
    pub authorities: Option<std::path::PathBuf>,
    /// Settings of each query, by the server's names.
    pub settings: IndexMap<String, String>,
}

/// A person with a login.
#[derive(Debug, Clone)]
pub struct Member {
    /// Membership id; what the contract calls `userId` and `ownerId`.
    pub id: MembershipId,
    /// The person behind the membership.
    pub user_id: UserId,
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: EmailAddress,
    /// Organization admin.
    pub admin: bool,
    /// False once deactivated: no login, no mail (P10), owned schedules lose access (X6).
    pub active: bool,
    /// User attribute values by reference name.
    pub attributes: AttributeValues,
}

/// A group of members.
#[derive(Debug, Clone)]
pub struct Group {
    /// UUID.
    pub id: GroupId,
    /// Name used by `access`.
    pub name: String,
    /// Who is in it.
    pub members: Vec<MembershipId>,
}

/// An API key written into the catalog; development only.
#[derive(Debug, Clone)]
pub struct DevKey {
    /// The bearer token.
    pub token: Secret,
    /// What it may do.
    pub kind: crate::key::KeyKind,
    /// Whom it belongs to.
    pub member: MembershipId,
}

/// A user attribute that may be set on members and email-only users (contract §7).
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeDefinition {
    /// Reference name; case-sensitive.
    pub name: String,
    /// Shown to people.
    pub label: String,
    /// What it is for.
    pub description: String,
    /// Type of each value.
    pub kind: AttributeKind,
    /// Whether the value is a list.
    pub multiple_values: bool,
    /// What holds when unset; `None` fails closed (P1).
    pub default: Option<AttributeValue>,
}

/// Type of a user attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeKind {
    /// Text.
    String,
    /// Numbers; flags are 0 and 1.
    Number,
}

/// One value, or the values of a multi-value attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// The value of a single-value attribute.
    One(Scalar),
    /// The values of a multi-value attribute, at least one.
    Many(Vec<Scalar>),
}

impl AttributeValue {
    /// The values, whether one or several.
    #[must_use]
    pub fn values(&self) -> &[Scalar] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Text or number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A number, with the digits it was given.
    Number(serde_json::Number),
    /// Text.
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Attribute values by reference name; unset attributes are absent.
pub type AttributeValues = BTreeMap<String, AttributeValue>;

/// A saved asset, with or without a dashboard.
#[derive(Debug, Clone)]
pub struct Document {
    /// What the API calls `identifier`.
    pub identifier: DocumentIdentifier,
    /// Current name.
    pub name: String,
    /// False for an analysis draft, which cannot be scheduled.
    pub saved: bool,
    /// Hash of the published definition.
    pub version: String,
    /// Who may view it.
    pub access: Access,
    /// Its dashboard, unless it has none.
    pub dashboard: Option<Dashboard>,
}

/// Who may view a document.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Names of groups; empty means every member.
    pub groups: Vec<String>,
    /// No new schedules, and none widened; what is there keeps running (X8).
    pub no_new_schedules: bool,
}

/// Tiles over one connection, with filters.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// What it shows, in a sentence.
    pub description: Option<String>,
    /// Where its SQL runs.
    pub connection: ConnectionName,
    /// Query zone of this dashboard (IANA), over the connection's.
    pub timezone: Option<String>,
    /// Month, 1 to 12, in which its fiscal years begin, over the organization's.
    pub fiscal_start: Option<i8>,
    /// Filters, then controls, in the order shown.
    pub filters: IndexMap<FilterKey, FilterDefinition>,
    /// Names of pages in order; empty means one unnamed page.
    pub pages: Vec<String>,
    /// Tiles in file order.
    pub tiles: IndexMap<TileKey, Tile>,
}

impl Dashboard {
    /// The query of this key, or `None` when the key is unknown or names a text tile.
    #[must_use]
    pub fn query(&self, key: &TileKey) -> Option<&QueryTile> {
        match &self.tiles.get(key)?.body {
            TileBody::Query(query) => Some(query),
            TileBody::Markdown(_) => None,
        }
    }
}

/// A dashboard filter, or a control: both are set by key, by the same means.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterDefinition {
    /// Shown to people.
    pub label: String,
    /// Type of value it filters.
    pub kind: FilterKind,
    /// Expression in force when a schedule does not override it; `None` filters nothing. A control always has one.
    pub default: Option<serde_json::Value>,
    /// Applied but never shown (F11).
    pub hidden: bool,
    /// What a control can be set to, in the order shown; none for a filter.
    pub options: IndexMap<String, ControlOption>,
}

/// One thing that a control can be set to (F9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlOption {
    /// Shown to people.
    pub label: String,
    /// What stands in the SQL of tiles; written by the dashboard's author, never by whoever sets the control.
    pub sql: String,
}

/// What a tile makes of a filter of its dashboard (F7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterMapping {
    /// Leaves it out, on purpose.
    Off,
    /// Applies it to this SQL expression instead of the one in the tile's SQL.
    To(String),
}

/// Type of value a filter works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterKind {
    /// Text.
    String,
    /// Numbers.
    Number,
    /// Dates and instants.
    Date,
    /// True or false.
    Boolean,
    /// None: a choice among declared pieces of SQL, such as a field switcher, a time frame or a top-N (F9).
    Control,
}

/// One tile of a dashboard.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Its query map key.
    pub key: TileKey,
    /// Literal text, never templated.
    pub title: String,
    /// Smaller text under the title.
    pub subtitle: Option<String>,
    /// Where it stands on the 24-column grid.
    pub at: GridPosition,
    /// Index into [`Dashboard::pages`]; 0 when there are no pages.
    pub page: usize,
    /// Not drawn and in no file, but may be watched (Q9).
    pub hidden: bool,
    /// What it shows.
    pub body: TileBody,
}

/// Where a tile stands: cells of a 24-column grid; one row of it is 28 points high on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridPosition {
    /// Column of the left edge, 0 to 23.
    pub x: u16,
    /// Row of the top edge.
    pub y: u16,
    /// Width in columns, 1 to 24.
    pub w: u16,
    /// Height in rows, at least 1.
    pub h: u16,
}

/// What a tile shows.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all tiles are queries")]
pub enum TileBody {
    /// Rows of a query.
    Query(QueryTile),
    /// Markdown text with Mustache tokens (V12).
    Markdown(String),
}

/// A query and how its rows are shown.
#[derive(Debug, Clone)]
pub struct QueryTile {
    /// SQL template: `{{ filter(key, expression) }}`, `{{ user_attribute(name, expression) }}`, `{{ control(key) }}`.
    pub sql: String,
    /// Most rows returned unless the schedule overrides it; default 1000 (R9).
    pub limit: u32,
    /// Filters that this tile applies to another expression, or not at all (F7).
    pub filters: IndexMap<FilterKey, FilterMapping>,
    /// Presentation of result columns by name; columns not named get defaults.
    pub fields: IndexMap<String, FieldSpec>,
    /// The drawing.
    pub chart: Chart,
}

/// The limit of a query that states none (R9).
pub const DEFAULT_ROW_LIMIT: u32 = 1000;

/// How one result column is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// Header text; the column name in words when absent.
    pub label: Option<String>,
    /// Spreadsheet-style number format (`$#,##0.00`, `0.0%`, `#,##0,"K"`) or date pattern (`MMM yyyy`, `yyyy-MM-dd HH:mm`).
    pub format: Option<String>,
    /// Left out of pages, and of files when `hideHiddenFields` is set (R8).
    pub hidden: bool,
    /// What several values come to; `None` leaves it to the format: shares are never put together, other numbers are added up.
    #[serde(default)]
    pub aggregate: Option<Aggregate>,
    /// Colours of values of this column, by their names as shown; others get one of the palette.
    #[serde(default)]
    pub colors: IndexMap<String, Rgb>,
    /// How a cell looks that meets one of these; the first that it meets decides.
    #[serde(default)]
    pub when: Vec<crate::tone::Condition>,
}

/// What several values of a column come to: in a row of totals, in what is left over beside the largest series, and where rows
/// of one place are drawn as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// Added up.
    Sum,
    /// Their mean; each row weighs the same.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many there are.
    Count,
    /// That of the last row.
    Last,
    /// Nothing: no one number stands for several.
    None,
}

/// An opaque sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rgb(pub u8, pub u8, pub u8);

/// A text that is no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no colour; write six hexadecimal digits, as in `#1a73e8`")]
pub struct NoColor(pub String);

impl std::str::FromStr for Rgb {
    type Err = NoColor;

    fn from_str(text: &str) -> Result<Self, NoColor> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| NoColor(text.to_owned()))?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self(red, green, blue))
    }
}

impl TryFrom<String> for Rgb {
    type Error = NoColor;

    fn try_from(text: String) -> Result<Self, NoColor> {
        text.parse()
    }
}

impl From<Rgb> for String {
    fn from(Rgb(red, green, blue): Rgb) -> Self {
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}
