//! Links of people without a login: what they open, and everything that ends them.

use jiff::{SignedDuration, Timestamp};
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::{AttributeValue, Scalar};
use pressrun_domain::clock::Clock;
use pressrun_domain::delivery::{Delivery, DeliveryState};
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient};
use pressrun_domain::id::{MembershipId, RecipientId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunKind, RunStatus};
use pressrun_domain::schedule::{Definition, Schedule, SystemDisabled, SystemDisabledReason};
use pressrun_domain::secret::Secret;
use pressrun_engine::links::{Links, SharedError};
use pressrun_engine::publish;
use pressrun_engine::shared::{self, OpenError, Opened};

use crate::lifecycle::publish as publish_file;
use crate::world::{HILL, START, World, ended};

const OUTSIDER: &str = "partner@x.example";
const MEMBER: &str = "blobby.hill@myorg.co";
/// Membership of somebody who was deactivated.
const INACTIVE: &str = "0b10b003-5f6e-4f0c-9a35-0b7f3f1f2a13";

/// A schedule that mails a link to the outsider, whose region is EU, and to a member.
async fn definition(world: &World, fan_out: bool) -> Definition {
    let region = AttributeValue::Many(vec![Scalar::Text("EU".into())]);
    let upserted = [(OUTSIDER.parse().unwrap(), vec![("region".to_owned(), Some(region))])];
    let user = world
        .store
        .upsert_users(&upserted, &pressrun_store::sample::change_at(Verb::UserCreated, START.parse().unwrap()))
        .await
        .unwrap()
        .remove(0);
    let mut definition = world.email(Format::LinkOnly, &[MEMBER]);
    definition.filters = serde_json::from_str(r#"{"region": ["US", "EU"]}"#).unwrap();
    let email = email(&mut definition);
    email.fan_out = fan_out;
    email.recipients.push(Recipient { id: RecipientId::generate(), email: user.email, person: Person::EmailOnly(user.id) });
    definition
}

fn email(definition: &mut Definition) -> &mut EmailSettings {
    let Destination::Email(email) = &mut definition.destination else { panic!("no mail") };
    email
}

/// The links of this world, as its engine makes and checks them.
fn links(key: &str) -> Links {
    Links::new("http://reports.example", Secret::new(key))
}

/// Token and filters of an address, as the page reads them.
fn parts(link: &str) -> (String, String) {
    let url = url::Url::parse(link).unwrap();
    let token = url.path().strip_prefix("/shared/").unwrap_or_else(|| panic!("no link without a login: {link}"));
    let filters = url.query_pairs().find(|(name, _)| name == "filters").map(|(_, json)| json.into_owned());
    (token.to_owned(), filters.unwrap_or_default())
}

/// The link that was sent to an address.
fn sent_to<'a>(deliveries: &'a [Delivery], target: &str) -> &'a str {
    let delivery = deliveries.iter().find(|delivery| delivery.target == target).unwrap();
    delivery.message.link.as_deref().unwrap()
}

struct Sent {
    world: World,
    schedule: Schedule,
    link: String,
}

impl Sent {
    async fn new(fan_out: bool) -> Self {
        let world = World::new().await;
        let definition = definition(&world, fan_out).await;
        let (run, deliveries) = world.run_now(definition).await;
        assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
        let link = sent_to(&deliveries, OUTSIDER).to_owned();
        let schedule = world.store.schedule(run.schedule_id).await.unwrap().unwrap();
        Self { world, schedule, link }
    }

    async fn open_at(&self, now: Timestamp, links: &Links, link: &str) -> Result<Opened, OpenError> {
        let (token, filters) = parts(link);
        shared::open(links, self.world.store.as_ref(), &self.world.catalog.current(), now, &token, &filters).await
    }

    async fn open(&self) -> Result<Opened, OpenError> {
        self.open_at(self.world.clock.now(), &links("k"), &self.link).await
    }

