//! Artifacts in an object store, with a folder of this machine as cache.
//!
//! `PREFIX/ab/abcdef…` holds the bytes under their SHA-256. What is fetched is checked against it before anybody sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, ObjectStoreScheme, RetryConfig, WriteMultipart};
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt as _;
use url::Url;

use super::{ArtifactError, ArtifactStore};
use crate::figures;
use crate::spool::{Spool, off_thread};

/// An object younger than this is never removed: it may have been made for a run that has not promised it yet.
const YOUNG: Duration = Duration::from_secs(24 * 60 * 60);

/// What this machine has not needed for so long is no longer cached.
const CACHED: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// A file up to this size is one request; larger ones go up in parts of it.
const PART: usize = 8 << 20;

/// Parts of one file that are under way at once.
const PARTS_AT_ONCE: usize = 3;

/// An object store as configured.
#[derive(Debug, Clone)]
pub struct BucketConfig {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: Url,
    /// Settings by the names of the cloud's own tools, such as `aws_endpoint`; over those of the environment.
    pub options: BTreeMap<String, Secret>,
    /// Longest time that one request may take.
    pub timeout: Duration,
}

/// A configuration that names no object store.
#[derive(Debug, thiserror::Error)]
pub enum BucketFault {
    /// The address is of another kind.
    #[error("{0} is no object store; write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX")]
    Scheme(Url),
    /// No such option.
    #[error("there is no option {name:?} for {scheme}://")]
    Option {
        /// Its name.
        name: String,
        /// What the address begins with.
        scheme: &'static str,
    },
    /// The library cannot begin with it.
    #[error("{0}")]
    Settings(object_store::Error),
}

/// An object store with a cache.
#[derive(Debug)]
pub struct Bucket {
    remote: Arc<dyn ObjectStore>,
    prefix: Key,
    cache: Spool,
    /// What this machine kept before there was a bucket.
    before: Spool,
}

