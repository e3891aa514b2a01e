//! How large a catalog may be, and what aliases and merge keys make of a file.

use std::fmt::Write as _;

use super::*;
use crate::CatalogRules;

/// 400 kB of which most are 40,000 aliases of a text of `text` bytes.
fn repeated(text: usize) -> String {
    let aliases = "    - *t\n".repeat(40_000);
    format!("identifier: a\nname: &t {}\npages:\n{aliases}", "x".repeat(text))
}

#[test]
fn a15_aliases_are_bounded_by_what_they_repeat() {
    for (case, text, refused_for) in [
        ("gigabytes", repeated(100_000), Some("aliases make the file many times longer than it is")),
        ("a list of lists", format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(1_000), "*a, ".repeat(1_000)), Some("aliases make the file")),
        ("what a person writes", "x-t: &t some text\nidentifier: a\nname: *t\npages: [*t]\n".to_owned(), None),
    ] {
        let said = refused("dashboards/orders.yaml", &text);
        assert_eq!(said.iter().any(|line| line.contains(refused_for.unwrap_or("aliases"))), refused_for.is_some(), "{case}: {said:#?}");
    }
}

#[test]
fn a15_the_aliases_of_all_files_share_one_bound() {
    let dir = good();
    // Each repeats 0.9 MiB, which a file may.
    let text =
        |at: usize| format!("identifier: d{at}\nname: D\nx-t: &t {}\nx-u: [{}]\ndashboard: false\n", "x".repeat(9_000), "*t, ".repeat(100));
    for at in 0..10 {
        write(dir.path(), &format!("dashboards/d{at}.yaml"), text(at));
    }
    assert!(loaded(&dir).is_ok());
    let rules = CatalogRules { max_bytes: 5 << 20, ..CatalogRules::open() };
    let problems = load_with(dir.path(), LoadOptions { rules: &rules, ..LoadOptions::default() }).unwrap_err();
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(problems.iter().all(|problem| problem.message.contains("aliases")));
}

/// The good dashboard, its tile's keys taken over from an anchor at the top.
fn merging(top: &str, merge: &str) -> String {
    format!(
        "{top}\n{}",
        DASHBOARD.replace("    chart: { mark: bar, x: region, y: n }\n    at: { x: 0, y: 0, w: 12, h: 8 }\n", &format!("    {merge}\n"))
    )
}

#[test]
fn c3_merge_keys_mean_what_they_spell_out() {
    let plain = loaded(&good()).unwrap().documents["12db1a0a"].clone();
    let top = "x-bars: &bars { chart: { mark: bar, x: region, y: n }, at: { x: 0, y: 0, w: 12, h: 8 } }\n\
               x-else: &else { chart: { mark: line, x: region, y: n }, at: { x: 0, y: 0, w: 12, h: 8 }, title: Else }";
    for (case, merge, title, mark) in [
        ("one mapping", "<<: *bars", "1", "Bar"),
        ("the first of a list wins", "<<: [*bars, *else]", "Else", "Bar"),
        ("what is written beside it wins", "title: Mine\n    <<: *else", "Mine", "Line"),
        ("wherever it stands", "<<: *else\n    title: Mine", "Mine", "Line"),
    ] {
        let dir = good();
        write(dir.path(), "dashboards/orders.yaml", merging(top, merge));
        let document = loaded(&dir).unwrap_or_else(|problems| panic!("{case}: {problems:#?}")).documents["12db1a0a"].clone();
        let tile = &document.dashboard.as_ref().unwrap().tiles["1"];
        let pressrun_domain::catalog::TileBody::Query(query) = &tile.body else { panic!("{case}") };
        assert_eq!((tile.title.as_str(), format!("{:?}", query.chart.mark).as_str()), (title, mark), "{case}");
        if case == "one mapping" {
            assert_eq!(format!("{:?}", document.dashboard), format!("{:?}", plain.dashboard));
        }
    }
}

#[test]
fn c3_a_merge_of_a_merge_and_a_quoted_key() {
    let top = "x-a: &a { chart: { mark: bar, x: region, y: n } }\nx-b: &b { <<: *a, at: { x: 0, y: 0, w: 12, h: 8 } }";
    assert_eq!(refused("dashboards/orders.yaml", &merging(top, "<<: *b")), Vec::<String>::new());
    for (merge, expected) in
        [("\"<<\": *b", "unknown key `<<`"), ("<<: text", "`<<` merges mappings only"), ("<<: *b\n    <<: *a", "key `<<` is written twice")]
    {
        let said = refused("dashboards/orders.yaml", &merging(top, merge));
        assert!(said.iter().any(|line| line.contains(expected)), "{merge}: {said:#?}");
    }
}

#[test]
fn c3_keys_for_anchors_stand_at_the_top_of_every_kind_of_file_and_nowhere_else() {
    let dir = good();
    for (file, text) in [("connections.yaml", CONNECTIONS), ("people.yaml", PEOPLE), ("dashboards/orders.yaml", DASHBOARD)] {
        let before = loaded(&dir).unwrap().version;
        write(dir.path(), file, format!("x-here: [anything, {{ at: all }}]\n{text}"));
        assert_eq!(loaded(&dir).unwrap().version, before, "{file} says what it said");
    }
    let said = refused("dashboards/orders.yaml", &DASHBOARD.replace("    sql:", "    x-here: 1\n    sql:"));
    assert!(said[0].contains("unknown key `x-here`"), "{said:#?}");
}

#[test]
fn b13_bounds_are_the_operators_and_their_refusals_name_the_key() {
    let dir = good();
    write(dir.path(), "dashboards/second.yaml", DASHBOARD.replace("12db1a0a", "second"));
    for (rules, expected) in [
        (CatalogRules { max_dashboards: 1, ..CatalogRules::open() }, "[catalog] max_dashboards"),
        (CatalogRules { max_members: 1, ..CatalogRules::open() }, "[catalog] max_members"),
        (CatalogRules { max_file_bytes: 200, ..CatalogRules::open() }, "[catalog] max_file_mb"),
        (CatalogRules { max_bytes: 600, ..CatalogRules::open() }, "[catalog] max_mb"),
    ] {
        let problems = load_with(dir.path(), LoadOptions { rules: &rules, ..LoadOptions::default() }).unwrap_err();
        assert!(problems.iter().any(|problem| problem.hint.contains(expected)), "{expected}: {problems:#?}");
    }
}

#[test]
fn b13_more_dashboards_and_members_than_the_old_bounds_load() {
    let dir = good();
    for at in 0..2_100 {
        write(dir.path(), &format!("dashboards/d{at}.yaml"), format!("identifier: d{at}\nname: D{at}\ndashboard: false\n"));
    }
    let mut people = PEOPLE.replace("groups:", "  # more");
    people.truncate(people.find("  # more").unwrap());
    for at in 0..6_000 {
        writeln!(people, "  - {{ name: Member {at}, email: m{at}@myorg.co, attributes: {{ region: [US, EU] }} }}").unwrap();
    }
    write(dir.path(), "people.yaml", people);
    let catalog = loaded(&dir).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!((catalog.documents.len(), catalog.members.len()), (2_101, 6_002));
}
