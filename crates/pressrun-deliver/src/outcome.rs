//! Words for outcomes: short, named, and without secrets.

use std::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;

/// Bytes of a remote's answer that are kept.
pub(crate) const ANSWER_BYTES_MAX: usize = 2048;

/// Longest wait that a remote may ask for.
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn accepted(receipt: impl Into<String>) -> Outcome {
    Outcome::Accepted { receipt: receipt.into() }
}

pub(crate) fn retry(reason: impl Into<String>) -> Outcome {
    Outcome::Retry { reason: reason.into(), not_before: None }
}

pub(crate) fn rejected(reason: impl Into<String>) -> Outcome {
    Outcome::Rejected { reason: reason.into() }
}

/// Whether the same request may be answered otherwise later (D3).
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error()
}

/// The whole chain of an error in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

/// `text` with every secret replaced, control characters made blanks, and cut to [`ANSWER_BYTES_MAX`].
///
/// Secrets go first, so that a cut cannot leave half of one. Remotes quote requests as they came, so a secret is looked for in the forms
/// that it has on the wire as well.
pub(crate) fn presentable(text: &str, secrets: &[&Secret]) -> String {
    let mut forms: Vec<String> = secrets.iter().flat_map(|secret| wire_forms(secret.expose())).collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    let text = forms.iter().fold(text.to_owned(), |text, form| text.replace(form, "[redacted]"));
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.len() <= ANSWER_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = ANSWER_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// `text` with every `part`, in whatever case, replaced by `by`. Only ASCII letters have a case here, and `part` is not empty.
pub(crate) fn replaced_without_case(text: &str, part: &str, by: &str) -> String {
    let (folded, wanted) = (text.to_ascii_lowercase(), part.to_ascii_lowercase());
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (at, found) in folded.match_indices(&wanted) {
        out.push_str(&text[from..at]);
        out.push_str(by);
        from = at + found.len();
    }
    out.push_str(&text[from..]);
    out
}

/// A secret as it is, in base64, percent-encoded, in a form, in JSON and in HTML.
fn wire_forms(secret: &str) -> Vec<String> {
    if secret.is_empty() {
        return Vec::new();
    }
    let json = serde_json::Value::from(secret).to_string();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut forms = vec![
        secret.to_owned(),
        BASE64.encode(secret),
        percent_encoded(secret, |byte| format!("%{byte:02X}")),
        percent_encoded(secret, |byte| format!("%{byte:02x}")),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        json.trim_matches('"').to_owned(),
        html,
    ];
    forms.retain(|form| !form.is_empty());
    forms.sort();
    forms.dedup();
    forms
}

fn percent_encoded(text: &str, escape: impl Fn(u8) -> String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { escape(byte) }).collect()
}

/// The instant that a `Retry-After` header asks for: seconds or an HTTP date, at most a day away (RFC 9110 §10.2.3).
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    let value = value.trim();
    let latest = now.checked_add(RETRY_AFTER_MAX).ok()?;
    let wanted = if let Ok(seconds) = value.parse::<u64>() {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).min(RETRY_AFTER_MAX.as_secs());
        now.checked_add(SignedDuration::from_secs(seconds)).ok()?
    } else {
        jiff::fmt::rfc2822::parse(value).ok()?.timestamp()
    };
    Some(wanted.clamp(now, latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_in_whatever_case() {
        for (text, expected) in
            [("<Bounces+AB12@x.co> no", "<[it]@x.co> no"), ("bounces+ab12, BOUNCES+AB12", "[it], [it]"), ("ü bounces+ab1", "ü bounces+ab1")]
        {
            assert_eq!(replaced_without_case(text, "bounces+ab12", "[it]"), expected);
        }
    }

    #[test]
    fn d13_a_secret_in_an_answer_is_replaced_before_the_cut() {
        let secret = Secret::new("1am@g00dBL0b");
        let long = format!("{}1am@g00dBL0b tail", "x".repeat(ANSWER_BYTES_MAX - 4));
        let shown = presentable(&long, &[&secret]);
        assert!(!shown.contains("1am@"), "{shown}");
        assert_eq!(presentable("a\r\nb\u{7}c", &[]), "a  b c");
        assert!(presentable(&"é".repeat(3000), &[]).len() <= ANSWER_BYTES_MAX + 3);
    }

    #[test]
    fn d13_a_secret_is_recognised_in_the_forms_that_it_has_on_the_wire() {
        let secret = Secret::new("p\"&ss w0rd/é");
        for quoted in [
            "p\"&ss w0rd/é",
            "cCImc3MgdzByZC/DqQ==",
            "p%22%26ss%20w0rd%2F%C3%A9",
            "p%22%26ss%20w0rd%2f%c3%a9",
            "p%22%26ss+w0rd%2F%C3%A9",
            "p\\\"&ss w0rd/é",
            "p&quot;&amp;ss w0rd/é",
        ] {
            assert_eq!(presentable(&format!("<{quoted}>"), &[&secret]), "<[redacted]>", "{quoted}");
        }
        assert_eq!(presentable("nothing to hide", &[&Secret::new("")]), "nothing to hide");
    }

    #[test]
    fn s9_retry_after_is_seconds_or_a_date_and_bounded() {
        let now: Timestamp = "2026-11-24T09:00:00Z".parse().expect("instant");
        for (case, value, expected) in [
            ("seconds", "120", Some("2026-11-24T09:02:00Z")),
            ("zero", "0", Some("2026-11-24T09:00:00Z")),
            ("date", "Tue, 24 Nov 2026 09:05:00 GMT", Some("2026-11-24T09:05:00Z")),
            ("a date that has passed", "Tue, 24 Nov 2020 09:05:00 GMT", Some("2026-11-24T09:00:00Z")),
            ("a century", "3155760000", Some("2026-11-25T09:00:00Z")),
            ("more than fits", "99999999999999999999999", None),
            ("words", "soon", None),
            ("negative", "-5", None),
            ("empty", "", None),
        ] {
            let expected: Option<Timestamp> = expected.map(|text| text.parse().expect("instant"));
            assert_eq!(retry_after(value, now), expected, "{case}");
        }
    }
}
