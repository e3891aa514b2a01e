//! Files that nobody needs any more.
//!
//! Artifacts are rows. A row goes first, then its file, and a file that was made within the last day stays: it was made again meanwhile. So a
//! crash leaves at worst a file without a row, which a look at some of the folders every hour finds within days.

use jiff::{SignedDuration, Timestamp};
use pressrun_store::StoreError;
use tracing::{info, warn};

use crate::artifacts::{ArtifactError, FOLDERS};
use crate::pipeline::Context;

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
        removed += told(context.artifacts.remove(&hashes).await).unwrap_or_default();
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
    told(context.artifacts.trim().await);
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
    for place in 0..FOLDERS_AN_HOUR {
        let folder = (hour * FOLDERS_AN_HOUR + place).rem_euclid(i64::from(FOLDERS));
        let names = told(context.artifacts.hashes_in(u8::try_from(folder).unwrap_or_default()).await).unwrap_or_default();
        for some in names.chunks(STEP as usize) {
            let unknown = context.store.unknown_artifacts(some).await?;
            if !unknown.is_empty() {
                removed += told(context.artifacts.remove(&unknown).await).unwrap_or_default();
            }
            context.clock.sleep(REST).await;
        }
    }
    Ok(removed)
}

/// What came of it; a failure is logged, for the next sweep tries again.
fn told<T>(done: Result<T, ArtifactError>) -> Option<T> {
    done.inspect_err(|error| warn!(%error, "could not look after the artifacts")).ok()
}
