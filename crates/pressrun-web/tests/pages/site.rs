//! What the sample site is in the middle of, and whom it knows.

use pressrun_domain::audit::Verb;
use pressrun_domain::id::{MembershipId, WorkerId};
use pressrun_store::{Keys, Runs, Schedules, sample as stored};

use crate::sample::Site;

/// The member behind a token of the site.
pub(crate) async fn member(site: &Site, token: &str) -> MembershipId {
    use sha2::{Digest, Sha256};
    site.store.key_by_hash(Sha256::digest(token.as_bytes()).into()).await.unwrap().unwrap().member
}

/// The schedule of this name, as the store has it.
pub(crate) async fn named(site: &Site, name: &str) -> pressrun_domain::schedule::Schedule {
    let query = pressrun_store::ListQuery { search: Some(name.to_owned()), ..pressrun_store::sample::list() };
    let listed = site.store.list_schedules(&query).await.unwrap().rows;
    let id = listed.iter().find(|row| row.name() == name).unwrap().id;
    site.store.schedule(id).await.unwrap().unwrap()
}

/// A run of the open schedule that is under way, and has promised so many pieces.
pub(crate) async fn under_way(site: &Site, pieces: usize) -> pressrun_store::ClaimedRun {
    let schedule = site.store.schedule(site.open).await.unwrap().unwrap();
    let now = site.state.clock.now();
    site.store.enqueue(&stored::manual(&schedule, now), &stored::change_at(Verb::RunTriggered, now)).await.unwrap();
    let until = now + jiff::SignedDuration::from_mins(5);
    let run = site.store.claim(WorkerId::generate(), now, until, 1).await.unwrap().remove(0);
    let piece = |number| stored::piece(run.run.id, &format!("person{number}@fan.example"));
    let pieces: Vec<_> = (0..pieces).map(piece).collect();
    site.store.promise(&run.lease, &pieces).await.unwrap();
    run
}

/// Lets the first of the pieces of a run arrive.
pub(crate) async fn one_arrives(site: &Site, run: &pressrun_store::ClaimedRun) {
    use pressrun_domain::delivery::{Attempt, DeliveryState, Outcome};
    let now = site.state.clock.now();
    let piece = site.store.deliveries(run.run.id).await.unwrap().remove(0);
    let number = site.store.begin_attempt(&run.lease, piece.id, now).await.unwrap();
    let outcome = Some(Outcome::Accepted { receipt: "250 OK".into() });
    let attempt = Attempt { number, started_at: now, ended_at: Some(now), outcome };
    let state = DeliveryState::Accepted { at: now };
    site.store.end_attempt(&run.lease, piece.id, &attempt, &state, &pressrun_store::Learnt::default()).await.unwrap();
}
