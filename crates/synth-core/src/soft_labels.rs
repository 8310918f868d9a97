//! Soft labels: a distribution over classes for every record.

use std::sync::Arc;

use ndarray::Array2;

use crate::{ClassId, ClassSet, CoreError, LabelMatrix};

/// How far a row of a distribution may sum from 1.
const SUM_TOLERANCE: f64 = 1e-6;

/// For each of n records a distribution over k classes, and how many votes stand behind it.
///
/// Stored as one distribution a vote pattern plus the row map, so a hundred million rows cost 4 bytes each.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftLabels {
    classes: ClassSet,
    /// `[n_distributions, k]`, row-major.
    probs: Vec<f64>,
    n_votes: Vec<u32>,
    /// For each row its distribution.
    rows: Arc<[u32]>,
}

impl SoftLabels {
    /// Soft labels for the rows of a label matrix from one distribution a vote pattern.
    ///
    /// # Shapes
    /// `probs: [matrix.patterns().len(), k]`, row-major.
    ///
    /// # Errors
    /// A row of `probs` that is no distribution: wrong length, negative, not a number, or off 1 by more than 1e-6.
    pub fn from_patterns(matrix: &LabelMatrix, probs: Vec<f64>) -> Result<Self, CoreError> {
        let patterns = matrix.patterns();
        let n_votes: Vec<u32> = (0..patterns.len()).map(|p| patterns.votes(p).len() as u32).collect();
        check_distributions(matrix.n_classes(), n_votes.len(), &probs)?;
        Ok(Self { classes: matrix.classes().clone(), probs, n_votes, rows: matrix.shared_row_patterns() })
    }

    /// Soft labels with one distribution a record, as a classifier makes them.
    ///
    /// # Shapes
    /// `probs: [n, k]`, row-major. `n_votes`: `[n]`.
    ///
    /// # Errors
    /// As [`SoftLabels::from_patterns`].
    pub fn from_rows(classes: ClassSet, probs: Vec<f64>, n_votes: Vec<u32>) -> Result<Self, CoreError> {
        check_distributions(classes.len(), n_votes.len(), &probs)?;
        let rows = (0..n_votes.len() as u32).collect();
        Ok(Self { classes, probs, n_votes, rows })
    }

    /// The classes.
    pub fn classes(&self) -> &ClassSet {
        &self.classes
    }

    /// The number of records, n.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// The distribution of a record over the classes.
    pub fn probs(&self, row: usize) -> &[f64] {
        let k = self.classes.len();
        let start = self.rows[row] as usize * k;
        &self.probs[start..start + k]
    }

    /// The most probable class of a record; of several, the first.
    pub fn label(&self, row: usize) -> ClassId {
        let probs = self.probs(row);
        let best = (1..probs.len()).fold(0, |best, c| if probs[c] > probs[best] { c } else { best });
        ClassId::new(best as u16)
    }

    /// The probability of the most probable class.
    pub fn confidence(&self, row: usize) -> f64 {
        self.probs(row)[self.label(row).index()]
    }

    /// How many labeling functions voted on a record. With 0 the distribution is the model's class balance:
    /// nothing was said of this record.
    pub fn n_votes(&self, row: usize) -> u32 {
        self.n_votes[self.rows[row] as usize]
    }

    /// True where at least one labeling function voted.
    pub fn covered(&self, row: usize) -> bool {
        self.n_votes(row) > 0
    }

    /// The distributions as a dense array, `[n, k]`.
    pub fn to_array(&self) -> Array2<f64> {
        let k = self.classes.len();
        Array2::from_shape_fn((self.n_rows(), k), |(i, c)| self.probs(i)[c])
    }
}

fn check_distributions(n_classes: usize, n: usize, probs: &[f64]) -> Result<(), CoreError> {
    let bad = |index, problem: String| CoreError::BadDistribution { index, n_classes, problem };
    if probs.len() != n * n_classes {
        return Err(bad(0, format!("{} probabilities for {n} distributions", probs.len())));
    }
    for (index, row) in probs.chunks_exact(n_classes).enumerate() {
        if let Some(p) = row.iter().find(|p| !p.is_finite() || **p < 0.0) {
            return Err(bad(index, format!("it holds {p}")));
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(bad(index, format!("it sums to {sum}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> ClassSet {
        ClassSet::new(["a", "b", "c"]).unwrap()
    }

    #[test]
    fn ties_go_to_the_first_class() {
        let soft = SoftLabels::from_rows(classes(), vec![0.2, 0.4, 0.4], vec![2]).unwrap();
        assert_eq!(soft.label(0), ClassId::new(1));
        assert_eq!(soft.confidence(0), 0.4);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for bad in [vec![0.5, 0.6, 0.1], vec![f64::NAN, 0.5, 0.5], vec![1.5, -0.5, 0.0], vec![1.0]] {
            let error = SoftLabels::from_rows(classes(), bad, vec![1]).unwrap_err();
            assert!(matches!(error, CoreError::BadDistribution { index: 0, .. }));
        }
    }
}
