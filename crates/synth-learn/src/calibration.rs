//! Calibration: making probabilities mean what they say.

use argmin::core::{CostFunction, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::LearnError;
use crate::softmax::softmax;

/// What makes a distribution over k classes of logits:
///
/// ```text
/// (1 - floor) softmax(logits / temperature + bias) + floor / k
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Above 1 for a model that is surer than it is right, below 1 for one that is too careful.
    pub temperature: f64,
    /// `[k]`: for each class how much it was underrated, as a logarithm of odds.
    pub bias: Vec<f64>,
    /// From 0 to below 1: the share of rows whose class is any of the k, however sure the model is of them. Labeling
    /// functions that agree on a mistake teach a model to be sure of it.
    #[serde(default)]
    pub floor: f64,
}

/// The temperature is held between this and one over this: targets without any mistake would ask for 0.
const LEAST: f64 = 1.0 / 20.0;

/// What a temperature costs, in rows: before any gold is seen, the range in which [`Calibration::of_temperature`] looks
/// is two standard deviations to either side of 1, by its logarithm.
const TEMPERATURE_PENALTY: f64 = 0.45;

/// What a bias costs, in rows: before any gold is seen it is held to be within 0.5 of 0, at one standard deviation.
const BIAS_PENALTY: f64 = 4.0;
/// What a floor costs, in rows that it does not explain: with few rows there is none.
const FLOOR_PENALTY: f64 = 1.0;

impl Calibration {
    /// The temperature, without bias and floor, that makes distributions fit targets best, by cross-entropy. The most probable
    /// class of each row stays what it is.
    ///
    /// Guo, Pleiss, Sun, Weinberger (2017), On Calibration of Modern Neural Networks, section 4.2. The loss is convex
    /// in 1/T, so halving the interval on its slope finds the one minimum. 1 where no row has a mass.
    ///
    /// # Shapes
    /// `logits` and `targets`: `[n, k]`. Targets are distributions, or multiples of them, which count as often.
    ///
    /// # Errors
    /// Shapes that differ; a number that is not finite, or a target below 0.
    ///
    /// ```
    /// use ndarray::array;
    /// use synth_learn::Calibration;
    ///
    /// // Says 88 % where it is right three times of four.
    /// let logits = array![[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]];
    /// let targets = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
    /// let calibration = Calibration::of_temperature(logits.view(), targets.view())?;
    /// assert!((calibration.temperature - 2.0 / 3f64.ln()).abs() < 1e-6);
    /// # Ok::<(), synth_learn::LearnError>(())
    /// ```
    pub fn of_temperature(logits: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> Result<Self, LearnError> {
        let none = Self::none(logits.ncols());
        let Some(problem) = Problem::of(logits, targets, false)? else { return Ok(none) };
        // That by the logarithm has the same sign.
        let slope = |inverse: f64| problem.evaluate(&parameters(inverse.ln(), f64::NEG_INFINITY, &none.bias)).1[0];
        let (mut low, mut high) = (LEAST, 1.0 / LEAST);
        // 60 halvings take the interval below what 64 bits tell apart.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if slope(middle) > 0.0 { high = middle } else { low = middle }
        }
        Ok(Self { temperature: 1.0 / f64::midpoint(low, high), ..none })
    }

    /// Temperature, bias and floor together. The bias mends a model that gives one class too much, as models do that
    /// learned from labeling functions of which some class has more; the floor one that is sure of what functions get
    /// wrong together.
    ///
    /// The bias: Alexandari, Kundaje, Shrikumar (2020), Maximum Likelihood with Bias-Corrected Calibration is
    /// Hard-To-Beat at Label Shift Adaptation, eq. 5. The floor: the uniform part of Zhang, Kailkhura, Han (2020),
    /// Mix-n-Match. All have a prior at the calibration that changes nothing, so that few rows do not move them far.
    ///
    /// # Shapes
    /// `logits` and `targets`: `[n, k]`. Targets are distributions, or multiples of them, which count as often.
    ///
    /// # Errors
    /// As [`Calibration::of_temperature`].
    pub fn complete(logits: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> Result<Self, LearnError> {
        let none = Self::none(logits.ncols());
        let Some(problem) = Problem::of(logits, targets, true)? else { return Ok(none) };
        let start = parameters(0.0, START_FLOOR, &none.bias);
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10).with_tolerance_grad(1e-8);
        let executor =
            solver.map(|solver| Executor::new(problem, solver).configure(|state| state.param(start).max_iters(200)));
        let result = executor.and_then(|executor| executor.timer(false).run());
        let failed = |problem: String| LearnError::Optimiser { problem };
        let best = result.map_err(|error| failed(error.to_string()))?.state.take_best_param();
        let best = best.ok_or_else(|| failed("it took no step".into()))?;
        Ok(Self {
            temperature: (-best[0]).exp(),
            floor: sigmoid(best[1]),
            bias: best.iter().skip(2).copied().collect(),
        })
    }

