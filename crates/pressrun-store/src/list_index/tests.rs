//! Whatever changed in whatever order, a page is what a plain search and sort of all schedules gives.
use std::cmp::Reverse;
use std::collections::BTreeMap;

use pressrun_domain::destination::DestinationKind;
use pressrun_domain::id::{DocumentIdentifier, MembershipId};
use pressrun_domain::run::RunStatus;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{ContentKind, ScheduleKind, SortDirection, SortField, StatusFilter, sample};

fn owner(number: u8) -> MembershipId {
    MembershipId(Uuid::from_u128(number.into()))
}

fn named(of: String, name: &str) -> Named {
    Named { of, folded: name.to_lowercase(), key: name.to_lowercase().trim_start_matches('#').into() }
}

prop_compose! {
    /// Few letters, so that names are equal, contain each other and one another's parts.
    fn entry()(
        (key, id) in (0_i64..40, 0_u128..400),
        name in "[#aBä%_ ]{0,6}",
        (document, document_name) in (0_u8..4, "[aB]{1,2}"),
        (owner_number, owner_name) in (0_u8..3, "[ab]{1,2}"),
        (destination, alert, tile) in (0_usize..5, any::<bool>(), any::<bool>()),
        (status, told) in (0_usize..7, 0_usize..7),
        instants in (0_i64..4, 0_i64..4),
    ) -> Entry {
        let word = |at: usize| RunStatus::ALL.get(at).map(|status| status.as_str()).or((at == 5).then_some("FINE"));
        let at = |status: usize, instant| word(status).map(|_| instant);
        Entry {
            key,
            // No two rows have one id.
            id: id * 100 + key as u128,
            name: name.to_lowercase(),
            name_key: named(String::new(), &name).key,
            document: named(format!("doc{document}"), &document_name),
            owner: named(owner(owner_number).to_string(), &owner_name),
            facets: Facets::new(DestinationKind::ALL[destination].as_str(), alert, tile, word(status), word(told)),
            completed_at: at(status, instants.0),
            told_at: at(told, instants.1),
        }
    }
}

prop_compose! {
    fn query()(
        search in proptest::option::of("[aBä%_ ]{0,3}"),
        status in proptest::option::of(proptest::sample::select(vec![StatusFilter::Success, StatusFilter::Error, StatusFilter::Canceled, StatusFilter::None])),
        destination in proptest::option::of(proptest::sample::select(DestinationKind::ALL.to_vec())),
        (kind, content) in (proptest::option::of(any::<bool>()), proptest::option::of(any::<bool>())),
        (owner_number, document) in (proptest::option::of(0_u8..4), proptest::option::of(0_u8..5)),
        visible in proptest::option::of((0_u8..4, proptest::collection::vec(0_u8..5, 0..3))),
        sort in proptest::sample::select(vec![SortField::ScheduleName, SortField::DashboardName, SortField::OwnerName, SortField::LastRun, SortField::LastRunStatus]),
        (down, page, page_size) in (any::<bool>(), 1_u64..6, 1_u32..9),
        plain in any::<bool>(),
    ) -> ListQuery {
        let identifier = |number: u8| DocumentIdentifier::from(format!("doc{number}").as_str());
        let direction = if down { SortDirection::Descending } else { SortDirection::Ascending };
        let all = ListQuery { sort, direction, page, page_size, ..sample::list() };
        if plain {
            return all;
        }
        ListQuery {
            search, status, destination,
            kind: kind.map(|alert| if alert { ScheduleKind::Alert } else { ScheduleKind::Schedule }),
            content: content.map(|tile| if tile { ContentKind::SingleTile } else { ContentKind::Dashboard }),
            owner: owner_number.map(owner),
            identifier: document.map(identifier),
            visible: visible.map(|(number, documents)| (owner(number), documents.into_iter().map(identifier).collect())),
            ..all
        }
    }
}

