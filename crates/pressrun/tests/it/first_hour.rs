//! What somebody types who sets Pressrun up: what is wrong is told before the first schedule is due.

use std::path::Path;
use std::process::{Command, Output};

use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{HttpAnswer, OpenSshServer, SlackWorkspace, SmtpScript, SmtpSink, SshKey};
use serde_json::Value;

use crate::process::Site;

/// Runs a command in `folder`, with these variables and no others of ours.
fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").envs(variables.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Away from the runtime, which serves the receivers.
async fn run_beside(folder: &Path, arguments: &[&str]) -> Output {
    let (folder, arguments) = (folder.to_owned(), arguments.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let ran = move || run(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    tokio::task::spawn_blocking(ran).await.unwrap()
}

#[test]
fn newcomer_13_config_check_and_show_tell_line_variable_and_default() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[server]\nlisten = '127.0.0.1:9999'\n[mail]\nurl = 'smtp://mail.example.com'\nusername = 'u'\npassword = 'hunter2'\ntls = 'none'\n\
                [store]\nurl = 'postgres://ann:t0psecret@db.example/reports'\n[secrets]\nkeys_file = 'none'\n";
    std::fs::write(dir.path().join("pressrun.toml"), text).unwrap();
    let output = run(dir.path(), &["config", "check"], &[("PRESSRUN_LIMITS__RECIPIENT", "3")]);
    let words = said(&output);
    assert!(
        !output.status.success() && words.contains("pressrun.toml:7:1: there is no key mail.tls") && words.contains("smtps://"),
        "{words}"
    );
    assert!(
        words.contains("PRESSRUN_LIMITS__RECIPIENT: there is no key limits.recipient") && words.contains("limits.recipients?"),
        "{words}"
    );
    assert!(words.contains("secrets.keys_file"), "what does not fit is told at the same time: {words}");

    let output = run(dir.path(), &["config", "show"], &[("PRESSRUN_RETRY__MAX_ATTEMPTS", "7")]);
    let words = said(&output);
    let line = |key: &str| words.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {words}")).to_owned();
    assert!(line("server.listen = ").contains("pressrun.toml:2:1"), "{words}");
    assert!(line("retry.max_attempts = 7").ends_with("# PRESSRUN_RETRY__MAX_ATTEMPTS"), "{words}");
    assert!(line("scheduler.workers = ").ends_with("# default"), "{words}");
    assert!(line("mail.password = (hidden)").contains("pressrun.toml:6:1"), "{words}");
    assert!(!words.contains("hunter2") && !words.contains("t0psecret"), "D13: {words}");

    let rows: Value = serde_json::from_slice(&run(dir.path(), &["config", "show", "--json", "--changed", "store"], &[]).stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows[0]["key"], "store.url");
}

#[test]
fn newcomer_13_the_sample_is_a_file_that_a_server_takes() {
    let dir = tempfile::tempdir().unwrap();
    let sample = run(dir.path(), &["config", "sample"], &[]);
    std::fs::write(dir.path().join("pressrun.toml"), &sample.stdout).unwrap();
    let output = run(dir.path(), &["config", "check"], &[]);
    assert!(output.status.success() && !said(&output).contains("error"), "{}", said(&output));
    let schema: Value = serde_json::from_slice(&run(dir.path(), &["config", "schema"], &[]).stdout).unwrap();
    assert!(schema["properties"]["mail"].is_object());
}

#[tokio::test]
async fn newcomer_ranked_7_test_mail_says_each_step_and_delivers_a_marked_mail() {
    let dir = tempfile::tempdir().unwrap();
    let sink = SmtpSink::start(SmtpScript::default()).await;
    let config = format!("[mail]\nurl = 'smtp+plain://localhost:{}'\nfrom = 'Reports <reports@myorg.co>'\n", sink.port());
    std::fs::write(dir.path().join("pressrun.toml"), config).unwrap();
    let output = run_beside(dir.path(), &["test", "mail", "--connect-only"]).await;
    assert!(output.status.success() && said(&output).contains("nothing was delivered") && sink.mails().is_empty(), "{}", said(&output));
    let output = run_beside(dir.path(), &["test", "mail", "ann@myorg.co"]).await;
    let words = said(&output);
    for step in ["localhost is 127.0.0.1", "greeting: 220", "RCPT TO: accepted", "delivered in"] {
        assert!(words.contains(step), "{step} in {words}");
    }
    let mail = sink.wait_for(1).await.remove(0);
    assert!(
        mail.to == ["ann@myorg.co"] && mail.header("Subject").as_deref() == Some("Pressrun test") && mail.text().contains("pressrun-test-")
    );

    sink.follow(|script| {
        script.refuse.insert("nobody@myorg.co".into(), (550, "5.1.1 no such user".into()));
    });
    let output = run_beside(dir.path(), &["test", "mail", "nobody@myorg.co", "--json"]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        !output.status.success() && told["worked"] == false && told["words"].as_str().unwrap().contains("550 5.1.1 no such user"),
        "{told}"
    );
    assert!(told["steps"].as_array().unwrap().len() >= 4, "{told}");
}

#[tokio::test]
async fn newcomer_ranked_7_test_takes_addresses_and_schedules_and_keeps_to_egress() {
    let site = Site::new("").await.with_sshd();
    let mut hook = site.webhook();
    hook.name = "Orders hook".into();
    hook.destination = Destination::Webhook(WebhookSettings::new(site.http.url("/hook"), vec![Secret::new("whsec_c2lnbg==")]));
    site.due_once(hook).await;
    let folder = site.dir.path();
    let output = run_beside(folder, &["test", "webhook", "Orders hook"]).await;
    assert!(output.status.success() && said(&output).contains("HTTP 200"), "{}", said(&output));
    let request = site.http.wait_for(1).await.remove(0);
    assert!(request.header("webhook-signature").is_some() && request.header("x-filename").unwrap().starts_with("pressrun-test-"));
    let output = run_beside(folder, &["test", "webhook", "Orders hok"]).await;
    assert!(!output.status.success() && said(&output).contains("hint: "), "{}", said(&output));

    site.http.always(HttpAnswer::new(500, "later"));
    let output = run_beside(folder, &["test", "webhook", &site.http.url("/x")]).await;
    assert!(!output.status.success() && said(&output).contains("a run would try again"), "{}", said(&output));
    let before = site.http.connections();
    let output = run(folder, &["test", "webhook", &site.http.url("/x"), "--connect-only"], &[("PRESSRUN_EGRESS__ALLOW", "[]")]);
    assert!(!output.status.success() && site.http.connections() == before, "{}", said(&output));

    let output = run_beside(folder, &["test", "sftp", "sftp://ann@127.0.0.1/in"]).await;
    assert!(!output.status.success() && said(&output).contains("--password-file"), "{}", said(&output));
}

#[tokio::test]
async fn newcomer_ranked_7_test_sftp_and_slack_deliver_by_the_real_thing() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SshKey::generate());
    let sshd = OpenSshServer::start(&key);
    let workspace = SlackWorkspace::start("xoxb-1").await;
    let config = format!("[egress]\nallow = ['127.0.0.1']\n[slack]\ntoken = 'xoxb-1'\nbase_url = '{}'\n", workspace.receiver().url("/api"));
    std::fs::write(dir.path().join("pressrun.toml"), config).unwrap();
    std::fs::write(dir.path().join("key"), key.private_text()).unwrap();
    let to = format!("sftp://{}@127.0.0.1:{}{}", sshd.user(), sshd.address().port(), sshd.files().display());
    let output = run_beside(dir.path(), &["test", "sftp", &to, "--key-file", "key"]).await;
    let words = said(&output);
    assert!(output.status.success() && words.contains("host key is ssh-") && words.contains("pin this host key"), "{words}");
    let written: Vec<_> = std::fs::read_dir(sshd.files()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(written.iter().any(|name| name.to_string_lossy().starts_with("pressrun-test-")), "{written:?}");

    let output = run_beside(dir.path(), &["test", "slack", "C0123"]).await;
    assert!(output.status.success() && workspace.files().len() == 1, "{}", said(&output));
    let output = run_beside(dir.path(), &["test", "slack", "C0999"]).await;
    assert!(!output.status.success() && said(&output).contains("invite the Pressrun bot"), "{}", said(&output));
}

