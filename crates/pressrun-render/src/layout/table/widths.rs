//! Widths of columns: each as wide as its text where that fits, text wrapped where not, smaller letters before left-out columns.

use super::super::text::{Faces, Weight};
use super::PAD;
use crate::format::Alignment;

/// Sizes of text, from the wanted to the smallest, in points.
pub(super) const SIZES: [f64; 4] = [8.0, 7.5, 7.0, 6.4];

/// The narrowest column of text, in ems.
const NARROWEST: f64 = 7.0;

/// What a column would like, in ems, without padding.
pub(super) struct Natural {
    /// Its widest text.
    widest: f64,
    /// What it can be squeezed to: numbers keep their digits together, text may wrap.
    least: f64,
}

/// Size of text and widths of the columns that fit.
pub(super) struct Fitted {
    pub(super) size: f64,
    /// Which columns have a place, in order, and how wide each is.
    pub(super) kept: Vec<usize>,
    pub(super) widths: Vec<f64>,
}

/// Size of a header for cells of this size.
pub(super) fn header_size(size: f64) -> f64 {
    size * 0.92
}

impl Natural {
    pub(super) fn of(faces: &Faces, label: &str, texts: &[String], total: Option<&String>, alignment: Alignment) -> Self {
        let cells = texts.iter().map(|text| faces.width(text, 1.0, Weight::Regular)).fold(0.0, f64::max);
        let cells = total.map_or(cells, |total| cells.max(faces.width(total, 1.0, Weight::Bold)));
        let header = faces.width(label, header_size(1.0), Weight::Bold);
        let word = label.split_whitespace().map(|word| faces.width(word, header_size(1.0), Weight::Bold)).fold(0.0, f64::max);
        // A header of several words may stand in two lines over narrow cells.
        let header_least = (header * 0.55).max(word).min(header);
        let least = if alignment == Alignment::Left { cells.min(NARROWEST) } else { cells };
        Self { widest: cells.max(header.min(cells.max(9.0)).max(header_least)), least: least.max(header_least.min(12.0)) }
    }
}

/// The widths of as many columns as fit into `room` points; together they fill it.
///
/// One that alone takes more than half of the room is left out before any other (C2), then those on the right.
pub(super) fn fit(columns: &[Natural], room: f64) -> Fitted {
    let all: Vec<usize> = (0..columns.len()).collect();
    for size in SIZES {
        if let Some(widths) = at_size(columns, &all, room, size) {
            return Fitted { size, kept: all, widths };
        }
    }
    let size = SIZES[SIZES.len() - 1];
    let mut kept = all;
    while kept.len() > 1 {
        let least = |at: &usize| columns.get(*at).map_or(0.0, |column| column.least);
        let widest = kept.iter().enumerate().max_by(|a, b| least(a.1).total_cmp(&least(b.1)));
        match widest {
            Some((place, at)) if least(at) * size > room * 0.5 => {
                kept.remove(place);
            }
            _ => {
                kept.pop();
            }
        }
        if let Some(widths) = at_size(columns, &kept, room, size) {
            return Fitted { size, kept, widths };
        }
    }
    Fitted { size, widths: vec![room; kept.len()], kept }
}

fn at_size(columns: &[Natural], kept: &[usize], room: f64, size: f64) -> Option<Vec<f64>> {
    let padded = |ems: f64| ems * size + 2.0 * PAD + 0.2;
    let shown = || kept.iter().filter_map(|at| columns.get(*at));
    let widest: Vec<f64> = shown().map(|column| padded(column.widest)).collect();
    let least: Vec<f64> = shown().map(|column| padded(column.least)).collect();
    let total: f64 = widest.iter().sum();
    if total <= room {
        return Some(widest.iter().map(|width| width * room / total).collect());
    }
    // Smaller letters are better than wrapping a little, so only the smallest sizes wrap hard.
    let needed: f64 = least.iter().sum();
    if needed > room || (size > 7.0 && total > room * 1.6) {
        return None;
    }
    // Columns wider than a common cap are cut to it, where their least width allows; the cap is found by halving.
    let at = |cap: f64| -> Vec<f64> { widest.iter().zip(&least).map(|(widest, least)| widest.min(least.max(cap))).collect() };
    let (mut low, mut high) = (0.0, room);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if at(middle).iter().sum::<f64>() <= room {
            low = middle;
        } else {
            high = middle;
        }
    }
    let mut widths = at(low);
    let left = room - widths.iter().sum::<f64>();
    if let Some(last) = widths.last_mut() {
        *last += left.max(0.0);
    }
    Some(widths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(widest: f64, least: f64) -> Natural {
        Natural { widest, least }
    }

    #[test]
    fn widths_fill_the_room_and_never_pass_it() {
        for columns in [
            vec![column(5.0, 5.0)],
            vec![column(5.0, 5.0), column(40.0, 7.0), column(6.0, 6.0)],
            vec![column(90.0, 7.0), column(120.0, 7.0)],
            (0..12).map(|_| column(6.0, 6.0)).collect(),
        ] {
            let fitted = fit(&columns, 540.0);
            assert_eq!(fitted.widths.len(), columns.len().min(fitted.widths.len()));
            assert!((fitted.widths.iter().sum::<f64>() - 540.0).abs() < 0.1, "{:?}", fitted.widths);
        }
    }

    #[test]
    fn c2_one_column_too_wide_is_left_out_alone() {
        let columns = vec![column(6.0, 6.0), column(400.0, 400.0), column(6.0, 6.0), column(8.0, 8.0)];
        let fitted = fit(&columns, 540.0);
        assert_eq!(fitted.kept, [0, 2, 3]);
        assert_eq!(fitted.widths.len(), 3);
    }

    #[test]
    fn columns_that_cannot_fit_are_left_out_from_the_right() {
        let columns: Vec<_> = (0..60).map(|_| column(8.0, 8.0)).collect();
        let fitted = fit(&columns, 540.0);
        assert!((1..60).contains(&fitted.widths.len()));
    }
}
