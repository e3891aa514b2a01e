//! The bytes of a webhook (D1, D2): the same on every attempt, so that a signature can be compared.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use pressrun_domain::output::Format;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::http::{Body, bytes_body, file_body};
use crate::parcel::{Parcel, ParcelFile};

/// A body before it is sent: some bytes, a file, some bytes.
pub(super) struct Payload {
    pub(super) content_type: String,
    pub(super) file_name: Option<String>,
    before: Bytes,
    file: Option<(PathBuf, u64)>,
    after: Bytes,
}

impl Payload {
    /// link_only: a JSON object with `url`; csv and json: the file itself; everything else: a form with one file part.
    pub(super) fn of(parcel: &Parcel) -> Result<Self, String> {
        match (&parcel.artifact, parcel.format) {
            (None, _) | (_, Format::LinkOnly) => {
                let link = parcel.message.link.as_deref().ok_or("there is neither a file nor a link to send")?;
                let json = serde_json::json!({ "url": link }).to_string();
                Ok(Self { content_type: "application/json".into(), file_name: None, before: json.into(), file: None, after: Bytes::new() })
            }
            (Some(artifact), _) => Ok(match artifact.media_type.split(';').next().map(str::trim) {
                Some("text/csv" | "application/json") => Self::raw(artifact),
                _ => Self::form(artifact, &boundary(&parcel.idempotency_key)),
            }),
        }
    }

    fn raw(artifact: &ParcelFile) -> Self {
        Self {
            content_type: artifact.media_type.clone(),
            file_name: Some(artifact.name.clone()),
            before: Bytes::new(),
            file: Some((artifact.path.clone(), artifact.bytes)),
            after: Bytes::new(),
        }
    }

    fn form(artifact: &ParcelFile, boundary: &str) -> Self {
        let media_type: String = artifact.media_type.chars().filter(|c| !c.is_control()).collect();
        let before = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: {media_type}\r\n\r\n",
            form_name(&artifact.name)
        );
        Self {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            file_name: Some(artifact.name.clone()),
            before: before.into(),
            file: Some((artifact.path.clone(), artifact.bytes)),
            after: format!("\r\n--{boundary}--\r\n").into(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.before.len() as u64 + self.file.as_ref().map_or(0, |(_, bytes)| *bytes) + self.after.len() as u64
    }

    pub(super) async fn body(&self) -> io::Result<Body> {
        match &self.file {
            None => Ok(bytes_body(self.before.clone())),
            Some((path, bytes)) => {
                let found = tokio::fs::metadata(path).await?.len();
                if found != *bytes {
                    return Err(io::Error::other(format!("it has {found} bytes instead of {bytes}")));
                }
                file_body(self.before.clone(), path, *bytes, self.after.clone()).await
            }
        }
    }

    /// Shows every byte to `seen`, in order, a piece at a time.
    pub(super) async fn for_each(&self, mut seen: impl FnMut(&[u8]) + Send) -> io::Result<()> {
        seen(&self.before);
        if let Some((path, bytes)) = &self.file {
            let mut file = tokio::fs::File::open(path).await?.take(*bytes);
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = file.read(&mut buffer).await?;
                if read == 0 {
                    break;
                }
                seen(&buffer[..read]);
            }
        }
        seen(&self.after);
        Ok(())
    }
}

/// Made from the key, so that every attempt has the same bytes; 128 bits, so that no file contains it by chance.
fn boundary(idempotency_key: &str) -> String {
    let digest = Sha256::digest(format!("pressrun multipart {idempotency_key}"));
    format!("pressrun-{}", hex::encode(&digest[..16]))
}

/// A file name inside a form, as browsers write it: quotes and line ends percent-encoded, the rest UTF-8.
fn form_name(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, c| {
        match c {
            '"' => out.push_str("%22"),
            c if c.is_control() => {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
            c => out.push(c),
        }
        out
    })
}
