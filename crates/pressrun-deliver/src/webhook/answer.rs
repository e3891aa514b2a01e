//! What an answer means (D3).

use hyper::StatusCode;
use hyper::header::LOCATION;
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;

use crate::http::Answer;
use crate::outcome::{accepted, is_transient, presentable, rejected};

/// Any 2xx is accepted; 408, 425, 429 and 5xx may work later; redirects are not followed; the rest will not work by waiting.
pub(super) fn judge(answer: &Answer, now: Timestamp, secrets: &[&Secret]) -> Outcome {
    let status = answer.status;
    let said = presentable(&format!("HTTP {} {}", status.as_u16(), answer.text), secrets);
    if status.is_success() {
        return accepted(said);
    }
    if status.is_redirection() {
        let to = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("no address");
        let to = presentable(to, secrets);
        return rejected(format!("webhook: HTTP {} redirects to {to}; redirects (3xx) are not followed", status.as_u16()));
    }
    if is_transient(status) {
        return Outcome::Retry { reason: format!("webhook: {said}"), not_before: answer.not_before(now) };
    }
    if status == StatusCode::GONE {
        return rejected(format!("webhook: {said}; the receiver says that this address is gone for good: change it or end the schedule"));
    }
    rejected(format!("webhook: {said}"))
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    #[test]
    fn d3_every_status_has_its_decision() {
        let now = Timestamp::UNIX_EPOCH;
        for code in 200..=599 {
            let answer = Answer { status: StatusCode::from_u16(code).expect("status"), headers: HeaderMap::new(), text: "x".into() };
            let expected = match code {
                200..=299 => "accepted",
                408 | 425 | 429 | 500..=599 => "retry",
                _ => "rejected",
            };
            let found = match judge(&answer, now, &[]) {
                Outcome::Accepted { .. } => "accepted",
                Outcome::Retry { .. } => "retry",
                Outcome::Rejected { .. } => "rejected",
                Outcome::Held { .. } => "held",
            };
            assert_eq!(found, expected, "{code}");
        }
    }
}
