//! What is wrong in a file, where, and what would be right.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One thing to change in one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Path relative to the catalog folder, with `/`.
    pub file: String,
    /// Line, from 1; 0 when the problem is the file itself.
    pub line: u32,
    /// Column in characters, from 1; 0 when the problem is the file itself.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
    /// Whether it stops anything.
    pub severity: Severity,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not load, or fails when it runs.
    Error,
    /// It may be meant.
    Warning,
}

impl Problem {
    /// Whether it stops anything.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// A problem of a whole file.
    pub(crate) fn of_file(file: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message: message.into(), hint: hint.into(), severity: Severity::Error }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.is_empty() {
            f.write_str("catalog")?;
        } else {
            f.write_str(&printable(&self.file))?;
        }
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// A place in a YAML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Whether this is a block text (`|` or `>`); the place is then that of its first line, and all lines are indented alike.
    pub block: bool,
}

impl Place {
    /// Where line `line` (from 1) of a text that was written here stands in the file.
    #[must_use]
    pub fn of_inner_line(self, line: u32) -> Self {
        let indented = self.block || line <= 1;
        Self { line: self.line.saturating_add(line.saturating_sub(1)), column: if indented { self.column } else { 1 }, block: false }
    }

    /// Where line `line` and column `column`, both from 1, of a text that was written here stand in the file; column 0 stands for the line.
    #[must_use]
    pub fn of_inner(self, line: u32, column: u32) -> Self {
        let begins = self.of_inner_line(line);
        Self { column: begins.column.saturating_add(column.saturating_sub(1)), ..begins }
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    file: &'a str,
    problems: RefCell<Vec<Problem>>,
    reads: RefCell<Vec<PathBuf>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str) -> Self {
        Self { file, problems: RefCell::default(), reads: RefCell::default() }
    }

    pub(crate) fn file(&self) -> &'a str {
        self.file
    }

    /// Notes that something at `place` is wrong.
    pub(crate) fn add(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Error, place, message.into(), hint.into());
    }

    /// Notes that something at `place` may be wrong.
    pub(crate) fn warn(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Warning, place, message.into(), hint.into());
    }

    fn note(&self, severity: Severity, place: Place, message: String, hint: String) {
        self.problems.borrow_mut().push(Problem {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            message,
            hint,
            severity,
        });
    }

    /// Notes that what is said here depends on another file, such as one with a secret.
    pub(crate) fn reads(&self, path: &Path) {
        self.reads.borrow_mut().push(path.to_owned());
    }

    /// The files that what is said here depends on.
    pub(crate) fn take_reads(&self) -> Vec<PathBuf> {
        self.reads.take()
    }

    /// Whether something is wrong; warnings alone are not.
    pub(crate) fn fails(&self) -> bool {
        self.problems.borrow().iter().any(Problem::is_error)
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// Text from a file, safe to print on a terminal and short: control characters are escaped.
pub(crate) fn printable(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut out = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == SHOWN {
            out.push('…');
            break;
        }
        if character.is_control() || is_direction_mark(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// A message that quotes a file, safe to print on a terminal.
pub(crate) fn printable_text(text: &str) -> String {
    text.split(' ').map(printable).collect::<Vec<_>>().join(" ")
}

/// Characters that make a terminal show text in another order than it is written.
fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// The known word nearest to `given`, when it is near enough to be meant.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let length = given.chars().count();
    if length > LONGEST {
        return None;
    }
    let folded = given.to_lowercase().replace('-', "_");
    let allowed = (length / 3).clamp(1, 3);
    known
        .into_iter()
        .filter(|word| word.chars().count() <= LONGEST)
        .map(|word| (strsim::osa_distance(&folded, &word.to_lowercase()), word))
        .filter(|(far, _)| *far <= allowed)
        .min_by_key(|(far, _)| *far)
        .map(|(_, word)| word)
}

/// "did you mean" when a known word is near, else the list of known words.
pub(crate) fn suggest<'a>(given: &str, known: impl IntoIterator<Item = &'a str> + Clone, what: &str) -> String {
    if let Some(word) = nearest(given, known.clone()) {
        return format!("did you mean `{}`?", printable(word));
    }
    let words: Vec<String> = known.into_iter().take(24).map(|word| format!("`{}`", printable(word))).collect();
    if words.is_empty() { format!("there are no {what}") } else { format!("{what}: {}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["identifier", "name", "connection", "tiles"];
        for (given, expected) in [
            ("identifer", Some("identifier")),
            ("Name", Some("name")),
            ("tilse", Some("tiles")),
            ("conection", Some("connection")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
    }

    #[test]
    fn a_problem_prints_place_and_hint_and_no_control_characters() {
        let problem = Problem {
            file: "dashboards/o\u{1b}[31m.yaml".into(),
            line: 12,
            column: 5,
            message: "wrong".into(),
            hint: "right".into(),
            severity: Severity::Error,
        };
        assert_eq!(problem.to_string(), "dashboards/o\\u{1b}[31m.yaml:12:5: wrong\nhint: right");
    }
}
