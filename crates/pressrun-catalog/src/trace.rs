//! What is known of a file without reading it.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use crate::folder::{CONNECTIONS, DASHBOARDS, DEPTH_MAX, ENTRIES_PER_FILE, PEOPLE, PEOPLE_FOLDER};
use crate::open::identity;
use crate::rules::CatalogRules;

/// Longest time in which a file system may give two changes the same stamp; whole seconds are the coarsest in use, those of FAT two.
const COARSEST: SignedDuration = SignedDuration::from_secs(2);

/// What is known of a file without reading it; differs whenever the file may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Trace {
    pub(crate) bytes: u64,
    modified: Option<SystemTime>,
    /// When anything about it changed, contents included. Unlike `modified`, nobody can set it back.
    changed: Option<Timestamp>,
    identity: (u64, u64),
}

impl Trace {
    pub(crate) fn of(data: &Metadata) -> Self {
        Self { bytes: data.len(), modified: data.modified().ok(), changed: changed(data), identity: identity(data) }
    }

    /// Whether a file that had this trace at `read_at`, and has it still, cannot have changed in between: a change right after reading could
    /// have got the same stamp.
    pub(crate) fn has_settled(&self, read_at: Timestamp) -> bool {
        self.changed.is_some_and(|changed| read_at.duration_since(changed) >= COARSEST)
    }
}

#[cfg(unix)]
fn changed(data: &Metadata) -> Option<Timestamp> {
    use std::os::unix::fs::MetadataExt as _;

    Timestamp::new(data.ctime(), i32::try_from(data.ctime_nsec()).ok()?).ok()
}

#[cfg(not(unix))]
fn changed(data: &Metadata) -> Option<Timestamp> {
    let since = data.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Timestamp::from_duration(SignedDuration::try_from(since).ok()?).ok()
}

/// A number that differs whenever one of the catalog's files, or of `secrets`, which it reads besides, may have changed. Nothing is read.
pub(crate) fn fingerprint(dir: &Path, rules: &CatalogRules, secrets: &BTreeSet<PathBuf>) -> u64 {
    let mut found = Vec::new();
    let mut note = |path: PathBuf| {
        // Links are followed: a secret that is rotated is often a link to another file.
        if let Ok(data) = fs::metadata(&path) {
            found.push((path, Trace::of(&data)));
        }
    };
    note(dir.join(CONNECTIONS));
    note(dir.join(PEOPLE));
    secrets.iter().cloned().for_each(&mut note);
    let mut folders = vec![(dir.join(PEOPLE_FOLDER), 0), (dir.join(DASHBOARDS), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > rules.max_dashboards.saturating_mul(ENTRIES_PER_FILE) {
                break;
            }
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH_MAX && !hidden => folders.push((entry.path(), depth + 1)),
                Ok(kind) if !kind.is_dir() && !hidden => note(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    let mut hasher = std::hash::DefaultHasher::new();
    found.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b13_a_file_that_changed_just_before_it_was_read_is_not_trusted() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let trace = Trace::of(&fs::metadata(&path).unwrap());
        let stamp = trace.changed.unwrap();
        let after = |millis: i64| trace.has_settled(stamp + SignedDuration::from_millis(millis));
        assert_eq!([-60_000, 0, 1_999, 2_000, 60_000].map(after), [false, false, false, true, true]);
    }

    #[cfg(unix)]
    #[test]
    fn b13_a_change_shows_although_length_and_time_of_change_are_put_back() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        file.set_modified(old).unwrap();
        let before = Trace::of(&fs::metadata(&path).unwrap());
        // Until the file system's clock has moved on.
        while Trace::of(&fs::metadata(&path).unwrap()) == before {
            fs::write(&path, "two").unwrap();
            file.set_modified(old).unwrap();
        }
        let after = Trace::of(&fs::metadata(&path).unwrap());
        assert_eq!((before.bytes, before.modified), (after.bytes, after.modified));
        assert_ne!(before.changed, after.changed);
    }
}
