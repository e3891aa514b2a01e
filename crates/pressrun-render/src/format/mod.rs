//! What one cell looks like: values read from Arrow, and the display format of their column.

mod compact;
mod date;
mod digits;
mod number;
mod plain;
mod separators;
mod value;

use arrow_schema::DataType;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use pressrun_domain::catalog::{Aggregate, FieldSpec};

use self::date::{DatePattern, ZoneText};
use self::digits::Digits;
use self::number::NumberFormat;
pub use self::separators::Separators;
pub(crate) use self::value::moment;
pub use self::value::{Decimal, Value};

/// Where text stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// Text and dates.
    Left,
    /// Flags.
    Center,
    /// Numbers.
    Right,
}

/// What a column holds, as far as display cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// Whole and other numbers.
    Number,
    /// Dates without a time.
    Date,
    /// Date and time, on a wall or in the query zone.
    Moment,
    /// Times of day.
    TimeOfDay,
    /// Lengths of time.
    Duration,
    /// All else.
    Text,
}

impl Kind {
    /// The kind of an Arrow type; a dictionary has the kind of its values.
    #[must_use]
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(..) => Self::Moment,
            DataType::Time32(_) | DataType::Time64(_) => Self::TimeOfDay,
            DataType::Duration(_) | DataType::Interval(_) => Self::Duration,
            DataType::Dictionary(_, values) => Self::of(values),
            DataType::RunEndEncoded(_, values) => Self::of(values.data_type()),
            other if other.is_numeric() => Self::Number,
            _ => Self::Text,
        }
    }

    /// Whether values lie on a time line.
    #[must_use]
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Moment)
    }
}

/// How the cells of one column are shown.
#[derive(Debug, Clone)]
pub struct FieldFormat {
    /// Header text.
    pub label: String,
    /// What the column holds.
    pub kind: Kind,
    /// Whether the author hid the column (R8).
    pub hidden: bool,
    /// The query zone, in which instants are shown.
    pub zone: TimeZone,
    number: Option<NumberFormat>,
    date: Option<DatePattern>,
    /// Years and identifiers are numbers that nobody groups.
    grouped: bool,
    /// Cells are integers.
    whole: bool,
    /// What several values come to; `None` where the author did not say.
    aggregate: Option<Aggregate>,
    separators: Separators,
}

