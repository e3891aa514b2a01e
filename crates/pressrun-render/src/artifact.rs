//! The file that a render makes: written once, hashed, and removed when anything fails.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use pressrun_domain::output::Format;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::RenderError;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rendered {
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Media type (`text/csv`, `application/zip`).
    pub media_type: String,
    /// Extension without a dot.
    pub extension: String,
    /// Sheets of a pdf, 1 for a png, 0 for data.
    pub pages: u32,
    /// What was cut or could not be shown, naming the tile (R11).
    pub warnings: Vec<String>,
}

/// What a format's writer tells about its file.
pub(crate) struct Written {
    pub(crate) kind: Kind,
    pub(crate) pages: u32,
    pub(crate) warnings: Vec<String>,
}

/// Kinds of file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Csv,
    Json,
    Pdf,
    Png,
    Xlsx,
    Zip,
}

impl Kind {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Zip => "application/zip",
        }
    }

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Xlsx => "xlsx",
            Self::Zip => "zip",
        }
    }
}

/// A file being written; dropped before [`Artifact::finish`], it is removed.
pub(crate) struct Artifact {
    path: PathBuf,
    file: BufWriter<File>,
    finished: bool,
}

impl Artifact {
    pub(crate) fn create(path: &Path) -> Result<Self, RenderError> {
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| RenderError::write(path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 18, file), finished: false })
    }

    /// Where it is written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, for writers that seek.
    pub(crate) fn writer(&mut self) -> &mut BufWriter<File> {
        &mut self.file
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), RenderError> {
        self.file.write_all(bytes).map_err(|error| RenderError::write(&self.path, &error))
    }

    /// Flushes, hashes and keeps the file.
    pub(crate) fn finish(mut self, written: Written) -> Result<Rendered, RenderError> {
        let path = self.path.clone();
        let failed = |error: std::io::Error| RenderError::write(&path, &error);
        self.file.flush().map_err(failed)?;
        let mut file = File::open(&path).map_err(failed)?;
        let (mut hash, mut bytes, mut block) = (Sha256::new(), 0_u64, vec![0; 1 << 18]);
        loop {
            let read = file.read(&mut block).map_err(failed)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            hash.update(&block[..read]);
        }
        self.finished = true;
        Ok(Rendered {
            bytes,
            sha256: hex::encode(hash.finalize()),
            media_type: written.kind.media_type().to_owned(),
            extension: written.kind.extension().to_owned(),
            pages: written.pages,
            warnings: written.warnings,
        })
    }
}

impl Drop for Artifact {
    fn drop(&mut self) {
        // A device or a pipe is not ours to remove.
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_file() || metadata.is_symlink());
        if !self.finished && ours {
            // Nothing better can be done here: the error that led here is already on its way.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Media type and extension of a format with one data tile; csv of several tiles becomes a zip (R3).
#[must_use]
pub fn media_type(format: Format) -> Option<(&'static str, &'static str)> {
    let kind = match format {
        Format::Csv => Kind::Csv,
        Format::Json => Kind::Json,
        Format::LinkOnly => return None,
        Format::Pdf => Kind::Pdf,
        Format::Png => Kind::Png,
        Format::Xlsx => Kind::Xlsx,
    };
    Some((kind.media_type(), kind.extension()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named_and_the_partial_file_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut artifact = Artifact::create(&path).unwrap();
        let error = artifact.write(&vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(error, RenderError::DiskFull { folder: folder.path().display().to_string() });
        assert_eq!(error.reason(), "diskFull");
        drop(artifact);
        assert!(std::fs::symlink_metadata(&path).is_err());
    }

    #[test]
    fn what_is_kept_is_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let mut artifact = Artifact::create(&path).unwrap();
        artifact.write(b"abc").unwrap();
        let said = artifact.finish(Written { kind: Kind::Csv, pages: 0, warnings: Vec::new() }).unwrap();
        assert_eq!((said.bytes, said.sha256.as_str()), (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        assert_eq!((said.media_type.as_str(), said.extension.as_str()), ("text/csv", "csv"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Artifact::create(Path::new("/nowhere/at/all")).err().unwrap();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
