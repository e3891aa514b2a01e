//! Where a place that the catalog names stands in a drawing.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};

use super::data::{PlaceKind, Places};
use super::places::XAxis;
use super::scale::time;

/// A place on the horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Position {
    pub(crate) x: f64,
    /// The place of the rows next to it.
    pub(crate) nearest: usize,
}

/// Where a date, a number or a name stands; `None` when the axis does not reach it or has no such name.
pub(crate) fn of(places: &Places, axis: &XAxis, text: &str) -> Option<Position> {
    if places.kind == PlaceKind::Category {
        let nearest = places.labels.iter().position(|label| label == text)?;
        return Some(Position { x: *axis.x.get(nearest)?, nearest });
    }
    let wanted = wanted(places, text)?;
    let after = places.at.partition_point(|at| *at <= wanted);
    let (before, next) = (after.checked_sub(1), (after < places.len()).then_some(after));
    match (before, next) {
        (Some(before), _) if (places.at[before] - wanted).abs() <= 0.0 => Some(Position { x: *axis.x.get(before)?, nearest: before }),
        // A column stands for its whole period: an event in March stands at the column of March.
        (Some(before), next) if axis.in_bands && places.kind == PlaceKind::Time => {
            let length = match next {
                Some(next) => places.at[next] - places.at[before],
                None => places.at[before] - *places.at.get(before.checked_sub(1)?)?,
            };
            (wanted < places.at[before] + length).then_some(Position { x: *axis.x.get(before)?, nearest: before })
        }
        (Some(before), Some(next)) => {
            let share = (wanted - places.at[before]) / (places.at[next] - places.at[before]);
            let (from, to) = (*axis.x.get(before)?, *axis.x.get(next)?);
            Some(Position { x: from + (to - from) * share, nearest: if share < 0.5 { before } else { next } })
        }
        _ => None,
    }
}

/// From where to where a stretch of places lies, its ends included; one that begins before the first place or ends after the last is
/// cut there. `None` when nothing of it is drawn.
pub(crate) fn between(places: &Places, axis: &XAxis, from: &str, to: &str) -> Option<(f64, f64)> {
    let half = if axis.in_bands { axis.band.step() / 2.0 } else { 0.0 };
    if places.kind == PlaceKind::Category {
        let (a, b) = (of(places, axis, from)?.x, of(places, axis, to)?.x);
        return Some((a.min(b) - half, a.max(b) + half));
    }
    let (low, high) = (wanted(places, from)?, end(places, to)?);
    let (first, last) = (*places.at.first()?, *places.at.last()?);
    if axis.in_bands {
        // The columns whose places lie in it.
        let inside = |at: &f64| *at >= low && *at <= high;
        let begin = places.at.iter().position(inside).and_then(|nth| axis.x.get(nth))?;
        let end = places.at.iter().rposition(inside).and_then(|nth| axis.x.get(nth))?;
        return Some((begin - half, end + half));
    }
    if high < first || low > last {
        return None;
    }
    let place = |at: f64, end: Option<&f64>| {
        let after = places.at.partition_point(|other| *other <= at);
        let (before, next) = (after.checked_sub(1)?, (after < places.len()).then_some(after));
        let Some(next) = next else { return end.copied() };
        let share = (at - places.at[before]) / (places.at[next] - places.at[before]);
        let (from, to) = (axis.x.get(before)?, axis.x.get(next)?);
        Some(from + (to - from) * share)
    };
    Some((place(low.max(first), axis.x.first())?, place(high.min(last), axis.x.last())?))
}

/// What the text means on an axis of numbers or of time.
fn wanted(places: &Places, text: &str) -> Option<f64> {
    let text = text.trim();
    if places.kind == PlaceKind::Number {
        return text.parse().ok().filter(|number: &f64| number.is_finite());
    }
    let wall = text.parse::<DateTime>().ok().or_else(|| Some(whole(text)?.to_datetime(Time::midnight())))?;
    time::seconds(wall, &places.zone)
}

/// The end of what the text means: of a day its last moment.
fn end(places: &Places, text: &str) -> Option<f64> {
    let (PlaceKind::Time, Some(day)) = (places.kind, whole(text.trim())) else { return wanted(places, text) };
    let next = match text.trim().len() {
        4 => day.checked_add(1.year()),
        5..=7 => day.checked_add(1.month()),
        _ => day.checked_add(1.day()),
    };
    Some(time::seconds(next.ok()?.to_datetime(Time::midnight()), &places.zone)? - 1e-6)
}

/// `2026-03-15`, `2026-03` or `2026`: the day on which it begins.
fn whole(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let year: i16 = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month: i8 = parts.next().map_or(Some(1), |month| month.parse().ok())?;
    let day: i8 = parts.next().map_or(Some(1), |day| day.parse().ok())?;
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_on_their_first_day() {
        for (text, expected) in [("2026-03-15", Some((2026, 3, 15))), ("2026-03", Some((2026, 3, 1))), ("2026", Some((2026, 1, 1)))] {
            assert_eq!(whole(text), expected.and_then(|(year, month, day)| Date::new(year, month, day).ok()), "{text}");
        }
        for text in ["", "26-01-01", "2026-13", "soon", "2026-02-30"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
