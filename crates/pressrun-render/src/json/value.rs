//! Values as JSON (R7).

use crate::format::{FieldFormat, Value};

/// The largest integer that every JSON reader keeps exactly (2^53); beyond it numbers are strings.
pub(super) const SAFE_INTEGER: u64 = 1 << 53;

/// Appends a value; nested ones member by member.
pub(super) fn push(value: &Value<'_>, format: &FieldFormat, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Float(float) if !float.is_finite() => out.extend_from_slice(b"null"),
        Value::Int(int) if int.unsigned_abs() > SAFE_INTEGER => push_string(&int.to_string(), out),
        Value::UInt(int) if *int > SAFE_INTEGER => push_string(&int.to_string(), out),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => out.extend_from_slice(format.plain(value).as_bytes()),
        Value::Text(text) => push_string(text, out),
        Value::List(items) => {
            push_sequence(b'[', items, b']', out, |item, out| push(item, format, out));
        }
        Value::Struct(members) => push_sequence(b'{', members, b'}', out, |(name, value), out| {
            push_string(name, out);
            out.push(b':');
            push(value, format, out);
        }),
        Value::Map(entries) => push_sequence(b'{', entries, b'}', out, |(key, value), out| {
            push_string(&format.plain(key), out);
            out.push(b':');
            push(value, format, out);
        }),
        Value::Decimal(_)
        | Value::Bytes(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::DateTime(_)
        | Value::Instant(_)
        | Value::Duration(_)
        | Value::Interval { .. } => push_string(&format.plain(value), out),
    }
}

fn push_sequence<T>(open: u8, items: &[T], close: u8, out: &mut Vec<u8>, mut push: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(item, out);
    }
    out.push(close);
}

/// Appends a JSON string.
pub(super) fn push_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=0x1f => b'u',
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..index]);
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        from = index + 1;
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}
