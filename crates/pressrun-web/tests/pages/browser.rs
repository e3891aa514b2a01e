//! A browser in front of a server of its own, and what it is answered.

use axum::http::{HeaderMap, Method, StatusCode, header};
use pressrun_domain::audit::Origin;
use pressrun_domain::catalog::GridPosition;
use pressrun_web::{DashboardPage, DashboardTile, WebState, front, router};

use crate::sample::{self, HOSTILE, Site};

/// A browser in front of a server of its own, on a real socket.
pub(crate) struct Browser {
    client: reqwest::Client,
    pub(crate) address: String,
    pub(crate) site: Site,
    _dir: tempfile::TempDir,
    _server: tokio::task::JoinHandle<()>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The token in the forms of this page.
    pub(crate) fn form_token(&self) -> &str {
        let rest = self.body.split("name=\"form_token\" value=\"").nth(1).expect("a form");
        rest.split('"').next().unwrap()
    }
}

impl Browser {
    pub(crate) async fn new() -> Self {
        Self::at("http://127.0.0.1:8080").await
    }

    pub(crate) async fn at(public_url: &str) -> Self {
        Self::with(|state| state.public_url = public_url.into()).await
    }

    /// In front of a server whose parts `edit` changed.
    pub(crate) async fn with(edit: impl FnOnce(&mut WebState)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tile = DashboardTile {
            key: "1".into(),
            title: HOSTILE.into(),
            subtitle: Some(HOSTILE.into()),
            at: GridPosition { x: 30, y: 0, w: 99, h: 0 },
            html: "<svg class=\"ours\"></svg>".into(),
        };
        let second = DashboardTile { html: "<svg class=\"second\"></svg>".into(), ..tile.clone() };
        let pages =
            [(HOSTILE, tile), ("Every order", second)].map(|(name, tile)| DashboardPage { name: Some(name.into()), tiles: vec![tile] });
        let mut site = sample::site(dir.path(), pages.into()).await;
        edit(&mut site.state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let pages = router(site.state.clone()).fallback(async || (StatusCode::NOT_FOUND, "{}"));
        let came = Origin { source: Some([127, 0, 0, 1].into()), request: None };
        let app = front(pages.layer(axum::Extension(came)), &site.state.public_url);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, address, site, _dir: dir, _server: server }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.address)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone(), body: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.send(Method::GET, path, &[("cookie", cookie), ("accept", "text/html")], "").await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&[("content-type", "application/x-www-form-urlencoded")], headers].concat();
        self.send(Method::POST, path, &headers, body).await
    }

    /// Presses a button that carries `token`.
    pub(crate) async fn press(&self, cookie: &str, path: &str, token: &str) -> Answer {
        self.post(path, &[("cookie", cookie)], &format!("form_token={token}")).await
    }

    /// The cookie of a sign-in with `token`.
    pub(crate) async fn sign_in(&self, token: &str) -> String {
        let answer = self.post("/sign-in", &[], &format!("token={token}&next=%2Fschedules")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }
}
