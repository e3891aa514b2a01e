//! Taking a backup while the server runs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use pressrun_domain::audit::{Change, Object, ObjectKind, Verb};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::secret::Secret;
use pressrun_engine::artifacts::ArtifactStore;
use pressrun_engine::spool::Spool;
use pressrun_store::{Sealer, SqliteCopy, SqliteStore};

use super::files::{FileRecord, copy, folder_of, sync_folder, write_new};
use super::{ARTIFACTS, DATABASE, KEY, Manifest};
use crate::app::{self, open_existing_store};
use crate::clock::WallClock;
use crate::config::Settings;
use crate::sealing::{self, KeyPlace};
use crate::show::Hinted;

/// What goes into a backup besides the database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Every artifact that is kept, not only what is still owed.
    pub(crate) all_artifacts: bool,
    /// The sealing key, unless it stands in the configuration.
    pub(crate) key: bool,
}

/// What was backed up.
#[derive(Debug)]
pub(crate) struct BackedUp {
    pub(crate) taken_at: Timestamp,
    pub(crate) bytes: u64,
    pub(crate) artifacts: usize,
    pub(crate) missing: usize,
    pub(crate) has_key: bool,
}

/// Copies what the installation of `settings` remembers into the new folder `to`.
///
/// # Errors
/// Something cannot be read or written, or the folder exists; the message says what to do. Nothing is left, unless the program is killed.
pub(crate) async fn take(settings: &Settings, to: &Path, extent: Extent) -> anyhow::Result<BackedUp> {
    let database = settings.store.sqlite_path()?;
    if to.exists() {
        bail!("{} exists: a backup makes a folder of its own", to.display());
    }
    is_of_this_version(&database).await?;
    let incomplete = incomplete(to);
    if let Err(error) = std::fs::create_dir_all(folder_of(to)).and_then(|()| std::fs::create_dir(&incomplete)) {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            let error = format!("{} exists: a backup that was interrupted, or one under way", incomplete.display());
            return Err(Hinted::new(error, "remove it when no backup is under way, or name another folder").into());
        }
        return Err(error).with_context(|| format!("could not create {}", incomplete.display()));
    }
    let filled = fill(settings, &database, &incomplete, extent).await;
    if filled.is_err() {
        // What stopped it is told; what it left is of no use, and would be in the way of the next.
        let _ = std::fs::remove_dir_all(&incomplete);
    }
    let taken = filled?;
    std::fs::rename(&incomplete, to).with_context(|| format!("could not rename {} to {}", incomplete.display(), to.display()))?;
    sync_folder(folder_of(to))?;
    Ok(taken)
}

/// The name of a backup until it is whole.
fn incomplete(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".incomplete");
    PathBuf::from(name)
}

/// A copy is no occasion to bring a database up to date that a server of an older version works on.
async fn is_of_this_version(database: &Path) -> anyhow::Result<()> {
    if !database.is_file() {
        return Ok(());
    }
    let mut file = SqliteCopy::open(database).await?;
    let (found, known) = (file.schema().await?, SqliteStore::known_schema());
    file.close().await?;
    if found < known {
        let error = format!("the database {} is of an older Pressrun (schema {found}, this one has {known})", database.display());
        return Err(Hinted::new(error, "back it up with the version that serves it, or serve it with this one first").into());
    }
    Ok(())
}

async fn fill(settings: &Settings, database: &Path, folder: &Path, extent: Extent) -> anyhow::Result<BackedUp> {
    let store = open_existing_store(settings).await?;
    let taken_at = WallClock.now();
    // Whoever has the copy has everything; that it was made is in the copy itself.
    let change = Change::by_command_line(Verb::BackupTaken, taken_at);
    store.record(&change, &Object::new(ObjectKind::Backup, taken_at, ""), 1).await?;
    drop(store);
    // The key may change meanwhile: the copy is sealed with one of before or one of after.
    let mut keys = sealing::keys(settings)?;
    let copied = folder.join(DATABASE);
    let mut copied_database = SqliteCopy::make(database, &copied).await?;
    for key in sealing::keys(settings)? {
        if keys.iter().all(|known| known.expose() != key.expose()) {
            keys.push(key);
        }
    }
    copied_database
        .check_keys(&Sealer::from_hex_keys(&keys)?)
        .await
        .context("the copy of the database cannot be opened with the configured keys")?;
    let schema = copied_database.schema().await?;
    let has_key = extent.key && matches!(KeyPlace::of(settings)?, KeyPlace::File(_));
    let key = if has_key { Some(write_keys(&folder.join(KEY), &keys)?) } else { None };
    std::fs::File::open(&copied).and_then(|file| file.sync_all()).with_context(|| format!("could not write {}", copied.display()))?;
    let mut manifest = Manifest::new(taken_at, schema, FileRecord::of(&copied)?, key);
    manifest.catalog = copied_database.catalog_in_force().await?;
    let spool = Spool::open(&settings.spool.path).with_context(|| format!("could not open the spool {}", settings.spool.path.display()))?;
    let artifacts = app::artifacts(settings, &spool)?;
    copy_artifacts(&mut copied_database, artifacts.as_ref(), &folder.join(ARTIFACTS), extent.all_artifacts, &mut manifest).await?;
    copied_database.close().await?;
    manifest.write(folder)?;
    sync_folder(folder)?;
    let bytes = manifest.database.bytes + manifest.artifacts.iter().map(|file| file.bytes).sum::<u64>();
    Ok(BackedUp { taken_at, bytes, artifacts: manifest.artifacts.len(), missing: manifest.artifacts_missing.len(), has_key })
}

fn write_keys(file: &Path, keys: &[Secret]) -> anyhow::Result<FileRecord> {
    let text: String = keys.iter().flat_map(|key| [key.expose(), "\n"]).collect();
    write_new(file, text.as_bytes())?;
    FileRecord::of(file)
}

async fn copy_artifacts(
    database: &mut SqliteCopy,
    artifacts: &dyn ArtifactStore,
    folder: &Path,
    all: bool,
    manifest: &mut Manifest,
) -> anyhow::Result<()> {
    std::fs::create_dir(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let mut after = String::new();
    loop {
        let page = database.artifacts(&after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.sha256);
        for artifact in page {
            if !all && !artifact.is_owed {
                manifest.artifacts_left_out += 1;
                continue;
            }
            let Some(file) = artifacts.open(&artifact.sha256).await? else {
                if artifact.is_owed {
                    manifest.artifacts_missing.push(artifact.sha256);
                }
                continue;
            };
            let record = copy(&file, &folder.join(&artifact.sha256))?;
            if record.sha256 != artifact.sha256 {
                bail!("{} is damaged: its bytes are not those that it is named by", file.display());
            }
            manifest.artifacts.push(record);
        }
    }
    sync_folder(folder)
}
