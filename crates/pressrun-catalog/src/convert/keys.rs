//! Which keys of a connection belong to which kind.

use crate::files::{ConnectionFile, SourceKind};
use crate::problem::{Place, Report};

/// Notes each key that is written and belongs to other kinds only.
pub(super) fn refuse_others(file: &ConnectionFile, kind: SourceKind, report: &Report<'_>) {
    for (key, place, kinds) in keys(file) {
        let (Some(place), false, Some(other)) = (place, kinds.contains(&kind), kinds.first()) else { continue };
        report.add(
            place,
            format!("`{key}` does not belong to kind `{}`", word(kind)),
            format!("remove it, or write `kind: {}`", word(*other)),
        );
    }
}

/// A kind as it is written.
fn word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Files => "files",
        SourceKind::Postgres => "postgres",
        SourceKind::ClickHouse => "clickhouse",
        SourceKind::Adbc => "adbc",
    }
}

/// The keys that not every kind has, where they are written, and the kinds that have them.
fn keys(file: &ConnectionFile) -> [(&'static str, Option<Place>, &'static [SourceKind]); 20] {
    use SourceKind::{Adbc, ClickHouse, Files, Postgres};
    [
        ("folder", file.folder.place(), &[Files]),
        ("tables", file.tables.place(), &[Files]),
        ("url", file.url.place(), &[Postgres, ClickHouse]),
        ("url_file", file.url_file.place(), &[Postgres]),
        ("host", file.host.place(), &[Postgres]),
        ("port", file.port.place(), &[Postgres]),
        ("database", file.database.place(), &[Postgres, ClickHouse]),
        ("user", file.user.place(), &[Postgres, ClickHouse]),
        ("password", file.password.place(), &[Postgres, ClickHouse]),
        ("password_file", file.password_file.place(), &[Postgres, ClickHouse]),
        ("sslmode", file.sslmode.place(), &[Postgres]),
        ("sslrootcert", file.sslrootcert.place(), &[Postgres, ClickHouse]),
        ("sslcert", file.sslcert.place(), &[Postgres]),
        ("sslkey", file.sslkey.place(), &[Postgres]),
        ("options", file.options.place(), &[Postgres, Adbc]),
        ("parameters", file.parameters.place(), &[Postgres]),
        ("settings", file.settings.place(), &[ClickHouse]),
        ("driver", file.driver.place(), &[Adbc]),
        ("dialect", file.dialect.place(), &[Adbc]),
        ("session", file.session.place(), &[Adbc]),
    ]
}
