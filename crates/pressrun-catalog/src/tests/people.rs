//! People in more than one file (B13).

use super::*;

fn split() -> TempDir {
    let dir = good();
    std::fs::create_dir_all(dir.path().join("people/europe")).unwrap();
    write(dir.path(), "people.yaml", "organization: { id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs }\n");
    write(dir.path(), "people/attributes.yaml", "attributes: { region: { type: String, multiple_values: true } }\n");
    write(dir.path(), "people/a.yaml", "members: [{ name: Blob Ross, email: blob@myorg.co, admin: true }]\n");
    write(
        dir.path(),
        "people/europe/b.yaml",
        "members:\n  - { name: Blobby Hill, email: blobby@myorg.co, attributes: { region: [EU] } }\n",
    );
    write(dir.path(), "people/groups.yaml", "groups: [{ name: sales, members: [blob@myorg.co, blobby@myorg.co] }]\n");
    dir
}

#[test]
fn b13_people_may_be_split_over_files_which_name_each_others() {
    let catalog = loaded(&split()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(catalog.members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["Blob Ross", "Blobby Hill"]);
    assert_eq!(catalog.groups[0].members.len(), 2);
    assert!(catalog.members[1].attributes.contains_key("region"), "attributes of another file");
    // The ids that are made depend on organization and address, not on the file.
    assert_eq!(catalog.members[1].id, loaded(&good()).unwrap().members[1].id);
}

#[test]
fn b13_what_two_files_say_twice_names_both() {
    let dir = split();
    write(dir.path(), "people/c.yaml", "members: [{ name: Again, email: BLOB@myorg.co }]\norganization: {}\n");
    write(dir.path(), "people/d.yaml", "attributes: { region: { type: Number } }\ngroups: [{ name: x, members: [nobody@myorg.co] }]\n");
    let said: Vec<String> = loaded(&dir).unwrap_err().iter().map(|p| format!("{}:{}: {}", p.file, p.line, p.message)).collect();
    assert_eq!(
        said,
        [
            "people/c.yaml:1: mail address `blob@myorg.co` is written twice, first in line 1 of people/a.yaml",
            "people/c.yaml:2: unknown key `organization`",
            "people/d.yaml:1: attribute `region` is written twice, first in line 1 of people/attributes.yaml",
            "people/d.yaml:2: no member has the mail address `nobody@myorg.co`",
        ]
    );
}

#[test]
fn b13_every_file_of_people_counts_for_the_version() {
    let dir = split();
    let before = loaded(&dir).unwrap().version;
    write(dir.path(), "people/a.yaml", "members: [{ name: Blob Ross, email: blob@myorg.co }]\n");
    assert_ne!(loaded(&dir).unwrap().version, before);
}
