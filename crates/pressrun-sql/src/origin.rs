//! From a place in rendered text back to the line and column of the template, where its author looks.
//!
//! The template engine keeps no such map. So the template is rendered once more with a sign before each piece of its literal
//! text, which says where that piece stood; loops and branches carry the signs along. Nothing is taken on trust: unless the text
//! without its signs is exactly the text that was rendered before, there is no answer.

use std::ops::Range;
use std::sync::Arc;

use crate::sandbox::{self, Calls};

/// Two characters of the private use area, which no text in use contains.
const OPEN: char = '\u{E0F0}';
const CLOSE: char = '\u{E0F1}';

/// Line and column (in characters), both from 1, of what became the byte `at` of `rendered`.
pub(crate) fn place<C: Calls>(source: &str, rendered: &str, at: usize, calls: impl FnOnce() -> C) -> Option<(usize, usize)> {
    if source.contains([OPEN, CLOSE]) {
        return None;
    }
    let (signed, pieces) = sign(source);
    let signed = sandbox::run(&signed, Arc::new(calls())).ok()?;
    let (plain, starts) = unsign(&signed)?;
    if plain != rendered {
        return None;
    }
    let (start, piece) = starts.iter().rev().find(|(start, _)| *start <= at)?;
    let piece = pieces.get(*piece)?;
    // Behind the piece stands what a tag printed: the tag is the place.
    let offset = piece.start + (at - start).min(piece.len());
    Some(line_and_column(source, offset))
}

/// Line and column, both from 1, of the byte `at`.
pub(crate) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// The template with a sign before each piece of literal text, and the bytes of the pieces.
///
/// A sign stands before the first character of a line, or of what follows a tag, that is no white space: control of white space
/// then does what it did.
fn sign(source: &str) -> (String, Vec<Range<usize>>) {
    let (mut signed, mut pieces, mut copied) = (String::with_capacity(source.len() * 2), Vec::new(), 0);
    for literal in literals(source) {
        let mut start = literal.start;
        for line in source[literal].split_inclusive('\n') {
            let end = start + line.len();
            let text = end - line.trim_start().len();
            if text < end {
                signed.push_str(&source[copied..text]);
                signed.push(OPEN);
                signed.push_str(&pieces.len().to_string());
                signed.push(CLOSE);
                copied = text;
                pieces.push(text..end);
            }
            start = end;
        }
    }
    signed.push_str(&source[copied..]);
    (signed, pieces)
}

/// Rendered text without its signs; for each sign, the byte where it stood and its piece. `None` when a sign is broken.
fn unsign(signed: &str) -> Option<(String, Vec<(usize, usize)>)> {
    let mut parts = signed.split(OPEN);
    let mut plain = parts.next()?.to_owned();
    let mut starts = Vec::new();
    for part in parts {
        let (number, text) = part.split_once(CLOSE)?;
        starts.push((plain.len(), number.parse().ok()?));
        plain.push_str(text);
    }
    Some((plain, starts))
}

/// The stretches of literal text: what stands in no `{{ … }}`, `{% … %}` or `{# … #}`.
fn literals(source: &str) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < source.len() {
        let rest = &source[at..];
        let Some(open) = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min() else {
            found.push(at..source.len());
            break;
        };
        found.push(at..at + open);
        let tag = at + open;
        let end = tag_end(source, tag);
        let words: Vec<&str> = source[tag..end].trim_matches(['{', '}', '%', '-', '+', ' ', '\t', '\r', '\n']).split_whitespace().collect();
        at = end;
        // Nothing is a tag between these two.
        if source[tag..end].starts_with("{%") && words == ["raw"] {
            let rest = &source[end..];
            let close = rest
                .match_indices("{%")
                .map(|(close, _)| close)
                .find(|close| rest[*close..].trim_start_matches(['{', '%', '-', '+', ' ', '\t', '\r', '\n']).starts_with("endraw"));
            let close = end + close.unwrap_or(rest.len());
            found.push(end..close);
            at = tag_end(source, close);
        }
    }
    found
}

/// The byte behind the tag that opens at `tag`; texts in quotes may hold what would close it.
fn tag_end(source: &str, tag: usize) -> usize {
    let rest = &source[tag..];
    if rest.starts_with("{#") {
        return rest.find("#}").map_or(source.len(), |end| tag + end + 2);
    }
    let close = if rest.starts_with("{{") { "}}" } else { "%}" };
    let mut quote = None;
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, _) if rest[at..].starts_with(close) => return tag + at + 2,
            _ => {}
        }
    }
    source.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use minijinja::Error;

    use super::*;

    /// Prints more than stood there.
    struct Long;

    impl Calls for Long {
        fn filter(&self, _: Vec<String>, _: String) -> Result<String, Error> {
            Ok("(filtered at some length)".to_owned())
        }

        fn attribute(&self, _: String, _: String) -> Result<String, Error> {
            Ok("(a)".to_owned())
        }

        fn control(&self, _: String) -> Result<String, Error> {
            Ok("1 +\n2".to_owned())
        }
    }

    #[test]
    fn b18_every_place_finds_the_line_and_column_of_the_author() {
        for source in [
            "select X from t",
            "select 1\nfrom t\n  where {{ filter('a', 'b') }} and X",
            "select {{ control('m') }}, X",
            "select {{ control('m') }}\n, {{ control('m') }} , ünïcödé, X",
            "{# a comment\n#}select X",
            "{% if true %}\n  select {% if false %}Y{% else %}X{% endif %}\n{% endif %}",
            "{%- if true -%}\n  select {{- filter('a', '}}') -}}   X\n{%- endif -%}",
            "{% raw %}select '{{ x }}', X{% endraw %}",
            "select '{{ '{%' }}', X",
        ] {
            let rendered = sandbox::run(source, Arc::new(Long)).unwrap();
            let found = place(source, &rendered, rendered.find('X').unwrap(), || Long);
            assert_eq!(found, Some(line_and_column(source, source.find('X').unwrap())), "{source}");
        }
        // What a tag printed is where the tag stands.
        let source = "select 1\nwhere {{ filter('a', 'b') }} and c";
        let rendered = sandbox::run(source, Arc::new(Long)).unwrap();
        assert_eq!(place(source, &rendered, rendered.find("length").unwrap(), || Long), Some((2, 7)));
        assert_eq!(place("select \u{E0F0}", "select \u{E0F0}", 3, || Long), None, "a text with our signs has no map");
    }
}
