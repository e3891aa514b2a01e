//! D13: secrets planted everywhere, and everything the program produced searched for them; keys that change; keys that are revoked.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pressrun_testkit::{HttpAnswer, HttpReceiver, OpenSshServer, SftpScript, SftpServer, SmtpScript, SmtpSink, SshKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Program, files, pressrun, stdout};
use crate::world::write_catalog;

/// A secret by what it opens. Each is distinctive enough to be searched for.
const SMTP_PASSWORD: &str = "planted-smtp-passw0rd";
const SLACK_TOKEN: &str = "xoxb-planted-slack-token";
pub(crate) const S3_KEY: &str = "planted+s3/secret+access+key";
pub(crate) const SFTP_PASSWORD: &str = "planted-sftp-passw0rd";
const PASSPHRASE: &str = "planted passphrase of the key";
const WEBHOOK_SECRET: &str = "whsec_cGxhbnRlZC13ZWJob29rLXNlY3JldA==";
const WEBHOOK_SECRET_BEFORE: &str = "whsec_cGxhbnRlZC1mb3JtZXItc2VjcmV0";
/// A webhook's login, path and query, each of which may be what opens it (M2, M3).
const WEBHOOK_LOGIN: &str = "planted-webhook-passw0rd";
const WEBHOOK_PATH: &str = "planted-webhook-SECRETPATH";
const WEBHOOK_QUERY: &str = "planted-webhook-QUERYSECRET";
const POSTGRES_PASSWORD: &str = "planted-postgres-passw0rd";
const DEV_TOKEN: &str = "planted-dev-key-token";

/// A server's folders: `etc` holds what an operator writes, `data` what the program does.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) config: PathBuf,
    pub(crate) token: String,
}

impl Place {
    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn key_file(&self) -> PathBuf {
        self.dir.path().join("etc/sealing-keys")
    }

    fn cli(&self, words: &[&str]) -> String {
        stdout(&pressrun(&[words, &["--config", self.config.to_str().unwrap()]].concat()))
    }
}

/// Writes catalog, configuration and secrets, and makes an organization key.
pub(crate) fn place(mail: &str, slack: &str, s3: &str) -> Place {
    let dir = tempfile::tempdir().unwrap();
    write_catalog(&dir.path().join("catalog"));
    let root = dir.path().to_owned();
    for folder in ["etc", "data"] {
        std::fs::create_dir(root.join(folder)).unwrap();
    }
    let secret = |name: &str, text: &str| {
        let path = root.join("etc").join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path.display().to_string()
    };
    let postgres = secret("postgres", &format!("postgres://blob:{POSTGRES_PASSWORD}@127.0.0.1:1/shop"));
    append(&root.join("catalog/connections.yaml"), &format!("  shop: {{ kind: postgres, url_file: {postgres}, timeout_seconds: 5 }}\n"));
    let dev = secret("dev", DEV_TOKEN);
    append(
        &root.join("catalog/people.yaml"),
        &format!("dev_keys:\n  - {{ token_file: {dev}, kind: organization, member: blob.ross@myorg.co }}\n"),
    );
    let shop = "identifier: shop\nname: Shop\nconnection: shop\ntiles:\n  '1': { title: One, sql: select 1 as one, at: { x: 0, y: 0, w: 24, h: 8 } }\n";
    std::fs::write(root.join("catalog/dashboards/shop.yaml"), shop).unwrap();
    let keys = secret("sealing-keys", &"7".repeat(64));
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    let at = |name: &str| root.join(name).display().to_string();
    let config = root.join("etc/pressrun.toml");
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\npublic_url = 'http://reports.example'\n[store]\nurl = 'sqlite://{db}'\n[catalog]\npath = '{catalog}'\nsecret_folders = ['{etc}']\n\
         [spool]\npath = '{spool}'\n[mail]\nurl = '{mail}'\nfrom = 'Reports <reports@myorg.co>'\nusername = 'reports'\npassword_file = '{smtp}'\n\
         preview = false\n[slack]\ntoken_file = '{slack_token}'\nbase_url = '{slack}'\n[s3]\naccess_key_id = 'AKIAPLANTED'\n\
         secret_access_key_file = '{s3_key}'\nendpoint = '{s3}'\nassume_role = false\nbuckets = ['bucket']\n[limits]\nrequests_per_minute = 0\n[egress]\n\
         allow = ['127.0.0.0/8']\n[retry]\nmax_attempts = 1\n[render]\nprocesses = 1\n[secrets]\nkeys_file = '{keys}'\n",
        db = at("data/pressrun.db"),
        catalog = at("catalog"),
        etc = at("etc"),
        spool = at("data/spool"),
        smtp = secret("smtp", SMTP_PASSWORD),
        slack_token = secret("slack", SLACK_TOKEN),
        s3_key = secret("s3", S3_KEY),
        keys = at("etc/sealing-keys"),
    );
    std::fs::write(&config, text).unwrap();
    let mut place = Place { dir, config, token: String::new() };
    let made = place.cli(&["key", "create", "--kind", "organization", "--member", "blob.ross@myorg.co", "--json"]);
    serde_json::from_str::<Value>(&made).unwrap()["token"].as_str().unwrap().clone_into(&mut place.token);
    place
}

