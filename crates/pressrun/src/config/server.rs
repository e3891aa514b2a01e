//! `[server]`: where the server listens and how people reach it.

use serde::{Deserialize, Serialize};

/// Where the server listens and how people reach it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port.
    pub listen: String,
    /// Address in links, such as `https://reports.example.com`; made from `listen` when absent.
    #[serde(default)]
    pub public_url: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".to_owned(), public_url: None }
    }
}

impl Server {
    /// Address in links, without a trailing slash.
    #[must_use]
    pub(crate) fn link_base(&self) -> String {
        let url = self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen));
        url.trim_end_matches('/').to_owned()
    }
}
