//! The message as DATA carries it (RFC 5321 §4.5.2), a piece at a time.

/// A second dot before each line that begins with one, and the end of the message.
///
/// A lone LF or CR begins a line too: some servers take it for one, and what they see must not end the message.
#[derive(Debug)]
pub(super) struct Stuffing {
    line_begins: bool,
    last_two: [u8; 2],
}

impl Stuffing {
    pub(super) fn new() -> Self {
        Self { line_begins: true, last_two: [0; 2] }
    }

    /// Takes the next bytes of the message, and gives what goes on the wire to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if self.line_begins && byte == b'.' {
                out.push(b'.');
            }
            out.push(byte);
            self.line_begins = matches!(byte, b'\n' | b'\r');
            self.last_two = [self.last_two[1], byte];
        }
    }

    /// Notes that whole lines without a dot went past: nothing in them had to be changed.
    pub(super) fn passed_lines(&mut self) {
        (self.line_begins, self.last_two) = (true, *b"\r\n");
    }

    /// Ends the message.
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        if self.last_two != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_no_line_of_a_message_ends_it() {
        for (message, expected) in [
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            (".a", "..a\r\n.\r\n"),
            ("a\n.\nb\r\n", "a\n..\nb\r\n.\r\n"),
            ("a\r.\rb\r\n", "a\r..\rb\r\n.\r\n"),
            ("", "\r\n.\r\n"),
            ("a\n", "a\n\r\n.\r\n"),
        ] {
            for step in [1, 2, 100] {
                let (mut stuffing, mut out) = (Stuffing::new(), Vec::new());
                for piece in message.as_bytes().chunks(step) {
                    stuffing.push(piece, &mut out);
                }
                stuffing.end(&mut out);
                assert_eq!(String::from_utf8_lossy(&out), expected, "{message:?} in steps of {step}");
            }
        }
        let (mut stuffing, mut out) = (Stuffing::new(), Vec::new());
        stuffing.passed_lines();
        stuffing.push(b".x", &mut out);
        assert_eq!(out, b"..x", "what follows the lines begins one");
    }
}
