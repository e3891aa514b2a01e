//! What is told of an alert's run to those who may not know how it went, written down as it goes.

use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::outline::{KnownTo, Outline};
use pressrun_domain::run::{RunRecord, RunStatus};
use pressrun_store::StoreError;

use super::audience::Audience;
use super::{Stop, Work};

/// The named reason of a watched query that failed: nothing has been judged by then.
pub(super) const CONDITION_QUERY_FAILED: &str = "conditionQueryFailed";

/// The named reason of a query of the content that failed where that is to stop the run (S3).
pub(super) const QUERY_FAILED: &str = "queryFailed";

impl Work<'_> {
    /// Whether what an audience failed of is its own matter, so that the others get theirs (P4). A query that failed stops the whole run where that
    /// is asked for (S3), but not where the owner may not know for whom a condition held: that their own copy stays out would tell.
    pub(super) fn stops_one(&self, stop: &Stop) -> bool {
        let withheld = self.record.outline.as_ref().is_some_and(|outline| outline.known_to == KnownTo::Admins);
        stop.status == RunStatus::Error || (withheld && stop.reason == QUERY_FAILED)
    }

    /// An audience gets nothing. That is told when it says nothing of a judgement, and when its rows are open to the owner.
    pub(super) fn tell_of_failure(&mut self, stop: &Stop, audience: &Audience) {
        if audience.open_to_owner || stop.reason == CONDITION_QUERY_FAILED {
            let error = for_owner(&self.record, stop.error.clone());
            if let Some(outline) = &mut self.record.outline {
                outline.fails(RunStatus::Error, Some(&stop.reason), error.as_deref());
            }
        }
    }

    /// The owner's own copy was refused: its rows are the owner's, whatever is not told of the others'. `record` is all that happened.
    pub(super) async fn tell_of_own_copy(&mut self, record: &RunRecord) -> Result<(), StoreError> {
        let context = self.context;
        let catalog = context.catalog.current();
        let withheld = self.record.outline.as_ref().is_some_and(|outline| outline.known_to == KnownTo::Admins);
        let Some(owner) = catalog.member(self.run.definition.owner.0).filter(|_| withheld) else { return Ok(()) };
        for piece in context.store.pieces_to(self.run.id, &owner.email).await? {
            if let DeliveryState::Failed { reason, .. } = piece.state {
                let reason = for_owner(record, Some(reason));
                if let Some(outline) = &mut self.record.outline {
                    outline.fails(RunStatus::Error, reason.as_deref(), None);
                }
            }
        }
        Ok(())
    }

    /// The run ends like this; `record`, all that happened, gets the outline too.
    pub(super) fn outline_ends(&mut self, record: &mut RunRecord, status: RunStatus, reason: Option<&str>) {
        let reason = for_owner(record, reason.map(str::to_owned));
        let error = for_owner(record, record.error.clone());
        if self.record.outline.is_none() && self.run.definition.condition.is_some() {
            // It ended before anybody was judged, for reasons that are no rows.
            self.record.outline = Some(Outline::new(KnownTo::Readers));
        }
        if let Some(outline) = &mut self.record.outline {
            outline.ends(status, reason.as_deref(), error.as_deref());
        }
        record.outline.clone_from(&self.record.outline);
    }
}

/// What of a text the owner may know.
fn for_owner(record: &RunRecord, mut text: Option<String>) -> Option<String> {
    if let Some(text) = &mut text {
        record.for_owner(text);
    }
    text
}
