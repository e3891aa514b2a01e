//! The form of a schedule: what is made of it, what is said of it, and that nothing typed is lost.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{StatusCode, header};
use pressrun_api::{CameBack, EngineSource, Seen, Sees};
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::destination::{Destination, Person, SlackRecipientType};
use pressrun_domain::id::{DocumentIdentifier, ScheduleId, SubscriptionRequestId};
use pressrun_domain::output::{Format, PaperFormat};
use pressrun_domain::run::RunKind;
use pressrun_domain::schedule::FilterConfig;
use pressrun_domain::schedule::{Definition, Schedule};
use pressrun_domain::secret::Secret;
use pressrun_store::{People as _, Runs, Schedules, Store, StoreError, sample as stored};

use crate::browser::{Answer, Browser};
use crate::sample::{HOSTILE, SECRET};

/// The form as a browser sends it.
fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// What a browser sends of a new schedule that goes by mail, with `more` over it.
fn mail<'a>(token: &'a str, more: &[(&'a str, &'a str)]) -> String {
    let usual = [
        ("form_token", token),
        ("identifier", "12db1a0a"),
        ("once", "one"),
        ("filters", ""),
        ("name", "Morning orders"),
        ("schedule", "every weekday at 08:00 in New York"),
        ("timezone", "UTC"),
        ("format", "pdf"),
        ("destinationType", "email"),
        ("recipients", "blob.ross@myorg.co"),
        ("subject", "Orders"),
        ("showFilters", "on"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    form(&kept.chain(more.iter().copied()).collect::<Vec<_>>())
}

async fn send(browser: &Browser, cookie: &str, path: &str, body: &str) -> Answer {
    browser.post(path, &[("cookie", cookie)], body).await
}

/// The schedule that the answer leads to.
async fn made(browser: &Browser, answer: &Answer) -> Schedule {
    let place = answer.header(header::LOCATION);
    let id = place.strip_prefix("/schedules/").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_else(|| panic!("{}", answer.body));
    let id: ScheduleId = id.parse().unwrap();
    browser.site.store.schedule(id).await.unwrap().unwrap()
}

/// A signed-in admin with the token of their forms.
async fn admin() -> (Browser, String, String) {
    let browser = Browser::new().await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let page = browser.get(&cookie, "/schedules/new?dashboard=12db1a0a").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let token = page.form_token().to_owned();
    (browser, cookie, token)
}

#[tokio::test]
async fn newcomer_4_1_a_schedule_is_made_from_a_dashboard_with_its_present_filters() {
    let (browser, cookie, _) = admin().await;
    let filters = "%7B%22region%22%3A%7B%22type%22%3A%22string%22%2C%22kind%22%3A%22EQUALS%22%2C%22values%22%3A%5B%22US%22%5D%7D%7D";
    let dashboard = browser.get(&cookie, &format!("/dashboards/12db1a0a?filters={filters}")).await.body;
    let way = format!("/schedules/new?dashboard=12db1a0a&#38;filters={filters}");
    assert!(dashboard.contains("Schedule this") && dashboard.contains(&way), "{dashboard}");
    let page = browser.get(&cookie, &way.replace("&#38;", "&")).await;
    let token = page.form_token().to_owned();
    assert!(page.body.contains("value=\"US\"") && page.body.contains("Make schedule"), "{}", page.body);
    let json = r#"{"region":{"type":"string","kind":"EQUALS","values":["US"]}}"#;
    let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &[("do", "save"), ("filters", json)])).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let Definition { name, cron, timezone, filters, format, .. } = made(&browser, &answer).await.definition;
    assert_eq!(
        (name.as_str(), cron.as_str(), timezone.as_str(), format),
        ("Morning orders", "0 8 ? * MON-FRI *", "America/New_York", Format::Pdf)
    );
    assert_eq!(serde_json::to_string(&filters).unwrap(), json);
    let page = browser.get(&cookie, answer.header(header::LOCATION)).await.body;
    assert!(page.contains("The schedule is made.") && page.contains("/edit"), "{page}");
}

