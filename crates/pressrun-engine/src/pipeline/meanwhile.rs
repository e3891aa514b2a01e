//! What is promised is sent while other audiences of the run are prepared.

use jiff::Timestamp;
use pressrun_domain::catalog::Catalog;
use tokio::sync::watch;

use super::first::First;
use super::{Halt, Work, prepare, send};

/// How far the preparation has come, as whoever sends meanwhile sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing may be sent yet.
    Nothing,
    /// The pieces of so many audiences may; others follow.
    Promised(u64),
    /// No others follow before the run goes back into the queue, which is at this instant.
    Until(Timestamp),
    /// No further piece is to be begun.
    Over,
}

impl Stage {
    /// When no further piece is to be begun, if that is known.
    pub(super) fn ends_at(self) -> Option<Timestamp> {
        match self {
            Self::Until(at) if at < Timestamp::MAX => Some(at),
            Self::Nothing | Self::Promised(_) | Self::Until(_) | Self::Over => None,
        }
    }
}

/// What whoever sends hears of it.
#[derive(Debug)]
pub(super) struct Stages(Option<watch::Receiver<Stage>>);

impl Stages {
    /// Of a run that is prepared: nothing follows.
    pub(super) fn all_prepared() -> Self {
        Self(None)
    }

    pub(super) fn now(&mut self) -> Stage {
        self.0.as_mut().map_or(Stage::Until(Timestamp::MAX), |stages| *stages.borrow_and_update())
    }

    /// Ends when it is another than it was when last asked for.
    pub(super) async fn changed(&mut self) {
        if let Some(stages) = &mut self.0
            && stages.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Tells whoever sends.
#[derive(Debug)]
pub(super) struct Feed {
    stage: watch::Sender<Stage>,
    /// Nothing may be sent before all is prepared.
    waits_for_all: bool,
}

impl Feed {
    /// Another audience's pieces are promised.
    pub(super) fn promised(&self) {
        if !self.waits_for_all {
            self.stage.send_modify(|stage| {
                *stage = match *stage {
                    Stage::Promised(count) => Stage::Promised(count + 1),
                    _ => Stage::Promised(1),
                }
            });
        }
    }

    fn end(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }
}

impl Work<'_> {
    /// Prepares the run, and sends meanwhile what is promised already.
    ///
    /// Where a failure is to stop the whole run nothing is sent before all queries have run (S3). Returns what is sent first when all is promised.
    pub(super) async fn prepare_and_send(&mut self, catalog: &Catalog) -> Result<Option<First>, Halt> {
        let (stage, stages) = watch::channel(Stage::Nothing);
        let feed = Feed { stage, waits_for_all: self.run.definition.kill_jobs_on_failure };
        let (mut sender, permit) = (self.fork(), self.permit);
        let (mut prepared, mut sent) = (None, None);
        {
            let preparing = async {
                let prepared = prepare::prepare(self, catalog, &feed).await;
                // What is left is to wait for others.
                if !matches!(&prepared, Ok(Some(first)) if first.is_soon) {
                    permit.give_back();
                }
                feed.end(match prepared {
                    Err(Halt::AskAgain(at)) if !feed.waits_for_all => Stage::Until(at),
                    _ => Stage::Over,
                });
                prepared
            };
            let (mut preparing, mut sending) =
                (std::pin::pin!(preparing), std::pin::pin!(send::send_meanwhile(&mut sender, Stages(Some(stages)))));
            while prepared.is_none() || sent.is_none() {
                tokio::select! {
                    biased;
                    ended = &mut preparing, if prepared.is_none() => prepared = Some(ended),
                    ended = &mut sending, if sent.is_none() => match ended {
                        // Nothing more may be written: preparing is given up too.
                        Err(Halt::Store(error)) => return Err(error.into()),
                        ended => sent = Some(ended),
                    },
                }
            }
        }
        self.take_over(sender);
        let first = prepared.unwrap_or(Ok(None))?;
        sent.unwrap_or(Ok(()))?;
        Ok(first)
    }

    /// Goes on from where whoever sent meanwhile has come.
    fn take_over(&mut self, sender: Work<'_>) {
        self.progress.held_since = sender.progress.held_since;
        self.progress.degraded |= sender.progress.degraded;
        self.progress.waits_for = self.progress.waits_for.take().or(sender.progress.waits_for);
        for warning in sender.written.warnings {
            self.written.warn(warning);
        }
    }
}
