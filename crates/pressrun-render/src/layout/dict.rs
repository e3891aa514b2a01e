//! Values for the template, with little ceremony.

use typst::foundations::{Array, Dict, IntoValue, Str, Value};
use typst::layout::Abs;
use typst::visualize::Color as Paint;

use crate::chart::Color;

/// A dictionary of these entries.
pub(super) fn dict<const N: usize>(entries: [(&str, Value); N]) -> Dict {
    entries.into_iter().map(|(key, value)| (Str::from(key), value)).collect()
}

pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Str(text.into().into())
}

pub(super) fn optional(value: Option<impl Into<String>>) -> Value {
    value.map_or(Value::None, text)
}

/// A length in points.
pub(super) fn points(points: f64) -> Value {
    Abs::pt(points).into_value()
}

pub(super) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(values.into_iter().collect::<Array>())
}

pub(super) fn texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Value {
    list(texts.into_iter().map(text))
}

pub(super) fn color(color: Color) -> Value {
    Value::Color(Paint::from_u8(color.0, color.1, color.2, 255))
}