#[tokio::test]
async fn doctor_finds_what_is_used_and_not_set_up() {
    let site = Site::new("").await;
    site.due_once(Site::email(&["ann@myorg.co"])).await;
    let output = run_beside(site.dir.path(), &["doctor", "--json"]).await;
    let looks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let state = |subject: &str| {
        looks.as_array().unwrap().iter().filter(|look| look["subject"] == subject).map(|look| look["state"].clone()).collect::<Vec<_>>()
    };
    assert!(state("mail") == ["ok"] && state("database") == ["ok"] && state("schedules") == ["ok"], "{looks:#}");

    let config = site.dir.path().join("pressrun.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let off: Vec<_> = text.lines().filter(|line| !line.starts_with("url = 'smtp")).collect();
    std::fs::write(&config, off.join("\n")).unwrap();
    let output = run_beside(site.dir.path(), &["doctor"]).await;
    let words = said(&output);
    assert!(!output.status.success() && words.contains("1 schedule by email, and mail.url is not set"), "{words}");
}

#[test]
fn packages_carry_completions_and_man_pages() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = said(&run(dir.path(), &["completions", shell], &[]));
        assert!(script.contains("connect-only"), "{shell}");
    }
    assert!(run(dir.path(), &["man", "man1"], &[]).status.success());
    let page = std::fs::read_to_string(dir.path().join("man1/pressrun-test-mail.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("connect"), "{page}");
}
