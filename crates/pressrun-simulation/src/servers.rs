//! A model of what nodes talk to: destinations that take parcels, and executors that query and render.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use pressrun_deliver::{Delivered, Parcel};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::Destination;
use pressrun_domain::mail::MailWords;
use pressrun_engine::Carrier;
use pressrun_engine::executor::{ExecutorError, Job, JobResult, StandIn};
use pressrun_query::fingerprint::Fingerprint;
use pressrun_query::{QueryError, QueryErrorKind, QueryOutcome};
use pressrun_render::Rendered;
use pressrun_testkit::Dice;
use sha2::{Digest, Sha256};

use crate::book::Sent;
use crate::stage::{Ask, NodeId, Stage};

/// How a server behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Fine,
    /// As it should, but takes up to a minute.
    Slow,
    /// It answers that it may work later.
    Failing,
    /// It answers that it will not work.
    Refusing,
    /// It never answers; what it was told it may have taken.
    Hanging,
    /// Whoever hears its answer dies.
    Deadly,
}

impl Manner {
    /// Every other than the right one.
    pub const ILL: [Self; 5] = [Self::Slow, Self::Failing, Self::Refusing, Self::Hanging, Self::Deadly];
}

/// How long a courier waits for an answer.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Every server, and the chance in what they do.
#[derive(Debug)]
pub struct Servers {
    dice: Dice,
    destinations: BTreeMap<u8, Manner>,
    executors: Manner,
    /// Counts how often the data have changed.
    data: u64,
    /// Nodes that have met something deadly.
    pub struck: Vec<NodeId>,
}

impl Servers {
    /// Servers that behave, with the chance of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), destinations: BTreeMap::new(), executors: Manner::Fine, data: 0, struck: Vec::new() }
    }

    /// From now on a destination behaves like this.
    pub fn set_destination(&mut self, number: u8, manner: Manner) {
        self.destinations.insert(number, manner);
    }

    /// From now on the executors behave like this.
    pub fn set_executors(&mut self, manner: Manner) {
        self.executors = manner;
    }

    /// From now on queries have another result.
    pub fn change_data(&mut self) {
        self.data += 1;
    }

    /// From now on everything behaves.
    pub fn settle(&mut self) {
        self.destinations.clear();
        self.executors = Manner::Fine;
    }

    fn millis(&mut self, from: i64, to: i64) -> SignedDuration {
        let span = usize::try_from(to - from).unwrap_or(1);
        SignedDuration::from_millis(from + i64::try_from(self.dice.below(span)).unwrap_or(0))
    }

    /// Whether a parcel is taken, what is answered, and when.
    fn take(&mut self, destination: u8, now: Timestamp) -> (bool, Outcome, SignedDuration) {
        let accepted = || Outcome::Accepted { receipt: "taken".to_owned() };
        match self.destinations.get(&destination).copied().unwrap_or(Manner::Fine) {
            Manner::Fine | Manner::Deadly => (true, accepted(), self.millis(2, 300)),
            Manner::Slow => (true, accepted(), self.millis(1_000, 55_000)),
            Manner::Failing => {
                let wish = self.dice.below(4) == 0;
                let not_before = wish.then(|| now + self.millis(1_000, 200_000));
                (false, Outcome::Retry { reason: "503 try again later".to_owned(), not_before }, self.millis(2, 300))
            }
            Manner::Refusing => (false, Outcome::Rejected { reason: "550 no such place".to_owned() }, self.millis(2, 300)),
            Manner::Hanging => {
                let taken = self.dice.below(3) == 0;
                (taken, Outcome::Retry { reason: "no answer within 60 s".to_owned(), not_before: None }, PATIENCE)
            }
        }
    }
}

/// The address of a destination.
#[must_use]
pub fn hook(number: u8) -> String {
    format!("https://hook-{number}.example/in")
}

/// The address of somebody whose mail goes to a destination.
#[must_use]
pub fn address(person: u8, number: u8) -> String {
    format!("p{person}@hook-{number}.example")
}

