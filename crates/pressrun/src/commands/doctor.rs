//! `pressrun doctor`: what would keep the schedules of this machine from going out, found before they are due.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use pressrun_catalog::{CatalogRules, LoadOptions, Severity as Fault};
use pressrun_domain::destination::{Destination, DestinationKind, EmailSettings, S3Settings, SlackRecipientType, SlackSettings};
use pressrun_store::{ListQuery, Store};
use serde::Serialize;
use tokio::time::timeout;

use super::test::trial::{Trial, Tried};
use crate::app::{carrier_config, clock_behind, open_existing_store};
use crate::config::check::{self, Severity};
use crate::config::{CatalogFrom, Database, Settings};
use crate::show;

/// Arguments of `pressrun doctor`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Connect to nothing but the database.
    #[arg(long)]
    offline: bool,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Look {
    /// What.
    subject: &'static str,
    /// How it is.
    state: State,
    /// In words.
    words: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Look {
    fn new(subject: &'static str, state: State, words: impl Into<String>) -> Self {
        Self { subject, state, words: words.into(), hint: None }
    }

    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A clock that is off by more is told; a node on PostgreSQL stops at two seconds.
const CLOCK: SignedDuration = SignedDuration::from_secs(1);
/// Less room is an error: a database that cannot write loses nothing, and does nothing.
const ROOM_LEAST: u64 = 200 << 20;
/// Less room is a warning.
const ROOM_WANTED: u64 = 2 << 30;
/// What does not answer for so long does not work.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at everything and exits 1 when something does not work.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::for_people("error");
    let looks = super::serve::runtime()?.block_on(looked(arguments))?;
    if arguments.json {
        show::line(serde_json::to_string_pretty(&looks)?);
    } else {
        for look in &looks {
            let word = match look.state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Error => "error",
            };
            show::line(format!("{word:<8} {:<14} {}", look.subject, look.words));
            if let Some(hint) = &look.hint {
                show::line(format!("{:<24}hint: {hint}", ""));
            }
        }
    }
    Ok(if looks.iter().any(|look| look.state == State::Error) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn looked(arguments: &Arguments) -> anyhow::Result<Vec<Look>> {
    let checked = check::of_environment(arguments.config.as_deref())?;
    let mut looks: Vec<Look> = checked
        .findings
        .iter()
        .map(|finding| {
            let state = if finding.severity == Severity::Error { State::Error } else { State::Warning };
            Look { hint: finding.hint.clone(), ..Look::new("configuration", state, finding.to_string()) }
        })
        .collect();
    if looks.is_empty() {
        looks.push(Look::new("configuration", State::Ok, checked.source.to_string()));
    }
    let Some(settings) = checked.settings.as_ref().filter(|_| !checked.fails()) else { return Ok(looks) };
    let settings = &Settings { source: checked.source.clone(), ..settings.clone() };
    let store = database(settings, &mut looks).await;
    for (subject, folder) in folders(settings) {
        looks.push(room(subject, &folder));
    }
    looks.push(fonts(settings));
    catalog(settings, &mut looks);
    if let Some(store) = store {
        used(settings, store.as_ref(), &mut looks).await;
    }
    if !arguments.offline {
        ways_out(settings, &mut looks).await;
    }
    Ok(looks)
}

/// The database, if it is there.
async fn database(settings: &Settings, looks: &mut Vec<Look>) -> Option<std::sync::Arc<dyn Store>> {
    let named = match settings.store.database() {
        Ok(Database::Sqlite(path)) if !path.exists() => {
            looks.push(Look::new("database", State::Ok, format!("{} is not there yet; the server makes it", path.display())));
            return None;
        }
        Ok(Database::Sqlite(path)) => {
            // Before it is opened: closing a file takes away this process's locks on it.
            if let Err(error) = std::fs::File::options().write(true).open(&path) {
                looks.push(Look::new("database", State::Error, format!("{} cannot be written to: {error}", path.display())));
                return None;
            }
            path.display().to_string()
        }
        Ok(Database::Postgres(_)) => "PostgreSQL".to_owned(),
        Err(error) => {
            looks.push(Look::new("database", State::Error, format!("{error:#}")));
            return None;
        }
    };
    let store = match timeout(PATIENCE, open_existing_store(settings)).await {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => {
            looks.push(Look::new("database", State::Error, format!("{error:#}")));
            return None;
        }
        Err(_) => {
            looks.push(Look::new("database", State::Error, format!("{named} did not answer within {} s", PATIENCE.as_secs())));
            return None;
        }
    };
    looks.push(match store.schedule_counts().await {
        Ok(_) => Look::new("database", State::Ok, format!("{named} answers")),
        Err(error) => Look::new("database", State::Error, format!("{named}: {error}")),
    });
    if matches!(settings.store.database(), Ok(Database::Postgres(_))) {
        match clock_behind(settings).await {
            Ok(None) => {}
            Ok(Some(behind)) => looks.push(clock(behind)),
            Err(error) => looks.push(Look::new("clock", State::Error, format!("{error:#}"))),
        }
    }
    Some(store)
}

fn clock(behind: SignedDuration) -> Look {
    let seconds = behind.as_secs_f64().abs();
    if behind.abs() <= CLOCK {
        return Look::new("clock", State::Ok, format!("within {seconds:.1} s of the database's"));
    }
    let way = if behind.is_negative() { "ahead of" } else { "behind" };
    Look::new("clock", State::Error, format!("this machine's clock is {seconds:.1} s {way} the database's"))
        .with_hint("run NTP on both; a node that is off by more than two seconds plans and claims nothing")
}

/// Where something is written.
fn folders(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    let mut folders = vec![("spool", settings.spool.path.clone())];
    if let Ok(Database::Sqlite(path)) = settings.store.database() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folders.push(("database disk", folder.to_owned()));
    }
    if let Some(folder) = settings.mail.url.as_deref().and_then(|url| url.strip_prefix("file:")) {
        folders.push(("mail folder", PathBuf::from(folder)));
    }
    folders
}

/// Whether a folder, or the one that it will be made in, can be written to and has room.
fn room(subject: &'static str, folder: &Path) -> Look {
    let there =
        folder.ancestors().map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above }).find(|above| above.exists());
    let Some(there) = there else { return Look::new(subject, State::Error, format!("{} cannot be made", folder.display())) };
    if let Err(error) = tempfile::tempfile_in(there) {
        return Look::new(subject, State::Error, format!("{} cannot be written to: {error}", there.display()))
            .with_hint("let the account that runs the server own it");
    }
    match free_bytes(there) {
        Ok(free) => {
            let words = format!("{}: {:.1} GB free", folder.display(), free as f64 / 1e9);
            match free {
                ..ROOM_LEAST => Look::new(subject, State::Error, words).with_hint("runs wait until there is room again"),
                ROOM_LEAST..ROOM_WANTED => Look::new(subject, State::Warning, words),
                _ => Look::new(subject, State::Ok, words),
            }
        }
        Err(error) => Look::new(subject, State::Warning, format!("{}: how much is free is not known: {error}", folder.display())),
    }
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> std::io::Result<u64> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Folders in which Linux keeps fonts.
const FONT_FOLDERS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];

