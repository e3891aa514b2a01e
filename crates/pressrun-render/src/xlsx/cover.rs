//! The first sheet: what this is, as of when, with which filters, and what is missing (V8, R11).

use jiff::tz::TimeZone;
use rust_xlsxwriter::{Color, Format, FormatAlign, Url, Worksheet, XlsxError};

use super::cell::clean;
use crate::csv::warnings;
use crate::report::RenderJob;

/// The longest address that a spreadsheet makes a link of.
const LINK_LENGTH: usize = 2_080;

/// Whether there is something to say: filters, a link, notes or cuts.
pub(super) fn is_wanted(job: &RenderJob) -> bool {
    let filters = job.options.show_filters && !job.report.filters.is_empty();
    let link = job.options.show_content_link && job.report.link.is_some();
    filters || link || !job.report.notes.is_empty() || !warnings(job).is_empty()
}

pub(super) fn write(job: &RenderJob, sheets: &[(&str, &str)], sheet: &mut Worksheet) -> Result<(), XlsxError> {
    let report = &job.report;
    let muted = Format::new().set_font_color(Color::RGB(0x5C_68_7A)).set_align(FormatAlign::Top);
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let section = Format::new().set_bold();
    let mut row = 0;
    sheet.set_screen_gridlines(false);
    sheet.set_column_width(0, 24)?.set_column_width(1, 72)?;
    sheet.set_print_fit_to_pages(1, 0);

    let title = if job.single_tile {
        report.data_tiles().next().map_or(report.title.as_str(), |(tile, _)| tile.title.as_str())
    } else {
        &report.title
    };
    sheet.write_string_with_format(row, 0, clean(title), &Format::new().set_bold().set_font_size(16))?;
    row += 1;
    if let Some(description) = &report.description {
        sheet.write_string_with_format(row, 0, clean(description), &muted)?;
        row += 1;
    }
    let zone = TimeZone::get(&report.zone).unwrap_or(TimeZone::UTC);
    let as_of = report.as_of.to_zoned_datetime(zone).strftime("%B %-d, %Y, %H:%M (%Z)").to_string();
    row += 1;
    sheet.write_string_with_format(row, 0, "As of", &muted)?.write_string_with_format(row, 1, as_of, &wrapped)?;
    row += 1;
    sheet.write_string_with_format(row, 0, "Time zone", &muted)?.write_string_with_format(row, 1, clean(&report.zone), &wrapped)?;
    row += 1;
    if let Some(link) = report.link.as_ref().filter(|_| job.options.show_content_link) {
        sheet.write_string_with_format(row, 0, "Dashboard", &muted)?;
        let web = link.starts_with("https://") || link.starts_with("http://");
        if web && link.len() <= LINK_LENGTH {
            sheet.write_url(row, 1, Url::new(link.as_str()).set_text(clean(link)))?;
        } else {
            sheet.write_string_with_format(row, 1, clean(link), &wrapped)?;
        }
        row += 1;
    }
    if job.options.show_filters && !report.filters.is_empty() {
        row += 1;
        sheet.write_string_with_format(row, 0, "Filters", &section)?;
        row += 1;
        for line in &report.filters {
            let value = if line.value.is_empty() { "any value" } else { &line.value };
            sheet.write_string_with_format(row, 0, clean(&line.label), &muted)?.write_string_with_format(row, 1, clean(value), &wrapped)?;
            row += 1;
        }
    }
    let notes: Vec<String> = report.notes.iter().cloned().chain(warnings(job)).collect();
    if !notes.is_empty() {
        row += 1;
        sheet.write_string_with_format(row, 0, "Notes", &section)?;
        row += 1;
        for note in &notes {
            sheet.write_string_with_format(row, 1, clean(note), &wrapped)?;
            row += 1;
        }
    }
    row += 1;
    sheet.write_string_with_format(row, 0, "Sheets", &section)?;
    row += 1;
    for (name, title) in sheets {
        let target = format!("internal:'{}'!A1", name.replace('\'', "''"));
        sheet.write_url(row, 0, Url::new(target).set_text(*name))?;
        if name != title {
            sheet.write_string_with_format(row, 1, clean(title), &wrapped)?;
        }
        row += 1;
    }
    Ok(())
}
