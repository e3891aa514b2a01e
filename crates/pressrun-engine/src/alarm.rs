//! Tells the operator of what was promised and is not delivered in time: once, and once more when it is over.
//!
//! Theory of operation. The alarm looks at rows, whatever became of whoever should have worked on them: an occurrence that nobody plans is found as well as a
//! run that waits for a destination for hours. It stands outside of all that it watches: a task of its own in every process, also in those that only answer
//! people, with a way out of its own, so that neither permits nor turns at a relay hold it up. What is found is a row before it is told, and whoever takes
//! that row tells: with many processes one does, and one that dies over it is followed by another. However many are late, a look tells of them in one
//! message.

use std::fmt::Write as _;
use std::sync::Arc;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use pressrun_dispatch::Pulse;
use pressrun_domain::delivery::{DeliveryState, Outcome};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DeliveryId, RunId, ScheduleId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeTo};
use pressrun_domain::overdue::LateWatch;
use pressrun_domain::run::RunState;
use pressrun_domain::text::one_line;
use pressrun_store::{OverdueRun, StoreError};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::figures;
use crate::notice::outbox;
use crate::pipeline::Context;

/// Time between two looks.
const EVERY: SignedDuration = SignedDuration::from_secs(15);

/// Time between two signs of life while somebody is told.
const SIGN_OF_LIFE: SignedDuration = SignedDuration::from_secs(5);

/// Most that are noted in one transaction, and most that one message tells of.
const BATCH: u32 = 5_000;

/// Of so many a message says which they are.
const LISTED: usize = 20;

/// Longest that a message may take.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// While somebody is told, nobody else is by others: longer than that takes.
const HIDDEN: SignedDuration = SignedDuration::from_secs(120);

/// Watches what was promised.
pub struct Alarm {
    /// With a carrier of its own.
    pub context: Arc<Context>,
    /// What is not over so long after its instant is late.
    pub after: SignedDuration,
    /// Who is told by mail, beside the operator's webhook.
    pub mail_to: Vec<EmailAddress>,
}

/// What is known of one that is told of.
struct Known {
    schedule: String,
    name: String,
    scheduled_for: Timestamp,
    run: Option<RunId>,
    /// How it came out, or why it has not.
    stands: String,
}

