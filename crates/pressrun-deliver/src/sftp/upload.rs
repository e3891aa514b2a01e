//! Written under a temporary name, checked, then renamed: the final name shows a whole file or nothing (D6).

use std::io;
use std::path::PathBuf;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use pressrun_domain::delivery::Outcome;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::rawsession::SftpResult;
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::session::Sftp;
use crate::config::Deadlines;
use crate::outcome::{rejected, retry};
use crate::parcel::Parcel;

/// Bytes of one write request.
const CHUNK: usize = 32 * 1024;
/// Write requests under way at once.
const IN_FLIGHT: usize = 16;

/// What is written.
pub(crate) enum Content {
    File { path: PathBuf, bytes: u64 },
    Text(String),
}

impl Content {
    /// The artifact; for link_only a small JSON document with `url` (R1).
    pub(crate) fn of(parcel: &Parcel) -> Result<Self, String> {
        if let Some(artifact) = &parcel.artifact {
            return Ok(Self::File { path: artifact.path.clone(), bytes: artifact.bytes });
        }
        let link = parcel.message.link.as_deref().ok_or("there is neither a file nor a link to send")?;
        Ok(Self::Text(format!("{}\n", serde_json::json!({ "url": link }))))
    }

    fn len(&self) -> u64 {
        match self {
            Self::File { bytes, .. } => *bytes,
            Self::Text(text) => text.len() as u64,
        }
    }

    async fn open(&self) -> io::Result<Box<dyn tokio::io::AsyncRead + Send + Unpin + '_>> {
        Ok(match self {
            Self::File { path, .. } => Box::new(tokio::fs::File::open(path).await?),
            Self::Text(text) => Box::new(text.as_bytes()),
        })
    }
}

/// One file on its way.
pub(super) struct Upload<'a> {
    pub(super) folder: Option<&'a str>,
    pub(super) name: String,
    /// Made from the idempotency key: a repeated attempt overwrites its own unfinished file and nobody else's.
    pub(super) mark: String,
    pub(super) deadlines: Deadlines,
}

