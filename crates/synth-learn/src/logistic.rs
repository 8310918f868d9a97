//! Multinomial logistic regression on soft labels.
//!
//! The objective is the mean cross-entropy between the model's distribution and the target's, each row with its weight,
//! and half the squared norm of the weights times the strength of L2; the bias is not penalised:
//!
//! ```text
//! J(W, b) = Σᵢ wᵢ Σ꜀ yᵢ꜀ (-ln pᵢ꜀) / Σᵢ wᵢ + l2/2 ‖W‖²        p = softmax(x W + b)
//! ```
//!
//! It is convex, and L-BFGS finds its one minimum. scikit-learn's `LogisticRegression(C=…)` minimises the same with
//! `l2 = 1 / (C Σ w)`, for hard targets and three classes or more.

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient, State, TerminationReason, TerminationStatus};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::softmax::softmax;
use crate::{LearnError, SparseMatrix};

/// Rows, or columns, that are taken as one: sums over them are the same at any number of threads.
const CHUNK: usize = 256;
/// Steps that L-BFGS remembers. With many features the time goes into them, not into the objective: 10, what SciPy takes,
/// saves a few steps in a hundred and costs a quarter more on 200,000 weights.
const HISTORY: usize = 4;

/// Without L2 no gradient but 0 promises the minimum; this much counts instead.
const LEAST_L2: f64 = 1e-8;
/// More would let the bias, which has no penalty, stay where it is.
const MOST_L2: f64 = 1e-2;

/// How a logistic regression is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticRegression {
    /// The strength of the penalty on large weights, not negative. More rows call for less.
    pub l2: f64,
    /// The most steps.
    pub max_iterations: u64,
    /// It has converged when the norm of the gradient is below this times the root of `l2`, or of 0.01 if that is less.
    /// The penalty makes the objective strongly convex, so it is then at most `tolerance² / 2` above its minimum; the bias
    /// has no penalty, and the least makes sure that it is fitted too.
    pub tolerance: f64,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        // On real text it leaves the objective less than 1e-6 of it above its minimum.
        Self { l2: 1e-4, max_iterations: 1000, tolerance: 2e-3 }
    }
}

/// Why a fit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// The gradient vanished, or the objective stands still.
    Converged,
    /// No better point was found along the last direction, though the gradient has not vanished: steps are below what
    /// 64 bits tell apart. The model is usable.
    LineSearch,
    /// The cap on steps was reached. The model is usable; it might have got a little better.
    IterationCap,
}

/// A fitted logistic regression and the story of its fit.
#[derive(Debug, Clone)]
pub struct LogisticFit {
    /// The model.
    pub model: LogisticModel,
    /// Why the fit ended.
    pub stop: StopReason,
    /// The number of steps.
    pub iterations: u64,
    /// The objective at the end.
    pub objective: f64,
}

/// Weights and bias.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticModel {
    /// `[d, k]`: d features, k classes.
    pub weights: Array2<f64>,
    /// `[k]`.
    pub bias: Array1<f64>,
}

