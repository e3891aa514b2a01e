//! Sends notices that are due. Any number of processes may share the outbox: an attempt claims its row for as long as it may last.

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel, ParcelFile};
use pressrun_domain::delivery::{Attempt, DeliveryState, Message, Outcome, counted};
use pressrun_domain::destination::{Destination, EmailSettings};
use pressrun_domain::id::RunId;
use pressrun_domain::notice::{Notice, NoticeKind, NoticeTo, notice_id};
use pressrun_domain::output::Format;
use pressrun_domain::retry::Next;
use pressrun_store::StoreError;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::links::Links;
use crate::pipeline::Context;
use crate::pipeline::suppressed::{SUPPRESSED, suppressed};
use crate::spool::WorkDir;

/// Longer than any attempt takes, its waiting for a connection included: until then nobody else takes a notice that is being sent.
const HIDDEN: SignedDuration = SignedDuration::from_mins(20);

/// Notices claimed at once, and how many of them are under way at once.
const BATCH: u32 = 16;
const AT_ONCE: usize = 4;

/// Tries every notice that is due, until none is; returns how many attempts that were.
///
/// # Errors
/// The store failed; what was claimed is tried again later.
pub(crate) async fn send_due(context: &Context) -> Result<u32, StoreError> {
    let mut attempts = 0;
    loop {
        let now = context.clock.now();
        let claimed = context.store.claim_notices(now, now + HIDDEN, BATCH).await?;
        if claimed.is_empty() {
            return Ok(attempts);
        }
        attempts += u32::try_from(claimed.len()).unwrap_or(u32::MAX);
        let mut under_way = futures::stream::iter(claimed).map(|notice| attempt(context, notice)).buffer_unordered(AT_ONCE);
        while let Some(result) = under_way.next().await {
            match result {
                Ok(()) => {}
                Err(StoreError::LeaseLost) => warn!("a notice took too long; another process has it now"),
                Err(error) => return Err(error),
            }
        }
    }
}

/// One try at one notice.
async fn attempt(context: &Context, notice: Notice) -> Result<(), StoreError> {
    let Some(begun) = notice.attempts.last() else { return Ok(()) };
    let delivered = send(context, &notice, begun.started_at).await;
    let ended_at = context.clock.now();
    let first = notice.attempts.first().map_or(begun.started_at, |attempt| attempt.started_at);
    let state = match &delivered.outcome {
        Outcome::Accepted { .. } => DeliveryState::Accepted { at: ended_at },
        Outcome::Rejected { reason } => DeliveryState::Failed { at: ended_at, reason: reason.clone() },
        Outcome::Retry { reason, not_before } => {
            match context.config.retry.next(notice.id, counted(&notice.attempts), first, ended_at, *not_before) {
                Next::At(at) => DeliveryState::Pending { not_before: at },
                Next::Exhausted => DeliveryState::Failed { at: ended_at, reason: reason.clone() },
                Next::TooLate => DeliveryState::Failed { at: ended_at, reason: format!("{reason}; the time for retries is over") },
            }
        }
        Outcome::Held { reason, not_before, .. } => match context.config.retry.held(notice.created_at, ended_at, *not_before) {
            Next::At(at) => DeliveryState::Pending { not_before: at },
            Next::Exhausted | Next::TooLate => {
                DeliveryState::Failed { at: ended_at, reason: format!("{reason}; the time for waiting is over") }
            }
        },
    };
    let follow_up = match &state {
        DeliveryState::Failed { reason, .. } => {
            warn!(schedule = %notice.schedule, to = %notice.to, notice = notice.kind.as_str(), reason, "a notice reached nobody");
            owner_unreachable(context, &notice, reason, ended_at)
        }
        DeliveryState::Accepted { .. } => {
            info!(schedule = %notice.schedule, to = %notice.to, notice = notice.kind.as_str(), "a notice was sent");
            None
        }
        DeliveryState::Pending { .. } | DeliveryState::Skipped { .. } => None,
    };
    let made = Attempt { ended_at: Some(ended_at), outcome: Some(delivered.outcome), ..begun.clone() };
    context.store.settle_notice(notice.id, &made, &state, follow_up.as_slice()).await
}

