//! A mail server that records every envelope and message, and refuses, delays or breaks as told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::{Hang, TestCertificate};

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
    /// Says this in the clear right behind its answer to `STARTTLS`, as someone on the wire could.
    pub injects: Option<String>,
}

struct State {
    script: Mutex<SmtpScript>,
    mails: watch::Sender<Vec<ReceivedMail>>,
    connections: watch::Sender<usize>,
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
            hang: Hang::default(),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.send_modify(|count| *count += 1);
                let state = Arc::clone(&shared);
                open.spawn(async move {
                    let tls = lock(&state.script).tls.clone();
                    let (wire, encrypted): (Wire, bool) = match tls {
                        SmtpSinkTls::Implicit(certificate) => {
                            let Ok(stream) = TlsAcceptor::from(certificate.server).accept(stream).await else { return };
                            (Box::pin(stream), true)
                        }
                        _ => (Box::pin(stream), false),
                    };
                    let _ = Dialogue::new(wire, encrypted, state).run().await;
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

    /// Announces silence that the script asked for.
    #[must_use]
    pub fn hang(&self) -> Hang {
        self.state.hang.clone()
    }
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}
type Wire = Pin<Box<dyn Stream>>;

/// The connection is over: closed by either side.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Dialogue {
    wire: BufReader<Wire>,
    encrypted: bool,
    state: Arc<State>,
    user: Option<String>,
    from: String,
    options: String,
    to: Vec<String>,
}

impl Dialogue {
    fn new(wire: Wire, encrypted: bool, state: Arc<State>) -> Self {
        Self { wire: BufReader::new(wire), encrypted, state, user: None, from: String::new(), options: String::new(), to: Vec::new() }
    }

    fn script(&self) -> SmtpScript {
        lock(&self.state.script).clone()
    }

