//! The keys that seal secrets at rest: where they stand, and how a new one takes over.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use pressrun_domain::secret::Secret;
use pressrun_store::{Sealer, StoreError};
use tracing::info;

use crate::config::{Database, Settings};
use crate::private;

/// Where the configured keys stand.
#[derive(Debug)]
pub(crate) enum KeyPlace {
    /// In the configuration or the environment, which this program does not write.
    Settings,
    /// In a file, one a line, the present one first.
    File(PathBuf),
}

impl KeyPlace {
    /// The place that `settings` name, or the file beside the database.
    ///
    /// # Errors
    /// The database is not a file, and no key is named.
    pub(crate) fn of(settings: &Settings) -> anyhow::Result<Self> {
        if !settings.secrets.keys.is_empty() {
            return Ok(Self::Settings);
        }
        Ok(Self::File(match &settings.secrets.keys_file {
            Some(file) => file.clone(),
            None => match settings.store.database()? {
                Database::Sqlite(path) => path.with_extension("key"),
                Database::Postgres(_) => bail!(
                    "secrets.keys_file: a PostgreSQL database has no key beside it; make one with `openssl rand -hex 32 > FILE`, and name the same \
                     file on every node"
                ),
            },
        }))
    }
}

/// A sealer of the configured keys. The file beside the database is made when there is none; a file is followed while the program runs.
///
/// # Errors
/// There is no key, or one is not understood; the message never shows it.
pub(crate) fn sealer(settings: &Settings) -> anyhow::Result<Sealer> {
    match KeyPlace::of(settings)? {
        KeyPlace::Settings => Sealer::from_hex_keys(&written(settings)).context("secrets.keys"),
        KeyPlace::File(file) => {
            if !file.exists() && settings.secrets.keys_file.is_none() {
                write_private(&file, Sealer::generate_key()?.expose())?;
                info!(file = %file.display(), "made a key that seals secrets; keep it with your backups, but apart from the database");
            }
            keep_private(&file, settings.secrets.keys_file.is_none())?;
            read(&file)?;
            let named = format!("the keys in {}", file.display());
            Sealer::following(move || read(&file).map_err(|error| StoreError::Sealing(format!("{error:#}")))).context(named)
        }
    }
}

/// The configured keys, the present one first.
///
/// # Errors
/// Their file cannot be read or holds none.
pub(crate) fn keys(settings: &Settings) -> anyhow::Result<Vec<Secret>> {
    match KeyPlace::of(settings)? {
        KeyPlace::Settings => Ok(written(settings)),
        KeyPlace::File(file) => read(&file),
    }
}

/// The key that seals now.
///
/// # Errors
/// There is none, or its file cannot be read.
pub(crate) fn present_key(settings: &Settings) -> anyhow::Result<Secret> {
    keys(settings)?.into_iter().next().context("secrets.keys: at least one key is needed")
}

fn written(settings: &Settings) -> Vec<Secret> {
    settings.secrets.keys.iter().map(crate::hidden::Hidden::secret).collect()
}

/// Sees to it that nobody else reads a key file: our own is tightened, and one that others may still read is refused.
fn keep_private(file: &Path, ours: bool) -> anyhow::Result<()> {
    let looked = || format!("secrets.keys_file: could not read {}", file.display());
    if !file.exists() {
        return Ok(());
    }
    if ours {
        private::tighten(file).with_context(looked)?;
    }
    if private::is_open_to_others(file).with_context(looked)? {
        bail!(
            "secrets.keys_file: every account of this machine may read {0}, and so open every stored secret; run `chmod o= {0}` (a mounted \
             Kubernetes secret: `defaultMode: 0440` with an `fsGroup`)",
            file.display()
        );
    }
    Ok(())
}

/// The keys in a file, the present one first.
///
/// # Errors
/// It cannot be read, or holds no key.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Secret>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("secrets.keys_file: could not read {}", file.display()))?;
    let keys: Vec<Secret> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Secret::new).collect();
    if keys.is_empty() {
        bail!("secrets.keys_file: {} holds no key; restore it from a backup, for what is sealed opens with nothing else", file.display());
    }
    Ok(keys)
}

/// Puts these keys in the place of those in a file: wholly or not at all, also when the power fails.
///
/// # Errors
/// The folder or the file cannot be written.
pub(crate) fn replace(file: &Path, keys: &[Secret]) -> anyhow::Result<()> {
    let text: String = keys.iter().flat_map(|key| [key.expose(), "\n"]).collect();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("could not replace {}", file.display());
    // Only its owner may read a temporary file.
    let mut next = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    next.write_all(text.as_bytes()).and_then(|()| next.as_file().sync_all()).with_context(failed)?;
    keep_owner(file, next.path()).with_context(failed)?;
    next.persist(file).with_context(failed)?;
    // The new name itself has to be on the disk before anything is sealed under the new key.
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)
}

/// Whoever could read the present file, the server above all, can read the next.
#[cfg(unix)]
fn keep_owner(present: &Path, next: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let (present, made) = (present.metadata()?, next.metadata()?);
    if (present.uid(), present.gid()) != (made.uid(), made.gid()) {
        chown(next, Some(present.uid()), Some(present.gid()))?;
    }
    std::fs::set_permissions(next, present.permissions())
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.with_context(|| format!("could not write {}", file.display()))
}
