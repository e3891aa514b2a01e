//! Where clients look keys up.

use serde_json::json;

use crate::harness::server;

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
    assert_eq!(outer.ok()["pageInfo"]["totalRecords"], 5);
    let attributes = server.get("/api/v1/user-attributes").await;
    let region = &attributes.ok()["records"][0];
    assert_eq!(
        (&region["name"], &region["type"], &region["multiple_values"], &region["system"]),
        (&json!("region"), &json!("String"), &json!(true), &json!(false))
    );
    assert_eq!(attributes.body["records"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn filters_error_rows() {
    let server = server().await;
    server.get("/api/v1/dashboards/nope/filters").await.refuses(404, "Document with identifier \"nope\" not found");
    server.get("/api/v1/dashboards/workbook/filters").await.refuses(400, "Document does not have a dashboard");
    server.call("outer", "GET", "/api/v1/dashboards/secret/filters", None).await.refuses(403, "Permission denied");
    server.get("/api/v1/dashboards?cursor=9").await.refuses(400, "Invalid page number. The last valid page is 1.");
}
