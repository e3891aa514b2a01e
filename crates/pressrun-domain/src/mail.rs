//! The words of a mail with the places in them that are each reader's own.
//!
//! The renderer hands over a list of parts, and whoever sends the mail fills its places. What a place is follows from where it stands in
//! the list, never from what a text says, so that no word of an author can be taken for one or remove one.

use serde::{Deserialize, Serialize};

use crate::text::{escaped, one_line};

/// Both forms of a mail, made once for all readers who see the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailWords {
    /// The HTML form: words are HTML already, values are escaped when they are filled in.
    pub html: Vec<MailPart>,
    /// The plain form.
    pub text: Vec<MailPart>,
}

/// A stretch of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MailPart {
    /// The same for everybody.
    Words(String),
    /// What the place holds; nothing when it holds nothing.
    Value(Slot),
    /// Only where the place holds something.
    If(Slot, Vec<MailPart>),
}

/// A place in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Slot {
    /// Address of the dashboard.
    Link,
    /// Address of the way off the list.
    Unsubscribe,
    /// Address of the picture within the message (`cid:…`).
    Picture,
    /// One more sentence that only the sender knows: why a file is missing.
    Note,
}

impl Slot {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Link, Self::Unsubscribe, Self::Picture, Self::Note];
}

/// What the places of one mail hold. An address of another kind than the place takes counts as none: nothing in a mail runs anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filling<'a> {
    /// An http or https address.
    pub link: Option<&'a str>,
    /// An http, https or mailto address.
    pub unsubscribe: Option<&'a str>,
    /// A `cid:` address.
    pub picture: Option<&'a str>,
    /// A sentence.
    pub note: Option<&'a str>,
}

impl Filling<'_> {
    fn value(&self, slot: Slot) -> Option<&str> {
        let (value, schemes): (_, &[&str]) = match slot {
            Slot::Link => (self.link, &["https:", "http:"]),
            Slot::Unsubscribe => (self.unsubscribe, &["https:", "http:", "mailto:"]),
            Slot::Picture => (self.picture, &["cid:"]),
            Slot::Note => (self.note, &[]),
        };
        let starts = |text: &str, scheme: &&str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        value.filter(|text| schemes.is_empty() || schemes.iter().any(|scheme| starts(text, scheme)))
    }
}

impl MailWords {
    /// Plain text in both forms: its lines kept, then the picture and the note where there are any.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        let words = |text: &str| MailPart::Words(text.to_owned());
        let lines = text.lines().map(escaped).collect::<Vec<_>>().join("<br>\n");
        let link = [words(" <a href=\""), MailPart::Value(Slot::Link), words("\">Open the dashboard</a>")];
        let html = vec![
            words("<html><body style=\"font-family: sans-serif\"><p>"),
            MailPart::Words(lines),
            words("</p>"),
            MailPart::If(
                Slot::Picture,
                vec![words("<p><img src=\""), MailPart::Value(Slot::Picture), words("\" alt=\"Dashboard\" style=\"max-width: 100%\"></p>")],
            ),
            MailPart::If(Slot::Note, vec![words("<p>"), MailPart::Value(Slot::Note), MailPart::If(Slot::Link, link.into()), words("</p>")]),
            words("</body></html>"),
        ];
        let open = vec![words("\n"), MailPart::Value(Slot::Link)];
        let note = vec![words("\n\n"), MailPart::Value(Slot::Note), MailPart::If(Slot::Link, open), words("\n")];
        Self { html, text: vec![words(text), MailPart::If(Slot::Note, note)] }
    }

    /// The HTML form with its places filled.
    #[must_use]
    pub fn html(&self, filling: &Filling<'_>) -> String {
        filled(&self.html, filling, &escaped)
    }

    /// The plain form with its places filled.
    #[must_use]
    pub fn text(&self, filling: &Filling<'_>) -> String {
        filled(&self.text, filling, &one_line)
    }

    /// Bytes of the HTML form's words, without what its places will hold.
    #[must_use]
    pub fn html_bytes(&self) -> usize {
        fn bytes(parts: &[MailPart]) -> usize {
            parts
                .iter()
                .map(|part| match part {
                    MailPart::Words(words) => words.len(),
                    MailPart::Value(_) => 0,
                    MailPart::If(_, parts) => bytes(parts),
                })
                .sum()
        }
        bytes(&self.html)
    }
}

fn filled(parts: &[MailPart], filling: &Filling<'_>, shown: &impl Fn(&str) -> String) -> String {
    fn fill(out: &mut String, parts: &[MailPart], filling: &Filling<'_>, shown: &impl Fn(&str) -> String) {
        for part in parts {
            match part {
                MailPart::Words(words) => out.push_str(words),
                MailPart::Value(slot) => out.push_str(&filling.value(*slot).map(shown).unwrap_or_default()),
                MailPart::If(slot, parts) if filling.value(*slot).is_some() => fill(out, parts, filling, shown),
                MailPart::If(..) => {}
            }
        }
    }
    let mut out = String::new();
    fill(&mut out, parts, filling, shown);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://x.example/?a=1&b=2";

    #[test]
    fn m9_a_place_is_shown_filled_or_not_at_all() {
        let words = MailWords::plain("a < b & \"c\"\r\n<script>");
        let bare = Filling::default();
        assert_eq!(
            words.html(&bare),
            "<html><body style=\"font-family: sans-serif\"><p>a &lt; b &amp; &quot;c&quot;<br>\n&lt;script&gt;</p></body></html>"
        );
        assert_eq!(words.text(&bare), "a < b & \"c\"\r\n<script>");
        let filling = Filling { link: Some(LINK), picture: Some("cid:dashboard"), note: Some("x is <not> attached"), unsubscribe: None };
        let html = words.html(&filling);
        assert_eq!(html.matches("<img src=\"cid:dashboard\"").count(), 1, "R2: {html}");
        assert!(html.contains("x is &lt;not&gt; attached <a href=\"https://x.example/?a=1&amp;b=2\">"), "D12: {html}");
        assert!(words.text(&filling).ends_with(&format!("\n\nx is <not> attached\n{LINK}\n")), "{}", words.text(&filling));
    }

    #[test]
    fn m9_an_address_that_could_run_something_is_none() {
        let part = |slot| vec![MailPart::If(slot, vec![MailPart::Words("[".into()), MailPart::Value(slot), MailPart::Words("]".into())])];
        for (slot, address, shown) in [
            (Slot::Link, LINK, true),
            (Slot::Link, "HTTP://x.example", true),
            (Slot::Link, "javascript:alert(1)", false),
            (Slot::Link, "mailto:a@b.co", false),
            (Slot::Unsubscribe, "mailto:a@b.co", true),
            (Slot::Unsubscribe, "data:text/html,x", false),
            (Slot::Picture, "cid:dashboard", true),
            (Slot::Picture, "https://elsewhere.example/pixel.png", false),
        ] {
            let filling = Filling { link: Some(address), unsubscribe: Some(address), picture: Some(address), note: None };
            let words = MailWords { html: part(slot), text: Vec::new() };
            assert_eq!(!words.html(&filling).is_empty(), shown, "{slot:?} {address}");
        }
    }

    #[test]
    fn m9_words_are_read_as_they_were_written() {
        let words = MailWords::plain("cid:dashboard <!--note--> {Value}");
        let json = serde_json::to_string(&words).expect("JSON");
        assert_eq!(serde_json::from_str::<MailWords>(&json).expect("the same"), words);
    }
}
