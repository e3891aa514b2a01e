use super::*;
use pressrun_domain::catalog::{AttributeValue, ControlOption, FilterKind, FilterMapping, Scalar, SourceSettings, TileBody};
use pressrun_domain::chart::{Mark, Orient, Stack};
use pressrun_domain::id::FilterKey;
use pressrun_domain::postgres::PostgresAddress;

#[test]
fn a_good_catalog_loads_with_its_defaults() {
    let catalog = loaded(&good()).unwrap();
    assert_eq!(catalog.version.len(), 64);
    let member = &catalog.members[0];
    assert_eq!(member.attributes["region"], AttributeValue::Many(vec![Scalar::Text("US".into())]));
    assert_eq!(catalog.groups[0].members, [member.id], "addresses are compared without case");
    let document = &catalog.documents["12db1a0a"];
    let dashboard = document.dashboard.as_ref().unwrap();
    assert_eq!(dashboard.connection.as_str(), "warehouse", "the only connection may be left out");
    let tile = &dashboard.tiles["1"];
    assert_eq!(tile.title, "1");
    let TileBody::Query(query) = &tile.body else { unreachable!() };
    assert_eq!((query.limit, query.chart.mark), (1000, Mark::Bar));
    assert_eq!(dashboard.filters["region"].label, "Region");
}

#[test]
fn all_problems_of_all_files_are_reported_at_once() {
    let dir = folder(&[
        ("connections.yaml", "connections:\n  warehouse: { kind: fils }\n"),
        ("people.yaml", "organization: { id: 12, name: Blobs }\nmembers: []\n"),
        (
            "dashboards/a.yaml",
            "identifer: a\nname: A\ntiles:\n  one: { sql: 'select {{ filter(\"x\", \"y\") }}', at: { x: 20, y: 0, w: 8, h: 2 } }\n  two: { markdown: hi, at: { x: a, y: 0, w: 8, h: 2 }, colour: red }\n",
        ),
    ]);
    let said: Vec<String> = loaded(&dir).unwrap_err().iter().map(|p| p.to_string().replace("\nhint: ", " | ")).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
connections.yaml:2:22: `fils` is not known here | did you mean `files`?
dashboards/a.yaml:1:1: `identifier` is missing | add `identifier: …`
dashboards/a.yaml:1:1: unknown key `identifer` | did you mean `identifier`?
dashboards/a.yaml:4:15: there is no filter `x` | there are no filters on this dashboard
dashboards/a.yaml:4:52: columns 20 to 28 are outside of the grid | the grid has 24 columns: x + w is at most 24
dashboards/a.yaml:5:33: `a` where a whole number is expected | write digits only, as in `12`
dashboards/a.yaml:5:56: unknown key `colour` | known keys: `title`, `subtitle`, `sql`, `filters`, `markdown`, `limit`, `fields`, `chart`, `at`, `page`, `hidden`
people.yaml:1:21: `12` is no UUID | write the hyphenated form, such as 7f1c0e52-5f6e-4f0c-9a35-0b7f3f1f2a11
");
}

