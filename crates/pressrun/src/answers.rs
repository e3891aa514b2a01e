//! What the engine answers to the API.

use async_trait::async_trait;
use pressrun_api::{CameBack, EngineSource};
use pressrun_dispatch::Pulses;
use pressrun_domain::id::SubscriptionRequestId;
use pressrun_domain::schedule::Definition;
use pressrun_domain::secret::Secret;
use pressrun_engine::bounce::{Intake, TakenIn};
use pressrun_engine::pipeline::{Context, audience};
use pressrun_store::StoreError;

/// The engine, as far as the API asks it.
pub(crate) struct Answers {
    pub(crate) context: Context,
    /// Takes in mail that came back, where mail has return paths of its own.
    pub(crate) intake: Option<Intake>,
    /// Signs of life of this process's tasks.
    pub(crate) pulses: Pulses,
}

#[async_trait]
impl EngineSource for Answers {
    async fn take_in(&self, mail: &[u8]) -> Result<Option<CameBack>, StoreError> {
        let Some(intake) = &self.intake else { return Ok(None) };
        let (outcome, email) = match intake.take_in(mail).await? {
            TakenIn::Suppressed(email) => ("suppressed", Some(email)),
            TakenIn::Noted(email) => ("noted", Some(email)),
            TakenIn::Known(email) => ("known", Some(email)),
            TakenIn::NotOurs => ("notOurs", None),
            TakenIn::NoReport => ("noReport", None),
        };
        Ok(Some(CameBack { outcome, email }))
    }

    async fn without_values(&self, definition: &Definition) -> Result<Vec<String>, StoreError> {
        let catalog = self.context.catalog.current();
        let found = audience::without_values(&catalog, definition, self.context.store.as_ref()).await?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    fn late_tasks(&self) -> Vec<&'static str> {
        self.pulses.late()
    }

    fn request_word(&self, request: SubscriptionRequestId) -> Secret {
        self.context.links.request_word(request)
    }
}
