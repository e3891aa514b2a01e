//! The list of schedules: two statements a page, whatever the filters, sorted by index.

use pressrun_domain::run::RunStatus;
use sqlx::{QueryBuilder, Row as _};

use super::Backend;
use super::dialect::{AMONG, Db, PLACE_IN, clean};
use super::listed::list_columns;
use super::row::to_json;
use crate::collation::folded;
use crate::{ContentKind, ListQuery, ListRow, Page, ScheduleKind, SortDirection, SortField, StatusFilter, StoreError};

impl Backend {
    pub(super) async fn list_page(&self, query: &ListQuery) -> Result<Page<ListRow>, StoreError> {
        let mut tx = self.snapshot().await?;
        let mut count = QueryBuilder::new("SELECT count(*) FROM schedules s WHERE 1 = 1");
        push_search_in_place(&mut count, query);
        push_filters(&mut count, query)?;
        let total: i64 = count.build().fetch_one(&mut *tx).await?.try_get(0)?;

        // The inner query skips to the page inside an index; only the rows of the page are read in full.
        let order = order_by(query.sort, query.direction, query.visible.is_some());
        let mut page = QueryBuilder::new(concat!("SELECT ", list_columns!(), " FROM (SELECT s.id FROM schedules s WHERE 1 = 1"));
        push_search_by_id(&mut page, query);
        push_filters(&mut page, query)?;
        page.push(" ORDER BY ").push(order).push(" LIMIT ").push_bind(i64::from(query.page_size));
        let skipped = query.page.saturating_sub(1).saturating_mul(u64::from(query.page_size));
        page.push(" OFFSET ").push_bind(i64::try_from(skipped).unwrap_or(i64::MAX));
        page.push(") page JOIN schedules s ON s.id = page.id JOIN definitions d ON d.id = s.definition_id ORDER BY ").push(order);
        let rows = page.build().fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(Page { rows: self.list_rows(&rows).await?, total: total.unsigned_abs() })
    }
}

/// Text of the order; each has an index of the same columns. Who does not see everything (`told`) has runs sorted by what is told of them.
pub(super) fn order_by(sort: SortField, direction: SortDirection, told: bool) -> &'static str {
    use SortDirection::{Ascending, Descending};
    match (sort, direction, told) {
        (SortField::ScheduleName, Ascending, _) => "s.name_key, s.id",
        (SortField::ScheduleName, Descending, _) => "s.name_key DESC, s.id",
        (SortField::DashboardName, Ascending, _) => "s.dashboard_key, s.id",
        (SortField::DashboardName, Descending, _) => "s.dashboard_key DESC, s.id",
        (SortField::OwnerName, Ascending, _) => "s.owner_key, s.id",
        (SortField::OwnerName, Descending, _) => "s.owner_key DESC, s.id",
        (SortField::LastRun, Ascending, false) => "(s.last_completed_at IS NULL), s.last_completed_at, s.id",
        (SortField::LastRun, Descending, false) => "(s.last_completed_at IS NULL), s.last_completed_at DESC, s.id",
        (SortField::LastRunStatus, Ascending, false) => "(s.last_status IS NULL), s.last_status, s.id",
        (SortField::LastRunStatus, Descending, false) => "(s.last_status IS NULL), s.last_status DESC, s.id",
        (SortField::LastRun, Ascending, true) => "(s.told_at IS NULL), s.told_at, s.id",
        (SortField::LastRun, Descending, true) => "(s.told_at IS NULL), s.told_at DESC, s.id",
        (SortField::LastRunStatus, Ascending, true) => "(s.told_status IS NULL), s.told_status, s.id",
        (SortField::LastRunStatus, Descending, true) => "(s.told_status IS NULL), s.told_status DESC, s.id",
    }
}

/// Statuses that a filter value stands for (S7); none for "never ran".
fn statuses(filter: StatusFilter) -> &'static [RunStatus] {
    match filter {
        StatusFilter::Success => &[RunStatus::Complete, RunStatus::ConditionUnmet],
        StatusFilter::Error => &[RunStatus::Error, RunStatus::ErrorDelivered],
        StatusFilter::Canceled => &[RunStatus::Killed],
        StatusFilter::None => &[],
    }
}

fn push_filters(sql: &mut QueryBuilder<Db>, query: &ListQuery) -> Result<(), StoreError> {
    if let Some(filter) = query.status {
        sql.push(if query.visible.is_some() { " AND s.told_status" } else { " AND s.last_status" });
        match statuses(filter) {
            [] => {
                sql.push(" IS NULL");
            }
            statuses => {
                sql.push(" IN (");
                let mut list = sql.separated(", ");
                for status in statuses {
                    list.push_bind(status.as_str());
                }
                sql.push(")");
            }
        }
    }
    if let Some(kind) = query.destination {
        sql.push(" AND s.destination = ").push_bind(kind.as_str());
    }
    if let Some(kind) = query.kind {
        sql.push(" AND s.alert = ").push_bind(kind == ScheduleKind::Alert);
    }
    if let Some(content) = query.content {
        sql.push(" AND s.single_tile = ").push_bind(content == ContentKind::SingleTile);
    }
    if let Some(owner) = query.owner {
        sql.push(" AND s.owner = ").push_bind(owner.to_string());
    }
    if let Some(identifier) = &query.identifier {
        sql.push(" AND s.identifier = ").push_bind(clean(identifier.as_str()).to_string());
    }
    if let Some((owner, documents)) = &query.visible {
        sql.push(" AND (s.owner = ").push_bind(owner.to_string());
        sql.push(" OR s.identifier").push(AMONG.0).push_bind(to_json(documents)?).push(AMONG.1).push(")");
    }
    Ok(())
}

/// For counting: the index of folded names holds every column that is read.
fn push_search_in_place(sql: &mut QueryBuilder<Db>, query: &ListQuery) {
    if let Some(search) = searched(query) {
        sql.push(" AND ");
        push_match(sql, &search);
    }
}

/// For a page: a search that finds little must not walk through the sorted rows one by one.
fn push_search_by_id(sql: &mut QueryBuilder<Db>, query: &ListQuery) {
    if let Some(search) = searched(query) {
        sql.push(" AND s.id IN (SELECT s.id FROM schedules s WHERE ");
        push_match(sql, &search);
        sql.push(")");
    }
}

fn push_match(sql: &mut QueryBuilder<Db>, search: &str) {
    sql.push("(").push(PLACE_IN).push("(s.name_folded, ").push_bind(search.to_owned());
    sql.push(") > 0 OR ").push(PLACE_IN).push("(s.dashboard_folded, ").push_bind(search.to_owned());
    sql.push(") > 0 OR ").push(PLACE_IN).push("(s.owner_folded, ").push_bind(search.to_owned());
    sql.push(") > 0)");
}

fn searched(query: &ListQuery) -> Option<String> {
    query.search.as_deref().map(|search| folded(&clean(search))).filter(|search| !search.is_empty())
}
