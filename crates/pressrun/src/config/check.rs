//! What is wrong with a configuration, all of it at once: keys that there are not, values of a wrong kind, and values that do not fit together, each with the
//! line or the variable that it comes from.

use std::fmt;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use pressrun_deliver::Carriers;
use pressrun_domain::secret::Secret;
use serde::Serialize;

use super::keys::{self, Found, Step, path_words};
use super::written::{NoToml, Written};
use super::{
    Adbc, Alarm, Artifacts, Catalog, CatalogFrom, Database, Egress, History, Limits, Links, Log, Mail, Notify, Query, Render, Retry, S3,
    Scheduler, Secrets, Server, Sessions, Settings, Slack, Source, Spool, Store, Trace, secrets_as_typed, source,
};
use crate::app::carrier_config;
use crate::sealing::{self, KeyPlace};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// A server does not start so.
    Error,
    /// It starts, and something does not work or is not what one would expect.
    Warning,
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In the file.
    File {
        /// Its path.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// In the environment.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands; `None` when it is about what is not there.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A configuration that was looked through.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Where it is read from.
    pub source: Source,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What holds, when all values are of their kind; keys that there are not are left out.
    pub settings: Option<Settings>,
    /// Where each value stands.
    pub origins: Origins,
}

impl Checked {
    /// Whether a server would not start.
    pub(crate) fn fails(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Where values come from.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    written: Option<Written>,
    variables: Vec<Variable>,
}

/// A variable that is meant as a key.
#[derive(Debug, Clone)]
struct Variable {
    name: String,
    path: Vec<Step>,
}

impl Origins {
    /// Where the value of a key stands; `None` for its default. A variable is stronger than the file.
    pub(crate) fn of(&self, path: &[Step]) -> Option<Place> {
        if let Some(variable) = self.variables.iter().find(|variable| variable.path == path) {
            return Some(Place::Variable(variable.name.clone()));
        }
        let written = self.written.as_ref().filter(|written| written.has(path))?;
        in_file(written, path)
    }

