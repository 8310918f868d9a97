//! A classifier of records, trained on soft labels.

use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_core::{BoxError, ClassId, ClassSet, Dataset, Event, Observer, Predict, SoftLabels, Stage};

use crate::softmax::softmax;
use crate::{Calibration, Features, LearnError, LogisticModel, LogisticRegression, SparseMatrix, StopReason, folds};

/// How a classifier is trained.
///
/// ```
/// use ndarray::array;
/// use synth_core::{ClassSet, Dataset, Predict, Silent};
/// use synth_learn::{FeatureSpec, Features, TextSpec, Trainer};
///
/// let records = Dataset::of_texts("text", ["so good", "good film", "so bad", "bad film"]);
/// let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
/// let features = Features::fit(spec, [Ok(records.clone())], |_| true)?;
/// let matrix = features.of_records(&records)?;
/// let soft = array![[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]];
/// let training = Trainer { l2: Some(1e-3), ..Trainer::default() }.train(&matrix, soft.view(), &[1.0; 4], &Silent)?;
/// let classifier = training.classifier(ClassSet::new(["pos", "neg"])?, features)?;
/// let labels = classifier.predict(&Dataset::of_texts("text", ["a good one"]))?;
/// assert_eq!(labels.classes().name(labels.label(0)), "pos");
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Trainer {
    /// The strength of L2; `None` lets cross-validation choose among [`L2_GRID`].
    pub l2: Option<f64>,
    /// Classes count alike, however many rows they have: the part of a row that belongs to a class is divided by the
    /// share of that class. Probabilities are then those of a world in which all classes are equally common.
    pub balanced: bool,
    /// The number of folds, 2 or more.
    pub n_folds: usize,
    /// Deals rows into folds.
    pub seed: u64,
}

impl Default for Trainer {
    fn default() -> Self {
        Self { l2: None, balanced: false, n_folds: 5, seed: 0 }
    }
}

/// The strengths that cross-validation tries, strong to weak: each fit begins where the one before it ended.
pub const L2_GRID: [f64; 6] = [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5];

/// What training came to.
#[derive(Debug, Clone)]
pub struct Training {
    /// The weights.
    pub model: LogisticModel,
    /// How it came to be.
    pub report: TrainingReport,
    /// For each row, those without weight too, the logits by a model that did not see it.
    out_of_fold: Array2<f64>,
}

/// How a classifier came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Rows with a weight.
    pub n_rows: usize,
    /// Features, d.
    pub n_features: usize,
    /// The strength of L2.
    pub l2: f64,
    /// Mean cross-entropy on held-out rows for each strength tried, with its strength; empty where all rows
    /// are the same, which leaves nothing to hold out.
    pub tried: Vec<(f64, f64)>,
    /// Steps of the last fit.
    pub iterations: u64,
    /// Why it ended.
    pub stop: StopReason,
    /// What makes distributions of logits.
    pub calibration: Calibration,
    /// What that was fitted on.
    pub calibrated_on: CalibratedOn,
    /// Classes counted alike, as [`Trainer::balanced`] says; in a calibration on gold, too.
    pub balanced: bool,
}

/// What a calibration was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibratedOn {
    /// Nothing: all rows were the same, so nothing could be held out.
    Nothing,
    /// Out-of-fold predictions against the soft labels themselves: a temperature, as right as these are.
    SoftLabels,
    /// Gold labels: temperature, bias and floor.
    Gold,
}

