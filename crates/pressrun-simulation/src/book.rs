//! What is known to have happened, written down as it happens and apart from the code under test.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::run::Lease;
use pressrun_store::ClaimedRun;

use crate::stage::NodeId;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which promise, in a word that shrinking compares by.
    pub promise: &'static str,
    /// How, for people.
    pub how: String,
}

/// One parcel as it left.
#[derive(Debug, Clone)]
pub struct Sent {
    /// By whom.
    pub node: NodeId,
    /// Of which run.
    pub run: RunId,
    /// Which piece.
    pub piece: DeliveryId,
    /// To whom.
    pub target: String,
    /// The mark by which its receiver knows it again.
    pub mark: String,
    /// When its attempt began, by the wall clock.
    pub started_at: Timestamp,
    /// The receiver took it.
    pub taken: bool,
    /// What its sender heard.
    pub answered: Option<Outcome>,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub struct Book {
    /// Lines of the trace, when somebody wants to read them.
    lines: Option<Vec<String>>,
    digest: u64,
    now: String,
    fences: BTreeMap<RunId, (u64, NodeId)>,
    dead: bool,
    /// Every parcel that left, in order.
    pub sent: Vec<Sent>,
    /// What was seen to be broken.
    pub breaches: Vec<Breach>,
}

impl Book {
    /// Keeps the lines of the trace.
    pub fn keep_lines(&mut self) {
        self.lines = Some(Vec::new());
    }

    /// The lines so far.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }

    /// What the trace amounts to: equal traces have equal digests.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// What comes now comes at this instant.
    pub fn at(&mut self, now: String) {
        self.now = now;
    }

    /// Adds a line to the trace.
    pub fn say(&mut self, line: &str) {
        for byte in self.now.bytes().chain(line.bytes()) {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(7);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{} {line}", self.now));
        }
    }

    /// Notes that a promise was broken.
    pub fn breach(&mut self, promise: &'static str, how: String) {
        self.say(&format!("BROKEN {promise}: {how}"));
        self.breaches.push(Breach { promise, how });
    }

    /// A node has a run.
    pub fn claimed(&mut self, node: NodeId, claimed: &ClaimedRun) {
        let (run, fence) = (claimed.run.id, claimed.lease.fence);
        self.say(&format!("node {} claims {} of {}, fence {fence}", node.0, short(run), claimed.run.scheduled_for));
        if let Some((before, _)) = self.fences.insert(run, (fence, node))
            && before >= fence
        {
            self.breach("fences only rise", format!("{} was claimed as {fence} after {before}", short(run)));
        }
    }

    /// A write under a lease went through.
    pub fn wrote(&mut self, lease: &Lease, what: &'static str) {
        self.say(&format!("{what} of {}, fence {}", short(lease.run), lease.fence));
        if let Some((fence, _)) = self.fences.get(&lease.run)
            && *fence > lease.fence
        {
            let how = format!("{what} of {} went through with fence {}, though it is claimed as {fence}", short(lease.run), lease.fence);
            self.breach("a fenced worker changes nothing", how);
        }
    }

    /// A parcel left; returns its number.
    pub fn sent(&mut self, sent: Sent) -> usize {
        let taken = if sent.taken { "is taken" } else { "is not taken" };
        self.say(&format!("node {} sends {} to {}, which {taken}", sent.node.0, short(sent.run), sent.target));
        self.sent.push(sent);
        self.sent.len() - 1
    }

    /// Its sender heard this.
    pub fn answered(&mut self, number: usize, outcome: &Outcome) {
        if let Some(sent) = self.sent.get_mut(number) {
            sent.answered = Some(outcome.clone());
        }
    }

    /// A node died.
    pub fn died(&mut self, node: NodeId) {
        self.dead = true;
        self.say(&format!("node {} is gone", node.0));
    }

    /// Whether any node has died so far.
    #[must_use]
    pub fn is_anybody_dead(&self) -> bool {
        self.dead
    }
}

/// The part of an id that tells runs apart here.
#[must_use]
pub fn short(run: RunId) -> String {
    let text = run.to_string();
    format!("run {}", text.get(6..13).unwrap_or_default().replace('-', ""))
}
