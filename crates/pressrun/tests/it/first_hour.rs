//! What somebody types who sets Pressrun up: what is wrong is told before the first schedule is due.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{HttpAnswer, OpenSshServer, PostgresServer, SlackWorkspace, SmtpScript, SmtpSink, SshKey};
use serde_json::Value;
use tokio::io::AsyncBufReadExt as _;

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

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").canonicalize().unwrap()
}

#[test]
fn examples_are_checked_against_their_data_and_rendered_whole() {
    let (dir, folder) = (tempfile::tempdir().unwrap(), examples().display().to_string());
    let checked = run(dir.path(), &["check", &folder, "--connect"], &[]);
    assert!(
        checked.status.success() && said(&checked).contains("12 documents") && said(&checked).contains("no problems"),
        "{}",
        said(&checked)
    );
    let mut rendered = 0;
    for entry in std::fs::read_dir(examples().join("dashboards")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        let out = format!("{name}.pdf");
        let arguments = ["render", &name, "--catalog", &folder, "--as", "ann@example.com", "--at", "2026-11-01", "-o", &out];
        let output = run(dir.path(), &arguments, &[]);
        assert!(output.status.success() && !said(&output).contains("error"), "{name}: {}", said(&output));
        let text = Command::new("pdftotext").arg(dir.path().join(&out)).arg("-").output().unwrap();
        let text = String::from_utf8_lossy(&text.stdout).into_owned();
        assert!(!text.contains("No results") && !text.contains("could not be shown"), "{name}: {text}");
        rendered += 1;
    }
    assert_eq!(rendered, 12);
    let of_pat = ["render", "partners", "--catalog", &folder, "--as", "pat@acme.example", "--format", "csv", "--tile", "orders", "-o", "-"];
    let rows = said(&run(dir.path(), &of_pat, &[]));
    assert!(rows.contains("Acme") && !rows.contains("Bluebird"), "P1: a partner sees their own rows");
}

/// A folder as people have them: no catalog, odd names, odd contents.
fn untidy(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let mut orders = "Order Date,Région,it's \"odd\",Total €,order id\n".replace("it's \"odd\"", "\"it's \"\"odd\"\"\"");
    for day in 1..=28 {
        for (region, times) in [("Nord", 3), ("Süd", 2)] {
            writeln!(orders, "2026-{:02}-{day:02},{region},{},{}.50,{}", 1 + day % 6, day % 3, times * day, day * 10 + times).unwrap();
        }
    }
    std::fs::write(folder.join("My \"Orders\" (2026).csv"), orders).unwrap();
    std::fs::write(folder.join("empty.csv"), "").unwrap();
    std::fs::write(folder.join("one column.csv"), "東京\na\nb\n").unwrap();
    let names: Vec<String> = (0..300).map(|number| format!("c {number}")).collect();
    let row = |seed: usize| (0..300).map(|number| (number * seed).to_string()).collect::<Vec<_>>().join(",");
    std::fs::write(folder.join("wide.csv"), format!("{}\n{}\n{}\n", names.join(","), row(1), row(2))).unwrap();
    std::fs::write(folder.join("no-dates.json"), "{\"kind\":\"a\",\"n\":1}\n{\"kind\":\"a\",\"n\":2}\n{\"kind\":\"b\",\"n\":4}\n").unwrap();
}