impl LogisticRegression {
    /// Fits a model.
    ///
    /// # Shapes
    /// `features: [n, d]`; `targets: [n, k]`, distributions, or multiples of them, which count as often;
    /// `row_weights: [n]`, not negative. `start` is a model with the same d and k; without one the weights start at 0.
    ///
    /// # Errors
    /// No row with a weight, or no class; shapes that do not agree; something that is no number; a parameter out of its
    /// range; the optimiser cannot take a single step.
    ///
    /// # References
    /// Liu, Nocedal (1989), On the limited memory BFGS method for large scale optimization, as argmin has it, with the
    /// line search of Moré and Thuente (1994).
    ///
    /// ```
    /// use ndarray::array;
    /// use synth_learn::{LogisticRegression, SparseMatrix};
    ///
    /// let mut features = SparseMatrix::new(1);
    /// [-1.0, -2.0, 1.0, 2.0].map(|x| features.push_row([(0, x)]));
    /// let targets = array![[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7]];
    /// let fit = LogisticRegression::default().fit(&features, targets.view(), &[1.0; 4], None)?;
    /// let logits = fit.model.logits(&features);
    /// assert!(logits[[0, 0]] > logits[[0, 1]] && logits[[3, 0]] < logits[[3, 1]]);
    /// # Ok::<(), synth_learn::LearnError>(())
    /// ```
    pub fn fit(
        &self,
        features: &SparseMatrix,
        targets: ArrayView2<'_, f64>,
        row_weights: &[f64],
        start: Option<&LogisticModel>,
    ) -> Result<LogisticFit, LearnError> {
        self.check(features, &targets, row_weights)?;
        let k = targets.ncols();
        if let Some(start) = start {
            LearnError::check_shape("the weights to start from", &[features.n_columns(), k], start.weights.shape())?;
            LearnError::check_shape("the bias to start from", &[k], start.bias.shape())?;
        }
        let objective = Objective::new(features, targets, row_weights, self.l2);
        let problem = Problem { objective, last: RefCell::new(None) };
        let start = match start {
            Some(model) => model.weights.iter().chain(&model.bias).copied().collect(),
            None => Array1::zeros((features.n_columns() + 1) * k),
        };
        let failed = |source: argmin::core::Error| LearnError::Optimiser { problem: source.to_string() };
        let search = MoreThuenteLineSearch::new();
        let solver = LBFGS::new(search, HISTORY)
            .with_tolerance_grad(self.tolerance * self.l2.clamp(LEAST_L2, MOST_L2).sqrt())
            .map_err(failed)?;
        // Two equal costs in a row are as good as it gets in 64 bits.
        let solver = solver.with_tolerance_cost(f64::EPSILON).map_err(failed)?;
        let executor =
            Executor::new(problem, solver).configure(|state| state.param(start).max_iters(self.max_iterations));
        let result = executor.timer(false).run().map_err(failed)?;
        let state = result.state();
        let stop = match state.get_termination_status() {
            TerminationStatus::Terminated(TerminationReason::MaxItersReached) => StopReason::IterationCap,
            TerminationStatus::Terminated(TerminationReason::SolverExit(problem)) if state.get_iter() <= 1 => {
                return Err(LearnError::Optimiser { problem: problem.clone() });
            }
            TerminationStatus::Terminated(TerminationReason::SolverExit(_)) => StopReason::LineSearch,
            _ => StopReason::Converged,
        };
        let Some(best) = state.get_best_param() else {
            return Err(LearnError::Optimiser { problem: "it took no step".into() });
        };
        let (weights, bias) = best.as_slice().expect("parameters are a slice").split_at(features.n_columns() * k);
        let weights = Array2::from_shape_vec((features.n_columns(), k), weights.to_vec());
        let model = LogisticModel {
            weights: weights.expect("as many weights as features times classes"),
            bias: bias.to_vec().into(),
        };
        Ok(LogisticFit { model, stop, iterations: state.get_iter(), objective: state.get_best_cost() })
    }

    /// Whether these can be learned from at all.
    pub(crate) fn check(
        &self,
        features: &SparseMatrix,
        targets: &ArrayView2<'_, f64>,
        weights: &[f64],
    ) -> Result<(), LearnError> {
        for (name, value) in [("l2", self.l2), ("tolerance", self.tolerance)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(LearnError::Param { name, value: value.to_string(), expected: "a number from 0 up" });
            }
        }
        let n = features.n_rows();
        for (what, got) in [("targets", targets.nrows()), ("row weights", weights.len())] {
            if got != n {
                return Err(LearnError::RowCount { what, expected: n, got });
            }
        }
        if targets.ncols() == 0 {
            return Err(LearnError::NoClasses);
        }
        let bad_weight = |w: &f64| !w.is_finite() || *w < 0.0;
        if let Some(row) = weights.iter().position(bad_weight) {
            return Err(LearnError::BadValue { what: "the weight", row, value: weights[row] });
        }
        if weights.iter().sum::<f64>() <= 0.0 {
            return Err(LearnError::NoRows);
        }
        for (row, target) in targets.rows().into_iter().enumerate() {
            if let Some(&value) = target.iter().find(|p| !p.is_finite() || **p < 0.0) {
                return Err(LearnError::BadValue { what: "a target", row, value });
            }
        }
        for row in 0..n {
            if let Some((_, value)) = features.row(row).find(|(_, value)| !value.is_finite()) {
                return Err(LearnError::BadValue { what: "a feature", row, value });
            }
        }
        Ok(())
    }
}

