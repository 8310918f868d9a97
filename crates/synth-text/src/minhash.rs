//! MinHash: short summaries of sets that tell how alike the sets are, and an index that finds the alike.

use hashbrown::HashTable;

use crate::Shingles;

/// A summary of a set of shingles, of as many numbers as asked for. Two of them agree in about as many places as the
/// sets have in common: the share of places is unbiased, with variance J(1 - J) / k at most.
///
/// Made by fast similarity sketching: each shingle falls into a place by hash, round after round, until no place is
/// empty, and a place keeps its least value. That takes one hash a shingle and round, where k permutations take k:
/// for 300 shingles and 120 places, 3 instead of 120. One-permutation hashing is as fast, but copies full places into
/// empty ones, which for short texts makes places depend on each other.
///
/// # References
/// Broder (1997), On the resemblance and containment of documents. Dahlgaard, Knudsen, Thorup (2017), Fast similarity
/// sketching, algorithm 1.
///
/// ```
/// use synth_text::{MinHash, Shingles};
///
/// let of = |text: &str| MinHash::of(&Shingles::of(text), 128);
/// assert_eq!(of("check out my channel").similarity(&of("check out my channel")), 1.0);
/// assert!(of("check out my channel").similarity(&of("check out my channels")) > 0.7);
/// assert!(of("check out my channel").similarity(&of("the parcel never came")) < 0.1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinHash(Box<[u64]>);

impl MinHash {
    /// Summarises a set in `size` numbers.
    pub fn of(shingles: &Shingles, size: usize) -> Self {
        let mut places = vec![u64::MAX; size].into_boxed_slice();
        let mut n_empty = size;
        // Values of a later round are larger, so once no place is empty none can change any more. In the second
        // `size` rounds everything falls into one place after the other, so an end is certain.
        for round in 0..2 * size {
            for &shingle in shingles.hashes() {
                let hash = mix(shingle.wrapping_add((round as u64).wrapping_mul(GOLDEN)));
                let place = match round.checked_sub(size) {
                    None => (((hash >> 32) * size as u64) >> 32) as usize,
                    Some(place) => place,
                };
                let value = ((round as u64) << 32) | (hash & 0xFFFF_FFFF);
                n_empty -= usize::from(places[place] == u64::MAX);
                places[place] = places[place].min(value);
            }
            if n_empty == 0 {
                break;
            }
        }
        Self(places)
    }

    /// The number of numbers.
    #[expect(clippy::len_without_is_empty, reason = "how many there are was asked for")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The estimated Jaccard similarity of the two sets, from 0 to 1.
    ///
    /// # Panics
    /// If the two are of different sizes.
    pub fn similarity(&self, other: &Self) -> f64 {
        assert_eq!(self.len(), other.len(), "summaries of one size");
        let equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        equal as f64 / self.len() as f64
    }
}

/// 2^64 by the golden ratio, odd: multiples of it are spread evenly.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
#[inline]
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// How an index cuts summaries into bands: two sets meet where all rows of a band agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bands {
    /// The number of bands: each is one more chance to meet, and 16 bytes a text.
    pub n_bands: usize,
    /// The numbers in a band: each makes it less probable that sets meet that are not alike.
    pub n_rows: usize,
}

impl Bands {
    /// Bands in which 99.5 % of the pairs of a similarity meet, and as few less similar ones as 20 bands allow.
    ///
    /// Below .24 no 20 bands find so many: then there are 20, of one row each.
    ///
    /// ```
    /// use synth_text::Bands;
    ///
    /// let bands = Bands::for_similarity(0.8);
    /// assert_eq!(bands, Bands { n_bands: 18, n_rows: 6 });
    /// assert!(bands.recall(0.8) > 0.995 && bands.recall(0.5) < 0.25 && bands.recall(0.2) < 0.002);
    /// ```
    pub fn for_similarity(similarity: f64) -> Self {
        const MISSED: f64 = 0.005;
        const MOST: usize = 20;
        let of = |n_rows: usize| {
            let apart = 1.0 - similarity.clamp(0.0, 1.0).powi(n_rows as i32);
            let n_bands = (MISSED.ln() / apart.ln()).ceil().max(1.0);
            let found = Self { n_bands: n_bands as usize, n_rows };
            // None for a similarity of 0, where the logarithms have no quotient.
            (n_bands <= MOST as f64 && found.recall(similarity) >= 1.0 - MISSED).then_some(found)
        };
        (1..=8).rev().find_map(of).unwrap_or(Self { n_bands: MOST, n_rows: 1 })
    }

    /// The size of the summaries.
    pub fn size(self) -> usize {
        self.n_bands * self.n_rows
    }

    /// The share of pairs of a similarity that meet: 1 - (1 - s^rows)^bands.
    pub fn recall(self, similarity: f64) -> f64 {
        1.0 - (1.0 - similarity.powi(self.n_rows as i32)).powi(self.n_bands as i32)
    }
}

