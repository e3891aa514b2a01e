//! The program itself: `pressrun serve` as a process of its own, and what it says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Everything that this program's own code logs, and no more.
const TRACE_OURS: &str = "info,pressrun=trace,pressrun_api=trace,pressrun_catalog=trace,pressrun_cron=trace,pressrun_deliver=trace,\
    pressrun_domain=trace,pressrun_engine=trace,pressrun_query=trace,pressrun_render=trace,pressrun_store=trace,pressrun_web=trace";

/// Runs a command to its end.
pub(crate) fn pressrun(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pressrun")).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

/// What a command that succeeded printed.
pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server; killed when dropped.
pub(crate) struct Program {
    child: tokio::process::Child,
    /// `http://127.0.0.1:port`.
    pub(crate) url: String,
    /// Every answer's status line, headers and body, as they came.
    pub(crate) answers: Arc<Mutex<String>>,
    log: Arc<Mutex<String>>,
    reading: tokio::task::JoinHandle<()>,
    http: reqwest::Client,
}

impl Program {
    /// Starts `pressrun serve` with this configuration file and waits until it listens.
    pub(crate) async fn serve(config: &Path) -> Self {
        Self::started(tokio::process::Command::new(env!("CARGO_BIN_EXE_pressrun")), config).await
    }

    /// The same with these variables in its environment.
    pub(crate) async fn serve_with(config: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pressrun"));
        command.envs(variables.iter().copied());
        Self::started(command, config).await
    }

    /// The same, started by somebody whose umask is this.
    pub(crate) async fn serve_under_umask(config: &Path, umask: &str) -> Self {
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_pressrun")]);
        Self::started(shell, config).await
    }

    async fn started(mut command: tokio::process::Command, config: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = command
            .args(["serve", "--config"])
            .arg(config)
            .env("PRESSRUN_LOG", TRACE_OURS)
            .env("NO_COLOR", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (listening, address) = tokio::sync::oneshot::channel::<String>();
        let mut listening = Some(listening);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        let reading = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, address)) = line.split_once("listening address=")
                    && let Some(listening) = listening.take()
                {
                    let _ = listening.send(address.split_whitespace().next().unwrap_or_default().to_owned());
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let Ok(address) = address.await else { panic!("the server did not start:\n{}", log.lock().unwrap()) };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { child, url: format!("http://{address}"), answers: Arc::default(), log, reading, http }
    }

    /// Sends a request and returns status and JSON.
    pub(crate) async fn call(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), format!("{:?}", response.headers()));
        let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        writeln!(self.answers.lock().unwrap(), "{method} {path} {status} {headers}\n{text}").unwrap();
        (status.as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Makes a key; the one answer that holds a token is not among the answers kept.
    pub(crate) async fn make_key(&self, token: &str, body: &Value) -> String {
        let response = self.http.post(format!("{}/api/v1/api-keys", self.url)).bearer_auth(token).json(body).send().await.unwrap();
        response.json::<Value>().await.unwrap()["token"].as_str().expect("a token").to_owned()
    }

    /// Sends a request that has to succeed.
    pub(crate) async fn ok(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.call(token, method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// Triggers a schedule and waits until the run has ended; returns the run in full.
    pub(crate) async fn run(&self, token: &str, schedule: &str) -> Value {
        self.ok(token, "POST", &format!("/api/v1/schedules/{schedule}/trigger"), None).await;
        let runs = format!("/api/v1/schedules/{schedule}/runs?pageSize=1");
        loop {
            let newest = self.ok(token, "GET", &runs, None).await["records"][0].clone();
            if newest["state"] == "ended" {
                let id = newest["id"].as_str().unwrap();
                return self.ok(token, "GET", &format!("/api/v1/runs/{id}"), None).await;
            }
        }
    }

    /// Asks it to stop, as a service manager does, and returns everything it logged.
    pub(crate) async fn stop(mut self) -> String {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let ended = self.child.wait().await.unwrap();
        self.reading.await.unwrap();
        let log = self.log.lock().unwrap().clone();
        assert!(ended.success(), "{log}");
        log
    }
}

/// Every file below a folder with its bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                found.push((path, bytes));
            }
        }
    }
    found
}
