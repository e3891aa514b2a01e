//! The list of schedules (contract §5.2).

use pressrun_domain::audit::Verb;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::destination::{DestinationKind, SlackRecipientType};
use pressrun_domain::outline::{KnownTo, Untold};
use pressrun_domain::run::RunStatus;
use pressrun_domain::schedule::{Definition, LastRun, Schedule};

use super::{insert, saved};
use crate::{ContentKind, ListQuery, Names, ScheduleKind, SortDirection, SortField, StatusFilter, Store, sample};

async fn listed<S: Store>(store: &S, query: &ListQuery) -> Vec<String> {
    let page = store.list_schedules(query).await.expect("listed");
    page.rows.iter().map(|row| row.name().to_owned()).collect()
}

fn ran(name: &str, status: RunStatus, minute: i64) -> Schedule {
    Schedule { last_run: Some(LastRun { status, completed_at: sample::after(minute * 60), untold: None }), ..sample::schedule(name) }
}

pub async fn the_list_has_the_contracts_order<S: Store>(store: &S) {
    let expected = ["Web Traffic Analysis", "⚡️🍣 Query", "Orders (2)", "Orders", "External users", "Daily Slack update"];
    for at in [3, 0, 5, 2, 4, 1] {
        saved(store, expected[at]).await;
    }
    let query = ListQuery { direction: SortDirection::Descending, ..sample::list() };
    assert_eq!(listed(store, &query).await, expected);
    let mut upwards = listed(store, &sample::list()).await;
    upwards.reverse();
    assert_eq!(upwards, expected);
}

pub async fn the_list_pages_without_loss_or_repetition<S: Store>(store: &S) {
    // Equal names in several cases: only the id tells them apart.
    let names = ["orders", "Orders", "ORDERS", "orders", "Orders", "oRDERS", "orders"];
    for name in names {
        saved(store, name).await;
    }
    for direction in [SortDirection::Ascending, SortDirection::Descending] {
        let mut seen = Vec::new();
        for page in 1..=4 {
            let query = ListQuery { page, page_size: 2, direction, ..sample::list() };
            let page = store.list_schedules(&query).await.unwrap();
            assert_eq!(page.total, 7);
            seen.extend(page.rows.into_iter().map(|row| row.id));
        }
        assert_eq!(seen.len(), 7);
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        let past = ListQuery { page: 5, page_size: 2, direction, ..sample::list() };
        let past = store.list_schedules(&past).await.unwrap();
        assert_eq!((past.rows.len(), past.total), (0, 7));
    }
}

pub async fn nulls_stand_last_and_ties_go_by_id_in_both_directions<S: Store>(store: &S) {
    for schedule in [
        sample::schedule("never a"),
        ran("early", RunStatus::Error, 1),
        ran("late", RunStatus::Complete, 2),
        ran("late too", RunStatus::Complete, 2),
        sample::schedule("never b"),
    ] {
        insert(store, schedule).await;
    }
    for (sort, direction, expected) in [
        (SortField::LastRun, SortDirection::Ascending, ["early", "late", "late too", "never a", "never b"]),
        (SortField::LastRun, SortDirection::Descending, ["late", "late too", "early", "never a", "never b"]),
        (SortField::LastRunStatus, SortDirection::Ascending, ["late", "late too", "early", "never a", "never b"]),
        (SortField::LastRunStatus, SortDirection::Descending, ["early", "late", "late too", "never a", "never b"]),
    ] {
        assert_eq!(listed(store, &ListQuery { sort, direction, ..sample::list() }).await, expected, "{sort:?} {direction:?}");
    }
}

