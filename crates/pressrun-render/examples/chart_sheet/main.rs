//! Draws every mark with ordinary and odd data into a folder: contact sheets as PNG, one HTML page with all of them.
//!
//! `cargo run -p pressrun-render --example chart_sheet -- OUT_DIR [FONT_FILE …]`

mod cases;
mod data;

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use pressrun_render::chart::{ChartInput, Size, Theme, draw};
use resvg::{tiny_skia, usvg};

use crate::cases::{Case, cases};

/// Cards in a row of a sheet, and rows on one.
const ACROSS: usize = 3;
const DOWN: usize = 4;
/// Pixels a point.
const SCALE: f64 = 2.0;
const PADDING: f64 = 14.0;
const CARD: (f64, f64) = (300.0, 232.0);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or("usage: chart_sheet OUT_DIR [FONT_FILE …]")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let mut fonts = usvg::fontdb::Database::new();
    for font in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
        fonts.load_font_data(font.to_vec());
    }
    for file in arguments {
        fonts.load_font_data(std::fs::read(file)?);
    }
    let options = usvg::Options { fontdb: Arc::new(fonts), font_family: "Noto Sans".to_owned(), ..usvg::Options::default() };
    for (name, theme) in [("light", Theme::light()), ("dark", Theme::dark())] {
        let mut html = format!(
            "<!doctype html><meta charset=utf-8><title>Charts</title><body style=\"background:{};display:flex;flex-wrap:wrap;gap:16px;font:13px sans-serif;color:{}\">\n",
            page(&theme),
            theme.text
        );
        let all = cases();
        for (number, chunk) in all.chunks(ACROSS * DOWN).enumerate() {
            let mut sheet = Sheet::new(&theme);
            for case in chunk {
                let card = draw_case(case, &theme)?;
                let _ = writeln!(
                    html,
                    "<figure style=\"margin:0;background:{};padding:14px;border-radius:8px\"><figcaption style=\"margin-bottom:8px\">{}</figcaption>{}<details><summary>alt</summary><p style=\"width:{}px\">{}</p></details></figure>",
                    theme.background, card.title, card.svg, case.size.width, card.alt
                );
                sheet.add(&card);
            }
            let png = rasterize(&sheet.finish(), &options)?;
            std::fs::write(folder.join(format!("{name}-{}.png", number + 1)), png)?;
        }
        std::fs::write(folder.join(format!("{name}.html")), html)?;
    }
    Ok(())
}

struct Card {
    title: String,
    svg: String,
    alt: String,
    size: Size,
}

fn draw_case(case: &Case, theme: &Theme) -> Result<Card, Box<dyn Error>> {
    let input = ChartInput { chart: &case.chart, batches: &case.batches, fields: &case.fields, zone: "America/New_York" };
    let drawn = draw(&input, case.size, theme)?;
    let notes = if drawn.notes.is_empty() { String::new() } else { format!(" — {}", drawn.notes.join("; ")) };
    let kilobytes = drawn.svg.len() / 1024;
    let weight = if kilobytes > 30 { format!(" [{kilobytes} kB]") } else { String::new() };
    let title = format!("{}{notes}{weight}", case.title).replace('&', "&amp;").replace('<', "&lt;");
    Ok(Card { title, svg: drawn.svg, alt: drawn.alt.replace('&', "&amp;").replace('<', "&lt;"), size: case.size })
}

/// The colour behind the cards.
fn page(theme: &Theme) -> String {
    theme.background.mix(theme.text, 0.05).to_string()
}

/// Cards on a grid, as one drawing.
struct Sheet<'a> {
    theme: &'a Theme,
    body: String,
    count: usize,
}

impl<'a> Sheet<'a> {
    fn new(theme: &'a Theme) -> Self {
        Self { theme, body: String::new(), count: 0 }
    }

    fn add(&mut self, card: &Card) {
        let (x, y) = (10.0 + (self.count % ACROSS) as f64 * (CARD.0 + 10.0), 10.0 + (self.count / ACROSS) as f64 * (CARD.1 + 10.0));
        let _ = write!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"7\" fill=\"{}\"/>",
            CARD.0, CARD.1, self.theme.background
        );
        let short: String = card.title.chars().take(70).collect();
        let _ = write!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"7.5\" font-weight=\"700\" fill=\"{}\">{}</text>",
            x + PADDING,
            y + 17.0,
            self.theme.text,
            short.split('&').next().unwrap_or("")
        );
        let top = y + 28.0 + (CARD.1 - 28.0 - PADDING - card.size.height).max(0.0) / 2.0;
        let nested = card.svg.replacen("<svg ", &format!("<svg x=\"{}\" y=\"{top}\" ", x + PADDING), 1);
        self.body.push_str(&nested);
        self.count += 1;
    }

    fn finish(&self) -> String {
        let rows = self.count.div_ceil(ACROSS);
        let (width, height) = (10.0 + ACROSS as f64 * (CARD.0 + 10.0), 10.0 + rows as f64 * (CARD.1 + 10.0));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"Noto Sans\"><rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>{}</svg>",
            page(self.theme),
            self.body
        )
    }
}

fn rasterize(svg: &str, options: &usvg::Options<'_>) -> Result<Vec<u8>, Box<dyn Error>> {
    let tree = usvg::Tree::from_str(svg, options)?;
    let size = tree.size();
    let (width, height) = ((f64::from(size.width()) * SCALE) as u32, (f64::from(size.height()) * SCALE) as u32);
    let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or("a sheet without size")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE as f32, SCALE as f32), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}