impl Alarm {
    /// Looks again and again until `stop`.
    pub async fn run(self, stop: CancellationToken, pulse: Pulse) {
        let clock = Arc::clone(&self.context.clock);
        let mut watch = LateWatch::new(self.after, clock.now(), clock.steady());
        while !stop.is_cancelled() {
            pulse.beat();
            let looked = stop.run_until_cancelled(self.look(&mut watch, &pulse)).await;
            if let Some(looked) = looked {
                pulse.passed(looked.is_ok());
                if let Err(error) = looked {
                    warn!(%error, "could not look for what is overdue; trying again");
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = clock.sleep(EVERY) => {}
            }
        }
    }

    /// One look, and what follows from it.
    ///
    /// # Errors
    /// The store failed; what was noted stays.
    pub async fn look(&self, watch: &mut LateWatch, pulse: &Pulse) -> Result<(), StoreError> {
        let Context { store, clock, .. } = &*self.context;
        let now = clock.now();
        // What is over is seen also while nobody can tell what is late.
        let late = watch.look(now, clock.steady()).unwrap_or(Timestamp::MIN);
        while store.note_overdue(late, now, BATCH).await? >= BATCH {
            pulse.beat();
        }
        loop {
            pulse.beat();
            let now = clock.now();
            let news = store.claim_overdue(now, now.saturating_add(HIDDEN).unwrap_or(Timestamp::MAX), BATCH).await?;
            if news.is_empty() {
                return Ok(());
            }
            let (late, over): (Vec<_>, Vec<_>) = news.into_iter().partition(|run| run.outcome.is_none());
            for (kind, runs) in [(NoticeKind::RunsOverdue, late), (NoticeKind::RunsSettled, over)] {
                if runs.is_empty() {
                    continue;
                }
                if !self.alive(pulse, self.tell(kind, &runs)).await? {
                    // It is hidden for a while, and then told again.
                    return Ok(());
                }
                store.overdue_told(&runs, clock.now()).await?;
            }
        }
    }

    /// Waits for `one`, and shows meanwhile that this task lives: a webhook that hangs makes no process unready.
    async fn alive<F: Future>(&self, pulse: &Pulse, one: F) -> F::Output {
        let mut one = std::pin::pin!(one);
        loop {
            tokio::select! {
                biased;
                done = &mut one => return done,
                () = self.context.clock.sleep(SIGN_OF_LIFE) => pulse.beat(),
            }
        }
    }

    /// Tells of these by every way there is; whether anybody heard it, be it the log alone where there is no other way.
    async fn tell(&self, kind: NoticeKind, runs: &[OverdueRun]) -> Result<bool, StoreError> {
        let mut known = Vec::new();
        for run in runs.iter().take(LISTED) {
            known.push(self.know(run).await?);
        }
        for Known { schedule, name, scheduled_for, run, stands } in &known {
            let run = run.map(|run| run.to_string());
            if kind == NoticeKind::RunsOverdue {
                error!(schedule_id = schedule, run_id = run, name, %scheduled_for, stands, "a delivery is overdue");
            } else {
                info!(schedule_id = schedule, run_id = run, name, %scheduled_for, stands, "an overdue delivery is over");
            }
        }
        if runs.len() > known.len() {
            error!(count = runs.len(), kind = kind.as_str(), "there are more than are named here");
        }
        let operator = self.context.config.operator.is_some().then_some(NoticeTo::Operator);
        let ways: Vec<NoticeTo> = self.mail_to.iter().cloned().map(NoticeTo::Owner).chain(operator).collect();
        let heard = join_all(ways.iter().map(|way| self.send(self.notice(kind, way, runs, &known)))).await;
        Ok(ways.is_empty() || heard.contains(&true))
    }

    async fn know(&self, overdue: &OverdueRun) -> Result<Known, StoreError> {
        let store = &self.context.store;
        let (mut name, mut run) = (String::new(), None);
        if let Ok(schedule) = overdue.schedule.parse::<ScheduleId>() {
            // One that cannot be read is overdue all the same.
            name = match store.schedule(schedule).await {
                Ok(found) => found.map(|schedule| one_line(&schedule.definition.name)).unwrap_or_default(),
                Err(StoreError::Unavailable(error)) => return Err(StoreError::Unavailable(error)),
                Err(_) => String::new(),
            };
            let under_way = store.runs_under_way(&[schedule]).await?.into_iter().find(|run| run.scheduled_for == overdue.scheduled_for);
            let id = under_way.map_or_else(|| RunId::of_occurrence(schedule, overdue.scheduled_for), |run| run.id);
            run = store.run(id).await.unwrap_or_default();
        }
        let stands = overdue.outcome.clone().unwrap_or_else(|| match &run {
            None => "nobody has begun it".to_owned(),
            Some(run) => match (&run.progress.waits_for, &run.state) {
                (Some(why), _) => format!("it waits: {why}"),
                (None, RunState::Running { .. }) => "it is worked on".to_owned(),
                (None, _) => "it waits for a worker".to_owned(),
            },
        });
        Ok(Known { schedule: overdue.schedule.clone(), name, scheduled_for: overdue.scheduled_for, run: run.map(|run| run.id), stands })
    }

    /// Sends by one way; whether it was accepted in time.
    async fn send(&self, notice: Notice) -> bool {
        let context = &self.context;
        let sent = tokio::select! {
            biased;
            sent = outbox::send(context, &notice, context.clock.now()) => sent.outcome,
            () = context.clock.sleep(PATIENCE) => Outcome::Retry { reason: "it took longer than a minute".to_owned(), not_before: None },
        };
        let accepted = matches!(sent, Outcome::Accepted { .. });
        figures::alarm(accepted);
        match sent {
            Outcome::Accepted { .. } => info!(to = %notice.to, "the alarm was taken: {}", notice.subject),
            Outcome::Retry { reason, .. } | Outcome::Held { reason, .. } | Outcome::Rejected { reason } => {
                error!(to = %notice.to, reason, "the alarm was not taken: {}", notice.subject);
            }
        }
        accepted
    }

    fn notice(&self, kind: NoticeKind, to: &NoticeTo, runs: &[OverdueRun], known: &[Known]) -> Notice {
        let (now, url) = (self.context.clock.now(), &self.context.config.public_url);
        let (is_late, count) = (kind == NoticeKind::RunsOverdue, runs.len());
        let subject = match (is_late, count) {
            (true, 1) => "A delivery is overdue".to_owned(),
            (true, _) => format!("{count} deliveries are overdue"),
            (false, 1) => "An overdue delivery is over".to_owned(),
            (false, _) => format!("{count} overdue deliveries are over"),
        };
        let minutes = self.after.as_mins();
        let mut text = if is_late {
            format!("Not over {minutes} minutes after their instant:\n")
        } else {
            "What was told as overdue is over:\n".to_owned()
        };
        for Known { schedule, name, scheduled_for, stands, .. } in known {
            let name = if name.is_empty() { schedule } else { name };
            let due = scheduled_for.strftime("%Y-%m-%d %H:%M UTC");
            let _ = write!(text, "\n\u{201c}{name}\u{201d}, due {due}: {stands}\n{url}/schedules/{schedule}\n");
        }
        if count > known.len() {
            let _ = write!(text, "\nand {} more.\n", count - known.len());
        }
        if is_late {
            text.push_str("\nThis is said once of each, and once more when it is over.");
        }
        let listed = known.iter().map(|known| {
            let run = known.run.map(|run| json!({ "id": run.to_string(), "url": format!("{url}/runs/{run}") }));
            json!({
                "schedule": { "id": known.schedule, "name": known.name, "url": format!("{url}/schedules/{}", known.schedule) },
                "run": run, "scheduledFor": known.scheduled_for.to_string(), "stands": known.stands,
            })
        });
        let body = json!({
            "event": kind.as_str(), "at": now.to_string(), "summary": subject, "afterMinutes": minutes, "count": count,
            "deliveries": listed.collect::<Vec<_>>(),
        });
        // The same for the same ones: whoever is told again after a crash knows it.
        let first = runs.first().map(|run| format!("{} {}", run.schedule, run.scheduled_for)).unwrap_or_default();
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{} {to} {count} {first}", kind.as_str()).as_bytes());
        Notice {
            id: DeliveryId(id),
            kind,
            schedule: runs.first().and_then(|run| run.schedule.parse().ok()).unwrap_or(ScheduleId(Uuid::nil())),
            run: None,
            to: to.clone(),
            subject,
            text,
            body: body.to_string(),
            created_at: now,
            state: DeliveryState::Pending { not_before: now },
            attempts: Vec::new(),
        }
    }
}
