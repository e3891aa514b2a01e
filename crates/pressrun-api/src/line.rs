//! A connection as the HTTP library sees it: clients that stop reading are cut off, and no refusal leaves without a body.
//!
//! What is no HTTP at all is refused by the library itself, before a router sees it, and with an empty body. Clients of this API parse every
//! answer as JSON, so that such a refusal gets the body of every other (contract §1.3).

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection.
pub(crate) struct Line<T> {
    stream: T,
    write_timeout: Duration,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// A refusal with its body, as far as it is not written.
    pending: Bytes,
}

impl<T> Line<T> {
    /// Wraps `stream`.
    pub(crate) fn new(stream: T, write_timeout: Duration) -> Self {
        Self { stream, write_timeout, stalled: None, pending: Bytes::new() }
    }
}

impl<T: AsyncWrite + Unpin> Line<T> {
    /// What came of a write, or the end of patience.
    fn bounded<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.stream), cx) {
            self.stalled = None;
            return Poll::Ready(done);
        }
        let timeout = self.write_timeout;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }

    fn write_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.pending.has_remaining() {
            let pending = self.pending.clone();
            let written = ready!(self.bounded(cx, |stream, cx| stream.poll_write(cx, &pending)))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Line<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Line<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.write_pending(cx))?;
        let Some(refusal) = with_body(bytes) else {
            return self.bounded(cx, |stream, cx| stream.poll_write(cx, bytes));
        };
        self.pending = refusal;
        // Taken over as a whole; what does not fit now goes out with the next write or flush.
        match self.write_pending(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let [only] = parts {
            return self.poll_write(cx, only);
        }
        ready!(self.write_pending(cx))?;
        self.bounded(cx, |stream, cx| stream.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_pending(cx))?;
        self.bounded(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_pending(cx))?;
        self.bounded(cx, AsyncWrite::poll_shutdown)
    }
}

/// The refusal with a body, when `bytes` are the whole head of one without.
fn with_body(bytes: &[u8]) -> Option<Bytes> {
    const EMPTY: &str = "content-length: 0\r\n";
    let head = std::str::from_utf8(bytes).ok().filter(|head| head.starts_with("HTTP/1.1 4") && head.ends_with("\r\n\r\n"))?;
    let (before, after) = head.split_once(EMPTY)?;
    let status: u16 = head.get(9..12)?.parse().ok()?;
    let detail = match status {
        400 => "Invalid request: it is not HTTP",
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        _ => "Request refused",
    };
    let body = serde_json::json!({ "detail": detail, "status": status }).to_string();
    Some(format!("{before}content-type: application/json\r\ncontent-length: {}\r\n{after}{body}", body.len()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_head_of_an_empty_refusal_gets_a_body() {
        let head = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        let refusal = with_body(head.as_bytes()).expect("a body");
        let body = r#"{"detail":"Request Header Fields Too Large","status":431}"#;
        let expected = format!(
            "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: now\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(refusal, expected);
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
        ] {
            assert_eq!(with_body(other.as_bytes()), None, "{other}");
        }
    }
}
