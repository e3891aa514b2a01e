//! What an error of S3 or of the token service means, and what to do about it.

use hyper::StatusCode;
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;

use super::xml::text_of;
use crate::http::Answer;
use crate::outcome::{is_transient, rejected};

/// An answer that is no success.
pub(super) struct Fault {
    status: StatusCode,
    /// Amazon's word for it; empty when the answer has none.
    code: String,
    said: String,
    region: Option<String>,
    not_before: Option<Timestamp>,
}

/// The object is not in the bucket.
pub(super) struct NotPut {
    pub(super) outcome: Outcome,
    /// The keys have run out: the role has to be assumed anew.
    pub(super) keys_ran_out: bool,
}

impl From<Outcome> for NotPut {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, keys_ran_out: false }
    }
}

impl Fault {
    pub(super) fn of(answer: &Answer, now: Timestamp) -> Self {
        let code = text_of(&answer.text, "Code").unwrap_or_default();
        let said = text_of(&answer.text, "Message").unwrap_or_else(|| if code.is_empty() { answer.text.clone() } else { String::new() });
        let told = answer.headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let region = told.or_else(|| text_of(&answer.text, "Region"));
        Self { status: answer.status, code, said, region, not_before: answer.not_before(now) }
    }

    /// Whether the keys have run out.
    pub(super) fn keys_ran_out(&self) -> bool {
        matches!(self.code.as_str(), "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired")
    }

    /// Throttling, trouble on the other side and keys that ran out may pass; the rest will not by waiting (D3, D8).
    pub(super) fn outcome(&self, phase: &str, shown: impl Fn(&str) -> String) -> Outcome {
        let reason = shown(&format!("s3: {phase}: {}", self.words()));
        let reason = format!("{reason}{}", self.hint());
        // What fails after its 200 was begun, and may be done the next time.
        let passes = is_transient(self.status)
            || self.status.is_success()
            || self.keys_ran_out()
            || self.code.contains("Throttl")
            || matches!(
                self.code.as_str(),
                "RequestTimeout" | "SlowDown" | "OperationAborted" | "RequestLimitExceeded" | "IDPCommunicationError"
            );
        if passes { Outcome::Retry { reason, not_before: self.not_before } } else { rejected(reason) }
    }

    /// What was answered; not yet redacted.
    pub(super) fn words(&self) -> String {
        let status = if self.status.is_success() { String::new() } else { format!("HTTP {}", self.status.as_u16()) };
        let parts = [status.as_str(), &self.code, self.said.trim()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn hint(&self) -> String {
        match self.code.as_str() {
            "NoSuchBucket" => "; check the bucket's name".to_owned(),
            "AccessDenied" => "; check the role's trust policy, its external id, and what it may do with the bucket".to_owned(),
            "RequestTimeTooSkewed" | "RequestExpired" => "; the clock of the machine that runs Pressrun is wrong".to_owned(),
            "SignatureDoesNotMatch" if self.said.contains("Signature expired") || self.said.contains("Signature not yet current") => {
                "; the clock of the machine that runs Pressrun is wrong".to_owned()
            }
            "InvalidAccessKeyId" | "InvalidClientTokenId" | "SignatureDoesNotMatch" => "; the operator checks the access key".to_owned(),
            "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                self.elsewhere()
            }
            "RegionDisabledException" => "; the token service is switched off in this region".to_owned(),
            "QuotaExceeded" | "XMinioStorageFull" => "; the store is full".to_owned(),
            "" if self.status.is_redirection() => self.elsewhere(),
            _ => String::new(),
        }
    }

    fn elsewhere(&self) -> String {
        match self.region.as_deref().filter(|region| !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
            Some(region) => format!("; the bucket is in {region}: set that region"),
            None => "; the bucket is in another region; redirects are not followed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    #[test]
    fn d8_every_error_of_s3_and_sts_has_its_decision_and_says_what_to_do() {
        for (status, code, message, passes, hint) in [
            (403, "AccessDenied", "Access Denied", false, "trust policy"),
            (403, "InvalidAccessKeyId", "no such key", false, "access key"),
            (403, "SignatureDoesNotMatch", "The request signature we calculated", false, "access key"),
            (403, "SignatureDoesNotMatch", "Signature expired: 20261124T090005Z is now earlier", false, "clock"),
            (403, "RequestTimeTooSkewed", "The difference is too large", false, "clock"),
            (403, "InvalidClientTokenId", "The security token is invalid", false, "access key"),
            (400, "ExpiredToken", "The provided token has expired", true, ""),
            (400, "RequestTimeout", "Your socket was idle", true, ""),
            (404, "NoSuchBucket", "The specified bucket does not exist", false, "bucket's name"),
            (404, "", "", false, ""),
            (301, "PermanentRedirect", "use the endpoint", false, "is in eu-west-1"),
            (400, "AuthorizationHeaderMalformed", "expecting eu-west-1", false, "is in eu-west-1"),
            (400, "EntityTooLarge", "too large", false, ""),
            (409, "OperationAborted", "conflict", true, ""),
            (400, "ThrottlingException", "Rate exceeded", true, ""),
            (503, "SlowDown", "Please reduce your request rate", true, ""),
            (500, "InternalError", "We encountered an internal error", true, ""),
            (502, "", "<html>bad gateway</html>", true, ""),
        ] {
            let text = if code.is_empty() {
                message.to_owned()
            } else {
                format!("<Error><Code>{code}</Code><Message>{message}</Message><Region>eu-west-1</Region></Error>")
            };
            let answer = Answer { status: StatusCode::from_u16(status).expect("status"), headers: HeaderMap::new(), text };
            let (found, reason) = match Fault::of(&answer, Timestamp::UNIX_EPOCH).outcome("put", str::to_owned) {
                Outcome::Retry { reason, .. } => (true, reason),
                Outcome::Rejected { reason } => (false, reason),
                Outcome::Accepted { .. } | Outcome::Held { .. } => panic!("{code}"),
            };
            assert_eq!(found, passes, "{status} {code}");
            assert!(reason.starts_with(&format!("s3: put: HTTP {status}")) && reason.contains(hint), "{reason}");
        }
    }
}
