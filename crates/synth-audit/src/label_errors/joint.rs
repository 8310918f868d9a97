//! How many examples of each true class were given each label: Northcutt et al. (2021), section 3.1.

use ndarray::Array2;
use rayon::prelude::*;

use super::{CHUNK, LabeledProbs, TOLERANCE, largest};
use crate::Number;

/// An estimate of how many examples have each label and each true class: counts of those that the classifier is confident
/// of.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfidentJoint {
    thresholds: Vec<f64>,
    confident: Array2<u64>,
    counts: Array2<u64>,
    label_counts: Vec<u64>,
}

/// What a [`ConfidentJoint`] says of the true classes.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseEstimate {
    /// Shares of the true classes, `[k]`, with a sum of 1.
    pub prior: Vec<f64>,
    /// How probable each label (row) is for each true class (column), `[k, k]`: columns sum to 1, and to 0 where nothing is
    /// of the class.
    pub noise: Array2<f64>,
    /// How probable each true class (row) is for each label (column), `[k, k]`: columns sum to 1, and to 0 where nothing has
    /// the label.
    pub inverse_noise: Array2<f64>,
}

/// No example is confidently of a class that nothing is labelled with.
const NEVER: f64 = 2.0;

impl<P: Number> LabeledProbs<'_, P> {
    /// Counts examples by label and by the class that the classifier is confident of.
    pub fn confident_joint(&self) -> ConfidentJoint {
        let thresholds = self.thresholds();
        let k = self.n_classes();
        let of_chunk = |chunk: usize| {
            let mut counts = Array2::<u64>::zeros((k, k));
            for row in chunk * CHUNK..((chunk + 1) * CHUNK).min(self.n_rows()) {
                if let Some(class) = self.confident_class(row, &thresholds) {
                    counts[[self.labels[row].index(), class]] += 1;
                }
            }
            counts
        };
        let chunks = (0..self.n_rows().div_ceil(CHUNK)).into_par_iter();
        let mut confident = chunks.map(of_chunk).reduce(|| Array2::zeros((k, k)), |a, b| a + b);
        // Each class has an example that is labelled right.
        confident.diag_mut().mapv_inplace(|count| count.max(1));
        let label_counts = self.label_counts();
        let counts = calibrated(&confident, &label_counts);
        ConfidentJoint { thresholds, confident, counts, label_counts }
    }

    /// How probable, on average, a label is where it was given.
    fn thresholds(&self) -> Vec<f64> {
        let k = self.n_classes();
        // Sums of chunks, added in their order.
        let of_chunk = |chunk: usize| {
            let mut sums = vec![0.0; k];
            for row in chunk * CHUNK..((chunk + 1) * CHUNK).min(self.n_rows()) {
                let label = self.labels[row].index();
                sums[label] += self.prob(row, label);
            }
            sums
        };
        let chunks: Vec<Vec<f64>> = (0..self.n_rows().div_ceil(CHUNK)).into_par_iter().map(of_chunk).collect();
        let counts = self.label_counts();
        let mean = |class: usize| {
            let sum: f64 = chunks.iter().map(|sums| sums[class]).sum();
            if counts[class] == 0 { NEVER } else { (sum / counts[class] as f64).max(2.0 * TOLERANCE) }
        };
        (0..k).map(mean).collect()
    }

    /// The class that an example is confidently of: the one that reaches its threshold, or, if several do, the most
    /// probable one.
    pub(super) fn confident_class(&self, row: usize, thresholds: &[f64]) -> Option<usize> {
        let probs = self.probs.row(row);
        // Without a branch, so that the processor takes several classes at a time. The sum is the class where it is one.
        let (mut n, mut sum) = (0u32, 0u32);
        for ((p, threshold), class) in probs.iter().zip(thresholds).zip(0u32..) {
            let reaches = u32::from((*p).into() >= threshold - TOLERANCE);
            n += reaches;
            sum = sum.wrapping_add(reaches * class);
        }
        match n {
            0 => None,
            1 => Some(sum as usize),
            _ => Some(largest(probs.iter().map(|p| (*p).into()))),
        }
    }
}

impl ConfidentJoint {
    /// How probable a class must be for an example to be confidently of it, `[k]`: the mean over those labelled with it.
    /// 2, which nothing reaches, for a class that nothing is labelled with.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// Examples that are confidently of a class, by label (rows) and class (columns), `[k, k]`.
    pub fn confident(&self) -> &Array2<u64> {
        &self.confident
    }

