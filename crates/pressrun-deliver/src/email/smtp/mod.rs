//! Mail over SMTP (RFC 5321) to a relay that the operator trusts.
//!
//! Theory of operation. A mail first waits for its turn ([`pace`]): for its recipients' domain, for a connection, for the rate; that is no
//! part of an attempt. Then it looks whether the relay lets us in at all ([`gate`]). Then it goes over a connection that is open already, or
//! a new one ([`pool`]). What goes wrong is one of four things ([`Trouble`]): the kept connection was closed meanwhile, and another one is
//! made; the relay has enough of us, and we come with fewer connections; the relay or what we know of it has to be put right by somebody, and
//! mail is held; or it is this mail's own, and only this one uses up an attempt. The reason always names the phase, because "timed out" alone
//! sends people to the wrong log.

mod dialogue;
mod gate;
mod hello;
mod login;
mod oauth;
mod pace;
mod pool;
mod reply;
mod stuffing;

use std::fmt::Write as _;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lettre::Address;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use tokio::time::timeout;
use url::Host;

use super::letter::Letter;
use crate::config::{ConfigError, Deadlines, SmtpConfig, SmtpTls};
use crate::dial::{Dialer, Trust};
use crate::http::Http;
use crate::nodes::{AllNodes, KeptOpen};
use crate::outcome::{accepted, presentable, rejected, retry};
use crate::parcel::TurnWatch;
use crate::steps;
use crate::tls::{self, TlsError, TlsFault};
use dialogue::{Dialogue, SmtpError};
use gate::{Cause, Gate};
use hello::HelloName;
use login::Login;
use pace::Pace;
use pool::{Line, Pool};
use reply::Offers;

/// Longest that greylisting usually lasts; a mail that comes again sooner is put off again.
const PUT_OFF_FOR: SignedDuration = SignedDuration::from_secs(305);

/// The relay.
pub(super) struct Relay {
    host: Host,
    port: u16,
    tls: SmtpTls,
    hello: HelloName,
    login: Option<Login>,
    dialer: Dialer,
    deadlines: Deadlines,
    pace: Pace,
    gate: Gate,
    pool: Arc<Pool>,
}

/// The mail was not taken.
#[derive(Debug)]
pub(super) enum NotSent {
    /// It has more bytes than the server takes; the reason says so (D12).
    TooLarge(String),
    /// For every other reason.
    Failed(Outcome),
}

impl From<Outcome> for NotSent {
    fn from(outcome: Outcome) -> Self {
        Self::Failed(outcome)
    }
}

/// What stands between a mail and the relay.
enum Trouble {
    /// A connection that had been kept is closed, or has carried enough; the mail was not touched.
    Stale,
    /// The relay has enough of us.
    Crowd(String),
    /// Somebody has to put the relay right, or what we know of it.
    Fault(String),
    /// It is about this mail, or may pass.
    Mail(NotSent),
}

impl From<Outcome> for Trouble {
    fn from(outcome: Outcome) -> Self {
        Self::Mail(NotSent::Failed(outcome))
    }
}

impl Relay {
    pub(super) fn new(
        config: SmtpConfig,
        (dialer, http): (Dialer, &Http),
        extra_roots: &[Vec<u8>],
        deadlines: Deadlines,
        nodes: Option<Arc<dyn AllNodes>>,
    ) -> Result<Self, ConfigError> {
        let host = Host::parse(&config.host).map_err(|_| ConfigError::MailHost(config.host.clone()))?;
        let login = config.login.map(|login| Login::new(login, (host.to_string(), config.port), http, deadlines.command)).transpose()?;
        // The certificates are trusted of the relay alone; tokens are asked for as anybody would.
        let dialer = match &config.ca_pem {
            Some(pem) => Dialer { tls: tls::client_trusting(extra_roots, pem)?, ..dialer },
            None => dialer,
        };
        let (pool, name) = (Arc::new(Pool::default()), format!("smtp {host}:{}", config.port));
        if let Some(nodes) = &nodes {
            let kept: Weak<dyn KeptOpen> = Arc::<Pool>::downgrade(&pool);
            nodes.keeps(&name, config.pace.connections.max(1), kept);
        }
        Ok(Self {
            host,
            port: config.port,
            tls: config.tls,
            hello: HelloName::new(config.hello_name.as_deref())?,
            login,
            dialer,
            deadlines,
            pace: Pace::new(&config.pace, &name, nodes),
            gate: Gate::default(),
            pool,
        })
    }

