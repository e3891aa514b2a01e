//! The answers, one table a question, over a small organization.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::audience::OWNERS;
use crate::catalog::{Access, Dashboard, FanOutPolicy, FilterDefinition, FilterKind, Group, Organization};
use crate::condition::{Condition, ConditionKind};
use crate::delivery::{Attempt, DeliveryState, Message, Outcome};
use crate::destination::{EmailSettings, Person, Recipient, SftpSettings, WebhookSettings};
use crate::id::{DeliveryId, GroupId, OrganizationId, RecipientId, ScheduleId, UserId};
use crate::notice::{Notice, NoticeKind, NoticeTo, notice_id};
use crate::outline::{KnownTo, Outline, Untold};
use crate::output::{Format, OutputOptions};
use crate::run::{ConditionRecord, RunKind, RunRecord, RunState, RunStatus, TileRecord};
use crate::schedule::{FilterConfig, LastRun, Schedule};
use crate::sftp_quirks::SftpQuirks;

const ADMIN: u128 = 1;
const OWNER: u128 = 2;
const READER: u128 = 3;
/// In no group.
const OUTER: u128 = 4;
const GONE: u128 = 5;

pub(crate) fn member_id(number: u128) -> MembershipId {
    MembershipId(Uuid::from_u128(number))
}

fn address(number: u128) -> crate::email::EmailAddress {
    format!("m{number}@myorg.co").parse().expect("an address")
}

fn place(number: u128) -> Recipient {
    Recipient { id: RecipientId::generate(), email: address(number), person: Person::Member(member_id(number)) }
}

/// A plain mail of dashboard `open` to its owner and somebody outside.
pub(crate) fn definition(owner: u128) -> Definition {
    let outside =
        Recipient { person: Person::EmailOnly(UserId::generate()), email: "x@out.example".parse().expect("an address"), ..place(9) };
    let settings = EmailSettings {
        recipients: vec![place(OWNER), outside],
        groups: vec![GroupId(Uuid::from_u128(70))],
        subject: "S".into(),
        text_body: Some("private words".into()),
        ..EmailSettings::default()
    };
    Definition {
        name: "Daily".into(),
        identifier: "open".into(),
        owner: member_id(owner),
        cron: "0 9 ? * * *".into(),
        timezone: "UTC".into(),
        timezone_override: None,
        format: Format::Csv,
        options: OutputOptions::default(),
        tile: None,
        filters: [("secret".into(), serde_json::json!(["layoffs"])), ("region".into(), serde_json::json!(["EU"]))].into_iter().collect(),
        condition: None,
        kill_jobs_on_failure: false,
        destination: Destination::Email(settings),
        worthless_after: None,
        link_epoch: 0,
    }
}

fn catalog() -> Catalog {
    let member = |number: u128| Member {
        id: member_id(number),
        user_id: UserId(Uuid::from_u128(1000 + number)),
        name: format!("M{number}"),
        email: address(number),
        admin: number == ADMIN,
        active: number != GONE,
        attributes: crate::catalog::AttributeValues::new(),
    };
    let filter = |hidden| FilterDefinition {
        label: "F".into(),
        kind: FilterKind::String,
        default: Some(serde_json::json!(["default"])),
        hidden,
        options: IndexMap::new(),
    };
    let dashboard = Dashboard {
        description: None,
        connection: crate::id::ConnectionName("c".into()),
        timezone: None,
        fiscal_start: None,
        filters: [("region".into(), filter(false)), ("secret".into(), filter(true))].into_iter().collect(),
        pages: Vec::new(),
        tiles: IndexMap::new(),
    };
    let document = |identifier: &str, groups: &[&str], saved, closed| Document {
        identifier: identifier.into(),
        name: identifier.to_owned(),
        saved,
        version: String::new(),
        access: Access { groups: groups.iter().map(ToString::to_string).collect(), no_new_schedules: closed },
        dashboard: Some(dashboard.clone()),
    };
    let documents = [
        document("open", &[], true, false),
        document("sales", &["sales"], true, false),
        document("closed", &[], true, true),
        document("draft", &[], false, false),
    ];
    Catalog {
        version: String::new(),
        organization: Organization {
            id: OrganizationId(Uuid::from_u128(90)),
            name: "O".into(),
            fan_out: FanOutPolicy::Schedule,
            allowed_domains: Vec::new(),
            member_timezones: false,
            fiscal_start: 1,
        },
        connections: IndexMap::new(),
        members: [ADMIN, OWNER, READER, OUTER, GONE].map(member).to_vec().into(),
        groups: vec![Group { id: GroupId(Uuid::from_u128(70)), name: "sales".into(), members: [OWNER, READER].map(member_id).to_vec() }]
            .into(),
        attributes: IndexMap::new(),
        dev_keys: Vec::new(),
        documents: documents.into_iter().map(|document| (document.identifier.clone(), Arc::new(document))).collect(),
        waiting: crate::catalog::Waiting::default(),
    }
}

