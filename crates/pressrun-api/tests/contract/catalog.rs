//! Where clients look keys up.

use serde_json::json;

use crate::harness::{refusals, server};

#[tokio::test]
async fn dashboards_filters_documents_and_attributes() {
    let server = server().await;
    let filters = server.get("/api/v1/dashboards/12db1a0a/filters").await;
    assert_eq!(
        filters.ok(),
        &json!({
            "identifier": "12db1a0a",
            "filters": {"region": {"kind": "EQUALS", "values": ["default region"], "type": "string", "label": "REGION", "hidden": false}},
            "controls": [], "filterOrder": ["region"]
        })
    );
    let dashboards = server.get("/api/v1/dashboards?pageSize=2").await;
    assert_eq!(dashboards.ok()["pageInfo"], json!({"hasNextPage": true, "nextCursor": "2", "pageSize": 2, "totalRecords": 4}));
    assert_eq!(
        dashboards.body["records"][0],
        json!({"identifier": "12db1a0a", "name": "Orders", "description": null, "filterKeys": ["region"],
            "queries": [{"key": "1", "name": "Orders by month", "hidden": false}, {"key": "2", "name": "Revenue", "hidden": false}]})
    );
    let documents = server.get("/api/v1/documents").await;
    assert_eq!(documents.ok()["pageInfo"]["totalRecords"], 6);
    let outer = server.call("outer", "GET", "/api/v1/documents", None).await;
    assert_eq!(outer.ok()["pageInfo"]["totalRecords"], 4, "neither what only sales may view nor the draft (Q3)");
    let attributes = server.get("/api/v1/user-attributes").await;
    let region = &attributes.ok()["records"][0];
    assert_eq!(
        (&region["name"], &region["type"], &region["multiple_values"], &region["system"]),
        (&json!("region"), &json!("String"), &json!(true), &json!(false))
    );
    assert_eq!(attributes.body["records"].as_array().unwrap().len(), 10);
}

refusals! {
    filters_01_no_such_document: |server| server.get("/api/v1/dashboards/nope/filters") => 404 "Document with identifier \"nope\" not found";
    filters_02_document_without_dashboard: |server| server.get("/api/v1/dashboards/workbook/filters") => 400 "Document does not have a dashboard";
    filters_03_not_viewable: |server| server.call("outer", "GET", "/api/v1/dashboards/secret/filters", None) => 403 "Permission denied";
    dashboards_page_past_the_end: |server| server.get("/api/v1/dashboards?cursor=9") => 400 "Invalid page number. The last valid page is 1.";
    documents_page_size_over_100: |server| server.get("/api/v1/documents?pageSize=101") => 400 "Page size cannot exceed 100";
}