#[test]
fn one_fault_gives_one_problem_with_its_place() {
    let mut wrong = Vec::new();
    let after = |text: &str| DASHBOARD.replace("name: Orders\n", &format!("name: Orders\n{text}\n"));
    let chart = |text: &str| DASHBOARD.replace("mark: bar, x: region, y: n", text);
    for (case, text, expected) in [
        ("unknown key", after("timezon: UTC"), "3:1: unknown key `timezon` | did you mean `timezone`?"),
        ("key twice", after("name: Again"), "3:1: key `name` is written twice | keep one of them"),
        ("zone", after("timezone: Mars/Olympus"), "3:11: `Mars/Olympus` is no IANA time zone"),
        ("group", after("access: { groups: [sale] }"), "3:20: there is no group `sale` | did you mean `sales`?"),
        ("no groups", after("access: { groups: [] }"), "3:19: `groups` is empty"),
        ("connection", after("connection: warehose"), "3:13: there is no connection `warehose` | did you mean `warehouse`?"),
        ("identifier", DASHBOARD.replace("12db1a0a", "a/b"), "1:13: `a/b` cannot be an identifier"),
        ("missing name", DASHBOARD.replace("name: Orders\n", ""), "1:1: `name` is missing"),
        ("filter type", DASHBOARD.replace("type: string", "type: strin"), "4:19: `strin` is not known here | did you mean `string`?"),
        (
            "unknown filter",
            DASHBOARD.replace("filter('region'", "filter('Region'"),
            "9:7: there is no filter `Region` | did you mean `region`?",
        ),
        (
            "unknown attribute",
            DASHBOARD.replace("filter('region'", "user_attribute('regions'"),
            "9:7: there is no user attribute `regions` | did you mean `region`?",
        ),
        ("template", DASHBOARD.replace(") }}", ")"), "9:7: in the template: syntax error"),
        ("outside", DASHBOARD.replace("w: 12", "w: 25"), "11:9: columns 0 to 25 are outside of the grid"),
        ("no width", DASHBOARD.replace("w: 12, ", ""), "11:9: `w` is missing in `at`"),
        ("negative", DASHBOARD.replace("x: 0", "x: -1"), "11:14: `-1` where a number from 0 to 65535 is expected"),
        ("limit", DASHBOARD.replace("    sql:", "    limit: 0\n    sql:"), "7:12: `limit` is 0"),
        ("month", after("fiscal_year_start: 13"), "3:20: `13` is no month | write a number from 1"),
        (
            "mapping of no filter",
            DASHBOARD.replace("    sql:", "    filters: { regoin: false }\n    sql:"),
            "7:16: there is no filter `regoin` | did you mean `region`?",
        ),
        (
            "mapping to nothing",
            DASHBOARD.replace("    sql:", "    filters: { region: true }\n    sql:"),
            "7:24: a tile's filter is neither `false` nor an SQL expression",
        ),
        ("control without options", after("controls: { metric: { label: Metric } }"), "3:13: a control needs `options`"),
        ("option without sql", after("controls: { metric: { options: { a: { label: A } } } }"), "3:34: `sql` is missing"),
        (
            "default of no option",
            after("controls: { metric: { options: { cost: { sql: cost } }, default: cots } }"),
            "3:66: there is no option `cots` | did you mean `cost`?",
        ),
        (
            "control over a filter",
            DASHBOARD.replace("tiles:", "controls: { region: { options: { a: { sql: a } } } }\ntiles:"),
            "5:13: `region` is a filter already",
        ),
        (
            "unknown control",
            DASHBOARD.replace("1 as n", "{{ control('metric') }} as n"),
            "8:7: there is no control `metric` | there are no controls on this dashboard",
        ),
        ("page", DASHBOARD.replace("    sql:", "    page: Two\n    sql:"), "7:11: there is no page `Two` | there are no pages in `pages`"),
        ("both bodies", DASHBOARD.replace("    sql:", "    markdown: hi\n    sql:"), "7:15: the tile has both `sql` and `markdown`"),
        ("mark", chart("mark: bars, x: region, y: n"), "10:20: `bars` is not known here | did you mean `bar`?"),
        ("kpi without value", chart("mark: kpi"), "10:12: mark `kpi` needs `value`"),
        ("bar without y", chart("mark: bar, x: region"), "10:12: mark `bar` needs `y`"),
        ("channel of another mark", chart("mark: line, x: a, y: b, value: c"), "10:45: mark `line` does not use `value`"),
        ("b5: points on areas", chart("mark: area, x: a, y: b, point: true"), "10:45: mark `area` does not use `point`"),
        ("b5: logarithmic heat", chart("mark: heatmap, x: a, y: b, color: c, scale: log"), "10:58: mark `heatmap` does not use `scale`"),
        (
            "a9: no colour",
            DASHBOARD.replace("    sql:", "    fields: { region: { colors: { US: blue } } }\n    sql:"),
            "7:39: `blue` is no colour",
        ),
        (
            "a9: a colour that YAML takes for a comment",
            DASHBOARD.replace("    sql:", "    fields:\n      region:\n        colors:\n          US: #1a73e8\n    sql:"),
            "10:11: `US` has no colour",
        ),
        (
            "a6: no aggregate",
            DASHBOARD.replace("    sql:", "    fields: { n: { aggregate: median } }\n    sql:"),
            "7:31: `median` is not known here",
        ),
        (
            "4: a format of another country",
            DASHBOARD.replace("    sql:", "    fields: { n: { format: '#.##0,00 €' } }\n    sql:"),
            "7:28: the format `#.##0,00 €` has a separator behind the decimal point",
        ),
        (
            "two ways to make series",
            chart("mark: line, x: a, y: [b, c], color: d"),
            "10:35: several columns of `y` make the series already",
        ),
        ("slices", chart("mark: donut, y: n"), "10:20: mark `donut` needs `x` or `color` for its slices"),
        (
            "stacked logarithms",
            chart("mark: bar, x: a, y: b, stack: true, scale: log"),
            "10:57: stacked values have no meaning on a logarithmic scale",
        ),
        ("boolean", chart("mark: table, totals: yes"), "10:35: `yes` where true or false is expected | write `true` or `false`"),
        ("no dashboard", after("dashboard: false"), "5:3: `filters` in a document without a dashboard"),
        ("not YAML", DASHBOARD.replace("{ type", "{{ type"), "4:"),
        ("two documents", format!("{DASHBOARD}---\nname: x\n"), "12:1: a second YAML document in one file"),
        ("a list", "- a\n".to_owned(), "1:1: a list where a mapping is expected"),
        ("a text", "hello".to_owned(), "1:1: a text where a mapping is expected"),
        ("empty", String::new(), "1:1: the file is empty"),
    ] {
        let said = refused("dashboards/orders.yaml", &text);
        let expected = format!("dashboards/orders.yaml:{expected}");
        let right = said.first().is_some_and(|first| first.starts_with(&expected))
            && (said.len() == 1 || case == "no dashboard")
            && said.iter().all(|line| line.contains(" | "));
        if !right {
            wrong.push(format!("{case}: expected {expected}, said {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn f7_f9_controls_and_mappings_load() {
    let dir = good();
    let text = DASHBOARD
        .replace("tiles:", "fiscal_year_start: 4\ncontrols:\n  metric: { options: { revenue: { sql: sum(price) }, order_count: { sql: ' count(*) ' } } }\ntiles:")
        .replace("    sql:", "    filters: { region: o.region }\n    sql:")
        .replace("1 as n", "{{ control('metric') }} as n");
    write(dir.path(), "dashboards/orders.yaml", text);
    let catalog = loaded(&dir).unwrap_or_else(|problems| panic!("{problems:?}"));
    let dashboard = catalog.documents["12db1a0a"].dashboard.as_ref().unwrap();
    assert_eq!(dashboard.filters.keys().map(FilterKey::as_str).collect::<Vec<_>>(), ["region", "metric"]);
    let metric = &dashboard.filters["metric"];
    assert_eq!((metric.kind, metric.default.clone()), (FilterKind::Control, Some(serde_json::json!(["revenue"]))));
    assert_eq!(metric.options["order_count"], ControlOption { label: "Order count".into(), sql: "count(*)".into() });
    let TileBody::Query(query) = &dashboard.tiles["1"].body else { unreachable!() };
    assert_eq!(query.filters["region"], FilterMapping::To("o.region".into()));
    assert_eq!((catalog.fiscal_start(dashboard), catalog.organization.fiscal_start), (4, 1));
}

#[test]
fn tiles_may_touch_but_not_overlap_on_one_page() {
    let second = |text: &str| format!("pages: [A, B]\n{DASHBOARD}  two: {{ markdown: hi, {text} }}\n");
    assert!(refused("dashboards/orders.yaml", &second("at: { x: 12, y: 0, w: 12, h: 8 }")).is_empty());
    assert!(refused("dashboards/orders.yaml", &second("at: { x: 0, y: 0, w: 12, h: 8 }, page: B")).is_empty());
    assert!(refused("dashboards/orders.yaml", &second("hidden: true")).is_empty());
    let said = refused("dashboards/orders.yaml", &second("at: { x: 11, y: 7, w: 12, h: 8 }"));
    assert_eq!(said, ["dashboards/orders.yaml:13:28: tile `two` overlaps tile `1` | tile `1` ends at x 12 and y 8"]);
}

#[test]
fn people_are_checked_among_one_another() {
    let mut wrong = Vec::new();
    for (case, from, to, expected) in [
        (
            "address twice",
            "blobby@myorg.co",
            "Blob@MYORG.co",
            "people.yaml:7:33: mail address `blob@myorg.co` is written twice, first in line 6",
        ),
        ("no address", "blobby@myorg.co", "blobby", "people.yaml:7:33: `blobby` is no mail address"),
        ("id", "name: Blobby Hill", "id: x, name: Blobby Hill", "people.yaml:7:11: `x` is no UUID"),
        (
            "unknown member",
            "BLOB@myorg.co",
            "bob@myorg.co",
            "people.yaml:9:30: no member has the mail address `bob@myorg.co` | did you mean `blob@myorg.co`?",
        ),
        (
            "unknown attribute",
            "{ region: [US] }",
            "{ regio: [US] }",
            "people.yaml:6:73: there is no user attribute `regio` | did you mean `region`?",
        ),
        ("no list", "{ region: [US] }", "{ region: US }", "people.yaml:6:81: `region` has several values, so its value is a list"),
        ("no number", "{ region: [US] }", "{ is_admin: x }", "people.yaml:6:83: `is_admin` is of type Number"),
        ("abbreviation", "{ region: [US] }", "{ omni_user_timezone: EST }", "people.yaml:6:93: `EST` is an abbreviation"),
        ("read-only attribute", "{ region: [US] }", "{ omni_user_name: x }", "people.yaml:6:73: `omni_user_name` cannot be set"),
        ("defined system attribute", "is_admin: {", "omni_user_id: {", "people.yaml:4:3: `omni_user_id` is a system attribute"),
        (
            "group twice",
            "groups:\n",
            "groups:\n  - { name: sales, members: [] }\n",
            "people.yaml:10:13: group `sales` is written twice, first in line 9",
        ),
        (
            "key of nobody",
            "groups:\n",
            "dev_keys: [{ token: 0123456789abcdef, kind: personal, member: x@y.zz }]\ngroups:\n",
            "people.yaml:8:63: no member has the mail address `x@y.zz`",
        ),
        (
            "short token",
            "groups:\n",
            "dev_keys: [{ token: short, kind: personal, member: blob@myorg.co }]\ngroups:\n",
            "people.yaml:8:21: the token is short",
        ),
    ] {
        let said = refused("people.yaml", &PEOPLE.replace(from, to));
        if !(said.len() == 1 && said[0].starts_with(expected)) {
            wrong.push(format!("{case}: expected {expected}, said {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn member_ids_are_made_once_and_stay() {
    let (a, b) = (loaded(&good()).unwrap(), loaded(&good()).unwrap());
    assert_eq!(a.members[0].id, b.members[0].id);
    assert_ne!(a.members[0].id, a.members[1].id);
    assert_ne!(a.members[0].id.0, a.members[0].user_id.0);
}

#[test]
fn a12_a_connection_is_an_address_or_keys_of_its_own() {
    let dir = good();
    write(dir.path(), "pw", "p@ss/w#rd%20\n");
    write(dir.path(), "address", "postgres://app:s3cret@db.example.com/shop?sslmode=verify-full\n");
    write(dir.path(), "ca.pem", "");
    let keys = "host: db.example.com, database: shop, user: app, password_file: pw";
    let ca = dir.path().join("ca.pem").display().to_string();
    for (settings, password, expected) in [
        (keys.to_owned(), "p@ss/w#rd%20", "postgres://app@/shop?host=db.example.com&port=5432"),
        (
            format!("{keys}, port: 6432, sslmode: verify-ca, sslrootcert: ca.pem, options: '-c search_path=a,b'"),
            "p@ss/w#rd%20",
            &format!("postgres://app@/shop?host=db.example.com&port=6432&sslmode=verify-ca&sslrootcert={ca}&options=-c search_path=a,b"),
        ),
        (
            format!("{keys}, sslrootcert: system, parameters: {{ channel_binding: require, connect_timeout: '3' }}"),
            "p@ss/w#rd%20",
            "postgres://app@db.example.com/shop?sslrootcert=system&channel_binding=require&connect_timeout=3",
        ),
        (
            "url: 'postgres://app@db.example.com/shop', password_file: pw, sslmode: require".to_owned(),
            "p@ss/w#rd%20",
            "postgres://app@db.example.com/shop?sslmode=require",
        ),
        (
            "url_file: address, options: '-c geqo=off'".to_owned(),
            "s3cret",
            "postgres://app@db.example.com/shop?sslmode=verify-full&options=-c geqo=off",
        ),
        ("host: /run/postgresql, user: app".to_owned(), "", "postgres://app@%2Frun%2Fpostgresql"),
    ] {
        write(dir.path(), "connections.yaml", format!("connections: {{ warehouse: {{ kind: postgres, {settings} }} }}"));
        let catalog = loaded(&dir).unwrap();
        let SourceSettings::Postgres { url, secret_file } = &catalog.connections["warehouse"].source else { unreachable!() };
        let mut found = PostgresAddress::parse(url.expose()).unwrap();
        assert_eq!(found.password.take().map(|password| password.expose().to_owned()).unwrap_or_default(), password, "{settings}");
        assert!(found == PostgresAddress::parse(expected).unwrap(), "{settings}: {}", found.url());
        let file = secret_file.as_ref().map(|file| file.path().file_name().unwrap().to_string_lossy().into_owned());
        assert_eq!(file.as_deref(), settings.contains("_file").then(|| if settings.contains("url_file") { "address" } else { "pw" }));
        assert!(!format!("{catalog:?}").contains("p@ss"));
    }
    // Pasted into an address, a variable stays one password.
    write(
        dir.path(),
        "connections.yaml",
        "connections: { warehouse: { kind: postgres, url: 'postgres://app:${WAREHOUSE_PASSWORD}@127.0.0.1/x' } }",
    );
    let environment = |name: &str| (name == "WAREHOUSE_PASSWORD").then(|| "p@ss/w#rd".to_owned());
    let catalog = load_with(dir.path(), LoadOptions { environment: &environment, ..LoadOptions::default() }).unwrap();
    let SourceSettings::Postgres { url, .. } = &catalog.connections["warehouse"].source else { unreachable!() };
    let address = PostgresAddress::parse(url.expose()).unwrap();
    assert_eq!((address.hosts[0].name.as_str(), address.password.unwrap().expose()), ("127.0.0.1", "p@ss/w#rd"));
    for (case, settings, expected) in [
        ("no user", "host: db", "names no user"),
        ("plain password", "host: db, user: u, password: hunter2", "the password is written in plain text"),
        ("password as a parameter", "host: db, user: u, parameters: { password: hunter2 }", "a password does not stand in the catalog"),
        (
            "both passwords",
            "host: db, user: u, password: '${WAREHOUSE_URL}', password_file: address",
            "both `password` and `password_file`",
        ),
        ("said twice", "url: '${WAREHOUSE_URL}', user: other", "`user` stands in the address as well"),
        ("unknown word", "host: db, user: u, parameters: { sslcompression: '1' }", "`sslcompression`, which is not known"),
        ("unknown mode", "host: db, user: u, sslmode: on", "`sslmode` is"),
        ("half a certificate", "host: db, user: u, sslcert: c.pem", "`sslcert` and `sslkey` belong together"),
        ("another kind's keys", "kind: files, folder: '.', sslmode: require", "`sslmode` does not belong to kind `files`"),
    ] {
        let kind = if settings.contains("kind:") { "" } else { "kind: postgres, " };
        let said = refused("connections.yaml", &format!("connections: {{ warehouse: {{ {kind}{settings} }} }}"));
        assert!(said.len() == 1 && said[0].contains(expected), "{case}: {said:#?}");
        assert!(!said[0].contains("hunter2"), "{case}");
    }
    write(
        dir.path(),
        "connections.yaml",
        "connections: { warehouse: { kind: postgres, host: '${WAREHOUSE_HOST}', user: '${WAREHOUSE_USER}', password_file: gone } }",
    );
    assert!(!crate::check(dir.path()).fails(), "a check away from the server needs no secrets");
}

#[test]
fn secrets_come_from_the_environment_or_a_file_and_are_never_printed() {
    let dir = good();
    write(dir.path(), "secret", "postgres://blob:s3cret@db.example.com/shop\n");
    for settings in ["url: '${WAREHOUSE_URL}'", "url_file: secret"] {
        write(dir.path(), "connections.yaml", format!("connections: {{ warehouse: {{ kind: postgres, {settings} }} }}"));
        let catalog = loaded(&dir).unwrap();
        let SourceSettings::Postgres { url, .. } = &catalog.connections["warehouse"].source else { unreachable!() };
        assert_eq!(url.expose(), "postgres://blob:s3cret@db.example.com/shop", "{settings}");
        assert!(!format!("{catalog:?}").contains("s3cret"));
    }
    for (case, settings, expected) in [
        ("not set", "url: '${OTHER}'", "environment variable `OTHER` is not set"),
        ("password in the file", "url: 'postgres://blob:s3cret@db.example.com/shop'", "the address holds a password in plain text"),
        ("no address", "url: 'mysql://db.example.com'", "the address of the server cannot be read"),
        ("nothing", "timezone: UTC", "`url` is missing"),
        ("no file", "url_file: nowhere", "the file `nowhere` cannot be read"),
        ("both", "url: '${WAREHOUSE_URL}', url_file: secret", "both `url` and `url_file` are written"),
        ("open brace", "url: '${OTHER'", "`${` is not followed by a variable's name and `}`"),
    ] {
        let said = refused("connections.yaml", &format!("connections: {{ warehouse: {{ kind: postgres, {settings} }} }}"));
        assert!(said.len() == 1 && said[0].contains(expected), "{case}: {said:#?}");
        assert!(!said[0].contains("s3cret"), "{case}");
    }
    write(dir.path(), "connections.yaml", "connections: { warehouse: { kind: postgres, url: '${OTHER}' } }");
    assert!(!crate::check(dir.path()).fails(), "a check away from the server needs no secrets");
}

#[test]
fn connections_stay_in_their_folder() {
    for (case, settings, expected) in [
        ("up", "tables: { a: ../a.csv }", "`../a.csv` is not below the connection's folder"),
        ("absolute", "tables: { a: /etc/passwd }", "`/etc/passwd` is not below the connection's folder"),
        ("no folder", "folder: nowhere", "there is no folder `nowhere`"),
        ("concurrency", "max_concurrency: 0", "`max_concurrency` is 0"),
        ("url", "url: '${WAREHOUSE_URL}'", "`url` does not belong to kind `files`"),
    ] {
        let said = refused("connections.yaml", &format!("connections: {{ warehouse: {{ kind: files, {settings} }} }}"));
        assert!(said.len() == 1 && said[0].contains(expected), "{case}: {said:#?}");
    }
}

#[test]
fn identifiers_are_unique_across_files() {
    let said = refused("dashboards/second.yaml", DASHBOARD);
    assert_eq!(
        said,
        [
            "dashboards/second.yaml:1:13: identifier `12db1a0a` is taken by dashboards/orders.yaml:1 | give one of the two documents another identifier"
        ]
    );
}

#[test]
fn chart_words_become_the_domain_s() {
    let chart = |text: &str| {
        let dir = good();
        write(dir.path(), "dashboards/orders.yaml", DASHBOARD.replace("mark: bar, x: region, y: n", text));
        let catalog = loaded(&dir).unwrap();
        let TileBody::Query(query) = catalog.documents["12db1a0a"].dashboard.as_ref().unwrap().tiles["1"].body.clone() else {
            unreachable!()
        };
        query.chart
    };
    let column = chart("mark: column, x: a, y: [b, c], stack: true");
    assert_eq!((column.mark, column.orient, column.stack, column.y.len()), (Mark::Bar, Some(Orient::Vertical), Stack::Zero, 2));
    let donut = chart("mark: donut, x: a, y: b");
    assert_eq!((donut.mark, donut.inner_radius), (Mark::Pie, 60));
    let area = chart("mark: area, x: a, y: b, stack: normalize");
    assert_eq!((area.mark, area.stack), (Mark::Area, Stack::Normalize));
    assert_eq!(chart("mark: bar, x: a, y: b, stack: none").stack, Stack::None);
}

#[test]
fn versions_follow_meaning_not_form() {
    let version = |text: &str| {
        let dir = good();
        write(dir.path(), "dashboards/orders.yaml", text);
        let catalog = loaded(&dir).unwrap();
        (catalog.documents["12db1a0a"].version.clone(), catalog.version)
    };
    let before = version(DASHBOARD);
    assert_eq!(version(&format!("# a comment\n\n{}", DASHBOARD.replace('\n', "\r\n"))), before);
    let after = version(&DASHBOARD.replace("name: Orders", "name: Order"));
    assert_ne!(after.0, before.0);
    assert_ne!(after.1, before.1);
}

#[test]
fn lines_inside_sql_are_lines_of_the_file() {
    for (case, sql, line) in [
        ("a block", "|\n      select 1\n      {{ nope }}", 9),
        ("a block that begins with empty lines", "|\n\n\n      select 1\n      {{ nope }}", 11),
        ("a block with its indentation written", "|2\n      select 1\n      {{ nope }}", 9),
        ("a comment behind the bar", "|- # why\n      select 1\n      {{ nope }}", 9),
        ("one line", "select 1 {{ nope }}", 7),
        ("quotes", "\"select 1 {{ nope }}\"", 7),
    ] {
        let sql = DASHBOARD.replace("|\n      select region, 1 as n\n      from orders where {{ filter('region', 'region') }}", sql);
        let said = refused("dashboards/orders.yaml", &sql);
        assert!(said.len() == 1 && said[0].starts_with(&format!("dashboards/orders.yaml:{line}:")), "{case}: {said:#?}");
    }
}

#[test]
fn a12_a_connection_to_clickhouse_is_an_address_and_who_asks() {
    let dir = good();
    write(dir.path(), "password", "s3cret\n");
    let settings = "url: 'https://db.example:8443', user: reports, password_file: password, database: sales, timezone: Europe/Berlin, settings: { max_bytes_to_read: 1000 }";
    write(dir.path(), "connections.yaml", format!("connections: {{ warehouse: {{ kind: clickhouse, {settings} }} }}"));
    let catalog = loaded(&dir).unwrap();
    let SourceSettings::ClickHouse(found) = &catalog.connections["warehouse"].source else { unreachable!() };
    assert_eq!(
        (found.url.as_str(), found.user.as_str(), found.database.as_deref()),
        ("https://db.example:8443/", "reports", Some("sales"))
    );
    assert_eq!((found.password.expose(), found.settings["max_bytes_to_read"].as_str()), ("s3cret", "1000"));
    for (settings, message) in [
        ("user: x", "`url` is missing"),
        ("url: 'db.example:8443'", "is no address of a ClickHouse server's HTTP interface"),
        ("url: 'https://app:pw@db.example'", "a login does not stand in the address"),
        ("url: 'https://db.example/?database=x'", "the address has parameters"),
        ("url: 'https://db.example', password: plain", "the password is written in plain text"),
        ("url: 'https://db.example', settings: { readonly: 0 }", "`readonly` is set by Pressrun"),
        ("url: 'https://db.example', settings: { timeout_overflow_mode: break }", "`timeout_overflow_mode` is set by Pressrun"),
        ("url: 'https://db.example', settings: { param_p1: x }", "`param_p1` is no setting of a query"),
        ("url: 'https://db.example', sslmode: require", "`sslmode` does not belong to kind `clickhouse`"),
        ("url: 'https://db.example', folder: data", "`folder` does not belong to kind `clickhouse`"),
    ] {
        let said = refused("connections.yaml", &format!("connections: {{ warehouse: {{ kind: clickhouse, {settings} }} }}"));
        assert!(said.len() == 1 && said[0].contains(message), "{settings}: {said:#?}");
    }
}

#[test]
fn b17_a_driver_is_a_name_and_its_secrets_are_not_written() {
    let dir = good();
    write(dir.path(), "token", "t0ken\n");
    let settings = "driver: snowflake, options: { uri: 'reports@account/db', token: { file: token } }, session: ['use role reports']";
    write(dir.path(), "connections.yaml", format!("connections: {{ warehouse: {{ kind: adbc, {settings} }} }}"));
    let catalog = loaded(&dir).unwrap();
    let SourceSettings::Adbc(found) = &catalog.connections["warehouse"].source else { unreachable!() };
    assert_eq!((found.driver.as_str(), found.dialect.as_str(), found.session.len()), ("snowflake", "snowflake", 1));
    assert_eq!((found.options["token"].value.expose(), found.options["token"].is_secret), ("t0ken", true));
    assert!(!found.options["uri"].is_secret);
    for (settings, message) in [
        ("options: { a: b }", "`driver` is missing"),
        ("driver: ../evil", "`../evil` is no name of a driver"),
        ("driver: /opt/lib.so", "`/opt/lib.so` is no name of a driver"),
        ("driver: x, dialect: klingon", "`klingon` is no dialect"),
        ("driver: postgresql, dialect: postgres", "PostgreSQL is spoken to without a driver"),
        ("driver: x, options: text", "`options` of kind `adbc` is a mapping"),
        ("driver: x, options: { password: plain }", "`password` is written in plain text"),
        ("driver: x, options: { uri: 'a://b:c@d' }", "`uri` holds a password in plain text"),
        ("driver: x, options: { token: { file: gone } }", "the file `gone` cannot be read"),
        ("driver: x, url: 'https://x'", "`url` does not belong to kind `adbc`"),
    ] {
        let said = refused("connections.yaml", &format!("connections: {{ warehouse: {{ kind: adbc, {settings} }} }}"));
        assert!(said.len() == 1 && said[0].contains(message), "{settings}: {said:#?}");
    }
}
