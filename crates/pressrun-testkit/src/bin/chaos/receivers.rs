//! Who gets things: a mail server, a webhook, an SFTP server behind a wire that can be cut.

use std::collections::BTreeMap;

use pressrun_testkit::{
    Fault, HttpAnswer, HttpBehaviour, HttpReceiver, OpenSshServer, Proxy, SmtpPhase, SmtpScript, SmtpSink, SshKey, Way,
};

/// All of them.
pub(crate) struct Receivers {
    pub(crate) mail: SmtpSink,
    pub(crate) webhook: HttpReceiver,
    sshd: OpenSshServer,
    pub(crate) sftp_wire: Proxy,
    pub(crate) key: SshKey,
}

impl Receivers {
    pub(crate) async fn start() -> Self {
        let key = SshKey::generate();
        let sshd = OpenSshServer::start(&key);
        let sftp_wire = Proxy::to(sshd.address()).await;
        Self { mail: SmtpSink::start(SmtpScript::default()).await, webhook: HttpReceiver::start().await, sshd, sftp_wire, key }
    }

    pub(crate) fn sftp_user(&self) -> &str {
        self.sshd.user()
    }

    /// How often each mark came, over mail and webhook.
    pub(crate) fn marks(&self) -> BTreeMap<String, usize> {
        let mut marks = BTreeMap::new();
        let mut count = |mark: String| *marks.entry(mark).or_default() += 1;
        for mail in self.mail.mails() {
            let id = mail.header("Message-ID").unwrap_or_default();
            count(id.trim_start_matches('<').split('@').next().unwrap_or_default().to_owned());
        }
        for request in self.webhook.requests() {
            // What was answered with an error, or not at all, was not taken.
            count(request.header("Idempotency-Key").unwrap_or_default().to_owned());
        }
        marks
    }

    /// Names of the files that were uploaded whole.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.sshd.files()).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The webhook falls silent, or answers again.
    pub(crate) fn webhook_hangs(&self, hangs: bool) {
        let answer = HttpAnswer::new(200, "ok");
        self.webhook.always(if hangs { answer.behaving(HttpBehaviour::Hang) } else { answer });
    }

    /// The webhook fails, or works again.
    pub(crate) fn webhook_fails(&self, fails: bool) {
        self.webhook.always(if fails { HttpAnswer::new(503, "busy") } else { HttpAnswer::new(200, "ok") });
    }

    /// The mail server does this to everybody from now on.
    pub(crate) fn mail(&self, change: impl FnOnce(&mut SmtpScript)) {
        self.mail.follow(|script| {
            *script = SmtpScript::default();
            change(script);
        });
    }

    /// The mail server takes a message and breaks off before it says so: nobody knows.
    pub(crate) fn mail_drops_after_message(&self) {
        self.mail(|script| script.drop_at = Some(SmtpPhase::Message));
    }

    /// The wire to the SFTP server is cut, or joined again.
    pub(crate) fn cut_sftp(&self, cut: bool) {
        self.sftp_wire.break_with(cut.then_some(Fault { way: Way::Up, after: 0, cut: true }));
    }
}
