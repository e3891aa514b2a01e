//! `AssumeRole` with an external id, remembered until shortly before it ends.
//!
//! The one call that `object_store` does not make; it signs it, though.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::Request;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use jiff::{SignedDuration, Timestamp};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::HttpRequestBody;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Region, RoleArn};
use tokio::sync::Mutex;

use super::credentials::Usable;
use super::wire::Wire;
use super::xml::text_of;
use crate::config::{Deadlines, S3Config};
use crate::dial::Trust;
use crate::http::Http;
use crate::outcome::{rejected, retry};

/// Keys that end sooner than this are not used any more: a big upload takes a while.
const SPARE: SignedDuration = SignedDuration::from_mins(15);

/// The roles assumed so far, by role and region.
#[derive(Default)]
pub(super) struct Roles(Mutex<HashMap<(String, String), (Usable, Timestamp)>>);

impl Roles {
    /// Keys of `role`, from memory or from the token service.
    #[expect(clippy::too_many_arguments, reason = "what one call needs, from three owners")]
    pub(super) async fn assume(
        &self,
        config: &S3Config,
        role: &RoleArn,
        region: &Region,
        own: &Usable,
        http: &Http,
        deadlines: Deadlines,
        now: Timestamp,
    ) -> Result<Usable, Outcome> {
        let place = (role.as_str().to_owned(), region.as_str().to_owned());
        if let Some((keys, until)) = self.0.lock().await.get(&place)
            && now.checked_add(SPARE).is_ok_and(|soon| soon < *until)
        {
            return Ok(keys.clone());
        }
        // Only what the operator typed is beyond the egress policy; the region is a tenant's.
        let trust = if config.sts_endpoint.is_some() { Trust::Operator } else { Trust::Tenant };
        let wire = Wire::new(http.clone(), trust, deadlines.command, now);
        let (keys, until) = ask(config, role, region, own, &wire).await?;
        let mut known = self.0.lock().await;
        known.retain(|_, (_, until)| *until > now);
        known.insert(place, (keys.clone(), until));
        Ok(keys)
    }

    /// Forgets the keys of `role`, because the store says that they have run out.
    pub(super) async fn forget(&self, role: &str, region: &str) {
        self.0.lock().await.remove(&(role.to_owned(), region.to_owned()));
    }
}

async fn ask(config: &S3Config, role: &RoleArn, region: &Region, own: &Usable, wire: &Wire) -> Result<(Usable, Timestamp), Outcome> {
    let body = form(config, role);
    let address = config.sts_endpoint.clone().unwrap_or_else(|| format!("https://sts.{region}.{}/", region.dns_suffix()));
    let mut request = Request::post(address)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
        .header(CONTENT_LENGTH, body.len())
        .body(HttpRequestBody::from(body))
        .map_err(|_| rejected("s3: the token service's address is not valid"))?;
    AwsAuthorizer::new(&own.0, "sts", region.as_str()).authorize(&mut request, None);
    let answer = wire.ask("assume role", request).await.map_err(|trouble| own.not_put(trouble).outcome)?;
    let found = |name: &str| text_of(&answer.text, name).ok_or_else(|| retry(format!("s3: assume role: the answer has no {name}")));
    let until = found("Expiration")?.parse().map_err(|_| retry("s3: assume role: the answer's Expiration is no instant"))?;
    let credential =
        AwsCredential { key_id: found("AccessKeyId")?, secret_key: found("SecretAccessKey")?, token: Some(found("SessionToken")?) };
    let keys = Usable::new(Arc::new(credential)).ok_or_else(|| retry("s3: assume role: the answer's keys cannot be used in a request"))?;
    Ok((keys, until))
}

fn form(config: &S3Config, role: &RoleArn) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "AssumeRole")
        .append_pair("Version", "2011-06-15")
        .append_pair("RoleArn", role.as_str())
        .append_pair("RoleSessionName", "pressrun")
        .append_pair("DurationSeconds", "3600");
    if let Some(external_id) = &config.external_id {
        form.append_pair("ExternalId", external_id);
    }
    form.finish()
}
