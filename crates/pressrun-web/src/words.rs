//! Instants, states and reasons in words.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_api::Doers;
use pressrun_cron::CronExpression;
use pressrun_domain::bounce::{Bounce, BounceKind};
use pressrun_domain::condition::{ConditionKind, Judgement};
use pressrun_domain::delivery::{DeliveryState, Outcome, Tally};
use pressrun_domain::run::{Run, RunKind, RunState, RunStatus, SkipReason};
use pressrun_domain::schedule::{LastRun, Schedule, SystemDisabledReason};
use pressrun_domain::text::grouped;
use pressrun_store::ListRow;

/// A short word on a coloured ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chip {
    /// The word.
    pub(crate) text: &'static str,
    /// Class of its colour: `good`, `bad`, `warn`, `calm` or `busy`.
    pub(crate) tone: &'static str,
}

const fn chip(text: &'static str, tone: &'static str) -> Chip {
    Chip { text, tone }
}

/// An instant, for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    /// In a zone, with its abbreviation.
    pub(crate) text: String,
    /// RFC 3339, in UTC.
    pub(crate) iso: String,
    /// Seen from now: `in 3 h`, `2 days ago`.
    pub(crate) relative: String,
}

/// The zone of this IANA name; UTC for an unknown one.
pub(crate) fn zone(name: &str) -> TimeZone {
    pressrun_cron::zone(name).unwrap_or(TimeZone::UTC)
}

/// `at` in `zone`, to the minute.
pub(crate) fn when(at: Timestamp, zone: &TimeZone, now: Timestamp) -> When {
    written(at, zone, now, "%a %-d %b %Y, %H:%M %Z")
}

/// `at` in `zone`, to the second.
pub(crate) fn when_exactly(at: Timestamp, zone: &TimeZone, now: Timestamp) -> When {
    written(at, zone, now, "%-d %b %Y, %H:%M:%S %Z")
}

fn written(at: Timestamp, zone: &TimeZone, now: Timestamp, pattern: &str) -> When {
    When { text: at.to_zoned_datetime(zone.clone()).strftime(pattern).to_string(), iso: at.to_string(), relative: relative(at, now) }
}

/// `at` seen from `now`, in one unit.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    let away = at.as_second().saturating_sub(now.as_second());
    let seconds = away.unsigned_abs();
    if seconds < 60 {
        return if away > 0 { "in less than a minute".to_owned() } else { "just now".to_owned() };
    }
    let (count, unit) = match seconds {
        ..3_600 => (seconds / 60, "min"),
        3_600..172_800 => (seconds / 3_600, "h"),
        172_800..5_184_000 => (seconds / 86_400, "days"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "months"),
        _ => (seconds / 31_536_000, "years"),
    };
    if away > 0 { format!("in {count} {unit}") } else { format!("{count} {unit} ago") }
}

/// A length of time: `340 ms`, `4.2 s`, `3 min 5 s`.
pub(crate) fn length(length: SignedDuration) -> String {
    let ms = length.as_millis().max(0);
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// Milliseconds as a length of time.
pub(crate) fn milliseconds(ms: u64) -> String {
    length(SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)))
}

/// A size: `812 bytes`, `1.4 MB`.
pub(crate) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// A count with its noun: `1 row`, `1,204 rows`.
pub(crate) fn count(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Whether a schedule's occurrences become runs.
pub(crate) fn activity(schedule: &Schedule) -> Chip {
    activity_of(schedule.system_disabled.is_some(), schedule.disabled_at.is_some(), schedule.next_at.is_some(), || {
        unplannable(&schedule.definition.cron, &schedule.definition.timezone).is_some()
    })
}

/// The same of a row of the list.
pub(crate) fn activity_of_row(row: &ListRow) -> Chip {
    if row.definition.is_err() {
        return chip("Cannot be read", "bad");
    }
    activity_of(row.system_disabled.is_some(), row.disabled_at.is_some(), row.next_at.is_some(), || {
        unplannable(row.cron(), row.timezone()).is_some()
    })
}

fn activity_of(switched_off: bool, paused: bool, comes: bool, unplannable: impl Fn() -> bool) -> Chip {
    if switched_off {
        chip("Switched off", "bad")
    } else if paused {
        chip("Paused", "warn")
    } else if comes {
        chip("Active", "calm")
    } else if unplannable() {
        chip("Cannot be planned", "bad")
    } else {
        chip("Over", "warn")
    }
}

/// Why nobody can tell when a schedule is due; `None` when it can be told (M10).
pub(crate) fn unplannable(cron: &str, timezone: &str) -> Option<String> {
    let fault = cron.parse::<CronExpression>().err().map(|fault| fault.to_string());
    fault.or_else(|| pressrun_cron::zone(timezone).err().map(|fault| fault.to_string()))
}

/// Why Pressrun switched a schedule off.
pub(crate) fn disabled_reason(reason: SystemDisabledReason) -> &'static str {
    match reason {
        SystemDisabledReason::MissingQuery => "the delivered tile, the watched query or the dashboard is gone",
        SystemDisabledReason::NoAccess => "the owner may no longer see the dashboard",
        SystemDisabledReason::OrphanedFilterConfigKeys => "it sets a filter that the dashboard no longer has",
    }
}