    /// The calibration that changes nothing.
    pub fn none(n_classes: usize) -> Self {
        Self { temperature: 1.0, bias: vec![0.0; n_classes], floor: 0.0 }
    }

    /// Turns logits into distributions.
    ///
    /// # Shapes
    /// `[n, k]`, both.
    ///
    /// # Panics
    /// If k is another than that of the fit.
    pub fn distributions(&self, mut logits: Array2<f64>) -> Array2<f64> {
        for mut row in logits.rows_mut() {
            let mut probs = row.to_vec();
            self.apply(&mut probs);
            row.assign(&Array1::from_vec(probs));
        }
        logits
    }

    /// Turns the logits of a row into a distribution, in place.
    ///
    /// # Panics
    /// If there are not k of them.
    pub fn apply(&self, logits: &mut [f64]) {
        assert_eq!(logits.len(), self.bias.len(), "a logit for each class");
        logits.iter_mut().zip(&self.bias).for_each(|(logit, bias)| *logit = *logit / self.temperature + bias);
        softmax(logits);
        let each = self.floor / logits.len() as f64;
        logits.iter_mut().for_each(|p| *p = (1.0 - self.floor) * *p + each);
    }
}

/// Where the search for a floor begins, as the logarithm of its odds: at 5 %.
const START_FLOOR: f64 = -3.0;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What is fitted: the logarithm of 1/T, that of the odds of the floor, and the bias of each class.
fn parameters(inverse: f64, floor: f64, bias: &[f64]) -> Array1<f64> {
    [inverse, floor].iter().chain(bias).copied().collect()
}

/// Mean cross-entropy over rows by their mass, and the penalties, of [`parameters`].
struct Problem<'a, 'b> {
    logits: ArrayView2<'a, f64>,
    targets: ArrayView2<'b, f64>,
    /// The sum of all targets: rows, where each is a distribution.
    mass: f64,
    /// Whether parameters have their price.
    priors: bool,
}

