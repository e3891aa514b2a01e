//! The pages of `pressrun dev`, for one person on this machine who has the address with its key.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt as _;
use pressrun_domain::id::DocumentIdentifier;
use pressrun_domain::output::Format;
use pressrun_domain::text::escaped;
use serde::Deserialize;

use super::Desk;

/// Reloads the page when something was saved; without it the page has to be reloaded by hand.
const SCRIPT: &str = "let first;new EventSource('/saved').onmessage=event=>{if(first===undefined)first=event.data;else if(event.data!==first)location.reload()};";

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24;background:#fff}a{color:#0b57d0}\
     img{max-width:100%;border:1px solid #d0d7de;border-radius:6px}ul{padding-left:1.2rem}.error{color:#b3261e}.warning{color:#7a4f01}nav a,nav form{margin-right:1rem;display:inline}\
     button{font:inherit;cursor:pointer}code{background:#f3f4f6;padding:.1em .3em;border-radius:4px}\
     @media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181d}a{color:#8ab4f8}code{background:#2a2d33}.error{color:#f2b8b5}.warning{color:#f5c26b}}";

const POLICY: &str = "default-src 'none'; img-src 'self'; script-src 'self'; connect-src 'self'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The routes.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/d/{name}", get(dashboard))
        .route("/d/{name}/send", post(send))
        .route("/saved", get(saved))
        .route("/script.js", get(|| async { ([(CONTENT_TYPE, "text/javascript")], SCRIPT) }))
        .route("/style.css", get(|| async { ([(CONTENT_TYPE, "text/css")], STYLE) }))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), guard))
        .with_state(desk)
}

#[derive(Deserialize)]
struct Entering {
    key: Option<String>,
}

/// Lets in who has the key, by its address or the cookie that it left, under a name of this machine, and takes changes from these pages only.
async fn guard(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Query(entering): Query<Entering>,
    request: Request,
    next: Next,
) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = text(HOST);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    // A name of somebody else that leads to this machine would be another site in the eyes of a browser.
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return (StatusCode::FORBIDDEN, "open this page by 127.0.0.1").into_response();
    }
    if request.method() == axum::http::Method::POST && text(ORIGIN) != format!("http://{host}") {
        return (StatusCode::FORBIDDEN, "this was not sent by these pages").into_response();
    }
    if entering.key.as_deref() == Some(desk.key.as_str()) {
        let cookie = format!("pressrun_dev={}; HttpOnly; SameSite=Strict; Path=/", desk.key);
        return (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())]).into_response();
    }
    let wanted = format!("pressrun_dev={}", desk.key);
    if !text(COOKIE).split(';').any(|cookie| cookie.trim() == wanted) {
        return (StatusCode::UNAUTHORIZED, "open the address that `pressrun dev` printed").into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, axum::http::HeaderValue::from_static(POLICY));
    response
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"><script src=\"/script.js\" defer></script><h1>{0}</h1>{body}</html>",
        escaped(title)
    );
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

/// What is wrong, at file and line.
async fn problems(desk: &Arc<Desk>) -> String {
    let looking = Arc::clone(desk);
    let found = tokio::task::spawn_blocking(move || looking.problems()).await.unwrap_or_default();
    if found.is_empty() {
        return "<p>No problems.</p>".to_owned();
    }
    let mut list = "<ul>".to_owned();
    for problem in found {
        let kind = if problem.is_error() { "error" } else { "warning" };
        let _ = write!(list, "<li class=\"{kind}\"><code>{}</code></li>", escaped(&problem.to_string()));
    }
    list + "</ul>"
}

async fn index(State(desk): State<Arc<Desk>>) -> Response {
    let catalog = desk.catalog.current();
    let mut body = problems(&desk).await + "<ul>";
    for document in catalog.documents.values().filter(|document| document.dashboard.is_some()) {
        let identifier = escaped(document.identifier.as_str());
        let _ = write!(body, "<li><a href=\"/d/{identifier}\">{}</a></li>", escaped(&document.name));
    }
    let _ = write!(
        body,
        "</ul><p>The server behind: <a href=\"{0}\">{0}</a>; sign in with <code>{1}</code>.</p>",
        escaped(&desk.server),
        escaped(desk.token.expose())
    );
    page(&format!("{}, while you write", catalog.organization.name), &body)
}

/// `/d/sales`, `/d/sales.png`, `/d/sales.pdf`: identifiers have no dots.
async fn dashboard(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    let (identifier, format) = match name.rsplit_once('.') {
        Some((identifier, "png")) => (identifier, Some(Format::Png)),
        Some((identifier, "pdf")) => (identifier, Some(Format::Pdf)),
        _ => (name.as_str(), None),
    };
    let catalog = desk.catalog.current();
    if let Some(format) = format {
        return match desk.preview.file(&catalog, identifier, format, &desk.viewer).await {
            Ok(file) => ([(CONTENT_TYPE, file.media_type)], Body::from(file.bytes)).into_response(),
            Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{error:#}")).into_response(),
        };
    }
    let Some(document) = catalog.documents.get(&DocumentIdentifier::from(identifier)) else {
        let mut response =
            page("There is no such dashboard now", &format!("{}<p><a href=\"/\">All dashboards</a></p>", problems(&desk).await));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let shown = escaped(document.identifier.as_str());
    let body = format!(
        "{}<nav><a href=\"/\">All dashboards</a><a href=\"/d/{shown}.pdf\">PDF</a><a href=\"{}/dashboards/{shown}\">Page</a>\
         <form method=\"post\" action=\"/d/{shown}/send\"><button>Send it to me</button></form></nav>\
         <p>With the rows of {}, as it will be delivered:</p><img src=\"/d/{shown}.png?{}\" alt=\"{}\">",
        problems(&desk).await,
        escaped(&desk.server),
        escaped(desk.viewer.as_str()),
        *desk.saved.borrow(),
        escaped(&document.name),
    );
    page(&document.name, &body)
}

/// Makes a schedule on the server behind, as a client would, and lets it run once: the mail is a file of the outbox.
async fn send(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    let body = serde_json::json!({
        "identifier": name, "name": format!("dev {name} {}", uuid::Uuid::new_v4().simple()), "schedule": "0 0 1 1 ? 2099", "timezone": "UTC", "format": "pdf",
        "destinationType": "email", "recipients": [desk.viewer.as_str()], "subject": "{{entityName}}",
    });
    let sent = async {
        let created = desk.client.create_one(body).await?;
        desk.client.deliver(vec![created], |_| {}).await
    };
    let words = match sent.await {
        Ok(outcomes) => outcomes.into_iter().flat_map(|outcome| outcome.delivered).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("{error:#}"),
    };
    let back = escaped(&name);
    page(
        "Sent to you",
        &format!(
            "<p><code>{}</code></p><p>It is in <code>{}</code>.</p><p><a href=\"/d/{back}\">Back</a></p>",
            escaped(&words),
            escaped(&desk.outbox.display().to_string())
        ),
    )
}

/// A number that grows with what is saved, told whenever it does (server-sent events).
async fn saved(State(desk): State<Arc<Desk>>) -> Response {
    let saved = desk.saved.clone();
    let events = futures::stream::unfold((saved, true), |(mut saved, is_first)| async move {
        if !is_first && saved.changed().await.is_err() {
            return None;
        }
        let number = *saved.borrow_and_update();
        Some((Ok::<_, Infallible>(format!("data: {number}\n\n")), (saved, false)))
    });
    // An open page does not keep the server from ending.
    let events = events.take_until(desk.stop.clone().cancelled_owned());
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}
