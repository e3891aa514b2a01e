//! From a host name to an open SFTP session: connect, check the host key, log in, start the subsystem.
//!
//! The host key is judged inside the key exchange, before any credential leaves this process (D7).

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Host, SftpSettings};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Msg};
use russh::keys::{Algorithm, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Disconnect, MethodKind, Preferred};
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::rawsession::SftpResult;
use tokio::time::timeout;

use super::host_key::Pinned;
use super::private_key;
use crate::config::Deadlines;
use crate::dial::{Dialer, Trust};
use crate::outcome::{chain, rejected, retry};

/// Rounds of questions a server may ask.
const QUESTIONS_MAX: usize = 4;

/// An open session.
pub(super) struct Session {
    handle: Handle<Watch>,
    pub(super) sftp: Sftp,
    /// The key that the server showed, in OpenSSH form.
    pub(super) host_key: Arc<Mutex<Option<String>>>,
}

/// The SFTP side, with what the server can do.
pub(super) struct Sftp {
    pub(super) raw: RawSftpSession,
    pub(super) can_fsync: bool,
    pub(super) can_replace: bool,
}

/// Judges the host key.
struct Watch {
    pinned: Option<Pinned>,
    shown: Arc<Mutex<Option<String>>>,
    mismatch: Arc<Mutex<bool>>,
}

impl russh::client::Handler for Watch {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        let plain = PublicKey::from(key.key_data().clone());
        let matches = self.pinned.as_ref().is_none_or(|pinned| pinned.is(&plain));
        if matches {
            *self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = plain.to_openssh().ok();
        } else {
            *self.mismatch.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = true;
        }
        Ok(matches)
    }
}

/// Opens a session, or says in which phase it failed.
pub(super) async fn open(settings: &SftpSettings, dialer: &Dialer, deadlines: Deadlines) -> Result<Session, Outcome> {
    let host = Host::of_sftp_address(&settings.address).map_err(|fault| rejected(format!("Invalid SFTP address: {fault}")))?;
    let pinned = match settings.host_key.as_deref() {
        None => None,
        Some(text) => Some(Pinned::parse(text).map_err(|fault| rejected(format!("sftp: the pinned host key cannot be used: {fault}")))?),
    };
    let credential = Credential::of(settings)?;

    let stream = dialer.open(host.as_url_host(), settings.port, Trust::Tenant).await.map_err(|error| {
        let reason = format!("sftp: {error}");
        if error.refused { rejected(reason) } else { retry(reason) }
    })?;

    let (shown, mismatch) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(false)));
    let config = russh::client::Config { preferred: preferred(pinned.as_ref()), nodelay: true, ..Default::default() };
    let watch = Watch { pinned, shown: Arc::clone(&shown), mismatch: Arc::clone(&mismatch) };
    let exchange = russh::client::connect_stream(Arc::new(config), stream, watch);
    let mut handle = match timeout(deadlines.command, exchange).await {
        Ok(Ok(handle)) => handle,
        Ok(Err(_)) if *mismatch.lock().unwrap_or_else(std::sync::PoisonError::into_inner) => {
            return Err(rejected(
                "sftp: the server's host key is not the pinned one; nothing was sent. If the change is right, update the destination's host key",
            ));
        }
        Ok(Err(error)) => return Err(retry(format!("sftp: SSH handshake: {}", chain(&error)))),
        Err(_) => return Err(retry("sftp: SSH handshake: timed out")),
    };

    credential.log_in(&mut handle, &settings.username, deadlines.command).await?;
    let sftp = start(&handle, deadlines).await?;
    Ok(Session { handle, sftp, host_key: shown })
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
    let stream = channel.into_stream();
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

/// With a pinned key its algorithm goes first, so that a server with several keys shows the pinned one.
fn preferred(pinned: Option<&Pinned>) -> Preferred {
    let mut preferred = Preferred::default();
    if let Some(wanted) = pinned.and_then(Pinned::algorithm) {
        let same = |algorithm: &Algorithm| *algorithm == wanted || (algorithm.clone().is_rsa() && wanted.clone().is_rsa());
        let (first, rest): (Vec<_>, Vec<_>) = preferred.key.iter().cloned().partition(same);
        preferred.key = Cow::Owned(first.into_iter().chain(rest).collect());
    }
    preferred
}

/// What to log in with.
enum Credential {
    Key(Arc<russh::keys::PrivateKey>),
    Password(String),
}

impl Credential {
    fn of(settings: &SftpSettings) -> Result<Self, Outcome> {
        if let Some(key) = &settings.private_key {
            let read = private_key::read(key, settings.passphrase.as_ref());
            return read.map(|key| Self::Key(Arc::new(key))).map_err(|fault| rejected(format!("sftp: {fault}")));
        }
        match &settings.password {
            Some(password) => Ok(Self::Password(password.expose().to_owned())),
            None => Err(rejected("sftp: neither a password nor a private key is set")),
        }
    }

    async fn log_in(&self, handle: &mut Handle<Watch>, user: &str, deadline: Duration) -> Result<(), Outcome> {
        let answer = match timeout(deadline, self.authenticate(handle, user)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(retry(format!("sftp: login: {}", chain(&error)))),
            Err(_) => return Err(retry("sftp: login: timed out")),
        };
        match answer {
            AuthResult::Success => Ok(()),
            // The library reports a cut connection as a refusal without any method left.
            AuthResult::Failure { remaining_methods, .. } if remaining_methods.is_empty() && handle.is_closed() => {
                Err(retry("sftp: login: the server closed the connection"))
            }
            AuthResult::Failure { .. } => Err(rejected(match self {
                Self::Key(_) => "sftp: login: the server refused the user name or the private key",
                Self::Password(_) => "sftp: login: wrong user name or password",
            })),
        }
    }

    async fn authenticate(&self, handle: &mut Handle<Watch>, user: &str) -> Result<AuthResult, russh::Error> {
        match self {
            Self::Key(key) => {
                let hash = if key.algorithm().is_rsa() { handle.best_supported_rsa_hash().await?.flatten() } else { None };
                handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::clone(key), hash)).await
            }
            Self::Password(password) => {
                let answer = handle.authenticate_password(user, password).await?;
                let asks = matches!(&answer, AuthResult::Failure { remaining_methods, .. }
                    if remaining_methods.contains(&MethodKind::KeyboardInteractive) && !remaining_methods.contains(&MethodKind::Password));
                if asks { Self::answer_questions(handle, user, password).await } else { Ok(answer) }
            }
        }
    }

    /// Some servers take passwords only as the answer to a question.
    async fn answer_questions(handle: &mut Handle<Watch>, user: &str, password: &str) -> Result<AuthResult, russh::Error> {
        let mut answer = handle.authenticate_keyboard_interactive_start(user, None).await?;
        for _ in 0..QUESTIONS_MAX {
            match answer {
                KeyboardInteractiveAuthResponse::Success => return Ok(AuthResult::Success),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    return Ok(AuthResult::Failure { remaining_methods, partial_success });
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                    let answers = prompts.iter().map(|_| password.to_owned()).collect();
                    answer = handle.authenticate_keyboard_interactive_respond(answers).await?;
                }
            }
        }
        Ok(AuthResult::Failure { remaining_methods: russh::MethodSet::empty(), partial_success: false })
    }
}
