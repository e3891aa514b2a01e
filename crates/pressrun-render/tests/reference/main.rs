//! Reference outputs: what every option makes of the same dashboard, kept under version control.
//!
//! A pdf is compared by its sheets and the text that a reader finds in it, a png by its pixels at a fifth of their size, files of
//! rows cell by cell.
//! `PRESSRUN_UPDATE_REFERENCES=1 cargo test -p pressrun-render --test reference` writes the outputs anew; look at them
//! (`cargo xtask contact-sheet`) before they are committed.

#![expect(clippy::unwrap_used, reason = "a test")]

mod cases;
mod picture;
mod reports;
mod rows;

use std::path::{Path, PathBuf};
use std::process::Command;

use pressrun_domain::output::Format;

use self::cases::{Case, cases};
use self::picture::Picture;

/// The switch that writes instead of comparing.
const UPDATE: &str = "PRESSRUN_UPDATE_REFERENCES";

fn expected(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/expected").join(name)
}

/// What poppler, a reader we did not write, says about a pdf; runs of spaces are one, since their number is its own affair.
fn told(pdf: &Path) -> String {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(pdf).arg(if program == "pdftotext" { "-" } else { "" }).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap()
    };
    let sizes = Command::new("pdfinfo").args(["-l", "99"]).arg(pdf).output().unwrap();
    let sizes = String::from_utf8_lossy(&sizes.stdout).into_owned();
    let wanted =
        |line: &&str| ["Title:", "Tagged:", "Pages:", "Page "].iter().any(|start| line.starts_with(start)) && !line.contains("rot:");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut told: Vec<String> = sizes.lines().filter(wanted).map(words).collect();
    told.push(String::new());
    let text = run("pdftotext", &["-layout", "-enc", "UTF-8"]).replace('\u{c}', "\n----\n");
    told.extend(text.lines().map(words).filter(|line| !line.is_empty()));
    told.join("\n") + "\n"
}

/// The artifact of a case, and what its reader is warned of.
fn made(case: &Case, folder: &Path) -> (PathBuf, String) {
    let path = folder.join(format!("{}.{}", case.name, case.job.format));
    let rendered = pressrun_render::render(&case.job, &path).unwrap();
    (path, rendered.warnings.iter().fold(String::new(), |told, warning| told + "! " + warning + "\n"))
}

fn check_pdf(case: &Case, folder: &Path, update: bool) -> Option<String> {
    let (path, warnings) = made(case, folder);
    let found = warnings + &told(&path);
    let file = expected(&format!("{}.txt", case.name));
    if update {
        std::fs::write(file, found).unwrap();
        return None;
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    difference(&wanted, &found).map(|how| format!("{}: {how}", case.name))
}

/// How two texts differ, sheet by sheet; lines may be broken elsewhere, as versions of poppler do, but words may not come or go.
fn difference(wanted: &str, found: &str) -> Option<String> {
    let sheets = |text: &str| -> Vec<Vec<String>> {
        let words = |sheet: &str| {
            let mut words: Vec<String> = sheet.split_whitespace().map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        text.split("\n----\n").map(words).collect()
    };
    let (wanted, found) = (sheets(wanted), sheets(found));
    if wanted.len() != found.len() {
        return Some(format!("it had {} sheets and has {}", wanted.len(), found.len()));
    }
    wanted.iter().zip(&found).enumerate().find_map(|(index, (wanted, found))| {
        let missing: Vec<&str> = wanted.iter().filter(|word| !found.contains(word)).map(String::as_str).take(5).collect();
        let added: Vec<&str> = found.iter().filter(|word| !wanted.contains(word)).map(String::as_str).take(5).collect();
        (wanted != found)
            .then(|| format!("sheet {}: {} words were {}; gone {missing:?}, new {added:?}", index + 1, found.len(), wanted.len()))
    })
}

fn check_png(case: &Case, folder: &Path, update: bool) -> Option<String> {
    let (path, _) = made(case, folder);
    let found = Picture::read(&path).unwrap().smaller(5);
    let file = expected(&format!("{}.png", case.name));
    if update {
        std::fs::write(file, found.png()).unwrap();
        return None;
    }
    let Some(wanted) = Picture::read(&file) else { return Some(format!("{}: there is no reference", case.name)) };
    found.differs(&wanted).map(|how| format!("{}: {how}", case.name))
}

fn check_rows(case: &Case, folder: &Path, update: bool) -> Option<String> {
    let path = folder.join("rows");
    let rendered = pressrun_render::render(&case.job, &path).unwrap();
    let warnings = rendered.warnings.iter().fold(String::new(), |told, warning| told + "! " + warning + "\n");
    let found = warnings + &rows::cells(&path, &rendered.extension);
    let file = expected(&format!("{}.{}.txt", case.name, case.job.format));
    if update {
        std::fs::write(file, found).unwrap();
        return None;
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    rows::difference(&wanted, &found).map(|how| format!("{}.{}: {how}", case.name, case.job.format))
}

fn check(format: Format, one: impl Fn(&Case, &Path, bool) -> Option<String>) {
    let update = std::env::var_os(UPDATE).is_some();
    let folder = tempfile::tempdir().unwrap();
    let faults: Vec<String> =
        cases().iter().filter(|case| case.job.format == format).filter_map(|case| one(case, folder.path(), update)).collect();
    assert!(faults.is_empty(), "{}\nif that is meant, set {UPDATE}=1, run again and look at the contact sheet", faults.join("\n"));
}

#[test]
fn pdfs_say_what_they_said() {
    if Command::new("pdftotext").arg("-v").output().is_ok() {
        check(Format::Pdf, check_pdf);
    }
}

#[test]
fn pictures_look_as_they_looked() {
    check(Format::Png, check_png);
}

#[test]
fn rows_hold_what_they_held_cell_by_cell() {
    for format in [Format::Csv, Format::Json, Format::Xlsx] {
        check(format, check_rows);
    }
}

#[test]
fn a_word_that_goes_is_seen_and_a_line_that_breaks_elsewhere_is_not() {
    assert_eq!(difference("a b\nc\n----\nd", "a\nb c\n----\nd"), None);
    assert!(difference("a b\n----\nd", "a\n----\nd").is_some_and(|how| how.contains("gone [\"b\"]")));
    assert!(difference("a b", "a b\n----\n").is_some());
}
