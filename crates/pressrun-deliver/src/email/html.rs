//! The HTML part: what the renderer made, or the plain text dressed up; with or without the picture.

use std::fmt::Write as _;

/// Where the HTML asks for the picture.
const PICTURE: &str = "cid:dashboard";

/// Where the renderer's mail has room for one more note, as a row of its card.
const NOTE_PLACE: &str = "<!--note-->";

/// Plain text as HTML: escaped, line breaks kept (D11).
pub(super) fn from_text(text: &str) -> String {
    let mut html = String::from("<html><body style=\"font-family: sans-serif\"><p>");
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            html.push_str("<br>\n");
        }
        html.push_str(&escape(line));
    }
    html.push_str("</p></body></html>");
    html
}

/// `html` with a place for the picture, unless it has one.
pub(super) fn with_picture(html: &str) -> String {
    if html.contains(PICTURE) {
        return html.to_owned();
    }
    append(html, &format!("<p><img src=\"{PICTURE}\" alt=\"Dashboard\" style=\"max-width: 100%\"></p>"))
}

/// `html` without the tags that ask for the picture.
pub(super) fn without_picture(html: &str) -> String {
    let mut html = html.to_owned();
    while let Some(at) = html.find(PICTURE) {
        let start = html[..at].rfind('<').unwrap_or(at);
        let end = html[at..].find('>').map_or(html.len(), |more| at + more + 1);
        html.replace_range(start..end, "");
    }
    html
}

/// `html` with a note, and a link when there is one: where it has room for it, else at its end.
pub(super) fn with_note(html: &str, note: &str, link: Option<&str>) -> String {
    let mut words = escape(note);
    if let Some(link) = link {
        let link = escape(link);
        let _ = write!(words, " <a href=\"{link}\" style=\"color:inherit;\">Open the dashboard</a>");
    }
    if html.contains(NOTE_PLACE) {
        let style =
            "padding:16px 24px 0 24px;font-family:'Noto Sans',Helvetica,Arial,sans-serif;font-size:13px;line-height:19px;color:#18212f;";
        return html.replacen(NOTE_PLACE, &format!("<tr><td class=\"pad text\" style=\"{style}\">{words}</td></tr>"), 1);
    }
    append(html, &format!("<p>{words}</p>"))
}

fn append(html: &str, more: &str) -> String {
    match html.rfind("</body>") {
        Some(at) => format!("{}{more}{}", &html[..at], &html[at..]),
        None => format!("{html}{more}"),
    }
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_text_is_escaped_and_keeps_its_lines() {
        let html = from_text("a < b & \"c\"\r\n<script>");
        assert!(html.contains("a &lt; b &amp; &quot;c&quot;<br>\n&lt;script&gt;"), "{html}");
    }

    #[test]
    fn d12_a_note_stands_in_the_card_or_else_at_the_end() {
        let row = with_note("<table><!--note--></table></body>", "a < b", Some("https://x.example/?a=1&b=2"));
        assert!(row.starts_with("<table><tr><td") && row.ends_with("</td></tr></table></body>"), "{row}");
        assert!(row.contains("a &lt; b <a href=\"https://x.example/?a=1&amp;b=2\""), "{row}");
        assert_eq!(with_note("<body>x</body>", "note", None), "<body>x<p>note</p></body>");
    }

    #[test]
    fn r2_the_picture_is_asked_for_once_or_not_at_all() {
        assert_eq!(with_picture("<body>x</body>").matches(PICTURE).count(), 1);
        assert_eq!(with_picture("<img src=\"cid:dashboard\">"), "<img src=\"cid:dashboard\">");
        assert_eq!(without_picture("<p>a<img src=\"cid:dashboard\" alt=\"x\">b</p>"), "<p>ab</p>");
        assert_eq!(without_picture("cid:dashboard"), "");
    }
}
