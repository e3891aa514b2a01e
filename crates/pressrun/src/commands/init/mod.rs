//! `pressrun init`: from a folder of files or a database to a dashboard of one's own in an outbox.

mod place;
mod probe;
mod profile;
mod tiles;
mod yaml;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::clock::Clock as _;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::key::KeyKind;
use pressrun_domain::secret::Secret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::place::{Place, Table};
use self::profile::Profile;
use self::yaml::quoted;
use super::demo::schedules::{Demo, Outcome};
use crate::app::{App, Listeners, Role};
use crate::clock::WallClock;
use crate::config::{Server, Settings, keys, reference};
use crate::sealing::write_private;
use crate::show::{self, Hinted};

/// Arguments of `pressrun init`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder to make: catalog, configuration, outbox and everything that a server keeps.
    #[arg(default_value = "reports")]
    folder: PathBuf,
    /// Where the data is: a folder of CSV, JSON or Parquet files, or postgres://user@host/database; asked for on a terminal when absent.
    #[arg(long, value_name = "FOLDER|ADDRESS")]
    data: Option<String>,
    /// File with the address of a database, password and all: postgres://user:password@host/database.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    data_file: Option<PathBuf>,
    /// Only this table; repeatable.
    #[arg(long = "table", value_name = "NAME")]
    tables: Vec<String>,
    /// Name of the organization.
    #[arg(long)]
    name: Option<String>,
    /// Your mail address, which the first report is for.
    #[arg(long)]
    email: Option<EmailAddress>,
    /// IANA time zone of queries and schedules; the machine's when absent.
    #[arg(long)]
    timezone: Option<String>,
    /// Make everything, and deliver nothing.
    #[arg(long)]
    no_delivery: bool,
}

/// Makes a folder and delivers its first report.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::for_people("error");
    super::serve::runtime()?.block_on(init(arguments))
}

async fn init(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    if folder.exists() && std::fs::read_dir(folder).map_or(true, |mut inside| inside.next().is_some()) {
        return Err(Hinted::new(
            format!("{} is there already, and not empty", folder.display()),
            "name another folder: pressrun init FOLDER",
        )
        .into());
    }
    let asks = arguments.data.is_none() && arguments.data_file.is_none() && std::io::stdin().is_terminal();
    let place = match (&arguments.data, &arguments.data_file) {
        (Some(data), _) => Place::of_argument(data.trim())?,
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("--data-file: could not read {}", file.display()))?;
            Place::named(text.trim())?
        }
        (None, None) if asks => {
            Place::named(ask("Where is the data? A folder of files, or postgres://user:password@host/database", "")?.trim())?
        }
        (None, None) => {
            let hint = "pressrun init --data FOLDER, or --data-file with the address of a database in it";
            return Err(Hinted::new("it is not said where the data is", hint).into());
        }
    };
    let email = match (arguments.email, asks) {
        (Some(email), _) => email,
        (None, true) => ask("Your mail address", "you@example.com")?.parse().context("that is no mail address")?,
        (None, false) => "you@example.com".parse().context("the address")?,
    };
    let timezone = match arguments.timezone {
        Some(zone) => zone,
        None => jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned(),
    };
    pressrun_cron::zone(&timezone).with_context(|| format!("timezone {timezone:?} is not valid"))?;

    let progress = show::progress(None, "looking at tables and columns");
    let tables = place.tables(&arguments.tables).await?;
    let profiles = place.profiles(&tables).await?;
    progress.finish_and_clear();
    let plan = Plan { place, profiles, name: arguments.name.unwrap_or_else(|| "My organization".to_owned()), email, timezone };

    let was_there = folder.exists();
    let made = match plan.write(folder).await {
        Ok(made) => made,
        Err(error) => {
            // Half of it would only be in the way of the next try.
            if !was_there {
                let _ = std::fs::remove_dir_all(folder);
            }
            return Err(error);
        }
    };
    for (table, profile) in &plan.profiles {
        let of = show::count(profile.columns.len(), "column");
        show::line(format!("{:<24} {of} → {}", table.plain, made.root.join(format!("catalog/dashboards/{}.yaml", table.plain)).display()));
    }
    let config = made.config.display();
    if arguments.no_delivery {
        show::line(format!("\nNext: pressrun serve --config {config}"));
        return Ok(ExitCode::SUCCESS);
    }
    let (token, outcomes) = deliver(&plan, &made).await?;
    let mut delivered = false;
    for outcome in &outcomes {
        delivered |= outcome.status.as_deref() == Some("COMPLETE");
        for line in &outcome.delivered {
            show::line(line);
        }
    }
    if !delivered {
        bail!("the first report was not delivered; what there is stays in {}", made.root.display());
    }
    show::line(format!("\nYour first report is in {}; open it with any mail program.", made.root.join("outbox").display()));
    show::line(format!("  look at it and change it     pressrun dev {}", made.root.display()));
    show::line(format!("  serve, weekdays at 08:00     pressrun serve --config {config}"));
    show::line(format!("  token to sign in with        {}", token.expose()));
    show::line(format!(
        "  send real mail               set [mail] url in {config}; try it: pressrun test mail {} --config {config}",
        plan.email
    ));
    Ok(ExitCode::SUCCESS)
}