impl LogisticModel {
    /// The number of classes, k.
    pub fn n_classes(&self) -> usize {
        self.bias.len()
    }

    /// For each row the logarithms of the odds of the classes, up to a constant.
    ///
    /// # Shapes
    /// `features: [n, d]`, the result `[n, k]`.
    ///
    /// # Panics
    /// If the features are not those the model was fitted on.
    pub fn logits(&self, features: &SparseMatrix) -> Array2<f64> {
        assert_eq!(features.n_columns(), self.weights.nrows(), "the features are those of the fit");
        let k = self.n_classes();
        let mut logits = Array2::zeros((features.n_rows(), k));
        // Whoever made the model may have stored it otherwise.
        let (weights, bias) = (self.weights.as_standard_layout(), self.bias.as_standard_layout());
        let weights = weights.as_slice().expect("the standard layout is a slice");
        let bias = bias.as_slice().expect("the standard layout is a slice");
        let rows = logits.as_slice_mut().expect("a new array is stored row by row");
        rows.par_chunks_mut(k * CHUNK).enumerate().for_each(|(chunk, rows)| {
            for (i, row) in rows.chunks_exact_mut(k).enumerate() {
                row_logits(features, chunk * CHUNK + i, weights, bias, row);
            }
        });
        logits
    }
}

fn row_logits(features: &SparseMatrix, row: usize, weights: &[f64], bias: &[f64], out: &mut [f64]) {
    let k = bias.len();
    out.copy_from_slice(bias);
    let (columns, values) = features.row_slices(row);
    for (&column, &value) in columns.iter().zip(values) {
        let of_column = &weights[column as usize * k..column as usize * k + k];
        for (logit, weight) in out.iter_mut().zip(of_column) {
            *logit += value * weight;
        }
    }
}

/// The objective, as argmin asks for it.
struct Problem<'f, 't> {
    objective: Objective<'f, 't>,
    /// argmin asks for cost and gradient at the same place one after the other.
    last: RefCell<Option<Evaluated>>,
}

/// The objective and its gradient at some parameters.
struct Evaluated {
    at: Array1<f64>,
    cost: f64,
    gradient: Array1<f64>,
}

/// What is minimised.
struct Objective<'f, 't> {
    features: &'f SparseMatrix,
    /// To sum up the gradient of each feature in the order of rows.
    by_column: SparseMatrix,
    targets: ArrayView2<'t, f64>,
    /// They sum to 1.
    row_weights: Vec<f64>,
    l2: f64,
    k: usize,
}

impl<'f, 't> Objective<'f, 't> {
    fn new(features: &'f SparseMatrix, targets: ArrayView2<'t, f64>, row_weights: &[f64], l2: f64) -> Self {
        let sum: f64 = row_weights.iter().sum();
        let row_weights = row_weights.iter().map(|w| w / sum).collect();
        let k = targets.ncols();
        Self { features, by_column: features.transposed(), targets, row_weights, l2, k }
    }

