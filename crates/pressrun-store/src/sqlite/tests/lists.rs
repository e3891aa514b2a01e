//! The index of the list against plain SQL over the same rows, and how it follows what happens to the file.

use std::collections::HashMap;

use pressrun_domain::audit::Verb;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::schedule::Schedule;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::Row as _;

use super::in_file;
use crate::collation::folded;
use crate::{ListQuery, Names, Schedules as _, SortDirection, SortField, SqliteStore, sample};

/// Names in several scripts and cases, with what LIKE gives a meaning.
const WORDS: [&str; 12] =
    ["Umsätze", "umsatz", "ÄRGER", "100%", "a_b", "İstanbul", "ΟΔΟΣ", "straße", "🍣 Query", "orders", "Orders (2)", "e\u{301}clair"];

#[derive(Debug, Clone)]
enum Step {
    Create { words: (usize, usize), dashboard: usize, owner: usize },
    Rename { which: usize, word: usize },
    Delete(usize),
    Document { dashboard: usize },
    List { search: Option<String>, sort: usize, down: bool, page: u64, visible: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let word = 0..WORDS.len();
    let search = proptest::option::of(prop_oneof![
        proptest::sample::select(vec![
            "e",
            "ä",
            "Ä",
            "%",
            "_",
            "ss",
            "ß",
            "i̇",
            "σ",
            "Σ",
            "rders",
            "(2)",
            "\u{301}",
            "umsätze ",
            "z",
            "100%",
            "\\",
            "''"
        ])
        .prop_map(str::to_owned),
        word.clone().prop_map(|at| WORDS[at].to_owned()),
    ]);
    let step = prop_oneof![
        4 => (word.clone(), word.clone(), word.clone(), word.clone()).prop_map(|(one, other, dashboard, owner)| Step::Create { words: (one, other), dashboard, owner }),
        2 => (any::<usize>(), word.clone()).prop_map(|(which, word)| Step::Rename { which, word }),
        1 => any::<usize>().prop_map(Step::Delete),
        1 => word.prop_map(|dashboard| Step::Document { dashboard }),
        6 => (search, 0..5_usize, any::<bool>(), 1..4_u64, any::<bool>()).prop_map(|(search, sort, down, page, visible)| Step::List { search, sort, down, page, visible }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The same page by one plain statement.
async fn by_sql(store: &SqliteStore, query: &ListQuery) -> (Vec<String>, i64) {
    let order = match query.sort {
        SortField::ScheduleName => ("name_key", false),
        SortField::DashboardName => ("dashboard_key", false),
        SortField::OwnerName => ("owner_key", false),
        SortField::LastRun => ("last_completed_at", true),
        SortField::LastRunStatus => ("last_status", true),
    };
    let nulls = if order.1 { format!("({} IS NULL), ", order.0) } else { String::new() };
    let way = if query.direction == SortDirection::Descending { " DESC" } else { "" };
    let narrowed =
        "FROM schedules WHERE ($1 = '' OR instr(name_folded, $1) > 0 OR instr(dashboard_folded, $1) > 0 OR instr(owner_folded, $1) > 0)
        AND ($2 = '' OR owner = $2)";
    let search = query.search.as_deref().map(folded).unwrap_or_default();
    let owner = query.visible.as_ref().map(|(owner, _)| owner.to_string()).unwrap_or_default();
    let sql = format!("SELECT id {narrowed} ORDER BY {nulls}{}{way}, id LIMIT $3 OFFSET $4", order.0);
    let skipped = (query.page - 1) * u64::from(query.page_size);
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&search).bind(&owner).bind(query.page_size).bind(skipped as i64);
    let rows = rows.fetch_all(&store.read).await.unwrap();
    let count = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT count(*) {narrowed}"))).bind(&search).bind(&owner);
    (rows.iter().map(|row| row.get(0)).collect(), count.fetch_one(&store.read).await.unwrap().get(0))
}

async fn play(steps: Vec<Step>) {
    let (store, _folder) = in_file().await;
    let (mut stored, mut names): (Vec<Schedule>, HashMap<ScheduleId, Names>) = (Vec::new(), HashMap::new());
    for step in steps {
        match step {
            Step::Create { words, dashboard, owner } => {
                let mut schedule = sample::schedule(&format!("{} {}", WORDS[words.0], WORDS[words.1]));
                schedule.definition.owner = sample::member(owner as u128 % 3);
                let of = Names { dashboard: WORDS[dashboard].into(), owner: WORDS[owner].into(), condition_query: None };
                store.insert_schedule(&schedule, &of, &sample::change(Verb::ScheduleCreated)).await.unwrap();
                names.insert(schedule.id, of);
                stored.push(schedule);
            }
            Step::Rename { which, word } => {
                let count = stored.len().max(1);
                let Some(schedule) = stored.get_mut(which % count) else { continue };
                schedule.definition.name = WORDS[word].into();
                schedule.version =
                    store.replace_schedule(schedule, &names[&schedule.id], &sample::change(Verb::ScheduleUpdated)).await.unwrap();
            }
            Step::Delete(which) if !stored.is_empty() => {
                let gone = stored.remove(which % stored.len());
                assert!(store.delete_schedule(gone.id, &sample::change(Verb::ScheduleDeleted)).await.unwrap());
            }
            Step::Delete(_) => {}
            Step::Document { dashboard } => {
                store.refresh_names(&[("12db1a0a".into(), WORDS[dashboard].into())], &[]).await.unwrap();
                for of in names.values_mut() {
                    of.dashboard = WORDS[dashboard].into();
                }
            }
            Step::List { search, sort, down, page, visible } => {
                let sorts =
                    [SortField::ScheduleName, SortField::DashboardName, SortField::OwnerName, SortField::LastRun, SortField::LastRunStatus];
                let query = ListQuery {
                    search,
                    sort: sorts[sort],
                    direction: if down { SortDirection::Descending } else { SortDirection::Ascending },
                    page,
                    page_size: 3,
                    visible: visible.then(|| (sample::member(1), Vec::new())),
                    ..sample::list()
                };
                let listed = store.list_schedules(&query).await.unwrap();
                let ids: Vec<String> = listed.rows.iter().map(|row| row.id.to_string()).collect();
                assert_eq!((ids, listed.total as i64), by_sql(&store, &query).await, "{query:?}");
            }
        }
    }
}

#[test]
fn a_list_is_what_plain_sql_finds_after_any_changes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    runner
        .run(&steps(), |steps| {
            runtime.block_on(play(steps));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_list_sees_what_another_process_wrote() {
    let (store, folder) = in_file().await;
    let other = SqliteStore::open(&folder.path().join("pressrun.db"), sample::sealer()).await.unwrap();
    for number in 1..=3 {
        assert_eq!(store.list_schedules(&sample::list()).await.unwrap().total, number - 1);
        let schedule = sample::schedule("elsewhere");
        other.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
        assert_eq!(store.list_schedules(&sample::list()).await.unwrap().total, number);
    }
}

#[tokio::test]
async fn a_list_that_is_too_far_behind_is_made_anew() {
    let (store, _folder) = in_file().await;
    let first = sample::schedule("first");
    store.insert_schedule(&first, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    assert_eq!(store.list_schedules(&sample::list()).await.unwrap().total, 1);
    store.insert_schedule(&sample::schedule("second"), &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
    // As after hundreds of thousands of runs that nobody looked at.
    sqlx::raw_sql("DELETE FROM list_changes; INSERT INTO list_changes (seq, k) VALUES (500000, 1)").execute(&store.write).await.unwrap();
    assert_eq!(store.list_schedules(&sample::list()).await.unwrap().total, 2);
    assert!(store.delete_schedule(first.id, &sample::change(Verb::ScheduleDeleted)).await.unwrap());
    assert_eq!(store.list_schedules(&sample::list()).await.unwrap().total, 1);
}

#[tokio::test]
async fn changes_of_the_list_are_forgotten_when_there_are_many() {
    let (store, _folder) = in_file().await;
    let count =
        "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 250000) INSERT INTO list_changes (k) SELECT i FROM c";
    sqlx::raw_sql(count).execute(&store.write).await.unwrap();
    let kept: i64 = sqlx::query("SELECT count(*) FROM list_changes").fetch_one(&store.read).await.unwrap().get(0);
    assert_eq!(kept, 200_000);
}
