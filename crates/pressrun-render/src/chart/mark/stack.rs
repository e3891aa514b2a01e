//! Series put one on another.

use super::super::data::Table;

/// A piece of a stack: from where to where.
pub(super) type Piece = Option<(f64, f64)>;

/// One piece a series and place; missing values take no room, negative ones grow down from zero.
///
/// With `share`, pieces are shares of their place's total of magnitudes.
pub(super) fn stacked(table: &Table, share: bool) -> Vec<Vec<Piece>> {
    let places = table.places.len();
    let mut up = vec![0.0; places];
    let mut down = vec![0.0; places];
    let totals: Vec<f64> = (0..places)
        .map(|place| table.series.iter().filter_map(|series| series.values.get(place).copied().flatten()).map(f64::abs).sum())
        .collect();
    table
        .series
        .iter()
        .map(|series| {
            series
                .values
                .iter()
                .enumerate()
                .map(|(place, value)| {
                    let value = match (*value)? {
                        value if share && totals[place] > 0.0 => value / totals[place],
                        _ if share => return None,
                        value => value,
                    };
                    let end: &mut f64 = if value < 0.0 { &mut down[place] } else { &mut up[place] };
                    let start = *end;
                    *end = (start + value).clamp(-1e300, 1e300);
                    Some((start, *end))
                })
                .collect()
        })
        .collect()
}

/// Least and greatest end of all pieces, zero included.
pub(super) fn range(pieces: &[Vec<Piece>]) -> (f64, f64) {
    pieces.iter().flatten().flatten().fold((0.0, 0.0), |(low, high): (f64, f64), (a, b)| (low.min(*a).min(*b), high.max(*a).max(*b)))
}
