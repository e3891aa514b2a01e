//! Where the places of a table lie on the horizontal axis, and their labels.

use jiff::civil::DateTime;

use super::axis::{Labels, Tick, typographic};
use super::data::{PlaceKind, Places, Table, count};
use super::measure::{self, Weight};
use super::scale::{Band, ValueScale, time};
use super::theme::Theme;

/// A settled horizontal axis.
pub(crate) struct XAxis {
    /// The x of each place.
    pub(crate) x: Vec<f64>,
    /// Bands, where places are bands.
    pub(crate) band: Band,
    pub(crate) labels: Labels,
}

/// Lays places out from `left` to `right` as bands of equal width; labels may stand `most` high.
pub(crate) fn bands(places: &Places, left: f64, right: f64, most: f64, theme: &Theme) -> XAxis {
    let band = Band { from: left, to: right, count: places.len() };
    let x: Vec<f64> = (0..places.len()).map(|i| band.center(i)).collect();
    let limits = (0.0, right + 2.0);
    let labels = match places.kind {
        PlaceKind::Category | PlaceKind::Number => {
            let ticks: Vec<Tick> =
                x.iter().zip(&places.labels).map(|(x, text)| Tick { x: *x, text: text.clone(), context: None }).collect();
            let ordinal = places.labels.iter().all(|label| label.parse::<f64>().is_ok());
            if ordinal && !ticks.is_empty() {
                Labels::thinned(&ticks, limits, &[1, 2, 5, 10, 20, 50, 100], usize::is_multiple_of, theme)
            } else {
                Labels::categories(&ticks, band.step(), limits, most, theme)
            }
        }
        PlaceKind::Time => band_moments(places, &x, limits, theme),
    };
    XAxis { x, band, labels }
}

/// Labels of bands that are periods: thinned on calendar boundaries.
fn band_moments(places: &Places, x: &[f64], limits: (f64, f64), theme: &Theme) -> Labels {
    let walls: Vec<DateTime> = places.at.iter().map(|at| time::wall(*at, &places.zone)).collect();
    let unit = time::granularity(&walls);
    let ticks: Vec<Tick> = walls
        .iter()
        .zip(x)
        .map(|(wall, x)| {
            let (text, context) = own_or_split(places, *wall, unit);
            Tick { x: *x, text, context }
        })
        .collect();
    match unit {
        time::Unit::Month => {
            let month = |i: usize| i64::from(walls[i].month()) - 1 + 12 * i64::from(walls[i].year());
            // Where the first of a calendar step is not among the bands (fiscal quarters), count from the first band.
            let start = if walls.iter().any(|w| w.month() == 1) { 0 } else { month(0) };
            Labels::thinned(&ticks, limits, &[1, 2, 3, 6, 12, 24, 60, 120], |i, n| (month(i) - start).rem_euclid(n as i64) == 0, theme)
        }
        time::Unit::Year => {
            let first = walls.first().map_or(0, |w| i64::from(w.year()));
            let even = walls.len() > 12;
            Labels::thinned(
                &ticks,
                limits,
                &[1, 2, 5, 10, 20, 50, 100],
                |i, n| (i64::from(walls[i].year()) - if even { 0 } else { first }).rem_euclid(n as i64) == 0,
                theme,
            )
        }
        time::Unit::Hour => Labels::thinned(
            &ticks,
            limits,
            &[1, 2, 3, 6, 12, 24, 48, 96],
            |i, n| {
                if n <= 24 { usize::from(walls[i].hour().unsigned_abs()).is_multiple_of(n) } else { i.is_multiple_of(n) }
            },
            theme,
        ),
        _ => Labels::thinned(&ticks, limits, &[1, 2, 7, 14, 28, 56], usize::is_multiple_of, theme),
    }
}

/// The author's label; or, without one or where it says the same ("Jan 2024"), a short one and its larger period.
fn own_or_split(places: &Places, wall: DateTime, unit: time::Unit) -> (String, Option<String>) {
    match places.format.date_label(wall) {
        Some(own) if own != time::full_label(wall, unit) => (own, None),
        _ => time::labels(wall, unit),
    }
}

/// Lays places out from `left` to `right` where they lie on the line of numbers or of time; categories stand in bands.
pub(crate) fn continuous(places: &Places, left: f64, right: f64, most: f64, theme: &Theme) -> XAxis {
    let (low, high) = match (places.at.first(), places.at.last()) {
        (Some(low), Some(high)) if places.kind != PlaceKind::Category => (*low, *high),
        _ => return bands(places, left, right, most, theme),
    };
    let range = high - low;
    let place = |at: f64| if range > 0.0 { left + (at - low) / range * (right - left) } else { f64::midpoint(left, right) };
    let x: Vec<f64> = places.at.iter().map(|at| place(*at)).collect();
    let limits = (0.0, right + 4.0);
    let ticks: Vec<Tick> = if places.kind == PlaceKind::Time {
        time_ticks(places, low, high, right - left, theme)
            .into_iter()
            .map(|(at, text, context)| Tick { x: place(at), text, context })
            .collect()
    } else if range > 0.0 {
        number_ticks(low, high, right - left, places).into_iter().map(|(at, text)| Tick { x: place(at), text, context: None }).collect()
    } else {
        places.labels.first().map(|text| Tick { x: place(low), text: text.clone(), context: None }).into_iter().collect()
    };
    let labels = Labels::thinned(&ticks, limits, &[1, 2, 3, 4, 6], usize::is_multiple_of, theme);
    XAxis { x, band: Band { from: left, to: right, count: places.len() }, labels }
}

