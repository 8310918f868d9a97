//! Repeats a record, or what was kept before.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_text::{PreparedText, TextIndex};

use crate::{Candidate, Filter, GenerateError, Verdict};

/// Settings of [`Duplicates`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DuplicatesSettings {
    /// The Jaccard similarity of shingles of five characters from which a text repeats another one, from .3 to 1.
    /// Default .8: the same sentence with a word exchanged or a few added.
    pub similarity: f64,
}

impl Default for DuplicatesSettings {
    fn default() -> Self {
        Self { similarity: 0.8 }
    }
}

/// Drops texts that repeat a record, a kept text, or a text of the batch that stands before them and passes this
/// filter; exactly or nearly, whatever their case and white space.
///
/// Candidates come from MinHash with locality-sensitive hashing and are compared shingle by shingle: nothing below
/// the threshold is dropped, and of what stands at the threshold 99.5 % is found, above it more. Takes memory for
/// each text and its signature, see [`TextIndex`]. The score is the similarity of the most alike text that reaches the
/// threshold, and missing where none does.
///
/// ```
/// use synth_generate::{Duplicates, DuplicatesSettings};
///
/// let records = [("t-1", "Check out my channel"), ("t-2", "where is my parcel?")];
/// let duplicates = Duplicates::new(&DuplicatesSettings::default(), records)?;
/// assert_eq!(duplicates.n_texts(), 2);
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Duplicates {
    similarity: f64,
    texts: TextIndex,
    /// For each text in the index what it is called.
    names: Vec<String>,
}

/// How many records are taken apart at once.
const CHUNK: usize = 4096;

impl Duplicates {
    /// A filter against records, as (id, text).
    ///
    /// # Errors
    /// A similarity out of its range.
    pub fn new<I, S>(
        settings: &DuplicatesSettings,
        records: impl IntoIterator<Item = (I, S)>,
    ) -> Result<Self, GenerateError>
    where
        I: Into<String>,
        S: AsRef<str> + Sync + Send,
    {
        let similarity = settings.similarity;
        if !(0.3..=1.0).contains(&similarity) {
            let value = similarity.to_string();
            return Err(GenerateError::Setting { name: "similarity", value, expected: "a number from 0.3 to 1" });
        }
        let mut filter = Self { similarity, texts: TextIndex::new(similarity), names: Vec::new() };
        let mut records = records.into_iter();
        loop {
            let (names, texts): (Vec<I>, Vec<S>) = records.by_ref().take(CHUNK).unzip();
            if names.is_empty() {
                return Ok(filter);
            }
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            for (name, text) in names.into_iter().zip(filter.prepare(&texts)) {
                filter.insert(name, &text);
            }
        }
    }

    /// The number of different texts it compares with.
    pub fn n_texts(&self) -> usize {
        self.texts.len()
    }

    fn prepare(&self, texts: &[&str]) -> Vec<PreparedText> {
        texts.par_iter().map(|text| self.texts.prepare(text)).collect()
    }

    fn prepare_candidates(&self, candidates: &[Candidate]) -> Vec<PreparedText> {
        candidates.par_iter().map(|candidate| self.texts.prepare(&candidate.text)).collect()
    }

    fn insert(&mut self, name: impl Into<String>, text: &PreparedText) {
        if self.texts.insert(text) {
            self.names.push(name.into());
        }
    }
}

impl Filter for Duplicates {
    fn name(&self) -> &'static str {
        "duplicates"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let prepared = self.prepare_candidates(batch);
        let matches: Vec<_> = prepared.par_iter().map(|text| self.texts.best(text)).collect();
        let mut before = TextIndex::new(self.similarity);
        let mut names: Vec<&str> = Vec::new();
        let mut verdicts = Vec::with_capacity(batch.len());
        for ((candidate, text), known) in batch.iter().zip(&prepared).zip(matches) {
            let known = known.map(|found| (found, self.names[found.index].as_str()));
            // One already known need not be looked for among those beside it.
            let found = known.or_else(|| before.best(text).map(|found| (found, names[found.index])));
            verdicts.push(match found {
                None => {
                    if before.insert(text) {
                        names.push(&candidate.id);
                    }
                    Verdict::pass(None)
                }
                Some((found, name)) => {
                    let what = if found.same { "the same text as" } else { "a near duplicate of" };
                    Verdict::drop(format!("{what} {name}"), Some(found.jaccard))
                }
            });
        }
        Ok(verdicts)
    }

    fn keep(&mut self, kept: &[Candidate]) -> Result<(), GenerateError> {
        for (candidate, text) in kept.iter().zip(self.prepare_candidates(kept)) {
            self.insert(&candidate.id, &text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::candidates;
    use super::*;

    fn filter() -> Duplicates {
        let records = [("t-1", "Check out my channel, it is new"), ("t-2", "where is my parcel?")];
        Duplicates::new(&DuplicatesSettings::default(), records).unwrap()
    }

    fn reasons(filter: &mut Duplicates, texts: &[&str]) -> Vec<Option<String>> {
        filter.judge(&candidates(texts)).unwrap().into_iter().map(|verdict| verdict.dropped).collect()
    }

    #[test]
    fn the_verdict_names_what_is_repeated() {
        let found = reasons(
            &mut filter(),
            &["WHERE is  my parcel?", "Check out my channel, it is new!", "Nice song", "nice SONG", "other"],
        );
        assert_eq!(
            found.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [Some("the same text as t-2"), Some("a near duplicate of t-1"), None, Some("the same text as c2"), None]
        );
    }

    #[test]
    fn only_what_is_kept_is_remembered() {
        let mut filter = filter();
        let batch = candidates(&["Nice song", "A film that I liked"]);
        assert_eq!(reasons(&mut filter, &["Nice song"]), [None]);
        filter.keep(&batch[1..]).unwrap();
        assert_eq!(
            reasons(&mut filter, &["Nice song", "a film that I liked"]),
            [None, Some("the same text as c1".to_owned())]
        );
        assert_eq!(filter.n_texts(), 3);
    }

    #[test]
    fn the_score_is_the_exact_similarity() {
        // 10 characters, 6 shingles; one more character, one more shingle.
        let mut filter = Duplicates::new(&DuplicatesSettings { similarity: 0.8 }, [("t", "abcdefghij")]).unwrap();
        let verdicts = filter.judge(&candidates(&["abcdefghijk", "bcdefghijkl"])).unwrap();
        assert_eq!(verdicts[0].score, Some(6.0 / 7.0));
        // Five of seven with the record, six of seven with the one before it, which was dropped.
        assert_eq!(verdicts[1], Verdict::pass(None));
    }

    #[test]
    fn a_similarity_is_a_share() {
        for similarity in [0.0, 0.2, 1.1, f64::NAN] {
            let none: [(&str, &str); 0] = [];
            assert!(Duplicates::new(&DuplicatesSettings { similarity }, none).is_err());
        }
    }
}
