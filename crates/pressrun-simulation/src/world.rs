//! One simulation, from the first instant to the verdict.

use std::path::PathBuf;
use std::sync::OnceLock;

use jiff::SignedDuration;
use pressrun_catalog::CatalogHandle;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::id::seeded;
use pressrun_testkit::Dice;
use tempfile::TempDir;

use crate::book::Breach;
use crate::judge::{Life, judge};
use crate::node::{Node, Site, config};
use crate::office::Office;
use crate::plants::Plant;
use crate::scenario::{Scenario, What};
use crate::servers::{Manner, Servers};
use crate::stage::{Ask, Grant, NodeId, Stage};

/// What came of a simulation.
#[derive(Debug)]
pub struct Outcome {
    /// Promises that were broken.
    pub breaches: Vec<Breach>,
    /// Equal traces have equal digests.
    pub digest: u64,
    /// The trace, when it was asked for.
    pub lines: Vec<String>,
    /// Requests that were granted.
    pub granted: u64,
    /// Parcels that left.
    pub sent: usize,
}

/// Time that runs have to end after everything is as it should be: the last retry, and the leases of the dead.
const SETTLE: SignedDuration = SignedDuration::from_mins(25);

/// More requests than any scenario needs: time stands still.
const MOST_REQUESTS: u64 = 200_000;

/// Lets a scenario happen.
///
/// # Panics
/// The simulation itself fails: no folder, no database.
#[must_use]
pub fn simulate(scenario: &Scenario, plant: Option<Plant>, traced: bool) -> Outcome {
    seeded::begin(Some(scenario.seed));
    let mut world = World::new(scenario, plant, traced);
    world.happen(scenario);
    let outcome = world.end(scenario);
    seeded::begin(None);
    outcome
}

/// A process that is there, or one that will be.
enum Place {
    Up(Box<Node>),
    Down { back_at: SignedDuration },
}

struct World {
    /// Dropped last.
    folder: TempDir,
    places: Vec<Place>,
    /// Processes that have something to do.
    awake: Vec<bool>,
    starts: u32,
    stage: Stage,
    site: Site,
    office: Office,
    lives: Vec<Life>,
    dice: Dice,
    /// Processes that die at one of their next requests.
    doomed: Vec<(usize, u32, SignedDuration)>,
    /// Destinations that behave again.
    healed: Vec<(SignedDuration, u8)>,
    granted: u64,
}

impl World {
    fn new(scenario: &Scenario, plant: Option<Plant>, traced: bool) -> Self {
        let folder = folder();
        let database = folder.path().join("pressrun.db");
        std::fs::write(&database, template()).expect("a writable folder");
        let stage = Stage::new(scenario.start, Servers::new(scenario.seed ^ 0x5eed));
        if traced {
            stage.state().book.keep_lines();
        }
        let catalog = catalog();
        let office = Office::open(&database).expect("the database opens");
        let site =
            Site { database, spool: folder.path().join("spool"), catalog: CatalogHandle::fixed(catalog.clone()), config: config(), plant };
        let lives = scenario
            .schedules
            .iter()
            .map(|plan| Life::new(office.save(*plan, catalog, scenario.start).expect("saved"), *plan, scenario.start))
            .collect();
        let places = (0..scenario.nodes).map(|_| Place::Down { back_at: SignedDuration::ZERO }).collect();
        let awake = (0..scenario.nodes).map(|_| false).collect();
        let dice = Dice::new(scenario.seed.rotate_left(17) ^ 0xd1ce);
        Self { folder, places, awake, starts: 0, stage, site, office, lives, dice, doomed: Vec::new(), healed: Vec::new(), granted: 0 }
    }