impl FieldFormat {
    /// The format of column `name`: what `spec` says, else the default of its type.
    ///
    /// A format that does not suit the type is ignored. `zone` is an IANA name; an unknown one is UTC.
    #[must_use]
    pub fn parse(spec: &FieldSpec, data_type: &DataType, name: &str, zone: &str) -> Self {
        let kind = Kind::of(data_type);
        let text = spec.format.as_deref().unwrap_or("");
        let number = if matches!(kind, Kind::Number | Kind::Text | Kind::Duration) { NumberFormat::parse(text) } else { None };
        let takes_date = matches!(kind, Kind::Date | Kind::Moment | Kind::TimeOfDay | Kind::Text) && number.is_none();
        Self {
            label: spec.label.clone().unwrap_or_else(|| words(name)),
            kind,
            hidden: spec.hidden,
            zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC),
            number,
            date: if takes_date { DatePattern::parse(text) } else { None },
            grouped: !is_label_number(name),
            whole: data_type.is_integer(),
            aggregate: spec.aggregate,
            separators: Separators::EN,
        }
    }

    /// Where its text stands.
    #[must_use]
    pub fn alignment(&self) -> Alignment {
        match self.kind {
            Kind::Number | Kind::Duration => Alignment::Right,
            Kind::Text if self.number.is_some() => Alignment::Right,
            Kind::Bool => Alignment::Center,
            Kind::Date | Kind::Moment | Kind::TimeOfDay | Kind::Text => Alignment::Left,
        }
    }

    /// Where its text stands on pages: years and identifiers name things, so they stand left as names do.
    #[must_use]
    pub fn page_alignment(&self) -> Alignment {
        let names = self.kind == Kind::Number && !self.grouped && self.number.is_none();
        if names { Alignment::Left } else { self.alignment() }
    }

    /// Whether the author chose a format that fits the type.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.number.is_some() || self.date.is_some()
    }

    /// The cell as people read it; empty for null.
    #[must_use]
    pub fn display(&self, value: &Value<'_>) -> String {
        match value {
            Value::Null => String::new(),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Decimal(_) => self.display_number(value),
            Value::Duration(_) if self.number.is_some() => self.display_number(value),
            Value::Date(date) => self.display_moment(date.to_datetime(Time::midnight()), None, true),
            Value::Time(time) => self.display_time(*time),
            Value::DateTime(at) => self.display_moment(*at, None, false),
            Value::Instant(at) => self.display_instant(*at),
            Value::Text(text) => self.display_text(text),
            Value::Bool(_) | Value::Bytes(_) | Value::Duration(_) | Value::Interval { .. } => plain::friendly(value),
            Value::List(items) => items.iter().map(|item| self.display(item)).collect::<Vec<_>>().join(", "),
            Value::Struct(members) => {
                members.iter().map(|(name, value)| format!("{name}: {}", self.display(value))).collect::<Vec<_>>().join(", ")
            }
            Value::Map(entries) => {
                entries.iter().map(|(key, value)| format!("{}: {}", self.display(key), self.display(value))).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// The cell unformatted (R5): plain decimals, ISO 8601 dates, instants with their offset in the query zone; empty for null.
    #[must_use]
    pub fn plain(&self, value: &Value<'_>) -> String {
        plain::plain(value, &self.zone)
    }

    /// The number format of native spreadsheet cells, in a spreadsheet's letters; `None` leaves the default.
    ///
    /// Dates without a format of their own get one, since a spreadsheet would show their serial number.
    #[must_use]
    pub fn excel_format(&self) -> Option<String> {
        if let Some(number) = &self.number {
            return Some(number.excel());
        }
        if let Some(excel) = self.date.as_ref().and_then(DatePattern::excel) {
            return Some(excel);
        }
        match self.kind {
            Kind::Date => Some("yyyy-mm-dd".to_owned()),
            Kind::Moment => Some("yyyy-mm-dd hh:mm:ss".to_owned()),
            Kind::TimeOfDay => Some("hh:mm:ss".to_owned()),
            Kind::Bool | Kind::Number | Kind::Duration | Kind::Text => None,
        }
    }

    /// A float in this column's full display format, for sums and averages that no cell holds.
    #[must_use]
    pub fn display_f64(&self, number: f64) -> String {
        self.display(&Value::Float(number))
    }

    /// A number in at most about three digits and a letter (`$1.23M`), with the format's currency or per cent sign.
    #[must_use]
    pub fn short(&self, number: f64) -> String {
        compact::compact(self.number.as_ref(), number, None, self.separators)
    }

    /// As [`FieldFormat::short`], precise to `step`: labels of one axis agree in decimals, and in the letter that `largest` gets.
    #[must_use]
    pub fn short_step(&self, number: f64, step: f64, largest: f64) -> String {
        if self.is_name() && number.abs() < 1e6 {
            return self.display_f64(number);
        }
        compact::compact(self.number.as_ref(), number, Some((step, largest)), self.separators)
    }

    /// Whether the number format shows per cent.
    #[must_use]
    pub fn is_percent(&self) -> bool {
        self.number.as_ref().is_some_and(|number| number.positive().suffix.contains('%'))
    }

    /// What several values of the column come to: what its author said; else shares and names (years, identifiers) to nothing, as
    /// their sum means nothing, and other numbers to their sum.
    pub(crate) fn aggregate(&self) -> Aggregate {
        let nameless = self.is_percent() || !self.grouped;
        self.aggregate.unwrap_or(if nameless { Aggregate::None } else { Aggregate::Sum })
    }

    /// As [`FieldFormat::aggregate`] for parts of a whole, which add up to it even where they are shares.
    pub(crate) fn aggregate_of_parts(&self) -> Aggregate {
        self.aggregate.unwrap_or(Aggregate::Sum)
    }

    /// What the author said that several values come to.
    pub(crate) fn stated_aggregate(&self) -> Option<Aggregate> {
        self.aggregate
    }

    /// Whether a number of the column is the name of something: a year, an identifier.
    pub(crate) fn is_name(&self) -> bool {
        !self.grouped && self.number.is_none()
    }

    /// What the numbers are of, as far as the format tells: `%`, `$`, `days`; empty when it tells nothing.
    pub(crate) fn unit(&self) -> String {
        if self.is_percent() {
            return "%".to_owned();
        }
        if self.kind == Kind::Duration {
            return "time".to_owned();
        }
        let Some(section) = self.number.as_ref().map(NumberFormat::positive) else { return String::new() };
        // The letter of a scaled format ("K") is no unit.
        let suffix = if section.shift < 0 { "" } else { section.suffix.trim() };
        format!("{}{suffix}", section.prefix.trim())
    }

    /// How many decimals the default format gives this cell; `None` where the author chose a format or the cell is no number.
    pub(crate) fn default_decimals(&self, value: &Value<'_>) -> Option<usize> {
        if self.number.is_some() || !matches!(value, Value::Float(_) | Value::Decimal(_)) {
            return None;
        }
        Digits::from_value(value).map(|digits| compact::default_decimals(&digits))
    }

    /// A number in the default format with this many decimals, so that the points of a column stand in line.
    pub(crate) fn display_decimals(&self, value: &Value<'_>, decimals: usize) -> String {
        match Digits::from_value(value) {
            Some(digits) if self.number.is_none() => compact::with_decimals(&digits, decimals, self.grouped, self.separators),
            _ => self.display(value),
        }
    }

    /// Whether cells are integers, so that ticks between them would name what cannot be.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole && !self.is_percent()
    }

    /// The moment in the author's date pattern; `None` without one.
    pub(crate) fn date_label(&self, at: DateTime) -> Option<String> {
        self.date.as_ref().map(|pattern| pattern.display(at, None))
    }

    fn display_number(&self, value: &Value<'_>) -> String {
        let Some(digits) = Digits::from_value(value) else {
            return plain::friendly(value);
        };
        match &self.number {
            Some(format) => format.display(&digits, self.separators),
            None => compact::default_display(&digits, self.grouped, self.separators),
        }
    }

    fn display_instant(&self, at: Timestamp) -> String {
        let info = self.zone.to_offset_info(at);
        let zone = ZoneText { offset: info.offset(), abbreviation: info.abbreviation().to_owned() };
        self.display_moment(zone.offset.to_datetime(at), Some(&zone), false)
    }

    fn display_moment(&self, at: DateTime, zone: Option<&ZoneText>, date_only: bool) -> String {
        if let Some(pattern) = &self.date {
            return pattern.display(at, zone);
        }
        let pattern = if date_only || at.time() == Time::midnight() {
            "MMM d, yyyy"
        } else if at.second() == 0 {
            "MMM d, yyyy, HH:mm"
        } else {
            "MMM d, yyyy, HH:mm:ss"
        };
        DatePattern::parse(pattern).map(|pattern| pattern.display(at, zone)).unwrap_or_default()
    }

    fn display_time(&self, time: Time) -> String {
        match &self.date {
            Some(pattern) if pattern.shows_time() => pattern.display(time.on(1970, 1, 1), None),
            _ => plain::time(time),
        }
    }

    /// Text stays as it is, unless the author's format is for a number or date and the text is one.
    fn display_text(&self, text: &str) -> String {
        if let Some(format) = &self.number
            && let Some(digits) = Digits::parse(text.trim())
        {
            return format.display(&digits, self.separators);
        }
        if let Some(pattern) = &self.date {
            if let Ok(at) = text.trim().parse::<DateTime>() {
                return pattern.display(at, None);
            }
            if let Ok(date) = text.trim().parse::<jiff::civil::Date>() {
                return pattern.display(date.to_datetime(Time::midnight()), None);
            }
        }
        text.to_owned()
    }
}

/// A column name in words: `order_count` and `orderCount` are "Order count"; a name with other signs stays as it is.
#[must_use]
pub fn words(name: &str) -> String {
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return name.to_owned();
    }
    let mut out = String::new();
    let mut previous = ' ';
    for c in name.chars() {
        if c == '_' {
            if previous != ' ' && !out.is_empty() {
                out.push(' ');
                previous = ' ';
            }
            continue;
        }
        if c.is_uppercase() && previous.is_lowercase() {
            out.push(' ');
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
        previous = c;
    }
    let trimmed = out.trim();
    let mut chars = trimmed.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => name.to_owned(),
    }
}

/// A minus as wide as a plus, which text formats do without.
pub(crate) fn typographic(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) => format!("\u{2212}{rest}"),
        None => text,
    }
}

/// Whether a number column names things (years, ids) rather than counts them.
fn is_label_number(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let named = ["year", "id", "zip", "sku", "code"].iter().any(|word| lower == *word || lower.ends_with(&format!("_{word}")));
    named || lower.starts_with("year_") || name.ends_with("Id")
}

#[cfg(test)]
mod tests;