fn personal(number: u128) -> Actor {
    Actor::new(KeyKind::Personal, member_id(number))
}

fn organization() -> Actor {
    Actor::new(KeyKind::Organization, member_id(ADMIN))
}

fn schedule(definition: Definition) -> Schedule {
    Schedule {
        id: ScheduleId::generate(),
        definition,
        disabled_at: None,
        system_disabled: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: 1,
        next_at: None,
        last_run: None,
    }
}

#[test]
fn m1_drafts_are_for_admins() {
    let catalog = catalog();
    for (who, draft, sales) in [
        (organization(), true, true),
        (personal(ADMIN), true, true),
        (personal(READER), false, true),
        (personal(OUTER), false, false),
        (personal(GONE), false, false),
    ] {
        assert_eq!(who.may_view(&catalog, &catalog.documents["draft"]), draft, "{who:?}");
        assert_eq!(who.may_view(&catalog, &catalog.documents["sales"]), sales, "{who:?}");
    }
    assert!(personal(OWNER).visible(&catalog).expect("narrowed").1.iter().all(|document| document.as_str() != "draft"));
}

#[test]
fn m1_members_look_up_who_is_in_a_group_with_them() {
    let catalog = catalog();
    let sales = GroupId(Uuid::from_u128(70));
    for (who, reader, outer, group) in [
        (organization(), true, true, true),
        (personal(ADMIN), true, true, true),
        (personal(OWNER), true, false, true),
        (personal(OUTER), false, true, false),
    ] {
        let acquainted = who.acquainted(&catalog);
        let found = (acquainted.has_member(member_id(READER)), acquainted.has_member(member_id(OUTER)), acquainted.has_group(sales));
        assert_eq!(found, (reader, outer, group), "{who:?}");
    }
}

#[test]
fn c1_only_admins_give_away_at_once() {
    let catalog = catalog();
    assert_eq!(organization().handover(&catalog), Handover::AtOnce);
    assert_eq!(personal(ADMIN).handover(&catalog), Handover::AtOnce);
    assert_eq!(personal(OWNER).handover(&catalog), Handover::Offer);
}

#[test]
fn c2_who_subscribes_at_once_gains_no_rows() {
    use Subscription::{AtOnce, Request};
    let mut catalog = catalog();
    let plain = definition(OWNER);
    let mut copies = plain.clone();
    let Destination::Email(email) = &mut copies.destination else { panic!("mail") };
    email.fan_out = true;
    let closed = Definition { identifier: "closed".into(), ..copies.clone() };
    let sales = Definition { identifier: "sales".into(), ..copies.clone() };
    for (case, who, what, expected) in [
        ("another's rows", personal(READER), &plain, Some(Request)),
        ("one's own rows", personal(OWNER), &plain, Some(AtOnce)),
        ("an admin sees all rows", personal(ADMIN), &plain, Some(AtOnce)),
        ("personal copies", personal(READER), &copies, Some(AtOnce)),
        ("x8 a closed document", personal(READER), &closed, None),
        ("x8 also for admins", personal(ADMIN), &closed, None),
        ("a dashboard that is not open", personal(OUTER), &sales, None),
        ("somebody deactivated", personal(GONE), &copies, None),
    ] {
        assert_eq!(who.subscription(&catalog, what), expected, "{case}");
    }
    catalog.organization.fan_out = FanOutPolicy::Never;
    assert_eq!(personal(READER).subscription(&catalog, &copies), Some(Request), "p6 the policy makes no mail personal");
    catalog.organization.fan_out = FanOutPolicy::Always;
    assert_eq!(personal(READER).subscription(&catalog, &plain), Some(AtOnce), "p6 the policy makes every mail personal");
}

