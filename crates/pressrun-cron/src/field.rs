//! One field's text to the set of its values: lists, ranges, wrap-around, steps, names.

use crate::error::{FieldError, FieldFault, FieldName};

/// The values of a field as bits, counted from the field's minimum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Values {
    words: [u64; 4],
}

impl Values {
    fn insert(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
    }

    /// All bits, for fields of more than 64 values.
    pub(crate) fn words(self) -> [u64; 4] {
        self.words
    }

    /// All bits, for fields of at most 64 values.
    pub(crate) fn word(self) -> u64 {
        self.words[0]
    }
}

/// Parses a field that holds values only: no `?`, `L`, `W` or `#`.
pub(crate) fn values(field: FieldName, text: &str) -> Result<Values, FieldError> {
    let mut set = Values::default();
    for item in text.split(',') {
        add_item(field, item, &mut set).map_err(|fault| FieldError::new(field, if item.is_empty() { text } else { item }, fault))?;
    }
    Ok(set)
}

/// A value of the field: a whole number or, where the field has them, a three-letter name in any case.
pub(crate) fn value(field: FieldName, text: &str) -> Result<usize, FieldFault> {
    let (min, max) = bounds(field);
    if let Some(number) = number(text) {
        return if (min..=max).contains(&number) { Ok(number) } else { Err(FieldFault::OutOfRange) };
    }
    names(field).iter().position(|name| name.eq_ignore_ascii_case(text)).map(|index| min + index).ok_or_else(|| not_a_value(text))
}

/// Smallest and largest value of a field.
pub(crate) fn bounds(field: FieldName) -> (usize, usize) {
    match field {
        FieldName::Minute => (0, 59),
        FieldName::Hour => (0, 23),
        FieldName::DayOfMonth => (1, 31),
        FieldName::Month => (1, 12),
        FieldName::DayOfWeek => (1, 7),
        FieldName::Year => (1970, 2199),
    }
}

/// Decimal digits and nothing else; what is too large for the type is as large as it can be.
pub(crate) fn number(text: &str) -> Option<usize> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0_usize, |number, byte| number.saturating_mul(10).saturating_add(usize::from(byte - b'0'))))
}

fn names(field: FieldName) -> &'static [&'static str] {
    match field {
        FieldName::Month => &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        FieldName::DayOfWeek => &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        FieldName::Minute | FieldName::Hour | FieldName::DayOfMonth | FieldName::Year => &[],
    }
}

/// The most helpful reason for a text that is no value.
fn not_a_value(text: &str) -> FieldFault {
    if text.contains('?') {
        FieldFault::OpenNotAllowed
    } else if text.contains('#')
        || text.eq_ignore_ascii_case("L")
        || text.eq_ignore_ascii_case("LW")
        || text.strip_suffix(['L', 'l', 'W', 'w']).is_some_and(|start| number(start).is_some())
    {
        FieldFault::SpecialNotAllowed
    } else {
        FieldFault::NotAValue
    }
}

fn add_item(field: FieldName, item: &str, set: &mut Values) -> Result<(), FieldFault> {
    if item.is_empty() {
        return Err(FieldFault::EmptyItem);
    }
    let (base, step) = match item.split_once('/') {
        None => (item, None),
        Some(("", _)) => return Err(FieldFault::MissingStart),
        Some((base, step)) => {
            let step = number(step).filter(|step| *step >= 1).ok_or(FieldFault::BadStep)?;
            (base, Some(step))
        }
    };
    let (min, max) = bounds(field);
    let (start, end) = if base == "*" {
        (min, max)
    } else if let Some((start, end)) = base.split_once('-') {
        if start.is_empty() || end.is_empty() || end.contains('-') || start == "*" || end == "*" {
            return Err(FieldFault::BadRange);
        }
        (value(field, start)?, value(field, end)?)
    } else {
        let start = value(field, base)?;
        // `5` is itself, `5/10` runs to the end of the field.
        (start, if step.is_some() { max } else { start })
    };
    if start > end && field == FieldName::Year {
        return Err(FieldFault::ReversedYears);
    }
    let size = max - min + 1;
    let length = (end + size - start) % size;
    for distance in (0..=length).step_by(step.unwrap_or(1)) {
        set.insert((start - min + distance) % size);
    }
    Ok(())
}
