//! `[catalog]`: where dashboards are, how many, and what of the machine they may read.

use std::path::PathBuf;

use anyhow::bail;
use pressrun_catalog::CatalogRules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Spool;

/// Where dashboards come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CatalogFrom {
    /// The folder of this node.
    Folder,
    /// The database that all nodes share.
    Published,
}

/// Where dashboards are, how many, and what of the machine they may read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Catalog {
    /// The folder. Not used with `source = "published"`.
    pub path: PathBuf,
    /// Where dashboards come from: `folder`, or `published`: what a node that publishes or `pressrun publish` put into the database last, so that all
    /// nodes serve and run the same version. Data and secrets stay on each node, under absolute paths.
    pub source: CatalogFrom,
    /// Whether each new version of the folder is published for the nodes that take theirs from the database.
    pub publish: bool,
    /// Environment variables that `${NAME}` in the catalog may stand for, a `*` at the end for any rest: `["WAREHOUSE_*", "PGURL"]`. Whoever
    /// edits the catalog can send what they hold to a host of their choice. Only `WAREHOUSE_*` and `CATALOG_*` unless given; variables of the
    /// server itself (`PRESSRUN_…`) never.
    pub environment: Vec<String>,
    /// Folders outside of the catalog that keys such as `url_file` may read: `["/run/secrets/warehouse"]`.
    #[schemars(example = ["/run/secrets/warehouse"])]
    pub secret_folders: Vec<PathBuf>,
    /// Seconds that a dashboard, a tile, a right or a filter has to be missing before the schedules that need it are switched off: files are
    /// away for moments while they are replaced.
    pub settle_seconds: u32,
    /// Most dashboard files.
    pub max_dashboards: usize,
    /// Most members.
    pub max_members: usize,
    /// Largest file, in MiB.
    pub max_file_mb: u64,
    /// All files together, in MiB.
    pub max_mb: u64,
}

impl Default for Catalog {
    fn default() -> Self {
        let rules = CatalogRules::open();
        Self {
            path: PathBuf::from("catalog"),
            source: CatalogFrom::Folder,
            publish: false,
            environment: vec!["WAREHOUSE_*".to_owned(), "CATALOG_*".to_owned()],
            secret_folders: Vec::new(),
            settle_seconds: 60,
            max_dashboards: rules.max_dashboards,
            max_members: rules.max_members,
            max_file_mb: rules.max_file_bytes >> 20,
            max_mb: rules.max_bytes >> 20,
        }
    }
}

impl Catalog {
    /// What the catalog may be and read; what connections and people said last is kept in the spool.
    ///
    /// # Errors
    /// A name of a variable that can be none, or a bound that lets nothing in; the message names the key.
    pub(crate) fn rules(&self, spool: &Spool) -> anyhow::Result<CatalogRules> {
        if self.publish && self.source == CatalogFrom::Published {
            bail!("catalog.publish is for a node with a folder: set catalog.source to \"folder\", or leave catalog.publish out");
        }
        for pattern in &self.environment {
            let name = pattern.strip_suffix('*').unwrap_or(pattern);
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || pattern.is_empty() {
                bail!(
                    "catalog.environment: {pattern:?} is no name of a variable; write WAREHOUSE_URL, or WAREHOUSE_* for all that begin so"
                );
            }
            if name.starts_with("PRESSRUN_") {
                bail!(
                    "catalog.environment: {pattern:?} would open this server's own variables to whoever edits the catalog; choose another name"
                );
            }
        }
        for (key, bound) in [
            ("max_dashboards", self.max_dashboards as u64),
            ("max_members", self.max_members as u64),
            ("max_file_mb", self.max_file_mb),
            ("max_mb", self.max_mb),
        ] {
            if bound == 0 || bound > 1 << 40 {
                bail!("catalog.{key}: {bound} is no bound; write a number of at least 1, or leave the key out");
            }
        }
        Ok(CatalogRules {
            max_dashboards: self.max_dashboards,
            max_members: self.max_members,
            max_file_bytes: self.max_file_mb << 20,
            max_bytes: self.max_mb << 20,
            environment: Some(self.environment.clone()),
            secret_folders: Some(self.secret_folders.clone()),
            last_good: Some(spool.path.join("catalog")),
        })
    }
}

/// Where the spool keeps what was published.
pub(crate) fn published_folder(spool: &Spool) -> PathBuf {
    spool.path.join("published")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b17_what_the_catalog_may_read_is_checked_when_the_server_starts() {
        let rules = |catalog: Catalog| catalog.rules(&Spool::default());
        let with = |name: &str| Catalog { environment: vec![name.to_owned()], ..Catalog::default() };
        for name in ["PGURL", "WAREHOUSE_*", "*"] {
            assert!(rules(with(name)).is_ok(), "{name}");
        }
        for name in ["", "${PGURL}", "A*B", "PG URL", "PRESSRUN_*", "PRESSRUN_SECRETS__KEYS"] {
            let error = rules(with(name)).expect_err(name).to_string();
            assert!(error.starts_with("catalog.environment: "), "{error}");
        }
        let both = Catalog { publish: true, source: CatalogFrom::Published, ..Catalog::default() };
        let error = rules(both).expect_err("neither").to_string();
        assert!(error.starts_with("catalog.publish is for a node with a folder"), "{error}");
        let error = rules(Catalog { max_members: 0, ..Catalog::default() }).expect_err("no bound").to_string();
        assert!(error.starts_with("catalog.max_members: "), "{error}");
    }
}