    async fn run(mut self) -> Result<(), Over> {
        if self.may_go_on(SmtpPhase::Connect).await? {
            self.say("220 sink.test ESMTP").await?;
        }
        loop {
            let line = self.hear().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "HELO" => self.ehlo().await?,
                "STARTTLS" => self = self.start_tls().await?,
                "AUTH" => self.auth(&line).await?,
                "MAIL" => self.mail(&line).await?,
                "RCPT" => self.rcpt(&line).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.to.clear();
                    self.say("250 2.0.0 forgotten").await?;
                }
                "NOOP" => self.say("250 2.0.0 ok").await?,
                "QUIT" => {
                    self.say("221 2.0.0 bye").await?;
                    return Ok(());
                }
                _ => self.say("502 5.5.1 unknown command").await?,
            }
        }
    }

    /// Follows the script at this phase; `false` when it has already answered.
    async fn may_go_on(&mut self, phase: SmtpPhase) -> Result<bool, Over> {
        let script = self.script();
        if script.hang_at == Some(phase) {
            self.state.hang.forever().await;
        }
        if script.drop_at == Some(phase) {
            return Err(Over);
        }
        if let Some((code, text)) = script.answer.get(&phase) {
            self.say(&format!("{code} {text}")).await?;
            return Ok(false);
        }
        Ok(true)
    }

    async fn ehlo(&mut self) -> Result<(), Over> {
        if !self.may_go_on(SmtpPhase::Ehlo).await? {
            return Ok(());
        }
        let script = self.script();
        let size = format!("SIZE {}", script.size_max.unwrap_or(104_857_600));
        let mut lines = vec!["sink.test", "8BITMIME"];
        if !script.hides_size {
            lines.push(&size);
        }
        if matches!(script.tls, SmtpSinkTls::StartTls(_)) && !self.encrypted {
            lines.push("STARTTLS");
        }
        if script.credentials.is_some() {
            lines.push(if script.only_login { "AUTH LOGIN" } else { "AUTH PLAIN LOGIN" });
        }
        if script.smtputf8 {
            lines.push("SMTPUTF8");
        }
        let last = lines.pop().unwrap_or("sink.test");
        for line in lines {
            self.say(&format!("250-{line}")).await?;
        }
        self.say(&format!("250 {last}")).await
    }

    async fn start_tls(mut self) -> Result<Self, Over> {
        let SmtpSinkTls::StartTls(certificate) = self.script().tls else {
            self.say("502 5.5.1 not offered").await?;
            return Ok(self);
        };
        if !self.may_go_on(SmtpPhase::StartTls).await? {
            return Ok(self);
        }
        let injected = self.script().injects.map(|text| format!("\r\n{text}")).unwrap_or_default();
        self.say(&format!("220 2.0.0 go ahead{injected}")).await?;
        let stream = TlsAcceptor::from(certificate.server).accept(self.wire.into_inner()).await?;
        Ok(Self::new(Box::pin(stream), true, self.state))
    }

    async fn auth(&mut self, line: &str) -> Result<(), Over> {
        if !self.may_go_on(SmtpPhase::Auth).await? {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let decode = |text: &str| String::from_utf8_lossy(&BASE64.decode(text).unwrap_or_default()).into_owned();
        let (user, password) = match (words.get(1).map(|word| word.to_ascii_uppercase()).as_deref(), words.get(2)) {
            (Some("PLAIN"), Some(given)) => {
                let text = decode(given);
                let mut parts = text.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            (Some("LOGIN"), _) => {
                self.say("334 VXNlcm5hbWU6").await?;
                let user = decode(&self.hear().await?);
                self.say("334 UGFzc3dvcmQ6").await?;
                (user, decode(&self.hear().await?))
            }
            _ => return self.say("504 5.5.4 unknown mechanism").await,
        };
        if self.script().credentials == Some((user.clone(), password.clone())) {
            self.user = Some(user);
            self.say("235 2.7.0 welcome").await
        } else {
            // Some servers quote what they refuse.
            self.say(&format!("535 5.7.8 {user} {password} is wrong")).await
        }
    }

    async fn mail(&mut self, line: &str) -> Result<(), Over> {
        if !self.may_go_on(SmtpPhase::Mail).await? {
            return Ok(());
        }
        if self.script().credentials.is_some() && self.user.is_none() {
            return self.say("530 5.7.0 log in first").await;
        }
        let (address, options) = path(line);
        (self.from, self.options, self.to) = (address, options, Vec::new());
        self.say("250 2.1.0 ok").await
    }

    async fn rcpt(&mut self, line: &str) -> Result<(), Over> {
        if !self.may_go_on(SmtpPhase::Rcpt).await? {
            return Ok(());
        }
        let (address, _) = path(line);
        let put_off = {
            let mut script = lock(&self.state.script);
            let put_off = script.greylist > 0;
            script.greylist = script.greylist.saturating_sub(1);
            put_off
        };
        if put_off {
            return self.say("451 4.7.1 greylisted, come back later").await;
        }
        if let Some((code, text)) = self.script().refuse.get(&address) {
            return self.say(&format!("{code} {text}")).await;
        }
        self.to.push(address);
        self.say("250 2.1.5 ok").await
    }

    async fn data(&mut self) -> Result<(), Over> {
        if !self.may_go_on(SmtpPhase::Data).await? {
            return Ok(());
        }
        self.say("354 go ahead").await?;
        let mut data = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.wire.read_until(b'\n', &mut line).await? == 0 {
                return Err(Over);
            }
            if line == b".\r\n" {
                break;
            }
            data.extend_from_slice(if line.starts_with(b".") { &line[1..] } else { &line });
        }
        if self.script().size_max.is_some_and(|max| data.len() > max) {
            return self.say("552 5.3.4 message size exceeds fixed limit").await;
        }
        // The mail is taken before the answer is lost: the case that idempotency marks exist for (I6).
        let late = [self.script().drop_at, self.script().hang_at].contains(&Some(SmtpPhase::Message));
        let mail = ReceivedMail {
            from: self.from.clone(),
            to: std::mem::take(&mut self.to),
            options: self.options.clone(),
            data,
            encrypted: self.encrypted,
            user: self.user.clone(),
        };
        if late {
            self.state.mails.send_modify(|mails| mails.push(mail.clone()));
        }
        if !self.may_go_on(SmtpPhase::Message).await? {
            return Ok(());
        }
        self.state.mails.send_modify(|mails| mails.push(mail));
        self.say("250 2.0.0 queued as TEST1").await
    }

    async fn say(&mut self, line: &str) -> Result<(), Over> {
        self.wire.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.wire.flush().await?;
        Ok(())
    }

    async fn hear(&mut self) -> Result<String, Over> {
        let mut line = String::new();
        if self.wire.read_line(&mut line).await? == 0 {
            return Err(Over);
        }
        Ok(line.trim_end().to_owned())
    }
}

/// What stands between `<` and `>`, and what follows.
fn path(line: &str) -> (String, String) {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(address, rest)| (address.to_owned(), rest.trim().to_owned())).unwrap_or_default()
}
