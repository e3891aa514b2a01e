//! The signs between digits; one place, so that locales can come later.

/// What stands between and before digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separators {
    /// Between thousands.
    pub group: char,
    /// Between whole and fraction.
    pub decimal: char,
    /// Before negative numbers.
    pub minus: char,
}

impl Separators {
    /// English: `-1,234.5`.
    pub const EN: Self = Self { group: ',', decimal: '.', minus: '-' };
}
