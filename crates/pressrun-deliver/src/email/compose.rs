//! A parcel as a message (RFC 5322, 2045–2049, 2231, 2369, 8058).

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::Address;
use lettre::Message;
use lettre::message::header::{ContentDisposition, ContentId, ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use pressrun_domain::output::Format;
use sha2::{Digest, Sha256};
use url::Url;

use super::{INLINE_PNG_BYTES_MAX, Sender, html, plain_key};
use crate::parcel::{Parcel, ParcelFile};

/// A message ready for the wire.
pub(super) struct Composed {
    pub(super) bytes: Vec<u8>,
    pub(super) warnings: Vec<String>,
    /// Whether it would be smaller without its files.
    pub(super) carries_files: bool,
}

/// No message came of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    /// The spool.
    #[error("{name} could not be read from the spool")]
    Unreadable {
        name: String,
        #[source]
        source: io::Error,
    },
    /// The mail library refused.
    #[error("the message could not be built")]
    Message(#[source] lettre::error::Error),
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
    inline: Option<Vec<u8>>,
    attached: Vec<(String, String, Vec<u8>)>,
    too_large: Option<(String, u64)>,
}

/// Builds the message. Equal input gives equal bytes.
pub(super) async fn compose(parcel: &Parcel, sender: &Sender, to: &Address, room: Room, now: Timestamp) -> Result<Composed, ComposeError> {
    let pieces = gather(parcel, room.bytes()).await?;
    let carries_files = pieces.inline.is_some() || !pieces.attached.is_empty();
    let mut warnings = Vec::new();
    let mut text = parcel.message.text.clone();
    let mut rich = parcel.message.html.clone().unwrap_or_else(|| html::from_text(&text));
    rich = if pieces.inline.is_some() { html::with_picture(&rich) } else { html::without_picture(&rich) };
    if let Some((name, bytes)) = &pieces.too_large {
        let note = room.note(name, *bytes);
        rich = html::with_note(&rich, &note, parcel.message.link.as_deref());
        text = format!("{}\n\n{note}\n{}", text.trim_end(), parcel.message.link.as_deref().unwrap_or_default());
        warnings.push("attachmentTooLarge".to_owned());
    }

    let boundary = |part: &str| format!("pressrun-{part}-{}", hex::encode(&Sha256::digest(&parcel.idempotency_key)[..12]));
    let mut alternative = MultiPart::alternative().boundary(boundary("alternative")).singlepart(SinglePart::plain(clean_body(&text)));
    alternative = match pieces.inline {
        Some(png) => alternative.multipart(
            MultiPart::related().boundary(boundary("related")).singlepart(SinglePart::html(clean_body(&rich))).singlepart(picture(png)?),
        ),
        None => alternative.singlepart(SinglePart::html(clean_body(&rich))),
    };
    let body = if pieces.attached.is_empty() {
        alternative
    } else {
        let mut mixed = MultiPart::mixed().boundary(boundary("mixed")).multipart(alternative);
        for (name, media_type, bytes) in pieces.attached {
            mixed = mixed.singlepart(attachment(&name, &media_type, bytes)?);
        }
        mixed
    };

    let mut message = Message::builder()
        .from(sender.from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&parcel.message.subject))
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default()))
        .message_id(Some(format!("<{}@{}>", plain_key(&parcel.idempotency_key), sender.from.email.domain())));
    if let Some(reply_to) = &sender.reply_to {
        message = message.reply_to(reply_to.clone());
    }
    message = message.raw_header(plain_header("Auto-Submitted", "auto-generated"));
    if let Some(url) = parcel.message.unsubscribe.as_deref().and_then(web_address) {
        message = message
            .raw_header(plain_header("List-Unsubscribe", &format!("<{url}>")))
            .raw_header(plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    let message = message.multipart(body).map_err(ComposeError::Message)?.formatted();
    let mut bytes: Vec<u8> = sender.signers.iter().filter_map(|signer| signer.header(&message, now)).flatten().collect();
    bytes.extend_from_slice(&message);
    Ok(Composed { bytes, warnings, carries_files })
}

/// Decides what is shown, what is attached and what is left out (R1, R2, D12).
async fn gather(parcel: &Parcel, max_attachment_bytes: u64) -> Result<Pieces, ComposeError> {
    let mut pieces = Pieces::default();
    let mut budget = max_attachment_bytes;
    let is_png = parcel.format == Format::Png;
    let artifact_png = parcel.artifact.as_ref().filter(|_| is_png).map(|artifact| artifact.path.clone());
    let mut rest: Option<(PathBuf, String, String, u64)> = parcel
        .artifact
        .as_ref()
        .map(|ParcelFile { path, name, media_type, bytes, .. }| (path.clone(), name.clone(), media_type.clone(), *bytes));

    if let Some(path) = parcel.inline_png.clone().or(artifact_png) {
        let bytes = size(&path, "the picture").await?;
        if bytes <= INLINE_PNG_BYTES_MAX && bytes <= budget {
            pieces.inline = Some(read(&path, "the picture").await?);
            budget -= bytes;
            if is_png {
                rest = None;
            }
        } else if is_png && rest.is_none() {
            rest = Some((path, "dashboard.png".to_owned(), "image/png".to_owned(), bytes));
        }
    }
    if let Some((path, name, media_type, _)) = rest {
        let bytes = size(&path, &name).await?;
        if bytes > budget {
            pieces.too_large = Some((one_line(&name), bytes));
        } else {
            let content = read(&path, &name).await?;
            pieces.attached.push((name, media_type, content));
        }
    }
    Ok(pieces)
}

async fn size(path: &Path, name: &str) -> Result<u64, ComposeError> {
    let found = tokio::fs::metadata(path).await.map_err(|source| ComposeError::Unreadable { name: name.to_owned(), source })?;
    Ok(found.len())
}

async fn read(path: &Path, name: &str) -> Result<Vec<u8>, ComposeError> {
    tokio::fs::read(path).await.map_err(|source| ComposeError::Unreadable { name: name.to_owned(), source })
}

fn base64(bytes: Vec<u8>) -> Result<Body, ComposeError> {
    Body::new_with_encoding(bytes, ContentTransferEncoding::Base64).map_err(|_| ComposeError::Message(lettre::error::Error::MissingTo))
}

fn picture(png: Vec<u8>) -> Result<SinglePart, ComposeError> {
    Ok(SinglePart::builder()
        .header(ContentDisposition::inline_with_name("dashboard.png"))
        .header(ContentId::from("<dashboard>".to_owned()))
        .header(media("image/png"))
        .body(base64(png)?))
}

fn attachment(name: &str, media_type: &str, bytes: Vec<u8>) -> Result<SinglePart, ComposeError> {
    let name: String = one_line(name).chars().map(|c| if matches!(c, '/' | '\\' | '"') { '_' } else { c }).collect();
    Ok(SinglePart::builder().header(ContentDisposition::attachment(&name)).header(media(media_type)).body(base64(bytes)?))
}

fn media(text: &str) -> ContentType {
    ContentType::parse(text).or_else(|_| ContentType::parse("application/octet-stream")).unwrap_or(ContentType::TEXT_PLAIN)
}

/// A header of ours whose value is plain ASCII.
fn plain_header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.to_owned(), value.to_owned())
}

/// An http or https address in its ASCII form, without anything that could end a header (D11).
fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let text = url.to_string();
    text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>')).then_some(text)
}

/// `text` on one line: no control character survives (D11).
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect();
    line.trim().to_owned()
}

/// A body without NUL and other control characters that mail forbids.
fn clean_body(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).collect()
}

fn readable_size(bytes: u64) -> String {
    if bytes < 1_048_576 { format!("{bytes} bytes") } else { format!("{:.1} MiB", bytes as f64 / 1_048_576.0) }
}
