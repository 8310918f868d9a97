//! Finding the text that another one repeats.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::{Bands, MinHash, MinHashIndex, Shingles, normalized};

/// How many of the texts that an index proposes are compared: the most probable ones. At .8 a pair shares 5 bands of
/// 18, one at .5 a third of one, so what is alike stands in front.
const MOST_COMPARED: usize = 32;

/// Texts among which near copies are found: those with a Jaccard similarity of their shingles at or above a
/// threshold.
///
/// Candidates come from a [`MinHashIndex`] and are compared shingle by shingle, so what is found is never below the
/// threshold; 99.5 % of what stands at it is found, and more of what stands above. Takes the normalised text and some
/// 400 bytes a text.
///
/// ```
/// use synth_text::TextIndex;
///
/// let mut texts = TextIndex::new(0.8);
/// texts.insert(&texts.prepare("Subscribe to my channel, it is new"));
/// texts.insert(&texts.prepare("The parcel never came"));
/// assert_eq!(texts.best(&texts.prepare("the  PARCEL never came")).unwrap().jaccard, 1.0);
/// assert_eq!(texts.best(&texts.prepare("subscribe to my channel, it is new!")).unwrap().index, 0);
/// assert!(texts.best(&texts.prepare("where is my parcel?")).is_none());
/// ```
#[derive(Debug, Clone)]
pub struct TextIndex {
    threshold: f64,
    /// All texts, one behind the other.
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
    /// By the hash of the whole text.
    exact: HashTable<u32>,
    near: MinHashIndex,
}

/// A text, taken apart for a [`TextIndex`]: what costs time, and can be done for many texts at once.
#[derive(Debug, Clone)]
pub struct PreparedText {
    text: String,
    shingles: Shingles,
    summary: MinHash,
}

/// A text that another one repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextMatch {
    /// Its number, from 0.
    pub index: usize,
    /// The Jaccard similarity of the two, exact.
    pub jaccard: f64,
    /// Whether the two are the same text once normalised.
    pub same: bool,
}

impl TextIndex {
    /// An index without texts that finds those of this Jaccard similarity or more, from 0 to 1. Below .24 it finds
    /// fewer than 99.5 %; see [`Bands::for_similarity`].
    pub fn new(threshold: f64) -> Self {
        Self {
            threshold,
            texts: String::new(),
            ends: Vec::new(),
            exact: HashTable::new(),
            near: MinHashIndex::new(Bands::for_similarity(threshold)),
        }
    }

    /// The number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without any text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes a text apart.
    pub fn prepare(&self, text: &str) -> PreparedText {
        let text = normalized(text);
        let shingles = Shingles::of(&text);
        let summary = MinHash::of(&shingles, self.near.bands().size());
        PreparedText { text, shingles, summary }
    }

    /// Adds a text; false if the same is in already.
    ///
    /// # Panics
    /// If it was prepared by an index of another threshold.
    pub fn insert(&mut self, text: &PreparedText) -> bool {
        if self.same(text).is_some() {
            return false;
        }
        let (texts, ends) = (&self.texts, &self.ends);
        let hash_of = |id: &u32| xxh3_64(text_at(texts, ends, *id as usize).as_bytes());
        self.exact.insert_unique(xxh3_64(text.text.as_bytes()), self.ends.len() as u32, hash_of);
        self.near.insert(&text.summary);
        self.texts.push_str(&text.text);
        self.ends.push(self.texts.len());
        true
    }

    /// The text that is most alike, if one reaches the threshold; of several, the first.
    ///
    /// # Panics
    /// If it was prepared by an index of another threshold.
    pub fn best(&self, text: &PreparedText) -> Option<TextMatch> {
        let found = self.all(text).into_iter();
        found.max_by(|a, b| a.jaccard.total_cmp(&b.jaccard).then(b.index.cmp(&a.index)))
    }

    /// All texts that reach the threshold, in no order, of the 32 that are most probably alike; only the same one, if it is
    /// in: what is like the one is like the other.
    ///
    /// # Panics
    /// If it was prepared by an index of another threshold.
    pub fn all(&self, text: &PreparedText) -> Vec<TextMatch> {
        if let Some(index) = self.same(text) {
            return vec![TextMatch { index, jaccard: 1.0, same: true }];
        }
        let proposed = self.near.query(&text.summary);
        let compared = proposed.iter().take(MOST_COMPARED).map(|&id| {
            let other = Shingles::of(text_at(&self.texts, &self.ends, id as usize));
            TextMatch { index: id as usize, jaccard: text.shingles.jaccard(&other), same: false }
        });
        compared.filter(|found| found.jaccard >= self.threshold).collect()
    }

    fn same(&self, text: &PreparedText) -> Option<usize> {
        let same = |id: &u32| text_at(&self.texts, &self.ends, *id as usize) == text.text;
        self.exact.find(xxh3_64(text.text.as_bytes()), same).map(|&id| id as usize)
    }
}

fn text_at<'a>(texts: &'a str, ends: &[usize], index: usize) -> &'a str {
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    &texts[start..ends[index]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(threshold: f64, texts: &[&str]) -> TextIndex {
        let mut index = TextIndex::new(threshold);
        for text in texts {
            index.insert(&index.prepare(text));
        }
        index
    }

    #[test]
    fn the_most_alike_is_found_and_of_equals_the_first() {
        let texts = index(0.3, &["the parcel never came", "the parcel never arrived", "the parcel never came!"]);
        let best = |text: &str| texts.best(&texts.prepare(text));
        assert_eq!(best("The parcel never  came!").unwrap(), TextMatch { index: 2, jaccard: 1.0, same: true });
        // One shingle more than either of two texts.
        let texts = index(0.3, &["xabcdefghi", "abcdefghiy"]);
        let found = texts.best(&texts.prepare("abcdefghi")).unwrap();
        assert_eq!((found.index, found.same), (0, false));
        assert!((found.jaccard - 5.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn the_same_text_is_kept_once() {
        let mut texts = index(0.8, &["Hello there", "hello  THERE", ""]);
        assert_eq!(texts.len(), 2);
        assert!(!texts.insert(&texts.prepare(" ")));
        assert_eq!(texts.best(&texts.prepare("\n")).unwrap().index, 1);
    }

    #[test]
    fn equal_sets_of_shingles_need_not_be_the_same_text() {
        let texts = index(0.8, &["aaaaaa"]);
        let found = texts.best(&texts.prepare("aaaaaaa")).unwrap();
        assert_eq!((found.jaccard, found.same), (1.0, false));
    }

    proptest! {
        #[test]
        fn what_is_found_reaches_the_threshold(
            texts in proptest::collection::vec("[a-b ]{0,30}", 1..30),
            asked in "[a-b ]{0,30}",
            threshold in 0.3..1.0f64,
        ) {
            let mut index = TextIndex::new(threshold);
            let kept: Vec<&String> = texts.iter().filter(|text| index.insert(&index.prepare(text))).collect();
            if let Some(found) = index.best(&index.prepare(&asked)) {
                let shingles = |text: &str| Shingles::of(&normalized(text));
                prop_assert!(found.jaccard >= threshold);
                prop_assert_eq!(found.jaccard, shingles(&asked).jaccard(&shingles(kept[found.index])));
            }
        }
    }
}
