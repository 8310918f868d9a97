//! How much texts repeat each other: BLEU of each against all others.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use synth_text::{fold, words};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Self-BLEU: the mean over all texts of their BLEU against all others, from 0 to 1. The higher, the less diverse; it
/// grows with the number of texts, so compare sets of the same size. `None` with fewer than two texts.
///
/// BLEU over runs of 1 to `max_n` words (folded, [`words`]), with equal weights. As in the reference implementation, a
/// length without any match counts as a tenth of a match, but a text that shares no word with any other has a BLEU of
/// 0.
///
/// # References
/// Zhu et al. (2018), Texygen: a benchmarking platform for text generation models, section 3.2; Papineni et al. (2002),
/// BLEU; Chen, Cherry (2014), A systematic comparison of smoothing techniques for sentence-level BLEU, technique 1.
///
/// ```
/// use synth_generate::self_bleu;
///
/// assert_eq!(self_bleu(&["to be or not to be", "to be or not to be"], 4), Some(1.0));
/// assert_eq!(self_bleu(&["to be or not", "where is my parcel"], 4), Some(0.0));
/// assert_eq!(self_bleu(&["alone"], 4), None);
/// ```
pub fn self_bleu<S: AsRef<str> + Sync>(texts: &[S], max_n: usize) -> Option<f64> {
    if texts.len() < 2 {
        return None;
    }
    let ngrams: Vec<Ngrams> = texts.par_iter().map(|text| Ngrams::of(text.as_ref(), max_n)).collect();
    let mut references = References::default();
    ngrams.iter().for_each(|ngrams| references.add(ngrams));
    let bleu = |(at, ngrams): (usize, &Ngrams)| ngrams.bleu(&[&references], Some(at)).unwrap_or(0.0);
    let scores: Vec<f64> = ngrams.par_iter().enumerate().map(bleu).collect();
    // In order, so that any number of threads gives the same bits.
    Some(scores.iter().sum::<f64>() / scores.len() as f64)
}

/// The runs of words of a text, with how often each stands in it.
#[derive(Debug, Clone)]
pub(crate) struct Ngrams {
    n_words: usize,
    /// For n from 1: (hash, count), by hash.
    counts: Vec<Vec<(u64, u32)>>,
}

impl Ngrams {
    pub(crate) fn of(text: &str, max_n: usize) -> Self {
        let folded = fold(text);
        let hashes: Vec<u64> = words(&folded).map(|word| xxh3_64(word.as_bytes())).collect();
        let of_length = |n: usize| {
            let join =
                |run: &[u64]| run.iter().fold(n as u64, |hash, word| xxh3_64_with_seed(&word.to_le_bytes(), hash));
            let mut runs: Vec<u64> = hashes.windows(n).map(join).collect();
            runs.sort_unstable();
            runs.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect()
        };
        Self { n_words: hashes.len(), counts: (1..=max_n).map(of_length).collect() }
    }

    /// BLEU against references, of which text `without` is left out; `None` where none is left.
    pub(crate) fn bleu(&self, references: &[&References], without: Option<usize>) -> Option<f64> {
        let own_length = without.map(|_| self.n_words);
        let lengths = references.iter().filter_map(|texts| texts.closest_length(self.n_words, own_length));
        // Of two as close the shorter one, as everywhere.
        let closest = lengths.min_by_key(|&length| (length.abs_diff(self.n_words), length))?;
        if self.n_words == 0 {
            return Some(0.0);
        }
        let mut logs = 0.0;
        for (i, counts) in self.counts.iter().enumerate() {
            let most = |run: u64| references.iter().map(|texts| texts.most(run, without)).max().unwrap_or(0);
            let matches: u32 = counts.iter().map(|&(run, count)| count.min(most(run))).sum();
            if i == 0 && matches == 0 {
                return Some(0.0);
            }
            let total = (self.n_words.saturating_sub(i)).max(1);
            logs += (if matches == 0 { 0.1 } else { f64::from(matches) } / total as f64).ln();
        }
        let shortness = (1.0 - closest as f64 / self.n_words as f64).min(0.0);
        Some((shortness + logs / self.counts.len().max(1) as f64).exp())
    }
}

/// What all of some texts have of runs of words: enough to measure against them in the time one text takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct References {
    n_texts: usize,
    most: FxHashMap<u64, Most>,
    /// How many texts have each number of words.
    lengths: BTreeMap<usize, usize>,
}

/// The most times that one text has a run of words.
#[derive(Debug, Clone, Copy)]
struct Most {
    count: u32,
    /// The first text with so many.
    text: u32,
    /// The most of all other texts.
    others: u32,
}