#[tokio::test]
async fn every_destination_and_option_can_be_saved() {
    let (browser, cookie, token) = admin().await;
    let save = async |once: &str, more: &[(&str, &str)]| {
        let more = [&[("do", "save"), ("once", once)], more].concat();
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &more)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{once}: {}", answer.body);
        made(&browser, &answer).await.definition
    };
    let sftp = [
        ("destinationType", "sftp"),
        ("format", "xlsx"),
        ("enableFormatting", "on"),
        ("hideTitle", "on"),
        ("address", "sftp.example.com"),
        ("port", "2222"),
        ("username", "bob"),
        ("passwordUnencrypted", SECRET),
        ("path", "out/daily"),
        ("uploadMode", "direct"),
    ];
    let definition = save("sftp", &sftp).await;
    let Destination::Sftp(settings) = &definition.destination else { panic!("{definition:?}") };
    assert_eq!((settings.port, settings.path.as_deref(), settings.quirks.upload_mode.as_str()), (2222, Some("out/daily"), "direct"));
    assert!(definition.options.enable_formatting && !definition.options.hide_title, "what does not fit is left out");

    let hook = [
        ("destinationType", "webhook"),
        ("format", "json"),
        ("url", "https://hooks.example.com/x"),
        ("webhookSecretUnencrypted", "new\r\nold\r\n"),
    ];
    let Destination::Webhook(settings) = save("hook", &hook).await.destination else { panic!("a webhook") };
    assert_eq!(settings.secrets.len(), 2);

    let slack = [
        ("destinationType", "slack"),
        ("format", "png"),
        ("slackRecipientType", "users"),
        ("slack.recipients", "U0123456789, U9876543210"),
        ("slack.textBody", "Hello"),
    ];
    let Destination::Slack(settings) = save("slack", &slack).await.destination else { panic!("Slack") };
    assert_eq!(
        (settings.recipient_type, settings.recipients.len(), settings.text_body.as_deref()),
        (SlackRecipientType::Users, 2, Some("Hello"))
    );

    let s3 = [
        ("destinationType", "s3"),
        ("format", "csv"),
        ("bucketName", "acme-reports"),
        ("region", "eu-west-1"),
        ("roleArn", "arn:aws:iam::123456789012:role/reports"),
        ("keyPrefix", "daily"),
    ];
    let Destination::S3(settings) = save("s3", &s3).await.destination else { panic!("S3") };
    assert_eq!(settings.bucket_name, "acme-reports");

    let options = [
        ("paperFormat", "a4"),
        ("paperOrientation", "landscape"),
        ("hideTitle", "on"),
        ("singleColumnLayout", "on"),
        ("filename", "Orders {{currentDate}}"),
        ("worthlessAfter", "10:00"),
        ("killJobsOnFailure", "on"),
        ("timezoneOverride", "Asia/Tokyo"),
        ("conditionType", "RESULTS_PRESENT"),
        ("conditionQueryMapKey", "1"),
        ("textBody", "First\r\nsecond"),
        ("replyTo", "answers@myorg.co"),
        ("cc", "blobby.hill@myorg.co"),
    ];
    let definition = save("mail", &options).await;
    assert_eq!(definition.options.paper_format, Some(PaperFormat::A4));
    assert!(definition.options.hide_title && definition.options.single_column_layout && definition.kill_jobs_on_failure);
    assert_eq!(definition.condition.map(|condition| condition.kind), Some(ConditionKind::ResultsPresent));
    let Destination::Email(email) = definition.destination else { panic!("mail") };
    assert_eq!((email.text_body.as_deref(), email.cc.len()), (Some("First\nsecond"), 1));
}

#[tokio::test]
async fn a_group_alone_is_enough_of_a_recipient() {
    let (browser, cookie, token) = admin().await;
    let group = (browser.site.state.catalog)().groups.iter().next().unwrap().id;
    let id = group.to_string();
    let body = mail(&token, &[("do", "save"), ("recipients", ""), ("userGroupIds", &id)]);
    let answer = send(&browser, &cookie, "/schedules/new", &body).await;
    let schedule = made(&browser, &answer).await;
    let email = schedule.definition.destination.email().unwrap();
    assert!(email.recipients.is_empty() && email.groups == [group], "{email:?}");
    let page = browser.get(&cookie, &format!("/schedules/{}/edit", schedule.id)).await.body;
    assert!(page.contains(&format!("value=\"{id}\" checked")), "{page}");
}

