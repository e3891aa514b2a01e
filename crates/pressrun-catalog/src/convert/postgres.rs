//! Connections of kind `postgres`: an address, keys of their own, or both.

use std::path::{Path, PathBuf};

use pressrun_domain::catalog::SourceSettings;
use pressrun_domain::postgres::{PostgresAddress, PostgresSecretFile};
use pressrun_domain::secret::Secret;

use super::{keys, secret};
use crate::files::{ConnectionFile, Field, OptionsEntry, SourceKind};
use crate::load::LoadOptions;
use crate::problem::{Place, Report, printable};
use crate::rules::CatalogRules;

type Context<'a> = (&'a Path, LoadOptions<'a>, &'a Report<'a>);

/// One word of the connection.
struct Said {
    /// As libpq calls it.
    parameter: String,
    /// As the file calls it.
    key: String,
    value: String,
    place: Place,
}

/// Converts the connection, noting what is wrong.
pub(super) fn postgres(file: &ConnectionFile, place: Place, context: Context<'_>) -> Option<SourceSettings> {
    let (root, options, report) = context;
    keys::refuse_others(file, SourceKind::Postgres, report);
    let address = if file.url.is_absent() && file.url_file.is_absent() {
        if file.host.is_absent() {
            report.add(
                place,
                "`url` is missing",
                "write `url: ${NAME}` for an environment variable, `url_file: path`, or `host`, `database`, `user` and `password_file`",
            );
            return None;
        }
        None
    } else {
        Some(secret::secret("url", (&file.url, &file.url_file), place, context)?)
    };
    let said = said(file, place, context)?;
    let complete = |address: &secret::Found| options.require_secrets || address.literal;
    let url = match &address {
        // A check away from the server may miss a part of the address.
        Some(address) if !complete(address) => address.secret.clone(),
        None if !options.require_secrets && said.iter().any(|said| said.value.is_empty()) => Secret::new(String::new()),
        _ => {
            let url = together(address.as_ref(), said, place, report)?;
            Secret::new(with_open_files(url, file, address.as_ref().map_or(place, |found| found.place), context)?)
        }
    };
    let secret_file = match (file.password_file.get(), file.url_file.get()) {
        (Some(path), _) => Some(PostgresSecretFile::Password(root.join(path))),
        (None, Some(path)) => Some(PostgresSecretFile::Address(root.join(path))),
        (None, None) => None,
    };
    Some(SourceSettings::Postgres { url, secret_file })
}

/// Everything that stands beside the address.
fn said(file: &ConnectionFile, parent: Place, context: Context<'_>) -> Option<Vec<Said>> {
    let (root, _, report) = context;
    let mut said = Vec::new();
    let options_text = options(file, report);
    let mut say = |parameter: &str, key: &str, value: String, place: Place| {
        said.push(Said { parameter: parameter.to_owned(), key: key.to_owned(), value, place });
    };
    for (parameter, key, field) in [
        ("host", "host", &file.host),
        ("dbname", "database", &file.database),
        ("user", "user", &file.user),
        ("sslmode", "sslmode", &file.sslmode),
        ("options", "options", &options_text),
    ] {
        if let Some(place) = field.place() {
            say(parameter, key, secret::setting(field, context)?, place);
        }
    }
    if let Some((port, place)) = file.port.placed() {
        say("port", "port", port.to_string(), place);
    }
    for (key, field) in [("sslrootcert", &file.sslrootcert), ("sslcert", &file.sslcert), ("sslkey", &file.sslkey)] {
        if let Some((path, place)) = field.placed() {
            let path = if path == "system" { path.clone() } else { root.join(path).to_string_lossy().into_owned() };
            say(key, key, path, place);
        }
    }
    for entry in file.parameters.get().into_iter().flatten() {
        let Some((value, place)) = entry.value.placed() else { continue };
        if entry.key == "password" {
            report.add(place, "a password does not stand in the catalog", "write `password: ${NAME}` or `password_file: path`");
            return None;
        }
        say(&entry.key, &entry.key, value.clone(), place);
    }
    if !file.password.is_absent() || !file.password_file.is_absent() {
        let found = secret::secret("password", (&file.password, &file.password_file), parent, context)?;
        if found.literal {
            report.add(
                found.place,
                "the password is written in plain text",
                "write `password: ${NAME}` for an environment variable, or `password_file: path`",
            );
            return None;
        }
        say("password", "password", found.secret.expose().to_owned(), found.place);
    }
    let readable = |field: &Field<String>| !matches!(field, Field::Invalid(_));
    let all = [&file.host, &file.database, &file.user, &file.sslmode, &options_text, &file.sslrootcert, &file.sslcert, &file.sslkey];
    (all.into_iter().all(readable) && !matches!(file.port, Field::Invalid(_))).then_some(said)
}