impl References {
    pub(crate) fn add(&mut self, ngrams: &Ngrams) {
        let text = self.n_texts as u32;
        for &(run, count) in ngrams.counts.iter().flatten() {
            let most = self.most.entry(run).or_insert(Most { count: 0, text, others: 0 });
            if count > most.count {
                *most = Most { count, text, others: most.count };
            } else {
                most.others = most.others.max(count);
            }
        }
        *self.lengths.entry(ngrams.n_words).or_insert(0) += 1;
        self.n_texts += 1;
    }

    fn most(&self, run: u64, without: Option<usize>) -> u32 {
        let Some(most) = self.most.get(&run) else { return 0 };
        if without == Some(most.text as usize) { most.others } else { most.count }
    }

    /// The number of words nearest to `n_words`, one text of `without` words left out.
    fn closest_length(&self, n_words: usize, without: Option<usize>) -> Option<usize> {
        let counts =
            |(&length, &count): (&usize, &usize)| (count > usize::from(without == Some(length))).then_some(length);
        let below = self.lengths.range(..=n_words).rev().find_map(counts);
        let above = self.lengths.range(n_words + 1..).find_map(counts);
        below.into_iter().chain(above).min_by_key(|length| length.abs_diff(n_words))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(texts: &[&str], max_n: usize, expected: f64) {
        let found = self_bleu(texts, max_n).unwrap();
        assert!((found - expected).abs() < 1e-12, "{texts:?}: {found} against {expected}");
    }

    #[test]
    fn by_hand() {
        // Words: 3 of 3 and 3 of 4, the shorter one at a penalty; pairs 2 of 2 and 2 of 3.
        let short = (1.0f64 - 4.0 / 3.0).exp();
        check(&["a b c", "a b c d"], 2, (short + (0.75f64 * 2.0 / 3.0).sqrt()) / 2.0);
        // `the` stands twice in the first, once in the second: clipped.
        check(&["the the", "the cat"], 1, 0.5);
        // One word shared; no pair, which counts as a tenth of one.
        check(&["a b", "a c"], 2, (0.5f64 * 0.1).sqrt());
        // Too short for a pair: a tenth of the one that it does not have.
        check(&["a", "a"], 2, 0.1f64.sqrt());
        check(&["", ""], 2, 0.0);
        // Of three, each against the other two together: words of the second all stand in one or the other.
        check(&["a b", "b c", "c d"], 1, (0.5 + 1.0 + 0.5) / 3.0);
    }

    /// BLEU against all others, by the definition.
    fn by_definition(texts: &[Vec<u8>], max_n: usize) -> f64 {
        let bleu = |at: usize| {
            let text = &texts[at];
            let others: Vec<&Vec<u8>> =
                (0..texts.len()).filter(|other| *other != at).map(|other| &texts[other]).collect();
            let closest = others.iter().map(|o| o.len()).min_by_key(|&l| (l.abs_diff(text.len()), l)).unwrap();
            let mut logs = 0.0;
            for n in 1..=max_n {
                let count = |of: &[u8], run: &[u8]| of.windows(n).filter(|w| *w == run).count();
                let mut runs: Vec<&[u8]> = text.windows(n).collect();
                runs.sort();
                runs.dedup();
                let clipped = |run: &&[u8]| count(text, run).min(others.iter().map(|o| count(o, run)).max().unwrap());
                let matches: usize = runs.iter().map(clipped).sum();
                if n == 1 && matches == 0 {
                    return 0.0;
                }
                let total = (text.len() + 1).saturating_sub(n).max(1) as f64;
                logs += (if matches == 0 { 0.1 } else { matches as f64 } / total).ln() / max_n as f64;
            }
            (logs + (1.0 - closest as f64 / text.len() as f64).min(0.0)).exp()
        };
        (0..texts.len()).map(bleu).sum::<f64>() / texts.len() as f64
    }

    proptest! {
        #[test]
        fn as_by_the_definition(
            texts in proptest::collection::vec(proptest::collection::vec(b'a'..b'e', 0..8), 2..6),
            max_n in 1usize..5,
        ) {
            let joined: Vec<String> =
                texts.iter().map(|text| text.iter().map(|&w| char::from(w).to_string()).collect::<Vec<_>>().join(" ")).collect();
            let (found, expected) = (self_bleu(&joined, max_n).unwrap(), by_definition(&texts, max_n));
            prop_assert!((found - expected).abs() < 1e-9, "{} against {}", found, expected);
        }
    }
}
