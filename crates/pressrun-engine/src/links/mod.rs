//! Addresses that recipients follow: the dashboard with its filters, the same without a login, and the way off a list.

mod shared;

use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use pressrun_domain::id::{DocumentIdentifier, RecipientId, ScheduleId, SubscriptionRequestId};
use pressrun_domain::schedule::FilterConfig;
use pressrun_domain::secret::Secret;
use pressrun_domain::text::percent_encoded;
use sha2::Sha256;

pub use shared::{Shared, SharedError, scope};

/// How long a link without a login is good, unless the operator says otherwise.
pub const VALID_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Makes and checks addresses under the server's public address.
#[derive(Debug, Clone)]
pub struct Links {
    public_url: String,
    key: Secret,
    valid_for: SignedDuration,
}

impl Links {
    /// Addresses under `public_url`, signed with `key`.
    #[must_use]
    pub fn new(public_url: &str, key: Secret) -> Self {
        Self { public_url: public_url.trim_end_matches('/').to_owned(), key, valid_for: VALID_FOR }
    }

    /// The same, with links without a login that are good for so long after the occurrence they were sent for; zero makes none.
    #[must_use]
    pub fn valid_for(mut self, length: SignedDuration) -> Self {
        self.valid_for = length;
        self
    }

    /// The dashboard's page with the filters in force, as JSON in the `filters` parameter (D1).
    #[must_use]
    pub fn dashboard(&self, identifier: &DocumentIdentifier, filters: &FilterConfig) -> String {
        let mut link = format!("{}/dashboards/{}", self.public_url, percent_encoded(identifier.as_str()));
        if !filters.is_empty()
            && let Ok(json) = serde_json::to_string(filters)
        {
            link.push_str("?filters=");
            link.push_str(&percent_encoded(&json));
        }
        link
    }

    /// The one-click address that takes one recipient off one schedule (RFC 8058, P12).
    #[must_use]
    pub fn unsubscribe(&self, schedule: ScheduleId, recipient: RecipientId) -> String {
        format!("{}/unsubscribe/{schedule}/{recipient}/{}", self.public_url, hex::encode(self.tag(schedule, recipient)))
    }

    /// Whether `signature` is the one of [`Links::unsubscribe`]; compared in constant time.
    #[must_use]
    pub fn may_unsubscribe(&self, schedule: ScheduleId, recipient: RecipientId, signature: &str) -> bool {
        let Ok(given) = hex::decode(signature) else { return false };
        self.mac(schedule, recipient).is_some_and(|mac| mac.verify_slice(&given).is_ok())
    }

    /// The page on which the owner of a schedule answers a request to be on its list, for whoever opens it.
    #[must_use]
    pub fn request(&self, request: SubscriptionRequestId) -> String {
        format!("{}/subscription-requests/{request}/{}", self.public_url, self.request_word(request).expose())
    }

    /// The word in that address, which stands for the owner's login on that one question. It is derived, so that it need not be kept anywhere.
    #[must_use]
    pub fn request_word(&self, request: SubscriptionRequestId) -> Secret {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.expose().as_bytes());
        let tag = mac.map(|mac| mac.chain_update(b"subscription request\0").chain_update(request.0.as_bytes()).finalize().into_bytes());
        Secret::new(tag.map(hex::encode).unwrap_or_default())
    }

    fn tag(&self, schedule: ScheduleId, recipient: RecipientId) -> Vec<u8> {
        self.mac(schedule, recipient).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
    }

    fn mac(&self, schedule: ScheduleId, recipient: RecipientId) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.expose().as_bytes()).ok()?;
        mac.update(b"unsubscribe");
        mac.update(schedule.0.as_bytes());
        mac.update(recipient.0.as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::new("https://reports.example.com/", Secret::new("k"))
    }

    #[test]
    fn d1_the_link_carries_the_filters() {
        let filters = FilterConfig::from_iter([("region".into(), serde_json::json!(["US & A"]))]);
        assert_eq!(
            links().dashboard(&"12db1a0a".into(), &filters),
            "https://reports.example.com/dashboards/12db1a0a?filters=%7B%22region%22%3A%5B%22US%20%26%20A%22%5D%7D"
        );
        assert_eq!(links().dashboard(&"a/b".into(), &FilterConfig::new()), "https://reports.example.com/dashboards/a%2Fb");
    }

    #[test]
    fn c2_the_word_of_a_request_is_its_own_and_nobody_elses() {
        let (one, other) = (SubscriptionRequestId::generate(), SubscriptionRequestId::generate());
        let word = links().request_word(one);
        assert_eq!(word.expose().len(), 64);
        assert!(links().request(one).ends_with(&format!("/subscription-requests/{one}/{}", word.expose())));
        assert_ne!(word.expose(), links().request_word(other).expose());
        assert_ne!(word.expose(), Links::new("https://reports.example.com", Secret::new("j")).request_word(one).expose());
    }

    #[test]
    fn p12_a_signature_takes_off_only_its_own_recipient() {
        let (schedule, a, b) = (ScheduleId::generate(), RecipientId::generate(), RecipientId::generate());
        let address = links().unsubscribe(schedule, a);
        let signature = address.rsplit('/').next().expect("a last part");
        assert!(links().may_unsubscribe(schedule, a, signature));
        assert!(!links().may_unsubscribe(schedule, b, signature));
        assert!(!links().may_unsubscribe(schedule, a, "00"));
        assert!(!links().may_unsubscribe(schedule, a, "no hex"));
    }
}
