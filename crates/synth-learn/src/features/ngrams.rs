//! Word and character n-grams of a text, as numbers.

use synth_text::{Folded, WordRanges};
use xxhash_rust::xxh3::Xxh3;

use super::TextSpec;

/// n-grams are told apart by so many bits: of a million different ones, half share their number with another.
pub(super) const BUCKET_BITS: u32 = 20;
pub(super) const N_BUCKETS: usize = 1 << BUCKET_BITS;

/// Finds the n-grams of text after text.
#[derive(Debug, Default)]
pub(super) struct Ngrams {
    folded: Folded,
    words: WordRanges,
    word: Vec<char>,
}

/// The kinds of n-grams are hashed apart: the word "a" is not the character "a".
const WORD: u8 = 0;
const CHARACTER: u8 = 1;

impl Ngrams {
    /// Appends the bucket of each n-gram of a text, in no particular order, as often as it stands there.
    pub(super) fn find(&mut self, spec: &TextSpec, text: &str, buckets: &mut Vec<u32>) {
        self.folded.set(text);
        self.words.find(self.folded.text());
        let text = self.folded.text();
        if let Some([least, most]) = spec.words {
            for last in 0..self.words.len() {
                let mut hash = Xxh3::new();
                hash.update(&[WORD]);
                // From the last word backwards: each length goes on where the one before it ended.
                for length in 1..=most.min(last + 1) {
                    hash.update(text[self.words.get(last + 1 - length)].as_bytes());
                    // No word holds this byte.
                    hash.update(&[0]);
                    if length >= least {
                        buckets.push(bucket(hash.digest()));
                    }
                }
            }
        }
        if let Some([least, most]) = spec.characters {
            for range in self.words.iter() {
                self.word.clear();
                // Spaces around a word tell its beginning and its end from its middle.
                self.word.push(' ');
                self.word.extend(text[range].chars());
                self.word.push(' ');
                for start in 0..self.word.len() {
                    let mut hash = Xxh3::new();
                    hash.update(&[CHARACTER]);
                    for (length, c) in (1..=most).zip(&self.word[start..]) {
                        hash.update(c.encode_utf8(&mut [0; 4]).as_bytes());
                        if length >= least {
                            buckets.push(bucket(hash.digest()));
                        }
                    }
                }
            }
        }
    }
}

fn bucket(hash: u64) -> u32 {
    (hash >> (64 - BUCKET_BITS)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(words: Option<[usize; 2]>, characters: Option<[usize; 2]>, text: &str) -> usize {
        let mut buckets = Vec::new();
        let spec = TextSpec { field: "text".into(), words, characters };
        Ngrams::default().find(&spec, text, &mut buckets);
        buckets.len()
    }

    #[test]
    fn how_many_there_are() {
        assert_eq!(count(Some([1, 1]), None, "to be, or not"), 4);
        assert_eq!(count(Some([1, 2]), None, "to be, or not"), 7);
        assert_eq!(count(Some([2, 3]), None, "to be, or not"), 5);
        assert_eq!(count(Some([1, 2]), None, ""), 0);
        // " to ": three of two characters, two of three.
        assert_eq!(count(None, Some([2, 3]), "to"), 5);
        assert_eq!(count(None, Some([3, 5]), "é"), 1);
    }

    #[test]
    fn case_does_not_matter_and_order_does() {
        let find = |text: &str| {
            let mut buckets = Vec::new();
            let spec = TextSpec { field: "text".into(), words: Some([1, 2]), characters: None };
            Ngrams::default().find(&spec, text, &mut buckets);
            buckets.sort_unstable();
            buckets
        };
        assert_eq!(find("Not GOOD"), find("not good"));
        assert_ne!(find("not good"), find("good not"));
        // These numbers stand in saved models.
        assert_eq!(find("a"), [bucket(xxhash_rust::xxh3::xxh3_64(&[0, b'a', 0]))]);
    }
}
