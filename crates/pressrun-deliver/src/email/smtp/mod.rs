//! Mail over SMTP (RFC 5321) to a relay that the operator trusts, with a small pool of open connections.
//!
//! 4xx answers, refused connections, broken TLS and silence may pass: retry. 5xx answers will not: rejected. The reason
//! always names the phase, because "timed out" alone sends people to the wrong log.

mod dialogue;
mod reply;
mod stuffing;

use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use tokio::time::{Instant, timeout};
use url::Host;

use super::letter::Letter;
use crate::config::{ConfigError, Deadlines, SmtpConfig, SmtpTls};
use crate::dial::{Connection, Dialer, Trust};
use crate::outcome::{presentable, rejected, retry};
use dialogue::{Dialogue, SmtpError};
use reply::Offers;

/// Open connections kept for the next mail.
const IDLE_MAX: usize = 8;
/// How long one is kept; most relays close after a few minutes.
const IDLE_FOR: Duration = Duration::from_secs(50);
/// Mails over one connection.
const MAILS_MAX: u32 = 100;

/// The relay.
pub(super) struct Relay {
    host: Host,
    port: u16,
    tls: SmtpTls,
    credentials: Option<(String, Secret)>,
    dialer: Dialer,
    deadlines: Deadlines,
    idle: Mutex<Vec<Line>>,
}

/// An open connection, authenticated, between two mails.
struct Line {
    dialogue: Dialogue,
    mails: u32,
    idle_since: Instant,
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

impl Relay {
    pub(super) fn new(config: SmtpConfig, dialer: Dialer, deadlines: Deadlines) -> Result<Self, ConfigError> {
        let host = Host::parse(&config.host).map_err(|_| ConfigError::MailHost(config.host.clone()))?;
        let SmtpConfig { port, tls, credentials, .. } = config;
        Ok(Self { host, port, tls, credentials, dialer, deadlines, idle: Mutex::default() })
    }

