//! PostgreSQL's protocol, version 3, as far as reading needs it.
//!
//! A library's client would be less to read, but those that there are prepare statements under names, which poolers in transaction mode mix
//! up, run a statement before they have said which form its columns come in, and know half of `sslmode`. Messages and the login's
//! cryptography are a library's all the same.

mod cancel;
mod connect;
mod login;

use std::io;

use bytes::{Buf, BytesMut};
use futures::FutureExt;
use postgres_protocol::message::backend::{Header, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(super) use self::cancel::Canceller;
pub(super) use self::connect::{Connected, connect};
use super::failure::{Fault, ServerFault, note, protocol};

/// Bytes of one message before the login is done; nobody needs more for that.
const LOGIN_BYTES: u64 = 1 << 20;

/// Room for what comes, at the least.
const READ_AHEAD: usize = 64 * 1024;

/// A stream of bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Messages over a stream. Nothing runs beside it: what is not read waits at the server.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    input: BytesMut,
    output: BytesMut,
    /// Most bytes of one message.
    message_bytes: u64,
    /// Bytes still to come of a message that has too many; they are read and dropped, so that the rest of the conversation can be had.
    refused_bytes: u64,
    /// Something was asked, and the server has not said that it is ready for more.
    is_answering: bool,
}

impl Wire {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, input: BytesMut::new(), output: BytesMut::new(), message_bytes: LOGIN_BYTES, refused_bytes: 0, is_answering: false }
    }

    /// From now on a message may have so many bytes.
    pub(super) fn allow(&mut self, message_bytes: u64) {
        self.message_bytes = message_bytes;
    }

    /// Where messages are put before they are sent.
    pub(super) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Whether the server has not finished what it was asked.
    pub(super) fn is_answering(&self) -> bool {
        self.is_answering
    }

    /// Sends what was put there.
    pub(super) async fn flush(&mut self) -> Result<(), Fault> {
        self.is_answering = true;
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        self.stream.flush().await?;
        Ok(())
    }

    /// The next message; what the server says between answers is passed over.
    pub(super) async fn next(&mut self) -> Result<Message, Fault> {
        loop {
            if self.refused_bytes > 0 {
                let here = self.input.len().min(usize::try_from(self.refused_bytes).unwrap_or(usize::MAX));
                self.input.advance(here);
                self.refused_bytes -= here as u64;
                if self.refused_bytes > 0 {
                    self.more().await?;
                    continue;
                }
            }
            if let Some(header) = Header::parse(&self.input).map_err(protocol)? {
                let bytes = u64::from(header.len().unsigned_abs());
                if bytes > self.message_bytes {
                    // The tag is not counted in the length.
                    self.refused_bytes = bytes + 1;
                    return Err(Fault::TooLong { bytes });
                }
            }
            match Message::parse(&mut self.input).map_err(protocol)? {
                Some(Message::NoticeResponse(notice)) => note(&notice),
                Some(Message::NotificationResponse(_)) => {}
                Some(message) => {
                    self.is_answering &= !matches!(message, Message::ReadyForQuery(_));
                    return Ok(message);
                }
                None => self.more().await?,
            }
        }
    }

    async fn more(&mut self) -> Result<(), Fault> {
        self.input.reserve(READ_AHEAD);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(()),
        }
    }

    /// Reads up to the end of the answer; the first error on the way is what came of it.
    pub(super) async fn ready(&mut self) -> Result<(), Fault> {
        let mut failed = None;
        loop {
            match self.next().await? {
                Message::ReadyForQuery(_) => return failed.map_or(Ok(()), Err),
                Message::ErrorResponse(body) => failed = failed.or(Some(Fault::Server(ServerFault::read(&body)?))),
                _ => {}
            }
        }
    }

    /// Runs statements that are no user's and give no rows.
    pub(super) async fn command(&mut self, sql: &str) -> Result<(), Fault> {
        frontend::query(sql, &mut self.output).map_err(protocol)?;
        self.flush().await?;
        self.ready().await
    }

    /// Whether the server has been silent since its last answer. What it says unasked ends the connection, or is no answer to anything.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.input.is_empty() && self.stream.read_buf(&mut self.input).now_or_never().is_none()
    }

    /// Says goodbye, so that the server's log does not call the end unexpected.
    pub(super) async fn close(mut self) {
        frontend::terminate(&mut self.output);
        // Whoever cannot be told is gone already.
        if self.flush().await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }
}
