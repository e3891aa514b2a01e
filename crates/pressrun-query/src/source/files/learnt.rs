//! What was learnt of files, kept by their identity: path, device, inode, size, times of modification and of change. A file that changed is another.
//! Clocks of file systems tick, and a file may be written twice within one tick: what was read of a state in its first moments is not kept.
//!
//! How old a state is, its time of change tells, which nobody can set; so a process that has just begun keeps what it learns from its first query on.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arrow_schema::SchemaRef;

use super::listing::DataFile;
use super::text::Survey;

/// How old a state of a file is before what is read of it is kept. No file system ticks more slowly.
pub(super) const SETTLES: Duration = Duration::from_secs(2);

/// Files that are remembered in a generation; two are kept, so that what is in use survives.
const GENERATION: usize = 40_000;

/// What is known of one file.
#[derive(Debug, Clone)]
pub(super) enum Learnt {
    /// A text file, read whole.
    Text(Arc<Survey>),
    /// The footer of a Parquet file.
    Parquet(SchemaRef),
}

type Key = (DataFile, u64);

struct Generations {
    /// Files of one generation.
    most: usize,
    young: HashMap<Key, Learnt>,
    old: HashMap<Key, Learnt>,
}

static KNOWN: LazyLock<Mutex<Generations>> = LazyLock::new(|| Mutex::new(Generations::of(GENERATION)));

/// A number that stands for a way of reading.
pub(super) fn fingerprint(reading: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    reading.hash(&mut hasher);
    hasher.finish()
}

/// What is known of `file`, read in this way.
pub(super) fn recall(file: &DataFile, reading: u64) -> Option<Learnt> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).recall((file.clone(), reading))
}

/// A state of a file that is from this moment or older has settled, for whoever begins to read now: a later write has another time.
#[expect(clippy::disallowed_methods, reason = "compared with times of files, which the system stamps by this clock")]
pub(super) fn settled_by(settles: Duration) -> SystemTime {
    SystemTime::now().checked_sub(settles).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Remembers what was read of `file`, if that had settled before and is still what it was: another may have been read under its name.
pub(super) fn keep(file: &DataFile, reading: u64, learnt: Learnt, settled_by: SystemTime) {
    if file.had_settled(settled_by) && file.is_still() {
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).keep((file.clone(), reading), learnt);
    }
}

impl Generations {
    fn of(most: usize) -> Self {
        Self { most, young: HashMap::new(), old: HashMap::new() }
    }

    fn recall(&mut self, key: Key) -> Option<Learnt> {
        if let Some(found) = self.young.get(&key) {
            return Some(found.clone());
        }
        let found = self.old.remove(&key)?;
        self.keep(key, found.clone());
        Some(found)
    }

    fn keep(&mut self, key: Key, learnt: Learnt) {
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, learnt);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::time::Duration;

    use super::super::listing::Folder;
    use super::*;

    /// Files `t0.csv` and so on, as they are listed now.
    fn files(folder: &std::path::Path, count: usize) -> Vec<DataFile> {
        for at in 0..count {
            fs::write(folder.join(format!("t{at}.csv")), "a\n1\n").unwrap();
        }
        let listing = Folder::open(&folder.canonicalize().unwrap(), []).unwrap();
        (0..count).map(|at| listing.table(&format!("t{at}")).unwrap().unwrap().files[0].clone()).collect()
    }

    #[test]
    fn a4_what_is_in_use_survives_and_what_was_not_asked_for_lately_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), 7);
        let mut known = Generations::of(2);
        let keep = |known: &mut Generations, at: usize| known.keep((files[at].clone(), 0), Learnt::Text(Arc::default()));
        let knows = |known: &mut Generations, at: usize| known.recall((files[at].clone(), 0)).is_some();
        for at in 0..3 {
            keep(&mut known, at);
        }
        assert!(knows(&mut known, 0), "of the generation before");
        for at in 3..7 {
            keep(&mut known, at);
            assert!(knows(&mut known, 0), "asked for each time");
            assert!(known.young.len() <= 2 && known.old.len() <= 2, "two generations, however many files");
        }
        assert!(!knows(&mut known, 1) && !knows(&mut known, 2), "nobody asked");
        assert!(knows(&mut known, 6));
        assert!(known.recall((files[6].clone(), 1)).is_none(), "another way of reading");
    }

    /// A second write of the same size within a tick of the file system's clock leaves the file's times as they are.
    #[test]
    fn a4_what_was_read_in_the_first_moments_of_a_state_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = files(folder.path(), 1).remove(0);
        let data = fs::metadata(folder.path().join("t0.csv")).unwrap();
        let changed = SystemTime::UNIX_EPOCH + Duration::new(data.ctime() as u64, data.ctime_nsec() as u32);
        for (begun, kept) in [
            (changed - Duration::from_secs(60), false),
            (changed, false),
            (changed + Duration::from_millis(1_999), false),
            (changed + Duration::from_secs(2), true),
        ] {
            keep(&file, 0, Learnt::Text(Arc::default()), begun - SETTLES);
            assert_eq!(recall(&file, 0).is_some(), kept, "{begun:?}");
        }
        let earlier = settled_by(SETTLES);
        assert!(settled_by(Duration::ZERO).duration_since(earlier).unwrap() >= SETTLES, "two seconds before now");
    }

    #[test]
    fn a4_what_was_read_under_the_name_of_a_file_that_was_replaced_meanwhile_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (name, aside) = (folder.path().join("t0.csv"), folder.path().join("aside"));
        let file = files(folder.path(), 1).remove(0);
        let settled_by = settled_by(Duration::ZERO) + Duration::from_secs(60);
        fs::rename(&name, &aside).unwrap();
        keep(&file, 0, Learnt::Text(Arc::default()), settled_by);
        // What has the identity that was listed may come back.
        assert!(recall(&file, 0).is_none());
    }

    #[test]
    fn a4_a_file_that_changed_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let before = files(folder.path(), 1).remove(0);
        let mut known = Generations::of(2);
        known.keep((before, 0), Learnt::Text(Arc::default()));
        fs::write(folder.path().join("t0.csv"), "a,b\n1,2\n").unwrap();
        let listing = Folder::open(&folder.path().canonicalize().unwrap(), []).unwrap();
        let after = listing.table("t0").unwrap().unwrap().files[0].clone();
        assert!(known.recall((after, 0)).is_none());
    }
}
