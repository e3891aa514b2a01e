//! Sending one piece of an ended run again: the same bytes to the same place, as a run of its own under a new mark.

use pressrun_domain::access::Actor;
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::Catalog;
use pressrun_domain::delivery::{Delivery, DeliveryState};
use pressrun_domain::destination::{Destination, EmailSettings};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::{DeliveryId, RunId};
use pressrun_domain::outline::{KnownTo, Outline};
use pressrun_domain::run::{Progress, ResendOf, Run, RunKind, RunRecord};
use pressrun_domain::schedule::{Definition, Schedule};
use pressrun_store::StoreError;

use super::error::AppError;
use super::runs;
use crate::state::ApiState;

/// Queues the resend of a piece; nothing is queried or rendered anew. Returns the run that sends it.
pub(crate) async fn resend(state: &ApiState, actor: &Actor, run_id: &str, delivery_id: &str) -> Result<RunId, AppError> {
    let catalog = state.catalog.current();
    let run = runs::with_bytes(state, actor, &catalog, run_id).await?;
    let missing = || AppError::NoDelivery(delivery_id.to_owned());
    let id: DeliveryId = delivery_id.parse().map_err(|_| missing())?;
    let piece = runs::known_piece(state, actor, &catalog, &run, id).await?.ok_or_else(missing)?;
    was_tried(&piece)?;
    is_kept(state, &piece).await?;
    let schedule = state.store.schedule(run.schedule_id).await?;
    let definition = addressed(&run, schedule.as_ref())?;
    if run.definition.destination.email().is_some() {
        may_get_mail(&catalog, &piece.target)?;
        not_suppressed(state, &piece.target, actor.is_admin(&catalog)).await?;
        // A test has no schedule; of others, nobody knows who still wants it once the schedule is gone.
        if run.kind != RunKind::Test {
            let email = schedule.as_ref().and_then(|schedule| schedule.definition.destination.email());
            let email = email.ok_or(AppError::NotResendable("The schedule no longer sends mail".into()))?;
            let opted_out = state.store.opted_out(run.schedule_id).await?;
            still_wanted(&catalog, email, &opted_out, &piece.target)?;
        }
    }
    let change = actor.change(Verb::RunResent, state.clock.now());
    let (again, piece) = repeated(&run, piece, definition, change.at);
    match state.store.enqueue_resend(&again, &piece, &change).await {
        // Its time was over between the look for its files and now.
        Err(StoreError::NotFound("artifact")) => return Err(AppError::NoArtifact(delivery_id.to_owned())),
        Err(StoreError::RunInProgress) => return Err(AppError::NotResendable("The delivery is being sent again already".into())),
        queued => queued?,
    }
    state.wake.notify_one();
    Ok(again.id)
}

/// Only what was tried can be sent again: a piece that is owed will be sent, and one that was skipped has nothing to send.
fn was_tried(piece: &Delivery) -> Result<(), AppError> {
    match &piece.state {
        DeliveryState::Accepted { .. } | DeliveryState::Failed { .. } if !piece.attempts.is_empty() => Ok(()),
        DeliveryState::Pending { .. } => Err(AppError::NotResendable("The delivery is still owed and will be sent".into())),
        DeliveryState::Accepted { .. } | DeliveryState::Failed { .. } | DeliveryState::Skipped { .. } => {
            Err(AppError::NotResendable("The delivery was never tried, so there is nothing to send again".into()))
        }
    }
}

/// Every file that the piece needs is still there.
async fn is_kept(state: &ApiState, piece: &Delivery) -> Result<(), AppError> {
    let artifact = piece.artifact.as_ref().map(|artifact| &artifact.sha256);
    let needed = [artifact, piece.message.words_artifact.as_ref(), piece.message.inline_png.as_ref()];
    for sha256 in needed.into_iter().flatten() {
        if state.artifacts.open(sha256).await?.is_none() {
            return Err(AppError::NoArtifact(sha256.clone()));
        }
    }
    Ok(())
}

