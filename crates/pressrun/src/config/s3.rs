//! `[s3]`: how we reach object storage.

use std::path::PathBuf;

use pressrun_deliver::{S3Config, S3Credentials};
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::Hidden;

/// Object storage.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct S3 {
    /// Access key.
    pub access_key_id: Option<String>,
    /// Its secret part.
    pub secret_access_key: Option<Hidden>,
    /// File that holds the secret part.
    pub secret_access_key_file: Option<PathBuf>,
    /// S3-compatible store.
    pub endpoint: Option<String>,
    /// Token service.
    pub sts_endpoint: Option<String>,
    /// Use the keys directly when false; assume each schedule's role otherwise.
    pub assume_role: Option<bool>,
    /// Role that customers' bucket policies name.
    pub deliverer_role_arn: Option<String>,
    /// Whether `testNow` may write into a bucket (S8).
    pub allow_test: bool,
}

impl S3 {
    /// Object storage, when keys are given.
    ///
    /// # Errors
    /// The key file cannot be read, or only half of a key is given.
    pub(crate) fn access(&self, external_id: &str) -> anyhow::Result<Option<S3Config>> {
        let secret_key = secret("s3.secret_access_key", self.secret_access_key.as_ref(), self.secret_access_key_file.as_deref())?;
        let (Some(access_key_id), Some(secret_access_key)) = (self.access_key_id.clone(), secret_key) else {
            return Ok(None);
        };
        let mut s3 = S3Config::new(S3Credentials { access_key_id, secret_access_key, session_token: None });
        s3.assume_role = self.assume_role.unwrap_or(true);
        s3.external_id = Some(external_id.to_owned());
        s3.endpoint.clone_from(&self.endpoint);
        s3.sts_endpoint.clone_from(&self.sts_endpoint);
        Ok(Some(s3))
    }
}
