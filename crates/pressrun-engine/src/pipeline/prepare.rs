//! From a claimed run to the pieces it promises. Nothing is sent here.
//!
//! Audiences are prepared a few at a time. Of several each is promised as soon as it is done, with what was found, in a transaction that says so:
//! its pieces may be sent while the others are prepared, and whoever goes on after a crash, a stop or a wait prepares only the others. One that is
//! alone is promised with the end of the preparation.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::catalog::{Catalog, Dashboard, Document};
use pressrun_domain::condition::Judgement;
use pressrun_domain::delivery::{Delivery, DeliveryState};
use pressrun_domain::id::DeliveryId;
use pressrun_domain::outline::Outline;
use pressrun_domain::preparation::{AudienceOutcome, Preparation};
use pressrun_domain::run::{RunRecord, RunStatus};
use pressrun_store::AudienceDone;

use super::alongside::alongside;
use super::audience::{self, Audience, Audiences, Scene, Skipped};
use super::edition::{self, Edition, Shared};
use super::first::{self, First};
use super::meanwhile::Feed;
use super::piece::{Making, Pieces};
use super::suppressed::{SUPPRESSED, suppressed};
use super::{Halt, Stop, Work, until_stopped};
use crate::fail::{FailPoint, reach};
use crate::figures;

/// Pieces promised in one transaction.
const BATCH: usize = 500;

/// Audiences prepared at once. Executors and connections have bounds of their own; this one keeps a large run from filling their queues.
const AT_ONCE: usize = 4;

/// A run of many audiences that has been prepared for so long lets others that wait for a worker go first.
const LONGEST_TURN: SignedDuration = SignedDuration::from_secs(10);

/// Resolves, judges, queries and renders, and promises the pieces of each audience. Returns those that are sent at once.
pub(super) async fn prepare(work: &mut Work<'_>, catalog: &Catalog, feed: &Feed) -> Result<Option<First>, Halt> {
    let definition = &work.run.definition;
    let (document, dashboard) = find(work, catalog)?;
    let scene = Scene { catalog, document, dashboard, definition };
    let mut found = found(work, scene).await?;
    for Skipped { name, reason } in &found.skipped {
        work.record.warn(format!("recipientSkipped: {name} ({reason})"));
    }
    let done = if work.run.fence > 1 { work.context.store.audiences_done(work.run.id).await? } else { Vec::new() };
    if found.audiences.is_empty() && done.is_empty() {
        let error = "there is nobody to deliver to: every recipient was removed or may not receive it";
        return Err(Stop::new(RunStatus::Error, "noRecipients").because(error).into());
    }
    reach(FailPoint::AfterAudiences);
    if definition.condition.is_some() {
        let known_to = found.known_to();
        // What was judged for some of them by an earlier claim stays so.
        let outline = work.record.outline.get_or_insert_with(|| Outline::new(known_to));
        outline.known_to = outline.known_to.max(known_to);
    }
    let shared = edition::shared(work, scene, &found)?;
    let several = found.audiences.len() > 1 || !done.is_empty();
    let audiences = name_apart(std::mem::take(&mut found.audiences), &done);
    let outcomes: Vec<AudienceOutcome> = done.iter().map(|done| done.outcome.clone()).collect();
    let some_owed = outcomes.contains(&AudienceOutcome::Promised);
    if some_owed {
        feed.promised();
    }
    let mut preparation = Preparing { work, feed, several, promised: 0, outcomes, some_owed };
    let alone = preparation.each(&shared, &audiences).await?;
    preparation.work.check_preparing()?;
    match Preparation::of(&preparation.outcomes) {
        Preparation::Owed => {
            let named = audiences.first().map_or_else(|| done[0].key.clone(), |audience| audience.key.clone());
            preparation.end(&alone, &found.skipped, &named).await
        }
        Preparation::Failed { reason, error } => Err(Stop { error, ..Stop::new(RunStatus::Error, reason) }.into()),
        Preparation::Unmet => Err(Stop::new(RunStatus::ConditionUnmet, "conditionUnmet").into()),
        Preparation::Recorded => Err(Stop::new(RunStatus::ConditionUnmet, "baselineRecorded").into()),
    }
}

