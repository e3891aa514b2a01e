//! `[s3]`: how we reach object storage.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, bail};
use pressrun_deliver::{S3Config, S3Credentials, S3Source};
use pressrun_domain::destination::{Bucket, Region, RoleArn};
use pressrun_domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::Hidden;

/// Where our own keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Credentials {
    /// `access_key_id` and `secret_access_key`.
    Keys,
    /// The machine's role, by its metadata service (IMDSv2).
    Instance,
    /// `web_identity_token_file` and `web_identity_role_arn`; in Kubernetes both are in the environment already.
    WebIdentity,
    /// The usual `AWS_…` variables: keys, web identity, container role; the machine's role when they name nothing.
    Environment,
}

/// Object storage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct S3 {
    /// Where our own keys come from; `keys` when a key is given, no object storage otherwise.
    #[schemars(example = &"instance")]
    pub credentials: Option<Credentials>,
    /// Access key.
    #[schemars(example = &"AKIAIOSFODNN7EXAMPLE")]
    pub access_key_id: Option<String>,
    /// Its secret part.
    pub secret_access_key: Option<Hidden>,
    /// File that holds the secret part.
    #[schemars(example = &"/run/secrets/s3-key")]
    pub secret_access_key_file: Option<PathBuf>,
    /// Token of temporary keys. They end; for a server that stays up take another kind of `credentials`.
    pub session_token: Option<Hidden>,
    /// File that holds it.
    #[schemars(example = &"/run/secrets/s3-session")]
    pub session_token_file: Option<PathBuf>,
    /// File with the token that is exchanged for keys; `AWS_WEB_IDENTITY_TOKEN_FILE` unless given.
    #[schemars(example = &"/var/run/secrets/token")]
    pub web_identity_token_file: Option<PathBuf>,
    /// Role that it is exchanged for; `AWS_ROLE_ARN` unless given.
    #[schemars(example = &"arn:aws:iam::123456789012:role/pressrun")]
    pub web_identity_role_arn: Option<String>,
    /// Our own region, where our own keys are asked for; `us-east-1` unless given. Buckets have their own.
    #[schemars(example = &"eu-central-1")]
    pub region: Option<String>,
    /// S3-compatible store.
    #[schemars(example = &"https://minio.example.com")]
    pub endpoint: Option<String>,
    /// Token service.
    #[schemars(example = &"https://sts.eu-central-1.amazonaws.com")]
    pub sts_endpoint: Option<String>,
    /// Use the keys directly when false; assume each schedule's role otherwise. Directly needs `buckets`.
    #[schemars(example = false)]
    pub assume_role: Option<bool>,
    /// The only buckets that schedules may deliver to.
    #[schemars(example = ["company-reports"])]
    pub buckets: Vec<String>,
    /// Role that customers' bucket policies name.
    #[schemars(example = &"arn:aws:iam::123456789012:role/pressrun")]
    pub deliverer_role_arn: Option<String>,
    /// Whether `testNow` may write into a bucket (S8).
    pub allow_test: bool,
}

impl S3 {
    /// Whether credentials are configured.
    pub(crate) fn is_connected(&self) -> bool {
        self.kind().is_some()
    }

    /// Object storage, when credentials are given.
    ///
    /// # Errors
    /// A file cannot be read, only half of a key is given, or a value does not fit the others; the message names the key.
    pub(crate) fn access(&self, external_id: &str) -> anyhow::Result<Option<S3Config>> {
        for name in &self.buckets {
            name.parse::<Bucket>().with_context(|| format!("s3.buckets {name:?}"))?;
        }
        let buckets = self.only_buckets();
        let Some(kind) = self.kind() else {
            if self.session_token.is_some() || self.session_token_file.is_some() || self.web_identity_token_file.is_some() {
                bail!("s3.credentials: say which kind the credentials are: keys, instance, web_identity or environment");
            }
            return Ok(None);
        };
        let source = match kind {
            Credentials::Keys => S3Source::Keys(self.keys()?),
            other if self.names_keys() => {
                bail!("s3.credentials: {other:?} and an access key exclude each other; leave the key out, or write credentials = \"keys\"")
            }
            Credentials::Instance => S3Source::Instance,
            Credentials::Environment => S3Source::Environment,
            Credentials::WebIdentity => self.web_identity(|name| std::env::var(name).ok())?,
        };
        if let Some(region) = &self.region {
            region.parse::<Region>().with_context(|| format!("s3.region {region:?}"))?;
        }
        let assume_role = self.assume_role.unwrap_or(true);
        if !assume_role && buckets.is_none() {
            bail!(
                "s3.buckets: with assume_role = false every member who may make a schedule could write into any bucket that these credentials \
                 open; list the buckets that schedules may deliver to"
            );
        }
        let mut s3 = S3Config::from_source(source);
        s3.assume_role = assume_role;
        s3.buckets = buckets;
        s3.external_id = Some(external_id.to_owned());
        s3.region.clone_from(&self.region);
        s3.endpoint.clone_from(&self.endpoint);
        s3.sts_endpoint.clone_from(&self.sts_endpoint);
        Ok(Some(s3))
    }

    /// The only buckets that schedules may deliver to; `None` when none are listed.
    pub(crate) fn only_buckets(&self) -> Option<BTreeSet<String>> {
        (!self.buckets.is_empty()).then(|| self.buckets.iter().cloned().collect())
    }

    fn kind(&self) -> Option<Credentials> {
        self.credentials.or_else(|| self.names_keys().then_some(Credentials::Keys))
    }

