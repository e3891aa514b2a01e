//! Dates and times of the wire → Arrow columns.
//!
//! PostgreSQL has values that no calendar type holds here: `infinity`, `24:00`, years beyond 9999. A column that has one arrives as text from
//! the first row to the last, each value in its usual form and these as the server writes them: neither lost nor made to something else.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Date32Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray};
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::error::{QueryError, QueryErrorKind};

/// Days and microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const DAY_MICROS: i64 = 86_400_000_000;
/// 9999-12-31, the last day that has four digits.
const LAST_DAY: i64 = 2_932_896;

/// What a column counts.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Days.
    Date,
    /// Microseconds of a day.
    Time,
    /// Microseconds of a clock on a wall.
    Wall,
    /// Microseconds, shown in this zone.
    Instant(Arc<str>),
}

/// A column being filled.
pub(super) struct Calendar {
    kind: Kind,
    /// Counted from 1970.
    values: Vec<Option<i64>>,
    /// Rows of `values` with what no type holds, in the server's words.
    beyond: Vec<(usize, String)>,
    /// There was one such value.
    is_text: bool,
}

impl Calendar {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, values: Vec::new(), beyond: Vec::new(), is_text: false }
    }

    /// Adds a count as the wire has it; [`i64::MIN`] and [`i64::MAX`] are the infinities.
    pub(super) fn push(&mut self, count: Option<i64>) {
        let value = count.and_then(|count| match self.read(count) {
            Ok(value) => Some(value),
            Err(words) => {
                self.beyond.push((self.values.len(), words));
                None
            }
        });
        self.values.push(value);
    }

    /// The count from 1970, or the words for what has none.
    fn read(&self, count: i64) -> Result<i64, String> {
        match (&self.kind, count) {
            (Kind::Time, DAY_MICROS) => Err("24:00:00".to_owned()),
            (Kind::Time, _) => Ok(count),
            (_, i64::MAX) => Err("infinity".to_owned()),
            (_, i64::MIN) => Err("-infinity".to_owned()),
            (Kind::Date, _) => match count.saturating_add(EPOCH_DAYS) {
                days if days <= LAST_DAY => Ok(days),
                days => Err(day(days)),
            },
            (Kind::Wall | Kind::Instant(_), _) => {
                let last = match self.kind {
                    Kind::Instant(_) => jiff::Timestamp::MAX.as_microsecond(),
                    _ => (LAST_DAY + 1) * DAY_MICROS - 1,
                };
                let zone = if matches!(self.kind, Kind::Instant(_)) { "Z" } else { "" };
                let far = || format!("{}T{}{zone}", day(count.div_euclid(DAY_MICROS) + EPOCH_DAYS), clock(count.rem_euclid(DAY_MICROS)));
                count.checked_add(EPOCH_MICROS).filter(|micros| *micros <= last).ok_or_else(far)
            }
        }
    }

    /// The values so far; the column is empty afterwards.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, QueryError> {
        let values = std::mem::take(&mut self.values);
        let typed: ArrayRef = match &self.kind {
            Kind::Date => Arc::new(values.into_iter().map(|days| days.and_then(|days| i32::try_from(days).ok())).collect::<Date32Array>()),
            Kind::Time => Arc::new(values.into_iter().collect::<Time64MicrosecondArray>()),
            Kind::Wall => Arc::new(values.into_iter().collect::<TimestampMicrosecondArray>()),
            Kind::Instant(zone) => Arc::new(values.into_iter().collect::<TimestampMicrosecondArray>().with_timezone(Arc::clone(zone))),
        };
        self.is_text |= !self.beyond.is_empty();
        if !self.is_text {
            return Ok(typed);
        }
        let internal = |error: arrow_schema::ArrowError| QueryError::new(QueryErrorKind::Internal, error.to_string());
        let text = cast(&typed, &DataType::Utf8).map_err(internal)?;
        let text = text.as_any().downcast_ref::<StringArray>().map(|text| text.iter().collect::<Vec<_>>()).unwrap_or_default();
        let mut text: Vec<Option<&str>> = text;
        for (at, words) in &self.beyond {
            if let Some(place) = text.get_mut(*at) {
                *place = Some(words);
            }
        }
        let text = StringArray::from(text);
        self.beyond.clear();
        Ok(Arc::new(text))
    }
}

/// The day so many days after 1970-01-01, in the Gregorian calendar; years have as many digits as they need.
fn day(days: i64) -> String {
    // Eras of 400 years, each of 146,097 days, that begin on the first of March, so that leap days come last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn clock(micros: i64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if micros == 0 { whole } else { format!("{whole}.{micros:06}") }
}

#[cfg(test)]
mod tests {
    use super::{clock, day};

    #[test]
    fn days_beyond_four_digits_are_counted_right() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (11_016, "2000-02-29"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "10000-01-01"),
            (2_145_031_948 + 10_957, "5874897-12-31"),
        ] {
            assert_eq!(day(days), expected);
        }
        assert_eq!((clock(86_399_000_000).as_str(), clock(1_500).as_str()), ("23:59:59", "00:00:00.001500"));
    }
}
