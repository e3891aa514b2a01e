//! The pieces of a run: what goes to each target.

use pressrun_domain::delivery::{Delivery, DeliveryState, MailRole};
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::run::Run;
use uuid::Uuid;

use super::audience::{Skipped, Target};
use super::edition::{Edition, Prepared};
use super::{Context, Work, link};

/// Pieces that are made one by one.
pub(super) type Making<'p> = Box<dyn Iterator<Item = Delivery> + Send + 'p>;

/// Makes the pieces of a run.
#[derive(Clone, Copy)]
pub(super) struct Pieces<'a> {
    context: &'a Context,
    run: &'a Run,
}

impl<'a> Pieces<'a> {
    /// Those of this run.
    pub(super) fn of(work: &Work<'a>) -> Self {
        Self { context: work.context, run: work.run }
    }

    /// What the targets of `editions` are owed from now on.
    pub(super) fn owed<'p>(self, editions: &'p [Edition]) -> Making<'p>
    where
        'a: 'p,
    {
        let not_before = self.context.clock.now();
        let owed = move |edition: &Edition, target| {
            self.piece(&edition.audience, target, &edition.prepared, DeliveryState::Pending { not_before })
        };
        Box::new(editions.iter().flat_map(move |edition| edition.targets.iter().map(move |target| owed(edition, target))))
    }

    /// Targets of an audience that get nothing.
    pub(super) fn empty<'p>(self, audience: &'p str, targets: &'p [Target], state: DeliveryState) -> Making<'p>
    where
        'a: 'p,
    {
        Box::new(targets.iter().map(move |target| self.piece(audience, target, &Prepared::default(), state.clone())))
    }

    /// Somebody who is left out.
    pub(super) fn left_out(self, audience: &str, skipped: &Skipped) -> Delivery {
        let target =
            Target { name: skipped.name.clone(), recipient: None, baseline: String::new(), without_login: false, role: MailRole::To };
        self.piece(audience, &target, &Prepared::default(), DeliveryState::Skipped { reason: skipped.reason.to_owned() })
    }

    fn piece(self, audience: &str, target: &Target, prepared: &Prepared, state: DeliveryState) -> Delivery {
        let Self { context, run } = self;
        let id = delivery_id(run.id, &target.name);
        let mut message = prepared.message.clone();
        message.link = message.link.map(|plain| link::own(context, run, target, &plain, prepared.scope, &prepared.stated));
        message.heading.role = target.role;
        if target.role == MailRole::To {
            message.heading.copy_of = None;
        }
        message.unsubscribe = target.recipient.map(|recipient| context.links.unsubscribe(run.schedule_id, recipient));
        Delivery {
            id,
            run: run.id,
            target: target.name.clone(),
            audience: audience.to_owned(),
            artifact: prepared.artifact.clone(),
            idempotency_key: format!("pressrun-{id}"),
            message,
            state,
            attempts: Vec::new(),
        }
    }
}

/// The same for the same run and target, so that promising twice is promising once.
pub(super) fn delivery_id(run: RunId, target: &str) -> DeliveryId {
    DeliveryId(Uuid::new_v5(&run.0, target.to_lowercase().as_bytes()))
}
