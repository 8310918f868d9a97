//! How many hand labels soft labels are worth.

use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use synth_core::{ClassId, Observer};

use crate::evaluation::{accuracy, confusion, macro_f1};
use crate::softmax::most_probable;
use crate::{LearnError, SparseMatrix, Trainer, one_hot};

/// How the score of an end model grows with the number of hand labels that it learns from.
///
/// ```
/// use synth_core::{ClassId, Silent};
/// use synth_learn::{LearningCurve, SparseMatrix, Trainer, Worth};
///
/// // One feature, which tells the class.
/// let mut features = SparseMatrix::new(2);
/// (0..64).for_each(|row| features.push_row([(row % 2, 1.0)]));
/// let gold: Vec<ClassId> = (0..64).map(|row| ClassId::new(row % 2)).collect();
/// let curve = LearningCurve::of(&Trainer::default(), &features, &gold, &features, &gold, 2, &Silent)?;
/// assert_eq!(curve.points.last().unwrap().macro_f1.mean, 1.0);
/// assert_eq!(curve.worth(0.2), Worth::Fewer(16));
/// # Ok::<(), synth_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearningCurve {
    /// By ascending number of hand labels.
    pub points: Vec<CurvePoint>,
}

/// What so many hand labels come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The number of hand labels.
    pub n: usize,
    /// Share of right answers, over several draws of the labelled rows.
    pub accuracy: Spread,
    /// Mean F1 of the classes, over the same draws.
    pub macro_f1: Spread,
}

/// A figure over several draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Its mean.
    pub mean: f64,
    /// Its least value.
    pub low: f64,
    /// Its greatest value.
    pub high: f64,
}

/// A score in hand labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "hand_labels")]
pub enum Worth {
    /// Even the fewest that were tried score as much.
    Fewer(usize),
    /// So many, read off the curve.
    About(usize),
    /// Even the most that were tried score less.
    More(usize),
}

/// The fewest hand labels that are tried; then twice as many, and so on.
const FEWEST: usize = 16;
/// The most. Fits on more of them take long, and functions that are worth more are worth writing anyway.
const MOST: usize = 4096;

impl LearningCurve {
    /// Trains on 16, 32, 64, … hand labels, up to all there are or 4,096, and scores each model on other rows.
    /// Each of the `n_draws` draws is an order of the rows, in which they are labelled, by the trainer's seed.
    ///
    /// # Shapes
    /// `features: [n, d]`, `gold: [n]`; `test: [t, d]`, `test_gold: [t]`.
    ///
    /// # Errors
    /// As [`Trainer::train`]; no row to learn from or to score; no draw; a class beyond those of the other rows.
    pub fn of(
        trainer: &Trainer,
        features: &SparseMatrix,
        gold: &[ClassId],
        test: &SparseMatrix,
        test_gold: &[ClassId],
        n_draws: u64,
        observer: &dyn Observer,
    ) -> Result<Self, LearnError> {
        for (matrix, gold) in [(features, gold), (test, test_gold)] {
            if matrix.n_rows() != gold.len() {
                let (expected, got) = (matrix.n_rows(), gold.len());
                return Err(LearnError::RowCount { what: "gold labels", expected, got });
            }
            if gold.is_empty() {
                return Err(LearnError::NoGold);
            }
        }
        if n_draws == 0 {
            return Err(LearnError::Param { name: "the number of draws", value: "0".into(), expected: "1 or more" });
        }
        let k = gold.iter().chain(test_gold).map(|class| class.index() + 1).max().unwrap_or(0);
        let most = gold.len().min(MOST);
        let mut sizes: Vec<usize> =
            std::iter::successors(Some(FEWEST), |n| Some(2 * n)).take_while(|n| *n < most).collect();
        sizes.push(most);

        let mut scores = vec![Vec::new(); sizes.len()];
        for draw in 0..n_draws {
            let mut order: Vec<usize> = (0..gold.len()).collect();
            order.shuffle(&mut ChaCha8Rng::seed_from_u64(trainer.seed ^ (draw << 32)));
            for (&n, scores) in sizes.iter().zip(&mut scores) {
                let labelled: Vec<Option<ClassId>> = order[..n].iter().map(|&row| Some(gold[row])).collect();
                let targets: Array2<f64> = one_hot(&labelled, k)?;
                let training = trainer.train(&features.select(&order[..n]), targets.view(), &vec![1.0; n], observer)?;
                let logits = training.model.logits(test);
                let predicted = logits.rows().into_iter().map(most_probable);
                let confusion = confusion(k, predicted.zip(test_gold.iter().map(|class| class.index())));
                scores.push((accuracy(&confusion), macro_f1(&confusion)));
            }
        }
        let points = sizes.into_iter().zip(scores).map(|(n, scores)| CurvePoint {
            n,
            accuracy: Spread::of(scores.iter().map(|(accuracy, _)| *accuracy)),
            macro_f1: Spread::of(scores.iter().map(|(_, macro_f1)| *macro_f1)),
        });
        Ok(Self { points: points.collect() })
    }