    fn names_keys(&self) -> bool {
        self.access_key_id.is_some() || self.secret_access_key.is_some() || self.secret_access_key_file.is_some()
    }

    fn keys(&self) -> anyhow::Result<S3Credentials> {
        let secret_key = secret("s3.secret_access_key", self.secret_access_key.as_ref(), self.secret_access_key_file.as_deref())?;
        let filled = |secret: &Secret| !secret.expose().trim().is_empty();
        let access_key_id = self.access_key_id.clone().filter(|id| !id.trim().is_empty());
        Ok(S3Credentials {
            access_key_id: access_key_id
                .context("s3.access_key_id: half of the key is missing: give access_key_id beside secret_access_key")?,
            secret_access_key: secret_key.filter(filled).context(
                "s3.secret_access_key: half of the key is missing: give secret_access_key or secret_access_key_file beside access_key_id",
            )?,
            session_token: secret("s3.session_token", self.session_token.as_ref(), self.session_token_file.as_deref())?,
        })
    }

    fn web_identity(&self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<S3Source> {
        let token_file = self.web_identity_token_file.clone().or_else(|| variable("AWS_WEB_IDENTITY_TOKEN_FILE").map(PathBuf::from));
        let role_arn = self.web_identity_role_arn.clone().or_else(|| variable("AWS_ROLE_ARN"));
        let role_arn = role_arn.context("s3.web_identity_role_arn: missing, and AWS_ROLE_ARN is not set either")?;
        let role: RoleArn = role_arn.parse().with_context(|| format!("s3.web_identity_role_arn {role_arn:?}"))?;
        Ok(S3Source::WebIdentity {
            token_file: token_file.context("s3.web_identity_token_file: missing, and AWS_WEB_IDENTITY_TOKEN_FILE is not set either")?,
            role_arn: role.as_str().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use figment::Figment;
    use figment::providers::{Format as _, Serialized, Toml};

    use super::*;

    fn read(text: &str) -> anyhow::Result<Option<S3Config>> {
        let s3: S3 = Figment::from(Serialized::defaults(S3::default())).merge(Toml::string(text)).extract()?;
        s3.access("org-1")
    }

    #[test]
    fn m6_half_a_key_and_credentials_that_contradict_are_refused_by_name() {
        for (text, fault) in [
            ("access_key_id = 'A'", "s3.secret_access_key: half of the key is missing"),
            ("secret_access_key = 's'", "s3.access_key_id: half of the key is missing"),
            ("credentials = 'keys'", "s3.access_key_id: half of the key is missing"),
            ("access_key_id = ''\nsecret_access_key = 's'", "s3.access_key_id: half of the key is missing"),
            ("credentials = 'instance'\naccess_key_id = 'A'", "exclude each other"),
            ("session_token = 't'", "s3.credentials"),
            ("credentials = 'web_identity'\nweb_identity_token_file = '/t'\nweb_identity_role_arn = 'x'", "s3.web_identity_role_arn \"x\""),
            ("credentials = 'vault'", "vault"),
            ("credentials = 'instance'\nregion = 'EU West 1'", "s3.region \"EU West 1\""),
            ("credentials = 'instance'\nbuckets = ['UPPER']", "s3.buckets \"UPPER\""),
            ("access_key_id = 'A'\nsecret_access_key = 's'\nassume_role = false", "s3.buckets: with assume_role = false"),
            ("access_key_id = 'A'\nsecret_access_key = 's'\nsecret_access_key_file = '/f'", "not both"),
        ] {
            let error = format!("{:#}", read(text).expect_err(text));
            assert!(error.contains(fault), "{text}: {error}");
        }
    }

    #[test]
    fn m6_credentials_come_from_keys_machine_token_or_environment() {
        assert!(read("").expect("none is fine").is_none());
        let keys = read("access_key_id = 'A'\nsecret_access_key = 's'\nsession_token = 't'").expect("valid").expect("connected");
        assert!(matches!(keys.source, S3Source::Keys(S3Credentials { session_token: Some(_), .. })) && keys.assume_role);
        assert!(matches!(read("credentials = 'instance'").expect("valid").expect("connected").source, S3Source::Instance));
        assert!(matches!(read("credentials = 'environment'").expect("valid").expect("connected").source, S3Source::Environment));
        let token =
            "credentials = 'web_identity'\nweb_identity_token_file = '/t'\nweb_identity_role_arn = 'arn:aws:iam::123456789012:role/x'";
        assert!(matches!(read(token).expect("valid").expect("connected").source, S3Source::WebIdentity { .. }));
        let direct = read("credentials = 'instance'\nassume_role = false\nbuckets = ['a-bucket']").expect("valid").expect("connected");
        assert_eq!(direct.buckets, Some(BTreeSet::from(["a-bucket".to_owned()])));
    }

    #[test]
    fn m6_a_pod_needs_no_more_than_its_own_environment() {
        let s3 = S3::default();
        let variable = |name: &str| match name {
            "AWS_WEB_IDENTITY_TOKEN_FILE" => Some("/var/run/token".to_owned()),
            "AWS_ROLE_ARN" => Some("arn:aws:iam::123456789012:role/pod".to_owned()),
            _ => None,
        };
        assert!(
            matches!(s3.web_identity(variable), Ok(S3Source::WebIdentity { token_file, .. }) if token_file.as_os_str() == "/var/run/token")
        );
        let error = format!("{:#}", s3.web_identity(|_| None).expect_err("nothing is set"));
        assert!(error.contains("AWS_ROLE_ARN"), "{error}");
    }
}