/// The rule by the letter.
fn expected(rows: &BTreeMap<i64, Entry>, query: &ListQuery) -> Found {
    let told = query.visible.is_some();
    let word = |entry: &Entry| entry.facets.status(told);
    let search = query.search.clone().unwrap_or_default().to_lowercase();
    let owner = |entry: &Entry, id: MembershipId| entry.owner.of == id.to_string();
    let meant = |entry: &&Entry| {
        query.status.is_none_or(|filter| match (filter, word(entry)) {
            (StatusFilter::None, _) => entry.facets.status_rank(told) == 0,
            (StatusFilter::Success, Some(RunStatus::Complete | RunStatus::ConditionUnmet))
            | (StatusFilter::Error, Some(RunStatus::Error | RunStatus::ErrorDelivered))
            | (StatusFilter::Canceled, Some(RunStatus::Killed)) => true,
            _ => false,
        }) && query.destination.is_none_or(|kind| entry.facets.goes_to(kind))
            && query.kind.is_none_or(|kind| entry.facets.is_alert() == (kind == ScheduleKind::Alert))
            && query.content.is_none_or(|content| entry.facets.is_single_tile() == (content == ContentKind::SingleTile))
            && query.owner.is_none_or(|id| owner(entry, id))
            && query.identifier.as_ref().is_none_or(|identifier| entry.document.of == identifier.as_str())
            && query
                .visible
                .as_ref()
                .is_none_or(|(id, documents)| owner(entry, *id) || documents.iter().any(|document| document.as_str() == entry.document.of))
            && [&entry.name, &entry.document.folded, &entry.owner.folded].iter().any(|name| name.contains(&search))
    };
    let mut found: Vec<&Entry> = rows.values().filter(meant).collect();
    found.sort_by_key(|entry| entry.id);
    let down = query.direction == SortDirection::Descending;
    macro_rules! by {
        ($key:expr) => {
            if down { found.sort_by_key(|entry| Reverse($key(entry))) } else { found.sort_by_key(|entry| $key(entry)) }
        };
    }
    match query.sort {
        SortField::ScheduleName => by!(|entry: &Entry| entry.name_key.clone()),
        SortField::DashboardName => by!(|entry: &Entry| entry.document.key.clone()),
        SortField::OwnerName => by!(|entry: &Entry| entry.owner.key.clone()),
        SortField::LastRun => by!(|entry: &Entry| if told { entry.told_at } else { entry.completed_at }),
        SortField::LastRunStatus => by!(|entry: &Entry| entry.facets.status_rank(told)),
    }
    if matches!(query.sort, SortField::LastRun | SortField::LastRunStatus) {
        found.sort_by_key(|entry| match query.sort {
            SortField::LastRun => (if told { entry.told_at } else { entry.completed_at }).is_none(),
            _ => entry.facets.status_rank(told) == 0,
        });
    }
    let skipped = ((query.page - 1) * u64::from(query.page_size)) as usize;
    let keys = found.iter().skip(skipped).take(query.page_size as usize).map(|entry| entry.key).collect();
    Found { keys, total: found.len() as u64 }
}

fn made(rows: &BTreeMap<i64, Entry>) -> ListIndex {
    let mut index = ListIndex::default();
    for entry in rows.values() {
        index.fill(entry);
    }
    index.finish();
    index
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_page_after_any_changes_is_that_of_a_plain_search(
        begun in proptest::collection::vec(entry(), 0..40),
        rounds in proptest::collection::vec(
            (proptest::collection::vec((entry(), 0_u8..4), 0..12), proptest::collection::vec(query(), 1..4)), 1..5),
        again in proptest::collection::vec(query(), 1..4),
    ) {
        let mut rows: BTreeMap<i64, Entry> = begun.into_iter().map(|entry| (entry.key, entry)).collect();
        let mut index = made(&rows);
        for (changes, queries) in rounds {
            let changes = changes.into_iter().map(|(entry, kind)| match kind {
                0 => {
                    rows.remove(&entry.key);
                    Change::Gone(entry.key)
                }
                _ => {
                    rows.insert(entry.key, entry.clone());
                    Change::Put(Box::new(entry))
                }
            });
            if !index.take_in(changes.collect()) {
                index = made(&rows);
            }
            // The same ones after each round: what they found is kept and corrected.
            for query in again.iter().chain(&queries) {
                prop_assert_eq!(index.find(query), expected(&rows, query), "{:?}", query);
            }
        }
    }
}

fn plain(key: i64, name: &str) -> Entry {
    Entry {
        key,
        id: key as u128,
        name: name.to_owned(),
        name_key: name.into(),
        document: named("doc1".to_owned(), "a"),
        owner: named(owner(1).to_string(), "a"),
        facets: Facets::new("email", false, false, None, None),
        completed_at: None,
        told_at: None,
    }
}

#[test]
fn a_schedule_that_comes_leaves_and_is_renamed_at_once_stands_where_it_belongs() {
    let put = |key, name| Change::Put(Box::new(plain(key, name)));
    let mut index = ListIndex::default();
    assert!(index.take_in(vec![put(1, "m"), put(2, "b"), put(2, "z"), put(3, "a"), Change::Gone(3), Change::Gone(7)]));
    assert_eq!(index.find(&sample::list()), Found { keys: vec![1, 2], total: 2 });
    assert!(index.take_in(vec![Change::Gone(1), put(1, "zz"), Change::Gone(2), put(3, "c"), put(3, "d")]));
    assert_eq!(index.find(&sample::list()), Found { keys: vec![3, 1], total: 2 });
    assert!(!index.take_in(vec![put(9, "x"), put(5, "y")]), "rows are only added at the end");
}

#[test]
fn an_index_of_mostly_empty_slots_is_hollow() {
    let rows: BTreeMap<i64, Entry> = BTreeMap::new();
    let mut index = made(&rows);
    assert!(!index.is_hollow());
    let put = |key: i64| Change::Put(Box::new(plain(key, "a")));
    assert!(index.take_in((0..3_000).map(put).collect()));
    assert!(!index.is_hollow());
    assert!(index.take_in((0..2_900).map(Change::Gone).collect()));
    assert!(index.is_hollow());
    assert_eq!(index.find(&sample::list()).total, 100);
}
