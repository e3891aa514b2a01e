//! The columns of a tile as shown: in result order, with their formats and unique labels.

use std::collections::HashSet;

use arrow_schema::Schema;
use pressrun_domain::catalog::FieldSpec;

use crate::format::FieldFormat;
use crate::names;
use crate::report::TileData;

/// One shown column.
pub(crate) struct Column {
    /// Its place in the result.
    pub(crate) index: usize,
    /// Its name in the result.
    pub(crate) name: String,
    /// How its cells are shown.
    pub(crate) format: FieldFormat,
}

/// The shown columns of a tile.
pub(crate) struct Columns(Vec<Column>);

impl Columns {
    /// The columns of `schema`; hidden ones are left out when `hide_hidden` (R8).
    pub(crate) fn of(schema: &Schema, data: &TileData, zone: &str, hide_hidden: bool) -> Self {
        let plain = FieldSpec::default();
        let all = schema.fields().iter().enumerate().map(|(index, field)| {
            let spec = data.fields.get(field.name()).unwrap_or(&plain);
            Column { index, name: field.name().clone(), format: FieldFormat::parse(spec, field.data_type(), field.name(), zone) }
        });
        Self(all.filter(|column| !(hide_hidden && column.format.hidden)).collect())
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Column> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Header texts, made unique (R4).
    pub(crate) fn labels(&self) -> Vec<String> {
        names::unique_labels(self.0.iter().map(|column| (column.format.label.as_str(), column.name.as_str())))
    }

    /// Names, made unique: a result may hold the same name twice, an object may not (R7).
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut used = HashSet::new();
        let mut unique = |name: &str| {
            let mut candidate = name.to_owned();
            let mut number = 2_u32;
            while !used.insert(candidate.clone()) {
                candidate = format!("{name}_{number}");
                number += 1;
            }
            candidate
        };
        self.0.iter().map(|column| unique(&column.name)).collect()
    }
}
