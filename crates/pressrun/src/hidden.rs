//! Secrets in the configuration: read leniently, never shown.

use std::borrow::Cow;
use std::fmt;

use pressrun_domain::secret::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret as typed. Digits and words such as `true` count as text, which is how an environment variable gives them; no error names
/// what was typed.
#[derive(Clone)]
pub(crate) struct Hidden(Secret);

impl Hidden {
    #[cfg(test)]
    pub(crate) fn new(text: &str) -> Self {
        Self(Secret::new(text))
    }

    /// The secret itself.
    pub(crate) fn secret(&self) -> Secret {
        self.0.clone()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Hidden {
    /// Only defaults are ever serialized, and no secret has one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[redacted]")
    }
}

impl JsonSchema for Hidden {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text).map(|text| Self(Secret::new(text)))
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bool<E: Error>(self, word: bool) -> Result<String, E> {
        Ok(word.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<String, E> {
        // 1.50 and 1.5 are the same number and two passwords.
        Err(E::custom("write it in quotes: as a number it may lose digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Section {
        password: Hidden,
    }

    fn read(toml: &str) -> Result<Section, String> {
        use figment::providers::{Format, Toml};
        figment::Figment::from(Toml::string(toml)).extract().map_err(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn d13_a_password_of_digits_is_text() {
        for (toml, expected) in [("password = 'x'", "x"), ("password = 8675309", "8675309"), ("password = true", "true")] {
            assert_eq!(read(toml).unwrap().password.secret().expose(), expected);
        }
    }

    #[test]
    fn d13_neither_debug_nor_errors_show_what_was_typed() {
        assert!(!format!("{:?}", read("password = 'hunter2'").unwrap()).contains("hunter2"));
        for toml in ["password = 86753.09", "password = ['hunter2']", "password = { hunter = 'hunter2' }"] {
            let error = read(toml).unwrap_err();
            assert!(!error.contains("hunter2") && !error.contains("86753.09"), "{error}");
        }
    }
}
