//! Sends notices that are due. Any number of processes may share the outbox: an attempt claims its row, as a worker does a run, by a lease that is renewed
//! while its sender lives.
//!
//! Each lane has so many under way at once, so that a mail server that hangs does not keep the operator from hearing of it. Nothing is claimed
//! before its attempt begins, and what is begun is heard to its end. After a jump of the clock every lease seems to have lapsed; then nothing is claimed
//! until its holder had time to renew it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel, ParcelFile};
use pressrun_dispatch::{JumpWatch, Pulse};
use pressrun_domain::delivery::{Attempt, DeliveryState, Message, Outcome, counted};
use pressrun_domain::destination::{Destination, EmailSettings};
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeLane, NoticeTo, notice_id};
use pressrun_domain::output::Format;
use pressrun_domain::retry::Next;
use pressrun_store::StoreError;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::figures;
use crate::links::Links;
use crate::pipeline::Context;
use crate::pipeline::alongside::alongside;
use crate::pipeline::suppressed::{SUPPRESSED, suppressed};
use crate::spool::WorkDir;

/// Notices of a lane under way at once.
const AT_ONCE: u32 = 4;

/// How soon to try again what the store refused.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// How soon to look again for what was due and could not be claimed, because another process has it.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(200);

/// Tries every notice that is due, until none is; for tests and for one-off use.
///
/// # Errors
/// The store failed; what was claimed is tried again later.
pub(crate) async fn send_due(context: &Context) -> Result<(), StoreError> {
    let mut outbox = Outbox::new(context);
    loop {
        outbox.look().await?;
        if outbox.ended.is_empty() {
            match outbox.under_way.next().await {
                Some(ended) => outbox.ended.push_back(ended),
                None => return Ok(()),
            }
        }
    }
}

/// Sends notices until `stop`; those that are under way then have until `hand_back`. One that has not ended by then is sent again later, under the
/// same mark. `said` is signalled by whoever may have written some.
pub(crate) async fn run(context: &Context, said: &Notify, stop: &CancellationToken, hand_back: &CancellationToken, pulse: &Pulse) {
    let mut outbox = Outbox::new(context);
    while !stop.is_cancelled() {
        pulse.beat();
        let woken = said.notified();
        let looked = outbox.look().await;
        pulse.passed(looked.is_ok());
        let look_at = match looked {
            // Their places are free.
            Ok(_) if !outbox.ended.is_empty() => continue,
            Ok(look_at) => look_at,
            Err(error) => {
                warn!(%error, "could not send notices; trying again");
                outbox.meanwhile(stop.run_until_cancelled(context.clock.sleep(TRY_AGAIN))).await;
                continue;
            }
        };
        let (heartbeat, holds) = (outbox.heartbeat(), !outbox.held.is_empty());
        tokio::select! {
            // In this order each time, so that a simulation repeats itself.
            biased;
            () = stop.cancelled() => {}
            Some(ended) = outbox.under_way.next() => outbox.ended.push_back(ended),
            () = woken => {}
            () = context.clock.sleep_until(look_at) => {}
            () = context.clock.sleep(heartbeat), if holds => {}
            // The clock may be set back meanwhile.
            () = context.clock.sleep(context.config.poll) => {}
        }
    }
    outbox.end(hand_back, pulse).await;
}

/// What came of an attempt at a notice, and the lane that it took a place of.
type Ended = (NoticeLane, DeliveryId, Result<(), StoreError>);

/// The attempts under way.
struct Outbox<'c> {
    context: &'c Context,
    under_way: FuturesUnordered<BoxFuture<'c, Ended>>,
    /// Those that ended while something else was waited for.
    ended: VecDeque<Ended>,
    /// Until when each of them is hidden from others.
    held: BTreeMap<DeliveryId, Timestamp>,
    /// When their leases were renewed last, by the steady clock.
    renewed: SignedDuration,
    jumps: JumpWatch,
    /// How many there are of people and of the operator.
    people: u32,
    operator: u32,
}

impl<'c> Outbox<'c> {
    fn new(context: &'c Context) -> Self {
        let clock = context.clock.as_ref();
        let jumps = JumpWatch::new(clock, clock.now(), context.config.lease);
        let (under_way, ended, held) = (FuturesUnordered::new(), VecDeque::new(), BTreeMap::new());
        Self { context, under_way, ended, held, renewed: clock.steady(), jumps, people: 0, operator: 0 }
    }

    /// Time between two renewals.
    fn heartbeat(&self) -> SignedDuration {
        self.context.config.lease / 3
    }

