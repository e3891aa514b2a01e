//! Shapes that several endpoints share.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::list::Listed;

/// An instant on the wire: UTC, exactly three decimals (contract §1.5).
pub(crate) fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success {
    /// Always true.
    #[schema(example = true)]
    success: bool,
}

impl Success {
    /// It was.
    pub(crate) const YES: Self = Self { success: true };
}

/// Where a page of a list stands (contract §1.6).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageInfo {
    /// Whether there is another page.
    pub(crate) has_next_page: bool,
    /// What to send as `cursor` to get it.
    pub(crate) next_cursor: Option<String>,
    /// The size that was asked for.
    pub(crate) page_size: u32,
    /// Matches over all pages.
    pub(crate) total_records: u64,
}

impl<T> From<&Listed<T>> for PageInfo {
    fn from(listed: &Listed<T>) -> Self {
        let next = listed.next();
        Self {
            has_next_page: next.is_some(),
            next_cursor: next.map(|page| page.to_string()),
            page_size: listed.page_size,
            total_records: listed.total,
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageOf<T> {
    /// Where the page stands.
    pub(crate) page_info: PageInfo,
    /// Its rows.
    pub(crate) records: Vec<T>,
}

impl<T> PageOf<T> {
    /// A page whose rows are shown by `view`.
    pub(crate) fn of<R>(listed: Listed<R>, view: impl FnMut(R) -> T) -> Self {
        Self { page_info: PageInfo::from(&listed), records: listed.rows.into_iter().map(view).collect() }
    }
}

/// A list without pages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Records<T> {
    /// Its rows.
    pub(crate) records: Vec<T>,
}

/// Closed sets of words, as the document shows them; requests are read by `app::given`. The words are token trees, because a `literal`
/// fragment hides the renaming from the schema.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:tt),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
        pub(crate) enum $name { $(#[serde(rename = $word)] $variant),* }
    )*};
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_exactly_three_decimals() {
        for (given, expected) in [
            ("2024-03-01T15:32:20.996Z", "2024-03-01T15:32:20.996Z"),
            ("2024-03-01T15:32:20Z", "2024-03-01T15:32:20.000Z"),
            ("2024-03-01T15:32:20.9999999Z", "2024-03-01T15:32:20.999Z"),
        ] {
            assert_eq!(stamp(given.parse().expect("an instant")), expected);
        }
    }
}
