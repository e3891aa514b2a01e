//! The fields of a mail's head that name people. Each recipient gets a message alone (P2); these fields say what they may know of others.

use lettre::Address;
use lettre::message::Mailbox;
use lettre::message::header::HeaderValue;
use pressrun_domain::delivery::{Heading, MailRole};

use super::{Sender, head, recipient};

/// To, Cc and Reply-To. A copy names whom it is of only where that is one person: several do not see each other.
pub(super) fn named(heading: &Heading, sender: &Sender, to: &Address) -> Vec<HeaderValue> {
    let address = |text: &str| recipient(text).map(|address| Mailbox::new(None, address));
    let copy_of = heading.copy_of.as_ref().and_then(|of| address(of.as_str()));
    let to = match (heading.role, copy_of) {
        (MailRole::To, _) => head::mailboxes("To", &[Mailbox::new(None, to.clone())]),
        (MailRole::Cc | MailRole::Bcc, Some(of)) => head::mailboxes("To", &[of]),
        // RFC 5322 §3.4: a group without members.
        (MailRole::Cc | MailRole::Bcc, None) => head::plain("To", "undisclosed-recipients:;"),
    };
    let cc: Vec<Mailbox> = heading.cc.iter().filter_map(|copy| address(copy.as_str())).collect();
    let cc = (!cc.is_empty()).then(|| head::mailboxes("Cc", &cc));
    let own = heading.reply_to.as_ref().and_then(|reply_to| address(reply_to.as_str()));
    let reply_to = own.or_else(|| sender.reply_to.clone()).map(|reply_to| head::mailboxes("Reply-To", &[reply_to]));
    std::iter::once(to).chain(cc).chain(reply_to).collect()
}
