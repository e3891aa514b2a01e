//! What the operator lets a catalog be, and what of the machine it may read.

use std::path::{Path, PathBuf};

/// Bounds of a catalog, and which variables and files its secrets may come from.
///
/// Whoever edits the catalog chooses the host that a secret is sent to, so that what it may read is for the operator to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRules {
    /// Most dashboard files.
    pub max_dashboards: usize,
    /// Most members.
    pub max_members: usize,
    /// Most bytes of one file.
    pub max_file_bytes: u64,
    /// Most bytes of all files together, and of what their aliases repeat.
    pub max_bytes: u64,
    /// Names of variables that `${NAME}` may stand for, a `*` at the end for any rest; `None` opens all. This server's own (`PRESSRUN_…`) are
    /// never among those that are listed.
    pub environment: Option<Vec<String>>,
    /// Folders besides the catalog that keys such as `url_file` may read; `None` opens all.
    pub secret_folders: Option<Vec<PathBuf>>,
    /// Where what connections and people said last is kept, so that a fault in them does not stop a start. `None` keeps nothing.
    pub last_good: Option<PathBuf>,
}

/// Variables of this server, which hold the keys to everything.
const OWN: &str = "PRESSRUN_";

impl CatalogRules {
    /// Default bounds, and every variable and file open: for who reads a catalog with their own rights.
    #[must_use]
    pub const fn open() -> Self {
        Self {
            max_dashboards: 50_000,
            max_members: 50_000,
            max_file_bytes: 4 << 20,
            max_bytes: 256 << 20,
            environment: None,
            secret_folders: None,
            last_good: None,
        }
    }

    /// Whether `${name}` may be read.
    pub(crate) fn opens_variable(&self, name: &str) -> bool {
        let Some(listed) = &self.environment else { return true };
        !name.starts_with(OWN)
            && listed.iter().any(|pattern| pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix)))
    }

    /// The folders that secret files may be in: the catalog's own, and those that are listed. `None` when all may.
    pub(crate) fn folders_of_secrets(&self, root: &Path) -> Option<Vec<PathBuf>> {
        let listed = self.secret_folders.as_ref()?;
        // A folder that is not there holds nothing.
        let there = listed.iter().filter_map(|folder| folder.canonicalize().ok());
        Some(std::iter::once(root.to_owned()).chain(there).collect())
    }
}

impl Default for CatalogRules {
    fn default() -> Self {
        Self::open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b17_only_listed_variables_are_open_and_never_the_servers_own() {
        let rules = |listed: &[&str]| CatalogRules {
            environment: Some(listed.iter().map(|name| (*name).to_owned()).collect()),
            ..CatalogRules::open()
        };
        for (listed, name, open) in [
            (&["WAREHOUSE_*", "PGURL"][..], "WAREHOUSE_URL", true),
            (&["WAREHOUSE_*", "PGURL"], "PGURL", true),
            (&["WAREHOUSE_*", "PGURL"], "PGURL2", false),
            (&["WAREHOUSE_*", "PGURL"], "WAREHOUSE", false),
            (&["WAREHOUSE_*"], "AWS_SECRET_ACCESS_KEY", false),
            (&["*"], "HOME", true),
            (&["*", "PRESSRUN_*"], "PRESSRUN_SECRETS__KEYS", false),
            (&[], "HOME", false),
        ] {
            assert_eq!(rules(listed).opens_variable(name), open, "{listed:?} {name}");
        }
        assert!(CatalogRules::open().opens_variable("HOME"));
    }
}
