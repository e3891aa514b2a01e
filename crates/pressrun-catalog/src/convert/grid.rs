//! Places on the 24-column grid.

use pressrun_domain::catalog::GridPosition;

use crate::files::{Field, GridFile};
use crate::problem::{Place, Report, printable};

const COLUMNS: u16 = 24;
const ROWS_MAX: u16 = 10_000;

/// A tile that is drawn.
pub(super) struct Placed<'a> {
    pub(super) key: &'a str,
    pub(super) page: usize,
    pub(super) at: GridPosition,
    pub(super) place: Place,
}

/// Reads `at`, which must lie inside the grid.
pub(super) fn position(file: &GridFile, place: Place, report: &Report<'_>) -> Option<GridPosition> {
    let parts = [("x", &file.x), ("y", &file.y), ("w", &file.w), ("h", &file.h)];
    for (key, field) in parts {
        if field.is_absent() {
            report.add(place, format!("`{key}` is missing in `at`"), "write `at: { x: 0, y: 0, w: 12, h: 8 }`");
        }
    }
    let [x, y, w, h] = parts.map(|(_, field): (_, &Field<u16>)| field.get().copied());
    let at = GridPosition { x: x?, y: y?, w: w?, h: h? };
    if at.w == 0 || at.h == 0 {
        report.add(place, "the tile has no width or no height", "`w` and `h` are at least 1");
        return None;
    }
    if u32::from(at.x) + u32::from(at.w) > u32::from(COLUMNS) {
        report.add(
            place,
            format!("columns {} to {} are outside of the grid", at.x, u32::from(at.x) + u32::from(at.w)),
            "the grid has 24 columns: x + w is at most 24",
        );
        return None;
    }
    if u32::from(at.y) + u32::from(at.h) > u32::from(ROWS_MAX) {
        report.add(place, format!("the tile ends below row {ROWS_MAX}"), "move it up");
        return None;
    }
    Some(at)
}

/// Notes each tile that overlaps one before it.
pub(super) fn check_overlaps(tiles: &[Placed<'_>], report: &Report<'_>) {
    for (at, tile) in tiles.iter().enumerate() {
        let below = |other: &&Placed<'_>| other.page == tile.page && overlap(other.at, tile.at);
        if let Some(other) = tiles[..at].iter().find(below) {
            report.add(
                tile.place,
                format!("tile `{}` overlaps tile `{}`", printable(tile.key), printable(other.key)),
                format!("tile `{}` ends at x {} and y {}", printable(other.key), other.at.x + other.at.w, other.at.y + other.at.h),
            );
        }
    }
}

fn overlap(a: GridPosition, b: GridPosition) -> bool {
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_touch_without_overlapping() {
        let at = |x, y, w, h| GridPosition { x, y, w, h };
        for (case, a, b, expected) in [
            ("side by side", at(0, 0, 12, 4), at(12, 0, 12, 4), false),
            ("one below the other", at(0, 0, 24, 4), at(0, 4, 24, 1), false),
            ("one column shared", at(0, 0, 13, 4), at(12, 0, 12, 4), true),
            ("inside", at(0, 0, 24, 24), at(3, 3, 1, 1), true),
            ("the same place", at(3, 3, 2, 2), at(3, 3, 2, 2), true),
        ] {
            assert_eq!(overlap(a, b), expected, "{case}");
            assert_eq!(overlap(b, a), expected, "{case}, the other way round");
        }
    }
}