fn append(file: &Path, text: &str) {
    let before = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, before + text).unwrap();
}

/// Places that do not count: nothing is delivered there.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

pub(crate) fn to(changes: Value) -> Value {
    let mut body = json!({"identifier": "sales", "name": "Planted", "schedule": "0 9 ? * * *", "timezone": "UTC", "format": "csv", "queryIdentifierMapKey": "1"});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

pub(crate) fn sftp(server: std::net::SocketAddr, user: &str) -> Value {
    json!({"destinationType": "sftp", "address": "127.0.0.1", "port": server.port(), "username": user})
}

pub(crate) fn with(mut base: Value, changes: Value) -> Value {
    base.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    base
}

#[tokio::test]
async fn d13_no_secret_is_in_anything_that_the_program_produced() {
    let smtp = SmtpSink::start(SmtpScript { credentials: Some(("reports".into(), SMTP_PASSWORD.into())), ..SmtpScript::default() }).await;
    let (hook, slack, s3) = (HttpReceiver::start().await, HttpReceiver::start().await, HttpReceiver::start().await);
    slack.always(HttpAnswer::new(200, r#"{"ok":false,"error":"invalid_auth"}"#));
    s3.always(HttpAnswer::new(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"));
    let by_password = SftpServer::start("blobby", SFTP_PASSWORD, SftpScript::default()).await;
    let key = SshKey::generate();
    let by_key = OpenSshServer::start(&key);
    let place = place(&format!("smtp+plain://{}", smtp.address()), &slack.url(""), &s3.url(""));
    let program = Program::serve(&place.config).await;
    let org = place.token.as_str();

    let private_key = key.encrypted_text(PASSPHRASE);
    // A receiver that quotes what it was asked for, as Express does.
    let quoted = format!("<pre>Cannot POST /services/T000/{WEBHOOK_PATH}?key={WEBHOOK_QUERY} for bob:{WEBHOOK_LOGIN}</pre>");
    let quoting = HttpReceiver::start().await;
    quoting.always(HttpAnswer::new(404, quoted));
    let host = quoting.address();
    let secret_address = format!("http://bob:{WEBHOOK_LOGIN}@{host}/services/T000/{WEBHOOK_PATH}?key={WEBHOOK_QUERY}");
    let second = program.make_key(org, &json!({"type": "organization", "name": "second"})).await;
    let bodies = [
        to(json!({"destinationType": "email", "recipients": ["a@x.example"], "subject": "Planted"})),
        to(with(sftp(by_password.address(), "blobby"), json!({"passwordUnencrypted": SFTP_PASSWORD}))),
        to(with(sftp(by_key.address(), by_key.user()), json!({"privateKeyUnencrypted": private_key, "passphraseUnencrypted": PASSPHRASE}))),
        // The wrong password: what the server answers is recorded.
        to(with(sftp(by_password.address(), "blobby"), json!({"passwordUnencrypted": format!("{SFTP_PASSWORD}-wrong")}))),
        to(
            json!({"destinationType": "webhook", "url": hook.url("/hook"), "webhookSecretUnencrypted": [WEBHOOK_SECRET, WEBHOOK_SECRET_BEFORE]}),
        ),
        to(json!({"destinationType": "webhook", "url": NOWHERE, "webhookSecretUnencrypted": WEBHOOK_SECRET})),
        to(json!({"destinationType": "slack", "slackRecipientType": "channel", "recipients": "C1"})),
        to(json!({"destinationType": "s3", "bucketName": "bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/x"})),
        to(json!({"destinationType": "webhook", "url": hook.url("/hook"), "identifier": "shop"})),
        to(json!({"destinationType": "webhook", "url": secret_address})),
    ];
    let mut statuses = Vec::new();
    for body in &bodies {
        let id = program.ok(org, "POST", "/api/v1/schedules", Some(body)).await["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/schedules/{id}");
        program.ok(&second, "GET", &path, None).await;
        program.ok(DEV_TOKEN, "GET", &format!("{path}/recipients"), None).await;
        program.ok(org, "PUT", &path, Some(&json!({"name": "Planted and renamed"}))).await;
        // Faults of the very fields that hold secrets.
        for fault in [
            json!({"passwordUnencrypted": [SFTP_PASSWORD]}),
            json!({"privateKeyUnencrypted": {"key": private_key}}),
            json!({"webhookSecretUnencrypted": [WEBHOOK_SECRET, WEBHOOK_SECRET, WEBHOOK_SECRET]}),
            json!({"port": "no port", "passwordUnencrypted": SFTP_PASSWORD}),
        ] {
            program.call(org, "PUT", &path, Some(&fault)).await;
        }
        let run = program.run(org, &id).await;
        statuses.push(run["status"].as_str().unwrap().to_owned());
        program.ok(org, "GET", &format!("{path}/runs"), None).await;
    }
    let expected = ["COMPLETE", "COMPLETE", "COMPLETE", "ERROR", "COMPLETE", "ERROR", "ERROR", "ERROR", "ERROR", "ERROR"];
    assert_eq!(statuses, expected, "{}", program.answers.lock().unwrap());
    for path in ["/api/v1/schedules", "/api/v1/api-keys", "/api/v1/users/email-only", "/api/v1/documents", "/readyz", "/metrics", "/docs"] {
        program.ok(org, "GET", path, None).await;
    }
    // Whoever manages the schedule sees the address without its login, which is the point of these answers.
    let managed = format!("/services/T000/{WEBHOOK_PATH}?key={WEBHOOK_QUERY}\"");
    let answers = program.answers.lock().unwrap().replace(&managed, "\"");
    let log = program.stop().await;
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is a full one");

    let mut produced = files(&place.data());
    // In the file, or in the log beside it.
    assert!(
        produced.iter().any(|(path, bytes)| path.display().to_string().contains("pressrun.db") && contains(bytes, "Planted and renamed"))
    );
    assert!(produced.iter().any(|(path, _)| path.starts_with(place.data().join("spool"))), "artifacts are searched too");
    produced.push(("every answer".into(), answers.into_bytes()));
    produced.push(("standard error".into(), log.into_bytes()));
    for mail in smtp.mails() {
        produced.push(("a mail".into(), mail.text().into_bytes()));
    }
    assert_eq!(quoting.requests().len(), 1, "it was asked, though");
    for request in [hook.requests(), slack.requests(), s3.requests()].concat() {
        // Slack's and S3's own credentials stand in one header of their requests, and nowhere else.
        let headers: Vec<_> = request.headers.iter().filter(|(name, _)| name != "authorization").collect();
        produced.push((format!("a request to {}", request.path).into(), format!("{headers:?} {}", request.text()).into_bytes()));
    }
    let key_body: String = private_key.lines().nth(3).unwrap().to_owned();
    let sealing_key = "7".repeat(64);
    let planted = [
        ("SMTP password", SMTP_PASSWORD),
        ("Slack token", SLACK_TOKEN),
        ("S3 secret key", S3_KEY),
        ("SFTP password", SFTP_PASSWORD),
        ("private key", key_body.as_str()),
        ("passphrase", PASSPHRASE),
        ("webhook secret", WEBHOOK_SECRET),
        ("former webhook secret", WEBHOOK_SECRET_BEFORE),
        ("webhook login", WEBHOOK_LOGIN),
        ("webhook path", WEBHOOK_PATH),
        ("webhook query", WEBHOOK_QUERY),
        ("Postgres password", POSTGRES_PASSWORD),
        ("development token", DEV_TOKEN),
        ("API token", org),
        ("second API token", second.as_str()),
        ("sealing key", sealing_key.as_str()),
    ];
    for (name, secret) in planted {
        for form in [secret.to_owned(), STANDARD.encode(secret), secret.replace('+', "%2B").replace('/', "%2F").replace(' ', "%20")] {
            for (place, bytes) in &produced {
                assert!(!contains(bytes, &form), "the {name} is in {}", place.display());
            }
        }
    }
    assert_eq!(by_password.passwords_seen().first().map(String::as_str), Some(SFTP_PASSWORD), "it was used, though");
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

fn keys(place: &Place) -> Vec<String> {
    std::fs::read_to_string(place.key_file()).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn d13_rotation_needs_no_restart_and_afterwards_no_old_key() {
    let sftp_server = SftpServer::start("blobby", SFTP_PASSWORD, SftpScript::default()).await;
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    let program = Program::serve(&place.config).await;
    let body = to(with(sftp(sftp_server.address(), "blobby"), json!({"passwordUnencrypted": SFTP_PASSWORD})));
    let before = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&body)).await["id"].as_str().unwrap().to_owned();

    let said = place.cli(&["secrets", "rotate"]);
    assert!(said.starts_with("sealed ") && said.contains("secrets anew"), "{said}");
    let new = keys(&place);
    assert!(new.len() == 1 && new[0] != "7".repeat(64) && new[0].len() == 64, "one key, and it is new");
    // The running server follows the file: what was sealed anew opens, what is sealed now is sealed under the new key.
    assert_eq!(program.run(&place.token, &before).await["status"], "COMPLETE");
    let after = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&body)).await["id"].as_str().unwrap().to_owned();
    program.stop().await;
    let program = Program::serve(&place.config).await;
    for id in [&before, &after] {
        assert_eq!(program.run(&place.token, id).await["status"], "COMPLETE");
    }
    program.stop().await;

    // As a rotation leaves the file that was stopped after it had added its key: the next one goes on with that key.
    let third = stdout(&pressrun(&["secrets", "new-key"])).trim().to_owned();
    std::fs::write(place.key_file(), format!("{third}\n{}\n", new[0])).unwrap();
    place.cli(&["secrets", "rotate"]);
    assert_eq!(keys(&place), [third]);
    let program = Program::serve(&place.config).await;
    assert_eq!(program.run(&place.token, &after).await["status"], "COMPLETE");
}

#[tokio::test]
async fn d13_keys_in_the_configuration_are_rotated_by_hand() {
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    let config = std::fs::read_to_string(&place.config).unwrap();
    let keys = |list: &str| {
        let (rest, _) = config.split_once("[secrets]").unwrap();
        std::fs::write(&place.config, format!("{rest}[secrets]\nkeys = [{list}]\n")).unwrap();
    };
    let (old, new) = (format!("'{}'", "7".repeat(64)), format!("'{}'", "8".repeat(64)));
    keys(&old);
    let refused = pressrun(&["secrets", "rotate", "--config", place.config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("put a new one before it") && !text.contains("777"), "{text}");
    keys(&format!("{new}, {old}"));
    assert!(place.cli(&["secrets", "rotate"]).contains("needs its first key only"));
    keys(&new);
    place.cli(&["key", "list"]);
    keys(&old);
    let refused = pressrun(&["key", "list", "--config", place.config.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not configured"), "{refused:?}");
}

#[tokio::test]
async fn key_revoke_as_typed_stops_a_key_at_once() {
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    let made: Value = serde_json::from_str(&place.cli(&[
        "key",
        "create",
        "--kind",
        "personal",
        "--member",
        "blobby.hill@myorg.co",
        "--name",
        "laptop",
        "--json",
    ]))
    .unwrap();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let program = Program::serve(&place.config).await;
    program.ok(token, "GET", "/api/v1/schedules", None).await;
    let listed = place.cli(&["key", "list"]);
    let row = listed.lines().find(|line| line.starts_with(id)).expect("listed");
    assert!(row.contains("personal") && row.contains("active") && row.contains("laptop") && !listed.contains(token), "{listed}");
    assert_eq!(place.cli(&["key", "revoke", id]).trim(), format!("revoked {id}"));
    let (status, answer) = program.call(token, "GET", "/api/v1/schedules", None).await;
    assert_eq!((status, &answer["detail"]), (401, &json!("Unauthorized: Missing or invalid API key")));
    assert!(place.cli(&["key", "list"]).lines().any(|line| line.starts_with(id) && line.contains("revoked ")));
    let again = pressrun(&["key", "revoke", id, "--config", place.config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && text.contains("there is no active key"), "{text}");
}

#[tokio::test]
async fn s8_test_now_over_http_delivers_at_once_and_saves_nothing() {
    let hook = HttpReceiver::start().await;
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    let program = Program::serve(&place.config).await;
    let body = to(json!({"destinationType": "webhook", "url": hook.url("/hook"), "testNow": true}));
    let made = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&body)).await;
    assert_eq!(made["message"], "Successfully created schedule");
    let received = hook.wait_for(1).await;
    assert!(
        received[0].text().starts_with("Region,Amount\r\n") || received[0].text().starts_with("region,amount\r\n"),
        "{}",
        received[0].text()
    );
    let list = program.ok(&place.token, "GET", "/api/v1/schedules", None).await;
    assert_eq!(list["pageInfo"]["totalRecords"], 0);
    let run = program.ok(&place.token, "GET", &format!("/api/v1/runs/{}", made["id"].as_str().unwrap()), None).await;
    assert_eq!(run["kind"], "test");
}

/// The permissions of everything below a folder, and of the folder.
fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(folder.to_owned(), mode(folder))];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.push((path.clone(), mode(&path)));
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn m3_everything_the_server_writes_is_for_its_own_account_only() {
    let mails = tempfile::tempdir().unwrap();
    let place = place(&format!("file:{}", mails.path().join("mail").display()), NOWHERE, NOWHERE);
    // As an older version left them, under a common umask.
    std::fs::create_dir_all(place.data().join("spool")).unwrap();
    for (path, mode) in [("spool", 0o755), ("pressrun.db", 0o644)] {
        std::fs::set_permissions(place.data().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let program = Program::serve_under_umask(&place.config, "022").await;
    let body = to(json!({"destinationType": "email", "recipients": ["a@x.example"], "subject": "Planted"}));
    let id = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&body)).await["id"].as_str().unwrap().to_owned();
    assert_eq!(program.run(&place.token, &id).await["status"], "COMPLETE");
    let written = [modes(&place.data()), modes(&mails.path().join("mail"))].concat();
    for name in ["pressrun.db", "pressrun.db-wal", "artifacts", ".eml"] {
        assert!(written.iter().any(|(path, _)| path.display().to_string().ends_with(name)), "{name}: {written:?}");
    }
    for (path, mode) in written.iter().filter(|(path, _)| *path != place.data()) {
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
    }
    let log = program.stop().await;
    for path in ["spool", "pressrun.db"] {
        let said = format!("path={}", place.data().join(path).display());
        assert!(log.lines().any(|line| line.contains(&said) && line.contains("others could read this")), "{path}: {log}");
    }
}

#[tokio::test]
async fn m3_a_key_file_that_everybody_may_read_is_refused_with_what_to_do() {
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    std::fs::set_permissions(place.key_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = pressrun(&["key", "list", "--config", place.config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("chmod o= ") && text.contains("sealing-keys"), "{text}");
    std::fs::set_permissions(place.key_file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    place.cli(&["key", "list"]);
}
