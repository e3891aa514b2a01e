//! Secrets in the configuration: read leniently, never shown.

use std::borrow::Cow;
use std::fmt;

use pressrun_domain::secret::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Position, Url};

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

/// An address as it may be shown: with `hidden` in place of its password. Of one that does not parse as it was meant only the scheme is left: where its password ends
/// nobody can tell.
pub(crate) fn hidden_login(text: &str) -> String {
    let is_scheme = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let Some((scheme, rest)) = text.trim_start().split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else { return text.to_owned() };
    let has_login = rest.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'));
    let nothing = || format!("{scheme}:(hidden)");
    let Ok(mut url) = Url::parse(text) else {
        return if has_login || rest.to_lowercase().contains("password") { nothing() } else { text.to_owned() };
    };
    let has_query_secret = url.query_pairs().any(|(name, _)| name.to_lowercase().contains("password"));
    if !has_login && !has_query_secret {
        return text.to_owned();
    }
    if has_login && (url.password().is_none() || url[Position::AfterHost..].contains('@')) {
        return nothing();
    }
    if has_query_secret {
        url.set_query(Some("…"));
    }
    if has_login && url.set_password(Some("hidden")).is_err() {
        return nothing();
    }
    url.to_string()
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

    #[test]
    fn d13_a_password_in_an_address_is_not_shown() {
        assert_eq!(hidden_login("postgres://ann:s3cret@db.example/reports"), "postgres://ann:hidden@db.example/reports");
        assert_eq!(hidden_login("mysql://ann:hidden@db.example/reports"), "mysql://ann:hidden@db.example/reports");
        for secret in [
            "postgres://db.example/reports?user=a&password=s3cret",
            "postgres://ann:s3/cret@db/x",
            "postgres://ann:12/s3cret@db/x",
            "postgres://ann:s3#cret@db/x",
            "postgres://ann:?s3cret@db/x",
            "postgres://ann:p@s3/cret@db/x",
            "postgres://ann:s3 cret[@db/x",
            "postgres:ann:s3cret@db/x",
            "postgres://db:port/x?sslpassword=s3cret",
            "imap://ann:s3cret@mail.example.com",
        ] {
            let shown = hidden_login(secret);
            assert!(!shown.contains("s3") && !shown.contains("cret"), "{secret}: {shown}");
        }
        for plain in [
            "postgres://ann@db.example/reports",
            "sqlite://pressrun.db",
            "127.0.0.1:8080",
            "Reports <a:b@example.com>",
            "file:outbox",
            "postgres://db:port/x",
        ] {
            assert_eq!(hidden_login(plain), plain);
        }
    }

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
