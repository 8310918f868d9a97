//! How good a classifier is, where gold labels are known.

use ndarray::{Array2, ArrayView2};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use synth_core::ClassId;
use synth_core::metrics::LOG_LOSS_CLIP;

use crate::LearnError;
use crate::softmax::most_probable;

/// Scores of distributions against gold.
///
/// ```
/// use ndarray::array;
/// use synth_core::ClassId;
/// use synth_learn::Evaluation;
///
/// let probs = array![[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]];
/// let gold = [0, 1, 1, 1].map(ClassId::new);
/// let evaluation = Evaluation::of(probs.view(), &gold, 7)?;
/// assert_eq!(evaluation.accuracy.value, 0.75);
/// assert_eq!(evaluation.confusion[1], [1, 2]);
/// assert_eq!(evaluation.classes[1].roc_auc, Some(1.0));
/// # Ok::<(), synth_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows scored.
    pub n: usize,
    /// Share of rows whose most probable class is the gold class; of several the first.
    pub accuracy: Interval,
    /// Mean F1 over the classes that gold or the predictions hold.
    pub macro_f1: Interval,
    /// Mean negative logarithm of the gold class's probability, clipped at [`LOG_LOSS_CLIP`].
    pub log_loss: f64,
    /// Mean squared distance of the distribution from the gold class's, 0 to 2. Brier (1950).
    pub brier: f64,
    /// Expected calibration error: the mean over rows of how far their bin's confidence is from its accuracy.
    /// Guo et al. (2017), eq. 3.
    pub ece: f64,
    /// Rows by the probability of their most probable class, in 15 bins of equal width: a reliability diagram.
    pub reliability: Vec<Bin>,
    /// Each class on its own.
    pub classes: Vec<ClassScores>,
    /// `[gold][predicted]`: how many rows.
    pub confusion: Vec<Vec<u64>>,
}

/// A figure, and between what it lies at 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The figure on the rows as they are.
    pub value: f64,
    /// The 2.5th percentile over resampled rows.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Rows in it.
    pub n: usize,
    /// Their mean confidence; `None` without rows.
    pub confidence: Option<f64>,
    /// The share of them that is right; `None` without rows.
    pub accuracy: Option<f64>,
}

/// Scores of one class against all others. `None` where a figure is not defined.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScores {
    /// Rows of this class.
    pub n: u64,
    /// Of the rows predicted to be of this class, how many are.
    pub precision: Option<f64>,
    /// Of the rows of this class, how many are predicted to be.
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// Probability that a row of this class scores higher than another one; ties count half.
    pub roc_auc: Option<f64>,
    /// Average precision: the area under precision over recall, step by step, as scikit-learn computes it.
    pub pr_auc: Option<f64>,
}

/// Bins of the reliability diagram.
const BINS: usize = 15;
/// Resamples of the rows for intervals (Efron 1979): percentiles of a thousand are good to about one part in a hundred.
const RESAMPLES: u64 = 1000;

