//! Widths and lines of text in the fonts that will be drawn.

use std::sync::{Arc, LazyLock};

use icu_segmenter::options::LineBreakOptions;
use icu_segmenter::{LineSegmenter, LineSegmenterBorrowed};
use typst::layout::{Abs, Em};
use typst::text::{FontInstance, FontVariations, FontWeight};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use super::fonts::{FALLBACKS, Fonts};

/// Weight of text in tables and titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The fonts, ready to look up glyphs.
pub(super) struct Faces {
    instances: Vec<FontInstance>,
    /// Fonts in the order in which they are asked for a character, for regular and for bold text.
    order: [Vec<usize>; 2],
    /// Advances of ASCII in ems, regular and bold.
    ascii: [[f64; 128]; 2],
}

/// A glyph of one character.
pub(super) struct Found {
    /// The font's place in the list of fonts.
    pub(super) font: usize,
    pub(super) glyph: u16,
    /// Advance in ems.
    pub(super) advance: f64,
}

impl Faces {
    pub(super) fn new(fonts: &Arc<Fonts>) -> Self {
        let instances = fonts
            .fonts
            .iter()
            .map(|font| font.clone().instantiate(font.info().variant, Abs::pt(8.0), &FontVariations::default()))
            .collect();
        let heavy = |font: &usize| fonts.fonts.get(*font).is_some_and(|font| font.info().variant.weight >= FontWeight::SEMIBOLD);
        let order = [Weight::Regular, Weight::Bold].map(|weight| {
            let bold = weight == Weight::Bold;
            let mut others: Vec<usize> = (FALLBACKS..fonts.fonts.len()).collect();
            // Those of the other weight come last.
            others.sort_by_key(|font| heavy(font) != bold);
            std::iter::once(usize::from(bold)).chain(others).collect()
        });
        let mut this = Self { instances, order, ascii: [[0.6; 128]; 2] };
        for (slot, weight) in [Weight::Regular, Weight::Bold].into_iter().enumerate() {
            for code in 0_u8..128 {
                if let Some(found) = this.find(char::from(code), weight) {
                    this.ascii[slot][usize::from(code)] = found.advance;
                }
            }
        }
        this
    }

    /// The glyph of a character: Noto Sans in the weight, else another font that has it, rather of the same weight.
    pub(super) fn find(&self, c: char, weight: Weight) -> Option<Found> {
        let order = &self.order[usize::from(weight == Weight::Bold)];
        order.iter().find_map(|font| {
            let face = self.instances.get(*font)?;
            let glyph = face.ttf().glyph_index(c)?.0;
            Some(Found { font: *font, glyph, advance: face.x_advance(glyph)?.get() })
        })
    }

    /// The box that stands for a character without a glyph.
    pub(super) fn missing(&self, weight: Weight) -> Found {
        let font = usize::from(weight == Weight::Bold);
        let advance = self.instances.get(font).and_then(|face| face.x_advance(0)).map_or(0.6, Em::get);
        Found { font, glyph: 0, advance }
    }

    /// Whether a text is set right glyph by glyph: no ligating, stacking or right-to-left script, and a glyph for every character.
    pub(super) fn is_simple(&self, text: &str) -> bool {
        text.is_ascii() || text.chars().all(|c| c.is_ascii() || (is_simple_script(c) && self.find(c, Weight::Regular).is_some()))
    }

    /// Width in points.
    pub(super) fn width(&self, text: &str, size: f64, weight: Weight) -> f64 {
        let ascii = &self.ascii[usize::from(weight == Weight::Bold)];
        let ems: f64 = text
            .chars()
            .map(|c| match ascii.get(c as usize) {
                Some(advance) => *advance,
                None => self.find(c, weight).map_or_else(|| fallback_advance(c), |found| found.advance),
            })
            .sum();
        ems * size
    }

    /// The text if it fits `room` points, else as much as fits with an ellipsis.
    pub(super) fn ellipsize(&self, text: &str, size: f64, weight: Weight, room: f64) -> String {
        if self.width(text, size, weight) <= room {
            return text.to_owned();
        }
        self.head(text, size, weight, room - self.width("…", size, weight), "…")
    }

    fn head(&self, text: &str, size: f64, weight: Weight, room: f64, end: &str) -> String {
        let (mut out, mut used) = (String::new(), 0.0);
        for grapheme in text.graphemes(true) {
            used += self.width(grapheme, size, weight);
            if used > room {
                break;
            }
            out.push_str(grapheme);
        }
        format!("{}{end}", out.trim_end())
    }

    /// The text if it stands in `most` lines of `room` points, else as much as does with an ellipsis.
    pub(super) fn clamp(&self, text: &str, size: f64, weight: Weight, room: f64, most: usize) -> String {
        // A little room for the typesetter to break elsewhere.
        let lines = self.wrap(text, size, weight, room * 0.98, most);
        let whole = lines.iter().map(|line| line.split_whitespace().map(str::len).sum::<usize>()).sum::<usize>();
        if whole >= text.split_whitespace().map(str::len).sum() { text.to_owned() } else { lines.join(" ") }
    }