impl Trainer {
    /// Trains on features and soft labels; rows of weight 0 are not learned from.
    ///
    /// # Shapes
    /// `features: [n, d]`, `targets: [n, k]` distributions, `row_weights: [n]`.
    ///
    /// # Errors
    /// As [`LogisticRegression::fit`]; a parameter out of its range; the observer asks to stop, which it is asked before
    /// each fit.
    pub fn train(
        &self,
        features: &SparseMatrix,
        targets: ArrayView2<'_, f64>,
        row_weights: &[f64],
        observer: &dyn Observer,
    ) -> Result<Training, LearnError> {
        if self.n_folds < 2 {
            let value = self.n_folds.to_string();
            return Err(LearnError::Param { name: "the number of folds", value, expected: "2 or more" });
        }
        let l2_grid = self.l2.map_or(L2_GRID.to_vec(), |l2| vec![l2]);
        // All rows at once, so that what is wrong is named by its own row, not by its place in a fold.
        LogisticRegression { l2: l2_grid[0], ..LogisticRegression::default() }.check(
            features,
            &targets,
            row_weights,
        )?;
        let targets = if self.balanced { balanced(targets, row_weights) } else { targets.to_owned() };
        let weighted: Vec<usize> = (0..row_weights.len()).filter(|&row| row_weights[row] > 0.0).collect();
        let fits = Fits::begin(observer, self.n_folds * l2_grid.len() + 1);
        let held_out = folds::stratified(features, targets.view(), row_weights, self.n_folds, self.seed);
        let held_out = held_out
            .map(|folds| HeldOut::of(features, targets.view(), row_weights, &folds, self.n_folds, &l2_grid, &fits))
            .transpose()?;
        let tried: Vec<(f64, f64)> =
            held_out.iter().flat_map(|held_out| l2_grid.iter().copied().zip(held_out.losses.iter().copied())).collect();
        let best = tried.iter().enumerate().min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at);
        let l2 = l2_grid[best];
        let regression = LogisticRegression { l2, ..LogisticRegression::default() };
        fits.next()?;
        let fit = regression.fit(features, targets.view(), row_weights, None)?;
        drop(fits);
        let (out_of_fold, calibration, calibrated_on) = match held_out {
            Some(mut held_out) => {
                let logits = held_out.logits.swap_remove(best);
                let mut masses = targets.select(Axis(0), &weighted);
                masses.rows_mut().into_iter().zip(&weighted).for_each(|(mut row, &at)| row *= row_weights[at]);
                let calibration = Calibration::of_temperature(logits.select(Axis(0), &weighted).view(), masses.view())?;
                (logits, calibration, CalibratedOn::SoftLabels)
            }
            // What did not see the only kind of row there is knows nothing.
            None => {
                let mut logits = fit.model.logits(features);
                weighted.iter().for_each(|&row| logits.row_mut(row).fill(0.0));
                (logits, Calibration::none(targets.ncols()), CalibratedOn::Nothing)
            }
        };
        let report = TrainingReport {
            n_rows: weighted.len(),
            n_features: features.n_columns(),
            l2,
            tried,
            iterations: fit.iterations,
            stop: fit.stop,
            calibration,
            calibrated_on,
            balanced: self.balanced,
        };
        Ok(Training { model: fit.model, report, out_of_fold })
    }
}

/// Targets of which each class has the same mass over all rows, by their weights. A class with less mass than one row
/// counts as if it had that much, so that a trace of a class is not blown up to the size of the others.
fn balanced(targets: ArrayView2<'_, f64>, row_weights: &[f64]) -> Array2<f64> {
    let mut mass = vec![0.0; targets.ncols()];
    for (target, weight) in targets.rows().into_iter().zip(row_weights) {
        mass.iter_mut().zip(target).for_each(|(mass, y)| *mass += weight * y);
    }
    let one_row = row_weights.iter().copied().fold(0.0, f64::max);
    let present: Vec<f64> = mass.iter().copied().filter(|mass| *mass >= one_row).collect();
    let share = present.iter().sum::<f64>() / present.len().max(1) as f64;
    Array2::from_shape_fn(targets.dim(), |(row, c)| targets[[row, c]] * share / mass[c].max(one_row))
}

/// Tells an observer of fits, as they come and go; the end of them is told when this is dropped.
struct Fits<'a> {
    observer: &'a dyn Observer,
    begun: AtomicU64,
}

impl<'a> Fits<'a> {
    fn begin(observer: &'a dyn Observer, total: usize) -> Self {
        observer.event(Event::Started { stage: Stage::Fit, total: Some(total as u64) });
        Self { observer, begun: AtomicU64::new(0) }
    }