/// The run's definition with the secrets of its destination. They ended with the run (D13); the schedule has them as long as it leads to
/// the same place.
fn addressed(run: &Run, schedule: Option<&Schedule>) -> Result<Definition, AppError> {
    let mut definition = run.definition.clone();
    match &mut definition.destination {
        Destination::Email(_) | Destination::Slack(_) | Destination::S3(_) => Ok(definition),
        ran @ (Destination::Sftp(_) | Destination::Webhook(_)) => {
            let now = schedule.map(|schedule| &schedule.definition.destination).filter(|now| now.same_place(ran));
            let now = now.ok_or(AppError::NotResendable("The schedule no longer delivers to where this delivery went".into()))?;
            ran.restore_secrets(now.secrets());
            if let (Destination::Sftp(ran), Destination::Sftp(now)) = (ran, now) {
                ran.host_key.clone_from(&now.host_key);
                // A delivery is mostly sent again because these were put right.
                ran.quirks.clone_from(&now.quirks);
            }
            Ok(definition)
        }
    }
}

fn is_at(address: &EmailAddress, target: &str) -> bool {
    address.folded() == target.to_lowercase()
}

fn not_wanted(target: &str) -> AppError {
    AppError::NotResendable(format!("{target} is no longer a recipient of this schedule").into())
}

/// A member who was deactivated and an address outside the allowed domains get no mail (P10, P13).
fn may_get_mail(catalog: &Catalog, target: &str) -> Result<(), AppError> {
    let allowed = &catalog.organization.allowed_domains;
    let domain = target.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default();
    let deactivated = catalog.members.by_address(&target.to_lowercase()).is_some_and(|member| !member.active);
    if deactivated || !(allowed.is_empty() || allowed.contains(&domain)) { Err(not_wanted(target)) } else { Ok(()) }
}

/// An address to which earlier mail came back gets no mail, until that is lifted. What came back, perhaps of another schedule's mail, is told to
/// those who may list it.
async fn not_suppressed(state: &ApiState, target: &str, tell: bool) -> Result<(), AppError> {
    let address = target.parse::<EmailAddress>().map_err(|_| not_wanted(target))?;
    match state.store.suppressed(&[address]).await?.first() {
        Some(found) => {
            let words = if tell { format!(" ({})", found.report.words) } else { String::new() };
            let text = format!("{target} gets no mail, because earlier mail came back{words}; an administrator can lift that");
            Err(AppError::NotResendable(text.into()))
        }
        None => Ok(()),
    }
}

/// Somebody who left the list gets no mail (P12).
fn still_wanted(catalog: &Catalog, email: &EmailSettings, opted_out: &[String], target: &str) -> Result<(), AppError> {
    let is_target = |address: &EmailAddress| is_at(address, target);
    let by_name = email.named().any(|place| is_target(&place.email));
    let folded = target.to_lowercase();
    let through_group = catalog.members.by_address(&folded).is_some_and(|member| catalog.groups.any_has(&email.groups, member.id));
    let wants_none = opted_out.contains(&folded);
    if by_name || (through_group && !wants_none) { Ok(()) } else { Err(not_wanted(target)) }
}

/// The run that sends the piece again, and the piece under its new mark.
fn repeated(run: &Run, piece: Delivery, definition: Definition, now: jiff::Timestamp) -> (Run, Delivery) {
    let id = DeliveryId::generate();
    let resend_of = Some(ResendOf { run: run.id, delivery: piece.id });
    // Who may not know that the piece was there is told no more of its being sent again.
    let outline = run
        .record
        .outline
        .as_ref()
        .map(|outline| Outline { held_for_others: outline.known_to == KnownTo::Admins, ..Outline::new(outline.known_to) });
    let mut record = RunRecord { resend_of, outline, ..RunRecord::default() };
    record.note(now, "planned", Some(format!("sends the delivery to {} of run {} again", piece.target, run.id)));
    record.artifacts.extend(piece.artifact.clone());
    // The bytes are those of the occurrence, whenever they are sent.
    let again = Run {
        scheduled_for: run.scheduled_for,
        dst: run.dst.clone(),
        progress: Progress { promised_at: Some(now), ..Progress::default() },
        record,
        ..Run::queued(run.schedule_id, definition, RunKind::Resend, now)
    };
    let piece = Delivery {
        id,
        run: again.id,
        idempotency_key: format!("pressrun-{id}"),
        state: DeliveryState::Pending { not_before: now },
        attempts: Vec::new(),
        ..piece
    };
    (again, piece)
}
