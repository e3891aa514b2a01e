use super::*;
use crate::sample;

fn catalog() -> Catalog {
    let dir = TempDir::new().unwrap();
    sample::write(dir.path()).unwrap();
    load_with(dir.path(), LoadOptions::default()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn the_sample_has_everything_that_the_contract_s_examples_name() {
    let catalog = catalog();
    for (identifier, name) in [
        ("12db1a0a", "Orders"),
        ("dashboard-abc123", "Weekly Regional Report"),
        ("1169b547", "Web Traffic Analysis"),
        ("eadde573", "⚡️🍣 Query"),
        ("0958c2d8", "Orders (2)"),
    ] {
        let document = &catalog.documents[identifier];
        assert_eq!((document.name.as_str(), document.saved, document.dashboard.is_some()), (name, true, true), "{identifier}");
    }
    for identifier in ["12db1a0a", "dashboard-abc123"] {
        let dashboard = catalog.documents[identifier].dashboard.as_ref().unwrap();
        let keys: Vec<&str> = dashboard.filters.keys().map(pressrun_domain::id::FilterKey::as_str).collect();
        assert_eq!(keys, ["region", "status", "period"], "{identifier}");
        assert!(dashboard.query(&"1".into()).is_some(), "{identifier}");
    }
    let blob = catalog.member_by_email(&"blob.ross@myorg.co".parse().unwrap()).unwrap();
    assert_eq!((blob.name.as_str(), blob.admin), ("Blob Ross", true));
    assert!(catalog.members.iter().any(|member| member.name == "Blobby Hill"));
    let attributes: Vec<&str> = catalog.attributes.keys().map(String::as_str).collect();
    assert_eq!(attributes, ["region", "is_admin", "is_sales_team"]);
    assert!(catalog.dev_keys.is_empty());
}

#[test]
fn the_sample_shows_each_kind_of_document() {
    let catalog = catalog();
    let documents: Vec<_> = catalog.documents.values().collect();
    assert!(documents.iter().any(|document| !document.saved));
    assert!(documents.iter().any(|document| document.saved && document.dashboard.is_none()));
    assert!(documents.iter().any(|document| { document.dashboard.as_ref().is_some_and(|dashboard| dashboard.filters.is_empty()) }));
    let closed = documents.iter().find(|document| !document.access.groups.is_empty()).unwrap();
    assert!(catalog.members.iter().any(|member| member.active && !catalog.may_view(member, closed)));
}

/// No copy of it fails by what its reader's rows hold either.
#[test]
fn p4_check_finds_nothing_in_the_sample() {
    let dir = TempDir::new().unwrap();
    sample::write(dir.path()).unwrap();
    assert_eq!(crate::check(dir.path()).problems, []);
}

#[test]
fn writing_the_sample_keeps_what_exists() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir_all(dir.path().join("dashboards")).unwrap();
    write(dir.path(), "people.yaml", "mine");
    sample::write(dir.path()).unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("people.yaml")).unwrap(), "mine");
    assert!(dir.path().join("data").is_dir());
}
