//! A parcel as a message (RFC 5322, 2045–2049, 2231, 2369, 8058).

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentDisposition, ContentId, ContentType, Date, Headers};
use pressrun_domain::output::Format;
use pressrun_domain::text::one_line;
use sha2::{Digest, Sha256};
use url::Url;

use super::letter::{Letter, SpoolFile, Unreadable};
use super::mime::Part;
use super::words::{self, Words};
use super::{INLINE_PNG_BYTES_MAX, Sender, head, people, plain_key};
use crate::parcel::{Parcel, ParcelFile};

/// Longest address in a header; a longer one would need a line that no relay has to take (RFC 5322 §2.1.1).
const HEADER_URL_BYTES_MAX: usize = 900;

/// A message ready for the wire.
pub(super) struct Composed {
    pub(super) letter: Letter,
    pub(super) warnings: Vec<String>,
    /// Whether it would be smaller without its files.
    pub(super) carries_files: bool,
}

/// How much may be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So many bytes (D12).
    UpTo(u64),
    /// Nothing: the mail server did not take the message with its files.
    Nothing,
}

impl Room {
    fn bytes(self) -> u64 {
        match self {
            Self::UpTo(bytes) => bytes,
            Self::Nothing => 0,
        }
    }

    /// Why the file is missing, for the reader.
    fn note(self, name: &str, bytes: u64) -> String {
        let size = readable_size(bytes);
        match self {
            Self::UpTo(max) => format!("{name} is not attached: it has {size}, and at most {} may be sent by mail.", readable_size(max)),
            Self::Nothing => format!("{name} is not attached: it has {size}, and the mail server does not take a message of that size."),
        }
    }
}

/// What goes into the message besides words.
#[derive(Default)]
struct Pieces {
    inline: Option<SpoolFile>,
    /// With its media type.
    attached: Option<(SpoolFile, String)>,
    too_large: Option<(String, u64)>,
}

/// Builds the message. Equal input gives equal bytes.
pub(super) async fn compose(parcel: &Parcel, sender: &Sender, to: &Address, room: Room, now: Timestamp) -> Result<Composed, Unreadable> {
    let pieces = gather(parcel, room.bytes()).await?;
    let carries_files = pieces.inline.is_some() || pieces.attached.is_some();
    let mut warnings = Vec::new();
    let note = pieces.too_large.as_ref().map(|(name, bytes)| room.note(name, *bytes));
    if note.is_some() {
        warnings.push("attachmentTooLarge".to_owned());
    }
    let Words { text, html: rich } = words::filled(&parcel.message, pieces.inline.is_some(), note.as_deref());

    let boundary = |part: &str| format!("pressrun-{part}-{}", hex::encode(&Sha256::digest(&parcel.idempotency_key)[..12]));
    let several = |kind: &'static str, parts| Part::Several { kind, boundary: boundary(kind), parts };
    let mut rich = Part::words(ContentType::TEXT_HTML, clean_body(&rich));
    if let Some(png) = pieces.inline {
        rich = several("related", vec![rich, picture(png)]);
    }
    let mut body = several("alternative", vec![Part::words(ContentType::TEXT_PLAIN, clean_body(&text)), rich]);
    if let Some((file, media_type)) = pieces.attached {
        body = several("mixed", vec![body, attachment(file, &media_type)]);
    }
    let (below, body) = body.into_message();
    let mut letter = Letter::new(format!("{}{below}", headers(parcel, sender, to, now)), body);
    letter.sign(&sender.signers, now).await?;
    Ok(Composed { letter, warnings, carries_files })
}

/// Who, to whom, what and when.
fn headers(parcel: &Parcel, sender: &Sender, to: &Address, now: Timestamp) -> Headers {
    let mut headers = Headers::new();
    headers.insert_raw(head::mailboxes("From", std::slice::from_ref(&sender.from)));
    for named in people::named(&parcel.message.heading, sender, to) {
        headers.insert_raw(named);
    }
    headers.insert_raw(head::text("Subject", &one_line(&parcel.message.subject)));
    headers.set(Date::new(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default())));
    let id = format!("<{}@{}>", plain_key(&parcel.idempotency_key), sender.from.email.domain());
    headers.insert_raw(head::plain("Message-ID", &id));
    headers.insert_raw(head::plain("Auto-Submitted", "auto-generated"));
    if let Some(url) = parcel.message.unsubscribe.as_deref().and_then(web_address) {
        headers.insert_raw(head::plain("List-Unsubscribe", &format!("<{url}>")));
        headers.insert_raw(head::plain("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    headers.insert_raw(head::plain("MIME-Version", "1.0"));
    headers
}

/// Decides what is shown, what is attached and what is left out (R1, R2, D12).
async fn gather(parcel: &Parcel, max_attachment_bytes: u64) -> Result<Pieces, Unreadable> {
    let mut pieces = Pieces::default();
    let mut budget = max_attachment_bytes;
    let is_png = parcel.format == Format::Png;
    let artifact_png = parcel.artifact.as_ref().filter(|_| is_png).map(|artifact| artifact.path.clone());
    let mut rest: Option<(PathBuf, String, String)> =
        parcel.artifact.as_ref().map(|ParcelFile { path, name, media_type, .. }| (path.clone(), name.clone(), media_type.clone()));

    if let Some(path) = parcel.inline_png.clone().or(artifact_png) {
        let picture = SpoolFile::find(path, "the picture".to_owned()).await?;
        if picture.bytes <= INLINE_PNG_BYTES_MAX && picture.bytes <= budget {
            budget -= picture.bytes;
            pieces.inline = Some(picture);
            if is_png {
                rest = None;
            }
        } else if is_png && rest.is_none() {
            rest = Some((picture.path, "dashboard.png".to_owned(), "image/png".to_owned()));
        }
    }
    if let Some((path, name, media_type)) = rest {
        let file = SpoolFile::find(path, one_line(&name)).await?;
        if file.bytes > budget {
            pieces.too_large = Some((file.name, file.bytes));
        } else {
            pieces.attached = Some((file, media_type));
        }
    }
    Ok(pieces)
}

fn picture(png: SpoolFile) -> Part {
    Part::file(media("image/png"), png)
        .with(ContentDisposition::inline_with_name("dashboard.png"))
        .with(ContentId::from(format!("<{}>", words::PICTURE_ID)))
}

fn attachment(file: SpoolFile, media_type: &str) -> Part {
    let name: String = file.name.chars().map(|c| if matches!(c, '/' | '\\' | '"') { '_' } else { c }).collect();
    Part::file(media(media_type), file).with(ContentDisposition::attachment(&name))
}

fn media(text: &str) -> ContentType {
    let known = if text.len() <= 127 { ContentType::parse(text).ok() } else { None };
    known.or_else(|| ContentType::parse("application/octet-stream").ok()).unwrap_or(ContentType::TEXT_PLAIN)
}

/// An http or https address in its ASCII form, without anything that could end a header (D11) and short enough for one line.
fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let text = url.to_string();
    let fits = text.len() <= HEADER_URL_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'));
    fits.then_some(text)
}

/// A body without NUL and other control characters that mail forbids, and with one kind of line end.
fn clean_body(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

fn readable_size(bytes: u64) -> String {
    if bytes < 1_048_576 { format!("{bytes} bytes") } else { format!("{:.1} MiB", bytes as f64 / 1_048_576.0) }
}