#[tokio::test]
async fn errors_stand_at_their_fields_and_nothing_typed_is_lost() {
    let (browser, cookie, token) = admin().await;
    for (field, wrong, said) in [
        ("schedule", "every blue moon", "“blue” is not understood here"),
        ("schedule", "0 8 * * 1-5", "Schedule is an invalid cron expression"),
        ("schedule", "at 08:00 and 10:30", "it would fire at"),
        ("timezone", "Europe/Atlantis", "Time zone must be IANA valid."),
        ("recipients", "nobody", "Invalid email address"),
        ("recipients", "", "Required"),
        ("name", " ", "Required"),
        ("worthlessAfter", "25:00", "Expected a time of day"),
    ] {
        let zone = if field == "timezone" { "every day at 08:00" } else { "every weekday at 08:00 in New York" };
        let more = [("schedule", zone), ("textBody", HOSTILE), ("do", "save"), (field, wrong)];
        let more: Vec<_> = more.into_iter().rev().fold(Vec::new(), |mut kept: Vec<(&str, &str)>, one| {
            if kept.iter().all(|(name, _)| *name != one.0) {
                kept.push(one);
            }
            kept
        });
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &more)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.body);
        let at = answer.body.find(&format!("id=\"fault-{field}\"")).unwrap_or_else(|| panic!("{field} {wrong}: {}", answer.body));
        assert!(answer.body[at..].split("</span>").next().unwrap().contains(said), "{field} {wrong}: {}", &answer.body[at..at + 300]);
        assert!(answer.body.contains(&format!("href=\"#f-{field}\"")) && answer.body.contains("Nothing was saved yet"), "{field}");
        assert!(answer.body.contains("alert(1)") && !answer.body.contains("<script"), "the message is kept, inert");
        assert!(answer.body.contains("value=\"Orders\"") && answer.body.contains("name=\"once\" value=\"one\""), "{field}");
    }
    let listed = browser.get(&cookie, "/schedules").await.body;
    assert!(!listed.contains("Morning orders"), "nothing was saved");
}

/// Tells of three people what they would see.
struct Told;

#[async_trait]
impl EngineSource for Told {
    async fn take_in(&self, _mail: &[u8]) -> Result<Option<CameBack>, StoreError> {
        Ok(None)
    }

    async fn without_values(&self, _definition: &Definition) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn seen(&self, _definition: &Definition) -> Result<Vec<Seen>, StoreError> {
        let own = Sees::Own(vec![("Region".into(), vec!["EU".into()])]);
        let one = |email: &str, sees| Seen { email: email.into(), sees };
        Ok(vec![
            one("blob.ross@myorg.co", own),
            one("blobby.hill@myorg.co", Sees::Nothing(vec!["Region".into()])),
            one("new@out.example", Sees::Nothing(vec!["Region".into()])),
        ])
    }

    fn request_word(&self, _request: SubscriptionRequestId) -> Secret {
        Secret::new("word")
    }
}

#[tokio::test]
async fn a_look_says_when_and_to_whom_and_saves_nothing() {
    let browser = Browser::with(|state| state.api.engine = Arc::new(Told)).await;
    for (who, own) in [(browser.site.admin, "sees Region EU only"), (browser.site.sales, "sees their own rows")] {
        let cookie = browser.sign_in(who).await;
        let token = browser.get(&cookie, "/schedules/new?dashboard=12db1a0a").await.form_token().to_owned();
        let more = [("do", "look"), ("fanOut", "on"), ("recipients", "blob.ross@myorg.co, new@out.example")];
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &more)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        for text in [
            "This can be saved.",
            "At 08:00 on Monday through Friday",
            "0 8 ? * MON-FRI *",
            "The next 10 times",
            own,
            "sees no rows: has no value for Region",
            "sees no rows unless an administrator gives this address a value for Region",
            "outside",
        ] {
            assert!(answer.body.contains(text), "{text}: {}", answer.body);
        }
        assert!(answer.body.contains("value=\"America/New_York\""), "the zone that the words named");
    }
    let unknown = browser.site.store.users_by_email(&["new@out.example".parse().unwrap()]).await.unwrap();
    assert!(unknown.is_empty(), "looking makes nobody");
    let cookie = browser.sign_in(browser.site.admin).await;
    assert!(!browser.get(&cookie, "/schedules").await.body.contains("Morning orders"));
}