    /// Sends one message to one recipient when it is its turn, and answers with what the server said. `now` is the instant of the attempt.
    pub(super) async fn send(
        &self,
        (from, to): (&Address, &Address),
        letter: &Letter,
        now: Timestamp,
        watch: &dyn TurnWatch,
    ) -> Result<String, NotSent> {
        loop {
            let turn = self.pace.turn(to.domain()).await;
            watch.has_turn();
            if let Some(held) = self.held(now).await {
                return Err(held.into());
            }
            let sent = match self.send_over(self.kept_line().await, from, to, letter, now).await {
                Err(Trouble::Stale) => self.send_over(None, from, to, letter, now).await,
                sent => sent,
            };
            match sent {
                Ok(receipt) => {
                    self.gate.open();
                    return Ok(receipt);
                }
                Err(Trouble::Mail(not_sent)) => return Err(not_sent),
                Err(Trouble::Fault(reason)) => return Err(self.shut(Cause::Fault, reason, now).await.into()),
                Err(Trouble::Stale) => return Err(retry("mail: the server closed the connection").into()),
                Err(Trouble::Crowd(reason)) => {
                    // Whoever is connected goes on; this mail waits for one of those connections.
                    let open = self.pool.open();
                    self.pace.lower_to(open, turn);
                    watch.waits_again();
                    tracing::info!(reason, connections = open, "the mail server has enough of us; fewer connections for a while");
                    if open == 0 {
                        return Err(self.shut(Cause::Crowd, reason, now).await.into());
                    }
                }
            }
        }
    }

    /// Opens a connection of its own, logs in and says goodbye. Whatever comes of it holds no mail back.
    pub(super) async fn reach(&self, now: Timestamp) -> Outcome {
        match self.new_line(now).await {
            Ok(line) => {
                // The connection ends here, whether the relay hears why or not.
                let _ = timeout(self.deadlines.command, line.dialogue.quit()).await;
                let user = self.login.as_ref().map(|login| format!(" as {}", login.user())).unwrap_or_default();
                accepted(format!("{} lets us in{user}", self.place()))
            }
            Err(Trouble::Mail(NotSent::Failed(outcome))) => outcome,
            Err(Trouble::Mail(NotSent::TooLarge(reason)) | Trouble::Fault(reason)) => rejected(reason),
            Err(Trouble::Crowd(reason)) => retry(reason),
            Err(Trouble::Stale) => retry("mail: the server closed the connection"),
        }
    }

    async fn held(&self, now: Timestamp) -> Option<Outcome> {
        if !self.gate.is_shut() {
            return None;
        }
        self.gate.held(now, self.present_secret().await.as_ref())
    }

    async fn shut(&self, cause: Cause, reason: String, now: Timestamp) -> Outcome {
        self.gate.shut(cause, reason, now, self.present_secret().await.as_ref())
    }

    async fn present_secret(&self) -> Option<Secret> {
        match &self.login {
            Some(login) => login.present_secret().await,
            None => None,
        }
    }

