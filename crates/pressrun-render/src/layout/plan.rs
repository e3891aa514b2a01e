//! The sheets of a report: their sizes, what stands on each, and where.

use jiff::tz::TimeZone;
use pressrun_domain::chart::Mark;
use pressrun_domain::output::{PaperFormat, PaperOrientation};
use pressrun_domain::text::grouped;
use typst::foundations::{Dict, Value};

use super::dict::{color, dict, list, optional, points, text, texts};
use super::flow::{self, Block, GAP, ROW};
use super::text::Weight;
use super::tile::{Body, Prepared, level_figures};
use super::{Context, markdown, world};
use crate::error::RenderError;
use crate::report::{Page, RenderJob, ThemeName, TileView};

/// Left and right of the body, on paper and in pictures, which others frame.
const MARGIN: f64 = 36.0;
const PICTURE_MARGIN: f64 = 22.0;
/// Above the header of the first sheet, and above the body of the others.
const TOP: f64 = 34.0;
const TOP_AGAIN: f64 = 46.0;
/// Below the body; the foot stands in it.
const BOTTOM: f64 = 46.0;
/// Between header and body.
const BELOW_HEADER: f64 = 14.0;

/// Most filters and notes in the head of a report.
const MOST_FILTERS: usize = 24;
const MOST_NOTES: usize = 6;

/// Room for the small texts at head and foot.
const RUNNING: f64 = 300.0;

/// Between the blocks of a text tile; as in the template.
const PROSE_GAP: f64 = 11.0;

/// Width of sheets that are sized to their content.
const FREE_WIDTH: f64 = 840.0;

/// The widest body on paper; beyond it everything grows with the paper, as large sheets are looked at from further away.
const WIDEST: f64 = 780.0;

/// The longest sheet that readers of pdf must open (ISO 32000-1, annex C.2), in points; content beyond it goes on on another.
const LONGEST: f64 = 14_400.0;

/// Columns of the grid.
const COLUMNS: f64 = 24.0;

/// A sheet before it is numbered.
struct Sheet {
    height: f64,
    items: Vec<Value>,
    /// Whether the title stands above the body in small letters.
    continued: bool,
}

/// The size of the sheets; no height when they are sized to their content.
struct Paper {
    /// Points as laid out: on the sheet, each is `zoom` points.
    width: f64,
    height: Option<f64>,
    /// What a sheet that is sized to its content may not pass.
    longest: f64,
    margin: f64,
    zoom: f64,
}

impl Paper {
    fn of(job: &RenderJob, picture: bool) -> Self {
        let free = Self { width: FREE_WIDTH, height: None, longest: LONGEST, margin: MARGIN, zoom: 1.0 };
        if picture {
            return Self { margin: PICTURE_MARGIN, longest: f64::INFINITY, ..free };
        }
        let Some((width, height)) = job.options.paper_format.unwrap_or(PaperFormat::Letter).portrait_points() else {
            return free;
        };
        let (width, height) = (f64::from(width), f64::from(height));
        let (width, height) = match job.options.paper_orientation.unwrap_or(PaperOrientation::Portrait) {
            PaperOrientation::Portrait => (width, height),
            PaperOrientation::Landscape => (height, width),
        };
        let zoom = ((width - 2.0 * MARGIN) / WIDEST).max(1.0);
        Self { width: width / zoom, height: Some(height / zoom), margin: MARGIN, zoom, ..free }
    }

    fn body_width(&self) -> f64 {
        self.width - 2.0 * self.margin
    }
}