#[tokio::test]
async fn colleagues_are_found_by_a_part_of_their_name_and_ticked_onto_the_list() {
    let (browser, cookie, token) = admin().await;
    let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &[("do", "find"), ("find", "HILL")])).await;
    assert!(answer.status == StatusCode::OK && answer.body.contains("name=\"add\" value=\"blobby.hill@myorg.co\""), "{}", answer.body);
    let more = [("do", "look"), ("find", "HILL"), ("add", "blobby.hill@myorg.co")];
    let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &more)).await;
    assert!(answer.body.contains("blob.ross@myorg.co\nblobby.hill@myorg.co</textarea>"), "{}", answer.body);
    // Whom one may not look up is not found.
    let guest = browser.sign_in(browser.site.guest).await;
    let token = browser.get(&guest, "/schedules/new?dashboard=12db1a0a").await.form_token().to_owned();
    let answer = send(&browser, &guest, "/schedules/new", &mail(&token, &[("do", "find"), ("find", "hill")])).await;
    assert!(answer.body.contains("Nobody whom you may look up"), "{}", answer.body);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_schedule() {
    let (browser, cookie, token) = admin().await;
    let body = mail(&token, &[("do", "save")]);
    let first = made(&browser, &send(&browser, &cookie, "/schedules/new", &body).await).await;
    let again = send(&browser, &cookie, "/schedules/new", &body).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.body.contains("This form was saved before"), "{}", again.body);
    assert_eq!(browser.get(&cookie, "/schedules?q=Morning").await.body.matches(&format!("/schedules/{}\"", first.id)).count(), 1);
}

#[tokio::test]
async fn d13_a_schedule_is_edited_without_its_secrets_being_shown_or_lost() {
    let (browser, cookie, token) = admin().await;
    let closed = browser.site.closed;
    let page = browser.get(&cookie, &format!("/schedules/{closed}/edit")).await;
    assert!(page.status == StatusCode::OK && !page.body.contains(SECRET), "{}", page.body);
    assert!(page.body.contains("Stored and not shown: a password") && page.body.contains("At 02:30 every day"), "{}", page.body);
    let before = browser.site.store.schedule(closed).await.unwrap().unwrap();
    let Destination::Sftp(sftp) = &before.definition.destination else { panic!("sftp") };
    let version = before.version.to_string();
    let port = sftp.port.to_string();
    let fields = |version: &str| {
        form(&[
            ("form_token", &token),
            ("version", version),
            ("filters", "{}"),
            ("name", "Files for finance"),
            ("schedule", "At 02:30 every day"),
            ("timezone", "Europe/Berlin"),
            ("format", "csv"),
            ("showContentLink", "on"),
            ("destinationType", "sftp"),
            ("address", &sftp.address),
            ("port", &port),
            ("username", &sftp.username),
            ("hostKey", sftp.host_key.as_deref().unwrap_or_default()),
            ("path", sftp.path.as_deref().unwrap_or_default()),
            ("uploadMode", "rename"),
            ("do", "save"),
        ])
    };
    let path = format!("/schedules/{closed}/edit");
    let answer = send(&browser, &cookie, &path, &fields(&version)).await;
    assert_eq!(
        (answer.status, answer.header(header::LOCATION)),
        (StatusCode::SEE_OTHER, format!("/schedules/{closed}?done=saved").as_str()),
        "{}",
        answer.body
    );
    let after = browser.site.store.schedule(closed).await.unwrap().unwrap();
    assert_eq!((after.definition.name.as_str(), &after.definition.destination), ("Files for finance", &before.definition.destination));
    assert_eq!((&after.definition.cron, after.definition.filters), (&before.definition.cron, before.definition.filters.clone()));

    // Somebody else was faster: nothing is replaced before they know.
    let stale = send(&browser, &cookie, &path, &fields(&version).replace("Files+for+finance", "Mine")).await;
    assert!(
        stale.status == StatusCode::UNPROCESSABLE_ENTITY && stale.body.contains("Somebody changed this schedule since"),
        "{}",
        stale.body
    );
    assert!(
        stale.body.contains("value=\"Mine\"") && stale.body.contains(&format!("name=\"version\" value=\"{}\"", after.version)),
        "{}",
        stale.body
    );
}

