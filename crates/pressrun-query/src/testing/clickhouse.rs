//! The real ClickHouse behind its HTTP interface (`clickhouse.py`), one for all tests of a process that ask for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use indexmap::IndexMap;

use crate::source::clickhouse::ClickHouseSpec;
use crate::testing::engines;

pub(crate) const USER: &str = "reports";
pub(crate) const PASSWORD: &str = "s3cret";

/// A server of its own; stopped when dropped.
pub(crate) struct ClickHouse {
    child: Child,
    port: u16,
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ClickHouse {
    /// `None`, with the reason on stderr, where the engine is not installed.
    pub(crate) fn start() -> Option<Self> {
        let python = engines::program("python")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/clickhouse.py");
        let mut child = Command::new(python).arg(script).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Some(Self { child, port: said.trim().parse().expect("a port") })
    }

    pub(crate) fn spec(&self) -> ClickHouseSpec {
        spec(&format!("http://127.0.0.1:{}", self.port))
    }
}

/// The server at `url` with the right password.
pub(crate) fn spec(url: &str) -> ClickHouseSpec {
    ClickHouseSpec {
        url: url.parse().unwrap(),
        database: None,
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
        password_file: None,
        authorities: None,
        settings: IndexMap::new(),
        addresses: Vec::new(),
    }
}
