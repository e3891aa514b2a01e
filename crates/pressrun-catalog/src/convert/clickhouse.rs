//! Connections of kind `clickhouse`: an address, who asks, and settings.

use std::path::Path;

use indexmap::IndexMap;
use pressrun_domain::catalog::{ClickHouseSettings, SourceSettings};
use pressrun_domain::secret::Secret;
use url::Url;

use super::{keys, secret};
use crate::files::{ConnectionFile, Field, SourceKind};
use crate::load::LoadOptions;
use crate::problem::{Place, Report, printable};

/// Settings that each query gets from the connection, the dashboard and the run.
const OURS: [&str; 14] = [
    "readonly",
    "session_timezone",
    "max_execution_time",
    "cancel_http_readonly_queries_on_client_close",
    "wait_end_of_query",
    "http_write_exception_in_output_format",
    "default_format",
    "query",
    "query_id",
    "limit",
    "user",
    "password",
    "database",
    "log_comment",
];

/// Converts the connection, noting what is wrong.
pub(super) fn clickhouse(file: &ConnectionFile, place: Place, context: (&Path, LoadOptions<'_>, &Report<'_>)) -> Option<SourceSettings> {
    let (root, options, report) = context;
    keys::refuse_others(file, SourceKind::ClickHouse, report);
    if file.url.is_absent() {
        report.add(place, "`url` is missing", "write `url: https://host:8443`");
        return None;
    }
    let typed = secret::setting(&file.url, context)?;
    let url = address(&typed, file.url.place().unwrap_or(place), options, report)?;
    let password = if file.password.is_absent() && file.password_file.is_absent() {
        Secret::new(String::new())
    } else {
        let found = secret::secret("password", (&file.password, &file.password_file), place, context)?;
        if found.literal {
            report.add(
                found.place,
                "the password is written in plain text",
                "write `password: ${NAME}` for an environment variable, or `password_file: path`",
            );
            return None;
        }
        found.secret
    };
    let authorities = match file.sslrootcert.placed() {
        Some((path, place)) if path != "system" => Some(secret::file(root, path, place, options, report)?),
        _ => None,
    };
    // One that is written wrongly is no default.
    let said = |field: &Field<String>| match field {
        Field::Absent => Some(None),
        field => secret::setting(field, context).map(Some),
    };
    Some(SourceSettings::ClickHouse(ClickHouseSettings {
        url,
        database: said(&file.database)?.filter(|name| !name.is_empty()),
        user: said(&file.user)?.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned()),
        password,
        password_file: file.password_file.get().map(|path| root.join(path)),
        authorities,
        settings: settings(file, report)?,
    }))
}

fn address(typed: &str, place: Place, options: LoadOptions<'_>, report: &Report<'_>) -> Option<Url> {
    let hint = "write `url: https://host:8443`, or `http://host:8123` where everybody on the way may read";
    match Url::parse(typed) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            report.add(place, "a login does not stand in the address", "write `user`, and `password: ${NAME}` or `password_file: path`");
            None
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            report.add(place, "the address has parameters", "write them below `settings`, and the database as `database`");
            None
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Some(url),
        // A check away from the server may miss a part of the address.
        _ if !options.require_secrets && typed.is_empty() => Url::parse("https://localhost").ok(),
        Ok(_) | Err(_) => {
            report.add(place, format!("`{}` is no address of a ClickHouse server's HTTP interface", printable(typed)), hint);
            None
        }
    }
}

fn settings(file: &ConnectionFile, report: &Report<'_>) -> Option<IndexMap<String, String>> {
    let mut settings = IndexMap::new();
    for entry in file.settings.get().into_iter().flatten() {
        let named = !entry.key.is_empty() && entry.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named || entry.key.starts_with("param_") {
            let message = format!("`{}` is no setting of a query", printable(&entry.key));
            report.add(entry.place, message, "write one of the server's settings, such as `max_bytes_to_read`");
            return None;
        }
        if OURS.contains(&entry.key.as_str()) {
            let message = format!("`{}` is set by Pressrun for each query", entry.key);
            report.add(entry.place, message, "remove it; time limit and zone are `timeout_seconds` and `timezone`");
            return None;
        }
        if entry.key.ends_with("_overflow_mode") || entry.key.ends_with("_overflow_mode_leaf") {
            let message = format!("`{}` is set by Pressrun for each query", entry.key);
            report.add(entry.place, message, "remove it; what was found before a limit is never delivered as the result");
            return None;
        }
        let (value, _) = entry.value.placed()?;
        settings.insert(entry.key.clone(), value.clone());
    }
    Some(settings)
}
