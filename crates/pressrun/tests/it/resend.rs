//! A piece of an ended run, sent again.

use pressrun_domain::audit::Verb;
use pressrun_domain::delivery::{Delivery, DeliveryState};
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{ResendOf, Run, RunKind, RunRecord, RunState, RunStatus};

use crate::world::{World, ended};

#[tokio::test]
async fn a_resend_sends_the_same_bytes_under_a_new_mark_and_leaves_the_schedule_alone() {
    let world = World::new().await;
    let schedule = world.save(world.webhook(Format::Json)).await;
    let first = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let (run, deliveries) = world.run(first).await;
    let before = world.store.schedule(schedule).await.unwrap().unwrap();
    world.write_data("sales.csv", "day,region,amount\n2025-07-21,US,999\n");

    let now = run.scheduled_for;
    let (again, id) = (RunId::generate(), DeliveryId::generate());
    let piece = Delivery {
        id,
        run: again,
        idempotency_key: format!("pressrun-{id}"),
        state: DeliveryState::Pending { not_before: now },
        attempts: Vec::new(),
        ..deliveries[0].clone()
    };
    let resend_of = Some(ResendOf { run: first, delivery: deliveries[0].id });
    let record = RunRecord { resend_of, ..RunRecord::default() };
    // The secrets of a run end with it; whoever asks for a resend puts those of the schedule back.
    let (definition, state) = (before.definition.clone(), RunState::Queued { available_at: now });
    let resend = Run { id: again, definition, kind: RunKind::Resend, state, started_at: None, fence: 0, record, ..run };
    world.store.enqueue_resend(&resend, &piece, &pressrun_store::sample::change(Verb::RunResent)).await.unwrap();
    world.engine.drain().await.unwrap();

    let (resent, pieces) = world.run(again).await;
    assert_eq!((ended(&resent), resent.kind), ((RunStatus::Complete, None), RunKind::Resend), "{:?}", resent.record);
    assert_eq!(pieces[0].attempts.len(), 1);
    let requests = world.http.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body, "nothing is queried or rendered again");
    assert_ne!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
    assert_eq!(world.store.schedule(schedule).await.unwrap().unwrap(), before);
}