fn fonts(settings: &Settings) -> Look {
    let folders = &settings.render.fonts;
    if folders.is_empty() {
        return Look::new("fonts", State::Warning, "texts in Chinese, Japanese, Korean, Arabic and other scripts come out as boxes").with_hint(
            "install fonts-noto-core and fonts-noto-cjk, and write render.fonts = [\"system\"]; nothing has to be done where no such texts occur",
        );
    }
    let places: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| if folder.as_os_str() == "system" { FONT_FOLDERS.map(PathBuf::from).to_vec() } else { vec![folder.clone()] })
        .collect();
    match places.iter().map(|folder| count_fonts(folder, 6)).sum::<usize>() {
        0 => Look::new("fonts", State::Warning, "render.fonts names folders without fonts")
            .with_hint("install fonts-noto-core and fonts-noto-cjk, or name a folder with .ttf or .otf files"),
        found => Look::new("fonts", State::Ok, show::count(found, "font file")),
    }
}

fn count_fonts(folder: &Path, depth: usize) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of_entry = |path: PathBuf| {
        if path.is_dir() {
            return if depth == 0 { 0 } else { count_fonts(&path, depth - 1) };
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        usize::from(matches!(extension.as_str(), "ttf" | "otf" | "ttc" | "otc"))
    };
    entries.flatten().map(|entry| of_entry(entry.path())).sum()
}

fn catalog(settings: &Settings, looks: &mut Vec<Look>) {
    if settings.catalog.source == CatalogFrom::Published {
        looks.push(Look::new("catalog", State::Ok, "taken from the database"));
        return;
    }
    let dir = &settings.catalog.path;
    if !dir.is_dir() {
        // The configuration said so already.
        return;
    }
    let rules = match settings.catalog.rules(&settings.spool) {
        Ok(rules) => CatalogRules { last_good: None, ..rules },
        Err(error) => return looks.push(Look::new("catalog", State::Error, format!("{error:#}"))),
    };
    let checked = pressrun_catalog::check_with(dir, LoadOptions { require_secrets: true, rules: &rules, ..LoadOptions::default() });
    for problem in &checked.problems {
        let state = if problem.severity == Fault::Error { State::Error } else { State::Warning };
        looks.push(Look::new("catalog", state, problem.to_string()));
    }
    if checked.problems.is_empty() {
        let documents = checked.catalog.as_ref().map_or(0, |catalog| catalog.documents.len());
        looks.push(
            Look::new("catalog", State::Ok, format!("{}: {}", dir.display(), show::count(documents, "document")))
                .with_hint("`pressrun check --connect` asks its databases too"),
        );
    }
}