    /// To be called before each fit.
    fn next(&self) -> Result<(), LearnError> {
        if self.observer.cancelled() {
            return Err(LearnError::Cancelled);
        }
        let done = self.begun.fetch_add(1, Ordering::Relaxed);
        self.observer.event(Event::Advanced { stage: Stage::Fit, done });
        Ok(())
    }
}

impl Drop for Fits<'_> {
    fn drop(&mut self) {
        self.observer.event(Event::Finished { stage: Stage::Fit });
    }
}

/// What models say of rows they did not see, for each strength of L2.
struct HeldOut {
    /// Mean cross-entropy, over rows by weight.
    losses: Vec<f64>,
    logits: Vec<Array2<f64>>,
}

impl HeldOut {
    fn of(
        features: &SparseMatrix,
        targets: ArrayView2<'_, f64>,
        row_weights: &[f64],
        folds: &[usize],
        n_folds: usize,
        l2_grid: &[f64],
        fits: &Fits<'_>,
    ) -> Result<Self, LearnError> {
        let mut logits = vec![Array2::zeros(targets.raw_dim()); l2_grid.len()];
        let of_folds = (0..n_folds).into_par_iter().map(|fold| {
            let split = |held_out: bool| -> Vec<usize> {
                (0..folds.len()).filter(|&row| (folds[row] == fold) == held_out).collect()
            };
            let (train, test) = (split(false), split(true));
            let (seen, unseen) = (features.select(&train), features.select(&test));
            let targets = targets.select(Axis(0), &train);
            let weights: Vec<f64> = train.iter().map(|&row| row_weights[row]).collect();
            let mut model: Option<LogisticModel> = None;
            let mut of_strengths = Vec::new();
            for &l2 in l2_grid {
                fits.next()?;
                // What is left to gain below this gradient does not change which strength is best.
                let regression = LogisticRegression { l2, tolerance: 1e-2, ..LogisticRegression::default() };
                let fit = regression.fit(&seen, targets.view(), &weights, model.as_ref())?;
                of_strengths.push(fit.model.logits(&unseen));
                model = Some(fit.model);
            }
            Ok((test, of_strengths))
        });
        for of_fold in of_folds.collect::<Vec<Result<_, LearnError>>>() {
            let (rows, of_strengths) = of_fold?;
            for (all, own) in logits.iter_mut().zip(of_strengths) {
                for (own, &row) in own.rows().into_iter().zip(&rows) {
                    all.row_mut(row).assign(&own);
                }
            }
        }
        let sum: f64 = row_weights.iter().sum();
        let loss = |logits: &Array2<f64>| {
            let rows = logits.rows().into_iter().zip(targets.rows()).zip(row_weights);
            let losses = rows.map(|((logits, target), weight)| {
                let mut p = logits.to_vec();
                let log_sum = softmax(&mut p);
                weight * target.iter().zip(logits).map(|(y, x)| y * (log_sum - x)).sum::<f64>()
            });
            losses.sum::<f64>() / sum
        };
        Ok(Self { losses: logits.iter().map(loss).collect(), logits })
    }
}

impl Training {
    /// For each row, those without weight too, the distribution by a model that did not see it: `[n, k]`. What these
    /// say of a row was not learned from it, so they can judge its label.
    pub fn out_of_fold(&self) -> Array2<f64> {
        self.report.calibration.distributions(self.out_of_fold.clone())
    }

    /// Calibrates anew, temperature, bias and floor, on what models that did not see a row say of it, against its gold label.
    ///
    /// # Shapes
    /// `gold: [n]`, `None` where it is not known.
    ///
    /// # Errors
    /// No row has gold; another number of rows; a gold class that is none of the k.
    pub fn calibrate(&mut self, gold: &[Option<ClassId>]) -> Result<(), LearnError> {
        if gold.len() != self.out_of_fold.nrows() {
            let (expected, got) = (self.out_of_fold.nrows(), gold.len());
            return Err(LearnError::RowCount { what: "gold labels", expected, got });
        }
        self.report.calibration = on_gold(self.out_of_fold.view(), gold, self.report.balanced)?;
        self.report.calibrated_on = CalibratedOn::Gold;
        Ok(())
    }

