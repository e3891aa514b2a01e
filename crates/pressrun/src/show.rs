//! What the command line prints: results on standard output, everything else on standard error.

use std::io::{IsTerminal, Write};

/// Prints a line of results; a closed pipe ends the output, not the program.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints an error with its causes, then its hints.
pub(crate) fn error(error: &anyhow::Error) {
    let mut stderr = std::io::stderr();
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let _ = writeln!(stderr, "error: {text}");
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
