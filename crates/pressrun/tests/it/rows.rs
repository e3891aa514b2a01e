//! Who gains rows (C1, C2): a member of one region does to schedules whatever the API lets her, in any order, and no row of another region
//! ever reaches her: not by mail, not at her own webhook, not in a download, not behind a link, not in an answer.
//!
//! The engine, the store, the API on a socket, mail and webhook are real. Every cell says whose it is. Others use the server too: they run
//! their schedules, and offer one to her; what they never do is agree to something that she asks for. What they would agree to is theirs
//! to give. Moves are drawn from a seed, which a failure names.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use pressrun_api::{AllowAll, ApiConfig, ApiState, ArtifactSource, ServerLimits};
use pressrun_domain::audit::Verb;
use pressrun_domain::clock::Clock;
use pressrun_domain::secret::Secret;
use pressrun_engine::links::Links;
use pressrun_engine::spool::Spool;
use pressrun_engine::{publish, shared};
use pressrun_testkit::Dice;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::World;

/// Sees EU only; does whatever she can.
const EVE: &str = "eve@myorg.co";
const EVE_ID: &str = "0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a01";
/// An address outside that is hers too.
const PRIVATE: &str = "eve.private@outside.example";
/// Sees APAC only.
const OWEN: &str = "owen@myorg.co";
const OWEN_ID: &str = "0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a02";
/// An admin, who sees everything.
const ROOT_ID: &str = "0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a03";

const PEOPLE: &str = "
organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs R Us }
attributes:
  region: { type: String, multiple_values: true }
members:
  - { id: 0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a01, user_id: 0b10e000-77aa-4c55-8d10-5a2e8c1d9e01, name: Eve, email: eve@myorg.co, attributes: { region: [EU] } }
  - { id: 0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a02, user_id: 0b10e000-77aa-4c55-8d10-5a2e8c1d9e02, name: Owen, email: owen@myorg.co, attributes: { region: [APAC] } }
  - { id: 0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a03, user_id: 0b10e000-77aa-4c55-8d10-5a2e8c1d9e03, name: Root, email: root@myorg.co, admin: true, attributes: { region: [APAC, EU, US] } }
groups:
  - { id: 0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a01, name: sales, members: [eve@myorg.co, owen@myorg.co] }
dev_keys:
  - { token: eve-0123456789abcdef, kind: personal, member: eve@myorg.co }
  - { token: owen-0123456789abcdef, kind: personal, member: owen@myorg.co }
  - { token: root-0123456789abcdef, kind: personal, member: root@myorg.co }
";

const MARKS: &str = "
identifier: marks
name: Marks
connection: files
filters:
  region: { label: Region, type: string }
tiles:
  '1':
    title: Cells
    sql: select cell from marks where {{ filter('region', 'region') }} and {{ user_attribute('region', 'region') }} order by cell
    at: { x: 0, y: 0, w: 24, h: 8 }
";

struct Kept(Spool);

impl ArtifactSource for Kept {
    fn path(&self, sha256: &str) -> Option<PathBuf> {
        self.0.find(sha256)
    }
}

/// The server, and all that ever reached Eve.
struct Scene {
    world: World,
    base: String,
    client: Client,
    /// A transfer by a member takes effect at once, as it once did.
    at_once: bool,
    /// Where a foreign row came through, and what it said.
    leaks: Vec<(String, String)>,
    seen_mails: usize,
    seen_calls: usize,
    moves: Vec<String>,
}

/// Every row in a text that is not of Eve's region.
fn foreign(text: &str) -> Option<String> {
    let rows = text.match_indices("ROW-").map(|(at, _)| text[at..].chars().take(12).collect::<String>());
    rows.into_iter().find(|row| !row.starts_with("ROW-EU-"))
}

