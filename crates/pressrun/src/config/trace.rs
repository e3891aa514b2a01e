//! `[trace]`: traces of runs and requests, for a collector of OpenTelemetry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret;
use crate::hidden::{Hidden, hidden_login};

/// Traces, sent by OTLP (protobuf over HTTP). Off unless an endpoint is named. A run is one trace, whose id is that of the run without its hyphens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trace {
    /// Where the collector takes traces, such as `http://127.0.0.1:4318/v1/traces`.
    #[schemars(example = &"http://127.0.0.1:4318/v1/traces")]
    pub endpoint: Option<String>,
    /// How large a part of runs and requests is told, from 0 to 1. A request that comes with `traceparent` is told when that says so.
    pub sample: f64,
    /// `service.name` of every span.
    pub service_name: String,
    /// Header that the collector wants, such as `Authorization`.
    #[schemars(example = &"Authorization")]
    pub header_name: Option<String>,
    /// Its value.
    pub header_value: Option<Hidden>,
    /// File with that value.
    #[schemars(example = &"/run/secrets/trace-token")]
    pub header_value_file: Option<PathBuf>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample: 1.0,
            service_name: "pressrun".to_owned(),
            header_name: None,
            header_value: None,
            header_value_file: None,
        }
    }
}

impl Trace {
    /// The collector's address; `None` when traces are off.
    ///
    /// # Errors
    /// It is no http or https address.
    pub(crate) fn endpoint(&self) -> anyhow::Result<Option<String>> {
        let Some(endpoint) = &self.endpoint else { return Ok(None) };
        let url: url::Url = endpoint.parse().with_context(|| format!("trace.endpoint: {}", hidden_login(endpoint)))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!(
                "trace.endpoint: {} has to begin with http:// or https://, such as http://127.0.0.1:4318/v1/traces",
                hidden_login(endpoint)
            );
        }
        Ok(Some(endpoint.clone()))
    }

    /// How large a part is told.
    pub(crate) fn ratio(&self) -> f64 {
        if self.sample.is_finite() { self.sample.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// What the collector wants to be told with every request.
    ///
    /// # Errors
    /// One of name and value is missing, or the file cannot be read.
    pub(crate) fn headers(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let value = secret("trace.header_value", self.header_value.as_ref(), self.header_value_file.as_deref())?;
        match (&self.header_name, value) {
            (Some(name), Some(value)) => Ok(BTreeMap::from([(name.clone(), value.expose().to_owned())])),
            (None, None) => Ok(BTreeMap::new()),
            (Some(_), None) => bail!("trace.header_name: trace.header_value is missing"),
            (None, Some(_)) => bail!("trace.header_value: trace.header_name is missing"),
        }
    }
}
