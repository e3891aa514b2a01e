//! Audiences of a run that are done while others are prepared.

use pressrun_domain::delivery::Delivery;
use pressrun_domain::preparation::AudienceOutcome;
use pressrun_domain::run::{Progress, RunRecord, RunStatus, Worked};

use super::{claim, started};
use crate::{AudienceDone, ClaimedRun, RunNews, Store, StoreError, sample};

fn done(key: &str, outcome: AudienceOutcome) -> AudienceDone {
    AudienceDone { digest: format!("digest of {key}"), key: key.to_owned(), outcome }
}

fn pieces(run: &ClaimedRun, targets: &[&str]) -> Vec<Delivery> {
    targets.iter().map(|target| sample::piece(run.run.id, target)).collect()
}

async fn owed<S: Store>(store: &S, run: &ClaimedRun) -> Vec<String> {
    store.owed(run.run.id, sample::after(60), 99).await.unwrap().into_iter().map(|piece| piece.target).collect()
}

fn warning(text: &str) -> RunNews {
    RunNews { record: RunRecord { warnings: vec![text.to_owned()], ..RunRecord::default() }, ..RunNews::default() }
}

pub async fn h13_the_pieces_of_an_audience_are_owed_once_it_is_done<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let first = done("a1", AudienceOutcome::Promised);
    store.finish_audience(&run.lease, &pieces(&run, &["a@b.co", "b@b.co"]), &warning("one"), Some(&first)).await.unwrap();
    assert_eq!(owed(store, &run).await, ["a@b.co", "b@b.co"]);
    // The second is half promised.
    store.promise(&run.lease, &pieces(&run, &["c@b.co"])).await.unwrap();
    assert_eq!(owed(store, &run).await, ["a@b.co", "b@b.co"]);
    let second = done("a2", AudienceOutcome::Promised);
    store.finish_audience(&run.lease, &pieces(&run, &["d@b.co"]), &warning("two"), Some(&second)).await.unwrap();
    assert_eq!(owed(store, &run).await, ["a@b.co", "b@b.co", "c@b.co", "d@b.co"]);
    // The last pieces of the run are no audience's alone.
    store.promise(&run.lease, &pieces(&run, &["e@b.co"])).await.unwrap();
    let all = RunNews { progress: Progress { promised_at: Some(sample::after(2)), ..Progress::default() }, ..RunNews::default() };
    store.finish_audience(&run.lease, &pieces(&run, &["f@b.co"]), &all, None).await.unwrap();
    assert_eq!(owed(store, &run).await.len(), 6);
    let read = store.run(run.run.id).await.unwrap().unwrap();
    assert_eq!(read.record.warnings, ["one", "two"]);
    assert_eq!(read.progress.promised_at, Some(sample::after(2)));
}

pub async fn i6_h13_whoever_goes_on_keeps_the_audiences_that_are_done<S: Store>(store: &S) {
    let (_, run) = started(store, sample::schedule("daily")).await;
    let failed = AudienceOutcome::Failed { reason: "renderFailed".to_owned(), error: Some("out of paper".to_owned()) };
    let mut all = vec![
        done("a1", AudienceOutcome::Promised),
        done("a2", failed),
        done("a3", AudienceOutcome::Unmet),
        done("a4", AudienceOutcome::Recorded),
    ];
    for audience in &all {
        let kept = pieces(&run, if audience.key == "a1" { &["kept@b.co"] } else { &[] });
        store.finish_audience(&run.lease, &kept, &RunNews::default(), Some(audience)).await.unwrap();
    }
    store.promise(&run.lease, &pieces(&run, &["half@b.co"])).await.unwrap();
    store.hand_back(&run.lease, sample::after(1), &[], Worked::default()).await.unwrap();

    let again = claim(store).await;
    let late = store.finish_audience(&run.lease, &pieces(&run, &["late@b.co"]), &RunNews::default(), Some(&all[0])).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    store.forget_promises(&again.lease).await.unwrap();
    let mut found = store.audiences_done(again.run.id).await.unwrap();
    for list in [&mut found, &mut all] {
        list.sort_by(|one, other| one.key.cmp(&other.key));
    }
    assert_eq!(found, all);
    let left: Vec<_> = store.deliveries(again.run.id).await.unwrap().into_iter().map(|piece| piece.target).collect();
    assert_eq!(left, ["kept@b.co"]);
    assert_eq!(owed(store, &again).await, ["kept@b.co"]);

    store.finish(&again.lease, &sample::end(RunStatus::Complete), sample::after(9)).await.unwrap();
    assert!(store.audiences_done(again.run.id).await.unwrap().is_empty(), "nobody asks any more");
}
