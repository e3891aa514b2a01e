//! Files that nobody needs any more.
//!
//! Artifacts are rows. A row goes first, then its file, and a file that was made within the last day stays: it was made again meanwhile. So a
//! crash leaves at worst a file without a row, which a look at some of the folders every hour finds within days.

use jiff::{SignedDuration, Timestamp};
use pressrun_store::StoreError;
use tracing::{info, warn};

use crate::pipeline::Context;
use crate::spool::{FOLDERS, Spool};

/// Artifacts that are forgotten and deleted in one step.
const STEP: u32 = 500;

/// Rest between two steps.
const REST: SignedDuration = SignedDuration::from_millis(50);

/// Folders of artifacts whose files are looked at in an hour: all within three days.
const FOLDERS_AN_HOUR: i64 = 4;

/// Deletes artifacts that no run has needed for as long as they are kept.
pub(crate) async fn artifacts(context: &Context, now: Timestamp) {
    let Ok(needed_since) = now.checked_sub(context.config.keep_artifacts) else { return };
    let mut removed = 0;
    loop {
        let hashes = match context.store.prune_artifacts(needed_since, STEP).await {
            Ok(hashes) if hashes.is_empty() => break,
            Ok(hashes) => hashes,
            Err(error) => {
                warn!(%error, "could not tell which artifacts are still needed");
                break;
            }
        };
        removed += on_files(&context.spool, move |spool| spool.remove(&hashes)).await.unwrap_or_default();
        context.clock.sleep(REST).await;
    }
    if removed > 0 {
        info!(removed, "old artifacts removed");
    }
}

/// Deletes what crashes left: files without a row, and what dead processes spilled.
pub(crate) async fn leftovers(context: &Context, now: Timestamp) {
    match unknown_files(context, now).await {
        Ok(0) => {}
        Ok(removed) => info!(removed, "artifacts that no row knows of removed"),
        Err(error) => warn!(%error, "could not tell which artifacts are known"),
    }
    let executors = context.producer.executors().clone();
    match tokio::task::spawn_blocking(move || executors.clear_spills_of_the_dead()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "could not remove what dead processes spilled"),
        Err(error) => warn!(%error, "removing what dead processes spilled ended early"),
    }
}

/// Looks at the files of this hour's folders, and deletes those without a row.
async fn unknown_files(context: &Context, now: Timestamp) -> Result<u64, StoreError> {
    let mut removed = 0;
    let hour = now.as_second().div_euclid(3600);
    for folder in (0..FOLDERS_AN_HOUR).map(|place| (hour * FOLDERS_AN_HOUR + place).rem_euclid(FOLDERS)) {
        let names = on_files(&context.spool, move |spool| spool.hashes_in(folder)).await.unwrap_or_default();
        for some in names.chunks(STEP as usize) {
            let unknown = context.store.unknown_artifacts(some).await?;
            if !unknown.is_empty() {
                removed += on_files(&context.spool, move |spool| spool.remove(&unknown)).await.unwrap_or_default();
            }
            context.clock.sleep(REST).await;
        }
    }
    Ok(removed)
}

/// Works on the spool where that may take its time; a failure is logged.
async fn on_files<T: Send + 'static>(spool: &Spool, work: impl FnOnce(&Spool) -> std::io::Result<T> + Send + 'static) -> Option<T> {
    let spool = spool.clone();
    match tokio::task::spawn_blocking(move || work(&spool)).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            warn!(%error, "could not look after the artifacts in the spool");
            None
        }
        Err(error) => {
            warn!(%error, "looking after the artifacts in the spool ended early");
            None
        }
    }
}
