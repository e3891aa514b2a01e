//! Who sees what: the identity a query runs with, and recipients who must see the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::{AttributeDefinition, AttributeValues, Scalar};

/// Names of the attributes that the system sets and nobody may write, but for `omni_user_timezone` (contract §7).
pub const SYSTEM_ATTRIBUTES: [&str; 7] = [
    "omni_is_org_admin",
    "omni_user_email",
    "omni_user_embed_entity",
    "omni_user_groups",
    "omni_user_id",
    "omni_user_name",
    "omni_user_timezone",
];

/// The one system attribute that may be set (contract §7).
pub const TIMEZONE_ATTRIBUTE: &str = "omni_user_timezone";

/// The key of the audience whose rows are the owner's (P1); those of personal copies have others.
pub const OWNERS: &str = "owner";

/// What a query knows of the person it runs for: effective attribute values, defaults already applied.
///
/// An attribute without values is absent, and a predicate on it is false (P1, fail closed).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Values by reference name, system attributes included; never an empty list.
    pub attributes: BTreeMap<String, Vec<Scalar>>,
}

impl Identity {
    /// The identity of somebody with these `values`, over the defaults of `definitions`, with `system` attributes on top.
    #[must_use]
    pub fn effective<'a>(
        definitions: impl IntoIterator<Item = &'a AttributeDefinition>,
        values: &AttributeValues,
        system: impl IntoIterator<Item = (&'a str, Vec<Scalar>)>,
    ) -> Self {
        let mut attributes = BTreeMap::new();
        for definition in definitions {
            let value = values.get(&definition.name).or(definition.default.as_ref());
            if let Some(value) = value.filter(|value| !value.values().is_empty()) {
                attributes.insert(definition.name.clone(), value.values().to_vec());
            }
        }
        for (name, values) in system {
            if !values.is_empty() {
                attributes.insert(name.to_owned(), values);
            }
        }
        Self { attributes }
    }

    /// The values of an attribute; empty when unset.
    #[must_use]
    pub fn values(&self, name: &str) -> &[Scalar] {
        self.attributes.get(name).map_or(&[], Vec::as_slice)
    }

    /// Only what `names` asks for: two people who differ elsewhere see the same bytes (P3).
    #[must_use]
    pub fn restrict(&self, names: &BTreeSet<String>) -> Self {
        let attributes = self.attributes.iter().filter(|(name, _)| names.contains(*name));
        Self { attributes: attributes.map(|(name, values)| (name.clone(), values.clone())).collect() }
    }

    /// A stable name for this identity: SHA-256 (hex) over names, types and values; order of values does not matter.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, values) in &self.attributes {
            let mut words: Vec<String> = values
                .iter()
                .map(|value| match value {
                    Scalar::Number(number) => format!("n{number}"),
                    Scalar::Text(text) => format!("t{text}"),
                })
                .collect();
            words.sort_unstable();
            for word in std::iter::once(name.as_str()).chain(words.iter().map(String::as_str)) {
                hasher.update((word.len() as u64).to_be_bytes());
                hasher.update(word);
            }
            hasher.update([0xff; 8]);
        }
        hex::encode(hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{AttributeKind, AttributeValue};

    fn region(default: Option<&str>) -> AttributeDefinition {
        AttributeDefinition {
            name: "region".into(),
            label: "Region".into(),
            description: String::new(),
            kind: AttributeKind::String,
            multiple_values: true,
            default: default.map(|text| AttributeValue::Many(vec![Scalar::Text(text.into())])),
        }
    }

    fn set(values: &[&str]) -> AttributeValues {
        let values = values.iter().map(|text| Scalar::Text((*text).into())).collect();
        AttributeValues::from([("region".to_owned(), AttributeValue::Many(values))])
    }

    #[test]
    fn p1_unset_takes_the_default_or_stays_without_values() {
        let text = |t: &str| vec![Scalar::Text(t.into())];
        assert_eq!(Identity::effective([&region(Some("US"))], &AttributeValues::new(), []).values("region"), text("US"));
        assert_eq!(Identity::effective([&region(None)], &AttributeValues::new(), []).values("region"), []);
        assert_eq!(Identity::effective([&region(Some("US"))], &set(&["EU"]), []).values("region"), text("EU"));
    }

    #[test]
    fn p3_equal_attributes_are_one_audience_whatever_their_order() {
        let definition = region(None);
        let key = |values: &[&str]| Identity::effective([&definition], &set(values), []).key();
        assert_eq!(key(&["US", "EU"]), key(&["EU", "US"]));
        assert_ne!(key(&["US", "EU"]), key(&["US"]));
        assert_ne!(key(&["USEU"]), key(&["US", "EU"]));
    }

    #[test]
    fn p3_attributes_that_no_tile_asks_for_do_not_split_an_audience() {
        let system = |email: &str| [("omni_user_email", vec![Scalar::Text(email.into())])];
        let definition = region(None);
        let a = Identity::effective([&definition], &set(&["US"]), system("a@b.co"));
        let b = Identity::effective([&definition], &set(&["US"]), system("c@d.co"));
        let asked = BTreeSet::from(["region".to_owned()]);
        assert_ne!(a.key(), b.key());
        assert_eq!(a.restrict(&asked).key(), b.restrict(&asked).key());
    }
}
