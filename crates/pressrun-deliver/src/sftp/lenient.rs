//! Statuses as version 3 has them, whatever the server sends.
//!
//! Servers that know later versions of SFTP answer version 3 with status codes of those ("file already exists"), some leave the message out, and
//! some write it in the letters of their own Windows. The library ends the session at any of these, and what the server said is lost; so each
//! status is put right on its way in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// `SSH_FXP_STATUS`.
const STATUS: u8 = 101;
/// The last status code of version 3.
const LAST_CODE: u32 = 8;
/// A longer packet is handed on as it comes: the library refuses it.
const PACKET_BYTES_MAX: usize = 256 * 1024;

/// A stream of SFTP packets, with the statuses in what is read put right.
pub(super) struct Lenient<S> {
    inner: S,
    /// The packet that is being read, with its length.
    packet: Vec<u8>,
    /// What is ready to be handed on.
    ready: Bytes,
}

impl<S> Lenient<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, packet: Vec::new(), ready: Bytes::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.ready.is_empty() {
                let taken = self.ready.len().min(buf.remaining());
                buf.put_slice(&self.ready[..taken]);
                self.ready.advance(taken);
                return Poll::Ready(Ok(()));
            }
            let missing = match declared(&self.packet) {
                None => 4 - self.packet.len(),
                Some(bytes) => (4 + bytes.min(PACKET_BYTES_MAX)) - self.packet.len(),
            };
            if missing == 0 {
                let packet = std::mem::take(&mut self.packet);
                self.ready = Bytes::from(put_right(packet));
                continue;
            }
            let mut piece = [0; 8 * 1024];
            let most = missing.min(piece.len());
            let mut room = ReadBuf::new(&mut piece[..most]);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut room))?;
            let read = room.filled();
            if read.is_empty() {
                // The end: what is left of a packet is for the library to judge.
                self.ready = Bytes::from(std::mem::take(&mut self.packet));
                if self.ready.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            } else {
                self.packet.extend_from_slice(read);
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Bytes that follow the length, once that is there.
fn declared(packet: &[u8]) -> Option<usize> {
    number(packet, 0).and_then(|bytes| usize::try_from(bytes).ok())
}

fn number(packet: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?))
}

/// A packet with its length; a status as version 3 has it, everything else as it is.
fn put_right(packet: Vec<u8>) -> Vec<u8> {
    let (Some(&STATUS), Some(id), Some(code)) = (packet.get(4), number(&packet, 5), number(&packet, 9)) else { return packet };
    if declared(&packet) != Some(packet.len() - 4) {
        return packet;
    }
    let said = number(&packet, 13).and_then(|bytes| packet.get(17..17_usize.checked_add(usize::try_from(bytes).ok()?)?));
    let message = match said {
        Some(said) if !said.is_empty() => String::from_utf8_lossy(said).into_owned(),
        _ => meaning(code).1.to_owned(),
    };
    let mut body = vec![STATUS];
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(&meaning(code).0.to_be_bytes());
    for text in [message.as_str(), "en"] {
        body.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(text.as_bytes());
    }
    let mut out = u32::try_from(body.len()).unwrap_or(0).to_be_bytes().to_vec();
    out.extend_from_slice(&body);
    out
}

/// The version 3 code that says nearest to the same, and words for it (draft-ietf-secsh-filexfer-13, §9.1).
fn meaning(code: u32) -> (u32, &'static str) {
    let (missing, denied, failure, unsupported) = (2, 3, 4, 8);
    match code {
        0..=LAST_CODE => (code, "no reason given"),
        9 => (failure, "invalid handle"),
        10 => (missing, "no such path"),
        11 => (failure, "file already exists"),
        12 => (denied, "write protected"),
        13 => (failure, "no media in the drive"),
        14 => (failure, "no space left"),
        15 => (failure, "quota exceeded"),
        16 => (denied, "unknown user or group"),
        17 => (failure, "the file is locked"),
        20 => (denied, "invalid file name"),
        22 => (denied, "the file cannot be deleted"),
        23 => (unsupported, "invalid parameter"),
        24 => (denied, "it is a directory"),
        _ => (failure, "no reason given"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn status(id: u32, code: u32, rest: &[u8]) -> Vec<u8> {
        let mut body = vec![STATUS];
        body.extend_from_slice(&id.to_be_bytes());
        body.extend_from_slice(&code.to_be_bytes());
        body.extend_from_slice(rest);
        let mut packet = u32::try_from(body.len()).expect("short").to_be_bytes().to_vec();
        packet.extend_from_slice(&body);
        packet
    }

    fn text(text: &[u8]) -> Vec<u8> {
        [&u32::try_from(text.len()).expect("short").to_be_bytes(), text].concat()
    }

    #[test]
    fn f9_a_status_of_a_later_version_or_without_words_is_one_of_version_3() {
        let (en, latin) = (text(b"en"), text(b"Zugriff f\xfcr blobby verweigert"));
        for (case, code, rest, expected_code, words) in [
            ("as it should be", 4, [text(b"Failure"), en.clone()].concat(), 4, "Failure"),
            ("a later code", 11, [text(b"exists"), en.clone()].concat(), 4, "exists"),
            ("a later code without words", 14, vec![], 4, "no space left"),
            ("a code of no version", 4_000_000_000, vec![], 4, "no reason given"),
            ("no words", 3, vec![], 3, "no reason given"),
            ("no language", 3, text(b"denied"), 3, "denied"),
            ("letters of Windows", 3, [latin, en].concat(), 3, "Zugriff f\u{fffd}r blobby verweigert"),
            ("a length that lies", 3, vec![0xff, 0xff, 0xff, 0xff, b'x'], 3, "no reason given"),
        ] {
            let right = put_right(status(7, code, &rest));
            assert_eq!(right, status(7, expected_code, &[text(words.as_bytes()), text(b"en")].concat()), "{case}");
        }
        for other in [vec![0, 0, 0, 1, 102], vec![0, 0, 0, 2, STATUS, 0], vec![]] {
            assert_eq!(put_right(other.clone()), other);
        }
    }

    #[tokio::test]
    async fn f9_packets_arrive_whole_however_they_are_cut_and_what_is_no_packet_is_handed_on() {
        let handle = [&[0, 0, 0, 10, 102][..], &7_u32.to_be_bytes(), &[0, 0, 0, 1, b'h']].concat();
        let sent = [status(1, 11, &[]), handle.clone(), status(2, 0, &[])].concat();
        let expected = [put_right(status(1, 11, &[])), handle, put_right(status(2, 0, &[]))].concat();
        for cut in 1..sent.len() {
            let (mut server, client) = tokio::io::duplex(64);
            let (first, second) = (sent[..cut].to_vec(), sent[cut..].to_vec());
            let writing = async move {
                server.write_all(&first).await.expect("read");
                tokio::task::yield_now().await;
                server.write_all(&second).await.expect("read");
            };
            let mut found = Vec::new();
            let mut lenient = Lenient::new(client);
            let (read, ()) = tokio::join!(lenient.read_to_end(&mut found), writing);
            read.expect("reads");
            assert_eq!(found, expected, "cut at {cut}");
        }
        let endless = [vec![0xff; 8], vec![b'x'; 300_000]].concat();
        let mut found = Vec::new();
        Lenient::new(&endless[..]).read_to_end(&mut found).await.expect("reads");
        assert_eq!(found, endless, "nothing is lost and nothing waited for");
    }
}
