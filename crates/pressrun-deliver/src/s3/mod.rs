//! An object in a bucket (D8), by `object_store` on our own checked connections: assume the schedule's role, then put; in parts when large.

mod credentials;
mod fault;
mod put;
mod role;
mod wire;
mod xml;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Bucket, ObjectKeyPrefix, Region, RoleArn, S3Settings};
use url::Url;

use crate::config::{ConfigError, Deadlines, S3Config};
use crate::dial::Trust;
use crate::http::Http;
use crate::outcome::{accepted, rejected, retry};
use crate::parcel::{Delivered, Deliverer, Parcel};
use crate::steps::step;
use credentials::{Source, Usable};
use put::{Place, put};
use role::Roles;
use wire::Wire;

/// Smallest part that S3 takes.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

/// The operator's side: credentials, endpoints, and the roles assumed so far.
pub(crate) struct ObjectStore {
    config: S3Config,
    own: Source,
    roles: Roles,
    http: Http,
    deadlines: Deadlines,
}

impl ObjectStore {
    pub(crate) fn new(config: S3Config, http: Http, deadlines: Deadlines) -> Result<Self, ConfigError> {
        let addresses = [
            ("s3 endpoint", &config.endpoint),
            ("s3 sts_endpoint", &config.sts_endpoint),
            ("s3 metadata_endpoint", &config.metadata_endpoint),
        ];
        for (field, address) in addresses {
            if let Some(text) = address {
                let valid = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
                if !valid {
                    return Err(ConfigError::Url(field));
                }
            }
        }
        if config.part_bytes < PART_BYTES_MIN {
            return Err(ConfigError::PartSize);
        }
        let own = Source::new(&config, &http, deadlines)?;
        Ok(Self { config, own, roles: Roles::default(), http, deadlines })
    }
}

/// Puts objects into one bucket.
pub(crate) struct ObjectStoreDeliverer<'a> {
    pub(crate) settings: &'a S3Settings,
    pub(crate) store: &'a ObjectStore,
}

#[async_trait]
impl Deliverer for ObjectStoreDeliverer<'_> {
    async fn deliver(&self, parcel: &Parcel, now: Timestamp) -> Delivered {
        match self.attempt(parcel, now).await {
            Ok(receipt) => accepted(receipt).into(),
            Err(outcome) => outcome.into(),
        }
    }
}

/// The settings once more as what they have to be: an older version may have stored others.
struct Target {
    bucket: Bucket,
    region: Region,
    prefix: ObjectKeyPrefix,
}

impl Target {
    fn of(settings: &S3Settings) -> Result<Self, Outcome> {
        let faulty = |fault: String| rejected(format!("s3: {fault}"));
        Ok(Self {
            bucket: settings.bucket_name.parse::<Bucket>().map_err(|fault| faulty(format!("{fault}")))?,
            region: settings.region.parse::<Region>().map_err(|fault| faulty(format!("{fault}")))?,
            prefix: settings
                .key_prefix
                .as_deref()
                .unwrap_or_default()
                .parse::<ObjectKeyPrefix>()
                .map_err(|fault| faulty(format!("{fault}")))?,
        })
    }
}

impl ObjectStoreDeliverer<'_> {
    /// Gets keys for the bucket and connects to where it is; neither reads nor writes, for that may take rights of its own.
    pub(crate) async fn reach(&self, now: Timestamp) -> Outcome {
        let reached = async {
            let ObjectStore { config, http, .. } = self.store;
            let target = Target::of(self.settings)?;
            self.keys(&target, now).await?;
            let (address, _) = endpoint(config, &target.bucket, &target.region);
            let url = Url::parse(&address).map_err(|_| rejected("s3: the endpoint is not a valid address"))?;
            let trust = if config.endpoint.is_some() { Trust::Operator } else { Trust::Tenant };
            match http.connect(&url, trust).await {
                Ok(_) => {
                    Ok(accepted(format!("there are keys for {}, and {} can be reached", target.bucket, url.host_str().unwrap_or_default())))
                }
                Err(error) if error.refused => Err(rejected(format!("s3: {error}"))),
                Err(error) => Err(retry(format!("s3: {error}"))),
            }
        };
        reached.await.unwrap_or_else(|outcome| outcome)
    }

    /// Keys that may write into the bucket: our own, or those of the schedule's role.
    async fn keys(&self, Target { bucket, region, .. }: &Target, now: Timestamp) -> Result<Usable, Outcome> {
        let ObjectStore { config, own, roles, http, deadlines } = self.store;
        if config.buckets.as_ref().is_some_and(|buckets| !buckets.contains(bucket.as_str())) {
            return Err(rejected(format!(
                "s3: this server may not write into {bucket}; the operator lists its buckets under [s3] buckets"
            )));
        }
        let own = own.get().await?;
        step(|| "our own keys are there".to_owned());
        if !config.assume_role {
            return Ok(own);
        }
        let role = self.settings.role_arn.parse::<RoleArn>().map_err(|fault| rejected(format!("s3: {fault}")))?;
        let keys = roles.assume(config, &role, region, &own, http, *deadlines, now).await?;
        step(|| format!("the role {} is assumed", role.as_str()));
        Ok(keys)
    }

    async fn attempt(&self, parcel: &Parcel, now: Timestamp) -> Result<String, Outcome> {
        let ObjectStore { config, roles, http, deadlines, .. } = self.store;
        let target = Target::of(self.settings)?;
        let keys = self.keys(&target, now).await?;
        let Target { bucket, region, prefix } = target;
        // Only what the operator typed is beyond the egress policy; bucket and region are a tenant's.
        let trust = if config.endpoint.is_some() { Trust::Operator } else { Trust::Tenant };
        let wire = Wire::new(http.clone(), trust, deadlines.transfer, now);
        let place = Place {
            endpoint: endpoint(config, &bucket, &region),
            bucket: bucket.as_str(),
            region: region.as_str(),
            key: format!("{prefix}{}", parcel.file_name()),
            part_bytes: config.part_bytes,
        };
        if let Err(not_put) = put(&place, &keys, &wire, parcel).await {
            if not_put.keys_ran_out {
                roles.forget(&self.settings.role_arn, region.as_str()).await;
            }
            return Err(not_put.outcome);
        }
        Ok(format!("s3://{bucket}/{}", place.key))
    }
}

/// Where a bucket is, and whether its name stands in the host.
fn endpoint(config: &S3Config, bucket: &Bucket, region: &Region) -> (String, bool) {
    let suffix = region.dns_suffix();
    match &config.endpoint {
        Some(endpoint) => (endpoint.trim_end_matches('/').to_owned(), false),
        // A certificate covers one label only.
        None if bucket.as_str().contains('.') => (format!("https://s3.{region}.{suffix}"), false),
        None => (format!("https://{bucket}.s3.{region}.{suffix}"), true),
    }
}
