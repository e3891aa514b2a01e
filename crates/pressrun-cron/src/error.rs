//! Why an expression is refused, in words that say what to change.

use std::fmt;

/// The reason for which a text is not a cron expression (contract §3, rules T1 and T4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not six fields: five is Unix cron, seven has seconds (rule T1).
    #[error(
        "a cron expression has six fields, `minute hour day-of-month month day-of-week year`, and this one has {found}{}",
        count_hint(*.found)
    )]
    WrongFieldCount {
        /// Number of fields found.
        found: usize,
    },
    /// `cron(...)` or `rate(...)` around the fields.
    #[error("write the six fields alone, without `cron(...)` or `rate(...)` around them, for example `0 9 * * ? *`")]
    Wrapped,
    /// `@daily` and its like.
    #[error("`{text}` is a macro: write six fields instead, for example `0 9 * * ? *` for every day at 09:00")]
    Macro {
        /// The macro as typed.
        text: String,
    },
    /// One field does not parse.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Not exactly one of the day fields is `?` (rule T4).
    #[error("{0}")]
    DayFieldsConflict(DayFields),
}

/// How the two day fields break the ?-rule (rule T4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayFields {
    /// Both choose days, be it by `*` or by values.
    BothGiven,
    /// Both are `?`.
    BothOpen,
}

impl fmt::Display for DayFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BothGiven => "day-of-month and day-of-week cannot both choose the days: put `?` in the one that should not",
            Self::BothOpen => "day-of-month and day-of-week are both `?`: put `*` or days in one of them",
        })
    }
}

/// A fault in one field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} `{text}`: {fault}; {field} takes {}", .field.allowed())]
pub struct FieldError {
    /// The field at fault.
    pub field: FieldName,
    /// The part of the field that is wrong, as typed; cut when it is very long.
    pub text: String,
    /// What is wrong with it.
    pub fault: FieldFault,
}

/// One of the six fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldName {
    /// The first field, 0 to 59.
    Minute,
    /// The second field, 0 to 23.
    Hour,
    /// The third field, 1 to 31.
    DayOfMonth,
    /// The fourth field, 1 to 12 or `JAN` to `DEC`.
    Month,
    /// The fifth field, 1 (Sunday) to 7 (Saturday) or `SUN` to `SAT`.
    DayOfWeek,
    /// The sixth field, 1970 to 2199.
    Year,
}

impl FieldName {
    /// What the field accepts, for people.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "0-59 with `,` `-` `*` `/`",
            Self::Hour => "0-23 with `,` `-` `*` `/`",
            Self::DayOfMonth => "1-31 with `,` `-` `*` `/`, or one of `?` `L` `LW` `15W` as the whole field",
            Self::Month => "1-12 or JAN-DEC with `,` `-` `*` `/`",
            Self::DayOfWeek => "1-7 (1 is Sunday) or SUN-SAT with `,` `-` `*` `/`, or one of `?` `L` `6L` `3#2` as the whole field",
            Self::Year => "1970-2199 with `,` `-` `*` `/`",
        }
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
            Self::Year => "year",
        })
    }
}

/// What can be wrong in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldFault {
    /// Two commas in a row, or one at an end.
    EmptyItem,
    /// Neither a whole number nor a name that the field knows.
    NotAValue,
    /// A number outside the field's values.
    OutOfRange,
    /// A range without a start or an end, or with more than two.
    BadRange,
    /// A year range that runs backwards; other fields wrap around.
    ReversedYears,
    /// Nothing stands before the `/`.
    MissingStart,
    /// What follows the `/` is not one whole number of at least 1.
    BadStep,
    /// `?` in a field that must have values.
    OpenNotAllowed,
    /// `?` beside other text.
    OpenNotAlone,
    /// `L`, `W` or `#` in a list, range or step.
    SpecialNotAlone,
    /// `L`, `W` or `#` in a field that has no such sign.
    SpecialNotAllowed,
    /// `L-3`: days counted back from the last one.
    OffsetFromLast,
    /// What follows `#` is not 1 to 5.
    BadOrdinal,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyItem => "an item of the list is empty, remove the extra comma",
            Self::NotAValue => "this is not a value of the field",
            Self::OutOfRange => "the number is out of range",
            Self::BadRange => "a range has one start and one end, such as `2-5`",
            Self::ReversedYears => "the range of years runs backwards, put the earlier year first",
            Self::MissingStart => "a step needs a start, such as `*/15` or `0/15`",
            Self::BadStep => "a step is one whole number of at least 1, such as `*/15`",
            Self::OpenNotAllowed => "`?` is only for day-of-month and day-of-week, use `*` for every value",
            Self::OpenNotAlone => "`?` must be the whole field",
            Self::SpecialNotAlone => "`L`, `W` and `#` must be the whole field, not part of a list, range or step",
            Self::SpecialNotAllowed => "the sign has no meaning in this field",
            Self::OffsetFromLast => "days before the last one cannot be counted, use `L` or a day number",
            Self::BadOrdinal => "the number after `#` is the week of the month, 1 to 5",
        })
    }
}

/// Longest piece of the user's text that a message repeats, in characters.
const ECHO_MAX: usize = 40;

impl FieldError {
    pub(crate) fn new(field: FieldName, text: &str, fault: FieldFault) -> Self {
        Self { field, text: echo(text), fault }
    }
}

/// The user's text for a message, cut so that a hostile field does not make a hostile message.
pub(crate) fn echo(text: &str) -> String {
    match text.char_indices().nth(ECHO_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

fn count_hint(found: usize) -> &'static str {
    match found {
        5 => ": end it with a year (`*` for every year), and put `?` in one of the day fields",
        7 => ": remove the seconds, which come first in some dialects",
        _ => ", for example `0 9 * * ? *` for every day at 09:00",
    }
}
