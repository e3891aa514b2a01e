//! Headers of every answer, its time, where a form may come from, and where a sign-in may lead.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::base::{self, Base};
use crate::page::{Message, PageError, show};

/// Nothing is loaded from elsewhere, nothing runs, nobody frames us, forms come home. Styles are in our own sheet; only attributes
/// may add to it, for places on the grid and the bars of tables.
const POLICY: &str = "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// Time until an answer begins; a dashboard's own limit is shorter.
const ANSWER_TIME: Duration = Duration::from_secs(100);

/// Adds the headers that every page has, unless the page has its own.
pub(crate) fn headers(mut response: Response, https: bool) -> Response {
    let defaults = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: with that, browsers hide a form's origin even from ourselves.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ];
    for (name, value) in defaults {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Gives up on a page that does not come; dropping it stops what it waited for.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(ANSWER_TIME, next.run(request)).await;
    answer.unwrap_or_else(|_| PageError::Unavailable("This page took too long. Try again in a minute.".to_owned()).into_response())
}

/// The whole front of a server that people reach at `public_url`: its routes are found under the path of that address, and browsers that went
/// astray are answered with a page, though what is beside the pages, such as an API, says "not found" in JSON.
pub fn front(router: Router, public_url: &str) -> Router {
    let (base, https) = (Base::of(public_url), public_url.starts_with("https://"));
    let own = base.clone();
    let router = router.layer(from_fn(move |request, next| own.clone().scope(errors_for_people(request, next, https))));
    base::under(base, router)
}

async fn errors_for_people(request: Request, next: Next, https: bool) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_browser = request.method() == Method::GET && accepts.contains("text/html") && !request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let is_page = |response: &Response| {
        let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        media.is_some_and(|media| media.starts_with("text/html"))
    };
    if is_browser && matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) && !is_page(&response) {
        let page = Message::new("Not found", "There is no such page.").onward("/schedules", "To the schedules");
        return headers(show(StatusCode::NOT_FOUND, &page), https);
    }
    response
}

/// Whether a form was sent from one of our own pages, as far as the browser tells.
///
/// A client that names no origin is no browser and has no cookie that another page could abuse.
pub(crate) fn is_from_here(headers: &HeaderMap, public_url: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return false };
    let own = Url::parse(public_url).ok();
    if own.is_some_and(|own| own.origin() == origin.origin()) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let named = origin.host_str().map(|name| origin.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")));
    matches!((host, named), (Some(host), Some(named)) if host.eq_ignore_ascii_case(&named))
}

/// The address after signing in: one of our pages, else the first one. Never another host.
pub(crate) fn local_path(next: Option<&str>) -> &str {
    let is_page = |path: &&str| {
        let plain = path.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'\\');
        plain && ["/schedules", "/dashboards", "/runs/"].iter().any(|start| path.starts_with(start))
    };
    next.filter(is_page).unwrap_or("/schedules")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_never_leads_elsewhere() {
        for (next, expected) in [
            (None, "/schedules"),
            (Some("/dashboards/12db1a0a?filters=%7B%7D"), "/dashboards/12db1a0a?filters=%7B%7D"),
            (Some("/runs/x"), "/runs/x"),
            (Some("//evil.example"), "/schedules"),
            (Some("/\\evil.example"), "/schedules"),
            (Some("https://evil.example/schedules"), "/schedules"),
            (Some("/schedules\\@evil.example"), "/schedules"),
            (Some("/schedules\r\nSet-Cookie: a=b"), "/schedules"),
            (Some("/unsubscribe/x"), "/schedules"),
        ] {
            assert_eq!(local_path(next), expected, "{next:?}");
        }
    }

    #[test]
    fn a_form_of_another_page_is_refused() {
        for (case, headers, expected) in [
            ("no browser", vec![], true),
            ("own public address", vec![("origin", "https://reports.example.com")], true),
            ("own host", vec![("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true),
            ("another page", vec![("origin", "https://evil.example"), ("host", "reports.example.com")], false),
            ("hidden origin", vec![("origin", "null"), ("host", "reports.example.com")], false),
            ("cross site", vec![("sec-fetch-site", "cross-site")], false),
            ("same site, other host", vec![("sec-fetch-site", "same-site")], false),
            ("typed by hand", vec![("sec-fetch-site", "none")], true),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_from_here(&map, "https://reports.example.com"), expected, "{case}");
        }
    }
}
