//! A member who owns an alert with personal copies tries to learn from it whether a colleague's rows meet its condition.
//!
//! Everything is played twice, in two worlds that differ in one thing: whether the colleague has the row that the alert looks for. Whatever the
//! member is answered, shown and mailed is written down, and the two scripts have to be the same, word for word. Ids are told by the order in
//! which they appear; the clock stands still but where the script moves it.

use jiff::SignedDuration;
use pressrun_domain::bounce::{Bounce, BounceKind, Mailed, Report};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::id::DeliveryId;
use pressrun_domain::run::{Run, RunStatus};
use pressrun_testkit::Dice;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{Place, Who};
use super::scene::{Scene, in_clear, mail};
use crate::world::ended;

/// What the alert is, and what goes wrong with it.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    body: Value,
    /// The organization's policy on personal copies.
    policy: &'static str,
    /// Owen's mail server answers this.
    refusal: Option<u16>,
    /// How often it has run before the row is there, or not.
    before: usize,
    /// Earlier mail to the member came back, so that she is left out.
    suppressed: bool,
}

const KINDS: [&str; 4] = ["RESULTS_PRESENT", "RESULTS_MISSING", "RESULTS_CHANGED", "RESULTS_UNCHANGED"];

/// The table without and with the row that the alert looks for.
const WITHOUT: &str = "region,cell\nEU,ROW-EU-7\nUS,ROW-US-7\n";
const WITH: &str = "region,cell\nEU,ROW-EU-7\nUS,ROW-US-7\nAPAC,ROW-APAC-7\n";

/// A dashboard whose content fails as soon as there is a row that is no `NUMBER`, unlike the query that is watched.
const COUNTING: &str = "
identifier: IDENTIFIER
name: Numbers
connection: files
tiles:
  '1':
    title: Cells
    sql: select cell from marks where {{ user_attribute('region', 'region') }}
    at: { x: 0, y: 0, w: 24, h: 8 }
  '2':
    title: Numbers
    sql: select cast(NUMBER as integer) as number from marks where {{ user_attribute('region', 'region') }}
    at: { x: 0, y: 8, w: 24, h: 8 }
";

/// A dashboard that shows everybody the same: whether the row is there is nobody's secret.
const ALIKE: &str = "
identifier: alike
name: Alike
connection: files
tiles:
  '1': { title: Found, sql: select 1 as found from marks where region = 'APAC', at: { x: 0, y: 0, w: 24, h: 8 } }
";

impl Alert {
    /// One of which the member may know how it goes.
    pub(super) fn alike() -> Self {
        let body = json!({"identifier": "alike", "name": "Search", "recipients": [Place::Inbox(Who::Owen).name()], "fanOut": true,
            "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1"});
        Self { body, policy: "schedule", refusal: None, before: 1, suppressed: false }
    }

    /// One that goes to the member too, whose mail comes back.
    pub(super) fn to_nobody_but_a_colleague() -> Self {
        let recipients = [Who::Eve, Who::Owen].map(|who| Place::Inbox(who).name());
        let body = json!({"name": "Search", "recipients": recipients, "fanOut": true, "conditionType": "RESULTS_PRESENT",
            "conditionQueryMapKey": "1"});
        Self { body, policy: "schedule", refusal: None, before: 1, suppressed: true }
    }

    /// Those that go to the member too, and stop when a query fails.
    pub(super) fn stopping() -> [Self; 4] {
        let [eve, owen] = [Who::Eve, Who::Owen].map(|who| Place::Inbox(who).name());
        let (eve_first, owen_first) = (json!([eve, owen]), json!([owen, eve]));
        [("fragile", &eve_first), ("fragile", &owen_first), ("uneven", &eve_first), ("uneven", &owen_first)].map(
            |(dashboard, recipients)| {
                let body = json!({"identifier": dashboard, "name": "Search", "recipients": recipients, "fanOut": true, "format": "csv",
                "queryIdentifierMapKey": "2", "conditionType": "RESULTS_PRESENT", "conditionQueryMapKey": "1", "killJobsOnFailure": true});
                Self { body, policy: "schedule", refusal: None, before: 1, suppressed: false }
            },
        )
    }

