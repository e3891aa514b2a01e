//! Which tiles suit a table: figures for numbers, a line for dates, bars for categories, the newest rows as a table. Pure.

use std::fmt::Write as _;

use super::profile::{Column, Kind, Profile};
use super::yaml::{quoted, words};

/// Most figures in the first row.
const FIGURES: usize = 4;
/// Most columns of the table of rows.
const SHOWN: usize = 8;
/// Columns of the grid.
const GRID: usize = 24;

/// Words in names of what is worth adding up, the best first.
const AMOUNTS: [&str; 22] = [
    "revenue", "umsatz", "amount", "betrag", "sales", "total", "value", "wert", "price", "preis", "cost", "kosten", "profit", "quantity",
    "menge", "qty", "units", "count", "anzahl", "hours", "visits", "kwh",
];
/// Words in names of what is averaged rather than added up.
const LEVELS: [&str; 20] = [
    "rate",
    "ratio",
    "percent",
    "pct",
    "share",
    "anteil",
    "quote",
    "avg",
    "average",
    "mean",
    "score",
    "rating",
    "age",
    "alter",
    "temperature",
    "temp",
    "price",
    "preis",
    "utilization",
    "duration",
];
/// Words in names of categories, the best first.
const CATEGORIES: [&str; 20] = [
    "region",
    "country",
    "land",
    "category",
    "kategorie",
    "type",
    "typ",
    "status",
    "segment",
    "channel",
    "kanal",
    "product",
    "produkt",
    "department",
    "abteilung",
    "city",
    "stadt",
    "team",
    "class",
    "kind",
];
/// Words in names of dates, the best first.
const TIMES: [&str; 8] = ["order", "created", "date", "datum", "day", "tag", "time", "zeit"];
/// Ends of names of numbers that only name something.
const NAMES_OF_THINGS: [&str; 14] =
    ["id", "key", "code", "zip", "plz", "postcode", "phone", "year", "jahr", "month", "monat", "number", "nummer", "nr"];

/// A dashboard's file.
pub(super) fn dashboard(profile: &Profile, identifier: &str, connection: &str) -> String {
    let plan = Plan::of(profile);
    let mut text = String::new();
    let _ = writeln!(text, "# yaml-language-server: $schema=../../.schemas/dashboard.json");
    let _ = writeln!(text, "# Made by `pressrun init`; it is yours now. What each key means: docs/catalog.md.");
    let _ = writeln!(text, "identifier: {identifier}\nname: {}\nconnection: {connection}", quoted(&profile.title));
    let filters = plan.filters();
    if !filters.is_empty() {
        text.push_str("filters:\n");
        for (key, column) in &filters {
            let kind = if column.kind == Kind::Time { "date" } else { "string" };
            let _ = writeln!(text, "  {key}: {{ label: {}, type: {kind} }}", quoted(&words(&column.name)));
        }
    }
    text.push_str("tiles:\n");
    for tile in plan.tiles() {
        tile.write(&mut text);
    }
    text
}

/// A number that is shown, and how several of it come to one.
#[derive(Debug, Clone, Copy)]
struct Measure<'a> {
    column: &'a Column,
    is_level: bool,
}

impl Measure<'_> {
    fn sql(self) -> String {
        format!("{}({})", if self.is_level { "avg" } else { "sum" }, self.column.sql())
    }

    fn title(self) -> String {
        let name = words(&self.column.name);
        if self.is_level { format!("{name}, on average") } else { name }
    }

    fn format(self) -> &'static str {
        let (least, most) = (self.column.least.unwrap_or(0.0), self.column.most.unwrap_or(0.0));
        match self.column.kind {
            Kind::Number if self.is_level && least >= 0.0 && most <= 1.0 => "0.0%",
            Kind::Integer if !self.is_level => "#,##0",
            _ if most.abs() >= 1000.0 && !self.is_level => "#,##0",
            _ => "#,##0.00",
        }
    }
}

/// What of a table is shown.
struct Plan<'a> {
    profile: &'a Profile,
    measures: Vec<Measure<'a>>,
    time: Option<&'a Column>,
    categories: Vec<&'a Column>,
}

/// A tile of the file.
struct Tile {
    key: String,
    title: String,
    sql: String,
    more: String,
    at: (usize, usize, usize, usize),
}

impl Tile {
    fn write(&self, text: &mut String) {
        let (x, y, w, h) = self.at;
        let _ = write!(text, "  {}:\n    title: {}\n    sql: |-\n      {}\n{}", self.key, quoted(&self.title), self.sql, self.more);
        let _ = writeln!(text, "    at: {{ x: {x}, y: {y}, w: {w}, h: {h} }}");
    }
}

/// Where a word stands in a list of words, when the name has one of them.
fn rank(name: &str, list: &[&str]) -> Option<usize> {
    let name = name.to_lowercase();
    list.iter().position(|word| name.contains(word))
}

