//! Places that are names, in the order that the author wants, and only so many of them.

use std::cmp::Ordering;
use std::collections::HashMap;

use pressrun_domain::catalog::Aggregate;
use pressrun_domain::chart::{Chart, Order, Sort};

use super::data::{Cells, Measures, PlaceKind, Places, by, count, listed};
use super::error::ChartError;
use super::fold::Fold;

/// Whether the chart asks for an order or a number of names, so that numbers are names too.
pub(super) fn of_names(chart: &Chart) -> bool {
    chart.sort.is_some() || chart.top.is_some()
}

/// Puts the places in order and what is beyond the largest ones together.
///
/// # Errors
/// [`ChartError::NoNames`]: the places are dates.
pub(super) fn apply(
    chart: &Chart,
    places: &mut Places,
    cells: &mut Cells,
    measures: &Measures<'_>,
    notes: &mut Vec<String>,
) -> Result<(), ChartError> {
    if !of_names(chart) {
        return Ok(());
    }
    if places.kind != PlaceKind::Category {
        return Err(ChartError::NoNames { column: places.format.label.clone() });
    }
    let sizes: Vec<f64> = (0..places.len()).map(|place| size(place, cells, measures)).collect();
    let mut shown: Vec<usize> = (0..places.len()).collect();
    let mut rest = Vec::new();
    // One name alone is better shown than called "other".
    if let Some(top) = chart.top.map(usize::from).filter(|top| *top + 1 < places.len()) {
        shown.sort_by(|a, b| at(&sizes, *b).total_cmp(&at(&sizes, *a)).then(a.cmp(b)));
        rest = shown.split_off(top);
        shown.sort_unstable();
    }
    match &chart.sort {
        None => {}
        Some(Sort::Name(order)) => shown.sort_by(|a, b| turned(by_name(&places.labels, *a, *b), *order)),
        Some(Sort::Size(order)) => shown.sort_by(|a, b| turned(at(&sizes, *a).total_cmp(&at(&sizes, *b)), *order).then(a.cmp(b))),
        Some(Sort::Listed(names)) => {
            let rank: HashMap<&str, usize> = names.iter().enumerate().map(|(nth, name)| (name.as_str(), nth)).collect();
            let place = |place: usize| places.labels.get(place).and_then(|label| rank.get(label.as_str())).copied();
            shown.sort_by_key(|nth| (place(*nth).unwrap_or(usize::MAX), *nth));
        }
    }
    let mut to: Vec<Option<usize>> = vec![None; places.len()];
    for (new, old) in shown.iter().enumerate() {
        to[*old] = Some(new);
    }
    let mut labels: Vec<String> = shown.iter().map(|old| std::mem::take(&mut places.labels[*old])).collect();
    if !rest.is_empty() {
        let mut aggregates = (0..measures.base).map(|nth| measures.aggregate(nth)).filter(|aggregate| *aggregate != Aggregate::None);
        if let Some(aggregate) = aggregates.next() {
            for old in &rest {
                to[*old] = Some(shown.len());
            }
            places.ends_in_others = true;
            labels.push(format!("All other ({})", rest.len()));
            notes.push(format!("{} shown as All other{}", count(rest.len(), "place"), by(aggregate)));
        } else {
            let names: Vec<&str> = rest.iter().filter_map(|old| places.labels.get(*old)).map(String::as_str).collect();
            notes.push(format!("The smallest {} not drawn: {}", count(rest.len(), "place"), listed(&names)));
        }
    }
    for values in cells.values_mut() {
        *values = moved(values, &to);
    }
    places.at = (0..labels.len()).map(|place| place as f64).collect();
    places.labels = labels;
    for place in &mut places.of_row {
        *place = place.and_then(|old| to.get(old).copied().flatten());
    }
    Ok(())
}

/// Values at their new places; those of one place joined.
fn moved(values: &HashMap<usize, Fold>, to: &[Option<usize>]) -> HashMap<usize, Fold> {
    let mut moved: HashMap<usize, Fold> = HashMap::new();
    // In order of place: floats added in another order end in other digits, and the last is the last of the rows.
    let mut from: Vec<usize> = values.keys().copied().collect();
    from.sort_unstable();
    for old in from {
        if let (Some(Some(new)), Some(fold)) = (to.get(old), values.get(&old)) {
            moved.entry(*new).or_default().join(fold);
        }
    }
    moved
}

/// What stands at a place, all series of the chart's own mark together.
fn size(place: usize, cells: &Cells, measures: &Measures<'_>) -> f64 {
    let base = cells.iter().filter(|((nth, _), _)| *nth < measures.base);
    base.filter_map(|((nth, _), values)| values.get(&place)?.value(measures.aggregate(*nth))).sum()
}

fn at(sizes: &[f64], place: usize) -> f64 {
    sizes.get(place).copied().unwrap_or(0.0)
}

/// Numbers by their size and before words; words by the alphabet, whatever their case.
fn by_name(labels: &[String], a: usize, b: usize) -> Ordering {
    let text = |place: usize| labels.get(place).map_or("", String::as_str);
    let number = |place: usize| text(place).replace(',', "").parse::<f64>().ok();
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(a).to_lowercase().cmp(&text(b).to_lowercase()).then_with(|| text(a).cmp(text(b))),
    }
}

fn turned(ordering: Ordering, order: Order) -> Ordering {
    if order == Order::Descending { ordering.reverse() } else { ordering }
}
