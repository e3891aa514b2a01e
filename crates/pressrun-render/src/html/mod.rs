//! A dashboard as HTML fragments, one a tile, for the web pages.
//!
//! Charts are the drawings that pages and mail show ([`crate::chart::draw`]); tables are real tables. Text from data and titles
//! is escaped, markdown keeps no HTML of its own and no image from elsewhere, so a page may insert a fragment as it is (V12).
//! The fragments are made in a child process and cross its border as JSON.
//!
//! Classes that a style sheet has to know: `chart` (with `wide` and `narrow` drawings of the same chart), `table` with `num`,
//! `mid`, `bar`, `bar neg`, `heat` and `total`, `prose`, `empty`, `failed` and `note`. A bar reaches from `--a` to `--b` of its
//! cell.

mod drawing;
mod markdown;
mod table;
#[cfg(test)]
mod tests;

use pressrun_domain::catalog::GridPosition;
use pressrun_domain::chart::Mark;
use pressrun_domain::text::escaped_without;
use serde::{Deserialize, Serialize};

use crate::chart::{Colors, Theme};
use crate::error::RenderError;
use crate::escape::turns;
use crate::report::{RenderLimits, Report, ThemeName, TileContent, TileView};

/// The tiles of one page of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageTiles {
    /// The page's name when the dashboard has several.
    pub name: Option<String>,
    /// Tiles in dashboard order.
    pub tiles: Vec<TileHtml>,
}

/// One tile as HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TileHtml {
    /// Query map key.
    pub key: String,
    /// Title as plain text, not escaped; text tiles have none.
    pub title: String,
    /// Smaller text under the title, as plain text.
    pub subtitle: Option<String>,
    /// Where it stands on the 24-column grid.
    pub at: GridPosition,
    /// What it shows, as inert HTML.
    pub html: String,
}

/// Every tile of `report` as HTML.
///
/// A tile whose query failed, or whose chart does not fit its rows, becomes a labelled box; one without rows says "No results" (V13).
///
/// # Errors
/// [`RenderError::Rows`]: the rows of a tile cannot be read.
pub fn dashboard_html(report: &Report, theme: ThemeName) -> Result<Vec<PageTiles>, RenderError> {
    let theme = match theme {
        ThemeName::Light => Theme::light(),
        ThemeName::Dark => Theme::dark(),
    };
    let colors = Colors::of(report, RenderLimits::default().chart_rows)?;
    let page = |page: &crate::report::Page| -> Result<PageTiles, RenderError> {
        let tiles = page.tiles.iter().map(|tile| tile_html(report, tile, &theme, &colors)).collect::<Result<_, _>>()?;
        Ok(PageTiles { name: page.name.clone(), tiles })
    };
    report.pages.iter().map(page).collect()
}

fn tile_html(report: &Report, tile: &TileView, theme: &Theme, colors: &Colors) -> Result<TileHtml, RenderError> {
    let html = match &tile.content {
        TileContent::Markdown(text) => markdown::html(text, report),
        TileContent::Failed { message } => failed(message),
        TileContent::Data(data) if data.chart.mark == Mark::Table => table::html(report, tile, data, theme, colors)?,
        TileContent::Data(data) => drawing::html(report, tile, data, theme, colors)?,
    };
    Ok(TileHtml { key: tile.key.clone(), title: tile.title.clone(), subtitle: tile.subtitle.clone(), at: tile.at, html })
}

/// The labelled box of a tile that cannot be shown (V13).
fn failed(message: &str) -> String {
    format!("<div class=\"failed\" role=\"note\"><strong>This tile could not be shown</strong><p>{}</p></div>", escape(message))
}

/// What stands in place of rows that are not there (V13).
fn no_results() -> String {
    "<p class=\"empty\">No results</p>".to_owned()
}

/// Notes under a tile: cuts and what a chart left out (R11).
fn notes(notes: &[String]) -> String {
    notes.iter().fold(String::new(), |out, note| out + "<p class=\"note\">" + &escape(note) + "</p>")
}

/// Text as HTML character data or attribute value; control characters and those that turn the order of text are dropped.
fn escape(text: &str) -> String {
    escaped_without(text, |c| !matches!(c, '\n' | '\t') && (c.is_control() || turns(c)))
}
