//! How many statements a list costs, whatever is on it. Alone in its binary, because it counts those of the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../examples/pages/sample.rs"]
mod sample;

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::header;
use pressrun_domain::audit::Verb;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::WorkerId;
use pressrun_domain::outline::{KnownTo, Outline};
use pressrun_domain::run::{RunRecord, RunStatus};
use pressrun_store::{Names, RunEnd, Runs, Schedules, SqliteStore, sample as stored};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

/// Counts what the database driver says of each statement.
struct Counting;

impl<S: tracing::Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            STATEMENTS.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A schedule with all that a row of the list may tell of: a run that failed, one that is under way, recipients, a condition, an outline.
async fn busy(store: &SqliteStore, name: &str) {
    let mut schedule = stored::schedule(name);
    schedule.definition.identifier = "12db1a0a".into();
    schedule.definition.condition = Some(stored::condition(ConditionKind::ResultsPresent));
    schedule.definition.destination = stored::to_members(&["a@out.example", "b@out.example"]);
    if let Destination::Email(email) = &mut schedule.definition.destination {
        email.fan_out = true;
    }
    let names = Names { dashboard: "Blob Sales".into(), owner: "Blob Ross".into(), condition_query: Some("Orders".into()) };
    store.insert_schedule(&schedule, &names, &stored::change(Verb::ScheduleCreated)).await.unwrap();
    store.enqueue(&stored::manual(&schedule, stored::after(1)), &stored::change(Verb::RunTriggered)).await.unwrap();
    let claimed = store.claim(WorkerId::generate(), stored::after(2), stored::after(600), 100).await.unwrap();
    let own = claimed.into_iter().find(|claim| claim.run.schedule_id == schedule.id).expect("its run");
    let mut outline = Outline::new(KnownTo::Admins);
    outline.fails(RunStatus::Error, Some("conditionQueryFailed"), None);
    let record = RunRecord { outline: Some(outline), ..RunRecord::default() };
    store.finish(&own.lease, &RunEnd { record, ..stored::end(RunStatus::Error) }, stored::after(9)).await.unwrap();
    store.enqueue(&stored::manual(&schedule, stored::after(10)), &stored::change(Verb::RunTriggered)).await.unwrap();
}

#[tokio::test]
async fn low_the_page_of_schedules_costs_the_same_statements_for_five_rows_and_for_twenty_five() {
    let dir = tempfile::tempdir().unwrap();
    let site = sample::site(dir.path(), Vec::new()).await;
    for number in 0..25 {
        busy(&site.store, &format!("Many {number:02}")).await;
    }
    for number in 0..5 {
        busy(&site.store, &format!("Few {number:02}")).await;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = pressrun_web::router(site.state.clone()).layer(axum::Extension(pressrun_domain::audit::Origin::default()));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Counting)).unwrap();

    for token in [site.admin, site.sales] {
        let sign_in = client.post(format!("{base}/sign-in")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let signed_in = sign_in.body(format!("token={token}&next=%2Fschedules")).send().await.unwrap();
        let cookie = signed_in.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let ask = async |name: &str, rows: usize| {
            let before = STATEMENTS.load(Ordering::SeqCst);
            let request = client.get(format!("{base}/schedules?q={name}")).header(header::COOKIE, &cookie);
            let text = request.send().await.unwrap().text().await.unwrap();
            let found = (0..25).filter(|number| text.contains(&format!("{name} {number:02}"))).count();
            assert_eq!(found, rows, "{text}");
            assert!(text.contains("Waiting") && text.contains("Failed"), "rows tell of runs: {text}");
            STATEMENTS.load(Ordering::SeqCst) - before
        };
        // What is read once in a while, such as the session's last use, is read now.
        ask("Few", 5).await;
        let (few, many) = (ask("Few", 5).await, ask("Many", 25).await);
        assert!(few > 0 && few == many, "{few} statements for five rows, {many} for twenty-five");
    }
}
