//! Filters, pages and tiles.

use indexmap::IndexMap;
use pressrun_domain::audience::SYSTEM_ATTRIBUTES;
use pressrun_domain::catalog::{
    Aggregate, DEFAULT_ROW_LIMIT, Dashboard, FieldSpec, FilterDefinition, FilterKind, FilterMapping, GridPosition, QueryTile, Rgb, Tile,
    TileBody,
};
use pressrun_domain::id::{ConnectionName, FilterKey, TileKey};
use pressrun_sql::Dialect;
use serde_json::Value;

use super::number_format::number_format;
use super::text::{self, Unique};
use super::{Known, chart, control, grid, judge, template, tone};
use crate::files::{AggregateWord, DashboardFile, Entries, Entry, Field, FieldFile, FilterFile, FilterKindWord, TileFile};
use crate::problem::{Place, Report, printable, suggest};

const TILES_MAX: usize = 200;
const FILTERS_MAX: usize = 100;
const PAGES_MAX: usize = 50;
const LIMIT_MAX: u32 = 1_000_000;
const SQL_BYTES_MAX: usize = 100 * 1024;

/// Converts the dashboard of a file, noting what is wrong.
pub(super) fn dashboard(file: &DashboardFile, known: Known<'_>, report: &Report<'_>) -> Option<Dashboard> {
    let start = Place { line: 1, column: 1, block: false };
    let connection = connection(file, known, start, report);
    let timezone = text::zone(&file.timezone, report);
    let fiscal_start = text::month(&file.fiscal_year_start, report);
    let mut filters = filters(file.filters.get(), report);
    control::controls(file.controls.get(), &mut filters, report);
    let pages = pages(file, report);
    let filter_keys: Vec<&str> = file.filters.get().into_iter().flatten().map(|entry| entry.key.as_str()).collect();
    let control_keys: Vec<&str> = file.controls.get().into_iter().flatten().map(|entry| entry.key.as_str()).collect();
    let attribute_names: Option<Vec<&str>> =
        known.people.map(|people| people.attribute_names.iter().map(String::as_str).chain(SYSTEM_ATTRIBUTES).collect());
    let names = Names { filters: &filter_keys, controls: &control_keys, attributes: attribute_names.as_deref(), pages: &pages };
    let mut tiles = IndexMap::new();
    let mut placed = Vec::new();
    match file.tiles.placed() {
        Some((entries, place)) if entries.0.len() > TILES_MAX => {
            report.add(place, format!("more than {TILES_MAX} tiles"), "make two dashboards of it");
        }
        Some((entries, _)) => {
            for entry in entries {
                let Some(tile) = tile(entry, &names, report) else {
                    continue;
                };
                if !tile.hidden {
                    placed.push(grid::Placed {
                        key: entry.key.as_str(),
                        page: tile.page,
                        at: tile.at,
                        place: entry.value.get().and_then(|t| t.at.place()).unwrap_or(entry.place),
                    });
                }
                tiles.insert(tile.key.clone(), tile);
            }
        }
        None if file.tiles.is_absent() => {
            report.add(start, "`tiles` is missing", "write at least one tile, or `dashboard: false` for a document without a dashboard");
        }
        None => {}
    }
    grid::check_overlaps(&placed, report);
    let dashboard = Dashboard {
        description: file.description.get().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        connection: connection?,
        timezone,
        fiscal_start,
        filters,
        pages,
        tiles,
    };
    if let Some(connection) = known.judge.then(|| known.connections?.connections.get(&dashboard.connection)).flatten() {
        let zone = dashboard.timezone.as_ref().unwrap_or(&connection.timezone);
        let known = pressrun_sql::Known { filters: &filter_keys, controls: &control_keys, attributes: attribute_names.as_deref() };
        judge::dashboard(file, &dashboard, Dialect::of(&connection.source), zone, known, report);
    }
    Some(dashboard)
}

/// What a tile may refer to.
struct Names<'a> {
    filters: &'a [&'a str],
    controls: &'a [&'a str],
    /// `None` when people.yaml could not be read.
    attributes: Option<&'a [&'a str]>,
    pages: &'a [String],
}

fn connection(file: &DashboardFile, known: Known<'_>, start: Place, report: &Report<'_>) -> Option<ConnectionName> {
    match (&file.connection, known.connections) {
        (Field::Given(name, place), Some(connections)) if !connections.names.contains_key(name) => {
            let hint = suggest(name, connections.names.keys().map(String::as_str), "connections in connections.yaml");
            report.add(*place, format!("there is no connection `{}`", printable(name)), hint);
            None
        }
        (Field::Given(name, _), _) => Some(ConnectionName(name.clone())),
        (Field::Absent, Some(connections)) if connections.names.len() == 1 => connections.names.keys().next().cloned().map(ConnectionName),
        (Field::Absent, Some(connections)) => {
            let hint = suggest("", connections.names.keys().map(String::as_str), "connections in connections.yaml");
            report.add(start, "`connection` is missing", hint);
            None
        }
        (Field::Absent, None) | (Field::Invalid(_), _) => None,
    }
}