impl Upload<'_> {
    /// Writes the file and answers with what to say about it.
    pub(super) async fn run(&self, sftp: &Sftp, content: &Content) -> Result<String, Outcome> {
        self.check_folder(sftp).await?;
        let unfinished = self.at(&self.unfinished_name());
        let done = self.write_and_rename(sftp, content, &unfinished).await;
        if done.is_err() {
            // Best effort: the connection may be the thing that broke.
            let _ = timeout(self.deadlines.connect, sftp.raw.remove(unfinished)).await;
        }
        done.map(|()| format!("{} written, {} bytes", self.at(&self.name), content.len()))
    }

    async fn check_folder(&self, sftp: &Sftp) -> Result<(), Outcome> {
        let Some(folder) = self.folder else { return Ok(()) };
        let found = self.request("look at the directory", folder, sftp.raw.stat(folder)).await?;
        if found.attrs.permissions.is_some() && !found.attrs.is_dir() {
            return Err(rejected(format!("sftp: {folder} is not a directory")));
        }
        Ok(())
    }

    async fn write_and_rename(&self, sftp: &Sftp, content: &Content, unfinished: &str) -> Result<(), Outcome> {
        let target = self.at(&self.name);
        // Truncated, not continued: writes are under way out of order, so the length of what an attempt left behind says nothing about holes.
        let flags = OpenFlags::CREATE | OpenFlags::WRITE | OpenFlags::TRUNCATE;
        let handle = self.request("create the file", &target, sftp.raw.open(unfinished, flags, FileAttributes::empty())).await?.handle;
        match timeout(self.deadlines.transfer, self.write(sftp, content, &handle)).await {
            Ok(written) => written?,
            Err(_) => return Err(retry("sftp: write: timed out")),
        }
        if sftp.can_fsync {
            self.request("flush to disk", &target, sftp.raw.fsync(handle.clone())).await?;
        }
        self.request("close the file", &target, sftp.raw.close(handle)).await?;
        let found = self.request("check the file", &target, sftp.raw.stat(unfinished)).await?;
        if found.attrs.size.is_some_and(|size| size != content.len()) {
            return Err(retry(format!(
                "sftp: check the file: {} of {} bytes arrived",
                found.attrs.size.unwrap_or_default(),
                content.len()
            )));
        }
        self.rename(sftp, unfinished).await
    }

    async fn write(&self, sftp: &Sftp, content: &Content, handle: &str) -> Result<(), Outcome> {
        let unreadable = |error: io::Error| retry(format!("sftp: the artifact could not be read: {error}"));
        let mut source = content.open().await.map_err(unreadable)?.take(content.len());
        let mut under_way = FuturesUnordered::new();
        let mut written = 0;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            (&mut source).take(CHUNK as u64).read_to_end(&mut chunk).await.map_err(unreadable)?;
            if chunk.is_empty() {
                break;
            }
            if under_way.len() == IN_FLIGHT {
                under_way.next().await.unwrap_or(Ok(()))?;
            }
            let at = written;
            written += chunk.len() as u64;
            under_way.push(self.write_chunk(sftp, handle, at, chunk));
        }
        while let Some(done) = under_way.next().await {
            done?;
        }
        if written == content.len() {
            Ok(())
        } else {
            Err(retry(format!("sftp: the artifact has {written} bytes instead of {}", content.len())))
        }
    }

    async fn write_chunk(&self, sftp: &Sftp, handle: &str, at: u64, chunk: Vec<u8>) -> Result<(), Outcome> {
        match timeout(self.deadlines.command, sftp.raw.write(handle, at, chunk)).await {
            Ok(Err(SftpError::Status(status))) if status.status_code == StatusCode::Failure => Err(retry(format!(
                "sftp: write: the server could not store the file ({}); is its disk full or a quota reached?",
                status.error_message
            ))),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.judge("write", &self.at(&self.name), &error)),
            Err(_) => Err(retry("sftp: write: timed out")),
        }
    }

    /// Over an existing file in one step where the server can; else remove, then rename (SFTP version 3 cannot replace).
    async fn rename(&self, sftp: &Sftp, unfinished: &str) -> Result<(), Outcome> {
        let target = self.at(&self.name);
        if sftp.can_replace {
            let mut data = Vec::new();
            for path in [unfinished, target.as_str()] {
                data.extend_from_slice(&u32::try_from(path.len()).unwrap_or(u32::MAX).to_be_bytes());
                data.extend_from_slice(path.as_bytes());
            }
            return match self.request("rename", &target, sftp.raw.extended("posix-rename@openssh.com", data)).await? {
                Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
                Packet::Status(status) => Err(self.judge("rename", &target, &SftpError::Status(status))),
                _ => Err(retry("sftp: rename: unexpected answer")),
            };
        }
        match timeout(self.deadlines.command, sftp.raw.remove(target.as_str())).await {
            Ok(Ok(_)) => {}
            Ok(Err(SftpError::Status(status))) if status.status_code == StatusCode::NoSuchFile => {}
            Ok(Err(error)) => return Err(self.judge("replace", &target, &error)),
            Err(_) => return Err(retry("sftp: replace: timed out")),
        }
        self.request("rename", &target, sftp.raw.rename(unfinished, target.as_str())).await.map(drop)
    }

    /// One request under its deadline.
    async fn request<T>(&self, phase: &str, path: &str, work: impl Future<Output = SftpResult<T>>) -> Result<T, Outcome> {
        match timeout(self.deadlines.command, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.judge(phase, path, &error)),
            Err(_) => Err(retry(format!("sftp: {phase}: timed out"))),
        }
    }

    /// What is missing, forbidden or unknown to the server stays so until somebody acts; the rest may pass.
    fn judge(&self, phase: &str, path: &str, error: &SftpError) -> Outcome {
        let SftpError::Status(status) = error else { return retry(format!("sftp: {phase}: {error}")) };
        match status.status_code {
            StatusCode::NoSuchFile => rejected(format!(
                "sftp: {phase}: directory {} does not exist on the server and is not created",
                self.folder.unwrap_or("of the login")
            )),
            StatusCode::PermissionDenied => rejected(format!("sftp: {phase}: permission denied for {path}")),
            StatusCode::OpUnsupported => rejected(format!("sftp: {phase}: the server does not support it: {}", status.error_message)),
            StatusCode::Ok
            | StatusCode::Eof
            | StatusCode::Failure
            | StatusCode::BadMessage
            | StatusCode::NoConnection
            | StatusCode::ConnectionLost => retry(format!("sftp: {phase}: {error}")),
        }
    }

    fn at(&self, name: &str) -> String {
        match self.folder {
            Some(folder) => format!("{}/{name}", folder.strip_suffix('/').unwrap_or(folder)),
            None => name.to_owned(),
        }
    }

    /// `.<name>.<mark>.part`, shortened to what file systems take.
    fn unfinished_name(&self) -> String {
        let mut end = self.name.len().min(200);
        while !self.name.is_char_boundary(end) {
            end -= 1;
        }
        format!(".{}.{}.part", &self.name[..end], self.mark)
    }
}
