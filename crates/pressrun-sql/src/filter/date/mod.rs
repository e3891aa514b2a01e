//! Dates as people write them, and the half-open periods they mean.

mod literal;
mod period;

pub use literal::{DateLiteral, InvalidDate, Length};
pub(crate) use literal::{at_time, month_of, quarter_of, weekday_of};
pub use period::{Edge, Period, edges, period};

use serde::{Deserialize, Serialize};

/// A unit of the calendar or the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// 1 s.
    Second,
    /// 60 s.
    Minute,
    /// 3600 s.
    Hour,
    /// A calendar day of the query zone.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// Three months from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
    /// Three months counted from the start of the fiscal year.
    FiscalQuarter,
    /// Twelve months from the start of the fiscal year.
    FiscalYear,
}

impl Unit {
    /// Reads `month`, `Months`, `quarter` …
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        Some(match word.strip_suffix('s').unwrap_or(&word) {
            "second" => Self::Second,
            "minute" => Self::Minute,
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// The unit of the fiscal calendar, where there is one.
    #[must_use]
    pub fn fiscal(self) -> Self {
        match self {
            Self::Quarter => Self::FiscalQuarter,
            Self::Year => Self::FiscalYear,
            other => other,
        }
    }

    /// The word for `count` of it.
    #[must_use]
    pub fn word(self, count: i64) -> String {
        let word = match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
            Self::FiscalQuarter => "fiscal quarter",
            Self::FiscalYear => "fiscal year",
        };
        if count == 1 { word.to_owned() } else { format!("{word}s") }
    }
}

/// A number that can be read off a local date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// 1 Monday to 7 Sunday.
    DayOfWeek,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 92.
    DayOfQuarter,
    /// 1 to 366.
    DayOfYear,
    /// 1 to 12.
    MonthOfYear,
    /// 1 to 4.
    QuarterOfYear,
    /// 1 to 4, counted from the month (1 to 12) in which the fiscal year begins.
    FiscalQuarterOfYear {
        /// Month in which the fiscal year begins.
        start: i8,
    },
    /// 1 to 53, ISO 8601.
    WeekOfYear,
    /// 0 to 23.
    HourOfDay,
}

impl DatePart {
    /// The numbers it can be.
    #[must_use]
    pub fn range(self) -> std::ops::RangeInclusive<i64> {
        match self {
            Self::DayOfWeek => 1..=7,
            Self::DayOfMonth => 1..=31,
            Self::DayOfQuarter => 1..=92,
            Self::DayOfYear => 1..=366,
            Self::MonthOfYear => 1..=12,
            Self::QuarterOfYear | Self::FiscalQuarterOfYear { .. } => 1..=4,
            Self::WeekOfYear => 1..=53,
            Self::HourOfDay => 0..=23,
        }
    }

    /// How it is written where a value is wrong.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::DayOfWeek => "day of week",
            Self::DayOfMonth => "day of month",
            Self::DayOfQuarter => "day of quarter",
            Self::DayOfYear => "day of year",
            Self::MonthOfYear => "month",
            Self::QuarterOfYear => "quarter",
            Self::FiscalQuarterOfYear { .. } => "fiscal quarter",
            Self::WeekOfYear => "week",
            Self::HourOfDay => "hour",
        }
    }
}
