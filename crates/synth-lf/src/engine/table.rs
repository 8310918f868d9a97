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
/// Nearly all words of most texts are in no list, so a small filter of single bits answers first, by the length and
/// the first 8 bytes. These and the last 8 bytes are all there is to a string of up to 16; only longer ones are
/// compared in full.
#[derive(Debug, Default)]
pub(super) struct Table {
    filter: Vec<u64>,
    /// How far down the place in the filter stands in a hash.
    filter_shift: u32,
    entries: HashTable<Entry>,
    uses: Vec<Use>,
    /// For each entry, the functions that vote on the string alone: an even number of them, one standing twice if
    /// need be, so that how many there are is predicted more often.
    voters: Vec<[u32; 2]>,
    /// Strings of more than 16 bytes; of shorter ones everything is in the key.
    long: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    head: u64,
    tail: u64,
    len: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Key,
    lists: Lists,
    /// The position in `long`, for strings that are.
    long: u32,
}

/// Where in a table stands what a string sets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lists {
    uses: [u32; 2],
    voters: [u32; 2],
}

/// What a string sets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Listed<'a> {
    /// Signals to set.
    pub(super) uses: &'a [Use],
    /// Functions that vote wherever the string stands, and have no part in `uses`; some may stand twice.
    pub(super) voters: &'a [[u32; 2]],
}

impl Table {
    /// A table of these strings. `voters_of` tells the functions for which a use is all they ask.
    pub(super) fn new<'a>(
        strings: FxHashMap<Box<str>, Vec<Use>>,
        voters_of: impl Fn(&Use) -> Option<&'a [u32]>,
    ) -> Self {
        let mut table = Self::default();
        if !strings.is_empty() {
            let n_bits = (strings.len() * FILTER_BITS).next_power_of_two().max(MIN_FILTER_BITS);
            table.filter = vec![0; n_bits / 64];
            table.filter_shift = 64 - n_bits.trailing_zeros();
            table.entries.reserve(strings.len(), |entry| entry.key.hash());
        }
        let (mut folded, mut voters) = (Folded::default(), Vec::new());
        #[expect(clippy::iter_over_hash_type, reason = "what a table answers does not depend on the order of entries")]
        for (string, uses) in strings {
            // Folding what is folded changes nothing.
            folded.set(&string);
            let (word, bit) = table.filter_place(&folded, &(0..string.len()));
            table.filter[word] |= 1 << bit;
            let (first_use, first_voter) = (table.uses.len() as u32, table.voters.len() as u32);
            voters.clear();
            for used in uses {
                match voters_of(&used) {
                    Some(more) => voters.extend(more),
                    None => table.uses.push(used),
                }
            }
            table.voters.extend(voters.chunks(2).map(|pair| [pair[0], pair[pair.len() - 1]]));
            let lists =
                Lists { uses: [first_use, table.uses.len() as u32], voters: [first_voter, table.voters.len() as u32] };
            let entry = Entry { key: Key::of(&folded, &(0..string.len())), lists, long: table.long.len() as u32 };
            table.entries.insert_unique(entry.key.hash(), entry, |entry| entry.key.hash());
            if string.len() > 16 {
                table.long.push(string);
            }
        }
        table
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// False for most strings that are not in the table. Small, to be part of the loop over words.
    #[inline]
    pub(super) fn may_hold(&self, text: &Folded, range: &Range<usize>) -> bool {
        let (word, bit) = self.filter_place(text, range);
        self.filter.get(word).is_some_and(|word| word >> bit & 1 != 0)
    }

    /// Where the string at `range` of a text stands in the table; an empty place if it does not.
    #[inline]
    pub(super) fn find(&self, text: &Folded, range: &Range<usize>) -> Lists {
        let key = Key::of(text, range);
        let same = |entry: &Entry| {
            entry.key == key && (range.len() <= 16 || *self.long[entry.long as usize] == text.text()[range.clone()])
        };
        self.entries.find(key.hash(), same).map(|entry| entry.lists).unwrap_or_default()
    }

    /// What stands at a place.
    #[inline]
    pub(super) fn at(&self, Lists { uses, voters }: Lists) -> Listed<'_> {
        Listed {
            uses: &self.uses[uses[0] as usize..uses[1] as usize],
            voters: &self.voters[voters[0] as usize..voters[1] as usize],
        }
    }

    /// What the string at `range` of a text sets; nothing if it is not in the table.
    pub(super) fn get(&self, text: &Folded, range: &Range<usize>) -> Listed<'_> {
        self.at(self.find(text, range))
    }

    /// The place of a string in the filter, and the bit there.
    #[inline]
    fn filter_place(&self, text: &Folded, range: &Range<usize>) -> (usize, u32) {
        let hash = (head(text, range) ^ (range.len() as u64).rotate_right(8)).wrapping_mul(MULTIPLIER);
        let at = hash >> self.filter_shift;
        ((at / 64) as usize, at as u32 % 64)
    }
}

/// One multiplication by this spreads all bits upwards.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The first bytes of a string, 8 at most, first byte lowest.
#[inline]
fn head(text: &Folded, range: &Range<usize>) -> u64 {
    text.window(range.start) & u64::MAX.wrapping_shr(unused_bits(range.len()))
}

/// How many bits of 8 bytes a string leaves unused. No branch: which of the lengths of words comes next cannot be
/// predicted. An empty string would leave 64, for which shifts stand still, so its key holds whatever stands beside it;
/// its length keeps it apart from all strings that are not empty.
#[inline]
fn unused_bits(len: usize) -> u32 {
    64 - 8 * len.min(8) as u32
}

impl Key {
    #[inline]
    fn of(text: &Folded, range: &Range<usize>) -> Self {
        let tail = text.window_before(range.end) & u64::MAX.wrapping_shl(unused_bits(range.len()));
        Self { head: head(text, range), tail, len: range.len() as u32 }
    }

    #[inline]
    fn hash(self) -> u64 {
        // The shift brings down what the product has spread upwards, for tables go by the low bits.
        let mixed = (self.head ^ self.tail.rotate_left(29) ^ u64::from(self.len)).wrapping_mul(MULTIPLIER);
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
        let strings = strings.iter().enumerate().map(|(i, s)| (s.as_str().into(), uses(i))).collect();
        let table = Table::new(strings, |used| (used.signal % 5 == 4).then_some(&[17][..]));
        for i in 0..3500 {
            let text = Folded::of(&format!("a {}z", string(i)));
            let range = 2..text.text().len() - 1;
            let listed = table.get(&text, &range);
            let (expected, others) = if i % 7 == 0 { (1 + (i / 7) % 3, i / 7) } else { (0, 0) };
            assert!(table.may_hold(&text, &range) || expected == 0);
            assert!(listed.uses.iter().all(|used| used.signal as usize == others));
            assert_eq!(
                if others % 5 == 4 {
                    2 * listed.voters.len() - usize::from(expected % 2 == 1)
                } else {
                    listed.uses.len()
                },
                expected
            );
        }
        assert!(!Table::default().may_hold(&Folded::of("x"), &(0..1)));
        assert!(Table::default().get(&Folded::of("x"), &(0..1)).uses.is_empty());
    }
}
