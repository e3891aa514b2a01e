//! The list of schedules: its query, in the contract's order of faults (§5.2), and page numbers (§1.6).

use pressrun_domain::access::Actor;
use pressrun_domain::destination::DestinationKind;
use pressrun_domain::id::MembershipId;
use pressrun_domain::key::KeyKind;
use pressrun_store::{ContentKind, ListQuery, ListRow, Page, ScheduleKind, SortDirection, SortField, StatusFilter};

use super::error::AppError;
use crate::state::ApiState;

/// Query parameters as sent; the first of a name counts.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query string; broken escapes become replacement characters.
    pub(crate) fn read(query: Option<&str>) -> Self {
        Self(url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a name, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// One of a closed set of words.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, AppError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| AppError::invalid("Invalid enum value"))
    }

    /// `pageSize` from 1 to `most`, 20 when left out.
    pub(crate) fn page_size(&self, most: u32) -> Result<u32, AppError> {
        let Some(text) = self.get("pageSize") else { return Ok(20.min(most)) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let size = if digits { text.parse::<u64>().unwrap_or(u64::MAX) } else { 0 };
        if size > u64::from(most) {
            return Err(AppError::invalid(format!("Page size cannot exceed {most}")));
        }
        u32::try_from(size).ok().filter(|size| *size > 0).ok_or_else(|| AppError::invalid("Page size must be at least 1"))
    }

    /// The page number; `None` for what is no page number.
    pub(crate) fn page(&self) -> Option<u64> {
        let Some(text) = self.get("cursor") else { return Some(1) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // The store counts rows in signed 64-bit numbers.
        text.parse().ok().filter(|page| digits && (1..=u64::from(u32::MAX)).contains(page))
    }
}

/// One page, and where it stands.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) total: u64,
    pub(crate) page: u64,
    pub(crate) page_size: u32,
}

impl<T> Listed<T> {
    /// The page of `asked`, or the fault that names the last valid one.
    pub(crate) fn new(page: Page<T>, asked: Option<u64>, page_size: u32) -> Result<Self, AppError> {
        let last = page.total.div_ceil(u64::from(page_size)).max(1);
        match asked.filter(|asked| *asked <= last) {
            Some(number) => Ok(Self { rows: page.rows, total: page.total, page: number, page_size }),
            None => Err(AppError::invalid(format!("Invalid page number. The last valid page is {last}."))),
        }
    }

    /// The number of the next page.
    pub(crate) fn next(&self) -> Option<u64> {
        (self.page * u64::from(self.page_size) < self.total).then_some(self.page + 1)
    }
}

/// Cuts one page out of rows that are all at hand.
pub(crate) fn slice<T>(rows: Vec<T>, asked: Option<u64>, page_size: u32) -> Result<Listed<T>, AppError> {
    let total = rows.len() as u64;
    let skip = asked.unwrap_or(1).saturating_sub(1).saturating_mul(u64::from(page_size));
    let rows = rows.into_iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)).take(page_size as usize).collect();
    Listed::new(Page { rows, total }, asked, page_size)
}

