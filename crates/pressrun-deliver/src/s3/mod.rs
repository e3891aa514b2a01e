//! An object in a bucket (D8): assume the schedule's role, then put; in parts above 8 MiB.

mod client;
mod fault;
mod sign;
mod sts;
mod xml;

use async_trait::async_trait;
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::S3Settings;
use url::Url;

use crate::config::{ConfigError, Deadlines, S3Config};
use crate::dial::Trust;
use crate::http::Http;
use crate::outcome::{accepted, rejected};
use crate::parcel::{Delivered, Deliverer, Parcel};
use client::Bucket;
use sts::Roles;

/// Smallest part that S3 takes.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

/// The operator's side: keys, endpoints, and the roles assumed so far.
pub(crate) struct ObjectStore {
    config: S3Config,
    roles: Roles,
    http: Http,
    deadlines: Deadlines,
}

impl ObjectStore {
    pub(crate) fn new(config: S3Config, http: Http, deadlines: Deadlines) -> Result<Self, ConfigError> {
        for (field, address) in [("s3 endpoint", &config.endpoint), ("s3 sts_endpoint", &config.sts_endpoint)] {
            if let Some(text) = address {
                let valid = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
                if !valid {
                    return Err(ConfigError::Url { field, text: text.clone() });
                }
            }
        }
        if config.part_bytes < PART_BYTES_MIN {
            return Err(ConfigError::PartSize);
        }
        Ok(Self { config, roles: Roles::default(), http, deadlines })
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

impl ObjectStoreDeliverer<'_> {
    async fn attempt(&self, parcel: &Parcel, now: Timestamp) -> Result<String, Outcome> {
        let ObjectStore { config, roles, http, deadlines } = self.store;
        let S3Settings { bucket_name, region, role_arn, key_prefix, .. } = self.settings;
        // Both become part of a host name that our own credentials are sent to.
        if !is_label(region) || !is_bucket(bucket_name) {
            return Err(rejected("s3: the bucket name or the region is not valid"));
        }
        let key = format!("{}{}", key_prefix.as_deref().unwrap_or_default(), parcel.file_name());
        if key.split('/').any(|part| part == "..") {
            return Err(rejected("s3: the key prefix must not contain \"..\""));
        }
        let credentials = if config.assume_role {
            roles.assume(config, role_arn, region, http, deadlines, now).await?
        } else {
            config.credentials.clone()
        };
        let address = match &config.endpoint {
            Some(endpoint) => format!("{}/{bucket_name}", endpoint.trim_end_matches('/')),
            None if bucket_name.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket_name}"),
            None => format!("https://{bucket_name}.s3.{region}.amazonaws.com"),
        };
        let url = Url::parse(&address).map_err(|_| rejected("s3: the endpoint is not a valid address"))?;
        // Only what the operator typed is beyond the egress policy; bucket and region are a tenant's.
        let trust = if config.endpoint.is_some() { Trust::Operator } else { Trust::Tenant };
        let bucket = Bucket { url, region, credentials: &credentials, http, deadlines, part_bytes: config.part_bytes, trust, now };
        if let Err(not_put) = bucket.put(&key, parcel).await {
            if not_put.keys_ran_out {
                roles.forget(role_arn, region).await;
            }
            return Err(not_put.outcome);
        }
        Ok(format!("s3://{bucket_name}/{key}"))
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// 3 to 63 lower-case letters, digits, `-` and `.` (contract §5.1.4).
fn is_bucket(text: &str) -> bool {
    (3..=63).contains(&text.len()) && text.split('.').all(|label| is_label(label) && !label.starts_with('-') && !label.ends_with('-'))
}
