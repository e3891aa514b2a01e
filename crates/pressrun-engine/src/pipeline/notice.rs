//! Notices about a run: rows of its ledger like any other piece, so that a crash repeats none of them (S10).

use pressrun_domain::delivery::{Delivery, DeliveryState, Message, NOTICE};
use pressrun_domain::destination::{Destination, EmailSettings};
use pressrun_domain::run::{RunKind, RunStatus};

use super::prepare::delivery_id;
use super::send::attempt;
use super::{Halt, Work};
use crate::fail::{FailPoint, reach};

/// Mails the owner that a run failed, once per occurrence (S10): the notice is a row like any other piece.
pub(super) async fn notify_owner(work: &mut Work<'_>, status: RunStatus, reason: Option<&str>) -> Result<(), Halt> {
    if work.run.kind == RunKind::Test {
        return Ok(());
    }
    let catalog = work.context.catalog.current();
    let Some(owner) = catalog.member(work.run.definition.owner.0).filter(|owner| owner.active) else {
        work.record.warn("ownerNotNotified: the owner is no longer an active member");
        return Ok(());
    };
    let target = format!("{NOTICE}{}", owner.email);
    let id = delivery_id(work, &target);
    let notice = Delivery {
        id,
        run: work.run.id,
        target,
        audience: "notice".to_owned(),
        artifact: None,
        idempotency_key: format!("pressrun-{id}"),
        message: notice_message(work, status, reason),
        state: DeliveryState::Pending { not_before: work.context.clock.now() },
        attempts: Vec::new(),
    };
    work.context.store.promise(&work.lease, &[notice]).await?;
    reach(FailPoint::AmidNotice);
    let Some(mut notice) = work.context.store.delivery(work.run.id, id).await? else { return Ok(()) };
    if !matches!(notice.state, DeliveryState::Pending { .. }) {
        return Ok(());
    }
    let by_mail = Destination::Email(EmailSettings {
        recipients: Vec::new(),
        groups: Vec::new(),
        subject: notice.message.subject.clone(),
        text_body: None,
        fan_out: false,
    });
    attempt(work.context, work.lease, work.run, &by_mail, &mut notice).await?;
    if let DeliveryState::Failed { reason, .. } = &notice.state {
        work.record.warn(format!("ownerNotNotified: {reason}"));
    }
    Ok(())
}

fn notice_message(work: &Work<'_>, status: RunStatus, reason: Option<&str>) -> Message {
    let definition = &work.run.definition;
    let outcome = match status {
        RunStatus::ErrorDelivered => "was delivered, but not without errors",
        RunStatus::Killed => "was stopped",
        RunStatus::Error | RunStatus::Complete | RunStatus::ConditionUnmet => "failed",
    };
    let mut lines = vec![format!("The scheduled delivery \u{201c}{}\u{201d}, due {}, {outcome}.", definition.name, work.run.scheduled_for)];
    lines.extend(reason.map(|reason| format!("Reason: {reason}")));
    lines.extend(work.record.error.clone());
    let tiles = work
        .record
        .tiles
        .iter()
        .filter_map(|tile| tile.error.as_ref().map(|error| format!("Tile \u{201c}{}\u{201d}: {error}", tile.title)));
    lines.extend(tiles.take(20));
    lines.push(format!("The schedule stays active. Run {} has the details.", work.run.id));
    Message {
        subject: format!("Delivery {outcome}: {}", definition.name.split(char::is_control).collect::<Vec<_>>().join(" ")),
        text: lines.join("\n\n"),
        ..Message::default()
    }
}
