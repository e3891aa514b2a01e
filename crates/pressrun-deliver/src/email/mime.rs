//! Parts of a message and the boundaries between them (RFC 2046).

use lettre::message::Body;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, Headers};

use super::letter::{Piece, SpoolFile};

/// A part of a message.
pub(super) enum Part {
    /// Words, encoded for seven bits and short lines.
    Words {
        /// Without the encoding.
        headers: Headers,
        text: Body,
    },
    /// A file.
    File {
        /// Without the encoding.
        headers: Headers,
        file: SpoolFile,
    },
    /// Several parts.
    Several {
        /// `mixed`, `alternative` or `related`.
        kind: &'static str,
        boundary: String,
        parts: Vec<Part>,
    },
}

impl Part {
    /// Words of this media type.
    pub(super) fn words(media: ContentType, text: String) -> Self {
        Self::Words { headers: headers(media), text: Body::new(text) }
    }

    /// A file of this media type.
    pub(super) fn file(media: ContentType, file: SpoolFile) -> Self {
        Self::File { headers: headers(media), file }
    }

    /// The same with one more header.
    pub(super) fn with(mut self, header: impl Header) -> Self {
        if let Self::Words { headers, .. } | Self::File { headers, .. } = &mut self {
            headers.set(header);
        }
        self
    }

    /// The headers of this part as text, each with its line end, and what stands below them.
    pub(super) fn into_message(self) -> (String, Vec<Piece>) {
        let mut body = Body7::default();
        let headers = self.write(&mut body);
        (headers, body.pieces)
    }

    /// Writes what stands below the headers, and answers with those.
    fn write(self, out: &mut Body7) -> String {
        match self {
            Self::Words { mut headers, text } => {
                headers.set(text.encoding());
                out.words(text.as_ref());
                headers.to_string()
            }
            Self::File { mut headers, file } => {
                headers.set(ContentTransferEncoding::Base64);
                out.pieces.push(Piece::File(file));
                headers.to_string()
            }
            Self::Several { kind, boundary, parts } => {
                for part in parts {
                    out.words(format!("--{boundary}\r\n").as_bytes());
                    let mut below = Body7::default();
                    let headers = part.write(&mut below);
                    out.words(headers.as_bytes());
                    out.words(b"\r\n");
                    out.append(below);
                    out.words(b"\r\n");
                }
                out.words(format!("--{boundary}--\r\n").as_bytes());
                format!("Content-Type: multipart/{kind};\r\n boundary=\"{boundary}\"\r\n")
            }
        }
    }
}

/// A body of seven-bit bytes as it grows; neighbouring words are one piece.
#[derive(Default)]
struct Body7 {
    pieces: Vec<Piece>,
}

impl Body7 {
    fn words(&mut self, bytes: &[u8]) {
        if let Some(Piece::Words(last)) = self.pieces.last_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.pieces.push(Piece::Words(bytes.to_vec()));
        }
    }

    fn append(&mut self, other: Self) {
        for piece in other.pieces {
            match piece {
                Piece::Words(bytes) => self.words(&bytes),
                file @ Piece::File(_) => self.pieces.push(file),
            }
        }
    }
}

fn headers(media: ContentType) -> Headers {
    let mut headers = Headers::new();
    headers.set(media);
    headers
}
