//! The kernel distance of two sets of points.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::matrix::{product, view};
use super::mean_and_deviation;
use crate::GenerateError;
use crate::seeds::{Use, rng};

/// Settings of [`kernel_distance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelDistanceSettings {
    /// How many subsets are drawn, at least 1; default 100.
    pub n_subsets: usize,
    /// Points of a subset, at least 2; default 1000. Sets with fewer points are taken whole.
    pub subset_size: usize,
    /// Decides which points are drawn.
    pub seed: u64,
}

impl Default for KernelDistanceSettings {
    fn default() -> Self {
        Self { n_subsets: 100, subset_size: 1000, seed: 0 }
    }
}

/// A kernel distance by subsets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelDistance {
    /// The mean over the subsets. Around 0, below it too, for sets of one distribution.
    pub mean: f64,
    /// The standard deviation over the subsets, as is usually reported with it; 0 for a single one. Subsets share points:
    /// it says how much one subset tells, not how certain the mean is.
    pub deviation: f64,
}

/// The kernel distance (KID) of two sets: the squared maximum mean discrepancy under the kernel (x·y / d + 1)³, without
/// bias whatever the number of points, and so of use where a Fréchet distance wants more of them. The mean over subsets
/// that are drawn without repetition, or of both sets whole where one draw would take all of them.
///
/// # Shapes
/// `a: [n, d]`, `b: [m, d]`.
///
/// # Errors
/// A setting out of its range; fewer than two points in a set; sets of different dimensions.
///
/// # References
/// Bińkowski, Sutherland, Arbel, Gretton (2018), Demystifying MMD GANs; the estimator is their eq. 4.
///
/// ```
/// use ndarray::array;
/// use synth_generate::{KernelDistanceSettings, kernel_distance};
///
/// let (a, b) = (array![[0.0], [1.0]], array![[2.0], [3.0]]);
/// let distance = kernel_distance(a.view(), b.view(), &KernelDistanceSettings::default())?;
/// // Within the sets (0 + 1)³ and (6 + 1)³, between them the mean of 1, 1, (2 + 1)³ and (3 + 1)³.
/// assert_eq!(distance.mean, 1.0 + 343.0 - 2.0 * 23.25);
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
pub fn kernel_distance(
    a: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
    settings: &KernelDistanceSettings,
) -> Result<KernelDistance, GenerateError> {
    let wrong = |name, value: usize, expected| GenerateError::Setting { name, value: value.to_string(), expected };
    if settings.n_subsets == 0 {
        return Err(wrong("subsets", 0, "1 or more"));
    }
    if settings.subset_size < 2 {
        return Err(wrong("points of a subset", settings.subset_size, "2 or more"));
    }
    if a.ncols() != b.ncols() {
        return Err(wrong("dimensions of the second set", b.ncols(), "as many as the first set has"));
    }
    if let Some(n) = [a.nrows(), b.nrows()].into_iter().find(|n| *n < 2) {
        return Err(wrong("points", n, "2 or more on either side"));
    }
    let (n, m) = (a.nrows().min(settings.subset_size), b.nrows().min(settings.subset_size));
    if n == a.nrows() && m == b.nrows() {
        return Ok(KernelDistance { mean: unbiased(a, b), deviation: 0.0 });
    }
    let of_subset = |subset: u64| {
        let mut rng = rng(settings.seed, Use::Subsets, subset);
        let mut draw = |from: ArrayView2<'_, f64>, n: usize| -> Array2<f64> {
            from.select(Axis(0), &rand::seq::index::sample(&mut rng, from.nrows(), n).into_vec())
        };
        let (a, b) = (draw(a, n), draw(b, m));
        unbiased(a.view(), b.view())
    };
    // In the order of the subsets, so that the sum is the same at any number of threads.
    let found: Vec<f64> = (0..settings.n_subsets as u64).into_par_iter().map(of_subset).collect();
    let (mean, deviation) = mean_and_deviation(&found);
    Ok(KernelDistance { mean, deviation })
}

/// The unbiased estimate from all points.
fn unbiased(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> f64 {
    let (n, m) = (a.nrows() as f64, b.nrows() as f64);
    within(a) / (n * (n - 1.0)) + within(b) / (m * (m - 1.0)) - 2.0 * kernel(a, b).sum() / (n * m)
}

/// The sum over all pairs of different points.
fn within(points: ArrayView2<'_, f64>) -> f64 {
    let kernel = kernel(points, points);
    kernel.sum() - kernel.diag().sum()
}

fn kernel(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let d = a.ncols() as f64;
    let (a, b) = (a.as_standard_layout().into_owned(), b.as_standard_layout().into_owned());
    product(view(&a), view(&b).transpose()).mapv_into(|product| (product / d + 1.0).powi(3))
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn points(n: usize, shift: f64, seed: u64) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Array2::from_shape_simple_fn((n, 6), || rng.random_range(-1.0..1.0) + shift)
    }

    /// As NumPy has it, by the sums over the three matrices of kernels that the authors' program takes.
    #[test]
    fn as_numpy_has_it() {
        let a = array![[0.5, -1.0, 2.0], [1.5, 0.0, -0.5], [-2.0, 1.0, 0.25], [0.0, 0.75, 1.0]];
        let b = array![[1.0, -1.0, 2.0], [0.5, 0.5, -0.5], [-1.0, 2.0, 0.0]];
        let found = kernel_distance(a.view(), b.view(), &KernelDistanceSettings::default()).unwrap();
        assert!((found.mean - -6.146448206018517).abs() < 1e-12, "{}", found.mean);
    }

    #[test]
    fn points_of_one_distribution_have_none_on_average() {
        let settings = KernelDistanceSettings::default();
        let distance = |seed: u64, shift: f64| {
            let (a, b) = (points(12, 0.0, 2 * seed), points(9, shift, 2 * seed + 1));
            kernel_distance(a.view(), b.view(), &settings).unwrap().mean
        };
        let all: Vec<f64> = (0..400).map(|seed| distance(seed, 0.0)).collect();
        let mean = all.iter().sum::<f64>() / 400.0;
        let error = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 399.0 / 400.0).sqrt();
        assert!(mean.abs() < 3.0 * error, "{mean} ± {error}");
        let apart = (0..400).map(|seed| distance(seed, 0.5)).sum::<f64>() / 400.0;
        assert!(apart > 10.0 * error, "{apart} ± {error}");
    }

    #[test]
    fn subsets_are_those_of_the_seed_at_any_number_of_threads() {
        let settings = KernelDistanceSettings { n_subsets: 9, subset_size: 20, seed: 3 };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kernel_distance(points(90, 0.0, 1).view(), points(40, 0.2, 2).view(), &settings).unwrap())
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        let settings = KernelDistanceSettings::default();
        let all = points(5, 0.0, 1);
        let message =
            |a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>| kernel_distance(a, b, &settings).unwrap_err().to_string();
        assert_eq!(
            message(all.select(Axis(0), &[0]).view(), all.view()),
            "`points` is 1, expected 2 or more on either side"
        );
        let narrow = all.select(Axis(1), &[0, 1]);
        let expected = "`dimensions of the second set` is 2, expected as many as the first set has";
        assert_eq!(message(all.view(), narrow.view()), expected);
    }
}