/// Everybody whom the run concerns, without those whose mail came back, and, if the schedule says so, without those who would see nothing.
async fn found(work: &mut Work<'_>, scene: Scene<'_>) -> Result<Audiences, Halt> {
    let store = work.context.store.as_ref();
    let mut found = audience::resolve(scene, work.run.schedule_id, store).await?;
    let Some(email) = scene.definition.destination.email() else { return Ok(found) };
    let outcome = if email.skip_without_values { "they are skipped" } else { "they see nothing of what depends on it" };
    for people in found.without_values() {
        work.record.warn(format!("withoutValues: {people}; {outcome}"));
    }
    if email.skip_without_values {
        found.leave_out(|audience, _| (!audience.missing.is_empty()).then_some("withoutValues"));
    }
    let targets = found.audiences.iter().flat_map(|audience| &audience.targets);
    let suppressed = suppressed(store, targets.map(|target| target.name.as_str())).await?;
    found.leave_out(|_, target| suppressed.contains(&target.name.to_lowercase()).then_some(SUPPRESSED));
    Ok(found)
}

fn find<'a>(work: &Work<'_>, catalog: &'a Catalog) -> Result<(&'a Document, &'a Dashboard), Halt> {
    let document = catalog.documents.get(&work.run.definition.identifier);
    let found = document.and_then(|document| Some((&**document, document.dashboard.as_ref()?)));
    found.ok_or_else(|| Stop::new(RunStatus::Error, "missingQuery").because("the dashboard no longer exists").into())
}

/// The audiences that are not done, under names that those that are have not: who belongs together may have changed since.
fn name_apart(mut audiences: Vec<Audience>, done: &[AudienceDone]) -> Vec<Audience> {
    if done.is_empty() {
        return audiences;
    }
    let digests: HashSet<&str> = done.iter().map(|done| done.digest.as_str()).collect();
    let mut taken: HashSet<String> = done.iter().map(|done| done.key.clone()).collect();
    let mut number = audiences.len();
    audiences.retain(|audience| !digests.contains(audience.digest().as_str()));
    for audience in &mut audiences {
        while !taken.insert(audience.key.clone()) {
            number += 1;
            audience.key = format!("a{number}");
        }
    }
    audiences
}

/// A preparation under way.
struct Preparing<'w, 'a> {
    work: &'w mut Work<'a>,
    feed: &'w Feed,
    /// There is more than one audience: what becomes of one is not the others' matter (P4).
    several: bool,
    /// Pieces that this claim has promised.
    promised: usize,
    outcomes: Vec<AudienceOutcome>,
    /// Somebody gets something.
    some_owed: bool,
}

/// An audience of which everything is made that can be made.
struct Part<'p, 'a> {
    audience: &'p Audience,
    /// What happened on the way, on its own.
    work: Work<'a>,
    made: Result<Vec<Edition>, Halt>,
}

/// What a preparation waits for. All of it is waited for together: what is not asked on stands still with the connection that it has.
enum Came<'p, 'a> {
    Part(Box<Part<'p, 'a>>),
    /// Somebody asked for the run to be stopped.
    Stop(Stop),
}

