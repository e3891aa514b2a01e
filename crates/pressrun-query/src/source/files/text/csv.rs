//! Records of a separated text file (RFC 4180), with the line at which each begins.
//!
//! Not a crate's: it must tell an empty field from an empty text in quotes, and an open quote, text behind a quote and the wrong
//! encoding by their lines.

use pressrun_domain::catalog::{FileFormat, FileReading};

use super::super::listing::DataFile;
use super::bytes::Utf8Bytes;
use crate::error::QueryError;

/// Longest record: what is longer is an open quote rather than a row.
const LONGEST: usize = 16 << 20;

/// One record: its fields, unquoted.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: String,
    /// Where each field ends, and whether it was quoted.
    ends: Vec<(usize, bool)>,
    /// Line of the file, from 1, at which it begins.
    pub(super) line: u64,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field, and whether it was quoted.
    pub(super) fn field(&self, at: usize) -> Option<(&str, bool)> {
        let begin = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).map(|(end, _)| *end))?;
        let (end, quoted) = *self.ends.get(at)?;
        self.text.get(begin..end).map(|text| (text, quoted))
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, bool)> {
        (0..self.len()).filter_map(|at| self.field(at))
    }
}

/// The records of one file, one after another.
pub(super) struct Records {
    file: DataFile,
    bytes: Utf8Bytes,
    separator: u8,
    quote: Option<u8>,
    /// What has been read and not yet been taken apart.
    window: Vec<u8>,
    at: usize,
    ended: bool,
    line: u64,
}

/// The byte between two values.
pub(super) fn separator(file: &DataFile, reading: &FileReading) -> u8 {
    reading.separator.unwrap_or(if file.format(reading) == Some(FileFormat::Tsv) { b'\t' } else { b',' })
}

impl Records {
    pub(super) fn open(file: &DataFile, reading: &FileReading) -> Result<Self, QueryError> {
        Ok(Self {
            file: file.clone(),
            bytes: Utf8Bytes::open(file, reading)?,
            separator: separator(file, reading),
            quote: reading.quote.byte(),
            window: Vec::new(),
            at: 0,
            ended: false,
            line: 1,
        })
    }

    /// Reads the next record that is no blank line into `record`; false at the end.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, QueryError> {
        loop {
            let mut bytes = std::mem::take(&mut record.text).into_bytes();
            bytes.clear();
            record.ends.clear();
            record.line = self.line;
            let found = self.fields(&mut bytes, &mut record.ends)?;
            record.text = String::from_utf8(bytes).map_err(|error| self.not_utf8(record.line, &error))?;
            if !found {
                return Ok(false);
            }
            if record.ends.as_slice() != [(0, false)] {
                return Ok(true);
            }
        }
    }

    fn fields(&mut self, text: &mut Vec<u8>, ends: &mut Vec<(usize, bool)>) -> Result<bool, QueryError> {
        if self.peek()?.is_none() {
            return Ok(false);
        }
        let begins = self.line;
        loop {
            let quoted = self.quote.is_some() && self.peek()? == self.quote;
            if quoted {
                self.at += 1;
                self.quoted(text)?;
            } else {
                self.plain(text)?;
            }
            ends.push((text.len(), quoted));
            match self.peek()? {
                None => return Ok(true),
                Some(byte) if byte == self.separator => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                    return Ok(true);
                }
                Some(b'\r') => {
                    self.at += 1;
                    if self.peek()? == Some(b'\n') {
                        self.at += 1;
                    }
                    self.line += 1;
                    return Ok(true);
                }
                Some(_) => {
                    let hint = if begins == self.line {
                        "write a quote within quotes twice, or `quote: none` when quotes are part of the text".to_owned()
                    } else {
                        format!("a quote that opens in line {begins} is probably not closed")
                    };
                    return Err(self.file.refused_at(self.line, "goes on after a closing quote").hint(hint));
                }
            }
        }
    }

    /// Up to the separator or the end of the line.
    fn plain(&mut self, text: &mut Vec<u8>) -> Result<(), QueryError> {
        loop {
            let window = &self.window[self.at..];
            let end = memchr::memchr3(self.separator, b'\n', b'\r', window);
            text.extend_from_slice(&window[..end.unwrap_or(window.len())]);
            self.at += end.unwrap_or(window.len());
            if end.is_some() || !self.fill()? {
                return Ok(());
            }
            self.bounded(text, None)?;
        }
    }

    /// Up to the closing quote.
    fn quoted(&mut self, text: &mut Vec<u8>) -> Result<(), QueryError> {
        let opened = self.line;
        let quote = self.quote.unwrap_or(b'"');
        loop {
            let window = &self.window[self.at..];
            let end = memchr::memchr(quote, window);
            let inside = &window[..end.unwrap_or(window.len())];
            text.extend_from_slice(inside);
            self.line += memchr::memchr_iter(b'\n', inside).count() as u64;
            self.at += inside.len();
            if end.is_some() {
                self.at += 1;
                if self.peek()? != Some(quote) {
                    return Ok(());
                }
                self.at += 1;
                text.push(quote);
            } else if !self.fill()? {
                return Err(self.open_quote(opened));
            }
            self.bounded(text, Some(opened))?;
        }
    }

    fn bounded(&self, text: &[u8], opened: Option<u64>) -> Result<(), QueryError> {
        match opened {
            _ if text.len() <= LONGEST => Ok(()),
            Some(line) => Err(self.open_quote(line)),
            None => Err(self.file.refused_at(self.line, &format!("is longer than {} MiB", LONGEST >> 20))),
        }
    }

    fn open_quote(&self, line: u64) -> QueryError {
        self.file
            .refused_at(line, "opens a quote that is not closed")
            .hint("close it, or write the table's `quote: none` when quotes are part of the text")
    }

    fn not_utf8(&self, begins: u64, error: &std::string::FromUtf8Error) -> QueryError {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = begins + memchr::memchr_iter(b'\n', before).count() as u64;
        self.file.refused_at(line, "is not UTF-8").hint("write the table's `encoding`, for example `windows-1252`")
    }

    fn peek(&mut self) -> Result<Option<u8>, QueryError> {
        while self.at == self.window.len() {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.window[self.at]))
    }

    /// Reads on, once everything read has been taken apart; false at the end of the file.
    fn fill(&mut self) -> Result<bool, QueryError> {
        if self.ended {
            return Ok(false);
        }
        let bytes = self.bytes.next()?;
        self.ended = bytes.is_empty();
        self.window.clear();
        self.window.extend_from_slice(bytes);
        self.at = 0;
        Ok(!self.ended)
    }
}