/// The operator is told of an owner who could not be mailed (S13): in the words of the notice that did not arrive.
fn owner_unreachable(context: &Context, lost: &Notice, reason: &str, now: Timestamp) -> Option<Notice> {
    if lost.to == NoticeTo::Operator || !lost.kind.is_for_the_owner() || context.config.operator.is_none() {
        return None;
    }
    let mut body: serde_json::Value = serde_json::from_str(&lost.body).unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        body.insert("event".to_owned(), NoticeKind::OwnerUnreachable.as_str().into());
        body.insert("at".to_owned(), now.to_string().into());
        body.insert("unsaid".to_owned(), serde_json::json!({ "event": lost.kind.as_str(), "to": lost.to.to_string(), "reason": reason }));
    }
    Some(Notice {
        id: notice_id(lost.id.0, NoticeKind::OwnerUnreachable, &NoticeTo::Operator),
        kind: NoticeKind::OwnerUnreachable,
        to: NoticeTo::Operator,
        body: body.to_string(),
        created_at: now,
        state: DeliveryState::Pending { not_before: now },
        attempts: Vec::new(),
        ..lost.clone()
    })
}

async fn send(context: &Context, notice: &Notice, now: Timestamp) -> Delivered {
    let refused = |reason: String| Delivered { outcome: Outcome::Rejected { reason }, learnt_host_key: None, warnings: Vec::new() };
    match &notice.to {
        NoticeTo::Owner(owner) => {
            match suppressed(context.store.as_ref(), std::iter::once(owner.as_str())).await {
                Ok(found) if found.is_empty() => {}
                Ok(_) => return refused(format!("{SUPPRESSED}: earlier mail to this address came back")),
                Err(error) => {
                    let reason = format!("the list of suppressed addresses could not be read: {error}");
                    return Delivered { outcome: Outcome::Retry { reason, not_before: None }, learnt_host_key: None, warnings: Vec::new() };
                }
            }
            let by_mail = Destination::Email(EmailSettings::default());
            let mut parcel = parcel(notice, None);
            parcel.message = mail(notice, &context.links, &context.catalog.current().organization.name);
            context.carrier.deliver(&by_mail, &parcel, now).await
        }
        NoticeTo::Operator => {
            let Some(webhook) = &context.config.operator else {
                return refused("the operator's webhook is no longer configured".to_owned());
            };
            match body_file(context, notice) {
                Ok((_kept, file)) => {
                    context.carrier.deliver(&Destination::Webhook(webhook.clone()), &parcel(notice, Some(file)), now).await
                }
                Err(error) => {
                    let reason = format!("the notice could not be written to the spool: {error}");
                    Delivered { outcome: Outcome::Retry { reason, not_before: None }, learnt_host_key: None, warnings: Vec::new() }
                }
            }
        }
    }
}

/// The words as a mail in the frame of all others, with the address of the page that shows more.
fn mail(notice: &Notice, links: &Links, organization: &str) -> Message {
    let body: serde_json::Value = serde_json::from_str(&notice.body).unwrap_or_default();
    // The word that opens the page is in no row: it is put in on the way out.
    let request =
        body.pointer("/request").and_then(|id| id.as_str()?.parse().ok()).filter(|_| notice.kind == NoticeKind::SubscriptionRequested);
    let answer = request.map(|id| format!("\n\nTo put them on the list or to decline, open {}", links.request(id)));
    let text = format!("{}{}", notice.text, answer.unwrap_or_default());
    let link = ["/run/url", "/schedule/url"].into_iter().find_map(|place| Some(body.pointer(place)?.as_str()?.to_owned()));
    Message {
        subject: notice.subject.clone(),
        words: Some(pressrun_render::email::notice_words(&notice.subject, &text, organization)),
        link,
        ..Message::default()
    }
}

/// The JSON as the file that a webhook takes; it goes with the folder.
fn body_file(context: &Context, notice: &Notice) -> std::io::Result<(WorkDir, ParcelFile)> {
    let dir = context.spool.work_dir(&format!("notice-{}", notice.id))?;
    let path = dir.file("notice.json");
    std::fs::write(&path, &notice.body)?;
    let file = ParcelFile {
        path,
        name: "notice.json".to_owned(),
        media_type: "application/json".to_owned(),
        bytes: notice.body.len() as u64,
        sha256: hex::encode(Sha256::digest(&notice.body)),
    };
    Ok((dir, file))
}

fn parcel(notice: &Notice, artifact: Option<ParcelFile>) -> Parcel {
    Parcel {
        idempotency_key: format!("pressrun-{}", notice.id),
        // A notice that no run gave reason for names none: the nil UUID (RFC 9562).
        run_id: notice.run.unwrap_or(RunId(uuid::Uuid::nil())),
        delivery_id: notice.id,
        schedule_id: notice.schedule,
        schedule_name: notice.subject.clone(),
        scheduled_for: notice.created_at,
        format: if artifact.is_some() { Format::Json } else { Format::LinkOnly },
        target: notice.to.to_string(),
        message: Message { subject: notice.subject.clone(), text: notice.text.clone(), ..Message::default() },
        inline_png: None,
        artifact,
    }
}
