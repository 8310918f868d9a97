//! Shares a run of words with an evaluation set.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use synth_text::{fold, words};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::check_share;
use crate::{Candidate, Filter, GenerateError, Verdict};

/// Settings of [`Contamination`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContaminationSettings {
    /// The number of words in a row that may not be shared; at least 1, default 8. GPT-3 took 13 and found them too
    /// many for short texts; 8 words in a row are seldom the same by chance.
    pub n_words: usize,
    /// The share of a text's runs that may be shared all the same, from 0 to 1; default 0. More for evaluation sets
    /// full of phrases that everybody writes, such as the heads of news.
    pub allowed: f64,
}

impl Default for ContaminationSettings {
    fn default() -> Self {
        Self { n_words: 8, allowed: 0.0 }
    }
}

/// Drops texts that have words in a row in common with a text of an evaluation set: what a model has seen in training
/// it cannot be tested on.
///
/// Words are folded, signs between them do not count. A text of fewer words than a run has is compared as a whole, in
/// the evaluation set as among the made ones. The score is the share of a text's runs that the evaluation set has.
///
/// # References
/// Brown et al. (2020), Language models are few-shot learners, appendix C; Lee et al. (2022), Deduplicating training
/// data makes language models better.
///
/// ```
/// use synth_generate::{Contamination, ContaminationSettings};
///
/// let evaluation = [("e-1", "one two three four five six seven eight nine"), ("e-2", "too short")];
/// let filter = Contamination::new(&ContaminationSettings::default(), evaluation)?;
/// assert_eq!(filter.share("Well: two, three, four, five, six, seven, eight, NINE!").0, 0.5);
/// assert_eq!(filter.share("Too short!").1, Some("e-2"));
/// assert_eq!(filter.share("is this too short").0, 0.0);
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Contamination {
    settings: ContaminationSettings,
    /// From a run, or a whole text, to the first evaluation text with it.
    runs: FxHashMap<u64, u32>,
    names: Vec<String>,
}

impl Contamination {
    /// A filter against the texts of evaluation sets, as (id, text).
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new<I: Into<String>, S: AsRef<str>>(
        settings: &ContaminationSettings,
        evaluation: impl IntoIterator<Item = (I, S)>,
    ) -> Result<Self, GenerateError> {
        check_share("allowed", settings.allowed)?;
        if settings.n_words == 0 {
            return Err(GenerateError::Setting { name: "n-words", value: "0".into(), expected: "at least 1" });
        }
        let (mut names, mut runs) = (Vec::new(), FxHashMap::default());
        for (name, text) in evaluation {
            let text_index = names.len() as u32;
            runs_of(text.as_ref(), settings.n_words).into_iter().for_each(|run| {
                runs.entry(run).or_insert(text_index);
            });
            names.push(name.into());
        }
        Ok(Self { settings: settings.clone(), runs, names })
    }

    /// The share of the runs of a text that evaluation sets have, and the first text that has one.
    pub fn share(&self, text: &str) -> (f64, Option<&str>) {
        let runs = runs_of(text, self.settings.n_words);
        let found: Vec<u32> = runs.iter().filter_map(|run| self.runs.get(run).copied()).collect();
        let share = found.len() as f64 / runs.len().max(1) as f64;
        (share, found.first().map(|&text| self.names[text as usize].as_str()))
    }
}

/// The runs of words of a text, as hashes; for a shorter text the whole, for one without words none.
fn runs_of(text: &str, n_words: usize) -> Vec<u64> {
    let folded = fold(text);
    let hashes: Vec<u64> = words(&folded).map(|word| xxh3_64(word.as_bytes())).collect();
    // The length goes in, so that a whole text is no run of another length.
    let join =
        |run: &[u64]| run.iter().fold(run.len() as u64, |hash, word| xxh3_64_with_seed(&word.to_le_bytes(), hash));
    match hashes.len() {
        0 => Vec::new(),
        n if n < n_words => vec![join(&hashes)],
        _ => hashes.windows(n_words).map(join).collect(),
    }
}

impl Filter for Contamination {
    fn name(&self) -> &'static str {
        "contamination"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let verdict = |candidate: &Candidate| match self.share(&candidate.text) {
            (share, Some(name)) if share > self.settings.allowed => {
                let what = match words(&candidate.text).take(self.settings.n_words).count() {
                    n if n < self.settings.n_words => "all its words".to_owned(),
                    n => format!("{n} words in a row"),
                };
                Verdict::drop(format!("shares {what} with {name} of an evaluation set"), Some(share))
            }
            (share, _) => Verdict::pass(Some(share)),
        };
        Ok(batch.iter().map(verdict).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::candidates;
    use super::*;

    const LONG: &str = "the parcel never came and nobody at the shop answers";

    fn judge(settings: ContaminationSettings, texts: &[&str]) -> Vec<Verdict> {
        let evaluation = [("e-1", LONG), ("e-2", "Nice song!"), ("e-3", " ...")];
        Contamination::new(&settings, evaluation).unwrap().judge(&candidates(texts)).unwrap()
    }

    #[test]
    fn eight_words_in_a_row_are_too_many() {
        let verdicts = judge(
            ContaminationSettings::default(),
            &[
                "Hello. Parcel never came, and NOBODY at the shop",
                "parcel never came and nobody at the mall answers",
                "nice SONG",
                "what a nice song",
                "...",
            ],
        );
        let reasons: Vec<_> = verdicts.iter().map(|verdict| verdict.dropped.as_deref()).collect();
        let eight = "shares 8 words in a row with e-1 of an evaluation set";
        let whole = "shares all its words with e-2 of an evaluation set";
        assert_eq!(reasons, [Some(eight), None, Some(whole), None, None]);
        assert_eq!(verdicts[0].score, Some(0.5));
    }

    #[test]
    fn a_share_may_be_allowed() {
        let settings = |allowed| ContaminationSettings { n_words: 2, allowed };
        // "the shop" is one of three runs.
        assert!(judge(settings(0.3), &["I like the shop"])[0].dropped.is_some());
        assert!(judge(settings(0.4), &["I like the shop"])[0].dropped.is_none());
        let wrong = |n_words, allowed| {
            let none: [(&str, &str); 0] = [];
            Contamination::new(&ContaminationSettings { n_words, allowed }, none).is_err()
        };
        assert!(wrong(0, 0.0) && wrong(8, 1.5) && wrong(8, f64::NAN) && !wrong(1, 1.0));
    }
}
