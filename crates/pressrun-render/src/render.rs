//! One job, one file.

use std::path::Path;

use pressrun_domain::output::Format;
use pressrun_domain::text::grouped;

use crate::artifact::{Artifact, Rendered};
use crate::error::RenderError;
use crate::report::RenderJob;
use crate::{csv, json, layout, xlsx};

/// Writes the artifact of `job` to `out` and says what it wrote. Equal jobs give equal bytes (V9).
///
/// # Errors
/// Every [`RenderError`]; in each case `out` does not exist afterwards.
pub fn render(job: &RenderJob, out: &Path) -> Result<Rendered, RenderError> {
    let mut artifact = Artifact::create(out)?;
    let written = match job.format {
        Format::Csv => csv::write(job, &mut artifact)?,
        Format::Json => json::write(job, &mut artifact)?,
        Format::Xlsx => xlsx::write(job, &mut artifact)?,
        Format::Pdf => layout::write_pdf(job, &mut artifact)?,
        Format::Png => layout::write_png(job, &mut artifact)?,
        Format::LinkOnly => return Err(RenderError::NoFile { format: job.format.to_string() }),
    };
    artifact.finish(written)
}

/// The warning about rows that a query left out (R11).
pub(crate) fn cut_warning(title: &str, limit: u64) -> String {
    format!("\"{title}\" stops at its limit of {} rows", grouped(limit))
}
