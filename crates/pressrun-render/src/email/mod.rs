//! The message that carries a delivery: HTML that works in old clients, and a text part (D11).
//!
//! - `mail.html` lays out with tables and writes every style into its element; a style sheet adds only what old clients can do without:
//!   dark colours and a narrow screen.
//! - `parts`: the template's text with the places in it that are each reader's own.
//! - `table`: the first rows of tiles. `fit`: a bound on the whole, kept by leaving things out and saying so. `text`: the text part.
//! - Text is escaped by the template and stripped of what could turn its order around; nothing is loaded from elsewhere.

mod fit;
mod parts;
mod table;
mod text;

use askama::Template;
use pressrun_domain::mail::{MailPart, MailWords};

use crate::chart::KpiText;
use crate::report::FilterLine;

use parts::{Marks, Parts, Pen};

pub use table::MailTable;

/// What a message says.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct MailView {
    /// Heading: the name of the dashboard or tile.
    pub title: String,
    /// The schedule's message, plain text; line breaks are kept.
    pub message: String,
    /// Values of visible filters; empty without `showFilters`.
    pub filters: Vec<FilterLine>,
    /// Key figures, readable with pictures off.
    pub kpis: Vec<(String, KpiText)>,
    /// First rows of tiles, for mails without a picture of them.
    #[serde(default)]
    pub tables: Vec<MailTable>,
    /// The picture of the dashboard; whether it is sent along is for the sender to decide (R2).
    pub inline_image: Option<InlineImage>,
    /// Cuts, failures, what an alert saw (R11, A21).
    pub notes: Vec<String>,
    /// Who sends it.
    pub organization: String,
    /// Name of the schedule.
    pub schedule_name: String,
    /// The occurrence in words (`Monday, March 2, 2026, 09:00 EST`).
    pub scheduled_for_text: String,
}

/// A picture in the message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InlineImage {
    /// What it shows, for readers who do not see it.
    pub alt: String,
    /// Width in CSS pixels; drawn at most 552 wide.
    pub width: u32,
}

/// Width of the content between the paddings of a 600-pixel card.
const CONTENT_WIDTH: u32 = 552;

#[derive(Template)]
#[template(path = "mail.html")]
struct MailHtml<'a> {
    mail: &'a MailView,
    /// What clients show beside the subject.
    preview: String,
    /// Why an alert fired: before everything else.
    alerts: Vec<&'a str>,
    paragraphs: Vec<Vec<&'a str>>,
    /// What else a reader must know: after the data it is about.
    notes: Vec<&'a str>,
    filters: Vec<&'a FilterLine>,
    kpi_rows: Vec<Vec<Kpi<'a>>>,
    image: Option<(&'a InlineImage, u32)>,
    link_words: &'a str,
    slots: Marks<'a>,
    palette: &'static Palette,
}

struct Kpi<'a> {
    label: &'a str,
    value: &'a str,
    change: Option<&'a str>,
    color: &'static str,
    tone: &'static str,
    compared_with: Option<&'a str>,
    width: u32,
}

struct Palette {
    page: &'static str,
    card: &'static str,
    text: &'static str,
    muted: &'static str,
    line: &'static str,
    accent: &'static str,
    on_accent: &'static str,
    good: &'static str,
    bad: &'static str,
    note: &'static str,
    note_edge: &'static str,
}

/// Colours of the message; a client in dark mode replaces them by those of the template's `@media` rule.
const LIGHT: Palette = Palette {
    page: "#f2f4f7",
    card: "#ffffff",
    text: "#18212f",
    muted: "#5c687a",
    line: "#e2e7ee",
    accent: "#2e6cdf",
    on_accent: "#ffffff",
    good: "#0a8562",
    bad: "#c83a28",
    note: "#fff8e8",
    note_edge: "#eab308",
};

/// The words of a message, with places for addresses, the picture and a note. Everything a person wrote is escaped.
///
/// Both forms say the same. What would make the HTML too long to be shown whole is left out of both, and said to be.
#[must_use]
pub fn mail_words(mail: &MailView) -> MailWords {
    let whole = fit::tidy(mail);
    let mut words = MailWords::default();
    for step in 0..=fit::STEPS {
        let view = fit::shortened(&whole, step);
        words = MailWords { html: html(&view, "Open dashboard"), text: text::part(&view) };
        if words.html_bytes() <= fit::MOST_BYTES {
            break;
        }
    }
    words
}

