//! `[server]`: where the server listens and how people reach it.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use ipnet::IpNet;
use pressrun_api::TrustedProxies;
use pressrun_domain::catalog::Catalog;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where the server listens and how people reach it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port.
    pub listen: String,
    /// Where people reach this server, such as `https://reports.example.com` or `https://intra.example.com/reports`: the address in links. A
    /// path is the one that a reverse proxy puts this server under; it may take the path away or leave it. Made from `listen` when that is of
    /// this machine alone, and needed otherwise.
    #[serde(default)]
    #[schemars(example = &"https://reports.example.com")]
    pub public_url: Option<String>,
    /// Address and port for operators: `/metrics`, `/healthz` and `/readyz`, also of workers. Once it is set, `/metrics` is answered nowhere
    /// else; the other two stay on `listen` too. Nobody has to sign in there, so let only your own network reach it. Without it `listen` answers
    /// `/metrics` to the tokens of admins and of the organization.
    #[serde(default)]
    #[schemars(example = &"127.0.0.1:9090")]
    pub admin_listen: Option<String>,
    /// Proxies that are believed about where a request comes from (`Forwarded`, `X-Forwarded-For`): addresses or networks such as
    /// `10.0.0.0/8`. Without them the other end of the connection is the source. Where both headers are there and say different things, the
    /// proxy is: whoever adds the one that it does not write must not choose their own address.
    #[serde(default)]
    #[schemars(example = ["10.0.0.0/8"])]
    pub trusted_proxies: Vec<String>,
    /// Whether the development keys of `people.yaml` work while `listen` is no loopback address. They stand in git: everybody who can read
    /// the catalog has them.
    #[serde(default)]
    pub development_keys: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: None,
            admin_listen: None,
            trusted_proxies: Vec::new(),
            development_keys: false,
        }
    }
}

impl Server {
    /// Where people reach this server, without a trailing slash.
    ///
    /// # Errors
    /// `public_url` is not the address of a server, or is needed and not there; the message says what to write.
    pub(crate) fn public_url(&self) -> anyhow::Result<String> {
        let Some(text) = &self.public_url else {
            if !is_loopback(&self.listen) {
                bail!(
                    "server.public_url is needed, for server.listen ({}) is not of this machine alone: write the address under which people \
                     reach this server, such as https://reports.example.com",
                    self.listen
                );
            }
            return Ok(format!("http://{}", self.listen));
        };
        checked(text).with_context(|| format!("server.public_url: {:?} cannot be the address of this server", without_login(text)))
    }

    /// The networks of [`Self::trusted_proxies`].
    ///
    /// # Errors
    /// One is no network.
    pub(crate) fn proxies(&self) -> anyhow::Result<TrustedProxies> {
        let net = |text: &String| {
            let single = || text.parse().ok().map(|address: IpAddr| IpNet::from(address));
            let net: Option<IpNet> = text.parse().ok().or_else(single);
            net.with_context(|| format!("server.trusted_proxies: {text:?} is no address and no network; write 10.0.0.7 or 10.0.0.0/8"))
        };
        self.trusted_proxies.iter().map(net).collect()
    }

    /// Refuses development keys where others than this machine can reach the server, and warns of them otherwise.
    ///
    /// # Errors
    /// There are some, and nobody said that they may work.
    pub(crate) fn check_development_keys(&self, catalog: &Catalog) -> anyhow::Result<()> {
        let count = catalog.dev_keys.len();
        if count == 0 {
            return Ok(());
        }
        if !self.lets_development_keys_in() {
            bail!(
                "people.yaml has {count} development keys, which everybody who can read the catalog has, and server.listen is {}: take dev_keys \
                 out and make keys with `pressrun key create`, listen on 127.0.0.1, or set server.development_keys = true",
                self.listen
            );
        }
        tracing::warn!(count, "people.yaml has development keys: everybody who can read the catalog can use them");
        Ok(())
    }

    /// Whether development keys open anything, also those that a later version of the catalog brings.
    #[must_use]
    pub(crate) fn lets_development_keys_in(&self) -> bool {
        is_loopback(&self.listen) || self.development_keys
    }
}