impl Bucket {
    /// The object store that `config` names, cached in the spool, whose own artifacts stay in use. Nothing is asked of the store yet. Credentials
    /// that the options do not give are those of the environment, or of the machine or pod.
    ///
    /// # Errors
    /// The configuration names none.
    pub fn new(config: &BucketConfig, spool: &Spool) -> Result<Self, BucketFault> {
        let (scheme, prefix) = ObjectStoreScheme::parse(&config.url).map_err(|_| BucketFault::Scheme(config.url.clone()))?;
        let (url, retry) = (config.url.as_str(), patience(config.timeout));
        let client = ClientOptions::new().with_timeout(config.timeout).with_connect_timeout(config.timeout.min(Duration::from_secs(5)));
        let remote: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::AmazonS3 => {
                let mut builder = AmazonS3Builder::from_env().with_url(url).with_retry(retry).with_client_options(client);
                for (key, value) in options::<AmazonS3ConfigKey>(config, "s3")? {
                    builder = builder.with_config(key, value);
                }
                Arc::new(builder.build().map_err(BucketFault::Settings)?)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let mut builder = GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retry).with_client_options(client);
                for (key, value) in options::<GoogleConfigKey>(config, "gs")? {
                    builder = builder.with_config(key, value);
                }
                Arc::new(builder.build().map_err(BucketFault::Settings)?)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let mut builder = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retry).with_client_options(client);
                for (key, value) in options::<AzureConfigKey>(config, "az")? {
                    builder = builder.with_config(key, value);
                }
                Arc::new(builder.build().map_err(BucketFault::Settings)?)
            }
            _ => return Err(BucketFault::Scheme(config.url.clone())),
        };
        Ok(Self { remote, prefix, cache: spool.cache(), before: spool.clone() })
    }

    fn key(&self, sha256: &str) -> Key {
        self.prefix.clone().join(sha256.get(..2).unwrap_or("__")).join(sha256)
    }

    async fn upload(&self, file: &Path, sha256: &str) -> Result<(), ArtifactError> {
        let key = self.key(sha256);
        let mut reader = tokio::fs::File::open(file).await?;
        let mut first = Vec::new();
        (&mut reader).take(PART as u64 + 1).read_to_end(&mut first).await?;
        if first.len() <= PART {
            return self.remote.put(&key, first.into()).await.map(drop).map_err(|error| refused("did not take an artifact", &error));
        }
        let upload = self.remote.put_multipart(&key).await.map_err(|error| refused("did not take an artifact", &error))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        upload.put(Bytes::from(first));
        loop {
            let mut part = Vec::new();
            let read = (&mut reader).take(PART as u64).read_to_end(&mut part).await;
            let room = upload.wait_for_capacity(PARTS_AT_ONCE).await;
            match (read, room) {
                (Ok(0), Ok(())) => break,
                (Ok(_), Ok(())) => upload.put(Bytes::from(part)),
                (Err(error), _) => {
                    forsake(upload).await;
                    return Err(error.into());
                }
                (_, Err(error)) => {
                    forsake(upload).await;
                    return Err(refused("did not take an artifact", &error));
                }
            }
        }
        // The library gives up what it began when it cannot finish.
        upload.finish().await.map(drop).map_err(|error| refused("did not take an artifact", &error))
    }

    /// Fetches an object into the cache; `None` when there is none.
    async fn fetch(&self, sha256: &str) -> Result<Option<PathBuf>, ArtifactError> {
        let found = match self.remote.get(&self.key(sha256)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(refused("did not give an artifact", &error)),
        };
        let dir = self.cache.new_work_dir(format!("fetch-{}", uuid::Uuid::now_v7())).await?;
        let path = dir.file(sha256);
        let mut file = tokio::fs::File::create(&path).await?;
        let (mut digest, mut bytes) = (Sha256::new(), found.into_stream());
        while let Some(some) = bytes.next().await {
            let some = some.map_err(|error| refused("did not give an artifact", &error))?;
            digest.update(&some);
            tokio::io::AsyncWriteExt::write_all(&mut file, &some).await?;
        }
        tokio::io::AsyncWriteExt::flush(&mut file).await?;
        let is = hex::encode(digest.finalize());
        if is != sha256 {
            tracing::error!(%sha256, %is, "the artifact store gave other bytes for an artifact than were kept");
            return Err(ArtifactError::Bucket("gave other bytes than were kept"));
        }
        let (cache, sha256) = (self.cache.clone(), sha256.to_owned());
        Ok(Some(off_thread(move || cache.adopt_copy(&path, &sha256)).await?))
    }

    /// Whether it was there, and is old enough to be removed.
    async fn remove_one(&self, sha256: &str) -> Result<bool, ArtifactError> {
        let key = self.key(sha256);
        let found = match self.remote.head(&key).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(refused("could not be looked at", &error)),
        };
        // One that is of the future was kept by a clock that is ahead of ours, perhaps just now.
        let is_old = SystemTime::from(found.last_modified).elapsed().is_ok_and(|age| age >= YOUNG);
        if !is_old {
            return Ok(false);
        }
        match self.remote.delete(&key).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(refused("did not remove an artifact", &error)),
        }
    }
}

#[async_trait]
impl ArtifactStore for Bucket {
    async fn put(&self, file: &Path, sha256: &str) -> Result<(), ArtifactError> {
        self.upload(file, sha256).await?;
        let (cache, file, sha256) = (self.cache.clone(), file.to_owned(), sha256.to_owned());
        Ok(off_thread(move || cache.adopt_copy(&file, &sha256).map(drop)).await?)
    }

    async fn open(&self, sha256: &str) -> Result<Option<PathBuf>, ArtifactError> {
        let (cache, hash) = (self.cache.clone(), sha256.to_owned());
        if let Some(path) = off_thread(move || cache.find_and_mark(&hash)).await? {
            figures::artifact("cache");
            return Ok(Some(path));
        }
        if !Spool::is_hash(sha256) {
            return Ok(None);
        }
        match self.fetch(sha256).await? {
            Some(path) => {
                figures::artifact("store");
                Ok(Some(path))
            }
            None => {
                figures::artifact("nowhere");
                self.before.open(sha256).await
            }
        }
    }