    /// Any of them.
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        let (eve, owen, outside) = (Place::Inbox(Who::Eve).name(), Place::Inbox(Who::Owen).name(), Place::Private(Who::Owen).name());
        let lists = [json!([owen]), json!([owen, eve]), json!([outside]), json!([eve, owen, outside])];
        let policy = ["schedule", "schedule", "always"][dice.below(3)];
        let format = ["csv", "json", "xlsx", "link_only"][dice.below(4)];
        let mut body = json!({
            "name": "Search", "recipients": lists[dice.below(4)], "fanOut": policy == "schedule", "conditionType": KINDS[dice.below(4)],
            "conditionQueryMapKey": "1", "format": format,
        });
        if dice.below(3) == 0 {
            (body["identifier"], body["queryIdentifierMapKey"], body["format"]) = (json!("fragile"), json!("2"), json!("csv"));
            body["killJobsOnFailure"] = json!(dice.below(2) == 0);
        }
        let refusal = [None, None, Some(550), Some(451)][dice.below(4)];
        Self { body, policy, refusal, before: dice.below(2) + 1, suppressed: false }
    }
}

/// What came of one play.
pub(super) struct Played {
    /// What the member learnt.
    pub(super) said: String,
    /// What an admin is told at the end, by the same questions.
    pub(super) admins: String,
    /// How the runs really ended.
    pub(super) outcomes: Vec<(RunStatus, Option<String>)>,
}

/// What a member learns of her own alert while it runs over a colleague's rows, which hold what it looks for or not.
pub(super) async fn play(alert: &Alert, there: bool) -> Played {
    let mut scene = Scene::new().await;
    let counting = |identifier: &str, number: &str| COUNTING.replace("IDENTIFIER", identifier).replace("NUMBER", number);
    let dashboards = [
        ("fragile", counting("fragile", "cell")),
        // It fails for the colleague, and never for the member.
        ("uneven", counting("uneven", "replace(cell, 'ROW-EU-', '')")),
        ("alike", ALIKE.to_owned()),
    ];
    for (name, yaml) in dashboards {
        std::fs::write(scene.world.dir.path().join(format!("catalog/dashboards/{name}.yaml")), yaml).unwrap();
    }
    scene.world.write_data("marks.csv", WITHOUT);
    scene.world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    if let Some(code) = alert.refusal {
        let owens = [Place::Inbox(Who::Owen), Place::Private(Who::Owen)].map(|place| (place.name(), (code, "5.1.1 no".to_owned())));
        scene.world.smtp.follow(|script| script.refuse.extend(owens));
    }
    scene.begin(Who::Eve, &mail(&alert.body)).await;
    scene.policy(alert.policy);
    if alert.suppressed {
        let came_back = Mailed { email: Place::Inbox(Who::Eve).name().parse().unwrap(), run: None, schedule: scene.schedule };
        let report = Report { kind: BounceKind::Permanent, status: None, words: "550 5.1.1 no".to_owned() };
        let bounce = Bounce { delivery: DeliveryId::generate(), report, at: scene.world.clock.now() };
        assert!(scene.world.store.record_bounce(&bounce, &came_back, &[]).await.unwrap());
    }
    let left_out = alert.suppressed.then_some(Place::Inbox(Who::Eve));
    let mut said = Vec::new();
    for round in 0..=alert.before {
        scene.world.write_data("marks.csv", if there && round == alert.before { WITH } else { WITHOUT });
        let triggered = scene.call(Who::Eve, Method::POST, &scene.path("/trigger"), None).await;
        said.push(format!("trigger: {} {}", triggered.status, triggered.json));
        said.extend(look(&mut scene, left_out).await);
    }
    let mut body = mail(&alert.body);
    body["testNow"] = json!(true);
    let tested = scene.call(Who::Eve, Method::POST, "/schedules", Some(&body)).await;
    said.push(format!("test: {} {}", tested.status, tested.json));
    said.extend(look(&mut scene, left_out).await);
    assert!(scene.leaks.is_empty(), "{:?}", scene.leaks);
    // What she may send again is on its way.
    scene.world.engine.drain().await.unwrap();
    let runs = scene.world.store.list_runs(None, 1, 100).await.unwrap().rows;
    let outcome = |run: &Run| (ended(run).0, ended(run).1.map(str::to_owned));
    let outcomes = runs.iter().map(outcome).collect();
    let admins = read(&mut scene, Who::Root).await;
    let [said, admins] = [said, admins].map(|lines| with_ids_in_order(&without_milliseconds(&lines.join("\n"))));
    Played { said, admins, outcomes }
}

