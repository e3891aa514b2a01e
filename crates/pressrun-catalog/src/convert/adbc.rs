//! Connections of kind `adbc`: a driver's name, its SQL, and what it is told.

use std::path::Path;

use indexmap::IndexMap;
use pressrun_domain::catalog::{AdbcOption, AdbcSettings, SourceSettings};
use pressrun_domain::secret::Secret;
use pressrun_sql::Dialect;

use super::{keys, secret};
use crate::files::{ConnectionFile, Entries, Field, OptionEntry, OptionsEntry, SourceKind};
use crate::load::LoadOptions;
use crate::problem::{Place, Report, printable};

type Context<'a> = (&'a Path, LoadOptions<'a>, &'a Report<'a>);

/// Words in the name of an option whose value does not stand in the catalog in plain text.
const SECRETS: [&str; 5] = ["password", "passwd", "secret", "token", "private_key"];

/// Converts the connection, noting what is wrong. No driver is looked at: that is for the server that has it.
pub(super) fn adbc(file: &ConnectionFile, place: Place, context: Context<'_>) -> Option<SourceSettings> {
    let report = context.2;
    keys::refuse_others(file, SourceKind::Adbc, report);
    let (driver, at) = match &file.driver {
        Field::Given(driver, at) => (driver, *at),
        Field::Invalid(_) => return None,
        Field::Absent => {
            report.add(
                place,
                "`driver` is missing",
                "write the name of a driver that the operator has installed, such as `driver: snowflake`",
            );
            return None;
        }
    };
    if driver.is_empty() || !driver.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')) {
        let message = format!("`{}` is no name of a driver", printable(driver));
        report.add(at, message, "a name has small letters, digits, `_` and `-`; which library it is, is for the operator to say");
        return None;
    }
    let dialect = dialect(file, driver, report)?;
    let options = match &file.options {
        Field::Absent => IndexMap::new(),
        Field::Invalid(_) => return None,
        Field::Given(OptionsEntry::Named(entries), _) => options(entries, context)?,
        Field::Given(OptionsEntry::Text(_), at) => {
            report.add(*at, "`options` of kind `adbc` is a mapping", "write `options: { name: value }` with the driver's names");
            return None;
        }
    };
    let session = file.session.get().into_iter().flatten().map(|statement| statement.get().cloned());
    Some(SourceSettings::Adbc(AdbcSettings {
        driver: driver.clone(),
        dialect: dialect.name().to_owned(),
        options,
        session: session.collect::<Option<Vec<_>>>()?,
    }))
}

fn dialect(file: &ConnectionFile, driver: &str, report: &Report<'_>) -> Option<Dialect> {
    let is_own = |dialect: &Dialect| !Dialect::OF_THEIR_OWN.contains(dialect);
    match &file.dialect {
        // A driver is mostly called as its database.
        Field::Absent => Some(Dialect::named(driver).filter(is_own).unwrap_or(Dialect::Ansi)),
        Field::Invalid(_) => None,
        Field::Given(name, at) => {
            let found = Dialect::named(name);
            if found == Some(Dialect::Postgres) {
                report.add(
                    *at,
                    "PostgreSQL is spoken to without a driver",
                    "write `kind: postgres`; for Redshift's own driver `dialect: redshift`",
                );
                return None;
            }
            if found.is_none() {
                let known: Vec<_> = Dialect::ALL.into_iter().filter(is_own).map(Dialect::name).collect();
                report.add(*at, format!("`{}` is no dialect", printable(name)), format!("write one of {}, or `ansi`", known.join(", ")));
            }
            found
        }
    }
}

fn options(entries: &Entries<OptionEntry>, context: Context<'_>) -> Option<IndexMap<String, AdbcOption>> {
    let (_, _, report) = context;
    let mut options = IndexMap::new();
    for entry in entries {
        let (OptionEntry(value), place) = entry.value.placed()?;
        // A text written without a mapping has the place of its entry.
        let text = match &value.text {
            Field::Given(text, _) => Field::Given(text.clone(), place),
            other => other.clone(),
        };
        let found = secret::secret(&entry.key, (&text, &value.file), place, context)?;
        let name = entry.key.to_lowercase();
        if found.literal && !found.secret.expose().is_empty() && SECRETS.iter().any(|word| name.contains(word)) {
            report.add(
                place,
                format!("`{}` is written in plain text", printable(&entry.key)),
                "write `${NAME}` for an environment variable, or `{ file: path }`",
            );
            return None;
        }
        if found.literal && has_password(found.secret.expose()) {
            report.add(
                place,
                format!("`{}` holds a password in plain text", printable(&entry.key)),
                "write `${NAME}` for an environment variable in its place, or the password as an option of its own",
            );
            return None;
        }
        let option = AdbcOption { value: Secret::new(found.secret.expose()), is_secret: !found.literal };
        options.insert(entry.key.clone(), option);
    }
    Some(options)
}

/// Whether an address has a login with a password.
fn has_password(text: &str) -> bool {
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    let login = authority.split(['/', '?']).next().and_then(|authority| authority.rsplit_once('@'));
    login.is_some_and(|(login, _)| login.contains(':'))
}
