//! The words around an artifact: subject, text and HTML of a mail, or the text of a message.

use jiff::tz::TimeZone;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::destination::Destination;
use pressrun_domain::naming::{Variables, fill};
use pressrun_domain::run::{ConditionRecord, Run, TileRecord};
use pressrun_domain::text::{grouped, one_line};

/// Variables of a run's templates (D9).
#[must_use]
pub(super) fn variables<'a>(run: &'a Run, zone: &'a TimeZone, entity: &'a str) -> Variables<'a> {
    Variables {
        at: run.scheduled_for,
        zone,
        zone_name: &run.definition.timezone,
        entity,
        format: run.definition.format.as_str(),
        schedule: &run.definition.name,
    }
}

/// Subject and text as the author wrote them, templates filled in. Data never appears in a subject (A21).
#[must_use]
pub(super) fn subject_and_text(destination: &Destination, variables: &Variables<'_>) -> (String, String) {
    let (subject, text) = match destination {
        Destination::Email(email) => (email.subject.as_str(), email.text_body.as_deref()),
        Destination::Slack(slack) => ("", slack.text_body.as_deref()),
        Destination::Sftp(_) | Destination::Webhook(_) | Destination::S3(_) => ("", None),
    };
    (one_line(&fill(subject, variables)), text.map(|text| fill(text, variables)).unwrap_or_default())
}

/// What a reader must know beyond the data: why the alert fired (A21), why there is nothing to see (P1; `missing` are the labels of
/// attributes for which the reader has no value), what failed (S2), what was cut (R11).
#[must_use]
pub(super) fn notes(condition: Option<(&ConditionRecord, ConditionKind, &str)>, missing: &[&str], tiles: &[&TileRecord]) -> Vec<String> {
    let missing = missing
        .iter()
        .map(|label| format!("You have no value for \u{201c}{label}\u{201d}: what depends on it is empty. Ask the sender to set one."));
    let alert = condition.map(|(record, kind, title)| alert_line(record, kind, title));
    let tiles = tiles.iter().filter_map(|tile| match (&tile.error, tile.truncated) {
        (Some(_), _) => Some(format!("\u{201c}{}\u{201d} could not be computed; its place shows why.", tile.title)),
        (None, true) => Some(format!("\u{201c}{}\u{201d} shows the first {} rows; there are more.", tile.title, grouped(tile.rows))),
        (None, false) => None,
    });
    alert.into_iter().chain(missing).chain(tiles).collect()
}

fn alert_line(record: &ConditionRecord, kind: ConditionKind, title: &str) -> String {
    let rows = |count: u64| if count == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(count)) };
    match kind {
        ConditionKind::ResultsPresent => format!("Alert: \u{201c}{title}\u{201d} has {}.", rows(record.rows)),
        ConditionKind::ResultsMissing => format!("Alert: \u{201c}{title}\u{201d} has no rows."),
        ConditionKind::ResultsUnchanged => format!("Alert: \u{201c}{title}\u{201d} has not changed."),
        ConditionKind::ResultsChanged => match (record.added, record.removed) {
            (Some(added), Some(removed)) => {
                format!("Alert: \u{201c}{title}\u{201d} has changed: {} added, {} removed.", rows(added), rows(removed))
            }
            _ => format!("Alert: \u{201c}{title}\u{201d} has changed."),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pressrun_domain::condition::Judgement;

    #[test]
    fn a21_an_alert_says_which_query_and_what_changed() {
        let record = ConditionRecord {
            audience: "owner".into(),
            tile: "1".into(),
            rows: 1234,
            judgement: Judgement::Met,
            added: Some(1),
            removed: Some(0),
            kind: None,
            fingerprint: None,
            baseline: None,
        };
        for (kind, expected) in [
            (ConditionKind::ResultsPresent, "Alert: “Refunds” has 1,234 rows."),
            (ConditionKind::ResultsChanged, "Alert: “Refunds” has changed: 1 row added, 0 rows removed."),
        ] {
            assert_eq!(notes(Some((&record, kind, "Refunds")), &[], &[]), [expected]);
        }
    }
}
