//! `AssumeRole` with an external id, remembered until shortly before it ends.

use std::collections::HashMap;

use hyper::Request;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::Url;

use super::sign::{Unsigned, sign};
use super::xml::text_of;
use crate::config::{Deadlines, S3Config, S3Credentials};
use crate::http::{API_ANSWER_BYTES_READ, Http, Owner, bytes_body, target};
use crate::outcome::{presentable, rejected, retry};
use crate::webhook::is_transient;

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
    let answer = http
        .exchange(&url, Owner::Operator, request, deadlines.command, API_ANSWER_BYTES_READ)
        .await
        .map_err(|error| retry(presentable(&format!("s3: assume role: {error}"), &secrets)))?;
    if !answer.status.is_success() {
        let code = text_of(&answer.text, "Code").unwrap_or_default();
        let said = text_of(&answer.text, "Message").unwrap_or_else(|| answer.text.clone());
        let reason = presentable(&format!("s3: assume role: HTTP {} {code} {said}", answer.status.as_u16()), &secrets);
        let passes = is_transient(answer.status) || code.contains("Throttl");
        return Err(if passes { retry(reason) } else { rejected(reason) });
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