impl<'a, 'b> Problem<'a, 'b> {
    /// `None` where there is nothing to fit.
    fn of(logits: ArrayView2<'a, f64>, targets: ArrayView2<'b, f64>, priors: bool) -> Result<Option<Self>, LearnError> {
        LearnError::check_shape("the targets", logits.shape(), targets.shape())?;
        let bad = |what, array: &ArrayView2<'_, f64>, least: f64| {
            let found = array.indexed_iter().find(|(_, x)| !(x.is_finite() && **x >= least));
            found.map_or(Ok(()), |((row, _), &value)| Err(LearnError::BadValue { what, row, value }))
        };
        bad("a logit", &logits, f64::MIN)?;
        bad("a target", &targets, 0.0)?;
        let mass = targets.sum();
        Ok((mass > 0.0).then_some(Self { logits, targets, mass, priors }))
    }

    fn evaluate(&self, params: &Array1<f64>) -> (f64, Array1<f64>) {
        let (inverse, floor) = (params[0].exp(), sigmoid(params[1]));
        let each = floor / self.logits.ncols() as f64;
        let mut gradient = Array1::zeros(params.len());
        let mut loss = 0.0;
        let mut row = vec![0.0; self.logits.ncols()];
        for (logits, target) in self.logits.rows().into_iter().zip(self.targets.rows()) {
            row.iter_mut().zip(logits).zip(params.iter().skip(2)).for_each(|((r, x), b)| *r = inverse * x + b);
            let scaled = row.clone();
            let log_sum = softmax(&mut row);
            // Of each target the part that the model explains; the floor explains the rest.
            let mut explained = target.to_vec();
            for (((part, &p), &y), &scaled) in explained.iter_mut().zip(&row).zip(target).zip(&scaled) {
                if floor > 0.0 {
                    let whole = (1.0 - floor) * p + each;
                    loss -= y * whole.ln();
                    *part = y * (1.0 - floor) * p / whole;
                    gradient[1] += floor * (1.0 - floor) * y * (p - each / floor) / whole;
                } else {
                    loss -= y * (scaled - log_sum);
                }
            }
            let mass: f64 = explained.iter().sum();
            for (c, ((p, part), x)) in row.iter().zip(&explained).zip(logits).enumerate() {
                let residual = mass * p - part;
                gradient[0] += residual * x * inverse;
                gradient[2 + c] += residual;
            }
        }
        if self.priors {
            loss += 0.5 * TEMPERATURE_PENALTY * params[0] * params[0];
            gradient[0] += TEMPERATURE_PENALTY * params[0];
            // As if so many rows more had been seen that the model explains alone.
            loss -= FLOOR_PENALTY * (1.0 - floor).ln();
            gradient[1] += FLOOR_PENALTY * floor;
            for (gradient, bias) in gradient.iter_mut().zip(params).skip(2) {
                *gradient += BIAS_PENALTY * bias;
                loss += 0.5 * BIAS_PENALTY * bias * bias;
            }
        }
        (loss / self.mass, gradient / self.mass)
    }
}

impl CostFunction for Problem<'_, '_> {
    type Param = Array1<f64>;
    type Output = f64;

    fn cost(&self, params: &Array1<f64>) -> Result<f64, argmin::core::Error> {
        Ok(self.evaluate(params).0)
    }
}

impl Gradient for Problem<'_, '_> {
    type Param = Array1<f64>;
    type Gradient = Array1<f64>;

    fn gradient(&self, params: &Array1<f64>) -> Result<Array1<f64>, argmin::core::Error> {
        Ok(self.evaluate(params).1)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};

    use super::*;

    #[test]
    fn without_a_mistake_it_stops_at_the_least() {
        let calibration = Calibration::of_temperature(array![[3.0, 0.0]].view(), array![[1.0, 0.0]].view()).unwrap();
        assert!((calibration.temperature - 0.05).abs() < 1e-6);
        for nothing in [Array2::zeros((0, 2)), Array2::zeros((3, 2))] {
            let of = |fit: fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>) -> _| fit(nothing.view(), nothing.view());
            assert_eq!(of(Calibration::of_temperature).unwrap(), Calibration::none(2));
            assert_eq!(of(Calibration::complete).unwrap(), Calibration::none(2));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let fit = |logits: Array2<f64>, targets: Array2<f64>| {
            Calibration::complete(logits.view(), targets.view()).unwrap_err().to_string()
        };
        let shape = fit(array![[1.0, 0.0]], array![[1.0]]);
        assert_eq!(shape, "the shape of the targets is [1, 1], expected [1, 2]");
        assert_eq!(fit(array![[f64::NAN, 0.0]], array![[1.0, 0.0]]), "a logit of row 0 is NaN");
        assert_eq!(fit(array![[1.0, 0.0]], array![[-1.0, 0.0]]), "a target of row 0 is -1");
    }

    #[test]
    fn a_row_of_mass_two_is_a_doubled_row() {
        let logits = array![[1.0, 0.0], [0.2, 0.9], [0.2, 0.9]];
        let targets = array![[0.6, 0.4], [0.2, 0.8], [0.2, 0.8]];
        let twice = array![[0.6, 0.4], [0.4, 1.6]];
        let doubled = Calibration::complete(logits.view(), targets.view()).unwrap();
        let weighted = Calibration::complete(logits.select(Axis(0), &[0, 1]).view(), twice.view()).unwrap();
        assert!((doubled.temperature - weighted.temperature).abs() < 1e-6);
        assert!((doubled.bias[0] - weighted.bias[0]).abs() < 1e-6);
    }

