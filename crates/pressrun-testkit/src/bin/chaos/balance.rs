//! What the ledger says beside what arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::faults::Faults;
use crate::site::{Site, name_of};

/// A piece as the ledger has it.
struct Piece {
    schedule: String,
    key: String,
    target: String,
    state: String,
    reason: String,
    attempts: usize,
    accepted: usize,
}

/// The balance.
#[derive(Default)]
pub(crate) struct Balance {
    faults: usize,
    schedules: usize,
    runs: BTreeMap<String, usize>,
    pieces: usize,
    accepted: usize,
    failed: BTreeMap<String, usize>,
    once: usize,
    again: usize,
    attempts: usize,
    notices: usize,
    notices_again: usize,
    /// What breaks the promise, in words.
    broken: Vec<String>,
}

impl Balance {
    pub(crate) async fn of(site: &Site, schedules: usize, faults: &Faults) -> Self {
        let mut balance = Self { faults: faults.count, schedules, ..Self::default() };
        balance.occurrences(site).await;
        balance.deliveries(site).await;
        balance
    }

    pub(crate) fn is_good(&self) -> bool {
        self.broken.is_empty()
    }

    /// Every schedule was due once, and has one occurrence that says how it ended.
    async fn occurrences(&mut self, site: &Site) {
        for row in site.ask("SELECT d.json::jsonb ->> 'name' || '|' || r.state || ' ' || coalesce(r.status, r.skip_reason, '') || coalesce(': ' || r.error, '') FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.kind = 'scheduled' ORDER BY 1").await {
            let (_, end) = row.split_once('|').unwrap();
            *self.runs.entry(end.to_owned()).or_default() += 1;
        }
        let counted = site.ask("SELECT d.json::jsonb ->> 'name' || '|' || count(*) FROM runs r JOIN definitions d ON d.id = r.definition_id WHERE r.kind = 'scheduled' GROUP BY d.json::jsonb ->> 'name'").await;
        let counts: BTreeMap<&str, &str> = counted.iter().filter_map(|row| row.split_once('|')).collect();
        for index in 0..self.schedules {
            let name = name_of(index);
            match counts.get(name.as_str()) {
                Some(&"1") => {}
                Some(count) => self.broken.push(format!("{name} has {count} occurrences")),
                None => self.broken.push(format!("{name} has no occurrence: silent")),
            }
        }
    }

    async fn deliveries(&mut self, site: &Site) {
        let pieces = pieces(site).await;
        let (marks, files) = (site.receivers.marks(), site.receivers.files());
        let notices = notices(site).await;
        self.notices = notices.len();
        for (mark, (attempts, accepted)) in &notices {
            let came = marks.get(mark).copied().unwrap_or_default();
            self.notices_again += usize::from(came > 1);
            if came > *attempts || *accepted > 1 {
                self.broken.push(format!("the notice {mark} came {came} times, by {attempts} attempts of which {accepted} were accepted"));
            }
        }
        let known: BTreeSet<&str> = pieces.iter().map(|piece| piece.key.as_str()).chain(notices.keys().map(String::as_str)).collect();
        for (mark, count) in marks.iter().filter(|(mark, _)| !known.contains(mark.as_str())) {
            self.broken.push(format!("{count} came under the mark {mark:?}, which the ledger does not have"));
        }
        self.pieces = pieces.len();
        for piece in &pieces {
            self.attempts += piece.attempts;
            let came = if piece.target.contains("sftp") {
                files.iter().filter(|file| file.contains(&piece.schedule)).count()
            } else {
                marks.get(&piece.key).copied().unwrap_or_default()
            };
            match came {
                0 => {}
                1 => self.once += 1,
                _ => self.again += 1,
            }
            let of = format!("{} ({})", piece.schedule, piece.key);
            match piece.state.as_str() {
                "accepted" if came == 0 => self.broken.push(format!("{of} was accepted and never came: lost")),
                "accepted" => self.accepted += 1,
                "failed" | "skipped" => *self.failed.entry(piece.reason.clone()).or_default() += 1,
                other => self.broken.push(format!("{of} is {other}: owed")),
            }
            if piece.accepted > 1 {
                self.broken.push(format!("{of} was sent again although it had been accepted"));
            }
            if came > piece.attempts {
                self.broken.push(format!("{of} came {came} times, and the ledger knows of {} attempts", piece.attempts));
            }
        }
    }
}

/// What people were told of failures, by its mark: attempts, and how many of them were accepted.
async fn notices(site: &Site) -> BTreeMap<String, (usize, usize)> {
    let rows = site.ask("SELECT 'pressrun-' || id || '|' || attempts FROM notices").await;
    let notice = |row: &String| {
        let (mark, attempts) = row.split_once('|').unwrap();
        let attempts: Vec<serde_json::Value> = serde_json::from_str(attempts).unwrap();
        let accepted = attempts.iter().filter(|attempt| attempt.to_string().to_lowercase().contains("accepted")).count();
        (mark.to_owned(), (attempts.len(), accepted))
    };
    rows.iter().map(notice).collect()
}

async fn pieces(site: &Site) -> Vec<Piece> {
    let rows = site
        .ask(
            "SELECT json_build_array(f.json::jsonb ->> 'name', d.idempotency_key, d.target, d.state, d.reason,
                 (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id),
                 (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id AND a.outcome ILIKE '%accepted%'))
             FROM deliveries d JOIN runs r ON r.id = d.run_id JOIN definitions f ON f.id = r.definition_id",
        )
        .await;
    let piece = |row: &String| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let text = |at: usize| row[at].as_str().unwrap_or_default().to_owned();
        let count = |at: usize| usize::try_from(row[at].as_u64().unwrap_or_default()).unwrap();
        Piece { schedule: text(0), key: text(1), target: text(2), state: text(3), reason: text(4), attempts: count(5), accepted: count(6) }
    };
    rows.iter().map(piece).collect()
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:>8}  schedules, each due once; {} faults", self.schedules, self.faults)?;
        for (end, count) in &self.runs {
            writeln!(f, "{count:>8}  occurrences: {end}")?;
        }
        writeln!(f, "{:>8}  pieces promised, in {} attempts", self.pieces, self.attempts)?;
        writeln!(f, "{:>8}  accepted", self.accepted)?;
        for (reason, count) in &self.failed {
            writeln!(f, "{count:>8}  not delivered: {reason}")?;
        }
        writeln!(
            f,
            "{:>8}  came once, {} more often under their mark, requests that a receiver refused or left unanswered among them",
            self.once, self.again
        )?;
        writeln!(f, "{:>8}  notices of failures, {} of them more than once under their mark", self.notices, self.notices_again)?;
        writeln!(f, "{:>8}  lost, silent, owed, or repeated where the ledger says otherwise", self.broken.len())?;
        self.broken.iter().take(20).try_for_each(|broken| writeln!(f, "          {broken}"))
    }
}
