//! What of the catalog's files is not in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::faults;
use crate::app::list::{self, Parameters};
use crate::http::extract::Caller;
use crate::http::problem::Problem;
use crate::http::wire::{PageInfo, PageOf, stamp};
use crate::state::{ApiState, CatalogProblem, FaultyDocument};

/// The problems, and one page of the dashboard files that are not taken as they are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FaultsView {
    /// When what is in force came into force.
    loaded_at: String,
    /// What is wrong; nothing when all files are in force. Of very many, the first.
    problems: Vec<ProblemView>,
    page_info: PageInfo,
    records: Vec<FaultyFileView>,
}

/// One thing to change in one file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemView {
    /// Path relative to the catalog; empty for the catalog as a whole.
    file: String,
    /// From 1; null when it is the file itself.
    line: Option<u32>,
    /// In characters, from 1; null when it is the file itself.
    column: Option<u32>,
    /// What is wrong.
    message: String,
    /// What would be right.
    hint: String,
}

impl From<CatalogProblem> for ProblemView {
    fn from(CatalogProblem { file, place, message, hint }: CatalogProblem) -> Self {
        Self { file, line: place.map(|(line, _)| line), column: place.map(|(_, column)| column), message, hint }
    }
}

/// A dashboard file that is not taken as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultyFileView {
    /// Path relative to the catalog.
    file: String,
    /// The document in it, as far as that can be told.
    identifier: Option<String>,
    /// True when what it said before stays in force; false when its schedules wait.
    kept: bool,
}

impl From<FaultyDocument> for FaultyFileView {
    fn from(FaultyDocument { file, identifier, kept }: FaultyDocument) -> Self {
        Self { file, identifier: identifier.map(|identifier| identifier.0), kept }
    }
}

/// Says what of the catalog's files is not in force, and what would be right; admins and organization keys only.
#[utoipa::path(get, path = "/api/v1/catalog/faults", operation_id = "getCatalogFaults", tag = "Catalog",
    params(
        ("cursor" = Option<String>, Query, description = "Page number from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "All problems and one page of files.", body = FaultsView, example = json!({
        "loadedAt": "2026-11-30T07:00:00.000Z",
        "problems": [{"file": "dashboards/orders.yaml", "line": 12, "column": 5, "message": "unknown key `titel`", "hint": "did you mean `title`?"}],
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{"file": "dashboards/orders.yaml", "identifier": "12db1a0a", "kept": true}]
    }))))]
pub(crate) async fn faults(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<FaultsView>, Problem> {
    let found = faults::faults(&state, &actor)?;
    let listed = list::slice(found.documents, parameters.page(), parameters.page_size(100)?)?;
    let PageOf { page_info, records } = PageOf::of(listed, FaultyFileView::from);
    let problems = found.problems.into_iter().map(ProblemView::from).collect();
    Ok(Json(FaultsView { loaded_at: stamp(found.loaded_at), problems, page_info, records }))
}