fn piece(run: &Run, number: u128, audience: &str) -> Delivery {
    let at = Timestamp::UNIX_EPOCH;
    let outcome = Some(Outcome::Rejected { reason: "550 no such user".into() });
    Delivery {
        id: DeliveryId::generate(),
        run: run.id,
        target: address(number).to_string(),
        audience: audience.to_owned(),
        artifact: Some(artifact(audience)),
        idempotency_key: "k".into(),
        message: Message::default(),
        state: DeliveryState::Failed { at, reason: "email: 550 no such user".into() },
        attempts: vec![Attempt { number: 1, started_at: at, ended_at: Some(at), outcome }],
    }
}

fn artifact(audience: &str) -> ArtifactRecord {
    ArtifactRecord {
        audience: audience.to_owned(),
        name: "f.csv".into(),
        media_type: "text/csv".into(),
        bytes: 1,
        sha256: format!("{audience:0>64}"),
        pages: 0,
        ms: 1,
    }
}

/// A run of the owner's with the owner's rows and a personal copy for the reader.
fn run() -> (Run, Vec<Delivery>) {
    let mut run = Run::queued(ScheduleId::generate(), definition(OWNER), RunKind::Scheduled, Timestamp::UNIX_EPOCH);
    run.state = RunState::Ended { at: Timestamp::UNIX_EPOCH, status: RunStatus::Error, reason: Some("webhook: HTTP 404 /SECRET".into()) };
    let tile = |audience: &str, rows| TileRecord {
        key: "1".into(),
        title: "T".into(),
        audience: audience.to_owned(),
        rows,
        ms: 1,
        truncated: false,
        error: Some("cannot cast 'ROW-APAC-7'".into()),
        quotes_data: false,
    };
    let judged = |audience: &str| ConditionRecord {
        audience: audience.to_owned(),
        tile: "1".into(),
        rows: 17,
        judgement: crate::condition::Judgement::Met,
        added: Some(2),
        removed: None,
        kind: None,
        fingerprint: None,
        baseline: None,
    };
    run.record.tiles = vec![tile(OWNERS, 4), tile("a", 17)];
    run.record.conditions = vec![judged(OWNERS), judged("a")];
    run.record.artifacts = vec![artifact(OWNERS), artifact("a")];
    run.record.error = Some("column ROW-APAC-7".into());
    run.record.warn("recipientSkipped: x@out.example (domainNotAllowed)");
    run.record.note(Timestamp::UNIX_EPOCH, "attempted", Some("1 to x@out.example: rejected".into()));
    let pieces = vec![piece(&run, OWNER, OWNERS), piece(&run, READER, "a")];
    (run, pieces)
}

#[test]
fn newcomer_29_readers_see_that_it_ran_and_not_to_whom() {
    let catalog = catalog();
    let (run, pieces) = run();
    let access = personal(READER).run_access(&catalog, &run, Some(member_id(OWNER))).expect("readable");
    assert_eq!(access, RunAccess::Summary);
    let shown = personal(READER).shown_run(&catalog, run, pieces, Vec::new(), access);
    assert_eq!(shown.deliveries.len(), 1, "their own piece");
    let said = format!("{shown:?}");
    for hidden in ["x@out.example", "m2@myorg.co", "SECRET", "ROW-APAC-7", "550 no", "layoffs", "private words", "rows: 17"] {
        assert!(!said.contains(hidden), "{hidden} in {said}");
    }
    assert_eq!(shown.run.record.timeline.len(), 1);
    let RunState::Ended { status, reason, .. } = &shown.run.state else { panic!("it ended") };
    assert_eq!((*status, reason.as_deref()), (RunStatus::Error, Some(shown::WITHHELD)), "how it ended stays");
}

