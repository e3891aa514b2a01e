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
    assert!(stdout(&output).starts_with("Region,Amount\r\n/dev/stdout"), "{output:?}");
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
