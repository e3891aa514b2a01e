//! Where the places of a table lie on the horizontal axis, and their labels.

use jiff::civil::DateTime;

use super::axis::{Labels, Tick};
use super::data::{PlaceKind, Places, Table, count};
use super::measure::{self, Weight};
use super::scale::{Band, ValueScale, period, time};
use super::theme::Theme;
use crate::format::typographic;

/// A settled horizontal axis.
pub(crate) struct XAxis {
    /// The x of each place.
    pub(crate) x: Vec<f64>,
    /// Bands, where places are bands.
    pub(crate) band: Band,
    /// Places are bands of equal width, not points of a line.
    pub(crate) in_bands: bool,
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
            let ordinal = places.kind == PlaceKind::Number || places.labels.iter().all(|label| label.parse::<f64>().is_ok());
            if ordinal && !ticks.is_empty() {
                Labels::thinned(&ticks, limits, &[1, 2, 5, 10, 20, 50, 100], usize::is_multiple_of, theme)
            } else {
                Labels::categories(&ticks, band.step(), limits, most, theme)
            }
        }
        PlaceKind::Time => band_moments(places, &x, limits, theme),
    };
    XAxis { x, band, in_bands: true, labels }
}

/// Labels of bands that are periods: each, or the first of each week, month, quarter … that has room for its name.
fn band_moments(places: &Places, x: &[f64], limits: (f64, f64), theme: &Theme) -> Labels {
    let walls: Vec<DateTime> = places.at.iter().map(|at| time::wall(*at, &places.zone)).collect();
    let finest = time::granularity(&walls);
    let candidates = time::steps(finest).map(|step| {
        let cells: Vec<i64> = walls.iter().map(|wall| time::cell(*wall, step)).collect();
        let begins = |nth: &usize| *nth == 0 || cells.get(nth - 1) != cells.get(*nth);
        let firsts: Vec<usize> = (0..walls.len()).filter(begins).collect();
        let ticks = firsts.iter().filter_map(|nth| {
            let (text, context) = own_or_split(places, *walls.get(*nth)?, step.unit);
            Some(Tick { x: *x.get(*nth)?, text, context })
        });
        distinct(ticks)
    });
    settled(candidates, places, x, limits, theme)
}

/// The first of these choices that fits, from the finest to the coarsest; the first one's ticks may be too close to the second's,
/// as the first week or month is often cut short.
fn settled(candidates: impl Iterator<Item = Vec<Tick>>, places: &Places, x: &[f64], limits: (f64, f64), theme: &Theme) -> Labels {
    // Labels narrower than this are none, so more of them than this need not be measured.
    let most = ((limits.1 - limits.0) / 8.0) as usize + 2;
    for ticks in candidates {
        if ticks.is_empty() || ticks.len() > most {
            continue;
        }
        if ticks.len() == 1 && places.len() > 1 {
            break;
        }
        if let Some(labels) = Labels::whole(&ticks, limits, theme) {
            return labels;
        }
        if let Some(labels) = ticks.get(1..).filter(|rest| rest.len() > 1).and_then(|rest| Labels::whole(rest, limits, theme)) {
            return labels;
        }
    }
    ends(places, x, limits, theme)
}

/// Labels of the first and the last place alone, or of the first where both have no room.
fn ends(places: &Places, x: &[f64], limits: (f64, f64), theme: &Theme) -> Labels {
    let end = |at: Option<(&f64, &String)>| at.map(|(x, text)| Tick { x: *x, text: text.clone(), context: None });
    let pairs = || x.iter().zip(&places.labels);
    let both: Vec<Tick> = [end(pairs().next()), end(pairs().next_back())].into_iter().flatten().collect();
    let both = distinct(both.into_iter());
    Labels::whole(&both, limits, theme)
        .unwrap_or_else(|| Labels::thinned(both.get(..1).unwrap_or_default(), limits, &[1], |_, _| true, theme))
}

