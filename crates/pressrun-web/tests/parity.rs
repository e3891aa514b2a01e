//! M1: pages and API show the same to the same person.
//!
//! Organizations are generated: members in groups, admins, an organization key; documents that are open, for a group, closed or drafts; schedules
//! of several owners with every kind of destination and a hidden filter; runs, some of them from before the schedule changed hands. Whatever
//! is not for everybody carries a mark of its own. Then everybody asks for everything on both faces, and what they reveal is compared:
//! whether there is such a thing, and every mark.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../examples/pages/sample.rs"]
mod sample;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use pressrun_api::ApiState;
use pressrun_domain::audience::OWNERS;
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::condition::ConditionKind;
use pressrun_domain::delivery::{Attempt, DeliveryState, Outcome};
use pressrun_domain::destination::{Destination, Person, S3Settings, WebhookSettings};
use pressrun_domain::id::{RunId, ScheduleId, WorkerId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeTo, notice_id};
use pressrun_domain::outline::{KnownTo, Outline};
use pressrun_domain::run::{ArtifactRecord, RunStatus, TileRecord};
use pressrun_domain::secret::Secret;
use pressrun_store::{Names, RunEnd, Runs, Schedules, SqliteStore, sample as stored};
use pressrun_testkit::Dice;
use pressrun_web::{WebState, router};

const MEMBERS: usize = 6;
const DOCUMENTS: [(&str, &str); 4] =
    [("open", ""), ("north", "access: { groups: [north] }\n"), ("south", "access: { groups: [south] }\n"), ("draft", "saved: false\n")];

fn token(number: usize) -> String {
    format!("token-of-member-{number:04}")
}

const ORGANIZATION_KEY: &str = "token-of-the-organization";

/// People in groups by chance; member 0 is an admin.
fn catalog(dir: &Path, dice: &mut Dice) -> Catalog {
    std::fs::create_dir_all(dir.join("dashboards")).unwrap();
    std::fs::create_dir_all(dir.join("data")).unwrap();
    std::fs::write(dir.join("data/rows.csv"), "region,amount\nEU,1\n").unwrap();
    std::fs::write(
        dir.join("connections.yaml"),
        "connections:\n  files: { kind: files, folder: data, timezone: UTC, timeout_seconds: 5 }\n",
    )
    .unwrap();
    let mut people = "organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: O }\nmembers:\n".to_owned();
    for number in 0..MEMBERS {
        let admin = number == 0;
        writeln!(
            people,
            "  - {{ id: 0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a{number:02}, user_id: 0b10e000-77aa-4c55-8d10-5a2e8c1d9e{number:02}, name: M{number}, email: m{number}@myorg.co, admin: {admin} }}"
        )
        .unwrap();
    }
    people.push_str("groups:\n");
    for (at, name) in ["north", "south"].into_iter().enumerate() {
        let members: Vec<String> = (1..MEMBERS).filter(|_| dice.below(2) == 0).map(|number| format!("m{number}@myorg.co")).collect();
        writeln!(people, "  - {{ id: 0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a0{at}, name: {name}, members: [{}] }}", members.join(", ")).unwrap();
    }
    people.push_str("dev_keys:\n");
    for number in 0..MEMBERS {
        writeln!(people, "  - {{ token: {}, kind: personal, member: m{number}@myorg.co }}", token(number)).unwrap();
    }
    writeln!(people, "  - {{ token: {ORGANIZATION_KEY}, kind: organization, member: m0@myorg.co }}").unwrap();
    std::fs::write(dir.join("people.yaml"), people).unwrap();
    for (identifier, access) in DOCUMENTS {
        let yaml = format!(
            "identifier: {identifier}\nname: Document {identifier}\nconnection: files\n{access}filters:\n  region: {{ label: Region, type: string }}\n  secret: {{ label: Secret, type: string, hidden: true }}\ntiles:\n  '1': {{ title: Rows, sql: \"select * from rows where {{{{ filter('region', 'region') }}}} and {{{{ filter('secret', 'region') }}}}\", at: {{ x: 0, y: 0, w: 24, h: 8 }} }}\n"
        );
        std::fs::write(dir.join(format!("dashboards/{identifier}.yaml")), yaml).unwrap();
    }
    pressrun_catalog::load(dir).unwrap_or_else(|error| panic!("{error:?}"))
}

/// One schedule with a run, and the marks of what is not for everybody.
struct Made {
    schedule: ScheduleId,
    run: RunId,
    file: String,
    marks: Vec<String>,
}

