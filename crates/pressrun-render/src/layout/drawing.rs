//! Lines and boxes of text that are placed by us, as one element of the page.
//!
//! A table of 2,000 rows has some 15,000 cells; as typesetter elements each costs tens of microseconds, as glyphs in a frame
//! about one. A [`Drawing`] is a list of such strokes; [`Drawing::content`] makes it an element whose layouter writes them
//! into a frame. Tables are told as tables to readers who do not see them, and text stays text: it is selected and found in the pdf as any other.

use std::num::NonZeroU32;
use std::sync::Arc;

use typst::World;
use typst::diag::SourceResult;
use typst::engine::Engine;
use typst::foundations::{Bytes, Content, NativeElement, Packed, Smart, StyleChain, Value};
use typst::introspection::{Location, Locator, MetadataElem, SplitLocator, Tag, TagFlags};
use typst::layout::resolve::{Cell, CellGrid};
use typst::layout::{Abs, Axes, BlockElem, Em, Frame, FrameItem, Point, Region, Size, Sizing};
use typst::model::{TableCell, TableElem};
use typst::pdf::{TableCellKind, TableHeaderScope};
use typst::syntax::Span;
use typst::text::{FontVariations, Glyph, TextElem, TextItem};
use typst::visualize::{Color as Paint, Geometry};
use unicode_width::UnicodeWidthChar;

use super::text::{Faces, Found, Weight};
use crate::chart::Color;

const RECTANGLE: u8 = 0;
const TEXT: u8 = 1;
const TABLE: u8 = 2;
const END_TABLE: u8 = 3;
const CELL: u8 = 4;
const END_CELL: u8 = 5;

/// Strokes in the order they are painted; points from the top left.
///
/// Kept as bytes, since that is what an element can carry through the typesetter's cache.
pub(super) struct Drawing {
    bytes: Vec<u8>,
    /// Whether tables and cells are told to readers who do not see.
    structured: bool,
}

impl Drawing {
    /// An empty drawing; `structured` when its tables are told as such, at some 120 bytes of pdf a cell.
    pub(super) fn new(structured: bool) -> Self {
        Self { bytes: Vec::new(), structured }
    }

    pub(super) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        self.bytes.push(RECTANGLE);
        self.numbers(&[x, y, width, height]);
        self.bytes.extend_from_slice(&[color.0, color.1, color.2]);
    }

    /// A line of text whose baseline starts at (`x`, `y`); one run a font, a box for each character without a glyph.
    pub(super) fn text(&mut self, faces: &Faces, x: f64, y: f64, text: &str, style: Style) {
        let mut at = x;
        let seen = |c: char| faces.find(c, style.weight).or_else(|| is_visible(c).then(|| faces.missing(style.weight)));
        let mut rest = text.chars().filter_map(|c| Some((c, seen(c)?))).peekable();
        while let Some((first, found)) = rest.next() {
            let font = found.font;
            let (mut run, mut glyphs, mut width) = (String::new(), Vec::new(), 0.0);
            let mut push = |c: char, found: &Found| {
                run.push(c);
                glyphs.extend_from_slice(&found.glyph.to_le_bytes());
                width += found.advance * style.size;
            };
            push(first, &found);
            while let Some((c, next)) = rest.next_if(|(_, next)| next.font == font) {
                push(c, &next);
            }
            self.bytes.push(TEXT);
            self.numbers(&[at, y, style.size]);
            self.bytes.extend_from_slice(&[style.color.0, style.color.1, style.color.2]);
            self.bytes.extend_from_slice(&(font as u32).to_le_bytes());
            self.bytes.extend_from_slice(&(run.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(run.as_bytes());
            // As many glyphs as characters.
            self.bytes.extend_from_slice(&glyphs);
            at += width;
        }
    }

    /// Says to readers who do not see that what follows is a table; every cell of it must be told, also the empty ones.
    pub(super) fn start_table(&mut self, columns: usize, rows: usize) {
        self.mark(TABLE, &[columns, rows]);
    }

    pub(super) fn end_table(&mut self) {
        self.mark(END_TABLE, &[]);
    }

    /// A cell of the table; row 0 is the head.
    pub(super) fn start_cell(&mut self, column: usize, row: usize) {
        self.mark(CELL, &[column, row]);
    }

    pub(super) fn end_cell(&mut self) {
        self.mark(END_CELL, &[]);
    }

    fn mark(&mut self, kind: u8, counts: &[usize]) {
        if !self.structured {
            return;
        }
        self.bytes.push(kind);
        for count in counts {
            self.bytes.extend_from_slice(&(*count as u32).to_le_bytes());
        }
    }

    fn numbers(&mut self, numbers: &[f64]) {
        for number in numbers {
            self.bytes.extend_from_slice(&(*number as f32).to_le_bytes());
        }
    }

    /// The strokes as an element of `width` by `height` points.
    pub(super) fn content(self, width: f64, height: f64) -> Content {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 8);
        bytes.extend_from_slice(&(width as f32).to_le_bytes());
        bytes.extend_from_slice(&(height as f32).to_le_bytes());
        bytes.extend_from_slice(&self.bytes);
        BlockElem::single_layouter(Packed::new(MetadataElem::new(Value::Bytes(Bytes::new(bytes)))), layout).pack()
    }
}

