//! [`Hints`]: a file tells when somebody has written to it.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};

use super::SqliteStore;
use crate::{Hints, Listening, StoreError};

/// Time between two looks at the file, each of which reads one number of shared memory.
const LOOK: Duration = Duration::from_secs(1);

#[async_trait]
impl Hints for SqliteStore {
    async fn listen(&self) -> Result<Box<dyn Listening>, StoreError> {
        let mut connection = SqliteConnection::connect_with(self.read.connect_options().as_ref()).await?;
        let seen = version(&mut connection).await?;
        Ok(Box::new(Listener { connection, seen }))
    }
}

/// A connection that writes nothing, so that every change it sees is somebody else's.
struct Listener {
    connection: SqliteConnection,
    seen: i64,
}

#[async_trait]
impl Listening for Listener {
    async fn heard(&mut self) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = version(&mut self.connection).await?;
            if std::mem::replace(&mut self.seen, now) != now {
                return Ok(());
            }
        }
    }
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query("PRAGMA data_version").fetch_one(connection).await?.try_get(0)?)
}