impl<'a> Preparing<'_, 'a> {
    /// Prepares each audience; returns what the one that is alone is sent.
    async fn each(&mut self, shared: &Shared<'_>, audiences: &[Audience]) -> Result<Vec<Edition>, Halt> {
        let mut alone = Vec::new();
        let mut left: HashSet<&str> = audiences.iter().map(|audience| audience.key.as_str()).collect();
        let mut todo = audiences.iter().enumerate();
        let (context, run) = (self.work.context, self.work.run);
        let mut parts: FuturesUnordered<BoxFuture<'_, Came<'_, 'a>>> = FuturesUnordered::new();
        // Never ends but with a stop.
        parts.push(Box::pin(async move { Came::Stop(until_stopped(context, run).await) }));
        let mut ready: VecDeque<Came<'_, 'a>> = VecDeque::new();
        let mut outage = Outage::default();
        let mut gives_way = false;
        loop {
            while parts.len() + ready.len() <= AT_ONCE
                && !gives_way
                && !outage.lasts()
                && let Some((number, audience)) = todo.next()
            {
                parts.push(Box::pin(part(self.work.fork(), shared, audience, number)));
            }
            let came = match ready.pop_front() {
                None if parts.len() <= 1 => None,
                None => parts.next().await,
                came => came,
            };
            let Part { audience, work, made } = match came {
                Some(Came::Part(part)) => *part,
                Some(Came::Stop(stop)) => {
                    parts.clear();
                    return Err(self.stop(stop, audiences, &left).await?);
                }
                None => break,
            };
            match made {
                Ok(editions) => {
                    let outcome = outcome(&work, &editions);
                    self.work.absorb(work);
                    outage.is_over();
                    if self.several {
                        let pieces = Pieces::of(self.work).owed(&editions);
                        alongside(&mut parts, &mut ready, self.finish(audience, pieces, outcome)).await?;
                    } else {
                        self.outcomes.push(outcome);
                        alone = editions;
                    }
                }
                // One audience's failure is not the others' (P4); what all share stops the run.
                Err(Halt::Stop(stop)) if self.several && self.work.stops_one(&stop) => {
                    self.work.absorb(work);
                    outage.is_over();
                    alongside(&mut parts, &mut ready, self.fail(audience, *stop)).await?;
                }
                Err(Halt::Stop(stop)) => {
                    self.work.absorb(work);
                    parts.clear();
                    return Err(self.stop(*stop, audiences, &left).await?);
                }
                Err(Halt::AskAgain(at)) => {
                    outage.goes_on(at);
                    self.work.put_off(work);
                    continue;
                }
                Err(halt) => return Err(halt),
            }
            left.remove(audience.key.as_str());
            gives_way = gives_way || alongside(&mut parts, &mut ready, self.should_give_way(todo.len())).await?;
        }
        match outage.again_at {
            Some(at) => {
                if outage.some_done {
                    self.work.begin_query_failures_anew();
                }
                Err(Halt::AskAgain(at))
            }
            None if !left.is_empty() => Err(Halt::GiveWay),
            None => Ok(alone),
        }
    }

    /// Whether the run has had its turn and others wait for a worker, when so many audiences have not begun.
    async fn should_give_way(&self, waiting: usize) -> Result<bool, Halt> {
        let Work { context, begun, .. } = &*self.work;
        let had_its_turn = waiting > 0 && context.clock.steady().saturating_sub(*begun) >= LONGEST_TURN;
        Ok(had_its_turn && context.store.others_wait(context.clock.now()).await?)
    }

    /// An audience gets nothing, for a reason of its own.
    async fn fail(&mut self, audience: &Audience, stop: Stop) -> Result<(), Halt> {
        let text = stop.error.clone().unwrap_or_else(|| stop.reason.clone());
        self.work.record.warn(format!("audienceFailed: {} ({text})", audience.key));
        self.work.tell_of_failure(&stop, audience);
        let state = DeliveryState::Failed { at: self.work.context.clock.now(), reason: text };
        let pieces = Pieces::of(self.work).empty(&audience.key, &audience.targets, state);
        self.finish(audience, pieces, AudienceOutcome::Failed { reason: stop.reason, error: stop.error }).await
    }

    /// One of several audiences is done.
    async fn finish(&mut self, audience: &Audience, pieces: Making<'_>, outcome: AudienceOutcome) -> Result<(), Halt> {
        let done = AudienceDone { digest: audience.digest(), key: audience.key.clone(), outcome };
        self.promise(pieces, Some(&done)).await?;
        reach(FailPoint::BetweenAudiences);
        if done.outcome == AudienceOutcome::Promised {
            self.some_owed = true;
            self.feed.promised();
        }
        self.outcomes.push(done.outcome);
        Ok(())
    }

    /// All is promised: what the one audience gets that is alone, and that somebody is left out, which is told when somebody else is not.
    async fn end(&mut self, alone: &[Edition], skipped: &[Skipped], audience: &str) -> Result<Option<First>, Halt> {
        let makes = Pieces::of(self.work);
        let left_out = skipped.iter().map(move |skipped| makes.left_out(audience, skipped));
        let pieces: Making<'_> = Box::new(makes.owed(alone).chain(left_out));
        let more = alone.iter().map(|edition| edition.targets.len()).sum::<usize>() + skipped.len();
        let mut count = self.promised + more;
        if self.several && self.work.run.fence > 1 {
            let tally = self.work.context.store.tally(self.work.run.id).await?;
            count = usize::try_from(tally.pending + tally.accepted + tally.failed + tally.skipped).unwrap_or(usize::MAX) + more;
        }
        self.work.note("promised", Some(format!("{count} {}", if count == 1 { "piece" } else { "pieces" })));
        let first = if !self.several && self.work.run.fence <= 1 && more <= first::MOST {
            self.promise_and_begin(pieces.collect()).await?
        } else {
            self.work.check_cancelled().await?;
            self.promise(pieces, None).await?;
            None
        };
        reach(FailPoint::AfterPromise);
        Ok(first)
    }

    /// Promises all pieces of the run, and begins with those that have their turn.
    async fn promise_and_begin(&mut self, pieces: Vec<Delivery>) -> Result<Option<First>, Halt> {
        reach(FailPoint::BeforePromise);
        let first = First::of(self.work, &pieces).await?;
        let now = self.work.context.clock.now();
        let begun: Vec<DeliveryId> = first.iter().flat_map(First::begun).collect();
        for _ in &begun {
            reach(FailPoint::BeforeAttempt);
        }
        reach(FailPoint::AmidPromises);
        let mut news = self.work.news();
        news.progress.promised_at = Some(now);
        self.work.progress = news.progress.clone();
        let is_wanted = self.work.context.store.promise_and_begin(&self.work.lease, &pieces, &news, &begun, now).await?;
        figures::promised(self.work.run.definition.destination.kind(), &pieces);
        self.work.written.add(news.record);
        Ok(first.filter(|_| is_wanted).map(|first| first.begun_at(now)))
    }

    /// Promises `pieces`, some in a transaction; the last one says that they are owed, and writes what happened.
    async fn promise(&mut self, pieces: Making<'_>, done: Option<&AudienceDone>) -> Result<(), Halt> {
        reach(FailPoint::BeforePromise);
        let store = &self.work.context.store;
        let kind = self.work.run.definition.destination.kind();
        let mut pieces = pieces.peekable();
        loop {
            let batch: Vec<Delivery> = pieces.by_ref().take(BATCH).collect();
            self.promised += batch.len();
            if pieces.peek().is_some() {
                store.promise(&self.work.lease, &batch).await?;
                figures::promised(kind, &batch);
                continue;
            }
            reach(FailPoint::AmidPromises);
            let mut news = self.work.news();
            match done {
                // The time for preparing is each audience's: what ends a run is that none gets done.
                Some(_) => news.progress.worked.preparing = SignedDuration::ZERO,
                None => news.progress.promised_at = Some(self.work.context.clock.now()),
            }
            self.work.progress = news.progress.clone();
            store.finish_audience(&self.work.lease, &batch, &news, done).await?;
            figures::promised(kind, &batch);
            self.work.written.add(news.record);
            return Ok(());
        }
    }

    /// The run stops. When some pieces are promised, those who get none for it are named with the reason.
    async fn stop(&mut self, stop: Stop, audiences: &[Audience], left: &HashSet<&str>) -> Result<Halt, Halt> {
        if self.some_owed {
            let makes = Pieces::of(self.work);
            let state = DeliveryState::Skipped { reason: stop.reason.clone() };
            let unsent = audiences.iter().filter(|audience| left.contains(audience.key.as_str()));
            let pieces = unsent.flat_map(|audience| makes.empty(&audience.key, &audience.targets, state.clone()));
            let pieces: Vec<Delivery> = pieces.collect();
            for batch in pieces.chunks(BATCH) {
                self.work.context.store.promise(&self.work.lease, batch).await?;
                figures::promised(self.work.run.definition.destination.kind(), batch);
            }
        }
        Ok(stop.into())
    }
}

