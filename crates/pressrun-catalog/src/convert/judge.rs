//! What a run would stumble over: defaults that cannot be read, SQL that does not parse, drawings of columns that do not come.

use std::collections::HashSet;

use indexmap::IndexMap;
use jiff::Timestamp;
use pressrun_domain::catalog::{Dashboard, FilterDefinition, FilterKind, QueryTile, TileBody};
use pressrun_domain::id::FilterKey;
use pressrun_sql::{Dialect, EffectiveFilters, Known, QueryClock, check_default, check_template, check_tile};

use super::template;
use crate::check::{Column, columns};
use crate::files::{DashboardFile, FilterFile, TileFile};
use crate::problem::{Report, printable_text};

/// The instant as of which relative dates are tried; none is better than another.
const ANY_INSTANT: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Notes what is wrong with the filters and tiles of `dashboard`, which `file` was converted to.
pub(super) fn dashboard(file: &DashboardFile, dashboard: &Dashboard, dialect: Dialect, zone: &str, known: Known<'_>, report: &Report<'_>) {
    let clock = QueryClock::new(ANY_INSTANT, zone).fiscal(dashboard.fiscal_start.unwrap_or(1));
    let mut definitions = dashboard.filters.clone();
    for entry in file.filters.get().into_iter().flatten() {
        let Some((definition, written)) = definitions.get_mut(entry.key.as_str()).zip(entry.value.get()) else { continue };
        if !default(definition, written, &clock, report) {
            definition.default = None;
        }
    }
    // A filter that is missing here was faulty and has been noted; what tiles make of it is not known.
    if definitions.len() < known.filters.len() + known.controls.len() {
        return;
    }
    for entry in file.tiles.get().into_iter().flatten() {
        let body = dashboard.tiles.get(entry.key.as_str()).map(|tile| &tile.body);
        if let (Some(TileBody::Query(query)), Some(written)) = (body, entry.value.get()) {
            tile(query, written, &definitions, &clock, dialect, known, report);
        }
    }
}

/// Whether the default of a filter can be read.
fn default(definition: &FilterDefinition, file: &FilterFile, clock: &QueryClock, report: &Report<'_>) -> bool {
    let Some((expression, place)) = definition.default.as_ref().zip(file.default.place()) else { return true };
    match check_default(definition.kind, expression, clock) {
        Ok(()) => true,
        Err(error) => {
            let place_in = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path) };
            report.add(place, printable_text(&format!("the default cannot be read: {place_in}{}", error.problem)), error.hint);
            false
        }
    }
}

fn tile(
    query: &QueryTile,
    file: &TileFile,
    definitions: &IndexMap<FilterKey, FilterDefinition>,
    clock: &QueryClock,
    dialect: Dialect,
    known: Known<'_>,
    report: &Report<'_>,
) {
    let Some(place) = file.sql.place() else { return };
    // A template that is wrong has been noted and is judged no further.
    if !check_template(&query.sql, known).is_empty() {
        return;
    }
    let mut seen = HashSet::new();
    let mut output = None;
    // As the defaults say, and with nothing chosen at all.
    for filters in [definitions.clone(), empty(definitions)] {
        let Ok(filters) = EffectiveFilters::new(&filters, &IndexMap::new()) else { continue };
        let check = check_tile(query, &filters, clock, dialect);
        for finding in check.findings {
            if seen.insert((finding.message.clone(), finding.place)) {
                template::note(&finding, place, known, report);
            }
        }
        let column = |name| Column { name, kind: None };
        output = check.columns.map(|names| names.into_iter().map(column).collect::<Vec<_>>());
    }
    if let Some(output) = output {
        columns::judge(query, &output, file.chart.place().unwrap_or(place), file.fields.place().unwrap_or(place), report);
    }
}

fn empty(definitions: &IndexMap<FilterKey, FilterDefinition>) -> IndexMap<FilterKey, FilterDefinition> {
    let none = |definition: &FilterDefinition| match definition.kind {
        FilterKind::Control => definition.clone(),
        _ => FilterDefinition { default: None, ..definition.clone() },
    };
    definitions.iter().map(|(key, definition)| (key.clone(), none(definition))).collect()
}
