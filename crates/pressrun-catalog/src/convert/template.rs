//! SQL templates: syntax, and the filters, controls and attributes they name.
//!
//! The template is rendered once with functions that only note their arguments. What stands in a branch that is not
//! taken here is judged when the query is compiled for a run.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior,
    value::{Value, ValueKind},
};

use crate::problem::{Place, Report, printable, suggest};

/// Steps a template may take.
const FUEL: u64 = 50_000;
/// Faults reported for one template.
const FAULTS_MAX: usize = 20;

/// What a template may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) filters: &'a [&'a str],
    pub(super) controls: &'a [&'a str],
    /// `None` when they are not known; then they are not judged.
    pub(super) attributes: Option<&'a [&'a str]>,
}

/// Notes every fault of the template `sql`, which stands at `place`.
pub(super) fn check(sql: &str, place: Place, known: Known<'_>, report: &Report<'_>) {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let names = Arc::new(Names {
        filters: owned(known.filters),
        controls: owned(known.controls),
        attributes: known.attributes.map(owned),
        reported: Mutex::default(),
    });
    // A fault ends a rendering; known ones are let pass the next time, so that all of them are found.
    for _ in 0..FAULTS_MAX {
        let Err(error) = render(sql, &names) else {
            return;
        };
        let line = error.line().unwrap_or(1) as u32;
        let place = place.of_inner_line(line);
        let reported = names.reported.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        let Some(Unknown { what, name }) = reported.filter(|_| error.detail() == Some(UNKNOWN)) else {
            report.add(place, format!("in the template: {}", printable(&describe(&error))), hint_for(&error));
            return;
        };
        let hint = match what {
            "filter" => suggest(&name, names.filters.iter().map(String::as_str), "filters on this dashboard"),
            "control" => suggest(&name, names.controls.iter().map(String::as_str), "controls on this dashboard"),
            _ => suggest(&name, names.attributes.iter().flatten().map(String::as_str), "user attributes"),
        };
        report.add(place, format!("there is no {what} `{}`", printable(&name)), hint);
    }
}

const UNKNOWN: &str = "unknown name";

#[derive(Clone, PartialEq)]
struct Unknown {
    what: &'static str,
    name: String,
}

struct Names {
    filters: Vec<String>,
    controls: Vec<String>,
    attributes: Option<Vec<String>>,
    reported: Mutex<Vec<Unknown>>,
}

impl Names {
    fn judge(&self, what: &'static str, name: &str) -> Result<Value, Error> {
        let known = match what {
            "filter" => Some(&self.filters),
            "control" => Some(&self.controls),
            _ => self.attributes.as_ref(),
        };
        let unknown = Unknown { what, name: name.to_owned() };
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none_or(|known| known.iter().any(|k| k == name)) || reported.contains(&unknown) {
            return Ok(Value::from("true"));
        }
        reported.push(unknown);
        Err(Error::new(ErrorKind::InvalidOperation, UNKNOWN))
    }
}

fn render(sql: &str, names: &Arc<Names>) -> Result<String, Error> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(32);
    let of_filters = Arc::clone(names);
    environment.add_function("filter", move |keys: Value, expression: Value| {
        require_text(&expression)?;
        if keys.kind() == ValueKind::Seq {
            for key in keys.try_iter()? {
                of_filters.judge("filter", require_text(&key)?)?;
            }
            return Ok(Value::from("true"));
        }
        of_filters.judge("filter", require_text(&keys)?)
    });
    let of_attributes = Arc::clone(names);
    environment.add_function("user_attribute", move |name: Value, expression: Value| {
        require_text(&expression)?;
        of_attributes.judge("user attribute", require_text(&name)?)
    });
    let of_controls = Arc::clone(names);
    environment.add_function("control", move |key: Value| of_controls.judge("control", require_text(&key)?));
    environment.render_str(sql, ())
}

fn require_text(value: &Value) -> Result<&str, Error> {
    let text = value.as_str().filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "an argument is no text, or blank"))
}

fn describe(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{} ({detail})", error.kind()),
        None => error.kind().to_string(),
    }
}

fn hint_for(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::OutOfFuel => "a query needs no such loops",
        ErrorKind::MissingArgument | ErrorKind::TooManyArguments | ErrorKind::InvalidOperation => {
            "write `{{ filter('key', 'expression') }}`, `{{ user_attribute('name', 'expression') }}` or `{{ control('key') }}`, with each in quotes"
        }
        ErrorKind::UnknownFunction | ErrorKind::UndefinedError | ErrorKind::UnknownFilter | ErrorKind::UnknownTest => {
            "only `filter('key', 'expression')`, `user_attribute('name', 'expression')` and `control('key')` are known here"
        }
        _ => "close each `{{` with `}}` and each `{%` with `%}`; names and expressions stand in quotes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(sql: &str) -> Vec<String> {
        let report = Report::new("d.yaml");
        let place = Place { line: 10, column: 5, block: true };
        check(sql, place, Known { filters: &["region", "period"], controls: &["metric"], attributes: Some(&["region"]) }, &report);
        report.into_problems().into_iter().map(|p| format!("{}: {} / {}", p.line, p.message, p.hint)).collect()
    }

    #[test]
    fn every_unknown_name_is_found_in_its_line() {
        let sql =
            "select 1\nwhere {{ filter('regoin', 'a') }}\n and {{ filter('period', 'b') }}\n and {{ user_attribute('regiom', 'c') }}\n";
        assert_eq!(
            faults(sql),
            [
                "11: there is no filter `regoin` / did you mean `region`?",
                "13: there is no user attribute `regiom` / did you mean `region`?",
            ]
        );
    }

    #[test]
    fn faults_of_syntax_and_use_are_found_in_their_line() {
        for (case, sql, line) in [
            ("not closed", "select 1\nwhere {{ filter('region', 'a') ", "11"),
            ("an unknown function", "select {{ range(3) }}", "10"),
            ("an unknown variable", "select 1\n\n, {{ region }}", "12"),
            ("one argument", "where {{ filter('region') }}", "10"),
            ("a list with a number", "where {{ filter(['region', 2], 'r') }}", "10"),
            ("a blank expression", "where {{ filter('region', ' ') }}", "10"),
            ("no text", "where {{ filter(1, 2) }}", "10"),
            ("a control with an expression", "select {{ control('metric', 'x') }}", "10"),
            ("a control that is none", "select\n{{ control(metric) }}", "11"),
            ("a block that is not closed", "{% if true %} select 1", "10"),
            ("deep nesting", &"(".repeat(5_000).replacen('(', "{{ (", 1), "10"),
        ] {
            let found = faults(sql);
            assert_eq!(found.len(), 1, "{case}: {found:?}");
            assert!(found[0].starts_with(&format!("{line}: ")), "{case}: {found:?}");
        }
    }

    #[test]
    fn a_right_template_has_no_faults() {
        assert!(faults("select 1 where {{ filter(['region', 'period'], 'r') }}").is_empty(), "F8");
        assert!(faults("select {{ control('metric') }} from t limit {{ control('metric') }}").is_empty(), "F9");
        assert_eq!(faults("select {{ control('region') }}"), ["10: there is no control `region` / controls on this dashboard: `metric`"]);
        assert!(faults("select '{', '}' from t where {{ filter('region', 'r') }} and {{ user_attribute('region', 'r') }}").is_empty());
    }
}