/// Which destination an address is of.
fn number(address: &str) -> u8 {
    let after = address.split_once("hook-").map_or("", |(_, after)| after);
    after.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The way out of one node.
#[derive(Debug)]
pub struct Couriers {
    /// Where the servers are.
    pub stage: Stage,
    /// Whose it is.
    pub node: NodeId,
}

#[async_trait]
impl Carrier for Couriers {
    async fn deliver(&self, destination: &Destination, parcel: &Parcel, now: Timestamp) -> Delivered {
        let to = match destination {
            Destination::Webhook(webhook) => number(webhook.host()),
            _ => number(&parcel.target),
        };
        let (outcome, after, send, deadly) = {
            let mut state = self.stage.state();
            let wall = state.wall();
            // Not for notices, which are mail.
            let deadly = state.servers.destinations.get(&to) == Some(&Manner::Deadly) && destination.email().is_none();
            let (taken, outcome, after) = state.servers.take(to, wall);
            let sent = Sent {
                node: self.node,
                run: parcel.run_id,
                piece: parcel.delivery_id,
                target: parcel.target.clone(),
                mark: parcel.idempotency_key.clone(),
                started_at: now,
                bytes: parcel.artifact.as_ref().map(|artifact| artifact.sha256.clone()),
                taken,
                answered: None,
                accounted: false,
            };
            (outcome, after, state.book.sent(sent), deadly)
        };
        self.stage.ask(self.node, Ask::Destination, after).await;
        if deadly {
            return struck(&self.stage, self.node).await;
        }
        self.stage.state().book.answered(send, &outcome);
        outcome.into()
    }
}

/// The executors of one node.
#[derive(Debug)]
pub struct Executors {
    /// Where the servers are.
    pub stage: Stage,
    /// Whose they are.
    pub node: NodeId,
}

#[async_trait]
impl StandIn for Executors {
    async fn act(&self, job: Job, deadline: Duration) -> Result<JobResult, ExecutorError> {
        let limit = SignedDuration::try_from(deadline).unwrap_or(SignedDuration::MAX);
        let (manner, after, data) = {
            let servers = &mut self.stage.state().servers;
            let after = match servers.executors {
                Manner::Slow => servers.millis(500, 20_000),
                Manner::Hanging => limit,
                Manner::Fine | Manner::Failing | Manner::Refusing | Manner::Deadly => servers.millis(2, 400),
            };
            (servers.executors, after.min(limit), servers.data)
        };
        self.stage.ask(self.node, Ask::Executor, after).await;
        if manner == Manner::Deadly {
            return struck(&self.stage, self.node).await;
        }
        if after == limit {
            return Err(ExecutorError::Deadline { after: deadline });
        }
        match (job, manner) {
            (Job::Query(_), Manner::Failing) => {
                Ok(JobResult::Queried(Err(QueryError::new(QueryErrorKind::Connection, "the server is starting up"))))
            }
            (Job::Query(_), Manner::Refusing) => {
                Ok(JobResult::Queried(Err(QueryError::new(QueryErrorKind::UnknownTable, "no such table"))))
            }
            (Job::Query(_), _) => Ok(JobResult::Queried(Ok(queried(data)))),
            (_, Manner::Failing) => Err(ExecutorError::Died("signal 9".to_owned())),
            (Job::Render { job, out }, _) => {
                let bytes = format!("{} as of {}, data {data}", job.report.title, job.report.as_of);
                std::fs::write(&out, &bytes).map_err(|error| ExecutorError::Died(error.to_string()))?;
                Ok(JobResult::Rendered(Ok(rendered(&bytes))))
            }
            (Job::Mail(_), _) => Ok(JobResult::Mail(MailWords::default())),
            (Job::Page(_), _) => Err(ExecutorError::Died("nobody looks at pages here".to_owned())),
        }
    }
}

/// The node dies of it; never ends.
async fn struck<T>(stage: &Stage, node: NodeId) -> T {
    stage.state().servers.struck.push(node);
    std::future::pending().await
}

/// A result that has two rows, none or one, as the data change.
fn queried(data: u64) -> QueryOutcome {
    let rows = (data + 2) % 3;
    QueryOutcome {
        rows,
        truncated: false,
        ms: 1,
        bytes: 1,
        columns: Vec::new(),
        fingerprint: Some(Fingerprint { columns: "c".to_owned(), multiset: format!("{data:064x}"), rows, row_hashes: None }),
        warnings: Vec::new(),
        steps: IndexMap::new(),
    }
}

fn rendered(bytes: &str) -> Rendered {
    Rendered {
        bytes: bytes.len() as u64,
        sha256: hex::encode(Sha256::digest(bytes)),
        media_type: "text/csv".to_owned(),
        extension: "csv".to_owned(),
        pages: 0,
        warnings: Vec::new(),
    }
}
