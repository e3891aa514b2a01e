//! Members and groups, and people without a login: read, made, changed, imported, deleted.

use axum::http::{StatusCode, header};
use pressrun_domain::users::EmailOnlyUser;
use pressrun_store::People as _;

use crate::browser::{Answer, Browser};

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[tokio::test]
async fn members_are_read_by_those_who_may_look_them_up() {
    let browser = Browser::new().await;
    for (who, sees_hill) in [(browser.site.admin, true), (browser.site.guest, false)] {
        let cookie = browser.sign_in(who).await;
        let page = browser.get(&cookie, "/people").await;
        assert_eq!((page.status, page.body.contains("blobby.hill@myorg.co")), (StatusCode::OK, sees_hill), "{who}: {}", page.body);
    }
    let cookie = browser.sign_in(browser.site.admin).await;
    let found = browser.get(&cookie, "/people?q=HILL").await.body;
    assert!(found.contains("Time zone") && !found.contains("omni_user_timezone"), "no raw names where people look: {found}");
    assert!(found.contains("blobby.hill@myorg.co") && !found.contains("blob.sato@myorg.com"), "{found}");
}

/// A browser of an organization key, and what presses a form of its.
struct Desk {
    browser: Browser,
    cookie: String,
    token: String,
}

impl Desk {
    async fn open() -> Self {
        let browser = Browser::new().await;
        let cookie = browser.sign_in(browser.site.admin).await;
        let token = browser.get(&cookie, "/people/outside").await.form_token().to_owned();
        Self { browser, cookie, token }
    }

    async fn send(&self, verb: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form(&[&[("form_token", self.token.as_str())], fields].concat());
        self.browser.post(&format!("/people/outside/{verb}"), &[("cookie", &self.cookie)], &body).await
    }

    async fn user(&self, address: &str) -> Option<EmailOnlyUser> {
        self.browser.site.store.users_by_email(&[address.parse().unwrap()]).await.unwrap().pop()
    }
}

#[tokio::test]
async fn somebody_without_a_login_is_made_changed_and_deleted() {
    let desk = Desk::open().await;
    let attribute =
        (desk.browser.site.state.catalog)().attributes.values().find(|attribute| attribute.multiple_values).unwrap().name.clone();
    let field = format!("a.{attribute}");
    let saved = desk.send("save", &[("email", "new@out.example"), (field.as_str(), "EU, US")]).await;
    assert_eq!(saved.header(header::LOCATION), "/people/outside?done=saved", "{}", saved.body);
    assert_eq!(desk.user("new@out.example").await.unwrap().attributes[&attribute].values().len(), 2);
    let page = desk.browser.get(&desk.cookie, "/people/outside?done=saved&edit=new%40out.example").await.body;
    assert!(page.contains("They are saved.") && page.contains("value=\"EU, US\""), "{page}");
    // What is saved as it was stays what it was: a comma in a value makes no second one, which may be somebody else's rows.
    let typed = ["Smith\\, Inc", "Hill"].join(", ");
    for _ in 0..2 {
        desk.send("save", &[("email", "new@out.example"), (field.as_str(), &typed)]).await;
        let stored =
            desk.user("new@out.example").await.unwrap().attributes[&attribute].values().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(stored, ["Smith, Inc", "Hill"]);
        let page = desk.browser.get(&desk.cookie, "/people/outside?edit=new%40out.example").await.body;
        assert!(page.contains(&format!("value=\"{typed}\"")), "{page}");
    }
    let table = format!("email,{attribute}\nnew@out.example,\"Smith, Inc|EU\"");
    desk.send("import", &[("table", &table)]).await;
    let stored =
        desk.user("new@out.example").await.unwrap().attributes[&attribute].values().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(stored, ["Smith, Inc", "EU"]);
    desk.send("save", &[("email", "new@out.example"), (field.as_str(), "")]).await;
    assert!(desk.user("new@out.example").await.unwrap().attributes.is_empty());
    let wrong = desk.send("save", &[("email", "nobody"), (field.as_str(), "EU")]).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains("Invalid email address"), "{}", wrong.body);
    assert!(wrong.body.contains("value=\"nobody\"") && wrong.body.contains("value=\"EU\""), "what was typed stays: {}", wrong.body);
    let gone = desk.send("delete", &[("email", "new@out.example")]).await;
    assert_eq!(gone.header(header::LOCATION), "/people/outside?done=deleted", "{}", gone.body);
    assert!(desk.user("new@out.example").await.is_none());
}

#[tokio::test]
async fn a_table_is_imported_or_refused_with_what_is_wrong() {
    let desk = Desk::open().await;
    let rows: Vec<String> = (0..45).map(|number| format!("p{number}@out.example")).collect();
    let done = desk.send("import", &[("table", &format!("email\n{}", rows.join("\n")))]).await;
    assert_eq!(done.header(header::LOCATION), "/people/outside?done=imported-45", "{}", done.body);
    assert!(desk.user("p44@out.example").await.is_some());
    for (table, part) in
        [("name\nx", "one of them is “email”"), ("email,nonsense\nq@out.example,1", "nonsense"), ("email\nnobody", "Invalid email address")]
    {
        let refused = desk.send("import", &[("table", table)]).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains(part), "{table}: {}", refused.body);
        assert!(refused.body.contains(table.split('\n').nth(1).unwrap()), "what was typed stays");
    }
    assert!(desk.user("q@out.example").await.is_none());
}

#[tokio::test]
async fn m1_only_organization_keys_manage_people_without_a_login() {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let token = browser.get(&cookie, "/tokens").await.form_token().to_owned();
    assert_eq!(browser.get(&cookie, "/people/outside").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get(&cookie, "/people").await.body.contains("/people/outside"));
    for (verb, fields) in
        [("save", "email=x%40out.example"), ("import", "table=email%0Ax%40out.example"), ("delete", "email=x%40out.example")]
    {
        let answer =
            browser.post(&format!("/people/outside/{verb}"), &[("cookie", &cookie)], &format!("form_token={token}&{fields}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{verb}: {}", answer.body);
    }
    let foreign = browser.post("/people/outside/save", &[("cookie", &cookie)], "form_token=x&email=x%40out.example").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}
