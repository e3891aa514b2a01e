//! `pressrun test`: a way out is tried before a schedule needs it, by the carriers and under the rules that runs go by.

mod address;
pub(crate) mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use pressrun_domain::destination::{Destination, DestinationKind, EmailSettings, SlackSettings};
use pressrun_domain::id::ScheduleId;
use pressrun_domain::schedule::Definition;
use pressrun_store::{ListQuery, Store};

use self::trial::{Trial, Tried};
use crate::app::{carrier_config, open_existing_store, return_path};
use crate::config::Settings;
use crate::show::{self, Hinted};

/// What is tried.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mail to an address, by the configured mail server.
    Mail(Mail),
    /// A file to an SFTP server: sftp://user@host:port/folder, or that of a schedule by its name or id.
    Sftp(Sftp),
    /// A POST to a webhook: its address, or that of a schedule by its name or id.
    Webhook(Webhook),
    /// A file to a Slack channel or person by id, or to that of a schedule by its name or id.
    Slack(Slack),
    /// An object to a bucket: s3://bucket/prefix, or that of a schedule by its name or id.
    S3(S3),
}

/// What all have in common.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Connect and log in, and deliver nothing.
    #[arg(long)]
    connect_only: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Arguments of `pressrun test mail`.
#[derive(Debug, Args)]
pub(crate) struct Mail {
    /// Who gets it; not needed with --connect-only.
    #[arg(required_unless_present = "connect_only")]
    address: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `pressrun test sftp`.
#[derive(Debug, Args)]
pub(crate) struct Sftp {
    /// sftp://user@host:port/folder, or name or id of a schedule.
    to: String,
    /// File with the password.
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// File with the private key.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// File with the passphrase of the private key.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// Host key that the server must show: a line of known_hosts, or SHA256:…
    #[arg(long)]
    host_key: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `pressrun test webhook`.
#[derive(Debug, Args)]
pub(crate) struct Webhook {
    /// http or https address, or name or id of a schedule.
    to: String,
    /// File with the secret that signs the request.
    #[arg(long)]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `pressrun test slack`.
#[derive(Debug, Args)]
pub(crate) struct Slack {
    /// Id of a channel (C…, G…) or person (U…, W…), or name or id of a schedule; not needed with --connect-only.
    #[arg(required_unless_present = "connect_only")]
    to: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `pressrun test s3`.
#[derive(Debug, Args)]
pub(crate) struct S3 {
    /// s3://bucket/prefix, or name or id of a schedule.
    to: String,
    /// Region of the bucket; that of the configuration, else us-east-1, when absent.
    #[arg(long)]
    region: Option<String>,
    /// Role to assume, as schedules name one; needed unless s3.assume_role is false.
    #[arg(long)]
    role: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Tries, says each step, and exits 1 when it failed.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    crate::telemetry::for_people("error");
    super::serve::runtime()?.block_on(tried(command))
}

async fn tried(command: Command) -> anyhow::Result<ExitCode> {
    let common = match &command {
        Command::Mail(Mail { common, .. })
        | Command::Sftp(Sftp { common, .. })
        | Command::Webhook(Webhook { common, .. })
        | Command::Slack(Slack { common, .. })
        | Command::S3(S3 { common, .. }) => common,
    };
    let settings = Settings::for_command(common.config.as_deref())?;
    let aim = aim(&command, &settings).await?;
    let trial = Trial { connect_only: common.connect_only, says_steps: !common.json };
    let organization = match (&aim.destination, settings.s3.assume_role) {
        // The role's policy names the organization.
        (Destination::S3(_), None | Some(true)) => {
            super::key::catalog(&settings).await.context("s3: the catalog")?.organization.id.to_string()
        }
        _ => String::new(),
    };
    let own_path = match (&aim.destination, &settings.mail.return_path) {
        (Destination::Email(_), Some(_)) if !trial.connect_only => return_path(&settings, &open_existing_store(&settings).await?).await?,
        _ => None,
    };
    let tried = trial.run(carrier_config(&settings, &organization, own_path)?, &aim.destination, &aim.target).await?;
    print(common, &aim, &tried)
}

/// Where to.
struct Aim {
    destination: Destination,
    target: String,
}

async fn aim(command: &Command, settings: &Settings) -> anyhow::Result<Aim> {
    let of_schedule = |to: &str, kind: DestinationKind| {
        let to = to.to_owned();
        async move {
            let destination = of_schedule(settings, &to, kind).await?.destination;
            let target = match &destination {
                Destination::Slack(SlackSettings { recipients, .. }) => recipients.first().cloned().unwrap_or_default(),
                other => other.kind().as_str().to_owned(),
            };
            Ok::<_, anyhow::Error>(Aim { destination, target })
        }
    };
    let plain = |destination: Destination| Aim { target: destination.kind().as_str().to_owned(), destination };
    Ok(match command {
        Command::Mail(mail) => Aim {
            destination: Destination::Email(EmailSettings::default()),
            target: mail.address.as_deref().map(address::mail).transpose()?.unwrap_or_default(),
        },
        Command::Sftp(sftp) if sftp.to.starts_with("sftp://") => plain(address::sftp(sftp)?),
        Command::Sftp(sftp) => {
            if sftp.password_file.is_some() || sftp.key_file.is_some() || sftp.passphrase_file.is_some() || sftp.host_key.is_some() {
                bail!("a schedule has its own login: give --password-file and the like with an address, sftp://user@host/folder");
            }
            of_schedule(&sftp.to, DestinationKind::Sftp).await?
        }
        Command::Webhook(webhook) if webhook.to.contains("://") => plain(address::webhook(webhook)?),
        Command::Webhook(webhook) => of_schedule(&webhook.to, DestinationKind::Webhook).await?,
        Command::Slack(slack) => match slack.to.as_deref() {
            None => Aim { destination: address::slack("C0")?, target: String::new() },
            Some(to) => match address::slack(to) {
                Ok(destination) => Aim { destination, target: to.to_owned() },
                Err(_) => of_schedule(to, DestinationKind::Slack).await?,
            },
        },
        Command::S3(s3) if s3.to.starts_with("s3://") => plain(address::s3(s3, settings)?),
        Command::S3(s3) => of_schedule(&s3.to, DestinationKind::S3).await?,
    })
}

/// The definition of a schedule that is named by id or by its whole name.
async fn of_schedule(settings: &Settings, named: &str, kind: DestinationKind) -> anyhow::Result<Definition> {
    let store = open_existing_store(settings).await?;
    let id = match named.parse::<ScheduleId>() {
        Ok(id) => id,
        Err(_) => found_by_name(store.as_ref(), named, kind).await?,
    };
    let Some(schedule) = store.schedule(id).await? else { bail!("there is no schedule with the id {id}") };
    let found = schedule.definition.destination.kind();
    if found != kind {
        bail!("the schedule {:?} delivers by {}, not by {}", schedule.definition.name, found.as_str(), kind.as_str());
    }
    Ok(schedule.definition)
}

/// Names that an error tells in place of one that is not there.
const NEAR: usize = 5;

async fn found_by_name(store: &dyn Store, named: &str, kind: DestinationKind) -> anyhow::Result<ScheduleId> {
    let mut query = ListQuery { search: Some(named.to_owned()), destination: Some(kind), ..ListQuery::all(100) };
    let (mut ids, mut near) = (Vec::new(), Vec::new());
    loop {
        let rows = store.list_schedules(&query).await?.rows;
        ids.extend(rows.iter().filter(|row| row.name() == named).map(|row| row.id));
        near.extend(rows.iter().map(|row| format!("{:?}", row.name())).take(NEAR.saturating_sub(near.len())));
        if rows.len() < query.page_size as usize {
            break;
        }
        // Names that only hold this one may stand before it.
        query.page += 1;
    }
    match ids.as_slice() {
        [id] => Ok(*id),
        [] => {
            let hint = if near.is_empty() {
                format!("name an address, or a schedule that delivers by {}", kind.as_str())
            } else {
                format!("there is: {}", near.join(", "))
            };
            Err(Hinted::new(format!("{named:?} is no address, and no schedule by {} is called so", kind.as_str()), hint).into())
        }
        several => {
            let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
            Err(Hinted::new(format!("{} schedules are called {named:?}", several.len()), format!("name one by its id: {}", ids.join(", ")))
                .into())
        }
    }
}

fn print(common: &Common, aim: &Aim, tried: &Tried) -> anyhow::Result<ExitCode> {
    let code = if tried.worked { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if common.json {
        let steps: Vec<_> = tried.steps.iter().map(|(seconds, words)| serde_json::json!({ "seconds": seconds, "words": words })).collect();
        show::line(serde_json::to_string_pretty(&serde_json::json!({
            "destination": aim.destination.kind().as_str(), "worked": tried.worked, "delivered": tried.worked && !common.connect_only,
            "words": tried.words, "seconds": tried.seconds, "hostKey": tried.host_key, "steps": steps,
        }))?);
        return Ok(code);
    }
    if !tried.worked {
        show::error(&anyhow::anyhow!("{}", tried.words));
        return Ok(code);
    }
    let did = if common.connect_only { "reached, nothing was delivered" } else { "delivered" };
    show::line(format!("{did} in {:.2} s: {}", tried.seconds, tried.words));
    if let Some(key) = &tried.host_key {
        show::hint(format!("pin this host key in the schedule (hostKey): {key}"));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use pressrun_domain::audit::Verb;
    use pressrun_store::{Schedules as _, SqliteStore, sample};

    use super::*;

    #[tokio::test]
    async fn a_schedule_is_found_by_its_whole_name_behind_hundreds_that_hold_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("x.db"), sample::sealer()).await.unwrap();
        let mut wanted = None;
        for number in 0..251 {
            let name = if number == 120 { "orders".to_owned() } else { format!("all orders {number:03}") };
            let schedule = sample::schedule(&name);
            store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.unwrap();
            if number == 120 {
                wanted = Some(schedule);
            }
        }
        let wanted = wanted.unwrap();
        let kind = wanted.definition.destination.kind();
        assert_eq!(found_by_name(&store, "orders", kind).await.unwrap(), wanted.id);
    }
}
