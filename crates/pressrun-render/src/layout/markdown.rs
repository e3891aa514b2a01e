//! Text tiles: CommonMark as a tree of values, which the template sets (V12).
//!
//! No text becomes markup: tokens are filled in after parsing, HTML and images are dropped, links go to web and mail only.

use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, Options, Parser, Tag, TextMergeStream};
use typst::foundations::Value;
use unicode_segmentation::UnicodeSegmentation as _;

use super::dict::{dict, list, text, texts};
use crate::escape::turns;
use crate::report::Report;
use crate::{sections, tokens};

/// Nesting beyond this is flattened: lists in lists in lists have no readable form on paper.
const DEPTH: usize = 12;

/// Most bytes of a text that are set; a page of prose has some three thousand.
const LONGEST: usize = 60_000;

/// An open element.
struct Open {
    kind: Kind,
    children: Vec<Value>,
}

enum Kind {
    Node(&'static str),
    Heading(i64),
    List(Option<u64>),
    Link(Option<String>),
    Table(Vec<Alignment>),
    Code(String),
    /// Its children take its place.
    Through,
    /// It and its children are dropped.
    Dropped,
}

/// The blocks of a text tile, each a tree.
pub(super) fn blocks(source: &str, report: &Report) -> Vec<Value> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut stack = vec![Open { kind: Kind::Node("root"), children: Vec::new() }];
    let source = sections::unfold(source, report);
    let set = &source[..source.floor_char_boundary(LONGEST)];
    for event in TextMergeStream::new(Parser::new_ext(set, options)) {
        match event {
            Event::Start(tag) => {
                let kind = if stack.len() > DEPTH { Kind::Through } else { open(tag, report) };
                stack.push(Open { kind, children: Vec::new() });
            }
            Event::End(_) => {
                if let Some(closed) = stack.pop()
                    && let Some(parent) = stack.last_mut()
                {
                    close(closed, &mut parent.children);
                }
            }
            Event::Text(words) => match stack.last_mut() {
                Some(Open { kind: Kind::Code(code), .. }) => code.push_str(&fill(&words, report)),
                Some(top) => top.children.push(node("text", text(breakable(&fill(&words, report))))),
                None => {}
            },
            Event::Code(words) => push(&mut stack, node("code", text(fill(&words, report)))),
            Event::SoftBreak => push(&mut stack, node("text", text(" "))),
            Event::HardBreak => push(&mut stack, node("break", Value::None)),
            Event::Rule => push(&mut stack, node("rule", Value::None)),
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => {}
        }
    }
    let mut blocks = stack.into_iter().next().map(|root| root.children).unwrap_or_default();
    if set.len() < source.len() {
        blocks.push(node("paragraph", list([node("text", text("… The text is longer than can be shown here."))])));
    }
    blocks
}

fn push(stack: &mut [Open], value: Value) {
    if let Some(top) = stack.last_mut() {
        top.children.push(value);
    }
}

fn node(kind: &str, body: Value) -> Value {
    Value::Dict(dict([("kind", text(kind)), ("body", body)]))
}

fn open(tag: Tag<'_>, report: &Report) -> Kind {
    match tag {
        Tag::Paragraph => Kind::Node("paragraph"),
        Tag::Heading { level, .. } => Kind::Heading(match level {
            HeadingLevel::H1 => 1,
            HeadingLevel::H2 => 2,
            _ => 3,
        }),
        Tag::BlockQuote(_) => Kind::Node("quote"),
        Tag::CodeBlock(_) => Kind::Code(String::new()),
        Tag::List(start) => Kind::List(start),
        Tag::Item => Kind::Node("item"),
        Tag::Table(alignments) => Kind::Table(alignments),
        Tag::TableHead | Tag::TableRow => Kind::Node("row"),
        Tag::TableCell => Kind::Node("cell"),
        Tag::Emphasis => Kind::Node("emphasis"),
        Tag::Strong => Kind::Node("strong"),
        Tag::Strikethrough => Kind::Node("strike"),
        Tag::Link { dest_url, .. } => {
            let address = tokens::fill(&dest_url, report, pressrun_domain::text::percent_encoded);
            Kind::Link(is_address(&address).then_some(address))
        }
        Tag::Image { .. } | Tag::HtmlBlock | Tag::MetadataBlock(_) => Kind::Dropped,
        _ => Kind::Through,
    }
}

fn close(closed: Open, into: &mut Vec<Value>) {
    let children = closed.children;
    match closed.kind {
        Kind::Node(kind) => into.push(node(kind, list(children))),
        Kind::Heading(level) => {
            into.push(Value::Dict(dict([("kind", text("heading")), ("level", Value::Int(level)), ("body", list(children))])));
        }
        Kind::List(start) => {
            let start = start.map_or(Value::None, |start| Value::Int(i64::try_from(start).unwrap_or(1)));
            into.push(Value::Dict(dict([("kind", text("list")), ("start", start), ("body", list(children))])));
        }
        Kind::Link(Some(address)) => {
            into.push(Value::Dict(dict([("kind", text("link")), ("address", text(address)), ("body", list(children))])));
        }
        Kind::Table(alignments) => {
            let alignments = texts(alignments.iter().map(|alignment| match alignment {
                Alignment::None | Alignment::Left => "left",
                Alignment::Center => "center",
                Alignment::Right => "right",
            }));
            into.push(Value::Dict(dict([("kind", text("table")), ("alignments", alignments), ("body", list(children))])));
        }
        Kind::Code(code) => into.push(node("block", text(code.trim_end()))),
        Kind::Link(None) | Kind::Through => into.extend(children),
        Kind::Dropped => {}
    }
}

fn fill(words: &CowStr<'_>, report: &Report) -> String {
    let filled = if words.contains("{{") { tokens::fill(words, report, str::to_owned) } else { words.to_string() };
    // Marks that turn the order of what follows could make a line say something else.
    filled.chars().filter(|c| !turns(*c)).collect()
}

/// The words with places to break within those that are longer than a narrow tile: what would be cut off at its edge goes on below
/// (C7).
fn breakable(words: &str) -> String {
    let longest = words.split_whitespace().map(|word| word.graphemes(true).count()).max().unwrap_or(0);
    if longest <= LONG_WORD {
        return words.to_owned();
    }
    let mut out = String::with_capacity(words.len() + words.len() / 4);
    let mut run = 0;
    for grapheme in words.graphemes(true) {
        run = if grapheme.trim().is_empty() { 0 } else { run + 1 };
        if run > LONG_WORD && run % 8 == 0 {
            out.push('\u{200b}');
        }
        out.push_str(grapheme);
    }
    out
}

/// Letters of a word that any tile has room for.
const LONG_WORD: usize = 24;

/// Whether a link may be followed: web and mail only.
pub(super) fn is_address(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https" | "mailto"))
}

#[cfg(test)]
mod tests {
    use super::breakable;

    #[test]
    fn c7_only_endless_words_are_broken_and_nothing_of_them_is_lost() {
        for (words, breaks) in [("A plain sentence with Donaudampfschiff in it", 0), ("https://example.com/a/very/long/address/indeed", 2)]
        {
            let broken = breakable(words);
            assert_eq!(broken.replace('\u{200b}', ""), words);
            assert_eq!(broken.matches('\u{200b}').count(), breaks, "{broken}");
        }
    }
}
