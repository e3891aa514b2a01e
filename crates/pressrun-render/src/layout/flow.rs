//! Tiles onto sheets: which tile stands on which sheet, and where (V5, V6, V7).
//!
//! A sheet ends above the first tile that no longer fits, so that tiles which stand side by side stay side by side. Only a
//! table taller than a whole sheet is split, between rows; anything else that tall is drawn smaller.

use std::ops::Range;

/// Space between tiles, in points.
pub(super) const GAP: f64 = 10.0;

/// Height of a row of the grid, in points.
pub(super) const ROW: f64 = 28.0;

/// Heights of a row that sheets may have instead, where that spares a sheet or fills one.
pub(super) const TIGHTER: [f64; 4] = [27.0, 26.0, 25.0, 24.0];

/// Most rows of the grid that stay empty between tiles.
const BAND: u32 = 4;

/// Rounding that is no overflow.
const SLACK: f64 = 0.01;

/// A tile before it is placed.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Its row and rows on the grid.
    pub(super) y: u32,
    pub(super) h: u32,
    /// Points it needs, at least; 0 when its grid height does.
    pub(super) needs: f64,
    /// How it may be split.
    pub(super) split: Option<Split>,
}

/// Rows that may stand on several sheets.
#[derive(Debug, Clone)]
pub(super) struct Split {
    /// Points above the rows on the first sheet: title, table head.
    pub(super) first: f64,
    /// Points above the rows on later sheets.
    pub(super) again: f64,
    /// Points below the last row: totals, notes.
    pub(super) last: f64,
    /// Points of each row.
    pub(super) rows: Vec<f64>,
}

impl Split {
    fn height(&self) -> f64 {
        self.first + self.rows.iter().sum::<f64>() + self.last
    }
}

/// A tile, or a part of one, on a sheet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) block: usize,
    pub(super) sheet: usize,
    /// Points from the top of the sheet's body.
    pub(super) top: f64,
    pub(super) height: f64,
    /// Rows of a split tile; `None` for a whole one.
    pub(super) rows: Option<Range<usize>>,
}

struct Pending {
    block: usize,
    top: f64,
    height: f64,
    /// First row left.
    from: usize,
}

/// Moves tiles up over empty bands of the grid, of which at most [`BAND`] rows stay.
pub(super) fn close_gaps(blocks: &mut [Block]) {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|index| blocks[*index].y);
    let (mut end, mut moved) = (0, 0);
    for index in order {
        let block = &mut blocks[index];
        let y = block.y - moved;
        if y > end + BAND {
            moved += y - end - BAND;
        }
        block.y -= moved;
        end = end.max(block.y.saturating_add(block.h));
    }
}

/// Places `blocks` with rows of the grid as high as is usual, or a little less where that spares a sheet or fills one.
pub(super) fn place_tight(blocks: &[Block], capacity: impl Fn(usize) -> f64) -> Vec<Piece> {
    let usual = place(blocks, ROW, &capacity);
    if usual.iter().all(|piece| piece.sheet == 0) {
        return usual;
    }
    let mut best = (cost(&usual, ROW, &capacity), usual);
    for row in TIGHTER {
        let pieces = place(blocks, row, &capacity);
        let cost = cost(&pieces, row, &capacity);
        if cost < best.0 {
            best = (cost, pieces);
        }
    }
    best.1
}

/// How little a placing is liked: its sheets, what is left empty on all but the last, and how low its rows are.
fn cost(pieces: &[Piece], row: f64, capacity: &impl Fn(usize) -> f64) -> f64 {
    let last = pieces.iter().map(|piece| piece.sheet).max().unwrap_or(0);
    let empty = |sheet: usize| {
        let used = pieces.iter().filter(|piece| piece.sheet == sheet).map(|piece| piece.top + piece.height).fold(0.0, f64::max);
        (1.0 - used / capacity(sheet).max(1.0)).clamp(0.0, 1.0)
    };
    last as f64 + (0..last).map(empty).sum::<f64>() * 0.5 + (ROW - row) * 0.03
}

