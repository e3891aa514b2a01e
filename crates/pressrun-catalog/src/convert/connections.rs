//! `connections.yaml` to connections.

use std::path::Path;

use indexmap::IndexMap;
use pressrun_domain::catalog::{Connection, SourceSettings};
use pressrun_domain::id::ConnectionName;

use super::{adbc, clickhouse, keys, postgres, secret, tables, text};
use crate::files::{ConnectionFile, ConnectionsFile, Field, SourceKind};
use crate::load::LoadOptions;
use crate::problem::{Place, Report, printable};
use crate::rules::CatalogRules;

const CONCURRENCY: u32 = 4;
const TIMEOUT_SECONDS: u64 = 300;

/// The connections that are right, and the names of all that are written, with their places.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    pub(crate) connections: IndexMap<ConnectionName, Connection>,
    pub(crate) names: IndexMap<String, Place>,
}

impl Connections {
    /// Takes over a connection that is written but not right now, unless it names a file that the catalog at `root` may not read by now.
    pub(crate) fn keep(&mut self, name: &ConnectionName, connection: &Connection, root: &Path, rules: &CatalogRules) {
        if self.names.contains_key(name.as_str()) && !self.connections.contains_key(name) {
            let mut connection = connection.clone();
            // Its file may be what is wrong, and lead elsewhere now: it is not read again.
            match &mut connection.source {
                SourceSettings::Postgres { url, secret_file } => {
                    *secret_file = None;
                    if !postgres::has_open_files(url, root, rules) {
                        return;
                    }
                }
                SourceSettings::ClickHouse(settings) => {
                    settings.password_file = None;
                    if !settings.authorities.iter().all(|path| secret::is_open(root, path, rules)) {
                        return;
                    }
                }
                SourceSettings::Files { .. } | SourceSettings::Adbc(_) => {}
            }
            self.connections.insert(name.clone(), connection);
        }
    }
}

/// Converts all connections, noting what is wrong.
pub(crate) fn connections(file: &ConnectionsFile, root: &Path, options: LoadOptions<'_>, report: &Report<'_>) -> Connections {
    let mut found = Connections::default();
    let Some(entries) = file.connections.get() else {
        if file.connections.is_absent() {
            report.add(
                Place { line: 1, column: 1, block: false },
                "`connections` is missing",
                "write `connections:` and one entry for each place where data lives",
            );
        }
        return found;
    };
    for entry in entries {
        found.names.entry(entry.key.clone()).or_insert(entry.place);
        let named = text::key(&entry.key, "a connection's name", entry.place, report);
        let written = match &entry.value {
            Field::Given(written, _) => written,
            Field::Invalid(_) => continue,
            Field::Absent => {
                report.add(entry.place, format!("connection `{}` is empty", printable(&entry.key)), "write its `kind` and settings");
                continue;
            }
        };
        if let Some(connection) = connection(&entry.key, written, entry.place, (root, options, report))
            && named
        {
            found.connections.insert(connection.name.clone(), connection);
        }
    }
    found
}

fn connection(name: &str, file: &ConnectionFile, place: Place, context: (&Path, LoadOptions<'_>, &Report<'_>)) -> Option<Connection> {
    let report = context.2;
    let timezone = if file.timezone.is_absent() { Some("UTC".to_owned()) } else { text::zone(&file.timezone, report) };
    let max_concurrency = bounded(&file.max_concurrency, 1, 1_000, "max_concurrency", report).unwrap_or(CONCURRENCY);
    let timeout_seconds = bounded(&file.timeout_seconds, 1, 86_400, "timeout_seconds", report).unwrap_or(TIMEOUT_SECONDS);
    let kind = match &file.kind {
        Field::Given(kind, _) => *kind,
        Field::Invalid(_) => return None,
        Field::Absent => {
            report.add(place, "`kind` is missing", "write `kind: files`, `kind: postgres`, `kind: clickhouse` or `kind: adbc`");
            return None;
        }
    };
    let source = match kind {
        SourceKind::Files => files(file, context),
        SourceKind::Postgres => postgres::postgres(file, place, context),
        SourceKind::ClickHouse => clickhouse::clickhouse(file, place, context),
        SourceKind::Adbc => adbc::adbc(file, place, context),
    };
    Some(Connection {
        name: ConnectionName::from(name),
        timezone: timezone?,
        max_concurrency: max_concurrency as usize,
        timeout_seconds,
        source: source?,
    })
}

fn files(file: &ConnectionFile, (root, options, report): (&Path, LoadOptions<'_>, &Report<'_>)) -> Option<SourceSettings> {
    keys::refuse_others(file, SourceKind::Files, report);
    let written = file.folder.placed().map_or("data", |(folder, _)| folder.as_str());
    let folder = match root.join(written).canonicalize() {
        Ok(folder) if folder.is_dir() => Some(folder),
        _ => {
            let place = file.folder.place().or(file.kind.place()).unwrap_or_default();
            let message = format!("there is no folder `{}`", printable(written));
            let hint = "create it, or name an existing folder, relative to the catalog";
            // Data are where the server is; a pull request has none.
            if options.require_secrets {
                report.add(place, message, hint);
                None
            } else {
                report.warn(place, message, hint);
                Some(root.join(written))
            }
        }
    };
    Some(SourceSettings::Files { folder: folder?, tables: tables::tables(file, report) })
}

/// A number within bounds; `None` when it is not written or out of them.
fn bounded<T: Copy + PartialOrd + std::fmt::Display>(field: &Field<T>, least: T, most: T, key: &str, report: &Report<'_>) -> Option<T> {
    let (value, place) = field.placed()?;
    if *value < least || *value > most {
        report.add(place, format!("`{key}` is {value}"), format!("write a number from {least} to {most}"));
        return None;
    }
    Some(*value)
}
