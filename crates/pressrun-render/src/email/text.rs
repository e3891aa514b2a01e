//! The plain form.

use std::fmt::Write as _;

use pressrun_domain::mail::{MailPart, Slot};
use unicode_width::UnicodeWidthStr;

use super::{MailTable, MailView};

/// The plain form of a mail.
pub(super) fn part(mail: &MailView) -> Vec<MailPart> {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n{}", line(&mail.title), line(&mail.scheduled_for_text));
    let (alerts, notes) = super::parted(mail);
    section(&mut out, "", alerts.iter().map(|alert| format!("! {}", line(alert))));
    if !mail.message.trim().is_empty() {
        let _ = writeln!(out, "\n{}", mail.message.replace("\r\n", "\n").trim());
    }
    section(
        &mut out,
        "",
        mail.kpis.iter().map(|(label, kpi)| {
            let change = kpi.change.as_ref().map(|change| format!(" ({change})")).unwrap_or_default();
            let compared = kpi.compared_with.as_ref().map(|with| format!(" {with}")).unwrap_or_default();
            format!("{}: {}{change}{compared}", line(label), kpi.value)
        }),
    );
    for table in &mail.tables {
        rows(&mut out, table);
    }
    section(&mut out, "", notes.iter().map(|note| format!("! {}", line(note))));
    let mut parts = vec![MailPart::Words(std::mem::take(&mut out)), place(Slot::Note, "\n! ", "\n")];
    section(
        &mut out,
        "Filters",
        mail.filters
            .iter()
            .filter(|filter| !filter.value.is_empty())
            .map(|filter| format!("  {}: {}", line(&filter.label), line(&filter.value))),
    );
    parts.extend([MailPart::Words(std::mem::take(&mut out)), place(Slot::Link, "\nOpen the dashboard: ", "\n")]);
    // "-- " on a line of its own is how mail programs know a signature.
    let _ = writeln!(out, "\n-- \nSent by {} for the schedule “{}”.", line(&mail.organization), line(&mail.schedule_name));
    parts.extend([MailPart::Words(out), place(Slot::Unsubscribe, "Unsubscribe: ", "\n")]);
    parts
}

/// The plain form of a notice.
pub(super) fn notice(text: &str) -> Vec<MailPart> {
    vec![MailPart::Words(format!("{}\n", text.trim_end())), place(Slot::Link, "\n", "\n")]
}

/// A place with words around it.
fn place(slot: Slot, before: &str, after: &str) -> MailPart {
    let words = |text: &str| MailPart::Words(text.to_owned());
    MailPart::If(slot, vec![words(before), MailPart::Value(slot), words(after)])
}

/// A table in columns, as wide as their longest cell.
fn rows(out: &mut String, table: &MailTable) {
    let _ = writeln!(out, "\n{}", line(&table.title));
    if table.rows.is_empty() {
        let _ = writeln!(out, "  No results");
        return;
    }
    let head: Vec<String> = table.columns.iter().map(|(label, _)| line(label)).collect();
    let body: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(|cell| line(cell)).collect()).collect();
    let width = |at: usize| {
        let cells = std::iter::once(&head).chain(&body).filter_map(|row| row.get(at));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in std::iter::once(&head).chain(&body) {
        let mut text = String::from(" ");
        for ((cell, width), (_, right)) in row.iter().zip(&widths).zip(&table.columns) {
            let room = " ".repeat(width.saturating_sub(cell.width()));
            let _ = if *right { write!(text, " {room}{cell} ") } else { write!(text, " {cell}{room} ") };
        }
        let _ = writeln!(out, "{}", text.trim_end());
    }
    if !table.cut().is_empty() {
        let _ = writeln!(out, "  {}", table.cut());
    }
}

fn section(out: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    for (index, line) in lines.enumerate() {
        if index == 0 {
            out.push('\n');
            if !heading.is_empty() {
                let _ = writeln!(out, "{heading}");
            }
        }
        let _ = writeln!(out, "{line}");
    }
}

/// One line: what a person named cannot pretend to be another line.
fn line(text: &str) -> String {
    text.split(|c: char| c.is_control()).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
