//! `pressrun health`: asks a server of this machine whether it is ready, for container health checks and scripts that have no HTTP client.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::Settings;
use crate::show;

/// Most of an answer that is read.
const ANSWER_MAX: u64 = 64 << 10;

/// Arguments of `pressrun health`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Configuration file of the server; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Address and port to ask instead of the configured ones.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Seconds that the answer may take.
    #[arg(long, default_value_t = 5)]
    seconds: u16,
    /// Print the answer of `/readyz` as it came, a JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `pressrun health`: success when the server says that it is ready.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let address = match arguments.address {
        Some(address) => address,
        None => {
            let server = Settings::load(arguments.config.as_deref())?.server;
            of_this_machine(server.admin_listen.as_ref().unwrap_or(&server.listen))
        }
    };
    let answer = super::serve::runtime()?.block_on(async {
        let asked = tokio::time::timeout(Duration::from_secs(arguments.seconds.max(1).into()), ask(&address));
        asked.await.with_context(|| format!("{address} did not answer within {} seconds", arguments.seconds))?
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if arguments.json && body.trim_start().starts_with('{') {
        show::line(body.trim());
        return Ok(if status == "200" { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if status != "200" {
        bail!("{address} is not ready ({status}): {}", body.trim());
    }
    show::line("ready");
    Ok(ExitCode::SUCCESS)
}

/// Where a server that listens on every address of this machine can be reached from it.
fn of_this_machine(listen: &str) -> String {
    match listen.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => listen.to_owned(),
    }
}

/// Asks `/readyz` by a connection of its own, that the answer ends with.
async fn ask(address: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("nobody answers on {address}"))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await.with_context(|| format!("{address} broke the answer off"))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_this_machines_own() {
        assert_eq!(of_this_machine("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(of_this_machine("[::]:8080"), "[::1]:8080");
        assert_eq!(of_this_machine("10.0.0.7:9090"), "10.0.0.7:9090");
    }
}