/// Places `blocks` with rows of the grid `row` points high; `capacity` is the height of a sheet's body, in points.
pub(super) fn place(blocks: &[Block], row: f64, capacity: impl Fn(usize) -> f64) -> Vec<Piece> {
    let mut pending = settle(blocks, row);
    let mut pieces = Vec::new();
    let mut sheet = 0;
    while !pending.is_empty() {
        let (room, next_room) = (capacity(sheet), capacity(sheet + 1));
        let start = pending.iter().map(|item| item.top).fold(f64::INFINITY, f64::min);
        let end = start + room;
        let leads = |item: &Pending| item.top <= start + SLACK;
        let splits = |item: &Pending| item.from > 0 || (blocks[item.block].split.is_some() && item.height > next_room + SLACK);
        let fits = |item: &Pending| {
            if splits(item) { enough_rows(blocks, item, end - item.top) } else { item.top + item.height <= end + SLACK }
        };
        if pending.iter().any(|item| leads(item) && !fits(item)) {
            let better_next = |item: &Pending| splits(item) || item.height <= next_room + SLACK || room < 0.6 * next_room;
            if room + SLACK < next_room && pending.iter().any(|item| leads(item) && !fits(item) && better_next(item)) {
                sheet += 1;
                continue;
            }
            // No sheet has more room: what leads this one gets smaller.
            let shrink: Vec<bool> = pending.iter().map(|item| leads(item) && !splits(item)).collect();
            for (item, _) in pending.iter_mut().zip(shrink).filter(|(_, shrink)| *shrink) {
                item.height = item.height.min(room);
            }
        }
        let cut = pending.iter().filter(|item| !leads(item) && !fits(item)).map(|item| item.top).fold(f64::INFINITY, f64::min);
        let next_start = cut.min(end);
        let mut rest = Vec::new();
        for item in pending {
            if item.top + SLACK >= cut {
                rest.push(item);
            } else if item.from > 0 || (blocks[item.block].split.is_some() && item.height > next_room + SLACK) {
                let (rows, height, left) = part(blocks, &item, end - item.top);
                pieces.push(Piece { block: item.block, sheet, top: item.top - start, height, rows: Some(rows.clone()) });
                if let Some(left) = left {
                    rest.push(Pending { block: item.block, top: next_start, height: left, from: rows.end });
                }
            } else {
                let rows = blocks[item.block].split.as_ref().map(|split| 0..split.rows.len());
                pieces.push(Piece { block: item.block, sheet, top: item.top - start, height: item.height, rows });
            }
        }
        push_below(blocks, &mut rest, row);
        pending = rest;
        sheet += 1;
    }
    pieces.sort_by_key(|piece| (piece.sheet, piece.block));
    pieces
}

/// Moves what stands below a table that goes on: under its new end.
fn push_below(blocks: &[Block], rest: &mut [Pending], row: f64) {
    rest.sort_by_key(|item| blocks[item.block].y);
    let mut moved: Vec<bool> = rest.iter().map(|item| item.from > 0).collect();
    for index in 0..rest.len() {
        let y = blocks[rest[index].block].y;
        let above: Vec<usize> = (0..rest.len()).filter(|other| is_above(&blocks[rest[*other].block], y)).collect();
        if rest[index].from == 0 && above.iter().any(|other| moved[*other]) {
            moved[index] = true;
            rest[index].top = above.iter().map(|other| below(&blocks[rest[*other].block], &rest[*other], y, row)).fold(0.0, f64::max);
        }
    }
}

fn is_above(block: &Block, y: u32) -> bool {
    block.y + block.h <= y
}

/// Where a tile at row `y` starts when it keeps its distance to `item`.
fn below(block: &Block, item: &Pending, y: u32, row: f64) -> f64 {
    item.top + item.height + GAP + f64::from(y - block.y - block.h) * row
}

/// Grid rows to points; what needs more room than its grid height moves everything below it.
fn settle(blocks: &[Block], row: f64) -> Vec<Pending> {
    let first = blocks.iter().map(|block| block.y).min().unwrap_or(0);
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|index| blocks[*index].y);
    let mut placed: Vec<Pending> = Vec::with_capacity(blocks.len());
    for index in order {
        let block = &blocks[index];
        let mut top = f64::from(block.y - first) * row;
        for above in placed.iter().filter(|above| is_above(&blocks[above.block], block.y)) {
            top = top.max(below(&blocks[above.block], above, block.y, row));
        }
        let own = f64::from(block.h) * row - GAP;
        let height = block.split.as_ref().map_or(0.0, Split::height).max(block.needs).max(own);
        placed.push(Pending { block: index, top, height, from: 0 });
    }
    placed
}

/// Whether at least three rows fit, or all that are left.
fn enough_rows(blocks: &[Block], item: &Pending, room: f64) -> bool {
    let Some(split) = &blocks[item.block].split else { return false };
    let head = if item.from == 0 { split.first } else { split.again };
    let rows = split.rows.get(item.from..).unwrap_or_default();
    head + rows.iter().take(3).sum::<f64>() <= room + SLACK
}

