//! What was learnt of files, kept by their identity: path, device, inode, size, times of modification and of change. A file that changed is another.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow_schema::SchemaRef;
use pressrun_domain::catalog::FileReading;

use super::listing::DataFile;
use super::text::Survey;

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

#[derive(Default)]
struct Generations {
    young: HashMap<Key, Learnt>,
    old: HashMap<Key, Learnt>,
}

static KNOWN: LazyLock<Mutex<Generations>> = LazyLock::new(Mutex::default);

/// A number that stands for a way of reading.
pub(super) fn fingerprint(reading: &FileReading) -> u64 {
    let mut hasher = DefaultHasher::new();
    reading.hash(&mut hasher);
    hasher.finish()
}

/// What is known of `file`, read in this way.
pub(super) fn recall(file: &DataFile, reading: u64) -> Option<Learnt> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (file.clone(), reading);
    if let Some(found) = known.young.get(&key) {
        return Some(found.clone());
    }
    let found = known.old.remove(&key)?;
    known.keep(key, found.clone());
    Some(found)
}

/// Remembers it.
pub(super) fn keep(file: &DataFile, reading: u64, learnt: Learnt) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).keep((file.clone(), reading), learnt);
}

impl Generations {
    fn keep(&mut self, key: Key, learnt: Learnt) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, learnt);
    }
}
