//! Which rows a delivery carries: filters, controls, identity, clock, zone and limits (F, Q, R).

use std::time::Duration;

use pressrun_domain::destination::Destination;
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::run::{RunKind, RunStatus};
use pressrun_domain::schedule::{Definition, FilterConfig};
use pressrun_engine::content::Content;
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_sql::{EffectiveFilters, QueryClock};
use serde_json::{Value, json};

use crate::world::{World, ended, executors};

const ORDERS: &str = "
identifier: orders
name: Orders
connection: files
pages: [Front, Back]
filters:
  region: { label: Region, type: string, default: [US] }
  day: { label: Day, type: date, hidden: true }
controls:
  metric: { label: Metric, options: { revenue: { sql: sum(price) }, orders: { sql: count(*) } } }
tiles:
  by_region:
    title: By region
    sql: |
      select region, {{ control('metric') }} as value from orders
      where {{ filter('region', 'region') }} and {{ filter('day', 'at') }}
      group by region order by region
    at: { x: 0, y: 0, w: 12, h: 8 }
  again:
    title: The same again
    sql: |
      select region, {{ control('metric') }} as value from orders
      where {{ filter('region', 'region') }} and {{ filter('day', 'at') }}
      group by region order by region
    page: Back
    at: { x: 0, y: 0, w: 12, h: 8 }
  mapped:
    title: Shipped to
    sql: select destination, count(*) as n from orders where {{ filter('region', 'region') }} group by 1 order by 1
    filters: { region: destination, day: false }
    at: { x: 12, y: 0, w: 12, h: 8 }
  everywhere:
    title: Everywhere
    sql: select count(*) as n from orders where {{ filter('region', 'region') }}
    filters: { region: false, day: false }
    at: { x: 0, y: 8, w: 12, h: 8 }
  forgetful:
    title: Forgetful
    hidden: true
    sql: select count(*) as n from orders
    at: { x: 0, y: 16, w: 12, h: 8 }
  days:
    title: Days
    sql: select date_trunc('day', at) as day, count(*) as n from orders where {{ filter('day', 'at') }} group by 1 order by 1
    filters: { region: false }
    limit: 2
    at: { x: 12, y: 8, w: 12, h: 8 }
";

/// Late on the 23rd in UTC, which is the 24th in Tokyo; four orders over three days.
const ROWS: &str = "at,region,destination,price\n\
    2025-07-22T10:00:00Z,US,EU,10.50\n2025-07-23T10:00:00Z,EU,US,20.00\n2025-07-23T20:00:00Z,EU,EU,30.25\n2025-07-24T08:00:00Z,US,US,5.00\n";

async fn world() -> World {
    let world = World::new().await;
    std::fs::write(world.dir.path().join("catalog/dashboards/orders.yaml"), ORDERS).unwrap();
    world.write_data("orders.csv", ROWS);
    world.catalog.reload().unwrap_or_else(|error| panic!("{error}"));
    world
}

fn order(world: &World, format: Format, tile: Option<&str>, filters: Value) -> Definition {
    let mut definition = world.webhook(format);
    definition.identifier = "orders".into();
    definition.tile = tile.map(Into::into);
    definition.filters = serde_json::from_value(filters).unwrap();
    definition
}

/// The body of the one request that a run of `definition` makes.
async fn delivered(world: &World, definition: Definition) -> String {
    let before = world.http.requests().len();
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    world.http.requests()[before].text()
}

async fn csv(world: &World, tile: &str, filters: Value) -> String {
    delivered(world, order(world, Format::Csv, Some(tile), filters)).await.replace("\r\n", "\n")
}

