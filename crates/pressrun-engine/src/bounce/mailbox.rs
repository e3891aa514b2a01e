//! A mailbox that a mail server delivers reports into: a Maildir, read every half minute.
//!
//! A mail that was taken in moves from `new` to `cur` with the flag for seen, as any reader would do it; nothing is deleted. One that could
//! not be taken in, because the store failed, stays and is tried again. Several processes may read one mailbox: taking in the same report
//! twice is the same as once.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use pressrun_deliver::bounce::REPORT_BYTES_MAX;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Intake, TakenIn};

/// How often it is looked at.
const EVERY: SignedDuration = SignedDuration::from_secs(30);

/// Mails taken in before others get a turn.
const BATCH: usize = 200;

/// The mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox {
    folder: PathBuf,
}

/// What one look came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Mails that were taken in, reports or not.
    pub read: usize,
    /// How many of them suppressed an address.
    pub suppressed: usize,
    /// There may be more.
    pub more: bool,
}

/// The mailbox was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The folder.
    #[error("the folder cannot be read: {0}")]
    Folder(#[from] io::Error),
    /// The rows.
    #[error(transparent)]
    Store(#[from] pressrun_store::StoreError),
}

impl Mailbox {
    /// A Maildir.
    ///
    /// # Errors
    /// The folder has no `new` and `cur`.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        for part in ["new", "cur"] {
            if !folder.join(part).is_dir() {
                let text = format!("{} is no Maildir: it has no folder `{part}`", folder.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
        }
        Ok(Self { folder })
    }

    /// Reads it until `stop`.
    pub async fn follow(&self, intake: &Intake, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let more = match self.look(intake).await {
                Ok(looked) => {
                    if looked.read > 0 {
                        info!(read = looked.read, suppressed = looked.suppressed, "read the mailbox of bounces");
                    }
                    failing = false;
                    looked.more
                }
                Err(error) => {
                    // Once, not every half minute.
                    if !failing {
                        warn!(error = %error, folder = %self.folder.display(), "could not read the mailbox of bounces; trying again");
                    }
                    failing = true;
                    false
                }
            };
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = intake.clock.sleep(EVERY) => {}
            }
        }
    }

    /// Takes in what lies in it now, a bounded number.
    ///
    /// # Errors
    /// The folder or a mail in it cannot be read, or the store failed; what was not taken in stays.
    pub async fn look(&self, intake: &Intake) -> Result<Looked, LookError> {
        let folder = self.folder.clone();
        let waiting = tokio::task::spawn_blocking(move || waiting(&folder)).await.map_err(io::Error::other)??;
        let mut looked = Looked { more: waiting.len() > BATCH, ..Looked::default() };
        let mut unreadable = None;
        for path in waiting.into_iter().take(BATCH) {
            let taken = path.clone();
            let mail = match tokio::task::spawn_blocking(move || beginning(&taken)).await.map_err(io::Error::other)? {
                Ok(mail) => mail,
                // Another process has it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // One that cannot be read holds up none of the others.
                Err(error) => {
                    unreadable = Some(error);
                    continue;
                }
            };
            let outcome = intake.take_in(&mail).await?;
            looked.read += 1;
            looked.suppressed += usize::from(matches!(outcome, TakenIn::Suppressed(_)));
            let (folder, path) = (self.folder.clone(), path);
            tokio::task::spawn_blocking(move || seen(&folder, &path)).await.map_err(io::Error::other)??;
        }
        match unreadable {
            Some(error) => Err(error.into()),
            None => Ok(looked),
        }
    }
}

/// Files in `new`, oldest name first, one more than a batch; what begins with a dot is no mail.
fn waiting(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join("new"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
        if found.len() > BATCH {
            break;
        }
    }
    found.sort();
    Ok(found)
}

/// As much of a mail as a report can need.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    std::fs::File::open(path)?.take(REPORT_BYTES_MAX as u64).read_to_end(&mut mail)?;
    Ok(mail)
}

/// Moves a mail to those that were seen.
fn seen(folder: &Path, path: &Path) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let name = name.to_string_lossy();
    let unflagged = name.split(":2,").next().unwrap_or(&name);
    match std::fs::rename(path, folder.join("cur").join(format!("{unflagged}:2,S"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
