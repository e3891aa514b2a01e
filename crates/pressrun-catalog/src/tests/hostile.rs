use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

#[test]
fn text_fields_are_data_and_load_as_written() {
    for name in [
        "<script>alert(1)</script>",
        "=HYPERLINK(\"x\")",
        "#set page(width: 1pt)",
        "{{ 7 * 7 }}",
        "'; drop table orders; --",
        "🍣\u{202e}gnp.exe",
        "\\u0000",
    ] {
        let dir = good();
        write(dir.path(), "dashboards/orders.yaml", DASHBOARD.replace("name: Orders", &format!("name: '{}'", name.replace('\'', "''"))));
        assert_eq!(loaded(&dir).unwrap().documents["12db1a0a"].name, name);
    }
}

#[test]
fn hostile_texts_give_problems() {
    let bomb = {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
        }
        text
    };
    for (case, text, expected) in [
        ("ten megabytes", "x".repeat(10 * 1024 * 1024), "larger than 4 MiB"),
        ("deep lists", "[".repeat(100_000), "not valid YAML"),
        ("deep mappings", "{a: ".repeat(100_000), "not valid YAML"),
        ("deep lists within the parser's bound", format!("name: {}{}", "[".repeat(28), "]".repeat(28)), "nested deeper than 24 levels"),
        ("a bomb of aliases", bomb, "aliases make the file many times longer than it is"),
        ("many values", format!("name: [{}]", "1, ".repeat(450_000)), "more than 419430 values in one file"),
        ("an alias of itself", "a: &a [*a]".to_owned(), "an alias inside the value that it names"),
        ("a NUL", "name: \0".to_owned(), "a control character"),
        ("an unknown alias", "name: *a".to_owned(), "not valid YAML"),
        ("a tag", "identifier: !!python/object a\nname: b\n".to_owned(), "means nothing here"),
        ("a key of lists", "? [a, b]\n: c\n".to_owned(), "a list or mapping as a key"),
        ("a long key", format!("{}: 1", "k".repeat(500_000)), ""),
        ("tabs", "\tname: x".to_owned(), ""),
    ] {
        let said = refused("dashboards/orders.yaml", &text);
        assert!(said.iter().any(|line| line.contains(expected)) && !said.is_empty(), "{case}: {said:#?}");
        assert!(said.iter().all(|line| line.len() < 1_000), "{case}: messages stay short");
    }
}

#[test]
fn bytes_that_are_not_utf8_name_their_line() {
    let dir = good();
    write(dir.path(), "dashboards/orders.yaml", b"name: x\nidentifier: \xff\xfe\n");
    assert!(loaded(&dir).unwrap_err()[0].message.contains("line 2 is not UTF-8"));
}

#[test]
fn many_problems_are_cut_and_counted() {
    let tiles = (0..190).fold(String::new(), |text, at| text + &format!("  t{at}: {{ a: 1, b: 2 }}\n"));
    let said = refused("dashboards/orders.yaml", &format!("identifier: a\nname: b\ntiles:\n{tiles}"));
    assert_eq!(said.len(), 201);
    assert!(said.last().unwrap().starts_with("catalog: and "));
}

#[test]
fn folders_named_as_files_and_missing_files_give_problems() {
    let dir = good();
    std::fs::create_dir(dir.path().join("dashboards/x.yaml")).unwrap();
    std::fs::remove_file(dir.path().join("people.yaml")).unwrap();
    std::fs::create_dir(dir.path().join("people.yaml")).unwrap();
    std::fs::remove_file(dir.path().join("connections.yaml")).unwrap();
    write(dir.path(), "dashboards/y.yml", "");
    let said: Vec<String> = loaded(&dir).unwrap_err().iter().map(|p| format!("{}: {}", p.file, p.message)).collect();
    assert_eq!(
        said,
        [
            "connections.yaml: the file is missing",
            "dashboards/x.yaml: a folder with the name of a file",
            "dashboards/y.yml: files are read only when their name ends in `.yaml`",
            "people.yaml: a folder with the name of a file",
        ]
    );
    assert!(crate::load(std::path::Path::new("/nowhere/at/all")).is_err());
}

#[cfg(unix)]
#[test]
fn links_stay_inside_the_folder() {
    use std::os::unix::fs::symlink;

    let outside = TempDir::new().unwrap();
    write(outside.path(), "secret.yaml", DASHBOARD);
    let dir = good();
    symlink(outside.path().join("secret.yaml"), dir.path().join("dashboards/out.yaml")).unwrap();
    symlink("nowhere", dir.path().join("dashboards/broken.yaml")).unwrap();
    symlink(dir.path(), dir.path().join("dashboards/loop")).unwrap();
    let said: Vec<String> = loaded(&dir).unwrap_err().iter().map(|p| format!("{}: {}", p.file, p.message)).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(said[0].starts_with("dashboards/broken.yaml: the file cannot be opened"));
    assert_eq!(said[1], "dashboards/loop: a link to a folder is not followed");
    assert_eq!(said[2], "dashboards/out.yaml: a link that leads out of the catalog folder");

    // A mounted configuration map is made of links inside of the folder.
    let mounted = TempDir::new().unwrap();
    std::fs::rename(good().keep(), mounted.path().join("..v1")).unwrap();
    symlink("..v1", mounted.path().join("..data")).unwrap();
    for name in ["connections.yaml", "people.yaml", "dashboards", "data"] {
        symlink(format!("..data/{name}"), mounted.path().join(name)).unwrap();
    }
    assert!(loaded(&mounted).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z0-9:{}\\[\\],&*!|>'\"#\\-? \n\t%~<]{0,200}") {
        let report = crate::problem::Report::new("d.yaml");
        let read = crate::yaml::read::<crate::files::DashboardFile>(&text, &crate::yaml::Bounds::new(1 << 20, 1 << 20), &report);
        prop_assert!(read.is_some() || !report.into_problems().is_empty(), "a refusal has a reason");
    }

    #[test]
    fn no_edit_of_a_good_file_makes_loading_panic(at in 0..DASHBOARD.len(), with in "[:{}\\[\\],&*'\" \n\0é]{1,3}", cut in 0_usize..12) {
        let end = (at + cut).min(DASHBOARD.len());
        let text = format!("{}{with}{}", &DASHBOARD[..at], &DASHBOARD[end..]);
        let report = crate::problem::Report::new("d.yaml");
        if let Some(read) = crate::yaml::read::<crate::files::DashboardFile>(&text, &crate::yaml::Bounds::new(1 << 20, 1 << 20), &report) {
            let names = [("warehouse".to_owned(), crate::problem::Place::default())].into_iter().collect();
            let connections = crate::convert::Connections { names, ..Default::default() };
            let known = crate::convert::Known { connections: Some(&connections), people: None, judge: true };
            let document = crate::convert::document(&read.content, &read.version, known, &report);
            prop_assert!(document.is_some() || !report.into_problems().is_empty(), "a refusal has a reason");
        }
    }
}
