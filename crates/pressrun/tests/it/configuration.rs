//! Where the program reads its configuration, and what it refuses, as a process.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Server, Site, eventually};

/// Runs a command to its end in `folder`, with these variables and no others of ours.
fn run_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.args(arguments).current_dir(folder).envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

fn refused(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    text
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Status and text of a plain GET.
async fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

/// The address that a server says after `words` in its log.
async fn address_after(server: &Server, words: &str) -> String {
    eventually(words, async || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains(words))?;
        line.split("address=").nth(1).map(|rest| rest.split_whitespace().next().unwrap().to_owned())
    })
    .await
}

#[tokio::test]
async fn m8_metrics_leave_the_public_listener_for_that_of_operators_and_workers_have_it_too() {
    let site = Site::new("workers = 1").await;
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
        command.env("PRESSRUN_SERVER__ADMIN_LISTEN", "127.0.0.1:0").env("NO_COLOR", "1");
        Server::start_with(command, site.dir.path(), None, arguments)
    };
    let server = start(&[]);
    let (public, admin) = (address_after(&server, "listening").await, address_after(&server, "metrics and health").await);
    assert_eq!(get(&public, "/metrics").await.0, 404);
    let (status, figures) = get(&admin, "/metrics").await;
    assert!(status == 200 && figures.contains("text/plain; version=0.0.4"), "{figures}");
    for address in [&public, &admin] {
        assert_eq!((get(address, "/healthz").await.0, get(address, "/readyz").await.0), (200, 200));
    }
    assert_eq!((get(&admin, "/schedules").await.0, get(&admin, "/api/v1/schedules").await.0), (404, 404), "nothing else is there");
    server.stop().await;

    let worker = start(&["--role", "worker"]);
    let admin = address_after(&worker, "metrics and health").await;
    eventually("the worker works", async || worker.log().contains("working").then_some(())).await;
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(get(&admin, path).await.0, 200, "{path}");
    }
    assert!(!worker.log().contains("listening"), "{}", worker.log());
    let mut worker = worker;
    worker.terminate();
    assert!(worker.end().await.success());
}

#[tokio::test]
async fn h8_a_cluster_may_have_a_service_called_pressrun() {
    let site = Site::new("workers = 1").await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.env("NO_COLOR", "1").envs([
        ("PRESSRUN_SERVICE_HOST", "10.0.0.11"),
        ("PRESSRUN_SERVICE_PORT", "80"),
        ("PRESSRUN_PORT", "tcp://10.0.0.11:80"),
        ("PRESSRUN_PORT_80_TCP_ADDR", "10.0.0.11"),
        ("PRESSRUN_LOG", "info"),
        ("PRESSRUN_MAIL_URL", "smtp://nowhere.example"),
    ]);
    let server = Server::start(command, site.dir.path(), None);
    address_after(&server, "listening").await;
    let log = server.log();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("variables are not understood")).collect();
    assert!(warned.len() == 1 && warned[0].contains("PRESSRUN_MAIL_URL"), "{log}");
    assert!(!log.contains("PRESSRUN_PORT") && !log.contains("PRESSRUN_SERVICE"), "{log}");
    server.stop().await;
}

#[test]
fn m10_a_server_that_others_reach_says_where_or_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    for (variables, says) in [
        (&[("PRESSRUN_SERVER__LISTEN", "0.0.0.0:0")][..], "server.public_url is needed"),
        (&[("PRESSRUN_SERVER__PUBLIC_URL", "reports.example.com")], "has to begin with https://"),
        (&[("PRESSRUN_SERVER__PUBLIC_URL", "https://ann:hunter2@reports.example.com")], "holds a login"),
    ] {
        let text = refused(&run_in(folder.path(), &["serve"], variables));
        assert!(text.contains(says) && !text.contains("hunter2"), "{text}");
        assert!(entries(folder.path()).is_empty(), "nothing was made: {:?}", entries(folder.path()));
    }
}

#[test]
fn m13_commands_without_a_database_say_so_and_make_nothing() {
    let folder = tempfile::tempdir().unwrap();
    crate::world::write_catalog(&folder.path().join("catalog"));
    let create = ["key", "create", "--kind", "organization", "--member", "blob.ross@myorg.co"];
    for arguments in [&["key", "list"][..], &["key", "revoke", "0192f0c1-2b7e-7c1d-9a55-1f0c5e6d7a8b"], &["secrets", "rotate"], &create] {
        let text = refused(&run_in(folder.path(), arguments, &[]));
        assert!(text.contains("there is no database pressrun.db") && text.contains("hint: ") && text.contains("--config"), "{text}");
        assert_eq!(entries(folder.path()), ["catalog"], "{arguments:?}");
    }
    // Where somebody wrote down where it is to be, the first key may come before the server.
    std::fs::write(folder.path().join("pressrun.toml"), "[store]\nurl = 'sqlite://kept.db'\n").unwrap();
    let text = refused(&run_in(folder.path(), &["key", "list"], &[]));
    assert!(text.contains("the configuration is pressrun.toml") && text.contains("there is no database kept.db"), "{text}");
    let made = run_in(folder.path(), &create, &[]);
    let text = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() && text.contains("there was no database kept.db; it is made now"), "{text}");
    let listed = run_in(folder.path(), &["key", "list"], &[]);
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("organization"), "{listed:?}");
}

#[test]
fn m13_the_demo_reads_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let text = refused(&run_in(folder.path(), &["demo", "--once"], &[("PRESSRUN_RENDER__PAPER", "a4")]));
    assert!(text.contains("paper"), "{text}");
    assert!(entries(folder.path()).is_empty(), "a fault is found before anything is written");
    let text = refused(&run_in(folder.path(), &["demo", "--once"], &[("PRESSRUN_SERVER__LISTEN", "127.0.0.1:seven")]));
    assert!(text.contains("could not listen on 127.0.0.1:seven"), "{text}");
}