#[tokio::test]
async fn f5_f7_f9_defaults_overrides_mappings_and_controls_decide_the_rows() {
    let world = world().await;
    for (tile, filters, expected) in [
        ("by_region", json!({}), "Region,Value\nUS,15.5\n"),
        ("by_region", json!({"region": []}), "Region,Value\nEU,50.25\nUS,15.5\n"),
        ("by_region", json!({"region": ["EU"], "metric": ["orders"]}), "Region,Value\nEU,2\n"),
        ("by_region", json!({"region": [], "day": {"kind": "BEFORE", "left_side": "2025-07-23"}}), "Region,Value\nUS,10.5\n"),
        ("mapped", json!({}), "Destination,N\nUS,2\n"),
        ("mapped", json!({"region": ["EU"], "day": ["2025-07-22"]}), "Destination,N\nEU,2\n"),
        ("everywhere", json!({"region": ["nowhere"]}), "N\n4\n"),
    ] {
        assert_eq!(csv(&world, tile, filters.clone()).await, expected, "{tile} {filters}");
    }
}

#[tokio::test]
async fn f7_a_tile_that_forgets_a_filter_is_told_of_and_one_that_leaves_it_out_is_not() {
    let world = world().await;
    for (tile, expected) in [
        ("forgetful", vec!["unfiltered: tile forgetful does not use filter day", "unfiltered: tile forgetful does not use filter region"]),
        ("everywhere", vec![]),
        ("mapped", vec![]),
    ] {
        let (run, _) = world.run_now(order(&world, Format::Json, Some(tile), json!({}))).await;
        assert_eq!(run.record.warnings, expected, "{tile}");
    }
}

#[tokio::test]
async fn f9_a_control_set_to_what_was_never_declared_fails_its_tile() {
    let world = world().await;
    let set = json!({"metric": ["(select password from users)"]});
    let (run, _) = world.run_now(order(&world, Format::Json, Some("by_region"), set)).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("everyQueryFailed")));
    let error = run.record.error.as_deref().unwrap();
    assert!(error.contains("it takes one of: revenue, orders"), "{error}");
    assert!(world.http.requests().is_empty());
}

#[tokio::test]
async fn f10_the_same_overrides_ask_the_same_of_every_format() {
    let world = world().await;
    let set = json!({"region": ["EU"], "metric": "orders"});
    let json = delivered(&world, order(&world, Format::Json, Some("by_region"), set.clone())).await;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!([{"region": "EU", "value": 2}]));
    assert_eq!(csv(&world, "by_region", set.clone()).await, "Region,Value\nEU,2\n");

    // What is queried is all that a renderer sees.
    let catalog = world.catalog.current();
    let document = &catalog.documents["orders"];
    let dashboard = document.dashboard.as_ref().unwrap();
    let overrides: FilterConfig = serde_json::from_value(set).unwrap();
    let viewer = member_identity(&catalog, &catalog.members[0]);
    let options = OutputOptions::default();
    let asked = [Format::Pdf, Format::Png, Format::Csv, Format::Xlsx, Format::Json].map(|format| {
        let content = Content {
            catalog: &catalog,
            document,
            dashboard,
            tile: None,
            filters: EffectiveFilters::new(&dashboard.filters, &overrides).unwrap(),
            identity: &viewer,
            clock: QueryClock::new("2025-07-24T09:00:00Z".parse().unwrap(), "UTC"),
            format,
            options: &options,
        };
        content.query_tiles().map(|(tile, query)| (tile.key.clone(), content.compile(query, 1000).unwrap())).collect::<Vec<_>>()
    });
    let [pdf, png, files @ ..] = &asked;
    assert!(files.iter().all(|queries| queries == pdf) && !pdf.is_empty());
    // A picture is of one page (V10), and of that it asks the same.
    assert!(png.iter().all(|query| pdf.contains(query)) && !png.is_empty());
    let by_region = &asked[1][0].1;
    assert!(by_region.sql.contains("count(*) as value") && !by_region.sql.contains("sum(price)"), "{}", by_region.sql);
}

#[tokio::test]
async fn q1_without_personal_copies_everybody_sees_what_the_owner_sees() {
    let world = world().await;
    let mut definition = world.email(Format::Csv, &["blobby.hill@myorg.co"]);
    definition.tile = Some("1".into());
    let (run, _) = world.run_now(definition.clone()).await;
    assert_eq!(run.record.tiles[0].rows, 2, "the owner's two regions, not the recipient's one");
    if let Destination::Email(email) = &mut definition.destination {
        email.fan_out = true;
    }
    let (run, _) = world.run_now(definition).await;
    assert_eq!(run.record.tiles[0].rows, 1);
}

