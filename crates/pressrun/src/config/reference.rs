//! The reference of the configuration and the commented sample file, made from the list of keys.

use std::fmt::Write as _;

use super::keys::{self, Key, Section};

/// Columns of a comment in the sample.
const COMMENT_WIDTH: usize = 100;

/// What stands behind the mark in `docs/configuration.md`.
#[cfg(test)]
fn markdown() -> String {
    let mut text = String::new();
    for section in keys::sections() {
        let _ = writeln!(text, "\n## `[{}]`\n\n{}", section.name, section.words);
        for key in &section.keys {
            describe(key, &mut text);
        }
    }
    text
}

#[cfg(test)]
fn describe(key: &Key, text: &mut String) {
    let _ = writeln!(text, "\n### `{}`\n\n{}\n", key.name(), key.words);
    let secret = if key.is_secret { ", never shown" } else { "" };
    let _ = writeln!(text, "- takes: {}{secret}", key.takes);
    for (word, words) in &key.choices {
        let _ = writeln!(text, "  - `{word}`: {words}");
    }
    match keys::toml(&key.default) {
        Some(default) => {
            let _ = writeln!(text, "- default: `{default}`");
        }
        None => text.push_str("- default: none\n"),
    }
    if let Some(variable) = key.variable() {
        let _ = writeln!(text, "- variable: `{variable}`");
    }
    let (table, name) = key.place();
    if let Some(example) = keys::toml(&key.example) {
        let _ = writeln!(text, "- example: `{name} = {example}` below `{table}`");
    }
}

/// A file in which every key stands with its words and its default, commented out. `given` are lines to write instead, by the name of their
/// key (`mail.url`).
pub(crate) fn sample(given: &[(&str, String)]) -> String {
    let mut text =
        "# Pressrun's configuration: every key there is. A line that begins with # is a comment; what is commented out has the\n\
                    # value that it shows, or none. Every key can also be set by a variable, such as PRESSRUN_SERVER__LISTEN.\n\
                    # `pressrun config check` says what is wrong, `pressrun config show` what holds and why.\n"
            .to_owned();
    for section in keys::sections() {
        part(section, given, &mut text);
    }
    text
}

fn part(section: &Section, given: &[(&str, String)], text: &mut String) {
    let heading = format!("[{}]", section.name);
    let _ = writeln!(text, "\n\n{}{heading}", comment(&section.words));
    let mut inside = heading.clone();
    // A table of its own ends the one before it: what stands in the section itself comes first.
    let (own, below): (Vec<&Key>, Vec<&Key>) = section.keys.iter().partition(|key| key.place().0 == heading);
    for key in own.into_iter().chain(below) {
        let (table, name) = key.place();
        if table != inside {
            let _ = writeln!(text, "\n# {table}");
            inside = table;
        }
        let mut words = key.words.clone();
        for (word, meaning) in &key.choices {
            let _ = write!(words, "\n\n`{word}`: {meaning}");
        }
        text.push('\n');
        text.push_str(&comment(&words));
        match given.iter().find(|(given, _)| *given == key.name()) {
            Some((_, value)) => {
                let _ = writeln!(text, "{name} = {value}");
            }
            None => {
                let value = keys::toml(&key.default).or_else(|| keys::toml(&key.example)).unwrap_or_default();
                let _ = writeln!(text, "# {name} = {value}");
            }
        }
    }
}

/// Words as comment lines.
fn comment(words: &str) -> String {
    let mut text = String::new();
    for part in words.split("\n\n").filter(|part| !part.is_empty()) {
        let mut line = "#".to_owned();
        for word in part.split_whitespace() {
            if line.len() + 1 + word.len() > COMMENT_WIDTH && line.len() > 1 {
                text.push_str(&line);
                text.push('\n');
                "#".clone_into(&mut line);
            }
            line.push(' ');
            line.push_str(word);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::config::check::{self, Severity};

    /// Set to write the page anew.
    const WRITE: &str = "PRESSRUN_WRITE_DOCS";

    #[test]
    fn newcomer_13_the_page_of_the_configuration_is_what_the_code_has() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        let page = std::fs::read_to_string(&path).expect("docs/configuration.md");
        let (before, found) = page.split_once("<!-- one by one -->\n").expect("the mark at which the list begins");
        let expected = markdown();
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&path, format!("{before}<!-- one by one -->\n{expected}")).expect("writes");
        } else {
            assert!(found == expected, "docs/configuration.md is out of date; run the tests once with {WRITE}=1");
        }
    }

    #[test]
    fn the_sample_is_a_configuration_that_changes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("pressrun.toml");
        std::fs::write(&file, sample(&[])).expect("writes");
        let found = serde_json::to_value(Settings::from_file(&file).expect("valid")).expect("JSON");
        assert_eq!(found, serde_json::to_value(Settings::default()).expect("JSON"));
        std::fs::write(&file, sample(&[("mail.url", "\"file:outbox\"".into()), ("server.listen", "\"127.0.0.1:1\"".into())]))
            .expect("writes");
        let settings = Settings::from_file(&file).expect("valid");
        assert_eq!((settings.mail.url.as_deref(), settings.server.listen.as_str()), (Some("file:outbox"), "127.0.0.1:1"));
    }

    /// What people copy from the page works, each key by itself.
    #[test]
    fn newcomer_13_every_example_is_taken_by_the_program() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("pressrun.toml");
        for key in keys::keys() {
            let (table, name) = key.place();
            let example = keys::toml(&key.example).expect("an example");
            std::fs::write(&file, format!("{table}\n{name} = {example}\n")).expect("writes");
            let read = Settings::from_file(&file);
            assert!(read.is_ok(), "{}: {:#}", key.name(), read.unwrap_err());
            let unknown: Vec<_> = check::of_file(&file).expect("readable").findings;
            assert!(unknown.iter().all(|finding| !finding.message.contains("there is no key")), "{}: {unknown:?}", key.name());
            if let Some(variable) = key.variable()
                && !variable.ends_with("__NAME")
            {
                let text = key.example.as_str().map_or(example, str::to_owned);
                let checked = check::of(None, &[(variable.clone(), text.clone())]);
                let wrong: Vec<_> = checked.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
                let of_type = wrong.iter().any(|finding| finding.message.contains("invalid type"));
                assert!(!of_type && checked.settings.is_some(), "{variable}={text}: {wrong:?}");
            }
        }
    }
}
