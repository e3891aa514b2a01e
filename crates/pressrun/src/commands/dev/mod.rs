//! `pressrun dev`: dashboards while they are written. What is saved is seen in the browser within a second, as it will be delivered; problems are told
//! at file and line, there and on the terminal; what is sent goes to a folder.

mod pages;
mod preview;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use pressrun_catalog::{CatalogHandle, CatalogRules, LoadOptions, Problem};
use pressrun_domain::audit::{Change, Verb};
use pressrun_domain::catalog::Member;
use pressrun_domain::clock::Clock as _;
use pressrun_domain::email::EmailAddress;
use pressrun_domain::key::KeyKind;
use pressrun_domain::secret::Secret;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::preview::Preview;
use super::demo::schedules::Demo;
use crate::app::{App, Listeners, Role, stop_signal};
use crate::clock::WallClock;
use crate::config::{Mail, Secrets, Server, Settings, Spool, Store, demo_url};
use crate::show;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(400);

/// Arguments of `pressrun dev`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder that `pressrun init` made, or a catalog folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where to listen; only this machine may connect.
    #[arg(long, default_value = "127.0.0.1:8765")]
    listen: String,
    /// Address of the member whose rows are shown and whom mail is for; the first admin when absent.
    #[arg(long = "as")]
    viewer: Option<EmailAddress>,
    /// Folder for what is sent; `outbox` beside the catalog when absent.
    #[arg(long)]
    outbox: Option<PathBuf>,
}

/// Serves until Ctrl-C.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::for_people("error");
    super::serve::runtime()?.block_on(dev(arguments))
}

/// What the pages show.
pub(crate) struct Desk {
    catalog: Arc<CatalogHandle>,
    dir: PathBuf,
    rules: CatalogRules,
    preview: Preview,
    viewer: EmailAddress,
    outbox: PathBuf,
    /// The server behind, as a client.
    client: Demo,
    /// Where its pages are.
    server: String,
    token: Secret,
    /// Opens these pages.
    key: String,
    /// Counts what was saved.
    saved: watch::Receiver<u64>,
    /// Ends what pages wait for.
    stop: CancellationToken,
}

impl Desk {
    /// What is wrong with the files now.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        problems(&self.dir, &self.rules)
    }
}

fn problems(dir: &Path, rules: &CatalogRules) -> Vec<Problem> {
    pressrun_catalog::check_with(dir, LoadOptions { rules, ..LoadOptions::default() }).problems
}

async fn dev(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    let config = folder.join("pressrun.toml");
    let given = if config.is_file() { Settings::load(Some(&config))? } else { Settings::over(&Settings::default())? };
    let dir = if config.is_file() { given.catalog.path.clone() } else { folder.clone() };
    let dir = dir.canonicalize().with_context(|| format!("there is no folder {}", dir.display()))?;
    if !dir.join("people.yaml").is_file() {
        bail!("{} holds no people.yaml: name a catalog folder, or one that `pressrun init` made", dir.display());
    }
    let outbox = arguments.outbox.clone().unwrap_or_else(|| dir.parent().unwrap_or(&dir).join("outbox"));
    std::fs::create_dir_all(&outbox).with_context(|| format!("could not create {}", outbox.display()))?;
    let outbox = outbox.canonicalize()?;
    let listener = TcpListener::bind(&arguments.listen).await.with_context(|| format!("could not listen on {}", arguments.listen))?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        bail!("--listen {}: these pages show data without a login; listen on 127.0.0.1", arguments.listen);
    }
    // Nothing of an installation is touched: rows, files and mail of dev are its own.
    let temp = tempfile::tempdir().context("could not create a temporary folder")?;
    let behind = TcpListener::bind("127.0.0.1:0").await.context("could not listen on 127.0.0.1")?;
    let server = demo_url(behind.local_addr()?);
    let settings = Settings {
        server: Server { listen: behind.local_addr()?.to_string(), public_url: Some(server.clone()), ..Server::default() },
        store: Store { url: format!("sqlite://{}", temp.path().join("dev.db").display()), ..Store::default() },
        secrets: Secrets::default(),
        catalog: crate::config::Catalog {
            path: dir.clone(),
            publish: false,
            source: crate::config::CatalogFrom::Folder,
            ..given.catalog.clone()
        },
        spool: Spool { path: temp.path().join("spool") },
        artifacts: crate::config::Artifacts::default(),
        mail: Mail { url: Some(format!("file:{}", outbox.display())), from: given.mail.from.clone(), ..Mail::default() },
        notify: crate::config::Notify::default(),
        alarm: crate::config::Alarm { after_minutes: 0, mail_to: Vec::new() },
        trace: crate::config::Trace::default(),
        ..given
    };
    let rules = settings.catalog.rules(&settings.spool)?;
    let stop = stop_signal()?;
    let app = App::open(&settings).await?;
    let viewer = viewer(&app, arguments.viewer.as_ref())?;
    let token = token(&app, &viewer).await?;
    let (store, catalog) = (Arc::clone(&app.store), Arc::clone(&app.catalog));
    let preview = Preview::new(&settings)?;
    let serving = tokio::spawn(app.serve(Listeners::public(behind), Role::All, stop.clone()));
    let (saves, saved) = watch::channel(0);
    let client = Demo::new(&server, token.clone(), store, outbox.clone());
    let key = uuid::Uuid::new_v4().simple().to_string();
    let viewer = viewer.email;
    let desk =
        Arc::new(Desk { catalog, dir: dir.clone(), rules, preview, viewer, outbox, client, server, token, key, saved, stop: stop.clone() });
    show::line(format!("Open http://{address}/?key={}", desk.key));
    show::line(format!(
        "  catalog  {}\n  outbox   {}\nSave a file, and the page shows it. Stop with Ctrl-C.\n",
        dir.display(),
        desk.outbox.display()
    ));
    let watching = tokio::spawn(look(Arc::clone(&desk), saves, stop.clone()));
    let pages = pages::router(Arc::clone(&desk));
    axum::serve(listener, pages).with_graceful_shutdown(stop.clone().cancelled_owned()).await?;
    stop.cancel();
    watching.await?;
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

