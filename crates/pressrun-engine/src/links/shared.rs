//! Links for people without a login: what one place on one schedule may see, until it expires.
//!
//! The address is `/shared/{token}?filters={JSON}`. The token holds which schedule, which place on its list, a digest of what is
//! shown and when the link expires, and a signature over all that and over the filters. It carries no right of its own: the page
//! asks again who that place is and what that audience may see *now* (see `crate::shared`), so a link ends with the schedule, with
//! the place on its list, or with the owner's access, whichever comes first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use pressrun_domain::catalog::FanOutPolicy;
use pressrun_domain::id::{RecipientId, ScheduleId};
use pressrun_domain::output::Format;
use pressrun_domain::schedule::{Definition, FilterConfig};
use pressrun_domain::text::percent_encoded;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Links;

/// First byte of a token; another form gets another number.
const FORM: u8 = 1;
/// Form, schedule, place, scope, expiry.
const BODY: usize = 1 + 16 + 16 + 8 + 8;
/// Longest JSON of filters that is read, in bytes.
const MOST_FILTERS: usize = 16 * 1024;

/// What a link without a login opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// The schedule that sent it.
    pub schedule: ScheduleId,
    /// The place on its list that it was sent to.
    pub recipient: RecipientId,
    /// What is shown: [`scope`] of the schedule when it was sent.
    pub scope: [u8; 8],
    /// First instant at which it is no longer good; whole seconds.
    pub expires: Timestamp,
}

/// Why a link opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// We did not make it, or it was changed on the way.
    #[error("the link is not complete or not ours")]
    Unknown,
    /// Its time is over.
    #[error("the link has expired")]
    Expired,
}

/// Names what a schedule shows and whose rows these are, so that a link does not follow it to another dashboard, from one tile to all, to other
/// pages, to another owner, from personal copies to the owner's rows, or to other filters (M11). It also ends when all links are withdrawn.
///
/// Any change of the schedule's own filters ends its older links, a narrower one and a wider one: which of two expressions shows more is
/// for the data to say, not for us. Whether copies are personal is as the organization's policy and the schedule have it together.
#[must_use]
pub fn scope(policy: FanOutPolicy, definition: &Definition) -> [u8; 8] {
    let tile = definition.tile.as_ref().map_or_else(|| "*".to_owned(), |key| format!("={key}"));
    let mut digest = Sha256::new().chain_update(definition.identifier.as_str()).chain_update([0]).chain_update(tile);
    for page in &definition.options.pages {
        digest.update([0]);
        digest.update(page);
    }
    if definition.format == Format::Png && definition.tile.is_none() && definition.options.pages.is_empty() {
        digest.update([1]);
    }
    digest.update([2]);
    digest.update(definition.owner.0.as_bytes());
    digest.update([u8::from(definition.destination.email().is_some_and(|email| policy.is_personal(email.fan_out)))]);
    digest.update(definition.link_epoch.to_be_bytes());
    // In the order in which they were sent; a map of JSON values can always be written.
    digest.update(serde_json::to_vec(&definition.filters).unwrap_or_default());
    let digest = digest.finalize();
    let mut out = [0; 8];
    out.copy_from_slice(&digest[..8]);
    out
}

impl Links {
    /// The address of the dashboard for one place on a schedule's list, with exactly these filters; `None` when such links are off.
    ///
    /// `sent_for` is the occurrence: a delivery prepared twice carries the same link.
    #[must_use]
    pub fn shared(
        &self,
        schedule: ScheduleId,
        recipient: RecipientId,
        scope: [u8; 8],
        sent_for: Timestamp,
        filters: &FilterConfig,
    ) -> Option<String> {
        if !self.valid_for.is_positive() {
            return None;
        }
        let expires = sent_for.saturating_add(self.valid_for).ok()?;
        let expires = Timestamp::from_second(expires.as_second()).ok()?;
        let json = if filters.is_empty() { String::new() } else { serde_json::to_string(filters).ok()? };
        let body = body(&Shared { schedule, recipient, scope, expires });
        let signature = self.shared_mac(&body, &json)?.finalize().into_bytes();
        let token = URL_SAFE_NO_PAD.encode([body.as_slice(), &signature].concat());
        let query = if json.is_empty() { String::new() } else { format!("?filters={}", percent_encoded(&json)) };
        Some(format!("{}/shared/{token}{query}", self.public_url))
    }

