//! Words or tokens to what they set.

use std::ops::Range;

use hashbrown::HashTable;
use rustc_hash::FxHashMap;
use synth_text::Folded;

use super::plan::Use;

/// Bits of the filter for each string: of words that are in no list, one in 8 passes or fewer.
const FILTER_BITS: usize = 8;
/// Small lists have a filter of 2 KB, in which next to nothing passes by chance.
const MIN_FILTER_BITS: usize = 1 << 14;

/// A table of folded strings in which every word of every text is looked up.
///
/// Nearly all words of most texts are in no list, so a small filter of single bits answers first. The length, the
/// first 8 and the last 8 bytes are all there is to a string of up to 16; only longer ones are compared in full.
#[derive(Debug, Default)]
pub(super) struct Table {
    filter: Vec<u64>,
    entries: HashTable<Entry>,
    uses: Vec<Use>,
    /// Strings of more than 16 bytes; of shorter ones everything is in the key.
    long: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    head: u64,
    tail: u64,
    len: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Key,
    first_use: u32,
    last_use: u32,
    /// The position in `long`, for strings that are.
    long: u32,
}

impl Table {
    pub(super) fn new(strings: FxHashMap<Box<str>, Vec<Use>>) -> Self {
        let mut sorted: Vec<_> = strings.into_iter().collect();
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut table = Self::default();
        if !sorted.is_empty() {
            table.filter = vec![0; (sorted.len() * FILTER_BITS).next_power_of_two().max(MIN_FILTER_BITS) / 64];
        }
        for (string, uses) in sorted {
            // Folding what is folded changes nothing.
            let key = Key::of(&Folded::of(&string), 0..string.len());
            let (word, bit) = table.filter_bit(key.hash());
            table.filter[word] |= bit;
            let first_use = table.uses.len() as u32;
            table.uses.extend(uses);
            let entry = Entry { key, first_use, last_use: table.uses.len() as u32, long: table.long.len() as u32 };
            table.entries.insert_unique(key.hash(), entry, |entry| entry.key.hash());
            if string.len() > 16 {
                table.long.push(string);
            }
        }
        table
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the string at `range` of a text sets; empty if it is not in the table.
    pub(super) fn get(&self, text: &Folded, range: Range<usize>) -> &[Use] {
        match self.may_hold(text, range.clone()) {
            Some(key) => self.look_up(key, text, range),
            None => &[],
        }
    }

    /// The key of a string if the filter lets it through. Small, to be part of the loop over words.
    #[inline]
    pub(super) fn may_hold(&self, text: &Folded, range: Range<usize>) -> Option<Key> {
        let key = Key::of(text, range);
        let (word, bit) = self.filter_bit(key.hash());
        (self.filter.get(word)? & bit != 0).then_some(key)
    }

    /// What a string sets that the filter has let through.
    #[inline(never)]
    pub(super) fn look_up(&self, key: Key, text: &Folded, range: Range<usize>) -> &[Use] {
        let same = |entry: &Entry| {
            entry.key == key && (range.len() <= 16 || *self.long[entry.long as usize] == text.text()[range.clone()])
        };
        match self.entries.find(key.hash(), same) {
            Some(entry) => &self.uses[entry.first_use as usize..entry.last_use as usize],
            None => &[],
        }
    }

    /// The place of a hash in the filter. Its bits are others than those the hash table goes by.
    #[inline]
    fn filter_bit(&self, hash: u64) -> (usize, u64) {
        let at = (hash >> 24) as usize & (self.filter.len() * 64).wrapping_sub(1);
        (at / 64, 1 << (at % 64))
    }
}

impl Key {
    /// No branch on the length but one: which of the lengths of words comes next cannot be predicted.
    #[inline]
    fn of(text: &Folded, range: Range<usize>) -> Self {
        let len = range.len();
        let head = text.window(range.start);
        if len > 8 {
            return Self { head, tail: text.window(range.end - 8), len: len as u32 };
        }
        // Without the bytes behind the string.
        let unused = 8 * (8 - len as u32);
        Self { head: head.checked_shl(unused).unwrap_or(0), tail: 0, len: len as u32 }
    }

    #[inline]
    fn hash(self) -> u64 {
        // One multiplication spreads all bits upwards; the shift brings them down again, for tables go by the low ones.
        let mixed = (self.head ^ self.tail.rotate_left(29) ^ u64::from(self.len)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_in_and_nothing_else() {
        // Of all lengths, many alike at both ends.
        let string = |i: usize| format!("w{}{}", "o".repeat(i % 23), i);
        let strings: Vec<String> = (0..500).map(|i| string(i * 7)).collect();
        let uses = |i: usize| vec![Use { signal: i as u32, check: 0 }; 1 + i % 3];
        let table = Table::new(strings.iter().enumerate().map(|(i, s)| (s.as_str().into(), uses(i))).collect());
        for i in 0..3500 {
            let text = Folded::of(&format!("a {}z", string(i)));
            let found = table.get(&text, 2..text.text().len() - 1);
            assert_eq!(found.len(), if i % 7 == 0 { 1 + (i / 7) % 3 } else { 0 });
            assert!(found.iter().all(|used| used.signal as usize == i / 7));
        }
        assert!(Table::default().get(&Folded::of("x"), 0..1).is_empty());
    }
}