/// Everything the template is told.
pub(super) fn inputs(context: &mut Context<'_>, picture: bool) -> Result<Dict, RenderError> {
    let paper = Paper::of(context.job, picture);
    let pages = if picture { &context.job.report.pages[..1] } else { &context.job.report.pages[..] };
    let mut sheets = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        lay_page(context, &paper, page, index, &mut sheets)?;
    }
    let most = context.job.limits.sheets.max(1) as usize;
    if sheets.len() > most {
        context.warnings.push(format!("The pdf was cut at {} of {} pages", grouped(most as u64), grouped(sheets.len() as u64)));
        sheets.truncate(most);
    }
    let count = sheets.len();
    let sheets = sheets.into_iter().enumerate().map(|(index, sheet)| {
        Value::Dict(dict([
            ("w", points(paper.width)),
            ("margin", points(paper.margin)),
            ("h", points(sheet.height)),
            ("zoom", Value::Float(paper.zoom)),
            ("items", list(sheet.items)),
            ("continued", Value::Bool(sheet.continued)),
            ("number", if count > 1 { text(format!("Page {} of {count}", index + 1)) } else { Value::None }),
        ]))
    });
    let sheets = list(sheets);
    Ok(base(context, "sheets", sheets))
}

fn base(context: &Context<'_>, mode: &str, content: Value) -> Dict {
    let report = &context.job.report;
    let theme = &context.theme;
    let dark = report.theme == ThemeName::Dark;
    let page = if dark { crate::chart::Color(14, 18, 25) } else { crate::chart::Color(255, 255, 255) };
    let warm = if dark { crate::chart::Color(42, 37, 22) } else { crate::chart::Color(255, 248, 232) };
    let failed = theme.background.mix(theme.bad, 0.07);
    let imprint = context.job.imprint.as_deref();
    dict([
        ("mode", text(mode)),
        ("content", content),
        ("title", text(title(context.job).chars().filter(|c| !c.is_control()).take(300).collect::<String>())),
        ("language", text(language(&report.language))),
        (
            "words",
            Value::Dict(dict([
                ("as_of", text(as_of(context.job))),
                ("title", text(context.faces.ellipsize(&title(context.job), 7.5, Weight::Bold, RUNNING))),
                ("imprint", optional(imprint.map(|imprint| context.faces.ellipsize(imprint, 7.0, Weight::Regular, RUNNING)))),
            ])),
        ),
        (
            "theme",
            Value::Dict(dict([
                ("page", color(page)),
                ("card", color(theme.background)),
                ("text", color(theme.text)),
                ("muted", color(theme.muted)),
                ("line", color(theme.grid.mix(theme.axis, 0.15))),
                ("axis", color(theme.axis)),
                ("accent", color(theme.series[0])),
                ("chip", color(theme.background.mix(theme.grid, 0.5))),
                ("bad", color(theme.bad)),
                ("failed", color(failed)),
                ("note", color(warm)),
                ("edge", color(crate::chart::Color(234, 179, 8))),
            ])),
        ),
    ])
}

