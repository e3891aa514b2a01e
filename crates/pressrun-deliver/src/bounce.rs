//! What comes back of mail, read: delivery status notifications (RFC 3464) and complaints (RFC 5965).
//!
//! Anybody can write such a mail. Reading one decides nothing: [`Returned::addresses`] says where it may have come to, and only an address
//! that carries our own signature names the piece that it is about.

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use pressrun_domain::bounce::{BounceKind, Report, complaint, meaning};
use pressrun_domain::email::EmailAddress;

/// Bytes of a mail that are read. What a report says stands at its beginning, before the mail that it returns.
pub const REPORT_BYTES_MAX: usize = 256 * 1024;

/// Characters of the remote's words that are kept.
const WORDS_CHARS_MAX: usize = 500;

/// Most addresses, and most recipients of a report, that are looked at: a report of ours is about one.
const LOOKED_AT: usize = 50;

/// Fields that say to which address a mail was delivered, as servers write them.
const DELIVERED_TO: [&str; 6] = ["Delivered-To", "X-Original-To", "X-Envelope-To", "Envelope-To", "X-Delivered-To", "To"];

/// A mail that says what became of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Addresses that may be return paths of ours.
    pub addresses: Vec<String>,
    /// What it says, recipient by recipient.
    said: Vec<Said>,
}

/// What a report says of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    /// Whom it names; a complaint may name nobody.
    names: Vec<String>,
    report: Report,
}

impl Returned {
    /// What it means for `email`. A lasting failure of somebody else (a member of a list, the end of a forwarding) does not end mail to
    /// this address.
    #[must_use]
    pub fn about(&self, email: &EmailAddress) -> Option<Report> {
        let worst = |said: Vec<&Said>| {
            said.into_iter().min_by_key(|said| said.report.kind != BounceKind::Permanent).map(|said| said.report.clone())
        };
        let named = |said: &&Said| said.names.iter().any(|name| name.to_lowercase() == email.folded());
        let own: Vec<_> = self.said.iter().filter(|said| said.names.is_empty() || named(said)).collect();
        if !own.is_empty() {
            return worst(own);
        }
        let others = worst(self.said.iter().collect())?;
        Some(Report { kind: BounceKind::Transient, ..others })
    }
}

/// Reads a mail; `None` when it is no report of trouble. Only the first [`REPORT_BYTES_MAX`] bytes are looked at.
#[must_use]
pub fn read(mail: &[u8]) -> Option<Returned> {
    let mail = &mail[..mail.len().min(REPORT_BYTES_MAX)];
    let message = MessageParser::default().parse(mail)?;
    let kind = message.root_part().content_type()?;
    let is = |subtype: &str, part: &MessagePart<'_>| {
        part.content_type().is_some_and(|found| {
            found.ctype().eq_ignore_ascii_case("message") && found.subtype().is_some_and(|found| found.eq_ignore_ascii_case(subtype))
        })
    };
    if !kind.ctype().eq_ignore_ascii_case("multipart") || !kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("report")) {
        return None;
    }
    let mut addresses: Vec<String> =
        DELIVERED_TO.iter().flat_map(|name| fields_of(&message, name)).flat_map(|value| addresses_in(&value)).collect();
    let mut said = Vec::new();
    for part in &message.parts {
        if is("delivery-status", part) || is("global-delivery-status", part) {
            // The first block is about the message, each other one about a recipient.
            said.extend(blocks(&text_of(part)).iter().skip(1).filter_map(Fields::status).take(LOOKED_AT));
        } else if is("feedback-report", part) {
            for fields in blocks(&text_of(part)).iter().take(1) {
                addresses.extend(fields.all("original-mail-from").flat_map(addresses_in));
                said.extend(fields.complaint());
            }
        } else if said.iter().any(|said: &Said| said.report.kind == BounceKind::Complaint) {
            // Complaints go to where the operator asked for them; the mail that they return has the path.
            addresses.extend(returned_path(part));
        }
    }
    addresses.truncate(LOOKED_AT);
    (!said.is_empty()).then_some(Returned { addresses, said })
}

