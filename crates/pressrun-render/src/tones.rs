//! Which cells are good, worth a look or bad, for all that show them.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use indexmap::IndexMap;
use pressrun_domain::catalog::FieldSpec;
use pressrun_domain::tone::{Condition, Tone};

use crate::format::Value;

/// Judges the cells of one column.
pub(crate) struct Judge<'a> {
    conditions: &'a [Condition],
    /// Where the columns stand that its conditions compare with.
    others: Vec<(&'a str, usize)>,
    index: usize,
    /// Texts matter to a condition.
    worded: bool,
}

impl<'a> Judge<'a> {
    /// The judge of the column `index`, called `name`; `None` when it has no conditions.
    pub(crate) fn of(fields: &'a IndexMap<String, FieldSpec>, schema: &Schema, name: &str, index: usize) -> Option<Self> {
        let conditions = fields.get(name).map(|spec| spec.when.as_slice()).filter(|conditions| !conditions.is_empty())?;
        let mut others = Vec::new();
        for other in conditions.iter().flat_map(compared) {
            if let Ok(at) = schema.index_of(other) {
                others.push((other, at));
            }
        }
        let worded = conditions.iter().any(|condition| !condition.test.is.is_empty());
        Some(Self { conditions, others, index, worded })
    }

    /// What the cell in a row of `batch` is.
    pub(crate) fn tone(&self, batch: &RecordBatch, row: usize) -> Option<Tone> {
        let value = |index: usize| batch.columns().get(index).map_or(Value::Null, |array| Value::at(array.as_ref(), row));
        let cell = value(self.index);
        let text: Option<Cow<'_, str>> = match &cell {
            Value::Null => None,
            _ if !self.worded => Some(Cow::Borrowed("")),
            Value::Text(text) => Some(Cow::Borrowed(text.as_ref())),
            Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            other => Some(other.as_f64().map_or(Cow::Borrowed(""), |number| Cow::Owned(number.to_string()))),
        };
        let other = |name: &str| self.others.iter().find(|(other, _)| *other == name).and_then(|(_, at)| value(*at).as_f64());
        let met = self.conditions.iter().find(|condition| condition.test.is_met(cell.as_f64(), text.as_deref(), other));
        met.map(|condition| condition.tone)
    }
}

/// The columns that a condition compares with.
pub(crate) fn compared(condition: &Condition) -> impl Iterator<Item = &str> {
    condition.test.bounds().into_iter().filter_map(|(_, bound)| match bound? {
        pressrun_domain::tone::Bound::Column(name) => Some(name.as_str()),
        pressrun_domain::tone::Bound::Number(_) => None,
    })
}

/// A cell's text behind its mark.
pub(crate) fn marked(tone: Option<Tone>, text: String) -> String {
    match tone {
        Some(tone) if text.is_empty() => tone.mark().to_owned(),
        Some(tone) => format!("{} {text}", tone.mark()),
        None => text,
    }
}

/// Columns that conditions compare with and the result does not have, in a sentence.
pub(crate) fn missing(fields: &IndexMap<String, FieldSpec>, schema: &Schema) -> Option<String> {
    let mut names: Vec<&str> = fields.values().flat_map(|spec| spec.when.iter().flat_map(compared)).collect();
    names.retain(|name| schema.index_of(name).is_err());
    names.dedup();
    (!names.is_empty()).then(|| format!("Conditions compare with what the result does not have: {}", names.join(", ")))
}
