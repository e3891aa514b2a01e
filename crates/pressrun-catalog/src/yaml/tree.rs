//! Text to nodes, within bounds.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use crate::problem::{Place, Report, printable};

/// Most nested mappings and lists.
const DEPTH_MAX: usize = 24;
/// Most nodes of one file, aliases counted at their full size.
const NODES_MAX: usize = 50_000;

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
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// Keys in file order, as written.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) place: Place,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// How many nodes this one holds, itself included.
    fn size(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|(_, node)| 1 + node.size()).sum::<usize>(),
        }
    }
}

enum Open {
    List { place: Place, anchor: usize, items: Vec<Node> },
    Map { place: Place, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

/// Parses one document. What cannot be parsed is noted, and nothing is returned.
pub(super) fn parse(text: &str, report: &Report<'_>) -> Option<Node> {
    check_characters(text, report)?;
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = DEPTH_MAX + 8;
    options.block_nesting_limit = DEPTH_MAX + 8;
    options.disallow_directives = true;
    let mut builder = Builder { report, stack: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None, documents: 0 };
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
    builder.root
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
                let node = Node { place, value: Value::Scalar { text: text.into_owned(), plain } };
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
                let size = target.size();
                let node = target.clone();
                self.count(size, place)?;
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
        self.nodes += more;
        if self.nodes > NODES_MAX {
            self.report.add(place, format!("more than {NODES_MAX} values in one file"), "split the file, or use fewer aliases");
            return None;
        }
        Some(())
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
            Open::Map { place, anchor, entries, .. } => (Node { place, value: Value::Map(entries) }, anchor),
        };
        self.remember(anchor, &node);
        self.place_node(node)
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
                } else if let Value::Scalar { text, .. } = node.value {
                    *key = Some(Key { text, place: node.place });
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
