//! `pressrun demo`: the sample catalog, schedules of every kind, and one delivery of each at once.

mod receiver;
pub(crate) mod schedules;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;
use pressrun_catalog::sample;
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::clock::Clock;
use pressrun_domain::key::KeyKind;
use pressrun_domain::secret::Secret;
use tokio::net::TcpListener;

use self::receiver::Receiver;
use self::schedules::{Demo, Outcome};
use crate::app::{App, Listeners, Role, stop_signal};
use crate::clock::WallClock;
use crate::config::{Egress, Limits, Mail, Server, Settings, Spool, Store, demo_url};
use crate::sealing::write_private;
use crate::show;

/// Arguments of `pressrun demo`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where to listen instead of 127.0.0.1:8080 [env: PRESSRUN_SERVER__LISTEN].
    #[arg(long)]
    listen: Option<String>,
    /// Folder for everything the demo keeps; started again on it, the demo goes on where it was.
    #[arg(long, default_value = "demo-data")]
    data: PathBuf,
    /// Fix the API token.
    #[arg(long, env = "PRESSRUN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Also upload to this server: sftp://user:password@host:port/folder.
    #[arg(long, env = "PRESSRUN_DEMO_SFTP", hide_env_values = true)]
    sftp: Option<String>,
    /// Deliver, print, and end instead of serving on.
    #[arg(long)]
    once: bool,
}

/// Runs the demo until Ctrl-C.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::for_people("warn");
    crate::config::warn_of_unknown_variables();
    super::serve::runtime()?.block_on(demo(arguments))
}

async fn demo(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // What the demo does not decide itself is as the environment has it; a fault in that is found before anything is written.
    let defaults = Settings {
        limits: Limits { requests_per_minute: 600, failed_authentications_per_minute: 600, ..Limits::default() },
        ..Settings::default()
    };
    let given = Settings::over(&defaults)?;
    let data = &arguments.data;
    std::fs::create_dir_all(data).with_context(|| format!("could not create {}", data.display()))?;
    // Paths that are printed are meant to be opened from anywhere.
    let data = &data.canonicalize().with_context(|| format!("could not find {}", data.display()))?;
    let catalog = write_sample(&data.join("catalog"))?;
    let stop = stop_signal()?;
    let listen = arguments.listen.as_ref().unwrap_or(&given.server.listen);
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("could not listen on {listen}; choose another address with --listen"))?;
    let address = listener.local_addr()?;
    let receiver = Receiver::start(data, stop.clone()).await?;
    let sftp = arguments.sftp.as_deref().map(schedules::Sftp::parse).transpose()?;

    let own = std::iter::once(receiver.address().to_string()).chain(sftp.as_ref().map(schedules::Sftp::authority));
    let settings = Settings {
        server: Server {
            listen: address.to_string(),
            public_url: Some(given.server.public_url.clone().unwrap_or_else(|| demo_url(address))),
            ..Server::default()
        },
        store: Store { url: format!("sqlite://{}", data.join("pressrun.db").display()), ..Store::default() },
        catalog: crate::config::Catalog { path: catalog, ..given.catalog.clone() },
        spool: Spool { path: data.join("spool") },
        mail: Mail {
            url: Some(format!("file:{}", data.join("mail").display())),
            from: Some("Pressrun demo <reports@myorg.co>".to_owned()),
            ..given.mail.clone()
        },
        egress: Egress { allow: given.egress.allow.iter().cloned().chain(own).collect(), ..given.egress.clone() },
        ..given
    };
    let app = App::open(&settings).await?;
    let token = token(&app, data, arguments.token).await?;
    let store = std::sync::Arc::clone(&app.store);
    let url = demo_url(address);
    let server = tokio::spawn(app.serve(Listeners::public(listener), Role::All, stop.clone()));

    let demo = Demo::new(&url, token.clone(), store, data.join("mail"));
    let progress = show::progress(None, "creating schedules");
    let created = demo.create(&receiver.url(), sftp.as_ref()).await;
    let outcomes = match created {
        Ok(created) => {
            progress.set_message("delivering one of each kind");
            demo.deliver(created, |message| progress.set_message(message)).await
        }
        Err(error) => Err(error),
    };
    progress.finish_and_clear();
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(error) => {
            stop.cancel();
            server.await??;
            return Err(error);
        }
    };
    print(&url, &token, data, &outcomes);
    let failed = outcomes.iter().any(|outcome| outcome.status.as_deref().is_some_and(|status| status != "COMPLETE"));
    if arguments.once {
        stop.cancel();
    } else {
        show::line("\nServing; stop with Ctrl-C.");
    }
    server.await??;
    Ok(if failed && arguments.once { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes the sample catalog and its data, as far as they are not there yet; returns the folder.
pub(crate) fn write_sample(folder: &Path) -> anyhow::Result<PathBuf> {
    let progress = show::progress(Some(100), "writing the sample data");
    sample::write(folder).with_context(|| format!("could not write the sample catalog to {}", folder.display()))?;
    sample::generate_data(&folder.join("data"), &mut |done, total| {
        progress.set_length(total.max(1));
        progress.set_position(done);
    })?;
    progress.finish_and_clear();
    Ok(folder.to_owned())
}

/// The token of this demo: the given one, or the one it made when it was first started.
async fn token(app: &App, data: &Path, given: Option<String>) -> anyhow::Result<Secret> {
    let file = data.join("token");
    let catalog = app.catalog.current();
    let admin = catalog.members.iter().find(|member| member.admin && member.active).context("the sample catalog has no admin")?;
    let kept = std::fs::read_to_string(&file).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if let (None, Some(kept)) = (&given, kept) {
        return Ok(Secret::new(kept));
    }
    let (minted, mut key, mut hash) = pressrun_api::mint(KeyKind::Organization, admin.id, "demo", WallClock.now())?;
    let token = match given {
        Some(given) => {
            hash = pressrun_api::token_hash(&given);
            key.prefix = given.chars().take(6).collect();
            Secret::new(given)
        }
        None => {
            write_private(&file, minted.expose())?;
            minted
        }
    };
    if app.store.key_by_hash(hash).await?.is_none() {
        app.store.insert_key(&key, hash, &Change::by_command_line(Verb::KeyCreated, key.created_at)).await?;
    }
    Ok(token)
}

fn print(url: &str, token: &Secret, data: &Path, outcomes: &[Outcome]) {
    show::line("Pressrun is running.\n");
    show::line(format!("  address   {url}"));
    show::line(format!("  token     {}", token.expose()));
    show::line(format!("  data      {}\n", data.display()));
    for outcome in outcomes {
        let state = outcome.status.as_deref().unwrap_or("kept from the last start");
        show::line(format!("{}  [{state}]", outcome.name));
        let zone = TimeZone::get(&outcome.timezone).unwrap_or(TimeZone::UTC);
        let next: Vec<_> =
            outcome.next.iter().map(|at| at.to_zoned_datetime(zone.clone()).strftime("%a %-d %b %Y %H:%M").to_string()).collect();
        show::line(format!("  next      {} ({})", next.join(", "), outcome.timezone));
        for delivered in &outcome.delivered {
            show::line(format!("  {delivered}"));
        }
    }
    show::line(format!("\nTry: curl -H 'Authorization: Bearer {}' {url}/api/v1/schedules", token.expose()));
}
