//! One connection of the sink.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::TlsAcceptor;

use super::{ReceivedMail, SmtpPhase, SmtpScript, SmtpSinkTls, State, lock};

pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}
pub(super) type Wire = Pin<Box<dyn Stream>>;

/// The connection is over: closed by either side.
pub(super) struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// What is said on one connection.
pub(super) struct Dialogue {
    wire: BufReader<Wire>,
    encrypted: bool,
    peer: IpAddr,
    mails: usize,
    state: Arc<State>,
    user: Option<String>,
    from: String,
    options: String,
    to: Vec<String>,
}

impl Dialogue {
    pub(super) fn new(wire: Wire, encrypted: bool, peer: IpAddr, state: Arc<State>) -> Self {
        Self {
            wire: BufReader::new(wire),
            encrypted,
            peer,
            mails: 0,
            state,
            user: None,
            from: String::new(),
            options: String::new(),
            to: Vec::new(),
        }
    }

    fn script(&self) -> SmtpScript {
        lock(&self.state.script).clone()
    }

    pub(super) async fn run(mut self) -> Result<(), Over> {
        let open = self.state.open.borrow().0;
        if self.script().connections_max.is_some_and(|most| open > most) {
            self.say("421 4.7.0 sink.test Error: too many connections from you").await?;
            return Err(Over);
        }
        if self.may_go_on(SmtpPhase::Connect).await? {
            self.say("220 sink.test ESMTP").await?;
        }
        loop {
            let line = self.hear().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "HELO" => self.ehlo(&line).await?,
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

    async fn ehlo(&mut self, line: &str) -> Result<(), Over> {
        let name = line.split_once(' ').map_or("", |(_, name)| name).to_owned();
        lock(&self.state.hellos).push(name.clone());
        if !self.may_go_on(SmtpPhase::Ehlo).await? {
            return Ok(());
        }
        let script = self.script();
        if script.checks_hello && !self.is_own_name(&name) {
            return self.say(&format!("550 5.7.1 {name}: Helo command rejected: not your name")).await;
        }
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
        if script.token.is_some() {
            lines.push(if script.only_oauthbearer { "AUTH OAUTHBEARER" } else { "AUTH XOAUTH2 OAUTHBEARER PLAIN" });
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
        Ok(Self::new(Box::pin(stream), true, self.peer, self.state))
    }

    async fn auth(&mut self, line: &str) -> Result<(), Over> {
        self.state.logins.send_modify(|count| *count += 1);
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
            (Some("XOAUTH2"), Some(given)) => return self.token(&decode(given), "user=", "\u{1}", "").await,
            (Some("OAUTHBEARER"), Some(given)) => return self.token(&decode(given), "n,a=", ",", "AQ==").await,
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

    /// A name with a dot that is no address, or the client's own address as a literal.
    fn is_own_name(&self, name: &str) -> bool {
        match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(literal) => literal.strip_prefix("IPv6:").unwrap_or(literal).parse() == Ok(self.peer),
            None => name.contains('.') && name.parse::<IpAddr>().is_err() && !name.starts_with("localhost"),
        }
    }

    /// A login with a token (RFC 7628 §3): refused in two steps, the first of which says why in base64.
    async fn token(&mut self, given: &str, before: &str, after: &str, giving_up: &str) -> Result<(), Over> {
        let user = given.strip_prefix(before).and_then(|rest| rest.split_once(after)).map(|(user, _)| user.to_owned());
        let token = given.split('\u{1}').find_map(|field| field.strip_prefix("auth=Bearer ")).map(str::to_owned);
        if given.ends_with("\u{1}\u{1}") && self.script().token == user.clone().zip(token) {
            self.user = user;
            return self.say("235 2.7.0 welcome").await;
        }
        self.say(&format!("334 {}", BASE64.encode("{\"status\":\"401\",\"schemes\":\"bearer\"}"))).await?;
        if self.hear().await? == giving_up {
            self.say("535 5.7.8 the token is not accepted").await
        } else {
            self.say("501 5.5.2 that is no way to give up").await
        }
    }

    async fn mail(&mut self, line: &str) -> Result<(), Over> {
        if self.script().mails_max.is_some_and(|most| self.mails >= most) {
            if let Some(answer) = self.script().mails_max_answer.clone() {
                return self.say(&answer).await;
            }
            self.say("421 4.7.0 enough for one connection").await?;
            return Err(Over);
        }
        if self.script().hang_after.is_some_and(|taken| self.state.mails.borrow().len() >= taken) {
            self.state.hang.forever().await;
        }
        if !self.may_go_on(SmtpPhase::Mail).await? {
            return Ok(());
        }
        let asks_for_login = self.script().credentials.is_some() || self.script().token.is_some();
        if asks_for_login && self.user.is_none() {
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
        let (data, bytes) = self.message().await?;
        *lock(&self.state.bytes) += bytes as u64;
        if self.script().size_max.is_some_and(|max| bytes > max) {
            return self.say("552 5.3.4 message size exceeds fixed limit").await;
        }
        self.mails += 1;
        self.state.arrived.send_modify(|count| *count += 1);
        if let Some(all) = self.script().together {
            let mut arrived = self.state.arrived.subscribe();
            arrived.wait_for(|count| *count >= all).await.map_err(|_| Over)?;
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

    /// The message with its dots unstuffed, and how many bytes it has.
    async fn message(&mut self) -> Result<(Vec<u8>, usize), Over> {
        let forgets = self.script().forgets_content;
        let (mut data, mut line, mut bytes) = (Vec::new(), Vec::new(), 0);
        loop {
            line.clear();
            if self.wire.read_until(b'\n', &mut line).await? == 0 {
                return Err(Over);
            }
            if line == b".\r\n" {
                return Ok((data, bytes));
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            bytes += line.len();
            if !forgets {
                data.extend_from_slice(line);
            }
        }
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
