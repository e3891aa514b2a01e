//! [`Hints`]: `NOTIFY` in the transaction that made something available, `LISTEN` on a connection apart.
//!
//! A pooler that gives each transaction another connection passes no notifications on. Whether they come is therefore tried at the beginning, and
//! where they do not, a timer stands in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::time::{sleep, timeout};

use super::{PostgresStore, Tx};
use crate::{Hints, Listening, StoreError};

/// The channel. A database may have several installations in schemas of their own; what is told begins with the schema, then comes the node.
const CHANNEL: &str = "pressrun";

/// How long the first notification may take to come back.
const TRIED: Duration = Duration::from_secs(2);

/// Time between two looks where no notifications come.
const LOOK: Duration = Duration::from_secs(2);

/// Tells other nodes, once this transaction is committed, that there may be something to plan or to claim.
pub(super) async fn hint(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_notify('pressrun', current_schema() || ' ' || current_setting('pressrun.node', true))")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[async_trait]
impl Hints for PostgresStore {
    async fn listen(&self) -> Result<Box<dyn Listening>, StoreError> {
        let pool = PgPoolOptions::new().max_connections(1).connect_with(self.settings.options()?).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        let schema: String = sqlx::query_scalar("SELECT current_schema()").fetch_one(&self.once.read).await?;
        let (schema, node) = (format!("{schema} "), Arc::clone(&self.once.node));
        if comes(&mut listener, &self.once.read, &node).await? {
            return Ok(Box::new(Listener { told: listener, schema, node }));
        }
        tracing::warn!(
            "the database passes no notifications on, as behind a pooler; what other nodes queue is looked for every two seconds"
        );
        Ok(Box::new(Timer))
    }
}

/// Whether a notification that this node sends comes back.
async fn comes(listener: &mut PgListener, pool: &PgPool, node: &str) -> Result<bool, StoreError> {
    let own = format!("{node} listens");
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(&own).execute(pool).await?;
    let back = async {
        loop {
            if listener.recv().await?.payload() == own {
                return Ok::<_, sqlx::Error>(());
            }
        }
    };
    Ok(timeout(TRIED, back).await.is_ok_and(|back| back.is_ok()))
}

struct Listener {
    told: PgListener,
    /// With the space behind it.
    schema: String,
    node: Arc<str>,
}

/// Whether another node of the same installation told this.
fn is_of_another(told: &str, schema: &str, node: &str) -> bool {
    told.strip_prefix(schema).is_some_and(|by| !by.starts_with(node))
}

#[async_trait]
impl Listening for Listener {
    async fn heard(&mut self) -> Result<(), StoreError> {
        // After the connection was lost something may have been missed: that is an end without a notification.
        while self.told.try_recv().await?.is_some_and(|told| !is_of_another(told.payload(), &self.schema, &self.node)) {}
        Ok(())
    }
}

struct Timer;

#[async_trait]
impl Listening for Timer {
    async fn heard(&mut self) -> Result<(), StoreError> {
        sleep(LOOK).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_an_installation_hears_nothing_of_another_one_in_the_same_database() {
        let heard = |told| is_of_another(told, "pressrun ", "a1");
        assert!(heard("pressrun b2") && !heard("pressrun a1"));
        assert!(!heard("other b2") && !heard("a1 listens"));
    }
}