/// Round numbers within the range, with labels.
pub(crate) fn number_ticks(low: f64, high: f64, pixels: f64, places: &Places) -> Vec<(f64, String)> {
    let scale = ValueScale::linear(low, high, ((pixels / 34.0) as usize).clamp(2, 10));
    let largest = low.abs().max(high.abs());
    let slack = (high - low) * 1e-9;
    let inside = scale.ticks.iter().filter(|tick| **tick >= low - slack && **tick <= high + slack);
    inside.map(|tick| (*tick, typographic(places.format.short_step(*tick, scale.step, largest)))).collect()
}

/// Calendar ticks within the range, as fine as the data and the room allow.
fn time_ticks(places: &Places, low: f64, high: f64, pixels: f64, theme: &Theme) -> Vec<(f64, String, Option<String>)> {
    let walls: Vec<DateTime> = places.at.iter().map(|at| time::wall(*at, &places.zone)).collect();
    let finest = time::granularity(&walls);
    if let [only] = walls[..] {
        let text = places.format.date_label(only).or_else(|| places.labels.first().cloned()).unwrap_or_default();
        return vec![(low, text, None)];
    }
    let sample = walls.first().and_then(|wall| places.format.date_label(*wall)).unwrap_or_else(|| "00:00".to_owned());
    let every = (measure::width(&sample, theme.small, Weight::Regular) + 8.0).max(28.0);
    let mut most = ((pixels / every) as usize).clamp(2, 14);
    loop {
        let (unit, ticks) = time::ticks(low, high, most, &places.zone);
        // Ticks between the data's own periods would name moments that no row can have.
        if unit >= finest || most <= 1 {
            let mut labelled: Vec<(f64, String, Option<String>)> = Vec::new();
            for tick in ticks {
                let (text, context) = own_or_split(places, tick.wall, unit);
                // A pattern too coarse for these ticks ("yyyy" over months) says a thing once.
                if context.is_some() || labelled.last().is_none_or(|last| last.1 != text) {
                    labelled.push((tick.at, text, context));
                }
            }
            if labelled.is_empty() {
                let ends = [(low, walls.first()), (high, walls.last())];
                labelled.extend(ends.into_iter().filter_map(|(at, wall)| {
                    let wall = *wall?;
                    Some((at, places.format.date_label(wall).unwrap_or_else(|| time::full_label(wall, finest)), None))
                }));
            }
            return labelled;
        }
        most -= 1;
    }
}

/// Gives periods without a row their place, so that a bar chart over time shows its gaps.
pub(crate) fn fill_periods(table: &mut Table, most: usize) {
    if table.places.kind != PlaceKind::Time {
        return;
    }
    let Some(slots) = time::periods(&table.places.at, &table.places.zone, most) else { return };
    if slots.len() == table.places.len() {
        return;
    }
    let mut from = table.places.at.iter().enumerate().peekable();
    let source: Vec<Option<usize>> =
        slots.iter().map(|slot| from.next_if(|(_, at)| (**at - slot).abs() < 1e-6).map(|(index, _)| index)).collect();
    for series in &mut table.series {
        series.values = source.iter().map(|index| index.and_then(|index| series.values[index])).collect();
    }
    let walls: Vec<DateTime> = slots.iter().map(|at| time::wall(*at, &table.places.zone)).collect();
    let unit = time::granularity(&walls);
    let labels = walls.iter().map(|wall| table.places.format.date_label(*wall).unwrap_or_else(|| time::full_label(*wall, unit)));
    table.places.labels = labels.collect();
    table.places.at = slots;
    table.places.of_row.clear();
}

/// Keeps at most `most` places: of each run of neighbours the one with the largest total, and says so.
pub(crate) fn thin(table: &mut Table, most: usize) {
    let total = table.places.len();
    if total <= most.max(1) {
        return;
    }
    let size = |place: usize| -> f64 { table.series.iter().filter_map(|series| series.values[place]).map(f64::abs).sum() };
    let run = total.div_ceil(most.max(1));
    let kept: Vec<usize> = (0..total)
        .step_by(run)
        .filter_map(|start| (start..(start + run).min(total)).max_by(|a, b| size(*a).total_cmp(&size(*b)).then(b.cmp(a))))
        .collect();
    table.notes.push(format!(
        "{} of {} drawn: the largest of each {run} neighbours",
        pressrun_domain::text::grouped(kept.len() as u64),
        count(total, "place")
    ));
    for series in &mut table.series {
        series.values = kept.iter().map(|place| series.values[*place]).collect();
    }
    table.places.labels = kept.iter().map(|place| std::mem::take(&mut table.places.labels[*place])).collect();
    table.places.at = kept.iter().map(|place| table.places.at[*place]).collect();
    table.places.of_row.clear();
}