    /// The classifier: the model with the features it reads.
    ///
    /// # Errors
    /// The classes or the features are not those of the training.
    pub fn classifier(self, classes: ClassSet, features: Features) -> Result<Classifier, LearnError> {
        Classifier::new(classes, features, self.model, self.report)
    }
}

/// The calibration that fits the rows with gold.
fn on_gold(logits: ArrayView2<'_, f64>, gold: &[Option<ClassId>], balance: bool) -> Result<Calibration, LearnError> {
    let rows: Vec<usize> = (0..gold.len()).filter(|&row| gold[row].is_some()).collect();
    if rows.is_empty() {
        return Err(LearnError::NoGold);
    }
    let targets = one_hot(gold, logits.ncols())?.select(Axis(0), &rows);
    let targets = if balance { balanced(targets.view(), &vec![1.0; rows.len()]) } else { targets };
    Calibration::complete(logits.select(Axis(0), &rows).view(), targets.view())
}

/// Gold labels as targets: 1 for the class of a row, 0 for the others, and where it is not known for all.
///
/// # Shapes
/// `gold: [n]`, the result `[n, k]`.
///
/// # Errors
/// A class that is none of the k.
pub fn one_hot(gold: &[Option<ClassId>], n_classes: usize) -> Result<Array2<f64>, LearnError> {
    let mut targets = Array2::zeros((gold.len(), n_classes));
    for (row, class) in gold.iter().enumerate().filter_map(|(row, class)| Some((row, (*class)?.index()))) {
        let Some(target) = targets.get_mut((row, class)) else {
            return Err(LearnError::BadValue { what: "the gold class", row, value: class as f64 });
        };
        *target = 1.0;
    }
    Ok(targets)
}

/// Turns records into distributions over classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    pub(crate) classes: ClassSet,
    pub(crate) features: Features,
    pub(crate) model: LogisticModel,
    pub(crate) report: TrainingReport,
}

impl Classifier {
    pub(crate) fn new(
        classes: ClassSet,
        features: Features,
        model: LogisticModel,
        report: TrainingReport,
    ) -> Result<Self, LearnError> {
        if classes.len() != model.n_classes() {
            let (expected, got) = (format!("{} in number", model.n_classes()), classes.names().join(", "));
            return Err(LearnError::Classes { expected, got });
        }
        if features.n_columns() != model.weights.nrows() {
            let (expected, got) = (model.weights.nrows(), features.n_columns());
            return Err(LearnError::RowCount { what: "columns of the features fitted", expected, got });
        }
        Ok(Self { classes, features, model, report })
    }

    /// How it came to be.
    pub fn report(&self) -> &TrainingReport {
        &self.report
    }

    /// The features it reads.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What it says of records whose features are known already.
    ///
    /// # Shapes
    /// `[n, d]`, the result `[n, k]` with rows that sum to 1.
    ///
    /// # Panics
    /// If these are not [`Classifier::features`].
    pub fn of_features(&self, features: &SparseMatrix) -> Array2<f64> {
        self.report.calibration.distributions(self.model.logits(features))
    }

    /// Calibrates anew, temperature, bias and floor, on gold labels of records that the classifier was not trained on.
    ///
    /// # Shapes
    /// `gold: [n]`, one entry a record; `None` where it is not known.
    ///
    /// # Errors
    /// As [`Features::of_records`]; no record has gold; another number of gold labels than records; a gold class that is
    /// none of the k.
    pub fn calibrate(&mut self, records: &Dataset, gold: &[Option<ClassId>]) -> Result<(), LearnError> {
        if gold.len() != records.n_rows() {
            let (expected, got) = (records.n_rows(), gold.len());
            return Err(LearnError::RowCount { what: "gold labels", expected, got });
        }
        let logits = self.model.logits(&self.features.of_records(records)?);
        self.report.calibration = on_gold(logits.view(), gold, self.report.balanced)?;
        self.report.calibrated_on = CalibratedOn::Gold;
        Ok(())
    }
}

