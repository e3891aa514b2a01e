//! The relaxed forms of RFC 6376 §3.4.2 and §3.4.4: what survives the small changes that relays make.

/// A header as it is signed: name in lower case, one line, single blanks; without a line end.
pub(super) fn header(name: &str, value: &str) -> String {
    let unfolded: String = value.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    format!("{}:{}", name.trim_end().to_ascii_lowercase(), collapsed(unfolded.as_bytes()).trim_matches(' '))
}

/// A body as it is hashed, a piece at a time: single blanks, none at line ends, no empty lines at the end.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Empty lines that count once something stands below them.
    empty_lines: usize,
    /// Something stands on this line.
    begun: bool,
    /// Blanks that count once something stands behind them.
    blank: bool,
    /// A CR that ends the line when an LF follows, and else is a letter like others.
    cr: bool,
}

impl Body {
    /// Takes the next bytes, and gives what is to be hashed of them to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line(out);
                continue;
            }
            if std::mem::take(&mut self.cr) {
                self.letter(b'\r', out);
            }
            match byte {
                b'\r' => self.cr = true,
                b' ' | b'\t' => self.blank = true,
                letter => self.letter(letter, out),
            }
        }
    }

    /// Makes way for whole lines that need no change, before they are hashed as they are; the bytes so far ended with a line.
    pub(super) fn before_plain_lines(&mut self, out: &mut Vec<u8>) {
        out.extend(b"\r\n".repeat(std::mem::take(&mut self.empty_lines)));
    }

    /// Ends the last line.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if self.begun {
            self.end_line(out);
        }
    }

    fn letter(&mut self, letter: u8, out: &mut Vec<u8>) {
        if !self.begun {
            out.extend(b"\r\n".repeat(std::mem::take(&mut self.empty_lines)));
            self.begun = true;
        }
        if std::mem::take(&mut self.blank) {
            out.push(b' ');
        }
        out.push(letter);
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        if self.begun {
            out.extend_from_slice(b"\r\n");
        } else {
            self.empty_lines += 1;
        }
        (self.begun, self.blank, self.cr) = (false, false, false);
    }
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

    fn body(body: &[u8]) -> Vec<u8> {
        let (mut state, mut out) = (Body::default(), Vec::new());
        state.push(body, &mut out);
        state.end(&mut out);
        out
    }

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
            ("a\rb\r\r\n", "a\rb\r\r\n"),
            ("a\nb", "a\r\nb\r\n"),
        ] {
            assert_eq!(String::from_utf8(body(given.as_bytes())).expect("text"), expected, "{given:?}");
            let (mut state, mut out) = (Body::default(), Vec::new());
            for byte in given.bytes() {
                state.push(&[byte], &mut out);
            }
            state.end(&mut out);
            assert_eq!(String::from_utf8(out).expect("text"), expected, "{given:?} byte by byte");
        }
    }
}