fn filters(entries: Option<&Entries<FilterFile>>, report: &Report<'_>) -> IndexMap<FilterKey, FilterDefinition> {
    let mut found = IndexMap::new();
    for (at, entry) in entries.into_iter().flatten().enumerate() {
        if at == FILTERS_MAX {
            report.add(entry.place, format!("more than {FILTERS_MAX} filters"), "make two dashboards of it");
            break;
        }
        if !text::key(&entry.key, "a filter's key", entry.place, report) {
            continue;
        }
        let Some(file) = entry.value.get() else {
            if entry.value.is_absent() {
                report.add(entry.place, format!("filter `{}` is empty", printable(&entry.key)), "write its `type`");
            }
            continue;
        };
        if let Some(filter) = filter(&entry.key, file, entry.place, report) {
            found.insert(FilterKey(entry.key.clone()), filter);
        }
    }
    found
}

fn filter(key: &str, file: &FilterFile, place: Place, report: &Report<'_>) -> Option<FilterDefinition> {
    let kind = match &file.kind {
        Field::Given(FilterKindWord::String, _) => FilterKind::String,
        Field::Given(FilterKindWord::Number, _) => FilterKind::Number,
        Field::Given(FilterKindWord::Date, _) => FilterKind::Date,
        Field::Given(FilterKindWord::Boolean, _) => FilterKind::Boolean,
        Field::Invalid(_) => return None,
        Field::Absent => {
            report.add(place, "`type` is missing", "write `type: string`, `number`, `date` or `boolean`");
            return None;
        }
    };
    let default = file.default.get().map(|written| written.expression(kind));
    let label = text::optional(&file.label, "label", report).unwrap_or_else(|| text::in_words(key));
    Some(FilterDefinition { label, kind, default, hidden: file.hidden.or(false), options: IndexMap::new() })
}

fn pages(file: &DashboardFile, report: &Report<'_>) -> Vec<String> {
    let mut unique = Unique::new("page");
    let mut pages = Vec::new();
    for (name, place) in file.pages.get().into_iter().flatten().filter_map(Field::placed) {
        if pages.len() == PAGES_MAX {
            report.add(place, format!("more than {PAGES_MAX} pages"), "make two dashboards of it");
            break;
        }
        if name.trim().is_empty() || name.chars().count() > text::NAME_MAX {
            report.add(place, "a page's name is blank or too long", "write a short name");
        } else if unique.add(name.clone(), place, report) {
            pages.push(name.clone());
        }
    }
    pages
}

fn tile(entry: &Entry<TileFile>, names: &Names<'_>, report: &Report<'_>) -> Option<Tile> {
    let named = text::key(&entry.key, "a tile's key", entry.place, report);
    let Some(file) = entry.value.get() else {
        if entry.value.is_absent() {
            report.add(entry.place, format!("tile `{}` is empty", printable(&entry.key)), "write its `sql` or `markdown`, and `at`");
        }
        return None;
    };
    let hidden = file.hidden.or(false);
    let at = match &file.at {
        Field::Given(written, place) => grid::position(written, *place, report),
        Field::Invalid(_) => None,
        // A hidden tile stands nowhere.
        Field::Absent if hidden => Some(GridPosition { x: 0, y: 0, w: 24, h: 8 }),
        Field::Absent => {
            report.add(
                entry.place,
                format!("tile `{}` has no place", printable(&entry.key)),
                "write `at: { x: 0, y: 0, w: 12, h: 8 }` on the 24-column grid, or `hidden: true`",
            );
            None
        }
    };
    let page = page(file, names.pages, report);
    let body = body(file, entry.place, names, report);
    let title = text::optional(&file.title, "title", report);
    let subtitle = text::optional(&file.subtitle, "subtitle", report);
    let body = body?;
    let title = title.unwrap_or_else(|| if matches!(body, TileBody::Query(_)) { text::in_words(&entry.key) } else { String::new() });
    named.then_some(())?;
    Some(Tile { key: TileKey(entry.key.clone()), title, subtitle, at: at?, page: page?, hidden, body })
}

fn page(file: &TileFile, pages: &[String], report: &Report<'_>) -> Option<usize> {
    let Some((name, place)) = file.page.placed() else {
        return file.page.is_absent().then_some(0);
    };
    let found = pages.iter().position(|page| page == name);
    if found.is_none() {
        report.add(
            place,
            format!("there is no page `{}`", printable(name)),
            suggest(name, pages.iter().map(String::as_str), "pages in `pages`"),
        );
    }
    found
}

fn body(file: &TileFile, place: Place, names: &Names<'_>, report: &Report<'_>) -> Option<TileBody> {
    match (&file.sql, &file.markdown) {
        (Field::Absent, Field::Absent) => {
            report.add(place, "the tile has neither `sql` nor `markdown`", "write one of them");
            None
        }
        (Field::Invalid(_), _) | (Field::Absent, Field::Invalid(_)) => None,
        (Field::Given(..), Field::Given(_, markdown) | Field::Invalid(markdown)) => {
            report.add(*markdown, "the tile has both `sql` and `markdown`", "make two tiles of it");
            None
        }
        (Field::Absent, Field::Given(text, _)) => {
            for (key, place) in [
                ("chart", file.chart.place()),
                ("fields", file.fields.place()),
                ("filters", file.filters.place()),
                ("limit", file.limit.place()),
            ] {
                if let Some(place) = place {
                    report.add(place, format!("`{key}` in a text tile"), "remove it; it belongs to tiles with `sql`");
                }
            }
            Some(TileBody::Markdown(text.clone()))
        }
        (Field::Given(sql, place), Field::Absent) => query(file, sql, *place, names, report).map(TileBody::Query),
    }
}