    fn count(&mut self, lane: NoticeLane) -> &mut u32 {
        match lane {
            NoticeLane::People => &mut self.people,
            NoticeLane::Operator => &mut self.operator,
        }
    }

    /// Hears what has ended and begins what is due, in each lane as many as have a place; returns when to look again.
    async fn look(&mut self) -> Result<Timestamp, StoreError> {
        let now = self.context.clock.now();
        let mut look_at = now + self.context.config.poll;
        self.hear()?;
        self.renew().await?;
        if !self.jumps.leases_can_be_told(self.context.clock.as_ref(), now) {
            return Ok(now + self.heartbeat());
        }
        for lane in NoticeLane::ALL {
            self.begin(lane, now).await?;
            if *self.count(lane) < AT_ONCE {
                let next = self.meanwhile(self.context.store.next_notice(lane)).await?;
                // What is due and was not claimed was lost to another process: no busy loop.
                look_at = next.map_or(look_at, |next| look_at.min(next.max(now + LOOK_AGAIN)));
            }
        }
        Ok(look_at)
    }

    /// Takes note of the attempts that have ended; the first that could not be written down is an error.
    fn hear(&mut self) -> Result<(), StoreError> {
        while let Some((lane, notice, settled)) = self.ended.pop_front() {
            *self.count(lane) -= 1;
            self.held.remove(&notice);
            match settled {
                Ok(()) => {}
                Err(StoreError::LeaseLost) => warn!("a notice took too long; another process has it now"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Begins what of a lane is due at `now` and has a place.
    async fn begin(&mut self, lane: NoticeLane, now: Timestamp) -> Result<(), StoreError> {
        let (context, places) = (self.context, AT_ONCE - *self.count(lane));
        if places == 0 {
            return Ok(());
        }
        let hidden_until = now + context.config.lease;
        for notice in self.meanwhile(context.store.claim_notices(lane, now, hidden_until, places)).await? {
            *self.count(lane) += 1;
            self.held.insert(notice.id, hidden_until);
            self.under_way.push(async move { (lane, notice.id, attempt(context, notice).await) }.boxed());
        }
        Ok(())
    }

    /// Renews the leases of those under way when it is time to.
    async fn renew(&mut self) -> Result<(), StoreError> {
        let (clock, steady) = (&self.context.clock, self.context.clock.steady());
        if self.held.is_empty() || steady.saturating_sub(self.renewed) < self.heartbeat() {
            return Ok(());
        }
        let hidden_until = clock.now() + self.context.config.lease;
        let held: Vec<_> = self.held.iter().map(|(notice, until)| (*notice, *until)).collect();
        let store = &self.context.store;
        self.meanwhile(store.renew_notices(&held, hidden_until)).await?;
        self.held.values_mut().for_each(|until| *until = hidden_until);
        self.renewed = steady;
        Ok(())
    }

    /// Waits for `one` while attempts go on.
    async fn meanwhile<F: Future>(&mut self, one: F) -> F::Output {
        alongside(&mut self.under_way, &mut self.ended, one).await
    }

    /// Hears those under way to their end, which each has a limit for, or until they are to be given up.
    async fn end(mut self, hand_back: &CancellationToken, pulse: &Pulse) {
        loop {
            pulse.beat();
            if let Err(error) = self.hear() {
                warn!(%error, "what came of a notice cannot be written down; it is sent again later");
            }
            if let Err(error) = self.renew().await {
                warn!(%error, "could not hold on to the notices that are being sent; trying again");
            }
            tokio::select! {
                biased;
                () = hand_back.cancelled() => return,
                ended = self.under_way.next() => match ended {
                    Some(ended) => self.ended.push_back(ended),
                    None => return,
                },
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
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
    figures::notice(notice.to.lane(), &state);
    let made = Attempt { ended_at: Some(ended_at), outcome: Some(delivered.outcome), ..begun.clone() };
    loop {
        match context.store.settle_notice(notice.id, &made, &state, follow_up.as_slice()).await {
            // What is known is not forgotten: the notice would be sent again, and be hidden until then.
            Err(StoreError::Unavailable(error)) => {
                warn!(error, notice = %notice.id, "could not write down what came of a notice; trying again");
                context.clock.sleep(TRY_AGAIN).await;
            }
            settled => return settled,
        }
    }
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

/// One try at saying a notice, by whatever way it goes.
pub(crate) async fn send(context: &Context, notice: &Notice, now: Timestamp) -> Delivered {
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
        trace: None,
        inline_png: None,
        artifact,
    }
}
