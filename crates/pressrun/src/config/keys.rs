//! Every key of the configuration as the code has it: its doc comment, type, default and an example, read from the schema of
//! [`Settings`](super::Settings). The reference, the commented sample and `pressrun config check` are made from this list.

use std::fmt::Write as _;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Settings;

/// One step of a key's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// A fixed name.
    Name(String),
    /// A name of one's own choice, such as this one.
    Any(String),
    /// Each table of a list (`[[mail.dkim]]`).
    Each,
}

/// A key that has a value.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Where it stands.
    pub path: Vec<Part>,
    /// What it does.
    pub words: String,
    /// What may stand behind it, in words.
    pub takes: String,
    /// The words that it takes, and what each means; empty when others may stand there.
    pub choices: Vec<(String, String)>,
    /// What holds when it is left out; null when nothing does.
    pub default: Value,
    /// What it may look like.
    pub example: Value,
    /// Whether its value is never shown.
    pub is_secret: bool,
}

/// A table of the file, `[mail]`.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub words: String,
    /// Its keys, in the order of the code.
    pub keys: Vec<Key>,
}

impl Key {
    /// `mail.domains.NAME.connections`.
    pub(crate) fn name(&self) -> String {
        let part = |part: &Part| match part {
            Part::Name(name) => format!(".{name}"),
            Part::Any(_) => ".NAME".to_owned(),
            Part::Each => "[]".to_owned(),
        };
        self.path.iter().map(part).collect::<String>().trim_start_matches('.').to_owned()
    }

    /// The variable that sets it; `None` where a variable cannot say which table is meant.
    pub(crate) fn variable(&self) -> Option<String> {
        let mut name = "PRESSRUN".to_owned();
        for (number, part) in self.path.iter().enumerate() {
            match part {
                Part::Name(part) => {
                    let _ = write!(name, "{}{}", if number == 0 { "_" } else { "__" }, part.to_uppercase());
                }
                // A name that may hold a dot would be taken for two.
                Part::Any(example) if example.contains('.') => return None,
                Part::Any(_) => name.push_str("__NAME"),
                Part::Each => return None,
            }
        }
        Some(name)
    }

    /// The table that it stands in, as a file has it, and its own name there.
    pub(crate) fn place(&self) -> (String, String) {
        let (last, before) = match self.path.split_last() {
            Some((Part::Name(last), before)) => (last.clone(), before),
            Some((Part::Any(name), before)) => (bare(name), before),
            Some((Part::Each, _)) | None => (String::new(), &self.path[..]),
        };
        let is_list = before.contains(&Part::Each);
        let words: Vec<String> = before
            .iter()
            .filter_map(|part| match part {
                Part::Name(name) | Part::Any(name) => Some(bare(name)),
                Part::Each => None,
            })
            .collect();
        let table = words.join(".");
        (if is_list { format!("[[{table}]]") } else { format!("[{table}]") }, last)
    }

    /// Whether a path that somebody wrote is this key.
    fn is_at(&self, path: &[Step]) -> bool {
        self.path.len() == path.len() && self.begins_with(path)
    }

    /// Whether a path that somebody wrote leads to this key.
    fn begins_with(&self, path: &[Step]) -> bool {
        path.len() <= self.path.len()
            && path.iter().zip(&self.path).all(|(step, part)| match (step, part) {
                (Step::Name(written), Part::Name(name)) => written == name,
                (Step::Name(_), Part::Any(_)) | (Step::Number(_), Part::Each) => true,
                _ => false,
            })
    }
}

/// One step of a path that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key.
    Name(String),
    /// A table of a list.
    Number(usize),
}

/// A path that somebody wrote, in words.
pub(crate) fn path_words(path: &[Step]) -> String {
    let mut words = String::new();
    for step in path {
        match step {
            Step::Name(name) if words.is_empty() => words.push_str(&bare(name)),
            Step::Name(name) => {
                let _ = write!(words, ".{}", bare(name));
            }
            Step::Number(number) => {
                let _ = write!(words, "[{number}]");
            }
        }
    }
    words
}

