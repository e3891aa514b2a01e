//! The bytes of a text file, unpacked and in UTF-8.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use flate2::bufread::MultiGzDecoder;
use pressrun_domain::catalog::{Compression, FileReading};

use super::super::listing::DataFile;
use crate::error::QueryError;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// A text file in chunks of UTF-8. A file that is said to be UTF-8 is passed on as it is: whoever takes it apart finds out in
/// which line it is not.
pub(super) struct Utf8Bytes {
    file: DataFile,
    raw: Box<dyn BufRead + Send>,
    packed: Compression,
    decoder: Option<Decoder>,
    chunk: Vec<u8>,
    /// Lines that were passed on, for messages.
    lines: u64,
    ended: bool,
}

impl Utf8Bytes {
    /// Opens `file` as `reading` says, or else as its name and its first bytes do.
    pub(super) fn open(file: &DataFile, reading: &FileReading) -> Result<Self, QueryError> {
        let opened = file.open()?;
        let packed = reading.compression.unwrap_or_else(|| file.compression());
        let buffered = BufReader::with_capacity(CHUNK, opened);
        let mut raw: Box<dyn BufRead + Send> = match packed {
            Compression::None => Box::new(buffered),
            Compression::Gzip => Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(buffered))),
            Compression::Zstd => {
                let unpacked = zstd::Decoder::with_buffer(buffered).map_err(|error| broken(file, packed, &error))?;
                Box::new(BufReader::with_capacity(CHUNK, unpacked))
            }
        };
        let head = raw.fill_buf().map_err(|error| broken(file, packed, &error))?;
        let marked = Encoding::for_bom(head);
        let declared = reading.encoding.as_deref().and_then(|label| Encoding::for_label(label.as_bytes()));
        let encoding = marked.map(|(encoding, _)| encoding).or(declared).unwrap_or(UTF_8);
        if let Some((what, hint)) = no_text(head) {
            return Err(file.refused(&format!("is {what}")).hint(hint));
        }
        if encoding == UTF_8 && head.iter().take(512).any(|byte| *byte == 0) {
            return Err(zeros(file, head));
        }
        raw.consume(marked.map_or(0, |(_, length)| length));
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        Ok(Self { file: file.clone(), raw, packed, decoder, chunk: vec![0; CHUNK], lines: 0, ended: false })
    }

    /// The next bytes; none at the end.
    pub(super) fn next(&mut self) -> Result<&[u8], QueryError> {
        let filled = match &mut self.decoder {
            None => self.raw.read(&mut self.chunk).map_err(|error| broken(&self.file, self.packed, &error))?,
            Some(decoder) => {
                let mut filled = 0;
                while filled == 0 && !self.ended {
                    let raw = self.raw.fill_buf().map_err(|error| broken(&self.file, self.packed, &error))?;
                    let last = raw.is_empty();
                    let (result, read, written) = decoder.decode_to_utf8_without_replacement(raw, &mut self.chunk, last);
                    self.raw.consume(read);
                    filled = written;
                    self.ended = last && result == DecoderResult::InputEmpty;
                    if let DecoderResult::Malformed(..) = result {
                        let line = self.lines + 1 + newlines(&self.chunk[..written]);
                        let name = decoder.encoding().name();
                        return Err(self.file.refused_at(line, &format!("is not {name}")).hint("write the table's `encoding`"));
                    }
                }
                filled
            }
        };
        let chunk = &self.chunk[..filled];
        if self.decoder.is_some() {
            self.lines += newlines(chunk);
        }
        Ok(chunk)
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// What a file is whose name says that it is text, by its first bytes, and what to do.
fn no_text(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const KNOWN: [(&[u8], &str, &str); 6] = [
        (b"\x1f\x8b", "packed by gzip", "call it .csv.gz, or write the table's `compression: gzip`"),
        (b"\x28\xb5\x2f\xfd", "packed by zstd", "call it .csv.zst, or write the table's `compression: zstd`"),
        (b"PK\x03\x04", "a zip archive, as Excel's workbooks are", "unpack it, or save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
        (b"PAR1\x15", "a Parquet file", "call it .parquet, or write the table's `format: parquet`"),
        (b"BZh91AY&SY", "packed by bzip2", "pack it by gzip or zstd"),
    ];
    KNOWN.iter().find(|(first, ..)| head.starts_with(first)).map(|(_, what, hint)| (*what, *hint))
}

/// A file of two bytes a character, or none of text.
fn zeros(file: &DataFile, head: &[u8]) -> QueryError {
    let hint = match head {
        [0, second, ..] if *second != 0 => "it looks like UTF-16; write `encoding: utf-16be`",
        [first, 0, ..] if *first != 0 => "it looks like UTF-16; write `encoding: utf-16le`",
        _ => "it is no text file",
    };
    file.refused("has bytes of value zero").hint(hint)
}

/// A file that cannot be read to its end.
fn broken(file: &DataFile, packed: Compression, error: &io::Error) -> QueryError {
    match packed {
        Compression::None => file.unreadable(error),
        Compression::Gzip | Compression::Zstd => {
            let name = if packed == Compression::Gzip { "gzip" } else { "zstd" };
            let cut = error.kind() == io::ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame");
            let what = if cut { "ends too early" } else { "cannot be unpacked" };
            file.refused(&format!("{what}: {name}: {error}")).hint("write the file anew, or its `compression` when the name misleads")
        }
    }
}
