//! How good soft labels are where gold labels are known.
//!
//! Ties at the top share the hit: a row with t classes at the same highest probability earns 1/t for each,
//! so that majority vote is scored by what it says and not by how an implementation breaks ties.

use crate::{ClassId, SoftLabels};

/// Probabilities are clipped here before a logarithm is taken, so that one confident mistake costs 13.8 and
/// not infinity.
pub const LOG_LOSS_CLIP: f64 = 1e-6;

/// Two probabilities closer than this are a tie.
const TIE: f64 = 1e-9;

/// Scores of soft labels against gold, over the rows that have gold.
///
/// ```
/// use synth_core::{ClassSet, SoftLabels, metrics::Scores};
///
/// let classes = ClassSet::new(["ham", "spam"])?;
/// let gold = [classes.id("ham"), classes.id("spam"), None];
/// let soft = SoftLabels::from_rows(classes, vec![0.9, 0.1, 0.6, 0.4, 0.5, 0.5], vec![1, 1, 0])?;
/// let scores = Scores::of(&soft, &gold, |_| true).unwrap();
/// assert_eq!(scores.n, 2);
/// assert_eq!(scores.accuracy, 0.5);
/// # Ok::<(), synth_core::CoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Rows scored.
    pub n: usize,
    /// Share of rows whose most probable class is the gold class, 0 to 1.
    pub accuracy: f64,
    /// F1 of each class, in class order; `None` for a class that neither gold nor the labels contain.
    pub f1: Vec<Option<f64>>,
    /// Mean negative natural logarithm of the gold class's probability, clipped at [`LOG_LOSS_CLIP`].
    pub log_loss: f64,
    /// Expected calibration error over 15 equal-width bins of confidence, 0 to 1.
    /// Guo et al. (2017), On Calibration of Modern Neural Networks, eq. 3.
    pub ece: f64,
}

/// The number of bins of [`Scores::ece`].
const ECE_BINS: usize = 15;

impl Scores {
    /// Scores over the rows that have gold and that `keep` lets through; `None` when there is no such row.
    pub fn of(soft: &SoftLabels, gold: &[Option<ClassId>], keep: impl Fn(usize) -> bool) -> Option<Self> {
        let k = soft.classes().len();
        let (mut n, mut hits, mut loss) = (0usize, 0.0, 0.0);
        let (mut true_positive, mut predicted, mut actual) = (vec![0.0; k], vec![0.0; k], vec![0.0; k]);
        let mut bins = [(0usize, 0.0f64, 0.0f64); ECE_BINS];
        for (row, gold) in gold.iter().enumerate().take(soft.n_rows()) {
            let Some(gold) = gold.map(ClassId::index).filter(|_| keep(row)) else { continue };
            let probs = soft.probs(row);
            let best = probs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let tied = |p: f64| p >= best - TIE;
            let share = 1.0 / probs.iter().filter(|&&p| tied(p)).count() as f64;
            let hit = if tied(probs[gold]) { share } else { 0.0 };
            for c in (0..k).filter(|&c| tied(probs[c])) {
                predicted[c] += share;
            }
            n += 1;
            hits += hit;
            actual[gold] += 1.0;
            true_positive[gold] += hit;
            loss -= probs[gold].clamp(LOG_LOSS_CLIP, 1.0).ln();
            let bin = &mut bins[((best * ECE_BINS as f64) as usize).min(ECE_BINS - 1)];
            *bin = (bin.0 + 1, bin.1 + best, bin.2 + hit);
        }
        if n == 0 {
            return None;
        }
        let f1 = (0..k)
            .map(|c| (predicted[c] + actual[c] > 0.0).then(|| 2.0 * true_positive[c] / (predicted[c] + actual[c])))
            .collect();
        let ece = bins.iter().map(|&(_, confidence, hit)| (confidence - hit).abs()).sum::<f64>() / n as f64;
        Some(Self { n, accuracy: hits / n as f64, f1, log_loss: loss / n as f64, ece })
    }

    /// Mean F1 over the classes that have one.
    pub fn macro_f1(&self) -> f64 {
        let defined: Vec<f64> = self.f1.iter().flatten().copied().collect();
        defined.iter().sum::<f64>() / defined.len() as f64
    }
}

/// The Wilson score interval of a share: `successes` of `n`, at 95 % confidence. `None` for n = 0.
///
/// Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference. It stays inside 0 to 1
/// and is honest for small n, where the textbook interval is not.
///
/// ```
/// let (low, high) = synth_core::metrics::wilson_interval(9.0, 10.0).unwrap();
/// assert!((low - 0.596).abs() < 1e-3 && (high - 0.982).abs() < 1e-3);
/// ```
pub fn wilson_interval(successes: f64, n: f64) -> Option<(f64, f64)> {
    const Z: f64 = 1.959_963_984_540_054; // The 97.5 % quantile of the normal distribution.
    if n <= 0.0 {
        return None;
    }
    let p = successes / n;
    let denominator = 1.0 + Z * Z / n;
    let center = (p + Z * Z / (2.0 * n)) / denominator;
    let half = Z / denominator * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(((center - half).max(0.0), (center + half).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClassSet;

    #[test]
    fn a_hand_computed_table() {
        // Gold a, b, b; the second row is a tie, the third is wrong.
        let classes = ClassSet::new(["a", "b"]).unwrap();
        let gold = [Some(ClassId::new(0)), Some(ClassId::new(1)), Some(ClassId::new(1))];
        let soft = SoftLabels::from_rows(classes, vec![0.75, 0.25, 0.5, 0.5, 1.0, 0.0], vec![1; 3]).unwrap();
        let scores = Scores::of(&soft, &gold, |_| true).unwrap();
        assert!((scores.accuracy - 0.5).abs() < 1e-12);
        // a: hits 1, predicted 1 + .5 + 1, actual 1. b: hits .5, predicted .5, actual 2.
        assert!((scores.f1[0].unwrap() - 2.0 / 3.5).abs() < 1e-12);
        assert!((scores.f1[1].unwrap() - 1.0 / 2.5).abs() < 1e-12);
        let loss = -(0.75f64.ln() + 0.5f64.ln() + LOG_LOSS_CLIP.ln()) / 3.0;
        assert!((scores.log_loss - loss).abs() < 1e-12);
        // Three rows in three bins: |.75 - 1|, |.5 - .5|, |1 - 0|.
        assert!((scores.ece - 1.25 / 3.0).abs() < 1e-12);
    }
}
