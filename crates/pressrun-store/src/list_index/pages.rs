//! The rows of a page in their order. Nulls stand last and ties go by id upwards, in both directions.

use std::ops::Range;

use super::filter::Matched;
use super::{ListIndex, NEVER};
use crate::{ListQuery, SortDirection, SortField};

/// Slots of the rows in `places`, which are among those that are matched. Runs are sorted by what is told of them to whoever does not see
/// everything.
pub(super) fn page(index: &ListIndex, matched: &Matched, query: &ListQuery, places: Range<usize>) -> Vec<u32> {
    let down = query.direction == SortDirection::Descending;
    let told = query.visible.is_some();
    match query.sort {
        SortField::ScheduleName if down => by_name_down(index, matched, places),
        SortField::ScheduleName => by_name_up(index, matched, places),
        SortField::DashboardName => {
            let (ranks, count) = index.document_names.ranks();
            by_rank(index, matched, places, in_order(0..count, down), count, |slot| ranks[index.documents[slot] as usize] as usize)
        }
        SortField::OwnerName => {
            let (ranks, count) = index.owner_names.ranks();
            by_rank(index, matched, places, in_order(0..count, down), count, |slot| ranks[index.owners[slot] as usize] as usize)
        }
        SortField::LastRunStatus => {
            let mut order = in_order(1..8, down);
            order.push(0);
            by_rank(index, matched, places, order, 8, |slot| index.facets[slot].status_rank(told) as usize)
        }
        SortField::LastRun => by_instant(index, matched, places, if told { &index.told } else { &index.completed }, down),
    }
}

fn in_order(ranks: Range<usize>, down: bool) -> Vec<usize> {
    if down { ranks.rev().collect() } else { ranks.collect() }
}

fn by_name_up(index: &ListIndex, matched: &Matched, places: Range<usize>) -> Vec<u32> {
    if matched.is_everything() {
        return index.by_name[places].to_vec();
    }
    index.by_name.iter().copied().filter(|slot| matched.has(*slot)).skip(places.start).take(places.len()).collect()
}

/// From the end, one block of equal names after the other, each upwards.
fn by_name_down(index: &ListIndex, matched: &Matched, places: Range<usize>) -> Vec<u32> {
    let sorted = &index.by_name;
    let has = |at: &usize| matched.has(sorted[*at]);
    let Some(mut at) = (if matched.is_everything() {
        sorted.len().checked_sub(places.start + 1)
    } else {
        (0..sorted.len()).rev().filter(has).nth(places.start)
    }) else {
        return Vec::new();
    };
    let mut page = Vec::with_capacity(places.len());
    let mut begins_inside = true;
    while page.len() < places.len() {
        let key = index.name_keys.get(sorted[at]);
        // Mostly a name stands alone.
        let alone = (at == 0 || index.name_keys.get(sorted[at - 1]) != key)
            && sorted.get(at + 1).is_none_or(|next| index.name_keys.get(*next) != key);
        let block = if alone {
            at..at + 1
        } else {
            let start = sorted[..at].partition_point(|slot| index.name_keys.get(*slot) < key);
            start..at + sorted[at..].partition_point(|slot| index.name_keys.get(*slot) <= key)
        };
        // Those of the block that stand on pages before this one: as many as come after this place when it is read backwards.
        let skipped = if begins_inside { (at + 1..block.end).filter(has).count() } else { 0 };
        begins_inside = false;
        page.extend(block.clone().filter(has).skip(skipped).take(places.len() - page.len()).map(|at| sorted[at]));
        let Some(next) = (0..block.start).rev().find(has) else { break };
        at = next;
    }
    page
}

/// By one of few ranks: counted first, then picked by id. `order` has each of the `count` ranks at most once.
fn by_rank(
    index: &ListIndex,
    matched: &Matched,
    places: Range<usize>,
    order: Vec<usize>,
    count: usize,
    rank: impl Fn(usize) -> usize,
) -> Vec<u32> {
    let mut counts = vec![0_usize; count];
    for slot in index.by_id.iter().filter(|slot| matched.has(**slot)) {
        counts[rank(*slot as usize)] += 1;
    }
    // Of each rank: how many to pass over, how many to take, and where those begin on the page.
    let mut picks = vec![(0, 0, 0); count];
    let (mut passed, mut picked) = (0, 0);
    for rank in order {
        let here = passed..passed + counts[rank];
        passed = here.end;
        let (start, end) = (here.start.max(places.start), here.end.min(places.end));
        if start < end {
            picks[rank] = (start - here.start, end - start, picked);
            picked += end - start;
        }
    }
    let mut page = vec![0; picked];
    let mut left = picked;
    for slot in index.by_id.iter().filter(|slot| matched.has(**slot)) {
        if left == 0 {
            break;
        }
        let (skip, take, at) = &mut picks[rank(*slot as usize)];
        if *take == 0 {
            continue;
        }
        if *skip > 0 {
            *skip -= 1;
            continue;
        }
        page[*at] = *slot;
        (*take, *at, left) = (*take - 1, *at + 1, left - 1);
    }
    page
}

fn by_instant(index: &ListIndex, matched: &Matched, places: Range<usize>, instants: &[i64], down: bool) -> Vec<u32> {
    let order = |one: &(i64, u32), other: &(i64, u32)| {
        one.0.cmp(&other.0).then_with(|| index.ids[one.1 as usize].cmp(&index.ids[other.1 as usize]))
    };
    // The first of them up to the end of the page, thinned out whenever there are twice as many.
    let (wanted, room) = (places.end, 2 * places.end.max(64));
    let mut first: Vec<(i64, u32)> = Vec::new();
    let (mut ran, mut last) = (0, None);
    for slot in index.by_id.iter().copied().filter(|slot| matched.has(*slot)) {
        let at = instants[slot as usize];
        if at == NEVER {
            continue;
        }
        ran += 1;
        // Flipped, the latest is the smallest.
        let one = (if down { !at } else { at }, slot);
        if last.as_ref().is_some_and(|last| order(&one, last).is_gt()) {
            continue;
        }
        first.push(one);
        if first.len() == room {
            first.select_nth_unstable_by(wanted - 1, order);
            first.truncate(wanted);
            last = first.last().copied();
        }
    }
    let here = places.start.min(first.len())..places.end.min(ran);
    let mut page = Vec::with_capacity(places.len());
    if here.start < here.end {
        first.select_nth_unstable_by(here.start, order);
        let mut rest = first.split_off(here.start);
        if here.len() < rest.len() {
            rest.select_nth_unstable_by(here.len(), order);
            rest.truncate(here.len());
        }
        rest.sort_unstable_by(order);
        page.extend(rest.into_iter().map(|(_, slot)| slot));
    }
    let left = places.len() - page.len();
    if left > 0 {
        let never = |slot: &u32| instants[*slot as usize] == NEVER && matched.has(*slot);
        page.extend(index.by_id.iter().copied().filter(never).skip(places.start.saturating_sub(ran)).take(left));
    }
    page
}
