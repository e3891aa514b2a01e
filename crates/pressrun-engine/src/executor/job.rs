//! What crosses the pipe: one JSON document a frame, behind its length in four bytes, big end first.

use std::path::PathBuf;

use pressrun_domain::mail::MailWords;
use pressrun_query::{QueryError, QueryJob, QueryOutcome};
use pressrun_render::email::MailView;
use pressrun_render::html::PageTiles;
use pressrun_render::{RenderError, RenderJob, Rendered, Report, TileView};
use serde::{Deserialize, Serialize};

/// Longest frame: a job or a reply holds names and settings, never rows.
pub(super) const MAX_FRAME_BYTES: u32 = 64 << 20;

/// What the parent sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "message", content = "job", rename_all = "snake_case")]
pub(super) enum Message {
    /// Do this and answer.
    Work(Job),
    /// Nobody waits for the query under way any more: stop it, tell its server, and answer. Without one under way it means nothing.
    Stop,
}

/// What a child is asked to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Job {
    /// Run one query into a file.
    Query(Box<QueryJob>),
    /// Render one artifact into a file.
    Render {
        /// What.
        job: Box<RenderJob>,
        /// Where to.
        out: PathBuf,
    },
    /// Write the words of a mail.
    Mail(Box<MailJob>),
    /// Draw the tiles of a page for a browser.
    Page(Box<Report>),
}

/// The words of a mail.
#[derive(Debug, Serialize, Deserialize)]
pub struct MailJob {
    /// All but the numbers.
    pub view: MailView,
    /// Tiles whose numbers stand in the mail, readable with images off.
    pub kpis: Vec<MailKpi>,
    /// Tiles whose first rows stand in the mail.
    pub tables: Vec<TileView>,
    /// Query zone.
    pub zone: String,
}

/// A tile whose number stands in the mail.
#[derive(Debug, Serialize, Deserialize)]
pub struct MailKpi {
    /// The tile with its rows.
    pub tile: TileView,
}

/// What a child answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    /// What came of the job.
    pub result: JobResult,
    /// Bytes of memory the child holds now; 0 where the system does not say.
    pub resident_bytes: u64,
}

/// What came of a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "result", content = "value", rename_all = "snake_case")]
pub enum JobResult {
    /// The rows are in the file.
    Queried(Result<QueryOutcome, QueryError>),
    /// The artifact is in the file.
    Rendered(Result<Rendered, RenderError>),
    /// The words.
    Mail(MailWords),
    /// The tiles.
    Page(Result<Vec<PageTiles>, RenderError>),
}
