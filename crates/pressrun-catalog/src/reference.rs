//! The reference page of the catalog's keys (`docs/catalog.md`), made from the same JSON Schemas that editors use.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::schema;

/// The files, in the order in which somebody new needs them.
const FILES: [(&str, &str); 4] =
    [("dashboard", "dashboards/*.yaml"), ("connections", "connections.yaml"), ("people", "people.yaml"), ("more-people", "people/*.yaml")];

const HEAD: &str = "# Catalog reference

A catalog is a folder of YAML files, best kept in git. Every key of every file is listed here; `pressrun check DIR` names file, line and column of
whatever is wrong, and `pressrun check --schema dashboard` (or `connections`, `people`) prints the JSON Schema for an editor. The sample catalog that
`pressrun demo` writes into its data folder shows most of it in use.

What is written often can be written once: an anchor (`&name`) is repeated by an alias (`*name`), and `<<: *name` or `<<: [*a, *b]` takes the keys of a
mapping over, those that are written beside it winning. Keys at the top of a file that begin with `x-` are passed over, so that anchors have a place to
live.

A file that is away or wrong for moments changes little. What a dashboard's file said before stays in force while it has a fault; when a server starts
with a fault, the schedules on that dashboard wait until it is right. A schedule whose dashboard or query is gone is switched off when that is found
twice, a minute apart, or at once when `SIGHUP` tells the server that the files are as they are meant to be; when they are back it is switched on
again, and its owner is told both times. Nothing is read while git has its index locked.

`${NAME}` in secrets stands for a variable that the operator lists under `[catalog] environment`, and keys that end in `_file` name a file in the
catalog's folder or in one that is listed under `[catalog] secret_folders`. Such files are watched: a rotated secret is taken by itself.

SQL of a tile is a template with these functions; every value of a filter or attribute becomes a bound parameter:

| function | becomes |
|---|---|
| `{{ filter('region', 'o.region') }}` | the predicate of a dashboard filter on an SQL expression, or `true` when it restricts nothing |
| `{{ filter(['region', 'country'], 'o.region') }}` | several filters on one expression, joined by *or* |
| `{{ user_attribute('region', 'o.region') }}` | whether the expression is one of the values that the viewer has; without a value and a default, no row |
| `{{ control('metric') }}` | the SQL that the dashboard declares for what the control is set to |

SQL that asks for user attributes should not fail of a row: write `try_cast(x as integer)` and `a / nullif(b, 0)`. Whose personal copy fails is told to the
owner of the schedule, who may not see that row ([mail](mail.md#personal-copies-that-fail)). `pressrun check` warns where it can.

*Made from the types by a test of `pressrun-catalog`; do not edit.*
";

/// The page.
pub(crate) fn reference() -> String {
    let schemas = schema();
    let mut page = HEAD.to_owned();
    let mut explained = HashSet::new();
    for (kind, file) in FILES {
        section(&mut page, &format!("\n## `{file}`"), &schemas[kind]);
        for (name, definition) in schemas[kind]["$defs"].as_object().into_iter().flatten() {
            if definition["properties"].is_object() && explained.insert(name.clone()) {
                section(&mut page, &format!("\n### {}", title(name)), definition);
            }
        }
    }
    page
}

fn section(page: &mut String, heading: &str, schema: &Value) {
    let _ = write!(page, "{heading}\n\n{}\n\n| key | type | means |\n|---|---|---|\n", text(schema));
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let must = if required.contains(&key.as_str()) { " **Required.**" } else { "" };
        let _ = writeln!(page, "| `{key}` | {} | {}{must} |", kind(property), text(property));
    }
}

/// What a value may be: a type, words to choose from, or another table of this page.
fn kind(property: &Value) -> String {
    let property = property.as_object();
    let get = |key: &str| property.and_then(|property| property.get(key));
    if let Some(name) = get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return named(name);
    }
    if let Some(words) = get("enum").and_then(Value::as_array) {
        return words.iter().map(|word| format!("`{}`", word.to_string().trim_matches('"'))).collect::<Vec<_>>().join(", ");
    }
    if let Some(choices) = get("oneOf").or_else(|| get("anyOf")).and_then(Value::as_array) {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match get("type").and_then(Value::as_str) {
        Some("array") => format!("list of {}", get("items").map_or_else(|| "values".to_owned(), kind)),
        Some("object") => match get("additionalProperties").filter(|values| values.is_object()) {
            Some(values) => format!("name → {}", kind(values)),
            None => "object".to_owned(),
        },
        Some(plain) => plain.to_owned(),
        None => "any".to_owned(),
    }
}

/// A named type: its words where it is a choice of words, its table otherwise.
fn named(name: &str) -> String {
    let schemas = schema();
    let definition = FILES.iter().find_map(|(kind, _)| schemas[kind]["$defs"].get(name)).cloned().unwrap_or_default();
    let words: Vec<String> = definition["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|choice| choice["const"].as_str())
        .map(|word| format!("`{word}`"))
        .collect();
    if words.is_empty() {
        let title = title(name);
        format!("[{title}](#{})", title.to_lowercase())
    } else {
        words.join(", ")
    }
}

/// `TileFile` → `Tile`.
fn title(name: &str) -> &str {
    name.strip_suffix("File").unwrap_or(name)
}

/// A description as one cell of a table.
fn text(schema: &Value) -> String {
    let none = Map::new();
    let description = schema.as_object().unwrap_or(&none).get("description").and_then(Value::as_str).unwrap_or_default();
    description.replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// `UPDATE_DOCS=1` writes the page anew.
    #[test]
    fn the_reference_page_is_up_to_date() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catalog.md");
        let page = reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &page).expect("writes the page");
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(kept, page, "docs/catalog.md is stale; run the tests of pressrun-catalog once with UPDATE_DOCS=1");
    }

    #[test]
    fn every_key_is_explained() {
        for line in reference().lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            assert!(cells.len() >= 2 && cells.last().is_some_and(|text| text.trim().len() > 3), "{line}");
        }
    }
}
