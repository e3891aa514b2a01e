//! AWS six-field cron expressions and IANA zones to instants; pure.
//!
//! ```
//! use pressrun_cron::{CronExpression, zone};
//!
//! let weekdays: CronExpression = "00 09 ? * 2,3,4,5,6 *".parse()?;
//! let new_york = zone("America/New_York")?;
//! let next = weekdays.next_after("2025-07-23T21:43:39Z".parse()?, &new_york);
//! assert_eq!(next.map(|occurrence| occurrence.at), Some("2025-07-24T13:00:00Z".parse()?));
//! assert_eq!(weekdays.describe(), "At 09:00 on Monday through Friday");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The cast
//!
//! - `expression` and `field`: text to bit sets. The text is kept as typed (rule T3).
//! - `calendar` and `date`: which local minutes an expression names. They know months, leap years and weekdays, no zone.
//! - `clock`: how the wall clock of a zone moves against real time.
//! - `occurrences`: puts the two together, and is where daylight saving is decided.
//! - `interval`: the shortest distance between two firings (rule T7). `describe`: the same expression in English; `phrase`: back.
//! - `zone`: zone names, as strict as the contract is.
//!
//! # Daylight saving
//!
//! Nothing scheduled is lost and nothing repeats (design §6, rules T9 to T11). Two kinds of expression differ:
//!
//! **Named hours**, such as `30 2` or `0 9-17`, speak of what the wall clock shows. Each named local time fires at the
//! *first instant at which the wall clock has reached it*. This one sentence is the whole rule:
//!
//! - a local time that exists once fires then;
//! - one that is repeated fires the first time only;
//! - one that is skipped fires when the gap ends, for there the clock passes it. Several skipped times of one gap, and a
//!   named time that stands exactly at its end, are one firing;
//! - and because a later local time is never reached before an earlier one, the firings ascend strictly.
//!
//! **Real hours**, where the hour field holds `*` or a step (`*/2`, `0/2`, `8-18/2`), count time as it passes. Every
//! minute that really happens and matches fires: 25 times on the long day, 23 on the short one.
//!
//! # What is not promised
//!
//! Years outside 1970 to 2199 never fire. Rules of a zone may change by law; nothing here remembers an instant, so the
//! next call follows the zone it is given (rule T16).

mod calendar;
mod clock;
mod date;
mod describe;
mod error;
mod expression;
mod field;
mod interval;
mod occurrences;
mod phrase;
mod zone;

pub use error::{CronError, DayFields, FieldError, FieldFault, FieldName};
pub use expression::CronExpression;
pub use occurrences::{DstNote, Occurrence, Occurrences};
pub use phrase::{Phrase, PhraseError, phrase, zones};
#[cfg(feature = "other-rules")]
pub use zone::other_rules;
pub use zone::{ZoneError, rules, zone};