/// Waits until all is over, and reads everything that there is to read, asks for every piece that might be there, and opens her mail.
async fn look(scene: &mut Scene, left_out: Option<Place>) -> Vec<String> {
    // Retries of three attempts, and whatever is said about the end.
    for _ in 0..4 {
        scene.world.pass(SignedDuration::from_mins(10)).await;
    }
    let mut said = read(scene, Who::Eve).await;
    for run in scene.world.store.list_runs(None, 1, 100).await.unwrap().rows {
        for place in [Place::Inbox(Who::Owen), Place::Private(Who::Owen)].into_iter().chain(left_out) {
            // Anybody can work out which id a piece would have.
            let piece = Uuid::new_v5(&run.id.0, place.name().as_bytes());
            let again = scene.call(Who::Eve, Method::POST, &format!("/runs/{}/deliveries/{piece}/resend", run.id), None).await;
            said.push(format!("again: {} {}", again.status, again.json));
        }
    }
    let eve = Place::Inbox(Who::Eve).name();
    for mail in scene.world.smtp.mails().into_iter().filter(|mail| mail.to.iter().any(|to| to.contains(&eve))) {
        let subject = mail.header("subject").unwrap_or_default();
        said.push(format!("mail: {subject}"));
        if subject != "Marks" {
            let text = in_clear(&mail.text());
            let body = text.split_once("\r\n\r\n").unwrap().1;
            // The lines between the parts are made of the mail's mark.
            said.extend(body.lines().filter(|line| !line.contains("--pressrun-")).map(str::to_owned));
        }
    }
    said
}

/// What somebody is answered to all that can be asked.
async fn read(scene: &mut Scene, who: Who) -> Vec<String> {
    let path = scene.path("");
    let mut paths: Vec<String> = ["", "/recipients", "/runs?pageSize=100"].map(|part| format!("{path}{part}")).into();
    let lists = ["status=success", "status=error", "status=canceled", "status=none", "sortField=lastRun", "sortField=lastRunStatus"];
    paths.extend(lists.map(|query| format!("/schedules?{query}")));
    let runs = scene.world.store.list_runs(None, 1, 100).await.unwrap().rows;
    paths.extend(runs.iter().map(|run| format!("/runs/{}", run.id)));
    let mut said = Vec::new();
    for path in paths {
        let told = scene.call(who, Method::GET, &path, None).await;
        said.push(format!("{path}: {} {}", told.status, told.json));
    }
    said
}

/// The text without how long this machine took to render the member's own copy.
fn without_milliseconds(text: &str) -> String {
    let mut parts = text.split("\"ms\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "\"ms\":" + part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

/// The text with each id as a number, in the order in which they appear.
fn with_ids_in_order(text: &str) -> String {
    let (mut ids, mut out, mut rest): (Vec<String>, String, &str) = (Vec::new(), String::with_capacity(text.len()), text);
    while let Some(next) = rest.chars().next() {
        if let Some(id) = rest.get(..36).filter(|id| Uuid::try_parse(id).is_ok()) {
            let at = ids.iter().position(|seen| seen == id).unwrap_or(ids.len());
            if at == ids.len() {
                ids.push(id.to_owned());
            }
            out.push('#');
            out.push_str(&at.to_string());
            rest = &rest[36..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}
