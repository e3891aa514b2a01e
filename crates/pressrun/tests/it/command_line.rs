//! The commands as a user types them.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::world::write_catalog;

fn pressrun(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pressrun")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn cron_next_prints_utc_instants_as_json() {
    let from = "2025-07-23T21:43:39Z";
    for (expression, zone, expected) in [
        ("0 9 ? * * *", "UTC", r#"["2025-07-24T09:00:00Z","2025-07-25T09:00:00Z","2025-07-26T09:00:00Z"]"#),
        ("00 09 ? * 2,3,4,5,6 *", "America/New_York", r#"["2025-07-24T13:00:00Z","2025-07-25T13:00:00Z","2025-07-28T13:00:00Z"]"#),
        ("0 0 1 1 ? 2099", "UTC", r#"["2099-01-01T00:00:00Z"]"#),
    ] {
        let output = pressrun(&["cron", "next", expression, "--timezone", zone, "-n", "3", "--from", from, "--json"]);
        assert_eq!(stdout(&output).trim(), expected, "{expression}");
    }
}

#[test]
fn cron_next_marks_what_daylight_saving_moved() {
    let output = pressrun(&["cron", "next", "30 2 ? * * *", "--timezone", "America/New_York", "-n", "2", "--from", "2026-03-07T12:00:00Z"]);
    let text = stdout(&output);
    assert!(text.contains("2026-03-08T07:00:00Z  Sun 2026-03-08 03:00 EDT  dst_gap"), "{text}");
}

#[test]
fn an_invalid_expression_is_an_error_that_says_what_to_change() {
    let output = pressrun(&["cron", "next", "0 9 * * *"]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.starts_with("error: ") && text.contains("six"), "{text}");
}

#[test]
fn check_names_file_line_and_what_would_be_right() {
    let dir = tempfile::tempdir().unwrap();
    pressrun_catalog::sample::write(dir.path()).unwrap();

    let folder = dir.path().display().to_string();
    assert!(stdout(&pressrun(&["check", &folder])).contains("no problems"));
    let file = dir.path().join("dashboards/orders.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("connection: warehouse", "connection: warehuose", 1)).unwrap();
    let output = pressrun(&["check", &folder]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("dashboards/orders.yaml:4:13:") && text.contains("warehuose") && text.contains("hint: "), "{text}");
}

#[test]
fn check_prints_one_schema_for_an_editor() {
    for (kind, key) in [("dashboard", "tiles"), ("connections", "connections"), ("people", "members")] {
        let schema: serde_json::Value = serde_json::from_str(&stdout(&pressrun(&["check", "--schema", kind]))).unwrap();
        assert!(schema["$schema"].is_string() && schema["properties"][key].is_object(), "{kind}");
    }
}

/// `pressrun render` of the tests' catalog.
fn render(catalog: &TempDir, arguments: &[&str]) -> Output {
    write_catalog(catalog.path());
    let folder = catalog.path().display().to_string();
    pressrun(&[&["render", "--catalog", &folder], arguments].concat())
}

#[test]
fn render_names_what_there_is_instead() {
    let catalog = tempfile::tempdir().unwrap();
    for (arguments, error, hint) in [
        (&["salse"][..], "no document \"salse\"", "sales"),
        (&["sales", "--tile", "99"], "no query 99", "there is: 1, total, refunds"),
        (&["sales", "--filter", "Region=US"], "Region", "there is: region"),
        (&["sales", "--as", "nobody@myorg.co"], "nobody@myorg.co", ""),
    ] {
        let output = render(&catalog, arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(error) && text.contains(hint), "{arguments:?}: {text}");
        assert!(hint.is_empty() || text.contains("\nhint: "), "{text}");
    }
}

#[test]
fn render_writes_the_whole_file_or_none() {
    let (catalog, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("sales.csv").display().to_string();
    let of_blob = ["sales", "--format", "csv", "--tile", "1", "--filter", "region=EU", "--as", "blob.ross@myorg.co"];
    assert_eq!(stdout(&render(&catalog, &[&of_blob[..], &["-o", &file]].concat())).trim(), file);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "Region,Amount\r\nEU,20.5\r\n");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    let nowhere = dir.path().join("no/sales.csv").display().to_string();
    let output = render(&catalog, &[&of_blob[..], &["-o", &nowhere]].concat());
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains(&format!("could not write {nowhere}")));
}

#[test]
fn p1_render_without_a_viewer_sees_no_rows_of_anybody() {
    let catalog = tempfile::tempdir().unwrap();
    let output = render(&catalog, &["sales", "--format", "csv", "--tile", "1", "-o", "/dev/stdout"]);
    assert_eq!(stdout(&output), "Region,Amount\r\n");
}

/// Also where standard output is a file and whoever runs it may replace devices.
#[test]
fn render_writes_into_standard_output_and_through_links() {
    let (catalog, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_catalog(catalog.path());
    let folder = catalog.path().display().to_string();
    let before = std::fs::symlink_metadata("/dev/stdout").unwrap().file_type();
    for name in ["-", "/dev/stdout"] {
        let file = dir.path().join("redirected");
        let into = std::fs::File::create(&file).unwrap();
        let arguments = ["render", "--catalog", &folder, "sales", "--format", "csv", "--tile", "1", "-o", name];
        assert!(Command::new(env!("CARGO_BIN_EXE_pressrun")).args(arguments).stdout(into).status().unwrap().success());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "Region,Amount\r\n", "{name}");
    }
    assert_eq!(std::fs::symlink_metadata("/dev/stdout").unwrap().file_type(), before);

    let (link, target) = (dir.path().join("link.csv"), dir.path().join("target.csv"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let written = render(&catalog, &["sales", "--format", "csv", "--tile", "1", "-o", link.to_str().unwrap()]);
    assert!(written.status.success() && link.is_symlink(), "{written:?}");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "Region,Amount\r\n");
}

#[test]
fn v10_chosen_pages_come_in_order_and_a_picture_holds_one() {
    let dir = tempfile::tempdir().unwrap();
    let rendered = |format: &str, pages: &[&str]| {
        let out = dir.path().join(format!("out.{format}"));
        let mut arguments = vec!["render", "1169b547", "--format", format, "--at", "2026-06-01T12:00:00Z", "-o", out.to_str().unwrap()];
        arguments.extend(pages.iter().flat_map(|page| ["--page", *page]));
        stdout(&pressrun(&arguments));
        Command::new("pdftotext")
            .arg("-layout")
            .arg(&out)
            .arg("-")
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for (pages, expected) in [
        (vec![], vec!["Sources by measure", "Visits and sign-ups"]),
        (vec!["Sources", "Overview"], vec!["Visits and sign-ups", "Sources by measure"]),
        (vec!["Sources"], vec!["Visits and sign-ups"]),
    ] {
        let text = rendered("pdf", &pages).unwrap();
        let sheets: Vec<&str> = text.trim_end_matches('\u{c}').split('\u{c}').collect();
        assert_eq!(sheets.len(), expected.len(), "{pages:?}: {text}");
        for (sheet, title) in sheets.iter().zip(&expected) {
            assert!(sheet.contains(title), "{pages:?}: {sheet}");
        }
    }
    assert!(rendered("png", &["Sources"]).is_ok());
    let unknown = pressrun(&["render", "1169b547", "--format", "pdf", "--page", "sources"]);
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(!unknown.status.success() && text.contains("Overview, Sources"), "{text}");
}

/// A catalog of one dashboard over files, without its data folder.
fn written(tiles: &str, more: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("dashboards")).unwrap();
    std::fs::write(dir.path().join("connections.yaml"), "connections: { w: { kind: files } }\n").unwrap();
    let people = "organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs }\n\
                  members: [{ name: Ann, email: ann@x.example, admin: true }, { name: Bob, email: bob@x.example }]\n\
                  groups: [{ name: finance, members: [ann@x.example] }]\n";
    std::fs::write(dir.path().join("people.yaml"), people).unwrap();
    std::fs::write(dir.path().join("dashboards/d.yaml"), format!("identifier: d\nname: D\n{more}tiles:\n{tiles}")).unwrap();
    dir
}

fn with_data(dir: TempDir) -> TempDir {
    std::fs::create_dir(dir.path().join("data")).unwrap();
    std::fs::write(dir.path().join("data/t.csv"), "kind,n\na,1\nb,2\n").unwrap();
    dir
}

fn check(dir: &TempDir, arguments: &[&str]) -> (bool, String) {
    let folder = dir.path().display().to_string();
    let output = pressrun(&[&["check", &folder], arguments].concat());
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn b15_a_check_away_from_the_data_warns_of_the_folder_and_passes() {
    let dir = written("  t: { sql: select 1 as n, at: { x: 0, y: 0, w: 6, h: 4 } }\n", "");
    let (passes, text) = check(&dir, &[]);
    assert!(passes && text.contains("warning: connections.yaml:1:") && text.contains("there is no folder `data`"), "{text}");
    assert!(text.contains("1 document, 1 tile, 1 warning"), "{text}");
    let (passes, text) = check(&dir, &["--connect"]);
    assert!(!passes && text.contains("error: connections.yaml:1:"), "{text}");
    let (_, text) = check(&dir, &["--json"]);
    let problems: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problems[0]["severity"], "warning", "{text}");
}

#[test]
fn b17_a_check_by_a_servers_configuration_says_which_connections_it_refuses_once_each() {
    let tiles = ["a", "b", "c"].map(|key| format!("  {key}: {{ sql: select 1 as n, hidden: true }}\n")).concat();
    let dir = written(&tiles, "connection: inside\n");
    let connections =
        "connections:\n  inside: { kind: postgres, host: 10.1.2.3, user: u }\n  named: { kind: postgres, host: closed.invalid, user: u }\n";
    std::fs::write(dir.path().join("connections.yaml"), connections).unwrap();
    let config = dir.path().join("pressrun.toml");
    let path = config.display().to_string();
    std::fs::write(&config, "[egress]\ndeny = ['10.0.0.0/8']\n").unwrap();
    let (passes, text) = check(&dir, &[]);
    assert!(passes, "nobody said what is closed: {text}");
    for connect in [&[][..], &["--connect"]] {
        let (passes, text) = check(&dir, &[&["--config", &path], connect].concat());
        let told = "error: connections.yaml:2:3: connections may not lead to 10.1.2.3 on port 5432\nhint: the operator decides that under [egress]";
        assert!(!passes && text.contains(told) && text.matches("10.1.2.3").count() == 1, "{connect:?}: {text}");
        let looked_up =
            text.contains("error: connections.yaml:3:3: the name closed.invalid of the connection's server could not be looked up");
        assert_eq!(looked_up, !connect.is_empty(), "{text}");
    }
    std::fs::write(
        &config,
        "[egress]\nconnections = 'policy'\nallow = ['10.1.2.3:5432', 'closed.invalid:5432']\n[catalog]\nmax_dashboards = 1\n",
    )
    .unwrap();
    std::fs::write(dir.path().join("dashboards/e.yaml"), "identifier: e\nname: E\ndashboard: false\n").unwrap();
    let (passes, text) = check(&dir, &["--config", &path]);
    assert!(!passes && text.contains("more than 1 files") && !text.contains("may not lead"), "its bounds hold as well: {text}");
}

#[test]
fn newcomer_9_a_check_that_connects_asks_for_the_columns() {
    let tile = |sql: &str, more: &str| {
        let dir = with_data(written(&format!("  t:\n    sql: |\n      {sql}\n    at: {{ x: 0, y: 0, w: 6, h: 4 }}\n{more}"), ""));
        check(&dir, &["--connect"])
    };
    let (passes, text) = tile("select * from t", "    chart: { mark: bar, x: kind, y: n }\n");
    assert!(passes && text.contains("no problems"), "{text}");
    for (sql, more, expected) in [
        ("select knd from t", "", "dashboards/d.yaml:6:14: there is no column \"knd\""),
        ("select kind from tt", "", "there is no table \"tt\""),
        ("select * from t", "    chart: { mark: bar, x: knd, y: n }\n", "the chart draws `knd` as `x`, but the query has no such column"),
        ("select kind, count(*) from t group by 1", "    chart: { mark: bar, x: kind, y: n }\n", "the chart draws `n` as `y`"),
    ] {
        let (passes, text) = tile(sql, more);
        assert!(!passes && text.contains(expected), "{sql}: {text}");
    }
    for (format, column, said) in [
        ("%%bogus%%", "n", "the format of `n` has no digits, but the column holds numbers"),
        ("0.00", "kind", "the format of `kind` changes nothing"),
    ] {
        let (passes, text) = tile("select * from t", &format!("    fields: {{ {column}: {{ format: '{format}' }} }}\n"));
        assert!(passes && text.contains("warning: dashboards/d.yaml:6:") && text.contains(said), "{text}");
    }
    let (passes, text) = tile("select * from t", "    fields: { nn: { label: N } }\n");
    assert!(passes && text.contains("warning: ") && text.contains("`fields` names `nn`") && text.contains("did you mean `n`?"), "{text}");
}

#[test]
fn newcomer_25_render_respects_access_and_reads_dates_papers_and_fonts() {
    let tile = "  t: { sql: \"select now() as at\", at: { x: 0, y: 0, w: 6, h: 4 } }\n";
    let dir = with_data(written(tile, "timezone: America/New_York\naccess: { groups: [finance] }\n"));
    let folder = dir.path().display().to_string();
    let run = |arguments: &[&str]| pressrun(&[&["render", "d", "--catalog", &folder], arguments].concat());
    for (arguments, error, hint) in [
        (&["--as", "bob@x.example"][..], "bob@x.example may not view document d", "finance"),
        (&["--paper", "B7"], "there is no paper \"B7\"", "a3, a4, legal, letter, fit_page, tabloid"),
        (&["--fonts", "/nope"], "there is no folder /nope with fonts", "system"),
        (&["--at", "soonish"], "--at \"soonish\" is no date", "2026-06-01"),
        (&["--format", "doc"], "there is no format \"doc\"", "pdf, png, xlsx, csv or json"),
        (&["--format", "csv", "-o", "x.pdf"], "the output is csv, but its name ends in .pdf", "--format pdf"),
    ] {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(error) && text.contains(hint), "{arguments:?}: {text}");
    }
    for (at, expected) in [
        ("2026-06-01", "2026-06-01T00:00:00-04:00"),
        ("2026-06-01 09:30", "2026-06-01T09:30:00-04:00"),
        ("2026-06-01T09:30:00Z", "2026-06-01T05:30:00-04:00"),
    ] {
        let text = stdout(&run(&["--as", "ann@x.example", "--at", at, "--format", "csv", "-o", "/dev/stdout"]));
        assert!(text.contains(expected), "{at}: {text}");
    }
    let out = dir.path().join("out.json").display().to_string();
    assert_eq!(stdout(&run(&["--as", "ann@x.example", "--paper", "A4", "-o", &out])).trim(), out);
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "the name of the output says the format: {text}");
}

#[test]
fn b16_newcomer_18_render_says_why_there_is_nothing_and_what_a_zip_is() {
    let tiles = |sql: &str| {
        format!(
            "  a: {{ sql: \"{sql}\", at: {{ x: 0, y: 0, w: 6, h: 4 }} }}\n  b: {{ sql: select 2 as n, at: {{ x: 6, y: 0, w: 6, h: 4 }} }}\n"
        )
    };
    let dir = with_data(written(&tiles("select 1 as n"), ""));
    let folder = dir.path().display().to_string();
    let csv = dir.path().join("o.csv").display().to_string();
    let output = pressrun(&["render", "d", "--catalog", &folder, "-o", &csv]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && text.contains("csv of several tiles is a zip") && text.contains("o.zip") && text.contains("--tile"),
        "{text}"
    );
    assert!(!dir.path().join("o.csv").exists());
    let one = stdout(&pressrun(&["render", "d", "--catalog", &folder, "--tile", "b", "-o", &csv]));
    assert_eq!(one.trim(), csv);

    let dir = with_data(written("  t: { sql: select nope from t, at: { x: 0, y: 0, w: 6, h: 4 } }\n", ""));
    let folder = dir.path().display().to_string();
    for format in ["csv", "json", "xlsx"] {
        let output = pressrun(&["render", "d", "--catalog", &folder, "--format", format, "--tile", "t", "-o", "-"]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.stdout.is_empty() && !text.contains("several tiles"), "{format}: {text}");
        assert!(
            !output.status.success() && text.contains("there is no column \"nope\"") && text.contains("line 1, column 8 of the tile's SQL"),
            "{format}: {text}"
        );
    }
}

/// `pressrun connection test`: files, a server by its wire, and why one does not answer.
#[test]
fn a_connection_says_what_answers() {
    let catalog = tempfile::tempdir().unwrap();
    pressrun_catalog::sample::write(catalog.path()).unwrap();
    let folder = catalog.path().display().to_string();
    let test = |name: &str| pressrun(&["connection", "test", name, "--catalog", &folder]);
    let text = stdout(&test("warehouse"));
    for line in ["connection     warehouse", "kind           files", "server         the embedded engine", "only reads     yes"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let missing = test("lake");
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        !missing.status.success() && text.contains("there is no connection `lake`") && text.contains("hint: the catalog has: warehouse"),
        "{text}"
    );
    let Some(server) = pressrun_testkit::PostgresServer::start() else { return };
    let connections = format!("connections: {{ warehouse: {{ kind: postgres, url: '{}', timezone: Europe/Berlin }} }}\n", server.url());
    std::fs::write(catalog.path().join("connections.yaml"), connections).unwrap();
    let text = stdout(&test("warehouse"));
    for line in
        ["kind           postgres", "server         PostgreSQL", "zone           Europe/Berlin", "placeholder    $1", "only reads     yes"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    drop(server);
    let gone = test("warehouse");
    assert!(!gone.status.success() && String::from_utf8_lossy(&gone.stderr).contains("cannot be reached"));
    // A driver without a folder of drivers.
    std::fs::write(catalog.path().join("connections.yaml"), "connections: { warehouse: { kind: adbc, driver: duckdb } }\n").unwrap();
    let off = test("warehouse");
    assert!(!off.status.success() && String::from_utf8_lossy(&off.stderr).contains("loads no database drivers"));
}
