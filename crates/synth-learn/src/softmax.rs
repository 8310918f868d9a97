//! Logits to distributions, distributions to classes.

use ndarray::ArrayView1;

/// Turns logits into a distribution, in place, and returns ln Σ exp(xᵢ).
pub(crate) fn softmax(logits: &mut [f64]) -> f64 {
    // Without the largest, exp would overflow.
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for x in logits.iter_mut() {
        *x = (*x - top).exp();
        sum += *x;
    }
    logits.iter_mut().for_each(|x| *x /= sum);
    top + sum.ln()
}

/// The most probable class; of several, the first.
pub(crate) fn most_probable(probs: ArrayView1<'_, f64>) -> usize {
    (1..probs.len()).fold(0, |best, c| if probs[c] > probs[best] { c } else { best })
}