/// The options as the one text that this kind has.
fn options(file: &ConnectionFile, report: &Report<'_>) -> Field<String> {
    match &file.options {
        Field::Absent => Field::Absent,
        Field::Invalid(place) => Field::Invalid(*place),
        Field::Given(OptionsEntry::Text(text), place) => Field::Given(text.clone(), *place),
        Field::Given(OptionsEntry::Named(_), place) => {
            report.add(*place, "`options` of kind `postgres` is a text", "write it as libpq has it, such as `-c search_path=sales`");
            Field::Invalid(*place)
        }
    }
}

/// The address with the places of its files, all of which the catalog may read. Whoever logs in opens them with the server's rights.
fn with_open_files(url: String, file: &ConnectionFile, place: Place, (root, options, report): Context<'_>) -> Option<String> {
    let mut parameters = PostgresAddress::parameters(&url).ok()?;
    let mut moved = false;
    for (key, value) in &mut parameters {
        let written = match key.as_str() {
            "sslrootcert" if value != "system" => &file.sslrootcert,
            "sslcert" => &file.sslcert,
            "sslkey" => &file.sslkey,
            _ => continue,
        };
        if value.is_empty() {
            continue;
        }
        let found = secret::file(root, value, written.place().unwrap_or(place), options, report)?.to_string_lossy().into_owned();
        moved |= found != *value;
        *value = found;
    }
    if moved { PostgresAddress::from_parameters(parameters).ok().map(|address| address.url()) } else { Some(url) }
}

/// Whether all files that the address names may be read, as they are now.
pub(super) fn has_open_files(url: &Secret, root: &Path, rules: &CatalogRules) -> bool {
    let Ok(address) = PostgresAddress::parse(url.expose()) else { return false };
    let roots = address.ssl_root_cert.filter(|roots| roots != "system").map(PathBuf::from);
    roots.iter().chain(&address.ssl_cert).chain(&address.ssl_key).all(|path| secret::is_open(root, path, rules))
}

/// The address and what stands beside it as one address.
fn together(address: Option<&secret::Found>, said: Vec<Said>, place: Place, report: &Report<'_>) -> Option<String> {
    let refuse = |place: Place, error: pressrun_domain::postgres::PostgresAddressError| {
        report.add(place, error.message, error.hint);
    };
    let mut parameters = match address {
        Some(found) => PostgresAddress::parameters(found.secret.expose()).map_err(|error| refuse(found.place, error)).ok()?,
        None => Vec::new(),
    };
    if let Some(found) = address {
        if found.literal && parameters.iter().any(|(key, _)| key == "password") {
            report.add(
                found.place,
                "the address holds a password in plain text",
                "write `url: ${NAME}` for an environment variable, `url_file: path`, or the password in `password_file`",
            );
            return None;
        }
        if let Some(twice) = said.iter().find(|said| parameters.iter().any(|(key, _)| *key == said.parameter)) {
            report.add(twice.place, format!("`{}` stands in the address as well", printable(&twice.key)), "keep one of them");
            return None;
        }
    }
    let begins = address.map(|found| found.place).or_else(|| said.first().map(|said| said.place)).unwrap_or(place);
    if let (true, Some(found)) = (said.is_empty(), address) {
        PostgresAddress::from_parameters(parameters).map_err(|error| refuse(begins, error)).ok()?;
        return Some(found.secret.expose().to_owned());
    }
    // A word that is wrong by itself is shown at its own place.
    for said in &said {
        if let Err(error) = PostgresAddress::judge(&said.parameter, &said.value) {
            refuse(said.place, error);
            return None;
        }
    }
    parameters.extend(said.into_iter().map(|said| (said.parameter, said.value)));
    PostgresAddress::from_parameters(parameters).map_err(|error| refuse(begins, error)).ok().map(|address| address.url())
}
