//! The words of notices: for people by mail, for programs as JSON. Neither holds data of a report (A21).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::bounce::{BounceKind, Report};
use pressrun_domain::catalog::{Catalog, Member};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{MembershipId, ScheduleId};
use pressrun_domain::notice::{FAILURES_IN_A_ROW, NoticeKind};
use pressrun_domain::run::{Run, RunRecord, RunStatus};
use pressrun_domain::schedule::{Definition, Schedule, SystemDisabledReason};
use pressrun_domain::text::one_line;
use pressrun_store::UnreadRun;
use serde_json::{Value, json};

use super::Ending;
use crate::config::EngineConfig;
use crate::pipeline::Context;

/// How the reason begins when a webhook answered 410 Gone.
pub(super) const GONE: &str = "webhook: HTTP 410";

/// Failed tiles that a mail lists.
const TILES_LISTED: usize = 20;

/// What there is to say something about.
pub(super) struct About<'a> {
    pub(super) schedule: ScheduleId,
    pub(super) owner: MembershipId,
    pub(super) run: Option<(&'a Run, &'a RunRecord)>,
    definition: &'a Definition,
    ending: Option<Ending<'a>>,
    disabled: Option<SystemDisabledReason>,
    came_back: Option<(&'a EmailAddress, &'a Report)>,
    /// Why it cannot be told when the schedule is due.
    fault: Option<&'a str>,
    public_url: &'a str,
    owner_name: Option<String>,
}

/// What a notice says.
pub(super) struct Words {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) body: String,
}

/// What is said of a run that cannot be read.
pub(super) fn unread(config: &EngineConfig, unread: &UnreadRun, owner: Option<&Member>, now: Timestamp) -> Words {
    let name = one_line(&unread.name);
    let name = if name.is_empty() { "a delivery" } else { name.as_str() };
    let subject = format!("Delivery failed: {name}");
    let (run, schedule) =
        (format!("{}/runs/{}", config.public_url, unread.run), format!("{}/schedules/{}", config.public_url, unread.schedule));
    let paragraphs = [
        format!("A run of \u{201c}{name}\u{201d} was given up, because what is stored of it cannot be read: {}.", unread.fault),
        "Nothing of it was sent. An operator has to see to the database, or to the keys that open its secrets.".to_owned(),
        run.clone(),
    ];
    let body = json!({
        "event": NoticeKind::RunFailed.as_str(),
        "at": now.to_string(),
        "summary": subject,
        "schedule": { "id": unread.schedule.to_string(), "name": unread.name, "url": schedule },
        "owner": { "id": unread.owner.to_string(), "name": owner.map(|owner| &owner.name) },
        "run": { "id": unread.run.to_string(), "status": RunStatus::Error.as_str(), "reason": unread.fault, "url": run },
    });
    Words { subject, text: paragraphs.join("\n\n"), body: body.to_string() }
}

impl<'a> About<'a> {
    pub(super) fn run(context: &'a Context, catalog: &Catalog, run: &'a Run, record: &'a RunRecord, ending: Ending<'a>) -> Self {
        Self {
            schedule: run.schedule_id,
            owner: run.definition.owner,
            run: Some((run, record)),
            definition: &run.definition,
            ending: Some(ending),
            disabled: ending.disable,
            came_back: None,
            fault: None,
            public_url: &context.config.public_url,
            owner_name: catalog.member(run.definition.owner.0).map(|owner| owner.name.clone()),
        }
    }

    pub(super) fn schedule(context: &'a Context, catalog: &Catalog, schedule: &'a Schedule, reason: SystemDisabledReason) -> Self {
        Self { disabled: Some(reason), ..Self::of(&context.config, catalog, schedule) }
    }

    /// About a recipient of whom mail came back for good.
    pub(super) fn came_back(
        config: &'a EngineConfig,
        catalog: &Catalog,
        schedule: &'a Schedule,
        email: &'a EmailAddress,
        report: &'a Report,
    ) -> Self {
        Self { came_back: Some((email, report)), ..Self::of(config, catalog, schedule) }
    }

    /// About a schedule of which nobody can tell when it is due.
    pub(super) fn unplannable(context: &'a Context, catalog: &Catalog, schedule: &'a Schedule, fault: &'a str) -> Self {
        Self { fault: Some(fault), ..Self::of(&context.config, catalog, schedule) }
    }

    fn of(config: &'a EngineConfig, catalog: &Catalog, schedule: &'a Schedule) -> Self {
        Self {
            schedule: schedule.id,
            owner: schedule.definition.owner,
            run: None,
            definition: &schedule.definition,
            ending: None,
            disabled: None,
            came_back: None,
            fault: None,
            public_url: &config.public_url,
            owner_name: catalog.member(schedule.definition.owner.0).map(|owner| owner.name.clone()),
        }
    }