    /// The objective and its gradient. Parameters: the weights row by row, then the bias.
    fn evaluate(&self, params: &[f64]) -> (f64, Vec<f64>) {
        let k = self.k;
        let (n, d) = (self.features.n_rows(), self.features.n_columns());
        let (weights, bias) = params.split_at(d * k);
        // What the logits of each row would have to lose.
        let mut residuals = vec![0.0; n * k];
        let losses: Vec<f64> = residuals
            .par_chunks_mut(k * CHUNK)
            .enumerate()
            .map(|(chunk, rows)| {
                let mut logits = vec![0.0; k];
                let mut loss = 0.0;
                for (i, residual) in rows.chunks_exact_mut(k).enumerate() {
                    let row = chunk * CHUNK + i;
                    row_logits(self.features, row, weights, bias, &mut logits);
                    let target = self.targets.row(row);
                    let weight = self.row_weights[row];
                    let mass: f64 = target.iter().sum();
                    let hit: f64 = target.iter().zip(&logits).map(|(y, logit)| y * logit).sum();
                    loss += weight * (mass * softmax(&mut logits) - hit);
                    for ((residual, p), y) in residual.iter_mut().zip(&logits).zip(target) {
                        *residual = weight * (mass * p - y);
                    }
                }
                loss
            })
            .collect();
        let mut gradient = vec![0.0; params.len()];
        let (of_weights, of_bias) = gradient.split_at_mut(d * k);
        let penalties: Vec<f64> = of_weights
            .par_chunks_mut(k * CHUNK)
            .zip(weights.par_chunks(k * CHUNK))
            .enumerate()
            .map(|(chunk, (gradients, weights))| {
                let columns = gradients.chunks_exact_mut(k).zip(weights.chunks_exact(k));
                for (i, (gradient, weights)) in columns.enumerate() {
                    let (rows, values) = self.by_column.row_slices(chunk * CHUNK + i);
                    for (&row, &value) in rows.iter().zip(values) {
                        let residual = &residuals[row as usize * k..row as usize * k + k];
                        for (gradient, residual) in gradient.iter_mut().zip(residual) {
                            *gradient += value * residual;
                        }
                    }
                    for (gradient, weight) in gradient.iter_mut().zip(weights) {
                        *gradient += self.l2 * weight;
                    }
                }
                weights.iter().map(|w| w * w).sum()
            })
            .collect();
        for residual in residuals.chunks_exact(k) {
            for (gradient, residual) in of_bias.iter_mut().zip(residual) {
                *gradient += residual;
            }
        }
        let cost = losses.iter().sum::<f64>() + 0.5 * self.l2 * penalties.iter().sum::<f64>();
        (cost, gradient)
    }
}

impl Problem<'_, '_> {
    fn at<T>(&self, params: &Array1<f64>, read: impl Fn(&Evaluated) -> T) -> T {
        let mut last = self.last.borrow_mut();
        if last.as_ref().is_none_or(|known| known.at != *params) {
            let (cost, gradient) = self.objective.evaluate(params.as_slice().expect("parameters are a slice"));
            *last = Some(Evaluated { at: params.clone(), cost, gradient: gradient.into() });
        }
        read(last.as_ref().expect("it was evaluated just now"))
    }
}

impl CostFunction for Problem<'_, '_> {
    type Param = Array1<f64>;
    type Output = f64;

    fn cost(&self, params: &Array1<f64>) -> Result<f64, argmin::core::Error> {
        // A line search that sees NaN would go on for ever.
        let cost = self.at(params, |known| known.cost);
        if cost.is_finite() { Ok(cost) } else { Err(argmin::core::Error::msg("the objective is not finite")) }
    }
}

impl Gradient for Problem<'_, '_> {
    type Param = Array1<f64>;
    type Gradient = Array1<f64>;