    /// What the `token` and the `filters` of an address open at `now`; the signature is compared in constant time.
    ///
    /// # Errors
    /// [`SharedError`]. That a link has expired is said only of one that is ours.
    pub fn open_shared(&self, token: &str, filters: &str, now: Timestamp) -> Result<Shared, SharedError> {
        // A signature is 32 bytes; anything of another length is refused before any work.
        let bytes = if token.len() <= 200 { URL_SAFE_NO_PAD.decode(token).ok() } else { None };
        let bytes = bytes.filter(|bytes| bytes.len() == BODY + 32 && filters.len() <= MOST_FILTERS).ok_or(SharedError::Unknown)?;
        let (body, signature) = bytes.split_at(BODY);
        let mac = self.shared_mac(body, filters).ok_or(SharedError::Unknown)?;
        mac.verify_slice(signature).map_err(|_| SharedError::Unknown)?;
        let shared = read(body).ok_or(SharedError::Unknown)?;
        if shared.expires <= now { Err(SharedError::Expired) } else { Ok(shared) }
    }

    fn shared_mac(&self, body: &[u8], filters: &str) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.expose().as_bytes()).ok()?;
        mac.update(b"shared dashboard\0");
        // The body has one length, so where it ends and the filters begin is never in doubt.
        mac.update(body);
        mac.update(filters.as_bytes());
        Some(mac)
    }
}

fn body(shared: &Shared) -> [u8; BODY] {
    let mut out = [0; BODY];
    out[0] = FORM;
    out[1..17].copy_from_slice(shared.schedule.0.as_bytes());
    out[17..33].copy_from_slice(shared.recipient.0.as_bytes());
    out[33..41].copy_from_slice(&shared.scope);
    out[41..49].copy_from_slice(&shared.expires.as_second().to_be_bytes());
    out
}

