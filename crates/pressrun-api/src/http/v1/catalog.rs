//! The catalog as clients look keys up in it (contract §4.3, §7).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pressrun_domain::audience::{SYSTEM_ATTRIBUTES, TIMEZONE_ATTRIBUTE};
use pressrun_domain::catalog::{
    AttributeDefinition, AttributeKind, ControlOption, Dashboard, Document, FilterDefinition, FilterKind, TileBody,
};
use pressrun_domain::id::FilterKey;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::app::error::AppError;
use crate::app::list::{self, Parameters};
use crate::http::extract::{Caller, Segments};
use crate::http::problem::Problem;
use crate::http::wire::{PageOf, Records};
use crate::state::ApiState;

/// A dashboard with the keys that schedules name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DashboardRow {
    identifier: String,
    name: String,
    description: Option<String>,
    /// Keys for `filterConfig`.
    filter_keys: Vec<String>,
    /// Keys for `queryIdentifierMapKey` and `conditionQueryMapKey`.
    queries: Vec<QueryView>,
}

/// A query of a dashboard.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryView {
    key: String,
    name: String,
    /// Not drawn, but may be watched.
    hidden: bool,
}

fn dashboard_row(document: &Document, shows_hidden: bool) -> Option<DashboardRow> {
    let dashboard = document.dashboard.as_ref().filter(|_| document.saved)?;
    let queries = dashboard.tiles.values().filter(|tile| matches!(tile.body, TileBody::Query(_)));
    Some(DashboardRow {
        identifier: document.identifier.0.clone(),
        name: document.name.clone(),
        description: dashboard.description.clone(),
        filter_keys: shown(dashboard, shows_hidden).map(|(key, _)| key.0.clone()).collect(),
        queries: queries.map(|tile| QueryView { key: tile.key.0.clone(), name: tile.title.clone(), hidden: tile.hidden }).collect(),
    })
}

/// The filters that are shown (F11), in dashboard order.
fn shown(dashboard: &Dashboard, hidden: bool) -> impl Iterator<Item = (&FilterKey, &FilterDefinition)> {
    dashboard.filters.iter().filter(move |(_, filter)| hidden || !filter.hidden)
}

/// Lists the dashboards that the caller may view, with the keys that schedules name.
#[utoipa::path(get, path = "/api/v1/dashboards", operation_id = "listDashboards", tag = "Catalog",
    params(
        ("cursor" = Option<String>, Query, description = "Page number from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<DashboardRow>, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{"identifier": "12db1a0a", "name": "Orders", "description": null, "filterKeys": ["region"], "queries": [{"key": "1", "name": "Orders by month", "hidden": false}]}]
    }))))]
pub(crate) async fn dashboards(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<DashboardRow>>, Problem> {
    let catalog = state.catalog.current();
    let page_size = parameters.page_size(100)?;
    let shows_hidden = actor.sees_hidden_filters(&catalog);
    let open = catalog.documents.values().filter(|document| actor.may_view(&catalog, document));
    let rows = open.filter_map(|document| dashboard_row(document, shows_hidden)).collect();
    Ok(Json(PageOf::of(list::slice(rows, parameters.page(), page_size)?, |row| row)))
}

/// The filters of a dashboard.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FiltersView {
    identifier: String,
    /// Filter key → default expression and label.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    filters: Map<String, Value>,
    /// Interactive controls: what each can be set to. Schedules set them by `id`, like filters.
    controls: Vec<ControlView>,
    /// Keys in the order shown.
    filter_order: Vec<String>,
}

/// A choice among declared pieces of SQL.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControlView {
    /// Its key in `filterConfig`.
    id: String,
    label: String,
    hidden: bool,
    /// Value in force unless a schedule overrides it.
    default: Option<String>,
    /// What it can be set to, in the order shown.
    options: Vec<OptionView>,
}

/// One thing that a control can be set to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OptionView {
    value: String,
    label: String,
}

fn control(key: &FilterKey, definition: &FilterDefinition) -> ControlView {
    let option = |(value, option): (&String, &ControlOption)| OptionView { value: value.clone(), label: option.label.clone() };
    ControlView {
        id: key.0.clone(),
        label: definition.label.clone(),
        hidden: definition.hidden,
        default: definition.default.as_ref().and_then(|default| default.get(0)?.as_str().map(ToOwned::to_owned)),
        options: definition.options.iter().map(option).collect(),
    }
}

fn filter(definition: &FilterDefinition) -> Value {
    let mut expression = match &definition.default {
        Some(Value::Object(object)) => object.clone(),
        Some(other) => Map::from_iter([("defaultValue".to_owned(), other.clone())]),
        None => Map::new(),
    };
    expression.insert("type".to_owned(), json!(definition.kind));
    expression.insert("label".to_owned(), json!(definition.label));
    expression.insert("hidden".to_owned(), json!(definition.hidden));
    Value::Object(expression)
}

/// Reads the filters of a dashboard: their keys, labels and defaults; hidden ones are shown to admins and organization keys.
#[utoipa::path(get, path = "/api/v1/dashboards/{identifier}/filters", operation_id = "getFilters", tag = "Catalog",
    params(("identifier" = String, Path, description = "Document.")),
    responses((status = 200, description = "The filters.", body = FiltersView, example = json!({
        "identifier": "12db1a0a", "filters": {"region": {"kind": "EQUALS", "values": [], "type": "string", "label": "Region", "hidden": false}},
        "controls": [], "filterOrder": ["region"]
    }))))]
