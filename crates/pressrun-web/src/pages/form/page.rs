//! What the form's template shows.

use askama::Template;
use pressrun_api::reading::KnownBy;
use pressrun_api::saving::Considered;
use pressrun_domain::catalog::{Dashboard, TileBody};
use pressrun_domain::destination::Destination;
use pressrun_domain::schedule::FilterConfig;

use super::Scene;
use super::rhythm::{self, Told as Times};
use super::seen::{self, Line};
use super::typed::Typed;
use super::warnings;
use crate::page::Frame;
use crate::pages::filters::{self, Field};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words;

/// Groups offered one by one.
const GROUPS: usize = 200;

/// One thing to change.
#[derive(Debug)]
pub(super) struct Fault {
    /// The field's name in a body; empty for the form as a whole.
    pub(super) field: String,
    pub(super) text: String,
    /// What would be right.
    pub(super) hint: &'static str,
}

impl Fault {
    pub(super) fn new(field: &str, text: impl Into<String>) -> Self {
        Self { field: field.to_owned(), text: text.into(), hint: hint(field) }
    }

    /// What people call the field.
    pub(super) fn label(&self) -> &'static str {
        label(&self.field)
    }
}

/// People who were searched for.
#[derive(Debug)]
pub(super) struct Found {
    /// Name and address.
    pub(super) people: Vec<(String, String)>,
    /// How many more there are.
    pub(super) more: u64,
}

impl Found {
    pub(super) fn of(found: KnownBy) -> Self {
        Self { people: found.people, more: found.more }
    }
}

/// What is in the form, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Form {
    typed: Typed,
    faults: Vec<Fault>,
}

impl Form {
    fn text(&self, name: &str) -> &str {
        self.typed.text(name)
    }

    fn ticked(&self, name: &str) -> bool {
        self.typed.ticked(name)
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.typed.has(name, value)
    }

    /// What is wrong with a field.
    fn fault(&self, name: &str) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.field == name)
    }
}

#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct Page {
    frame: Frame,
    heading: String,
    /// Where it is sent.
    action: String,
    /// The page to go back to.
    back: String,
    form_token: String,
    is_new: bool,
    dashboard: String,
    form: Form,
    fields: Vec<Field>,
    /// Key and title of what can be sent alone or watched.
    tiles: Vec<(String, String)>,
    pages: Vec<String>,
    groups: Vec<Group>,
    zones: Vec<String>,
    times: Option<Times>,
    seen: Vec<Line>,
    seen_more: usize,
    warnings: Vec<String>,
    /// Whether it was looked at and nothing is wrong.
    is_fine: bool,
    found: Option<Found>,
    /// Where a test goes.
    test_goes_to: String,
    /// Secrets that are stored, in words.
    stored: Vec<&'static str>,
    own_zone: Option<String>,
    now: jiff::Timestamp,
}

/// A group that can be chosen.
struct Group {
    id: String,
    name: String,
    members: String,
    chosen: bool,
}

impl Page {
    pub(super) fn of(state: &WebState, viewer: &Viewer, scene: &Scene<'_>, typed: Typed, filters: &FilterConfig) -> Self {
        let is_new = scene.stored.is_none();
        let name = scene.document.map_or_else(|| scene.identifier.as_str().to_owned(), |document| document.name.clone());
        let heading = match scene.stored {
            None => "New schedule".to_owned(),
            Some(schedule) => format!("Edit {}", schedule.definition.name),
        };
        let (action, back) = match scene.stored {
            None => ("/schedules/new".to_owned(), filters::address(scene.identifier.as_str(), filters)),
            Some(schedule) => (format!("/schedules/{}/edit", schedule.id), crate::base::here(&format!("/schedules/{}", schedule.id))),
        };
        let own_zone = viewer.zone();
        let sees_hidden = viewer.actor.sees_hidden_filters(&viewer.catalog);
        let now = state.clock.now();
        let times = scene.stored.and_then(|schedule| {
            let definition = &schedule.definition;
            rhythm::told(&definition.cron, &definition.timezone, own_zone.as_deref(), now)
        });
        Self {
            frame: Frame::new(&heading, viewer, "schedules"),
            heading,
            action,
            back,
            form_token: viewer.form_token.clone(),
            is_new,
            dashboard: name,
            fields: scene.dashboard.map(|dashboard| filters::fields(dashboard, filters, sees_hidden)).unwrap_or_default(),
            tiles: scene.dashboard.map(tiles).unwrap_or_default(),
            pages: scene.dashboard.map(|dashboard| dashboard.pages.clone()).unwrap_or_default(),
            groups: groups(viewer, scene, &typed),
            zones: pressrun_cron::zones(),
            times,
            seen: Vec::new(),
            seen_more: 0,
            warnings: Vec::new(),
            is_fine: false,
            found: None,
            test_goes_to: viewer.actor.person(&viewer.catalog).map_or_else(|| "yourself".to_owned(), |person| person.email.to_string()),
            stored: scene.stored.map(|schedule| secrets(&schedule.definition.destination)).unwrap_or_default(),
            form: Form { typed, faults: Vec::new() },
            own_zone,
            now,
        }
    }