fn checked(text: &str) -> anyhow::Result<String> {
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        // `reports.example.com:8080` reads as an address of the scheme `reports.example.com`.
        Ok(_) | Err(_) => bail!("it has to begin with https:// or http://, such as https://reports.example.com"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        bail!("it holds a login, and everybody would be told");
    }
    if url.query().is_some() || url.fragment().is_some() {
        bail!("nothing may stand after its path: take away what follows ? or #");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if !url.path().chars().all(plain) || url.path().contains("//") {
        bail!("its path may hold letters without accents, digits and -._~ between single slashes");
    }
    if let Some(why) = pressrun_web::unusable_path(text) {
        bail!(why);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// For messages: what stands before an `@` may be a password.
fn without_login(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
}

/// Whether only this machine itself can connect to `listen`.
fn is_loopback(listen: &str) -> bool {
    match listen.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_canonical().is_loopback(),
        Err(_) => listen.rsplit_once(':').is_some_and(|(host, _)| host.eq_ignore_ascii_case("localhost")),
    }
}

/// The address that a demo names to people: that of its listener, or this machine's when it listens on every address.
pub(crate) fn demo_url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("http://localhost:{}", address.port()) } else { format!("http://{address}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(listen: &str, public_url: Option<&str>) -> Server {
        Server { listen: listen.to_owned(), public_url: public_url.map(str::to_owned), ..Server::default() }
    }

    #[test]
    fn m10_a_public_url_is_the_address_of_a_server_and_may_have_a_path() {
        for (text, expected) in [
            ("https://reports.example.com", "https://reports.example.com"),
            ("https://reports.example.com/", "https://reports.example.com"),
            ("HTTPS://Reports.Example.com:8443", "https://reports.example.com:8443"),
            ("https://intra.example.com/reports/", "https://intra.example.com/reports"),
            ("http://intra/a/b-c_d", "http://intra/a/b-c_d"),
        ] {
            assert_eq!(server("0.0.0.0:8080", Some(text)).public_url().expect(text), expected);
        }
        for (text, says) in [
            ("reports.example.com", "begin with https://"),
            ("reports.example.com:8080", "begin with https://"),
            ("ftp://reports.example.com", "begin with https://"),
            ("/reports", "begin with https://"),
            ("", "begin with https://"),
            ("https://ann:hunter2@reports.example.com", "a login"),
            ("https://reports.example.com/?a=b", "after its path"),
            ("https://reports.example.com/#top", "after its path"),
            ("https://reports.example.com/a//b", "single slashes"),
            ("https://reports.example.com/\"><script>", "single slashes"),
            ("https://reports.example.com/a;Path=b", "single slashes"),
            ("https://reports.example.com/schedules", "this server's own"),
        ] {
            let error = format!("{:#}", server("127.0.0.1:8080", Some(text)).public_url().expect_err(text));
            assert!(error.starts_with("server.public_url") && error.contains(says) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn m10_a_public_url_is_needed_when_others_can_connect() {
        for listen in ["127.0.0.1:8080", "[::1]:8080", "localhost:8080", "127.8.8.8:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(server(listen, None).public_url().expect(listen), format!("http://{listen}"));
        }
        for listen in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "reports.example.com:80", ":8080"] {
            let error = server(listen, None).public_url().expect_err(listen).to_string();
            assert!(error.contains("server.public_url is needed") && error.contains(listen), "{error}");
        }
    }

    #[test]
    fn m10_a_demo_names_an_address_that_opens() {
        for (address, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:8081", "http://localhost:8081"),
            ("[::]:8081", "http://localhost:8081"),
            ("192.0.2.1:80", "http://192.0.2.1:80"),
        ] {
            assert_eq!(demo_url(address.parse().expect(address)), expected);
        }
    }

    #[test]
    fn h3_proxies_are_addresses_and_networks() {
        let server = |text: &str| Server { trusted_proxies: vec![text.into()], ..Server::default() };
        assert_eq!(server("10.0.0.0/8").proxies().expect("a network").len(), 1);
        assert_eq!(server("10.0.0.7").proxies().expect("an address")[0].to_string(), "10.0.0.7/32");
        assert!(server("proxy.example.com").proxies().expect_err("a name").to_string().contains("trusted_proxies"));
    }
}
