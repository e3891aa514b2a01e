//! What a backup says of itself.

use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FileRecord;
use super::files::write_new;
use crate::show::Hinted;

const FILE: &str = "manifest.json";

/// The form of backups that this version writes and reads.
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// Version of the program that took it.
    pub(super) pressrun: String,
    /// The database is as it was then, or a little later.
    pub(super) taken_at: Timestamp,
    /// How many migrations the database has seen.
    pub(super) schema: u32,
    pub(super) database: FileRecord,
    /// The version of the catalog that was in force.
    pub(super) catalog: Option<String>,
    /// `None` when the keys stand elsewhere.
    pub(super) key: Option<FileRecord>,
    /// Files of the spool, by their hashes.
    pub(super) artifacts: Vec<FileRecord>,
    /// Artifacts that are kept for downloads and resends and not in this backup.
    pub(super) artifacts_left_out: u64,
    /// Artifacts that a run needs and that were not in the spool.
    pub(super) artifacts_missing: Vec<String>,
}

impl Manifest {
    /// A manifest of a backup that was begun at `taken_at`.
    pub(super) fn new(taken_at: Timestamp, schema: u32, database: FileRecord, key: Option<FileRecord>) -> Self {
        let pressrun = env!("CARGO_PKG_VERSION").to_owned();
        let catalog = None;
        let (artifacts, artifacts_left_out, artifacts_missing) = (Vec::new(), 0, Vec::new());
        Self { format: FORMAT, pressrun, taken_at, schema, database, catalog, key, artifacts, artifacts_left_out, artifacts_missing }
    }

    /// Writes it into a backup's folder.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        write_new(&folder.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// Reads that of a backup.
    ///
    /// # Errors
    /// There is none, or it is of a newer version; the message says what to do.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
            pressrun: String,
        }

        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let error = format!("{} is no complete backup: it has no {FILE}", folder.display());
                return Err(Hinted::new(
                    error,
                    "name the folder that `pressrun backup` made; one that was interrupted ends in .incomplete",
                )
                .into());
            }
            Err(error) => return Err(error).with_context(|| format!("could not read {}", path.display())),
        };
        let damaged = || format!("{} is damaged", path.display());
        let form: Form = serde_json::from_slice(&text).with_context(damaged)?;
        if form.format != FORMAT {
            bail!("the backup is of form {}, this version reads form {FORMAT}; restore it with Pressrun {}", form.format, form.pressrun);
        }
        serde_json::from_slice(&text).with_context(damaged)
    }
}
