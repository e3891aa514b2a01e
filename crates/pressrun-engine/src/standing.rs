//! Whose catalog decides.
//!
//! Processes read the catalog from folders of their own, which need not say the same at every moment. One with files of yesterday must not switch
//! off what was made for those of today (H12). So each says in the store which version it has, and again every half minute; and schedules are
//! switched off or on only by a process that has the version in force while no other that lives has another.

use std::sync::Arc;

use jiff::SignedDuration;
use pressrun_domain::catalog::Catalog;
use pressrun_store::{CatalogReading, CatalogStanding, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::pipeline::Context;

/// Time between two signs of life.
const EVERY: SignedDuration = SignedDuration::from_secs(30);

/// Says which version this process has, and asks how that stands to what others have.
pub(crate) async fn of(context: &Context, catalog: &Catalog) -> Result<CatalogStanding, StoreError> {
    let publications = context.catalog.publications();
    let reading = CatalogReading {
        process: context.faults.process(),
        hash: &catalog.version,
        documents: u32::try_from(catalog.documents.len()).unwrap_or(u32::MAX),
        changed: context.faults.is_change(&catalog.version, publications),
    };
    let standing = context.store.read_catalog(&reading, context.clock.now()).await?;
    context.faults.said(&catalog.version, publications);
    Ok(standing)
}

/// Says so at each change of the catalog and every half minute until `stop`; for processes of every role.
pub async fn show(context: Arc<Context>, stop: CancellationToken) {
    let mut published = context.catalog.subscribe();
    let mut differed = false;
    loop {
        let catalog = published.borrow_and_update().clone();
        match of(&context, &catalog).await {
            Ok(standing) => {
                let differs = !standing.may_judge();
                if differs && !differed {
                    warn!(
                        version = catalog.version,
                        in_force = standing.in_force,
                        others = standing.others_differ,
                        "processes have different catalogs: no schedule is switched off or on for it until they have the same"
                    );
                } else if differed && !differs {
                    info!(version = catalog.version, "all processes have the same catalog again");
                }
                differed = differs;
            }
            Err(error) => warn!(%error, "could not tell other processes which catalog this one has"),
        }
        tokio::select! {
            () = stop.cancelled() => break,
            changed = published.changed() => if changed.is_err() { break },
            () = context.clock.sleep(EVERY) => {}
        }
    }
    if let Err(error) = context.store.leave_catalog(context.faults.process()).await {
        warn!(%error, "other processes will take this one for alive for two more minutes");
    }
}