    /// Where to look for a fault in a key: at its value, or at the table around it.
    fn near(&self, path: &[Step]) -> Option<Place> {
        self.of(path).or_else(|| {
            let around = (1..path.len()).rev().find_map(|length| {
                self.variables
                    .iter()
                    .find(|variable| variable.path[..] == path[..length])
                    .map(|variable| Place::Variable(variable.name.clone()))
            });
            around.or_else(|| in_file(self.written.as_ref()?, path))
        })
    }
}

fn in_file(written: &Written, path: &[Step]) -> Option<Place> {
    let (line, column) = written.place(path)?;
    Some(Place::File { path: written.path().to_owned(), line, column })
}

/// Looks a configuration through: the named file or the first of the usual places, and the environment.
///
/// # Errors
/// The file is missing or cannot be read.
pub(crate) fn of_environment(file: Option<&Path>) -> anyhow::Result<Checked> {
    let source = Source::find(file)?;
    let variables: Vec<(String, String)> =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let written = match &source {
        Source::File { path, .. } => Some(Written::read(path)?),
        Source::Defaults | Source::Environment => None,
    };
    Ok(Checked { source, ..look(written, &variables) })
}

/// Looks a file through, and no environment.
///
/// # Errors
/// The file cannot be read.
#[cfg(test)]
pub(crate) fn of_file(file: &Path) -> anyhow::Result<Checked> {
    Ok(look(Some(Written::read(file)?), &[]))
}

/// Looks a file that was read and these variables through.
#[cfg(test)]
pub(crate) fn of(written: Option<Written>, variables: &[(String, String)]) -> Checked {
    look(written.map(Ok), variables)
}

fn look(written: Option<Result<Written, NoToml>>, variables: &[(String, String)]) -> Checked {
    let mut findings = Vec::new();
    let written = match written {
        Some(Ok(written)) => Some(written),
        Some(Err(NoToml { at: (line, column), message })) => {
            findings.push(error(None, format!("line {line}, column {column}: the file is no TOML: {message}")));
            None
        }
        None => None,
    };
    let unreadable = !findings.is_empty();
    let (meant, stray) = meant_as_keys(variables);
    for name in source::unknown(variables.iter().map(|(name, _)| name.clone())) {
        let hint = nearest(&name.to_lowercase(), keys::keys().filter_map(keys::Key::variable).map(|variable| variable.to_lowercase()));
        findings.push(Finding {
            severity: Severity::Warning,
            place: Some(Place::Variable(name)),
            message: "the variable is not understood and is passed over".to_owned(),
            hint: Some(match hint {
                Some(name) => format!("did you mean {}?", name.to_uppercase()),
                None => "keys are written PRESSRUN_SECTION__KEY, with two underscores between".to_owned(),
            }),
        });
    }
    for variable in &stray {
        findings.push(unknown_key(&variable.path, Some(Place::Variable(variable.name.clone()))));
    }
    let mut unknown: Vec<Vec<Step>> = Vec::new();
    let origins = Origins { written, variables: meant };
    if let Some(written) = &origins.written {
        for key in written.keys() {
            if !unknown.iter().any(|path| key.path.starts_with(path)) && matches!(keys::find(&key.path), Found::Unknown(_)) {
                findings.push(unknown_key(&key.path, in_file(written, &key.path)));
                unknown.push(key.path.clone());
            }
        }
    }
    let settings = if unreadable {
        None
    } else {
        let figment = figment(origins.written.as_ref(), &unknown, variables, &origins.variables);
        match typed(&figment, &origins) {
            Ok(settings) => Some(settings),
            Err(wrong) => {
                findings.extend(wrong);
                None
            }
        }
    };
    if let Some(settings) = &settings {
        let wrong = resolved(settings);
        let works = wrong.is_empty();
        findings.extend(wrong.iter().map(|error| about(error, &origins)));
        if works {
            findings.extend(doubtful(settings, &origins));
        }
    }
    findings.sort_by_key(|finding| (finding.severity, finding.place.clone()));
    Checked { source: Source::Defaults, findings, settings, origins }
}

/// Variables that look like keys: those that are, and the others.
fn meant_as_keys(variables: &[(String, String)]) -> (Vec<Variable>, Vec<Variable>) {
    let variable = |(name, _): &(String, String)| {
        let rest = source::key_of(name)?;
        let path = rest.split("__").map(|part| Step::Name(part.to_lowercase())).collect();
        Some(Variable { name: name.clone(), path })
    };
    variables.iter().filter_map(variable).partition(|variable| keys::find(&variable.path) == Found::Known)
}

fn figment(written: Option<&Written>, unknown: &[Vec<Step>], variables: &[(String, String)], meant: &[Variable]) -> Figment {
    let mut figment = Figment::from(Serialized::defaults(Settings::default()));
    if let Some(written) = written {
        figment = figment.merge(Toml::string(&written.without(unknown)));
    }
    let value = |name: &str| variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone());
    for variable in meant {
        let key = variable.path.iter().map(|step| path_words(std::slice::from_ref(step))).collect::<Vec<_>>().join(".");
        // Read as a variable is: a list in brackets, a number, a word.
        let Ok(read) = value(&variable.name).unwrap_or_default().parse::<figment::value::Value>();
        figment = figment.merge((key, read));
    }
    secrets_as_typed(figment, value)
}