    fn gradient(&self, params: &Array1<f64>) -> Result<Array1<f64>, argmin::core::Error> {
        Ok(self.at(params, |known| known.gradient.clone()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn planted(n: usize, d: usize, k: usize, seed: u64) -> (SparseMatrix, Array2<f64>) {
        // Any numbers will do that differ from cell to cell.
        let number = |i: usize, j: usize| ((i * 7919 + j * 104_729 + seed as usize * 31) % 1000) as f64 / 500.0 - 1.0;
        let mut features = SparseMatrix::new(d);
        let mut targets = Array2::zeros((n, k));
        for i in 0..n {
            features.push_row((0..d).filter(|j| (i + j) % 3 != 0).map(|j| (j as u32, number(i, j))));
            let mut row: Vec<f64> = (0..k).map(|c| 2.0 * number(i, c) + number(c, i)).collect();
            softmax(&mut row);
            row.iter().enumerate().for_each(|(c, p)| targets[[i, c]] = *p);
        }
        (features, targets)
    }

    proptest! {
        /// Central differences: their error is of the order of the square of the step.
        #[test]
        fn the_gradient_is_that_of_the_objective(seed in 0u64..50, l2 in 0.0..1.0f64) {
            let (features, targets) = planted(7, 4, 3, seed);
            let weights: Vec<f64> = (0..7).map(|i| f64::from(i % 3)).collect();
            let problem = Objective::new(&features, targets.view(), &weights, l2);
            let at: Vec<f64> = (0..15).map(|i| f64::from((i * 37) % 11) / 7.0 - 0.6).collect();
            let (_, gradient) = problem.evaluate(&at);
            for i in 0..at.len() {
                let moved = |by: f64| {
                    let mut to = at.clone();
                    to[i] += by;
                    problem.evaluate(&to).0
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                prop_assert!((difference - gradient[i]).abs() < 1e-8, "{i}: {difference} {}", gradient[i]);
            }
        }
    }

    #[test]
    fn without_features_it_learns_the_shares() {
        let mut features = SparseMatrix::new(0);
        (0..3).for_each(|_| features.push_row([]));
        let targets = ndarray::array![[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]];
        let fit = LogisticRegression::default().fit(&features, targets.view(), &[2.0, 2.0, 0.0], None).unwrap();
        let mut p = fit.model.bias.to_vec();
        softmax(&mut p);
        assert!((p[0] - 0.75).abs() < 1e-6, "{p:?}");
        // The entropy of three to one.
        let entropy = -(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((fit.objective - entropy).abs() < 1e-9);
    }

    #[test]
    fn a_strong_penalty_leaves_the_shares() {
        let mut features = SparseMatrix::new(1);
        (0..10).for_each(|row| features.push_row([(0, f64::from(row % 2))]));
        let targets = Array2::from_shape_fn((10, 2), |(row, c)| f64::from(u8::from((row < 9) == (c == 0))));
        let regression = LogisticRegression { l2: 1e6, ..LogisticRegression::default() };
        let bias = regression.fit(&features, targets.view(), &[1.0; 10], None).unwrap().model.bias;
        assert!((bias[0] - bias[1] - 9f64.ln()).abs() < 1e-2, "{bias}");
    }

    #[test]
    fn a_row_of_weight_two_is_a_doubled_row() {
        let (features, targets) = planted(20, 5, 3, 1);
        let mut weights = vec![1.0; 20];
        weights[3] = 2.0;
        let fit = |features: &SparseMatrix, targets: &Array2<f64>, weights: &[f64]| {
            let regression = LogisticRegression { l2: 1e-2, tolerance: 1e-8, ..LogisticRegression::default() };
            regression.fit(features, targets.view(), weights, None).unwrap().model.weights
        };
        let weighted = fit(&features, &targets, &weights);
        let rows: Vec<usize> = (0..20).chain([3]).collect();
        let doubled = fit(&features.select(&rows), &targets.select(ndarray::Axis(0), &rows), &[1.0; 21]);
        let distance = (&weighted - &doubled).mapv(f64::abs).sum();
        assert!(distance < 1e-6, "{distance}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let (features, targets) = planted(4, 2, 2, 0);
        let fit = |targets: &Array2<f64>, weights: &[f64]| {
            LogisticRegression::default().fit(&features, targets.view(), weights, None).unwrap_err().to_string()
        };
        assert_eq!(fit(&targets, &[0.0; 4]), "there is no row to learn from");
        assert_eq!(fit(&targets, &[1.0; 3]), "4 rows of features, but 3 row weights");
        assert_eq!(fit(&targets, &[1.0, f64::NAN, 1.0, 1.0]), "the weight of row 1 is NaN");
        let mut huge = SparseMatrix::new(1);
        huge.push_row([(0, f64::MAX)]);
        huge.push_row([(0, -f64::MAX)]);
        let labels = ndarray::array![[1.0, 0.0], [0.0, 1.0]];
        let error = LogisticRegression::default().fit(&huge, labels.view(), &[1.0; 2], None).unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
        let mut nan = SparseMatrix::new(1);
        nan.push_row([(0, f64::NAN)]);
        let error = LogisticRegression::default().fit(&nan, ndarray::array![[1.0, 0.0]].view(), &[1.0], None);
        assert_eq!(error.unwrap_err().to_string(), "a feature of row 0 is NaN");
    }
}
