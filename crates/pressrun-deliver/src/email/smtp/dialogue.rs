//! One connection to a mail server: lines out, bounded replies in.
//!
//! Written here and not taken from the mail library, because a relay may be hostile or broken: a reply is cut off at a bound, what arrives in
//! the clear behind the answer to `STARTTLS` is never taken for an answer inside TLS, and the sizes that a server takes are respected
//! (`docs/decisions/0007-own-smtp-dialogue.md`).

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use url::Host;

use super::login::Credentials;
use super::reply::{Offers, Reply, ReplyLine};
use super::stuffing::Stuffing;
use crate::dial::{Connection, Dialer};
use crate::email::letter::{Letter, Unreadable};
use crate::outcome::chain;
use crate::tls::TlsError;

/// Bytes of one line of a reply; RFC 5321 §4.5.3.1.5 asks for 512.
const LINE_BYTES_MAX: u64 = 4096;
/// Lines of one reply.
const LINES_MAX: usize = 128;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    /// The server said no.
    #[error("{0}")]
    Refused(Reply),
    /// The connection broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// What came back is no SMTP.
    #[error("{0}")]
    Nonsense(&'static str),
    /// TLS could not be agreed on.
    #[error("{0}")]
    Tls(TlsError),
    /// Nothing came back before the deadline of this phase.
    #[error("timed out")]
    Silent,
    /// The message could not be read to its end.
    #[error("{}", chain(.0))]
    Unreadable(Unreadable),
    /// The server lacks what we need, or we lack what it takes to ask.
    #[error("{0}")]
    Lacking(String),
}

/// An open connection.
pub(super) struct Dialogue {
    wire: BufReader<Connection>,
    offers: Offers,
}

impl Dialogue {
    pub(super) fn new(wire: Connection) -> Self {
        Self { wire: BufReader::new(wire), offers: Offers::default() }
    }

    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Waits for the greeting.
    pub(super) async fn greeting(&mut self) -> Result<Reply, SmtpError> {
        self.positive().await
    }

    /// Introduces us, and learns what the server offers.
    pub(super) async fn hello(&mut self, name: &str) -> Result<(), SmtpError> {
        let hello = self.command(&format!("EHLO {name}")).await?;
        self.offers = Offers::of(&hello);
        Ok(())
    }

    /// Asks for TLS. What the server said before the handshake is forgotten (RFC 3207 §4.2): anyone could have said it.
    pub(super) async fn start_tls(mut self, dialer: &Dialer, host: &Host) -> Result<Self, SmtpError> {
        self.command("STARTTLS").await?;
        if !self.wire.buffer().is_empty() {
            return Err(SmtpError::Nonsense("the server went on in the clear after STARTTLS"));
        }
        let secured = dialer.secure(host, self.wire.into_inner()).await.map_err(SmtpError::Tls)?;
        Ok(Self::new(Box::pin(secured)))
    }

