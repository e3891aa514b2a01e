//! An SSH server in this process: a user with a password, files in a folder, and faults as told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use russh_sftp::protocol::StatusCode;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::files::Files;
use super::openssh::SshKey;
use crate::Hang;
use crate::sample::temp_dir;

/// Where in the dialogue something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SftpPhase {
    /// Before the SSH greeting.
    Connect,
    /// At a password.
    Login,
    /// When a channel is opened.
    Channel,
    /// When the subsystem is asked for.
    Subsystem,
    /// At the first SFTP packet.
    Start,
    /// When the folder is looked at.
    Folder,
    /// When the file is created.
    Open,
    /// At a write.
    Write,
    /// At `fsync@openssh.com`.
    Flush,
    /// When the file is closed.
    Close,
    /// When the finished file is looked at.
    Check,
    /// When a file is removed.
    Remove,
    /// At a rename of either kind.
    Rename,
}

impl SftpPhase {
    /// Those that SFTP answers with a status.
    pub const REQUESTS: [Self; 8] =
        [Self::Folder, Self::Open, Self::Write, Self::Flush, Self::Close, Self::Check, Self::Remove, Self::Rename];
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SftpLogin {
    /// With the authorized key.
    Key,
    /// With the password.
    Password,
    /// With the password, as the answer to a question.
    Questions,
}

impl SftpLogin {
    fn method(self) -> MethodKind {
        match self {
            Self::Key => MethodKind::PublicKey,
            Self::Password => MethodKind::Password,
            Self::Questions => MethodKind::KeyboardInteractive,
        }
    }
}

/// What the server does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SftpScript {
    /// Falls silent here.
    pub hang_at: Option<SftpPhase>,
    /// Answers this request with this status.
    pub fail_at: Option<(SftpPhase, StatusCode)>,
    /// Closes the connection instead of answering a password.
    pub drop_at_login: bool,
    /// Closes the connection when this many bytes were written.
    pub cut_after_bytes: Option<u64>,
    /// Does not offer `posix-rename@openssh.com` and `fsync@openssh.com`.
    pub plain_version_3: bool,
    /// Takes passwords only as answers to a question.
    pub asks_questions: bool,
    /// Lets in who passes all of these, one after the other; with the password alone when empty.
    pub wants: Vec<SftpLogin>,
    /// The public key, in OpenSSH form, that [`SftpLogin::Key`] is about.
    pub authorized: Option<String>,
    /// Forbids these requests ("permission denied").
    pub forbids: Vec<SftpPhase>,
    /// Forbids to create files whose name begins with a dot.
    pub no_dot_names: bool,
    /// Answers the removal of a file that is not there with a general failure.
    pub vague_removals: bool,
    /// Takes a file away as soon as it is closed ([`SftpServer::taken`]).
    pub takes_on_close: bool,
    /// Sends these bytes on the channel instead of speaking SFTP, and closes it.
    pub babble: Option<Vec<u8>>,
}

pub(super) struct State {
    script: Mutex<SftpScript>,
    user: String,
    password: String,
    passwords_seen: watch::Sender<Vec<String>>,
    logins_seen: watch::Sender<usize>,
    pub(super) root: PathBuf,
    pub(super) hang: Hang,
    pub(super) written: Mutex<u64>,
    pub(super) taken: Mutex<Vec<(String, Vec<u8>)>>,
}

impl State {
    pub(super) fn script(&self) -> SftpScript {
        lock(&self.script).clone()
    }

    /// Falls silent for ever if the script says so.
    pub(super) async fn pause_at(&self, phase: SftpPhase) {
        if self.script().hang_at == Some(phase) {
            self.hang.forever().await;
        }
    }

    fn count_login(&self) {
        self.logins_seen.send_modify(|count| *count += 1);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server; stops when dropped.
pub struct SftpServer {
    address: SocketAddr,
    host_key: SshKey,
    state: Arc<State>,
    accepting: JoinHandle<()>,
    folder: TempDir,
}

impl Drop for SftpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl SftpServer {
    /// Starts it; this user may log in with this password.
    pub async fn start(user: &str, password: &str, script: SftpScript) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (folder, host_key) = (temp_dir(), SshKey::generate());
        let methods = match script.wants.first() {
            Some(first) => vec![first.method()],
            None if script.asks_questions => vec![MethodKind::KeyboardInteractive],
            None => vec![MethodKind::Password, MethodKind::PublicKey],
        };
        let config = Arc::new(Config {
            methods: MethodSet::from(&methods[..]),
            keys: vec![host_key.private()],
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..Config::default()
        });
        let state = Arc::new(State {
            script: Mutex::new(script),
            user: user.to_owned(),
            password: password.to_owned(),
            passwords_seen: watch::Sender::new(Vec::new()),
            logins_seen: watch::Sender::new(0),
            root: folder.path().to_owned(),
            hang: Hang::default(),
            written: Mutex::default(),
            taken: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, config) = (Arc::clone(&shared), Arc::clone(&config));
                open.spawn(async move {
                    state.pause_at(SftpPhase::Connect).await;
                    let connection = Connection { state, channel: None, passed: 0 };
                    if let Ok(session) = russh::server::run_stream(config, stream, connection).await {
                        let _ = session.await;
                    }
                });
            }
        });
        Self { address, host_key, state, accepting, folder }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The host key in OpenSSH form.
    #[must_use]
    pub fn host_key(&self) -> String {
        self.host_key.public_text()
    }

