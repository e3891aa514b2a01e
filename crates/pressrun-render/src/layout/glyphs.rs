//! Characters that no font at hand can draw.

use std::collections::BTreeSet;

use typst::layout::{Frame, FrameItem};
use typst_layout::PagedDocument;

use super::fonts::Fonts;

/// Most characters named in a warning.
const NAMED: usize = 12;

/// The warning about characters of `document` and of the drawings in it that are missing, if any are.
pub(super) fn warning<'a>(document: &PagedDocument, drawings: impl Iterator<Item = &'a str>, fonts: &Fonts) -> Option<String> {
    let mut missing = BTreeSet::new();
    for page in document.pages() {
        walk(&page.frame, &mut missing);
    }
    let covered = |c: char| fonts.fonts.iter().any(|font| font.info().coverage.contains(c as u32));
    for drawing in drawings {
        missing.extend(drawing.chars().filter(|c| !c.is_ascii() && !c.is_whitespace() && !c.is_control() && !covered(*c)));
    }
    if missing.is_empty() {
        return None;
    }
    let named: String = missing.iter().take(NAMED).map(|c| format!("{c} (U+{:04X})", *c as u32)).collect::<Vec<_>>().join(", ");
    let more = if missing.len() > NAMED { format!(" and {} more", missing.len() - NAMED) } else { String::new() };
    Some(format!("No font has the characters {named}{more}; add a folder of fonts to the configuration"))
}

fn walk(frame: &Frame, missing: &mut BTreeSet<char>) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => walk(&group.frame, missing),
            FrameItem::Text(text) => {
                for glyph in text.glyphs.iter().filter(|glyph| glyph.id == 0) {
                    missing.extend(text.text.get(glyph.range()).unwrap_or_default().chars().filter(|c| !c.is_whitespace()));
                }
            }
            FrameItem::Shape(..) | FrameItem::Image(..) | FrameItem::Link(..) | FrameItem::Tag(_) => {}
        }
    }
}