/// Lists what the caller may see.
pub(crate) async fn list(state: &ApiState, actor: &Actor, parameters: &Parameters) -> Result<Listed<ListRow>, AppError> {
    let catalog = state.catalog.current();
    let status = parameters.word(
        "status",
        &[
            ("success", StatusFilter::Success),
            ("error", StatusFilter::Error),
            ("canceled", StatusFilter::Canceled),
            ("none", StatusFilter::None),
        ],
    )?;
    let kinds = DestinationKind::ALL.map(|kind| (kind.as_str(), Some(kind)));
    let destination = parameters.word("destination", &[&kinds[..], &[("google_sheets", None)]].concat())?;
    let kind = parameters.word("scheduleType", &[("alert", ScheduleKind::Alert), ("schedule", ScheduleKind::Schedule)])?;
    let content = parameters.word("contentType", &[("dashboard", ContentKind::Dashboard), ("single tile", ContentKind::SingleTile)])?;
    let sort = parameters.word(
        "sortField",
        &[
            ("scheduleName", SortField::ScheduleName),
            ("dashboardName", SortField::DashboardName),
            ("ownerName", SortField::OwnerName),
            ("lastRun", SortField::LastRun),
            ("lastRunStatus", SortField::LastRunStatus),
        ],
    )?;
    let direction = parameters.word("sortDirection", &[("asc", SortDirection::Ascending), ("desc", SortDirection::Descending)])?;
    let owner_text = parameters.get("ownerId");
    let owner = owner_text.map(pressrun_domain::id::parse_uuid).transpose().map_err(|_| AppError::field("ownerId", "Invalid uuid"))?;
    let page_size = parameters.page_size(100)?;
    let owner = match (owner, owner_text) {
        (Some(id), Some(text)) => Some(catalog.member(id).map(|member| member.id).ok_or_else(|| AppError::NoUser(text.to_owned()))?),
        _ => None,
    };
    if actor.kind == KeyKind::Personal && owner.is_some_and(|owner: MembershipId| owner != actor.member) {
        return Err(AppError::ForOthers);
    }
    let asked = parameters.page();
    // Sheets cannot be created, and nobody is embedded: both match nothing.
    if destination == Some(None) || parameters.filled("embedEntity").is_some() {
        return Listed::new(Page { rows: Vec::new(), total: 0 }, asked, page_size);
    }
    let query = ListQuery {
        search: parameters.filled("q"),
        status,
        destination: destination.flatten(),
        kind,
        content,
        owner,
        identifier: parameters.filled("identifier").map(Into::into),
        visible: actor.visible(&catalog),
        sort: sort.unwrap_or(SortField::ScheduleName),
        direction: direction.unwrap_or(SortDirection::Descending),
        page: asked.unwrap_or(1),
        page_size,
    };
    let mut page = state.store.list_schedules(&query).await?;
    for row in &mut page.rows {
        row.last_run = row.last_run.map(|last| actor.told_last_run(&catalog, row.owner, last));
        if !actor.is_admin(&catalog) && row.owner != actor.member {
            row.withhold_fault();
        }
    }
    Listed::new(page, asked, page_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_and_page_numbers_are_decimal_text() {
        for (query, size, page) in [
            ("", Ok(20), Some(1)),
            ("pageSize=100&cursor=3", Ok(100), Some(3)),
            ("pageSize=101", Err("Page size cannot exceed 100"), Some(1)),
            ("pageSize=99999999999999999999999", Err("Page size cannot exceed 100"), Some(1)),
            ("pageSize=0", Err("Page size must be at least 1"), Some(1)),
            ("pageSize=-1&cursor=-1", Err("Page size must be at least 1"), None),
            ("pageSize=ten&cursor=one", Err("Page size must be at least 1"), None),
            ("pageSize=&cursor=", Err("Page size must be at least 1"), None),
            ("cursor=0", Ok(20), None),
            ("cursor=%2B1", Ok(20), None),
            ("cursor=99999999999999999999999", Ok(20), None),
        ] {
            let parameters = Parameters::read(Some(query));
            assert_eq!(parameters.page_size(100).map_err(|error| error.to_string()), size.map_err(str::to_owned), "{query}");
            assert_eq!(parameters.page(), page, "{query}");
        }
    }

    #[test]
    fn the_last_valid_page_is_named() {
        let page = |total| Page::<u8> { rows: vec![], total };
        let text = |listed: Result<Listed<u8>, AppError>| listed.map(|listed| listed.next()).map_err(|error| error.to_string());
        assert_eq!(text(Listed::new(page(0), Some(1), 20)), Ok(None));
        assert_eq!(text(Listed::new(page(26), Some(1), 20)), Ok(Some(2)));
        assert_eq!(text(Listed::new(page(26), Some(2), 20)), Ok(None));
        assert_eq!(text(Listed::new(page(26), Some(3), 20)), Err("Invalid page number. The last valid page is 2.".to_owned()));
        assert_eq!(text(Listed::new(page(0), None, 20)), Err("Invalid page number. The last valid page is 1.".to_owned()));
    }
}