pub async fn filters_narrow_one_by_one_and_together<S: Store>(store: &S) {
    let mut alert = ran("alert", RunStatus::ConditionUnmet, 1);
    alert.definition.condition = Some(sample::condition(ConditionKind::ResultsPresent));
    let mut tile = ran("tile", RunStatus::Killed, 2);
    tile.definition.tile = Some("1".into());
    tile.definition.destination = sample::slack();
    let mut other = ran("other", RunStatus::ErrorDelivered, 3);
    other.definition.owner = sample::member(2);
    other.definition.identifier = "1169b547".into();
    other.definition.destination = sample::webhook(&[]);
    for schedule in [alert, tile, other, ran("plain", RunStatus::Complete, 4), sample::schedule("unrun"), ran("wrong", RunStatus::Error, 5)]
    {
        insert(store, schedule).await;
    }
    let all = sample::list();
    for (case, query, expected) in [
        ("nothing", all.clone(), &["alert", "other", "plain", "tile", "unrun", "wrong"][..]),
        ("s7 success", ListQuery { status: Some(StatusFilter::Success), ..all.clone() }, &["alert", "plain"]),
        ("s7 error", ListQuery { status: Some(StatusFilter::Error), ..all.clone() }, &["other", "wrong"]),
        ("s7 canceled", ListQuery { status: Some(StatusFilter::Canceled), ..all.clone() }, &["tile"]),
        ("s7 none", ListQuery { status: Some(StatusFilter::None), ..all.clone() }, &["unrun"]),
        ("slack", ListQuery { destination: Some(DestinationKind::Slack), ..all.clone() }, &["tile"]),
        ("s3", ListQuery { destination: Some(DestinationKind::S3), ..all.clone() }, &[]),
        ("alerts", ListQuery { kind: Some(ScheduleKind::Alert), ..all.clone() }, &["alert"]),
        ("plain ones", ListQuery { kind: Some(ScheduleKind::Schedule), ..all.clone() }, &["other", "plain", "tile", "unrun", "wrong"]),
        ("tiles", ListQuery { content: Some(ContentKind::SingleTile), ..all.clone() }, &["tile"]),
        ("dashboards", ListQuery { content: Some(ContentKind::Dashboard), ..all.clone() }, &["alert", "other", "plain", "unrun", "wrong"]),
        ("owner", ListQuery { owner: Some(sample::member(2)), ..all.clone() }, &["other"]),
        ("document", ListQuery { identifier: Some("1169b547".into()), ..all.clone() }, &["other"]),
        ("visible by owner", ListQuery { visible: Some((sample::member(2), vec![])), ..all.clone() }, &["other"]),
        ("visible by document", ListQuery { visible: Some((sample::member(3), vec!["1169b547".into()])), ..all.clone() }, &["other"]),
        ("visible to nobody", ListQuery { visible: Some((sample::member(3), vec![])), ..all.clone() }, &[]),
        (
            "together",
            ListQuery {
                status: Some(StatusFilter::Error),
                destination: Some(DestinationKind::Email),
                search: Some("O".into()),
                ..all.clone()
            },
            &["wrong"],
        ),
    ] {
        assert_eq!(listed(store, &query).await, expected, "{case}");
        assert_eq!(store.list_schedules(&query).await.unwrap().total, expected.len() as u64, "{case}");
    }
}

/// An alert that ran once, of which members are told that it was complete; `at` is the minute at which it ended.
fn told_complete(name: &str, status: RunStatus, minute: i64) -> Schedule {
    let mut schedule = ran(name, status, minute);
    schedule.definition.condition = Some(sample::condition(ConditionKind::ResultsPresent));
    let untold = Untold { known_to: KnownTo::Admins, status: RunStatus::Complete, at: sample::after(0) };
    schedule.last_run = schedule.last_run.map(|last| LastRun { untold: Some(untold), ..last });
    schedule
}

pub async fn d28_a_members_list_is_narrowed_and_sorted_by_what_is_told<S: Store>(store: &S) {
    // Ids in this order.
    for schedule in [told_complete("held, refused", RunStatus::Error, 9), told_complete("unmet", RunStatus::ConditionUnmet, 1)] {
        let owner = sample::member(2);
        insert(store, Schedule { definition: Definition { owner, ..schedule.definition.clone() }, ..schedule }).await;
    }
    let everything = sample::list();
    let member = ListQuery { visible: Some((sample::member(2), vec![])), ..sample::list() };
    let (success, error) = (Some(StatusFilter::Success), Some(StatusFilter::Error));
    for (case, query, expected) in [
        ("an admin's failures", ListQuery { status: error, ..everything.clone() }, &["held, refused"][..]),
        ("an admin's successes", ListQuery { status: success, ..everything.clone() }, &["unmet"]),
        ("a member's failures", ListQuery { status: error, ..member.clone() }, &[]),
        ("a member's successes", ListQuery { status: success, ..member.clone() }, &["held, refused", "unmet"]),
    ] {
        assert_eq!(listed(store, &query).await, expected, "{case}");
        assert_eq!(store.list_schedules(&query).await.unwrap().total, expected.len() as u64, "{case}");
    }
    for (sort, direction) in [SortField::LastRun, SortField::LastRunStatus]
        .into_iter()
        .flat_map(|sort| [SortDirection::Ascending, SortDirection::Descending].map(|direction| (sort, direction)))
    {
        let query = ListQuery { sort, direction, ..member.clone() };
        assert_eq!(listed(store, &query).await, ["held, refused", "unmet"], "{sort:?} {direction:?}: all that is told of them is equal");
    }
}