/// What a path that somebody wrote is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A key with a value, or a table on the way to one.
    Known,
    /// Nothing; these may stand in its place.
    Unknown(Vec<String>),
}

/// Looks a path up.
pub(crate) fn find(path: &[Step]) -> Found {
    if keys().any(|key| key.begins_with(path)) || leaf(path).is_some() {
        return Found::Known;
    }
    let before = &path[..path.len().saturating_sub(1)];
    let mut beside: Vec<String> = Vec::new();
    for key in keys().filter(|key| key.path.len() > before.len() && key.begins_with(before)) {
        if let Part::Name(name) = &key.path[before.len()]
            && !beside.contains(name)
        {
            beside.push(name.clone());
        }
    }
    Found::Unknown(beside)
}

/// The key with a value that a path is, or is inside of: what a list or a table as a value holds is part of it.
pub(crate) fn leaf(path: &[Step]) -> Option<&'static Key> {
    (1..=path.len()).rev().find_map(|length| keys().find(|key| key.is_at(&path[..length])))
}

/// Every key.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    sections().iter().flat_map(|section| &section.keys)
}

/// Every table with its keys, in the order of the code.
pub(crate) fn sections() -> &'static [Section] {
    static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(read);
    &SECTIONS
}

/// The JSON Schema of the file, for editors.
pub(crate) fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Settings>().to_value()
}

/// A name as TOML has it.
pub(crate) fn bare(name: &str) -> String {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}

/// A value as TOML has it; nothing for null, which TOML does not know.
pub(crate) fn toml(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Array(values) => format!("[{}]", values.iter().filter_map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<_> = entries.iter().filter_map(|(name, value)| Some(format!("{} = {}", bare(name), toml(value)?))).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    })
}

fn read() -> Vec<Section> {
    let schema = schema();
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let reader = Reader { defs: &schema["$defs"] };
    let sections = schema["properties"].as_object().into_iter().flatten();
    sections
        .map(|(name, field)| {
            let mut keys = Vec::new();
            reader.collect(field, &defaults[name], &[Part::Name(name.clone())], &mut keys);
            Section { name: name.clone(), words: words(reader.type_of(field)), keys }
        })
        .collect()
}

struct Reader<'a> {
    defs: &'a Value,
}

