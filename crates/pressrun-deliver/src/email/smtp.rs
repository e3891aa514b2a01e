//! Mail over SMTP (RFC 5321) to a relay that the operator trusts, with a small pool of open connections.
//!
//! 4xx answers, refused connections, broken TLS and silence may pass: retry. 5xx answers will not: rejected. The reason
//! always names the phase, because "timed out" alone sends people to the wrong log.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use tokio::time::{Instant, timeout};
use url::Host;

use crate::config::{ConfigError, Deadlines, SmtpTls};
use crate::http::{Http, Owner, chain};
use crate::outcome::{accepted, presentable, rejected, retry};
use crate::tls;

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
    parameters: TlsParameters,
    credentials: Option<(String, Secret)>,
    http: Http,
    deadlines: Deadlines,
    idle: Mutex<Vec<Line>>,
}

/// An open connection, authenticated, between two mails.
struct Line {
    connection: AsyncSmtpConnection,
    mails: u32,
    idle_since: Instant,
}

impl Relay {
    pub(super) fn new(
        host: String,
        port: u16,
        encryption: SmtpTls,
        credentials: Option<(String, Secret)>,
        extra_roots: &[Vec<u8>],
        http: Http,
        deadlines: Deadlines,
    ) -> Result<Self, ConfigError> {
        let parsed = Host::parse(&host).map_err(|_| ConfigError::MailHost(host.clone()))?;
        let mut builder = TlsParameters::builder(host);
        let system = tls::system_roots().map(|certificate| certificate.as_ref().to_vec());
        for root in extra_roots.iter().cloned().chain(system) {
            builder = builder.add_root_certificate(Certificate::from_der(root).map_err(ConfigError::MailTls)?);
        }
        let parameters = builder.build_rustls().map_err(ConfigError::MailTls)?;
        Ok(Self { host: parsed, port, tls: encryption, parameters, credentials, http, deadlines, idle: Mutex::new(Vec::new()) })
    }

    /// Sends one message to one recipient.
    pub(super) async fn send(&self, from: &Address, to: &Address, message: &[u8]) -> Outcome {
        match self.attempt(from, to, message).await {
            Ok(receipt) => accepted(receipt),
            Err(outcome) => outcome,
        }
    }

    async fn attempt(&self, from: &Address, to: &Address, message: &[u8]) -> Result<String, Outcome> {
        let mut line = self.line().await?;
        let options = Self::mail_options(&line, from, to, message)?;
        let command = self.deadlines.command;
        self.step("MAIL FROM", command, line.connection.command(Mail::new(Some(from.clone()), options))).await?;
        if let Err(refused) = self.step("RCPT TO", command, line.connection.command(Rcpt::new(to.clone(), vec![]))).await {
            // The connection is fine, only this recipient is not: forget the envelope and keep the line.
            if self.step("RSET", command, line.connection.command(Rset)).await.is_ok() {
                self.keep(line);
            }
            return Err(refused);
        }
        self.step("DATA", command, line.connection.command(Data)).await?;
        let answer = self.step("message", self.deadlines.transfer, line.connection.message(message)).await?;
        self.keep(line);
        Ok(self.shown(&spoken(&answer)))
    }

    /// 8BITMIME and SMTPUTF8 where the message or an address needs them (RFC 6152, 6531).
    fn mail_options(line: &Line, from: &Address, to: &Address, message: &[u8]) -> Result<Vec<MailParameter>, Outcome> {
        let server = line.connection.server_info();
        let mut options = Vec::new();
        let plain = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !(plain(from) && plain(to)) {
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(rejected(format!(
                    "mail: {to} has letters outside ASCII before the @, and the mail server does not take such addresses (no SMTPUTF8)"
                )));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !message.is_ascii() && server.supports_feature(Extension::EightBitMime) {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(options)
    }

    /// A connection that answers: a kept one, or a new one.
    async fn line(&self) -> Result<Line, Outcome> {
        while let Some(mut line) = self.take_idle() {
            if self.step("NOOP", self.deadlines.command, line.connection.command(Noop)).await.is_ok() {
                return Ok(line);
            }
        }
        let connection = timeout(self.deadlines.connect, self.connect()).await.map_err(|_| retry("mail: connect: timed out"))??;
        let mut line = Line { connection, mails: 0, idle_since: Instant::now() };
        if self.tls == SmtpTls::StartTls {
            self.start_tls(&mut line.connection).await?;
        }
        if let Some((user, password)) = &self.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            self.step("AUTH", self.deadlines.command, line.connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials)).await?;
        }
        Ok(line)
    }

    async fn start_tls(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Outcome> {
        if !connection.can_starttls() {
            return Err(rejected("mail: STARTTLS: the mail server does not offer it; set tls to none or implicit if that is right"));
        }
        let hello = hello();
        self.step("STARTTLS", self.deadlines.connect, connection.starttls(self.parameters.clone(), &hello)).await
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Outcome> {
        if self.tls == SmtpTls::Implicit {
            let addresses = self
                .http
                .addresses(&self.host, self.port, Owner::Operator)
                .await
                .map_err(|error| retry(self.shown(&format!("mail: connect: {}", chain(&error)))))?;
            let parameters = Some(self.parameters.clone());
            return AsyncSmtpConnection::connect_tokio1(&addresses[..], None, &hello(), parameters, None)
                .await
                .map_err(|error| self.judge("connect with TLS", &error));
        }
        let stream =
            self.http.open(&self.host, self.port, Owner::Operator).await.map_err(|error| retry(self.shown(&format!("mail: {error}"))))?;
        AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello()).await.map_err(|error| self.judge("greeting", &error))
    }

    /// Runs one phase under its deadline.
    async fn step<T>(&self, phase: &str, deadline: Duration, work: impl Future<Output = Result<T, SmtpError>>) -> Result<T, Outcome> {
        match timeout(deadline, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.judge(phase, &error)),
            Err(_) => Err(retry(format!("mail: {phase}: timed out"))),
        }
    }

    /// 5xx and what this side cannot do are final; everything else may pass.
    fn judge(&self, phase: &str, error: &SmtpError) -> Outcome {
        let reason = self.shown(&format!("mail: {phase}: {}", chain(error)));
        if error.is_permanent() || error.is_client() { rejected(reason) } else { retry(reason) }
    }

    fn shown(&self, text: &str) -> String {
        let secrets: Vec<&Secret> = self.credentials.iter().map(|(_, password)| password).collect();
        presentable(text, &secrets)
    }

    fn take_idle(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.retain(|line| line.idle_since.elapsed() < IDLE_FOR);
        idle.pop()
    }

    fn keep(&self, mut line: Line) {
        line.mails += 1;
        line.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if idle.len() < IDLE_MAX && line.mails < MAILS_MAX && !line.connection.has_broken() {
            idle.push(line);
        }
    }
}

/// How we introduce ourselves: an address literal, as RFC 5321 §4.1.3 wants it of hosts without a name.
fn hello() -> ClientId {
    ClientId::default()
}

fn spoken(answer: &Response) -> String {
    let lines: Vec<&str> = answer.message().collect();
    format!("{} {}", answer.code(), lines.join(" "))
}
