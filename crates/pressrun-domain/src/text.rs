//! Text on its way into something else: HTML, an address, a header, one line. Each is written once, here.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text as HTML or XML, between tags and in attribute values.
#[must_use]
pub fn escaped(text: &str) -> String {
    escaped_without(text, |_| false)
}

/// As [`escaped`], without the characters that are `dropped`.
#[must_use]
pub fn escaped_without(text: &str, dropped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !dropped(*c)) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text as one part of an address: everything but unreserved characters is percent-encoded (RFC 3986).
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Text on one line: what control characters and Unicode's line breaks held apart is parted by a blank.
#[must_use]
pub fn one_line(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.split(ends).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// At most so many characters, the last of which says that there were more.
#[must_use]
pub fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(characters.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Names of a list for a sentence: the first ten, each shortened, and how many more there are.
#[must_use]
pub fn listed(names: &[&str]) -> String {
    const NAMED: usize = 10;
    let named: Vec<String> = names.iter().take(NAMED).map(|name| shortened(&one_line(name), 60)).collect();
    let named = named.join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// A number with its thousands apart: `1,204`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The value of `Content-Disposition` under which a browser saves a file and never shows it, the name in both spellings (RFC 6266 §4.3,
/// appendix D). It is ASCII and holds neither quotes nor control characters besides its own.
#[must_use]
pub fn attachment(name: &str) -> String {
    let plain = |c: char| (c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%')) || c == ' ';
    let fallback: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", percent_encoded(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_what_is_dropped_is_gone() {
        assert_eq!(escaped("a < b & \"c\" > 'd'\n"), "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;\n");
        assert_eq!(escaped_without("<a\u{1}b>", char::is_control), "&lt;ab&gt;");
    }

    #[test]
    fn only_unreserved_characters_stand_in_an_address_as_they_are() {
        assert_eq!(percent_encoded("aZ9-._~ /?#&+%é"), "aZ9-._~%20%2F%3F%23%26%2B%25%C3%A9");
    }

    #[test]
    fn d11_a_line_stays_one_line() {
        for (text, expected) in [
            ("Sales\r\nBcc: x@y.zz\t report ", "Sales Bcc: x@y.zz report"),
            ("a\u{2028}b\u{2029}\u{85}c", "a b c"),
            ("\r\n", ""),
            ("two  blanks", "two  blanks"),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        for (text, expected) in [("", ""), ("äöü", "äöü"), ("äöüß", "äö…"), ("😀😀😀😀😀", "😀😀…")] {
            assert_eq!(shortened(text, 3), expected);
        }
        assert_eq!(shortened("ab", 0), "…");
    }

    #[test]
    fn a_long_list_is_counted() {
        assert_eq!(listed(&["a", "b\nc"]), "a, b c");
        assert_eq!(listed(&["a"; 12]), format!("{}a and 2 more", "a, ".repeat(9)));
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn file_names_cannot_break_out_of_the_header() {
        for (name, expected) in [
            ("Umsätze \"Q1\"\r\n.pdf", "attachment; filename=\"Ums_tze _Q1___.pdf\"; filename*=UTF-8''Ums%C3%A4tze%20%22Q1%22%0D%0A.pdf"),
            ("50% off.csv", "attachment; filename=\"50_ off.csv\"; filename*=UTF-8''50%25%20off.csv"),
            ("sales(1).csv", "attachment; filename=\"sales(1).csv\"; filename*=UTF-8''sales%281%29.csv"),
        ] {
            assert_eq!(attachment(name), expected);
        }
    }
}