/// The settings, or what is of a wrong kind, by section.
fn typed(figment: &Figment, origins: &Origins) -> Result<Settings, Vec<Finding>> {
    let wrong: Vec<Finding> = SECTIONS
        .iter()
        .filter_map(|(name, read)| {
            let error = read(figment)?;
            let mut path = vec![Step::Name((*name).to_owned())];
            // The section comes last there.
            let inside = error.path.strip_suffix(&[(*name).to_owned()]).unwrap_or(&error.path);
            path.extend(inside.iter().map(|part| part.parse().map_or_else(|_| Step::Name(part.clone()), Step::Number)));
            let takes = keys::leaf(&path).map(|key| {
                let words: Vec<_> = key.choices.iter().map(|(word, _)| format!("{word:?}")).collect();
                if words.is_empty() { format!("it takes {}", key.takes) } else { format!("it takes {}", words.join(", ")) }
            });
            Some(Finding { hint: takes, ..self::error(origins.near(&path), format!("{}: {}", path_words(&path), error.kind)) })
        })
        .collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    figment.extract().map_err(|error| vec![self::error(None, error.to_string())])
}

type Reading = fn(&Figment) -> Option<figment::Error>;

/// How each section is read.
const SECTIONS: [(&str, Reading); 23] = [
    ("server", |figment| figment.extract_inner::<Server>("server").err()),
    ("store", |figment| figment.extract_inner::<Store>("store").err()),
    ("catalog", |figment| figment.extract_inner::<Catalog>("catalog").err()),
    ("spool", |figment| figment.extract_inner::<Spool>("spool").err()),
    ("artifacts", |figment| figment.extract_inner::<Artifacts>("artifacts").err()),
    ("mail", |figment| figment.extract_inner::<Mail>("mail").err()),
    ("slack", |figment| figment.extract_inner::<Slack>("slack").err()),
    ("s3", |figment| figment.extract_inner::<S3>("s3").err()),
    ("links", |figment| figment.extract_inner::<Links>("links").err()),
    ("limits", |figment| figment.extract_inner::<Limits>("limits").err()),
    ("egress", |figment| figment.extract_inner::<Egress>("egress").err()),
    ("retry", |figment| figment.extract_inner::<Retry>("retry").err()),
    ("notify", |figment| figment.extract_inner::<Notify>("notify").err()),
    ("alarm", |figment| figment.extract_inner::<Alarm>("alarm").err()),
    ("scheduler", |figment| figment.extract_inner::<Scheduler>("scheduler").err()),
    ("render", |figment| figment.extract_inner::<Render>("render").err()),
    ("query", |figment| figment.extract_inner::<Query>("query").err()),
    ("adbc", |figment| figment.extract_inner::<Adbc>("adbc").err()),
    ("sessions", |figment| figment.extract_inner::<Sessions>("sessions").err()),
    ("history", |figment| figment.extract_inner::<History>("history").err()),
    ("log", |figment| figment.extract_inner::<Log>("log").err()),
    ("trace", |figment| figment.extract_inner::<Trace>("trace").err()),
    ("secrets", |figment| figment.extract_inner::<Secrets>("secrets").err()),
];

/// What keeps a server from starting, found without connecting to anything and without making anything.
fn resolved(settings: &Settings) -> Vec<anyhow::Error> {
    let looked = [
        settings.server.public_url().map(drop),
        settings.server.proxies().map(drop),
        settings.catalog.rules(&settings.spool).map(drop),
        settings.store.database().map(drop),
        settings.artifacts.bucket().map(drop),
        settings.mail.transport().map(drop),
        settings.mail.signing_keys().map(drop),
        settings.mail.return_paths(&Secret::new("check")).map(drop),
        settings.slack.workspace().map(drop),
        settings.s3.access("organization").map(drop),
        settings.egress.policy().map(drop),
        settings.egress.of_connections().map(drop),
        settings.egress.way_out().map(drop),
        settings.operator().map(drop),
        settings.alarm.mail_to(settings.mail.url.is_some()).map(drop),
        settings.query.limits(&settings.render).map(drop),
        settings.adbc.folder().map(drop),
        settings.trace.endpoint().map(drop),
        settings.trace.headers().map(drop),
        sealing_keys(settings),
    ];
    let found: Vec<anyhow::Error> = looked.into_iter().filter_map(Result::err).collect();
    if !found.is_empty() {
        return found;
    }
    let carriers = carrier_config(settings, "organization", None).and_then(|config| Ok(Carriers::new(config)?));
    carriers.err().into_iter().collect()
}

