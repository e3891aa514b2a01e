//! The text part.

use std::fmt::Write as _;

use super::MailView;

pub(super) fn part(mail: &MailView) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n{}", line(&mail.title), line(&mail.scheduled_for_text));
    if !mail.message.trim().is_empty() {
        let _ = writeln!(out, "\n{}", mail.message.replace("\r\n", "\n").trim());
    }
    section(&mut out, "", mail.notes.iter().map(|note| format!("! {}", line(note))));
    section(
        &mut out,
        "",
        mail.kpis.iter().map(|(label, kpi)| {
            let change = kpi.change.as_ref().map(|change| format!(" ({change})")).unwrap_or_default();
            let compared = kpi.compared_with.as_ref().map(|with| format!(" {with}")).unwrap_or_default();
            format!("{}: {}{change}{compared}", line(label), kpi.value)
        }),
    );
    section(
        &mut out,
        "Filters",
        mail.filters
            .iter()
            .filter(|filter| !filter.value.is_empty())
            .map(|filter| format!("  {}: {}", line(&filter.label), line(&filter.value))),
    );
    if let Some(link) = &mail.link {
        let _ = writeln!(out, "\nOpen the dashboard: {}", line(link));
    }
    // "-- " on a line of its own is how mail programs know a signature.
    let _ = writeln!(out, "\n-- \n{} · {}", line(&mail.organization), line(&mail.schedule_name));
    if let Some(link) = &mail.unsubscribe {
        let _ = writeln!(out, "Unsubscribe: {}", line(link));
    }
    out
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
