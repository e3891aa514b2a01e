//! Putting a backup into the place where there is nothing yet.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::secret::Secret;
use pressrun_engine::spool::Spool;
use pressrun_store::{Sealer, SqliteCopy, SqliteStore};

use super::files::{copy, folder_of, sync_folder};
use super::{ARTIFACTS, DATABASE, KEY, Manifest};
use crate::app;
use crate::clock::WallClock;
use crate::config::Settings;
use crate::sealing::{self, KeyPlace};
use crate::show::Hinted;

/// What was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) taken_at: Timestamp,
    pub(crate) database: PathBuf,
    pub(crate) artifacts: usize,
    pub(crate) missing: usize,
}

/// Restores the backup in `folder` to where `settings` say. Everything is checked before anything is written, and the database comes into its place
/// last: until then the restore can be run again.
///
/// # Errors
/// There is a database already, the backup is damaged or of a newer version, or its key is missing; the message says what to do.
pub(crate) async fn restore(settings: &Settings, folder: &Path) -> anyhow::Result<Restored> {
    let manifest = Manifest::read(folder)?;
    let database = settings.store.sqlite_path()?;
    for file in ["", "-wal"] {
        let there = beside(&database, file);
        if there.exists() {
            let error = format!("{} exists: a restore does not overwrite", there.display());
            return Err(Hinted::new(error, "name another place with --config or PRESSRUN_STORE__URL, or move what is there away").into());
        }
    }
    if manifest.schema > SqliteStore::known_schema() {
        let known = SqliteStore::known_schema();
        bail!(
            "the backup is of Pressrun {} (schema {}), this one knows up to {known}: restore it with that version",
            manifest.pressrun,
            manifest.schema
        );
    }
    check(&manifest, folder)?;
    let key = key_to_write(&manifest, settings, folder)?;
    std::fs::create_dir_all(folder_of(&database)).with_context(|| format!("could not create {}", folder_of(&database).display()))?;
    if let Some((file, keys)) = &key {
        let text: String = keys.iter().flat_map(|key| [key.expose(), "\n"]).collect();
        sealing::write_private(file, &text)?;
        sync_folder(folder_of(file))?;
    }
    let sealer = sealing::sealer(settings)?;
    let mut copied = SqliteCopy::open(&folder.join(DATABASE)).await?;
    let opened = copied.check_keys(&sealer).await;
    copied.close().await?;
    opened.context("the secrets in the backup open with none of the configured keys")?;
    put_artifacts(&manifest, settings, folder).await?;
    put_database(&manifest, folder, &database, sealer).await?;
    Ok(Restored { taken_at: manifest.taken_at, database, artifacts: manifest.artifacts.len(), missing: manifest.artifacts_missing.len() })
}

/// Fails unless every file of the backup is what it was.
fn check(manifest: &Manifest, folder: &Path) -> anyhow::Result<()> {
    manifest.database.check(&folder.join(DATABASE))?;
    if let Some(key) = &manifest.key {
        key.check(&folder.join(KEY))?;
    }
    let artifacts = folder.join(ARTIFACTS);
    manifest.artifacts.iter().try_for_each(|artifact| artifact.check(&artifacts.join(&artifact.sha256)))
}

/// The key file to write and its keys; nothing when the configured keys are there already.
fn key_to_write(manifest: &Manifest, settings: &Settings, folder: &Path) -> anyhow::Result<Option<(PathBuf, Vec<Secret>)>> {
    let KeyPlace::File(file) = KeyPlace::of(settings)? else { return Ok(None) };
    if file.exists() {
        return Ok(None);
    }
    if manifest.key.is_none() {
        let error = format!("the backup holds no key, and there is none in {}", file.display());
        return Err(
            Hinted::new(error, "put the key file there that was kept apart from the backup, or name it with secrets.keys_file").into()
        );
    }
    Ok(Some((file, sealing::read(&folder.join(KEY))?)))
}

async fn put_artifacts(manifest: &Manifest, settings: &Settings, folder: &Path) -> anyhow::Result<()> {
    let named = || format!("could not write to the spool {}", settings.spool.path.display());
    let spool = Spool::open(&settings.spool.path).with_context(named)?;
    let work = spool.work_dir("restore").with_context(named)?;
    let artifacts = app::artifacts(settings, &spool)?;
    for artifact in &manifest.artifacts {
        if artifacts.open(&artifact.sha256).await?.is_none() {
            let made = work.file(&artifact.sha256);
            copy(&folder.join(ARTIFACTS).join(&artifact.sha256), &made)?;
            artifacts.put(&made, &artifact.sha256).await?;
        }
    }
    Ok(())
}

async fn put_database(manifest: &Manifest, folder: &Path, database: &Path, sealer: Sealer) -> anyhow::Result<()> {
    let restoring = beside(database, ".restoring");
    // What a restore that was interrupted left.
    for file in ["", "-wal", "-shm"] {
        match std::fs::remove_file(beside(&restoring, file)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("could not remove {}", restoring.display())),
        }
    }
    copy(&folder.join(DATABASE), &restoring)?;
    let store = SqliteStore::open(&restoring, sealer).await.context("the database of the backup cannot be opened")?;
    let change = Change::by_command_line(Verb::BackupRestored, WallClock.now());
    store.begin_anew(&manifest.taken_at.to_string(), &change).await?;
    store.close().await;
    let log = beside(&restoring, "-wal");
    if log.exists() {
        bail!("{} could not be closed: {} is left", restoring.display(), log.display());
    }
    std::fs::File::open(&restoring).and_then(|file| file.sync_all()).with_context(|| format!("could not write {}", restoring.display()))?;
    std::fs::rename(&restoring, database).with_context(|| format!("could not rename {} to {}", restoring.display(), database.display()))?;
    sync_folder(folder_of(database))
}

/// The path with more letters at its end.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    PathBuf::from(name)
}
