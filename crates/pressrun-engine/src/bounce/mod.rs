//! What comes back of mail: taken in from the API and from a mailbox, kept with the run that sent it, and, where it is for good, the end of
//! mail to that address until somebody lifts it.

mod mailbox;

use std::sync::Arc;

use pressrun_catalog::CatalogHandle;
use pressrun_deliver::bounce::read;
use pressrun_domain::bounce::{Bounce, Mailed, Report, ReturnPath};
use pressrun_domain::clock::Clock;
use pressrun_domain::email::EmailAddress;
use pressrun_store::{Store, StoreError};
use tracing::info;

use crate::config::EngineConfig;
use crate::notice;

pub use mailbox::Mailbox;

/// What taking in a mail came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenIn {
    /// It was kept, and the address gets nothing more.
    Suppressed(EmailAddress),
    /// It was kept; the address goes on getting mail.
    Noted(EmailAddress),
    /// The same was said before.
    Known(EmailAddress),
    /// It came to no return path of ours, or is about nothing that we sent.
    NotOurs,
    /// It is no report of trouble: an automatic answer, a note of success, a letter.
    NoReport,
}

/// Takes in what comes back.
#[derive(Clone)]
pub struct Intake {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// People, who are told.
    pub catalog: Arc<CatalogHandle>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Which addresses are ours.
    pub return_path: ReturnPath,
    /// Addresses of pages, and whether there is an operator to tell.
    pub config: Arc<EngineConfig>,
}

impl Intake {
    /// Takes in one mail. Only what came to a return path that we signed is believed, and it is about the address that this piece went to,
    /// whatever it says itself.
    ///
    /// # Errors
    /// The store failed; the mail can be taken in again.
    pub async fn take_in(&self, mail: &[u8]) -> Result<TakenIn, StoreError> {
        let Some(returned) = read(mail) else { return Ok(TakenIn::NoReport) };
        let Some(delivery) = returned.addresses.iter().find_map(|address| self.return_path.read(address)) else {
            return Ok(TakenIn::NotOurs);
        };
        let Some(mailed) = self.store.mailed(delivery).await? else { return Ok(TakenIn::NotOurs) };
        let Some(report) = returned.about(&mailed.email) else { return Ok(TakenIn::NoReport) };
        let bounce = Bounce { delivery, report, at: self.clock.now() };
        let suppresses = bounce.report.kind.suppresses();
        let notices = if suppresses { self.notices(&mailed, &bounce.report, delivery.0).await? } else { Vec::new() };
        if !self.store.record_bounce(&bounce, &mailed, &notices).await? {
            return Ok(TakenIn::Known(mailed.email));
        }
        let Report { kind, status, .. } = &bounce.report;
        info!(
            %delivery, schedule = %mailed.schedule, kind = kind.as_str(), status = status.as_deref().unwrap_or_default(), suppresses,
            "mail came back"
        );
        Ok(if suppresses { TakenIn::Suppressed(mailed.email) } else { TakenIn::Noted(mailed.email) })
    }

    /// The owner is told once that somebody on the list gets nothing more.
    async fn notices(
        &self,
        mailed: &Mailed,
        report: &Report,
        cause: uuid::Uuid,
    ) -> Result<Vec<pressrun_domain::notice::Notice>, StoreError> {
        let Some(schedule) = self.store.schedule(mailed.schedule).await? else { return Ok(Vec::new()) };
        let catalog = self.catalog.current();
        Ok(notice::about_suppression(&self.config, &catalog, &schedule, &mailed.email, report, cause, self.clock.now()))
    }
}