fn destination(kind: usize, mark: &str, dice: &mut Dice) -> Destination {
    match kind {
        0 | 1 => {
            let mut mail = stored::to_members(&[&format!("{mark}-one@out.example"), &format!("m{}@myorg.co", 1 + dice.below(MEMBERS - 1))]);
            let Destination::Email(email) = &mut mail else { panic!("mail") };
            email.fan_out = kind == 1;
            email.text_body = Some(format!("{mark}-body"));
            email.recipients[0].person = Person::EmailOnly(pressrun_domain::id::UserId::generate());
            mail
        }
        2 => {
            let mut sftp = stored::sftp("password");
            let Destination::Sftp(settings) = &mut sftp else { panic!("sftp") };
            settings.username = format!("{mark}-user");
            settings.path = Some(format!("/{mark}-folder"));
            sftp
        }
        3 => Destination::Webhook(WebhookSettings::new(format!("https://hooks.example.com/{mark}-path"), vec![Secret::new("secret")])),
        _ => Destination::S3(S3Settings {
            bucket_name: "bucket".into(),
            region: "eu-west-1".into(),
            role_arn: format!("arn:aws:iam::1:role/{mark}-role"),
            key_prefix: Some(format!("{mark}-prefix/")),
            filename: None,
        }),
    }
}

async fn make(store: &SqliteStore, catalog: &Catalog, number: usize, dice: &mut Dice) -> Made {
    let mark = format!("mk{number}");
    let member = |number: usize| catalog.members[number].id;
    let mut schedule = stored::schedule(&format!("Schedule {number}"));
    let owner = dice.below(MEMBERS);
    let definition = &mut schedule.definition;
    definition.owner = member(owner);
    definition.identifier = DOCUMENTS[dice.below(3)].0.into();
    definition.destination = destination(dice.below(5), &mark, dice);
    // Alerts of which not everybody may know how they went.
    let known_to = [None, Some(KnownTo::Owner), Some(KnownTo::Admins)][dice.below(3)];
    definition.condition = known_to.map(|_| stored::condition(ConditionKind::ResultsPresent));
    definition.filters = [("secret".into(), serde_json::json!([format!("{mark}-hidden")]))].into_iter().collect();
    let names = Names { dashboard: "D".into(), owner: "O".into(), condition_query: None };
    store.insert_schedule(&schedule, &names, &stored::change(Verb::ScheduleCreated)).await.unwrap();
    stored::occur(store, &[&schedule], stored::after(1)).await;
    let claim = store.claim(WorkerId::generate(), stored::after(2), stored::after(600), 1).await.unwrap().remove(0);
    let (run, lease) = (claim.run.id, claim.lease);
    let file = format!("{number:064x}");
    let artifact = ArtifactRecord { audience: OWNERS.to_owned(), bytes: 4, ..stored::artifact(&file) };
    let mut pieces =
        vec![stored::piece(run, &format!("{mark}-two@out.example")), stored::piece(run, &format!("m{}@myorg.co", dice.below(MEMBERS)))];
    for piece in &mut pieces {
        OWNERS.clone_into(&mut piece.audience);
        piece.artifact = Some(artifact.clone());
    }
    store.promise(&lease, &pieces).await.unwrap();
    for piece in &pieces {
        let number = store.begin_attempt(&lease, piece.id, stored::after(10)).await.unwrap();
        let reason = format!("{mark}-answer 550 no such mailbox");
        let outcome = Some(Outcome::Rejected { reason: reason.clone() });
        let attempt = Attempt { number, started_at: stored::after(10), ended_at: Some(stored::after(11)), outcome };
        store
            .end_attempt(
                &lease,
                piece.id,
                &attempt,
                &DeliveryState::Failed { at: stored::after(11), reason },
                &pressrun_store::Learnt::default(),
            )
            .await
            .unwrap();
    }
    let mut record = claim.run.record.clone();
    record.note(stored::after(9), "rendered", Some(format!("{mark}-line")));
    record.warn(format!("{mark}-warning"));
    record.error = Some(format!("{mark}-error"));
    record.outline = known_to.map(Outline::new);
    record.artifacts.push(artifact);
    for (audience, error) in [(OWNERS, "owners"), ("another", "others")] {
        record.tiles.push(TileRecord {
            key: "1".into(),
            title: "Rows".into(),
            audience: audience.to_owned(),
            rows: 7,
            ms: 1,
            truncated: false,
            error: Some(format!("{mark}-{error}-cell")),
            quotes_data: false,
        });
    }
    let to = NoticeTo::Owner(catalog.members[owner].email.clone());
    let notice = Notice {
        id: notice_id(run.0, NoticeKind::RunFailed, &to),
        kind: NoticeKind::RunFailed,
        schedule: schedule.id,
        run: Some(run),
        to,
        subject: format!("{mark}-notice"),
        text: String::new(),
        body: "{}".into(),
        created_at: stored::after(12),
        state: DeliveryState::Pending { not_before: stored::after(12) },
        attempts: Vec::new(),
    };
    let reason = Some(format!("{mark}-reason said the server"));
    store
        .finish(&lease, &RunEnd { record, reason, notices: vec![notice], ..stored::end(RunStatus::Error) }, stored::after(96))
        .await
        .unwrap();
    match dice.below(4) {
        0 => {
            let mut given = store.schedule(schedule.id).await.unwrap().unwrap();
            given.definition.owner = member(dice.below(MEMBERS));
            store.replace_schedule(&given, &names, &stored::change(Verb::ScheduleTransferred)).await.unwrap();
        }
        1 => assert!(store.delete_schedule(schedule.id, &stored::change(Verb::ScheduleDeleted)).await.unwrap()),
        _ => {}
    }
    let marks = [
        "one",
        "body",
        "user",
        "folder",
        "path",
        "role",
        "prefix",
        "hidden",
        "two",
        "answer",
        "line",
        "warning",
        "error",
        "owners-cell",
        "others-cell",
        "notice",
        "reason",
    ];
    Made { schedule: schedule.id, run, file, marks: marks.iter().map(|what| format!("{mark}-{what}")).collect() }
}