/// The rows that stand in `room`, the height of the piece, and the height of what is left.
fn part(blocks: &[Block], item: &Pending, room: f64) -> (Range<usize>, f64, Option<f64>) {
    let Some(split) = &blocks[item.block].split else { return (0..0, item.height, None) };
    let head = if item.from == 0 { split.first } else { split.again };
    let rows = split.rows.get(item.from..).unwrap_or_default();
    let all: f64 = rows.iter().sum();
    if head + all + split.last <= room + SLACK {
        return (item.from..split.rows.len(), head + all + split.last, None);
    }
    let (mut used, mut taken) = (head, 0);
    for row in rows {
        if used + row > room + SLACK && taken > 0 {
            break;
        }
        used += row;
        taken += 1;
    }
    // What follows the last row never stands alone: it takes a row along.
    if taken == rows.len() && taken > 1 {
        taken -= 1;
        used -= rows[taken];
    }
    let left: f64 = rows.iter().skip(taken).sum();
    (item.from..item.from + taken, used, Some(split.again + left + split.last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(y: u32, h: u32) -> Block {
        Block { y, h, needs: 0.0, split: None }
    }

    fn sheets(pieces: &[Piece]) -> Vec<(usize, usize)> {
        let mut sheets: Vec<_> = pieces.iter().map(|piece| (piece.block, piece.sheet)).collect();
        sheets.sort_unstable();
        sheets
    }

    #[test]
    fn v5_a_row_of_tiles_moves_to_the_next_sheet_together() {
        // Two rows of two tiles; a sheet of 500 points holds one row and a bit.
        let blocks = [block(0, 10), block(0, 10), block(10, 12), block(10, 4)];
        assert_eq!(sheets(&place(&blocks, ROW, |_| 500.0)), [(0, 0), (1, 0), (2, 1), (3, 1)]);
    }

    #[test]
    fn rows_get_a_little_lower_where_that_spares_a_sheet() {
        let blocks = [block(0, 8), block(8, 12)];
        let tight = place_tight(&blocks, |_| 530.0);
        assert_eq!(sheets(&tight), [(0, 0), (1, 0)]);
        assert!((tight[1].top + tight[1].height - (20.0 * 27.0 - GAP)).abs() < 0.01);
        assert_eq!(sheets(&place_tight(&blocks, |_| 420.0)), [(0, 0), (1, 1)]);
    }

    #[test]
    fn empty_bands_of_the_grid_are_closed_up() {
        let mut blocks = [block(60_000, 4), block(10, 6), block(12, 2), block(18, 3)];
        close_gaps(&mut blocks);
        assert_eq!(blocks.map(|block| block.y), [19, 4, 6, 12]);
    }

    #[test]
    fn v5_what_is_taller_than_a_sheet_is_drawn_smaller() {
        let pieces = place(&[block(0, 40)], ROW, |_| 500.0);
        assert_eq!(pieces, [Piece { block: 0, sheet: 0, top: 0.0, height: 500.0, rows: None }]);
    }

    #[test]
    fn v6_a_long_table_goes_on_over_sheets_and_what_follows_comes_after_it() {
        let split = Split { first: 40.0, again: 20.0, last: 10.0, rows: vec![10.0; 100] };
        let blocks = [Block { y: 0, h: 8, needs: 0.0, split: Some(split) }, block(8, 4)];
        let pieces = place(&blocks, ROW, |sheet| if sheet == 0 { 400.0 } else { 500.0 });
        let rows: Vec<_> = pieces.iter().filter_map(|piece| piece.rows.clone()).collect();
        assert_eq!(rows, [0..36, 36..84, 84..100]);
        let after = pieces.iter().find(|piece| piece.block == 1).unwrap();
        assert_eq!((after.sheet, after.top), (2, 190.0 + GAP));
    }

    #[test]
    fn a_first_sheet_with_little_room_is_left_to_its_header() {
        let pieces = place(&[block(0, 16)], ROW, |sheet| if sheet == 0 { 300.0 } else { 500.0 });
        assert_eq!((pieces[0].sheet, pieces[0].top, pieces[0].height), (1, 0.0, 438.0));
    }

    proptest! {
        #[test]
        fn v5_everything_is_placed_once_inside_its_sheet_and_nothing_overlaps(
            tiles in prop::collection::vec((0_u32..4, 0_u32..40, 1_u32..30, prop::option::of(1_usize..150)), 1..12),
            first in 120.0..400.0f64,
        ) {
            // Columns of six; tiles of one column are moved apart, as a catalog would have them.
            let mut free = [0_u32; 4];
            let mut columns = Vec::new();
            let blocks: Vec<Block> = tiles
                .iter()
                .map(|(column, gap, h, rows)| {
                    let y = free[*column as usize] + gap % 3;
                    free[*column as usize] = y + h;
                    columns.push(*column);
                    let split = rows.map(|rows| Split { first: 40.0, again: 20.0, last: 12.0, rows: vec![14.0; rows] });
                    Block { y, h: *h, needs: 0.0, split }
                })
                .collect();
            let capacity = |sheet: usize| if sheet == 0 { first } else { 420.0 };
            let pieces = place_tight(&blocks, capacity);
            for (index, block) in blocks.iter().enumerate() {
                let own: Vec<_> = pieces.iter().filter(|piece| piece.block == index).collect();
                prop_assert!(!own.is_empty());
                if let Some(split) = &block.split {
                    let mut next = 0;
                    for piece in &own {
                        let rows = piece.rows.clone().unwrap();
                        prop_assert_eq!(rows.start, next);
                        next = rows.end;
                    }
                    prop_assert_eq!(next, split.rows.len());
                } else {
                    prop_assert_eq!(own.len(), 1);
                }
            }
            for piece in &pieces {
                prop_assert!(piece.top >= -0.1 && piece.top + piece.height <= capacity(piece.sheet) + 0.1, "{:?}", piece);
                for other in &pieces {
                    let same = piece.sheet == other.sheet && columns[piece.block] == columns[other.block] && piece.block < other.block;
                    let apart = piece.top + piece.height <= other.top + 0.1 || other.top + other.height <= piece.top + 0.1;
                    prop_assert!(!same || apart, "{:?} {:?}", piece, other);
                }
            }
        }
    }
}
