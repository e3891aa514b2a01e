//! A catalog on its way between nodes: packed where somebody publishes it, unpacked where it is followed.
//!
//! Only the definitions travel. Data and secrets stay where each node has them, so that what a published catalog names of the machine has to be
//! an absolute path: relative ones lead into a folder that has another place on each node.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use pressrun_domain::catalog::SourceSettings;
use uuid::Uuid;

use crate::assemble::{Assembled, assemble};
use crate::check::ConnectionPlace;
use crate::folder::{self, CONNECTIONS, DASHBOARDS, PEOPLE, PEOPLE_FOLDER};
use crate::load::{LoadOptions, sorted};
use crate::problem::Problem;
use crate::rules::CatalogRules;

/// A catalog without errors, ready to be published.
#[derive(Debug, Clone)]
pub struct Packed {
    /// The version that every node reads out of it.
    pub version: String,
    /// How many documents it has.
    pub documents: usize,
    /// Texts of its files, by path below the catalog with `/`.
    pub files: BTreeMap<String, String>,
    /// Warnings.
    pub problems: Vec<Problem>,
}

/// Packs the catalog at `dir`, as it will stand on other nodes. `judge`: whether every tile is looked into as in a pull request; otherwise a tile that
/// cannot run takes nothing else down, as when a server loads. Uses a folder of its own below `scratch` meanwhile.
///
/// # Errors
/// Every problem: what cannot be read or is wrong, and what other nodes would not find.
pub fn pack(dir: &Path, rules: &CatalogRules, judge: bool, scratch: &Path) -> Result<Packed, Vec<Problem>> {
    let mut problems = Vec::new();
    let Some(listed) = folder::list(dir, rules, &mut problems) else { return Err(sorted(problems)) };
    let mut files = BTreeMap::new();
    let shared = listed.shared;
    files.extend(shared.connections.map(|text| (CONNECTIONS.to_owned(), text)));
    files.extend(shared.people.map(|text| (PEOPLE.to_owned(), text)));
    files.extend(shared.more_people);
    for dashboard in listed.dashboards {
        match folder::text(&listed.root, &dashboard.path, rules) {
            Ok(text) => drop(files.insert(dashboard.path, text)),
            Err(problem) => problems.push(problem),
        }
    }
    let copy = Copy::make(&files, scratch).map_err(|error| vec![not_copied(scratch, &error)])?;
    // As other nodes will read it; what was listed here is not looked at again.
    let Some(copied) = folder::list(&copy.0, rules, &mut problems) else { return Err(sorted(problems)) };
    let options = LoadOptions { require_secrets: false, judge, rules, ..LoadOptions::default() };
    let Assembled { catalog, problems: found, connections, reads, .. } = assemble(&copied, options, Timestamp::UNIX_EPOCH, None);
    problems.extend(found);
    for file in reads.iter().filter_map(|file| file.strip_prefix(&copied.root).ok()) {
        let message = format!("the file {} is named by a path relative to the catalog, which other nodes do not have", file.display());
        problems.push(Problem::of_file(CONNECTIONS, message, "name it by an absolute path that is the same on every node, or use ${NAME}"));
    }
    let Some(catalog) = catalog else { return Err(sorted(problems)) };
    let relative = connections.iter().filter(|place| is_below(&copied.root, &catalog, place));
    let message = "its folder is relative to the catalog, which has another place on every node";
    problems.extend(relative.map(|place| place.problem(message, "write an absolute path that is the same on every node")));
    if problems.iter().any(Problem::is_error) {
        return Err(sorted(problems));
    }
    Ok(Packed { version: catalog.version, documents: catalog.documents.len(), files, problems: sorted(problems) })
}

fn is_below(root: &Path, catalog: &pressrun_domain::catalog::Catalog, place: &ConnectionPlace) -> bool {
    let source = catalog.connections.get(&place.name).map(|connection| &connection.source);
    matches!(source, Some(SourceSettings::Files { folder, .. }) if folder.starts_with(root))
}

fn not_copied(scratch: &Path, error: &std::io::Error) -> Problem {
    let message = format!("a copy of the catalog cannot be written below {}: {error}", scratch.display());
    Problem::of_file("", message, "make room there, or give this user the right to write")
}

/// Writes the files of a packed catalog into the folder `dir`, which is made.
///
/// # Errors
/// A path is none of a catalog's, or the folder cannot be written.
pub fn unpack(files: &BTreeMap<String, String>, dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir.join(DASHBOARDS))?;
    for (path, text) in files {
        let place = dir.join(place(path)?);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        // Addresses and development keys stand in there.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(place)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    Ok(())
}

/// A path below the catalog that a catalog's file can have. Whoever writes rows must not write files elsewhere.
fn place(path: &str) -> std::io::Result<&Path> {
    let below = Path::new(path);
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    let known =
        path == CONNECTIONS || path == PEOPLE || [DASHBOARDS, PEOPLE_FOLDER].iter().any(|folder| path.starts_with(&format!("{folder}/")));
    if plain && known && below.extension().is_some_and(|extension| extension == "yaml") {
        Ok(below)
    } else {
        Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("{path:?} is no file of a catalog")))
    }
}

/// A copy of a catalog; deleted when dropped.
struct Copy(PathBuf);

impl Copy {
    fn make(files: &BTreeMap<String, String>, scratch: &Path) -> std::io::Result<Self> {
        let copy = Self(scratch.join(format!("publishing-{}", Uuid::new_v4())));
        unpack(files, &copy.0)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What cannot be deleted takes a few kilobytes of a folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_what_is_unpacked_stays_in_its_folder() {
        let dir = tempfile::TempDir::new().unwrap();
        for path in [
            "../people.yaml",
            "/etc/people.yaml",
            "dashboards/../../a.yaml",
            "dashboards/a.sh",
            "data/a.yaml",
            "dashboards",
            "",
            "people.yaml/../../x.yaml",
        ] {
            let files = BTreeMap::from([(path.to_owned(), "text".to_owned())]);
            let error = unpack(&files, &dir.path().join("catalog")).expect_err(path);
            assert!(error.to_string().contains("is no file of a catalog"), "{path}: {error}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(dir.path().join("catalog")).unwrap().count(), 1, "the folder of dashboards");
    }
}