impl<'a> Reader<'a> {
    /// What a field holds, past a name for it and past "or null".
    fn type_of(&self, field: &'a Value) -> &'a Value {
        if let Some(name) = field["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.type_of(&self.defs[name]);
        }
        match field["anyOf"].as_array() {
            Some(forms) if forms.iter().any(|form| form["type"] == "null") => {
                forms.iter().find(|form| form["type"] != "null").map_or(field, |form| self.type_of(form))
            }
            _ => field,
        }
    }

    fn collect(&self, field: &'a Value, default: &Value, path: &[Part], keys: &mut Vec<Key>) {
        let held = self.type_of(field);
        let examples = field["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
        let below = |part: Part| path.iter().cloned().chain([part]).collect::<Vec<_>>();
        if let Some(fields) = held["properties"].as_object() {
            for (name, field) in fields {
                self.collect(field, &default[name], &below(Part::Name(name.clone())), keys);
            }
            return;
        }
        if is_type(held, "array") && self.type_of(&held["items"])["properties"].is_object() {
            self.collect(&held["items"], &Value::Null, &below(Part::Each), keys);
            return;
        }
        if held["additionalProperties"].is_object() {
            let name = examples.first().and_then(Value::as_str).unwrap_or("NAME").to_owned();
            let before = keys.len();
            self.collect(&held["additionalProperties"], &Value::Null, &below(Part::Any(name)), keys);
            for key in &mut keys[before..] {
                if key.words.is_empty() {
                    key.words = words(field);
                }
                if let Some(example) = examples.get(1) {
                    key.example = example.clone();
                }
            }
            return;
        }
        let is_secret = held["writeOnly"] == true || self.type_of(&held["items"])["writeOnly"] == true;
        let has_default = !default.is_null() && default.as_str() != Some("") && *default != Value::Array(Vec::new());
        let example = match (examples.first(), has_default) {
            (Some(example), _) => example.clone(),
            (None, true) => default.clone(),
            (None, false) if is_secret && is_type(held, "array") => serde_json::json!(["…"]),
            (None, false) if is_secret => Value::from("…"),
            (None, false) => Value::Null,
        };
        keys.push(Key {
            path: path.to_vec(),
            words: words(field),
            takes: self.takes(held),
            choices: choices(if is_type(held, "array") { self.type_of(&held["items"]) } else { held }),
            default: if has_default { default.clone() } else { Value::Null },
            example,
            is_secret,
        });
    }

    fn takes(&self, held: &'a Value) -> String {
        if !choices(held).is_empty() {
            return "one word".to_owned();
        }
        if let Some(forms) = held["anyOf"].as_array() {
            return forms.iter().map(|form| self.takes(self.type_of(form))).collect::<Vec<_>>().join(" or ");
        }
        let of_one = |word: &str| match word {
            "integer" => "whole number",
            "number" => "number",
            "boolean" => "true or false",
            _ => "text",
        };
        if is_type(held, "array") {
            return match self.takes(self.type_of(&held["items"])).as_str() {
                "one word" => "list of words".to_owned(),
                one => format!("list of {one}s").replace("true or falses", "true or false").replace("texts", "text"),
            };
        }
        ["integer", "number", "boolean", "string"].into_iter().find(|word| is_type(held, word)).map_or("text", of_one).to_owned()
    }
}

fn is_type(schema: &Value, word: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == word,
        Value::Array(several) => several.iter().any(|one| one == word),
        _ => false,
    }
}

/// The words of an enumeration, and what each means.
fn choices(schema: &Value) -> Vec<(String, String)> {
    let forms = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    forms.iter().filter_map(|form| Some((form["const"].as_str()?.to_owned(), words(form)))).collect()
}

/// A doc comment as running text: single line breaks are the code's, not the reader's.
fn words(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(words: &str) -> Vec<Step> {
        words.split('.').map(|word| word.parse().map_or_else(|_| Step::Name(word.to_owned()), Step::Number)).collect()
    }

    #[test]
    fn newcomer_13_every_key_says_what_it_does_and_what_it_may_look_like() {
        assert!(keys().count() > 100, "{}", keys().count());
        for key in keys() {
            assert!(key.words.len() > 5 && key.words.ends_with('.'), "{}: {:?}", key.name(), key.words);
            assert!(!key.example.is_null(), "{} has neither a default nor an example", key.name());
            for (word, words) in &key.choices {
                assert!(!words.is_empty(), "{}: {word}", key.name());
            }
        }
        for section in sections() {
            assert!(section.words.len() > 5, "[{}] does not say what it is about", section.name);
        }
    }

    #[test]
    fn a_path_is_a_key_or_its_neighbours_are_named() {
        for known in
            ["mail", "mail.url", "mail.domains", "mail.domains.x", "mail.dkim.0.selector", "artifacts.options.aws_region", "egress.allow.0"]
        {
            assert_eq!(find(&path(known)), Found::Known, "{known}");
        }
        for (unknown, beside) in
            [("mial", "mail"), ("mail.form", "from"), ("mail.oauth.token", "token_url"), ("mail.dkim.0.key", "private_key")]
        {
            match find(&path(unknown)) {
                Found::Unknown(names) => assert!(names.iter().any(|name| name == beside), "{unknown}: {names:?}"),
                Found::Known => panic!("{unknown}"),
            }
        }
    }

    #[test]
    fn keys_have_variables_unless_a_name_may_hold_a_dot() {
        let variable = |name: &str| keys().find(|key| key.name() == name).expect(name).variable();
        assert_eq!(variable("mail.password_file").as_deref(), Some("PRESSRUN_MAIL__PASSWORD_FILE"));
        assert_eq!(variable("mail.oauth.client_id").as_deref(), Some("PRESSRUN_MAIL__OAUTH__CLIENT_ID"));
        assert_eq!(variable("artifacts.options.NAME").as_deref(), Some("PRESSRUN_ARTIFACTS__OPTIONS__NAME"));
        assert_eq!((variable("mail.domains.NAME.connections"), variable("mail.dkim[].domain")), (None, None));
    }
}
