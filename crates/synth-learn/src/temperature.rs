//! Temperature scaling.

use ndarray::ArrayView2;

use crate::softmax::softmax;

/// The temperature that makes softmax(logits / T) fit targets best, by cross-entropy.
///
/// A model that is surer than it is right has a temperature above 1. The order of the classes stays as it is.
///
/// Guo, Pleiss, Sun, Weinberger (2017), On Calibration of Modern Neural Networks, section 4.2. The loss is convex in
/// 1/T, so halving the interval on its slope finds the one minimum; the temperature is held between 1/20 and 20, for
/// targets without any mistake would ask for 0.
///
/// # Shapes
/// `logits` and `targets`: `[n, k]`. 1 for n = 0.
///
/// ```
/// use ndarray::array;
///
/// // Says 88 % where it is right three times of four.
/// let logits = array![[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]];
/// let targets = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
/// let temperature = synth_learn::fit_temperature(logits.view(), targets.view());
/// assert!((temperature - 2.0 / 3f64.ln()).abs() < 1e-6);
/// ```
pub fn fit_temperature(logits: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> f64 {
    const LEAST: f64 = 1.0 / 20.0;
    if logits.nrows() == 0 {
        return 1.0;
    }
    // The slope of the loss in b = 1/T: how much more the model expects of its logits than the targets give.
    let slope = |inverse: f64| -> f64 {
        let mut scaled = vec![0.0; logits.ncols()];
        let mut sum = 0.0;
        for (logits, target) in logits.rows().into_iter().zip(targets.rows()) {
            scaled.iter_mut().zip(logits).for_each(|(s, x)| *s = inverse * x);
            softmax(&mut scaled);
            let mass: f64 = target.iter().sum();
            sum += scaled.iter().zip(target).zip(logits).map(|((p, y), x)| (mass * p - y) * x).sum::<f64>();
        }
        sum
    };
    let (mut low, mut high) = (LEAST, 1.0 / LEAST);
    // 60 halvings take the interval below what 64 bits tell apart.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if slope(middle) > 0.0 { high = middle } else { low = middle }
    }
    1.0 / f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn without_a_mistake_it_stops_at_the_least() {
        let temperature = fit_temperature(array![[3.0, 0.0]].view(), array![[1.0, 0.0]].view());
        assert!((temperature - 0.05).abs() < 1e-6);
        assert_eq!(fit_temperature(Array2::zeros((0, 2)).view(), Array2::zeros((0, 2)).view()), 1.0);
    }

    #[test]
    fn scaled_logits_scale_the_temperature() {
        let logits = array![[1.0, 0.0, -1.0], [0.3, 0.2, 0.9], [0.0, 2.0, 0.0]];
        let targets = array![[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]];
        let one = fit_temperature(logits.view(), targets.view());
        let three = fit_temperature((&logits * 3.0).view(), targets.view());
        assert!((three / one - 3.0).abs() < 1e-6, "{one} {three}");
    }
}
