//! Header fields from what people typed: encoded words where they are needed, and lines of less than 78 letters (RFC 5322 §2.1.1, RFC 2047).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::message::Mailbox;
use lettre::message::header::{HeaderName, HeaderValue};

/// Letters on a line before it is folded.
const LINE: usize = 76;
/// Longest word that stands as it was typed; a longer one is encoded, because only encoded words can be broken.
const WORD: usize = 60;
/// Bytes of text in one encoded word, which is 64 letters long then and fits on a line behind the name of its field.
const ENCODED: usize = 39;

/// A field of free text, such as `Subject`.
pub(super) fn text(name: &'static str, value: &str) -> HeaderValue {
    let words: Vec<String> = if is_plain(value) { value.split(' ').map(str::to_owned).collect() } else { encoded_words(value) };
    field(name, value, &words)
}

/// A field of mailboxes, such as `From` or `To`.
pub(super) fn mailboxes(name: &'static str, mailboxes: &[Mailbox]) -> HeaderValue {
    let mut words = Vec::new();
    for (at, mailbox) in mailboxes.iter().enumerate() {
        let name = mailbox.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let address = if name.is_some() { format!("<{}>", mailbox.email) } else { mailbox.email.to_string() };
        words.extend(name.map(phrase).unwrap_or_default());
        words.push(if at + 1 < mailboxes.len() { format!("{address},") } else { address });
    }
    let raw = words.join(" ");
    field(name, &raw, &words)
}

/// A field whose value is plain ASCII of ours.
pub(super) fn plain(name: &'static str, value: &str) -> HeaderValue {
    field(name, value, &[value.to_owned()])
}

fn field(name: &'static str, raw: &str, words: &[String]) -> HeaderValue {
    let (mut value, mut length) = (String::with_capacity(raw.len()), name.len() + 2);
    for (at, word) in words.iter().enumerate() {
        // A line of blanks alone would end the field for some readers, so none is begun with an empty word.
        if at > 0 && !word.is_empty() && length + 1 + word.len() > LINE {
            value.push_str("\r\n");
            length = 0;
        }
        if at > 0 {
            value.push(' ');
            length += 1;
        }
        value.push_str(word);
        length += word.len();
    }
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), raw.to_owned(), value)
}

/// Whether `text` may stand as it is: printable ASCII in words that fit on a line, nothing that reads as an encoded word, no runs of blanks.
fn is_plain(text: &str) -> bool {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    printable && !text.contains("=?") && !text.contains("  ") && text.split(' ').all(|word| word.len() <= WORD)
}

/// The name before an address: as it is, in quotes, or as encoded words.
fn phrase(name: &str) -> Vec<String> {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b" !#$%&'*+-/=?^_`{|}~".contains(&byte);
    if is_plain(name) && name.bytes().all(atom) {
        return name.split(' ').map(str::to_owned).collect();
    }
    if is_plain(name) && name.len() <= WORD {
        return vec![format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))];
    }
    encoded_words(name)
}

/// `text` as encoded words; the blank between two of them is no part of the text.
fn encoded_words(text: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let mut end = rest.len().min(ENCODED);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (word, more) = rest.split_at(end);
        words.push(format!("=?utf-8?b?{}?=", BASE64.encode(word)));
        rest = more;
    }
    words
}

#[cfg(test)]
mod tests {
    use lettre::message::header::Headers;
    use proptest::prelude::*;

    use super::*;

    fn written(value: HeaderValue) -> String {
        let mut headers = Headers::new();
        headers.insert_raw(value);
        headers.to_string()
    }

    /// What a reader makes of a field: unfolded, encoded words decoded, the blanks between two of them dropped (RFC 2047 §6.2).
    fn read(field: &str) -> String {
        let unfolded = field.replace("\r\n", "");
        let value = unfolded.split_once(": ").map_or("", |(_, value)| value);
        let (mut out, mut after_encoded) = (String::new(), false);
        let mut bytes = Vec::new();
        for (at, word) in value.split(' ').enumerate() {
            let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
            if at > 0 && !(after_encoded && encoded.is_some()) {
                out.push(' ');
            }
            match encoded {
                Some(word) => bytes.extend(BASE64.decode(word).expect("base64")),
                None => out.push_str(word),
            }
            out.push_str(&String::from_utf8(std::mem::take(&mut bytes)).expect("whole letters"));
            after_encoded = encoded.is_some();
        }
        out
    }

    #[test]
    fn a_subject_stands_as_it_is_when_it_can() {
        for (typed, expected) in [
            ("Daily Sales report", "Subject: Daily Sales report\r\n"),
            ("", "Subject: \r\n"),
            ("Umsätze", "Subject: =?utf-8?b?VW1zw6R0emU=?=\r\n"),
            ("=?utf-8?q?Bcc?=", "Subject: =?utf-8?b?PT91dGYtOD9xP0JjYz89?=\r\n"),
        ] {
            assert_eq!(written(text("Subject", typed)), expected);
        }
    }

    #[test]
    fn a_name_before_an_address_is_quoted_only_when_it_must_be() {
        let address = || "reports@myorg.co".parse().expect("an address");
        for (name, expected) in [
            ("Reports & more", "From: Reports & more <reports@myorg.co>\r\n"),
            ("Blob, \"Ross\"", "From: \"Blob, \\\"Ross\\\"\" <reports@myorg.co>\r\n"),
            ("Blöb", "From: =?utf-8?b?QmzDtmI=?= <reports@myorg.co>\r\n"),
            (" ", "From: reports@myorg.co\r\n"),
        ] {
            assert_eq!(written(mailboxes("From", &[Mailbox::new(Some(name.to_owned()), address())])), expected);
        }
        let two = [Mailbox::new(None, address()), Mailbox::new(None, address())];
        assert_eq!(written(mailboxes("Cc", &two)), "Cc: reports@myorg.co, reports@myorg.co\r\n");
    }

    proptest! {
        #[test]
        fn no_field_has_a_long_line_and_every_reader_has_the_text_back(
            typed in prop_oneof!["[ -~]{0,300}", "\\PC{0,300}", "[a-z]{900,1100}", "[äöü東京🌍]{200,500}"]
        ) {
            let typed = typed.trim();
            let field = written(text("Subject", typed));
            for line in field.split("\r\n") {
                prop_assert!(line.len() <= 78 && !(line.starts_with(' ') && line.trim().is_empty()), "{:?}", line);
            }
            prop_assert_eq!(read(&field), typed);
            let from = written(mailboxes("From", &[Mailbox::new(Some(typed.to_owned()), "a@myorg.co".parse().expect("an address"))]));
            prop_assert!(from.split("\r\n").all(|line| line.len() <= 78), "{:?}", from);
        }
    }
}
