//! Controls: choices among pieces of SQL that the author declares (F9).

use indexmap::IndexMap;
use pressrun_domain::catalog::{ControlOption, FilterDefinition, FilterKind};
use pressrun_domain::id::FilterKey;
use serde_json::json;

use super::text;
use crate::files::{ControlFile, Entries, Field, OptionFile};
use crate::problem::{Place, Report, printable, suggest};

const CONTROLS_MAX: usize = 50;
const OPTIONS_MAX: usize = 200;
const SQL_BYTES_MAX: usize = 4 * 1024;

/// Adds the controls to the filters: they are set by the same keys.
pub(super) fn controls(entries: Option<&Entries<ControlFile>>, filters: &mut IndexMap<FilterKey, FilterDefinition>, report: &Report<'_>) {
    for (at, entry) in entries.into_iter().flatten().enumerate() {
        if at == CONTROLS_MAX {
            report.add(entry.place, format!("more than {CONTROLS_MAX} controls"), "make two dashboards of it");
            break;
        }
        if !text::key(&entry.key, "a control's key", entry.place, report) {
            continue;
        }
        if filters.contains_key(entry.key.as_str()) {
            let message = format!("`{}` is a filter already", printable(&entry.key));
            report.add(entry.place, message, "give the control another key: schedules set both by key");
            continue;
        }
        let Some(file) = entry.value.get() else {
            if entry.value.is_absent() {
                report.add(entry.place, format!("control `{}` is empty", printable(&entry.key)), "write its `options`");
            }
            continue;
        };
        if let Some(control) = control(&entry.key, file, entry.place, report) {
            filters.insert(FilterKey(entry.key.clone()), control);
        }
    }
}

fn control(key: &str, file: &ControlFile, place: Place, report: &Report<'_>) -> Option<FilterDefinition> {
    let options = match &file.options {
        Field::Given(entries, _) => options(entries, report),
        Field::Invalid(_) => return None,
        Field::Absent => IndexMap::new(),
    };
    let Some(first) = options.keys().next() else {
        let nothing = file.options.get().is_none_or(|entries| entries.0.is_empty());
        if nothing {
            let place = file.options.place().unwrap_or(place);
            report.add(place, "a control needs `options`", "write `options: { revenue: { sql: sum(price) }, … }`");
        }
        return None;
    };
    let default = match file.default.placed() {
        None => first.clone(),
        Some((value, _)) if options.contains_key(value) => value.clone(),
        Some((value, place)) => {
            let hint = suggest(value, options.keys().map(String::as_str), "options of this control");
            report.add(place, format!("there is no option `{}`", printable(value)), hint);
            return None;
        }
    };
    let label = text::optional(&file.label, "label", report).unwrap_or_else(|| text::in_words(key));
    Some(FilterDefinition { label, kind: FilterKind::Control, default: Some(json!([default])), hidden: file.hidden.or(false), options })
}

fn options(entries: &Entries<OptionFile>, report: &Report<'_>) -> IndexMap<String, ControlOption> {
    let mut found = IndexMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if at == OPTIONS_MAX {
            report.add(entry.place, format!("more than {OPTIONS_MAX} options"), "a filter suits long lists better");
            break;
        }
        if !text::key(&entry.key, "an option's value", entry.place, report) {
            continue;
        }
        let file = entry.value.get();
        let sql = match file.map(|file| &file.sql) {
            Some(Field::Given(sql, place)) if sql.trim().is_empty() || sql.len() > SQL_BYTES_MAX => {
                report.add(*place, "`sql` is blank or longer than 4 KiB", "write a column, an expression or a number");
                continue;
            }
            Some(Field::Given(sql, _)) => sql.trim().to_owned(),
            Some(Field::Absent) => {
                report.add(entry.place, "`sql` is missing", "write `sql: …`: a column, an expression or a number");
                continue;
            }
            None if entry.value.is_absent() => {
                report.add(entry.place, "`sql` is missing", "write `sql: …`: a column, an expression or a number");
                continue;
            }
            Some(Field::Invalid(_)) | None => continue,
        };
        let label = file.and_then(|file| text::optional(&file.label, "label", report)).unwrap_or_else(|| text::in_words(&entry.key));
        found.insert(entry.key.clone(), ControlOption { label, sql });
    }
    found
}
