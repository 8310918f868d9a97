//! Labeling functions see another class.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use synth_core::Predict;

use super::check_share;
use super::predicted::Predicted;
use crate::{Candidate, Filter, GenerateError, TextRecords, Verdict};

/// Settings of [`Agreement`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AgreementSettings {
    /// The least probability of the wanted class, from 0 to 1; default .5: it is more probable than all others
    /// together.
    pub least: f64,
    /// Whether at least one labeling function must have voted; default false. A rare class is rare in the functions
    /// too, and what none of them covers is what they could not say anything against.
    pub require_vote: bool,
}

impl Default for AgreementSettings {
    fn default() -> Self {
        Self { least: 0.5, require_vote: false }
    }
}

/// Drops texts of which labeling functions, weighed by their label model, do not believe that they are of the wanted
/// class.
///
/// Candidates without a wanted class pass. The score is the probability of the wanted class; missing where no function
/// voted.
pub struct Agreement {
    settings: AgreementSettings,
    functions: Predicted,
}

impl Agreement {
    /// A filter by labeling functions and their label model.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(
        settings: &AgreementSettings,
        functions: Arc<dyn Predict>,
        records: TextRecords,
    ) -> Result<Self, GenerateError> {
        check_share("least", settings.least)?;
        Ok(Self { settings: settings.clone(), functions: Predicted::new("agreement", functions, records) })
    }
}

impl Filter for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let soft = match self.functions.of(batch)? {
            Ok(soft) => soft,
            Err(budget) if batch.len() == 1 => return Ok(vec![Verdict::unaffordable(budget)]),
            // What was answered before the budget ended is known.
            Err(_) => {
                let one_by_one: Result<Vec<_>, _> = batch.chunks(1).map(|one| self.judge(one)).collect();
                return Ok(one_by_one?.concat());
            }
        };
        let verdict = |(row, candidate): (usize, &Candidate)| {
            let Some(wanted) = candidate.wanted else { return Ok(Verdict::pass(None)) };
            let class = self.functions.class_name(wanted)?;
            if !soft.covered(row) {
                return Ok(match self.settings.require_vote {
                    true => Verdict::drop("no labeling function says anything of it", None),
                    false => Verdict::pass(None),
                });
            }
            let p = soft.probs(row)[wanted.index()];
            Ok(match p < self.settings.least {
                true => Verdict::drop(format!("the labeling functions give {class} {p:.2}"), Some(p)),
                false => Verdict::pass(Some(p)),
            })
        };
        batch.iter().enumerate().map(verdict).collect()
    }
}

#[cfg(test)]
mod tests {
    use synth_core::ClassId;

    use super::super::tests::{Keyword, candidates, dropped};
    use super::*;

    #[test]
    fn the_posterior_of_the_wanted_class_decides() {
        let mut batch = candidates(&["spam spam spam", "spam or ham", "ham", "what?", "ham"]);
        batch[4].wanted = None;
        let filter = |require_vote, least| {
            let settings = AgreementSettings { least, require_vote };
            Agreement::new(&settings, Arc::new(Keyword::new()), TextRecords::of_field("text"))
        };
        let mut kind = filter(false, 0.5).unwrap();
        assert_eq!(dropped(&mut kind, &batch), [false, false, true, false, false]);
        let verdicts = kind.judge(&batch).unwrap();
        assert_eq!(verdicts[2].dropped.as_deref(), Some("the labeling functions give spam 0.10"));
        assert_eq!(verdicts.iter().map(|v| v.score).collect::<Vec<_>>(), [Some(0.9), Some(0.5), Some(0.1), None, None]);
        let mut strict = filter(true, 0.6).unwrap();
        assert_eq!(dropped(&mut strict, &batch), [false, true, true, true, false]);
        assert!(filter(false, 1.5).is_err());
    }

    #[test]
    fn a_class_that_the_functions_do_not_know_is_an_error() {
        let mut batch = candidates(&["spam"]);
        batch[0].wanted = Some(ClassId::new(7));
        let settings = AgreementSettings::default();
        let mut filter = Agreement::new(&settings, Arc::new(Keyword::new()), TextRecords::of_field("text")).unwrap();
        assert!(matches!(filter.judge(&batch), Err(GenerateError::Filter { filter: "agreement", .. })));
        // The column that the functions read is not there.
        let mut other = Agreement::new(&settings, Arc::new(Keyword::new()), TextRecords::of_field("body")).unwrap();
        assert!(other.judge(&candidates(&["spam"])).is_err());
    }
}