    /// How many hand labels reach a macro F1, on the same test rows: where the curve of means first gets there,
    /// between two points by the logarithm of their number. Macro F1 and not accuracy, which in rare classes is high
    /// for a model that has never heard of them.
    pub fn worth(&self, macro_f1: f64) -> Worth {
        let Some(reached) = self.points.iter().position(|point| point.macro_f1.mean >= macro_f1) else {
            return Worth::More(self.points.last().map_or(0, |point| point.n));
        };
        let to = self.points[reached];
        let Some(from) = reached.checked_sub(1).map(|before| self.points[before]) else { return Worth::Fewer(to.n) };
        let share = (macro_f1 - from.macro_f1.mean) / (to.macro_f1.mean - from.macro_f1.mean);
        let (low, high) = ((from.n as f64).ln(), (to.n as f64).ln());
        Worth::About((low + share * (high - low)).exp().round() as usize)
    }
}

impl Spread {
    fn of(values: impl ExactSizeIterator<Item = f64> + Clone) -> Self {
        Self {
            mean: values.clone().sum::<f64>() / values.len() as f64,
            low: values.clone().fold(f64::INFINITY, f64::min),
            high: values.fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use synth_core::Silent;

    use super::*;

    fn curve(points: &[(usize, f64)]) -> LearningCurve {
        let flat = |mean| Spread { mean, low: mean, high: mean };
        let points = points.iter().map(|&(n, f1)| CurvePoint { n, accuracy: flat(f1), macro_f1: flat(f1) });
        LearningCurve { points: points.collect() }
    }

    #[test]
    fn scores_are_read_off_the_curve() {
        let curve = curve(&[(16, 0.5), (32, 0.6), (64, 0.55), (128, 0.8)]);
        assert_eq!(curve.worth(0.4), Worth::Fewer(16));
        assert_eq!(curve.worth(0.5), Worth::Fewer(16));
        // Half way in logarithms: the root of 16 times 32.
        assert_eq!(curve.worth(0.55), Worth::About(23));
        assert_eq!(curve.worth(0.6), Worth::About(32));
        // The curve goes down and comes up again: .7 is three fifths of the way from .55 to .8.
        assert_eq!(curve.worth(0.7), Worth::About((64.0 * 2f64.powf(0.6)).round() as usize));
        assert_eq!(curve.worth(0.81), Worth::More(128));
    }

    /// Rows with one of forty features each, all of which tell the class: what is not seen is not known.
    fn rows(n: u32) -> (SparseMatrix, Vec<ClassId>) {
        let mut features = SparseMatrix::new(40);
        for row in 0..n {
            let word = row.wrapping_mul(2_654_435_761) >> 8;
            features.push_row([(word % 20 * 2 + row % 2, 1.0)]);
        }
        (features, (0..n).map(|row| ClassId::new((row % 2) as u16)).collect())
    }

    #[test]
    fn more_labels_score_more_and_the_same_at_any_number_of_threads() {
        let ((train, gold), (test, test_gold)) = (rows(200), rows(100));
        let of = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                LearningCurve::of(&Trainer::default(), &train, &gold, &test, &test_gold, 3, &Silent).unwrap()
            })
        };
        let curve = of(1);
        assert_eq!(curve, of(3));
        assert_eq!(curve.points.iter().map(|point| point.n).collect::<Vec<_>>(), [16, 32, 64, 128, 200]);
        let (first, last) = (curve.points[0].macro_f1, curve.points[4].macro_f1);
        assert!(first.low <= first.mean && first.mean <= first.high && first.mean < last.mean, "{curve:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let (features, gold) = rows(20);
        let trainer = Trainer::default();
        let none = LearningCurve::of(&trainer, &features.select(&[]), &[], &features, &gold, 3, &Silent);
        assert!(matches!(none, Err(LearnError::NoGold)));
        let short = LearningCurve::of(&trainer, &features, &gold[1..], &features, &gold, 3, &Silent);
        assert_eq!(short.unwrap_err().to_string(), "20 rows of features, but 19 gold labels");
        let draws = LearningCurve::of(&trainer, &features, &gold, &features, &gold, 0, &Silent).unwrap_err();
        assert_eq!(draws.to_string(), "the number of draws is 0, expected 1 or more");
    }
}
