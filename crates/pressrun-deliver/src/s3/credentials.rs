//! Our own credentials: where they come from, and what of them must not be shown.

use std::sync::Arc;

use hyper::header::HeaderValue;
use jiff::Timestamp;
use object_store::RetryConfig;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;

use super::wire::{Trouble, Wire};
use crate::config::{ConfigError, Deadlines, S3Config, S3Credentials, S3Source};
use crate::dial::Trust;
use crate::http::Http;
use crate::outcome::{chain, presentable, retry};

/// Keys that a request can be signed with.
#[derive(Clone)]
pub(super) struct Usable(pub(super) Arc<AwsCredential>);

impl Usable {
    /// Keys whose parts can stand in headers: the signer takes that for granted.
    pub(super) fn new(credential: Arc<AwsCredential>) -> Option<Self> {
        let header = |text: &str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
        let valid = header(&credential.key_id) && !credential.secret_key.is_empty() && credential.token.as_deref().is_none_or(header);
        valid.then_some(Self(credential))
    }

    /// `text` for people.
    pub(super) fn shown(&self, text: &str) -> String {
        let secrets: Vec<Secret> = [Some(&self.0.secret_key), self.0.token.as_ref()].into_iter().flatten().map(Secret::new).collect();
        presentable(text, &secrets.iter().collect::<Vec<_>>())
    }
}

/// Where our own keys come from.
pub(super) struct Source {
    provider: AwsCredentialProvider,
    wire: Wire,
}

impl Source {
    /// Sets the source up; asks for nothing yet.
    ///
    /// # Errors
    /// [`ConfigError::S3Source`], which says what is missing.
    pub(super) fn new(config: &S3Config, http: &Http, deadlines: Deadlines) -> Result<Self, ConfigError> {
        // The operator's word: the metadata service of the machine is an address that no tenant may reach.
        let wire = Wire::new(http.clone(), Trust::Operator, deadlines.connect, Timestamp::UNIX_EPOCH);
        let own = |builder: AmazonS3Builder| {
            let builder = builder.with_bucket_name("none").with_http_connector(wire.clone()).with_retry(no_retries());
            let builder = match &config.metadata_endpoint {
                Some(address) => builder.with_metadata_endpoint(address),
                None => builder,
            };
            match config.region.as_deref() {
                Some(region) => builder.with_region(region),
                None => builder,
            }
        };
        let builder = match &config.source {
            S3Source::Keys(S3Credentials { access_key_id, secret_access_key, session_token }) => {
                let builder =
                    own(AmazonS3Builder::new()).with_access_key_id(access_key_id).with_secret_access_key(secret_access_key.expose());
                match session_token {
                    Some(token) => builder.with_token(token.expose()),
                    None => builder,
                }
            }
            S3Source::Instance => own(AmazonS3Builder::new()),
            S3Source::WebIdentity { token_file, role_arn } => {
                let region = config.region.as_deref().unwrap_or("us-east-1");
                let suffix = region.parse().map_or("amazonaws.com", |region: pressrun_domain::destination::Region| region.dns_suffix());
                let sts = config.sts_endpoint.clone().unwrap_or_else(|| format!("https://sts.{region}.{suffix}/"));
                own(AmazonS3Builder::new())
                    .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, token_file.display().to_string())
                    .with_config(AmazonS3ConfigKey::RoleArn, role_arn)
                    .with_config(AmazonS3ConfigKey::RoleSessionName, "pressrun")
                    .with_config(AmazonS3ConfigKey::StsEndpoint, sts)
            }
            S3Source::Environment => own(AmazonS3Builder::from_env()),
        };
        let store = builder.build().map_err(|error| ConfigError::S3Source(chain(&error)))?;
        Ok(Self { provider: Arc::clone(store.credentials()), wire })
    }

    /// The keys as they are now; asked for anew shortly before they end.
    pub(super) async fn get(&self) -> Result<Usable, Outcome> {
        let credential = self.provider.get_credential().await.map_err(|error| self.missing(&error))?;
        Usable::new(credential).ok_or_else(|| retry("s3: own credentials: they contain characters that no request can carry"))
    }
}

impl Source {
    /// Whatever is wrong here is the machine's or the operator's, and may be put right while the run waits.
    fn missing(&self, error: &object_store::Error) -> Outcome {
        let reason = match self.wire.take_trouble() {
            Some(Trouble::Answered(_, fault)) => fault.words(),
            Some(Trouble::Silent { reason, .. }) => reason,
            None => chain(error),
        };
        retry(presentable(&format!("s3: own credentials: {reason}"), &[]))
    }
}

/// When to try again is the engine's decision.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}