#[test]
fn m1_owners_see_recipients_and_answers_but_no_figures_of_other_peoples_rows() {
    let catalog = catalog();
    let (run, pieces) = run();
    let owner = personal(OWNER);
    let access = owner.run_access(&catalog, &run, Some(member_id(OWNER))).expect("readable");
    let shown = owner.shown_run(&catalog, run, pieces, Vec::new(), access);
    assert_eq!((shown.deliveries.len(), shown.deliveries[1].attempts.len()), (2, 1));
    assert_eq!(shown.run.record.tiles.iter().map(|tile| tile.rows).collect::<Vec<_>>(), [4, 0]);
    assert!(!format!("{:?}", &shown.run.record.tiles[1..]).contains("ROW-APAC-7"));
    let files: Vec<_> = shown.run.record.artifacts.iter().map(|file| file.audience.as_str()).collect();
    assert_eq!(files, [OWNERS], "a file's size says how much there is");
    assert!(shown.deliveries.iter().all(|piece| piece.target == "m2@myorg.co" || piece.artifact.is_none()), "{:?}", shown.deliveries);
    assert_eq!(shown.run.record.conditions.len(), 1);
}

#[test]
fn m1_owners_are_not_told_whether_other_peoples_rows_reach_a_limit_that_they_chose() {
    let catalog = catalog();
    let shown_to = |who: u128, record: RunRecord| {
        let (mut run, pieces) = run();
        run.record = record;
        let actor = personal(who);
        let access = actor.run_access(&catalog, &run, Some(member_id(OWNER))).expect("readable");
        actor.shown_run(&catalog, run, pieces, Vec::new(), access).run.record
    };
    let mut record = run().0.record;
    record.tiles[1].truncated = true;
    for warning in ["truncated: tile 1 at 1 rows", "render: no font has the letter \u{1f4a9}", "watchedResultTruncated"] {
        record.warn(warning);
    }
    let (owners, admins) = (shown_to(OWNER, record.clone()), shown_to(ADMIN, record.clone()));
    assert_eq!((owners.warnings.len(), owners.tiles.iter().any(|tile| tile.truncated)), (1, false), "{:?}", owners.warnings);
    assert_eq!((admins.warnings.len(), admins.tiles[1].truncated), (4, true));
    record.tiles.truncate(1);
    record.tiles[0].truncated = true;
    let own = shown_to(OWNER, record);
    assert_eq!((own.warnings.len(), own.tiles[0].truncated), (4, true), "rows of the owner's own");
}

#[test]
fn m1_no_word_to_the_owner_says_what_a_database_said_of_other_peoples_rows() {
    let catalog = catalog();
    let said = "cannot cast 'ROW-APAC-7'";
    let (mut run, mut pieces) = run();
    let reason = Some(format!("\u{201c}T\u{201d}: {said}"));
    run.state = RunState::Ended { at: Timestamp::UNIX_EPOCH, status: RunStatus::Error, reason: reason.clone() };
    run.record.error.clone_from(&reason);
    run.record.warn(format!("audienceFailed: a (\u{201c}T\u{201d}: {said})"));
    run.record.note(Timestamp::UNIX_EPOCH, "judged", Some("RESULTS_PRESENT: 17 rows; met for 1 of 1".into()));
    run.record.note(Timestamp::UNIX_EPOCH, "ended", Some(format!("ERROR (\u{201c}T\u{201d}: {said})")));
    run.record.tiles.remove(0);
    pieces[1].state = DeliveryState::Failed { at: Timestamp::UNIX_EPOCH, reason: format!("\u{201c}T\u{201d}: {said}") };
    for (who, whole) in [(personal(OWNER), false), (personal(ADMIN), true)] {
        let access = who.run_access(&catalog, &run, Some(member_id(OWNER))).expect("readable");
        let shown = format!("{:?}", who.shown_run(&catalog, run.clone(), pieces.clone(), Vec::new(), access));
        for hidden in ["ROW-APAC-7", "17 rows"] {
            assert_eq!(shown.contains(hidden), whole, "{hidden} in {shown}");
        }
        assert!(shown.contains("550 no such user"), "what mail servers said is the owner's to know: {shown}");
    }
}

