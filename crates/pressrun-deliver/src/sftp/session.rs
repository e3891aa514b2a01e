//! From a host name to an open SFTP session: connect, check the host key, log in, start the subsystem.
//!
//! The host key is judged inside the key exchange, before any credential leaves this process (D7).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Host, SftpSettings};
use russh::client::{GexParams, Handle, Msg};
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Disconnect};
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::rawsession::SftpResult;
use tokio::time::timeout;

use super::algorithms::{mismatch, offer};
use super::host_key::Pinned;
use super::lenient::Lenient;
use super::login::Credentials;
use crate::config::Deadlines;
use crate::dial::{Dialer, Trust};
use crate::outcome::{chain, rejected, retry};
use crate::steps::step;

/// Kinds of host keys that a server may have: Ed25519, ECDSA on three curves, RSA.
const KINDS_OF_KEYS: usize = 5;

/// An open session.
pub(super) struct Session {
    handle: Handle<Watch>,
    pub(super) sftp: Sftp,
    /// The key that the server showed, in OpenSSH form.
    pub(super) host_key: Option<String>,
}

/// The SFTP side, with what the server can do.
pub(super) struct Sftp {
    pub(super) raw: RawSftpSession,
    pub(super) can_fsync: bool,
    pub(super) can_replace: bool,
}

/// Judges the host key.
pub(super) struct Watch {
    pinned: Option<Pinned>,
    shown: Arc<Mutex<Option<PublicKey>>>,
}

impl russh::client::Handler for Watch {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        let plain = PublicKey::from(key.key_data().clone());
        let matches = self.pinned.as_ref().is_none_or(|pinned| pinned.is(&plain));
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(plain);
        Ok(matches)
    }
}

/// Why a key exchange came to nothing.
enum NoExchange {
    /// The server showed another key than the pinned one, of this kind.
    OtherKey(Algorithm),
    /// The server has no key of the kinds that are left.
    NoMoreKeys,
    /// Anything else.
    Failed(Outcome),
}

/// Opens a session, or says in which phase it failed.
pub(super) async fn open(settings: &SftpSettings, dialer: &Dialer, deadlines: Deadlines) -> Result<Session, Outcome> {
    let host = Host::of_sftp_address(&settings.address).map_err(|fault| rejected(format!("Invalid SFTP address: {fault}")))?;
    let pinned = match settings.host_key.as_deref() {
        None => None,
        Some(text) => Some(Pinned::parse(text).map_err(|fault| rejected(format!("sftp: the pinned host key cannot be used: {fault}")))?),
    };
    let credentials = Credentials::of(settings)?;
    let (mut handle, shown) = connect(settings, &host, pinned.as_ref(), dialer, deadlines).await?;
    step(|| {
        let print = shown.fingerprint(HashAlg::Sha256);
        let known = if pinned.is_some() { "the pinned one" } else { "pinned nowhere: compare it with what the partner says" };
        format!("the server's host key is {} {print}, {known}", shown.algorithm())
    });
    credentials.log_in(&mut handle, &settings.username, deadlines.command).await?;
    step(|| format!("logged in as {}", settings.username));
    let sftp = start(&handle, deadlines).await?;
    step(|| "SFTP has begun".to_owned());
    Ok(Session { handle, sftp, host_key: shown.to_openssh().ok() })
}

/// A connection to a server that showed the pinned key, and the key that it showed.
async fn connect(
    settings: &SftpSettings,
    host: &Host,
    pinned: Option<&Pinned>,
    dialer: &Dialer,
    deadlines: Deadlines,
) -> Result<(Handle<Watch>, PublicKey), Outcome> {
    // A fingerprint does not tell the kind of its key, and a server shows only one key a connection: so every kind is asked for in turn.
    let mut without = Vec::new();
    for _ in 0..KINDS_OF_KEYS {
        match exchange(settings, host, pinned, &without, dialer, deadlines).await {
            Ok(connected) => return Ok(connected),
            Err(NoExchange::OtherKey(kind)) if matches!(pinned, Some(Pinned::Fingerprint(_))) => without.push(kind),
            Err(NoExchange::OtherKey(_) | NoExchange::NoMoreKeys) => break,
            Err(NoExchange::Failed(outcome)) => return Err(outcome),
        }
    }
    Err(rejected(
        "sftp: the server's host key is not the pinned one; nothing was sent. If the change is right, update the destination's host key",
    ))
}

