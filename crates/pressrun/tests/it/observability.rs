//! What operators see of a running server: figures, each of which is on the page about them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pressrun_testkit::HttpAnswer;

use crate::process::{Server, Site, eventually};

/// A series: name, labels in order, value.
type Series = (String, BTreeMap<String, String>, f64);

/// What `/metrics` told.
pub(crate) struct Told {
    text: String,
    kinds: BTreeMap<String, String>,
    series: Vec<Series>,
}

impl Told {
    /// Reads the text form of Prometheus, and refuses what is none.
    fn read(text: String) -> Self {
        let (mut kinds, mut helped, mut series) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                assert!(helped.insert(rest.split(' ').next().unwrap().to_owned()), "described twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "typed twice: {line}");
            } else {
                let (series_of, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series_of.split_once('{').unwrap_or((series_of, "}"));
                let labels = labels.strip_suffix('}').unwrap();
                let labels = labels.split("\",").filter(|label| !label.is_empty()).map(|label| {
                    let (name, word) = label.split_once("=\"").unwrap();
                    (name.to_owned(), word.trim_end_matches('"').to_owned())
                });
                series.push((name.to_owned(), labels.collect(), value.parse().unwrap()));
            }
        }
        assert_eq!(helped, kinds.keys().cloned().collect(), "every family is described and typed");
        let keys: BTreeSet<_> = series.iter().map(|(name, labels, _)| format!("{name} {labels:?}")).collect();
        assert_eq!(keys.len(), series.len(), "a series is told once");
        Self { text, kinds, series }
    }

    /// The value of the one series with these labels among its own.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let with =
            |series: &&Series| series.0 == name && labels.iter().all(|(label, word)| series.1.get(*label).is_some_and(|is| is == word));
        let found: Vec<_> = self.series.iter().filter(with).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}\n{}", self.text);
        found[0].2
    }

    /// The family that a series belongs to.
    fn family<'a>(&self, name: &'a str) -> &'a str {
        let ends = ["_bucket", "_sum", "_count"];
        let histogram = ends
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .filter(|family| self.kinds.get(*family).is_some_and(|kind| kind == "histogram"));
        histogram.unwrap_or(name)
    }
}

/// What the page says of a family: its kind, and of each label the words that it may have, or none when they are described.
type Described = BTreeMap<String, (String, BTreeMap<String, Option<BTreeSet<String>>>)>;

fn the_page() -> Described {
    let page = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md")).unwrap();
    let mut families = Described::new();
    for section in page.split("\n### `").skip(1) {
        let (name, rest) = section.split_once("`\n\n").unwrap();
        let kind = rest.split('.').next().unwrap().to_owned();
        let labels = rest.lines().filter_map(|line| line.strip_prefix("- `")).map(|line| {
            let (label, words) = line.split_once("`: ").unwrap();
            let closed = words.starts_with('`').then(|| words.split(", ").map(|word| word.trim_matches('`').to_owned()).collect());
            (label.to_owned(), closed)
        });
        families.insert(name.to_owned(), (kind, labels.collect()));
    }
    families
}

/// Text of a plain GET at a listener.
async fn get(address: &str, path: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.text().await.unwrap()
}

/// A server with a listener for operators, and that listener's address.
pub(crate) async fn watched(site: &Site, variables: &[(&str, &str)]) -> (Server, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.env("PRESSRUN_SERVER__ADMIN_LISTEN", "127.0.0.1:0").env("NO_COLOR", "1").envs(variables.iter().copied());
    let server = Server::start_with(command, site.dir.path(), None, &[]);
    let admin = address_after(&server, "metrics and health").await;
    (server, admin)
}

/// The address that a server says after `words` in its log, whatever the form of its lines.
pub(crate) async fn address_after(server: &Server, words: &str) -> String {
    let address = eventually(words, async || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains(words))?;
        match serde_json::from_str::<serde_json::Value>(line) {
            Ok(line) => line["address"].as_str().map(str::to_owned),
            Err(_) => line.split("address=").nth(1).map(|rest| rest.split_whitespace().next().unwrap().to_owned()),
        }
    });
    address.await
}

/// What a listener of operators tells now.
pub(crate) async fn told(admin: &str) -> Told {
    Told::read(get(admin, "/metrics").await)
}

