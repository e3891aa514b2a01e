//! Settings of a webhook: the whole address is a secret, its origin is not.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::webhook_url::{InvalidWebhookUrl, WebhookUrl};
use crate::secret::Secret;

/// The name under which the address is sealed.
const ADDRESS: &str = "address";

/// An HTTP POST.
///
/// What is stored in the open is the origin, for lists, and a mark by which two addresses can be told apart; the address itself is sealed
/// with the signing secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Open")]
pub struct WebhookSettings {
    origin: String,
    mark: String,
    address: Option<Secret>,
    /// Signing secrets, newest first; several while one is being replaced.
    pub secrets: Vec<Secret>,
}

/// The form without secrets.
#[derive(Serialize)]
struct Open {
    origin: String,
    mark: String,
}

/// What may be stored: the form without secrets, or the whole address as before addresses were sealed.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    origin: String,
    #[serde(default)]
    mark: String,
    url: Option<String>,
}

impl From<Stored> for WebhookSettings {
    fn from(stored: Stored) -> Self {
        match stored.url {
            Some(url) => Self::new(url, Vec::new()),
            None => Self { origin: stored.origin, mark: stored.mark, address: None, secrets: Vec::new() },
        }
    }
}

impl From<WebhookSettings> for Open {
    fn from(settings: WebhookSettings) -> Self {
        Self { origin: settings.origin, mark: settings.mark }
    }
}

impl WebhookSettings {
    /// Settings with this address, whatever it is; [`WebhookSettings::address`] reads it.
    #[must_use]
    pub fn new(address: impl Into<String>, secrets: Vec<Secret>) -> Self {
        let address: String = address.into();
        let origin = address.parse::<WebhookUrl>().map(|url| url.origin()).unwrap_or_default();
        // Four bytes tell two addresses of one schedule apart, and give nothing to whoever would guess an address from them.
        let mark = hex::encode(&Sha256::digest(&address)[..4]);
        Self { origin, mark, address: Some(Secret::new(address)), secrets }
    }

    /// The address to send to.
    ///
    /// # Errors
    /// [`InvalidWebhookUrl`] when the address was stored by a version that took more, or was put away with the run that used it.
    pub fn address(&self) -> Result<WebhookUrl, InvalidWebhookUrl> {
        self.address.as_ref().map_or("", Secret::expose).parse()
    }

    /// Scheme, host and port, for everybody; empty when the address is not understood.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port, for everybody.
    #[must_use]
    pub fn host(&self) -> &str {
        match self.origin.split_once("://") {
            Some((_, host)) => host,
            None => "an address that is not understood",
        }
    }

    /// The address without its login, for whoever manages the schedule; the origin when the address is not there.
    #[must_use]
    pub fn shown(&self) -> String {
        self.address().map_or_else(|_| self.origin.clone(), |url| url.without_login())
    }

    /// The same address with these signing secrets.
    #[must_use]
    pub fn with_secrets(self, secrets: Vec<Secret>) -> Self {
        Self { secrets, ..self }
    }

    /// The same settings without anything that opens the receiver.
    #[must_use]
    pub fn without_secrets(self) -> Self {
        Self { address: None, secrets: Vec::new(), ..self }
    }

    /// Whether both have one address.
    #[must_use]
    pub fn is_same_address(&self, other: &Self) -> bool {
        (&self.origin, &self.mark) == (&other.origin, &other.mark)
    }

    pub(super) fn sealed_parts(&self) -> BTreeMap<String, Secret> {
        let secrets = self.secrets.iter().enumerate().map(|(at, secret)| (format!("secret_{at:02}"), secret.clone()));
        secrets.chain(self.address.clone().map(|address| (ADDRESS.to_owned(), address))).collect()
    }

    pub(super) fn restore(&mut self, mut sealed: BTreeMap<String, Secret>) {
        if let Some(address) = sealed.remove(ADDRESS) {
            self.address = Some(address);
        }
        self.secrets = sealed.into_values().collect();
    }
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSettings").field("origin", &self.origin).field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Destination;

    const ADDRESS: &str = "https://bob:hunter2@hooks.example.com/services/T000/SECRETPATH?key=QUERYSECRET";

    #[test]
    fn m3_nothing_of_the_address_but_its_origin_is_stored_in_the_open() {
        let destination = Destination::Webhook(WebhookSettings::new(ADDRESS, vec![Secret::new("whsec_1"), Secret::new("whsec_0")]));
        let json = serde_json::to_string(&destination).expect("serializes");
        assert!(json.starts_with(r#"{"type":"webhook","origin":"https://hooks.example.com","mark":""#), "{json}");
        for shown in [json.clone(), format!("{destination:?}")] {
            for part in ["hunter2", "SECRETPATH", "QUERYSECRET", "whsec_1"] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
        let mut read: Destination = serde_json::from_str(&json).expect("reads back");
        assert!(read.same_place(&destination), "it is known without its secrets");
        read.restore_secrets(destination.secrets());
        assert_eq!(read, destination);
        let Destination::Webhook(read) = read else { panic!("a webhook") };
        assert_eq!(read.address().expect("an address").expose(), ADDRESS);
        assert_eq!(read.shown(), ADDRESS.replace("bob:hunter2@", ""));
    }

    #[test]
    fn m3_what_an_older_version_stored_still_loads_and_an_address_that_is_none_says_so() {
        let read = |url: &str| {
            let json = serde_json::json!({ "type": "webhook", "url": url }).to_string();
            match serde_json::from_str(&json).expect("reads") {
                Destination::Webhook(webhook) => webhook,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read(ADDRESS), WebhookSettings::new(ADDRESS, Vec::new()));
        assert!(read(ADDRESS).sealed_parts().contains_key("address"), "the next save seals it");
        let old = read("http:hooks.example.com");
        assert_eq!((old.origin(), old.host()), ("", "an address that is not understood"));
        assert_eq!(old.address().expect_err("no address").to_string(), "Invalid url: write it as https://host/path");
        assert!(!old.is_same_address(&read("http:other.example.com")));
    }

    #[test]
    fn m7_two_addresses_of_one_origin_are_two_places() {
        let of = |url: &str| Destination::Webhook(WebhookSettings::new(url, Vec::new()));
        assert!(of("https://h.example/a").same_place(&of("https://h.example/a")));
        assert!(!of("https://h.example/a").same_place(&of("https://h.example/b")));
        assert!(!of("https://h.example/a").same_place(&of("https://i.example/a")));
    }
}
