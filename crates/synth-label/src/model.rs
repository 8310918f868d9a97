//! A fitted label model.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use synth_core::{BoxError, ClassSet, LabelModel, VotePatterns};

use crate::LabelError;
use crate::balance::normalized;
use crate::cells::{Cells, share_top};
use crate::em::{Scores, posteriors};

/// A label model fitted by any of the methods of this crate: a mixture of ways to score votes.
///
/// It knows the names of its classes and labeling functions, so it can be saved and used on tomorrow's votes;
/// functions are matched by name, in any order. A vote that no function cast during the fit says nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedModel {
    pub(crate) method: String,
    pub(crate) classes: ClassSet,
    pub(crate) lf_names: Arc<[String]>,
    pub(crate) balance: Vec<f64>,
    pub(crate) parts: Vec<Part>,
    /// What rows without votes get, where it is not what the parts say.
    pub(crate) uncovered: Option<Vec<f64>>,
}

/// One component of the mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its share of the mixture.
    pub(crate) share: f64,
    pub(crate) scorer: Scorer,
}

/// How votes become a distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scorer {
    /// The classes with the highest sum of weights share the row.
    Top { lf_weights: Vec<f64> },
    /// Sums of weights, plus a constant for each class, normalised.
    Shares { lf_weights: Vec<f64>, smoothing: f64 },
    /// Log scores that add up, times a temperature's inverse.
    LogLinear { base: Vec<f64>, lf: Vec<u32>, class: Vec<u16>, cells: Vec<f64>, sharpness: f64 },
}

impl Scorer {
    pub(crate) fn log_linear(cells: &Cells, scores: Scores, sharpness: f64) -> Self {
        Self::LogLinear {
            base: scores.base,
            lf: cells.lf.clone(),
            class: cells.class.clone(),
            cells: scores.cells,
            sharpness,
        }
    }
}

impl FittedModel {
    /// The method it was fitted by: `auto`, `majority`, `weighted`, `dawid-skene` or `triplet`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The labeling functions it was fitted on.
    pub fn lf_names(&self) -> &[String] {
        &self.lf_names
    }

    /// How common it takes each class to be, `[k]`, summing to 1.
    pub fn balance(&self) -> &[f64] {
        &self.balance
    }

    /// P(class | votes) for each pattern; [`LabelModel::posteriors`] with this crate's error.
    ///
    /// # Shapes
    /// `[patterns.len(), k]`, row-major.
    ///
    /// # Errors
    /// The patterns are of other labeling functions or classes.
    pub fn posteriors(&self, patterns: &VotePatterns) -> Result<Vec<f64>, LabelError> {
        let lf_of = self.match_lfs(patterns)?;
        Ok(self.posteriors_of_cells(&Cells::of(patterns), &lf_of))
    }

    /// For each function of the patterns its number here.
    fn match_lfs(&self, patterns: &VotePatterns) -> Result<Vec<u32>, LabelError> {
        if *patterns.classes() != self.classes {
            return Err(LabelError::DifferentClasses {
                expected: self.classes.names().join(", "),
                got: patterns.classes().names().join(", "),
            });
        }
        let here: FxHashMap<&str, u32> = self.lf_names.iter().map(String::as_str).zip(0..).collect();
        let found: Vec<Option<u32>> = patterns.lf_names().iter().map(|name| here.get(name.as_str()).copied()).collect();
        let mut seen = vec![false; self.lf_names.len()];
        found.iter().flatten().for_each(|&lf| seen[lf as usize] = true);
        let missing: Vec<String> =
            self.lf_names.iter().zip(&seen).filter(|(_, seen)| !**seen).map(|(name, _)| name.clone()).collect();
        let unknown: Vec<String> =
            patterns.lf_names().iter().zip(&found).filter(|(_, lf)| lf.is_none()).map(|(n, _)| n.clone()).collect();
        if missing.is_empty() && unknown.is_empty() {
            Ok(found.into_iter().flatten().collect())
        } else {
            Err(LabelError::DifferentLfs { missing, unknown })
        }
    }