pub async fn the_search_finds_all_three_names_without_case<S: Store>(store: &S) {
    saved(store, "100% Umsätze_neu").await;
    for (search, found) in [
        ("", true),
        ("UMSÄTZE", true),
        ("blob s", true),
        ("bLOB rOSS", true),
        ("%", true),
        ("_", true),
        ("1_0", false),
        ("u%z", false),
        ("neu blob", false),
        ("'", false),
    ] {
        let query = ListQuery { search: Some(search.into()), ..sample::list() };
        let page = store.list_schedules(&query).await.unwrap();
        assert_eq!((page.rows.len(), page.total), (usize::from(found), u64::from(found)), "{search:?}");
    }
}

pub async fn renamed_documents_and_owners_are_found_and_sorted_by_their_new_names<S: Store>(store: &S) {
    let first = saved(store, "first").await;
    let mut second = sample::schedule("second");
    second.definition.identifier = "1169b547".into();
    second.definition.owner = sample::member(2);
    let names = Names { dashboard: "Middle".into(), owner: "Middle".into(), condition_query: Some("Late blobs".into()) };
    store.insert_schedule(&second, &names, &sample::change(Verb::ScheduleCreated)).await.unwrap();
    store
        .refresh_names(&[("12db1a0a".into(), "Zebras".into()), ("unknown".into(), "x".into())], &[(sample::member(1), "Ann".into())])
        .await
        .unwrap();
    for (sort, expected) in [(SortField::DashboardName, ["second", "first"]), (SortField::OwnerName, ["first", "second"])] {
        assert_eq!(listed(store, &ListQuery { sort, ..sample::list() }).await, expected, "{sort:?}");
    }
    assert_eq!(listed(store, &ListQuery { search: Some("zebra".into()), ..sample::list() }).await, ["first"]);
    assert!(listed(store, &ListQuery { search: Some("Blob".into()), ..sample::list() }).await.is_empty());
    let rows = store.list_schedules(&sample::list()).await.unwrap().rows;
    assert_eq!(rows[0].names, Names { dashboard: "Zebras".into(), owner: "Ann".into(), condition_query: None });
    assert_eq!(rows[1].names, names);
    assert_eq!(store.schedule(first.id).await.unwrap().unwrap().version, 1, "a new name is no edit");
}

pub async fn q6_the_list_counts_recipients_of_mail_only<S: Store>(store: &S) {
    let mut mail = sample::schedule("a mail");
    mail.definition.destination = sample::to_members(&["a@b.co", "c@d.co"]);
    let mut slack = sample::schedule("b slack");
    slack.definition.destination = sample::slack();
    insert(store, mail.clone()).await;
    insert(store, slack).await;
    let rows = store.list_schedules(&sample::list()).await.unwrap().rows;
    assert_eq!((rows[0].recipient_count, rows[0].slack_recipient_type()), (2, None));
    assert_eq!((rows[1].recipient_count, rows[1].slack_recipient_type()), (-1, Some(SlackRecipientType::Channel)));
    mail.definition.destination = sample::to_members(&["a@b.co"]);
    store.replace_schedule(&mail, &sample::names(), &sample::change(Verb::ScheduleUpdated)).await.unwrap();
    assert_eq!(store.list_schedules(&sample::list()).await.unwrap().rows[0].recipient_count, 1);
}