    /// Logs in with what the server offers (RFC 4954).
    pub(super) async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), SmtpError> {
        if credentials.is_token {
            return self.authenticate_with_token(credentials).await;
        }
        if self.offers.auth_plain {
            let first = self.reply_to(&format!("AUTH PLAIN {}", credentials.plain())).await?;
            return accepted_as(235, first);
        }
        if !self.offers.auth_login {
            let words = "the mail server offers no login that we know (AUTH PLAIN or LOGIN) on this connection";
            return Err(SmtpError::Lacking(words.to_owned()));
        }
        let (user, password) = (BASE64.encode(&credentials.user), BASE64.encode(credentials.secret.expose()));
        for (line, expected) in [("AUTH LOGIN".to_owned(), 334), (user, 334), (password, 235)] {
            let reply = self.reply_to(&line).await?;
            accepted_as(expected, reply)?;
        }
        Ok(())
    }

    async fn authenticate_with_token(&mut self, credentials: &Credentials) -> Result<(), SmtpError> {
        let (line, giving_up) = if self.offers.auth_xoauth2 {
            (format!("AUTH XOAUTH2 {}", credentials.xoauth2()), "")
        } else if self.offers.auth_oauthbearer {
            (format!("AUTH OAUTHBEARER {}", credentials.oauthbearer()), "AQ==")
        } else {
            let words = "the mail server offers no login with a token (AUTH XOAUTH2 or OAUTHBEARER) on this connection";
            return Err(SmtpError::Lacking(words.to_owned()));
        };
        let reply = self.reply_to(&line).await?;
        if reply.code != 334 {
            return accepted_as(235, reply);
        }
        // The server says in base64 what is wrong, and refuses once it has an answer (RFC 7628 §3.2.3).
        let detail = reply.lines.first().and_then(|text| BASE64.decode(text.trim()).ok()).unwrap_or_default();
        let mut last = self.reply_to(giving_up).await?;
        last.lines.push(String::from_utf8_lossy(&detail).into_owned());
        Err(SmtpError::Refused(last))
    }

    /// Says goodbye without waiting for an answer.
    pub(super) async fn quit(mut self) {
        // A server that is gone need not be told.
        let _ = self.write(b"QUIT\r\n").await;
    }

    /// Sends one line and takes a positive answer.
    pub(super) async fn command(&mut self, line: &str) -> Result<Reply, SmtpError> {
        let reply = self.reply_to(line).await?;
        if reply.is_positive() { Ok(reply) } else { Err(SmtpError::Refused(reply)) }
    }

    /// Asks to send the message; another answer than 354 would have it taken for commands.
    pub(super) async fn data(&mut self) -> Result<(), SmtpError> {
        let reply = self.reply_to("DATA").await?;
        accepted_as(354, reply)
    }

    /// Sends the message after [`Dialogue::data`], dots stuffed, and takes the answer.
    ///
    /// A message that cannot be read to its end is never ended: the server throws away what it has when the connection breaks.
    pub(super) async fn message(&mut self, letter: &Letter) -> Result<Reply, SmtpError> {
        match self.write_message(letter).await {
            Ok(()) => self.positive().await,
            // A server that has had enough says why before it closes.
            Err(SmtpError::Broken(broken)) => Err(match self.reply().await {
                Ok(reply) if !reply.is_positive() => SmtpError::Refused(reply),
                _ => broken.into(),
            }),
            Err(error) => Err(error),
        }
    }

    async fn write_message(&mut self, letter: &Letter) -> Result<(), SmtpError> {
        let (mut message, mut stuffing, mut out) = (letter.read(), Stuffing::new(), Vec::new());
        while let Some(chunk) = message.next().await.map_err(SmtpError::Unreadable)? {
            if chunk.is_base64 {
                self.wire.write_all(chunk.bytes).await?;
                stuffing.passed_lines();
            } else {
                out.clear();
                stuffing.push(chunk.bytes, &mut out);
                self.wire.write_all(&out).await?;
            }
        }
        out.clear();
        stuffing.end(&mut out);
        self.write(&out).await?;
        Ok(())
    }

    async fn reply_to(&mut self, line: &str) -> Result<Reply, SmtpError> {
        // Addresses and names are checked long before; a line that holds two would be two commands.
        if line.contains(['\r', '\n', '\0']) {
            return Err(SmtpError::Lacking("a command must be one line".to_owned()));
        }
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes).await?;
        self.wire.flush().await
    }

    async fn positive(&mut self) -> Result<Reply, SmtpError> {
        let reply = self.reply().await?;
        if reply.is_positive() { Ok(reply) } else { Err(SmtpError::Refused(reply)) }
    }

    async fn reply(&mut self) -> Result<Reply, SmtpError> {
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let mut line = Vec::new();
            (&mut self.wire).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
            if !line.ends_with(b"\n") {
                return Err(if line.len() as u64 == LINE_BYTES_MAX {
                    SmtpError::Nonsense("the server's answer is too long a line")
                } else {
                    SmtpError::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"))
                });
            }
            let Some(ReplyLine { code, text, is_last }) = ReplyLine::parse(&line) else {
                return Err(SmtpError::Nonsense("the server's answer is no SMTP"));
            };
            lines.push(text);
            if is_last {
                return Ok(Reply { code, lines });
            }
        }
        Err(SmtpError::Nonsense("the server's answer has too many lines"))
    }
}

fn accepted_as(code: u16, reply: Reply) -> Result<(), SmtpError> {
    if reply.code == code { Ok(()) } else { Err(SmtpError::Refused(reply)) }
}