/// The file beside an SQLite database may be missing: it is made.
fn sealing_keys(settings: &Settings) -> anyhow::Result<()> {
    match KeyPlace::of(settings)? {
        KeyPlace::File(file) if settings.secrets.keys_file.is_none() && !file.exists() => Ok(()),
        KeyPlace::File(_) | KeyPlace::Settings => sealing::keys(settings).map(drop),
    }
}

/// An error that names its key, at its place.
fn about(error: &anyhow::Error, origins: &Origins) -> Finding {
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let name = text.split([':', ' ']).next().unwrap_or_default();
    let path: Vec<Step> = name.split('.').map(|part| Step::Name(part.trim_matches('"').to_owned())).collect();
    let place = (keys::find(&path) == Found::Known).then(|| origins.near(&path)).flatten();
    self::error(place, text)
}

/// What works, and is likely not what is wanted.
fn doubtful(settings: &Settings, origins: &Origins) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut doubt = |key: &str, message: &str, hint: &str| {
        let path: Vec<Step> = key.split('.').map(|part| Step::Name(part.to_owned())).collect();
        found.push(Finding {
            severity: Severity::Warning,
            place: origins.near(&path),
            message: format!("{key}: {message}"),
            hint: Some(hint.to_owned()),
        });
    };
    let mail = &settings.mail;
    match mail.url.as_deref() {
        None => doubt(
            "mail.url",
            "mail is not configured: schedules by mail end with ERROR, and nobody is told of failures by mail",
            "write smtp://HOST:587, or file:FOLDER to have it written to files",
        ),
        Some(url) if url.starts_with("file:") => {
            doubt("mail.url", "mail is written to files; nobody gets it", "write smtp://HOST:587 to send it");
        }
        Some(url) => {
            if mail.from.is_none() {
                doubt(
                    "mail.from",
                    "mail is sent from pressrun@localhost.localdomain, which most servers refuse or take for junk",
                    "write \"Reports <reports@example.com>\", an address of a domain that you send for",
                );
            }
            if url.starts_with("smtp+plain://") && mail.username.is_some() {
                doubt("mail.url", "the password goes over the network unencrypted", "write smtp:// (STARTTLS) or smtps://");
            }
            if settings.server.public_url.is_none() {
                doubt(
                    "server.public_url",
                    "links in mails lead to this machine alone",
                    "write the address under which people reach this server, such as https://reports.example.com",
                );
            }
        }
    }
    if settings.catalog.source == CatalogFrom::Folder && !settings.catalog.path.is_dir() {
        doubt(
            "catalog.path",
            &format!("there is no folder {}", settings.catalog.path.display()),
            "name the folder with connections.yaml, people.yaml and dashboards/; `pressrun init` makes one of your data",
        );
    }
    if settings.alarm.mail_to.is_empty() && settings.notify.webhook_url.is_none() && settings.notify.webhook_url_file.is_none() {
        doubt(
            "alarm.mail_to",
            "nobody but the log is told of what is not delivered in time",
            "write addresses, or name a webhook in notify.webhook_url",
        );
    }
    for folder in settings.render.fonts.iter().filter(|folder| folder.as_os_str() != "system" && !folder.is_dir()) {
        doubt(
            "render.fonts",
            &format!("there is no folder {}", folder.display()),
            "name a folder with .ttf or .otf files, or write \"system\" for the machine's Noto fonts",
        );
    }
    if let Ok(Database::Sqlite(path)) = settings.store.database()
        && path.is_relative()
        && origins.of(&[Step::Name("store".to_owned()), Step::Name("url".to_owned())]).is_some()
    {
        doubt(
            "store.url",
            "the path is relative to the folder that the server is started in",
            "write sqlite:// and a path from the root: sqlite:///var/lib/pressrun/pressrun.db",
        );
    }
    found
}

