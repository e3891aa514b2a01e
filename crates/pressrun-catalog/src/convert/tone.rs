//! When a value is good, worth a look, or bad.

use pressrun_domain::chart::Finite;
use pressrun_domain::tone::{Bound, Condition, Test, Tone};

use crate::files::{ConditionFile, Field, NumberOrColumn, OneOrMany, ToneWord};
use crate::problem::{Place, Report};

/// Most conditions of a column.
const MOST: usize = 20;

/// Converts the conditions of a column.
pub(super) fn conditions(field: &Field<Vec<Field<ConditionFile>>>, report: &Report<'_>) -> Vec<Condition> {
    let Some((files, place)) = field.placed() else { return Vec::new() };
    if files.is_empty() || files.len() > MOST {
        report.add(place, format!("`when` has {} entries", files.len()), format!("write 1 to {MOST} of them, or leave it out"));
    }
    files.iter().filter_map(Field::placed).filter_map(|(file, place)| condition(file, place, report)).collect()
}

fn condition(file: &ConditionFile, place: Place, report: &Report<'_>) -> Option<Condition> {
    let bound = |field: &Field<NumberOrColumn>, key: &str| bound(field, key, report);
    let is = file.is.get().map(|OneOrMany(words)| words.clone()).unwrap_or_default();
    let test = Test {
        above: bound(&file.above, "above"),
        from: bound(&file.from, "from"),
        below: bound(&file.below, "below"),
        to: bound(&file.to, "to"),
        is,
        empty: file.empty.get().copied(),
    };
    let written = [&file.above, &file.from, &file.below, &file.to].into_iter().any(|field| !field.is_absent());
    if !written && file.is.is_absent() && file.empty.is_absent() {
        report.add(place, "this condition tests nothing", "write `above`, `from`, `below`, `to`, `is` or `empty`");
    }
    let numbers = |bound: Option<&Bound>| if let Some(Bound::Number(limit)) = bound { Some(limit.get()) } else { None };
    let least = numbers(test.above.as_ref()).into_iter().chain(numbers(test.from.as_ref())).fold(f64::NEG_INFINITY, f64::max);
    let most = numbers(test.below.as_ref()).into_iter().chain(numbers(test.to.as_ref())).fold(f64::INFINITY, f64::min);
    if least > most {
        report.add(place, format!("no number is above {least} and below {most}"), "write the lower one as `from` or `above`");
    }
    if file.show.is_absent() {
        report.add(place, "`show` is missing", "write `show: good`, `warning` or `bad`");
    }
    let tone = match file.show.get()? {
        ToneWord::Good => Tone::Good,
        ToneWord::Warning => Tone::Warning,
        ToneWord::Bad => Tone::Bad,
    };
    Some(Condition { test, tone })
}

/// A number, or the name of a column.
pub(super) fn bound(field: &Field<NumberOrColumn>, key: &str, report: &Report<'_>) -> Option<Bound> {
    match field.placed()? {
        (NumberOrColumn::Number(number), _) => Finite::new(*number).map(Bound::Number),
        (NumberOrColumn::Column(name), place) if name.trim().is_empty() => {
            report.add(place, format!("`{key}` is blank"), "write a number, or name a result column");
            None
        }
        (NumberOrColumn::Column(name), _) => Some(Bound::Column(name.clone())),
    }
}
