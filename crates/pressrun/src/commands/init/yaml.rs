//! Text as YAML takes it, whatever is in it.

use std::fmt::Write as _;

/// A text in double quotes, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() || matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\U{:08X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A name of letters, digits and underscores, such as tables and files have; `number` where nothing is left of it.
pub(super) fn plain(text: &str, number: usize) -> String {
    let mut name = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            'ä' => name.push_str("ae"),
            'ö' => name.push_str("oe"),
            'ü' => name.push_str("ue"),
            'ß' => name.push_str("ss"),
            letter if letter.is_ascii_alphanumeric() => name.push(letter),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    let name: String = name.trim_end_matches('_').chars().take(48).collect();
    match name.chars().next() {
        None => format!("table_{number}"),
        Some(first) if first.is_ascii_digit() => format!("t_{name}"),
        Some(_) => name,
    }
}

/// A name as people write it: `order_items` is Order items.
pub(super) fn words(text: &str) -> String {
    let spaced = text.replace(['_', '-', '.'], " ");
    let spaced = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_from_yaml() {
        for text in
            ["plain", "a \"q\" b", "C:\\x", "Größe (m²): #1", "a\nb\tc\u{7}", "{{ x }}", "", "- yes", "\u{feff}x\u{2028}y", "東京 'x'"]
        {
            let back: String = serde_saphyr::from_str(&quoted(text)).expect("YAML");
            assert_eq!(back, text);
        }
    }

    #[test]
    fn any_file_has_a_table_of_a_plain_name() {
        for (text, expected) in [
            ("My Orders 2026", "my_orders_2026"),
            ("2026-01 Umsätze", "t_2026_01_umsaetze"),
            ("東京", "table_3"),
            ("a--b__c", "a_b_c"),
            ("\"; drop table x", "drop_table_x"),
        ] {
            assert_eq!(plain(text, 3), expected, "{text}");
        }
        assert_eq!((words("order_items"), words("東京"), words("")), ("Order items".to_owned(), "東京".to_owned(), String::new()));
    }
}