/// How a run ended.
pub(crate) fn status(status: RunStatus) -> Chip {
    match status {
        RunStatus::Complete => chip("Sent", "good"),
        RunStatus::Error => chip("Failed", "bad"),
        RunStatus::ErrorDelivered => chip("Sent in part", "warn"),
        RunStatus::Killed => chip("Stopped", "bad"),
        RunStatus::ConditionUnmet => chip("Nothing to say", "calm"),
    }
}

/// How the last run of a schedule ended, as far as its reader may know.
pub(crate) fn last_status(last: &LastRun) -> Chip {
    if last.untold.is_some() { told(last.status) } else { status(last.status) }
}

/// The same of a run whose condition was judged by rows that are not the reader's to see.
fn told(ended: RunStatus) -> Chip {
    match ended {
        RunStatus::Complete | RunStatus::ConditionUnmet => chip("Checked", "calm"),
        RunStatus::Error | RunStatus::ErrorDelivered | RunStatus::Killed => status(ended),
    }
}

/// Where a run stands.
pub(crate) fn state(run: &Run) -> Chip {
    match &run.state {
        RunState::Queued { .. } => chip("Waiting", "busy"),
        RunState::Running { .. } => chip("Running", "busy"),
        RunState::Skipped { .. } => chip("Skipped", "warn"),
        RunState::Ended { status: ended, .. } if run.record.outline.is_some() => told(*ended),
        RunState::Ended { status: ended, .. } => status(*ended),
    }
}

/// Where a delivery stands.
pub(crate) fn delivery(state: &DeliveryState) -> Chip {
    match state {
        DeliveryState::Pending { .. } => chip("Waiting", "busy"),
        DeliveryState::Accepted { .. } => chip("Accepted", "good"),
        DeliveryState::Failed { .. } => chip("Failed", "bad"),
        DeliveryState::Skipped { .. } => chip("Skipped", "warn"),
    }
}

/// What came back of a mail that had been accepted.
pub(crate) fn came_back(kind: BounceKind) -> Chip {
    match kind {
        BounceKind::Permanent => chip("Came back", "bad"),
        BounceKind::Transient => chip("Delayed", "warn"),
        BounceKind::Complaint => chip("Unwanted", "bad"),
    }
}

/// When it came back, and with which words.
pub(crate) fn came_back_with(bounce: &Bounce, zone: &TimeZone, now: Timestamp) -> String {
    let at = when_exactly(bounce.at, zone, now).text;
    match bounce.report.kind {
        BounceKind::Complaint => format!("{at}: its reader called it unwanted and gets nothing more"),
        BounceKind::Permanent => format!("{at}: {}; the address gets nothing more", bounce.report.words),
        BounceKind::Transient => format!("{at}: {}", bounce.report.words),
    }
}

/// How many pieces were accepted, of how many: `2 of 3 deliveries accepted`; nothing for none.
pub(crate) fn accepted(tally: &Tally) -> String {
    match tally.all() {
        0 => String::new(),
        1 if tally.accepted == 1 => "1 delivery, accepted".to_owned(),
        1 => "1 delivery, not accepted".to_owned(),
        total => format!("{} of {} deliveries accepted", grouped(tally.accepted), grouped(total)),
    }
}

/// Why a run exists, and who started it.
pub(crate) fn kind_by(kind: RunKind, doers: &Doers) -> String {
    match &doers.started {
        Some(doer) => format!("{} by {}", self::kind(kind).trim_end_matches(" by hand"), doer.name),
        None => self::kind(kind).to_owned(),
    }
}

/// Why a run exists.
pub(crate) fn kind(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Scheduled => "Scheduled",
        RunKind::Manual => "Run by hand",
        RunKind::Test => "Test",
        RunKind::Resend => "Sent again",
    }
}

