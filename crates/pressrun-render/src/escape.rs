//! Text within XML and HTML.

/// Whether a character turns the order of the text after it (UAX #9).
pub(crate) fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
