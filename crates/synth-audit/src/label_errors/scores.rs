//! How likely each label is right, by one number: Kuan and Mueller (2022), Model-agnostic label quality scoring to detect
//! real-world label errors.

use rayon::prelude::*;

use super::{LabeledProbs, TOLERANCE};
use crate::Number;

/// A measure of how likely a label is right: from 0, surely wrong, to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum LabelScore {
    /// How probable the label is.
    #[default]
    SelfConfidence,
    /// How much more probable it is than the most probable other class, moved from -1..1 to 0..1.
    NormalizedMargin,
    /// How sure the classifier is, by entropy, over how probable the label is; ranked from 0 to 1. A class with a
    /// probability of 1 makes it 1 or 0, where cleanlab 2.9 says 0 also of labels that are surely right.
    ConfidenceWeightedEntropy,
}

impl LabelScore {
    /// All scores.
    pub const ALL: [Self; 3] = [Self::SelfConfidence, Self::NormalizedMargin, Self::ConfidenceWeightedEntropy];

    /// The name, as people type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SelfConfidence => "self-confidence",
            Self::NormalizedMargin => "normalized-margin",
            Self::ConfidenceWeightedEntropy => "confidence-weighted-entropy",
        }
    }
}

impl<P: Number> LabeledProbs<'_, P> {
    /// The score of each label, `[n]`, from 0 to 1.
    pub fn scores(&self, score: LabelScore) -> Vec<f64> {
        (0..self.n_rows()).into_par_iter().map(|row| self.score(row, score)).collect()
    }

    /// The score of one label.
    ///
    /// # Panics
    /// There is no such row.
    pub fn score(&self, row: usize, score: LabelScore) -> f64 {
        let label = self.labels[row].index();
        let confidence = self.prob(row, label);
        match score {
            LabelScore::SelfConfidence => confidence,
            LabelScore::NormalizedMargin => {
                let others = self.probs.row(row).into_iter().enumerate().filter(|(class, _)| *class != label);
                let other = others.map(|(_, p)| (*p).into()).fold(f64::NEG_INFINITY, f64::max);
                (confidence - other + 1.0) / 2.0
            }
            LabelScore::ConfidenceWeightedEntropy => {
                let entropy = |p: &P| {
                    let p: f64 = (*p).into();
                    if p > 0.0 { -p * p.ln() } else { 0.0 }
                };
                let entropy = self.probs.row(row).iter().map(entropy).sum::<f64>() / (self.n_classes() as f64).ln();
                let weighted = entropy / confidence.max(TOLERANCE);
                if weighted < TOLERANCE {
                    // All but certain: of the label, or of another class.
                    return if confidence > 0.5 { 1.0 } else { 0.0 };
                }
                // Falls from 1 as what it is of grows.
                (weighted + 1.0).ln() / weighted
            }
        }
    }

    /// Rows by their score, the least likely right first; of equal ones the first.
    pub fn ranked(&self, rows: &[usize], score: LabelScore) -> Vec<usize> {
        let mut scored: Vec<(f64, usize)> = rows.par_iter().map(|row| (self.score(*row, score), *row)).collect();
        scored.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        scored.into_iter().map(|(_, row)| row).collect()
    }
}
