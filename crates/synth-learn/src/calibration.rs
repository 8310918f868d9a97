//! Calibration: making probabilities mean what they say.

use argmin::core::{CostFunction, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::softmax::softmax;

/// What is done to logits before they become a distribution: softmax(logits / temperature + bias).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Above 1 for a model that is surer than it is right, below 1 for one that is too careful.
    pub temperature: f64,
    /// `[k]`: for each class how much it was underrated, as a logarithm of odds.
    pub bias: Vec<f64>,
}

/// The temperature is held between this and one over this: targets without any mistake would ask for 0.
const LEAST: f64 = 1.0 / 20.0;

/// What a bias costs, in rows: before any gold is seen it is held to be within 0.5 of 0, at one standard deviation.
const BIAS_PENALTY: f64 = 4.0;

impl Calibration {
    /// The temperature, without a bias, that makes distributions fit targets best, by cross-entropy. The most probable
    /// class of each row stays what it is.
    ///
    /// Guo, Pleiss, Sun, Weinberger (2017), On Calibration of Modern Neural Networks, section 4.2. The loss is convex
    /// in 1/T, so halving the interval on its slope finds the one minimum. 1 for n = 0.
    ///
    /// # Shapes
    /// `logits` and `targets`: `[n, k]`.
    ///
    /// ```
    /// use ndarray::array;
    /// use synth_learn::Calibration;
    ///
    /// // Says 88 % where it is right three times of four.
    /// let logits = array![[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]];
    /// let targets = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
    /// let calibration = Calibration::of_temperature(logits.view(), targets.view());
    /// assert!((calibration.temperature - 2.0 / 3f64.ln()).abs() < 1e-6);
    /// ```
    pub fn of_temperature(logits: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> Self {
        let bias = vec![0.0; logits.ncols()];
        if logits.nrows() == 0 {
            return Self { temperature: 1.0, bias };
        }
        let slope = |inverse: f64| {
            let params = std::iter::once(inverse).chain(bias.iter().copied()).collect();
            Problem { logits, targets, penalty: 0.0 }.evaluate(&params).1[0]
        };
        let (mut low, mut high) = (LEAST, 1.0 / LEAST);
        // 60 halvings take the interval below what 64 bits tell apart.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if slope(middle) > 0.0 { high = middle } else { low = middle }
        }
        Self { temperature: 1.0 / f64::midpoint(low, high), bias }
    }

    /// Temperature and bias together: also mends a model that gives one class too much, as models do that learned from
    /// labeling functions of which some class has more.
    ///
    /// Alexandari, Kundaje, Shrikumar (2020), Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at
    /// Label Shift Adaptation, eq. 5. Biases have a normal prior around 0, so that few rows do not move them far. Where
    /// logits and targets disagree so much that the best temperature would turn the order of classes round, and for
    /// n = 0, [`Calibration::of_temperature`].
    ///
    /// # Shapes
    /// `logits` and `targets`: `[n, k]`.
    pub fn of_temperature_and_bias(logits: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> Self {
        let simple = Self::of_temperature(logits, targets);
        let n = logits.nrows();
        if n == 0 {
            return simple;
        }
        let mut start = Array1::zeros(1 + logits.ncols());
        start[0] = 1.0 / simple.temperature;
        let problem = Problem { logits, targets, penalty: BIAS_PENALTY / n as f64 };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10).with_tolerance_grad(1e-8);
        let executor =
            solver.map(|solver| Executor::new(problem, solver).configure(|state| state.param(start).max_iters(200)));
        // An optimiser that gives up leaves what was there before.
        let Some(best) = executor
            .and_then(|executor| executor.timer(false).run())
            .ok()
            .and_then(|mut result| result.state.take_best_param())
        else {
            return simple;
        };
        if best[0] < LEAST || best[0] > 1.0 / LEAST {
            return simple;
        }
        Self { temperature: 1.0 / best[0], bias: best.iter().skip(1).copied().collect() }
    }

    /// Turns the logits of a row into a distribution, in place.
    ///
    /// # Panics
    /// If there are not k of them.
    pub fn apply(&self, logits: &mut [f64]) {
        assert_eq!(logits.len(), self.bias.len(), "a logit for each class");
        logits.iter_mut().zip(&self.bias).for_each(|(logit, bias)| *logit = *logit / self.temperature + bias);
        softmax(logits);
    }
}

