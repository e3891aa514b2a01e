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
        .map(|place| table.base().filter_map(|series| series.values.get(place).copied().flatten()).map(f64::abs).sum())
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
                    // Layers lie over stacks.
                    let value = match value.filter(|_| series.layer.is_none())? {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    use indexmap::IndexMap;
    use pressrun_domain::chart::{Chart, Mark};

    use super::super::super::data::Rest;
    use super::super::super::{ChartInput, Colors};
    use super::*;

    #[test]
    fn pieces_grow_from_zero_on_their_own_side_and_missing_ones_take_no_room() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("place", Arc::new(StringArray::from(vec!["a", "a", "a", "b"]))),
            ("series", Arc::new(StringArray::from(vec!["x", "y", "z", "y"]))),
            ("value", Arc::new(Float64Array::from(vec![3.0, -1.0, 4.0, 2.0]))),
        ];
        let batches = [RecordBatch::try_from_iter(columns).unwrap()];
        let mut chart = Chart::new(Mark::Bar);
        chart.color = Some("series".to_owned());
        let fields = IndexMap::new();
        let input = ChartInput { chart: &chart, batches: &batches, fields: &fields, zone: "UTC", colors: &Colors::default() };
        let table = Table::read(&input, "place", &["value"], false, Rest::Merge).unwrap();
        let pieces = stacked(&table, false);
        assert_eq!(pieces, [[Some((0.0, 3.0)), None], [Some((0.0, -1.0)), Some((0.0, 2.0))], [Some((3.0, 7.0)), None]]);
        assert_eq!(range(&pieces), (-1.0, 7.0));
        let shares = stacked(&table, true);
        assert_eq!(shares[0][0], Some((0.0, 0.375)));
        assert_eq!(shares[1], [Some((0.0, -0.125)), Some((0.0, 1.0))]);
    }
}
