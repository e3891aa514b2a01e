//! A dashboard as it will be delivered, made when somebody looks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::clock::Clock as _;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::DocumentIdentifier;
use pressrun_domain::naming::safe_name;
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_domain::schedule::FilterConfig;
use pressrun_engine::content::{Content, Producer, RenderRequest};
use pressrun_engine::pipeline::audience::member_identity;
use pressrun_engine::spool::Spool;
use pressrun_sql::{EffectiveFilters, QueryClock};

use crate::app::{engine_config, executors};
use crate::clock::WallClock;
use crate::config::Settings;

/// How long queries may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes previews.
pub(super) struct Preview {
    producer: Producer,
    spool: Spool,
}

/// A file, and what is wrong with what it shows.
pub(super) struct Previewed {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: &'static str,
}

impl Preview {
    /// For the server's own settings.
    ///
    /// # Errors
    /// A setting does not fit.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let config = engine_config(settings, &settings.server.public_url()?)?;
        Ok(Self { producer: Producer::new(executors(settings)?, Arc::new(config)), spool: Spool::open(&settings.spool.path)? })
    }

    /// The dashboard as a file, with the rows of `viewer`.
    ///
    /// # Errors
    /// There is no such dashboard, or it cannot be drawn.
    pub(super) async fn file(
        &self,
        catalog: &Catalog,
        identifier: &str,
        format: Format,
        viewer: &EmailAddress,
    ) -> anyhow::Result<Previewed> {
        let (content_options, identifier) = (OutputOptions::default(), DocumentIdentifier::from(identifier));
        let document = catalog
            .documents
            .get(&identifier)
            .with_context(|| format!("there is no dashboard {identifier} now; its file may have a fault"))?;
        let dashboard = document.dashboard.as_ref().with_context(|| format!("{identifier} has no dashboard"))?;
        let member = catalog.member_by_email(viewer).with_context(|| format!("people.yaml has no member with the address {viewer}"))?;
        let identity = member_identity(catalog, member);
        let zone = dashboard.timezone.clone().or_else(|| Some(catalog.connections.get(&dashboard.connection)?.timezone.clone()));
        let content = Content {
            catalog,
            document,
            dashboard,
            tile: None,
            filters: EffectiveFilters::new(&dashboard.filters, &FilterConfig::new())?,
            identity: &identity,
            clock: QueryClock::new(WallClock.now(), zone.unwrap_or_else(|| "UTC".to_owned())).fiscal(catalog.fiscal_start(dashboard)),
            format,
            options: &content_options,
        };
        // Several are made at once, and what is done with one is thrown away while the next begins.
        let work = self.spool.work_dir(&format!("dev-{}", uuid::Uuid::new_v4().simple()))?;
        let results = self.producer.tiles(&content, &work, None, |_| false, PATIENCE).await?;
        let report = content.report(&results, None, Vec::new());
        let stem = safe_name(&document.name);
        let request = RenderRequest {
            format,
            options: &content_options,
            single_tile: false,
            file_stem: &stem,
            imprint: Some(catalog.organization.name.clone()),
        };
        let made = self.producer.render(report, request, &work).await?;
        let path: PathBuf = made.path;
        let bytes = tokio::fs::read(&path).await.with_context(|| format!("could not read {}", path.display()))?;
        Ok(Previewed { bytes, media_type: if format == Format::Pdf { "application/pdf" } else { "image/png" } })
    }
}
