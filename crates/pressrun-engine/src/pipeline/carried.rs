//! What pieces carry, read from the spool once for all of a page that carry the same; the bytes are equal on every attempt (I6).

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use futures::{FutureExt as _, StreamExt as _, stream};
use pressrun_deliver::{Parcel, ParcelFile};
use pressrun_domain::delivery::{Delivery, Outcome};
use pressrun_domain::mail::MailWords;
use pressrun_domain::run::Run;

use crate::artifacts::ArtifactStore;
use crate::spool::off_thread;

/// Artifacts that are looked for at once: each may have to be fetched from far away.
const AT_ONCE: usize = 16;

/// Files and words by hash.
pub(super) struct Carried {
    files: HashMap<String, Result<PathBuf, Unsendable>>,
    words: HashMap<String, Result<MailWords, Unsendable>>,
}

/// Why a piece cannot be put together.
#[derive(Debug, Clone)]
pub(super) enum Unsendable {
    /// What it carries cannot be had now, and may be later: such as when it was put back from a backup, or the artifact store answers again.
    Now(String),
    /// It never can.
    ForGood(String),
}

impl From<Unsendable> for Outcome {
    fn from(why: Unsendable) -> Self {
        match why {
            Unsendable::Now(reason) => Self::Retry { reason, not_before: None },
            Unsendable::ForGood(reason) => Self::Rejected { reason },
        }
    }
}

impl Carried {
    /// Finds what `pieces` carry.
    pub(super) async fn by(pieces: &[Delivery], artifacts: &dyn ArtifactStore) -> Self {
        let hashes = |of: fn(&Delivery) -> Option<&String>| pieces.iter().filter_map(of).cloned().collect::<BTreeSet<String>>();
        let pictures = hashes(|piece| piece.message.inline_png.as_ref()).into_iter().map(|sha256| (sha256, "picture"));
        let made = hashes(|piece| piece.artifact.as_ref().map(|file| &file.sha256)).into_iter().map(|sha256| (sha256, "artifact"));
        let files: Vec<_> = pictures.chain(made).map(|(sha256, what)| file(artifacts, sha256, what).boxed()).collect();
        let words = hashes(|piece| piece.message.words_artifact.as_ref());
        let words: Vec<_> = words.into_iter().map(|sha256| mail_words(artifacts, sha256).boxed()).collect();
        let files = stream::iter(files).buffered(AT_ONCE).collect().await;
        let words = stream::iter(words).buffered(AT_ONCE).collect().await;
        Self { files, words }
    }

    /// Puts a piece together.
    pub(super) fn parcel(&self, run: &Run, delivery: &Delivery) -> Result<Parcel, Unsendable> {
        let find = |sha256: &String, what| self.files.get(sha256).cloned().unwrap_or_else(|| Err(lost(what)));
        let mut message = delivery.message.clone();
        if let Some(sha256) = &message.words_artifact {
            message.words = Some(self.words.get(sha256).cloned().unwrap_or_else(|| Err(lost("mail's text")))?);
        }
        let inline_png = message.inline_png.as_ref().map(|sha256| find(sha256, "picture")).transpose()?;
        let artifact = delivery.artifact.as_ref().map(|artifact| {
            Ok::<_, Unsendable>(ParcelFile {
                path: find(&artifact.sha256, "artifact")?,
                name: artifact.name.clone(),
                media_type: artifact.media_type.clone(),
                bytes: artifact.bytes,
                sha256: artifact.sha256.clone(),
            })
        });
        Ok(Parcel {
            idempotency_key: delivery.idempotency_key.clone(),
            run_id: run.id,
            delivery_id: delivery.id,
            schedule_id: run.schedule_id,
            schedule_name: run.definition.name.clone(),
            scheduled_for: run.scheduled_for,
            format: run.definition.format,
            target: delivery.target.clone(),
            message,
            trace: None,
            inline_png,
            artifact: artifact.transpose()?,
        })
    }
}

/// Where the bytes are on this machine.
async fn found(artifacts: &dyn ArtifactStore, sha256: &str, what: &str) -> Result<PathBuf, Unsendable> {
    match artifacts.open(sha256).await {
        Ok(Some(path)) => Ok(path),
        Ok(None) => Err(lost(what)),
        Err(error) => Err(Unsendable::Now(format!("the {what} cannot be had now: {error}"))),
    }
}

fn lost(what: &str) -> Unsendable {
    Unsendable::Now(format!("the {what} is not where artifacts are kept; trigger the schedule to make it anew"))
}

async fn file(artifacts: &dyn ArtifactStore, sha256: String, what: &'static str) -> (String, Result<PathBuf, Unsendable>) {
    let path = found(artifacts, &sha256, what).await;
    (sha256, path)
}

async fn mail_words(artifacts: &dyn ArtifactStore, sha256: String) -> (String, Result<MailWords, Unsendable>) {
    let words = match found(artifacts, &sha256, "mail's text").await {
        Ok(path) => read_words(path).await,
        Err(why) => Err(why),
    };
    (sha256, words)
}

/// The words of a mail as the renderer made them, off the threads that send.
async fn read_words(path: PathBuf) -> Result<MailWords, Unsendable> {
    let json = off_thread(move || std::fs::read(path)).await;
    let json = json.map_err(|error| Unsendable::Now(format!("the mail's text cannot be read now: {error}")))?;
    let other = "the mail's text was made by another version of Pressrun; trigger the schedule to make it anew";
    serde_json::from_slice(&json).map_err(|_| Unsendable::ForGood(other.to_owned()))
}
