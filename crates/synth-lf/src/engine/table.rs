//! Words or tokens to what they set.

use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHasher};

use super::plan::Use;

/// Bits of the filter for each string: one string in 16 that is not in the table passes.
const FILTER_BITS: usize = 16;

/// A table of folded strings in which every word of every text is looked up.
///
/// Nearly all words of most texts are in no list, so a small filter of single bits answers first; strings and
/// uses lie each in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Table {
    filter: Vec<u64>,
    strings: String,
    entries: HashTable<Entry>,
    uses: Vec<Use>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    end: u32,
    first_use: u32,
    last_use: u32,
}

impl Table {
    pub(super) fn new(strings: FxHashMap<Box<str>, Vec<Use>>) -> Self {
        let mut sorted: Vec<_> = strings.into_iter().collect();
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut table = Self::default();
        if !sorted.is_empty() {
            table.filter = vec![0; (sorted.len() * FILTER_BITS).next_power_of_two().max(64) / 64];
        }
        for (string, uses) in sorted {
            let hash = hash(&string);
            let (word, bit) = table.filter_bit(hash);
            table.filter[word] |= bit;
            let (start, first_use) = (table.strings.len() as u32, table.uses.len() as u32);
            table.strings.push_str(&string);
            table.uses.extend(uses);
            let entry = Entry { start, end: table.strings.len() as u32, first_use, last_use: table.uses.len() as u32 };
            let strings = &table.strings;
            let rehash = |e: &Entry| self::hash(&strings[e.start as usize..e.end as usize]);
            table.entries.insert_unique(hash, entry, rehash);
        }
        table
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What a string sets; empty if it is not in the table.
    #[inline]
    pub(super) fn get(&self, string: &str) -> &[Use] {
        if self.filter.is_empty() {
            return &[];
        }
        let hash = hash(string);
        let (word, bit) = self.filter_bit(hash);
        if self.filter[word] & bit == 0 {
            return &[];
        }
        let same = |e: &Entry| self.strings.as_bytes()[e.start as usize..e.end as usize] == *string.as_bytes();
        match self.entries.find(hash, same) {
            Some(entry) => &self.uses[entry.first_use as usize..entry.last_use as usize],
            None => &[],
        }
    }

    /// The place of a hash in the filter. Its bits are others than those the hash table goes by.
    #[inline]
    fn filter_bit(&self, hash: u64) -> (usize, u64) {
        let at = (hash >> 24) as usize & (self.filter.len() * 64 - 1);
        (at / 64, 1 << (at % 64))
    }
}

#[inline]
fn hash(string: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(string.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_in_and_nothing_else() {
        let strings: Vec<String> = (0..500).map(|i| format!("word{}", i * 7)).collect();
        let uses = |i: usize| vec![Use { signal: i as u32, check: 0 }; 1 + i % 3];
        let table = Table::new(strings.iter().enumerate().map(|(i, s)| (s.as_str().into(), uses(i))).collect());
        for i in 0..3500 {
            let found = table.get(&format!("word{i}"));
            assert_eq!(found.len(), if i % 7 == 0 { 1 + (i / 7) % 3 } else { 0 });
            assert!(found.iter().all(|used| used.signal as usize == i / 7));
        }
        assert!(Table::default().get("x").is_empty());
    }
}