    async fn remove(&self, hashes: &[String]) -> Result<u64, ArtifactError> {
        let mut removed = ArtifactStore::remove(&self.before, hashes).await?;
        for sha256 in hashes.iter().filter(|hash| Spool::is_hash(hash)) {
            removed += u64::from(self.remove_one(sha256).await?);
        }
        Ok(removed)
    }

    async fn hashes_in(&self, folder: u8) -> Result<Vec<String>, ArtifactError> {
        let prefix = self.prefix.clone().join(format!("{folder:02x}"));
        let names = self.remote.list(Some(&prefix)).map_ok(|found| found.location.filename().unwrap_or_default().to_owned());
        let mut found: Vec<String> = names.try_collect().await.map_err(|error| refused("could not be listed", &error))?;
        found.extend(ArtifactStore::hashes_in(&self.before, folder).await?);
        Ok(found)
    }

    async fn trim(&self) -> Result<(), ArtifactError> {
        let cache = self.cache.clone();
        Ok(off_thread(move || cache.forget_unused(CACHED)).await?)
    }
}

/// Gives up an upload; what cannot be given up now goes by the bucket's own rule for uploads that were never finished.
async fn forsake(upload: WriteMultipart) {
    if let Err(error) = upload.abort().await {
        tracing::warn!(%error, "an upload to the artifact store could not be given up");
    }
}

/// The library's own tries, within the time that one call may take: the engine decides about what lasts longer.
fn patience(timeout: Duration) -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 3, retry_timeout: timeout }
}

fn options<K: FromStr>(config: &BucketConfig, scheme: &'static str) -> Result<Vec<(K, String)>, BucketFault> {
    let option = |(name, value): (&String, &Secret)| {
        let key = name.parse().map_err(|_| BucketFault::Option { name: name.clone(), scheme })?;
        Ok((key, value.expose().to_owned()))
    };
    config.options.iter().map(option).collect()
}

