//! One workbook: a cover sheet, then one sheet a data tile in dashboard order, in constant memory (R6).

mod cell;
mod cover;
mod drawing;
mod looks;
mod sheet;
mod total;

use std::io::{Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub(crate) use self::sheet::ROWS;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use crate::artifact::{Artifact, Kind, Written};
use crate::csv::warnings;
use crate::error::RenderError;
use crate::names::{SHEET_NAME, Unique, sheet_name};
use crate::report::RenderJob;

pub(crate) fn write(job: &RenderJob, artifact: &mut Artifact) -> Result<Written, RenderError> {
    if job.report.data_tiles().next().is_none() {
        return Err(RenderError::NoData);
    }
    let path = artifact.path().to_owned();
    let mut warnings = warnings(job);
    // The writer panics where its temporary file cannot grow; that is a full disk, not a defect.
    let done = catch_unwind(AssertUnwindSafe(|| {
        let mut workbook = build(job, &path, &mut warnings)?;
        let file = artifact.writer();
        file.seek(SeekFrom::Start(0)).map_err(|error| RenderError::write(&path, &error))?;
        workbook.save_to_writer(file).map_err(|error| failed(&path, error))
    }));
    match done {
        Ok(result) => result?,
        Err(panic) => {
            let cause = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            return Err(panicked(&path, &cause.unwrap_or_default()));
        }
    }
    Ok(Written { kind: Kind::Xlsx, pages: 0, warnings })
}

fn build(job: &RenderJob, path: &Path, warnings: &mut Vec<String>) -> Result<Workbook, RenderError> {
    let xlsx = |error| failed(path, error);
    let mut workbook = Workbook::new();
    // Temporary files go where the artifact goes: that disk was chosen for size, and its fullness is reported.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    workbook.set_tempdir(folder).map_err(xlsx)?;
    let created = ExcelDateTime::from_timestamp(job.report.as_of.as_second()).map_err(xlsx)?;
    workbook.set_properties(&DocProperties::new().set_title(&job.report.title).set_company("").set_creation_datetime(&created));

    let mut names = Unique::default();
    let cover = cover::is_wanted(job);
    let cover_name = if cover { Some(names.take("About", SHEET_NAME)) } else { None };
    let tiles: Vec<_> =
        job.report.data_tiles().map(|(tile, data)| (names.take(&sheet_name(&tile.title, &tile.key), SHEET_NAME), tile, data)).collect();
    if let Some(name) = &cover_name {
        let listed: Vec<_> = tiles.iter().map(|(name, tile, _)| (name.as_str(), tile.title.as_str())).collect();
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).map_err(xlsx)?;
        cover::write(job, &listed, sheet).map_err(xlsx)?;
    }
    for (name, tile, data) in tiles {
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(xlsx)?;
        sheet.set_name(&name).map_err(xlsx)?;
        sheet::write(job, (tile, &name), data, sheet, path, warnings)?;
    }
    Ok(workbook)
}

fn failed(path: &Path, error: XlsxError) -> RenderError {
    match error {
        XlsxError::IoError(error) | XlsxError::TempFileError(_, error) => RenderError::write(path, &error),
        XlsxError::ZipError(error) => RenderError::write(path, &std::io::Error::from(error)),
        other => RenderError::Write { path: path.display().to_string(), cause: other.to_string() },
    }
}

fn panicked(path: &Path, cause: &str) -> RenderError {
    if cause.contains("StorageFull") || cause.contains("No space left") {
        RenderError::write(path, &std::io::Error::from(std::io::ErrorKind::StorageFull))
    } else {
        RenderError::Write { path: path.display().to_string(), cause: cause.to_owned() }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use self::tests::parts;