/// Prepares one audience in a folder of its own.
async fn part<'p, 'a>(mut work: Work<'a>, shared: &Shared<'_>, audience: &'p Audience, number: usize) -> Came<'p, 'a> {
    let folder = format!("{}-{}-{number}", work.run.id, work.run.fence);
    let made = match edition::folder(&work, folder).await {
        Ok(dir) => edition::editions(&mut work, shared, audience, &dir).await,
        Err(error) => Err(work.halted_by(&error.into())),
    };
    Came::Part(Box::new(Part { audience, work, made }))
}

/// How an audience is done for which this was made.
fn outcome(work: &Work<'_>, editions: &[Edition]) -> AudienceOutcome {
    let recorded = || work.record.conditions.iter().all(|condition| condition.judgement == Judgement::BaselineRecorded);
    match editions {
        [] if recorded() => AudienceOutcome::Recorded,
        [] => AudienceOutcome::Unmet,
        _ => AudienceOutcome::Promised,
    }
}

/// Queries that fail in passing: one may be unlucky, but when one after the other fails their database is away, and the others need not try.
#[derive(Default)]
struct Outage {
    again_at: Option<Timestamp>,
    in_a_row: usize,
    some_done: bool,
}

impl Outage {
    fn goes_on(&mut self, again_at: Timestamp) {
        self.again_at.get_or_insert(again_at);
        self.in_a_row += 1;
    }

