//! The address of the dashboard in a mail. The words of a mail are made once for an audience; the address in them is each reader's
//! own, because who has no login gets one that opens without (see `crate::links`).
//!
//! Files carry the plain address: they are one for all of an audience, kept and passed on, and must not open a dashboard for whoever
//! holds them.

use pressrun_domain::run::{Run, RunKind};
use pressrun_domain::schedule::FilterConfig;

use super::Context;
use super::audience::Target;

/// The address for `target`: `plain`, or one of this `scope` that opens without a login. A test has no schedule whose end would end the link (S8).
pub(super) fn own(context: &Context, run: &Run, target: &Target, plain: &str, scope: [u8; 8], stated: &FilterConfig) -> String {
    let place = target.recipient.filter(|_| target.without_login && run.kind != RunKind::Test);
    let own = place.and_then(|place| context.links.shared(run.schedule_id, place, scope, run.scheduled_for, stated));
    own.unwrap_or_else(|| plain.to_owned())
}