    /// Posteriors for cells whose function `lf` is function `lf_of[lf]` here.
    pub(crate) fn posteriors_of_cells(&self, cells: &Cells, lf_of: &[u32]) -> Vec<f64> {
        let k = self.classes.len();
        let mut mixture = vec![0.0; cells.len() * k];
        for part in &self.parts {
            let scored = score_part(&part.scorer, cells, lf_of, k);
            mixture.iter_mut().zip(&scored).for_each(|(sum, p)| *sum += part.share * p);
        }
        for (p, row) in mixture.chunks_exact_mut(k).enumerate() {
            if let (true, Some(uncovered)) = (cells.votes(p).is_empty(), &self.uncovered) {
                row.copy_from_slice(uncovered);
            }
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        mixture
    }
}

fn score_part(scorer: &Scorer, cells: &Cells, lf_of: &[u32], k: usize) -> Vec<f64> {
    let sums = |lf_weights: &[f64], smoothing: f64| {
        let mut rows = vec![smoothing; cells.len() * k];
        for (p, row) in rows.chunks_exact_mut(k).enumerate() {
            for &cell in cells.votes(p) {
                let lf = lf_of[cells.lf[cell as usize] as usize] as usize;
                row[cells.class[cell as usize] as usize] += lf_weights[lf];
            }
        }
        rows
    };
    match scorer {
        Scorer::Top { lf_weights } => {
            let mut rows = sums(lf_weights, 0.0);
            rows.chunks_exact_mut(k).for_each(share_top);
            rows
        }
        Scorer::Shares { lf_weights, smoothing } => {
            let mut rows = sums(lf_weights, *smoothing);
            rows.chunks_exact_mut(k).for_each(|row| row.copy_from_slice(&normalized(row.to_vec())));
            rows
        }
        Scorer::LogLinear { base, lf, class, cells: table, sharpness } => {
            let known: FxHashMap<(u32, u16), usize> = lf.iter().copied().zip(class.iter().copied()).zip(0..).collect();
            let mut scores = Scores { base: base.clone(), cells: vec![0.0; cells.n_cells() * k] };
            for (cell, row) in scores.cells.chunks_exact_mut(k).enumerate() {
                if let Some(&here) = known.get(&(lf_of[cells.lf[cell] as usize], cells.class[cell])) {
                    row.copy_from_slice(&table[here * k..][..k]);
                }
            }
            for score in scores.base.iter_mut().chain(&mut scores.cells) {
                *score *= sharpness;
            }
            posteriors(cells, &scores)
        }
    }
}

impl LabelModel for FittedModel {
    fn classes(&self) -> &ClassSet {
        &self.classes
    }

    fn posteriors(&self, patterns: &VotePatterns) -> Result<Vec<f64>, BoxError> {
        Ok(Self::posteriors(self, patterns)?)
    }
}

#[cfg(test)]
mod tests {
    use synth_core::{ClassId, LfVote};

    use super::*;
    use crate::testing::classes;

    fn vote(lf_idx: u32, class: u16) -> LfVote {
        LfVote { lf_idx, class: ClassId::new(class) }
    }

    fn model() -> FittedModel {
        FittedModel {
            method: "test".into(),
            classes: classes(2),
            lf_names: vec!["a".to_string(), "b".to_string()].into(),
            balance: vec![0.5; 2],
            parts: vec![Part {
                share: 1.0,
                scorer: Scorer::LogLinear {
                    base: vec![0.0; 2],
                    lf: vec![0, 1],
                    class: vec![0, 1],
                    cells: vec![3f64.ln(), 0.0, 0.0, 1f64.ln()],
                    sharpness: 1.0,
                },
            }],
            uncovered: None,
        }
    }

    #[test]
    fn functions_are_matched_by_name_and_new_votes_say_nothing() {
        let rows = [vec![vote(1, 0)], vec![vote(0, 0)], vec![]];
        let swapped =
            VotePatterns::from_counts(classes(2), ["b", "a"], rows.iter().map(|row| (row.as_slice(), 1))).unwrap();
        let probs = model().posteriors(&swapped).unwrap();
        for (p, row) in probs.chunks_exact(2).enumerate() {
            // Only a's vote for class 0 is known to the model.
            let expected = if swapped.votes(p) == [vote(1, 0)] { 0.75 } else { 0.5 };
            assert!((row[0] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn other_functions_and_classes_are_refused() {
        let none: [(&[LfVote], u64); 0] = [];
        let other = VotePatterns::from_counts(classes(2), ["a", "c"], none).unwrap();
        match model().posteriors(&other) {
            Err(LabelError::DifferentLfs { missing, unknown }) => {
                assert_eq!((missing, unknown), (vec!["b".into()], vec!["c".into()]))
            }
            result => panic!("{result:?}"),
        }
        let other = VotePatterns::from_counts(classes(3), ["a", "b"], none).unwrap();
        assert!(matches!(model().posteriors(&other), Err(LabelError::DifferentClasses { .. })));
    }
}