#[test]
fn c1_old_runs_are_neither_the_old_owners_nor_the_new_ones() {
    use RunAccess::{Everything, Owned, Summary};
    let catalog = catalog();
    let (run, pieces) = run();
    let (kept, given, deleted) = (Some(member_id(OWNER)), Some(member_id(READER)), None);
    for (case, who, now, expected, owners_file, copy) in [
        ("the owner", personal(OWNER), kept, Some(Owned), true, false),
        ("the owner of what was deleted", personal(OWNER), deleted, Some(Owned), true, false),
        ("who gave it away", personal(OWNER), given, Some(Summary), false, false),
        ("who received it", personal(READER), given, Some(Summary), false, false),
        ("a reader, not even their own copy", personal(READER), kept, Some(Summary), false, false),
        ("an admin", personal(ADMIN), given, Some(Everything), true, true),
        ("an organization key", organization(), deleted, Some(Everything), true, true),
        ("somebody deactivated", personal(GONE), kept, None, false, false),
    ] {
        assert_eq!(who.run_access(&catalog, &run, now), expected, "{case}");
        let files = who.files(&catalog, &run, now, &pieces);
        let opens = |audience: &str| files.iter().any(|file| file.sha256 == format!("{audience:0>64}"));
        assert_eq!((opens(OWNERS), opens("a")), (owners_file, copy), "{case}");
    }
    assert!(personal(READER).may_cancel(&catalog, &run, given), "who owns it now stops it");
    assert!(!personal(OWNER).may_cancel(&catalog, &run, given));
    let mut lost = run.clone();
    lost.definition.identifier = "sales".into();
    lost.definition.owner = member_id(OUTER);
    assert!(!personal(OUTER).may_have_bytes(&catalog, &lost, None), "q2 the dashboard is no longer open to them");
}

#[test]
fn m2_readers_see_what_a_destination_is_and_not_how_to_get_there() {
    let catalog = catalog();
    let sftp = SftpSettings {
        address: "sftp://files.example.com".into(),
        port: 22,
        username: "blobby".into(),
        password: None,
        private_key: None,
        passphrase: None,
        path: Some("/secret/path".into()),
        host_key: Some("ssh-ed25519 AAAA".into()),
        quirks: SftpQuirks::default(),
    };
    let hook = WebhookSettings::new("https://hooks.example.com/T000/SECRET?key=Q", Vec::new());
    for (destination, stays, goes) in [
        (definition(OWNER).destination, "Email", ["x@out.example", "m2@myorg.co", "private words"]),
        (Destination::Sftp(sftp), "files.example.com", ["blobby", "/secret/path", "AAAA"]),
        (Destination::Webhook(hook), "hooks.example.com", ["SECRET"; 3]),
    ] {
        let whole = schedule(Definition { destination, ..definition(OWNER) });
        for (who, sees) in [(READER, false), (OWNER, true), (ADMIN, true)] {
            let shown = personal(who).shown_schedule(&catalog, whole.clone());
            let Schedule { definition, .. } = &shown.schedule;
            let address = match &definition.destination {
                Destination::Webhook(hook) => hook.shown(),
                _ => String::new(),
            };
            let said = format!("{:?} {address}", definition.destination);
            assert!(said.contains(stays), "{said}");
            assert_eq!(shown.whole, sees);
            for secret in goes {
                assert_eq!(said.contains(secret), sees, "{secret} to {who}: {said}");
            }
        }
    }
}