/// Why an occurrence did or did not send, in a sentence (S12), for somebody who may not know who did it.
pub(crate) fn why(run: &Run, zone: &TimeZone, now: Timestamp) -> String {
    why_by(run, &Doers::default(), zone, now)
}

/// The same, with the names of those who stopped it.
pub(crate) fn why_by(run: &Run, doers: &Doers, zone: &TimeZone, now: Timestamp) -> String {
    why_in_all(run, doers, None, zone, now)
}

/// The same, where it is known how its pieces stand.
pub(crate) fn why_in_all(run: &Run, doers: &Doers, tally: Option<&Tally>, zone: &TimeZone, now: Timestamp) -> String {
    match &run.state {
        RunState::Queued { available_at } if *available_at > now => {
            let because = run.progress.waits_for.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("Waits for its next attempt at {}{because}.", when_exactly(*available_at, zone, now).text)
        }
        RunState::Queued { .. } => "Waits for a free worker.".to_owned(),
        RunState::Running { .. } => "Is under way.".to_owned(),
        RunState::Skipped { reason: SkipReason::Missed } => with_detail("Not sent: the server was not running at this time", run),
        RunState::Skipped { reason: SkipReason::Overlap } => with_detail("Not sent: the run before was still under way", run),
        RunState::Ended { status, reason, .. } => ended(*status, reason.as_deref(), run, doers, tally),
    }
}

fn ended(status: RunStatus, reason: Option<&str>, run: &Run, doers: &Doers, tally: Option<&Tally>) -> String {
    let said = reason.map(|reason| match (reason, &doers.stopped, &doers.deleted) {
        ("cancelled", Some(doer), _) => format!("{} stopped it", doer.name),
        ("deleted", _, Some(doer)) => format!("{} deleted its schedule", doer.name),
        _ => self::reason(reason),
    });
    let because = match (said, &run.record.error) {
        (Some(said), Some(error)) if !error.contains(&said) => format!("{said} ({error})"),
        (_, Some(error)) => error.clone(),
        (Some(said), None) => said,
        (None, None) => "no reason was recorded".to_owned(),
    };
    match status {
        RunStatus::Complete | RunStatus::ConditionUnmet if run.record.outline.is_some() => {
            "Checked. Whether the condition held, and what came of it, is told only to those who may see the rows.".to_owned()
        }
        RunStatus::Complete if run.definition.condition.is_some() => "The condition held, and everybody accepted it.".to_owned(),
        RunStatus::Complete => "Everybody accepted it.".to_owned(),
        RunStatus::ErrorDelivered => match &run.record.error {
            Some(_) => format!("Sent, but not all of it: {because}."),
            None => "Sent, but not all of it: see the run.".to_owned(),
        },
        RunStatus::Error => format!("Not sent: {because}."),
        RunStatus::Killed => match tally.map(|tally| tally.accepted) {
            None => format!("It was stopped: {because}."),
            Some(0) => format!("Not sent: it was stopped, {because}."),
            Some(_) => format!("Not sent to everybody: it was stopped, {because}."),
        },
        RunStatus::ConditionUnmet => unmet(run, reason),
    }
}

fn unmet(run: &Run, reason: Option<&str>) -> String {
    let remembered = run.record.conditions.iter().any(|judged| judged.judgement == Judgement::BaselineRecorded);
    if remembered || reason == Some("baselineRecorded") {
        return "Not sent: the first result was remembered, to compare the next one with.".to_owned();
    }
    let Some(condition) = &run.definition.condition else {
        return "Not sent: the condition did not hold.".to_owned();
    };
    let why = match condition.kind {
        ConditionKind::ResultsPresent => "there were no results",
        ConditionKind::ResultsMissing => "there were results",
        ConditionKind::ResultsChanged => "the results had not changed",
        ConditionKind::ResultsUnchanged => "the results had changed",
    };
    format!("Not sent: {why}.")
}

fn with_detail(text: &str, run: &Run) -> String {
    match run.record.timeline.first().and_then(|entry| entry.detail.as_deref()) {
        Some(detail) => format!("{text}. {detail}"),
        None => format!("{text}."),
    }
}

