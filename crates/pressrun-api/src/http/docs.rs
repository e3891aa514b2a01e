//! The OpenAPI document, and a page that shows it without a script.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| super::openapi().to_json().unwrap_or_default());
static PAGE: LazyLock<String> = LazyLock::new(|| render(&super::openapi()));

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2328}\
code{font:14px ui-monospace,monospace}summary{cursor:pointer;padding:.4rem 0}details{border-bottom:1px solid #d0d7de}\
.method{display:inline-block;width:4.5rem;font-weight:600}table{border-collapse:collapse;margin:.5rem 0 1rem}\
td,th{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top}";

/// Describes this API, for machines: OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "Service", security(()), responses((status = 200, description = "The document.", body = std::collections::BTreeMap<String, serde_json::Value>, example = json!({"openapi": "3.1.0"}))))]
pub(super) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// Describes this API, for people.
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "Service", security(()), responses((status = 200, description = "The page.", body = String, content_type = "text/html", example = json!("<!doctype html>…"))))]
pub(super) async fn page() -> Html<&'static str> {
    Html(PAGE.as_str())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn render(document: &OpenApi) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Pressrun API</title><style>{STYLE}</style><h1>Pressrun API</h1>\
         <p>Machines read <a href=\"/openapi.json\">/openapi.json</a>.</p>"
    );
    for (path, item) in &document.paths.paths {
        let operations = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
        for (method, operation) in operations.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?))) {
            describe(&mut html, method, path, operation);
        }
    }
    html
}

fn describe(html: &mut String, method: &str, path: &str, operation: &Operation) {
    let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default());
    // Writing to a `String` cannot fail.
    let _ = write!(
        html,
        "<details><summary><span class=\"method\">{method}</span><code>{}</code> {}</summary><p>{}</p><table><tr><th>Answer<th>Meaning<th>Example",
        escape(path),
        text(&operation.summary),
        text(&operation.description),
    );
    for (status, response) in &operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let example =
            response.content.values().find_map(|content| if let RefOr::T(content) = content { content.example.as_ref() } else { None });
        let example = example.map(|example| format!("<code>{}</code>", escape(&example.to_string()))).unwrap_or_default();
        let _ = write!(html, "<tr><td>{}<td>{}<td>{example}", escape(status), escape(&response.description));
    }
    html.push_str("</table></details>");
}