    /// With what came of a press.
    pub(super) fn with(mut self, faults: Vec<Fault>, found: Option<Found>, cron: &str) -> Self {
        self.times = rhythm::told(cron, self.form.text("timezone").trim(), self.own_zone.as_deref(), self.now);
        let plainly = |fault: Fault| Fault { text: warnings::plainly(&fault.text), ..fault };
        self.form.faults = faults.into_iter().map(plainly).collect();
        self.found = found;
        self
    }

    /// With what each recipient would see.
    pub(super) fn considered(mut self, considered: &Considered, viewer: &Viewer) -> Self {
        (self.seen, self.seen_more) = seen::lines(&considered.seen, &considered.definition, &viewer.catalog);
        self.warnings = considered.warnings.iter().map(|warning| warnings::plainly(warning)).collect();
        self.is_fine = true;
        self
    }
}

/// What can be sent alone or watched: every query, also those that are not drawn.
fn tiles(dashboard: &Dashboard) -> Vec<(String, String)> {
    let queries = dashboard.tiles.values().filter(|tile| matches!(tile.body, TileBody::Query(_)));
    let title =
        |tile: &pressrun_domain::catalog::Tile| if tile.title.is_empty() { tile.key.as_str().to_owned() } else { tile.title.clone() };
    queries.map(|tile| (tile.key.as_str().to_owned(), title(tile))).collect()
}

/// Groups that the viewer may name, and those that are on the list.
fn groups(viewer: &Viewer, scene: &Scene<'_>, typed: &Typed) -> Vec<Group> {
    let acquainted = viewer.actor.acquainted(&viewer.catalog);
    let email = scene.definition().and_then(|stored| stored.destination.email());
    let listed = |id| email.is_some_and(|email| email.groups.contains(&id));
    let known = viewer.catalog.groups.iter().filter(|group| acquainted.has_group(group.id) || listed(group.id));
    let mut groups: Vec<Group> = known
        .map(|group| Group {
            id: group.id.to_string(),
            name: group.name.clone(),
            members: words::count(group.members.len() as u64, "member"),
            chosen: typed.has("userGroupIds", &group.id.to_string()),
        })
        .collect();
    // None that is chosen may be missing, for what is missing leaves the list.
    groups.sort_by_key(|group| !group.chosen);
    let chosen = groups.iter().filter(|group| group.chosen).count();
    groups.truncate(GROUPS.max(chosen));
    groups
}

fn secrets(destination: &Destination) -> Vec<&'static str> {
    match destination {
        Destination::Sftp(sftp) => {
            let all = [
                (sftp.password.is_some(), "a password"),
                (sftp.private_key.is_some(), "a private key"),
                (sftp.passphrase.is_some(), "its passphrase"),
            ];
            all.into_iter().filter(|(stored, _)| *stored).map(|(_, name)| name).collect()
        }
        Destination::Webhook(hook) if !hook.secrets.is_empty() => vec!["a signing secret"],
        Destination::Webhook(_) | Destination::Email(_) | Destination::Slack(_) | Destination::S3(_) => Vec::new(),
    }
}

/// The zone that a new schedule is likely meant in: the viewer's, else the dashboard's, else its connection's.
pub(super) fn zone_for(viewer: &Viewer, dashboard: Option<&Dashboard>) -> String {
    let of_connection = || Some(viewer.catalog.connections.get(&dashboard?.connection)?.timezone.clone());
    let zone = viewer.zone().or_else(|| dashboard?.timezone.clone()).or_else(of_connection);
    zone.unwrap_or_else(|| "UTC".to_owned())
}

