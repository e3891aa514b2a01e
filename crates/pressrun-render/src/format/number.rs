//! Spreadsheet number formats: `$#,##0.00`, `0.0%`, `#,##0,"K"`, with sections for negative and zero.

use super::digits::Digits;
use super::separators::Separators;

/// A parsed number format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    positive: Section,
    negative: Option<Section>,
    zero: Option<Section>,
}

/// The format of numbers of one sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// Text before the digits.
    pub(crate) prefix: String,
    /// Text behind the digits, `%` included.
    pub(crate) suffix: String,
    /// Least digits before the point.
    whole: usize,
    /// Least digits behind the point.
    least: usize,
    /// Most digits behind the point.
    most: usize,
    grouped: bool,
    /// Powers of ten applied before display: 2 for per cent, -3 for each scaling comma.
    pub(crate) shift: i32,
    /// Only text, no digits.
    literal: bool,
}

impl NumberFormat {
    /// Reads a format; `None` when it has no place for digits in its first section.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.trim().eq_ignore_ascii_case("general") {
            return None;
        }
        let mut sections = split_sections(text).into_iter();
        let positive = Section::parse(&sections.next()?);
        if positive.literal {
            return None;
        }
        let negative = sections.next().filter(|s| !s.is_empty()).map(|s| Section::parse(&s));
        let zero = sections.next().filter(|s| !s.is_empty()).map(|s| Section::parse(&s));
        Some(Self { positive, negative, zero })
    }

    /// The section that positive numbers use, whose affixes short forms keep.
    pub(crate) fn positive(&self) -> &Section {
        &self.positive
    }

    /// The number as this format shows it.
    pub(crate) fn display(&self, number: &Digits, separators: Separators) -> String {
        let mut section = &self.positive;
        let mut number = number.clone();
        let mut minus = false;
        if number.is_negative() {
            number.negate();
            match &self.negative {
                Some(negative) => section = negative,
                None => minus = true,
            }
        }
        let mut shown = section.scaled(&number);
        if shown.is_zero() {
            // What rounds to zero has no sign: "-0" says nothing.
            minus = false;
            section = self.zero.as_ref().unwrap_or(&self.positive);
            shown = section.scaled(&number);
        }
        let mut out = String::new();
        if minus {
            out.push(separators.minus);
        }
        out.push_str(&section.prefix);
        if !section.literal {
            out.push_str(&shown.write(section.whole, section.least, section.grouped, separators));
        }
        out.push_str(&section.suffix);
        out
    }

    /// The same format in the words of a spreadsheet, with every literal quoted.
    pub(crate) fn excel(&self) -> String {
        let mut out = self.positive.excel();
        if let Some(negative) = &self.negative {
            out.push(';');
            out.push_str(&negative.excel());
        } else if self.zero.is_some() {
            out.push_str(";-");
            out.push_str(&self.positive.excel());
        }
        if let Some(zero) = &self.zero {
            out.push(';');
            out.push_str(&zero.excel());
        }
        out
    }
}

impl Section {
    fn parse(text: &str) -> Self {
        let mut section = Self::default();
        let mut pattern = String::new();
        let mut chars = text.chars().peekable();
        let mut pending_point = false;
        while let Some(c) = chars.next() {
            let mut literal = String::new();
            match c {
                '0' | '#' | '?' => {
                    if std::mem::take(&mut pending_point) {
                        pattern.push('.');
                    }
                    pattern.push(c);
                }
                ',' if !pattern.is_empty() => pattern.push(','),
                '.' if !pattern.contains('.') && matches!(chars.peek(), Some('0' | '#' | '?')) => pending_point = true,
                '.' if !pattern.is_empty() && !pattern.contains('.') => {}
                '"' => literal.extend(chars.by_ref().take_while(|c| *c != '"')),
                '\\' => literal.extend(chars.next()),
                '_' => {
                    chars.next();
                    literal.push(' ');
                }
                '*' => {
                    chars.next();
                }
                '[' => {
                    // `[$€-407]` is a currency; colours and conditions are not text.
                    let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    if let Some(currency) = inside.strip_prefix('$') {
                        literal.push_str(currency.split('-').next().unwrap_or(""));
                    }
                }
                // An exponent is not kept: the number is shown in full.
                'E' | 'e' if !pattern.is_empty() && matches!(chars.peek(), Some('+' | '-')) => {
                    chars.next();
                    while chars.next_if(|c| matches!(c, '0' | '#' | '?')).is_some() {}
                }
                '%' => {
                    section.shift += 2;
                    literal.push('%');
                }
                other => literal.push(other),
            }
            if pattern.is_empty() {
                section.prefix.push_str(&literal);
            } else {
                section.suffix.push_str(&literal);
            }
        }
        section.read_pattern(&pattern);
        section
    }

    fn read_pattern(&mut self, pattern: &str) {
        if !pattern.contains(['0', '#', '?']) {
            self.literal = true;
            return;
        }
        let (whole, fraction) = pattern.split_once('.').unwrap_or((pattern, ""));
        let trailing = |part: &str| part.len() - part.trim_end_matches(',').len();
        let scaling = trailing(whole) + trailing(fraction);
        self.shift -= 3 * i32::try_from(scaling.min(10)).unwrap_or(0);
        self.grouped = whole.trim_end_matches(',').contains(',');
        self.whole = whole.matches('0').count();
        self.least = fraction.matches('0').count();
        self.most = fraction.matches(['0', '#', '?']).count();
    }

