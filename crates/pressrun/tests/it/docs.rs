//! What the pages say is so: their links lead somewhere, all of them are in the book, and every command of the tutorial is run.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Pages below a folder, decisions aside: those are for developers.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("decisions") {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Addresses in `[words](address)`, those in code aside.
fn links(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // What stands between backticks is no link.
        let plain: String = line.split('`').step_by(2).collect();
        for part in plain.split("](").skip(1) {
            found.push(part.split([')', ' ']).next().unwrap_or_default().to_owned());
        }
    }
    found
}

/// The heading's address, as GitHub and mdBook make it.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let root = root();
    let mut broken = Vec::new();
    for page in pages(&root.join("docs"))
        .into_iter()
        .chain(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md"].map(|name| root.join(name)))
    {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads = target.exists()
                && (anchor.is_empty()
                    || std::fs::read_to_string(&target).is_ok_and(|text| anchors(&text).iter().any(|known| known == anchor)));
            if !leads {
                broken.push(format!("{}: {link}", page.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_is_in_the_book() {
    let docs = root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed: Vec<PathBuf> = links(&summary).iter().map(|link| docs.join(link)).collect();
    let missing: Vec<_> = pages(&docs).into_iter().filter(|page| !page.ends_with("SUMMARY.md") && !listed.contains(page)).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
    for page in listed {
        assert!(page.is_file(), "{}", page.display());
    }
}

/// As somebody would type them, one after the other, in an empty folder with `pressrun` on the path and the examples beside it.
#[test]
fn every_command_of_the_tutorial_works() {
    let (root, dir) = (root(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(root.join("examples"), dir.path().join("examples")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_pressrun")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let text = std::fs::read_to_string(root.join("docs/tutorial.md")).unwrap();
    let mut ran = 0;
    for block in text.split("```sh\n").skip(1) {
        for line in block.split("```").next().unwrap().lines().filter(|line| !line.is_empty()) {
            let output =
                Command::new("sh").args(["-c", line]).current_dir(dir.path()).env("PATH", &path).env("NO_COLOR", "1").output().unwrap();
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{line}\n{said}");
            ran += 1;
        }
    }
    assert!(ran > 12, "{ran}");
    for made in ["sales.pdf", "sales.xlsx", "reports/pressrun.toml", "backup"] {
        assert!(dir.path().join(made).exists(), "{made}");
    }
    let mails = std::fs::read_dir(dir.path().join("reports/outbox")).unwrap().count();
    assert_eq!(mails, 2, "the first report, and the test");
}

#[test]
fn every_reason_of_a_run_has_its_cause_and_remedy() {
    let text = std::fs::read_to_string(root().join("docs/reasons.md")).unwrap();
    let described: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert_eq!(described, pressrun_domain::reason::WORDS);
}