    /// Lines of at most `room` points, broken where Unicode allows (UAX #14: not before a comma, not within `23:57`) and, where
    /// even that leaves more than a line, within a word.
    ///
    /// Beyond `most` lines the last one ends in an ellipsis. Line breaks in the text are kept.
    pub(super) fn wrap(&self, text: &str, size: f64, weight: Weight, room: f64, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            self.wrap_paragraph(paragraph.trim_end_matches('\r'), size, weight, room, most, &mut lines);
            if lines.len() > most {
                break;
            }
        }
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                let room = room - self.width("…", size, weight);
                *last = self.head(last, size, weight, room, "…");
            }
        }
        lines
    }

    /// Adds the lines of one paragraph, and no more than one beyond `most`.
    fn wrap_paragraph(&self, paragraph: &str, size: f64, weight: Weight, room: f64, most: usize, lines: &mut Vec<String>) {
        let (mut line, mut used) = (String::new(), 0.0);
        let mut end_line = |line: &mut String| {
            lines.push(std::mem::take(line).trim_end().to_owned());
            lines.len() > most
        };
        for piece in unbroken(paragraph) {
            let visible = self.width(piece.trim_end(), size, weight);
            if used + visible > room {
                if !line.trim().is_empty() && end_line(&mut line) {
                    return;
                }
                line.clear();
                used = 0.0;
            }
            if visible <= room {
                line.push_str(piece);
                used += self.width(piece, size, weight);
                continue;
            }
            for grapheme in piece.graphemes(true) {
                let width = self.width(grapheme, size, weight);
                if used + width > room && !line.is_empty() {
                    if end_line(&mut line) {
                        return;
                    }
                    used = 0.0;
                }
                line.push_str(grapheme);
                used += width;
            }
        }
        end_line(&mut line);
    }
}

/// The pieces of a text that a line should not break within, each with the spaces behind it.
fn unbroken(text: &str) -> impl Iterator<Item = &str> {
    static SEGMENTER: LazyLock<LineSegmenterBorrowed<'static>> = LazyLock::new(|| LineSegmenter::new_auto(LineBreakOptions::default()));
    let mut start = 0;
    SEGMENTER.segment_str(text).skip(1).filter_map(move |end| text.get(std::mem::replace(&mut start, end)..end))
}

/// Whether a character is one to draw: no control, and no mark that only picks one of two looks of the sign before it.
pub(super) fn has_shape(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fe0e}' | '\u{fe0f}')
}

fn fallback_advance(c: char) -> f64 {
    match c.width() {
        Some(2) => 1.0,
        Some(0) | None => 0.0,
        Some(_) => 0.6,
    }
}

/// Scripts whose letters stand one after the other, left to right, each in one form.
fn is_simple_script(c: char) -> bool {
    matches!(c as u32,
        0xa0..=0xac | 0xae..=0x2ff | 0x370..=0x482 | 0x48a..=0x52f | 0x531..=0x58f | 0x10a0..=0x10ff | 0x1e00..=0x1fff
        | 0x2010..=0x2027 | 0x2030..=0x205e | 0x202f | 0x2009 | 0x2002 | 0x2003 | 0x2070..=0x209f | 0x20a0..=0x20bf | 0x2100..=0x218f
        | 0x2190..=0x25ff | 0x2e80..=0x9fff | 0xac00..=0xd7a3 | 0xff01..=0xffe6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces() -> Faces {
        Faces::new(&super::super::fonts::load(&[]))
    }

    #[test]
    fn lines_break_between_words_and_no_line_is_too_wide() {
        let faces = faces();
        for text in [
            "A sentence that has to be broken into several lines of text",
            "Donaudampfschifffahrtsgesellschaftskapitän",
            "two\nparagraphs here",
            "",
        ] {
            for room in [30.0, 60.0, 500.0] {
                let lines = faces.wrap(text, 8.0, Weight::Regular, room, 20);
                assert!(lines.iter().all(|line| faces.width(line, 8.0, Weight::Regular) <= room), "{lines:?}");
                let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
                assert_eq!(letters(&lines.concat()), letters(text), "nothing is lost");
            }
        }
        assert_eq!(faces.wrap("one two three four", 8.0, Weight::Regular, 34.0, 2).len(), 2);
        assert!(faces.wrap("one two three four", 8.0, Weight::Regular, 34.0, 2)[1].ends_with('…'));
    }

    #[test]
    fn lines_break_where_readers_expect_it() {
        let faces = faces();
        for (text, first) in [
            ("2026-10-31 23:57", "2026-10-31"),
            ("Canvas, 40 × 60 cm", "Canvas, 40"),
            ("Sales (net), total", "Sales (net),"),
            ("12.5 %", "12.5"),
            ("東京都、大阪", "東京"),
        ] {
            // Room for the first line and half a letter more.
            let room = faces.width(first, 8.0, Weight::Regular) + 2.0;
            assert_eq!(faces.wrap(text, 8.0, Weight::Regular, room, 9)[0], first, "{text}");
        }
    }

    #[test]
    fn scripts_that_need_shaping_are_known() {
        let faces = faces();
        for (text, simple) in
            [("Zoë €5 – Łódź", true), ("Ελλάδα Москва", true), ("مرحبا", false), ("שלום", false), ("e\u{301}", false), ("東京", false)]
        {
            // No CJK font is built in, so those glyphs are left to the typesetter, which reports them.
            assert_eq!(faces.is_simple(text), simple, "{text}");
        }
    }
}
