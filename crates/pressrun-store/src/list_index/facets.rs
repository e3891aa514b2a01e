//! What is filtered by one of few words, in sixteen bits.

use pressrun_domain::destination::DestinationKind;
use pressrun_domain::run::RunStatus;

/// How many values there are.
pub(super) const VALUES: usize = 1 << 12;

/// Statuses in the order of their words.
const STATUSES: [RunStatus; 5] =
    [RunStatus::Complete, RunStatus::ConditionUnmet, RunStatus::Error, RunStatus::ErrorDelivered, RunStatus::Killed];

/// A status that this version does not know: it has a place in the order and passes no filter.
const UNKNOWN: u16 = 6;

const THERE: u16 = 1 << 11;

/// See the module. Three bits each for the destination, the status and the status that is told, one each for alerts, tiles, and being there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Facets(u16);

impl Facets {
    /// Those of a row; statuses as they are written, `None` when it never ran.
    pub(crate) fn new(destination: &str, alert: bool, single_tile: bool, status: Option<&str>, told: Option<&str>) -> Self {
        let destination = DestinationKind::ALL.iter().position(|kind| kind.as_str() == destination).unwrap_or(7) as u16;
        Self(THERE | destination | u16::from(alert) << 3 | u16::from(single_tile) << 4 | code(status) << 5 | code(told) << 8)
    }

    pub(super) fn of_bits(bits: usize) -> Self {
        Self((bits % VALUES) as u16)
    }

    pub(super) fn bits(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn is_there(self) -> bool {
        self.0 & THERE != 0
    }

    pub(super) fn goes_to(self, kind: DestinationKind) -> bool {
        DestinationKind::ALL.get(usize::from(self.0 & 7)) == Some(&kind)
    }

    pub(super) fn is_alert(self) -> bool {
        self.0 >> 3 & 1 == 1
    }

    pub(super) fn is_single_tile(self) -> bool {
        self.0 >> 4 & 1 == 1
    }

    /// Where the last status stands in the order, from 1; 0 when there is none. `told` is as it is told.
    pub(super) fn status_rank(self, told: bool) -> u32 {
        u32::from(self.0 >> if told { 8 } else { 5 } & 7)
    }

    /// The last status; `None` also when it is unknown: see [`Facets::status_rank`].
    pub(super) fn status(self, told: bool) -> Option<RunStatus> {
        let rank = self.status_rank(told) as usize;
        rank.checked_sub(1).and_then(|at| STATUSES.get(at)).copied()
    }
}

fn code(status: Option<&str>) -> u16 {
    let Some(word) = status else { return 0 };
    STATUSES.iter().position(|status| status.as_str() == word).map_or(UNKNOWN, |at| at as u16 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_comes_back_and_statuses_stand_in_the_order_of_their_words() {
        assert!(STATUSES.is_sorted_by_key(|status| status.as_str()));
        assert_eq!(STATUSES.len(), RunStatus::ALL.len());
        for kind in DestinationKind::ALL {
            for status in RunStatus::ALL {
                let facets = Facets::new(kind.as_str(), true, false, Some(status.as_str()), None);
                assert!(facets.is_there() && facets.goes_to(kind) && facets.is_alert() && !facets.is_single_tile());
                assert_eq!((facets.status(false), facets.status(true)), (Some(status), None));
                assert_eq!(Facets::of_bits(facets.bits()), facets);
            }
        }
        let odd = Facets::new("pigeon", false, true, Some("FINE"), Some("KILLED"));
        assert!(odd.is_single_tile() && DestinationKind::ALL.iter().all(|kind| !odd.goes_to(*kind)));
        assert_eq!((odd.status(false), odd.status_rank(false), odd.status(true)), (None, 6, Some(RunStatus::Killed)));
        assert!(!Facets::default().is_there());
    }
}
