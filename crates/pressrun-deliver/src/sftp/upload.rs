//! Written under a temporary name, checked, then renamed: the final name shows a whole file or nothing (D6). Where the partner's server does not
//! let it be so, the schedule says to write the final name directly.
//!
//! Servers differ in what they allow an account: some answer no question about files, some neither rename nor remove, some take a file away as
//! soon as it is closed. Only what is needed is asked for, in the order that harms least: nothing is removed before a rename has failed for it.

use std::io;
use std::path::PathBuf;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::sftp_quirks::UploadMode;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::rawsession::SftpResult;
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, Status, StatusCode};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::naming::Names;
use super::session::Sftp;
use crate::config::Deadlines;
use crate::outcome::{rejected, retry};
use crate::parcel::Parcel;

/// Bytes of one write request.
const CHUNK: usize = 32 * 1024;
/// Write requests under way at once.
const IN_FLIGHT: usize = 16;
/// What to do about a server that does not let a file get its name by renaming.
const DIRECT_HINT: &str = "set uploadMode to direct, which writes the final name at once";

/// What is written.
pub(super) enum Content {
    File { path: PathBuf, bytes: u64 },
    Text(String),
}

impl Content {
    /// The artifact; for link_only a small JSON document with `url` (R1).
    pub(super) fn of(parcel: &Parcel) -> Result<Self, String> {
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
    pub(super) sftp: &'a Sftp,
    pub(super) folder: Option<&'a str>,
    pub(super) names: Names,
    pub(super) mode: UploadMode,
    pub(super) deadlines: Deadlines,
}

/// A file that is open on the server.
struct Open<'a> {
    path: &'a str,
    handle: String,
}

/// What the server says of a file that was closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrived {
    /// All of its bytes are there.
    Whole,
    /// It does not say.
    Unchecked,
    /// It knows no such file: it hides its files, or took this one away already.
    Unseen,
}

