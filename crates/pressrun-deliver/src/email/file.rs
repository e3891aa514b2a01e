//! Mail as files, for development and the demo.

use std::io;
use std::path::PathBuf;

use pressrun_domain::delivery::Outcome;
use tokio::io::AsyncWriteExt;

use super::plain_key;
use crate::outcome::{accepted, retry};

/// A folder of `.eml` files.
pub(super) struct Folder {
    folder: PathBuf,
}

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes one mail under the name that its key gives, whole or not at all.
    pub(super) async fn write(&self, idempotency_key: &str, mail: &[u8]) -> Outcome {
        let name = format!("{}.eml", plain_key(idempotency_key));
        match self.replace(&name, mail).await {
            Ok(()) => accepted(format!("written to {name}")),
            Err(error) => retry(format!("mail folder: {name} could not be written: {error}")),
        }
    }

    async fn replace(&self, name: &str, mail: &[u8]) -> io::Result<()> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let unfinished = self.folder.join(format!(".{name}.part"));
        let mut file = tokio::fs::File::create(&unfinished).await?;
        file.write_all(mail).await?;
        file.sync_all().await?;
        tokio::fs::rename(&unfinished, self.folder.join(name)).await
    }
}