/// The library's words hold addresses and what the server said: they are for operators, and not for whoever owns a schedule.
fn refused(what: &'static str, error: &object_store::Error) -> ArtifactError {
    tracing::warn!(%error, "the artifact store {what}");
    ArtifactError::Bucket(what)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use pressrun_testkit::{HttpAnswer, ObjectServer};

    use super::*;

    struct Place {
        server: ObjectServer,
        folder: tempfile::TempDir,
    }

    impl Place {
        async fn new() -> Self {
            Self { server: ObjectServer::start("AKIA", "s3cret", &["files"]).await, folder: tempfile::tempdir().unwrap() }
        }

        /// The bucket as a machine of this name sees it.
        fn on(&self, machine: &str) -> Bucket {
            let spool = Spool::open(self.folder.path().join(machine)).unwrap();
            let endpoint = self.server.receiver().url("").trim_end_matches('/').to_owned();
            let options = [
                ("aws_endpoint", endpoint.as_str()),
                ("aws_access_key_id", "AKIA"),
                ("aws_secret_access_key", "s3cret"),
                ("aws_region", "eu-central-1"),
                ("allow_http", "true"),
            ];
            let options = options.map(|(name, value)| (name.to_owned(), Secret::new(value))).into();
            let url = "s3://files/press".parse().unwrap();
            Bucket::new(&BucketConfig { url, options, timeout: Duration::from_secs(20) }, &spool).unwrap()
        }

        fn object(sha256: &str) -> String {
            format!("files/press/{}/{sha256}", &sha256[..2])
        }
    }

    async fn kept(bucket: &Bucket, bytes: &[u8]) -> String {
        let dir = bucket.before.work_dir("w").unwrap();
        super::super::keep(bucket, &dir, bytes.to_vec()).await.unwrap()
    }

    #[tokio::test]
    async fn p6_what_one_machine_kept_another_opens_and_its_bytes_are_checked() {
        let place = Place::new().await;
        let (one, two, three) = (place.on("one"), place.on("two"), place.on("three"));
        let large: Vec<u8> = (0..PART * 2 + 77).map(|at| u8::try_from(at % 251).unwrap()).collect();
        for bytes in [b"rows".as_slice(), b"", &large] {
            let sha256 = kept(&one, bytes).await;
            assert_eq!(place.server.objects()[&Place::object(&sha256)].bytes, bytes);
            let path = two.open(&sha256).await.unwrap().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(two.open(&sha256).await.unwrap(), Some(path), "it is in the cache now");
        }
        assert_eq!(place.server.unfinished(), 0);
        let sha256 = kept(&one, b"rows").await;
        place.server.damage(&Place::object(&sha256), b"row5");
        assert!(matches!(three.open(&sha256).await, Err(ArtifactError::Bucket("gave other bytes than were kept"))));
        assert_eq!(std::fs::read_dir(place.folder.path().join("three/work")).unwrap().count(), 0, "nothing half-fetched is left");
        assert_eq!(three.open(&"ab".repeat(32)).await.unwrap(), None);
        assert_eq!(three.open("../../secret").await.unwrap(), None);
    }

    #[tokio::test]
    async fn p6_a_store_that_does_not_answer_is_told_from_an_artifact_that_is_gone() {
        let place = Place::new().await;
        let bucket = place.on("one");
        let sha256 = "cd".repeat(32);
        place.server.receiver().push([HttpAnswer::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
        let error = bucket.open(&sha256).await.unwrap_err().to_string();
        assert_eq!(error, "the artifact store did not give an artifact; the server's log says more");
        assert_eq!(bucket.open(&sha256).await.unwrap(), None);
        let file = place.folder.path().join("made");
        std::fs::write(&file, b"rows").unwrap();
        place.server.receiver().push([HttpAnswer::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
        assert!(matches!(bucket.put(&file, &sha256).await, Err(ArtifactError::Bucket("did not take an artifact"))));
        assert!(file.exists() && bucket.open(&sha256).await.unwrap().is_none(), "what was not kept is not found");
    }

    #[tokio::test]
    async fn h10_old_objects_go_and_one_that_was_made_again_stays() {
        let place = Place::new().await;
        let (bucket, other) = (place.on("one"), place.on("two"));
        let (old, young) = (kept(&bucket, b"old").await, kept(&bucket, b"young").await);
        place.server.age(&Place::object(&old), SignedDuration::from_hours(25));
        place.server.age(&Place::object(&young), SignedDuration::from_hours(-1));
        let folder = u8::from_str_radix(&old[..2], 16).unwrap();
        assert_eq!(other.hashes_in(folder).await.unwrap(), std::slice::from_ref(&old));
        assert_eq!(other.remove(&[old.clone(), young.clone(), "ef".repeat(32)]).await.unwrap(), 1);
        assert_eq!(place.server.objects().len(), 1);
        assert_eq!((other.open(&old).await.unwrap(), other.open(&young).await.unwrap().is_some()), (None, true));
    }

    #[tokio::test]
    async fn what_a_machine_kept_before_there_was_a_bucket_stays_in_use() {
        let place = Place::new().await;
        let spool = Spool::open(place.folder.path().join("one")).unwrap();
        let dir = spool.work_dir("w").unwrap();
        let sha256 = super::super::keep(&spool, &dir, b"of last year".to_vec()).await.unwrap();
        let bucket = place.on("one");
        assert_eq!(std::fs::read(bucket.open(&sha256).await.unwrap().unwrap()).unwrap(), b"of last year");
        bucket.trim().await.unwrap();
        assert!(bucket.open(&sha256).await.unwrap().is_some());
        let folder = u8::from_str_radix(&sha256[..2], 16).unwrap();
        assert_eq!(bucket.hashes_in(folder).await.unwrap(), [sha256]);
    }

    #[test]
    fn a_configuration_that_names_no_store_says_what_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let fault = |url: &str, option: Option<&str>| {
            let options = option.map(|name| (name.to_owned(), Secret::new("x"))).into_iter().collect();
            Bucket::new(&BucketConfig { url: url.parse().unwrap(), options, timeout: Duration::from_secs(1) }, &spool)
                .unwrap_err()
                .to_string()
        };
        assert!(fault("ftp://files/x", None).contains("write s3://BUCKET/PREFIX"), "{}", fault("ftp://files/x", None));
        assert!(fault("file:///tmp", None).contains("is no object store"));
        assert_eq!(fault("s3://files", Some("aws_regoin")), "there is no option \"aws_regoin\" for s3://");
    }
}