/// How many of those that share a band with a set are looked at, the newest first. Where more agree in all rows of a
/// band they are nearly the same among each other, and one of these stands for them; without a limit a million forms
/// filled in alike would make each look-up a walk through all of them.
const MOST_OF_A_BAND: usize = 256;

/// No further one.
const NONE: u32 = u32::MAX;

/// Finds summaries that are probably alike: locality-sensitive hashing by bands. 16 to 20 bytes a band and set,
/// nothing else; sets are numbered from 0 in the order in which they come.
///
/// ```
/// use synth_text::{Bands, MinHash, MinHashIndex, Shingles};
///
/// let mut index = MinHashIndex::new(Bands::for_similarity(0.8));
/// let of = |text: &str| MinHash::of(&Shingles::of(text), index.bands().size());
/// let (first, second) = (of("subscribe to my channel, it is new"), of("the parcel never came"));
/// let like_first = of("subscribe to my channel, it is new!");
/// index.insert(&first);
/// index.insert(&second);
/// assert_eq!(index.query(&like_first), [0]);
/// ```
#[derive(Debug, Clone)]
pub struct MinHashIndex {
    bands: Bands,
    /// For each band the newest set of each key.
    newest: Vec<HashTable<u32>>,
    /// `[n, n_bands]`, row-major: the key of a set in a band, and the set with this key that came before it.
    links: Vec<Link>,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    key: u32,
    before: u32,
}

impl MinHashIndex {
    /// An index without sets.
    pub fn new(bands: Bands) -> Self {
        Self { bands, newest: vec![HashTable::new(); bands.n_bands], links: Vec::new() }
    }

    /// How it cuts summaries.
    pub fn bands(&self) -> Bands {
        self.bands
    }

    /// The number of sets.
    pub fn len(&self) -> usize {
        self.links.len() / self.bands.n_bands.max(1)
    }

    /// True without any set.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Adds a set.
    ///
    /// # Panics
    /// If the summary is of another size than that of the bands, or with more than 4 billion sets.
    pub fn insert(&mut self, summary: &MinHash) {
        let id = u32::try_from(self.len()).ok().filter(|id| *id != NONE).expect("at most 4 billion sets");
        let n_bands = self.bands.n_bands;
        for (band, key) in keys(self.bands, summary).enumerate() {
            let links = &self.links;
            let key_of = |id: u32| links[id as usize * n_bands + band].key;
            let before = match self.newest[band].find_mut(spread(key), |&other| key_of(other) == key) {
                Some(newest) => std::mem::replace(newest, id),
                None => {
                    // Growing asks for the hash of those that are in, never of the one that comes.
                    self.newest[band].insert_unique(spread(key), id, |&other| spread(key_of(other)));
                    NONE
                }
            };
            self.links.push(Link { key, before });
        }
    }

    /// The sets that share a band with this one, those that share most bands first, then by number.
    ///
    /// Of each band the newest 256 are looked at.
    ///
    /// # Panics
    /// If the summary is of another size than that of the bands.
    pub fn query(&self, summary: &MinHash) -> Vec<u32> {
        let n_bands = self.bands.n_bands;
        let mut met = Vec::new();
        for (band, key) in keys(self.bands, summary).enumerate() {
            let link = |id: u32| self.links[id as usize * n_bands + band];
            let mut next = self.newest[band].find(spread(key), |&id| link(id).key == key).copied().unwrap_or(NONE);
            for _ in 0..MOST_OF_A_BAND {
                if next == NONE {
                    break;
                }
                met.push(next);
                next = link(next).before;
            }
        }
        met.sort_unstable();
        let mut counted: Vec<(usize, u32)> = met.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).collect();
        counted.sort_unstable_by_key(|&(n_shared, id)| (std::cmp::Reverse(n_shared), id));
        counted.into_iter().map(|(_, id)| id).collect()
    }
}

/// The key of each band: 32 bits, as whoever asks looks at the texts again.
fn keys(bands: Bands, summary: &MinHash) -> impl Iterator<Item = u32> {
    assert_eq!(summary.len(), bands.size(), "a summary of the size of the bands");
    let rows = summary.0.chunks_exact(bands.n_rows.max(1));
    rows.map(|rows| (rows.iter().fold(0, |key, value| mix(key ^ value).wrapping_add(GOLDEN)) >> 32) as u32)
}