#[tokio::test]
async fn q2_an_owner_who_may_not_see_the_dashboard_runs_nothing() {
    let world = world().await;
    let mut definition = world.webhook(Format::Json);
    definition.identifier = "secret".into();
    definition.owner = pressrun_domain::id::MembershipId("0b10b002-5f6e-4f0c-9a35-0b7f3f1f2a12".parse().unwrap());
    let schedule = world.save(definition).await;
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    world.pass(jiff::SignedDuration::from_mins(1)).await;
    let (run, _) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("noAccess")));
    assert!(run.record.tiles.is_empty() && world.http.requests().is_empty(), "{:?}", run.record);
    let disabled = world.store.schedule(schedule).await.unwrap().unwrap().system_disabled;
    assert_eq!(disabled.unwrap().reason, pressrun_domain::schedule::SystemDisabledReason::NoAccess);
}

#[tokio::test]
async fn q3_an_edit_reaches_runs_when_it_is_published_and_not_before() {
    let world = world().await;
    let file = world.dir.path().join("catalog/dashboards/orders.yaml");
    std::fs::write(&file, ORDERS.replace("select count(*) as n from orders where", "select 7 as n from orders where")).unwrap();
    assert_eq!(csv(&world, "everywhere", json!({})).await, "N\n4\n");
    world.catalog.reload().unwrap();
    assert_eq!(csv(&world, "everywhere", json!({})).await, "N\n7\n7\n7\n7\n");
}

#[tokio::test]
async fn q4_every_run_sees_the_data_of_its_own_time() {
    let world = world().await;
    assert_eq!(csv(&world, "everywhere", json!({})).await, "N\n4\n");
    world.write_data("orders.csv", &ROWS.lines().take(2).collect::<Vec<_>>().join("\n"));
    assert_eq!(csv(&world, "everywhere", json!({})).await, "N\n1\n");
}

#[tokio::test]
async fn q5_a_late_run_covers_the_period_of_its_instant() {
    let world = world().await;
    world.clock.set("2025-07-24T23:50:00Z".parse().unwrap());
    let definition = order(&world, Format::Csv, Some("by_region"), json!({"region": [], "day": "today", "metric": "orders"}));
    let schedule = world.save(definition.clone()).await;
    world.enqueue(schedule, definition, RunKind::Scheduled).await;
    world.clock.set("2025-07-25T00:10:00Z".parse().unwrap());
    world.engine.drain().await.unwrap();
    assert_eq!(world.http.requests()[0].text(), "Region,Value\r\nUS,1\r\n", "the 24th, although it is the 25th by now");
}

#[tokio::test]
async fn q6_q7_the_query_zone_decides_days_and_the_schedules_own_zone_does_not() {
    let world = world().await;
    let run = async |firing: &str, query: Option<&str>| {
        let mut definition = order(&world, Format::Csv, Some("by_region"), json!({"region": [], "day": "today", "metric": "orders"}));
        definition.timezone = firing.to_owned();
        definition.timezone_override = query.map(ToOwned::to_owned);
        delivered(&world, definition).await
    };
    // 08:30 UTC on the 24th: in UTC one order of that day, in Tokyo two, since the 23rd 20:00 UTC is the 24th there.
    let (utc, tokyo) = ("Region,Value\r\nUS,1\r\n", "Region,Value\r\nEU,1\r\nUS,1\r\n");
    for (firing, query, expected) in [
        ("UTC", None, utc),
        ("Asia/Tokyo", None, utc),
        ("UTC", Some("Asia/Tokyo"), tokyo),
        ("Asia/Tokyo", Some("Asia/Tokyo"), tokyo),
        ("America/New_York", Some("UTC"), utc),
    ] {
        assert_eq!(run(firing, query).await, expected, "fires in {firing}, asks in {query:?}");
    }
    // A dashboard's own zone goes before the connection's.
    let file = world.dir.path().join("catalog/dashboards/orders.yaml");
    std::fs::write(&file, ORDERS.replace("name: Orders", "name: Orders\ntimezone: Asia/Tokyo")).unwrap();
    world.catalog.reload().unwrap();
    assert_eq!(run("UTC", None).await, tokyo);
    assert_eq!(run("UTC", Some("UTC")).await, utc, "and an override before that");
}

