//! What pieces carry, read from the spool once for all of a page that carry the same; the bytes are equal on every attempt (I6).

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use pressrun_deliver::{Parcel, ParcelFile};
use pressrun_domain::delivery::Delivery;
use pressrun_domain::mail::MailWords;
use pressrun_domain::run::Run;
use pressrun_store::StoreError;

use crate::spool::{Spool, off_thread};

/// Files and words by hash.
pub(super) struct Carried {
    files: HashMap<String, PathBuf>,
    words: HashMap<String, Result<MailWords, String>>,
}

impl Carried {
    /// Finds what `pieces` carry, off the threads that send.
    pub(super) async fn by(pieces: &[Delivery], spool: &Spool) -> Result<Self, StoreError> {
        let hashes = |of: fn(&Delivery) -> Option<&String>| pieces.iter().filter_map(of).cloned().collect::<BTreeSet<String>>();
        let words = hashes(|piece| piece.message.words_artifact.as_ref());
        let files = &hashes(|piece| piece.message.inline_png.as_ref()) | &hashes(|piece| piece.artifact.as_ref().map(|file| &file.sha256));
        let spool = spool.clone();
        let find = move || {
            let files = files.into_iter().filter_map(|sha256| spool.find(&sha256).map(|path| (sha256, path))).collect();
            let words = words.into_iter().filter_map(|sha256| spool.find(&sha256).map(|path| (sha256, read_words(&path)))).collect();
            Ok(Self { files, words })
        };
        off_thread(find).await.map_err(|error| StoreError::Unavailable(format!("the spool could not be read: {error}")))
    }

    /// Puts a piece together.
    pub(super) fn parcel(&self, run: &Run, delivery: &Delivery) -> Result<Parcel, String> {
        let lost = |what: &str| format!("the {what} is no longer in the spool; trigger the schedule to make it anew");
        let find = |sha256: &String, what| self.files.get(sha256).cloned().ok_or_else(|| lost(what));
        let mut message = delivery.message.clone();
        if let Some(sha256) = &message.words_artifact {
            message.words = Some(self.words.get(sha256).cloned().ok_or_else(|| lost("mail's text"))??);
        }
        let inline_png = message.inline_png.as_ref().map(|sha256| find(sha256, "picture")).transpose()?;
        let artifact = delivery.artifact.as_ref().map(|artifact| {
            Ok::<_, String>(ParcelFile {
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
            inline_png,
            artifact: artifact.transpose()?,
        })
    }
}

/// The words of a mail as the renderer made them.
fn read_words(path: &std::path::Path) -> Result<MailWords, String> {
    let json = std::fs::read(path).map_err(|error| format!("could not read the mail's text: {error}"))?;
    serde_json::from_slice(&json)
        .map_err(|_| "the mail's text was made by another version of Pressrun; trigger the schedule to make it anew".to_owned())
}
