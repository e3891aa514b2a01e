//! What the engine answers to the API.

use async_trait::async_trait;
use pressrun_api::{CameBack, EngineSource, Seen, Sees};
use pressrun_dispatch::Pulses;
use pressrun_domain::audience::TIMEZONE_ATTRIBUTE;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::id::SubscriptionRequestId;
use pressrun_domain::schedule::Definition;
use pressrun_domain::secret::Secret;
use pressrun_engine::bounce::{Intake, TakenIn};
use pressrun_engine::pipeline::Context;
use pressrun_engine::pipeline::audience::{self, Audience};
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

    async fn seen(&self, definition: &Definition) -> Result<Vec<Seen>, StoreError> {
        if definition.destination.email().is_none() {
            return Ok(Vec::new());
        }
        let catalog = self.context.catalog.current();
        let personal = pressrun_domain::access::is_personal(&catalog, definition);
        let found = audience::imagined(&catalog, definition, self.context.store.as_ref()).await?;
        let mut seen = Vec::new();
        for audience in &found.audiences {
            let sees = if personal { sees(&catalog, audience) } else { Sees::Owners };
            seen.extend(audience.targets.iter().map(|target| Seen { email: target.name.clone(), sees: sees.clone() }));
        }
        seen.extend(found.skipped.iter().map(|skipped| Seen { email: skipped.name.clone(), sees: Sees::Skipped(skipped.reason) }));
        Ok(seen)
    }

    fn late_tasks(&self) -> Vec<&'static str> {
        self.pulses.late()
    }

    fn request_word(&self, request: SubscriptionRequestId) -> Secret {
        self.context.links.request_word(request)
    }
}

/// What the people of a personal copy see, by the attributes that the content asks for.
fn sees(catalog: &Catalog, audience: &Audience) -> Sees {
    let label = |name: &str| match catalog.attributes.get(name) {
        Some(attribute) => attribute.label.clone(),
        None => name.trim_start_matches("omni_user_").replace('_', " "),
    };
    if !audience.missing.is_empty() {
        return Sees::Nothing(audience.missing.iter().map(|name| label(name)).collect());
    }
    let asked = audience.identity.attributes.iter().filter(|(name, _)| *name != TIMEZONE_ATTRIBUTE);
    let own: Vec<_> = asked.map(|(name, values)| (label(name), values.iter().map(ToString::to_string).collect())).collect();
    if own.is_empty() { Sees::Everything } else { Sees::Own(own) }
}
