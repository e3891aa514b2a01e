//! Where the data is: a folder of files, or a PostgreSQL database.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::probe::Probe;
use super::profile::{self, Profile};
use super::yaml::{plain, quoted, words};
use crate::hidden::hidden_login;
use crate::show;

/// Most tables that get a dashboard.
const TABLES: usize = 8;

/// Kinds of files that are tables.
const EXTENSIONS: [&str; 6] = ["csv", "tsv", "json", "jsonl", "ndjson", "parquet"];

/// Where the data is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A folder, as an absolute path.
    Files(PathBuf),
    /// An address with user and password.
    Postgres(String),
}

/// A table that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name in SQL, quoted.
    pub sql: String,
    /// A plain name for files and identifiers.
    pub plain: String,
    /// As people read it.
    pub title: String,
    /// The file below the folder; none for a database.
    pub file: Option<String>,
}

impl Place {
    /// The place that somebody named: an address, or a folder.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn named(text: &str) -> anyhow::Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        if text.contains("://") {
            // The address may hold a password.
            bail!(
                "{} is no address of a database that is known here; write postgres://user@host/database, or a folder of files",
                hidden_login(text)
            );
        }
        let folder = Path::new(text);
        if !folder.is_dir() {
            bail!("there is no folder {text}");
        }
        Ok(Self::Files(folder.canonicalize().with_context(|| format!("could not find {text}"))?))
    }

    /// The same from an argument, which every account of the machine sees.
    ///
    /// # Errors
    /// It is neither, or holds a password.
    pub(super) fn of_argument(text: &str) -> anyhow::Result<Self> {
        let place = Self::named(text)?;
        if matches!(place, Self::Postgres(_)) && hidden_login(text) != text {
            bail!(
                "a password in the address is seen by every account of this machine: write the whole address into a file, and name it with --data-file"
            );
        }
        Ok(place)
    }

    /// The connections.yaml of these tables. `url_file` holds a database's address.
    pub(super) fn connections(&self, tables: &[Table], url_file: &Path) -> String {
        let mut text = "# Where the data is. What each key means: docs/catalog.md.\nconnections:\n  data:\n".to_owned();
        match self {
            Self::Files(folder) => {
                let _ = writeln!(text, "    kind: files\n    folder: {}", quoted(&folder.display().to_string()));
                let files: Vec<_> = tables.iter().filter_map(|table| Some((&table.plain, table.file.as_ref()?))).collect();
                if !files.is_empty() {
                    text.push_str("    tables:\n");
                }
                for (name, file) in files {
                    let _ = writeln!(text, "      {name}: {}", quoted(file));
                }
            }
            Self::Postgres(_) => {
                let _ = writeln!(text, "    kind: postgres\n    url_file: {}", quoted(&url_file.display().to_string()));
            }
        }
        text
    }

    /// The same with what is needed to ask now.
    fn connections_now(&self, tables: &[Table]) -> String {
        match self {
            Self::Files(_) => self.connections(tables, Path::new("")),
            Self::Postgres(_) => self.connections(tables, Path::new("data-url")),
        }
    }

    fn url(&self) -> Option<&str> {
        match self {
            Self::Files(_) => None,
            Self::Postgres(url) => Some(url),
        }
    }

    /// The tables that are there; of these names only, when some are given.
    ///
    /// # Errors
    /// None is there, or the database cannot be asked.
    pub(super) async fn tables(&self, wanted: &[String]) -> anyhow::Result<Vec<Table>> {
        let mut tables = match self {
            Self::Files(folder) => files(folder)?,
            Self::Postgres(_) => self.of_database().await?,
        };
        if let Some(missing) = wanted.iter().find(|name| !tables.iter().any(|table| table.is_called(name))) {
            let known: Vec<_> = tables.iter().map(|table| table.plain.clone()).collect();
            bail!("there is no table {missing}; there is: {}", known.join(", "));
        }
        if !wanted.is_empty() {
            tables.retain(|table| wanted.iter().any(|name| table.is_called(name)));
        }
        if tables.len() > TABLES {
            let left: Vec<_> = tables[TABLES..].iter().map(|table| table.plain.clone()).collect();
            show::hint(format!("dashboards are made of the first {TABLES} tables; name others with --table: {}", left.join(", ")));
            tables.truncate(TABLES);
        }
        if tables.is_empty() {
            match self {
                Self::Files(folder) => bail!("{} holds no file of a kind that is known here: {}", folder.display(), EXTENSIONS.join(", ")),
                Self::Postgres(_) => bail!("the database has no table that this user may read"),
            }
        }
        Ok(tables)
    }

    async fn of_database(&self) -> anyhow::Result<Vec<Table>> {
        let sql = "select table_schema as place, table_name as name from information_schema.tables \
                   where table_type in ('BASE TABLE', 'VIEW') and table_schema not in ('pg_catalog', 'information_schema') order by 1, 2 limit 500";
        let answer = Probe::new(&self.connections_now(&[]), self.url())?.rows(&[sql.to_owned()]).await?;
        let rows =
            answer.into_iter().next().context("no answer")?.map_err(|error| anyhow::anyhow!("the database cannot be asked: {error}"))?;
        let mut taken = BTreeMap::new();
        let table = |row: &super::probe::Row| {
            let (place, name) = (row.get("place")?.as_str()?, row.get("name")?.as_str()?);
            if name.contains('{') || name.contains(char::is_control) || place.contains(char::is_control) {
                return None;
            }
            let sql =
                if place == "public" { profile::quoted(name) } else { format!("{}.{}", profile::quoted(place), profile::quoted(name)) };
            Some(Table { sql, plain: one_of_its_own(name, &mut taken), title: words(name), file: None })
        };
        Ok(rows.iter().filter_map(table).collect())
    }

    /// What each table holds. One that cannot be read is told of and left out.
    ///
    /// # Errors
    /// None can be read.
    pub(super) async fn profiles(&self, tables: &[Table]) -> anyhow::Result<Vec<(Table, Profile)>> {
        let probe = Probe::new(&self.connections_now(tables), self.url())?;
        let selects: Vec<String> = tables.iter().map(|table| format!("select * from {}", table.sql)).collect();
        let mut readable = Vec::new();
        for (table, found) in tables.iter().zip(probe.columns(&selects).await?) {
            match found.map(|found| profile::columns(&found)) {
                Ok(columns) if columns.is_empty() => show::warning(format!("{}: no column can be shown; it is left out", table.plain)),
                Ok(columns) => readable.push((table.clone(), columns)),
                Err(error) => show::warning(format!("{} is left out: {error}", table.plain)),
            }
        }
        if readable.is_empty() {
            bail!("no table can be read; the warnings say why");
        }
        let questions: Vec<String> = readable.iter().map(|(table, columns)| profile::question(&table.sql, columns)).collect();
        let answers = probe.rows(&questions).await?;
        let mut profiles = Vec::new();
        for ((table, columns), answer) in readable.into_iter().zip(answers) {
            match answer {
                Ok(rows) => {
                    let row = rows.into_iter().next().unwrap_or_default();
                    profiles.push((table.clone(), profile::read(&table.sql, &table.title, columns, &row)));
                }
                Err(error) => show::warning(format!("{} is left out: {error}", table.plain)),
            }
        }
        if profiles.is_empty() {
            bail!("no table can be read; the warnings say why");
        }
        Ok(profiles)
    }
}

