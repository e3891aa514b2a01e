//! Taking in what changed.

use std::collections::BTreeSet;

use super::{Change, Entry, Facets, ListIndex, NEVER};

impl ListIndex {
    /// Takes in changes, oldest first. False when they do not fit what it has, and it has to be made anew.
    #[must_use]
    pub(crate) fn take_in(&mut self, changes: Vec<Change>) -> bool {
        let mut changed = BTreeSet::new();
        // What has to leave the kept orders, and what has to come into them.
        let (mut leaving, mut coming) = (BTreeSet::new(), BTreeSet::new());
        for change in changes {
            let key = match &change {
                Change::Put(entry) => entry.key,
                Change::Gone(key) => *key,
            };
            let slot = match (self.keys.binary_search(&key), &change) {
                (Ok(at), _) => at as u32,
                (Err(_), Change::Gone(_)) => continue,
                (Err(at), Change::Put(_)) if at == self.keys.len() => self.new_slot(key),
                // Rows are only added at the end.
                (Err(_), Change::Put(_)) => return false,
            };
            changed.insert(slot);
            let was_there = self.facets[slot as usize].is_there();
            match change {
                Change::Gone(_) if was_there => {
                    self.facets[slot as usize] = Facets::default();
                    if !coming.remove(&slot) {
                        leaving.insert(slot);
                    }
                }
                Change::Gone(_) => {}
                Change::Put(entry) => {
                    let moves = self.ids[slot as usize] != entry.id || self.name_keys.get(slot) != entry.name_key;
                    if was_there && moves && !coming.contains(&slot) {
                        leaving.insert(slot);
                    }
                    if !was_there || moves {
                        coming.insert(slot);
                    }
                    self.write(slot, &entry);
                }
            }
        }
        self.document_names.rank();
        self.owner_names.rank();
        self.reorder(&leaving, coming);
        let changed: Vec<u32> = changed.into_iter().collect();
        let mut kept = std::mem::take(self.kept.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner));
        for (_, matched) in &mut kept {
            std::sync::Arc::make_mut(matched).look_again(self, &changed);
        }
        *self.kept.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) = kept;
        true
    }

    /// Adds a row to those that it is made of, in the order of their keys; nothing is found before [`ListIndex::finish`].
    pub(crate) fn fill(&mut self, entry: &Entry) {
        let slot = self.new_slot(entry.key);
        self.write(slot, entry);
    }

    /// Sorts what it was filled with, and gives back memory that was taken for more to come.
    pub(crate) fn finish(&mut self) {
        self.document_names.rank();
        self.owner_names.rank();
        self.by_id = (0..u32::try_from(self.keys.len()).unwrap_or(u32::MAX)).collect();
        self.by_id.sort_unstable_by_key(|slot| self.ids[*slot as usize]);
        // Mostly the first letters decide, and are nearer at hand.
        let mut by_name: Vec<(u64, u32)> = self.by_id.iter().map(|slot| (first_letters(self.name_keys.get(*slot)), *slot)).collect();
        by_name.sort_unstable_by(|one, other| {
            let whole = || self.name_keys.get(one.1).cmp(self.name_keys.get(other.1));
            one.0.cmp(&other.0).then_with(whole).then_with(|| self.ids[one.1 as usize].cmp(&self.ids[other.1 as usize]))
        });
        self.by_name = by_name.into_iter().map(|(_, slot)| slot).collect();
        self.names.shrink();
        self.name_keys.shrink();
        self.keys.shrink_to_fit();
        self.ids.shrink_to_fit();
        self.documents.shrink_to_fit();
        self.owners.shrink_to_fit();
        self.facets.shrink_to_fit();
        self.completed.shrink_to_fit();
        self.told.shrink_to_fit();
        self.by_name.shrink_to_fit();
        self.by_id.shrink_to_fit();
    }

    fn new_slot(&mut self, key: i64) -> u32 {
        let slot = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push(key);
        self.ids.push(0);
        self.names.push(b"");
        self.name_keys.push(b"");
        self.documents.push(0);
        self.owners.push(0);
        self.facets.push(Facets::default());
        self.completed.push(NEVER);
        self.told.push(NEVER);
        slot
    }

    fn write(&mut self, slot: u32, entry: &Entry) {
        let at = slot as usize;
        self.ids[at] = entry.id;
        self.names.set(slot, entry.name.as_bytes());
        self.name_keys.set(slot, &entry.name_key);
        self.documents[at] = self.document_names.number(&entry.document);
        self.owners[at] = self.owner_names.number(&entry.owner);
        self.facets[at] = entry.facets;
        self.completed[at] = entry.completed_at.unwrap_or(NEVER);
        self.told[at] = entry.told_at.unwrap_or(NEVER);
    }

    fn reorder(&mut self, leaving: &BTreeSet<u32>, coming: BTreeSet<u32>) {
        if !leaving.is_empty() {
            let mut gone = vec![false; self.len()];
            for slot in leaving {
                gone[*slot as usize] = true;
            }
            self.by_name.retain(|slot| !gone[*slot as usize]);
            self.by_id.retain(|slot| !gone[*slot as usize]);
        }
        let (ids, name_keys) = (&self.ids, &self.name_keys);
        let by_id = |one: &u32, other: &u32| ids[*one as usize].cmp(&ids[*other as usize]);
        let by_name = |one: &u32, other: &u32| name_keys.get(*one).cmp(name_keys.get(*other)).then_with(|| by_id(one, other));
        merge(&mut self.by_id, coming.iter().copied().collect(), by_id);
        merge(&mut self.by_name, coming.into_iter().collect(), by_name);
    }
}

/// The first eight bytes of a key, in its order.
fn first_letters(key: &[u8]) -> u64 {
    key.iter().copied().chain(std::iter::repeat(0)).take(8).fold(0, |letters, byte| letters << 8 | u64::from(byte))
}

/// Puts slots in their places among those that are sorted.
fn merge(sorted: &mut Vec<u32>, mut coming: Vec<u32>, order: impl Fn(&u32, &u32) -> std::cmp::Ordering) {
    coming.sort_unstable_by(&order);
    let mut end = sorted.len();
    sorted.resize(end + coming.len(), 0);
    // From the back, so that each is moved once.
    for (before, slot) in coming.iter().enumerate().rev() {
        let at = sorted[..end].partition_point(|other| order(other, slot).is_lt());
        sorted.copy_within(at..end, at + before + 1);
        sorted[at + before] = *slot;
        end = at;
    }
}