fn lay_page(context: &mut Context<'_>, paper: &Paper, page: &Page, index: usize, sheets: &mut Vec<Sheet>) -> Result<(), RenderError> {
    let width = paper.body_width();
    let header = header(context, page, index, width);
    let alone = context.job.single_tile;
    let stacked = alone || context.job.options.single_column_layout;
    let mut tiles: Vec<&TileView> = page.tiles.iter().collect();
    // V7: reading order; the placing needs it in every case.
    tiles.sort_by_key(|tile| (tile.at.y, tile.at.x));
    let column = (width + GAP) / COLUMNS;
    let mut prepared = Vec::with_capacity(tiles.len());
    for tile in tiles {
        let x = f64::from(tile.at.x.min(23));
        let across = f64::from(tile.at.w.clamp(1, 24)).min(COLUMNS - x);
        let place = if stacked { (0.0, width) } else { (x * column, across * column - GAP) };
        prepared.push(Prepared::new(tile, place, context)?);
    }
    if !stacked {
        level_figures(&mut prepared);
    }
    let mut set = vec![(width, header.clone())];
    let proses = || prepared.iter().filter(|tile| matches!(tile.body, Body::Prose(_)));
    set.extend(proses().filter_map(|tile| Some((tile.inner_width(), prose(tile.prose()?, tile.lead())))));
    let heights = measure(context, set)?;
    let header_height = heights.first().copied().unwrap_or(0.0);
    let top_of_header = TOP.min(paper.margin);
    let first_top = top_of_header + if header_height > 0.0 { header_height + BELOW_HEADER } else { 0.0 };
    let capacity = |sheet: usize| paper.height.unwrap_or(paper.longest) - BOTTOM - if sheet == 0 { first_top } else { TOP_AGAIN };

    let parts = parts(context, proses(), &heights[1.min(heights.len())..], capacity(1))?;
    let mut measured = heights.into_iter().skip(1).zip(parts);

    let mut y = 0;
    let mut blocks: Vec<Block> = prepared
        .iter()
        .map(|tile| {
            let (needs, parts) = if matches!(tile.body, Body::Prose(_)) { measured.next().unwrap_or_default() } else { (0.0, None) };
            let mut block = tile.block(needs, parts, context);
            if alone {
                block.y = 0;
                block.h = 1;
                block.needs = block.needs.max(alone_height(tile, paper.height.map(|_| capacity(0))));
            } else if stacked {
                block.y = y;
                y += block.h;
            }
            block
        })
        .collect();
    flow::close_gaps(&mut blocks);
    let pieces = flow::place_tight(&blocks, capacity);
    let count = pieces.iter().map(|piece| piece.sheet + 1).max().unwrap_or(1);
    for sheet in 0..count {
        let top = if sheet == 0 { first_top } else { TOP_AGAIN };
        let own = || pieces.iter().filter(move |piece| piece.sheet == sheet);
        let bottom = own().map(|piece| piece.top + piece.height).fold(0.0, f64::max);
        let mut items = Vec::new();
        if sheet == 0 && header_height > 0.0 {
            let mut header = header.clone();
            for (key, value) in [("x", paper.margin), ("y", top_of_header), ("w", width)] {
                header.insert(key.into(), points(value));
            }
            items.push(Value::Dict(header));
        }
        for piece in own() {
            items.push(Value::Dict(prepared[piece.block].place(piece, (paper.margin, top), context)));
        }
        sheets.push(Sheet { height: paper.height.unwrap_or(top + bottom + BOTTOM), items, continued: sheet > 0 });
    }
    Ok(())
}

/// V11: a tile delivered alone fills the paper, but a figure, of which half a sheet is enough; without paper it gets a fitting height.
fn alone_height(tile: &Prepared<'_>, room: Option<f64>) -> f64 {
    let mark = tile.tile.data().map(|data| data.chart.mark);
    match (mark, room) {
        (Some(Mark::Kpi), room) => room.unwrap_or(f64::INFINITY).min(tile.width * 0.36),
        (Some(_), Some(room)) => room,
        (Some(Mark::Table), None) => (f64::from(tile.tile.at.h) * ROW).max(640.0),
        (Some(_), None) => tile.width * 0.62,
        (None, _) => 0.0,
    }
}

/// Heights of things set alone, each in its width.
fn measure(context: &Context<'_>, set: Vec<(f64, Dict)>) -> Result<Vec<f64>, RenderError> {
    let entries = set.into_iter().map(|(width, item)| Value::Dict(dict([("w", points(width)), ("item", Value::Dict(item))])));
    let document = world::compile(base(context, "measure", list(entries)), &context.fonts, context.job.report.as_of)?;
    Ok(document.pages().iter().map(|page| page.frame.height().to_pt()).collect())
}

/// For each text tile that is taller than a sheet, the heights of its blocks: it goes on between them (V5).
fn parts<'a>(
    context: &Context<'_>,
    tiles: impl Iterator<Item = &'a Prepared<'a>>,
    heights: &[f64],
    room: f64,
) -> Result<Vec<Option<Vec<f64>>>, RenderError> {
    tiles
        .zip(heights)
        .map(|(tile, height)| {
            if *height + tile.around() <= room {
                return Ok(None);
            }
            let blocks = tile.prose().unwrap_or_default();
            let set = blocks.iter().map(|block| (tile.inner_width(), prose(std::slice::from_ref(block), 0.0))).collect();
            let heights = measure(context, set)?;
            Ok(Some(heights.into_iter().map(|height| height + PROSE_GAP).collect()))
        })
        .collect()
}

