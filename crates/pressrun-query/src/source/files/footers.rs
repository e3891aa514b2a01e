//! Footers of Parquet files, kept from one query to the next while the files stay what they were.
//!
//! The engine's own cache compares size and time of modification. Both are equal for a file that was replaced by another of the same size
//! whose time was kept (`cp -p`, `rsync -t`, a restored backup), and the footer of one file says where the columns of the other are. So the inode
//! and the time of change, which nobody can set, count as well: they are in the tag that a file has when it is read. One that was in the first moments of a
//! state has none, and its footer is not kept, for the reason that [`super::learnt`] gives.

use std::path::PathBuf;
use std::time::Duration;

use datafusion::common::{HashMap, Result, TableReference};
use datafusion::execution::cache::cache_manager::CachedFileMetadataEntry;
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache, CacheEntryInfo};
use object_store::path::Path;

use super::listing::Identity;

/// Bytes of footers that are kept.
const BYTES: usize = 50 << 20;

/// The footers of files under one folder.
pub(super) struct Footers {
    root: PathBuf,
    kept: DefaultCache<Path, CachedFileMetadataEntry>,
}

impl Footers {
    /// None yet.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, kept: DefaultCache::new(BYTES) }
    }

    /// Whether what was read of `file` was read in the state in which it is now.
    fn is_of_now(&self, file: &Path, footer: &CachedFileMetadataEntry) -> bool {
        let state = std::fs::metadata(self.root.join(file.as_ref())).ok();
        state.is_some_and(|state| footer.meta.e_tag.as_ref() == Some(&Identity::of(&state).tag()))
    }
}

impl Cache<Path, CachedFileMetadataEntry> for Footers {
    fn get(&self, file: &Path) -> Option<CachedFileMetadataEntry> {
        self.kept.get(file).filter(|footer| self.is_of_now(file, footer))
    }

    fn put(&self, file: &Path, value: CachedFileMetadataEntry) -> Option<CachedFileMetadataEntry> {
        if self.is_of_now(file, &value) { self.kept.put(file, value) } else { self.kept.remove(file) }
    }

    fn remove(&self, file: &Path) -> Option<CachedFileMetadataEntry> {
        self.kept.remove(file)
    }

    fn contains_key(&self, file: &Path) -> bool {
        self.get(file).is_some()
    }

    fn len(&self) -> usize {
        self.kept.len()
    }

    fn clear(&self) {
        self.kept.clear();
    }

    fn name(&self) -> String {
        "footers".to_owned()
    }

    fn cache_limit(&self) -> usize {
        self.kept.cache_limit()
    }

    fn update_cache_limit(&self, limit: usize) {
        self.kept.update_cache_limit(limit);
    }

    fn cache_ttl(&self) -> Option<Duration> {
        None
    }

    fn update_cache_ttl(&self, _: Option<Duration>) {}

    fn drop_table_entries(&self, _: &TableReference) -> Result<()> {
        self.clear();
        Ok(())
    }

    fn list_entries(&self) -> HashMap<Path, CacheEntryInfo<CachedFileMetadataEntry>> {
        self.kept.list_entries()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;
    use pressrun_sql::CompiledQuery;

    use super::super::FilesSource;
    use super::*;
    use crate::QueryLimits;
    use crate::source::{Collected, Source};
    use crate::testing::{batch, plain, rows, write_parquet};

    /// A folder with numbers in `t.parquet`, and what a warm source says of them.
    struct Case {
        folder: tempfile::TempDir,
        source: FilesSource,
        query: CompiledQuery,
    }

    impl Case {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let source = FilesSource::new(folder.path().to_owned(), indexmap::IndexMap::new(), std::env::temp_dir());
            Self { folder, source, query: plain("select sum(n) as n, count(*) as rows from t") }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, name: &str, numbers: impl IntoIterator<Item = i64>) {
            write_parquet(&self.path(name), &batch(vec![("n", Arc::new(Int64Array::from_iter_values(numbers)) as _)]));
        }

        async fn sum(&self) -> String {
            let mut sink = Collected::default();
            self.source.run(&self.query, &QueryLimits::default(), &mut sink).await.unwrap();
            rows(&sink).remove(0)
        }
    }