    /// What a run of now has for the outsider.
    async fn piece_of_another_run(&self) -> Delivery {
        let run = self.world.trigger(self.schedule.id).await;
        self.world.engine.drain().await.unwrap();
        let (run, deliveries) = self.world.run(run).await;
        assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
        deliveries.into_iter().find(|delivery| delivery.target == OUTSIDER).unwrap()
    }

    /// Saves the schedule with a change.
    async fn change(&mut self, change: impl FnOnce(&mut Schedule)) {
        let mut schedule = self.world.store.schedule(self.schedule.id).await.unwrap().unwrap();
        change(&mut schedule);
        let names = publish::names(&schedule.definition, &self.world.catalog.current());
        self.world.store.replace_schedule(&schedule, &names, &pressrun_store::sample::change(Verb::ScheduleUpdated)).await.unwrap();
    }
}

fn regions(opened: &Opened) -> Vec<String> {
    opened.audience.identity.values("region").iter().map(ToString::to_string).collect()
}

fn is_withdrawn(result: Result<Opened, OpenError>) -> bool {
    matches!(result, Err(OpenError::Withdrawn))
}

#[tokio::test]
async fn d1_who_has_no_login_gets_a_link_of_their_own_and_a_member_the_plain_one() {
    let sent = Sent::new(false).await;
    let mails = sent.world.smtp.mails();
    for mail in &mails {
        let text = mail.text().replace("=\r\n", "").replace("=3D", "=");
        let outside = mail.to.iter().any(|to| to.contains(OUTSIDER));
        assert_eq!(text.contains("http://reports.example/shared/"), outside, "{:?}", mail.to);
        assert_eq!(text.contains("http://reports.example/dashboards/sales?filters="), !outside, "{:?}", mail.to);
        assert!(!text.contains("dashboard.invalid"), "a placeholder was left: {text}");
    }
    assert_eq!(mails.len(), 2);
}

#[tokio::test]
async fn q1_without_personal_copies_a_link_shows_the_owners_rows_with_the_filters_sent() {
    let opened = Sent::new(false).await.open().await.unwrap();
    assert_eq!(regions(&opened), ["US", "EU"]);
    assert_eq!(serde_json::to_string(&opened.definition.filters).unwrap(), r#"{"region":["US","EU"]}"#);
    assert_eq!(opened.expires, START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * 30));
}

#[tokio::test]
async fn p1_with_personal_copies_a_link_shows_its_readers_rows_as_they_are_today() {
    let sent = Sent::new(true).await;
    assert_eq!(regions(&sent.open().await.unwrap()), ["EU"]);
    let upserted = [(OUTSIDER.parse().unwrap(), vec![("region".to_owned(), None)])];
    sent.world.store.upsert_users(&upserted, &pressrun_store::sample::change_at(Verb::UserCreated, START.parse().unwrap())).await.unwrap();
    assert!(regions(&sent.open().await.unwrap()).is_empty(), "no value any more: no rows");
}