    pub(super) fn words(&self, kind: NoticeKind, now: Timestamp) -> Words {
        let name = one_line(&self.definition.name);
        let quoted = format!("\u{201c}{name}\u{201d}");
        let (subject, paragraphs) = match kind {
            NoticeKind::RunFailed => {
                let outcome = self.outcome();
                (format!("Delivery {outcome}: {name}"), self.failure(&quoted, outcome))
            }
            NoticeKind::RunRecovered => (
                format!("Delivery works again: {name}"),
                vec![format!(
                    "The delivery {quoted}, due {}, {}. The one before it had failed; nothing is left to be done.",
                    self.due(),
                    // Whether there was something to send is not told.
                    if self.run.is_some_and(|(_, record)| record.outline.is_some()) { "was checked without trouble" } else { "arrived" }
                )],
            ),
            NoticeKind::ScheduleDisabled => (format!("Switched off: {name}"), self.disabling(&quoted)),
            NoticeKind::ScheduleCanBeEnabled => (
                format!("Can be switched on again: {name}"),
                vec![
                    format!("The delivery {quoted} had been switched off because {}. That is no longer so.", self.cause().0),
                    "It stays off until somebody switches it on: save the schedule once, without a change if none is wanted.".to_owned(),
                ],
            ),
            NoticeKind::ScheduleEnabled => (
                format!("Switched on again: {name}"),
                vec![
                    format!(
                        "The delivery {quoted} had been switched off because {}. It is back, and the delivery is on again.",
                        self.cause().0
                    ),
                    "What was due in between is not made up; nothing is left to be done.".to_owned(),
                ],
            ),
            NoticeKind::OwnerUnreachable => (
                format!("Owner cannot be reached: {name}"),
                vec![format!(
                    "{} owns the delivery {quoted} and could not be mailed about it. Give it to somebody else, or see to the mail.",
                    self.owner_name.as_deref().unwrap_or("Somebody who is no longer a member")
                )],
            ),
            NoticeKind::DestinationGone => (
                format!("Destination is gone: {name}"),
                vec![format!("The webhook of {quoted} answered 410: its address is gone for good. Give it another one, or pause it.")],
            ),
            NoticeKind::DeliveriesHeld => (
                "Deliveries wait: the way out is shut".to_owned(),
                vec![
                    format!(
                        "{quoted} and whatever else leaves the same way waits: {}.",
                        self.ending.and_then(|it| it.reason).unwrap_or("?")
                    ),
                    "It goes as soon as that is put right; nothing has to be sent again by hand. This is said once, not once a delivery."
                        .to_owned(),
                ],
            ),
            NoticeKind::DestinationFailing => (
                format!("Destination keeps failing: {name}"),
                vec![format!(
                    "The last {FAILURES_IN_A_ROW} occurrences of {quoted} delivered nothing. See to its destination, or pause it."
                )],
            ),
            NoticeKind::ScheduleUnplannable => (
                format!("Cannot be planned: {name}"),
                vec![
                    format!("It cannot be told when the delivery {quoted} is due: {}.", self.fault.unwrap_or("its timing cannot be read")),
                    "It does not run until somebody saves it with an expression and a time zone that are valid.".to_owned(),
                ],
            ),
            // Said by whoever caused it (`pressrun_api`, `alarm`), in words of its own.
            NoticeKind::RunsOverdue
            | NoticeKind::RunsSettled
            | NoticeKind::OwnershipOffered
            | NoticeKind::OwnershipDeclined
            | NoticeKind::ScheduleReceived
            | NoticeKind::ScheduleGiven
            | NoticeKind::SubscriptionRequested
            | NoticeKind::Subscribed
            | NoticeKind::SubscriptionConfirmed
            | NoticeKind::SubscriptionDeclined => (name.clone(), Vec::new()),
            NoticeKind::RecipientSuppressed => (format!("A recipient gets nothing more: {name}"), self.suppression(&quoted)),
        };
        let body = self.body(kind, now, &subject).to_string();
        Words { subject, text: paragraphs.join("\n\n"), body }
    }