/// What schedules deliver by, and is not set up.
async fn used(settings: &Settings, store: &dyn Store, looks: &mut Vec<Look>) {
    let mut counted = Vec::new();
    for kind in DestinationKind::ALL {
        let query = ListQuery { destination: Some(kind), ..ListQuery::all(1) };
        let total = match store.list_schedules(&query).await {
            Ok(page) => page.total,
            Err(error) => return looks.push(Look::new("schedules", State::Error, error.to_string())),
        };
        if total == 0 {
            continue;
        }
        counted.push(format!("{total} by {}", kind.as_str()));
        let missing = match kind {
            DestinationKind::Email if settings.mail.url.is_none() => Some("mail.url"),
            DestinationKind::Slack if !settings.slack.is_connected() => Some("slack.token_file"),
            DestinationKind::S3 if !settings.s3.is_connected() => Some("s3.credentials"),
            DestinationKind::Email | DestinationKind::Slack | DestinationKind::S3 | DestinationKind::Sftp | DestinationKind::Webhook => {
                None
            }
        };
        if let Some(key) = missing {
            let words =
                format!("{} by {}, and {key} is not set: they end with ERROR", show::count(total as usize, "schedule"), kind.as_str());
            looks.push(Look::new("schedules", State::Error, words).with_hint(format!("set {key}; `pressrun config sample` says how")));
        }
    }
    if !counted.is_empty() {
        looks.push(Look::new("schedules", State::Ok, counted.join(", ")));
    }
}

/// Tries what is set up for all: the mail server, Slack, and a bucket that is written into directly.
async fn ways_out(settings: &Settings, looks: &mut Vec<Look>) {
    let slack = SlackSettings { recipient_type: SlackRecipientType::Channel, recipients: Vec::new(), text_body: None };
    let mut ways: Vec<(&'static str, Destination)> = Vec::new();
    if settings.mail.url.is_some() {
        ways.push(("mail", Destination::Email(EmailSettings::default())));
    }
    if settings.slack.is_connected() {
        ways.push(("slack", Destination::Slack(slack)));
    }
    if settings.s3.is_connected()
        && settings.s3.assume_role == Some(false)
        && let Some(bucket) = settings.s3.buckets.first()
    {
        let region = settings.s3.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        let (key_prefix, filename, role_arn) = (None, None, String::new());
        ways.push(("s3", Destination::S3(S3Settings { bucket_name: bucket.clone(), region, role_arn, key_prefix, filename })));
    }
    for (subject, destination) in ways {
        let trial = Trial { connect_only: true, says_steps: false };
        let tried = async { trial.run(carrier_config(settings, "organization", None)?, &destination, "").await };
        looks.push(match timeout(PATIENCE, tried).await {
            Ok(Ok(Tried { worked: true, words, seconds, .. })) => Look::new(subject, State::Ok, format!("{words} ({seconds:.2} s)")),
            Ok(Ok(Tried { words, .. })) => {
                Look::new(subject, State::Error, words).with_hint(format!("`pressrun test {subject} --connect-only` shows each step"))
            }
            Ok(Err(error)) => Look::new(subject, State::Error, format!("{error:#}")),
            Err(_) => Look::new(subject, State::Error, format!("no answer within {} s", PATIENCE.as_secs())),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_which_way_it_is_off() {
        assert_eq!(clock(SignedDuration::from_millis(300)).state, State::Ok);
        for (behind, words) in [(90, "90.0 s behind"), (-90, "90.0 s ahead of")] {
            let look = clock(SignedDuration::from_secs(behind));
            assert!(look.state == State::Error && look.words.contains(words), "{look:?}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_above() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_ne!(room("spool", &dir.path().join("a/b/c")).state, State::Error);
        assert!(!dir.path().join("a").exists(), "looking makes nothing");
    }

    #[test]
    fn newcomer_15_fonts_that_are_not_there_are_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let with = |fonts: Vec<PathBuf>| {
            let mut settings = Settings::default();
            settings.render.fonts = fonts;
            super::fonts(&settings).state
        };
        assert_eq!((with(Vec::new()), with(vec![dir.path().to_owned()])), (State::Warning, State::Warning));
        std::fs::create_dir(dir.path().join("noto")).expect("a folder");
        std::fs::write(dir.path().join("noto/NotoSansCJK.ttc"), b"").expect("writes");
        assert_eq!(with(vec![dir.path().to_owned()]), State::Ok);
    }
}