    /// The SHA-256 fingerprint of the host key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.host_key.fingerprint()
    }

    /// The folder that a login starts in.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Changes what happens from now on.
    pub fn follow(&self, change: impl FnOnce(&mut SftpScript)) {
        change(&mut lock(&self.state.script));
    }

    /// Every password that was tried.
    #[must_use]
    pub fn passwords_seen(&self) -> Vec<String> {
        self.state.passwords_seen.borrow().clone()
    }

    /// What was taken away on close: names and bytes, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.state.taken).clone()
    }

    /// How many requests to log in arrived, of every kind, even without a credential in them.
    #[must_use]
    pub fn logins_seen(&self) -> usize {
        *self.state.logins_seen.borrow()
    }

    /// Announces silence that the script asked for.
    #[must_use]
    pub fn hang(&self) -> Hang {
        self.state.hang.clone()
    }
}

struct Connection {
    state: Arc<State>,
    channel: Option<Channel<Msg>>,
    /// How many of the wanted logins were right.
    passed: usize,
}

impl Connection {
    /// Whether a password lets this user in.
    fn is_right(&self, user: &str, password: &str) -> bool {
        self.state.passwords_seen.send_modify(|seen| seen.push(password.to_owned()));
        user == self.state.user && password == self.state.password
    }

    fn authorizes(&self, user: &str, key: &PublicKey) -> bool {
        let authorized = self.state.script().authorized;
        let known = authorized.and_then(|text| PublicKey::from_openssh(&text).ok());
        user == self.state.user && known.is_some_and(|known| known.key_data() == key.key_data())
    }

    /// What a right or wrong `login` leads to, where several are wanted.
    fn step(&mut self, login: SftpLogin, right: bool) -> Auth {
        let wants = self.state.script().wants;
        if wants.is_empty() {
            return if right { Auth::Accept } else { Auth::reject() };
        }
        let in_turn = wants.get(self.passed) == Some(&login) && right;
        self.passed += usize::from(in_turn);
        match wants.get(self.passed) {
            None => Auth::Accept,
            Some(next) => Auth::Reject { proceed_with_methods: Some(MethodSet::from(&[next.method()][..])), partial_success: in_turn },
        }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, russh::Error> {
        self.state.count_login();
        Ok(Auth::reject())
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: russh::server::PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        self.state.count_login();
        Ok(if self.authorizes(user, offer.public_key) { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: russh::server::VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let right = self.authorizes(user, key.public_key);
        Ok(self.step(SftpLogin::Key, right))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.state.count_login();
        let script = self.state.script();
        let right = self.is_right(user, password);
        self.state.pause_at(SftpPhase::Login).await;
        if script.drop_at_login {
            return Err(russh::Error::Disconnect);
        }
        Ok(if script.asks_questions { Auth::reject() } else { self.step(SftpLogin::Password, right) })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<russh::server::Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        self.state.count_login();
        match response {
            None => Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts: vec![("Password: ".into(), false)].into() }),
            Some(mut answers) => {
                let password = answers.next().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
                let right = self.is_right(user, &password);
                Ok(self.step(SftpLogin::Questions, right))
            }
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.state.pause_at(SftpPhase::Channel).await;
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), russh::Error> {
        self.state.pause_at(SftpPhase::Subsystem).await;
        let refused = self.state.script().fail_at.is_some_and(|(phase, _)| phase == SftpPhase::Subsystem);
        match self.channel.take() {
            Some(channel) if name == "sftp" && !refused => {
                session.channel_success(id)?;
                if let Some(bytes) = self.state.script().babble {
                    let mut stream = channel.into_stream();
                    tokio::spawn(async move {
                        let _ = stream.write_all(&bytes).await;
                        let _ = stream.shutdown().await;
                    });
                    return Ok(());
                }
                let files = Files::new(Arc::clone(&self.state), session.handle());
                russh_sftp::server::run(channel.into_stream(), files).await;
                Ok(())
            }
            _ => session.channel_failure(id),
        }
    }
}
