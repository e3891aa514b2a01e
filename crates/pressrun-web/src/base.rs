//! The path that a reverse proxy puts the pages under, as `/reports` in `https://intra.example.com/reports`; mostly there is none.
//!
//! A proxy may take the path away before it passes a request on, or leave it: routes are found either way. Addresses in answers always have
//! it: templates write [`path`] before each of them, redirects [`here`].

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use tower::Layer as _;
use tower::util::MapRequestLayer;
use url::Url;

tokio::task_local! {
    /// Of the request that is being answered: handed on in this way, no page can forget it.
    static BASE: Base;
}

/// First parts of our own paths. A base path that begins with one of them could not be told from a page.
const OWN: [&str; 23] = [
    "api",
    "assets",
    "audit",
    "catalog",
    "dashboards",
    "docs",
    "healthz",
    "history",
    "metrics",
    "mine",
    "openapi.json",
    "overview",
    "people",
    "readyz",
    "runs",
    "schedules",
    "sessions",
    "shared",
    "sign-in",
    "sign-out",
    "subscription-requests",
    "tokens",
    "unsubscribe",
];

/// A base path: empty, or `/a/b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(Arc<str>);

impl Base {
    /// The path of the address at which people reach the pages.
    pub(crate) fn of(public_url: &str) -> Self {
        let path = Url::parse(public_url).map(|url| url.path().trim_end_matches('/').to_owned());
        Self(path.unwrap_or_default().into())
    }

    /// Answers a request with this base in its addresses.
    pub(crate) async fn scope<T>(self, answer: impl Future<Output = T>) -> T {
        BASE.scope(self, answer).await
    }

    /// The path without the base; the same when it does not begin with it.
    fn stripped<'a>(&self, path: &'a str) -> &'a str {
        match path.strip_prefix(&*self.0) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            Some(_) | None => path,
        }
    }
}

/// Why the path of `public_url` cannot be a base path; `None` when it can.
#[must_use]
pub fn unusable_path(public_url: &str) -> Option<String> {
    let base = Base::of(public_url);
    let first = base.0.trim_start_matches('/').split('/').next().unwrap_or_default();
    OWN.contains(&first)
        .then(|| format!("its path begins with /{first}, which is a path of this server's own; choose another, such as /pressrun"))
}

/// What stands before every address of ours: the base path of the request that is being answered.
pub(crate) fn path() -> String {
    BASE.try_with(|base| base.0.to_string()).unwrap_or_default()
}

/// One of our addresses under the base path; `place` begins with a slash.
pub(crate) fn here(place: &str) -> String {
    path() + place
}

/// Lets `router` find its routes whether or not the base path still stands before them.
pub(crate) fn under(base: Base, router: Router) -> Router {
    if base.0.is_empty() {
        return router;
    }
    let strip = MapRequestLayer::new(move |mut request: Request| {
        if let Some(uri) = without_base(&base, request.uri()) {
            *request.uri_mut() = uri;
        }
        request
    });
    // Routes are matched before a router's own layers run, so that this one stands outside of it.
    Router::new().fallback_service(strip.layer(router))
}

fn without_base(base: &Base, uri: &Uri) -> Option<Uri> {
    let rest = base.stripped(uri.path());
    if rest == uri.path() {
        return None;
    }
    let place = uri.query().map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(place).ok();
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m10_a_path_is_found_with_and_without_the_base() {
        let base = Base::of("https://intra.example.com/a/reports/");
        for (path, expected) in [
            ("/a/reports", "/"),
            ("/a/reports/", "/"),
            ("/a/reports/schedules?x=1", "/schedules?x=1"),
            ("/schedules", "/schedules"),
            ("/a/reportsx/schedules", "/a/reportsx/schedules"),
            ("/a", "/a"),
            ("/a/reports//evil.example", "//evil.example"),
        ] {
            let uri: Uri = path.parse().expect(path);
            let found = without_base(&base, &uri).unwrap_or(uri);
            assert_eq!(found.path_and_query().map(PathAndQuery::as_str), Some(expected), "{path}");
        }
        assert_eq!(Base::of("https://reports.example.com").stripped("/schedules"), "/schedules");
    }

    #[test]
    fn m10_a_base_that_is_a_page_is_no_base() {
        for (url, usable) in [
            ("https://x.example", true),
            ("https://x.example/reports", true),
            ("https://x.example/intra/schedules", true),
            ("https://x.example/schedules", false),
            ("https://x.example/api/reports", false),
        ] {
            assert_eq!(unusable_path(url).is_none(), usable, "{url}");
        }
    }

    #[test]
    fn m10_every_address_in_a_template_has_the_base_before_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        for entry in std::fs::read_dir(folder).expect("the templates") {
            let file = entry.expect("a template").path();
            let text = std::fs::read_to_string(&file).expect("a template");
            for line in text.lines() {
                assert!(!line.contains("=\"/"), "{}: write {{{{ crate::base::path() }}}} before the address: {line}", file.display());
            }
        }
    }
}
