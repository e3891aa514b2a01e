//! What an author wrote, as Slack is told it.
//!
//! Slack gives meaning to `<…>`: `<!channel>` calls everybody, `<https://evil.example|https://bank.example>` shows one address and opens
//! another. Both are harmless from the operator and not from any member who may write a schedule's text.

/// `text` with its markup (bold, lists, quotes, code, addresses) and without calls and disguised links: those are shown as they are written.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&escaped(&rest[..at]));
        let inside = &rest[at + 1..];
        let end = inside.find(['<', '>', '\n']).filter(|end| inside[*end..].starts_with('>'));
        let Some(end) = end else {
            out.push_str("&lt;");
            rest = inside;
            continue;
        };
        let (target, label) = inside[..end].split_once('|').map_or((&inside[..end], None), |(target, label)| (target, Some(label)));
        match label {
            _ if !is_address(target) => out.push_str(&escaped(&rest[at..=at + 1 + end])),
            None => out.push_str(&escaped(target)),
            Some(label) if label.trim() == target => out.push_str(&escaped(target)),
            // Where it leads to is for everybody to see.
            Some(label) => out.extend([&escaped(label), " (", &escaped(target), ")"]),
        }
        rest = &inside[end + 1..];
    }
    out.push_str(&escaped(rest));
    out
}

fn is_address(target: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) && !target.contains(char::is_whitespace)
}

/// `&`, `<` and `>` as Slack wants them; what is written so already stays.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if !["&amp;", "&lt;", "&gt;"].iter().any(|entity| text[at..].starts_with(entity)) => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn low_slack_text_calls_nobody_and_disguises_no_link() {
        for (written, told) in [
            ("*Sales* are _up_\n• one\n• two\n> quote `code`", "*Sales* are _up_\n• one\n• two\n&gt; quote `code`"),
            ("see https://example.com/a?b=1&c=2", "see https://example.com/a?b=1&amp;c=2"),
            ("see <https://example.com/a?b=1&c=2>", "see https://example.com/a?b=1&amp;c=2"),
            ("<!channel> look", "&lt;!channel&gt; look"),
            ("<!here|here>", "&lt;!here|here&gt;"),
            ("<!subteam^S1|@sales>", "&lt;!subteam^S1|@sales&gt;"),
            ("<@U0456> <#C0123|general>", "&lt;@U0456&gt; &lt;#C0123|general&gt;"),
            ("<https://evil.example|https://bank.example>", "https://bank.example (https://evil.example)"),
            ("<https://a.example|https://a.example>", "https://a.example"),
            ("<https://evil.example|<!channel>>", "&lt;https://evil.example|&lt;!channel&gt;&gt;"),
            ("<javascript:x|y>", "&lt;javascript:x|y&gt;"),
            ("a < b && c > d &amp; e &lt;3", "a &lt; b &amp;&amp; c &gt; d &amp; e &lt;3"),
            ("<!chan\nnel>", "&lt;!chan\nnel&gt;"),
            ("<", "&lt;"),
            ("", ""),
        ] {
            assert_eq!(harmless(written), told, "{written}");
        }
    }

    proptest! {
        #[test]
        fn low_slack_text_has_no_angle_bracket_whatever_is_written(text in "[<>!@#|&a-z:/ \\n]{0,60}|.{0,40}") {
            let told = harmless(&text);
            prop_assert!(!told.contains(['<', '>']), "{}", told);
            prop_assert_eq!(harmless(&told), told.clone(), "told twice is told once");
        }
    }
}
