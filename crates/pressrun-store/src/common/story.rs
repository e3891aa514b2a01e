//! What happened to runs, read back from its rows.

use std::collections::HashMap;

use pressrun_domain::audience::OWNERS;
use pressrun_domain::id::RunId;
use pressrun_domain::run::{Run, RunRecord, TimelineEntry};

use super::Backend;
use super::dialect::{DbRow, asked};
use super::row::{Reader, to_json};
use crate::StoreError;

/// Of each run in the list `$1` what a line of a list says: warnings, queries that failed, and one query that ran for somebody else than the
/// owner, which decides what the owner may know of the warnings.
const OUTLINES: &str = concat!(
    "SELECT f.run_id AS id, f.kind, f.content, f.number FROM ",
    asked!("$1"),
    " JOIN run_findings f ON f.run_id = asked.value AND (f.kind = 'warning' OR (f.kind = 'tile' AND f.failed))
     UNION ALL
     SELECT f.run_id, f.kind, f.content, f.number FROM ",
    asked!("$1"),
    " JOIN run_findings f ON f.run_id = asked.value AND f.kind = 'tile' AND f.number = (
         SELECT min(n.number) FROM run_findings n WHERE n.run_id = asked.value AND n.kind = 'tile' AND NOT n.failed AND n.audience <> $2)
     ORDER BY 1, 2, 4"
);

impl Backend {
    /// Adds to a run everything that happened.
    pub(super) async fn tell_all(&self, run: &mut Run) -> Result<(), StoreError> {
        let mut tx = self.snapshot().await?;
        let lines = sqlx::query("SELECT run_id AS id, at, event, detail FROM run_events WHERE run_id = $1 ORDER BY number");
        for row in lines.bind(run.id.to_string()).fetch_all(&mut *tx).await? {
            let reader = Reader::new("run_events", &row);
            run.record.timeline.push(TimelineEntry {
                at: reader.instant("at")?,
                event: reader.get("event")?,
                detail: reader.get("detail")?,
            });
        }
        let findings = sqlx::query("SELECT run_id AS id, kind, content FROM run_findings WHERE run_id = $1 ORDER BY kind, number");
        for row in findings.bind(run.id.to_string()).fetch_all(&mut *tx).await? {
            read_finding(&row, &mut run.record)?;
        }
        Ok(())
    }

    /// Adds to each run what a line of a list says.
    pub(super) async fn tell_outlines(&self, mut runs: Vec<Run>) -> Result<Vec<Run>, StoreError> {
        if runs.is_empty() {
            return Ok(runs);
        }
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        let rows = sqlx::query(OUTLINES).bind(to_json(&ids)?).bind(OWNERS).fetch_all(&self.read).await?;
        let mut places: HashMap<RunId, &mut Run> = runs.iter_mut().map(|run| (run.id, run)).collect();
        for row in &rows {
            if let Some(run) = places.get_mut(&Reader::new("run_findings", row).parsed::<RunId>("id")?) {
                read_finding(row, &mut run.record)?;
            }
        }
        Ok(runs)
    }
}

fn read_finding(row: &DbRow, record: &mut RunRecord) -> Result<(), StoreError> {
    let reader = Reader::new("run_findings", row);
    match reader.get("kind")? {
        "tile" => record.tiles.push(reader.json("content")?),
        "condition" => record.conditions.push(reader.json("content")?),
        "artifact" => record.artifacts.push(reader.json("content")?),
        "warning" => record.warnings.push(reader.json("content")?),
        unknown => return Err(reader.corrupt("kind", format_args!("unknown word `{unknown}`"))),
    }
    Ok(())
}