    fn happen(&mut self, scenario: &Scenario) {
        let quiet = scenario.span;
        let end = quiet + SETTLE;
        let mut events = scenario.events.iter().peekable();
        let mut settled = false;
        loop {
            self.start_places();
            self.run_nodes();
            if self.granted > MOST_REQUESTS {
                self.stage.state().book.breach("time goes on", format!("{MOST_REQUESTS} requests were granted, and it is not over"));
                return;
            }
            if self.grant_one() {
                continue;
            }
            let now = self.stage.state().steady;
            if now >= end {
                return;
            }
            let next = [self.next_due(), events.peek().map(|event| event.at), self.next_change(), (!settled).then_some(quiet), Some(end)];
            let next = next.into_iter().flatten().min().unwrap_or(end).clamp(now, end);
            self.pass_until(next);
            while let Some(event) = events.next_if(|event| event.at <= next) {
                self.event(event.what);
            }
            self.heal(next);
            if next >= quiet && !settled {
                settled = true;
                self.doomed.clear();
                self.stage.state().servers.settle();
            }
        }
    }

    /// The node of a place, if it is up.
    fn node(&self, place: usize) -> Option<&Node> {
        match self.places.get(place) {
            Some(Place::Up(node)) => Some(node),
            Some(Place::Down { .. }) | None => None,
        }
    }

    fn place_of(&self, id: NodeId) -> Option<usize> {
        (0..self.places.len()).find(|place| self.node(*place).is_some_and(|node| node.id == id))
    }

    fn start_places(&mut self) {
        let now = self.stage.state().steady;
        for place in 0..self.places.len() {
            if let Place::Down { back_at } = self.places[place]
                && back_at <= now
            {
                self.starts += 1;
                let id = NodeId(self.starts);
                self.say(&format!("node {} starts", id.0));
                let node = Node::start(id, &self.stage, &self.site).expect("a node starts");
                self.places[place] = Place::Up(Box::new(node));
                self.awake[place] = true;
            }
        }
    }

    /// Runs whatever can go on, until nothing can.
    fn run_nodes(&mut self) {
        for place in 0..self.places.len() {
            if !std::mem::take(&mut self.awake[place]) {
                continue;
            }
            let Place::Up(node) = &mut self.places[place] else { continue };
            node.run();
            if let (_, Some(fault)) = node.ended() {
                let how = format!("in node {}: {fault}", node.id.0);
                self.stage.state().book.breach("tasks live", how);
            }
        }
    }

    /// Grants one of the requests that are due; false when there is none.
    fn grant_one(&mut self) -> bool {
        let grantable = self.stage.state().grantable(|id| self.place_of(id).is_some());
        let Some((request, id, ask)) = self.dice.pick(&grantable).copied() else { return false };
        let Some(place) = self.place_of(id) else { return false };
        if let Some(at) = self.doomed.iter().position(|(doomed, ..)| *doomed == place) {
            let (_, left, back_after) = self.doomed[at];
            if left == 0 {
                self.doomed.remove(at);
                self.crash(place, back_after);
                return true;
            }
            self.doomed[at].1 -= 1;
        }
        self.granted += 1;
        let mut state = self.stage.state();
        if let Ask::Store(name) = ask {
            state.book.say(&format!("node {} {name}", id.0));
        }
        state.grant(request, Grant::Go);
        drop(state);
        self.awake[place] = true;
        true
    }

    fn crash(&mut self, place: usize, back_after: SignedDuration) {
        let now = self.stage.state().steady;
        let before = std::mem::replace(&mut self.places[place], Place::Down { back_at: now + back_after });
        if let Place::Up(node) = before {
            let id = node.id;
            drop(node);
            self.stage.state().book.died(id);
        }
    }

    fn next_due(&self) -> Option<SignedDuration> {
        self.stage.state().next_due(|id| self.place_of(id).is_some())
    }

    /// When a process comes back or a destination behaves again.
    fn next_change(&self) -> Option<SignedDuration> {
        let back = self.places.iter().filter_map(|place| match place {
            Place::Up(_) => None,
            Place::Down { back_at } => Some(*back_at),
        });
        back.chain(self.healed.iter().map(|(at, _)| *at)).min()
    }