impl Evaluation {
    /// Scores distributions; `seed` draws the rows of the bootstrap.
    ///
    /// # Shapes
    /// `probs: [n, k]`, `gold: [n]`.
    ///
    /// # Errors
    /// No row; as many gold labels as rows are needed; a gold class that is none of the k; a probability that is no number.
    pub fn of(probs: ArrayView2<'_, f64>, gold: &[ClassId], seed: u64) -> Result<Self, LearnError> {
        let (n, k) = probs.dim();
        if n == 0 {
            return Err(LearnError::NoGold);
        }
        if gold.len() != n {
            return Err(LearnError::RowCount { what: "gold labels", expected: n, got: gold.len() });
        }
        if let Some(row) = gold.iter().position(|class| class.index() >= k) {
            return Err(LearnError::BadValue { what: "the gold class", row, value: gold[row].index() as f64 });
        }
        if let Some(((row, _), &value)) = probs.indexed_iter().find(|(_, p)| !p.is_finite()) {
            return Err(LearnError::BadValue { what: "a probability", row, value });
        }
        let predicted: Vec<usize> = probs.rows().into_iter().map(most_probable).collect();
        let gold: Vec<usize> = gold.iter().map(|class| class.index()).collect();
        let all = || predicted.iter().copied().zip(gold.iter().copied());
        let confusion = confusion(k, all());

        let mut bins = vec![(0, 0.0, 0.0); BINS];
        let (mut log_loss, mut brier) = (0.0, 0.0);
        for (row, (best, gold)) in probs.rows().into_iter().zip(all()) {
            log_loss -= row[gold].clamp(LOG_LOSS_CLIP, 1.0).ln();
            brier += row.iter().enumerate().map(|(c, p)| (p - f64::from(u8::from(c == gold))).powi(2)).sum::<f64>();
            let bin = &mut bins[((row[best] * BINS as f64) as usize).min(BINS - 1)];
            *bin = (bin.0 + 1, bin.1 + row[best], bin.2 + f64::from(u8::from(best == gold)));
        }
        let ece = bins.iter().map(|(_, confidence, right)| (confidence - right).abs()).sum::<f64>() / n as f64;
        let share = |n: usize, sum: f64| (n > 0).then(|| sum / n as f64);
        let reliability = bins.iter().map(|&(n, c, r)| Bin { n, confidence: share(n, c), accuracy: share(n, r) });

        let mut resampled = Vec::with_capacity(RESAMPLES as usize);
        for resample in 0..RESAMPLES {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(resample);
            let drawn = (0..n).map(|_| random.random_range(0..n)).map(|row| (predicted[row], gold[row]));
            let confusion = self::confusion(k, drawn);
            resampled.push((accuracy(&confusion), macro_f1(&confusion)));
        }
        let interval = |value, figure: fn(&(f64, f64)) -> f64| {
            let mut all: Vec<f64> = resampled.iter().map(figure).collect();
            all.sort_unstable_by(f64::total_cmp);
            let at = |share: f64| all[(share * (all.len() - 1) as f64).round() as usize];
            Interval { value, low: at(0.025), high: at(0.975) }
        };
        Ok(Self {
            n,
            accuracy: interval(accuracy(&confusion), |figures| figures.0),
            macro_f1: interval(macro_f1(&confusion), |figures| figures.1),
            log_loss: log_loss / n as f64,
            brier: brier / n as f64,
            ece,
            reliability: reliability.collect(),
            classes: (0..k).map(|c| class_scores(c, &confusion, probs, &gold)).collect(),
            confusion: confusion.rows().into_iter().map(|row| row.to_vec()).collect(),
        })
    }
}

/// Rows as (predicted, gold), counted: `[gold, predicted]`.
pub(crate) fn confusion(k: usize, rows: impl Iterator<Item = (usize, usize)>) -> Array2<u64> {
    let mut confusion = Array2::zeros((k, k));
    rows.for_each(|(predicted, gold)| confusion[[gold, predicted]] += 1);
    confusion
}

pub(crate) fn accuracy(confusion: &Array2<u64>) -> f64 {
    confusion.diag().sum() as f64 / confusion.sum() as f64
}

fn f1(confusion: &Array2<u64>, class: usize) -> Option<f64> {
    let (actual, predicted) = (confusion.row(class).sum(), confusion.column(class).sum());
    (actual + predicted > 0).then(|| 2.0 * confusion[[class, class]] as f64 / (actual + predicted) as f64)
}

pub(crate) fn macro_f1(confusion: &Array2<u64>) -> f64 {
    let defined: Vec<f64> = (0..confusion.nrows()).filter_map(|class| f1(confusion, class)).collect();
    defined.iter().sum::<f64>() / defined.len() as f64
}