/// Follows the files, and tells on the terminal what is wrong with them.
async fn look(desk: Arc<Desk>, saves: watch::Sender<u64>, stop: CancellationToken) {
    let mut before: Option<(Vec<Problem>, u64)> = None;
    loop {
        let looking = Arc::clone(&desk);
        let looked = tokio::task::spawn_blocking(move || (looking.problems(), newest(&looking.dir))).await;
        let Ok(now) = looked else { return };
        if before.as_ref() != Some(&now) {
            let is_first = before.is_none();
            if before.as_ref().is_none_or(|(problems, _)| *problems != now.0) {
                for problem in &now.0 {
                    show::line(format!("{}: {problem}", if problem.is_error() { "error" } else { "warning" }));
                }
                if now.0.is_empty() {
                    show::line("no problems");
                }
            }
            if !is_first {
                // The server reads the files by itself, a moment later; the page asks for what is there now.
                let reading = Arc::clone(&desk);
                let _ = tokio::task::spawn_blocking(move || reading.catalog.reload()).await;
                saves.send_modify(|saves| *saves += 1);
            }
            before = Some(now);
        }
        if stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

/// A number that changes with the files of a catalog: their names, sizes and times.
fn newest(dir: &Path) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    for folder in ["", "dashboards", "people"] {
        let Ok(entries) = std::fs::read_dir(dir.join(folder)) else { continue };
        let mut files: Vec<_> = entries.flatten().collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        for file in files {
            if let Ok(known) = file.metadata()
                && known.is_file()
            {
                (file.file_name(), known.len(), known.modified().ok()).hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

fn viewer(app: &App, wanted: Option<&EmailAddress>) -> anyhow::Result<Member> {
    let catalog = app.catalog.current();
    match wanted {
        Some(email) => {
            catalog.member_by_email(email).cloned().with_context(|| format!("people.yaml has no member with the address {email}"))
        }
        None => {
            let admin = catalog.members.iter().find(|member| member.admin && member.active);
            admin.or_else(|| catalog.members.first()).cloned().context("people.yaml names nobody")
        }
    }
}

/// A token of the viewer, who sees what they may see.
async fn token(app: &App, viewer: &Member) -> anyhow::Result<Secret> {
    let (token, key, hash) = pressrun_api::mint(KeyKind::Personal, viewer.id, "dev", WallClock.now())?;
    app.store.insert_key(&key, hash, &Change::by_command_line(Verb::KeyCreated, key.created_at)).await?;
    Ok(token)
}
