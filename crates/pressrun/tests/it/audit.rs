//! What a real server writes about its requests, and what the command line leaves in the audit (H3, M4).

use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Program, stdout};

/// A catalog of one dashboard with an admin, and a configuration beside it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        pressrun_catalog::sample::write(&dir.path().join("catalog")).unwrap();
        let place = Self { dir };
        place.configure("127.0.0.1:0", "");
        place
    }

    fn config(&self) -> std::path::PathBuf {
        self.dir.path().join("pressrun.toml")
    }

    fn configure(&self, listen: &str, server: &str) {
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let text = format!(
            "[server]\nlisten = '{listen}'\npublic_url = 'http://127.0.0.1'\n{server}\n[store]\nurl = 'sqlite://{}'\n[catalog]\npath = '{}'\n\
             [spool]\npath = '{}'\n[mail]\nurl = 'file:{}'\nfrom = 'a@myorg.co'\n",
            at("pressrun.db"),
            at("catalog"),
            at("spool"),
            at("mail"),
        );
        std::fs::write(self.config(), text).unwrap();
    }

    fn cli(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
        command.args(arguments).arg("--config").arg(self.config()).output().unwrap()
    }

    fn key(&self, extra: &[&str]) -> Value {
        let arguments = ["key", "create", "--kind", "organization", "--member", "blob.ross@myorg.co", "--name", "ops", "--json"];
        serde_json::from_str(&stdout(&self.cli(&[&arguments, extra].concat()))).unwrap()
    }
}

#[tokio::test]
async fn h3_each_request_is_one_line_with_its_route_key_source_and_id() {
    let place = Place::new();
    place.configure("127.0.0.1:0", "trusted_proxies = ['127.0.0.0/8']");
    let key = place.key(&[]);
    let program = Program::serve(&place.config()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let nowhere = "2abba91d-9bec-41a0-8a8d-6f133b4ff0b7";
    let answer = client
        .get(format!("{}/api/v1/schedules/{nowhere}", program.url))
        .bearer_auth(key["token"].as_str().unwrap())
        .header("X-Request-Id", "trace-7")
        .header("X-Forwarded-For", "6.6.6.6, 192.0.2.77")
        .send()
        .await
        .unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!((answer.status().as_u16(), id.len()), (404, 32));
    let bytes = answer.bytes().await.unwrap().len();
    client.get(format!("{}/schedules", program.url)).send().await.unwrap();
    let log = program.stop().await;
    let line = log.lines().find(|line| line.contains("pressrun::access") && line.contains("trace-7")).expect("a line");
    for part in [
        "method=\"GET\"".to_owned(),
        "route=\"/api/v1/schedules/{scheduleId}\"".to_owned(),
        "status=404".to_owned(),
        format!("bytes={bytes}"),
        format!("key={}", key["id"].as_str().unwrap()),
        "source=192.0.2.77".to_owned(),
        format!(" request_id={id}"),
        "client_request_id=trace-7".to_owned(),
    ] {
        assert!(line.contains(&part), "{part}: {line}");
    }
    assert!(!line.contains(nowhere), "the template, not the path: {line}");
    assert!(
        log.lines()
            .any(|line| line.contains("pressrun::access") && line.contains("route=\"/sign-in\"") || line.contains("route=\"/schedules\""))
    );
}

#[tokio::test]
async fn h3_the_command_line_is_in_the_audit_too() {
    let place = Place::new();
    let (kept, gone) = (place.key(&[]), place.key(&["--scope", "read", "--expires", "90d"]));
    stdout(&place.cli(&["key", "revoke", gone["id"].as_str().unwrap()]));
    stdout(&place.cli(&["secrets", "rotate"]));
    let program = Program::serve(&place.config()).await;
    let token = kept["token"].as_str().unwrap();
    let audit = program.ok(token, "GET", "/api/v1/audit?actor=commandLine", None).await;
    let told: Vec<&str> = audit["records"].as_array().unwrap().iter().rev().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["key.created", "key.created", "key.revoked", "secrets.rotated"]);
    assert_eq!(audit["records"][2]["changes"]["scopes"], json!({"after": "read"}));
    assert!(!program.answers.lock().unwrap().contains(token));
    let log = program.stop().await;
    assert!(!log.contains(token));
}

#[test]
fn newcomer_30_key_list_has_headers_members_scopes_expiry_and_last_use() {
    let place = Place::new();
    let key = place.key(&["--scope", "read,schedules", "--expires", "2099-01-31"]);
    let text = stdout(&place.cli(&["key", "list"]));
    let mut lines = text.lines();
    let (head, row) = (lines.next().unwrap(), lines.next().unwrap());
    for word in ["ID", "TYPE", "MEMBER", "STATE", "SCOPES", "EXPIRES", "LAST USED", "NAME"] {
        assert!(head.contains(word), "{word}: {head}");
    }
    for word in
        [key["id"].as_str().unwrap(), "organization", "blob.ross@myorg.co", "active", "read,schedules", "2099-01-31 00:00Z", "never", "ops"]
    {
        assert!(row.contains(word), "{word}: {row}");
    }
    assert_eq!(head.find("STATE"), row.find("active"), "columns stand under their heads");
    let listed: Value = serde_json::from_str(&stdout(&place.cli(&["key", "list", "--json"]))).unwrap();
    assert_eq!((&listed[0]["member"], &listed[0]["scopes"]), (&json!("blob.ross@myorg.co"), &json!(["read", "schedules"])));
    assert!(listed[0]["lastUsedAt"].is_null() && !text.contains(key["token"].as_str().unwrap()));
    let refused = place.cli(&["key", "create", "--kind", "personal", "--member", "blob.ross@myorg.co", "--scope", "read,admin"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`admin` is no scope"), "{refused:?}");
}

#[tokio::test]
async fn m4_development_keys_open_nothing_to_others_unless_said() {
    let place = Place::new();
    let people = place.dir.path().join("catalog/people.yaml");
    let text = std::fs::read_to_string(&people).unwrap();
    let dev = "\ndev_keys:\n  - { token: development-key-1, kind: organization, member: blob.ross@myorg.co }\n";
    let text = if text.contains("dev_keys:") { text } else { text + dev };
    std::fs::write(&people, text).unwrap();
    place.configure("0.0.0.0:0", "");
    let mut serve = tokio::process::Command::new(env!("CARGO_BIN_EXE_pressrun"));
    let refused = serve.args(["serve", "--config"]).arg(place.config()).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("server.development_keys = true"), "{said}");
    place.configure("127.0.0.1:0", "");
    let program = Program::serve(&place.config()).await;
    let log = program.stop().await;
    assert!(log.contains("people.yaml has development keys"), "{log}");
}
