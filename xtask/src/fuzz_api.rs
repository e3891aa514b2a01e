//! `cargo xtask fuzz-api`: a schema fuzzer against the server's own description of itself.
//!
//! Everything it needs goes to `target/fuzz-api`: a Python environment with schemathesis and openapi-spec-validator, and a server with the
//! sample catalog, its own data and no rate limit. The server has the role `api`, so that nothing that the fuzzer schedules is ever sent.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::python;

/// Python packages, at the versions that were tried.
const PACKAGES: [&str; 2] = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"];

/// What an answer has to hold to. Not asked for: that what the schema allows is accepted (fields depend on each other and on the catalog),
/// that everything else is refused (published examples need lenient forms), and 405 (a wrong method is a 400 by contract).
const CHECKS: &str = "ignored_auth,use_after_free,ensure_resource_availability,not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";

/// Tells the fuzzer how to write what it does not know: a mail is a text.
const HOOKS: &str = "import schemathesis\n\nschemathesis.serializer.alias(\"message/rfc822\", \"text/plain\")\n";

/// Administrator of the sample catalog.
const MEMBER: &str = "blob.ross@myorg.co";

/// The fuzzer's token; it stands in the catalog, where no request can revoke it.
const TOKEN: &str = "fuzz-api-token-of-the-sample";

/// How long and how much.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Bounds {
    /// Test cases for each endpoint and phase.
    #[arg(long, default_value_t = 60)]
    examples: u32,
    /// Seconds for the whole run.
    #[arg(long, default_value_t = 420)]
    seconds: u32,
    /// Repeats the run of this seed.
    #[arg(long)]
    seed: Option<u64>,
}

/// Installs the tools, starts a server, validates its document, fuzzes it, and stops it.
pub(crate) fn run(bounds: Bounds) -> anyhow::Result<()> {
    let folder = crate::target()?.join("fuzz-api");
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let tools = python::environment(&folder.join("venv"), &PACKAGES)?;
    crate::cargo(&["build", "--quiet", "--package", "pressrun"])?;
    let program = crate::target()?.join("debug/pressrun");
    let data = sample(&program, &folder.join("data"))?;
    let mut server = Server::start(&program, &data)?;
    let document = folder.join("openapi.json");
    let hooks = folder.join("hooks.py");
    fs::write(&hooks, HOOKS).with_context(|| format!("could not write {}", hooks.display()))?;
    fs::write(&document, server.get("/openapi.json")?).with_context(|| format!("could not write {}", document.display()))?;
    crate::run(Command::new(tools.join("openapi-spec-validator")).arg(&document))?;
    let fuzzed = crate::run(&mut fuzzer(&tools, &folder, &document, &server.address, bounds));
    let log = server.stop();
    let panics: Vec<&str> = log.lines().filter(|line| line.contains("panicked")).collect();
    fuzzed?;
    if !panics.is_empty() {
        bail!("requests made the server panic:\n{}", panics.join("\n"));
    }
    Ok(())
}

/// A folder with the sample catalog, the demo's schedules, users and runs, and the fuzzer's token.
fn sample(program: &Path, data: &Path) -> anyhow::Result<PathBuf> {
    if data.exists() {
        fs::remove_dir_all(data).with_context(|| format!("could not empty {}", data.display()))?;
    }
    crate::run(Command::new(program).args(["demo", "--once", "--listen", "127.0.0.1:0", "--data"]).arg(data).stdout(Stdio::null()))?;
    let people = data.join("catalog/people.yaml");
    let text = fs::read_to_string(&people).with_context(|| format!("could not read {}", people.display()))?;
    let key = format!("dev_keys:\n  - {{ token: {TOKEN}, kind: organization, member: {MEMBER} }}\n");
    fs::write(&people, format!("{text}\n{key}")).with_context(|| format!("could not write {}", people.display()))?;
    Ok(data.to_owned())
}

fn fuzzer(tools: &Path, folder: &Path, document: &Path, address: &str, bounds: Bounds) -> Command {
    let mut command = Command::new(tools.join("schemathesis"));
    command.current_dir(folder).env("SCHEMATHESIS_HOOKS", "hooks.py").arg("run").arg(document);
    command.args(["--url", &format!("http://{address}"), "--header", &format!("Authorization: Bearer {TOKEN}")]);
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--warnings", "off"]);
    command.args(["--max-examples", &bounds.examples.to_string(), "--max-time", &bounds.seconds.to_string()]);
    command.args(["--request-timeout", "20", "--suppress-health-check", "all", "--no-color"]);
    if let Some(seed) = bounds.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    command
}

/// `pressrun serve` on a free port; killed when dropped.
struct Server {
    child: Child,
    address: String,
    log: mpsc::Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &Path, data: &Path) -> anyhow::Result<Self> {
        let path = |name: &str| data.join(name).display().to_string();
        let mut child = Command::new(program)
            .args(["serve", "--role", "api"])
            .env("PRESSRUN_SERVER__LISTEN", "127.0.0.1:0")
            .env("PRESSRUN_STORE__URL", format!("sqlite://{}", path("pressrun.db")))
            .env("PRESSRUN_CATALOG__PATH", path("catalog"))
            .env("PRESSRUN_SPOOL__PATH", path("spool"))
            .env("PRESSRUN_MAIL__URL", format!("file:{}", path("mail")))
            .env("PRESSRUN_LIMITS__REQUESTS_PER_MINUTE", "0")
            .env("PRESSRUN_LOG", "info")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let stderr = child.stderr.take().context("the server has no standard error")?;
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Self { child, address: String::new(), log };
        let mut seen = Vec::new();
        while server.address.is_empty() {
            let Ok(line) = server.log.recv_timeout(Duration::from_secs(60)) else {
                bail!("the server did not start:\n{}", seen.join("\n"));
            };
            if let Some((_, address)) = line.split_once("listening address=") {
                address.split_whitespace().next().unwrap_or_default().clone_into(&mut server.address);
            }
            seen.push(line);
        }
        Ok(server)
    }

    /// The body of an answer.
    fn get(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address).context("could not reach the server")?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = answer.windows(4).position(|part| part == b"\r\n\r\n").context("the answer has no end of its head")?;
        Ok(answer.split_off(head + 4))
    }

    /// Ends the server and returns what it had to say.
    fn stop(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.log.iter().collect::<Vec<_>>().join("\n")
    }
}
