//! `[egress]`: where deliveries may go, and which way out they take.

use std::path::PathBuf;

use anyhow::{Context, bail};
use pressrun_deliver::{EgressPolicy, EgressRule, Ports, ProxyConfig};
use pressrun_domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret;

/// Where deliveries may go: to public addresses on ports 22, 80 and 443, but for these lists.
///
/// A place in a list is a host (`hooks.example.com`, every name below it: `*.example.com`), an address or a network (`10.0.0.0/8`), each with or
/// without a port (`hooks.example.com:8443`, `10.0.0.0/8:443`, `[fd00::/8]:443`), or one port everywhere (`*:25`, not in `allow`).
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Egress {
    /// Places that may be reached although they are not public, or on another port.
    #[schemars(example = ["hooks.intra.example.com:8443", "10.0.0.0/8"])]
    pub allow: Vec<String>,
    /// Places that may not be reached, whatever else allows them.
    #[schemars(example = ["169.254.0.0/16"])]
    pub deny: Vec<String>,
    /// When given, nothing else may be reached. Opens nothing by itself: a private place goes into `allow` as well.
    #[schemars(example = ["*.example.com"])]
    pub only: Vec<String>,
    /// Ports that public addresses may be reached on, single or as ranges: `[22, 80, 443, "8000-8999"]`. Only the first three unless given.
    #[schemars(example = serde_json::json!([22, 80, 443, "8000-8999"]))]
    pub ports: Option<Vec<PortEntry>>,
    /// Proxy that deliveries leave through (HTTP `CONNECT`): `http://proxy.example.com:3128`. Those of the environment are never used.
    #[schemars(example = &"http://proxy.example.com:3128")]
    pub proxy: Option<String>,
    /// File with the proxy's login, as `user:password`.
    #[schemars(example = &"/run/secrets/proxy-login")]
    pub proxy_credentials_file: Option<PathBuf>,
    /// What leaves through the proxy: `http` (webhooks, Slack, object storage, token services), `sftp`, `mail`. Only `http` unless given.
    #[schemars(example = ["http", "sftp"])]
    pub proxy_for: Option<Vec<ProxyUse>>,
    /// Hands names to the proxy instead of addresses that were looked up and checked here, for networks without public DNS. The proxy alone then
    /// judges where a name leads: it must refuse private addresses itself.
    pub proxy_resolves: bool,
    /// Places that are reached past the proxy.
    #[schemars(example = ["*.intra.example.com"])]
    pub proxy_except: Vec<String>,
    /// Where the connections of the catalog may lead: `any` (everywhere but `deny`, since databases are mostly private) or `policy` (where
    /// deliveries may go, so that each database has to be in `allow`, or be public and on one of `ports`). `any` unless given.
    pub connections: ConnectionUse,
}

/// What holds for the connections of the catalog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConnectionUse {
    /// `deny` alone.
    #[default]
    Any,
    /// What holds for deliveries.
    Policy,
}

/// A port or a range, as typed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PortEntry {
    /// `443`
    Number(i64),
    /// `"8000-8999"`
    Text(String),
}

/// What may leave through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyUse {
    /// Webhooks, Slack, object storage, token services.
    Http,
    /// SFTP.
    Sftp,
    /// SMTP.
    Mail,
}

impl Egress {
    /// Which addresses deliveries may go to.
    ///
    /// # Errors
    /// A rule is not understood; the message names the list and the rule.
    pub(crate) fn policy(&self) -> anyhow::Result<EgressPolicy> {
        let policy = EgressPolicy::parse(&self.allow)?.deny(&self.deny)?.only(&self.only)?;
        let Some(ports) = &self.ports else { return Ok(policy) };
        let parsed: Result<Vec<Ports>, _> = ports
            .iter()
            .map(|entry| match entry {
                PortEntry::Number(number) => number.to_string().parse(),
                PortEntry::Text(text) => text.parse(),
            })
            .collect();
        Ok(policy.on_ports(parsed.context("egress.ports")?)?)
    }

    /// Where the connections of the catalog may lead.
    ///
    /// # Errors
    /// Those of [`Egress::policy`].
    pub(crate) fn of_connections(&self) -> anyhow::Result<EgressPolicy> {
        match self.connections {
            ConnectionUse::Any => Ok(EgressPolicy::everywhere().deny(&self.deny)?),
            ConnectionUse::Policy => self.policy(),
        }
    }

