//! A server with everything real but mail's way out, and eyes on all that reaches anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pressrun_api::{AllowAll, ApiConfig, ApiState, ArtifactSource, Limits, ServerLimits};
use pressrun_domain::access;
use pressrun_domain::clock::Clock;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::ScheduleId;
use pressrun_domain::run::{Run, RunKind, RunState};
use pressrun_domain::schedule::{Definition, Schedule};
use pressrun_domain::secret::Secret;
use pressrun_engine::links::Links;
use pressrun_engine::shared;
use pressrun_engine::spool::Spool;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::consent::{Consents, Copies};
use super::people::{self, Place, Region, Who};
use crate::world::World;

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

/// Rows for whoever may see the dashboard, and Eve may not.
const ASIA: &str = "
identifier: asia
name: Asia
connection: files
access: { groups: [asia] }
tiles:
  '1': { title: Cells, sql: select cell from marks where region = 'APAC', at: { x: 0, y: 0, w: 24, h: 8 } }
";

struct Kept(Spool);

#[async_trait::async_trait]
impl ArtifactSource for Kept {
    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, pressrun_store::StoreError> {
        Ok(self.0.find(sha256))
    }
}

/// A link without a login that was mailed.
struct Mailed {
    to: Place,
    link: String,
    /// What its mail showed.
    showed: BTreeSet<Region>,
    /// All links were withdrawn since.
    withdrawn: bool,
}

/// The server, the schedule at hand, and what was seen of it.
pub(super) struct Scene {
    pub(super) world: World,
    base: String,
    client: Client,
    /// The schedule that everything is about; there is one at a time.
    pub(super) schedule: ScheduleId,
    pub(super) consents: Consents,
    /// Every link without a login that it mailed.
    links: Vec<Mailed>,
    /// Where a row came through that nobody gave.
    pub(super) leaks: Vec<String>,
    /// What was done, for whoever reads a failure.
    pub(super) moves: Vec<String>,
    /// How often each thing happened that the search is about.
    pub(super) happened: BTreeMap<&'static str, usize>,
    policy: &'static str,
    seen_mails: usize,
    seen_calls: usize,
    seen_runs: BTreeSet<String>,
    /// Who asked for a test delivery, by its subject.
    tests: BTreeMap<String, Who>,
}

