//! Where in a statement an expression stands, as far as that decides what its names mean.

use std::rc::Rc;

use sqlparser::ast::{GroupByExpr, Select};

/// A place inside a `select`.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Numbers of the `select` and of those around it, whose own columns it does not see.
    within: Rc<[usize]>,
    /// Whether the `select` makes groups, each of which has a row.
    pub(super) grouped: bool,
}

impl Place {
    /// The number of the `select`.
    pub(super) fn number(&self) -> Option<usize> {
        self.within.last().copied()
    }

    /// Whether a column that the `select` at `other` makes may be read here.
    pub(super) fn sees(&self, other: &Self) -> bool {
        other.number().is_none_or(|number| !self.within.contains(&number))
    }
}

/// The `select`s around the place that a walk over a statement is at.
#[derive(Debug, Default)]
pub(super) struct Places {
    begun: usize,
    open: Vec<Place>,
}

impl Places {
    /// A `select` begins.
    pub(super) fn enter(&mut self, select: &Select) {
        let around = self.open.last().map(|place| Rc::clone(&place.within)).unwrap_or_default();
        let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, with) if by.is_empty() && with.is_empty());
        self.open.push(Place { within: around.iter().copied().chain([self.begun]).collect(), grouped });
        self.begun += 1;
    }

    /// It ends.
    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// Where the walk is.
    pub(super) fn here(&self) -> Place {
        self.open.last().cloned().unwrap_or_default()
    }
}