fn ask(question: &str, default: &str) -> anyhow::Result<String> {
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    let mut stderr = std::io::stderr();
    write!(stderr, "{question}{shown}: ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(match answer.trim() {
        "" => default.to_owned(),
        given => given.to_owned(),
    })
}

/// What is made.
struct Plan {
    place: Place,
    profiles: Vec<(Table, Profile)>,
    name: String,
    email: EmailAddress,
    timezone: String,
}

/// What was made.
struct Made {
    root: PathBuf,
    config: PathBuf,
}

impl Plan {
    /// Writes everything, and checks the catalog against the data.
    async fn write(&self, folder: &Path) -> anyhow::Result<Made> {
        let named = || format!("could not write into {}", folder.display());
        std::fs::create_dir_all(folder.join("catalog/dashboards")).with_context(named)?;
        std::fs::create_dir_all(folder.join("secrets")).with_context(named)?;
        let root = folder.canonicalize().with_context(named)?;
        let url_file = root.join("secrets/data-url");
        if let Place::Postgres(url) = &self.place {
            write_private(&url_file, url)?;
        }
        let tables: Vec<Table> = self.profiles.iter().map(|(table, _)| table.clone()).collect();
        let connections = format!("{}    timezone: {}\n", self.place.connections(&tables, &url_file), self.timezone);
        let write = |name: &str, text: String| {
            std::fs::write(root.join(name), text).with_context(|| format!("could not write {}", root.join(name).display()))
        };
        let headed = |kind: &str, text: String| format!("# yaml-language-server: $schema=../.schemas/{kind}.json\n{text}");
        write("catalog/connections.yaml", headed("connections", connections))?;
        write("catalog/people.yaml", headed("people", self.people()))?;
        // Editors complete and check what is written by these.
        std::fs::create_dir_all(root.join(".schemas")).with_context(named)?;
        let schemas = pressrun_catalog::schema();
        for kind in ["dashboard", "connections", "people"] {
            write(&format!(".schemas/{kind}.json"), serde_json::to_string_pretty(&schemas[kind])?)?;
        }
        write(".schemas/pressrun.json", serde_json::to_string_pretty(&keys::schema())?)?;
        for (table, profile) in &self.profiles {
            write(&format!("catalog/dashboards/{}.yaml", table.plain), tiles::dashboard(profile, &table.plain.replace('_', "-"), "data"))?;
        }
        let text = |text: &Path| quoted(&text.display().to_string());
        let config = root.join("pressrun.toml");
        let given = [
            ("store.url", quoted(&format!("sqlite://{}", root.join("pressrun.db").display()))),
            ("catalog.path", text(&root.join("catalog"))),
            ("catalog.secret_folders", format!("[{}]", text(&root.join("secrets")))),
            ("spool.path", text(&root.join("spool"))),
            ("mail.url", quoted(&format!("file:{}", root.join("outbox").display()))),
            ("mail.from", quoted("Reports <reports@example.com>")),
        ];
        write("pressrun.toml", format!("#:schema ./.schemas/pressrun.json\n{}", reference::sample(&given)))?;
        write(".gitignore", "pressrun.db*\n*.key\nspool/\noutbox/\nsecrets/\n".to_owned())?;
        let checked = super::check::connected(&root.join("catalog"), Settings::load(Some(&config))?).await?;
        if checked.fails() {
            let problems: Vec<_> = checked.problems.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect();
            bail!("the catalog that was made does not pass its check: {}", problems.join("; "));
        }
        Ok(Made { root, config })
    }