/// What people look for, and which key says it.
const LOOKED_FOR: [(&str, &str); 8] = [
    ("mail.tls", "mail.url says it: smtp:// (STARTTLS), smtps:// (TLS from the first byte) or smtp+plain:// (none)"),
    ("mail.starttls", "mail.url says it: smtp:// (STARTTLS), smtps:// (TLS from the first byte) or smtp+plain:// (none)"),
    ("mail.host", "mail.url says it: smtp://HOST:587"),
    ("mail.port", "mail.url says it: smtp://HOST:587"),
    ("mail.smtp", "mail.url says it: smtp://HOST:587"),
    ("server.port", "server.listen says it: 127.0.0.1:8080"),
    ("server.host", "server.listen says it: 127.0.0.1:8080"),
    ("log.level", "the variable PRESSRUN_LOG says it: info, or warn,pressrun_engine=debug"),
];

fn unknown_key(path: &[Step], place: Option<Place>) -> Finding {
    let beside = match keys::find(path) {
        Found::Unknown(beside) => beside,
        Found::Known => Vec::new(),
    };
    let name = path_words(path);
    let last = match path.last() {
        Some(Step::Name(last)) => last.as_str(),
        _ => "",
    };
    let before = path_words(&path[..path.len().saturating_sub(1)]);
    let full = |name: &str| if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") };
    let looked_for = LOOKED_FOR.iter().find(|(wished, _)| *wished == name).map(|(_, hint)| (*hint).to_owned());
    let near = || nearest(last, beside.iter().cloned()).map(|near| format!("did you mean {}?", full(&near)));
    let elsewhere = || {
        let mut others =
            keys::keys().filter(|key| matches!(key.path.last(), Some(keys::Part::Name(name)) if name == last)).map(keys::Key::name);
        let other = others.next()?;
        others.next().is_none().then(|| format!("there is {other}"))
    };
    let all = || (!beside.is_empty()).then(|| format!("there is: {}", beside.join(", ")));
    let hint = looked_for.or_else(near).or_else(elsewhere).or_else(all);
    Finding { hint, ..error(place, format!("there is no key {name}")) }
}

/// The name that is most like a word, when one is like it.
fn nearest(word: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let most = (word.chars().count() / 3).max(1);
    let measured = names.map(|name| (strsim::damerau_levenshtein(word, &name), name));
    measured.filter(|(apart, _)| *apart <= most).min().map(|(_, name)| name)
}