/// A notice of the server itself (a failure, a schedule switched off, an all-clear) in the same frame: `text` as paragraphs under
/// `subject`, and a button to the link.
#[must_use]
pub fn notice_words(subject: &str, text: &str, organization: &str) -> MailWords {
    let view = MailView {
        title: subject.to_owned(),
        message: text.to_owned(),
        filters: Vec::new(),
        kpis: Vec::new(),
        tables: Vec::new(),
        inline_image: None,
        notes: Vec::new(),
        organization: organization.to_owned(),
        schedule_name: String::new(),
        scheduled_for_text: String::new(),
    };
    let whole = fit::tidy(&view);
    let view = if whole.message.len() > fit::MOST_BYTES / 8 { fit::shortened(&whole, fit::STEPS) } else { whole };
    MailWords { html: html(&view, "See the details"), text: text::notice(text) }
}

/// The HTML form.
fn html(mail: &MailView, link_words: &str) -> Vec<MailPart> {
    let palette = &LIGHT;
    let per_row = match mail.kpis.len() {
        0..=1 => 1,
        2 | 4 => 2,
        _ => 3,
    };
    let kpis: Vec<_> = mail.kpis.iter().map(|(label, text)| Kpi::of(label, text, palette, 100 / per_row)).collect();
    let mut kpi_rows: Vec<Vec<Kpi<'_>>> = Vec::new();
    for kpi in kpis {
        match kpi_rows.last_mut() {
            Some(row) if row.len() < per_row as usize => row.push(kpi),
            _ => kpi_rows.push(vec![kpi]),
        }
    }
    let (alerts, notes) = parted(mail);
    let written = Parts::default();
    let template = MailHtml {
        mail,
        preview: preview(mail),
        alerts,
        notes,
        paragraphs: paragraphs(&mail.message),
        filters: mail.filters.iter().filter(|line| !line.value.is_empty()).collect(),
        kpi_rows,
        image: mail.inline_image.as_ref().map(|image| (image, image.width.clamp(1, CONTENT_WIDTH))),
        link_words,
        slots: written.marks(),
        palette,
    };
    // The template has no fallible filter, and the pen takes everything; should rendering fail all the same, the message itself stands.
    if template.render_into(&mut Pen(&written)).is_err() {
        return MailWords::plain(&mail.message).html;
    }
    written.take()
}

impl<'a> Kpi<'a> {
    fn of(label: &'a str, text: &'a KpiText, palette: &'static Palette, width: u32) -> Self {
        Self {
            label,
            value: &text.value,
            change: text.change.as_deref(),
            color: match text.good {
                Some(true) => palette.good,
                Some(false) => palette.bad,
                None => palette.muted,
            },
            tone: match text.good {
                Some(true) => "good",
                Some(false) => "bad",
                None => "muted",
            },
            compared_with: text.compared_with.as_deref(),
            width,
        }
    }
}

/// Alerts and other notes.
fn parted(mail: &MailView) -> (Vec<&str>, Vec<&str>) {
    mail.notes.iter().map(String::as_str).partition(|note| note.starts_with("Alert: "))
}

/// Paragraphs are parted by empty lines; the lines of each are kept.
fn paragraphs(message: &str) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    let mut open = false;
    for line in message.lines() {
        if line.trim().is_empty() {
            open = false;
        } else if open && let Some(last) = all.last_mut() {
            last.push(line);
        } else {
            all.push(vec![line]);
            open = true;
        }
    }
    all
}

/// What stands beside the subject in a list of mails: an alert first, then the numbers, then the first words of the message.
fn preview(mail: &MailView) -> String {
    let alert = parted(mail).0.first().map(|alert| (*alert).to_owned());
    let kpis = mail.kpis.iter().take(3).map(|(label, text)| format!("{label} {}", text.value)).collect::<Vec<_>>().join(" · ");
    let first = mail.message.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    let said = [alert, Some(kpis).filter(|kpis| !kpis.is_empty()), first, Some(mail.scheduled_for_text.clone())];
    table::shorten(&said.into_iter().flatten().next().unwrap_or_default(), 120)
}

#[cfg(test)]
mod tests;
