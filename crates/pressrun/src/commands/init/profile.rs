//! What a table holds, as far as a first dashboard has to know: which columns are numbers, dates and categories, and how they spread.

use jiff::civil::Date;
use pressrun_query::job::ColumnInfo;
use serde_json::Value;

use super::probe::Row;

/// Rows that are looked at.
pub(super) const SAMPLE: usize = 100_000;
/// Columns that are looked at: a table of 300 shows its first ones.
const COLUMNS: usize = 40;

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    /// As the connection calls it, quoted for SQL.
    pub table: String,
    /// As people read it.
    pub title: String,
    /// Rows that were looked at.
    pub rows: u64,
    /// Columns that can be shown, in the order of the table.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// As the table has it.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Rows with a value.
    pub filled: u64,
    /// Different values.
    pub distinct: u64,
    /// Smallest number.
    pub least: Option<f64>,
    /// Largest number.
    pub most: Option<f64>,
    /// First day.
    pub first: Option<Date>,
    /// Last day.
    pub last: Option<Date>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers.
    Integer,
    /// Other numbers.
    Number,
    /// Days or instants.
    Time,
    /// Text, or true and false.
    Text,
}

impl Kind {
    /// By the name of an Arrow type; `None` for what no tile shows.
    pub(super) fn of(data_type: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|name| data_type.starts_with(name));
        match () {
            () if is(&[
                "Interval",
                "Time32",
                "Time64",
                "List",
                "LargeList",
                "FixedSize",
                "Struct",
                "Map",
                "Binary",
                "LargeBinary",
                "Null",
            ]) =>
            {
                None
            }
            () if is(&["Int", "UInt"]) => Some(Self::Integer),
            () if is(&["Float", "Decimal"]) => Some(Self::Number),
            () if is(&["Date", "Timestamp"]) => Some(Self::Time),
            () if is(&["Utf8", "LargeUtf8", "Utf8View", "Boolean", "Dictionary"]) => Some(Self::Text),
            () => None,
        }
    }
}

impl Column {
    /// Its name in SQL.
    pub(super) fn sql(&self) -> String {
        quoted(&self.name)
    }

    /// A column that nothing is known of but its name and kind.
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, filled: 0, distinct: 0, least: None, most: None, first: None, last: None }
    }
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The columns that a first dashboard can use. What reads as a template would not be taken for a name.
pub(super) fn columns(found: &[ColumnInfo]) -> Vec<Column> {
    let mut names = std::collections::BTreeSet::new();
    found
        .iter()
        .filter(|column| {
            !column.name.trim().is_empty()
                && !column.name.contains('{')
                && !column.name.contains(char::is_control)
                && names.insert(column.name.clone())
        })
        .filter_map(|column| Some(Column::new(&column.name, Kind::of(&column.data_type)?)))
        .take(COLUMNS)
        .collect()
}

/// The query whose one row [`read`] takes.
pub(super) fn question(table: &str, columns: &[Column]) -> String {
    let mut parts = vec!["count(*) as \"rows\"".to_owned()];
    for (number, column) in columns.iter().enumerate() {
        let name = column.sql();
        parts.push(format!("count({name}) as \"n{number}\""));
        let value = if column.kind == Kind::Text { format!("cast({name} as varchar)") } else { name.clone() };
        parts.push(format!("count(distinct {value}) as \"d{number}\""));
        match column.kind {
            Kind::Integer | Kind::Number => {
                parts.push(format!(
                    "cast(min({name}) as double precision) as \"a{number}\", cast(max({name}) as double precision) as \"z{number}\""
                ));
            }
            Kind::Time => parts.push(format!(
                "cast(cast(min({name}) as date) as varchar) as \"a{number}\", cast(cast(max({name}) as date) as varchar) as \"z{number}\""
            )),
            Kind::Text => {}
        }
    }
    format!("select {} from (select * from {table} limit {SAMPLE}) as sample", parts.join(", "))
}

/// What a table holds, from the answer to [`question`].
pub(super) fn read(table: &str, title: &str, mut columns: Vec<Column>, row: &Row) -> Profile {
    let count = |key: String| row.get(&key).and_then(number).unwrap_or(0.0).max(0.0) as u64;
    for (number_of, column) in columns.iter_mut().enumerate() {
        column.filled = count(format!("n{number_of}"));
        column.distinct = count(format!("d{number_of}"));
        let (least, most) = (row.get(&format!("a{number_of}")), row.get(&format!("z{number_of}")));
        match column.kind {
            Kind::Integer | Kind::Number => (column.least, column.most) = (least.and_then(number), most.and_then(number)),
            Kind::Time => (column.first, column.last) = (least.and_then(day), most.and_then(day)),
            Kind::Text => {}
        }
    }
    Profile { table: table.to_owned(), title: title.to_owned(), rows: count("rows".to_owned()), columns }
}

/// Decimals are texts in JSON.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

fn day(value: &Value) -> Option<Date> {
    value.as_str()?.get(..10)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrow_types_are_numbers_times_texts_or_nothing() {
        for (data_type, expected) in [
            ("Int64", Some(Kind::Integer)),
            ("Decimal128(18, 2)", Some(Kind::Number)),
            ("Timestamp(Microsecond, Some(\"UTC\"))", Some(Kind::Time)),
            ("Date32", Some(Kind::Time)),
            ("Utf8View", Some(Kind::Text)),
            ("Boolean", Some(Kind::Text)),
            ("Interval(MonthDayNano)", None),
            ("List(Utf8)", None),
            ("Binary", None),
        ] {
            assert_eq!(Kind::of(data_type), expected, "{data_type}");
        }
    }

    #[test]
    fn a_table_of_300_columns_is_asked_for_some_and_odd_names_are_left_out() {
        let info = |name: String| ColumnInfo { name, data_type: "Int64".to_owned() };
        let mut found: Vec<_> = (0..300).map(|number| info(format!("c{number}"))).collect();
        found.splice(0..0, ["{{ user_attribute('x') }}", "", " ", "c1"].map(|name| info(name.to_owned())));
        let columns = columns(&found);
        assert_eq!(columns.len(), COLUMNS);
        assert!(columns.iter().all(|column| !column.name.contains('{') && !column.name.trim().is_empty()));
        assert_eq!(question("\"t\"", &[Column::new("a \"b\"", Kind::Text)]).matches("\"a \"\"b\"\"\"").count(), 2);
    }

    #[test]
    fn the_answer_is_read_whatever_form_its_numbers_have() {
        let row = serde_json::json!({ "rows": 3, "n0": 3, "d0": "2", "a0": 1.5, "z0": "9.25", "n1": 2, "d1": 2, "a1": "2026-01-02", "z1": "2026-03-04" });
        let Value::Object(row) = row else { panic!("an object") };
        let found = read("t", "T", vec![Column::new("a", Kind::Number), Column::new("b", Kind::Time)], &row);
        assert_eq!((found.rows, found.columns[0].distinct, found.columns[0].most), (3, 2, Some(9.25)));
        assert_eq!(found.columns[1].last, Some(jiff::civil::date(2026, 3, 4)));
    }
}
