//! Logits to distributions.

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