/// What people call a field of a body.
fn label(field: &str) -> &'static str {
    match field {
        "name" => "Name",
        "schedule" => "When",
        "timezone" => "Time zone",
        "timezoneOverride" => "Time zone of the data",
        "filterConfig" => "Filters",
        "format" => "Format",
        "filename" => "File name",
        "maxRowLimit" => "Most rows",
        "queryIdentifierMapKey" => "What is sent",
        "conditionType" | "conditionQueryMapKey" => "Alert",
        "worthlessAfter" => "Worthless after",
        "destinationType" => "Where to",
        "recipients" => "Recipients",
        "userGroupIds" => "Groups",
        "subject" => "Subject",
        "textBody" => "Message",
        "cc" => "Cc",
        "bcc" => "Bcc",
        "replyTo" => "Answers go to",
        "url" => "Address",
        "webhookSecretUnencrypted" => "Signing secret",
        "address" => "Host",
        "port" => "Port",
        "username" => "User name",
        "passwordUnencrypted" => "Password",
        "privateKeyUnencrypted" => "Private key",
        "passphraseUnencrypted" => "Passphrase",
        "hostKey" => "Host key",
        "path" => "Folder",
        "temporaryName" => "Name while uploading",
        "slackRecipientType" => "Slack",
        "bucketName" => "Bucket",
        "region" => "Region",
        "roleArn" => "Role",
        "keyPrefix" => "Key prefix",
        "testNow" => "Test",
        _ => "",
    }
}

/// What would be right for a field, in a sentence.
fn hint(field: &str) -> &'static str {
    match field {
        "name" => "Give it a name that people recognise.",
        "schedule" => {
            "Words such as “every weekday at 08:00” or “last business day at 17:00” do, and so does an expression such as 0 8 ? * MON-FRI *."
        }
        "timezone" | "timezoneOverride" => "Choose a name such as Europe/Berlin or America/New_York.",
        "recipients" => "One address a line, or choose a group.",
        "cc" | "bcc" => "One address a line; with personal copies there are none.",
        "replyTo" => "One address, such as reports@example.com.",
        "subject" => "Say in a few words what comes; variables such as {{currentDate}} are filled in.",
        "url" => "A whole address, such as https://hooks.example.com/reports.",
        "address" => "The host alone, such as sftp.example.com.",
        "port" => "Mostly 22.",
        "username" => "The name to sign in with.",
        "passwordUnencrypted" | "privateKeyUnencrypted" => "Give a password or a private key.",
        "queryIdentifierMapKey" => "Choose one tile: this option is for a single tile.",
        "conditionQueryMapKey" => "Choose the tile whose rows are watched.",
        "filename" => "Without extension; variables such as {{currentDate}} are filled in.",
        "maxRowLimit" => "A whole number, such as 50000.",
        "worthlessAfter" => "A time of day such as 09:00, or nothing.",
        "bucketName" => "The name alone, such as acme-reports.",
        "region" => "Such as eu-west-1.",
        "roleArn" => "Such as arn:aws:iam::123456789012:role/reports.",
        _ => "",
    }
}

/// Which dashboard a new schedule is to be of.
#[derive(Template)]
#[template(path = "choose.html")]
pub(super) struct Choose {
    frame: Frame,
    /// Identifier, name and description.
    dashboards: Vec<(String, String, Option<String>)>,
}

pub(super) fn choose(viewer: &Viewer) -> Choose {
    let open = viewer.catalog.documents.values().filter(|document| {
        document.saved && document.dashboard.is_some() && !document.access.no_new_schedules && viewer.may_view(document)
    });
    let mut dashboards: Vec<_> = open
        .map(|document| {
            let description = document.dashboard.as_ref().and_then(|dashboard| dashboard.description.clone());
            (document.identifier.as_str().to_owned(), document.name.clone(), description)
        })
        .collect();
    dashboards.sort_by_cached_key(|(identifier, name, _)| (name.to_lowercase(), identifier.clone()));
    Choose { frame: Frame::new("New schedule", viewer, "schedules"), dashboards }
}

/// What to know of what was saved.
#[derive(Template)]
#[template(path = "saved.html")]
pub(super) struct Told {
    frame: Frame,
    address: String,
    warnings: Vec<String>,
}

impl Told {
    pub(super) fn of(viewer: &Viewer, address: String, warnings: Vec<String>) -> Self {
        Self { frame: Frame::new("Saved", viewer, "schedules"), address, warnings }
    }
}
