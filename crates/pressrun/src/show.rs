//! What the command line prints: results on standard output, everything else on standard error.

use std::io::{IsTerminal, Write};

/// Prints a line of results; a closed pipe ends the output, not the program.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints results that end in a line break of their own.
pub(crate) fn text(text: impl std::fmt::Display) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// `1 row`, `2 rows`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// An instant, to the second.
pub(crate) fn instant(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Prints rows under each other, one line a row whatever is in its cells.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let joined = cells.collect::<Vec<_>>().join("  ");
        line(joined.trim_end().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>());
    }
}

/// A fault of which it is known what would be right.
#[derive(Debug)]
pub(crate) struct Hinted {
    error: String,
    hint: String,
}

impl Hinted {
    /// `error` says what is wrong, `hint` what to write instead.
    pub(crate) fn new(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { error: error.into(), hint: hint.into() }
    }
}

impl std::fmt::Display for Hinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for Hinted {}

/// Prints an error with its causes, then its hint.
pub(crate) fn error(error: &anyhow::Error) {
    let mut stderr = std::io::stderr();
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let _ = writeln!(stderr, "error: {text}");
    if let Some(hinted) = error.downcast_ref::<Hinted>() {
        hint(&hinted.hint);
    }
}

/// Prints something that the reader should know about a result.
pub(crate) fn warning(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// Prints a hint after an error.
pub(crate) fn hint(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "hint: {text}");
}

/// Progress of long work: on a terminal, and nothing on a pipe.
pub(crate) fn progress(total: Option<u64>, message: &'static str) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let (bar, template) = match total {
        Some(total) => (indicatif::ProgressBar::new(total), "{msg:<28} [{bar:30}] {percent:>3} %"),
        None => (indicatif::ProgressBar::new_spinner(), "{spinner} {msg}"),
    };
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("█▉ "));
    }
    if total.is_none() {
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
    }
    bar.with_message(message)
}
