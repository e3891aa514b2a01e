//! Values without a display format: R5's plain text, and the friendly text of types that no format covers.

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::digits::Digits;
use super::value::Value;

/// R5: plain decimals, ISO 8601 dates and durations, instants with offset.
pub(super) fn plain(value: &Value<'_>, zone: &TimeZone) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(int) => int.to_string(),
        Value::UInt(int) => int.to_string(),
        Value::Float(float) => float_text(*float),
        Value::Decimal(decimal) => Digits::from_decimal(*decimal).to_string(),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => hex(bytes),
        Value::Date(date) => date.to_string(),
        Value::Time(time) => time.to_string(),
        Value::DateTime(at) => at.to_string(),
        Value::Instant(at) => at.display_with_offset(zone.to_offset(*at)).to_string(),
        Value::Duration(duration) => duration.to_string(),
        Value::Interval { months, days, nanoseconds } => iso_interval(*months, *days, *nanoseconds),
        Value::List(_) | Value::Struct(_) | Value::Map(_) => json(value, zone),
    }
}

/// Nested values as JSON text; numbers beyond 2^53 and decimals as strings, as R7 has them.
fn json(value: &Value<'_>, zone: &TimeZone) -> String {
    let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => plain(value, zone),
        Value::Int(int) if int.unsigned_abs() <= 1 << 53 => int.to_string(),
        Value::UInt(int) if *int <= 1 << 53 => int.to_string(),
        Value::Float(float) if float.is_finite() => float_text(*float),
        Value::List(items) => format!("[{}]", items.iter().map(|item| json(item, zone)).collect::<Vec<_>>().join(",")),
        Value::Struct(members) => {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{}", quoted(name), json(value, zone))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}:{}", quoted(&plain(key, zone)), json(value, zone))).collect();
            format!("{{{}}}", entries.join(","))
        }
        other => quoted(&plain(other, zone)),
    }
}

fn float_text(float: f64) -> String {
    if float.is_nan() {
        "NaN".to_owned()
    } else if float.is_infinite() {
        if float > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if float == 0.0 {
        "0".to_owned()
    } else {
        float.to_string()
    }
}

/// What people read when no format applies.
pub(super) fn friendly(value: &Value<'_>) -> String {
    match value {
        Value::Bool(true) => "Yes".to_owned(),
        Value::Bool(false) => "No".to_owned(),
        Value::Float(float) if float.is_infinite() => if *float > 0.0 { "∞" } else { "-∞" }.to_owned(),
        Value::Bytes(bytes) if bytes.len() > 32 => format!("{}… ({} bytes)", hex(&bytes[..32]), bytes.len()),
        Value::Duration(length) => duration(*length),
        Value::Interval { months, days, nanoseconds } => {
            let mut parts = Vec::new();
            for (count, unit) in [(months / 12, "y"), (months % 12, "mo"), (*days, "d")] {
                if count != 0 {
                    parts.push(format!("{count}{unit}"));
                }
            }
            if *nanoseconds != 0 || parts.is_empty() {
                parts.push(duration(SignedDuration::from_nanos(*nanoseconds)));
            }
            parts.join(" ")
        }
        other => plain(other, &TimeZone::UTC),
    }
}

/// `2d 3h`, `1h 05m`, `45.2s`, `12ms`: the two largest units.
pub(super) fn duration(length: SignedDuration) -> String {
    let sign = if length.is_negative() { "-" } else { "" };
    let nanoseconds = length.as_nanos().unsigned_abs();
    let seconds = nanoseconds / 1_000_000_000;
    let text = if seconds >= 86_400 {
        format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24)
    } else if seconds >= 3600 {
        format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60)
    } else if seconds >= 60 {
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else if seconds >= 1 {
        format!("{}.{}s", seconds, nanoseconds % 1_000_000_000 / 100_000_000).replace(".0s", "s")
    } else if nanoseconds >= 1_000_000 {
        format!("{}ms", nanoseconds / 1_000_000)
    } else if nanoseconds > 0 {
        format!("{}µs", nanoseconds / 1000)
    } else {
        "0s".to_owned()
    };
    format!("{sign}{text}")
}

/// `HH:mm`, with seconds where there are any.
pub(super) fn time(time: Time) -> String {
    if time.second() == 0 && time.subsec_nanosecond() == 0 { format!("{:02}:{:02}", time.hour(), time.minute()) } else { time.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn iso_interval(months: i32, days: i32, nanoseconds: i64) -> String {
    let mut out = "P".to_owned();
    for (count, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if count != 0 {
            let _ = write!(out, "{count}{unit}");
        }
    }
    if nanoseconds != 0 {
        let time = SignedDuration::from_nanos(nanoseconds).abs().to_string();
        let mut inside = false;
        for c in time.trim_start_matches('P').chars() {
            let starts = c.is_ascii_digit() && !inside;
            inside = c.is_ascii_digit() || c == '.';
            // Each part has a sign of its own (ISO 8601-2): the days may go the other way.
            if starts && nanoseconds < 0 {
                out.push('-');
            }
            out.push(c);
        }
    }
    if out == "P" { "PT0S".to_owned() } else { out }
}
