//! The first rows of a tile, in the words of the mail: readable without opening the file and with pictures off.

use pressrun_domain::catalog::FieldSpec;
use serde::{Deserialize, Serialize};

use crate::error::RenderError;
use crate::format::{Alignment, FieldFormat, Value};
use crate::report::{TileData, TileView};
use crate::rows::Batches;
use crate::tones::{Judge, marked};

/// Most rows shown.
pub(super) const MOST_ROWS: usize = 10;
/// Most columns shown: a phone has no room for more.
const MOST_COLUMNS: usize = 6;
/// Most characters of one cell.
const MOST_CHARACTERS: usize = 60;

/// The first rows of a tile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailTable {
    /// Title of the tile.
    pub title: String,
    /// Headings; true for columns whose values stand on the right.
    pub columns: Vec<(String, bool)>,
    /// Cells as shown.
    pub rows: Vec<Vec<String>>,
    /// There are more rows.
    pub more_rows: bool,
    /// How many columns are left out.
    pub more_columns: usize,
}

impl MailTable {
    /// Reads the first rows of `tile`, without the columns that its author hid (R8), instants in `zone`.
    ///
    /// # Errors
    /// [`RenderError::Rows`]: the rows cannot be read.
    pub fn read(tile: &TileView, data: &TileData, zone: &str) -> Result<Self, RenderError> {
        let batches = Batches::open(tile, &data.rows)?;
        let default = FieldSpec::default();
        let schema = batches.schema();
        let formats = schema.fields().iter().enumerate().map(|(index, field)| {
            let spec = data.fields.get(field.name()).unwrap_or(&default);
            (index, FieldFormat::parse(spec, field.data_type(), field.name(), zone))
        });
        let all: Vec<_> = formats.filter(|(_, format)| !format.hidden).collect();
        let shown = &all[..all.len().min(MOST_COLUMNS)];
        let mut table = Self {
            title: tile.title.clone(),
            columns: shown.iter().map(|(_, format)| (format.label.clone(), format.alignment() == Alignment::Right)).collect(),
            more_rows: data.truncated.is_some(),
            more_columns: all.len() - shown.len(),
            rows: Vec::new(),
        };
        let name = |index: usize| schema.field(index).name().as_str();
        let judges: Vec<Option<Judge<'_>>> =
            shown.iter().map(|(index, _)| Judge::of(&data.fields, &schema, name(*index), *index)).collect();
        for batch in batches {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                if table.rows.len() == MOST_ROWS {
                    table.more_rows = true;
                    return Ok(table);
                }
                let cell = |((index, format), judge): (&(usize, FieldFormat), &Option<Judge<'_>>)| {
                    let value = batch.columns().get(*index).map_or(Value::Null, |array| Value::at(array.as_ref(), row));
                    let tone = judge.as_ref().and_then(|judge| judge.tone(&batch, row));
                    marked(tone, shorten(&format.display(&value), MOST_CHARACTERS))
                };
                table.rows.push(shown.iter().zip(&judges).map(cell).collect());
            }
        }
        Ok(table)
    }

    /// What is left out, in a sentence; empty when nothing is.
    #[must_use]
    pub fn cut(&self) -> String {
        let (are, columns) = match self.more_columns {
            0 => ("", String::new()),
            1 => ("is", "one more column".to_owned()),
            more => ("are", format!("{more} more columns")),
        };
        match (self.more_rows, self.more_columns) {
            (false, 0) => String::new(),
            (false, _) => format!("There {are} {columns}."),
            (true, 0) => format!("The first {} rows; there are more.", self.rows.len()),
            (true, _) => format!("The first {} rows; there are more, and {columns}.", self.rows.len()),
        }
    }
}

/// At most `most` characters, the cut shown.
pub(super) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}