/// Mean cross-entropy over rows, and the penalty on biases. Parameters: 1/T, then the bias of each class.
struct Problem<'a, 'b> {
    logits: ArrayView2<'a, f64>,
    targets: ArrayView2<'b, f64>,
    penalty: f64,
}

impl Problem<'_, '_> {
    fn evaluate(&self, params: &Array1<f64>) -> (f64, Array1<f64>) {
        let n = self.logits.nrows() as f64;
        let mut gradient = Array1::zeros(params.len());
        let mut loss = 0.0;
        let mut row = vec![0.0; self.logits.ncols()];
        for (logits, target) in self.logits.rows().into_iter().zip(self.targets.rows()) {
            row.iter_mut().zip(logits).zip(params.iter().skip(1)).for_each(|((r, x), b)| *r = params[0] * x + b);
            let mass: f64 = target.iter().sum();
            loss -= target.iter().zip(&row).map(|(y, r)| y * r).sum::<f64>();
            loss += mass * softmax(&mut row);
            for (c, ((p, y), x)) in row.iter().zip(target).zip(logits).enumerate() {
                let residual = (mass * p - y) / n;
                gradient[0] += residual * x;
                gradient[1 + c] += residual;
            }
        }
        for (gradient, bias) in gradient.iter_mut().zip(params).skip(1) {
            *gradient += self.penalty * bias;
            loss += 0.5 * n * self.penalty * bias * bias;
        }
        (loss / n, gradient)
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
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn without_a_mistake_it_stops_at_the_least() {
        let temperature = Calibration::of_temperature(array![[3.0, 0.0]].view(), array![[1.0, 0.0]].view()).temperature;
        assert!((temperature - 0.05).abs() < 1e-6);
        let nothing = Array2::zeros((0, 2));
        assert_eq!(Calibration::of_temperature(nothing.view(), nothing.view()).temperature, 1.0);
        assert_eq!(Calibration::of_temperature_and_bias(nothing.view(), nothing.view()).bias, [0.0; 2]);
    }

    #[test]
    fn scaled_logits_scale_the_temperature() {
        let logits = array![[1.0, 0.0, -1.0], [0.3, 0.2, 0.9], [0.0, 2.0, 0.0]];
        let targets = array![[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]];
        let one = Calibration::of_temperature(logits.view(), targets.view()).temperature;
        let three = Calibration::of_temperature((&logits * 3.0).view(), targets.view()).temperature;
        assert!((three / one - 3.0).abs() < 1e-6, "{one} {three}");
    }

    #[test]
    fn a_bias_gives_a_class_back_what_it_lacks() {
        // Undecided about everything, where three of four are of the second class.
        let logits = Array2::zeros((400, 2));
        let targets = Array2::from_shape_fn((400, 2), |(i, c)| f64::from(u8::from((i % 4 == 0) == (c == 0))));
        let calibration = Calibration::of_temperature_and_bias(logits.view(), targets.view());
        let mut row = [0.0, 0.0];
        calibration.apply(&mut row);
        // Where the pull of the rows and that of the prior are equal.
        let bias = 0.5 * (row[1] / row[0]).ln();
        assert!((row[1] - 0.75 + BIAS_PENALTY / 400.0 * bias).abs() < 1e-6, "{row:?}");
        assert!(row[1] > 0.74);
        // Two rows move it less.
        let few =
            Calibration::of_temperature_and_bias(Array2::zeros((2, 2)).view(), array![[0.0, 1.0], [0.0, 1.0]].view());
        let mut row = [0.0, 0.0];
        few.apply(&mut row);
        let bias = 0.5 * (row[1] / row[0]).ln();
        assert!((row[1] - 1.0 + BIAS_PENALTY / 2.0 * bias).abs() < 1e-6, "{row:?}");
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let logits = array![[1.0, 0.0, -1.0], [0.3, 0.2, 0.9], [0.0, 2.0, 0.0]];
        let targets = array![[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]];
        let problem = Problem { logits: logits.view(), targets: targets.view(), penalty: 0.3 };
        let at = array![0.8, 0.1, -0.4, 0.2];
        let gradient = problem.evaluate(&at).1;
        for i in 0..4 {
            let moved = |by: f64| {
                let mut to = at.clone();
                to[i] += by;
                problem.evaluate(&to).0
            };
            assert!(((moved(1e-5) - moved(-1e-5)) / 2e-5 - gradient[i]).abs() < 1e-9);
        }
    }
}