fn read(body: &[u8]) -> Option<Shared> {
    let uuid = |from: usize| Uuid::from_slice(body.get(from..from + 16)?).ok();
    let eight = |from: usize| <[u8; 8]>::try_from(body.get(from..from + 8)?).ok();
    (*body.first()? == FORM).then_some(())?;
    Some(Shared {
        schedule: ScheduleId(uuid(1)?),
        recipient: RecipientId(uuid(17)?),
        scope: eight(33)?,
        expires: Timestamp::from_second(i64::from_be_bytes(eight(41)?)).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use pressrun_domain::secret::Secret;

    const SENT: Timestamp = Timestamp::UNIX_EPOCH;

    fn links(key: &str) -> Links {
        Links::new("https://reports.example.com", Secret::new(key)).valid_for(SignedDuration::from_hours(1))
    }

    fn filters() -> FilterConfig {
        FilterConfig::from_iter([("region".into(), serde_json::json!(["US & A"]))])
    }

    /// Token and filters of an address, as the page reads them.
    fn parts(address: &str) -> (String, String) {
        let rest = address.strip_prefix("https://reports.example.com/shared/").expect("our address");
        let (token, query) = rest.split_once("?filters=").unwrap_or((rest, ""));
        let json = if query.is_empty() { String::new() } else { serde_json::to_string(&filters()).expect("JSON") };
        assert_eq!(query, percent_encoded(&json));
        (token.to_owned(), json)
    }

    #[test]
    fn a_shared_link_opens_what_it_was_made_for_until_it_expires() {
        let (schedule, recipient) = (ScheduleId::generate(), RecipientId::generate());
        let scope = [7; 8];
        for filters in [filters(), FilterConfig::new()] {
            let address = links("k").shared(schedule, recipient, scope, SENT, &filters).expect("links are on");
            let (token, json) = parts(&address);
            let expires = SENT + SignedDuration::from_hours(1);
            let expected = Shared { schedule, recipient, scope, expires };
            assert_eq!(links("k").open_shared(&token, &json, expires - SignedDuration::from_secs(1)), Ok(expected));
            assert_eq!(links("k").open_shared(&token, &json, expires), Err(SharedError::Expired));
        }
    }

    #[test]
    fn a_shared_link_that_was_changed_anywhere_is_unknown_also_after_its_time() {
        let late = SENT + SignedDuration::from_hours(9);
        let address = links("k").shared(ScheduleId::generate(), RecipientId::generate(), [7; 8], SENT, &filters()).expect("links are on");
        let (token, json) = parts(&address);
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("a token");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(links("k").open_shared(&changed, &json, late), Err(SharedError::Unknown), "byte {at}");
        }
        for (case, token, filters) in [
            ("other filters", token.as_str(), r#"{"region":["EU"]}"#),
            ("no filters", token.as_str(), ""),
            ("filters with a space", token.as_str(), r#"{"region": ["US & A"]}"#),
            ("cut", &token[..token.len() - 4], json.as_str()),
            ("empty", "", json.as_str()),
            ("no base64", "%%%", json.as_str()),
            ("long", &"A".repeat(100_000), json.as_str()),
        ] {
            assert_eq!(links("k").open_shared(token, filters, SENT), Err(SharedError::Unknown), "{case}");
        }
        assert_eq!(links("another key").open_shared(&token, &json, SENT), Err(SharedError::Unknown));
    }

    #[test]
    fn an_unsubscribe_signature_opens_no_dashboard() {
        let (schedule, recipient) = (ScheduleId::generate(), RecipientId::generate());
        let unsubscribe = links("k").unsubscribe(schedule, recipient);
        let signature = hex::decode(unsubscribe.rsplit('/').next().expect("a last part")).expect("hex");
        let body = body(&Shared { schedule, recipient, scope: [0; 8], expires: Timestamp::MAX });
        let token = URL_SAFE_NO_PAD.encode([body.as_slice(), &signature].concat());
        assert_eq!(links("k").open_shared(&token, "", SENT), Err(SharedError::Unknown));
    }

    #[test]
    fn shared_links_can_be_switched_off() {
        let off = links("k").valid_for(SignedDuration::ZERO);
        assert_eq!(off.shared(ScheduleId::generate(), RecipientId::generate(), [0; 8], SENT, &filters()), None);
    }

    #[test]
    fn a_scope_tells_dashboards_tiles_and_pages_apart() {
        let of = |identifier: &str, tile: Option<&str>, pages: &[&str], format: Format| {
            let mut definition = pressrun_store::sample::definition("a");
            definition.identifier = identifier.into();
            definition.tile = tile.map(Into::into);
            definition.options.pages = pages.iter().map(ToString::to_string).collect();
            definition.format = format;
            scope(FanOutPolicy::Schedule, &definition)
        };
        let all = [
            of("a", None, &[], Format::Pdf),
            of("b", None, &[], Format::Pdf),
            of("a", Some("1"), &[], Format::Pdf),
            of("a", Some("*"), &[], Format::Pdf),
            of("a", Some("2"), &[], Format::Pdf),
            of("a", None, &["Summary"], Format::Pdf),
            of("a", None, &["Summary", "Details"], Format::Pdf),
            of("a", None, &[], Format::Png),
        ];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len());
        assert_eq!(of("a", None, &[], Format::Pdf), of("a", None, &[], Format::Csv));
    }

    #[test]
    fn m11_a_scope_ends_with_its_owner_its_filters_its_personal_copies_and_its_epoch() {
        type Change = fn(&mut Definition);
        let changes: [(&str, Change); 5] = [
            ("c1 another owner", |definition| definition.owner = pressrun_domain::id::MembershipId::generate()),
            ("personal copies", |definition| {
                let pressrun_domain::destination::Destination::Email(email) = &mut definition.destination else { panic!("mail") };
                email.fan_out = !email.fan_out;
            }),
            ("narrower filters", |definition| definition.filters = FilterConfig::from_iter([("region".into(), serde_json::json!(["US"]))])),
            ("no filters", |definition| definition.filters = FilterConfig::new()),
            ("withdrawn", |definition| definition.link_epoch += 1),
        ];
        let mut sent = pressrun_store::sample::definition("a");
        sent.filters = filters();
        let mut scopes = std::collections::HashSet::from([scope(FanOutPolicy::Schedule, &sent)]);
        for (case, change) in changes {
            let mut changed = sent.clone();
            change(&mut changed);
            assert!(scopes.insert(scope(FanOutPolicy::Schedule, &changed)), "{case}");
        }
        let mut renamed = sent.clone();
        "Another name".clone_into(&mut renamed.name);
        assert!(!scopes.insert(scope(FanOutPolicy::Schedule, &renamed)), "a name ends no link");
        assert_ne!(
            scope(FanOutPolicy::Always, &sent),
            scope(FanOutPolicy::Schedule, &sent),
            "personal copies that the organization no longer prescribes"
        );
    }
}