/// A key as a hash table wants it: all of its bits count.
#[inline]
fn spread(key: u32) -> u64 {
    u64::from(key).wrapping_mul(GOLDEN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two texts of `n` random letters each, of which some share.
    fn pair(seed: u64, n: usize, n_same: usize) -> (Shingles, Shingles) {
        let letters = |seed: u64, n: usize| -> String {
            (0..n as u64).map(|i| char::from(b'a' + (mix(seed.wrapping_mul(GOLDEN) ^ i) % 26) as u8)).collect()
        };
        let same = letters(seed, n_same);
        let text = |side: u64| format!("{same}{}", letters(seed ^ (side << 40), n - n_same));
        (Shingles::of(&text(1)), Shingles::of(&text(2)))
    }

    #[test]
    fn a_single_shingle_fills_all_places() {
        let one = MinHash::of(&Shingles::of("ab"), 64);
        assert!(one.0.iter().all(|&value| value != u64::MAX));
        assert_eq!(one.similarity(&MinHash::of(&Shingles::of("ab"), 64)), 1.0);
        assert_eq!(one.similarity(&MinHash::of(&Shingles::of("ac"), 64)), 0.0);
    }

    #[test]
    fn the_estimate_is_unbiased_with_the_variance_of_minhash_at_most() {
        // Short texts, in which places are filled over several rounds, and long ones.
        for (n, n_same) in [(12, 9), (40, 30), (600, 450)] {
            let (mut sum, mut squares, mut exact) = (0.0, 0.0, 0.0);
            let n_pairs = 2000;
            for seed in 0..n_pairs {
                let (a, b) = pair(seed, n, n_same);
                let jaccard = a.jaccard(&b);
                let off = MinHash::of(&a, 120).similarity(&MinHash::of(&b, 120)) - jaccard;
                sum += off;
                squares += off * off;
                exact += jaccard * (1.0 - jaccard) / 120.0;
            }
            // Four standard errors.
            let n_pairs = n_pairs as f64;
            assert!(sum.abs() < 4.0 * exact.sqrt(), "{n}: bias {}", sum / n_pairs);
            assert!(squares < 1.1 * exact, "{n}: variance {} against {}", squares / n_pairs, exact / n_pairs);
        }
    }

    #[test]
    fn bands_find_what_the_formula_says() {
        let bands = Bands { n_bands: 5, n_rows: 4 };
        let (mut met, mut expected) = (0.0, 0.0);
        for seed in 0..2000 {
            let (a, b) = pair(seed, 100, 75);
            let mut index = MinHashIndex::new(bands);
            index.insert(&MinHash::of(&a, 20));
            met += index.query(&MinHash::of(&b, 20)).len() as f64;
            expected += bands.recall(a.jaccard(&b));
        }
        // Four standard errors of 2000 draws at one half.
        assert!((met - expected).abs() < 4.0 * (2000.0f64 * 0.25).sqrt(), "{met} against {expected}");
    }

    #[test]
    fn the_one_that_shares_most_bands_comes_first() {
        let mut index = MinHashIndex::new(Bands { n_bands: 40, n_rows: 1 });
        let of = |text: &str| MinHash::of(&Shingles::of(text), 40);
        index.insert(&of("the parcel never came, refund me now please"));
        index.insert(&of("the parcel never came, and now it is gone"));
        assert_eq!(index.query(&of("the parcel never came, and now it is broken")), [1, 0]);
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn a_crowded_band_is_cut_short() {
        let mut index = MinHashIndex::new(Bands { n_bands: 2, n_rows: 1 });
        let same = MinHash::of(&Shingles::of("same"), 2);
        for _ in 0..1000 {
            index.insert(&same);
        }
        assert_eq!(index.query(&same), (1000 - MOST_OF_A_BAND as u32..1000).collect::<Vec<_>>());
    }

    #[test]
    fn extreme_similarities_have_bands() {
        assert_eq!(Bands::for_similarity(1.0), Bands { n_bands: 1, n_rows: 8 });
        assert_eq!(Bands::for_similarity(0.0), Bands { n_bands: 20, n_rows: 1 });
        assert_eq!(Bands::for_similarity(0.5).n_rows, 2);
    }

    proptest! {
        #[test]
        fn what_is_in_is_found(texts in proptest::collection::vec("[a-c]{0,20}", 1..20)) {
            let mut index = MinHashIndex::new(Bands { n_bands: 4, n_rows: 3 });
            let of = |text: &String| MinHash::of(&Shingles::of(text), 12);
            texts.iter().for_each(|text| index.insert(&of(text)));
            for (id, text) in texts.iter().enumerate() {
                prop_assert!(index.query(&of(text)).contains(&(id as u32)));
            }
        }

        #[test]
        fn the_estimate_is_near(seed in any::<u64>(), n_same in 0usize..=200) {
            let (a, b) = pair(seed, 200, n_same);
            let estimate = MinHash::of(&a, 256).similarity(&MinHash::of(&b, 256));
            // Six standard deviations at the worst J.
            prop_assert!((estimate - a.jaccard(&b)).abs() < 6.0 * (0.25f64 / 256.0).sqrt());
        }
    }
}
