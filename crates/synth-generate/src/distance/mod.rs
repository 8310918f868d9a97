//! How far made texts are from real ones, and from each other.

mod bootstrap;
mod frechet;
mod kernel;
mod manifold;
mod matrix;
mod self_bleu;

pub use bootstrap::frechet_deviation;
pub(crate) use frechet::Target;
pub use frechet::{Moments, frechet_distance};
pub use kernel::{KernelDistance, KernelDistanceSettings, kernel_distance};
pub use manifold::{PrecisionRecall, precision_recall};
pub(crate) use manifold::{radii, squared};
pub use self_bleu::self_bleu;
pub(crate) use self_bleu::{Ngrams, References};

/// The mean of some numbers, and their standard deviation by n - 1; 0 for a single one.
fn mean_and_deviation(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, variance.sqrt())
}