fn error(place: Option<Place>, message: String) -> Finding {
    Finding { severity: Severity::Error, place, message, hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("p.toml");
        std::fs::write(&file, text).expect("writes");
        let variables: Vec<(String, String)> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let folder = format!("{}/", dir.path().display());
        let of_severity = |finding: &Finding| format!("{:?} {finding} | {}", finding.severity, finding.hint.as_deref().unwrap_or_default());
        look(Some(Written::read(&file).expect("readable")), &variables)
            .findings
            .iter()
            .map(|finding| of_severity(finding).replace(&folder, ""))
            .collect()
    }

    fn has(found: &[String], words: &[&str]) -> bool {
        found.iter().any(|line| words.iter().all(|word| line.contains(word)))
    }

    #[test]
    fn newcomer_13_all_mistakes_are_told_at_once_with_line_and_nearest_key() {
        let text = "[server]\nlisten = '127.0.0.1:8080'\nlitsen = 'x'\n[mail]\nurl = 'smtp://mail.example.com'\nform = 'a@b.example'\ntls = 'none'\n\
                    [limits]\nrecipients = 'many'\n[mial]\nx = 1\n[scheduler]\ngrace = 1\npages = 2\n";
        let found =
            checked(text, &[("PRESSRUN_SERVER__LISTENS", "x"), ("PRESSRUN_MAIL_URL", "x"), ("PRESSRUN_RETRY__MAX_ATTEMPTS", "few")]);
        for words in [
            &["Error p.toml:3:1: there is no key server.litsen", "did you mean server.listen?"][..],
            &["Error p.toml:6:1: there is no key mail.form", "did you mean mail.from?"],
            &["Error p.toml:7:1: there is no key mail.tls", "smtps://"],
            &["Error p.toml:9:1: limits.recipients: invalid type", "it takes whole number"],
            &["Error p.toml:10:2: there is no key mial", "did you mean mail?"],
            &["Error p.toml:14:1: there is no key scheduler.pages", "there is limits.pages"],
            &["Error PRESSRUN_SERVER__LISTENS: there is no key server.listens", "did you mean server.listen?"],
            &["Error PRESSRUN_RETRY__MAX_ATTEMPTS: retry.max_attempts: invalid type"],
            &["Warning PRESSRUN_MAIL_URL", "did you mean PRESSRUN_MAIL__URL?"],
        ] {
            assert!(has(&found, words), "{words:?} in {found:#?}");
        }
        assert!(!has(&found, &["mial.x"]), "what stands in an unknown table is not told again: {found:#?}");
    }

    #[test]
    fn h8_variables_of_a_platform_are_not_ours() {
        let platform = [
            ("PRESSRUN_PORT", "tcp://10.0.0.1:80"),
            ("PRESSRUN_PORT_8080_TCP", "tcp://10.0.0.1:80"),
            ("PRESSRUN_SERVICE_HOST", "10.0.0.1"),
            ("PRESSRUN_SERVICE_PORT_HTTP", "80"),
        ];
        let found = checked("[mail]\nurl = 'file:mails'\n[alarm]\nmail_to = ['a@b.example']\n", &platform);
        assert!(!has(&found, &["PRESSRUN_"]), "{found:#?}");
    }

    #[test]
    fn what_does_not_fit_together_is_told_where_it_stands() {
        for (text, words) in [
            ("[server]\nlisten = '0.0.0.0:80'\n", &["Error p.toml:1:2: server.public_url is needed"][..]),
            ("[mail]\nurl = 'imap://x'\n", &["Error p.toml:2:1: mail.url: "]),
            ("[mail]\nurl = 'smtp://x.example'\nfrom = 'no address'\n", &["Error", "mail from \"no address\""]),
            ("[mail]\nurl = 'smtp://x.example'\nusername = 'u'\n", &["Error p.toml:1:2: mail: give both username and password"]),
            ("[query]\nmemory_mb = 4000\n", &["Error p.toml:2:1: query.memory_mb: "]),
            ("[catalog]\nsource = 'git'\n", &["Error p.toml:2:1: catalog.source: ", "it takes \"folder\", \"published\""]),
            ("[s3]\nsession_token = 'x'\n", &["Error p.toml:1:2: s3.credentials: "]),
            ("[server]\nlisten = 127.0.0.1\n", &["Error line 2", "no TOML"]),
        ] {
            let found = checked(text, &[]);
            assert!(has(&found, words), "{words:?} in {found:#?}");
        }
    }

    #[test]
    fn what_works_and_is_hardly_meant_is_a_warning() {
        let found = checked("[mail]\nurl = 'smtp+plain://relay.example.com'\nusername = 'u'\npassword = 'hunter2'\n", &[]);
        for words in [
            &["Warning", "mail.from"][..],
            &["Warning p.toml:2:1", "unencrypted"],
            &["server.public_url"],
            &["catalog.path"],
            &["alarm.mail_to"],
        ] {
            assert!(has(&found, words), "{words:?} in {found:#?}");
        }
        assert!(!has(&found, &["Error"]) && !has(&found, &["hunter2"]), "{found:#?}");
    }

    #[test]
    fn every_section_is_read() {
        let listed: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        let there: Vec<&str> = keys::sections().iter().map(|section| section.name.as_str()).collect();
        assert_eq!(listed, there);
    }
}
