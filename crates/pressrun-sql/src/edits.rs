//! A text with pieces of it replaced, and the way back from a place in the new text to the old one.

use std::ops::Range;

/// Some bytes of a text and what stands for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

/// A text after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edited {
    pub(crate) text: String,
    /// Bytes of the new text that were put in, with the bytes of the old one that they stand for; in order.
    put: Vec<(Range<usize>, Range<usize>)>,
}

impl Edited {
    /// `text` with `edits`, which are in order and do not overlap.
    pub(crate) fn new(text: &str, edits: Vec<Edit>) -> Self {
        let (mut out, mut put, mut copied) = (String::with_capacity(text.len()), Vec::with_capacity(edits.len()), 0);
        for edit in edits {
            out.push_str(&text[copied..edit.range.start]);
            let start = out.len();
            out.push_str(&edit.text);
            copied = edit.range.end;
            put.push((start..out.len(), edit.range));
        }
        out.push_str(&text[copied..]);
        Self { text: out, put }
    }

    /// The byte of the old text that became the byte `at`; inside of what was put in, the beginning of what it stands for.
    pub(crate) fn back(&self, at: usize) -> usize {
        let next = self.put.partition_point(|(new, _)| new.start <= at);
        match next.checked_sub(1).and_then(|last| self.put.get(last)) {
            None => at,
            Some((new, old)) if new.contains(&at) => old.start,
            Some((new, old)) => old.end + (at - new.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_finds_its_way_back() {
        let edits = vec![
            Edit { range: 2..4, text: "XYZ".to_owned() },
            Edit { range: 6..6, text: "!".to_owned() },
            Edit { range: 8..9, text: String::new() },
        ];
        let edited = Edited::new("abcdefghij", edits);
        assert_eq!(edited.text, "abXYZef!ghj");
        let back: Vec<usize> = (0..=edited.text.len()).map(|at| edited.back(at)).collect();
        assert_eq!(back, [0, 1, 2, 2, 2, 4, 5, 6, 6, 7, 9, 10]);
    }
}
