//! A message whose files stay on disk: it is read a piece at a time, whoever it goes to, so that a mail on its way takes some kilobytes
//! of memory whatever it carries.

use std::io;
use std::path::PathBuf;
use std::slice;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::{EncodeSliceError, Engine as _};
use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::dkim::{BodyHash, Signer};

/// Bytes of a file on one line of base64, which gives 76 letters (RFC 2045 §6.8).
const LINE_BYTES: u64 = 57;
/// Bytes of a file that are encoded at once: whole lines.
const READ_BYTES: u64 = LINE_BYTES * 512;

/// A file of the spool could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{name} could not be read from the spool")]
pub(super) struct Unreadable {
    pub(super) name: String,
    #[source]
    pub(super) source: io::Error,
}

/// A file of the spool that a message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpoolFile {
    pub(super) path: PathBuf,
    /// What it is called where people read of it.
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl SpoolFile {
    /// A file that is there, with its present size.
    pub(super) async fn find(path: PathBuf, name: String) -> Result<Self, Unreadable> {
        match tokio::fs::metadata(&path).await {
            Ok(found) => Ok(Self { path, name, bytes: found.len() }),
            Err(source) => Err(Unreadable { name, source }),
        }
    }

    fn unreadable(&self, source: io::Error) -> Unreadable {
        Unreadable { name: self.name.clone(), source }
    }

    /// Its bytes as base64 in lines.
    fn encoded_bytes(&self) -> u64 {
        4 * self.bytes.div_ceil(3) + 2 * self.bytes.div_ceil(LINE_BYTES)
    }
}

/// One piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes as they go on the wire.
    Words(Vec<u8>),
    /// A file, encoded on the way.
    File(SpoolFile),
}

/// A message ready for the wire.
pub(super) struct Letter {
    /// The headers and the empty line behind them.
    head: Piece,
    body: Vec<Piece>,
}

impl Letter {
    /// A message of these headers, without the empty line, and this body.
    pub(super) fn new(headers: String, body: Vec<Piece>) -> Self {
        Self { head: Piece::Words(format!("{headers}\r\n").into_bytes()), body }
    }

    /// Puts a signature of each key in front of the headers.
    pub(super) async fn sign(&mut self, signers: &[Signer], now: Timestamp) -> Result<(), Unreadable> {
        if signers.is_empty() {
            return Ok(());
        }
        let mut hash = BodyHash::default();
        let mut body = Reader::new(self.body.iter());
        while let Some(chunk) = body.next().await? {
            if chunk.is_base64 { hash.update_plain_lines(chunk.bytes) } else { hash.update(chunk.bytes) }
        }
        let hash = hash.finish();
        let mut head: Vec<u8> = signers.iter().filter_map(|signer| signer.header(self.head(), &hash, now)).flatten().collect();
        head.extend_from_slice(self.head());
        self.head = Piece::Words(head);
        Ok(())
    }

    /// The headers and the empty line behind them.
    pub(super) fn head(&self) -> &[u8] {
        match &self.head {
            Piece::Words(head) => head,
            Piece::File(_) => &[],
        }
    }

    /// How many bytes the message has, as RFC 1870 counts them.
    pub(super) fn bytes(&self) -> u64 {
        let size = |piece: &Piece| match piece {
            Piece::Words(bytes) => bytes.len() as u64,
            Piece::File(file) => file.encoded_bytes(),
        };
        size(&self.head) + self.body.iter().map(size).sum::<u64>()
    }

    /// The message from its first byte to its last.
    pub(super) fn read(&self) -> Reader<'_> {
        Reader { pending: Some(&self.head), ..Reader::new(self.body.iter()) }
    }
}

/// Some bytes of a message.
pub(super) struct Chunk<'a> {
    pub(super) bytes: &'a [u8],
    /// Whole lines of base64: none is empty, begins with a dot or holds a blank.
    pub(super) is_base64: bool,
}

