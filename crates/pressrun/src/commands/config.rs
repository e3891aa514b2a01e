//! `pressrun config`: what is wrong with a configuration, what holds, and every key there is.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::config::check::{self, Checked, Place, Severity};
use crate::config::keys::{self, Part, Step};
use crate::config::{Settings, Source, reference};
use crate::hidden::hidden_login;
use crate::show;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong: unknown keys with the nearest known one, values of a wrong kind, what does not fit together. Connects to nothing.
    Check(Check),
    /// Print what holds, and where each value comes from: a line of the file, a variable, or the default. Secrets are not shown.
    Show(Show),
    /// Print a file in which every key stands with what it does, commented out.
    Sample,
    /// Print the JSON Schema of the file, for editors.
    Schema,
}

/// Arguments of `pressrun config check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Arguments of `pressrun config show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Only these keys and what stands below them, such as mail or mail.url.
    keys: Vec<String>,
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Only what is not the default.
    #[arg(long)]
    changed: bool,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

/// Runs `pressrun config …`.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(arguments) => check(&arguments),
        Command::Show(arguments) => show(&arguments),
        Command::Sample => {
            show::text(reference::sample(&[]));
            Ok(ExitCode::SUCCESS)
        }
        Command::Schema => {
            show::line(serde_json::to_string_pretty(&keys::schema())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(arguments: &Check) -> anyhow::Result<ExitCode> {
    let checked = check::of_environment(arguments.config.as_deref())?;
    let code = if checked.fails() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if arguments.json {
        show::line(serde_json::to_string_pretty(&json!({ "source": checked.source.to_string(), "findings": checked.findings }))?);
        return Ok(code);
    }
    for finding in &checked.findings {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        show::line(format!("{word}: {finding}"));
        if let Some(hint) = &finding.hint {
            show::line(format!("  hint: {hint}"));
        }
    }
    let errors = checked.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let found = match (errors, checked.findings.len() - errors) {
        (0, 0) => "no problems".to_owned(),
        (errors, warnings) => [show::count(errors, "problem"), show::count(warnings, "warning")]
            .into_iter()
            .filter(|words| !words.starts_with("0 "))
            .collect::<Vec<_>>()
            .join(", "),
    };
    show::line(format!("{}: {found}", checked.source));
    Ok(code)
}

/// A value that holds.
struct Held {
    key: String,
    value: Value,
    is_secret: bool,
    origin: Option<Place>,
}

fn show(arguments: &Show) -> anyhow::Result<ExitCode> {
    let checked = check::of_environment(arguments.config.as_deref())?;
    let Some(settings) = &checked.settings else {
        let first = checked.findings.iter().find(|finding| finding.severity == Severity::Error);
        let words = first.map(ToString::to_string).unwrap_or_default();
        return Err(show::Hinted::new(words, "`pressrun config check` says everything that is wrong").into());
    };
    if let Some(unknown) = arguments.keys.iter().find(|wanted| !keys::keys().any(|key| is_below(&key.name(), wanted))) {
        bail!("there is no key {unknown}; `pressrun config sample` prints all of them");
    }
    let held: Vec<Held> = held(settings, &checked)?
        .into_iter()
        .filter(|held| arguments.keys.is_empty() || arguments.keys.iter().any(|wanted| is_below(&held.key, wanted)))
        .filter(|held| !arguments.changed || held.origin.is_some())
        .collect();
    if arguments.json {
        let rows: Vec<Value> = held
            .iter()
            .map(|held| {
                json!({
                    "key": held.key, "value": if held.is_secret { Value::Null } else { held.value.clone() }, "secret": held.is_secret,
                    "from": held.origin.as_ref().map_or(json!("default"), |place| json!(place.to_string())),
                })
            })
            .collect();
        show::line(serde_json::to_string_pretty(&rows)?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Source::File { path, .. } = &checked.source {
        show::line(format!("# {}", path.display()));
    }
    let width = held.iter().map(|held| held.words().chars().count()).max().unwrap_or(0).min(60);
    for held in &held {
        let origin = held.origin.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string);
        show::line(format!("{:<width$}  # {origin}", held.words()));
    }
    Ok(ExitCode::SUCCESS)
}

impl Held {
    fn words(&self) -> String {
        match keys::toml(&self.value) {
            Some(_) if self.is_secret => format!("{} = (hidden)", self.key),
            Some(value) => format!("{} = {value}", self.key),
            None => format!("{} is not set", self.key),
        }
    }
}

/// Whether a key is another one, or stands below it.
fn is_below(key: &str, wanted: &str) -> bool {
    key.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Every value, those in lists and under names of one's own included.
fn held(settings: &Settings, checked: &Checked) -> anyhow::Result<Vec<Held>> {
    let values = serde_json::to_value(settings)?;
    let mut found = Vec::new();
    for key in keys::keys() {
        for (path, value) in values_at(&values, &key.path, Vec::new()) {
            let is_secret = key.is_secret && !value.is_null();
            let value = if is_secret { Value::from("") } else { without_logins(value.clone()) };
            found.push(Held { key: keys::path_words(&path), value, is_secret, origin: checked.origins.of(&path) });
        }
    }
    Ok(found)
}

/// The values of a key, with the path of each.
fn values_at<'a>(value: &'a Value, rest: &[Part], path: Vec<Step>) -> Vec<(Vec<Step>, &'a Value)> {
    let Some((part, rest)) = rest.split_first() else { return vec![(path, value)] };
    let below = |step: Step| path.iter().cloned().chain([step]).collect::<Vec<_>>();
    match part {
        Part::Name(name) => values_at(&value[name], rest, below(Step::Name(name.clone()))),
        Part::Any(_) => {
            let entries = value.as_object().into_iter().flatten();
            entries.flat_map(|(name, value)| values_at(value, rest, below(Step::Name(name.clone())))).collect()
        }
        Part::Each => {
            let tables = value.as_array().into_iter().flatten().enumerate();
            tables.flat_map(|(number, value)| values_at(value, rest, below(Step::Number(number)))).collect()
        }
    }
}

/// Addresses may hold a password.
fn without_logins(value: Value) -> Value {
    match value {
        Value::String(text) => Value::from(hidden_login(&text)),
        Value::Array(values) => values.into_iter().map(without_logins).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_below_its_table_and_not_below_its_neighbour() {
        for (key, wanted, expected) in [
            ("mail.url", "mail", true),
            ("mail.url", "mail.url", true),
            ("mail.url_x", "mail.url", false),
            ("mail.dkim[0].domain", "mail.dkim", true),
        ] {
            assert_eq!(is_below(key, wanted), expected, "{key} {wanted}");
        }
    }
}
