//! `[artifacts]`: where rendered files are kept when more than one machine needs them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use pressrun_domain::secret::Secret;
use pressrun_engine::artifacts::BucketConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hidden::{Hidden, hidden_login};

/// A bucket for rendered files. Without one they are kept in the spool folder.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Artifacts {
    /// `s3://BUCKET/PREFIX` (also of an S3-compatible store), `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. The spool folder then holds copies of
    /// what this machine has needed within two days; what it kept before stays in use. Every server and worker of one store needs the same prefix, and every
    /// store one of its own: what it finds there without a row is deleted.
    #[schemars(example = &"s3://company-reports/pressrun")]
    pub url: Option<String>,
    /// Settings of the object store by the names that the cloud's own tools give them, such as `aws_region`, `aws_endpoint`, `aws_access_key_id`,
    /// `allow_http`, `google_service_account` or `azure_storage_account_name`. What is not said here is taken from the environment (`AWS_…`,
    /// `GOOGLE_…`, `AZURE_…`); keys that neither gives are those of the machine's role or the pod's identity.
    #[schemars(example = &"aws_region", example = &"eu-central-1")]
    pub options: BTreeMap<String, Hidden>,
    /// The same, each from a file that holds the value alone: `{ aws_secret_access_key = "/run/secrets/key" }`.
    #[schemars(example = &"aws_secret_access_key", example = &"/run/secrets/bucket-key")]
    pub option_files: BTreeMap<String, PathBuf>,
    /// Seconds that one request to it may take.
    pub request_seconds: u32,
}

impl Default for Artifacts {
    fn default() -> Self {
        Self { url: None, options: BTreeMap::new(), option_files: BTreeMap::new(), request_seconds: 60 }
    }
}

impl Artifacts {
    /// The bucket, if there is one.
    ///
    /// # Errors
    /// The address is none, there are options without it, or a file cannot be read; the message names the key.
    pub(crate) fn bucket(&self) -> anyhow::Result<Option<BucketConfig>> {
        let Some(url) = &self.url else {
            if !self.options.is_empty() || !self.option_files.is_empty() {
                bail!("artifacts.url: the options are there, but not the bucket that they are for; write s3://BUCKET/PREFIX");
            }
            return Ok(None);
        };
        let url = url.parse().with_context(|| format!("artifacts.url: {:?} is no address; write s3://BUCKET/PREFIX", hidden_login(url)))?;
        let mut options: BTreeMap<_, _> = self.options.iter().map(|(name, value)| (name.clone(), value.secret())).collect();
        for (name, file) in &self.option_files {
            let key = format!("artifacts.option_files.{name}");
            if options.contains_key(name) {
                bail!("{key}: the option stands in artifacts.options as well; keep one of the two");
            }
            let text = std::fs::read_to_string(file).with_context(|| format!("{key}: could not read {}", file.display()))?;
            options.insert(name.clone(), Secret::new(text.trim_end_matches(['\r', '\n'])));
        }
        Ok(Some(BucketConfig { url, options, timeout: Duration::from_secs(self.request_seconds.max(1).into()) }))
    }
}
