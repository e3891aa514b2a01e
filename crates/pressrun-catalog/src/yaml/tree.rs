//! Text to nodes, within bounds.

use std::collections::{HashMap, HashSet};
use std::ops::Add;
use std::rc::Rc;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::bounds::{Bounds, aliases_of};
use crate::problem::{Place, Report, printable};

/// Most nested mappings and lists.
const DEPTH_MAX: usize = 24;
/// Entries of a mapping that another one takes over.
const MERGE: &str = "<<";
/// How keys begin that only hold anchors, at the top of a file.
const ASIDE: &str = "x-";

/// One value of a file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Text as it means, and whether it was written without quotes (only then may it be a number, a truth value or null).
    Scalar {
        text: Rc<str>,
        plain: bool,
    },
    List(Vec<Node>),
    /// Keys in file order, as written.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: Rc<str>,
    pub(super) place: Place,
    /// Written without quotes, as `<<` is where it merges.
    plain: bool,
}

/// What a node takes when it is repeated.
#[derive(Clone, Copy, Default)]
struct Extent {
    nodes: usize,
    bytes: usize,
}

impl Add for Extent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { nodes: self.nodes.saturating_add(other.nodes), bytes: self.bytes.saturating_add(other.bytes) }
    }
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// How many nodes this one holds, itself included, and how much text.
    fn extent(&self) -> Extent {
        let text = |text: &str| Extent { nodes: 1, bytes: text.len() };
        match &self.value {
            Value::Scalar { text: scalar, .. } => text(scalar),
            Value::List(items) => items.iter().map(Self::extent).fold(text(""), Extent::add),
            Value::Map(entries) => entries.iter().map(|(key, node)| text(&key.text) + node.extent()).fold(text(""), Extent::add),
        }
    }
}

/// What a node takes besides its text, about, where it is read.
const NODE_BYTES: usize = 16;

impl Key {
    fn merges(&self) -> bool {
        self.plain && &*self.text == MERGE
    }
}

enum Open {
    List { place: Place, anchor: usize, items: Vec<Node> },
    Map { place: Place, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

/// Parses one document within `bounds`. What cannot be parsed is noted, and nothing is returned.
pub(super) fn parse(text: &str, bounds: &Bounds, report: &Report<'_>) -> Option<Node> {
    check_characters(text, report)?;
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = DEPTH_MAX + 8;
    options.block_nesting_limit = DEPTH_MAX + 8;
    options.disallow_directives = true;
    let mut builder = Builder {
        report,
        bounds,
        aliases_left: aliases_of(text.len()),
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
        documents: 0,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        match next {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                let marker = error.marker();
                let place = Place { line: marker.line() as u32, column: marker.col() as u32 + 1, block: false };
                report.add(place, format!("not valid YAML: {}", printable(&error.info())), yaml_hint(text, marker.line()));
                return None;
            }
        }
    }
    if builder.root.is_none() {
        report.add(Place { line: 1, column: 1, block: false }, "the file is empty", "write `key: value` lines, or delete the file");
    }
    builder.root.map(without_asides)
}

/// The file without what is there only to hold anchors.
fn without_asides(mut root: Node) -> Node {
    if let Value::Map(entries) = &mut root.value {
        entries.retain(|(key, _)| !key.text.starts_with(ASIDE));
    }
    root
}

/// A tab in the indentation is the fault behind most messages about indentation.
fn yaml_hint(text: &str, line: usize) -> &'static str {
    let faulty = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    if faulty.trim_start_matches(' ').starts_with('\t') {
        "indent with spaces, not tabs"
    } else {
        "check indentation, quotes and brackets here and on the line before; put texts that contain `: ` or ` #` in quotes"
    }
}

fn check_characters(text: &str, report: &Report<'_>) -> Option<()> {
    for (at, line) in text.split('\n').enumerate() {
        if let Some(column) = line.chars().position(|c| c == '\0' || (c.is_control() && !matches!(c, '\t' | '\r' | '\u{85}'))) {
            let place = Place { line: at as u32 + 1, column: column as u32 + 1, block: false };
            report.add(
                place,
                "a control character, which YAML does not allow",
                "remove it, or write it escaped in double quotes (\"\\x07\")",
            );
            return None;
        }
    }
    Some(())
}

