//! A mail server that records every envelope and message, and refuses, delays or breaks as told.

mod dialogue;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::{Hang, TestCertificate};
use dialogue::{Dialogue, Wire};

/// One mail as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    /// `MAIL FROM`.
    pub from: String,
    /// `RCPT TO`, those accepted.
    pub to: Vec<String>,
    /// Parameters of `MAIL FROM`, such as `SMTPUTF8`.
    pub options: String,
    /// The message, dots unstuffed.
    pub data: Vec<u8>,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// Who logged in.
    pub user: Option<String>,
}

impl ReceivedMail {
    /// The message as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }

    /// A header of the message, unfolded, its encoded words as they are.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// Where in the dialogue something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmtpPhase {
    /// Before the greeting.
    Connect,
    /// At `EHLO`.
    Ehlo,
    /// At `STARTTLS`.
    StartTls,
    /// At `AUTH`.
    Auth,
    /// At `MAIL FROM`.
    Mail,
    /// At `RCPT TO`.
    Rcpt,
    /// At `DATA`.
    Data,
    /// After the message.
    Message,
}

/// Encryption that the sink offers.
#[derive(Clone, Default)]
pub enum SmtpSinkTls {
    /// None.
    #[default]
    None,
    /// `STARTTLS`.
    StartTls(TestCertificate),
    /// From the first byte.
    Implicit(TestCertificate),
}

/// What the sink does.
#[derive(Clone, Default)]
pub struct SmtpScript {
    /// Answers to `RCPT TO`, by address.
    pub refuse: HashMap<String, (u16, String)>,
    /// Answer to any phase, for ever.
    pub answer: HashMap<SmtpPhase, (u16, String)>,
    /// The first so many `RCPT TO` are put off with 451.
    pub greylist: usize,
    /// Closes the connection here.
    pub drop_at: Option<SmtpPhase>,
    /// Falls silent here.
    pub hang_at: Option<SmtpPhase>,
    /// Falls silent at the beginning of the next mail when it has taken so many.
    pub hang_after: Option<usize>,
    /// Encryption.
    pub tls: SmtpSinkTls,
    /// User name and password that are asked for.
    pub credentials: Option<(String, String)>,
    /// Offers `AUTH LOGIN` only.
    pub only_login: bool,
    /// Offers `SMTPUTF8`.
    pub smtputf8: bool,
    /// Takes messages of at most this many bytes.
    pub size_max: Option<usize>,
    /// Does not say so beforehand (RFC 1870), but after the message.
    pub hides_size: bool,
    /// User name and access token that are asked for, by `XOAUTH2` and `OAUTHBEARER`.
    pub token: Option<(String, String)>,
    /// Offers `AUTH OAUTHBEARER` only.
    pub only_oauthbearer: bool,
    /// Takes only a name with a dot or the literal of the client's own address after `EHLO`, as strict relays do (RFC 5321 §4.1.4).
    pub checks_hello: bool,
    /// Refuses connections beyond so many with 421.
    pub connections_max: Option<usize>,
    /// Closes with 421 after so many mails of a connection.
    pub mails_max: Option<usize>,
    /// Answer to what is more than [`SmtpScript::mails_max`], on a connection that stays open; 421 and the end without it.
    pub mails_max_answer: Option<String>,
    /// Keeps sizes of messages and not their bytes.
    pub forgets_content: bool,
    /// Answers no message before so many have arrived.
    pub together: Option<usize>,
    /// Says this in the clear right behind its answer to `STARTTLS`, as someone on the wire could.
    pub injects: Option<String>,
}

struct State {
    script: Mutex<SmtpScript>,
    mails: watch::Sender<Vec<ReceivedMail>>,
    connections: watch::Sender<usize>,
    /// Open at present, and the most that ever were.
    open: watch::Sender<(usize, usize)>,
    hellos: Mutex<Vec<String>>,
    logins: watch::Sender<usize>,
    arrived: watch::Sender<usize>,
    bytes: Mutex<u64>,
    hang: Hang,
}

/// The sink; stops when dropped.
pub struct SmtpSink {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl SmtpSink {
    /// Listens and follows the script.
    pub async fn start(script: SmtpScript) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            script: Mutex::new(script),
            mails: watch::Sender::new(Vec::new()),
            connections: watch::Sender::new(0),
            open: watch::Sender::new((0, 0)),
            hellos: Mutex::default(),
            logins: watch::Sender::new(0),
            arrived: watch::Sender::new(0),
            bytes: Mutex::default(),
            hang: Hang::default(),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, peer)) = listener.accept().await {
                shared.connections.send_modify(|count| *count += 1);
                let state = Arc::clone(&shared);
                let counted = Counted::new(&state);
                open.spawn(async move {
                    let _counted = counted;
                    let tls = lock(&state.script).tls.clone();
                    let (wire, encrypted): (Wire, bool) = match tls {
                        SmtpSinkTls::Implicit(certificate) => {
                            let Ok(stream) = TlsAcceptor::from(certificate.server).accept(stream).await else { return };
                            (Box::pin(stream), true)
                        }
                        _ => (Box::pin(stream), false),
                    };
                    let _ = Dialogue::new(wire, encrypted, peer.ip(), state).run().await;
                });
            }
        });
        Self { address, state, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port alone; the host is `127.0.0.1`, or `localhost` with TLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what happens from now on.
    pub fn follow(&self, change: impl FnOnce(&mut SmtpScript)) {
        change(&mut lock(&self.state.script));
    }

    /// Every mail taken so far.
    #[must_use]
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.state.mails.borrow().clone()
    }

    /// Ends when `count` mails were taken, and answers with them.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedMail> {
        let mut mails = self.state.mails.subscribe();
        mails.wait_for(|found| found.len() >= count).await.expect("the sink lives").clone()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.state.connections.borrow()
    }

    /// Ends when no connection is open.
    pub async fn all_closed(&self) {
        let mut open = self.state.open.subscribe();
        open.wait_for(|(now, _)| *now == 0).await.expect("the sink lives");
    }

    /// The most connections that were open at once.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.state.open.borrow().1
    }

    /// What clients said after `EHLO`, in order.
    #[must_use]
    pub fn hellos(&self) -> Vec<String> {
        lock(&self.state.hellos).clone()
    }

    /// How often somebody tried to log in.
    #[must_use]
    pub fn logins(&self) -> usize {
        *self.state.logins.borrow()
    }

    /// Bytes of all messages.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        *lock(&self.state.bytes)
    }

    /// Announces silence that the script asked for.
    #[must_use]
    pub fn hang(&self) -> Hang {
        self.state.hang.clone()
    }
}

/// One of the open connections.
struct Counted(Arc<State>);

impl Counted {
    fn new(state: &Arc<State>) -> Self {
        state.open.send_modify(|(now, most)| {
            *now += 1;
            *most = (*most).max(*now);
        });
        Self(Arc::clone(state))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.send_modify(|(now, _)| *now -= 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