/// A named reason in words; an unknown one is its own words.
pub(crate) fn reason(reason: &str) -> String {
    match reason {
        pressrun_domain::access::shown::WITHHELD => "its owner can see why",
        pressrun_domain::outline::UNTOLD => "an administrator can see why",
        "noRecipients" => "nobody was left to send it to",
        "noData" => "the dashboard has no tile with data for this format",
        "noAccess" => "no right to see the dashboard",
        "deactivated" => "the account is deactivated",
        "unknownMember" | "unknownUser" => "nobody is known by this address any more",
        "suppressed" => "earlier mail to this address came back",
        "withoutValues" => "no value for what the content asks for",
        "notConfirmed" => "they are on the list for their own rows, and nobody who manages this said that they may have its owner's",
        "copyOfPersonal" => "personal copies have no Cc and Bcc",
        "domainNotAllowed" => "addresses of this domain may not receive mail",
        "notConfigured" => "the server is not set up for it",
        "everyQueryFailed" => "every query failed",
        "queryFailed" => "a query failed",
        "conditionQueryFailed" => "the watched query failed",
        "cancelled" => "somebody stopped it",
        "deleted" => "its schedule was deleted",
        "missingQuery" => "the tile or the watched query is gone",
        "missingConnection" => "the connection is not in the catalog",
        "orphanedFilterConfigKeys" => "it sets a filter that the dashboard no longer has",
        "renderFailed" => "the file could not be made",
        "rowsUnreadable" | "writeFailed" => "the spool folder could not be read or written",
        "diskFull" => "the disk was full",
        "killed: deadline" => "it took too long",
        "tooLate" => "it would have come too late",
        "workerDied" => "the server died over it again and again",
        "killed: memory" => "it needed more memory than it may",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// A warning of a run's record in words; `title` names a tile by its key. An unknown one is its own words.
pub(crate) fn warning(warning: &str, title: impl Fn(&str) -> String) -> String {
    let tile = |rest: &str| rest.strip_prefix("tile ").map_or_else(|| rest.to_owned(), |key| format!("“{}”", title(key)));
    let (kind, rest) = warning.split_once(": ").unwrap_or((warning, ""));
    // `name (reason)`: the reason may be one of ours.
    let left_out = || match rest.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) {
        Some((who, why)) => format!("{who}: {}", reason(why)),
        None => rest.to_owned(),
    };
    match kind {
        "truncated" => match rest.rsplit_once(" at ") {
            Some((of, rows)) => format!("{} was cut at {rows}.", tile(of)),
            None => rest.to_owned(),
        },
        "unfiltered" => match rest.split_once(" does not use filter ") {
            Some((of, filter)) => format!("{} does not use the filter “{filter}”.", tile(of)),
            None => rest.to_owned(),
        },
        "render" => rest.to_owned(),
        "recipientSkipped" => format!("Left out {}.", left_out()),
        "audienceFailed" => format!("One audience got nothing: {}.", left_out()),
        "withoutValues" => format!("{rest}."),
        "noPreview" => format!("The mail has no picture: {rest}."),
        "ownerNotNotified" if rest.is_empty() => "The owner could not be told.".to_owned(),
        "ownerNotNotified" => format!("The owner could not be told: {rest}."),
        "attachmentTooLarge" => "The file was too large for a mail; the mail says so and links to the dashboard.".to_owned(),
        "watchedResultTruncated" => "The watched result was cut at its limit; the condition was judged on what was read.".to_owned(),
        _ => warning.to_owned(),
    }
}

/// What has to hold for an alert to be sent.
pub(crate) fn condition(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::ResultsPresent => "when there are results",
        ConditionKind::ResultsMissing => "when there are no results",
        ConditionKind::ResultsChanged => "when the results have changed",
        ConditionKind::ResultsUnchanged => "when the results have not changed",
    }
}

/// What a judgement says.
pub(crate) fn judgement(judgement: Judgement) -> Chip {
    match judgement {
        Judgement::Met => chip("Held", "good"),
        Judgement::Unmet => chip("Did not hold", "calm"),
        Judgement::BaselineRecorded => chip("First result remembered", "calm"),
    }
}

/// A daylight-saving note of an occurrence (T9).
pub(crate) fn dst(note: &str) -> &'static str {
    match note {
        "dst_gap" => "The clock went forward over this time; the instant is the end of the gap.",
        "dst_fold" => "The clock went back; this time happened twice.",
        _ => "",
    }
}

