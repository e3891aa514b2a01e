//! What goes wrong, drawn by a seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pressrun_testkit::{Dice, SmtpPhase};

use crate::site::Site;

/// A fault that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    NodeIsDead(usize),
    NodeIsStopped(usize),
    NodeIsCutOff(usize),
    DatabaseIsAway,
    MailHangs,
    MailFails,
    MailDropsAfterMessage,
    WebhookHangs,
    WebhookFails,
    SftpIsCutOff,
    DiskIsFull,
}

impl Fault {
    fn words(self) -> String {
        let node = |index: usize| format!("node {}", index + 1);
        match self {
            Self::NodeIsDead(index) => format!("{}: kill -9", node(index)),
            Self::NodeIsStopped(index) => format!("{}: SIGSTOP", node(index)),
            Self::NodeIsCutOff(index) => format!("{}: cut off from the database", node(index)),
            Self::DatabaseIsAway => "PostgreSQL: stopped".to_owned(),
            Self::MailHangs => "mail: hangs".to_owned(),
            Self::MailFails => "mail: 451".to_owned(),
            Self::MailDropsAfterMessage => "mail: breaks off after the message".to_owned(),
            Self::WebhookHangs => "webhook: hangs".to_owned(),
            Self::WebhookFails => "webhook: 503".to_owned(),
            Self::SftpIsCutOff => "SFTP: cut off".to_owned(),
            Self::DiskIsFull => "spool: disk full".to_owned(),
        }
    }

    /// What cannot be wrong with the same thing at one time.
    fn of(self) -> u8 {
        match self {
            Self::NodeIsDead(index) | Self::NodeIsStopped(index) | Self::NodeIsCutOff(index) => u8::try_from(index).unwrap(),
            Self::DatabaseIsAway => 10,
            Self::MailHangs | Self::MailFails | Self::MailDropsAfterMessage => 11,
            Self::WebhookHangs | Self::WebhookFails => 12,
            Self::SftpIsCutOff => 13,
            Self::DiskIsFull => 14,
        }
    }

    fn begin(self, site: &mut Site) {
        match self {
            Self::NodeIsDead(index) => site.nodes[index].kill(),
            Self::NodeIsStopped(index) => site.nodes[index].stop(),
            Self::NodeIsCutOff(index) => site.nodes[index].cut(true),
            Self::DatabaseIsAway => site.database_away(true),
            Self::MailHangs => site.receivers.mail(|script| script.hang_at = Some(SmtpPhase::Data)),
            Self::MailFails => site.receivers.mail(|script| {
                script.answer.insert(SmtpPhase::Mail, (451, "4.3.0 later".to_owned()));
            }),
            Self::MailDropsAfterMessage => site.receivers.mail_drops_after_message(),
            Self::WebhookHangs => site.receivers.webhook_hangs(true),
            Self::WebhookFails => site.receivers.webhook_fails(true),
            Self::SftpIsCutOff => site.receivers.cut_sftp(true),
            Self::DiskIsFull => site.fill_disk(true),
        }
    }

    fn end(self, site: &mut Site) {
        match self {
            Self::NodeIsDead(index) => site.nodes[index].start(),
            Self::NodeIsStopped(index) => site.nodes[index].go_on(),
            Self::NodeIsCutOff(index) => site.nodes[index].cut(false),
            Self::DatabaseIsAway => site.database_away(false),
            Self::MailHangs | Self::MailFails | Self::MailDropsAfterMessage => site.receivers.mail(|_| {}),
            Self::WebhookHangs | Self::WebhookFails => site.receivers.webhook_fails(false),
            Self::SftpIsCutOff => site.receivers.cut_sftp(false),
            Self::DiskIsFull => site.fill_disk(false),
        }
    }
}

/// What is wrong at present, and what was.
pub(crate) struct Faults {
    dice: Dice,
    under_way: BTreeMap<Fault, Instant>,
    pub(crate) count: usize,
}

impl Faults {
    pub(crate) fn new(dice: Dice) -> Self {
        Self { dice, under_way: BTreeMap::new(), count: 0 }
    }

    /// Something more goes wrong.
    pub(crate) fn strike(&mut self, site: &mut Site) -> String {
        let node = self.dice.below(site.nodes.len());
        let mut choices = vec![
            Fault::NodeIsDead(node),
            Fault::NodeIsStopped(node),
            Fault::NodeIsCutOff(node),
            Fault::DatabaseIsAway,
            Fault::MailHangs,
            Fault::MailFails,
            Fault::MailDropsAfterMessage,
            Fault::WebhookHangs,
            Fault::WebhookFails,
            Fault::SftpIsCutOff,
        ];
        if site.has_small_disk() {
            choices.push(Fault::DiskIsFull);
        }
        let free = |fault: &Fault| !self.under_way.keys().any(|other| other.of() == fault.of());
        let choices: Vec<Fault> = choices.into_iter().filter(free).collect();
        let Some(fault) = self.dice.pick(&choices).copied() else { return "nothing more can go wrong".to_owned() };
        fault.begin(site);
        let lasts = Duration::from_millis(1_000 + 500 * u64::try_from(self.dice.below(30)).unwrap());
        self.under_way.insert(fault, Instant::now() + lasts);
        self.count += 1;
        format!("{} for {:.1} s", fault.words(), lasts.as_secs_f64())
    }

    /// What has lasted for long enough ends.
    pub(crate) fn mend(&mut self, site: &mut Site) -> Vec<String> {
        let over: Vec<Fault> = self.under_way.iter().filter(|(_, end)| **end <= Instant::now()).map(|(fault, _)| *fault).collect();
        self.mend_these(site, over)
    }

    /// Everything works again.
    pub(crate) fn mend_all(&mut self, site: &mut Site) -> Vec<String> {
        let all = self.under_way.keys().copied().collect();
        self.mend_these(site, all)
    }

    fn mend_these(&mut self, site: &mut Site, faults: Vec<Fault>) -> Vec<String> {
        let mut said = Vec::new();
        for fault in faults {
            fault.end(site);
            self.under_way.remove(&fault);
            said.push(format!("over: {}", fault.words()));
        }
        // A node may have ended by itself, as it should when it can do nothing any more; its platform starts it again.
        for node in &mut site.nodes {
            let dead = self.under_way.keys().any(|fault| matches!(fault, Fault::NodeIsDead(_)));
            if !dead && !node.stopped && !node.is_running() {
                node.start();
                said.push(format!("{} had ended, and is started again", node.name));
            }
        }
        said
    }
}
