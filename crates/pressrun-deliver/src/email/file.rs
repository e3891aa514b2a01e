//! Mail as files, for development and the demo.

use std::io;
use std::path::PathBuf;

use pressrun_domain::delivery::Outcome;
use tokio::io::AsyncWriteExt;

use super::letter::{Letter, Unreadable};
use super::plain_key;
use crate::outcome::{accepted, chain, retry};

/// A folder of `.eml` files.
pub(super) struct Folder {
    folder: PathBuf,
}

/// No file came of it.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("{name} could not be written")]
    Unwritable {
        name: String,
        #[source]
        source: io::Error,
    },
}

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes one mail under the name that its key gives, whole or not at all.
    pub(super) async fn write(&self, idempotency_key: &str, mail: &Letter) -> Outcome {
        let name = format!("{}.eml", plain_key(idempotency_key));
        match self.replace(&name, mail).await {
            Ok(()) => accepted(format!("written to {name}")),
            Err(error) => retry(format!("mail folder: {}", chain(&error))),
        }
    }

    /// Whether a file can be written.
    pub(super) async fn reach(&self) -> Outcome {
        let mark = self.folder.join(".pressrun-test.part");
        let written = async {
            tokio::fs::create_dir_all(&self.folder).await?;
            tokio::fs::write(&mark, b"").await?;
            tokio::fs::remove_file(&mark).await
        };
        match written.await {
            Ok(()) => accepted(format!("mail is written to files in {}; nobody gets it", self.folder.display())),
            Err(error) => retry(format!("mail folder: {}: {error}", self.folder.display())),
        }
    }

    async fn replace(&self, name: &str, mail: &Letter) -> Result<(), NotWritten> {
        let unwritable = |source| NotWritten::Unwritable { name: name.to_owned(), source };
        let unfinished = self.folder.join(format!(".{name}.part"));
        tokio::fs::create_dir_all(&self.folder).await.map_err(unwritable)?;
        let mut file = tokio::fs::File::create(&unfinished).await.map_err(unwritable)?;
        let mut message = mail.read();
        while let Some(chunk) = message.next().await? {
            file.write_all(chunk.bytes).await.map_err(unwritable)?;
        }
        file.sync_all().await.map_err(unwritable)?;
        tokio::fs::rename(&unfinished, self.folder.join(name)).await.map_err(unwritable)
    }
}
