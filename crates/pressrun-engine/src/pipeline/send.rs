//! Pieces that were promised are sent: each pending one is tried once, outcomes are written down, retries are decided.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use pressrun_deliver::{Delivered, Parcel, ParcelFile};
use pressrun_domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use pressrun_domain::destination::Destination;
use pressrun_domain::retry::Next;
use pressrun_store::StoreError;

use super::message::UNSUBSCRIBE_PLACEHOLDER;
use super::notice::{NOTICE, is_notice};
use super::{Context, Halt, Work};

/// Tries every piece that is due, a bounded number at once; returns when the earliest retry is due, if something is still owed.
pub(super) async fn send_pending(work: &mut Work<'_>, owed: &mut [Delivery]) -> Result<Option<Timestamp>, Halt> {
    let nothing_sent = !owed.iter().any(|delivery| matches!(delivery.state, DeliveryState::Accepted { .. }));
    if nothing_sent {
        work.check_alive().await?;
    }
    let now = work.context.clock.now();
    let (context, lease) = (work.context, work.lease);
    let (run, destination) = (work.run, &work.run.definition.destination);
    let due = |delivery: &&mut Delivery| matches!(delivery.state, DeliveryState::Pending { not_before } if not_before <= now);
    let mut waiting = owed.iter_mut().filter(due).filter(|delivery| !is_notice(delivery));
    let mut under_way = FuturesUnordered::new();
    let attempt = |delivery| attempt(context, lease, run, destination, delivery);
    under_way.extend(waiting.by_ref().take(context.config.parallel_deliveries).map(attempt));
    while let Some(result) = under_way.next().await {
        let delivered = result?;
        if delivered.learnt_host_key.is_some() {
            work.learnt_host_key = delivered.learnt_host_key;
        }
        for warning in delivered.warnings {
            // A mail without its attachment is less than was promised (D12).
            work.record.degraded |= warning.starts_with("attachmentTooLarge");
            work.record.warn(warning);
        }
        under_way.extend(waiting.next().map(attempt));
    }
    drop(under_way);
    let retries = owed.iter().filter(|delivery| !is_notice(delivery)).filter_map(|delivery| match delivery.state {
        DeliveryState::Pending { not_before } => Some(not_before),
        DeliveryState::Accepted { .. } | DeliveryState::Failed { .. } | DeliveryState::Skipped { .. } => None,
    });
    Ok(retries.min())
}

/// One try at one piece, written down before it begins and after it ended.
pub(super) async fn attempt(
    context: &Context,
    lease: pressrun_domain::run::Lease,
    run: &pressrun_domain::run::Run,
    destination: &Destination,
    delivery: &mut Delivery,
) -> Result<Delivered, StoreError> {
    let started_at = context.clock.now();
    let number = context.store.begin_attempt(&lease, delivery.id, started_at).await?;
    let delivered = match parcel(context, run, delivery) {
        Ok(parcel) => context.carrier.deliver(destination, &parcel, started_at).await,
        Err(reason) => Delivered { outcome: Outcome::Rejected { reason }, learnt_host_key: None, warnings: Vec::new() },
    };
    let ended_at = context.clock.now();
    let first = delivery.attempts.first().map_or(started_at, |attempt| attempt.started_at);
    delivery.state = match &delivered.outcome {
        Outcome::Accepted { .. } => DeliveryState::Accepted { at: ended_at },
        Outcome::Rejected { reason } => DeliveryState::Failed { at: ended_at, reason: reason.clone() },
        Outcome::Retry { reason, not_before } => match context.config.retry.next(delivery.id, number, first, ended_at, *not_before) {
            Next::At(at) if !is_notice(delivery) => DeliveryState::Pending { not_before: at },
            Next::At(_) | Next::Exhausted => DeliveryState::Failed { at: ended_at, reason: reason.clone() },
            Next::TooLate => DeliveryState::Failed { at: ended_at, reason: format!("{reason}; the time for retries is over") },
        },
    };
    let attempt = Attempt { number, started_at, ended_at: Some(ended_at), outcome: Some(delivered.outcome.clone()) };
    context.store.end_attempt(&lease, delivery.id, &attempt, &delivery.state).await?;
    delivery.attempts.push(attempt);
    Ok(delivered)
}

/// Puts a piece together from the spool; the bytes are the same on every attempt (I6).
fn parcel(context: &Context, run: &pressrun_domain::run::Run, delivery: &Delivery) -> Result<Parcel, String> {
    let lost = |what: &str| format!("the {what} is no longer in the spool; trigger the schedule to make it anew");
    let find = |sha256: &String, what| context.spool.find(sha256).ok_or_else(|| lost(what));
    let mut message = delivery.message.clone();
    if let Some(sha256) = &message.html_artifact {
        let html =
            std::fs::read_to_string(find(sha256, "mail's text")?).map_err(|error| format!("could not read the mail's text: {error}"))?;
        let own = message.unsubscribe.as_deref().or(message.link.as_deref()).unwrap_or(&context.config.public_url);
        message.html = Some(html.replace(UNSUBSCRIBE_PLACEHOLDER, own));
        message.text = message.text.replace(UNSUBSCRIBE_PLACEHOLDER, own);
    }
    let inline_png = message.inline_png.as_ref().map(|sha256| find(sha256, "picture")).transpose()?;
    let artifact = delivery.artifact.as_ref().map(|artifact| {
        Ok::<_, String>(ParcelFile {
            path: find(&artifact.sha256, "artifact")?,
            name: artifact.name.clone(),
            media_type: artifact.media_type.clone(),
            bytes: artifact.bytes,
            sha256: artifact.sha256.clone(),
        })
    });
    Ok(Parcel {
        idempotency_key: delivery.idempotency_key.clone(),
        run_id: run.id,
        delivery_id: delivery.id,
        schedule_id: run.schedule_id,
        schedule_name: run.definition.name.clone(),
        scheduled_for: run.scheduled_for,
        format: run.definition.format,
        target: delivery.target.strip_prefix(NOTICE).unwrap_or(&delivery.target).to_owned(),
        message,
        inline_png,
        artifact: artifact.transpose()?,
    })
}

/// The reason of the first piece that failed.
pub(super) fn first_failure(owed: &[Delivery]) -> String {
    let failure = owed.iter().find_map(|delivery| match &delivery.state {
        DeliveryState::Failed { reason, .. } => Some(reason.clone()),
        DeliveryState::Pending { .. } | DeliveryState::Accepted { .. } | DeliveryState::Skipped { .. } => None,
    });
    failure.unwrap_or_else(|| "noRecipients".to_owned())
}
