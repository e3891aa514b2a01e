//! The only object store that the engine has: one folder, to be read.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::temporal_conversions::timestamp_ns_to_datetime;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use url::Url;

/// Where the engine finds it.
pub(super) const ADDRESS: &str = "pressrun://files/";

/// The only store there is.
#[derive(Debug)]
pub(super) struct OneStore(Arc<dyn ObjectStore>);

impl OneStore {
    /// `root` has no links in it.
    pub(super) fn new(root: &Arc<Path>) -> Self {
        Self(Arc::new(FolderStore { root: Arc::clone(root) }))
    }
}

impl ObjectStoreRegistry for OneStore {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> EngineResult<Arc<dyn ObjectStore>> {
        if url.as_str().starts_with(ADDRESS) {
            Ok(Arc::clone(&self.0))
        } else {
            Err(DataFusionError::Configuration("only the connection's folder can be read".to_owned()))
        }
    }
}

/// Files of a folder. Each is opened first and then looked at: what lies outside is not there, however it came to be linked.
#[derive(Debug, Clone)]
struct FolderStore {
    root: Arc<Path>,
}

impl fmt::Display for FolderStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection's folder")
    }
}

impl FolderStore {
    /// Does `work` with the opened file where waiting for a disk is allowed.
    async fn with<T: Send + 'static>(
        &self,
        location: &ObjectPath,
        work: impl FnOnce(File, PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, path, location) = (Arc::clone(&self.root), self.root.join(location.as_ref()), location.to_string());
        let done = tokio::task::spawn_blocking(move || inside(&root, &path).and_then(|file| work(file, path))).await?;
        done.map_err(|error| {
            let source = Box::new(error);
            match source.kind() {
                io::ErrorKind::NotFound => Error::NotFound { path: location, source },
                io::ErrorKind::PermissionDenied => Error::PermissionDenied { path: location, source },
                _ => Error::Generic { store: "files", source },
            }
        })
    }
}

/// The opened file, when it is one that lies in `root`.
fn inside(root: &Path, path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    let real = path.canonicalize()?;
    let (opened, found) = (file.metadata()?, fs::symlink_metadata(&real)?);
    if real.starts_with(root) && opened.is_file() && (opened.dev(), opened.ino()) == (found.dev(), found.ino()) {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::NotFound, "there is no such file in the connection's folder"))
    }
}

fn only_reads<T>() -> Result<T> {
    Err(Error::NotSupported { source: "the connection's folder is only read".into() })
}

#[async_trait]
impl ObjectStore for FolderStore {
    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        let (file, path, size, modified) = self
            .with(location, |file, path| {
                let metadata = file.metadata()?;
                Ok((file, path, metadata.len(), (metadata.mtime(), metadata.mtime_nsec())))
            })
            .await?;
        let modified = modified.0.checked_mul(1_000_000_000).and_then(|whole| timestamp_ns_to_datetime(whole.checked_add(modified.1)?));
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: modified.unwrap_or_default().and_utc(),
            size,
            e_tag: None,
            version: None,
        };
        options.check_preconditions(&meta)?;
        let range = match options.range {
            Some(range) => range.as_range(size).map_err(|error| Error::Generic { store: "files", source: error.into() })?,
            None => 0..size,
        };
        Ok(GetResult { payload: GetResultPayload::File(file, path), attributes: Attributes::default(), range, meta })
    }

    async fn get_ranges(&self, location: &ObjectPath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let ranges = ranges.to_vec();
        self.with(location, move |file, _| {
            let size = file.metadata()?.len();
            let read = |range: Range<u64>| -> io::Result<Bytes> {
                // A damaged footer may point anywhere.
                if range.end > size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(Bytes::from(bytes))
            };
            ranges.into_iter().map(read).collect()
        })
        .await
    }

    fn list(&self, _: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { only_reads() }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&ObjectPath>) -> Result<ListResult> {
        only_reads()
    }

    async fn put_opts(&self, _: &ObjectPath, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        only_reads()
    }

    async fn put_multipart_opts(&self, _: &ObjectPath, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        only_reads()
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<ObjectPath>>) -> BoxStream<'static, Result<ObjectPath>> {
        stream::once(async { only_reads() }).boxed()
    }

    async fn copy_opts(&self, _: &ObjectPath, _: &ObjectPath, _: CopyOptions) -> Result<()> {
        only_reads()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn what_is_linked_from_outside_is_not_there_and_nothing_is_written() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root: Arc<Path> = folder.path().canonicalize().unwrap().into();
        std::fs::write(outside.path().join("secret"), "s3cret").unwrap();
        std::fs::create_dir(root.join("dir")).unwrap();
        std::fs::write(root.join("dir/file"), "hello").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("linked")).unwrap();
        std::os::unix::fs::symlink("dir/file", root.join("alias")).unwrap();
        let store = FolderStore { root };
        for (path, expected) in
            [("dir/file", Some("hello")), ("alias", Some("hello")), ("link", None), ("linked/secret", None), ("dir", None), ("none", None)]
        {
            let path = ObjectPath::parse(path).unwrap();
            let whole = match store.get(&path).await {
                Ok(found) => Some(found.bytes().await.unwrap()),
                Err(_) => None,
            };
            assert_eq!(whole.as_deref(), expected.map(str::as_bytes), "{path}");
            let parts = store.get_ranges(&path, &[1..3, 0..1]).await.ok().map(|parts| parts.concat());
            assert_eq!(parts.as_deref(), expected.map(|_| &b"elh"[..]), "{path}");
        }
        assert!(store.put(&ObjectPath::from("new"), "x".into()).await.is_err());
        assert!(store.delete(&ObjectPath::from("dir/file")).await.is_err());
    }
}