/// Whether a character takes room of its own.
fn is_visible(c: char) -> bool {
    !c.is_whitespace() && c.width().is_some_and(|width| width > 0)
}

/// How a line of text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f64,
    pub(super) weight: Weight,
    pub(super) color: Color,
}

#[expect(clippy::unnecessary_wraps, reason = "the typesetter calls it")]
fn layout(captured: &Packed<MetadataElem>, engine: &mut Engine, locator: Locator, styles: StyleChain, _: Region) -> SourceResult<Frame> {
    let Value::Bytes(bytes) = &captured.value else { return Ok(Frame::soft(Size::zero())) };
    let mut reader = Reader { bytes: bytes.as_slice(), locator: locator.split(), open: Vec::new() };
    let size = reader.number().zip(reader.number()).map_or(Size::zero(), |(width, height)| Size::new(width, height));
    let mut frame = Frame::soft(size);
    while let Some((at, item)) = reader.stroke(engine, styles) {
        frame.push(at, item);
    }
    Ok(frame)
}

/// Tags that only structure: nothing in the template asks where they are.
const STRUCTURE: TagFlags = TagFlags { introspectable: false, tagged: true };

/// Reads back what [`Drawing`] wrote; `None` at the end.
struct Reader<'a> {
    bytes: &'a [u8],
    locator: SplitLocator<'a>,
    /// Tables and cells that are not closed yet.
    open: Vec<Location>,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*head)
    }

    fn slice(&mut self, length: usize) -> Option<&[u8]> {
        let (head, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(head)
    }

    fn number(&mut self) -> Option<Abs> {
        Some(Abs::pt(f32::from_le_bytes(self.take()?).into()))
    }

    fn count(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(self.take()?) as usize)
    }

    fn paint(&mut self) -> Option<Paint> {
        let [red, green, blue] = self.take()?;
        Some(Paint::from_u8(red, green, blue, 255))
    }

    fn stroke(&mut self, engine: &mut Engine, styles: StyleChain) -> Option<(Point, FrameItem)> {
        let [kind] = self.take()?;
        match kind {
            RECTANGLE => {
                let at = Point::new(self.number()?, self.number()?);
                let size = Size::new(self.number()?, self.number()?);
                let fill = self.paint()?;
                Some((at, FrameItem::Shape(Geometry::Rect(size).filled(fill), Span::detached())))
            }
            TEXT => {
                let at = Point::new(self.number()?, self.number()?);
                Some((at, FrameItem::Text(self.text(engine, styles)?)))
            }
            TABLE => {
                let (columns, rows) = (self.count()?, self.count()?);
                let mut table = TableElem::new(Vec::new());
                let cells = (0..columns * rows).map(|_| Cell::new(Content::empty()));
                let tracks = vec![Sizing::Auto; columns];
                table.grid = Some(Arc::new(CellGrid::new(Axes::new(&tracks, &[]), Axes::new(&[], &[]), cells)));
                Some(self.open(engine, table.pack()))
            }
            CELL => {
                let (column, row) = (self.count()?, self.count()?);
                let mut cell = TableCell::new(Content::empty()).with_x(Smart::Custom(column)).with_y(Smart::Custom(row));
                if row == 0 {
                    cell = cell.with_kind(Smart::Custom(TableCellKind::Header(NonZeroU32::MIN, TableHeaderScope::Column)));
                }
                Some(self.open(engine, cell.pack()))
            }
            END_TABLE | END_CELL => {
                let location = self.open.pop()?;
                Some((Point::zero(), FrameItem::Tag(Tag::End(location, 0, STRUCTURE))))
            }
            _ => None,
        }
    }

    fn open(&mut self, engine: &mut Engine, mut element: Content) -> (Point, FrameItem) {
        let location = self.locator.next_location(engine, 0, Span::detached());
        element.set_location(location);
        self.open.push(location);
        (Point::zero(), FrameItem::Tag(Tag::Start(element, STRUCTURE)))
    }

    fn text(&mut self, engine: &Engine, styles: StyleChain) -> Option<TextItem> {
        let size = self.number()?;
        let fill = self.paint()?;
        let font = self.count()?;
        let length = self.count()?;
        let text = String::from_utf8_lossy(self.slice(length)?).into_owned();
        let font = engine.world.font(font)?;
        let variant = font.info().variant;
        let font = font.instantiate(variant, Abs::pt(8.0), &FontVariations::default());
        let mut glyphs = Vec::with_capacity(text.len());
        for (start, c) in text.char_indices() {
            let id = u16::from_le_bytes(self.take()?);
            glyphs.push(Glyph {
                id,
                x_advance: font.x_advance(id).unwrap_or(Em::zero()),
                x_offset: Em::zero(),
                y_advance: Em::zero(),
                y_offset: Em::zero(),
                range: start as u16..(start + c.len_utf8()) as u16,
                span: (Span::detached(), 0),
            });
        }
        Some(TextItem {
            font,
            size,
            fill: fill.into(),
            stroke: None,
            lang: styles.get(TextElem::lang),
            region: styles.get(TextElem::region),
            text: text.into(),
            glyphs,
        })
    }
}