/// A mail with its encoded parts in clear beside it.
fn in_clear(mail: &str) -> String {
    let mut text = mail.replace("=\r\n", "").replace("=3D", "=");
    for part in mail.split("\r\n\r\n") {
        let block: String = part.lines().take_while(|line| !line.starts_with("--")).collect();
        if let Ok(bytes) = STANDARD.decode(block) {
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    text
}

impl Scene {
    async fn new(at_once: bool) -> Self {
        let world = World::new().await;
        let catalog = world.dir.path().join("catalog");
        std::fs::write(catalog.join("people.yaml"), PEOPLE).unwrap();
        std::fs::write(catalog.join("dashboards/marks.yaml"), MARKS).unwrap();
        world.write_data("marks.csv", "region,cell\nAPAC,ROW-APAC-7\nEU,ROW-EU-7\nUS,ROW-US-7\n");
        world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
        let current = Arc::clone(&world.catalog);
        let state = ApiState {
            store: Arc::clone(&world.store),
            catalog: Arc::new(move || current.current()),
            clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
            urls: Arc::new(AllowAll),
            artifacts: Arc::new(Kept(world.engine.context().spool.clone())),
            engine: Arc::new(pressrun_api::NoEngine),
            wake: Arc::default(),
            config: ApiConfig { requests_per_minute: 0, public_url: "http://reports.example".to_owned(), ..ApiConfig::default() },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
        tokio::spawn(pressrun_api::serve(listener, pressrun_api::router(state), ServerLimits::default(), std::future::pending()));
        let client = Client::builder().no_proxy().build().unwrap();
        let mut scene = Self { world, base, client, at_once, leaks: Vec::new(), seen_mails: 0, seen_calls: 0, moves: Vec::new() };
        for (who, fan_out, recipients) in
            [("owen", false, json!([OWEN])), ("owen", true, json!([OWEN])), ("root", false, json!(["root@myorg.co"]))]
        {
            let body = mail(&json!({"recipients": recipients, "fanOut": fan_out}));
            scene.call(who, Method::POST, "/schedules", Some(&body)).await;
        }
        let own = mail(&json!({"recipients": [PRIVATE, EVE], "format": "link_only"}));
        scene.call("eve", Method::POST, "/schedules", Some(&own)).await;
        scene
    }

    /// A call with somebody's key; what Eve is answered is looked at.
    async fn call(&mut self, who: &str, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut request =
            self.client.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(format!("{who}-0123456789abcdef"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        assert!(!status.is_server_error(), "{method} {path}: {status} {text}; after {:?}", self.moves);
        if who == "eve" {
            self.look(&format!("{method} {path}"), &text);
        }
        self.moves.push(format!("{who} {method} {path} {} -> {}", body.map(ToString::to_string).unwrap_or_default(), status.as_u16()));
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn look(&mut self, place: &str, text: &str) {
        if let Some(row) = foreign(text) {
            self.leaks.push((place.to_owned(), row));
        }
    }

    async fn schedules(&self) -> Vec<pressrun_domain::schedule::Schedule> {
        self.world.store.schedules_on(None).await.unwrap()
    }

    async fn runs(&self) -> Vec<pressrun_domain::run::Run> {
        self.world.store.list_runs(None, 1, 1000).await.unwrap().rows
    }

    /// One move of somebody's.
    async fn step(&mut self, dice: &mut Dice) {
        let all = self.schedules().await;
        let Some(schedule) = dice.pick(&all).cloned() else { return };
        let (id, path) = (schedule.id, format!("/schedules/{}", schedule.id));
        match dice.below(20) {
            0 => {
                let format = ["csv", "link_only", "json"][dice.below(3)];
                let recipients = [json!([PRIVATE]), json!([EVE, OWEN]), json!([PRIVATE, OWEN])][dice.below(3)].clone();
                let body = mail(&json!({"recipients": recipients, "fanOut": dice.below(2) == 0, "format": format}));
                self.call("eve", Method::POST, "/schedules", Some(&body)).await;
            }
            1 => {
                let body = json!({"identifier": "marks", "name": "Hook", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "json",
                    "queryIdentifierMapKey": "1", "destinationType": "webhook", "url": self.world.http.url("/eve")});
                self.call("eve", Method::POST, "/schedules", Some(&body)).await;
            }
            2 => {
                let changes = [
                    json!({"fanOut": true}),
                    json!({"fanOut": false}),
                    json!({"recipients": [PRIVATE, OWEN]}),
                    json!({"filterConfig": {"region": ["EU"]}}),
                    json!({"filterConfig": {}}),
                    json!({"filterConfig": {"region": ["APAC", "US"]}}),
                ];
                let change = &changes[dice.below(changes.len())];
                self.call("eve", Method::PUT, &path, Some(change)).await;
            }
            3 | 4 => {
                let to = [ROOT_ID, OWEN_ID][dice.below(2)];
                self.call("eve", Method::PUT, &format!("{path}/transfer-ownership"), Some(&json!({"userId": to}))).await;
                if self.at_once && schedule.definition.owner.to_string() == EVE_ID {
                    self.give(schedule, to).await;
                }
            }
            5 => {
                let verb = ["accept", "decline"][dice.below(2)];
                self.call("eve", Method::POST, &format!("{path}/ownership-offer/{verb}"), None).await;
            }
            6 => drop(self.call("eve", Method::DELETE, &format!("{path}/ownership-offer"), None).await),
            7 => {
                let verb = ["subscribe", "subscribe", "unsubscribe"][dice.below(3)];
                self.call("eve", Method::PUT, &format!("{path}/{verb}"), None).await;
            }
            8 => {
                let address = [EVE, PRIVATE][dice.below(2)];
                let body = json!({"emails": [address]});
                self.call("eve", Method::PUT, &format!("{path}/add-recipients"), Some(&body)).await;
            }
            9 | 10 => drop(self.call("eve", Method::POST, &format!("{path}/trigger"), None).await),
            11 => {
                for request in self.world.store.requests(id).await.unwrap() {
                    self.call("eve", Method::POST, &format!("/subscription-requests/{}/confirm", request.id), None).await;
                }
            }
            12 => drop(self.call("eve", Method::POST, &format!("{path}/withdraw-links"), None).await),
            13 => {
                let runs = self.runs().await;
                let Some(run) = dice.pick(&runs) else { return };
                for piece in self.world.store.deliveries(run.id).await.unwrap() {
                    self.call("eve", Method::POST, &format!("/runs/{}/deliveries/{}/resend", run.id, piece.id), None).await;
                }
            }
            14 => {
                let test = mail(&json!({"recipients": [PRIVATE, OWEN], "testNow": true, "fanOut": dice.below(2) == 0}));
                self.call("eve", Method::POST, "/schedules", Some(&test)).await;
            }
            15 => drop(self.call("owen", Method::PUT, &format!("{path}/transfer-ownership"), Some(&json!({"userId": EVE_ID}))).await),
            16 | 17 => {
                let owner = if schedule.definition.owner.to_string() == OWEN_ID { "owen" } else { "root" };
                self.call(owner, Method::POST, &format!("{path}/trigger"), None).await;
            }
            18 => {
                self.moves.push("a day passes".to_owned());
                self.world.clock.advance(SignedDuration::from_hours(24));
                self.world.engine.tick().await.unwrap();
            }
            _ => self.read().await,
        }
        self.world.engine.drain().await.unwrap();
        self.arrived().await;
    }

    /// As the transfer by a member once was.
    async fn give(&mut self, mut schedule: pressrun_domain::schedule::Schedule, to: &str) {
        schedule.definition.owner = to.parse().unwrap();
        let names = publish::names(&schedule.definition, &self.world.catalog.current());
        self.world.store.replace_schedule(&schedule, &names, &pressrun_store::sample::change(Verb::ScheduleTransferred)).await.unwrap();
    }

    /// Reads everything that there is, with ids that she need not even have.
    async fn read(&mut self) {
        for schedule in self.schedules().await {
            for part in ["", "/recipients", "/runs?pageSize=100", "/ownership-offer", "/subscription-requests"] {
                self.call("eve", Method::GET, &format!("/schedules/{}{part}", schedule.id), None).await;
            }
        }
        for run in self.runs().await {
            self.call("eve", Method::GET, &format!("/runs/{}", run.id), None).await;
            let pieces = self.world.store.deliveries(run.id).await.unwrap();
            let of_pieces = pieces.iter().filter_map(|piece| piece.artifact.as_ref());
            let mut named: BTreeSet<String> = run.record.artifacts.iter().chain(of_pieces).map(|file| file.sha256.clone()).collect();
            named.extend(pieces.iter().filter_map(|piece| piece.message.words_artifact.clone()));
            for sha256 in named {
                self.call("eve", Method::GET, &format!("/runs/{}/artifacts/{sha256}", run.id), None).await;
            }
        }
    }

    /// Looks at what came meanwhile: mails, calls of her webhook, and every link that she was ever sent.
    async fn arrived(&mut self) {
        let mails = self.world.smtp.mails();
        for mail in &mails[self.seen_mails..] {
            if mail.to.iter().any(|to| to.contains(EVE) || to.contains(PRIVATE)) {
                self.look(&format!("a mail to {:?}", mail.to), &in_clear(&mail.text()));
            }
        }
        self.seen_mails = mails.len();
        let calls = self.world.http.requests();
        for call in &calls[self.seen_calls..] {
            self.look("her webhook", &call.text());
        }
        self.seen_calls = calls.len();
        let links = Links::new("http://reports.example", Secret::new("k"));
        let (catalog, now) = (self.world.catalog.current(), self.world.clock.now());
        for run in self.runs().await {
            for piece in self.world.store.deliveries(run.id).await.unwrap().iter().filter(|piece| piece.target == PRIVATE) {
                let Some(url) = piece.message.link.as_deref().and_then(|link| url::Url::parse(link).ok()) else { continue };
                let Some(token) = url.path().strip_prefix("/shared/") else { continue };
                let filters = url.query_pairs().find(|(name, _)| name == "filters").map(|(_, json)| json.into_owned());
                let opened = shared::open(&links, self.world.store.as_ref(), &catalog, now, token, &filters.unwrap_or_default()).await;
                let Ok(opened) = opened else { continue };
                for region in opened.audience.identity.values("region") {
                    self.look("a link", &format!("ROW-{region}-7"));
                }
            }
        }
    }
}

/// A mail schedule over the marks.
fn mail(changes: &Value) -> Value {
    let mut body = json!({"identifier": "marks", "name": "Marks", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "csv",
        "queryIdentifierMapKey": "1", "destinationType": "email", "recipients": [], "subject": "Marks"});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Plays `moves` moves of each seed until a row leaks; the leaks, and what led there.
async fn play(seeds: std::ops::Range<u64>, moves: usize, at_once: bool) -> Option<String> {
    for seed in seeds {
        let mut scene = Scene::new(at_once).await;
        let mut dice = Dice::new(seed);
        for _ in 0..moves {
            scene.step(&mut dice).await;
            if !scene.leaks.is_empty() {
                return Some(format!("seed {seed}: {:?} after {:#?}", scene.leaks, scene.moves));
            }
        }
        scene.read().await;
        assert!(!scene.world.smtp.mails().is_empty(), "seed {seed}: nothing was ever sent");
        if !scene.leaks.is_empty() {
            return Some(format!("seed {seed}: {:?} after {:#?}", scene.leaks, scene.moves));
        }
    }
    None
}

/// Reads the first cell as a number, which fails for some and names the cell.
const CASTS: &str = "
identifier: casts
name: Casts
connection: files
tiles:
  '1':
    title: Numbers
    sql: select cast(cell as integer) as number from casts where {{ user_attribute('region', 'region') }}
    at: { x: 0, y: 0, w: 24, h: 8 }
";

#[tokio::test]
async fn m1_no_error_of_another_readers_query_tells_the_owner_of_personal_copies_a_cell() {
    let mut scene = Scene::new(false).await;
    std::fs::write(scene.world.dir.path().join("catalog/dashboards/casts.yaml"), CASTS).unwrap();
    scene.world.write_data("casts.csv", "region,cell\nAPAC,ROW-APAC-7\nEU,7\nUS,8\n");
    scene.world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    for (recipients, condition) in [(json!([EVE, OWEN]), false), (json!([OWEN]), false), (json!([EVE, OWEN]), true)] {
        let mut body = mail(&json!({"identifier": "casts", "recipients": recipients, "fanOut": true}));
        if condition {
            body["conditionType"] = json!("RESULTS_PRESENT");
            body["conditionQueryMapKey"] = json!("1");
        }
        let id = scene.call("eve", Method::POST, "/schedules", Some(&body)).await["id"].as_str().unwrap().to_owned();
        scene.call("eve", Method::POST, &format!("/schedules/{id}/trigger"), None).await;
        scene.world.engine.drain().await.unwrap();
        scene.world.engine.tick().await.unwrap();
        scene.world.engine.drain().await.unwrap();
    }
    scene.read().await;
    scene.arrived().await;
    let told = scene.world.smtp.mails().iter().filter(|mail| in_clear(&mail.text()).contains("an admin can see why")).count();
    assert!(told > 0, "she is told that it failed");
    let mut admins = String::new();
    for run in scene.runs().await {
        admins.push_str(&scene.call("root", Method::GET, &format!("/runs/{}", run.id), None).await.to_string());
    }
    assert!(admins.contains("ROW-APAC-7"), "an admin sees why: {admins}");
    assert!(scene.leaks.is_empty(), "{:?}", scene.leaks);
}

#[tokio::test]
async fn c1_no_sequence_of_a_members_calls_brings_her_a_row_of_another_region() {
    assert_eq!(play(1..7, 40, false).await, None);
}

#[tokio::test]
async fn c1_the_search_finds_the_transfer_that_took_effect_at_once() {
    let found = play(1..30, 40, true).await.expect("the old behaviour leaks");
    assert!(found.contains("ROW-APAC") || found.contains("ROW-US"), "{found}");
}
