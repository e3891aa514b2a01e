//! Which schedules a query means.

use std::collections::HashSet;

use memchr::memmem::Finder;
use pressrun_domain::id::DocumentIdentifier;
use pressrun_domain::run::RunStatus;

use super::facets::{Facets, VALUES};
use super::{ListIndex, Named};
use crate::collation::folded;
use crate::{ContentKind, ListQuery, ScheduleKind, SortDirection, SortField, StatusFilter};

/// Of a document or an owner: schedules of it may be among those meant.
const WANTED: u8 = 1;
/// Schedules of it may be seen.
const SEEN: u8 = 2;
/// Its name has what is searched.
const HIT: u8 = 4;

/// The query without what does not decide which schedules it means.
pub(super) fn part_of(query: &ListQuery) -> ListQuery {
    ListQuery {
        search: query.search.as_deref().map(folded).filter(|search| !search.is_empty()),
        sort: SortField::ScheduleName,
        direction: SortDirection::Ascending,
        page: 1,
        page_size: 1,
        ..query.clone()
    }
}

/// A filter and what it found.
#[derive(Debug, Clone)]
pub(super) struct Matched {
    filter: Filter,
    /// One bit a slot; nothing when everything is meant.
    bits: Option<Vec<u64>>,
    total: usize,
}

impl Matched {
    pub(super) fn new(index: &ListIndex, asked: &ListQuery) -> Self {
        let filter = Filter::new(index, asked);
        let mut matched = Self { filter, bits: None, total: index.by_id.len() };
        if matched.filter.is_everything() {
            return matched;
        }
        matched.total = 0;
        let mut bits = vec![0_u64; index.len().div_ceil(64)];
        for slot in 0..index.len() {
            if matched.filter.means(index, slot) {
                bits[slot / 64] |= 1 << (slot % 64);
                matched.total += 1;
            }
        }
        matched.bits = Some(bits);
        matched
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    pub(super) fn is_everything(&self) -> bool {
        self.bits.is_none()
    }

    /// Whether the schedule in a slot is meant; the slot is not empty.
    pub(super) fn has(&self, slot: u32) -> bool {
        let Some(bits) = &self.bits else { return true };
        bits.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// Corrects what was found by looking at the slots that changed.
    pub(super) fn look_again(&mut self, index: &ListIndex, changed: &[u32]) {
        self.filter.learn(index);
        let Some(bits) = &mut self.bits else {
            self.total = index.by_id.len();
            return;
        };
        bits.resize(index.len().div_ceil(64), 0);
        for slot in changed.iter().map(|slot| *slot as usize) {
            let (word, mask) = (slot / 64, 1 << (slot % 64));
            let (before, now) = (bits[word] & mask != 0, self.filter.means(index, slot));
            if before != now {
                bits[word] ^= mask;
                self.total = if now { self.total + 1 } else { self.total - 1 };
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Filter {
    asked: ListQuery,
    /// For each value of the facets.
    facets: Vec<bool>,
    documents: Vec<u8>,
    owners: Vec<u8>,
    needle: Option<Finder<'static>>,
}

impl Filter {
    fn new(index: &ListIndex, asked: &ListQuery) -> Self {
        let facets = (0..VALUES).map(|bits| passes(Facets::of_bits(bits), asked)).collect();
        let needle = asked.search.as_ref().map(|search| Finder::new(search.as_bytes()).into_owned());
        let mut filter = Self { asked: asked.clone(), facets, documents: Vec::new(), owners: Vec::new(), needle };
        filter.learn(index);
        filter
    }

    fn is_everything(&self) -> bool {
        let ListQuery { search, status, destination, kind, content, owner, identifier, visible, .. } = &self.asked;
        search.is_none()
            && status.is_none()
            && destination.is_none()
            && kind.is_none()
            && content.is_none()
            && owner.is_none()
            && identifier.is_none()
            && visible.is_none()
    }

    /// Judges names that came since.
    fn learn(&mut self, index: &ListIndex) {
        let hit = |named: &Named| self.needle.as_ref().is_some_and(|needle| needle.find(named.folded.as_bytes()).is_some());
        let bits = |wanted: bool, seen: bool, named: &Named| {
            (if wanted { WANTED } else { 0 }) | (if seen { SEEN } else { 0 }) | (if hit(named) { HIT } else { 0 })
        };
        let documents = &index.document_names.entries()[self.documents.len()..];
        let owners = &index.owner_names.entries()[self.owners.len()..];
        if documents.is_empty() && owners.is_empty() {
            return;
        }
        let visible = self.asked.visible.as_ref();
        let open: Option<HashSet<&str>> = visible.map(|(_, documents)| documents.iter().map(DocumentIdentifier::as_str).collect());
        let identifier = self.asked.identifier.as_ref().map(DocumentIdentifier::as_str);
        let (own, owner) = (visible.map(|(owner, _)| owner.to_string()), self.asked.owner.map(|owner| owner.to_string()));
        let is = |named: &Named, id: Option<&str>| id.is_none_or(|id| id == named.of);
        let documents: Vec<u8> = documents
            .iter()
            .map(|named| bits(is(named, identifier), open.as_ref().is_none_or(|open| open.contains(named.of.as_str())), named))
            .collect();
        let owners: Vec<u8> = owners.iter().map(|named| bits(is(named, owner.as_deref()), is(named, own.as_deref()), named)).collect();
        self.documents.extend(documents);
        self.owners.extend(owners);
    }

    fn means(&self, index: &ListIndex, slot: usize) -> bool {
        if !self.facets[index.facets[slot].bits()] {
            return false;
        }
        let document = self.documents[index.documents[slot] as usize];
        let owner = self.owners[index.owners[slot] as usize];
        if document & owner & WANTED == 0 || (document | owner) & SEEN == 0 {
            return false;
        }
        match &self.needle {
            None => true,
            Some(_) if (document | owner) & HIT != 0 => true,
            Some(needle) => needle.find(index.names.get(slot as u32)).is_some(),
        }
    }
}

/// What the facets decide.
fn passes(facets: Facets, asked: &ListQuery) -> bool {
    let told = asked.visible.is_some();
    facets.is_there()
        && asked.destination.is_none_or(|kind| facets.goes_to(kind))
        && asked.kind.is_none_or(|kind| facets.is_alert() == (kind == ScheduleKind::Alert))
        && asked.content.is_none_or(|content| facets.is_single_tile() == (content == ContentKind::SingleTile))
        && asked.status.is_none_or(|filter| match filter {
            StatusFilter::None => facets.status_rank(told) == 0,
            StatusFilter::Success => matches!(facets.status(told), Some(RunStatus::Complete | RunStatus::ConditionUnmet)),
            StatusFilter::Error => matches!(facets.status(told), Some(RunStatus::Error | RunStatus::ErrorDelivered)),
            StatusFilter::Canceled => matches!(facets.status(told), Some(RunStatus::Killed)),
        })
}
