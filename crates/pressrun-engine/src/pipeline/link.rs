//! The address of the dashboard in a mail. The words of a mail are made once for an audience; the address in them is each reader's
//! own, because who has no login gets one that opens without (see `crate::links`).
//!
//! Files carry the plain address: they are one for all of an audience, kept and passed on, and must not open a dashboard for whoever
//! holds them.

use pressrun_domain::run::RunKind;
use pressrun_domain::schedule::FilterConfig;

use super::Work;
use super::audience::Target;

/// The address for `target`: `plain`, or one of this `scope` that opens without a login. A test has no schedule whose end would end the link (S8).
pub(super) fn own(work: &Work<'_>, target: &Target, plain: &str, scope: [u8; 8], stated: &FilterConfig) -> String {
    let place = target.recipient.filter(|_| target.without_login && work.run.kind != RunKind::Test);
    let own = place.and_then(|place| work.context.links.shared(work.run.schedule_id, place, scope, work.run.scheduled_for, stated));
    own.unwrap_or_else(|| plain.to_owned())
}
