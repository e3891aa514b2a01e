//! Pages for admins: addresses that get nothing more, and the state of the catalog.

use std::sync::Arc;

use axum::http::StatusCode;
use pressrun_api::{CatalogFaults, CatalogProblem, CatalogSource, FaultyDocument};
use pressrun_domain::bounce::{Bounce, BounceKind, Mailed, Report};
use pressrun_store::{Suppressions, sample as stored};

use crate::browser::Browser;
use crate::sample::{HOSTILE, Site};

/// Suppresses `address`, as if the piece of a run had come back.
async fn suppress(site: &Site, address: &str) {
    let (delivery, schedule) = (pressrun_domain::id::DeliveryId::generate(), site.open);
    let report = Report { kind: BounceKind::Permanent, status: Some("5.1.1".into()), words: format!("550 no such user {HOSTILE}") };
    let bounce = Bounce { delivery, report, at: stored::after(5) };
    let mailed = Mailed { email: address.parse().unwrap(), run: Some(site.run), schedule };
    assert!(site.store.record_bounce(&bounce, &mailed, &[]).await.unwrap());
}

#[tokio::test]
async fn h6_admins_see_who_is_suppressed_why_and_since_when_and_lift_it() {
    let browser = Browser::new().await;
    let (site, cookie) = (&browser.site, browser.sign_in(browser.site.admin).await);
    assert!(browser.get(&cookie, "/suppressions").await.body.contains("Every address gets its mail."));
    for address in ["gone@partner.example", "left@partner.example", "x@elsewhere.example"] {
        suppress(site, address).await;
    }
    let page = browser.get(&cookie, "/suppressions").await;
    for shown in ["gone@partner.example", "5.1.1", "550 no such user", &format!("/runs/{}", site.run)] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains(HOSTILE));
    let narrowed = browser.get(&cookie, "/suppressions?email=PARTNER&pageSize=1").await;
    assert!(narrowed.body.contains("gone@partner") && !narrowed.body.contains("left@partner"), "{}", narrowed.body);
    let onward = narrowed.body.split("rel=\"next\" href=\"").nth(1).expect("a next page").split('"').next().unwrap().replace("&amp;", "&");
    let second = browser.get(&cookie, &onward.replace("&#38;", "&")).await;
    assert!(second.body.contains("left@partner") && !second.body.contains("x@elsewhere"), "{}", second.body);

    let lift = format!("form_token={}&email=Gone%40partner.example", page.form_token());
    assert_eq!(browser.post("/suppressions", &[("cookie", &cookie)], "form_token=other&email=gone%40partner.example").await.status, 403);
    assert_eq!(browser.post("/suppressions", &[("cookie", &cookie)], &lift).await.status, StatusCode::SEE_OTHER);
    assert!(!browser.get(&cookie, "/suppressions").await.body.contains("gone@partner.example"));
    assert_eq!(browser.post("/suppressions", &[("cookie", &cookie)], &lift).await.status, StatusCode::CONFLICT, "it is lifted already");

    let sales = browser.sign_in(site.sales).await;
    assert_eq!(browser.get(&sales, "/suppressions").await.status, StatusCode::NOT_FOUND);
    let own = browser.get(&sales, "/schedules").await;
    assert!(!own.body.contains("/suppressions"));
    let lift = format!("form_token={}&email=left%40partner.example", own.form_token());
    assert_eq!(browser.post("/suppressions", &[("cookie", &sales)], &lift).await.status, StatusCode::NOT_FOUND);
    assert!(browser.get(&cookie, "/suppressions").await.body.contains("left@partner.example"));
}

/// The sample's catalog, with these faults.
struct Faulty(Arc<dyn CatalogSource>, CatalogFaults);

impl CatalogSource for Faulty {
    fn current(&self) -> Arc<pressrun_domain::catalog::Catalog> {
        self.0.current()
    }

    fn faults(&self) -> CatalogFaults {
        self.1.clone()
    }
}

#[tokio::test]
async fn b14_admins_see_what_of_the_catalog_is_not_in_force_and_nobody_else_does() {
    let document = |file: &str, kept| FaultyDocument { file: file.to_owned(), identifier: Some("orders".into()), kept };
    let faults = CatalogFaults {
        problems: vec![CatalogProblem {
            file: "dashboards/a.yaml".to_owned(),
            place: Some((3, 1)),
            message: format!("unknown key `{HOSTILE}`"),
            hint: "did you mean `title`?".to_owned(),
        }],
        documents: vec![document("dashboards/a.yaml", true), document("dashboards/b.yaml", false)],
        ..CatalogFaults::default()
    };
    let browser = Browser::with(|state| state.api.catalog = Arc::new(Faulty(Arc::clone(&state.api.catalog), faults))).await;
    let admin = browser.sign_in(browser.site.admin).await;
    let page = browser.get(&admin, "/catalog").await;
    assert_eq!(page.status, StatusCode::OK);
    for words in [
        "dashboards/a.yaml",
        "it is what it was before",
        "dashboards/b.yaml",
        "its schedules wait",
        "dashboards/a.yaml:3:1: unknown key",
        "hint: did you mean",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains(HOSTILE), "escaped");
    let guest = browser.sign_in(browser.site.guest).await;
    assert_eq!(browser.get(&guest, "/catalog").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get(&guest, "/schedules").await.body.contains("/catalog"));
}
