//! Which labels are likely wrong: confident learning (Northcutt, Jiang, Chuang 2021, Confident learning: estimating
//! uncertainty in dataset labels).

mod health;
mod joint;
mod rules;
mod scores;

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;
use synth_core::ClassId;

use crate::{AuditError, Number};

pub use health::{ClassHealth, DatasetHealth, PairHealth};
pub use joint::{ConfidentJoint, NoiseEstimate};
pub use rules::SelectionRule;
pub use scores::LabelScore;

/// Labels that were given, and what a classifier that has not seen them says of the same examples.
///
/// Probabilities must be of examples that the classifier was not trained on: by cross-validation, say. Otherwise it
/// repeats what it was told.
///
/// ```
/// use ndarray::array;
/// use synth_audit::{LabelScore, LabeledProbs, SelectionRule};
/// use synth_core::ClassSet;
///
/// let classes = ClassSet::new(["ham", "spam"])?;
/// let labels: Vec<_> = ["ham", "ham", "ham", "spam", "spam"].iter().filter_map(|name| classes.id(name)).collect();
/// let probs = array![[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]];
/// let given = LabeledProbs::new(&labels, probs.view())?;
/// let joint = given.confident_joint();
/// assert_eq!(given.label_errors(&joint, SelectionRule::PruneByNoiseRate), [2]);
/// assert!((given.scores(LabelScore::SelfConfidence)[2] - 0.1).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LabeledProbs<'a, P> {
    labels: &'a [ClassId],
    probs: ArrayView2<'a, P>,
}

/// A row of probabilities may sum to so much less or more than 1.
const SUM_TOLERANCE: f64 = 1e-2;
/// Probabilities that differ by less are taken as equal, so that rounding decides nothing.
const TOLERANCE: f64 = 1e-6;

/// Rows that are worked on together: the same however many threads there are.
const CHUNK: usize = 1 << 13;

impl<'a, P: Number> LabeledProbs<'a, P> {
    /// Takes labels and probabilities together.
    ///
    /// # Shapes
    /// `labels: [n]`, `probs: [n, k]`, each from 0 to 1, each row with a sum of 1 within .01.
    ///
    /// # Errors
    /// There are no rows, or not as many labels as rows; fewer than two classes; a label beyond them; a row that is no
    /// distribution, told by its number.
    pub fn new(labels: &'a [ClassId], probs: ArrayView2<'a, P>) -> Result<Self, AuditError> {
        let (n, k) = probs.dim();
        if labels.len() != n {
            return Err(AuditError::Rows { what: "labels", got: labels.len(), expected: n });
        }
        if n == 0 {
            return Err(AuditError::Empty { what: "labelled examples" });
        }
        if k < 2 {
            return Err(AuditError::OneClass { n_classes: k });
        }
        if let Some(row) = labels.iter().position(|label| label.index() >= k) {
            return Err(AuditError::Label { row, label: labels[row].index(), n_classes: k });
        }
        check_distributions(probs)?;
        Ok(Self { labels, probs })
    }

    /// How many examples.
    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// How many classes.
    pub fn n_classes(&self) -> usize {
        self.probs.ncols()
    }

    /// The labels that were given.
    pub fn labels(&self) -> &'a [ClassId] {
        self.labels
    }

    fn prob(&self, row: usize, class: usize) -> f64 {
        self.probs[[row, class]].into()
    }

    /// Examples of each label that was given.
    fn label_counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.n_classes()];
        self.labels.iter().for_each(|label| counts[label.index()] += 1);
        counts
    }

    /// The most probable class of an example, the first of several.
    ///
    /// # Panics
    /// There is no such row.
    pub fn predicted(&self, row: usize) -> ClassId {
        class_id(largest(self.probs.row(row).iter().map(|p| (*p).into())))
    }

    /// Whether the label of an example is its most probable class, or as probable as that within 1e-6.
    ///
    /// # Panics
    /// There is no such row.
    pub fn agrees(&self, row: usize) -> bool {
        let label = self.labels[row].index();
        let raised = |(class, p): (usize, &P)| (*p).into() + if class == label { TOLERANCE } else { 0.0 };
        largest(self.probs.row(row).iter().enumerate().map(raised)) == label
    }
}

/// Where the largest number is, the first of several.
pub(crate) fn largest(numbers: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, number) in numbers.enumerate() {
        if number > best.1 {
            best = (at, number);
        }
    }
    best.0
}

/// The class of a column. There are no more columns than classes can be, as labels are among them.
pub(crate) fn class_id(column: usize) -> ClassId {
    ClassId::new(column.min(usize::from(u16::MAX)) as u16)
}

/// Whether each row is a distribution: numbers from 0 to 1, within 1e-6, with a sum of 1, within .01.
pub(crate) fn check_distributions<P: Number>(probs: ArrayView2<'_, P>) -> Result<(), AuditError> {
    let range = -TOLERANCE..=1.0 + TOLERANCE;
    let is_distribution = |probs: ArrayView1<'_, P>| {
        // Eight sums, so that no addition waits for the one before.
        let (mut sums, mut are_in_range) = ([0.0; 8], true);
        let mut take = |some: &[P]| {
            for (sum, p) in sums.iter_mut().zip(some) {
                let p: f64 = (*p).into();
                // Not a number is in no range.
                are_in_range &= range.contains(&p);
                *sum += p;
            }
        };
        match probs.as_slice() {
            Some(probs) => probs.chunks(8).for_each(&mut take),
            None => probs.iter().for_each(|p| take(&[*p])),
        }
        are_in_range && (sums.iter().sum::<f64>() - 1.0).abs() <= SUM_TOLERANCE
    };
    let wrong =
        (0..probs.nrows()).into_par_iter().with_min_len(CHUNK).find_first(|row| !is_distribution(probs.row(*row)));
    if let Some(row) = wrong {
        let mut sum = 0.0;
        for &p in probs.row(row) {
            let value: f64 = p.into();
            if !range.contains(&value) {
                return Err(AuditError::NotAProbability { row, value });
            }
            sum += value;
        }
        return Err(AuditError::NotADistribution { row, sum });
    }
    Ok(())
}
