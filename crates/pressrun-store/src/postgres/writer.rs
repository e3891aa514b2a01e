//! What every run writes, that of many runs in one transaction.
//!
//! While a transaction waits for the disk, others come that want to write an [`Entry`]; they share the next one. Nobody waits for company. Should a set
//! fail, its entries are written one by one, so that each hears what is wrong with it.

use sqlx::postgres::PgPool;
use tokio::sync::{mpsc, oneshot};

use super::entries::{self, Answer, Entry};
use super::tx::{Limits, Tx};
use crate::StoreError;
use crate::timed::Timed;

/// Most that share a transaction.
const MOST: usize = 256;

type Waiting = (Box<Entry>, oneshot::Sender<Answer>);

/// Writes entries. Clones leave them with the same task.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<Waiting>);

impl Writer {
    /// Starts to write by connections of `pool`; ends with the last clone.
    pub(super) fn start(pool: PgPool, limits: Limits) -> Self {
        let (sender, mut entries) = mpsc::unbounded_channel::<Waiting>();
        tokio::spawn(async move {
            while let Some(first) = entries.recv().await {
                let others = std::iter::from_fn(|| entries.try_recv().ok());
                // Whoever gave up has told itself that nothing was written.
                let waiting = std::iter::once(first).chain(others.take(MOST - 1)).filter(|(_, answer)| !answer.is_closed());
                write(&pool, &limits, waiting.collect()).await;
            }
        });
        Self(sender)
    }

    /// Leaves `entry` to be written, and returns when it is on the disk or refused.
    pub(super) async fn write(&self, entry: Entry) -> Answer {
        let gone = || StoreError::Unavailable("the database is closed".to_owned());
        let (sender, answer) = oneshot::channel();
        let _written = Timed::new("write");
        self.0.send((Box::new(entry), sender)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Writes these together; when that fails and surely nothing was written, one by one.
async fn write(pool: &PgPool, limits: &Limits, waiting: Vec<Waiting>) {
    let entries: Vec<&Entry> = waiting.iter().map(|(entry, _)| entry.as_ref()).collect();
    match write_set(pool, limits, &entries).await {
        Ok(answers) => answer(waiting, answers),
        Err(Failed::Before(error)) if waiting.len() == 1 => answer(waiting, vec![Err(error)]),
        Err(Failed::Before(_)) => {
            for one in waiting {
                let written = write_set(pool, limits, &[one.0.as_ref()]).await;
                answer(vec![one], written.unwrap_or_else(|failed| vec![Err(failed.into())]));
            }
        }
        Err(Failed::At(error)) => {
            let answers = waiting.iter().map(|_| Err(error.clone())).collect();
            answer(waiting, answers);
        }
    }
}

/// Nobody listens who was dropped meanwhile.
fn answer(waiting: Vec<Waiting>, answers: Vec<Answer>) {
    waiting.into_iter().zip(answers).for_each(|((_, sender), answer)| drop(sender.send(answer)));
}

/// Before the commit, or at it.
enum Failed {
    Before(StoreError),
    At(StoreError),
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Before(error) | Failed::At(error) => error,
        }
    }
}

async fn write_set(pool: &PgPool, limits: &Limits, entries: &[&Entry]) -> Result<Vec<Answer>, Failed> {
    let _transaction = Timed::new("transaction");
    let mut tx = Tx::begin(pool, limits).await.map_err(Failed::Before)?;
    let answers = entries::write(&mut tx, entries.iter().copied()).await.map_err(Failed::Before)?;
    tx.commit().await.map_err(Failed::At)?;
    Ok(answers)
}
