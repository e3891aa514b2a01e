//! Text tiles: CommonMark to HTML that can load nothing and run nothing (V12).

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, TextMergeStream};

use crate::escape::turns;
use crate::report::Report;
use crate::{sections, tokens};

/// The HTML of a text tile. Tokens are filled in after parsing, so that a value is text, whatever is in it.
pub(super) fn html(text: &str, report: &Report) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    // Events of links and images whose address is refused lose their frame and keep their text.
    let mut dropped = Vec::new();
    let text = sections::unfold(text, report);
    let events = TextMergeStream::new(Parser::new_ext(&text, options)).filter_map(|event| match event {
        Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => None,
        Event::Text(text) => Some(Event::Text(fill(&text, report))),
        Event::Code(text) => Some(Event::Code(fill(&text, report))),
        Event::Start(Tag::Heading { level, .. }) => {
            Some(Event::Start(Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below(level)))),
        Event::Start(Tag::CodeBlock(_)) => Some(Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented))),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let address = tokens::fill(&dest_url, report, pressrun_domain::text::percent_encoded);
            let safe = is_address(&address);
            dropped.push(!safe);
            safe.then(|| Event::Start(Tag::Link { link_type, dest_url: address.into(), title, id }))
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let safe = is_inline_picture(&dest_url);
            dropped.push(!safe);
            safe.then_some(Event::Start(Tag::Image { link_type, dest_url, title, id }))
        }
        event @ Event::End(TagEnd::Link | TagEnd::Image) => {
            if dropped.pop().unwrap_or(false) {
                None
            } else {
                Some(event)
            }
        }
        other => Some(other),
    });
    let mut out = String::from("<div class=\"prose\">");
    pulldown_cmark::html::push_html(&mut out, events);
    out.push_str("</div>");
    out
}

fn fill<'a>(text: &CowStr<'_>, report: &Report) -> CowStr<'a> {
    let filled = if text.contains("{{") { tokens::fill(text, report, str::to_owned) } else { text.to_string() };
    filled.chars().filter(|c| !turns(*c)).collect::<String>().into()
}

/// The page has the first heading, the tile the second.
fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// Whether a link may be followed: web and mail only, spelled out.
fn is_address(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https" | "mailto"))
}

/// Pictures come along in the text, from nowhere else.
fn is_inline_picture(address: &str) -> bool {
    ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,", "data:image/webp;base64,"]
        .iter()
        .any(|start| address.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)))
}