/// One connection and its key exchange.
async fn exchange(
    settings: &SftpSettings,
    host: &Host,
    pinned: Option<&Pinned>,
    without: &[Algorithm],
    dialer: &Dialer,
    deadlines: Deadlines,
) -> Result<(Handle<Watch>, PublicKey), NoExchange> {
    let stream = dialer.open(host.as_url_host(), settings.port, Trust::Tenant).await.map_err(|error| {
        let reason = format!("sftp: {error}");
        NoExchange::Failed(if error.refused { rejected(reason) } else { retry(reason) })
    })?;
    let legacy = settings.quirks.legacy_algorithms;
    let wanted = pinned.and_then(Pinned::algorithm);
    let gex = GexParams::new(2048, 3072, 8192).map_err(|error| NoExchange::Failed(retry(format!("sftp: {error}"))))?;
    let config = russh::client::Config { preferred: offer(legacy, wanted.as_ref(), without), nodelay: true, gex, ..Default::default() };
    let shown = Arc::new(Mutex::new(None));
    let watch = Watch { pinned: pinned.cloned(), shown: Arc::clone(&shown) };
    let exchanged = timeout(deadlines.command, russh::client::connect_stream(Arc::new(config), stream, watch)).await;
    let key: Option<PublicKey> = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    let failed = |outcome| Err(NoExchange::Failed(outcome));
    match (exchanged, key) {
        (Ok(Ok(handle)), Some(key)) => Ok((handle, key)),
        (Ok(Ok(_)), None) => failed(retry("sftp: SSH handshake: the server showed no host key")),
        (Ok(Err(_)), Some(key)) if pinned.is_some_and(|pinned| !pinned.is(&key)) => Err(NoExchange::OtherKey(key.algorithm())),
        (Ok(Err(russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. })), _) if !without.is_empty() => {
            Err(NoExchange::NoMoreKeys)
        }
        (Ok(Err(error)), _) => failed(match mismatch(&error, legacy) {
            // What a server offers stays so until somebody sets it up anew.
            Some(words) => rejected(format!("sftp: SSH handshake: {words}")),
            None => retry(format!("sftp: SSH handshake: {}", chain(&error))),
        }),
        (Err(_), _) => failed(retry("sftp: SSH handshake: timed out")),
    }
}

async fn start(handle: &Handle<Watch>, deadlines: Deadlines) -> Result<Sftp, Outcome> {
    let mut channel = match timeout(deadlines.command, handle.channel_open_session()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => return Err(retry(format!("sftp: open channel: {}", chain(&error)))),
        Err(_) => return Err(retry("sftp: open channel: timed out")),
    };
    match timeout(deadlines.command, ask_for_sftp(&mut channel)).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return Err(rejected("sftp: start of SFTP: the server lets this user in, but offers no SFTP")),
        Ok(Err(error)) => return Err(retry(format!("sftp: start of SFTP: {}", chain(&error)))),
        Err(_) => return Err(retry("sftp: start of SFTP: timed out")),
    }
    let stream = Lenient::new(channel.into_stream());
    // Requests are timed by us, phase by phase; the library's own limit only has to be longer.
    let config = russh_sftp::client::Config { request_timeout_secs: deadlines.transfer.as_secs().max(1) + 60, ..Default::default() };
    let raw = RawSftpSession::new_with_config(stream, config);
    let version = request("start of SFTP", deadlines.command, raw.init()).await?;
    let offers = |name: &str| version.extensions.contains_key(name);
    Ok(Sftp { can_fsync: offers("fsync@openssh.com"), can_replace: offers("posix-rename@openssh.com"), raw })
}

/// Whether the server starts its SFTP on this channel.
async fn ask_for_sftp(channel: &mut Channel<Msg>) -> Result<bool, russh::Error> {
    channel.request_subsystem(true, "sftp").await?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return Ok(true),
            Some(ChannelMsg::Failure) => return Ok(false),
            Some(_) => {}
            None => return Err(russh::Error::Disconnect),
        }
    }
}

/// Runs one request under a deadline; every failure may pass.
async fn request<T>(phase: &str, deadline: Duration, work: impl Future<Output = SftpResult<T>>) -> Result<T, Outcome> {
    match timeout(deadline, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(retry(format!("sftp: {phase}: {error}"))),
        Err(_) => Err(retry(format!("sftp: {phase}: timed out"))),
    }
}

impl Session {
    /// Says goodbye; the file is safe already, so nobody waits for an answer.
    pub(super) async fn close(self) {
        let _ = self.sftp.raw.close_session();
        let _ = timeout(Duration::from_secs(1), self.handle.disconnect(Disconnect::ByApplication, "", "")).await;
    }
}