#[test]
fn newcomer_ranked_4_init_makes_dashboards_of_untidy_files_and_delivers_one() {
    let dir = tempfile::tempdir().unwrap();
    untidy(&dir.path().join("files"));
    let made = run(
        dir.path(),
        &["init", "reports", "--data", "files", "--email", "ann@example.com", "--name", "A \"quoted\" GmbH", "--timezone", "Europe/Berlin"],
        &[],
    );
    let words = said(&made);
    assert!(made.status.success() && words.contains("empty is left out") && words.contains("Your first report is in"), "{words}");
    let root = dir.path().join("reports");
    let mails: Vec<_> = std::fs::read_dir(root.join("outbox")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(mails.len(), 1, "{words}");
    let mail = std::fs::read_to_string(&mails[0]).unwrap();
    assert!(mail.contains("ann@example.com") && mail.contains("application/pdf"), "{}", &mail[..2000.min(mail.len())]);

    let (catalog, config) = (root.join("catalog").display().to_string(), root.join("pressrun.toml").display().to_string());
    let checked = run(dir.path(), &["check", &catalog, "--connect", "--config", &config], &[]);
    assert!(checked.status.success() && said(&checked).contains("4 documents"), "{}", said(&checked));
    let config_checked = run(dir.path(), &["config", "check", "--config", &config], &[]);
    assert!(config_checked.status.success(), "{}", said(&config_checked));
    let dashboard = std::fs::read_to_string(root.join("catalog/dashboards/my_orders_2026.yaml")).unwrap();
    for part in ["mark: line", "mark: bar", "Total €", "Région", "mark: table"] {
        assert!(dashboard.contains(part), "{part} in {dashboard}");
    }
    assert!(!dashboard.contains("sum(\"order id\")"), "an id is not added up: {dashboard}");

    let schema = dashboard.lines().next().unwrap().rsplit('=').next().unwrap();
    let schema = std::fs::read_to_string(root.join("catalog/dashboards").join(schema)).unwrap();
    assert!(
        serde_json::from_str::<Value>(&schema).unwrap()["properties"]["tiles"].is_object(),
        "editors find the schema that the file names"
    );

    let again = run(dir.path(), &["init", "reports", "--data", "files"], &[]);
    assert!(!again.status.success() && said(&again).contains("not empty"), "{}", said(&again));
}

#[test]
fn init_says_what_to_write_and_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("none")).unwrap();
    std::fs::create_dir(dir.path().join("broken")).unwrap();
    std::fs::write(dir.path().join("broken/empty.csv"), "").unwrap();
    for (data, expected) in [
        (None, "--data FOLDER"),
        (Some("none"), "holds no file"),
        (Some("nowhere"), "no folder nowhere"),
        (Some("broken"), "no table can be read"),
        (Some("postgres://ann:t0psecret@127.0.0.1/x"), "--data-file"),
        (Some("mysql://ann:t0psecret@127.0.0.1/x"), "mysql://ann:hidden@127.0.0.1/x is no address"),
    ] {
        let arguments: Vec<&str> = ["init", "reports"].into_iter().chain(data.into_iter().flat_map(|data| ["--data", data])).collect();
        let output = run(dir.path(), &arguments, &[]);
        assert!(!output.status.success() && said(&output).contains(expected), "{data:?}: {}", said(&output));
        assert!(!said(&output).contains("t0psecret"), "{}", said(&output));
        assert!(!dir.path().join("reports").exists(), "{data:?}");
    }
}

#[test]
fn newcomer_ranked_4_init_makes_a_dashboard_of_a_database_and_keeps_its_password_out_of_the_catalog() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = format!("postgres://tester:t0psecret@127.0.0.1:{}/postgres", server.port());
    let tables = "create schema \"My Shop\"; create table \"My Shop\".\"Order Lines\" (id int, \"Sold At\" timestamptz, region text, price numeric(10, 2), extra jsonb); \
                  insert into \"My Shop\".\"Order Lines\" select n, timestamptz '2026-01-01' + n * interval '7 hours', case when n % 3 = 0 then 'EU' else 'US' end, \
                  n * 1.5, '{}' from generate_series(1, 900) n; create table empty_one (a int)";
    let made = Command::new("psql").args([&url, "-q", "-v", "ON_ERROR_STOP=1", "-c", tables]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    std::fs::write(dir.path().join("address"), format!("{url}\n")).unwrap();
    let output = run(dir.path(), &["init", "reports", "--data-file", "address", "--email", "ann@example.com"], &[]);
    assert!(output.status.success() && said(&output).contains("Your first report is in"), "{}", said(&output));
    let read = |name: &str| std::fs::read_to_string(dir.path().join("reports").join(name)).unwrap();
    let (connections, dashboard) = (read("catalog/connections.yaml"), read("catalog/dashboards/order_lines.yaml"));
    assert!(
        connections.contains("url_file") && !format!("{connections}{}", read("pressrun.toml")).contains("t0psecret"),
        "D13: {connections}"
    );
    assert!(dashboard.contains("mark: line") && dashboard.contains("My Shop") && dashboard.contains("mark: bar"), "{dashboard}");
}

