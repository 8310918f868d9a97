//! Is put together from what was kept before.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::check_share;
use crate::distance::{Ngrams, References};
use crate::{Candidate, Filter, GenerateError, Verdict};

/// Settings of [`Diversity`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiversitySettings {
    /// The longest runs of words that are compared; at least 1, default 4.
    pub n_words: usize,
    /// The BLEU against all kept texts from which a text is dropped, from 0 to 1; default .9.
    pub most: f64,
}

impl Default for DiversitySettings {
    fn default() -> Self {
        Self { n_words: 4, most: 0.9 }
    }
}

/// Drops texts whose runs of words nearly all stand in texts that are kept, or stand before them in the batch and pass
/// this filter: phrases put together anew, which no comparison with a single text finds.
///
/// The measure is BLEU with the kept texts as references, the one whose mean is self-BLEU (see
/// [`self_bleu`](crate::self_bleu)). A text costs the time of its own words, however many are kept. The score is the
/// BLEU, missing as long as nothing is kept.
#[derive(Debug, Clone)]
pub struct Diversity {
    settings: DiversitySettings,
    kept: References,
}

impl Diversity {
    /// A filter that has seen nothing yet.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(settings: &DiversitySettings) -> Result<Self, GenerateError> {
        check_share("most", settings.most)?;
        if settings.n_words == 0 {
            return Err(GenerateError::Setting { name: "n-words", value: "0".into(), expected: "at least 1" });
        }
        Ok(Self { settings: settings.clone(), kept: References::default() })
    }

    fn ngrams(&self, candidates: &[Candidate]) -> Vec<Ngrams> {
        candidates.par_iter().map(|candidate| Ngrams::of(&candidate.text, self.settings.n_words)).collect()
    }
}

impl Filter for Diversity {
    fn name(&self) -> &'static str {
        "diversity"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let mut before = References::default();
        let mut verdict = |ngrams: &Ngrams| match ngrams.bleu(&[&self.kept, &before], None) {
            Some(bleu) if bleu >= self.settings.most => {
                Verdict::drop(format!("said before: its BLEU against the kept texts is {bleu:.2}"), Some(bleu))
            }
            bleu => {
                before.add(ngrams);
                Verdict::pass(bleu)
            }
        };
        Ok(self.ngrams(batch).iter().map(&mut verdict).collect())
    }

    fn keep(&mut self, kept: &[Candidate]) -> Result<(), GenerateError> {
        self.ngrams(kept).iter().for_each(|ngrams| self.kept.add(ngrams));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidates, dropped};
    use super::*;

    #[test]
    fn what_is_put_together_from_kept_texts_is_dropped() {
        let mut filter = Diversity::new(&DiversitySettings { n_words: 2, most: 0.9 }).unwrap();
        let kept = candidates(&["please check out my channel", "my channel is new and good"]);
        assert_eq!(dropped(&mut filter, &kept), [false, false]);
        filter.keep(&kept).unwrap();
        let batch = candidates(&["check out my channel is new", "where is the parcel", "WHERE is the parcel"]);
        assert_eq!(dropped(&mut filter, &batch), [true, false, true]);
        let verdicts = filter.judge(&batch).unwrap();
        // All its words and pairs stand in one or the other, and a kept text is as long.
        assert_eq!(verdicts[0].score, Some(1.0));
        // Only one word is known, no pair.
        assert!(verdicts[1].score.is_some_and(|bleu| bleu < 0.2));
    }

    #[test]
    fn the_first_text_has_nothing_to_repeat() {
        let mut filter = Diversity::new(&DiversitySettings::default()).unwrap();
        assert_eq!(filter.judge(&candidates(&["hello"])).unwrap(), [Verdict::pass(None)]);
        assert!(Diversity::new(&DiversitySettings { n_words: 0, most: 0.5 }).is_err());
        assert!(Diversity::new(&DiversitySettings { n_words: 1, most: 1.5 }).is_err());
    }
}