fn query(file: &TileFile, sql: &str, place: Place, names: &Names<'_>, report: &Report<'_>) -> Option<QueryTile> {
    if sql.trim().is_empty() || sql.len() > SQL_BYTES_MAX {
        report.add(place, "`sql` is blank or longer than 100 KiB", "write one SELECT statement");
        return None;
    }
    let known = pressrun_sql::Known { filters: names.filters, controls: names.controls, attributes: names.attributes };
    template::check(sql, place, known, report);
    let limit = match file.limit.placed() {
        Some((limit, place)) if !(1..=LIMIT_MAX).contains(limit) => {
            report.add(place, format!("`limit` is {limit}"), format!("write a number from 1 to {LIMIT_MAX}"));
            DEFAULT_ROW_LIMIT
        }
        Some((limit, _)) => *limit,
        None => DEFAULT_ROW_LIMIT,
    };
    let fields = file.fields.get().map(|entries| fields(entries, report)).unwrap_or_default();
    let chart = chart::chart(&file.chart, report)?;
    let filters = mappings(file.filters.get(), names.filters, report);
    Some(QueryTile { sql: sql.to_owned(), limit, filters, fields, chart })
}

/// What the tile makes of its dashboard's filters (F7).
fn mappings(entries: Option<&Entries<Value>>, known: &[&str], report: &Report<'_>) -> IndexMap<FilterKey, FilterMapping> {
    let mut found = IndexMap::new();
    for entry in entries.into_iter().flatten() {
        if !known.contains(&entry.key.as_str()) {
            let hint = suggest(&entry.key, known.iter().copied(), "filters on this dashboard");
            report.add(entry.place, format!("there is no filter `{}`", printable(&entry.key)), hint);
            continue;
        }
        let Some((value, place)) = entry.value.placed() else { continue };
        let mapping = match value {
            Value::Bool(false) => FilterMapping::Off,
            Value::String(expression) if !expression.trim().is_empty() => FilterMapping::To(expression.trim().to_owned()),
            _ => {
                report.add(place, "a tile's filter is neither `false` nor an SQL expression", "write `false` to leave it out, or a column");
                continue;
            }
        };
        found.insert(FilterKey(entry.key.clone()), mapping);
    }
    found
}

fn fields(entries: &Entries<FieldFile>, report: &Report<'_>) -> IndexMap<String, FieldSpec> {
    entries
        .iter()
        .filter_map(|entry| entry.value.get().map(|file| (entry, file)))
        .map(|(entry, file)| {
            let spec = FieldSpec {
                label: text::optional(&file.label, "label", report),
                format: format(&file.format, report),
                hidden: file.hidden.or(false),
                aggregate: file.aggregate.get().map(|word| aggregate(*word)),
                colors: file.colors.get().map(|entries| colors(entries, report)).unwrap_or_default(),
                when: tone::conditions(&file.when, report),
            };
            (entry.key.clone(), spec)
        })
        .collect()
}

fn format(field: &Field<String>, report: &Report<'_>) -> Option<String> {
    let text = text::optional(field, "format", report)?;
    match number_format(&text) {
        Ok(format) => Some(format),
        Err(refusal) => {
            report.add(field.place().unwrap_or_default(), format!("the format `{}` {}", printable(&text), refusal.fault), refusal.hint);
            None
        }
    }
}

/// The domain's word.
pub(super) fn aggregate(word: AggregateWord) -> Aggregate {
    match word {
        AggregateWord::Sum => Aggregate::Sum,
        AggregateWord::Avg => Aggregate::Avg,
        AggregateWord::Min => Aggregate::Min,
        AggregateWord::Max => Aggregate::Max,
        AggregateWord::Count => Aggregate::Count,
        AggregateWord::Last => Aggregate::Last,
        AggregateWord::None => Aggregate::None,
    }
}

fn colors(entries: &Entries<String>, report: &Report<'_>) -> IndexMap<String, Rgb> {
    let mut colors = IndexMap::new();
    for entry in entries {
        if entry.value.is_absent() {
            report.add(
                entry.place,
                format!("`{}` has no colour", printable(&entry.key)),
                "put it in quotes: YAML takes what follows `#` for a comment",
            );
        }
        let Some((text, place)) = entry.value.placed() else { continue };
        match text.parse::<Rgb>() {
            Ok(color) => {
                colors.insert(entry.key.clone(), color);
            }
            Err(error) => {
                report.add(place, format!("`{}` is no colour", printable(&error.0)), "write six hexadecimal digits, as in `\"#1a73e8\"`");
            }
        }
    }
    colors
}