#[test]
fn f11_hidden_filters_are_shown_to_admins_and_what_is_set_of_them_to_the_owner() {
    let catalog = catalog();
    for (who, overrides, secret_in_force) in [
        (READER, vec!["region"], None),
        (OWNER, vec!["secret", "region"], Some("layoffs")),
        (ADMIN, vec!["secret", "region"], Some("layoffs")),
    ] {
        let shown = personal(who).shown_schedule(&catalog, schedule(definition(OWNER)));
        assert_eq!(shown.schedule.definition.filters.keys().map(crate::id::FilterKey::as_str).collect::<Vec<_>>(), overrides, "{who}");
        assert_eq!(shown.filters_in_force.get("secret").map(|value| value[0].as_str().expect("text")), secret_in_force, "{who}");
    }
    let unset = schedule(Definition { filters: FilterConfig::new(), ..definition(OWNER) });
    for (who, default) in [(READER, false), (OWNER, false), (ADMIN, true)] {
        let shown = personal(who).shown_schedule(&catalog, unset.clone());
        assert_eq!(shown.filters_in_force.contains_key("secret"), default, "{who}");
    }
}

#[test]
fn c2_who_subscribed_to_their_own_rows_is_held_while_the_owners_are_sent() {
    let mut catalog = catalog();
    let held = |catalog: &Catalog, owner: u128, fan_out: bool| {
        let mut definition = definition(owner);
        let Destination::Email(email) = &mut definition.destination else { panic!("mail") };
        email.fan_out = fan_out;
        email.recipients = [ADMIN, OWNER, READER, OUTER].map(place).to_vec();
        email.subscribed = [ADMIN, OWNER, READER].map(member_id).into_iter().collect();
        super::held(catalog, &definition).map(|place| place.email.clone()).collect::<Vec<_>>()
    };
    assert!(held(&catalog, OWNER, true).is_empty(), "their own rows are what they came for");
    assert_eq!(held(&catalog, OWNER, false), [address(READER)], "not the owner, not an admin, not who was put there");
    assert_eq!(held(&catalog, READER, false), [address(OWNER)], "another owner");
    catalog.organization.fan_out = FanOutPolicy::Never;
    assert_eq!(held(&catalog, OWNER, true), [address(READER)], "the policy says what is sent");
    catalog.organization.fan_out = FanOutPolicy::Always;
    assert!(held(&catalog, OWNER, false).is_empty());
}

#[test]
fn c2_an_outsider_who_was_named_under_a_policy_is_held_when_that_ends() {
    let mut catalog = catalog();
    let mut plain = definition(OWNER);
    let Destination::Email(email) = &mut plain.destination else { panic!("mail") };
    let outside = email.recipients[1].clone();
    assert!(!is_held(&catalog, &plain, &outside), "named while the owner's rows were sent");
    let Destination::Email(email) = &mut plain.destination else { panic!("mail") };
    email.named_under_policy.extend(outside.outsider());
    assert!(is_held(&catalog, &plain, &outside));
    catalog.organization.fan_out = FanOutPolicy::Always;
    assert!(!is_held(&catalog, &plain, &outside), "personal again: they receive theirs");
    let Destination::Email(email) = &mut plain.destination else { panic!("mail") };
    email.retain(|place| place.id != outside.id);
    assert!(email.named_under_policy.is_empty(), "who leaves starts anew");
}

#[test]
fn f11_owners_are_not_told_of_a_hidden_filter_that_a_tile_does_not_use() {
    let catalog = catalog();
    for (who, sets_it, expected) in [(OWNER, true, 2), (OWNER, false, 1), (ADMIN, false, 2)] {
        let (mut run, pieces) = run();
        run.record = RunRecord::default();
        for key in ["region", "secret"] {
            run.record.warn(format!("unfiltered: tile 1 does not use filter {key}"));
        }
        if !sets_it {
            run.definition.filters.clear();
        }
        let access = personal(who).run_access(&catalog, &run, Some(member_id(OWNER))).expect("readable");
        let shown = personal(who).shown_run(&catalog, run, pieces, Vec::new(), access);
        assert_eq!(shown.run.record.warnings.len(), expected, "{who}: {:?}", shown.run.record.warnings);
    }
}

