//! Number formats as people write them: those of spreadsheets, and d3's, which Vega-Lite has, in the words of spreadsheets.
//!
//! What looks like one of them and is not would print digits in wrong places, so it is refused here and never guessed at.

/// Why a format is not taken, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Continues "the format `…`".
    pub(super) fault: &'static str,
    pub(super) hint: &'static str,
}

/// A format in the words of spreadsheets: as written, or translated from d3's.
///
/// Text without places for digits (a date pattern) is left alone.
pub(super) fn number_format(text: &str) -> Result<String, Refusal> {
    if let Some(found) = d3(text) {
        return found;
    }
    for section in sections(text) {
        check_section(&section)?;
    }
    Ok(text.to_owned())
}

/// `[$][,][.digits][~]type` of d3; `None` for what is none of its formats.
fn d3(text: &str) -> Option<Result<String, Refusal>> {
    let kind = text.chars().last().filter(|kind| matches!(kind, 'f' | 'd' | '%' | 'p' | 's' | 'g' | 'r' | 'e'))?;
    let rest = text.get(..text.len() - kind.len_utf8())?;
    let (trimmed, rest) = rest.strip_suffix('~').map_or((false, rest), |rest| (true, rest));
    let (rest, digits) = match rest.split_once('.') {
        Some((rest, digits)) => (rest, Some(digits.parse::<usize>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?)),
        None => (rest, None),
    };
    let (dollar, rest) = rest.strip_prefix('$').map_or((false, rest), |rest| (true, rest));
    let (grouped, rest) = rest.strip_prefix(',').map_or((false, rest), |rest| (true, rest));
    // `%` alone is a unit, not a format; without a sign of d3's own it is text.
    if !rest.is_empty() || (digits.is_none() && !grouped && !dollar && !trimmed) {
        return None;
    }
    if !matches!(kind, 'f' | 'd' | '%') {
        return Some(Err(Refusal {
            fault: "is one of d3's that is not known here",
            hint: "write `,.2f`, `$,.0f` or `.1%`, or a spreadsheet's `#,##0.00`; large numbers on axes are short by themselves",
        }));
    }
    let places = match (kind, digits) {
        ('d', _) => 0,
        (_, digits) => digits.unwrap_or(6).min(12),
    };
    let decimal = if trimmed { "#" } else { "0" };
    let fraction = if places > 0 { format!(".{}", decimal.repeat(places)) } else { String::new() };
    let whole = if grouped { "#,##0" } else { "0" };
    let (prefix, suffix) = (if dollar { "$" } else { "" }, if kind == '%' { "%" } else { "" });
    Some(Ok(format!("{prefix}{whole}{fraction}{suffix}")))
}

/// The sections of a format, with literals and conditions replaced by blanks.
fn sections(text: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let shown = match c {
            ';' => {
                sections.push(String::new());
                continue;
            }
            '"' => {
                chars.by_ref().find(|c| *c == '"');
                ' '
            }
            '[' => {
                chars.by_ref().find(|c| *c == ']');
                ' '
            }
            '\\' | '_' | '*' => {
                chars.next();
                ' '
            }
            other => other,
        };
        if let Some(section) = sections.last_mut() {
            section.push(shown);
        }
    }
    sections
}

fn check_section(section: &str) -> Result<(), Refusal> {
    let is_place = |c: char| matches!(c, '0' | '#' | '?');
    let (Some(first), Some(last)) = (section.find(is_place), section.rfind(is_place)) else { return Ok(()) };
    let refuse = |fault, hint| Err(Refusal { fault, hint });
    let places = section.get(first..=last).unwrap_or_default();
    if places.contains(['E', 'e']) {
        return refuse(
            "has an exponent, which is not known here",
            "write `#,##0.00`; very small and very large numbers get one by themselves",
        );
    }
    if places.chars().any(|c| !is_place(c) && c != ',' && c != '.') {
        return refuse("has other signs between its digits", "write `#,##0.00`, and text before or behind the digits");
    }
    let (whole, fraction) = places.split_once('.').unwrap_or((places, ""));
    if fraction.contains(['.', ',']) {
        return refuse(
            "has a separator behind the decimal point",
            "write `#,##0.00`: in formats the comma groups and the point is the decimal mark, whatever the page shows",
        );
    }
    let mut groups = whole.split(',').skip(1);
    if groups.any(|group| group.len() != 3) {
        return refuse(
            "groups other than three digits",
            "write `#,##0` for thousands and `0.0` for decimals: the comma groups, the point is the decimal mark",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_spreadsheets_and_of_d3_mean_what_they_say() {
        for (written, meant) in [
            ("#,##0", "#,##0"),
            ("$#,##0.00;[Red]($#,##0.00)", "$#,##0.00;[Red]($#,##0.00)"),
            ("0.0%", "0.0%"),
            ("#,##0,\"K\"", "#,##0,\"K\""),
            ("#,##0.0,,\"M\"", "#,##0.0,,\"M\""),
            ("0 \"days, 1.000,00\"", "0 \"days, 1.000,00\""),
            ("[$€-407] #,##0.00", "[$€-407] #,##0.00"),
            ("MMM yyyy", "MMM yyyy"),
            ("yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm"),
            ("General", "General"),
            (",.0f", "#,##0"),
            ("$,.2f", "$#,##0.00"),
            (".1%", "0.0%"),
            (",d", "#,##0"),
            (",.2~f", "#,##0.##"),
            (".3f", "0.000"),
        ] {
            assert_eq!(number_format(written).as_deref(), Ok(meant), "{written}");
        }
    }

    #[test]
    fn formats_that_would_print_wrong_digits_are_refused() {
        for (written, fault) in [
            ("#.##0,00 €", "has a separator behind the decimal point"),
            ("0,0 %", "groups other than three digits"),
            ("#,##,##0", "groups other than three digits"),
            ("CHF #'##0.00", "has other signs between its digits"),
            ("0.00E+00", "has an exponent, which is not known here"),
            ("# ##0", "has other signs between its digits"),
            (".3s", "is one of d3's that is not known here"),
            ("$,.2r", "is one of d3's that is not known here"),
        ] {
            assert_eq!(number_format(written).map_err(|refusal| refusal.fault), Err(fault), "{written}");
        }
    }
}