    fn scaled(&self, number: &Digits) -> Digits {
        let mut scaled = number.clone();
        scaled.shift(self.shift);
        scaled.round(self.most);
        scaled
    }

    fn excel(&self) -> String {
        let mut out = quoted(&self.prefix);
        if !self.literal {
            let whole = "0".repeat(self.whole);
            if self.grouped {
                let padded = format!("{whole:#>4}");
                let (head, tail) = padded.split_at(padded.len() - 3);
                out.push_str(head);
                out.push(',');
                out.push_str(tail);
            } else if whole.is_empty() {
                out.push('#');
            } else {
                out.push_str(&whole);
            }
            if self.most > 0 {
                out.push('.');
                out.push_str(&"0".repeat(self.least));
                out.push_str(&"#".repeat(self.most - self.least));
            }
            let percents = self.prefix.matches('%').count() + self.suffix.matches('%').count();
            let scaling = (2 * i32::try_from(percents).unwrap_or(0) - self.shift) / 3;
            out.push_str(&",".repeat(usize::try_from(scaling).unwrap_or(0)));
        }
        out.push_str(&quoted(&self.suffix));
        out
    }
}

/// Splits at `;` outside quotes and escapes.
fn split_sections(text: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut chars = text.chars();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        if c == ';' && !quoted {
            sections.push(String::new());
            continue;
        }
        quoted ^= c == '"';
        if let Some(last) = sections.last_mut() {
            last.push(c);
            if c == '\\' && !quoted {
                last.extend(chars.next());
            }
        }
    }
    sections
}

/// Text as a spreadsheet's format wants it: signs that are safe bare stay so, the rest goes into quotes.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    let flush = |run: &mut String, out: &mut String| {
        if !run.is_empty() {
            out.push('"');
            out.push_str(run);
            out.push('"');
            run.clear();
        }
    };
    for c in text.chars() {
        match c {
            '$' | '-' | '+' | '(' | ')' | ' ' | '€' | '£' | '¥' | '%' => {
                flush(&mut run, &mut out);
                out.push(c);
            }
            '"' => {
                flush(&mut run, &mut out);
                out.push_str("\\\"");
            }
            other => run.push(other),
        }
    }
    flush(&mut run, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(format: &str, number: &str) -> String {
        NumberFormat::parse(format).unwrap().display(&Digits::parse(number).unwrap(), Separators::EN)
    }

    #[test]
    fn formats_show_what_a_spreadsheet_shows() {
        for (format, number, expected) in [
            ("$#,##0.00", "1234567.891", "$1,234,567.89"),
            ("$#,##0.00", "-5", "-$5.00"),
            ("$#,##0", "0", "$0"),
            ("0.0%", "0.12345", "12.3%"),
            ("0.0%", "-0.0004", "0.0%"),
            ("0%", "1", "100%"),
            ("#,##0,\"K\"", "1234567", "1,235K"),
            ("#,##0.0,,\"M\"", "1234567", "1.2M"),
            ("#,##0.0,, \"M €\"", "-98765432", "-98.8 M €"),
            ("€#,##0.00", "12.5", "€12.50"),
            ("#,##0.00 €", "1234.5", "1,234.50 €"),
            ("[$£-809]#,##0", "42", "£42"),
            ("#,##0;(#,##0)", "-1234", "(1,234)"),
            ("#,##0;(#,##0)", "1234", "1,234"),
            ("#,##0;(#,##0);\"none\"", "0", "none"),
            ("#,##0;-#,##0;-", "0", "-"),
            ("0.00;[Red]-0.00", "-1.5", "-1.50"),
            ("0.###", "1.5", "1.5"),
            ("0.###", "2", "2"),
            ("#.##", "0.5", ".5"),
            ("00000", "42", "00042"),
            ("0", "12345", "12345"),
            ("#,##0", "18446744073709551615", "18,446,744,073,709,551,615"),
            ("#,##0.00", "-123456789012345678901234567890.125", "-123,456,789,012,345,678,901,234,567,890.13"),
            ("\"qty: \"0", "7", "qty: 7"),
            ("0\\x", "7", "7x"),
            ("_(0_)", "7", " 7 "),
        ] {
            assert_eq!(show(format, number), expected, "{format} of {number}");
        }
    }

    #[test]
    fn excel_gets_the_same_format_with_literals_quoted() {
        for (format, expected) in [
            ("$#,##0.00", "$#,##0.00"),
            ("0.0%", "0.0%"),
            ("#,##0,\"K\"", "#,##0,\"K\""),
            ("#,##0.0,,M", "#,##0.0,,\"M\""),
            ("#,##0;(#,##0)", "#,##0;(#,##0)"),
            ("0 kg", "0 \"kg\""),
            ("00000", "00000"),
            ("#", "#"),
        ] {
            assert_eq!(NumberFormat::parse(format).unwrap().excel(), expected);
        }
    }

    #[test]
    fn a_format_without_digits_is_none() {
        for format in ["", "General", "MMM yyyy", "\"0\""] {
            assert_eq!(NumberFormat::parse(format), None, "{format}");
        }
    }
}