#[test]
fn m1_owners_are_not_told_what_their_own_query_failed_of_when_that_may_be_a_cell_of_others() {
    let catalog = catalog();
    let said = "cannot cast 'ROW-APAC-7'";
    for (who, quotes_data, is_told) in [(OWNER, true, false), (OWNER, false, true), (ADMIN, true, true)] {
        let (mut run, pieces) = run();
        run.record.tiles.truncate(1);
        run.record.tiles[0].quotes_data = quotes_data;
        run.record.error = Some(said.to_owned());
        run.state = RunState::Ended { at: Timestamp::UNIX_EPOCH, status: RunStatus::Error, reason: Some(said.to_owned()) };
        let access = personal(who).run_access(&catalog, &run, Some(member_id(OWNER))).expect("readable");
        let shown = personal(who).shown_run(&catalog, run, pieces, Vec::new(), access);
        assert_eq!(format!("{shown:?}").contains("ROW-APAC-7"), is_told, "{who} {quotes_data}: {shown:?}");
    }
}

/// An alert with personal copies that judged for a colleague of the owner: whether the condition held for them.
fn judged(held: bool) -> (Run, Vec<Delivery>, Vec<Notice>) {
    let (mut run, mut pieces) = run();
    run.definition.condition = Some(Condition { kind: ConditionKind::ResultsPresent, tile: "1".into() });
    let Destination::Email(email) = &mut run.definition.destination else { panic!("mail") };
    email.fan_out = true;
    run.started_at = Some(Timestamp::UNIX_EPOCH);
    let mut record = RunRecord { outline: Some(Outline::new(KnownTo::Admins)), ..RunRecord::default() };
    record.note(Timestamp::UNIX_EPOCH, "planned", None);
    record.note(Timestamp::UNIX_EPOCH, "claimed", Some("by worker 7".into()));
    record.warn("recipientSkipped: m5@myorg.co (deactivated)");
    record.note(Timestamp::UNIX_EPOCH, "judged", Some("RESULTS_PRESENT: 3 rows; met for 1 of 1".into()));
    let (status, reason, at) =
        if held { (RunStatus::Error, "550 no such mailbox", 40) } else { (RunStatus::ConditionUnmet, "conditionUnmet", 1) };
    if held {
        record.warn("truncated: tile 1 at 7 rows");
        record.note(Timestamp::UNIX_EPOCH, "resumed", None);
        record.note(Timestamp::UNIX_EPOCH, "promised", Some("1 piece".into()));
        record.error = Some("550 no such mailbox".into());
    }
    record.artifacts = if held { vec![artifact("a1")] } else { Vec::new() };
    let at = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(at);
    record.note(at, "ended", Some(format!("{} ({reason})", status.as_str())));
    run.record = record;
    run.state = RunState::Ended { at, status, reason: Some(reason.into()) };
    // The owner is left out, which is written down only when there is something to send to somebody.
    let left_out = DeliveryState::Skipped { reason: "unsubscribed".into() };
    let owners = Delivery { artifact: None, state: left_out, ..piece(&run, OWNER, OWNERS) };
    pieces.retain(|piece| held && piece.target == address(READER).as_str());
    pieces.extend(held.then_some(owners));
    let notice = |to: NoticeTo| Notice {
        id: notice_id(run.id.0, NoticeKind::RunFailed, &to),
        kind: NoticeKind::RunFailed,
        schedule: run.schedule_id,
        run: Some(run.id),
        to,
        subject: "S".into(),
        text: String::new(),
        body: String::new(),
        created_at: at,
        state: DeliveryState::Pending { not_before: at },
        attempts: Vec::new(),
    };
    let notices = if held { vec![notice(NoticeTo::Operator), notice(NoticeTo::Owner(address(ADMIN)))] } else { Vec::new() };
    (run, pieces, notices)
}