/// Whether a number only names something: an id, a postal code, a year.
fn names_something(column: &Column, rows: u64) -> bool {
    let name = column.name.to_lowercase();
    let last = name.rsplit(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    let camel = column.name.ends_with("Id") || column.name.ends_with("ID");
    let counts_rows = column.kind == Kind::Integer && rows > 20 && column.distinct == rows && rank(&column.name, &AMOUNTS).is_none();
    camel || NAMES_OF_THINGS.contains(&last) || counts_rows
}

impl<'a> Plan<'a> {
    fn of(profile: &'a Profile) -> Self {
        let filled = |column: &&Column| column.filled > 0;
        let by_rank = |list: &'static [&'static str]| move |column: &&Column| rank(&column.name, list).unwrap_or(list.len());
        let mut numbers: Vec<&Column> = profile
            .columns
            .iter()
            .filter(filled)
            .filter(|column| matches!(column.kind, Kind::Integer | Kind::Number) && !names_something(column, profile.rows))
            .collect();
        numbers.sort_by_key(by_rank(&AMOUNTS));
        let measures =
            numbers.into_iter().take(FIGURES - 1).map(|column| Measure { column, is_level: rank(&column.name, &LEVELS).is_some() });
        let measures = measures.collect();
        let mut times: Vec<&Column> =
            profile.columns.iter().filter(filled).filter(|column| column.kind == Kind::Time && column.first != column.last).collect();
        times.sort_by_key(by_rank(&TIMES));
        let mut categories: Vec<&Column> = profile
            .columns
            .iter()
            .filter(filled)
            .filter(|column| column.kind == Kind::Text && column.distinct >= 2)
            // A name for every row is no category.
            .filter(|column| column.distinct <= 12 || column.distinct * 3 <= column.filled)
            .collect();
        categories
            .sort_by_key(|column| (rank(&column.name, &CATEGORIES).unwrap_or(CATEGORIES.len()), column.distinct > 12, column.distinct));
        categories.truncate(2);
        Self { profile, measures, time: times.first().copied(), categories }
    }

    fn filters(&self) -> Vec<(&'static str, &'a Column)> {
        let category = self.categories.iter().find(|column| column.distinct <= 50).map(|column| ("category", *column));
        self.time.map(|time| ("period", time)).into_iter().chain(category).collect()
    }

    /// The table and what its filters leave of it.
    fn from(&self) -> String {
        let filter = |(key, column): &(&str, &Column)| {
            let value = if column.kind == Kind::Text { format!("cast({} as varchar)", column.sql()) } else { column.sql() };
            // Inside a text of the template.
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            format!("{{{{ filter('{key}', '{value}') }}}}")
        };
        let filters: Vec<String> = self.filters().iter().map(filter).collect();
        let table = &self.profile.table;
        if filters.is_empty() { format!("from {table}") } else { format!("from {table}\n      where {}", filters.join(" and ")) }
    }

    fn tiles(&self) -> Vec<Tile> {
        let mut tiles = self.figures();
        let mut y = if tiles.is_empty() { 0 } else { 5 };
        let value = self.measures.iter().find(|measure| !measure.is_level).or_else(|| self.measures.first()).copied();
        if let Some(time) = self.time {
            tiles.push(self.over_time(time, value, y));
            y += 9;
        }
        let width = GRID / self.categories.len().max(1);
        for (number, category) in self.categories.iter().enumerate() {
            tiles.push(self.by_category(category, value, number, (number * width, y, width, 9)));
        }
        if !self.categories.is_empty() {
            y += 9;
        }
        tiles.push(self.rows(y));
        tiles
    }

    fn figures(&self) -> Vec<Tile> {
        let mut figures = vec![("rows".to_owned(), "Rows".to_owned(), "count(*)".to_owned(), "#,##0")];
        for (number, measure) in self.measures.iter().enumerate() {
            figures.push((format!("figure_{}", number + 1), measure.title(), measure.sql(), measure.format()));
        }
        let width = GRID / figures.len();
        let tile = |(number, (key, title, sql, format)): (usize, (String, String, String, &str))| Tile {
            key,
            title,
            sql: format!("select {sql} as value\n      {}", self.from()),
            more: format!("    chart: {{ mark: kpi, value: value }}\n    fields: {{ value: {{ format: {} }} }}\n", quoted(format)),
            at: (number * width, 0, width, 5),
        };
        figures.into_iter().enumerate().map(tile).collect()
    }

    /// What is counted or added up, in words, SQL and format.
    fn value(value: Option<Measure<'_>>) -> (String, String, &'static str) {
        value.map_or_else(
            || ("Rows".to_owned(), "count(*)".to_owned(), "#,##0"),
            |measure| (measure.title(), measure.sql(), measure.format()),
        )
    }

    fn over_time(&self, time: &Column, value: Option<Measure<'_>>, y: usize) -> Tile {
        let days = match (time.first, time.last) {
            (Some(first), Some(last)) => last.since(first).map_or(0, |span| span.get_days()),
            _ => 0,
        };
        let grain = match days {
            ..=92 => "day",
            93..=3_000 => "month",
            _ => "year",
        };
        let (title, sql, format) = Self::value(value);
        let from = self.from();
        let present = if from.contains("\n      where ") { "and" } else { "where" };
        let label = quoted(&title);
        Tile {
            key: "over_time".to_owned(),
            title: format!("{title} by {grain}"),
            sql: format!(
                "select cast(date_trunc('{grain}', {0}) as date) as period, {sql} as value\n      {from} {present} {0} is not null\n      group by 1 order by 1",
                time.sql()
            ),
            more: format!(
                "    chart: {{ mark: line, x: period, y: value }}\n    fields: {{ value: {{ label: {label}, format: {} }} }}\n",
                quoted(format)
            ),
            at: (0, y, GRID, 9),
        }
    }

    fn by_category(&self, category: &Column, value: Option<Measure<'_>>, number: usize, at: (usize, usize, usize, usize)) -> Tile {
        let (title, sql, format) = Self::value(value);
        let name = words(&category.name);
        let most = if category.distinct > 12 { ", the 12 largest" } else { "" };
        Tile {
            key: format!("by_category_{}", number + 1),
            title: format!("{title} by {name}{most}"),
            sql: format!(
                "select coalesce(cast({} as varchar), '(none)') as category, {sql} as value\n      {}\n      group by 1 order by 2 desc limit 12",
                category.sql(),
                self.from()
            ),
            more: format!(
                "    chart: {{ mark: bar, x: category, y: value }}\n    fields: {{ category: {{ label: {} }}, value: {{ label: {}, format: {} }} }}\n",
                quoted(&name),
                quoted(&title),
                quoted(format)
            ),
            at,
        }
    }

    fn rows(&self, y: usize) -> Tile {
        let shown: Vec<&Column> = self.profile.columns.iter().take(SHOWN).collect();
        let names: Vec<String> = shown.iter().map(|column| column.sql()).collect();
        let order = self.time.map(|time| format!(" order by {} desc", time.sql())).unwrap_or_default();
        let left_out = self.profile.columns.len() - shown.len();
        let title = match (self.time, left_out) {
            (Some(_), 0) => "Newest rows".to_owned(),
            (None, 0) => "Rows of the table".to_owned(),
            (Some(_), more) => format!("Newest rows (of {} columns)", shown.len() + more),
            (None, more) => format!("Rows of the table (of {} columns)", shown.len() + more),
        };
        Tile {
            key: "newest".to_owned(),
            title,
            sql: format!("select {}\n      {}{order}", names.join(", "), self.from()),
            more: "    chart: { mark: table }\n    limit: 100\n".to_owned(),
            at: (0, y, GRID, 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn column(name: &str, kind: Kind, distinct: u64) -> Column {
        Column { filled: 1000, distinct, least: Some(1.0), most: Some(5000.0), ..Column::new(name, kind) }
    }

    fn profile(columns: Vec<Column>) -> Profile {
        Profile { table: "orders".to_owned(), title: "Orders".to_owned(), rows: 1000, columns }
    }

    fn titles(profile: &Profile) -> Vec<String> {
        Plan::of(profile).tiles().into_iter().map(|tile| tile.title).collect()
    }

    #[test]
    fn tiles_suit_the_columns() {
        let day = Column { first: Some(date(2025, 1, 1)), last: Some(date(2026, 6, 1)), ..column("order_date", Kind::Time, 500) };
        let orders = profile(vec![
            column("order_id", Kind::Integer, 1000),
            day,
            column("customer", Kind::Text, 990),
            column("region", Kind::Text, 4),
            column("zip", Kind::Integer, 300),
            column("discount_rate", Kind::Number, 30),
            column("amount", Kind::Number, 900),
        ]);
        assert_eq!(titles(&orders), ["Rows", "Amount", "Discount rate, on average", "Amount by month", "Amount by Region", "Newest rows"]);
        let text = dashboard(&orders, "orders", "data");
        assert!(text.contains("filter('period', '\"order_date\"')") && text.contains("avg(\"discount_rate\")"), "{text}");
    }

    #[test]
    fn a_table_of_one_column_or_without_dates_has_a_dashboard_too() {
        assert_eq!(titles(&profile(vec![column("x", Kind::Text, 1000)])), ["Rows", "Rows of the table"]);
        assert_eq!(titles(&profile(vec![column("n", Kind::Integer, 7)])), ["Rows", "N", "Rows of the table"]);
        let many: Vec<_> = (0..40).map(|number| column(&format!("c{number}"), Kind::Number, 500)).collect();
        assert_eq!(titles(&profile(many)).len(), 5);
        // All values are missing.
        assert_eq!(titles(&profile(vec![Column::new("empty", Kind::Time)])), ["Rows", "Rows of the table"]);
    }

    #[test]
    fn names_that_hold_quotes_stay_names() {
        let odd = profile(vec![Column {
            first: Some(date(2026, 1, 1)),
            last: Some(date(2026, 1, 9)),
            ..column("it's \"a\" day", Kind::Time, 9)
        }]);
        let plan = Plan::of(&odd);
        assert!(plan.from().contains(r#"filter('period', '"it\'s ""a"" day"')"#), "{}", plan.from());
        assert!(titles(&odd).contains(&"Rows by day".to_owned()));
    }
}