impl Predict for Classifier {
    fn classes(&self) -> &ClassSet {
        &self.classes
    }

    /// The classifier says something of every record; each counts as having one vote.
    fn predict(&self, records: &Dataset) -> Result<SoftLabels, BoxError> {
        let probs = self.of_features(&self.features.of_records(records)?);
        let n_votes = vec![1; records.n_rows()];
        Ok(SoftLabels::from_rows(self.classes.clone(), probs.into_raw_vec_and_offset().0, n_votes)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ndarray::array;
    use synth_core::Silent;

    use super::*;

    fn features(rows: usize) -> SparseMatrix {
        let mut features = SparseMatrix::new(3);
        (0..rows).for_each(|row| features.push_row([((row % 2) as u32, 1.0), (2, row as f64 / rows as f64)]));
        features
    }

    /// Soft labels by the first two features, now and then wrong.
    fn targets(rows: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, 2), |(row, c)| {
            let wrong = row % 7 == 3;
            if (row % 2 == c) != wrong { 0.8 } else { 0.2 }
        })
    }

    #[test]
    fn the_same_bits_at_any_number_of_threads() {
        let train = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (features, targets) = (features(900), targets(900));
            pool.install(|| Trainer::default().train(&features, targets.view(), &[1.0; 900], &Silent).unwrap())
        };
        let (one, four) = (train(1), train(4));
        assert_eq!((one.model, one.report, one.out_of_fold), (four.model, four.report, four.out_of_fold));
    }

    #[test]
    fn out_of_fold_rows_are_distributions_and_do_not_see_their_own_label() {
        let (features, mut targets) = (features(40), targets(40));
        let trainer = Trainer { l2: Some(1e-3), ..Trainer::default() };
        let before = trainer.train(&features, targets.view(), &[1.0; 40], &Silent).unwrap();
        assert!(before.out_of_fold().rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
        // Another label of the same most probable class leaves the folds as they are, and so the row's own logits.
        targets.row_mut(0).assign(&array![0.99, 0.01]);
        let after = trainer.train(&features, targets.view(), &[1.0; 40], &Silent).unwrap();
        assert_eq!(before.out_of_fold.row(0), after.out_of_fold.row(0));
        assert_ne!(before.model, after.model);
    }

    #[test]
    fn one_row_is_enough_and_says_what_it_can() {
        // The second row is not learned from.
        let training = Trainer::default().train(&features(2), targets(2).view(), &[1.0, 0.0], &Silent).unwrap();
        assert_eq!((training.report.tried.len(), training.report.n_rows), (0, 1));
        assert_eq!(training.report.calibrated_on, CalibratedOn::Nothing);
        let probs = training.out_of_fold();
        assert_eq!(probs.row(0), array![0.5, 0.5]);
        assert!(probs[[1, 0]] > 0.5);
    }

    #[test]
    fn one_class_only_is_certain() {
        let targets = Array2::ones((6, 1));
        let training = Trainer::default().train(&features(6), targets.view(), &[1.0; 6], &Silent).unwrap();
        assert_eq!(training.out_of_fold(), targets);
        // A second class that no row has.
        let targets = Array2::from_shape_fn((6, 2), |(_, c)| if c == 0 { 1.0 } else { 0.0 });
        let training = Trainer::default().train(&features(6), targets.view(), &[1.0; 6], &Silent).unwrap();
        assert!(training.out_of_fold().column(0).iter().all(|p| *p > 0.9));
    }

    #[test]
    fn a_class_with_a_single_row() {
        let targets = Array2::from_shape_fn((9, 2), |(row, c)| f64::from(u8::from((row == 4) == (c == 1))));
        let training = Trainer::default().train(&features(9), targets.view(), &[1.0; 9], &Silent).unwrap();
        assert!(training.out_of_fold().iter().all(|p| p.is_finite()));
        let short = Trainer::default().train(&features(8), targets.view(), &[1.0; 9], &Silent).unwrap_err();
        assert_eq!(short.to_string(), "8 rows of features, but 9 targets");
    }

    #[test]
    fn balanced_classes_count_alike() {
        // Nine rows of the first class, one of the second, and nothing to tell them apart.
        let mut features = SparseMatrix::new(1);
        (0..10).for_each(|_| features.push_row([]));
        let targets = Array2::from_shape_fn((10, 2), |(row, c)| f64::from(u8::from((row < 9) == (c == 0))));
        let bias = |balanced| {
            let trainer = Trainer { balanced, l2: Some(1e-3), ..Trainer::default() };
            trainer.train(&features, targets.view(), &[1.0; 10], &Silent).unwrap().model.bias
        };
        assert!((bias(true)[0] - bias(true)[1]).abs() < 1e-4);
        assert!((bias(false)[0] - bias(false)[1] - 9f64.ln()).abs() < 1e-3);
        // Soft labels that favour the first class on every row, by three to one all in all.
        let soft = Array2::from_shape_fn((10, 2), |(row, c)| {
            if (row < 5) == (c == 0) { 0.9 - 0.3 * c as f64 } else { 0.1 + 0.3 * (1 - c) as f64 }
        });
        let trainer = Trainer { balanced: true, l2: Some(1e-3), ..Trainer::default() };
        let bias = trainer.train(&features, soft.view(), &[1.0; 10], &Silent).unwrap().model.bias;
        assert!((bias[0] - bias[1]).abs() < 1e-4, "{bias}");
    }

    #[test]
    fn a_trace_of_a_class_stays_one() {
        let targets = Array2::from_shape_fn((12, 3), |(row, c)| match c {
            2 => 1e-9,
            _ => f64::from(u8::from(row % 2 == c)),
        });
        let trainer = Trainer { balanced: true, l2: Some(1e-3), ..Trainer::default() };
        let training = trainer.train(&features(12), targets.view(), &[1.0; 12], &Silent).unwrap();
        assert!(training.out_of_fold().rows().into_iter().enumerate().all(|(row, p)| p[row % 2] > 0.9 && p[2] < 0.01));
    }

    #[test]
    fn calibration_on_gold_leaves_balanced_classes_balanced() {
        // Nine tenths are of the first class, and nothing tells them apart.
        let mut features = SparseMatrix::new(1);
        (0..100).for_each(|row| features.push_row([(0, 1.0 + f64::from(row) * 1e-9)]));
        let gold: Vec<Option<ClassId>> = (0..100).map(|row| Some(ClassId::new(u16::from(row % 10 == 0)))).collect();
        let targets = one_hot(&gold, 2).unwrap();
        let first = |balanced| {
            let trainer = Trainer { balanced, l2: Some(1e-3), ..Trainer::default() };
            let mut training = trainer.train(&features, targets.view(), &[1.0; 100], &Silent).unwrap();
            training.calibrate(&gold).unwrap();
            training.out_of_fold()[[0, 0]]
        };
        assert!((first(false) - 0.9).abs() < 0.03 && (first(true) - 0.5).abs() < 0.03);
    }

    #[test]
    fn copies_of_a_row_do_not_vouch_for_each_other() {
        // Forty random rows with random labels, five times over: there is nothing to learn.
        let mut features = SparseMatrix::new(40);
        (0..200u32).for_each(|row| features.push_row([(row % 40, 1.0)]));
        let targets =
            Array2::from_shape_fn((200, 2), |(row, c)| f64::from(u8::from((row % 40 * 7 % 11 < 5) == (c == 0))));
        let training = Trainer::default().train(&features, targets.view(), &[1.0; 200], &Silent).unwrap();
        let loss = training.report.tried.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
        assert!(loss > 0.6, "{loss}");
    }

    #[test]
    fn the_temperature_counts_rows_by_their_weight() {
        let (features, targets) = (features(30), targets(30));
        let temperature = |weights: &[f64]| {
            let trainer = Trainer { l2: Some(1e-2), ..Trainer::default() };
            let training = trainer.train(&features, targets.view(), weights, &Silent).unwrap();
            let rows: Vec<usize> = (0..30).flat_map(|row| vec![row; weights[row] as usize]).collect();
            let logits = training.out_of_fold.select(Axis(0), &rows);
            let expected = Calibration::of_temperature(logits.view(), targets.select(Axis(0), &rows).view()).unwrap();
            (training.report.calibration.temperature, expected.temperature)
        };
        let weights: Vec<f64> = (0..30).map(|row| if row % 7 == 3 { 3.0 } else { 1.0 }).collect();
        let (got, expected) = temperature(&weights);
        assert!((got - expected).abs() < 1e-9 && got > temperature(&[1.0; 30]).0);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_own_row() {
        let (mut features, mut targets) = (features(30), targets(31));
        features.push_row([(0, f64::INFINITY)]);
        let error = |features, targets: &Array2<f64>| {
            Trainer::default().train(features, targets.view(), &[1.0; 31], &Silent).unwrap_err().to_string()
        };
        assert_eq!(error(&features, &targets), "a feature of row 30 is inf");
        targets[[29, 0]] = f64::NAN;
        assert_eq!(error(&features, &targets), "a target of row 29 is NaN");
        assert_eq!(error(&features, &Array2::zeros((31, 0))), "there is no class to tell from others");
        let gold = [None, Some(ClassId::new(2))];
        assert_eq!(one_hot(&gold, 2).unwrap_err().to_string(), "the gold class of row 1 is 2");
    }

    #[test]
    fn more_features_than_rows() {
        // Each of six rows has fifty features that no other has, and one that tells its class.
        let mut features = SparseMatrix::new(302);
        for row in 0..6u32 {
            features.push_row((0..50).map(|i| (row * 50 + i, 0.1)).chain([(300 + row % 2, 1.0)]));
        }
        let training = Trainer::default().train(&features, targets(6).view(), &[1.0; 6], &Silent).unwrap();
        assert_eq!(training.report.stop, StopReason::Converged);
        assert!(training.out_of_fold().iter().all(|p| p.is_finite()));
        let logits = training.model.logits(&features);
        assert!(logits.rows().into_iter().enumerate().all(|(row, x)| row == 3 || x[row % 2] > x[1 - row % 2]));
    }

    #[test]
    fn an_observer_follows_the_fits_and_stops_them() {
        struct Watch(Mutex<Vec<Event>>, u64);
        impl Observer for Watch {
            fn event(&self, event: Event) {
                self.0.lock().unwrap().push(event);
            }
            fn cancelled(&self) -> bool {
                self.0.lock().unwrap().len() as u64 > self.1
            }
        }
        let (features, targets) = (features(40), targets(40));
        let train = |watch: &Watch| Trainer::default().train(&features, targets.view(), &[1.0; 40], watch);
        let watch = Watch(Mutex::default(), u64::MAX);
        train(&watch).unwrap();
        // Five folds times six strengths and the last fit, between the beginning and the end.
        assert_eq!(watch.0.into_inner().unwrap().len(), 33);
        let watch = Watch(Mutex::default(), 4);
        assert!(matches!(train(&watch), Err(LearnError::Cancelled)));
        assert!(matches!(watch.0.into_inner().unwrap()[..], [Event::Started { .. }, .., Event::Finished { .. }]));
    }

    #[test]
    fn gold_calibrates() {
        let (features, targets) = (features(60), targets(60));
        let mut training = Trainer::default().train(&features, targets.view(), &[1.0; 60], &Silent).unwrap();
        // Gold agrees with the first two features always, so the soft labels were too careful.
        let gold: Vec<_> = (0..60).map(|row| (row < 20).then(|| ClassId::new(row % 2))).collect();
        let before = training.report.calibration.temperature;
        training.calibrate(&gold).unwrap();
        assert!(training.report.calibration.temperature < before);
        assert_eq!(training.report.calibrated_on, CalibratedOn::Gold);
        assert!(matches!(training.calibrate(&[None; 60]), Err(LearnError::NoGold)));
    }
}