#[tokio::test]
async fn a_test_goes_to_its_author_alone_and_is_no_schedule() {
    let (browser, cookie, token) = admin().await;
    let more = [("do", "test"), ("recipients", "a@out.example\nb@out.example"), ("cc", "c@out.example")];
    let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &more)).await;
    let run = answer.header(header::LOCATION).strip_prefix("/runs/").unwrap_or_else(|| panic!("{}", answer.body)).parse().unwrap();
    let run = browser.site.store.run(run).await.unwrap().unwrap();
    let email = run.definition.destination.email().unwrap();
    let named: Vec<_> = email.named().map(|place| place.email.to_string()).collect();
    assert_eq!((run.kind, named), (RunKind::Test, vec!["blob.ross@myorg.co".to_owned()]));
    assert!(matches!(email.recipients[0].person, Person::Member(_)));
    assert!(!browser.get(&cookie, "/schedules").await.body.contains("Morning orders"));
    // Of a schedule that is there, with what is not in the form.
    let open = browser.site.open;
    let version = browser.site.store.schedule(open).await.unwrap().unwrap().version.to_string();
    let answer = send(&browser, &cookie, &format!("/schedules/{open}/edit"), &mail(&token, &[("do", "test"), ("version", &version)])).await;
    assert!(answer.header(header::LOCATION).starts_with("/runs/"), "{}", answer.body);
}