fn prose(blocks: &[Value], lead: f64) -> Dict {
    dict([("kind", text("prose")), ("lead", points(lead)), ("value", list(blocks.iter().cloned()))])
}

/// Title, instant, filters, link and notes on the first page; its name on the others. Each is bounded, so that a head never
/// takes the sheet.
fn header(context: &Context<'_>, page: &Page, index: usize, width: f64) -> Dict {
    let (job, faces) = (context.job, &context.faces);
    let (report, options) = (&job.report, &job.options);
    let first = index == 0;
    let link = report.link.as_deref().filter(|link| first && options.show_content_link && markdown::is_address(link));
    let beside = if link.is_some() { width - 110.0 } else { width };
    let clamp = |words: &str, size: f64, weight: Weight, lines: usize| faces.clamp(words.trim(), size, weight, beside, lines);
    let page_name = page.name.as_deref().map(|name| clamp(name, 14.0, Weight::Bold, 2));
    let shown: Vec<_> = report.filters.iter().filter(|_| first && options.show_filters).collect();
    let filter = |label: &str, value: &str| {
        let label = faces.ellipsize(label, 8.0, Weight::Regular, 150.0);
        let value = faces.clamp(value, 8.0, Weight::Regular, width - 180.0, 3);
        Value::Dict(dict([("label", text(label)), ("value", text(value))]))
    };
    let mut filters: Vec<Value> = shown
        .iter()
        .take(MOST_FILTERS)
        .map(|line| filter(&line.label, if line.value.is_empty() { "any value" } else { &line.value }))
        .collect();
    if shown.len() > MOST_FILTERS {
        filters.push(filter("more", &format!("{} filters", shown.len() - MOST_FILTERS)));
    }
    let said: Vec<_> = report.notes.iter().filter(|_| first).collect();
    let mut notes: Vec<String> =
        said.iter().take(MOST_NOTES).map(|note| faces.clamp(note, 8.5, Weight::Regular, width - 20.0, 4)).collect();
    if said.len() > MOST_NOTES {
        notes.push(format!("{} more notes are in the history of this run", said.len() - MOST_NOTES));
    }
    let description = report.description.as_deref().filter(|_| first && !job.single_tile && !options.hide_title);
    dict([
        ("kind", text("header")),
        ("title", optional((first && !options.hide_title).then(|| clamp(&title(job), 20.0, Weight::Bold, 3)))),
        ("description", optional(description.map(|words| clamp(words, 9.5, Weight::Regular, 4)))),
        ("as_of", optional(first.then(|| as_of(job)))),
        ("page", optional(page_name)),
        ("link", optional(link)),
        ("filters", list(filters)),
        ("notes", texts(notes)),
    ])
}

/// V11: the title of a tile delivered alone is its own.
fn title(job: &RenderJob) -> String {
    let alone = job.report.pages.iter().flat_map(|page| &page.tiles).next().filter(|tile| job.single_tile && !tile.title.is_empty());
    alone.map_or_else(|| job.report.title.clone(), |tile| tile.title.clone())
}

fn as_of(job: &RenderJob) -> String {
    let zone = TimeZone::get(&job.report.zone).unwrap_or(TimeZone::UTC);
    job.report.as_of.to_zoned_datetime(zone).strftime("%B %-d, %Y, %H:%M %Z").to_string()
}

/// The two or three letters that the typesetter knows a language by.
fn language(tag: &str) -> String {
    let primary = tag.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase();
    let valid = (2..=3).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    if valid { primary } else { "en".to_owned() }
}
