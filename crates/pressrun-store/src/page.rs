//! One page of a list.

/// Some rows of a list, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// Matches over all pages.
    pub total: u64,
}