    /// The way out, when there is a proxy.
    ///
    /// # Errors
    /// The login cannot be read, an exception is not understood, or something is set for a proxy that is not there.
    pub(crate) fn way_out(&self) -> anyhow::Result<Option<ProxyConfig>> {
        let Some(url) = &self.proxy else {
            if self.proxy_credentials_file.is_some() || self.proxy_for.is_some() || self.proxy_resolves || !self.proxy_except.is_empty() {
                bail!("egress.proxy: there is no proxy that the other egress.proxy_… keys could be about");
            }
            return Ok(None);
        };
        let login = secret("egress.proxy_credentials", None, self.proxy_credentials_file.as_deref())?;
        let credentials = login
            .map(|login| {
                let (user, password) =
                    login.expose().split_once(':').context("egress.proxy_credentials_file: write it as user:password")?;
                Ok::<_, anyhow::Error>((user.to_owned(), Secret::new(password)))
            })
            .transpose()?;
        let except: Result<Vec<EgressRule>, _> = self.proxy_except.iter().map(|rule| rule.parse()).collect();
        let uses = self.proxy_for.as_deref().unwrap_or(&[ProxyUse::Http]);
        Ok(Some(ProxyConfig {
            credentials,
            resolves: self.proxy_resolves,
            except: except.context("egress.proxy_except")?,
            http: uses.contains(&ProxyUse::Http),
            sftp: uses.contains(&ProxyUse::Sftp),
            mail: uses.contains(&ProxyUse::Mail),
            ..ProxyConfig::new(url)
        }))
    }
}

#[cfg(test)]
mod tests {
    use figment::Figment;
    use figment::providers::{Format, Toml};

    use super::*;

    fn typed(toml: &str) -> Egress {
        Figment::from(Toml::string(toml)).extract().expect("valid")
    }

    #[test]
    fn m12_a_rule_that_is_not_understood_is_named_with_its_key() {
        for (toml, words) in [
            ("allow = ['10.0.0.0/33']", "egress.allow: \"10.0.0.0/33\""),
            ("deny = ['http://x.example']", "egress.deny: \"http://x.example\""),
            ("only = ['*']", "egress.only: \"*\""),
            ("allow = ['*:8443']", "egress.allow: *:8443"),
            ("ports = [443, '8100-8000']", "egress.ports: \"8100-8000\""),
            ("ports = [0]", "egress.ports: \"0\""),
            ("ports = []", "egress.ports: the list is empty"),
        ] {
            let error = format!("{:#}", typed(toml).policy().expect_err(toml));
            assert!(error.starts_with(words), "{toml}: {error}");
        }
        let policy = typed("ports = [443, '8000-8100']\ndeny = ['*.internal.example']").policy().expect("valid");
        assert!(policy.check_url("https://hooks.example.com:8050/").is_ok());
        assert!(policy.check_url("https://a.internal.example/").is_err());
    }

    #[test]
    fn m12_the_proxy_is_for_http_unless_more_is_said_and_its_login_comes_from_a_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("login");
        std::fs::write(&file, "blobby:p:ss\n").expect("writes");
        let key = format!("proxy_credentials_file = '{}'\n", file.display());
        let found = typed(&format!("proxy = 'http://proxy.example:3128'\n{key}")).way_out().expect("valid").expect("a proxy");
        assert_eq!((found.http, found.sftp, found.mail), (true, false, false));
        let (user, password) = found.credentials.expect("a login");
        assert_eq!((user.as_str(), password.expose()), ("blobby", "p:ss"));
        let more = typed("proxy = 'http://proxy.example:3128'\nproxy_for = ['sftp', 'mail']").way_out().expect("valid").expect("a proxy");
        assert_eq!((more.http, more.sftp, more.mail), (false, true, true));
        assert!(typed("").way_out().expect("valid").is_none());
        for (toml, words) in [
            (key.as_str(), "egress.proxy"),
            ("proxy = 'http://proxy.example'\nproxy_except = ['https://x']", "egress.proxy_except"),
            ("proxy = 'http://proxy.example'\nproxy_credentials_file = '/dev/null'", "user:password"),
        ] {
            let error = format!("{:#}", typed(toml).way_out().expect_err(toml));
            assert!(error.contains(words), "{toml}: {error}");
        }
    }
}
