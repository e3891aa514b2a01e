//! One cell of a csv: quoted when RFC 4180 asks for it, guarded when a spreadsheet would run it (R4).

/// Appends text: guarded against being run as a formula, then quoted.
pub(super) fn push_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let guarded = bytes.first().is_some_and(|first| starts_formula(*first));
    if needs_quotes(bytes) {
        out.push(b'"');
        if guarded {
            out.push(b'\'');
        }
        push_doubled(bytes, out);
        out.push(b'"');
    } else {
        if guarded {
            out.push(b'\'');
        }
        out.extend_from_slice(bytes);
    }
}

/// Appends what is no text (a formatted number): quoted, not guarded.
pub(super) fn push_quoted(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    quote_tail(out, start);
}

/// Puts an apostrophe before what was appended from `start` on, if a spreadsheet would run it.
pub(super) fn guard_tail(out: &mut Vec<u8>, start: usize) {
    if out.get(start).is_some_and(|first| starts_formula(*first)) {
        out.insert(start, b'\'');
    }
}

/// Quotes what was appended from `start` on, if it must be.
pub(super) fn quote_tail(out: &mut Vec<u8>, start: usize) {
    if needs_quotes(&out[start..]) {
        let tail = out.split_off(start);
        out.push(b'"');
        push_doubled(&tail, out);
        out.push(b'"');
    }
}

fn starts_formula(first: u8) -> bool {
    matches!(first, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')
}

/// Spaces at the ends are quoted too, since some readers trim them.
fn needs_quotes(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ') || bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'))
}

fn push_doubled(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_text_is_guarded_and_quoted() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\ttab", "'\ttab"),
            ("\rcr", "\"'\rcr\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            (" padded ", "\" padded \""),
            ("東京", "東京"),
        ] {
            let mut out = Vec::new();
            push_text(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
        }
    }
}
