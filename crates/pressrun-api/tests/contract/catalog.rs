//! Where clients look keys up.

use pressrun_api::{CatalogFaults, CatalogProblem, FaultyDocument};
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

#[tokio::test]
async fn b14_admins_and_organization_keys_read_what_of_the_catalog_is_not_in_force() {
    const FAULTS: &str = "/api/v1/catalog/faults";
    let server = server().await;
    let none = server.get(FAULTS).await;
    assert_eq!((&none.ok()["problems"], &none.ok()["records"]), (&json!([]), &json!([])));
    let problem =
        |file: &str, place| CatalogProblem { file: file.to_owned(), place, message: "wrong".to_owned(), hint: "right".to_owned() };
    let document = |at: usize| FaultyDocument {
        file: format!("dashboards/d{at}.yaml"),
        identifier: (at == 0).then(|| "12db1a0a".into()),
        kept: at == 0,
    };
    *server.files.1.lock().unwrap() = CatalogFaults {
        loaded_at: "2025-07-23T21:00:00Z".parse().unwrap(),
        problems: vec![problem("dashboards/d0.yaml", Some((3, 7))), problem("", None)],
        documents: (0..3).map(document).collect(),
    };
    let faults = server.get(&format!("{FAULTS}?pageSize=2")).await;
    assert_eq!(
        faults.ok(),
        &json!({
            "loadedAt": "2025-07-23T21:00:00.000Z",
            "problems": [
                {"file": "dashboards/d0.yaml", "line": 3, "column": 7, "message": "wrong", "hint": "right"},
                {"file": "", "line": null, "column": null, "message": "wrong", "hint": "right"}
            ],
            "pageInfo": {"hasNextPage": true, "nextCursor": "2", "pageSize": 2, "totalRecords": 3},
            "records": [
                {"file": "dashboards/d0.yaml", "identifier": "12db1a0a", "kept": true},
                {"file": "dashboards/d1.yaml", "identifier": null, "kept": false}
            ]
        })
    );
    let rest = server.get(&format!("{FAULTS}?pageSize=2&cursor=2")).await;
    assert_eq!(rest.ok()["records"][0]["file"], "dashboards/d2.yaml");
    let refused = server.call("hill", "GET", FAULTS, None).await;
    assert_eq!(refused.status, 403, "files may be quoted: {}", refused.body);
}