/// Both faces of one server.
struct Server {
    base: String,
    client: reqwest::Client,
}

impl Server {
    async fn start(dir: &Path, store: Arc<SqliteStore>, catalog: Arc<Catalog>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = dir.join("artifact");
        std::fs::write(&file, "rows").unwrap();
        let api = ApiState {
            store: store.clone(),
            catalog: {
                let catalog = Arc::clone(&catalog);
                Arc::new(move || Arc::clone(&catalog))
            },
            clock: Arc::new(sample::Still),
            urls: Arc::new(pressrun_api::AllowAll),
            artifacts: Arc::new(EveryFile(file)),
            engine: Arc::new(pressrun_api::NoEngine),
            wake: Arc::default(),
            config: pressrun_api::ApiConfig { requests_per_minute: 0, ..pressrun_api::ApiConfig::default() },
        };
        let web = WebState {
            store,
            catalog: Arc::new(move || Arc::clone(&catalog)),
            clock: Arc::new(sample::Still),
            dashboards: Arc::new(sample::Boards(Vec::new())),
            door: pressrun_api::Door::new(&api),
            api: api.clone(),
            sessions: pressrun_web::SessionLimits::default(),
            unsubscribe: Arc::new(|_, _, _| false),
            session_key: Secret::new("k"),
            public_url: "http://127.0.0.1".into(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = pressrun_api::router(api).merge(router(web));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base, client }
    }

    async fn api(&self, token: &str, path: &str) -> (StatusCode, String) {
        let answer = self.client.get(format!("{}/api/v1{path}", self.base)).bearer_auth(token).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn page(&self, cookie: &str, path: &str) -> (StatusCode, String) {
        let answer = self.client.get(format!("{}{path}", self.base)).header(header::COOKIE, cookie).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn sign_in(&self, token: &str) -> String {
        let form = format!("token={token}&next=%2Fschedules");
        let request =
            self.client.post(format!("{}/sign-in", self.base)).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{token}");
        answer.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    }
}

struct EveryFile(std::path::PathBuf);

#[async_trait::async_trait]
impl pressrun_api::ArtifactSource for EveryFile {
    async fn open(&self, _sha256: &str) -> Result<Option<std::path::PathBuf>, pressrun_store::StoreError> {
        Ok(Some(self.0.clone()))
    }
}

fn seen<'a>(marks: &'a [String], text: &str) -> BTreeSet<&'a str> {
    marks.iter().map(String::as_str).filter(|mark| text.contains(*mark)).collect()
}

#[tokio::test]
async fn m1_pages_and_api_show_the_same_to_the_same_person() {
    let mut revealed: BTreeSet<String> = BTreeSet::new();
    for seed in 1..4 {
        let mut dice = Dice::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let catalog = Arc::new(catalog(&dir.path().join("catalog"), &mut dice));
        let store = Arc::new(SqliteStore::open_in_memory(stored::sealer()).await.unwrap());
        let mut all = Vec::new();
        for number in 0..14 {
            all.push(make(&store, &catalog, number, &mut dice).await);
        }
        let server = Server::start(dir.path(), Arc::clone(&store), catalog).await;
        let everybody = (0..MEMBERS).map(token).chain([ORGANIZATION_KEY.to_owned()]);
        for who in everybody {
            let cookie = server.sign_in(&who).await;
            for made in &all {
                let (schedule, run) = (made.schedule, made.run);
                let case = |what: &str| format!("seed {seed}, {who}, {what}");

                let (status, mut json) = server.api(&who, &format!("/schedules/{schedule}")).await;
                let (_, more) = server.api(&who, &format!("/schedules/{schedule}/runs")).await;
                json.push_str(&more);
                let (page_status, page) = server.page(&cookie, &format!("/schedules/{schedule}")).await;
                assert_eq!(status.is_success(), page_status.is_success(), "{}", case("the schedule"));
                if status.is_success() {
                    // The warnings of a run stand on the page of the run.
                    let marks: Vec<String> = made.marks.iter().filter(|mark| !mark.ends_with("-warning")).cloned().collect();
                    assert_eq!(seen(&marks, &json), seen(&marks, &page), "{}: {page}", case("the schedule"));
                }
                revealed.extend(seen(&made.marks, &json).into_iter().map(|mark| mark.split_once('-').unwrap().1.to_owned()));

                let (status, json) = server.api(&who, &format!("/runs/{run}")).await;
                let (page_status, page) = server.page(&cookie, &format!("/runs/{run}")).await;
                assert_eq!(status.is_success(), page_status.is_success(), "{}", case("the run"));
                if status.is_success() {
                    assert_eq!(seen(&made.marks, &json), seen(&made.marks, &page), "{}: {page}", case("the run"));
                }
                revealed.extend(seen(&made.marks, &json).into_iter().map(|mark| mark.split_once('-').unwrap().1.to_owned()));

                let (status, _) = server.api(&who, &format!("/runs/{run}/artifacts/{}", made.file)).await;
                let path = format!("/runs/{run}/artifacts/{}", made.file);
                let (page_status, _) = server.page(&cookie, &path).await;
                assert_eq!(status.is_success(), page_status.is_success(), "{}", case("the file"));
                assert_eq!(page.contains(&format!("href=\"{path}\"")), status.is_success(), "{}", case("the link to the file"));
            }
            let (_, list) = server.api(&who, "/schedules?pageSize=100").await;
            let (_, page) = server.page(&cookie, "/schedules").await;
            let (_, boards) = server.api(&who, "/dashboards?pageSize=100").await;
            let (_, boards_page) = server.page(&cookie, "/dashboards").await;
            for made in &all {
                let id = made.schedule.to_string();
                assert_eq!(list.contains(&id), page.contains(&id), "seed {seed}, {who}, the list");
                assert_eq!(seen(&made.marks, &list), BTreeSet::new(), "seed {seed}, {who}, the list");
            }
            for (identifier, _) in DOCUMENTS {
                let named = format!("Document {identifier}");
                assert_eq!(boards.contains(&named), boards_page.contains(&named), "seed {seed}, {who}, {named}");
                let (status, filters) = server.api(&who, &format!("/dashboards/{identifier}/filters")).await;
                let (page_status, _) = server.page(&cookie, &format!("/dashboards/{identifier}")).await;
                assert_eq!(status.is_success(), page_status.is_success(), "seed {seed}, {who}, {named}");
                let is_admin = who == token(0) || who == ORGANIZATION_KEY;
                assert_eq!(filters.contains("secret"), is_admin, "seed {seed}, {who}, {named}: {filters}");
            }
        }
    }
    // The walk would prove nothing if nobody were ever shown a thing.
    for mark in [
        "one",
        "body",
        "user",
        "folder",
        "path",
        "role",
        "prefix",
        "hidden",
        "two",
        "answer",
        "line",
        "warning",
        "owners-cell",
        "others-cell",
        "notice",
    ] {
        assert!(revealed.contains(mark), "nobody saw {mark}: {revealed:?}");
    }
}