    /// The same, made to count all examples: rows sum to how often each label was given.
    pub fn counts(&self) -> &Array2<u64> {
        &self.counts
    }

    /// How often each label was given, `[k]`.
    pub fn label_counts(&self) -> &[u64] {
        &self.label_counts
    }

    /// Shares and noise of the true classes.
    pub fn noise(&self) -> NoiseEstimate {
        let counts = self.counts.mapv(|count| count as f64);
        let k = counts.nrows();
        let n: f64 = self.label_counts.iter().map(|count| *count as f64).sum();
        let rows: Vec<f64> = counts.rows().into_iter().map(|row| row.sum()).collect();
        let columns: Vec<f64> = counts.columns().into_iter().map(|column| column.sum()).collect();
        let share = |count: f64, of: f64| if of > 0.0 { count / of } else { 0.0 };
        let noise = Array2::from_shape_fn((k, k), |(label, class)| share(counts[[label, class]], columns[class]));
        let inverse = Array2::from_shape_fn((k, k), |(class, label)| share(counts[[label, class]], rows[label]));
        // By the diagonals, which are estimated best.
        let mut prior: Vec<f64> = (0..k)
            .map(|class| share(inverse[[class, class]], noise[[class, class]]))
            .zip(&self.label_counts)
            .map(|(ratio, count)| (ratio * *count as f64 / n).clamp(1e-6, 1.0))
            .collect();
        let sum: f64 = prior.iter().sum();
        prior.iter_mut().for_each(|p| *p /= sum);
        NoiseEstimate { prior, noise: clipped(noise), inverse_noise: clipped(inverse) }
    }
}

/// Keeps what is off the diagonal below 1, and columns with a sum of 1.
fn clipped(mut rates: Array2<f64>) -> Array2<f64> {
    for ((row, column), rate) in rates.indexed_iter_mut() {
        if row != column {
            *rate = rate.min(0.9999);
        }
    }
    for mut column in rates.columns_mut() {
        let sum = column.sum();
        if sum > 0.0 {
            column.mapv_inplace(|rate| rate / sum);
        }
    }
    rates
}

/// Rows scaled to sum to how often each label was given, in whole examples.
fn calibrated(confident: &Array2<u64>, label_counts: &[u64]) -> Array2<u64> {
    let mut counts = confident.mapv(|count| count as f64);
    for (mut row, count) in counts.rows_mut().into_iter().zip(label_counts) {
        let sum = row.sum();
        row.mapv_inplace(|x| if sum > 0.0 { x / sum * *count as f64 } else { 0.0 });
    }
    whole(&counts)
}

/// Rounded, so that each row keeps its sum.
pub(super) fn whole(counts: &Array2<f64>) -> Array2<u64> {
    let mut rounded = Array2::zeros(counts.dim());
    for (row, mut out) in counts.rows().into_iter().zip(rounded.rows_mut()) {
        let total = row.sum().round();
        let mut whole: Vec<f64> = row.iter().map(|x| x.round_ties_even()).collect();
        loop {
            let missing = (total - whole.iter().sum::<f64>()).round();
            if missing == 0.0 {
                break;
            }
            // What was rounded farthest the wrong way is changed first.
            let step = missing.signum();
            let mut order: Vec<usize> = (0..whole.len()).collect();
            let off = |at: usize| (row[at] - whole[at]) * step;
            order.sort_by(|a, b| off(*b).total_cmp(&off(*a)));
            for at in order.into_iter().take(missing.abs() as usize) {
                whole[at] += step;
            }
        }
        out.iter_mut().zip(whole).for_each(|(out, x)| *out = x.max(0.0) as u64);
    }
    rounded
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn rounding_keeps_sums() {
        assert_eq!(
            whole(&array![[1.5, 1.5, 1.0], [0.4, 0.4, 0.2]]).rows().into_iter().map(|r| r.sum()).collect::<Vec<_>>(),
            [4, 1]
        );
        assert_eq!(whole(&array![[2.6, 0.7, 0.7]]), array![[2, 1, 1]]);
    }

    #[test]
    fn counts_are_calibrated_by_row() {
        // Half of the first label's examples are confident ones.
        assert_eq!(calibrated(&array![[3, 1], [0, 2]], &[8, 2]), array![[6, 2], [0, 2]]);
    }
}
