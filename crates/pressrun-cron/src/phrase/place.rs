//! The zone of a place: `New York`, `berlin`, `Europe/Berlin`, `UTC`.

use jiff::tz::TimeZoneDatabase;

use super::PhraseError;
use super::words::shortened;

/// The IANA name of a zone that is called like this, in whatever case; of several that are, the shortest name.
pub(super) fn zone_of(text: &str) -> Result<String, PhraseError> {
    let wanted = folded(text);
    let database = TimeZoneDatabase::bundled();
    let is_called = |name: &String| folded(name) == wanted || name.rsplit_once('/').is_some_and(|(_, city)| folded(city) == wanted);
    let names = database.available().map(|name| name.as_str().to_owned());
    let named = names.filter(is_called).min_by_key(|name| (folded(name) != wanted, name.len(), name.clone()));
    named.filter(|name| crate::zone(name).is_ok()).ok_or_else(|| PhraseError::NoPlace { text: shortened(text) })
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase().replace('_', " ")
}

/// Every zone that has a name, in alphabetical order.
pub fn zones() -> Vec<String> {
    let mut all: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
    all.retain(|name| crate::zone(name).is_ok());
    all.sort_unstable();
    all
}