    #[tokio::test]
    async fn a_changed_file_is_seen_at_once_whatever_became_of_its_times() {
        let case = Case::new();
        case.write("t.parquet", 0..10);
        assert_eq!(case.sum().await, "45|10");
        assert_eq!(case.sum().await, "45|10");

        // Written again, longer.
        case.write("t.parquet", 0..11);
        assert_eq!(case.sum().await, "55|11");

        // Replaced by one of the same size with the same time.
        let before = std::fs::metadata(case.path("t.parquet")).unwrap();
        case.write("new.parquet", 1..12);
        let new = std::fs::File::options().append(true).open(case.path("new.parquet")).unwrap();
        new.set_modified(before.modified().unwrap()).unwrap();
        std::fs::rename(case.path("new.parquet"), case.path("t.parquet")).unwrap();
        let after = std::fs::metadata(case.path("t.parquet")).unwrap();
        assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
        assert_eq!(case.sum().await, "66|11");

        // Written in place, of the same size, and its time set back.
        case.write("t.parquet", 2..13);
        std::fs::File::options().append(true).open(case.path("t.parquet")).unwrap().set_modified(before.modified().unwrap()).unwrap();
        assert_eq!(std::fs::metadata(case.path("t.parquet")).unwrap().len(), before.len());
        assert_eq!(case.sum().await, "77|11");

        // Gone, and a table of another kind in its place.
        std::fs::remove_file(case.path("t.parquet")).unwrap();
        std::fs::write(case.path("t.csv"), "n\n5\n").unwrap();
        assert_eq!(case.sum().await, "5|1");
    }

    #[tokio::test]
    async fn a_folder_that_becomes_another_is_seen_at_once() {
        let case = Case::new();
        for (name, last) in [("first", 10), ("second", 20)] {
            std::fs::create_dir(case.path(name)).unwrap();
            case.write(&format!("{name}/t.parquet"), 0..last);
        }
        let link = case.path("current");
        let source = FilesSource::new(link.clone(), indexmap::IndexMap::new(), std::env::temp_dir());
        let case = Case { source, ..case };
        for (name, sum) in [("first", "45|10"), ("second", "190|20"), ("first", "45|10")] {
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(case.path(name), &link).unwrap();
            assert_eq!(case.sum().await, sum);
        }
    }

    #[tokio::test]
    async fn a_footer_is_kept_of_the_state_that_its_tag_names_and_of_no_other() {
        let case = Case::new();
        case.write("t.parquet", 0..10);
        let path = Path::from("t.parquet");
        let store = object_store::local::LocalFileSystem::new_with_prefix(case.folder.path()).unwrap();
        let meta = object_store::ObjectStoreExt::head(&store, &path).await.unwrap();
        let footers = Footers::new(case.folder.path().to_owned());
        let tag = || Identity::of(&std::fs::metadata(case.path("t.parquet")).unwrap()).tag();
        let put = |tag: Option<String>| {
            let meta = object_store::ObjectMeta { e_tag: tag, ..meta.clone() };
            footers.put(&path, CachedFileMetadataEntry::new(meta, Arc::new(Nothing)));
            footers.get(&path).is_some()
        };
        assert!(!put(None), "read in the first moments of a state");
        let before = tag();
        assert!(put(Some(before.clone())));
        case.write("new.parquet", 0..10);
        std::fs::rename(case.path("new.parquet"), case.path("t.parquet")).unwrap();
        assert!(footers.get(&path).is_none() && !footers.contains_key(&path), "another file");
        assert!(!put(Some(before)), "what was read of the one before");
        assert!(put(Some(tag())));
    }

    /// A footer of some size.
    struct Nothing;

    impl datafusion::execution::cache::cache_manager::FileMetadata for Nothing {
        fn as_any(&self) -> &dyn std::any::Any {
            self
        }

        fn memory_size(&self) -> usize {
            1
        }

        fn extra_info(&self) -> HashMap<String, String> {
            HashMap::new()
        }
    }
}