    /// Sends one message to one recipient, and answers with what the server said.
    pub(super) async fn send(&self, from: &Address, to: &Address, letter: &Letter) -> Result<String, NotSent> {
        let mut line = self.line().await?;
        let options = match Self::mail_options(line.dialogue.offers(), from, to, letter) {
            Ok(options) => options,
            Err(not_sent) => {
                self.keep(line);
                return Err(not_sent);
            }
        };
        for (phase, command) in [("MAIL FROM", format!("MAIL FROM:<{from}>{options}")), ("RCPT TO", format!("RCPT TO:<{to}>"))] {
            let Err(error) = self.command(&mut line.dialogue, &command).await else { continue };
            // The connection is fine, only this envelope is not: forget it and keep the line.
            if matches!(error, SmtpError::Refused(_)) && self.command(&mut line.dialogue, "RSET").await.is_ok() {
                self.keep(line);
            }
            return Err(self.judge(phase, &error));
        }
        let asked = timeout(self.deadlines.command, line.dialogue.data()).await.unwrap_or(Err(SmtpError::Silent));
        asked.map_err(|error| self.judge("DATA", &error))?;
        match timeout(self.deadlines.transfer, line.dialogue.message(letter)).await {
            Ok(Ok(reply)) => {
                self.keep(line);
                Ok(self.shown(&reply.to_string()))
            }
            Ok(Err(error)) => Err(self.judge("message", &error)),
            Err(_) => Err(self.judge("message", &SmtpError::Silent)),
        }
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

    /// A connection that answers: a kept one, or a new one.
    async fn line(&self) -> Result<Line, Outcome> {
        while let Some(mut line) = self.take_idle() {
            if self.command(&mut line.dialogue, "NOOP").await.is_ok() {
                return Ok(line);
            }
        }
        let mut dialogue = self.connect().await?;
        let command = self.deadlines.command;
        self.step("greeting", command, dialogue.greeting()).await?;
        self.step("EHLO", command, dialogue.hello()).await?;
        if self.tls == SmtpTls::StartTls {
            if !dialogue.offers().start_tls {
                return Err(rejected("mail: STARTTLS: the mail server does not offer it; set tls to none or implicit if that is right"));
            }
            dialogue = self.step("STARTTLS", self.deadlines.connect, dialogue.start_tls(&self.dialer, &self.host)).await?;
            self.step("EHLO", command, dialogue.hello()).await?;
        }
        if let Some((user, password)) = &self.credentials {
            self.step("AUTH", command, dialogue.authenticate(user, password)).await?;
        }
        Ok(Line { dialogue, mails: 0, idle_since: Instant::now() })
    }

    async fn connect(&self) -> Result<Dialogue, Outcome> {
        let opened = async {
            let stream = self.dialer.open(&self.host, self.port, Trust::Operator).await.map_err(|error| error.to_string())?;
            if self.tls != SmtpTls::Implicit {
                return Ok::<_, String>(stream);
            }
            let secured = self.dialer.secure(&self.host, stream).await.map_err(|reason| format!("TLS: {reason}"))?;
            Ok(Box::pin(secured) as Connection)
        };
        match timeout(self.deadlines.connect, opened).await {
            Ok(Ok(wire)) => Ok(Dialogue::new(wire)),
            Ok(Err(reason)) => Err(retry(self.shown(&format!("mail: {reason}")))),
            Err(_) => Err(retry("mail: connect: timed out")),
        }
    }

    /// One command under its deadline.
    async fn command(&self, dialogue: &mut Dialogue, line: &str) -> Result<(), SmtpError> {
        timeout(self.deadlines.command, dialogue.command(line)).await.unwrap_or(Err(SmtpError::Silent)).map(drop)
    }

    /// Runs one phase before the first envelope under its deadline.
    async fn step<T>(&self, phase: &str, deadline: Duration, work: impl Future<Output = Result<T, SmtpError>>) -> Result<T, Outcome> {
        timeout(deadline, work).await.unwrap_or(Err(SmtpError::Silent)).map_err(|error| self.outcome(phase, &error))
    }

    fn judge(&self, phase: &str, error: &SmtpError) -> NotSent {
        match error {
            SmtpError::Refused(reply) if phase != "RCPT TO" && reply.is_about_size() => {
                NotSent::TooLarge(self.shown(&format!("mail: {phase}: {reply}")))
            }
            error => NotSent::Failed(self.outcome(phase, error)),
        }
    }

    /// 5xx and what the server lacks are final; everything else may pass.
    fn outcome(&self, phase: &str, error: &SmtpError) -> Outcome {
        let hint = match error {
            SmtpError::Refused(reply) if phase == "AUTH" && reply.is_final() => {
                "; the mail server refused the login: check mail.username and mail.password"
            }
            _ => "",
        };
        let reason = self.shown(&format!("mail: {phase}: {error}{hint}"));
        match error {
            SmtpError::Refused(reply) if reply.is_final() => rejected(reason),
            SmtpError::Lacking(_) => rejected(reason),
            SmtpError::Refused(_)
            | SmtpError::Broken(_)
            | SmtpError::Nonsense(_)
            | SmtpError::Tls(_)
            | SmtpError::Silent
            | SmtpError::Unreadable(_) => retry(reason),
        }
    }

    fn shown(&self, text: &str) -> String {
        let Some((user, password)) = &self.credentials else { return presentable(text, &[]) };
        // A server that quotes what it did not understand quotes the login line.
        let line = Secret::new(format!("\0{user}\0{}", password.expose()));
        presentable(text, &[&line, password])
    }

    fn take_idle(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|line| line.idle_since.elapsed() < IDLE_FOR);
        idle.pop()
    }

    fn keep(&self, mut line: Line) {
        line.mails += 1;
        line.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && line.mails < MAILS_MAX {
            idle.push(line);
        }
    }
}
