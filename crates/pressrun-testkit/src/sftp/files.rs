//! SFTP version 3 over a folder, as much of it as an upload needs.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use russh::Disconnect;
use russh_sftp::protocol::{Attrs, ExtendedReply, FileAttributes, Handle, Name, OpenFlags, Packet, Status, StatusCode, Version};
use russh_sftp::server::Handler;

use super::scripted::{SftpPhase, State, lock};

pub(super) struct Files {
    state: Arc<State>,
    session: russh::server::Handle,
    open: HashMap<String, (PathBuf, File)>,
    opened: u32,
}

impl Files {
    pub(super) fn new(state: Arc<State>, session: russh::server::Handle) -> Self {
        Self { state, session, open: HashMap::new(), opened: 0 }
    }

    /// Follows the script at this request.
    async fn may_go_on(&self, phase: SftpPhase) -> Result<(), StatusCode> {
        self.state.pause_at(phase).await;
        match self.state.script().fail_at {
            Some((failing, status)) if failing == phase => Err(status),
            _ if self.state.script().forbids.contains(&phase) => Err(StatusCode::PermissionDenied),
            _ => Ok(()),
        }
    }

    /// The path inside the folder; `..` goes nowhere.
    fn path(&self, text: &str) -> PathBuf {
        text.split('/')
            .filter(|part| !part.is_empty() && *part != "." && *part != "..")
            .fold(self.state.root.clone(), |path, part| path.join(part))
    }

    fn rename_over(&self, data: &[u8]) -> Option<(PathBuf, PathBuf)> {
        let (from, rest) = text(data)?;
        let (to, _) = text(rest)?;
        Some((self.path(&from), self.path(&to)))
    }
}

fn text(data: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = data.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

fn ok(id: u32) -> Status {
    Status { id, status_code: StatusCode::Ok, error_message: "Ok".to_owned(), language_tag: "en-US".to_owned() }
}

fn code(error: &io::Error) -> StatusCode {
    match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    }
}

impl Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _version: u32, _extensions: HashMap<String, String>) -> Result<Version, StatusCode> {
        self.state.pause_at(SftpPhase::Start).await;
        let mut version = Version::new();
        if !self.state.script().plain_version_3 {
            for name in ["posix-rename@openssh.com", "fsync@openssh.com"] {
                version.extensions.insert(name.to_owned(), "1".to_owned());
            }
        }
        Ok(version)
    }

    async fn open(&mut self, id: u32, filename: String, flags: OpenFlags, _attrs: FileAttributes) -> Result<Handle, StatusCode> {
        self.may_go_on(SftpPhase::Open).await?;
        let last = filename.rsplit('/').next().unwrap_or_default();
        if last.starts_with('.') && self.state.script().no_dot_names {
            return Err(StatusCode::PermissionDenied);
        }
        let file = OpenOptions::new()
            .read(flags.contains(OpenFlags::READ))
            .write(flags.contains(OpenFlags::WRITE))
            .create(flags.contains(OpenFlags::CREATE))
            .truncate(flags.contains(OpenFlags::TRUNCATE))
            .open(self.path(&filename))
            .map_err(|error| code(&error))?;
        self.opened += 1;
        let handle = self.opened.to_string();
        self.open.insert(handle.clone(), (self.path(&filename), file));
        Ok(Handle { id, handle })
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, StatusCode> {
        self.may_go_on(SftpPhase::Close).await?;
        let (path, file) = self.open.remove(&handle).ok_or(StatusCode::Failure)?;
        drop(file);
        if self.state.script().takes_on_close && path.exists() {
            let bytes = std::fs::read(&path).map_err(|error| code(&error))?;
            std::fs::remove_file(&path).map_err(|error| code(&error))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            lock(&self.state.taken).push((name, bytes));
        }
        Ok(ok(id))
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Result<Status, StatusCode> {
        self.may_go_on(SftpPhase::Write).await?;
        let script = self.state.script();
        self.open.get(&handle).ok_or(StatusCode::Failure)?.1.write_all_at(&data, offset).map_err(|error| code(&error))?;
        let written = {
            let mut written = lock(&self.state.written);
            *written += data.len() as u64;
            *written
        };
        if script.cut_after_bytes.is_some_and(|limit| written >= limit) {
            let _ = self.session.disconnect(Disconnect::ByApplication, "cut".to_owned(), String::new()).await;
            std::future::pending::<()>().await;
        }
        Ok(ok(id))
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        let folder = self.path(&path).is_dir() || !path.contains('.');
        self.may_go_on(if folder { SftpPhase::Folder } else { SftpPhase::Check }).await?;
        let found = std::fs::metadata(self.path(&path)).map_err(|error| code(&error))?;
        Ok(Attrs { id, attrs: FileAttributes::from(&found) })
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        self.stat(id, path).await
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, StatusCode> {
        Ok(Name { id, files: vec![russh_sftp::protocol::File::dummy(path)] })
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, StatusCode> {
        self.may_go_on(SftpPhase::Remove).await?;
        let vague = self.state.script().vague_removals;
        std::fs::remove_file(self.path(&filename)).map(|()| ok(id)).map_err(|error| if vague { StatusCode::Failure } else { code(&error) })
    }

    /// As version 3 says: never onto an existing file.
    async fn rename(&mut self, id: u32, oldpath: String, newpath: String) -> Result<Status, StatusCode> {
        self.may_go_on(SftpPhase::Rename).await?;
        let (from, to) = (self.path(&oldpath), self.path(&newpath));
        if to.exists() {
            return Err(StatusCode::Failure);
        }
        std::fs::rename(from, to).map(|()| ok(id)).map_err(|error| code(&error))
    }

    async fn extended(&mut self, id: u32, request: String, data: Vec<u8>) -> Result<Packet, StatusCode> {
        match request.as_str() {
            "posix-rename@openssh.com" => {
                self.may_go_on(SftpPhase::Rename).await?;
                let (from, to) = self.rename_over(&data).ok_or(StatusCode::BadMessage)?;
                std::fs::rename(from, to).map_err(|error| code(&error))?;
                Ok(Packet::Status(ok(id)))
            }
            "fsync@openssh.com" => {
                self.may_go_on(SftpPhase::Flush).await?;
                let (handle, _) = text(&data).ok_or(StatusCode::BadMessage)?;
                self.open.get(&handle).ok_or(StatusCode::Failure)?.1.sync_all().map_err(|error| code(&error))?;
                Ok(Packet::Status(ok(id)))
            }
            "limits@openssh.com" => Ok(Packet::ExtendedReply(ExtendedReply { id, data: Vec::new() })),
            _ => Err(StatusCode::OpUnsupported),
        }
    }
}
