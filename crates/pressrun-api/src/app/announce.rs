//! What people are told of when others ask for their consent or act for them. Rows of the outbox of notices; none holds data of a report
//! (A21).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pressrun_domain::access::{is_personal, leaves_the_organization};
use pressrun_domain::catalog::{Catalog, Member};
use pressrun_domain::consent::{OwnershipOffer, SubscriptionRequest};
use pressrun_domain::delivery::DeliveryState;
use pressrun_domain::destination::Destination;
use pressrun_domain::id::{MembershipId, SubscriptionRequestId};
use pressrun_domain::notice::{Notice, NoticeKind, NoticeTo, notice_id};
use pressrun_domain::schedule::{Definition, Schedule};
use pressrun_domain::text::one_line;
use serde_json::json;

use crate::state::ApiState;

/// What there is to say something about, at one instant.
pub(super) struct Announcer<'a> {
    pub(super) state: &'a ApiState,
    pub(super) catalog: &'a Catalog,
    pub(super) schedule: &'a Schedule,
    pub(super) now: Timestamp,
}

impl Announcer<'_> {
    /// A schedule is offered to somebody.
    pub(super) fn offered(&self, offer: &OwnershipOffer) -> Vec<Notice> {
        let (from, definition) = (self.name(offer.from), &self.schedule.definition);
        let page = format!("{}/schedules/{}/offer", self.state.config.public_url, self.schedule.id);
        let lines = vec![
            format!(
                "{from} wants to give you the delivery {}. Once it is yours, it sends your rows with your rights: {}.",
                self.quoted(),
                goes_to(self.catalog, definition)
            ),
            format!("Nothing changes until you accept. See what it sends and to whom, and accept or decline, at {page}"),
            format!("The offer lapses on {}, and when the delivery is changed before.", self.day(offer.expires_at)),
        ];
        self.to(offer.to, NoticeKind::OwnershipOffered, format!("Offered to you: {}", self.plain()), lines)
    }

    /// Somebody did not accept.
    pub(super) fn declined(&self, offer: &OwnershipOffer) -> Vec<Notice> {
        let lines = vec![format!("{} declined your offer of {}. It goes on as yours.", self.name(offer.to), self.quoted())];
        self.to(offer.from, NoticeKind::OwnershipDeclined, format!("Not accepted: {}", self.plain()), lines)
    }

    /// The schedule, as it is now, has another owner than `before`: both are told.
    pub(super) fn changed_hands(&self, before: MembershipId) -> Vec<Notice> {
        let definition = &self.schedule.definition;
        let received = vec![
            format!(
                "The delivery {} is yours now; it was {}'s. From now on it sends your rows with your rights: {}.",
                self.quoted(),
                self.name(before),
                goes_to(self.catalog, definition)
            ),
            "Links that it sent before no longer work. Pause it if anything of this is not as you want it.".to_owned(),
        ];
        let given = vec![
            format!(
                "The delivery {} is {}'s now. It sends their rows from now on, no longer yours.",
                self.quoted(),
                self.name(definition.owner)
            ),
            "Links that it sent before no longer work.".to_owned(),
        ];
        let mut notices = self.to(definition.owner, NoticeKind::ScheduleReceived, format!("Yours now: {}", self.plain()), received);
        notices.extend(self.to(before, NoticeKind::ScheduleGiven, format!("No longer yours: {}", self.plain()), given));
        notices
    }

    /// A member asks to be on the list. The page where the owner answers is named in the mail when it is sent, by the request that stands in the
    /// body: its address opens without a login, and is kept nowhere.
    pub(super) fn requested(&self, request: &SubscriptionRequest) -> Vec<Notice> {
        let lines = vec![
            format!(
                "{} asks to receive the delivery {}. It sends your rows, so it is yours to say.",
                self.who(request.member),
                self.quoted()
            ),
            format!("Without an answer the request lapses on {}.", self.day(request.expires_at)),
        ];
        let subject = format!("Somebody asks to receive: {}", self.plain());
        self.to_about(request.owner, NoticeKind::SubscriptionRequested, subject, lines, Some(request.id))
    }

    /// A member put themselves on the list.
    pub(super) fn subscribed(&self, member: &Member) -> Vec<Notice> {
        let owner = self.schedule.definition.owner;
        if member.id == owner {
            return Vec::new();
        }
        let lines = vec![format!("{} receives the delivery {} from now on.", self.who(member.id), self.quoted())];
        self.to(owner, NoticeKind::Subscribed, format!("One more recipient: {}", self.plain()), lines)
    }

    /// The owner answered a request.
    pub(super) fn answered(&self, request: &SubscriptionRequest, yes: bool) -> Vec<Notice> {
        let (kind, subject, text) = if yes {
            (NoticeKind::SubscriptionConfirmed, "You will receive", "You are on the list of")
        } else {
            (NoticeKind::SubscriptionDeclined, "You will not receive", "Its owner declined your request to receive")
        };
        self.to(request.member, kind, format!("{subject}: {}", self.plain()), vec![format!("{text} {}.", self.quoted())])
    }

    /// The notice, unless there is nobody active to be told.
    fn to(&self, member: MembershipId, kind: NoticeKind, subject: String, lines: Vec<String>) -> Vec<Notice> {
        self.to_about(member, kind, subject, lines, None)
    }

    fn to_about(
        &self,
        member: MembershipId,
        kind: NoticeKind,
        subject: String,
        lines: Vec<String>,
        request: Option<SubscriptionRequestId>,
    ) -> Vec<Notice> {
        let Some(member) = self.catalog.member(member.0).filter(|member| member.active) else { return Vec::new() };
        let to = NoticeTo::Owner(member.email.clone());
        let cause = uuid::Uuid::new_v5(&self.schedule.id.0, &self.now.as_microsecond().to_be_bytes());
        let definition = &self.schedule.definition;
        let body = json!({
            "event": kind.as_str(),
            "at": self.now.to_string(),
            "summary": subject,
            "schedule": {
                "id": self.schedule.id.to_string(),
                "name": definition.name,
                "dashboard": definition.identifier.as_str(),
                "destination": definition.destination.kind().as_str(),
                "url": format!("{}/schedules/{}", self.state.config.public_url, self.schedule.id),
            },
            "owner": { "id": definition.owner.to_string(), "name": self.name(definition.owner) },
            "request": request.map(|id| id.to_string()),
        });
        vec![Notice {
            id: notice_id(cause, kind, &to),
            kind,
            schedule: self.schedule.id,
            run: None,
            to,
            subject,
            text: lines.join("\n\n"),
            body: body.to_string(),
            created_at: self.now,
            state: DeliveryState::Pending { not_before: self.now },
            attempts: Vec::new(),
        }]
    }

    fn name(&self, member: MembershipId) -> String {
        self.catalog.member(member.0).map_or_else(|| "somebody who is no longer a member".to_owned(), |member| one_line(&member.name))
    }

    fn who(&self, member: MembershipId) -> String {
        let email = self.catalog.member(member.0).map(|member| format!(" ({})", member.email)).unwrap_or_default();
        format!("{}{email}", self.name(member))
    }

    fn plain(&self) -> String {
        one_line(&self.schedule.definition.name)
    }

    fn quoted(&self) -> String {
        format!("\u{201c}{}\u{201d}", self.plain())
    }

    /// A day in the schedule's own zone.
    fn day(&self, at: Timestamp) -> String {
        let zone = TimeZone::get(&self.schedule.definition.timezone).unwrap_or(TimeZone::UTC);
        at.to_zoned_datetime(zone).strftime("%-d %B %Y").to_string()
    }
}

/// Where a schedule delivers to, in words without addresses.
fn goes_to(catalog: &Catalog, definition: &Definition) -> String {
    let place = match &definition.destination {
        Destination::Email(email) => {
            let personal = if is_personal(catalog, definition) { ", each with their own rows" } else { "" };
            format!("to {} recipient(s) and {} group(s) by mail{personal}", email.named().count(), email.groups.len())
        }
        Destination::Sftp(_) => "to an SFTP server".to_owned(),
        Destination::Webhook(_) => "to a webhook".to_owned(),
        Destination::Slack(_) => "to Slack".to_owned(),
        Destination::S3(_) => "to an S3 bucket".to_owned(),
    };
    if leaves_the_organization(definition) { format!("{place}, also to people or places outside") } else { place }
}
