//! What is known to have happened, written down as it happens and apart from the code under test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::id::{DeliveryId, MembershipId, RunId};
use pressrun_domain::run::Lease;
use pressrun_store::{ClaimedRun, StoreError};

use crate::stage::NodeId;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which promise, in words that shrinking compares by.
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
    /// The file that it carried, by its hash.
    pub bytes: Option<String>,
    /// The receiver took it.
    pub taken: bool,
    /// What its sender heard.
    pub answered: Option<Outcome>,
    /// What the sender heard is written down, or there is a reason why it is not: the sender died, lost the run, was told to stop, or the store
    /// refused.
    pub accounted: bool,
}

/// Who has a run.
#[derive(Debug, Clone, Copy)]
struct Holder {
    fence: u64,
    node: NodeId,
    since: SignedDuration,
    /// When its node died.
    died: Option<SignedDuration>,
    /// It gave the run up by itself.
    gone: bool,
    /// It brought the run further.
    progressed: bool,
}

/// One claim.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Which run.
    pub run: RunId,
    /// Whose.
    pub owner: MembershipId,
    /// When it was made, by the wall clock.
    pub created_at: Timestamp,
    /// Which claim of it this is.
    pub fence: u64,
    /// What the wall clock showed.
    pub at: Timestamp,
}

/// So many workers in a row that die over a run are more than may be.
const MOST_DEATHS: u32 = 8;

/// Everything that is known.
#[derive(Debug, Default)]
pub struct Book {
    /// Lines of the trace, when somebody wants to read them.
    lines: Option<Vec<String>>,
    digest: u64,
    now: String,
    steady: SignedDuration,
    wall: Timestamp,
    holders: BTreeMap<RunId, Holder>,
    /// Time that nodes have had each run.
    worked: BTreeMap<RunId, SignedDuration>,
    /// How many nodes in a row died over each run without bringing it further.
    deaths: BTreeMap<RunId, u32>,
    /// Runs of which every piece is promised.
    promised: BTreeSet<RunId>,
    /// Audiences that are done, by their run.
    audiences: BTreeSet<(RunId, String)>,
    /// What is older than this may have been swept away.
    pub kept_since: Timestamp,
    dead: BTreeSet<NodeId>,
    /// Somebody has died since others last looked.
    unseen_death: bool,
    /// Until when leases may pass from those who live: something made them late.
    leases_may_pass_until: SignedDuration,
    /// Up to where, by the wall clock, planning has looked at everything.
    pub planned_through: Option<Timestamp>,
    /// The same by a clock that was right.
    pub rightly_planned_through: Option<Timestamp>,
    /// The wall clock is ahead by so much.
    pub offset: SignedDuration,
    /// Every parcel that left, in order.
    pub sent: Vec<Sent>,
    /// Every claim, in order.
    pub claims: Vec<Claim>,
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