#[test]
fn newcomer_19_ids_of_members_and_groups_are_printed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = examples().display().to_string();
    let people: Value = serde_json::from_slice(&run(dir.path(), &["people", "--catalog", &folder, "--json"], &[]).stdout).unwrap();
    assert_eq!((people["members"].as_array().unwrap().len(), people["groups"][0]["name"].as_str()), (2, Some("management")), "{people}");
    assert!(people["members"][0]["membershipId"].as_str().unwrap().len() == 36 && people["groups"][0]["id"].as_str().unwrap().len() == 36);
    let words = said(&run(dir.path(), &["people", "acme", "--catalog", &folder], &[]));
    assert!(words.contains("pat@acme.example") && !words.contains("ann@example.com"), "{words}");
}

/// Copies a folder of folders of files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test]
async fn newcomer_ranked_10_dev_shows_what_is_saved_and_what_is_wrong_at_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = dir.path().join("catalog");
    copy(&examples(), &catalog);
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.args(["dev", "--listen", "127.0.0.1:0"]).arg(&catalog).env("NO_COLOR", "1").stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = tokio::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().expect("an address");
    let address = first.strip_prefix("Open ").unwrap().to_owned();
    let (base, key) = address.split_once("/?key=").unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(http.get(base).send().await.unwrap().status(), 401, "nobody else of this machine sees the rows");
    assert_eq!(http.get(&address).header("host", "evil.example").send().await.unwrap().status(), 403, "another name may be another site's");
    let entered = http.get(&address).send().await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(cookie, format!("pressrun_dev={key}"));
    let get = async |path: &str| {
        let answer = http.get(format!("{base}{path}")).header("cookie", &cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone(), answer.bytes().await.unwrap())
    };
    let (status, headers, body) = get("/").await;
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(status == 200 && text.contains("No problems") && text.contains("/d/public-budget"), "{text}");
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let (status, headers, body) = get("/d/school.png").await;
    assert!(status == 200 && headers["content-type"] == "image/png" && body.starts_with(b"\x89PNG"));
    assert!(get("/d/school.pdf").await.2.starts_with(b"%PDF"));

    // A save is told, and the page has the problem with its line.
    let mut saved = http.get(format!("{base}/saved")).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(saved.chunk().await.unwrap().unwrap(), "data: 0\n\n");
    let file = catalog.join("dashboards/school.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replacen("mark: kpi", "mark: kpa", 1)).unwrap();
    assert!(saved.chunk().await.unwrap().unwrap().starts_with(b"data: "));
    let text = String::from_utf8_lossy(&get("/d/school").await.2).into_owned();
    assert!(text.contains("dashboards/school.yaml:") && text.contains("kpa"), "{text}");
    loop {
        let line = lines.next_line().await.unwrap().expect("the terminal tells it too");
        if line.starts_with("error: dashboards/school.yaml:") {
            break;
        }
    }
    std::fs::write(&file, good).unwrap();
    assert!(saved.chunk().await.unwrap().unwrap().starts_with(b"data: "));

    let send = http.post(format!("{base}/d/school/send")).header("cookie", &cookie);
    assert_eq!(send.try_clone().unwrap().send().await.unwrap().status(), 403, "another page cannot send");
    let sent = send.header("origin", base).send().await.unwrap().text().await.unwrap();
    assert!(sent.contains("delivered ann@example.com"), "{sent}");
    assert_eq!(std::fs::read_dir(dir.path().join("outbox")).unwrap().count(), 1);
    assert!(Command::new("kill").args(["-TERM", &child.id().unwrap().to_string()]).status().unwrap().success());
    assert!(child.wait().await.unwrap().success(), "it ends when it is asked to, with a page still open");
}
