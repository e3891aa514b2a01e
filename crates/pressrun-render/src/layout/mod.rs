//! Pages: a report laid out on paper, as pdf or png.
//!
//! We decide where everything stands: tables are measured and cut by [`table`], tiles are put on sheets by [`flow`]. The template
//! `dashboard.typ` sets each tile at its place, with text as data and never as markup. What only the typesetter can measure
//! (headers, text tiles) is set once before, on sheets of its own, to learn its height.

mod dict;
mod drawing;
mod flow;
mod fonts;
mod glyphs;
mod markdown;
mod picture;
mod plan;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod tile;
mod world;

use std::sync::Arc;

use pressrun_domain::output::Format;
use typst::utils::Scalar;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp};
use typst_render::RenderOptions;

use self::fonts::Fonts;
use self::text::Faces;
use crate::artifact::{Artifact, Kind, Written};
use crate::chart::{Colors, Theme};
use crate::csv;
use crate::error::RenderError;
use crate::report::{RenderJob, ThemeName};

/// Pixels a point in pictures: 144 dpi.
const PIXELS: f64 = 2.0;

/// Points of a metre.
const POINTS_PER_METRE: f64 = 72.0 / 0.0254;

/// The largest picture: pixels down, and in all.
const MOST_DOWN: f64 = 30_000.0;
const MOST_PIXELS: f64 = 60e6;

/// Sheets from which on a document is long.
const LONG: usize = 12;

/// What laying out one report needs, and what is learned on the way.
struct Context<'a> {
    job: &'a RenderJob,
    theme: Theme,
    /// Of names, in all charts of the report.
    colors: Colors,
    faces: Faces,
    fonts: Arc<Fonts>,
    warnings: Vec<String>,
    /// The charts drawn, for the check of their characters.
    drawings: Vec<String>,
}

impl<'a> Context<'a> {
    fn new(job: &'a RenderJob) -> Result<Self, RenderError> {
        let fonts = fonts::load(&job.fonts);
        let theme = match job.report.theme {
            ThemeName::Light => Theme::light(),
            ThemeName::Dark => Theme::dark(),
        };
        let colors = Colors::of(&job.report, job.limits.chart_rows)?;
        Ok(Self { job, theme, colors, faces: Faces::new(&fonts), fonts, warnings: csv::warnings(job), drawings: Vec::new() })
    }
}

/// The pages as a tagged pdf with bookmarks.
pub(crate) fn write_pdf(job: &RenderJob, artifact: &mut Artifact) -> Result<Written, RenderError> {
    let mut evict = world::Evict::default();
    let (document, mut warnings) = document(job)?;
    if document.pages().len() > LONG {
        evict.age = 0;
    }
    let options = PdfOptions {
        creator: typst::foundations::Smart::Custom(Some("Pressrun".to_owned())),
        timestamp: world::moment(job.report.as_of).map(Timestamp::new_utc),
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&document, &options).map_err(|errors| RenderError::Layout { cause: world::messages(&errors) })?;
    artifact.write(&bytes)?;
    warnings.dedup();
    Ok(Written { kind: Kind::Pdf, pages: document.pages().len() as u32, warnings })
}

/// The first page as one picture, sized to its content (V10).
pub(crate) fn write_png(job: &RenderJob, artifact: &mut Artifact) -> Result<Written, RenderError> {
    let _evict = world::Evict::default();
    let (document, mut warnings) = document(job)?;
    let Some(page) = document.pages().first() else {
        return Err(RenderError::Report { cause: "it has no pages".to_owned() });
    };
    let (width, height) = (page.frame.width().to_pt(), page.frame.height().to_pt());
    let scale = PIXELS.min(MOST_DOWN / height).min((MOST_PIXELS / (width * height)).sqrt());
    if scale < PIXELS / 2.0 {
        return Err(RenderError::TooLarge { width: (width * PIXELS) as u32, height: (height * PIXELS) as u32 });
    }
    if scale < PIXELS {
        warnings.push(format!("The picture is long and was drawn at {:.0} dpi instead of 144", scale * 72.0));
    }
    if job.report.pages.len() > 1 {
        warnings.push(format!("A picture holds one page; the other {} were left out, choose pdf for all", job.report.pages.len() - 1));
    }
    let pixmap = typst_render::render(page, &RenderOptions { pixel_per_pt: Scalar::new(scale), ..RenderOptions::default() });
    let size = (pixmap.width(), pixmap.height());
    let bytes = picture::encode(pixmap.data(), size, (scale * POINTS_PER_METRE).round() as u32)
        .map_err(|error| RenderError::Layout { cause: error.to_string() })?;
    artifact.write(&bytes)?;
    Ok(Written { kind: Kind::Png, pages: 1, warnings })
}

fn document(job: &RenderJob) -> Result<(PagedDocument, Vec<String>), RenderError> {
    if job.report.pages.is_empty() {
        return Err(RenderError::Report { cause: "it has no pages".to_owned() });
    }
    let mut context = Context::new(job)?;
    let one_page = job.format == Format::Png;
    let inputs = plan::inputs(&mut context, one_page)?;
    let document = world::compile(inputs, &context.fonts, job.report.as_of)?;
    let missing = glyphs::warning(&document, context.drawings.iter().map(String::as_str), &context.fonts);
    context.warnings.extend(missing);
    Ok((document, context.warnings))
}