/// Reads a message in chunks.
pub(super) struct Reader<'a> {
    pending: Option<&'a Piece>,
    rest: slice::Iter<'a, Piece>,
    open: Option<Open<'a>>,
    raw: Vec<u8>,
    encoded: Vec<u8>,
    lines: Vec<u8>,
}

struct Open<'a> {
    file: File,
    what: &'a SpoolFile,
    left: u64,
}

impl<'a> Reader<'a> {
    fn new(rest: slice::Iter<'a, Piece>) -> Self {
        Self { pending: None, rest, open: None, raw: Vec::new(), encoded: Vec::new(), lines: Vec::new() }
    }

    /// The next bytes; `None` when all have been read.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk<'_>>, Unreadable> {
        loop {
            if let Some(open) = self.open.as_mut().filter(|open| open.left > 0) {
                let length = open.left.min(READ_BYTES);
                self.raw.resize(length as usize, 0);
                open.file.read_exact(&mut self.raw).await.map_err(|source| open.what.unreadable(source))?;
                open.left -= length;
                encode_lines(&self.raw, &mut self.encoded, &mut self.lines)
                    .map_err(|source| open.what.unreadable(io::Error::other(source)))?;
                return Ok(Some(Chunk { bytes: &self.lines, is_base64: true }));
            }
            self.open = None;
            match self.pending.take().or_else(|| self.rest.next()) {
                None => return Ok(None),
                Some(Piece::Words(bytes)) => return Ok(Some(Chunk { bytes, is_base64: false })),
                Some(Piece::File(what)) => {
                    let file = File::open(&what.path).await.map_err(|source| what.unreadable(source))?;
                    self.open = Some(Open { file, what, left: what.bytes });
                }
            }
        }
    }
}

/// `raw` as lines of base64 into `lines`; `encoded` is room that is used again, and made as large as base64 needs.
fn encode_lines(raw: &[u8], encoded: &mut Vec<u8>, lines: &mut Vec<u8>) -> Result<(), EncodeSliceError> {
    encoded.resize(4 * raw.len().div_ceil(3), 0);
    let written = BASE64.encode_slice(raw, encoded)?;
    lines.clear();
    for line in encoded[..written].chunks(76) {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn whole(letter: &Letter) -> Vec<u8> {
        let (mut reader, mut all) = (letter.read(), Vec::new());
        while let Some(chunk) = reader.next().await.expect("readable") {
            all.extend_from_slice(chunk.bytes);
        }
        all
    }

    #[tokio::test]
    async fn h6_a_file_is_encoded_on_the_way_and_its_size_is_known_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        for size in [0, 1, 2, 3, 56, 57, 58, 114, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES + 5] {
            let content: Vec<u8> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
            std::fs::write(&path, &content).expect("writes");
            let file = SpoolFile::find(path.clone(), "file".to_owned()).await.expect("there");
            let letter = Letter::new("Subject: x\r\n".to_owned(), vec![Piece::File(file), Piece::Words(b"end".to_vec())]);
            let message = whole(&letter).await;
            assert_eq!(message.len() as u64, letter.bytes(), "{size}");
            let text = String::from_utf8(message).expect("ASCII");
            let body = text.strip_prefix("Subject: x\r\n\r\n").and_then(|text| text.strip_suffix("end")).expect("framed");
            assert!(body.split_terminator("\r\n").all(|line| (1..=76).contains(&line.len())), "{size}");
            assert_eq!(BASE64.decode(body.replace("\r\n", "")).expect("base64"), content, "{size}");
        }
    }

    #[tokio::test]
    async fn l2_a_file_that_became_shorter_is_an_error_and_no_shorter_mail() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        std::fs::write(&path, [0; 100]).expect("writes");
        let file = SpoolFile::find(path.clone(), "Orders.pdf".to_owned()).await.expect("there");
        std::fs::write(&path, [0; 99]).expect("writes");
        let letter = Letter::new(String::new(), vec![Piece::File(file)]);
        let mut reader = letter.read();
        reader.next().await.expect("the head");
        let error = reader.next().await.err().expect("too short");
        assert_eq!(error.to_string(), "Orders.pdf could not be read from the spool");
    }
}