struct Builder<'r, 'f> {
    report: &'r Report<'f>,
    bounds: &'r Bounds,
    /// Bytes that aliases of this file may still repeat.
    aliases_left: usize,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_, '_> {
    /// `None` ends the parse; the reason has been noted.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let place = Place { line: span.start.line() as u32, column: span.start.col() as u32 + 1, block: false };
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.report.add(place, "a second YAML document in one file", "split the file where `---` stands");
                    return None;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_text_tag(tag.as_deref());
                self.check_tag(tag.as_deref(), place);
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                // The parser names the first line that is not empty, but the empty ones before it belong to the text.
                let empty = if block { text.bytes().take_while(|b| *b == b'\n').count() as u32 } else { 0 };
                let place = Place { line: place.line.saturating_sub(empty), block, ..place };
                let node = Node { place, value: Value::Scalar { text: text.into(), plain } };
                self.count(1, place)?;
                self.remember(anchor, &node);
                self.place_node(node)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), place);
                self.open(Open::List { place, anchor, items: Vec::new() }, place)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), place);
                self.open(Open::Map { place, anchor, entries: Vec::new(), key: None }, place)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id) else {
                    self.report.add(place, "an alias inside the value that it names", "write the value out");
                    return None;
                };
                // The count comes before the copy, so that a bomb of aliases costs nothing.
                let extent = target.extent();
                let node = target.clone();
                self.count_alias(extent, place)?;
                self.place_node(node)?;
            }
            _ => {}
        }
        Some(())
    }

    fn check_tag(&self, tag: Option<&Tag>, place: Place) {
        if let Some(tag) = tag
            && !tag.is_yaml_core_schema()
        {
            self.report.add(place, format!("tag `{}` means nothing here", printable(&tag.original())), "remove the tag");
        }
    }

    fn count(&mut self, more: usize, place: Place) -> Option<()> {
        self.nodes = self.nodes.saturating_add(more);
        let most = self.bounds.nodes();
        if self.nodes > most {
            self.report.add(place, format!("more than {most} values in one file"), "split the file, or use fewer aliases");
            return None;
        }
        Some(())
    }

    /// Counts what an alias repeats: whoever reads it copies it, so that a small file could be gigabytes.
    fn count_alias(&mut self, extent: Extent, place: Place) -> Option<()> {
        let cost = extent.bytes.saturating_add(extent.nodes.saturating_mul(NODE_BYTES));
        let left = self.aliases_left.checked_sub(cost).filter(|_| self.bounds.take_alias(cost));
        let Some(left) = left else {
            self.report.add(
                place,
                "aliases make the file many times longer than it is",
                "write a text that is needed often once, such as a view in the database, or split the file",
            );
            return None;
        };
        self.aliases_left = left;
        self.count(extent.nodes, place)
    }

    fn open(&mut self, open: Open, place: Place) -> Option<()> {
        if self.stack.len() >= DEPTH_MAX {
            self.report.add(
                place,
                format!("nested deeper than {DEPTH_MAX} levels"),
                "nothing in a catalog is nested so deep; check the brackets",
            );
            return None;
        }
        self.count(1, place)?;
        self.stack.push(open);
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let (node, anchor) = match self.stack.pop()? {
            Open::List { place, anchor, items } => (Node { place, value: Value::List(items) }, anchor),
            Open::Map { place, anchor, entries, .. } => (Node { place, value: Value::Map(self.merged(entries)) }, anchor),
        };
        self.remember(anchor, &node);
        self.place_node(node)
    }

    /// The entries with what `<<` merges in its place; what the mapping says itself wins, then what is merged first.
    fn merged(&self, entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        if !entries.iter().any(|(key, _)| key.merges()) {
            return entries;
        }
        let mut known: HashSet<Rc<str>> = entries.iter().filter(|(key, _)| !key.merges()).map(|(key, _)| Rc::clone(&key.text)).collect();
        let (mut merged, mut seen) = (Vec::with_capacity(entries.len()), false);
        for (key, node) in entries {
            if !key.merges() {
                merged.push((key, node));
                continue;
            }
            if std::mem::replace(&mut seen, true) {
                self.report.add(key.place, "key `<<` is written twice", "merge several mappings as a list: `<<: [*a, *b]`");
                continue;
            }
            let sources = match node.value {
                Value::List(items) => items,
                Value::Map(_) | Value::Scalar { .. } => vec![node],
            };
            for source in sources {
                let Value::Map(more) = source.value else {
                    self.report.add(key.place, "`<<` merges mappings only", "write `<<: *name`, where `&name` stands before a mapping");
                    continue;
                };
                merged.extend(more.into_iter().filter(|(key, _)| known.insert(Rc::clone(&key.text))));
            }
        }
        merged
    }

    fn remember(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn place_node(&mut self, node: Node) -> Option<()> {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                } else if let Value::Scalar { text, plain } = node.value {
                    *key = Some(Key { text, place: node.place, plain });
                } else {
                    self.report.add(node.place, "a list or mapping as a key", "keys are texts");
                    return None;
                }
            }
        }
        Some(())
    }
}

/// `!!str 12` and `! 12` are texts.
fn is_text_tag(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str") || tag.original() == "!")
}
