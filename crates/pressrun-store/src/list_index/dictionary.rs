//! What documents and owners are called, once however many schedules are theirs.

use std::collections::HashMap;

/// Something and the name that a row has of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Named {
    /// Its identifier.
    pub(crate) of: String,
    /// The name as it is searched.
    pub(crate) folded: String,
    /// The name as it is sorted.
    pub(crate) key: Vec<u8>,
}

/// Numbers of names.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    entries: Vec<Named>,
    numbers: HashMap<Named, u32>,
    ranks: Vec<u32>,
    rank_count: usize,
}

impl Dictionary {
    /// The number of a name, which is given one when it is new.
    pub(super) fn number(&mut self, named: &Named) -> u32 {
        if let Some(number) = self.numbers.get(named) {
            return *number;
        }
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(named.clone());
        self.numbers.insert(named.clone(), number);
        number
    }

    pub(super) fn entries(&self) -> &[Named] {
        &self.entries
    }

    /// Puts new names in their places among the others.
    pub(super) fn rank(&mut self) {
        if self.ranks.len() == self.entries.len() {
            return;
        }
        let mut sorted: Vec<u32> = (0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX)).collect();
        let key = |number: &u32| &self.entries[*number as usize].key;
        sorted.sort_unstable_by(|one, other| key(one).cmp(key(other)));
        self.ranks = vec![0; self.entries.len()];
        let mut rank = 0;
        for (at, number) in sorted.iter().enumerate() {
            if at > 0 && key(&sorted[at - 1]) != key(number) {
                rank += 1;
            }
            self.ranks[*number as usize] = rank;
        }
        self.rank_count = rank as usize + 1;
    }

    /// The place of each number's name among all of them; equal ones share it.
    pub(super) fn ranks(&self) -> (&[u32], usize) {
        (&self.ranks, self.rank_count)
    }
}