    /// What comes now comes when so much time has passed and the wall clock shows `wall`.
    pub fn at(&mut self, steady: SignedDuration, wall: Timestamp) {
        (self.steady, self.wall) = (steady, wall);
        self.now = format!("+{}.{:03} {wall}", steady.as_secs(), steady.subsec_millis());
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

    /// A node has a run, by a lease of this length.
    pub fn claimed(&mut self, node: NodeId, claimed: &ClaimedRun) {
        let (run, fence) = (&claimed.run, claimed.lease.fence);
        self.say(&format!("node {} claims {} of {}, fence {fence}", node.0, short(run.id), run.scheduled_for));
        self.claims.push(Claim { run: run.id, owner: run.definition.owner, created_at: run.created_at, fence, at: self.wall });
        if run.progress.promised_at.is_none() && self.promised.contains(&run.id) {
            self.breach("what is promised stays promised", format!("{} is prepared again", short(run.id)));
        }
        let now = Holder { fence, node, since: self.steady, died: None, gone: false, progressed: false };
        let Some(before) = self.holders.insert(run.id, now) else { return };
        if !before.gone {
            self.work_ends(run.id, before);
        }
        if before.fence >= fence {
            self.breach("fences only rise", format!("{} was claimed as {fence} after {}", short(run.id), before.fence));
        }
        let lives = !before.gone && !self.dead.contains(&before.node);
        if lives && self.steady > self.leases_may_pass_until {
            let how = format!("{} passed to node {} from node {}, which lives and works on it", short(run.id), node.0, before.node.0);
            self.breach("who lives keeps a lease", how);
        }
    }

    /// A node has a run no longer.
    fn work_ends(&mut self, run: RunId, holder: Holder) {
        let worked = self.worked.entry(run).or_default();
        *worked = worked.saturating_add(holder.died.unwrap_or(self.steady).saturating_sub(holder.since));
        let deaths = self.deaths.entry(run).or_default();
        *deaths = if holder.progressed || holder.gone { 0 } else { *deaths + 1 };
        if *deaths == MOST_DEATHS {
            self.breach("what kills its workers is given up", format!("{} had {MOST_DEATHS} workers that came no further", short(run)));
        }
    }

    /// Time that nodes have had a run.
    #[must_use]
    pub fn worked(&self, run: RunId) -> SignedDuration {
        self.worked.get(&run).copied().unwrap_or_default()
    }

    /// Leases may pass from those who live until so much time has passed.
    pub fn leases_may_pass(&mut self, until: SignedDuration) {
        self.leases_may_pass_until = self.leases_may_pass_until.max(until);
    }

    /// A write under a lease was made.
    pub fn wrote<T>(&mut self, node: NodeId, lease: &Lease, what: &'static str, answer: &Result<T, StoreError>) {
        match answer {
            Ok(_) => self.say(&format!("{what} of {}, fence {}", short(lease.run), lease.fence)),
            Err(error) => self.say(&format!("{what} of {}, fence {}: {error}", short(lease.run), lease.fence)),
        }
        if matches!(answer, Err(StoreError::LeaseLost)) {
            self.account(|sent| sent.node == node && sent.run == lease.run);
        }
        let Some(holder) = self.holders.get_mut(&lease.run) else { return };
        let fence = holder.fence;
        if answer.is_ok() && fence > lease.fence {
            let how = format!("{what} of {} went through with fence {}, though it is claimed as {fence}", short(lease.run), lease.fence);
            self.breach("a fenced worker changes nothing", how);
            return;
        }
        if answer.is_err() || fence != lease.fence {
            return;
        }
        if ["release", "hand_back", "yield_run", "finish"].contains(&what) && !holder.gone {
            holder.gone = true;
            let holder = *holder;
            self.work_ends(lease.run, holder);
        } else if ["add_news", "finish_audience", "promise_and_begin", "end_attempt"].contains(&what) {
            holder.progressed = true;
        }
    }

    /// Every piece of a run is promised.
    pub fn promised(&mut self, run: RunId) {
        self.promised.insert(run);
    }

    /// One of several audiences of a run is done.
    pub fn audience_done(&mut self, run: RunId, digest: &str) {
        if !self.audiences.insert((run, digest.to_owned())) {
            self.breach("an audience is done once", format!("{} has done {digest} again", short(run)));
        }
    }

    /// What is older is swept away.
    pub fn swept(&mut self, kept_since: Timestamp) {
        self.kept_since = self.kept_since.max(kept_since);
    }

    /// What a sender heard of a piece is written down, or the store has refused.
    pub fn recorded(&mut self, node: NodeId, piece: DeliveryId) {
        let last = self.sent.iter_mut().rev().find(|sent| sent.node == node && sent.piece == piece);
        if let Some(sent) = last {
            sent.accounted = true;
        }
    }

    fn account(&mut self, which: impl Fn(&Sent) -> bool) {
        self.sent.iter_mut().filter(|sent| which(sent)).for_each(|sent| sent.accounted = true);
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

    /// A node is told to give up what is under way.
    pub fn gives_up(&mut self, node: NodeId) {
        self.account(|sent| sent.node == node);
    }

    /// A node died.
    pub fn died(&mut self, node: NodeId) {
        self.gives_up(node);
        self.dead.insert(node);
        self.unseen_death = true;
        for holder in self.holders.values_mut().filter(|holder| holder.node == node && !holder.gone) {
            holder.died.get_or_insert(self.steady);
        }
        self.say(&format!("node {} is gone", node.0));
    }

    /// Whether a node has died since somebody looked for the dead.
    #[must_use]
    pub fn has_unseen_death(&self) -> bool {
        self.unseen_death
    }

    /// Somebody has looked for the dead.
    pub fn saw_the_dead(&mut self) {
        self.unseen_death = false;
    }

    /// Planning has looked at everything up to `now`.
    pub fn planned(&mut self, now: Timestamp) {
        self.planned_through = Some(now);
        if self.offset.is_zero() {
            self.rightly_planned_through = Some(now);
        }
    }
}

/// The part of an id that tells runs apart here.
#[must_use]
pub fn short(run: RunId) -> String {
    let text = run.to_string();
    format!("run {}", text.get(..13).unwrap_or_default().replace('-', "").trim_start_matches('0'))
}