/// What one attempt came to.
pub(crate) fn outcome(outcome: Option<&Outcome>, zone: &TimeZone, now: Timestamp) -> (Chip, String) {
    match outcome {
        None => (chip("No answer", "busy"), "Under way, or the server stopped in the middle of it.".to_owned()),
        Some(Outcome::Accepted { receipt }) => (chip("Accepted", "good"), receipt.clone()),
        Some(Outcome::Retry { reason, not_before: None }) => (chip("Try again", "warn"), reason.clone()),
        Some(Outcome::Retry { reason, not_before: Some(at) }) => {
            (chip("Try again", "warn"), format!("{reason} (asked to wait until {})", when_exactly(*at, zone, now).text))
        }
        Some(Outcome::Rejected { reason }) => (chip("Rejected", "bad"), reason.clone()),
        Some(Outcome::Held { reason, not_before, .. }) => {
            (chip("Held", "warn"), format!("{reason} (looked at again {})", when_exactly(*not_before, zone, now).text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_in_their_zone_and_from_now() {
        let at: Timestamp = "2026-03-09T13:00:00Z".parse().expect("an instant");
        let now: Timestamp = "2026-03-09T10:30:00Z".parse().expect("an instant");
        let told = when(at, &zone("America/New_York"), now);
        assert_eq!((told.text.as_str(), told.relative.as_str()), ("Mon 9 Mar 2026, 09:00 EDT", "in 2 h"));
        assert_eq!(when(at, &zone("no such zone"), now).text, "Mon 9 Mar 2026, 13:00 UTC");
        for (seconds, expected) in
            [(0, "just now"), (30, "in less than a minute"), (-90, "1 min ago"), (200_000, "in 2 days"), (-40_000_000, "15 months ago")]
        {
            assert_eq!(relative(now + SignedDuration::from_secs(seconds), now), expected);
        }
    }

    #[test]
    fn m10_a_schedule_that_never_fires_is_not_called_active() {
        let schedule = |cron: &str, zone: &str, next_at| {
            let mut schedule = Schedule { next_at, ..pressrun_store::sample::schedule("daily") };
            (schedule.definition.cron, schedule.definition.timezone) = (cron.to_owned(), zone.to_owned());
            activity(&schedule).text
        };
        let soon = Some(Timestamp::MAX);
        for (cron, zone, next_at, expected) in [
            ("0 9 ? * * *", "UTC", soon, "Active"),
            ("0 9 1 1 ? 2020", "UTC", None, "Over"),
            ("0 9 ? * * *", "Mars/Olympus", None, "Cannot be planned"),
            ("nine o'clock", "UTC", None, "Cannot be planned"),
        ] {
            assert_eq!(schedule(cron, zone, next_at), expected, "{cron} {zone}");
        }
    }

    #[test]
    fn every_outcome_stands_in_the_list_of_words_with_its_colour() {
        let listed = include_str!("../../../docs/words.md");
        for status in RunStatus::ALL {
            for Chip { text, tone } in [super::status(status), told(status)] {
                let colour = match tone {
                    "good" => "green",
                    "bad" => "red",
                    "warn" => "amber",
                    "busy" => "blue",
                    _ => "grey",
                };
                assert!(listed.contains(&format!("| {text} | {colour} |")), "{text} {colour}");
            }
        }
    }

    #[test]
    fn warnings_are_told_in_words_with_the_titles_of_tiles() {
        let title = |key: &str| format!("Tile {key}");
        for (raw, expected) in [
            ("truncated: tile latest at 1000 rows", "“Tile latest” was cut at 1000 rows."),
            ("unfiltered: tile 1 does not use filter region", "“Tile 1” does not use the filter “region”."),
            ("recipientSkipped: a@b.co (domainNotAllowed)", "Left out a@b.co: addresses of this domain may not receive mail."),
            ("recipientSkipped: odd", "Left out odd."),
            ("ownerNotNotified", "The owner could not be told."),
            ("something: new", "something: new"),
            ("", ""),
        ] {
            assert_eq!(warning(raw, title), expected);
        }
    }

    #[test]
    fn lengths_sizes_and_counts_are_short() {
        for (ms, expected) in [(0, "0 ms"), (999, "999 ms"), (4_250, "4.2 s"), (185_000, "3 min 5 s"), (7_260_000, "2 h 1 min")] {
            assert_eq!(milliseconds(ms), expected);
        }
        for (bytes, expected) in [(1, "1 bytes"), (1_450, "1.4 kB"), (2_000_000, "2.0 MB"), (u64::MAX, "18446744073.7 GB")] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!((count(1, "row"), count(1_234_567, "row")), ("1 row".to_owned(), "1,234,567 rows".to_owned()));
    }
}
