//! Record batches and layout to csv, json, xlsx, pdf, png and email HTML; pure and synchronous.
//!
//! A [`report::RenderJob`] says what is shown and in which format; [`render`] writes one artifact file and tells what it
//! wrote. Everything that may vary is in the job (the instant, the zone, the fonts), so equal jobs give equal bytes (V9):
//! no clock, no network and no store is seen here. A job is plain data and so is [`RenderError`], because the work runs
//! in a child process that can be killed.
//!
//! # Adding a format
//! One module with a function `write(job, sink) -> Result<Written, RenderError>`, one arm in [`render`], a media type and
//! an extension in [`artifact`]. Rows are pulled batch by batch from [`rows`]; nothing collects them.
//!
//! # The parts
//! - [`report`]: the model, [`artifact`]: the file that is written, hashed and removed on failure.
//! - `csv`, `json`, `xlsx`: streamed in constant memory (R3 to R9).
//! - `layout`: pages; tiles are placed by us, typeset by Typst, drawn once for pdf and png (V1 to V13).
//! - [`chart`] and [`format`]: drawings as SVG, values as text.
//! - [`email`]: the message that carries the artifact (D11).

pub mod artifact;
mod cells;
pub mod chart;
mod columns;
mod csv;
pub mod email;
pub mod error;
mod escape;
pub mod format;
pub mod html;
mod json;
mod layout;
mod names;
mod render;
pub mod report;
pub mod rows;
mod sections;
pub mod svg;
#[cfg(test)]
mod testing;
mod tokens;
mod tones;
#[cfg(test)]
mod tones_tests;
mod totals;
mod xlsx;

pub use artifact::Rendered;
pub use email::{InlineImage, MailView, mail_words};
pub use error::RenderError;
pub use render::render;
pub use report::{FilterLine, Page, RenderJob, RenderLimits, Report, Rows, ThemeName, TileContent, TileData, TileView, Truncated};
pub use svg::svg_to_png;