impl Upload<'_> {
    /// Writes the file and answers with what to say about it.
    pub(super) async fn run(&self, content: &Content) -> Result<String, Outcome> {
        self.check_folder().await?;
        let open = self.create().await?;
        if let Err(outcome) = self.fill(content, &open).await {
            self.discard(&open).await;
            return Err(outcome);
        }
        let finished = match self.check(content, open.path).await {
            Ok(arrived) if self.mode == UploadMode::Rename => self.rename(open.path).await.map(|()| arrived),
            found => found,
        };
        let target = &self.names.target;
        match finished {
            Ok(Arrived::Whole) => Ok(format!("{target} written, {} bytes", content.len())),
            Ok(Arrived::Unseen) if self.mode == UploadMode::Direct => {
                Ok(format!("{target} written, {} bytes; the server does not show it any more", content.len()))
            }
            Ok(Arrived::Unchecked | Arrived::Unseen) => {
                Ok(format!("{target} written, {} bytes; the server does not tell its size", content.len()))
            }
            Err(outcome) => {
                self.discard(&open).await;
                Err(outcome)
            }
        }
    }

    /// Only a folder that is said not to be there stops us: accounts that may only write are told nothing about folders.
    async fn check_folder(&self) -> Result<(), Outcome> {
        let Some(folder) = self.folder else { return Ok(()) };
        match self.stat("look at the directory", folder).await? {
            Ok(found) if found.permissions.is_some() && !found.is_dir() => Err(rejected(format!("sftp: {folder} is not a directory"))),
            Err(status) if status.status_code == StatusCode::NoSuchFile => Err(self.no_folder("look at the directory")),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Opens the first of the names that the server takes.
    async fn create(&self) -> Result<Open<'_>, Outcome> {
        // Truncated, not continued: writes are under way out of order, so the length of what an attempt left behind says nothing about holes.
        let flags = OpenFlags::CREATE | OpenFlags::WRITE | OpenFlags::TRUNCATE;
        let mut refused = retry("sftp: create the file: there is no name for it");
        for path in &self.names.written {
            let asked = self.sftp.raw.open(path.as_str(), flags, FileAttributes::empty());
            let answer = timeout(self.deadlines.command, asked).await.map_err(|_| retry("sftp: create the file: timed out"))?;
            refused = match answer {
                Ok(opened) => return Ok(Open { path, handle: opened.handle }),
                Err(SftpError::Status(status)) if status.status_code == StatusCode::NoSuchFile => {
                    return Err(self.no_folder("create the file"));
                }
                Err(error @ SftpError::Status(_)) => judge("create the file", path, &error),
                Err(error) => return Err(judge("create the file", path, &error)),
            };
        }
        Err(match refused {
            Outcome::Rejected { reason } if self.mode == UploadMode::Rename => rejected(format!(
                "{reason}; if the account may write there, its server takes only certain names: set temporaryName, or {DIRECT_HINT}"
            )),
            other => other,
        })
    }

    /// Writes and closes it.
    async fn fill(&self, content: &Content, open: &Open<'_>) -> Result<(), Outcome> {
        match timeout(self.deadlines.transfer, self.write(content, open)).await {
            Ok(written) => written?,
            Err(_) => return Err(retry("sftp: write: timed out")),
        }
        if self.sftp.can_fsync {
            self.request("flush to disk", open.path, self.sftp.raw.fsync(open.handle.clone())).await?;
        }
        self.request("close the file", open.path, self.sftp.raw.close(open.handle.clone())).await.map(drop)
    }

    async fn write(&self, content: &Content, open: &Open<'_>) -> Result<(), Outcome> {
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
            under_way.push(self.write_chunk(open, at, chunk));
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

    async fn write_chunk(&self, open: &Open<'_>, at: u64, chunk: Vec<u8>) -> Result<(), Outcome> {
        match timeout(self.deadlines.command, self.sftp.raw.write(&open.handle, at, chunk)).await {
            Ok(Err(SftpError::Status(status))) if status.status_code == StatusCode::Failure => Err(retry(format!(
                "sftp: write: the server could not store the file ({}); is its disk full or a quota reached?",
                status.error_message
            ))),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judge("write", open.path, &error)),
            Err(_) => Err(retry("sftp: write: timed out")),
        }
    }

    /// Whether the file arrived whole, as far as the server tells.
    async fn check(&self, content: &Content, path: &str) -> Result<Arrived, Outcome> {
        match self.stat("check the file", path).await? {
            Ok(FileAttributes { size: Some(size), .. }) if size == content.len() => Ok(Arrived::Whole),
            Ok(FileAttributes { size: Some(size), .. }) => {
                Err(retry(format!("sftp: check the file: {size} of {} bytes arrived", content.len())))
            }
            Err(status) if status.status_code == StatusCode::NoSuchFile => Ok(Arrived::Unseen),
            Ok(_) | Err(_) => Ok(Arrived::Unchecked),
        }
    }

    /// Over an existing file in one step where the server can; else removing that file first, but only when it was in the way.
    async fn rename(&self, from: &str) -> Result<(), Outcome> {
        let target = self.names.target.as_str();
        let Err(refusal) = self.try_rename(from).await? else { return Ok(()) };
        match refusal.status_code {
            StatusCode::NoSuchFile => {
                return Err(rejected(format!(
                    "sftp: rename: the server took {from} away as soon as it was closed, so the receiver may have got it under that name; {DIRECT_HINT}"
                )));
            }
            StatusCode::PermissionDenied | StatusCode::OpUnsupported => {
                return Err(rejected(format!(
                    "sftp: rename: the server does not let {from} be renamed to {target} ({}); {DIRECT_HINT}",
                    refusal.error_message
                )));
            }
            // The general failure is how version 3 says that the name is taken.
            StatusCode::Failure if !self.sftp.can_replace => {}
            _ => return Err(judge("rename", from, &SftpError::Status(refusal))),
        }
        if self.stat("rename", target).await?.is_err_and(|status| status.status_code == StatusCode::NoSuchFile) {
            return Err(judge("rename", from, &SftpError::Status(refusal)));
        }
        if let Err(status) = self.answer("replace", self.sftp.raw.remove(target)).await? {
            return Err(match judge("replace", target, &SftpError::Status(status)) {
                Outcome::Rejected { reason } => rejected(format!(
                    "{reason}: it is there already and can neither be renamed over nor removed; put the date into the file's name, or {DIRECT_HINT}"
                )),
                other => other,
            });
        }
        self.try_rename(from).await?.map_err(|status| judge("rename", from, &SftpError::Status(status)))
    }

    async fn try_rename(&self, from: &str) -> Result<Result<(), Status>, Outcome> {
        let target = self.names.target.as_str();
        if !self.sftp.can_replace {
            return Ok(self.answer("rename", self.sftp.raw.rename(from, target)).await?.map(drop));
        }
        let mut data = Vec::new();
        for path in [from, target] {
            data.extend_from_slice(&u32::try_from(path.len()).unwrap_or(u32::MAX).to_be_bytes());
            data.extend_from_slice(path.as_bytes());
        }
        match self.answer("rename", self.sftp.raw.extended("posix-rename@openssh.com", data)).await? {
            Ok(Packet::Status(status)) if status.status_code == StatusCode::Ok => Ok(Ok(())),
            Ok(Packet::Status(status)) | Err(status) => Ok(Err(status)),
            Ok(_) => Err(retry("sftp: rename: unexpected answer")),
        }
    }

    /// Removes what an attempt leaves behind, as far as the server lets us; the connection may be the thing that broke.
    async fn discard(&self, open: &Open<'_>) {
        let deadline = self.deadlines.connect;
        // Removed before it is closed, because some servers hand on what is closed; closed first where open files cannot be removed.
        if matches!(timeout(deadline, self.sftp.raw.remove(open.path)).await, Ok(Err(SftpError::Status(_)))) {
            let _ = timeout(deadline, self.sftp.raw.close(open.handle.clone())).await;
            let _ = timeout(deadline, self.sftp.raw.remove(open.path)).await;
        }
    }

    async fn stat(&self, phase: &str, path: &str) -> Result<Result<FileAttributes, Status>, Outcome> {
        Ok(self.answer(phase, self.sftp.raw.stat(path)).await?.map(|found| found.attrs))
    }

    /// What the server answers to one request; only a connection that fails or is silent ends the upload.
    async fn answer<T>(&self, phase: &str, work: impl Future<Output = SftpResult<T>>) -> Result<Result<T, Status>, Outcome> {
        match timeout(self.deadlines.command, work).await {
            Ok(Ok(done)) => Ok(Ok(done)),
            Ok(Err(SftpError::Status(status)))
                if !matches!(status.status_code, StatusCode::NoConnection | StatusCode::ConnectionLost | StatusCode::BadMessage) =>
            {
                Ok(Err(status))
            }
            Ok(Err(error)) => Err(retry(format!("sftp: {phase}: {error}"))),
            Err(_) => Err(retry(format!("sftp: {phase}: timed out"))),
        }
    }

    /// One request that has to succeed.
    async fn request<T>(&self, phase: &str, path: &str, work: impl Future<Output = SftpResult<T>>) -> Result<T, Outcome> {
        self.answer(phase, work).await?.map_err(|status| judge(phase, path, &SftpError::Status(status)))
    }

    fn no_folder(&self, phase: &str) -> Outcome {
        let folder = self.folder.unwrap_or("of the login");
        rejected(format!("sftp: {phase}: directory {folder} does not exist on the server and is not created"))
    }
}

/// What is missing, forbidden or unknown to the server stays so until somebody acts; the rest may pass.
fn judge(phase: &str, path: &str, error: &SftpError) -> Outcome {
    let SftpError::Status(status) = error else { return retry(format!("sftp: {phase}: {error}")) };
    match status.status_code {
        StatusCode::NoSuchFile => rejected(format!("sftp: {phase}: {path} does not exist on the server")),
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