#[test]
fn d28_an_owner_is_shown_the_same_whether_a_colleagues_rows_met_the_condition_or_not() {
    let catalog = catalog();
    for who in [OWNER, READER] {
        let shown = |held| {
            let (run, pieces, notices) = judged(held);
            let run = Run { id: crate::id::RunId(Uuid::nil()), schedule_id: ScheduleId(Uuid::nil()), ..run };
            let access = personal(who).run_access(&catalog, &run, Some(member_id(OWNER))).expect("it may be read");
            let mut shown = personal(who).shown_run(&catalog, run, pieces, notices, access);
            if who == READER {
                // Their own copy says of their own rows that they met it.
                assert_eq!(shown.deliveries.len(), usize::from(held));
                shown.deliveries.clear();
            }
            // Made anew for each, with ids of their own.
            shown.run.definition.destination = Destination::Email(EmailSettings::default());
            shown
        };
        assert_eq!(shown(true), shown(false), "{who}");
        assert!(
            format!("{:?}", shown(true)).contains("recipientSkipped") == (who == OWNER),
            "who is on the list is no secret of its owner's"
        );
    }
    let (run, pieces, notices) = judged(true);
    let all = personal(ADMIN).shown_run(&catalog, run.clone(), pieces, notices, RunAccess::Everything);
    assert_eq!((all.run.state, all.deliveries.len(), all.notices.len()), (run.state, 2, 2), "admins see as before");
}

#[test]
fn d28_what_waits_or_is_of_an_older_version_is_judged_by_its_definition() {
    let catalog = catalog();
    let (mut run, ..) = judged(true);
    run.record.outline = None;
    let access = |run: &Run| personal(OWNER).knows_outcome(&catalog, run, RunAccess::Owned);
    assert!(!access(&run), "personal copies");
    run.state = RunState::Queued { available_at: Timestamp::MAX };
    let shown = personal(OWNER).shown_run(&catalog, run.clone(), Vec::new(), Vec::new(), RunAccess::Owned).run;
    assert_eq!(shown.waits_until(Timestamp::UNIX_EPOCH), None, "only what is sent waits for another attempt");
    let Destination::Email(email) = &mut run.definition.destination else { panic!("mail") };
    email.fan_out = false;
    assert!(access(&run), "the owner's own rows");
    assert!(!personal(READER).knows_outcome(&catalog, &run, RunAccess::Summary), "which are not the reader's");
    let skipped = Run { state: RunState::Skipped { reason: crate::run::SkipReason::Missed }, ..run.clone() };
    run.definition.condition = None;
    for run in [run, skipped] {
        assert!(personal(READER).knows_outcome(&catalog, &run, RunAccess::Summary), "nothing was judged");
    }
}

#[test]
fn d28_a_list_says_of_the_last_run_what_its_reader_may_know() {
    use KnownTo::{Admins, Owner};
    let catalog = catalog();
    let untold = |known_to| Some(Untold { known_to, status: RunStatus::Complete, at: Timestamp::UNIX_EPOCH });
    let last = |known_to| LastRun { status: RunStatus::ConditionUnmet, completed_at: Timestamp::MAX, untold: untold(known_to) };
    for (case, who, known_to, all) in [
        ("an admin", personal(ADMIN), Admins, true),
        ("an organization key", organization(), Admins, true),
        ("the owner of personal copies", personal(OWNER), Admins, false),
        ("the owner of the rows", personal(OWNER), Owner, true),
        ("a reader", personal(READER), Owner, false),
    ] {
        let told = who.told_last_run(&catalog, member_id(OWNER), last(known_to));
        let expected = if all { (RunStatus::ConditionUnmet, Timestamp::MAX) } else { (RunStatus::Complete, Timestamp::UNIX_EPOCH) };
        assert_eq!((told.status, told.completed_at), expected, "{case}");
        assert_eq!(told.untold.is_none(), all, "{case}");
    }
}
