//! The relaxed forms of RFC 6376 §3.4.2 and §3.4.4: what survives the small changes that relays make.

/// A header as it is signed: name in lower case, one line, single blanks; without a line end.
pub(super) fn header(name: &str, value: &str) -> String {
    let unfolded: String = value.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    format!("{}:{}", name.trim_end().to_ascii_lowercase(), collapsed(unfolded.as_bytes()).trim_matches(' '))
}

/// A body as it is hashed: single blanks, none at line ends, no empty lines at the end.
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut empty_lines = 0_usize;
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let before = out.len();
        let mut blank = false;
        for &byte in line {
            if matches!(byte, b' ' | b'\t') {
                blank = true;
                continue;
            }
            if out.len() == before {
                // Something stands on this line, so the empty ones before it count.
                out.extend(b"\r\n".repeat(empty_lines));
                empty_lines = 0;
            }
            if blank {
                out.push(b' ');
                blank = false;
            }
            out.push(byte);
        }
        if out.len() == before {
            empty_lines += 1;
        } else {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

fn collapsed(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        let byte = if byte == b'\t' { b' ' } else { byte };
        if byte != b' ' || out.last() != Some(&b' ') {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6376_the_published_example_of_relaxed_forms() {
        // §3.4.5: "A: <SP> X <CRLF>" and "B <SP> : <SP> Y <HTAB><CRLF> <HTAB> Z <SP><SP><CRLF>".
        assert_eq!(header("A", " X"), "a:X");
        assert_eq!(header("B ", " Y\t\r\n\tZ  "), "b:Y Z");
        assert_eq!(body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
    }

    #[test]
    fn empty_lines_count_inside_a_body_and_not_at_its_end() {
        for (given, expected) in [
            ("", ""),
            ("\r\n", ""),
            ("\r\n\r\n", ""),
            (" \t\r\n", ""),
            ("a", "a\r\n"),
            ("a\r\n", "a\r\n"),
            ("a\r\n\r\n\r\n", "a\r\n"),
            ("a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"),
            ("\r\na", "\r\na\r\n"),
            ("a \t\r\n\t b", "a\r\n b\r\n"),
        ] {
            assert_eq!(String::from_utf8(body(given.as_bytes())).expect("text"), expected, "{given:?}");
        }
    }
}