    fn outcome(&self) -> &'static str {
        match self.ending.map(|ending| ending.status) {
            Some(RunStatus::ErrorDelivered) => "was delivered, but not without errors",
            Some(RunStatus::Killed) => "was stopped",
            _ => "failed",
        }
    }

    fn failure(&self, quoted: &str, outcome: &str) -> Vec<String> {
        let mut lines = vec![format!("The delivery {quoted}, due {}, {outcome}.", self.due())];
        lines.extend(self.why());
        if self.ending.and_then(|ending| ending.reason).is_some_and(|reason| reason.starts_with(GONE)) {
            lines.push("The answer 410 says that the address is gone for good: give the schedule another one, or pause it.".to_owned());
        }
        lines.push("The schedule stays active and runs again at its next instant.".to_owned());
        lines
    }

    /// Reason, error and failed tiles of the run.
    fn why(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.ending.and_then(|ending| ending.reason).map(|reason| format!("Reason: {reason}")).into_iter().collect();
        let Some((_, record)) = self.run else { return lines };
        lines.extend(record.error.clone());
        let failed = record.tiles.iter().filter_map(|tile| Some(format!("Tile \u{201c}{}\u{201d}: {}", tile.title, tile.error.as_ref()?)));
        let mut tiles: Vec<String> = Vec::new();
        for line in failed {
            // One audience after the other fails in the same words.
            if !tiles.contains(&line) {
                tiles.push(line);
            }
        }
        let left_out = tiles.len().saturating_sub(TILES_LISTED);
        tiles.truncate(TILES_LISTED);
        lines.extend(tiles);
        if left_out > 0 {
            lines.push(format!("and {left_out} more."));
        }
        lines
    }

    fn disabling(&self, quoted: &str) -> Vec<String> {
        let (because, remedy) = self.cause();
        let mut lines = vec![format!("The delivery {quoted} was switched off, because {because}. Nothing was sent, and nothing will be.")];
        if self.run.is_some() {
            lines.push(format!("It was due {}.", self.due()));
        }
        lines.push(match self.disabled {
            Some(reason) if !reason.ends_by_itself() => format!("To switch it on again, {remedy}, and save the schedule."),
            Some(_) | None => format!("To switch it on again, {remedy}. When it is back, the delivery is switched on by itself."),
        });
        lines
    }

    fn suppression(&self, quoted: &str) -> Vec<String> {
        let Some((email, report)) = self.came_back else { return Vec::new() };
        let why = match report.kind {
            BounceKind::Complaint => format!("{email} called mail of the delivery {quoted} unwanted."),
            BounceKind::Permanent | BounceKind::Transient => {
                format!("Mail of the delivery {quoted} to {email} came back: {}", report.words)
            }
        };
        let remedy =
            "The address gets no more mail from here. Correct it, or take it off the list; an administrator can let it get mail again.";
        vec![why, remedy.to_owned()]
    }

    /// Why it was switched off, and what ends that.
    fn cause(&self) -> (&'static str, &'static str) {
        match self.disabled {
            Some(SystemDisabledReason::MissingQuery) | None => (
                "its dashboard, its tile or the query that it watches no longer exists",
                "bring that back, or choose another tile or query and save the schedule",
            ),
            Some(SystemDisabledReason::NoAccess) => {
                ("its owner may no longer see the dashboard", "give the owner access, or give the schedule to somebody who has it")
            }
            Some(SystemDisabledReason::OrphanedFilterConfigKeys) => (
                "it sets a filter that the dashboard no longer has, and without that filter it would send other data than was asked for",
                "take that filter out of the schedule, or bring it back to the dashboard",
            ),
        }
    }

    /// The occurrence in the schedule's own zone.
    fn due(&self) -> String {
        let Some((run, _)) = self.run else { return String::new() };
        let zone = TimeZone::get(&self.definition.timezone).unwrap_or(TimeZone::UTC);
        run.scheduled_for.to_zoned_datetime(zone).strftime("%A, %-d %B %Y, %H:%M %Z").to_string()
    }

    fn body(&self, kind: NoticeKind, now: Timestamp, summary: &str) -> Value {
        let definition = self.definition;
        let run = self.run.map(|(run, record)| {
            json!({
                "id": run.id.to_string(),
                "kind": run.kind.as_str(),
                "scheduledFor": run.scheduled_for.to_string(),
                // A run that waits has none yet.
                "status": self.ending.filter(|_| kind != NoticeKind::DeliveriesHeld).map(|ending| ending.status.as_str()),
                "reason": self.ending.and_then(|ending| ending.reason),
                "error": record.error,
                "url": format!("{}/runs/{}", self.public_url, run.id),
            })
        });
        json!({
            "event": kind.as_str(),
            "at": now.to_string(),
            "summary": summary,
            "schedule": {
                "id": self.schedule.to_string(),
                "name": definition.name,
                "dashboard": definition.identifier.as_str(),
                "destination": definition.destination.kind().as_str(),
                "fault": self.fault,
                "systemDisabledReason": self.disabled.map(SystemDisabledReason::as_str),
                "url": format!("{}/schedules/{}", self.public_url, self.schedule),
            },
            "owner": { "id": self.owner.to_string(), "name": self.owner_name },
            "run": run,
            "recipient": self.came_back.map(|(email, report)| {
                json!({ "email": email, "kind": report.kind.as_str(), "status": report.status, "words": report.words })
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m10_of_a_run_that_cannot_be_read_is_said_what_is_certain() {
        let unread_run = UnreadRun {
            run: pressrun_domain::id::RunId::generate(),
            schedule: ScheduleId::generate(),
            owner: MembershipId(uuid::Uuid::nil()),
            name: "Weekly\nSales".to_owned(),
            fault: "the stored secrets cannot be read".to_owned(),
        };
        let config = EngineConfig::new("https://reports.example");
        let Words { subject, text, body } = unread(&config, &unread_run, None, Timestamp::UNIX_EPOCH);
        assert_eq!(subject, "Delivery failed: Weekly Sales");
        assert!(text.contains("cannot be read: the stored secrets cannot be read.") && text.contains("/runs/"), "{text}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((body["event"].as_str(), body["run"]["status"].as_str()), (Some("run.failed"), Some("ERROR")));
        let nameless = UnreadRun { name: String::new(), ..unread_run };
        assert_eq!(unread(&config, &nameless, None, Timestamp::UNIX_EPOCH).subject, "Delivery failed: a delivery");
    }
}
