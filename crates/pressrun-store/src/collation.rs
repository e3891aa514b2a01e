//! How names are compared: for the list's order and for its search.

use std::fmt::Write as _;
use std::sync::OnceLock;

use icu_collator::options::{CollatorOptions, Strength};
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// Letters of a name that take part in its key; longer names that agree so far are ties.
const KEY_LETTERS: usize = 200;

/// Turns names into keys whose byte order is the order of the list.
///
/// Root collation, without case; leading symbols do not count, so that `⚡️🍣 Query` stands under Q (contract §5.2.1).
#[derive(Debug)]
pub(crate) struct Collation {
    collator: CollatorBorrowed<'static>,
}

impl Collation {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let mut options = CollatorOptions::default();
        options.strength = Some(Strength::Secondary);
        CollatorBorrowed::try_new(CollatorPreferences::default(), options)
            .map(|collator| Self { collator })
            .map_err(|fault| StoreError::Unavailable(format!("the collation tables cannot be read: {fault}")))
    }

    /// The key of a name.
    pub(crate) fn key(&self, name: &str) -> Vec<u8> {
        let letters = name.trim_start_matches(|c: char| !c.is_alphanumeric());
        let counted = if letters.is_empty() { name } else { letters };
        let end = counted.char_indices().nth(KEY_LETTERS).map_or(counted.len(), |(at, _)| at);
        let mut key = Vec::with_capacity(end * 2);
        let Ok(()) = self.collator.write_sort_key_to(&counted[..end], &mut key);
        key
    }

    /// Names this collation: keys made under another name cannot be compared with new ones and have to be made again.
    ///
    /// Taken from what the tables do to a sample rather than from a version number, which says nothing about the data; once, for they are part of
    /// the program.
    pub(crate) fn fingerprint(&self) -> &'static str {
        static FINGERPRINT: OnceLock<String> = OnceLock::new();
        FINGERPRINT.get_or_init(|| self.sampled())
    }

    fn sampled(&self) -> String {
        let mut hasher = Sha256::new();
        for code in (0x20..0x2000_u32).chain(0x3040..0x3100).chain(0x4E00..0x4F00).chain(0x1F300..0x1F400) {
            if let Some(letter) = char::from_u32(code) {
                hasher.update(self.key(&format!("x{letter}")));
                hasher.update([0]);
            }
        }
        hasher.finalize().iter().take(8).fold(String::from("root-secondary-"), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
    }
}

/// The form in which texts are searched: lower case.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_sample_is_in_its_order() {
        let collation = Collation::new().unwrap();
        let expected = ["Daily Slack update", "External users", "Orders", "Orders (2)", "⚡️🍣 Query", "Web Traffic Analysis"];
        let mut names = expected;
        names.reverse();
        names.sort_by_key(|name| collation.key(name));
        assert_eq!(names, expected);
    }

    #[test]
    fn case_and_leading_symbols_do_not_count_but_accents_and_later_symbols_do() {
        let collation = Collation::new().unwrap();
        let key = |name: &str| collation.key(name);
        assert_eq!(key("orders"), key("ORDERS"));
        assert_eq!(key("  #orders"), key("Orders"));
        assert_ne!(key("Umsatz"), key("Umsätz"));
        assert_ne!(key("Orders"), key("Orders!"));
        assert!(key("Äpfel") < key("Birnen"), "an accent is no letter of its own");
        assert!(!key("🍣").is_empty(), "a name of symbols only still has a place");
        assert!(key("") < key("a"));
    }

    #[test]
    fn the_fingerprint_is_stable_in_one_build() {
        let collation = Collation::new().unwrap();
        assert_eq!(collation.sampled(), Collation::new().unwrap().fingerprint());
    }
}