#[tokio::test]
async fn q8_equal_queries_run_once_and_are_shown_twice() {
    let world = world().await;
    let catalog = world.catalog.current();
    let document = &catalog.documents["orders"];
    let dashboard = document.dashboard.as_ref().unwrap();
    let viewer = member_identity(&catalog, &catalog.members[0]);
    let options = OutputOptions::default();
    let content = Content {
        catalog: &catalog,
        document,
        dashboard,
        tile: None,
        filters: EffectiveFilters::new(&dashboard.filters, &FilterConfig::new()).unwrap(),
        identity: &viewer,
        clock: QueryClock::new("2025-07-24T09:00:00Z".parse().unwrap(), "UTC"),
        format: Format::Pdf,
        options: &options,
    };
    let producer = pressrun_engine::content::Producer::new(
        executors(world.dir.path().join("tmp2")),
        pressrun_engine::EngineConfig::new("http://x").into(),
    );
    let spool = pressrun_engine::spool::Spool::open(world.dir.path().join("spool2")).unwrap();
    let work = spool.work_dir("q8").unwrap();
    let results = producer.tiles(&content, &work, None, |_| false, Duration::from_secs(60)).await.unwrap();
    let path = |key: &str| results[key].as_ref().unwrap().path.clone();
    assert_eq!(path("by_region"), path("again"));
    assert_ne!(path("by_region"), path("mapped"));
}

#[tokio::test]
async fn q9_r13_all_pages_are_in_a_file_and_no_hidden_tile() {
    let world = world().await;
    let rows: Value = serde_json::from_str(&delivered(&world, order(&world, Format::Json, None, json!({}))).await).unwrap();
    let tiles: Vec<_> = rows["tiles"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(tiles, ["by_region", "mapped", "everywhere", "days", "again"]);
    assert_eq!(
        rows["filters"],
        json!([{"label": "Region", "value": "US"}, {"label": "Metric", "value": "Revenue"}]),
        "F11: no hidden filter"
    );
}

#[tokio::test]
async fn r9_r10_r11_limits_are_lifted_for_every_tile_and_a_cut_is_told() {
    let world = world().await;
    let definition = |lifted: bool, most: Option<u64>| {
        let mut definition = order(&world, Format::Csv, None, json!({"region": []}));
        definition.options = OutputOptions { override_row_limit: lifted, max_row_limit: most, ..OutputOptions::default() };
        definition
    };
    for (lifted, most, days, by_region, cut) in [
        (false, None, 2, 2, vec!["truncated: tile days at 2 rows"]),
        (false, Some(1), 2, 2, vec!["truncated: tile days at 2 rows"]),
        (true, None, 3, 2, vec![]),
        (true, Some(1), 1, 1, vec!["by_region", "again", "mapped", "days"]),
    ] {
        let (run, _) = world.run_now(definition(lifted, most)).await;
        let rows = |key: &str| run.record.tiles.iter().find(|tile| tile.key.as_str() == key).unwrap().rows;
        assert_eq!((rows("days"), rows("by_region")), (days, by_region), "{lifted} {most:?}");
        let told: Vec<_> = run.record.warnings.iter().filter(|warning| warning.starts_with("truncated")).collect();
        assert_eq!(told.len(), cut.len(), "{told:?}");
        assert!(told.iter().zip(&cut).all(|(told, cut)| told.contains(cut)), "{told:?} {cut:?}");
    }
    // And the mail says so.
    let mut mail = world.email(Format::Csv, &["blob.ross@myorg.co"]);
    mail.identifier = "orders".into();
    mail.tile = Some("days".into());
    world.run_now(mail).await;
    let text = world.smtp.mails().last().unwrap().text();
    assert!(text.contains("Days") && text.contains("2 rows"), "{text}");
}