impl Table {
    fn is_called(&self, name: &str) -> bool {
        self.plain == name || self.title == words(name) || self.file.as_deref() == Some(name)
    }
}

/// The files of a folder that are tables, in the order of their names; a folder of files below it is one table.
fn files(folder: &Path) -> anyhow::Result<Vec<Table>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| !name.starts_with('.')).collect();
    names.sort();
    let mut taken = BTreeMap::new();
    let table = |name: String| {
        let stem = if folder.join(&name).is_dir() {
            let inside = std::fs::read_dir(folder.join(&name)).ok()?;
            inside.flatten().filter_map(|entry| entry.file_name().into_string().ok()).find_map(|name| stem(&name).map(drop))?;
            name.clone()
        } else {
            stem(&name)?.to_owned()
        };
        let plain = one_of_its_own(&stem, &mut taken);
        Some(Table { sql: profile::quoted(&plain), plain, title: words(&stem), file: Some(name) })
    };
    Ok(names.into_iter().filter_map(table).collect())
}

/// The name of a file that is a table, without what says how it is written.
fn stem(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let (stem, extension) = name.rsplit_once('.')?;
    EXTENSIONS.contains(&extension.to_lowercase().as_str()).then_some(stem)
}

/// A plain name that nothing else has.
fn one_of_its_own(name: &str, taken: &mut BTreeMap<String, usize>) -> String {
    let plain = plain(name, taken.values().sum::<usize>() + 1);
    let times = taken.entry(plain.clone()).or_default();
    *times += 1;
    if *times == 1 { plain } else { format!("{plain}_{times}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_name_are_tables_and_others_are_not() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["My \"Orders\".csv", "my_orders.csv", "Umsätze 2026.CSV", "東京.parquet", "notes.txt", ".hidden.csv", "big.csv.gz"]
        {
            std::fs::write(dir.path().join(name), "a\n1\n").expect("writes");
        }
        std::fs::create_dir(dir.path().join("parts")).expect("a folder");
        std::fs::write(dir.path().join("parts/p1.csv"), "a\n1\n").expect("writes");
        std::fs::create_dir(dir.path().join("docs")).expect("a folder");
        let found: Vec<_> = files(dir.path()).expect("readable").into_iter().map(|table| table.plain).collect();
        assert_eq!(found, ["my_orders", "umsaetze_2026", "big", "my_orders_2", "parts", "table_6"]);
    }

    #[test]
    fn what_is_neither_a_folder_nor_a_database_is_refused_with_what_to_write() {
        for (text, words) in [("mysql://x", "postgres://user"), ("/no/such/folder", "no folder")] {
            assert!(Place::named(text).expect_err(text).to_string().contains(words));
        }
        for text in
            ["mysql://ann:s3cret@db/x", "postgres://ann:s3cret@db/x", "postgres://ann:s3/cret@db/x", "postgres://db/x?password=s3cret"]
        {
            let error = Place::of_argument(text).expect_err(text).to_string();
            assert!(!error.contains("s3"), "{error}");
        }
        assert!(matches!(Place::of_argument("postgres://ann@db/x"), Ok(Place::Postgres(_))));
    }
}