    fn is_over(&mut self) {
        self.in_a_row = 0;
        self.some_done = true;
    }

    fn lasts(&self) -> bool {
        self.in_a_row >= AT_ONCE
    }
}

impl<'a> Work<'a> {
    /// The same run with nothing that happened: what becomes of a part of it is added when that is known.
    pub(super) fn fork(&self) -> Self {
        Work {
            record: RunRecord { outline: self.record.outline.clone(), ..RunRecord::default() },
            written: RunRecord::default(),
            judged: Vec::new(),
            waits_at: None,
            producer: self.producer.clone(),
            progress: self.progress.clone(),
            turns: Arc::default(),
            ..*self
        }
    }

    /// Adds what happened in a part.
    fn absorb(&mut self, mut part: Work<'a>) {
        let held = part.record.outline.take().is_some_and(|outline| outline.held_for_others);
        if let Some(outline) = self.record.outline.as_mut().filter(|_| held) {
            outline.held_for_others = true;
        }
        self.record.add(part.record);
        self.judged.append(&mut part.judged);
    }

    /// A part is done later: nothing of it counts but that it was tried.
    fn put_off(&mut self, part: Work<'a>) {
        self.record.timeline.extend(part.record.timeline);
        let failures = part.progress;
        self.progress.query_failures = failures.query_failures;
        self.progress.queries_fail_since = failures.queries_fail_since;
        self.progress.waits_for = failures.waits_for;
    }

    /// Some queries failed in passing, but others went well since: that is no long outage.
    fn begin_query_failures_anew(&mut self) {
        self.progress.query_failures = 1;
        self.progress.queries_fail_since = Some(self.context.clock.now());
    }
}