#[tokio::test]
async fn o1_what_is_told_is_what_the_page_says_and_counts_what_happened() {
    let site = Site::new("workers = 2").await;
    site.http.push([HttpAnswer::new(400, "no")]);
    let taken = site.due_once(Site::email(&["ann@x.example", "bea@x.example"])).await;
    let refused = site.due_once(site.webhook()).await;
    let (server, admin) = watched(&site, &[]).await;
    site.ended(taken).await;
    site.ended(refused).await;
    // The end of a run is written before it is counted.
    let told = eventually("both ends are counted", async || {
        let told = told(&admin).await;
        let ended: f64 = told.series.iter().filter(|(name, ..)| name == "pressrun_runs_total").map(|(.., value)| value).sum();
        (ended >= 2.0).then_some(told)
    })
    .await;

    let page = the_page();
    for (name, labels, _) in &told.series {
        let family = told.family(name);
        let (kind, described) = page.get(family).unwrap_or_else(|| panic!("{family} is not on the page"));
        assert_eq!(told.kinds.get(family), Some(kind), "{family}");
        for (label, word) in labels.iter().filter(|(label, _)| !(label.as_str() == "le" && kind == "histogram")) {
            let words = described.get(label).unwrap_or_else(|| panic!("{family}: the page has no label {label}"));
            assert!(words.as_ref().is_none_or(|words| words.contains(word)), "{family}: {label}={word}");
        }
    }
    let silent: Vec<_> = page.keys().filter(|name| !told.kinds.contains_key(*name)).collect();
    assert_eq!(silent, ["pressrun_http_requests_total"], "nobody has asked the API for anything");

    assert!((told.value("pressrun_runs_total", &[("status", "COMPLETE"), ("reason", "none")]) - 1.0).abs() < 0.1);
    assert!((told.value("pressrun_runs_total", &[("status", "ERROR"), ("reason", "other")]) - 1.0).abs() < 0.1, "{}", told.text);
    for (name, labels, expected) in [
        ("pressrun_pieces_promised_total", &[("destination", "email")][..], 2.0),
        ("pressrun_pieces_total", &[("destination", "email"), ("outcome", "accepted")], 2.0),
        ("pressrun_attempts_total", &[("destination", "email"), ("outcome", "accepted")], 2.0),
        ("pressrun_attempts_total", &[("destination", "webhook"), ("outcome", "rejected")], 1.0),
        ("pressrun_pieces_total", &[("destination", "webhook"), ("outcome", "failed")], 1.0),
        ("pressrun_pieces_total", &[("destination", "s3"), ("outcome", "failed")], 0.0),
        ("pressrun_attempt_duration_seconds_count", &[("destination", "email")], 2.0),
        ("pressrun_attempts_in_progress", &[("destination", "email")], 0.0),
        ("pressrun_start_delay_seconds_count", &[], 2.0),
        ("pressrun_step_duration_seconds_count", &[("step", "wait")], 2.0),
        ("pressrun_occurrences_planned_total", &[], 2.0),
        ("pressrun_queue_runs", &[("kind", "occurrence"), ("state", "ready")], 0.0),
        ("pressrun_pieces_owed", &[], 0.0),
        ("pressrun_schedules", &[("state", "inactive")], 2.0),
        ("pressrun_store_up", &[], 1.0),
        ("pressrun_build_info", &[("store", "sqlite")], 1.0),
        ("pressrun_catalog_problems", &[], 0.0),
        ("pressrun_late_tasks", &[], 0.0),
    ] {
        let value = told.value(name, labels);
        assert!((value - expected).abs() < 0.1, "{name} {labels:?}: {value}, expected {expected}");
    }
    assert!(told.value("pressrun_step_duration_seconds_count", &[("step", "query")]) >= 1.0);
    assert!(told.value("pressrun_store_duration_seconds_count", &[("operation", "write")]) >= 1.0);
    for private in ["ann@x.example", "127.0.0.1", &taken.to_string()] {
        assert!(!told.text.contains(private), "{private}: {}", told.text);
    }
    lint(&told.text);
    server.stop().await;
}

/// Prometheus' own check of what is told, where its package is installed.
fn lint(text: &str) {
    let promtool =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("promtool: {error}"),
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let words = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(said.status.success(), "{words}");
}
