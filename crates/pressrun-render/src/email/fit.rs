//! A mail that is shown whole: some programs cut the HTML after 102 KB and hide the rest, the way off the list included.

use super::{MailView, table::shorten};
use crate::escape::turns;

/// Most bytes of HTML: what is left to 102 KB is for addresses, which are put in for each reader.
pub(super) const MOST_BYTES: usize = 86_000;

/// Longest title, name or label, in characters.
const MOST_NAME: usize = 300;
/// Longest value of a filter or of a key figure, in characters.
const MOST_VALUE: usize = 400;
/// Most notes, filters and tables.
const MOST_LINES: usize = 40;

/// How often a view is shortened at most; the last one always fits.
pub(super) const STEPS: usize = 4;

/// What a reader must know about a mail that was shortened.
const SHORTENED: &str = "This mail was shortened, because mail programs cut long ones. The dashboard shows everything.";

/// The view with every text made harmless and of bounded length: no control characters, and none that turn the order of text around.
pub(super) fn tidy(mail: &MailView) -> MailView {
    let mut mail = mail.clone();
    let name = |text: &mut String| *text = shorten(&clean(text, false), MOST_NAME);
    let value = |text: &mut String| *text = shorten(&clean(text, false), MOST_VALUE);
    for text in [&mut mail.title, &mut mail.organization, &mut mail.schedule_name, &mut mail.scheduled_for_text] {
        name(text);
    }
    mail.message = clean(&mail.message, true);
    for line in &mut mail.filters {
        name(&mut line.label);
        value(&mut line.value);
    }
    for (label, kpi) in &mut mail.kpis {
        name(label);
        value(&mut kpi.value);
        kpi.change.iter_mut().chain(&mut kpi.compared_with).for_each(value);
    }
    for table in &mut mail.tables {
        name(&mut table.title);
        table.columns.iter_mut().for_each(|(label, _)| value(label));
        table.rows.iter_mut().flatten().for_each(value);
    }
    mail.notes.iter_mut().for_each(value);
    if let Some(image) = &mut mail.inline_image {
        name(&mut image.alt);
    }
    limit(&mut mail, MOST_LINES);
    mail
}

/// The view with less in it; each step takes away more, and says so.
pub(super) fn shortened(mail: &MailView, step: usize) -> MailView {
    let mut mail = mail.clone();
    let (rows, lines, message) = match step {
        0 => return mail,
        1 => (3, 20, 30_000),
        2 => (0, 10, 15_000),
        3 => (0, 5, 8_000),
        _ => (0, 2, 4_000),
    };
    if rows == 0 {
        mail.tables.clear();
    }
    for table in &mut mail.tables {
        table.more_rows |= table.rows.len() > rows;
        table.rows.truncate(rows);
    }
    limit(&mut mail, lines);
    mail.message = shorten(&mail.message, message);
    mail.notes.push(SHORTENED.to_owned());
    mail
}

/// At most so many notes and filters; how many more there are is said.
fn limit(mail: &mut MailView, most: usize) {
    for (what, all) in [("notes", mail.notes.len()), ("filters", mail.filters.len())] {
        let more = all.saturating_sub(most);
        if more == 0 {
            continue;
        }
        if what == "notes" {
            mail.notes.truncate(most);
        } else {
            mail.filters.truncate(most);
        }
        mail.notes.push(format!("There are {more} more {what}; the dashboard shows them."));
    }
}

/// Text without control characters and without those that turn the order of text around; line breaks stay when `lines`.
fn clean(text: &str, lines: bool) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = text.chars().map(|c| match c {
        '\n' | '\t' if lines => c,
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => ' ',
        c => c,
    });
    kept.filter(|c| !turns(*c)).collect()
}