    fn people(&self) -> String {
        let local = self.email.as_str().split('@').next().unwrap_or("you");
        format!(
            "# Who is here, and what they may see. What each key means: docs/catalog.md.\norganization: {{ id: {}, name: {} }}\n\
             members:\n  - {{ name: {}, email: {}, admin: true }}\n\
             # Colleagues see what their groups may: `access: {{ groups: [managers] }}` in a dashboard.\n\
             # groups:\n#   - {{ name: managers, members: [ann@example.com] }}\n",
            Uuid::new_v4(),
            quoted(&self.name),
            quoted(&yaml::words(local)),
            quoted(self.email.as_str()),
        )
    }
}

/// Serves for a moment, makes a schedule as a client would, and lets it run once.
async fn deliver(plan: &Plan, made: &Made) -> anyhow::Result<(Secret, Vec<Outcome>)> {
    let progress = show::progress(None, "delivering the first report");
    let listener = TcpListener::bind("127.0.0.1:0").await.context("could not listen on 127.0.0.1")?;
    let address = listener.local_addr()?;
    let url = format!("http://{address}");
    let settings = Settings::load(Some(&made.config))?;
    // Links in the report lead to where `serve` will listen.
    let public_url = Some(settings.server.public_url()?);
    let settings = Settings { server: Server { listen: address.to_string(), public_url, ..settings.server.clone() }, ..settings };
    let app = App::open(&settings).await?;
    let token = token(&app, plan, &made.root.join("secrets/token")).await?;
    let (store, stop) = (Arc::clone(&app.store), CancellationToken::new());
    let server = tokio::spawn(app.serve(Listeners::public(listener), Role::All, stop.clone()));
    let delivered = async {
        let demo = Demo::new(&url, token.clone(), store, made.root.join("outbox"));
        let (table, profile) = plan.profiles.first().context("there is no dashboard")?;
        let created = demo
            .create_one(serde_json::json!({
                "identifier": table.plain.replace('_', "-"), "name": format!("{} on weekdays", profile.title), "schedule": "0 8 ? * MON-FRI *",
                "timezone": plan.timezone, "format": "pdf", "destinationType": "email", "recipients": [plan.email.as_str()],
                "subject": "{{entityName}} for {{currentDate}}", "textBody": "Good morning,\nhere is the report.",
            }))
            .await?;
        demo.deliver(vec![created], |_| {}).await
    };
    let delivered = delivered.await;
    stop.cancel();
    server.await??;
    progress.finish_and_clear();
    Ok((token, delivered?))
}

/// A token of the one member, kept where only this account reads it.
async fn token(app: &App, plan: &Plan, file: &Path) -> anyhow::Result<Secret> {
    let catalog = app.catalog.current();
    let member = catalog.member_by_email(&plan.email).context("the catalog does not have its member")?;
    let (token, key, hash) = pressrun_api::mint(KeyKind::Personal, member.id, "init", WallClock.now())?;
    app.store.insert_key(&key, hash, &Change::by_command_line(Verb::KeyCreated, key.created_at)).await?;
    write_private(file, token.expose())?;
    Ok(token)
}