#[tokio::test]
async fn a_link_is_refused_when_it_was_changed_is_foreign_or_has_expired() {
    let sent = Sent::new(false).await;
    let now = sent.world.clock.now();
    let (token, filters) = parts(&sent.link);
    let store = sent.world.store.as_ref();
    let catalog = sent.world.catalog.current();
    for (case, token, filters) in [
        ("wider filters", token.as_str(), ""),
        ("other filters", token.as_str(), r#"{"region":["US"]}"#),
        ("half a token", &token[..50], filters.as_str()),
    ] {
        let refused = shared::open(&links("k"), store, &catalog, now, token, filters).await;
        assert!(matches!(refused, Err(OpenError::Link(SharedError::Unknown))), "{case}: {refused:?}");
    }
    let foreign = sent.open_at(now, &links("another server"), &sent.link).await;
    assert!(matches!(foreign, Err(OpenError::Link(SharedError::Unknown))), "{foreign:?}");
    let late = sent.open_at(now + SignedDuration::from_hours(24 * 30), &links("k"), &sent.link).await;
    assert!(matches!(late, Err(OpenError::Link(SharedError::Expired))), "{late:?}");
}

/// Rows of an outsider are those that an admin once gave them; a member's are in the catalog, and end with the membership.
#[tokio::test]
async fn p10_an_outsider_who_became_a_member_gets_what_that_member_may_see_and_nothing_once_deactivated() {
    for (fan_out, rows) in [(true, "US"), (false, "EU")] {
        let sent = Sent::new(fan_out).await;
        assert!(regions(&sent.open().await.unwrap()).contains(&"EU".to_owned()));
        let member =
            "  - { id: 0b10b009-5f6e-4f0c-9a35-0b7f3f1f2a19, name: Partner, email: Partner@x.example, attributes: { region: [US] } }";
        publish_file(&sent.world, "people.yaml", "groups:\n", &format!("{member}\ngroups:\n")).await;
        let shown = regions(&sent.open().await.unwrap());
        assert!(shown.contains(&rows.to_owned()) && (shown.len() == 1) == fan_out, "the old link: {shown:?}");
        let piece = sent.piece_of_another_run().await;
        assert!(matches!(piece.state, DeliveryState::Accepted { .. }), "{:?}", piece.state);
        let link = piece.message.link.unwrap();
        assert!(!link.contains("/shared/"), "members sign in: {link}");

        publish_file(&sent.world, "people.yaml", "email: Partner@x.example,", "email: Partner@x.example, active: false,").await;
        assert!(is_withdrawn(sent.open().await), "the old link");
        assert_eq!(sent.piece_of_another_run().await.state, DeliveryState::Skipped { reason: "deactivated".to_owned() });
    }
}

#[tokio::test]
async fn p12_a_link_ends_when_its_address_leaves_the_list() {
    let sent = Sent::new(false).await;
    let place = sent.schedule.definition.destination.email().unwrap().recipients[1].id;
    assert!(
        sent.world
            .store
            .remove_recipient(sent.schedule.id, place, &pressrun_store::sample::change_at(Verb::Unsubscribed, sent.world.clock.now()))
            .await
            .unwrap()
    );
    assert!(is_withdrawn(sent.open().await));
}

#[tokio::test]
async fn p9_a_link_ends_with_its_reader() {
    let sent = Sent::new(false).await;
    sent.world.store.delete_users(&[OUTSIDER.parse().unwrap()], &[], &pressrun_store::sample::change(Verb::UserDeleted)).await.unwrap();
    assert!(is_withdrawn(sent.open().await));
}

#[tokio::test]
async fn x9_a_link_ends_with_its_schedule() {
    let sent = Sent::new(false).await;
    assert!(
        sent.world
            .store
            .delete_schedule(sent.schedule.id, &pressrun_store::sample::change_at(Verb::ScheduleDeleted, sent.world.clock.now()))
            .await
            .unwrap()
    );
    assert!(is_withdrawn(sent.open().await));
}

#[tokio::test]
async fn a_link_ends_when_its_schedule_shows_something_else_or_may_no_longer_run() {
    type Change = fn(&mut Schedule);
    let changes: [(&str, Change); 9] = [
        ("another dashboard", |schedule| schedule.definition.identifier = "secret".into()),
        ("one tile", |schedule| schedule.definition.tile = Some("1".into())),
        ("q2 an owner who is no longer active", |schedule| schedule.definition.owner = MembershipId(INACTIVE.parse().unwrap())),
        ("c1 another owner who may see the dashboard", |schedule| schedule.definition.owner = MembershipId(HILL.parse().unwrap())),
        ("c1 personal copies no more, or from now on", |schedule| email(&mut schedule.definition).fan_out = true),
        ("m11 narrower filters", |schedule| {
            schedule.definition.filters = serde_json::from_str(r#"{"region": ["US"]}"#).unwrap();
        }),
        ("m11 no filters", |schedule| schedule.definition.filters.clear()),
        ("m11 all links were withdrawn", |schedule| schedule.definition.link_epoch += 1),
        ("x3 switched off", |schedule| {
            schedule.system_disabled = Some(SystemDisabled { at: schedule.created_at, reason: SystemDisabledReason::NoAccess });
            schedule.next_at = None;
        }),
    ];
    for (case, change) in changes {
        let mut sent = Sent::new(false).await;
        sent.change(change).await;
        assert!(is_withdrawn(sent.open().await), "{case}");
    }
}

#[tokio::test]
async fn v11_a_link_from_one_tile_opens_that_tile() {
    let world = World::new().await;
    let mut definition = definition(&world, false).await;
    definition.tile = Some("1".into());
    let (run, deliveries) = world.run_now(definition).await;
    let (link, schedule) = (sent_to(&deliveries, OUTSIDER).to_owned(), world.store.schedule(run.schedule_id).await.unwrap().unwrap());
    let sent = Sent { world, schedule, link };
    assert_eq!(sent.open().await.unwrap().definition.tile, Some("1".into()));
}

#[tokio::test]
async fn a_pause_does_not_end_a_link() {
    let mut sent = Sent::new(false).await;
    sent.change(|schedule| {
        schedule.disabled_at = Some(schedule.created_at);
        schedule.next_at = None;
    })
    .await;
    assert!(sent.open().await.is_ok());
}

#[tokio::test]
async fn f11_hidden_filters_are_in_force_behind_a_link_and_not_in_any_address() {
    let world = World::new().await;
    let file = world.dir.path().join("catalog/dashboards/sales.yaml");
    let yaml = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, yaml.replace("label: Region, type: string", "label: Region, type: string, hidden: true")).unwrap();
    world.catalog.reload().unwrap();
    let (run, deliveries) = world.run_now(definition(&world, false).await).await;
    let (link, schedule) = (sent_to(&deliveries, OUTSIDER).to_owned(), world.store.schedule(run.schedule_id).await.unwrap().unwrap());
    let of_member = sent_to(&deliveries, MEMBER);
    assert!(!link.contains("filters=") && !of_member.contains("filters="), "{link} {of_member}");
    let sent = Sent { world, schedule, link };
    assert_eq!(serde_json::to_string(&sent.open().await.unwrap().definition.filters).unwrap(), r#"{"region":["US","EU"]}"#);
}

#[tokio::test]
async fn s8_a_test_carries_the_plain_link() {
    let world = World::new().await;
    let definition = definition(&world, false).await;
    let run = world.enqueue(pressrun_domain::id::ScheduleId::generate(), definition, RunKind::Test).await;
    world.engine.drain().await.unwrap();
    let (_, deliveries) = world.run(run).await;
    assert!(sent_to(&deliveries, OUTSIDER).starts_with("http://reports.example/dashboards/sales"));
}

#[tokio::test]
async fn v10_a_link_shows_the_pages_that_were_sent_and_ends_when_others_are() {
    let mut sent = Sent::new(false).await;
    let mut opened = sent.open().await.unwrap();
    let catalog = sent.world.catalog.current();
    let mut dashboard = catalog.documents[&opened.definition.identifier].dashboard.clone().unwrap();
    dashboard.pages = ["Summary", "Details"].map(str::to_owned).to_vec();
    assert_eq!(opened.options(&dashboard).pages, [""; 0], "all");
    opened.definition.format = Format::Png;
    assert_eq!(opened.options(&dashboard).pages, ["Summary"]);
    opened.definition.options.pages = vec!["Details".to_owned()];
    assert_eq!(opened.options(&dashboard).pages, ["Details"]);
    sent.change(|schedule| schedule.definition.format = Format::Png).await;
    assert!(is_withdrawn(sent.open().await));
}