#[tokio::test]
async fn m1_only_who_may_by_the_api_may_by_the_form() {
    let browser = Browser::new().await;
    let guest = browser.sign_in(browser.site.guest).await;
    let token = browser.get(&guest, "/schedules/new?dashboard=12db1a0a").await.form_token().to_owned();
    for path in [
        "/schedules/new?dashboard=da115a1c".to_owned(),
        format!("/schedules/{}/edit", browser.site.open),
        format!("/schedules/{}/edit", browser.site.closed),
    ] {
        assert_eq!(browser.get(&guest, &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let closed = mail(&token, &[("do", "save"), ("identifier", "da115a1c")]);
    assert_eq!(send(&browser, &guest, "/schedules/new", &closed).await.status, StatusCode::NOT_FOUND);
    let other =
        send(&browser, &guest, &format!("/schedules/{}/edit", browser.site.open), &mail(&token, &[("do", "save"), ("version", "1")])).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let foreign = send(&browser, &guest, "/schedules/new", &mail("another", &[("do", "save")])).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let choose = browser.get(&guest, "/schedules/new").await.body;
    assert!(choose.contains("dashboard=12db1a0a") && !choose.contains("dashboard=da115a1c"), "{choose}");
}

/// Changes the open schedule of the site behind everybody's back.
async fn change(browser: &Browser, edit: impl FnOnce(&mut Definition)) -> Schedule {
    let mut schedule = browser.site.store.schedule(browser.site.open).await.unwrap().unwrap();
    edit(&mut schedule.definition);
    browser.site.store.replace_schedule(&schedule, &stored::names(), &stored::change(Verb::ScheduleUpdated)).await.unwrap();
    open(browser).await
}

async fn open(browser: &Browser) -> Schedule {
    browser.site.store.schedule(browser.site.open).await.unwrap().unwrap()
}

/// Sends the edit form of the open schedule, as it is stored now, with `more` over it.
async fn edited(browser: &Browser, cookie: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let schedule = open(browser).await;
    let filters = serde_json::to_string(&schedule.definition.filters).unwrap();
    let list: Vec<_> = schedule.definition.destination.email().unwrap().recipients.iter().map(|one| one.email.to_string()).collect();
    let (version, list) = (schedule.version.to_string(), list.join("\n"));
    let as_stored = [("version", version.as_str()), ("filters", &filters), ("recipients", &list)];
    let kept = as_stored.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let all: Vec<_> = kept.chain(more.iter().copied()).collect();
    send(browser, cookie, &format!("/schedules/{}/edit", schedule.id), &mail(token, &all)).await
}

#[tokio::test]
async fn q1_a_test_from_the_form_of_a_stored_mail_reaches_none_of_its_copies_and_groups() {
    let (browser, cookie, token) = admin().await;
    let group = (browser.site.state.catalog)().groups.iter().next().unwrap().id;
    change(&browser, |definition| {
        let Destination::Email(email) = &mut definition.destination else { panic!("mail") };
        email.cc = vec![email.recipients[1].clone()];
        email.recipients.truncate(1);
        email.groups = vec![group];
        email.reply_to = Some("answers@myorg.co".parse().unwrap());
    })
    .await;
    let id = group.to_string();
    let more = [("do", "test"), ("cc", "blob.sato@myorg.com"), ("userGroupIds", &id)];
    let answer = edited(&browser, &cookie, &token, &more).await;
    let run = answer.header(header::LOCATION).strip_prefix("/runs/").unwrap_or_else(|| panic!("{}", answer.body)).parse().unwrap();
    let run = browser.site.store.run(run).await.unwrap().unwrap();
    let email = run.definition.destination.email().unwrap();
    let named: Vec<_> = email.named().map(|place| place.email.to_string()).collect();
    assert_eq!((named, email.groups.len(), &email.reply_to), (vec!["blob.ross@myorg.co".to_owned()], 0, &None));
    let kept = open(&browser).await.definition;
    let kept = kept.destination.email().unwrap();
    assert_eq!((kept.cc.len(), kept.groups.len()), (1, 1), "the schedule is as it was");
}

#[tokio::test]
async fn c2_saving_the_form_gives_nobody_the_owners_rows_who_is_on_the_list_for_their_own() {
    let (browser, cookie, token) = admin().await;
    let schedule = change(&browser, |definition| {
        let Destination::Email(email) = &mut definition.destination else { panic!("mail") };
        email.fan_out = true;
        email.subscribed = email.recipients.iter().take(1).filter_map(pressrun_domain::destination::Recipient::member).collect();
    })
    .await;
    let waits = async || open(&browser).await.definition.destination.email().unwrap().subscribed.len();
    assert_eq!(waits().await, 1);
    // Personal copies go, the schedule is renamed, somebody comes: nobody said that who subscribed may have more.
    let off = edited(&browser, &cookie, &token, &[("do", "save")]).await;
    assert!(off.body.contains("take them off the list, save, and put them on again"), "{}", off.body);
    assert!(!off.body.contains("add-recipients"), "in the words of the form: {}", off.body);
    edited(&browser, &cookie, &token, &[("do", "save"), ("name", "Renamed")]).await;
    let list = schedule.definition.destination.email().unwrap().recipients.clone();
    let longer = format!("{}\n{}\nnew@out.example", list[0].email, list[1].email);
    edited(&browser, &cookie, &token, &[("do", "save"), ("name", "Renamed"), ("recipients", &longer)]).await;
    let now = open(&browser).await.definition;
    let email = now.destination.email().unwrap();
    assert_eq!((now.name.as_str(), email.recipients.len(), email.fan_out), ("Renamed", 3, false));
    assert_eq!(waits().await, 1, "they still wait");
    // Taking them off and putting them on again says it.
    edited(&browser, &cookie, &token, &[("do", "save"), ("recipients", list[1].email.as_str())]).await;
    edited(&browser, &cookie, &token, &[("do", "save"), ("recipients", &longer)]).await;
    let now = open(&browser).await.definition;
    assert_eq!((now.destination.email().unwrap().recipients.len(), waits().await), (3, 0));
}

/// Shows their own rows to whom the store knows, and no rows to everybody else.
struct Knows(Arc<dyn Store>);

#[async_trait]
impl EngineSource for Knows {
    async fn take_in(&self, _mail: &[u8]) -> Result<Option<CameBack>, StoreError> {
        Ok(None)
    }

    async fn without_values(&self, definition: &Definition) -> Result<Vec<String>, StoreError> {
        let strangers = self.seen(definition).await?.into_iter().filter(|one| matches!(one.sees, Sees::Nothing(_)));
        Ok(strangers.map(|one| format!("{} has no value", one.email)).collect())
    }

    async fn seen(&self, definition: &Definition) -> Result<Vec<Seen>, StoreError> {
        let mut seen = Vec::new();
        for place in definition.destination.email().unwrap().named() {
            let Some(user) = place.outsider() else { continue };
            let known = !self.0.users_by_id(&[user]).await?.is_empty();
            let sees = if known { Sees::Own(vec![("Region".into(), vec!["EU".into()])]) } else { Sees::Nothing(vec!["Region".into()]) };
            seen.push(Seen { email: place.email.to_string(), sees });
        }
        Ok(seen)
    }

    fn request_word(&self, _request: SubscriptionRequestId) -> Secret {
        Secret::new("word")
    }
}

#[tokio::test]
async fn m1_looking_tells_no_member_which_addresses_outside_are_known() {
    let browser = Browser::with(|state| state.api.engine = Arc::new(Knows(Arc::clone(&state.api.store)))).await;
    let known = "known@out.example".parse().unwrap();
    browser.site.store.upsert_users(&[(known, Vec::new())], &stored::change(Verb::UserCreated)).await.unwrap();
    let look = async |who: &str, address: &str| {
        let cookie = browser.sign_in(who).await;
        let token = browser.get(&cookie, "/schedules/new?dashboard=12db1a0a").await.form_token().to_owned();
        let more = [("do", "look"), ("fanOut", "on"), ("recipients", address), ("once", "the same")];
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &more)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body.replace(&token, "").replace(address, "somebody")
    };
    let unknown = look(browser.site.sales, "other@out.example").await;
    assert_eq!(look(browser.site.sales, "known@out.example").await, unknown);
    assert!(unknown.contains("sees no rows unless an administrator gives this address a value for Region"), "{unknown}");
    assert!(!unknown.contains("has no value"), "nor by a warning: {unknown}");
    let told = look(browser.site.admin, "known@out.example").await;
    assert!(told.contains("sees Region EU only"), "admins may know: {told}");
}

#[tokio::test]
async fn x8_the_look_asks_what_saving_asks() {
    let browser = Browser::with(|state| state.api.config.limits.schedules_per_member = 1).await;
    let cookie = browser.sign_in(browser.site.sales).await;
    let token = browser.get(&cookie, "/schedules/new?dashboard=12db1a0a").await.form_token().to_owned();
    for press in ["look", "save"] {
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &[("do", press)])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{press}: {}", answer.body);
        assert!(answer.body.contains("which is as many as one member may have"), "{press}: {}", answer.body);
    }
    // Of a dashboard that takes no more, nothing can be changed, and that is said before anybody types.
    let browser = Browser::with(|state| {
        let mut catalog: Catalog = (*(state.catalog)()).clone();
        let document = catalog.documents.get_mut(&DocumentIdentifier::from("12db1a0a")).unwrap();
        Arc::make_mut(document).access.no_new_schedules = true;
        let catalog = Arc::new(catalog);
        let own = Arc::clone(&catalog);
        state.api.catalog = Arc::new(move || Arc::clone(&own));
        state.catalog = Arc::new(move || Arc::clone(&catalog));
    })
    .await;
    let cookie = browser.sign_in(browser.site.admin).await;
    let token = browser.get(&cookie, &format!("/schedules/{}", browser.site.open)).await.form_token().to_owned();
    let page = browser.get(&cookie, &format!("/schedules/{}/edit", browser.site.open)).await;
    assert!(page.status == StatusCode::CONFLICT && page.body.contains("cannot be changed"), "{}", page.body);
    for press in ["look", "save", "test"] {
        let answer = edited(&browser, &cookie, &token, &[("do", press)]).await;
        assert!(answer.status == StatusCode::CONFLICT && answer.body.contains("cannot be changed"), "{press}: {}", answer.body);
    }
}

#[tokio::test]
async fn filters_that_are_long_or_that_the_dashboard_lost_do_not_keep_the_form_from_being_saved() {
    let (browser, cookie, token) = admin().await;
    let values: Vec<String> = (0..2_000).map(|number| format!("region {number}")).collect();
    let long: FilterConfig =
        serde_json::from_value(serde_json::json!({"region": {"type": "string", "kind": "EQUALS", "values": values}})).unwrap();
    assert!(serde_json::to_string(&long).unwrap().len() > 16 << 10);
    change(&browser, |definition| definition.filters = long.clone()).await;
    let answer = edited(&browser, &cookie, &token, &[("do", "save"), ("name", "Long")]).await;
    let now = open(&browser).await.definition;
    assert_eq!((now.name.as_str(), &now.filters), ("Long", &long), "{}", answer.body);
    // What the dashboard has no longer is taken out, and that is said before and after saving.
    change(&browser, |definition| {
        definition.filters =
            serde_json::from_str(r#"{"gone": ["x"], "region": {"type": "string", "kind": "EQUALS", "values": ["US"]}}"#).unwrap();
    })
    .await;
    for press in ["look", "save"] {
        let answer = edited(&browser, &cookie, &token, &[("do", press), ("name", "Lost")]).await;
        assert!(answer.status == StatusCode::OK && answer.body.contains("filters were taken out: gone"), "{press}: {}", answer.body);
    }
    let now = open(&browser).await.definition;
    let kept: Vec<_> = now.filters.keys().map(pressrun_domain::id::FilterKey::as_str).collect();
    assert_eq!((now.name.as_str(), kept), ("Lost", vec!["region"]));
    // A key that was never there is a fault.
    let unknown = edited(&browser, &cookie, &token, &[("do", "save"), ("filters", r#"{"never": ["x"]}"#)]).await;
    assert!(unknown.status == StatusCode::UNPROCESSABLE_ENTITY && unknown.body.contains("no filter “never”"), "{}", unknown.body);
}

#[tokio::test]
async fn a_zone_that_was_chosen_is_not_replaced_by_the_one_in_the_words() {
    let (browser, cookie, token) = admin().await;
    let page = browser.get(&cookie, "/schedules/new?dashboard=12db1a0a").await.body;
    assert!(page.contains("name=\"zone_was\" value=\""), "{page}");
    let chosen = [("do", "save"), ("timezone", "Europe/Berlin"), ("zone_was", "UTC")];
    let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &chosen)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    assert!(answer.body.contains("id=\"fault-timezone\"") && answer.body.contains("“When” names America/New_York"), "{}", answer.body);
    assert!(answer.body.contains("name=\"zone_was\" value=\"UTC\""), "asked again it is refused again: {}", answer.body);
    // The one that the form came with nobody chose, and the same twice is no question.
    let came = [("do", "save"), ("timezone", "Europe/Berlin"), ("zone_was", "Europe/Berlin")];
    let same = [("do", "save"), ("timezone", "America/New_York"), ("zone_was", "UTC"), ("once", "two")];
    for more in [&came[..], &same[..]] {
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, more)).await;
        assert_eq!(made(&browser, &answer).await.definition.timezone, "America/New_York");
    }
}

#[tokio::test]
async fn a_form_that_was_saved_makes_nothing_again_after_its_schedule_was_deleted() {
    let (browser, cookie, token) = admin().await;
    let body = mail(&token, &[("do", "save")]);
    let first = made(&browser, &send(&browser, &cookie, "/schedules/new", &body).await).await;
    browser.press(&cookie, &format!("/schedules/{}/delete", first.id), &token).await;
    assert!(browser.site.store.schedule(first.id).await.unwrap().is_none());
    let again = send(&browser, &cookie, "/schedules/new", &body).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.body.contains("was deleted since"), "{}", again.body);
    assert!(browser.site.store.schedule(first.id).await.unwrap().is_none(), "its history is not that of another");
}

#[tokio::test]
async fn a_time_that_is_not_understood_hides_no_other_fault_and_warnings_are_in_the_words_of_the_form() {
    let (browser, cookie, token) = admin().await;
    for press in ["look", "save", "test"] {
        let more = [("do", press), ("schedule", "every blue moon"), ("recipients", "nobody")];
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &more)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{press}");
        for fault in ["“blue” is not understood", "id=\"fault-recipients\""] {
            assert!(answer.body.contains(fault), "{press} {fault}: {}", answer.body);
        }
    }
    let more = [("recipients", "a@out.example"), ("cc", "a@out.example"), ("textBody", "{{nobody}}")];
    for press in ["look", "save"] {
        let answer = send(&browser, &cookie, "/schedules/new", &mail(&token, &[&more[..], &[("do", press)]].concat())).await;
        for said in ["with a personal copy each gets their own data", "The message is sent as typed"] {
            assert!(answer.body.contains(said), "{press} {said}: {}", answer.body);
        }
        assert!(!answer.body.contains("fanOut sends") && !answer.body.contains("textBody is sent"), "{press}: {}", answer.body);
        assert!(press == "look" || answer.body.contains("the first of Recipients, Cc and Bcc counts"), "{}", answer.body);
    }
}
