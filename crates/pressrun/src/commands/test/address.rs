//! Destinations as people type them.

use std::path::Path;

use anyhow::{Context as _, bail};
use percent_encoding::percent_decode_str;
use pressrun_domain::destination::{
    Destination, S3Settings, SftpSettings, SlackId, SlackRecipientType, SlackSettings, WebhookSettings, WebhookUrl,
};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::secret::Secret;
use pressrun_domain::sftp_quirks::SftpQuirks;
use url::Url;

use super::{S3, Sftp, Webhook};
use crate::config::Settings;

/// A mail address.
pub(super) fn mail(text: &str) -> anyhow::Result<String> {
    let address: EmailAddress = text.parse().with_context(|| format!("{text:?} is no mail address; write name@example.com"))?;
    Ok(address.to_string())
}

/// `sftp://user@host:port/folder` with its login in files.
pub(super) fn sftp(typed: &Sftp) -> anyhow::Result<Destination> {
    const FORM: &str = "write it as sftp://user@host:port/folder";
    let url = Url::parse(&typed.to).context(FORM)?;
    let (Some(host), false) = (url.host_str(), url.username().is_empty()) else { bail!(FORM) };
    if url.password().is_some() {
        bail!("a password in the address is seen by every account of this machine: name a file with --password-file");
    }
    let (password, private_key) = (secret(typed.password_file.as_deref())?, secret(typed.key_file.as_deref())?);
    if password.is_none() && private_key.is_none() {
        bail!("name the file with the password (--password-file) or with the private key (--key-file)");
    }
    let plain = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let path = plain(url.path().trim_end_matches('/'));
    Ok(Destination::Sftp(SftpSettings {
        address: host.to_owned(),
        port: url.port().unwrap_or(22),
        username: plain(url.username()),
        password,
        private_key,
        passphrase: secret(typed.passphrase_file.as_deref())?,
        path: (!path.is_empty()).then_some(path),
        host_key: typed.host_key.clone(),
        quirks: SftpQuirks::default(),
    }))
}

/// An address that is posted to.
pub(super) fn webhook(typed: &Webhook) -> anyhow::Result<Destination> {
    let url: WebhookUrl = typed.to.parse()?;
    Ok(Destination::Webhook(WebhookSettings::new(url.expose(), secret(typed.secret_file.as_deref())?.into_iter().collect())))
}

/// A channel or a person.
pub(super) fn slack(id: &str) -> anyhow::Result<Destination> {
    let kind = if id.starts_with(['U', 'W']) { SlackRecipientType::Users } else { SlackRecipientType::Channel };
    SlackId::parse(kind, id)?;
    Ok(Destination::Slack(SlackSettings { recipient_type: kind, recipients: vec![id.to_owned()], text_body: None }))
}

/// `s3://bucket/prefix`.
pub(super) fn s3(typed: &S3, settings: &Settings) -> anyhow::Result<Destination> {
    let rest = typed.to.strip_prefix("s3://").unwrap_or_default();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        bail!("write it as s3://bucket/prefix");
    }
    if typed.role.is_none() && settings.s3.assume_role.unwrap_or(true) {
        bail!(
            "name the role that schedules assume with --role arn:aws:iam::…:role/…, or set s3.assume_role = false and list the bucket in s3.buckets"
        );
    }
    let region = typed.region.clone().or_else(|| settings.s3.region.clone()).unwrap_or_else(|| "us-east-1".to_owned());
    Ok(Destination::S3(S3Settings {
        bucket_name: bucket.to_owned(),
        region,
        role_arn: typed.role.clone().unwrap_or_default(),
        key_prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        filename: None,
    }))
}

fn secret(file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    let read = |file: &Path| std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()));
    Ok(file.map(read).transpose()?.map(|text| Secret::new(text.trim_end_matches(['\r', '\n']))))
}