fn class_scores(class: usize, confusion: &Array2<u64>, probs: ArrayView2<'_, f64>, gold: &[usize]) -> ClassScores {
    let hits = confusion[[class, class]] as f64;
    let (actual, predicted) = (confusion.row(class).sum(), confusion.column(class).sum());
    let of = |n: u64| (n > 0).then(|| hits / n as f64);
    let mut scored: Vec<(f64, bool)> = probs.column(class).iter().zip(gold).map(|(&p, &c)| (p, c == class)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let positives = actual as f64;
    let negatives = scored.len() as f64 - positives;
    let (mut above, mut found, mut area, mut average) = (0.0, 0.0, 0.0, 0.0);
    // Rows of one probability are one step: their order means nothing.
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let right = tied.iter().filter(|(_, right)| *right).count() as f64;
        let wrong = tied.len() as f64 - right;
        area += wrong * (found + 0.5 * right);
        found += right;
        above += tied.len() as f64;
        average += right * found / above;
    }
    ClassScores {
        n: actual,
        precision: of(predicted),
        recall: of(actual),
        f1: f1(confusion, class),
        roc_auc: (positives > 0.0 && negatives > 0.0).then(|| area / (positives * negatives)),
        pr_auc: (positives > 0.0).then(|| average / positives),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hand_computed_table() {
        let probs = array![[0.8, 0.2], [0.6, 0.4], [0.6, 0.4], [0.1, 0.9]];
        let evaluation = Evaluation::of(probs.view(), &[0, 1, 0, 1].map(ClassId::new), 0).unwrap();
        assert_eq!(evaluation.confusion, [[2, 0], [1, 1]]);
        assert_eq!(evaluation.accuracy.value, 0.75);
        let (of_first, of_second) = (4.0 / 5.0, 2.0 / 3.0);
        assert!((evaluation.macro_f1.value - (of_first + of_second) / 2.0).abs() < 1e-12);
        assert!((evaluation.brier - (0.08 + 0.72 + 0.32 + 0.02) / 4.0).abs() < 1e-12);
        // Pairs of a first and a second class row: .8 over .6 and .1, .6 ties with .6, .6 over .1.
        assert_eq!(evaluation.classes[0].roc_auc, Some(3.5 / 4.0));
        // Steps: 1 of 1, then 2 of 3.
        assert!((evaluation.classes[0].pr_auc.unwrap() - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        // Bins: .8 right, .6 and .6 half right, .9 right.
        assert!((evaluation.ece - (0.2 + 2.0 * 0.1 + 0.1) / 4.0).abs() < 1e-12);
        assert_eq!(evaluation.reliability[9].accuracy, Some(0.5));
        assert_eq!(evaluation.reliability[0].confidence, None);
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let evaluation = Evaluation::of(array![[0.9, 0.1, 0.0]].view(), &[ClassId::new(0)], 0).unwrap();
        let [first, second, _] = evaluation.classes[..] else { panic!() };
        assert_eq!((first.roc_auc, first.pr_auc), (None, Some(1.0)));
        assert_eq!((second.recall, second.f1, second.roc_auc, second.pr_auc), (None, None, None, None));
        assert_eq!(evaluation.macro_f1.value, 1.0);
        assert!(matches!(Evaluation::of(Array2::zeros((0, 2)).view(), &[], 0), Err(LearnError::NoGold)));
    }

    proptest! {
        #[test]
        fn figures_stay_in_their_ranges(rows in prop::collection::vec((0.0..1.0f64, 0u16..2), 1..40), seed in 0u64..9) {
            let probs = Array2::from_shape_fn((rows.len(), 2), |(i, c)| if c == 0 { rows[i].0 } else { 1.0 - rows[i].0 });
            let gold: Vec<ClassId> = rows.iter().map(|(_, class)| ClassId::new(*class)).collect();
            let evaluation = Evaluation::of(probs.view(), &gold, seed).unwrap();
            for Interval { value, low, high } in [evaluation.accuracy, evaluation.macro_f1] {
                prop_assert!((0.0..=1.0).contains(&value) && low <= high);
            }
            prop_assert!((0.0..=2.0).contains(&evaluation.brier) && (0.0..=1.0).contains(&evaluation.ece));
            // One class against the other is the other against the one.
            prop_assert!(evaluation.classes[0].roc_auc.zip(evaluation.classes[1].roc_auc).is_none_or(|(a, b)| (a - b).abs() < 1e-9));
            prop_assert_eq!(Evaluation::of(probs.view(), &gold, seed).unwrap(), evaluation);
        }
    }
}