    #[test]
    fn scaled_logits_scale_the_temperature() {
        let logits = array![[1.0, 0.0, -1.0], [0.3, 0.2, 0.9], [0.0, 2.0, 0.0]];
        let targets = array![[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]];
        let one = Calibration::of_temperature(logits.view(), targets.view()).unwrap().temperature;
        let three = Calibration::of_temperature((&logits * 3.0).view(), targets.view()).unwrap().temperature;
        assert!((three / one - 3.0).abs() < 1e-6, "{one} {three}");
    }

    #[test]
    fn a_bias_gives_a_class_back_what_it_lacks() {
        // Undecided about everything, where three of four are of the second class.
        let logits = Array2::zeros((400, 2));
        let targets = Array2::from_shape_fn((400, 2), |(i, c)| f64::from(u8::from((i % 4 == 0) == (c == 0))));
        let calibration = Calibration::complete(logits.view(), targets.view()).unwrap();
        let mut row = [0.0, 0.0];
        calibration.apply(&mut row);
        // Where the pull of the rows and that of the prior are equal.
        let bias = 0.5 * (row[1] / row[0]).ln();
        assert!((row[1] - 0.75 + BIAS_PENALTY / 400.0 * bias).abs() < 1e-6, "{row:?}");
        assert!(row[1] > 0.74);
        // Two rows move it less.
        let targets = array![[0.0, 1.0], [0.0, 1.0]];
        let few = Calibration::complete(Array2::zeros((2, 2)).view(), targets.view()).unwrap();
        let mut row = [0.0, 0.0];
        few.apply(&mut row);
        let bias = 0.5 * (row[1] / row[0]).ln();
        assert!((row[1] - 1.0 + BIAS_PENALTY / 2.0 * bias).abs() < 1e-6, "{row:?}");
    }

    #[test]
    fn a_single_row_of_gold_moves_little() {
        let of = |logits: Array2<f64>, class: usize| {
            let targets = Array2::from_shape_fn((1, 2), |(_, c)| f64::from(u8::from(c == class)));
            Calibration::complete(logits.view(), targets.view()).unwrap()
        };
        let (right, wrong) = (of(array![[3.0, 0.0]], 0), of(array![[3.0, 0.0]], 1));
        assert!(right.temperature > 0.6 && right.temperature < 1.0, "{right:?}");
        assert!(wrong.temperature > 1.0 && wrong.temperature < 5.0, "{wrong:?}");
    }

    #[test]
    fn a_floor_admits_mistakes_that_confidence_does_not_tell() {
        // Sure of the first class on one half of the rows and a little for it on the other; a tenth is wrong in both.
        let logits = Array2::from_shape_fn((400, 2), |(i, c)| match (c, i % 2) {
            (0, 0) => 8.0,
            (0, _) => 1.5,
            _ => 0.0,
        });
        let targets = Array2::from_shape_fn((400, 2), |(i, c)| f64::from(u8::from((i % 20 < 2) == (c == 1))));
        let calibration = Calibration::complete(logits.view(), targets.view()).unwrap();
        let probs = calibration.distributions(logits);
        assert!((probs[[0, 0]] - 0.9).abs() < 0.02 && (probs[[1, 0]] - 0.9).abs() < 0.02, "{calibration:?} {probs}");
        assert!(calibration.floor > 0.1, "{calibration:?}");
        assert!((probs.row(0).sum() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let logits = array![[1.0, 0.0, -1.0], [0.3, 0.2, 0.9], [0.0, 2.0, 0.0]];
        let targets = array![[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]];
        let problem = Problem::of(logits.view(), targets.view(), true).unwrap().unwrap();
        let at = array![-0.2, -1.5, 0.1, -0.4, 0.2];
        let gradient = problem.evaluate(&at).1;
        for i in 0..5 {
            let moved = |by: f64| {
                let mut to = at.clone();
                to[i] += by;
                problem.evaluate(&to).0
            };
            assert!(((moved(1e-5) - moved(-1e-5)) / 2e-5 - gradient[i]).abs() < 1e-9);
        }
    }
}