/// Values of a header field, as they were written.
fn fields_of(message: &Message<'_>, name: &str) -> Vec<String> {
    message.headers_raw().filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).take(LOOKED_AT).collect()
}

/// The return path that the returned mail, or its head, shows.
fn returned_path(part: &MessagePart<'_>) -> Vec<String> {
    match &part.body {
        PartType::Message(returned) => fields_of(returned, "Return-Path").iter().flat_map(addresses_in).collect(),
        PartType::Text(head) => blocks(head).iter().take(1).flat_map(|fields| fields.all("return-path").flat_map(addresses_in)).collect(),
        PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Multipart(_) => Vec::new(),
    }
}

fn text_of(part: &MessagePart<'_>) -> String {
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.clone().into_owned(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        PartType::Message(_) | PartType::Multipart(_) => String::new(),
    }
}

/// Every word with an `@`, without what addresses are wrapped in.
fn addresses_in(value: impl AsRef<str>) -> Vec<String> {
    let word = |c: char| c.is_whitespace() || "<>(),;:\"[]".contains(c);
    value.as_ref().split(word).filter(|part| part.contains('@')).map(str::to_owned).take(LOOKED_AT).collect()
}

/// A block of fields, names in lower case, values unfolded.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

/// The blocks of a report's part; empty lines part them.
fn blocks(text: &str) -> Vec<Fields> {
    let mut blocks: Vec<Fields> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        if !open {
            blocks.push(Fields::default());
            open = true;
        }
        let Some(block) = blocks.last_mut() else { continue };
        match line.split_once(':') {
            _ if line.starts_with([' ', '\t']) => {
                if let Some((_, value)) = block.0.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
            Some((name, value)) => block.0.push((name.trim().to_ascii_lowercase(), value.trim().to_owned())),
            None => {}
        }
    }
    blocks
}

impl Fields {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// What the block says of its recipient; `None` when nothing is wrong.
    fn status(&self) -> Option<Said> {
        // `smtp; 550 5.1.1 no such user`: the type stands before the words.
        let typed = |value: &str| value.split_once(';').map_or(value, |(_, rest)| rest).trim().to_owned();
        let diagnostic = self.one("diagnostic-code").map(typed);
        let status = self.one("status").and_then(code).or_else(|| diagnostic.as_deref().and_then(code_in));
        let kind = meaning(self.one("action").unwrap_or_default(), status.as_deref())?;
        let words = diagnostic.or_else(|| status.clone()).unwrap_or_default();
        let names = ["final-recipient", "original-recipient"].into_iter().flat_map(|name| self.all(name)).flat_map(addresses_in);
        Some(Said { names: names.collect(), report: Report { kind, status, words: line(&words) } })
    }

    fn complaint(&self) -> Option<Said> {
        let feedback = self.one("feedback-type")?;
        let agent = self.one("user-agent").map(|agent| format!(" (reported by {agent})")).unwrap_or_default();
        let words = line(&format!("{feedback}{agent}"));
        Some(Said { names: Vec::new(), report: Report { kind: complaint(feedback)?, status: None, words } })
    }
}

/// An enhanced status code; what follows it is a comment.
fn code(text: &str) -> Option<String> {
    let code = text.split_whitespace().next()?;
    let parts: Vec<&str> = code.split('.').collect();
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(digits)).then(|| code.to_owned())
}

/// The first status code within words, or the class of an SMTP reply.
fn code_in(words: &str) -> Option<String> {
    let reply = || {
        let reply = words.get(..3)?;
        let class = reply.chars().next().filter(|class| matches!(class, '2' | '4' | '5'))?;
        reply.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{class}.0.0"))
    };
    words.split_whitespace().find_map(code).or_else(reply)
}

/// Words on one line, not too many.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).take(WORDS_CHARS_MAX).collect()
}
