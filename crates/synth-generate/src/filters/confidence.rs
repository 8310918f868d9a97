//! A model sees another class, or is not as unsure as it should be.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use synth_core::{ClassId, Predict};

use super::check_share;
use super::predicted::Predicted;
use crate::{Candidate, Filter, GenerateError, TextRecords, Verdict};

/// Settings of [`Confidence`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfidenceSettings {
    /// The least probability of the wanted class, from 0 to 1; default .5.
    pub least: f64,
    /// The highest, from `least` to 1; default 1.
    pub most: f64,
}

impl Default for ConfidenceSettings {
    fn default() -> Self {
        Self { least: 0.5, most: 1.0 }
    }
}

impl ConfidenceSettings {
    /// For edge cases: from .4 to .6, where a model is nearly undecided between two classes.
    pub fn edge() -> Self {
        Self { least: 0.4, most: 0.6 }
    }
}

/// Drops texts to which a model gives the wanted class a probability outside a band.
///
/// For edge cases the probability is that of the wanted class of the two at whose border they stand: P(wanted) /
/// (P(wanted) + P(against)). Candidates without a wanted class pass, and so does what a label model says without a
/// vote, as it says nothing of the text; then there is no score. Else the score is the probability.
pub struct Confidence {
    settings: ConfidenceSettings,
    against: Option<ClassId>,
    model: Predicted,
}

impl Confidence {
    /// A filter by a model: a classifier, or labeling functions with their label model. `against` is the other class
    /// of edge cases.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(
        settings: &ConfidenceSettings,
        against: Option<ClassId>,
        model: Arc<dyn Predict>,
        records: TextRecords,
    ) -> Result<Self, GenerateError> {
        check_share("least", settings.least)?;
        check_share("most", settings.most)?;
        if settings.most < settings.least {
            let value = settings.most.to_string();
            return Err(GenerateError::Setting { name: "most", value, expected: "no less than `least`" });
        }
        Ok(Self { settings: settings.clone(), against, model: Predicted::new("confidence", model, records) })
    }
}

impl Filter for Confidence {
    fn name(&self) -> &'static str {
        "confidence"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let soft = match self.model.of(batch)? {
            Ok(soft) => soft,
            Err(budget) if batch.len() == 1 => return Ok(vec![Verdict::unaffordable(budget)]),
            // What was answered before the budget ended is known.
            Err(_) => {
                let one_by_one: Result<Vec<_>, _> = batch.chunks(1).map(|one| self.judge(one)).collect();
                return Ok(one_by_one?.concat());
            }
        };
        if let Some(against) = self.against {
            self.model.class_name(against)?;
        }
        let verdict = |(row, candidate): (usize, &Candidate)| {
            let Some(wanted) = candidate.wanted else { return Ok(Verdict::pass(None)) };
            let class = self.model.class_name(wanted)?;
            if !soft.covered(row) {
                return Ok(Verdict::pass(None));
            }
            let probs = soft.probs(row);
            let p = probs[wanted.index()];
            let of_both = self.against.map_or(1.0, |against| p + probs[against.index()]);
            if of_both == 0.0 {
                return Ok(Verdict::drop(format!("the model sees neither {class} nor its neighbour"), None));
            }
            let p = p / of_both;
            let ConfidenceSettings { least, most } = self.settings;
            Ok(match (p < least, p > most) {
                (true, _) => Verdict::drop(format!("the model gives {class} {p:.2}, less than {least}"), Some(p)),
                (_, true) => Verdict::drop(format!("the model gives {class} {p:.2}, more than {most}"), Some(p)),
                _ => Verdict::pass(Some(p)),
            })
        };
        batch.iter().enumerate().map(verdict).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Keyword, candidates, dropped};
    use super::*;

    fn filter(settings: ConfidenceSettings, against: Option<ClassId>) -> Result<Confidence, GenerateError> {
        Confidence::new(&settings, against, Arc::new(Keyword::new()), TextRecords::of_field("text"))
    }

    #[test]
    fn a_least_probability() {
        let batch = candidates(&["spam", "spam or ham", "ham", "spam maybe"]);
        let mut sure = filter(ConfidenceSettings { least: 0.6, most: 1.0 }, None).unwrap();
        assert_eq!(dropped(&mut sure, &batch), [false, true, true, true]);
        assert_eq!(sure.judge(&batch).unwrap()[2].dropped.as_deref(), Some("the model gives spam 0.10, less than 0.6"));
    }

    #[test]
    fn a_band_between_two_classes() {
        // `maybe` gives .3 to spam and to ham and the rest to neither: undecided between the two.
        let batch = candidates(&["spam", "spam or ham", "ham", "spam maybe", "else"]);
        let mut edge = filter(ConfidenceSettings::edge(), Some(ClassId::new(0))).unwrap();
        assert_eq!(dropped(&mut edge, &batch), [true, false, true, false, true]);
        let verdicts = edge.judge(&batch).unwrap();
        assert_eq!(verdicts[3].score, Some(0.5));
        assert_eq!(verdicts[0].dropped.as_deref(), Some("the model gives spam 0.90, more than 0.6"));
        assert_eq!(verdicts[4].dropped.as_deref(), Some("the model sees neither spam nor its neighbour"));
    }

    #[test]
    fn a_band_is_from_less_to_more() {
        assert!(filter(ConfidenceSettings { least: 0.6, most: 0.4 }, None).is_err());
        assert!(filter(ConfidenceSettings { least: -0.1, most: 0.4 }, None).is_err());
        let mut unknown = filter(ConfidenceSettings::edge(), Some(ClassId::new(9))).unwrap();
        assert!(unknown.judge(&candidates(&["spam"])).is_err());
    }
}