/// Without labels that say what the one before them says: a pattern too coarse for its ticks ("yyyy" over months) says a thing once.
fn distinct(ticks: impl Iterator<Item = Tick>) -> Vec<Tick> {
    let mut kept: Vec<Tick> = Vec::new();
    for tick in ticks {
        if kept.last().is_none_or(|last| (&last.text, &last.context) != (&tick.text, &tick.context)) {
            kept.push(tick);
        }
    }
    kept
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
    let labels = if places.kind == PlaceKind::Time {
        line_moments(places, &x, (low, high), place, limits, theme)
    } else {
        let ticks: Vec<Tick> = if range > 0.0 {
            number_ticks(low, high, right - left, places).into_iter().map(|(at, text)| Tick { x: place(at), text, context: None }).collect()
        } else {
            places.labels.first().map(|text| Tick { x: place(low), text: text.clone(), context: None }).into_iter().collect()
        };
        Labels::thinned(&ticks, limits, &[1, 2, 3, 4, 6], usize::is_multiple_of, theme)
    };
    XAxis { x, band: Band { from: left, to: right, count: places.len() }, in_bands: false, labels }
}

/// Round numbers within the range, with labels.
pub(crate) fn number_ticks(low: f64, high: f64, pixels: f64, places: &Places) -> Vec<(f64, String)> {
    let scale = ValueScale::linear(low, high, ((pixels / 34.0) as usize).clamp(2, 10));
    let largest = low.abs().max(high.abs());
    let slack = (high - low) * 1e-9;
    let inside = scale.ticks.iter().filter(|tick| **tick >= low - slack && **tick <= high + slack);
    inside.map(|tick| (*tick, typographic(places.format.short_step(*tick, scale.step, largest)))).collect()
}

/// Labels of a line of time: calendar boundaries, as fine as the data and the room allow.
fn line_moments(
    places: &Places,
    x: &[f64],
    (low, high): (f64, f64),
    place: impl Fn(f64) -> f64,
    limits: (f64, f64),
    theme: &Theme,
) -> Labels {
    let walls: Vec<DateTime> = places.at.iter().map(|at| time::wall(*at, &places.zone)).collect();
    // Ticks between the data's own periods would name moments that no row can have.
    let finest = time::granularity(&walls);
    let sample = walls.first().and_then(|wall| places.format.date_label(*wall)).unwrap_or_else(|| "00:00".to_owned());
    let every = (measure::width(&sample, theme.small, Weight::Regular) + 8.0).max(28.0);
    let most = (((limits.1 - limits.0) / every) as usize).clamp(2, 14);
    let wide = |step: &time::Step| (high - low) / step.length <= most as f64 + 0.5;
    let candidates = time::steps(finest).filter(wide).map(|step| {
        let ticks = time::ticks(low, high, step, most * 2, &places.zone).into_iter().map(|tick| {
            let (text, context) = own_or_split(places, tick.wall, step.unit);
            Tick { x: place(tick.at), text, context }
        });
        distinct(ticks)
    });
    settled(candidates, places, x, limits, theme)
}

/// Gives periods and steps without a row their place, so that a chart of bars shows its gaps; says when the places of numbers
/// follow no step, since bars stand equally far apart.
pub(crate) fn fill_gaps(table: &mut Table) {
    let slots = match table.places.kind {
        PlaceKind::Category => return,
        PlaceKind::Number => period::of_numbers(&table.places.at),
        PlaceKind::Time => period::of_moments(&table.places.at, &table.places.zone),
    };
    let Some(slots) = slots else {
        if table.places.kind == PlaceKind::Number {
            table.notes.push(format!("The values of {} are not equally far apart", table.places.format.label));
        }
        return;
    };
    if slots.len() == table.places.len() {
        return;
    }
    let mut from = table.places.at.iter().enumerate().peekable();
    let slack = 1e-6f64.max(slots.first().map_or(0.0, |first| first.abs() * 1e-12));
    let source: Vec<Option<usize>> =
        slots.iter().map(|slot| from.next_if(|(_, at)| (**at - slot).abs() <= slack).map(|(index, _)| index)).collect();
    for series in &mut table.series {
        series.values = source.iter().map(|index| index.and_then(|index| series.values.get(index).copied().flatten())).collect();
    }
    table.places.labels = if table.places.kind == PlaceKind::Time {
        let walls: Vec<DateTime> = slots.iter().map(|at| time::wall(*at, &table.places.zone)).collect();
        let unit = time::granularity(&walls);
        walls.iter().map(|wall| table.places.format.date_label(*wall).unwrap_or_else(|| time::full_label(*wall, unit))).collect()
    } else {
        slots.iter().map(|at| table.places.format.display_f64(*at)).collect()
    };
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
