//! Who was told of a failure and of no recovery since.
//!
//! One row for a schedule and place, put with the first notice of a failure and deleted with the all-clear, so that the end of a run asks one
//! index however much was said before. An alarm of which no notice got through is none: whoever never heard of the failure needs no all-clear.

use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::notice::{Notice, NoticeKind};

use super::{Tx, micros};
use crate::StoreError;

/// The places that are alarmed about a schedule.
pub(super) const OF_SCHEDULE: &str = "SELECT recipient FROM alarms WHERE schedule_id = $1 ORDER BY recipient";

/// Drops an alarm of which nobody has heard, unless another failure to the same place is still to be told.
const DROP_UNHEARD: &str = "DELETE FROM alarms WHERE schedule_id = $1 AND recipient = $2 AND NOT told AND since <= $3
     AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.schedule_id = $1 AND n.recipient = $2 AND n.state = 'pending' AND n.kind = 'run.failed')";

const RAISE: &str = "INSERT INTO alarms (schedule_id, recipient, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

const KEEP: &str = "UPDATE alarms SET told = true WHERE schedule_id = $1 AND recipient = $2 AND since <= $3";

const CLEAR: &str = "DELETE FROM alarms WHERE schedule_id = $1 AND recipient = $2 AND since <= $3";

/// Raises or clears the alarm that a new notice gives reason for.
pub(super) async fn note(tx: &mut Tx, notice: &Notice) -> Result<(), StoreError> {
    let may_be_heard = matches!(notice.state, DeliveryState::Pending { .. } | DeliveryState::Accepted { .. });
    if notice.kind == NoticeKind::RunFailed && may_be_heard {
        change(tx, RAISE, notice).await
    } else if notice.kind == NoticeKind::RunRecovered {
        change(tx, CLEAR, notice).await
    } else {
        Ok(())
    }
}

/// Keeps the alarm of a notice that got through for good, and drops one of which none did.
pub(super) async fn settle(tx: &mut Tx, notice: &Notice) -> Result<(), StoreError> {
    if notice.kind != NoticeKind::RunFailed {
        return Ok(());
    }
    match notice.state {
        DeliveryState::Pending { .. } => Ok(()),
        DeliveryState::Accepted { .. } => change(tx, KEEP, notice).await,
        DeliveryState::Failed { .. } | DeliveryState::Skipped { .. } => change(tx, DROP_UNHEARD, notice).await,
    }
}

async fn change(tx: &mut Tx, statement: &'static str, notice: &Notice) -> Result<(), StoreError> {
    let statement = sqlx::query(statement).bind(notice.schedule.to_string()).bind(notice.to.to_string());
    statement.bind(micros(notice.created_at)).execute(&mut **tx).await?;
    Ok(())
}
