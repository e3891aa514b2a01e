//! The operator's way out: a proxy that is asked to `CONNECT` (RFC 9110 §9.3.6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pressrun_domain::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::{Host, Url};

use super::Connection;
use crate::config::{ConfigError, ProxyConfig};
use crate::egress::EgressRule;

/// Bytes of a proxy's answer to `CONNECT`.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// A proxy, ready to be asked.
pub(crate) struct Proxy {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) over_tls: bool,
    /// The value of `Proxy-Authorization`.
    login: Option<Secret>,
    /// The proxy looks names up, and judges where they lead.
    pub(super) resolves: bool,
    /// Places that are reached without it.
    pub(super) except: Vec<EgressRule>,
}

impl Proxy {
    pub(crate) fn new(config: &ProxyConfig) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::Proxy;
        let url = Url::parse(&config.url).map_err(|_| invalid())?;
        let bare = url.username().is_empty() && url.password().is_none() && matches!(url.path(), "" | "/") && url.query().is_none();
        let host = url.host().filter(|_| bare && matches!(url.scheme(), "http" | "https")).ok_or_else(invalid)?.to_owned();
        let login = config
            .credentials
            .as_ref()
            .map(|(user, password)| Secret::new(format!("Basic {}", BASE64.encode(format!("{user}:{}", password.expose())))));
        Ok(Self {
            host,
            port: url.port_or_known_default().ok_or_else(invalid)?,
            over_tls: url.scheme() == "https",
            login,
            resolves: config.resolves,
            except: config.except.clone(),
        })
    }

    /// Asks for a connection to `to`, a host or address with its port; what is left is the connection.
    ///
    /// # Errors
    /// Why there is none, for the operator's log.
    pub(super) async fn tunnel(&self, mut wire: Connection, to: &str) -> Result<Connection, String> {
        let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
        if let Some(login) = &self.login {
            request.push_str("Proxy-Authorization: ");
            request.push_str(login.expose());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        wire.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        wire.flush().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        // One byte at a time: what comes after the head belongs to the server behind, which may speak first.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= ANSWER_BYTES_MAX {
                return Err("the proxy's answer is too long".to_owned());
            }
            answer.push(wire.read_u8().await.map_err(|error| format!("the proxy hung up: {error}"))?);
        }
        match status(&answer) {
            Some(200..=299) => Ok(wire),
            Some(407) => Err("the proxy wants another login (407): check egress.proxy_credentials_file".to_owned()),
            Some(status) => Err(format!("the proxy answers {status}")),
            None => Err("the proxy's answer is no HTTP".to_owned()),
        }
    }
}

/// The status of an answer's first line: `HTTP/1.1 200 …`.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|&byte| byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let version = words.next()?;
    let status = words.next()?;
    if !version.starts_with("HTTP/1.") || status.len() != 3 {
        return None;
    }
    status.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m12_a_proxys_status_is_read_from_its_first_line() {
        for (answer, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 200\r\n\r\n", Some(200)),
            ("HTTP/1.1 407 Proxy Authentication Required\r\nX: 1\r\n\r\n", Some(407)),
            ("HTTP/2 200\r\n\r\n", None),
            ("HTTP/1.1 2000 x\r\n\r\n", None),
            ("220 mail.example.com ESMTP\r\n\r\n", None),
            ("\r\n\r\n", None),
        ] {
            assert_eq!(status(answer.as_bytes()), expected, "{answer:?}");
        }
    }

    #[test]
    fn m12_a_proxys_address_is_bare() {
        for (url, valid) in [
            ("http://proxy.corp.example:3128", true),
            ("https://proxy.corp.example/", true),
            ("http://10.0.0.1:8080", true),
            ("socks5://proxy.corp.example:1080", false),
            ("http://user:pass@proxy.corp.example:3128", false),
            ("http://proxy.corp.example:3128/path", false),
            ("proxy.corp.example:3128", false),
        ] {
            assert_eq!(Proxy::new(&ProxyConfig::new(url)).is_ok(), valid, "{url}");
        }
    }
}
