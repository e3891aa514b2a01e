//! `AssumeRole` with an external id, remembered until shortly before it ends.

use std::collections::HashMap;

use hyper::Request;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::Url;

use super::fault::Fault;
use super::sign::{Unsigned, sign};
use super::xml::text_of;
use crate::config::{Deadlines, S3Config, S3Credentials};
use crate::dial::Trust;
use crate::http::{Http, Reading, bytes_body, target};
use crate::outcome::{presentable, rejected, retry};

/// Keys that end sooner than this are not used any more: a big upload takes a while.
const SPARE: SignedDuration = SignedDuration::from_mins(15);

/// The roles assumed so far, by role and region.
#[derive(Default)]
pub(super) struct Roles(Mutex<HashMap<(String, String), (S3Credentials, Timestamp)>>);

impl Roles {
    /// Keys of `role`, from memory or from the token service.
    pub(super) async fn assume(
        &self,
        config: &S3Config,
        role: &str,
        region: &str,
        http: &Http,
        deadlines: &Deadlines,
        now: Timestamp,
    ) -> Result<S3Credentials, Outcome> {
        let place = (role.to_owned(), region.to_owned());
        if let Some((credentials, until)) = self.0.lock().await.get(&place)
            && now.checked_add(SPARE).is_ok_and(|soon| soon < *until)
        {
            return Ok(credentials.clone());
        }
        let (credentials, until) = ask(config, role, region, http, deadlines, now).await?;
        let mut known = self.0.lock().await;
        known.retain(|_, (_, until)| *until > now);
        known.insert(place, (credentials.clone(), until));
        Ok(credentials)
    }

    /// Forgets the keys of `role`, because the store says that they have run out.
    pub(super) async fn forget(&self, role: &str, region: &str) {
        self.0.lock().await.remove(&(role.to_owned(), region.to_owned()));
    }
}

async fn ask(
    config: &S3Config,
    role: &str,
    region: &str,
    http: &Http,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Result<(S3Credentials, Timestamp), Outcome> {
    let body = form(config, role);
    let address = config.sts_endpoint.clone().unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com/"));
    let url = Url::parse(&address).map_err(|_| rejected("s3: the token service's address is not valid"))?;
    let request = Unsigned {
        method: "POST",
        url: &url,
        region,
        service: "sts",
        body_sha256: &hex::encode(Sha256::digest(&body)),
        headers: vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())],
    };
    let mut builder = Request::post(target(&url)).header("content-length", body.len());
    for (name, value) in sign(&request, &config.credentials, now) {
        builder = builder.header(name, value);
    }
    let request = builder.body(bytes_body(body)).map_err(|error| rejected(format!("s3: assume role: {error}")))?;
    let secrets: Vec<&Secret> =
        [Some(&config.credentials.secret_access_key), config.credentials.session_token.as_ref()].into_iter().flatten().collect();
    // Only what the operator typed is beyond the egress policy; the region is a tenant's.
    let trust = if config.sts_endpoint.is_some() { Trust::Operator } else { Trust::Tenant };
    let answer = http.exchange(&url, trust, request, deadlines.command, Reading::Whole).await.map_err(|error| {
        let reason = presentable(&format!("s3: assume role: {error}"), &secrets);
        if error.refused { rejected(reason) } else { retry(reason) }
    })?;
    if !answer.status.is_success() {
        return Err(Fault::of(&answer, now).outcome("assume role", |text| presentable(text, &secrets)));
    }
    let found = |name: &str| text_of(&answer.text, name).ok_or_else(|| retry(format!("s3: assume role: the answer has no {name}")));
    let until = found("Expiration")?.parse().map_err(|_| retry("s3: assume role: the answer's Expiration is no instant"))?;
    let credentials = S3Credentials {
        access_key_id: found("AccessKeyId")?,
        secret_access_key: Secret::new(found("SecretAccessKey")?),
        session_token: Some(Secret::new(found("SessionToken")?)),
    };
    Ok((credentials, until))
}

fn form(config: &S3Config, role: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "AssumeRole")
        .append_pair("Version", "2011-06-15")
        .append_pair("RoleArn", role)
        .append_pair("RoleSessionName", "pressrun")
        .append_pair("DurationSeconds", "3600");
    if let Some(external_id) = &config.external_id {
        form.append_pair("ExternalId", external_id);
    }
    form.finish()
}