/// A mail with its encoded parts in clear beside it.
pub(super) fn in_clear(mail: &str) -> String {
    let mut text = mail.replace("=\r\n", "").replace("=3D", "=");
    for part in mail.split("\r\n\r\n") {
        let block: String = part.lines().take_while(|line| !line.starts_with("--")).collect();
        if let Ok(bytes) = STANDARD.decode(block) {
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    text
}

/// A mail schedule over the marks.
pub(super) fn mail(changes: &Value) -> Value {
    let mut body = json!({"identifier": "marks", "name": "Marks", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "csv",
        "queryIdentifierMapKey": "1", "destinationType": "email", "recipients": [], "subject": "Marks"});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Places that a definition names.
pub(super) fn places(definition: &Definition) -> BTreeSet<Place> {
    match &definition.destination {
        Destination::Email(email) => email.named().filter_map(|place| Place::named(place.email.as_str())).collect(),
        Destination::Webhook(hook) => {
            Place::named(&hook.address().map(|url| url.url().to_string()).unwrap_or_default()).into_iter().collect()
        }
        Destination::Sftp(_) | Destination::Slack(_) | Destination::S3(_) => BTreeSet::new(),
    }
}

/// Regions that a definition's own filter lets through.
fn filtered(definition: &Definition, regions: impl Iterator<Item = Region>) -> BTreeSet<Region> {
    let wanted = definition.filters.get("region").and_then(Value::as_array).filter(|values| !values.is_empty());
    regions.filter(|region| wanted.is_none_or(|values| values.iter().any(|value| value == region.name()))).collect()
}

impl Scene {
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let catalog = world.dir.path().join("catalog");
        for old in std::fs::read_dir(catalog.join("dashboards")).unwrap() {
            std::fs::remove_file(old.unwrap().path()).unwrap();
        }
        std::fs::write(catalog.join("people.yaml"), people::yaml("schedule")).unwrap();
        std::fs::write(catalog.join("dashboards/marks.yaml"), MARKS).unwrap();
        std::fs::write(catalog.join("dashboards/asia.yaml"), ASIA).unwrap();
        let draft = ASIA.replace("identifier: asia", "identifier: draft\nsaved: false").replace("access: { groups: [asia] }\n", "");
        std::fs::write(catalog.join("dashboards/draft.yaml"), draft).unwrap();
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
            config: ApiConfig {
                requests_per_minute: 0,
                // One day sees many schedules here, and all that members ask for.
                limits: Limits { asks_per_day: u32::MAX, ..Limits::default() },
                public_url: "http://reports.example".to_owned(),
                ..ApiConfig::default()
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
        tokio::spawn(pressrun_api::serve(listener, pressrun_api::router(state), ServerLimits::default(), std::future::pending()));
        Self {
            world,
            base,
            client: Client::builder().no_proxy().build().unwrap(),
            schedule: ScheduleId::generate(),
            consents: Consents::of_new(Who::Root, &BTreeSet::new()),
            links: Vec::new(),
            leaks: Vec::new(),
            moves: Vec::new(),
            happened: BTreeMap::new(),
            policy: "schedule",
            seen_mails: 0,
            seen_calls: 0,
            seen_runs: BTreeSet::new(),
            tests: BTreeMap::new(),
        }
    }

    /// A new schedule of somebody's, with nothing remembered of the last one.
    pub(super) async fn begin(&mut self, owner: Who, body: &Value) {
        for who in Who::MEMBERS {
            self.region_of(who).await;
        }
        self.policy("schedule");
        (self.links, self.moves) = (Vec::new(), Vec::new());
        let made = self.call(owner, Method::POST, "/schedules", Some(body)).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.json);
        self.schedule = made.json["id"].as_str().unwrap().parse().unwrap();
        let definition = self.now().await.unwrap().definition;
        self.consents = Consents::of_new(owner, &places(&definition));
    }

    /// The administrator says again what somebody's private address may see.
    async fn region_of(&self, who: Who) {
        let region = Region::ALL.into_iter().find(|region| who.sees(*region)).unwrap().name();
        let body = json!({"email": Place::Private(who).name(), "userAttributes": {"region": [region]}});
        let request = self.client.post(format!("{}/users/email-only", self.base)).bearer_auth("organization-0123456789abcdef");
        assert_eq!(request.json(&body).send().await.unwrap().status(), StatusCode::OK);
    }

    /// The schedule is deleted, and with it what is left of it.
    pub(super) async fn end(&mut self) {
        self.call(Who::Root, Method::DELETE, &self.path(""), None).await;
        self.look().await;
    }

    /// The organization's policy on personal copies.
    pub(super) fn policy(&mut self, fan_out: &'static str) {
        if self.policy == fan_out {
            return;
        }
        self.policy = fan_out;
        self.moves.push(format!("the organization's policy is {fan_out}"));
        std::fs::write(self.world.dir.path().join("catalog/people.yaml"), people::yaml(fan_out)).unwrap();
        self.world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    /// The address of the schedule at hand.
    pub(super) fn path(&self, part: &str) -> String {
        format!("/schedules/{}{part}", self.schedule)
    }

    /// The schedule at hand as it is now.
    pub(super) async fn now(&self) -> Option<Schedule> {
        self.world.store.schedule(self.schedule).await.unwrap()
    }

    pub(super) fn is_personal(&self, definition: &Definition) -> bool {
        access::is_personal(&self.world.catalog.current(), definition)
    }

    /// What the definition sends to each on its list.
    pub(super) fn copies(&self, definition: &Definition) -> Copies {
        match (self.is_personal(definition), definition.destination.email().is_some_and(|email| email.fan_out)) {
            (false, _) => Copies::OfTheOwner,
            (true, true) => Copies::Personal,
            (true, false) => Copies::PersonalByPolicy,
        }
    }

    /// Runs of the schedule at hand, oldest first.
    pub(super) async fn runs(&self) -> Vec<Run> {
        self.world.runs(self.schedule).await
    }

    /// A call with somebody's key; what they are answered is looked at.
    pub(super) async fn call(&mut self, who: Who, method: Method, path: &str, body: Option<&Value>) -> Told {
        self.call_with(who, method, path, body, None).await
    }

    pub(super) async fn call_with(&mut self, who: Who, method: Method, path: &str, body: Option<&Value>, mark: Option<&str>) -> Told {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(who.token());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(mark) = mark {
            request = request.header("If-Match", mark);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let mark = response.headers().get("etag").map(|mark| mark.to_str().unwrap().to_owned());
        let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        assert!(!status.is_server_error(), "{method} {path}: {status} {text}; after {:#?}", self.moves);
        let foreign = Region::in_text(&text).find(|region| !who.sees(*region));
        if let Some(region) = foreign {
            self.leaks.push(format!("{} is answered a row of {} at {method} {path}", who.name(), region.name()));
        }
        if method != Method::GET {
            let body = body.map(ToString::to_string).unwrap_or_default();
            self.moves.push(format!("{} {method} {path} {body} -> {}", who.name(), status.as_u16()));
        }
        Told { status, mark, json: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// A test delivery that somebody asks for; its mails say whose it is.
    pub(super) async fn test(&mut self, who: Who, query: &str, body: &Value) {
        let subject = format!("Test {}", self.tests.len());
        self.tests.insert(subject.clone(), who);
        let mut body = mail(body);
        (body["testNow"], body["subject"]) = (json!(true), json!(subject));
        self.call(who, Method::POST, &format!("/schedules{query}"), Some(&body)).await;
    }

    /// Works until nothing is owed, and looks at what arrived.
    pub(super) async fn settle(&mut self) {
        self.world.engine.drain().await.unwrap();
        self.look().await;
        if let Some(schedule) = self.now().await {
            self.consents.left(&places(&schedule.definition));
            if self.consents.waits() && !self.is_personal(&schedule.definition) {
                self.count("subscribers waited");
            }
        }
    }

    /// Looks at what came since the last time: mails, calls of webhooks, and every link that was ever mailed.
    async fn look(&mut self) {
        let mails = self.world.smtp.mails();
        for mail in &mails[self.seen_mails..] {
            let text = in_clear(&mail.text());
            let test = mail.header("subject").and_then(|subject| self.tests.get(&subject).copied());
            for place in mail.to.iter().filter_map(|to| Place::named(to.trim_matches(['<', '>']))) {
                self.arrived(&text, place, test);
            }
        }
        self.seen_mails = mails.len();
        let calls = self.world.http.requests();
        for call in &calls[self.seen_calls..] {
            if let Some(place) = Place::named(&format!("http:{}", call.path)) {
                self.arrived(&call.text(), place, None);
            }
        }
        self.seen_calls = calls.len();
        self.collect_links().await;
        self.open_links().await;
    }

    fn arrived(&mut self, text: &str, place: Place, test: Option<Who>) {
        for region in Region::in_text(text) {
            let may = match test {
                Some(who) => who.sees(region) || place.reader().is_none_or(|reader| reader.sees(region)),
                None => self.consents.may_arrive(region, place),
            };
            if !may {
                self.leaks.push(format!("a row of {} arrives at {}", region.name(), place.name()));
            } else if place.reader().is_some_and(|reader| !reader.sees(region)) {
                self.count("rows arrived that were given");
            }
        }
    }

    /// Remembers what each new link was mailed with.
    async fn collect_links(&mut self) {
        for run in self.runs().await {
            if matches!(run.kind, RunKind::Resend | RunKind::Test)
                || !matches!(run.state, RunState::Ended { .. })
                || !self.seen_runs.insert(run.id.to_string())
            {
                continue;
            }
            for piece in self.world.store.deliveries(run.id).await.unwrap() {
                let (Some(to), Some(link)) = (Place::named(&piece.target), piece.message.link.clone()) else { continue };
                let personal = piece.audience != pressrun_domain::audience::OWNERS;
                let owner = Who::of(run.definition.owner);
                let sees =
                    |region: &Region| if personal { to.reader().is_some_and(|reader| reader.sees(*region)) } else { owner.sees(*region) };
                let showed = filtered(&run.definition, Region::ALL.into_iter().filter(sees));
                self.links.push(Mailed { to, link, showed, withdrawn: false });
            }
        }
    }

    /// A link shows no row that its mail did not show, none that the schedule does not send to that place any more, and nothing at all once links
    /// were withdrawn.
    async fn open_links(&mut self) {
        let links = Links::new("http://reports.example", Secret::new("k"));
        let (catalog, now) = (self.world.catalog.current(), self.world.clock.now());
        let schedule = self.now().await;
        let (mut leaks, mut opened_links) = (Vec::new(), 0);
        for Mailed { to, link, showed, withdrawn } in &self.links {
            let Ok(url) = url::Url::parse(link) else { continue };
            let Some(token) = url.path().strip_prefix("/shared/") else { continue };
            let filters = url.query_pairs().find(|(name, _)| name == "filters").map(|(_, json)| json.into_owned());
            let opened = shared::open(&links, self.world.store.as_ref(), &catalog, now, token, &filters.unwrap_or_default()).await;
            let Ok(opened) = opened else { continue };
            opened_links += 1;
            let has = |region: &Region| opened.audience.identity.values("region").iter().any(|value| value.to_string() == region.name());
            let shows = filtered(&opened.definition, Region::ALL.into_iter().filter(has));
            let sent = schedule.as_ref().map_or_else(BTreeSet::new, |schedule| self.sends(&schedule.definition, *to));
            let foreign = |region: &&Region| to.reader().is_some_and(|reader| !reader.sees(**region));
            for region in shows.iter().filter(foreign) {
                if !showed.contains(region) || !sent.contains(region) || *withdrawn {
                    leaks.push(format!("an old link to {} shows a row of {}", to.name(), region.name()));
                }
            }
        }
        self.leaks.extend(leaks);
        *self.happened.entry("links opened").or_default() += opened_links;
    }

    /// Regions whose rows the schedule sends to a place now, as far as they were given to it.
    fn sends(&self, definition: &Definition, place: Place) -> BTreeSet<Region> {
        let owner = self.consents.owner;
        let personal = self.is_personal(definition);
        let sees = |region: &Region| {
            if personal {
                place.reader().is_some_and(|reader| reader.sees(*region))
            } else {
                owner.sees(*region) && self.consents.is_given(owner, place)
            }
        };
        if places(definition).contains(&place) { filtered(definition, Region::ALL.into_iter().filter(sees)) } else { BTreeSet::new() }
    }

    pub(super) fn links_were_withdrawn(&mut self) {
        for link in &mut self.links {
            link.withdrawn = true;
        }
    }

    /// Somebody reads everything that there is about the schedule, with ids that they need not even have. Files are for whoever owned the
    /// schedule when they were made and owns it still, and for admins.
    pub(super) async fn read(&mut self, who: Who) {
        for part in ["", "/recipients", "/runs?pageSize=100", "/ownership-offer", "/subscription-requests"] {
            self.call(who, Method::GET, &self.path(part), None).await;
        }
        let owner = self.consents.owner;
        for run in self.runs().await {
            self.call(who, Method::GET, &format!("/runs/{}", run.id), None).await;
            let pieces = self.world.store.deliveries(run.id).await.unwrap();
            let of_pieces = pieces.iter().filter_map(|piece| piece.artifact.as_ref());
            let mut named: BTreeSet<String> = run.record.artifacts.iter().chain(of_pieces).map(|file| file.sha256.clone()).collect();
            named.extend(pieces.iter().filter_map(|piece| piece.message.words_artifact.clone()));
            for sha256 in named {
                let told = self.call(who, Method::GET, &format!("/runs/{}/artifacts/{sha256}", run.id), None).await;
                if told.status.is_success() {
                    self.count("files read");
                    if who != Who::Root && !(who == owner && who == Who::of(run.definition.owner)) {
                        self.leaks.push(format!("{} reads a file of a schedule that is {}'s", who.name(), owner.name()));
                    }
                }
            }
        }
    }
}

/// What a call was answered.
pub(super) struct Told {
    pub(super) status: StatusCode,
    /// The `ETag`.
    pub(super) mark: Option<String>,
    pub(super) json: Value,
}

impl Told {
    pub(super) fn ok(&self) -> bool {
        self.status.is_success()
    }
}