    /// Sends over `line`, or over a new one.
    async fn send_over(
        &self,
        line: Option<Line>,
        from: &Address,
        to: &Address,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<String, Trouble> {
        let mut line = match line {
            Some(line) => line,
            None => self.new_line(now).await?,
        };
        let options = match Self::mail_options(line.dialogue.offers(), from, to, letter) {
            Ok(options) => options,
            Err(not_sent) => {
                self.pool.keep(line).await;
                return Err(Trouble::Mail(not_sent));
            }
        };
        let envelope = [("MAIL FROM", format!("MAIL FROM:<{from}>{options}")), ("RCPT TO", format!("RCPT TO:<{to}>"))];
        for (phase, command) in envelope {
            if let Err(error) = self.command(&mut line.dialogue, &command).await {
                if phase == "MAIL FROM" && line.is_used() && is_spent(&error) {
                    return Err(Trouble::Stale);
                }
                return Err(self.ended(line, phase, &error, now).await);
            }
            // Nothing of the envelope: the mark in a return path opens something.
            steps::step(|| format!("{phase}: accepted"));
        }
        let asked = timeout(self.deadlines.command, line.dialogue.data()).await.unwrap_or(Err(SmtpError::Silent));
        if let Err(error) = asked {
            return Err(self.ended(line, "DATA", &error, now).await);
        }
        match timeout(self.deadlines.transfer, line.dialogue.message(letter)).await.unwrap_or(Err(SmtpError::Silent)) {
            Ok(reply) => {
                self.pool.keep(line).await;
                Ok(self.shown(&reply.to_string()))
            }
            Err(error) => Err(self.ended(line, "message", &error, now).await),
        }
    }

    /// What `error` means for the mail; a connection on which the server said no is kept for the next one.
    async fn ended(&self, line: Line, phase: &str, error: &SmtpError, now: Timestamp) -> Trouble {
        let trouble = self.trouble(phase, error, now);
        if matches!(error, SmtpError::Refused(reply) if reply.code >= 400 && reply.code != 421) && matches!(trouble, Trouble::Mail(_)) {
            // It let us in far enough to judge the mail.
            self.gate.open();
            self.pool.keep(line).await;
        }
        trouble
    }

    /// SIZE, 8BITMIME and SMTPUTF8, where the server offers them and the message or an address needs them (RFC 1870, 6152, 6531).
    fn mail_options(offers: &Offers, from: &Address, to: &Address, letter: &Letter) -> Result<String, NotSent> {
        let bytes = letter.bytes();
        if let Some(max) = offers.size_max.filter(|max| bytes > *max) {
            return Err(NotSent::TooLarge(format!("mail: the message has {bytes} bytes, and the mail server takes at most {max}")));
        }
        let mut options = String::new();
        let plain = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !(plain(from) && plain(to) && letter.head().is_ascii()) {
            if !offers.smtp_utf8 {
                let odd = if plain(to) { from } else { to };
                return Err(rejected(format!(
                    "mail: {odd} has letters outside ASCII before the @, and the mail server does not take such addresses (no SMTPUTF8)"
                ))
                .into());
            }
            options.push_str(" SMTPUTF8");
            // Bodies are of seven bits; only a head may have more.
            if !letter.head().is_ascii() && offers.eight_bit_mime {
                options.push_str(" BODY=8BITMIME");
            }
        }
        if offers.size {
            let _ = write!(options, " SIZE={bytes}");
        }
        Ok(options)
    }

    /// A kept connection that answers, with whatever was left on it forgotten.
    async fn kept_line(&self) -> Option<Line> {
        while let Some(mut line) = self.pool.take() {
            if self.command(&mut line.dialogue, "RSET").await.is_ok() {
                return Some(line);
            }
        }
        None
    }

    async fn new_line(&self, now: Timestamp) -> Result<Line, Trouble> {
        let opening = self.pool.opening();
        let (mut dialogue, own) = self.connect().await?;
        let command = self.deadlines.command;
        let hello = self.hello.on(own);
        let greeting = self.step("greeting", command, dialogue.greeting(), now).await?;
        steps::step(|| self.shown(&format!("greeting: {greeting}")));
        self.step("EHLO", command, dialogue.hello(&hello), now).await?;
        steps::step(|| format!("EHLO {hello}: {}", dialogue.offers()));
        if self.tls == SmtpTls::StartTls {
            if !dialogue.offers().start_tls {
                let place = self.place();
                return Err(Trouble::Fault(format!(
                    "mail: STARTTLS: {place} does not offer it; write mail.url = \"smtps://{}:465\" if it speaks TLS from the first byte, or \
                     \"smtp+plain://{place}\" to send without encryption",
                    self.host
                )));
            }
            dialogue = self.step("STARTTLS", self.deadlines.connect, dialogue.start_tls(&self.dialer, &self.host), now).await?;
            self.step("EHLO", command, dialogue.hello(&hello), now).await?;
            steps::step(|| format!("EHLO {hello}: {}", dialogue.offers()));
        }
        if let Some(login) = &self.login {
            self.log_in(login, &mut dialogue, now).await?;
            steps::step(|| format!("logged in as {}", login.user()));
        }
        Ok(Line::new(dialogue, opening))
    }

    /// Logs in; a token that is refused is fetched anew once, because it may have been withdrawn before its end.
    async fn log_in(&self, login: &Login, dialogue: &mut Dialogue, now: Timestamp) -> Result<(), Trouble> {
        let mut last = false;
        loop {
            let credentials = login.credentials().await.map_err(|reason| Trouble::Fault(self.shown(&format!("mail: AUTH: {reason}"))))?;
            let tried = timeout(self.deadlines.command, dialogue.authenticate(&credentials)).await.unwrap_or(Err(SmtpError::Silent));
            match tried {
                Ok(()) => return Ok(()),
                Err(SmtpError::Refused(_)) if !last && login.refused(&credentials).await => last = true,
                Err(error) => return Err(self.trouble("AUTH", &error, now)),
            }
        }
    }

    /// A connection, and the address that it leaves from.
    async fn connect(&self) -> Result<(Dialogue, IpAddr), Trouble> {
        let opened = async {
            let opened = self.dialer.open_from(&self.host, self.port, Trust::Operator).await;
            let (stream, own) = opened.map_err(|error| Trouble::from(retry(self.shown(&format!("mail: {error}")))))?;
            if self.tls != SmtpTls::Implicit {
                return Ok::<_, Trouble>((Dialogue::new(stream), own));
            }
            let secured = self.dialer.secure(&self.host, stream).await.map_err(|error| self.about_tls("TLS", &error))?;
            Ok((Dialogue::new(Box::pin(secured)), own))
        };
        timeout(self.deadlines.connect, opened).await.unwrap_or_else(|_| Err(retry("mail: connect: timed out").into()))
    }

    /// One command under its deadline.
    async fn command(&self, dialogue: &mut Dialogue, line: &str) -> Result<(), SmtpError> {
        timeout(self.deadlines.command, dialogue.command(line)).await.unwrap_or(Err(SmtpError::Silent)).map(drop)
    }

    /// Runs one phase before the first envelope under its deadline.
    async fn step<T>(
        &self,
        phase: &str,
        deadline: Duration,
        work: impl Future<Output = Result<T, SmtpError>>,
        now: Timestamp,
    ) -> Result<T, Trouble> {
        timeout(deadline, work).await.unwrap_or(Err(SmtpError::Silent)).map_err(|error| self.trouble(phase, &error, now))
    }

    /// Whose fault it is. What is said before the first envelope is about us and the relay; afterwards it is about the mail, 5xx for good.
    fn trouble(&self, phase: &str, error: &SmtpError, now: Timestamp) -> Trouble {
        let reason = self.shown(&format!("mail: {phase}: {error}{}", self.hint(phase, error)));
        let is_opening = matches!(phase, "greeting" | "EHLO" | "STARTTLS" | "AUTH");
        match error {
            SmtpError::Refused(_) if is_about_crowd(error) => Trouble::Crowd(reason),
            SmtpError::Refused(reply) if reply.is_about_login() || is_opening && reply.is_final() => Trouble::Fault(reason),
            SmtpError::Refused(reply) if phase != "RCPT TO" && reply.is_about_size() => Trouble::Mail(NotSent::TooLarge(reason)),
            SmtpError::Refused(reply) if reply.is_final() => rejected(reason).into(),
            SmtpError::Refused(reply) if !is_opening && reply.is_put_off() => {
                Outcome::Retry { reason, not_before: now.checked_add(PUT_OFF_FOR).ok() }.into()
            }
            SmtpError::Lacking(_) => Trouble::Fault(reason),
            SmtpError::Tls(error) => self.about_tls(phase, error),
            SmtpError::Refused(_) | SmtpError::Broken(_) | SmtpError::Nonsense(_) | SmtpError::Silent | SmtpError::Unreadable(_) => {
                retry(reason).into()
            }
        }
    }

    /// What to look at.
    fn hint(&self, phase: &str, error: &SmtpError) -> String {
        match error {
            SmtpError::Refused(reply) if phase == "AUTH" && reply.is_final() || reply.is_about_login() => {
                let keys = self.login.as_ref().map_or("mail.username and mail.password", Login::keys);
                format!("; the mail server refused the login: check {keys}")
            }
            SmtpError::Refused(_) if phase == "EHLO" => "; how we introduce ourselves is set by mail.hello_name".to_owned(),
            SmtpError::Silent if phase == "greeting" && self.tls != SmtpTls::Implicit && self.port == 465 => {
                format!("; port 465 usually speaks TLS from the first byte: write mail.url = \"smtps://{}\"", self.place())
            }
            _ => String::new(),
        }
    }

    /// A certificate that is not trusted today will not be in a minute: somebody has to look at it.
    fn about_tls(&self, phase: &str, error: &TlsError) -> Trouble {
        let (place, host) = (self.place(), &self.host);
        let hint = match error.fault {
            TlsFault::Untrusted => "; if it is the right one, name a file with it, or with its authority's, in mail.ca_file".to_owned(),
            TlsFault::NoTls if self.tls == SmtpTls::Implicit => {
                format!("; for a server that begins in the clear and offers STARTTLS write mail.url = \"smtp://{host}:587\"")
            }
            TlsFault::Certificate | TlsFault::NoTls | TlsFault::Handshake => String::new(),
        };
        let reason = self.shown(&format!("mail: {phase}: {place}: {error}{hint}"));
        match error.fault {
            TlsFault::Untrusted | TlsFault::Certificate => Trouble::Fault(reason),
            TlsFault::NoTls | TlsFault::Handshake => retry(reason).into(),
        }
    }

    /// Where the relay is, as it is written in mail.url.
    fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn shown(&self, text: &str) -> String {
        let secrets = self.login.as_ref().map(Login::secrets).unwrap_or_default();
        presentable(text, &secrets.iter().collect::<Vec<_>>())
    }
}

/// Whether a connection that carried mails is at its end while another one may go on.
fn is_spent(error: &SmtpError) -> bool {
    match error {
        SmtpError::Broken(_) => true,
        SmtpError::Refused(reply) => reply.is_about_messages() || reply.code == 421 && !reply.is_about_crowd(),
        _ => false,
    }
}

fn is_about_crowd(error: &SmtpError) -> bool {
    matches!(error, SmtpError::Refused(reply) if reply.is_about_crowd())
}