    fn pass_until(&mut self, next: SignedDuration) {
        let runs: Vec<NodeId> = (0..self.places.len()).filter_map(|place| self.node(place)).map(|node| node.id).collect();
        let mut state = self.stage.state();
        state.steady = next;
        let now = format!("+{}.{:03} {}", next.as_secs(), next.subsec_millis(), state.wall());
        state.book.at(now);
        let woken = state.wake_sleepers(|id| runs.contains(&id));
        drop(state);
        for id in woken {
            if let Some(place) = self.place_of(id) {
                self.awake[place] = true;
            }
        }
    }

    fn event(&mut self, what: What) {
        self.say(&format!("event: {what:?}"));
        let now = self.stage.state().steady;
        match what {
            What::Crash { node, requests, back_after } => {
                let place = node as usize % self.places.len().max(1);
                self.doomed.push((place, requests, back_after));
            }
            What::Destination { number, manner, lasts } => {
                self.stage.state().servers.set_destination(number, manner);
                self.healed.push((now + lasts, number));
            }
        }
    }

    fn heal(&mut self, now: SignedDuration) {
        let mut state = self.stage.state();
        self.healed.retain(|(at, number)| {
            if *at <= now {
                state.servers.set_destination(*number, Manner::Fine);
            }
            *at > now
        });
    }

    fn say(&self, line: &str) {
        self.stage.state().book.say(line);
    }

    fn end(mut self, scenario: &Scenario) -> Outcome {
        // Nothing more happens.
        self.places.clear();
        let quiet_at = scenario.start + scenario.span;
        let runs: Vec<_> = self.lives.iter().map(|life| self.office.runs(life.id).expect("the history is readable")).collect();
        let mut state = self.stage.state();
        let end = state.wall();
        for (life, runs) in self.lives.iter().zip(&runs) {
            judge(&mut state.book, life, runs, quiet_at, end);
        }
        let (digest, sent) = (state.book.digest(), state.book.sent.len());
        let outcome = Outcome {
            breaches: std::mem::take(&mut state.book.breaches),
            digest,
            lines: state.book.take_lines(),
            granted: self.granted,
            sent,
        };
        drop(state);
        drop(self.office);
        drop(self.folder);
        outcome
    }
}

/// A folder in memory, where there is such a thing.
fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("pressrun-simulation-");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.expect("a temporary folder")
}

/// A database that has everything but rows.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = folder();
        let path = folder.path().join("template.db");
        Office::open(&path).expect("a new database").close();
        std::fs::read(&path).expect("it is a file")
    })
}

/// Dashboards and people, the same in every simulation.
fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let folder = folder();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a writable folder");
        };
        write("connections.yaml", CONNECTIONS);
        write("people.yaml", PEOPLE);
        write("dashboards/sales.yaml", SALES);
        write("data/sales.csv", "day,region,amount\n2026-11-24,US,10\n");
        pressrun_catalog::load(folder.path()).expect("a catalog without faults")
    })
}

const CONNECTIONS: &str = "
connections:
  files:
    kind: files
    folder: data
    timezone: UTC
    timeout_seconds: 30
";

const PEOPLE: &str = "
organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs R Us }
members:
  - { id: 0b10b001-5f6e-4f0c-9a35-0b7f3f1f2a11, user_id: 0b10b001-77aa-4c55-8d10-5a2e8c1d9e21, name: Blob Ross, email: blob.ross@myorg.co, admin: true }
  - { id: 0b10b002-5f6e-4f0c-9a35-0b7f3f1f2a12, user_id: 0b10b002-77aa-4c55-8d10-5a2e8c1d9e22, name: Blobby Hill, email: blobby.hill@myorg.co }
  - { id: 0b10b003-5f6e-4f0c-9a35-0b7f3f1f2a13, user_id: 0b10b003-77aa-4c55-8d10-5a2e8c1d9e23, name: Bloberta Poe, email: bloberta.poe@myorg.co }
";

const SALES: &str = "
identifier: sales
name: Sales
connection: files
tiles:
  '1':
    title: Sales by region
    sql: select region, sum(amount) as amount from sales group by region
    at: { x: 0, y: 0, w: 24, h: 8 }
";
