//! The OpenAPI document, and a page that shows it without a script.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use indexmap::IndexMap;
use pressrun_domain::text::escaped;
use serde_json::{Map, Value, json};
use url::Url;

/// The description in both forms, made once.
pub(super) struct Docs {
    document: String,
    page: String,
}

impl Docs {
    /// Describes the API of a server that people reach at `public_url`; a path of it, which a proxy puts there, is that of every endpoint.
    pub(super) fn of(public_url: &str) -> Self {
        let base = Url::parse(public_url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let mut document = serde_json::to_value(super::openapi()).unwrap_or_default();
        if !base.is_empty() {
            document["servers"] = json!([{ "url": base }]);
        }
        Self { page: page_of(&document, &base), document: document.to_string() }
    }
}

const STYLE: &str = include_str!("../../assets/docs.css");
/// Methods in the order shown.
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];
/// Properties inside properties that are still listed.
const DEEPEST: usize = 3;

/// Describes this API, for machines: OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "Service", security(()), responses((status = 200, description = "The document.", body = std::collections::BTreeMap<String, serde_json::Value>, example = json!({"openapi": "3.1.0"}))))]
pub(super) async fn document(Extension(docs): Extension<Arc<Docs>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], docs.document.clone()).into_response()
}

/// Describes this API, for people.
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "Service", security(()), responses((status = 200, description = "The page.", body = String, content_type = "text/html", example = json!("<!doctype html>…"))))]
pub(super) async fn page(Extension(docs): Extension<Arc<Docs>>) -> Html<String> {
    Html(docs.page.clone())
}

/// Writing to a `String` cannot fail; this says so once.
macro_rules! put {
    ($out:expr, $($what:tt)*) => { let _ = write!($out, $($what)*); };
}

fn page_of(document: &Value, base: &str) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>API · Pressrun</title><style>{STYLE}</style></head><body>\
         <main><h1>Pressrun API</h1><p>{}</p>\
         <p>Send the token as <code>Authorization: Bearer …</code>. Machines read <a href=\"{base}/openapi.json\">/openapi.json</a>; people \
         find the same as <a href=\"{base}/schedules\">pages</a>.</p>",
        text(&document["info"]["description"])
    );
    let groups = groups(document);
    out.push_str("<nav aria-label=\"Sections\"><ul>");
    for name in groups.keys() {
        put!(out, "<li><a href=\"#{}\">{}</a></li>", anchor(name), escaped(name));
    }
    out.push_str("</ul></nav>");
    for (name, operations) in &groups {
        put!(out, "<h2 id=\"{}\">{}</h2>", anchor(name), escaped(name));
        for (method, path, operation) in operations {
            describe(&mut out, document, method, path, operation);
        }
    }
    out.push_str("</main></body></html>");
    out
}

/// Operations by their tag, in the document's order.
fn groups(document: &Value) -> IndexMap<&str, Vec<(&'static str, &str, &Value)>> {
    let mut groups: IndexMap<&str, Vec<_>> = IndexMap::new();
    for (path, item) in object(&document["paths"]) {
        for method in METHODS {
            let operation = &item[method];
            if operation.is_object() {
                let tag = operation["tags"][0].as_str().unwrap_or("Server");
                groups.entry(tag).or_default().push((method, path, operation));
            }
        }
    }
    groups
}

fn describe(out: &mut String, document: &Value, method: &str, path: &str, operation: &Value) {
    put!(
        out,
        "<details><summary><span class=\"method {method}\">{}</span><code>{}</code><span class=\"says\">{}</span></summary><div class=\"inside\">",
        method.to_uppercase(),
        escaped(path),
        text(&operation["summary"]),
    );
    let description = text(&operation["description"]);
    if !description.is_empty() {
        put!(out, "<p>{description}</p>");
    }
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        out.push_str("<h3>Parameters</h3><dl>");
        for parameter in parameters {
            let place = format!("{}, {}", parameter["in"].as_str().unwrap_or_default(), kind(document, &parameter["schema"]));
            line(out, parameter["name"].as_str().unwrap_or_default(), &place, &text(&parameter["description"]));
        }
        out.push_str("</dl>");
    }
    let body = &operation["requestBody"]["content"]["application/json"];
    if body.is_object() {
        out.push_str("<h3>Body</h3><dl>");
        properties(out, document, &body["schema"], "", 0);
        out.push_str("</dl>");
        example(out, &body["example"]);
    }
    out.push_str("<h3>Answers</h3><dl>");
    for (status, response) in object(&operation["responses"]) {
        let mut says = text(&response["description"]);
        let example = object(&response["content"]).find_map(|(_, content)| content.get("example"));
        if let Some(example) = example.filter(|example| !example.is_null()) {
            put!(says, "<pre><code>{}</code></pre>", escaped(&pretty(example)));
        }
        line(out, status, "", &says);
    }
    out.push_str("</dl></div></details>");
}

/// The properties of a schema, those of objects inside it behind their path.
fn properties(out: &mut String, document: &Value, schema: &Value, path: &str, depth: usize) {
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().chain(schema["oneOf"].as_array()).flatten() {
        properties(out, document, part, path, depth);
    }
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    for (name, property) in object(&schema["properties"]) {
        let full = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let need = if required(name) { ", required" } else { "" };
        line(out, &full, &format!("{}{need}", kind(document, property)), &text(&resolved(document, property)["description"]));
        if depth < DEEPEST {
            let inner = if property["items"].is_object() { &property["items"] } else { property };
            properties(out, document, inner, &full, depth + 1);
        }
    }
}

/// A schema, or the one its reference names.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

/// The type of a schema in a word or two.
fn kind(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", words.join(", "));
    }
    let base = match &schema["type"] {
        Value::String(word) => word.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "value".to_owned(),
    };
    if schema["items"].is_object() { format!("{base} of {}", kind(document, &schema["items"])) } else { base }
}

fn line(out: &mut String, name: &str, note: &str, says: &str) {
    let note = if note.is_empty() { String::new() } else { format!("<small>{}</small>", escaped(note)) };
    put!(out, "<div><dt><code>{}</code>{note}</dt><dd>{says}</dd></div>", escaped(name));
}

fn example(out: &mut String, example: &Value) {
    if !example.is_null() {
        put!(out, "<pre><code>{}</code></pre>", escaped(&pretty(example)));
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn object(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE).iter().map(|(name, value)| (name.as_str(), value))
}

/// Escaped text, words between backticks as code.
fn text(value: &Value) -> String {
    let safe = escaped(value.as_str().unwrap_or_default());
    let mut out = String::with_capacity(safe.len());
    for (at, part) in safe.split('`').enumerate() {
        if at > 0 {
            out.push_str(if at % 2 == 1 { "<code>" } else { "</code>" });
        }
        out.push_str(part);
    }
    if safe.matches('`').count() % 2 == 1 {
        out.push_str("</code>");
    }
    out
}

fn anchor(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}