pub(crate) async fn filters(
    Caller(actor): Caller,
    segments: Segments,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<FiltersView>, Problem> {
    let catalog = state.catalog.current();
    let identifier = segments.get("identifier");
    let document = catalog.documents.get(identifier).ok_or_else(|| AppError::NoDocument(identifier.to_owned()))?;
    if !actor.may_view(&catalog, document) {
        return Err(AppError::Denied.into());
    }
    let dashboard = document.dashboard.as_ref().ok_or_else(|| AppError::invalid("Document does not have a dashboard"))?;
    let (controls, filters): (Vec<_>, Vec<_>) =
        shown(dashboard, actor.sees_hidden_filters(&catalog)).partition(|(_, definition)| definition.kind == FilterKind::Control);
    Ok(Json(FiltersView {
        identifier: identifier.to_owned(),
        filters: filters.iter().map(|(key, definition)| (key.0.clone(), filter(definition))).collect(),
        controls: controls.iter().map(|(key, definition)| control(key, definition)).collect(),
        filter_order: filters.iter().map(|(key, _)| key.0.clone()).collect(),
    }))
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentRow {
    identifier: String,
    name: String,
    /// Always `document`.
    #[serde(rename = "type")]
    kind: &'static str,
    has_dashboard: bool,
    /// False for a draft, which cannot be scheduled.
    saved: bool,
    /// Connection of its dashboard.
    connection_id: Option<String>,
    /// Hash of what is published.
    version: String,
    deleted: bool,
    /// `organization` when every member may view it, else `restricted`.
    scope: &'static str,
}

impl From<&Document> for DocumentRow {
    fn from(document: &Document) -> Self {
        Self {
            identifier: document.identifier.0.clone(),
            name: document.name.clone(),
            kind: "document",
            has_dashboard: document.dashboard.is_some(),
            saved: document.saved,
            connection_id: document.dashboard.as_ref().map(|dashboard| dashboard.connection.0.clone()),
            version: document.version.clone(),
            deleted: false,
            scope: if document.access.groups.is_empty() { "organization" } else { "restricted" },
        }
    }
}

/// Lists the documents that the caller may view.
#[utoipa::path(get, path = "/api/v1/documents", operation_id = "listDocuments", tag = "Catalog",
    params(
        ("cursor" = Option<String>, Query, description = "Page number from 1."),
        ("pageSize" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; 20 when left out."),
    ),
    responses((status = 200, description = "One page.", body = PageOf<DocumentRow>, example = json!({
        "pageInfo": {"hasNextPage": false, "nextCursor": null, "pageSize": 20, "totalRecords": 1},
        "records": [{"identifier": "12db1a0a", "name": "Orders", "type": "document", "hasDashboard": true, "saved": true, "connectionId": "warehouse", "version": "9f2c", "deleted": false, "scope": "organization"}]
    }))))]
pub(crate) async fn documents(
    Caller(actor): Caller,
    parameters: Parameters,
    State(state): State<Arc<ApiState>>,
) -> Result<Json<PageOf<DocumentRow>>, Problem> {
    let catalog = state.catalog.current();
    let page_size = parameters.page_size(100)?;
    let open = catalog.documents.values().map(Arc::as_ref).filter(|document| actor.may_view(&catalog, document));
    let rows: Vec<&Document> = open.collect();
    Ok(Json(PageOf::of(list::slice(rows, parameters.page(), page_size)?, DocumentRow::from)))
}

/// A user attribute's definition; snake_case as the contract has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttributeRow {
    id: uuid::Uuid,
    /// Key in `userAttributes`.
    name: String,
    label: String,
    /// `String` or `Number`.
    #[serde(rename = "type")]
    kind: &'static str,
    multiple_values: bool,
    #[schema(value_type = Option<Value>)]
    default_value: Value,
    description: String,
    /// Set by the system; only `omni_user_timezone` of these may be written.
    system: bool,
}

fn system_attribute(name: &str, organization: uuid::Uuid) -> AttributeRow {
    let writable = if name == TIMEZONE_ATTRIBUTE { "may be set" } else { "read-only" };
    AttributeRow {
        id: uuid::Uuid::new_v5(&organization, name.as_bytes()),
        name: name.to_owned(),
        label: name.trim_start_matches("omni_").replace('_', " "),
        kind: "String",
        multiple_values: name == "omni_user_groups",
        default_value: Value::Null,
        description: format!("Set by the system; {writable}."),
        system: true,
    }
}

fn attribute(definition: &AttributeDefinition, organization: uuid::Uuid) -> AttributeRow {
    AttributeRow {
        id: uuid::Uuid::new_v5(&organization, definition.name.as_bytes()),
        name: definition.name.clone(),
        label: definition.label.clone(),
        kind: match definition.kind {
            AttributeKind::String => "String",
            AttributeKind::Number => "Number",
        },
        multiple_values: definition.multiple_values,
        default_value: json!(definition.default),
        description: definition.description.clone(),
        system: false,
    }
}

/// Lists the user attributes, those of the system last.
#[utoipa::path(get, path = "/api/v1/user-attributes", operation_id = "listUserAttributes", tag = "Catalog",
    responses((status = 200, description = "All of them.", body = Records<AttributeRow>, example = json!({
        "records": [{"id": "3f0d3a5e-0b0c-5a43-8f0a-7f6f7b1c2d3e", "name": "region", "label": "Region", "type": "String", "multiple_values": true, "default_value": null, "description": "", "system": false}]
    }))))]
pub(crate) async fn user_attributes(_: Caller, State(state): State<Arc<ApiState>>) -> Json<Records<AttributeRow>> {
    let catalog = state.catalog.current();
    let organization = catalog.organization.id.0;
    let own = catalog.attributes.values().map(|definition| attribute(definition, organization));
    let system = SYSTEM_ATTRIBUTES.iter().map(|name| system_attribute(name, organization));
    Json(Records { records: own.chain(system).collect() })
}
