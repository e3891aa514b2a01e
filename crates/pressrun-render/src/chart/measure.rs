//! Widths of text in the font that will be drawn.

use std::sync::OnceLock;

use ttf_parser::Face;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// Text weight; the bundled fonts have these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

struct Font {
    face: Option<Face<'static>>,
    /// Advances of printable ASCII, in ems.
    ascii: [f64; 128],
}

impl Font {
    fn load(bytes: &'static [u8]) -> Self {
        let face = Face::parse(bytes, 0).ok();
        let mut ascii = [0.6; 128];
        for (code, advance) in (0u8..128).zip(&mut ascii) {
            if let Some(found) = face.as_ref().and_then(|face| advance_in(face, char::from(code))) {
                *advance = found;
            }
        }
        Self { face, ascii }
    }
}

fn font(weight: Weight) -> &'static Font {
    static REGULAR: OnceLock<Font> = OnceLock::new();
    static BOLD: OnceLock<Font> = OnceLock::new();
    match weight {
        Weight::Regular => REGULAR.get_or_init(|| Font::load(notosans::REGULAR_TTF)),
        Weight::Bold => BOLD.get_or_init(|| Font::load(notosans::BOLD_TTF)),
    }
}

fn advance_in(face: &Face<'_>, c: char) -> Option<f64> {
    let glyph = face.glyph_index(c)?;
    Some(f64::from(face.glyph_hor_advance(glyph)?) / f64::from(face.units_per_em()))
}

/// Whether Noto Sans has a glyph for this character.
pub(crate) fn covered(c: char) -> bool {
    c.is_ascii() || font(Weight::Regular).face.as_ref().is_some_and(|face| face.glyph_index(c).is_some())
}

/// Width in points. Characters of other fonts are taken as an em if wide (CJK, emoji) and 0.6 em if not.
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let font = font(weight);
    let mut joined = false;
    let ems: f64 = text
        .chars()
        .map(|c| {
            // What follows a joiner, or colours the skin, is drawn into the sign before it.
            let absorbed = joined || matches!(c, '\u{1f3fb}'..='\u{1f3ff}');
            joined = c == '\u{200d}';
            if absorbed {
                return 0.0;
            }
            if let Some(advance) = font.ascii.get(c as usize) {
                return *advance;
            }
            font.face.as_ref().and_then(|face| advance_in(face, c)).unwrap_or_else(|| match c.width() {
                Some(2) => 1.0,
                Some(0) | None => 0.0,
                Some(_) => 0.6,
            })
        })
        .sum();
    ems * size
}

/// The text if it fits `room` points, else as much as fits with an ellipsis; empty when not even that fits.
pub(crate) fn ellipsize(text: &str, size: f64, weight: Weight, room: f64) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let room = room - width("…", size, weight);
    if room < 0.0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0.0;
    for grapheme in text.graphemes(true) {
        used += width(grapheme, size, weight);
        if used > room {
            break;
        }
        out.push_str(grapheme);
    }
    let kept = out.trim_end();
    if kept.is_empty() { String::new() } else { format!("{kept}…") }
}

/// Two lines broken between words, each within `room`; `None` when that is not possible.
pub(crate) fn two_lines(text: &str, size: f64, weight: Weight, room: f64) -> Option<(String, String)> {
    let fits = |part: &str| width(part, size, weight) <= room;
    let breaks = text.char_indices().filter(|(_, c)| matches!(c, ' ' | '-' | '/' | '_'));
    breaks
        .filter_map(|(at, c)| {
            let end = at + if c == ' ' { 0 } else { c.len_utf8() };
            let (head, tail) = (text.get(..end)?.trim(), text.get(at + c.len_utf8()..)?.trim());
            (fits(head) && fits(tail) && !head.is_empty() && !tail.is_empty()).then(|| (head.to_owned(), tail.to_owned()))
        })
        .min_by(|a, b| {
            let longest = |pair: &(String, String)| width(&pair.0, size, weight).max(width(&pair.1, size, weight));
            longest(a).total_cmp(&longest(b))
        })
}

/// Two lines, the first as full as its words allow, the second cut where it does not fit; the second is empty where one line does.
///
/// A word that is longer than a line is cut within, so that its rest has the second.
pub(crate) fn two_lines_cut(text: &str, size: f64, weight: Weight, room: f64) -> (String, String) {
    if width(text, size, weight) <= room {
        return (text.to_owned(), String::new());
    }
    let ends =
        text.char_indices().filter(|(_, c)| matches!(c, ' ' | '-' | '/' | '_')).map(|(at, c)| at + if c == ' ' { 0 } else { c.len_utf8() });
    let fits = |at: &usize| text.get(..*at).is_some_and(|head| !head.trim().is_empty() && width(head.trim(), size, weight) <= room);
    let end = ends.rev().find(fits).unwrap_or_else(|| {
        let mut used = 0.0;
        let fitting = text.grapheme_indices(true).take_while(|(_, grapheme)| {
            used += width(grapheme, size, weight);
            used <= room
        });
        fitting.last().map_or(0, |(at, grapheme)| at + grapheme.len())
    });
    let (head, tail) = text.split_at_checked(end).unwrap_or((text, ""));
    (head.trim().to_owned(), ellipsize(tail.trim(), size, weight, room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_of_one_width() {
        let one = width("1", 10.0, Weight::Regular);
        for digit in "0123456789".chars() {
            assert!((width(&digit.to_string(), 10.0, Weight::Regular) - one).abs() < 1e-9);
        }
        assert!(width("8", 10.0, Weight::Bold) >= one);
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis_and_fits() {
        for text in ["A very long category name", "東京都千代田区丸の内", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦"]
        {
            let short = ellipsize(text, 8.0, Weight::Regular, 30.0);
            assert!(short.ends_with('…') && width(&short, 8.0, Weight::Regular) <= 30.0, "{short}");
        }
        assert_eq!(ellipsize("short", 8.0, Weight::Regular, 100.0), "short");
        assert_eq!(ellipsize("anything", 8.0, Weight::Regular, 1.0), "");
    }

    #[test]
    fn lines_break_between_words() {
        let lines = two_lines("North America East", 8.0, Weight::Regular, 60.0).unwrap();
        assert_eq!(lines, ("North".to_owned(), "America East".to_owned()));
        assert_eq!(two_lines("Unbreakable", 8.0, Weight::Regular, 20.0), None);
    }
}
