//! How certain a Fréchet distance is.

use ndarray::{ArrayView2, Axis};
use rand::Rng;
use rayon::prelude::*;

use super::{Moments, frechet_distance, mean_and_deviation};
use crate::seeds::{Use, rng};

/// The standard deviation of the Fréchet distance, by the bootstrap: over distances of sets that are drawn from both with
/// repetition, each as large as its own. The distance lies with a probability of .95 within 1.96 of it, roughly.
///
/// Distances of such draws are too large, as they hold fewer different points: their spread is of use, their own
/// quantiles are not. `None` with fewer than two points on either side, or fewer than two draws.
///
/// # Shapes
/// `real: [n, d]`, `made: [m, d]`.
///
/// # Panics
/// If the two have different numbers of dimensions.
///
/// # References
/// Efron (1979), Bootstrap methods: another look at the jackknife.
///
/// ```
/// use ndarray::array;
/// use synth_generate::frechet_deviation;
///
/// let (real, made) = (array![[0.0], [1.0], [2.0], [3.0]], array![[5.0], [7.0], [9.0], [4.0]]);
/// let deviation = frechet_deviation(real.view(), made.view(), 200, 0).unwrap();
/// assert!(deviation > 4.0 && deviation < 14.0);
/// ```
pub fn frechet_deviation(real: ArrayView2<'_, f64>, made: ArrayView2<'_, f64>, n_draws: u64, seed: u64) -> Option<f64> {
    let of_draw = |draw: u64| {
        let mut rng = rng(seed, Use::Bootstrap, draw);
        let mut moments = |points: ArrayView2<'_, f64>| {
            let n = points.nrows();
            let rows: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
            Moments::of(points.select(Axis(0), &rows).view())
        };
        let real = moments(real);
        frechet_distance(&real, &moments(made))
    };
    if real.nrows() < 2 || made.nrows() < 2 || n_draws < 2 {
        return None;
    }
    // In the order of the draws, so that the sum is the same at any number of threads.
    let found: Vec<f64> = (0..n_draws).into_par_iter().map(of_draw).collect::<Option<_>>()?;
    Some(mean_and_deviation(&found).1)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn points(n: usize, at: f64, seed: u64) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Array2::from_shape_simple_fn((n, 3), || rng.random_range(-1.0..1.0) + at)
    }

    /// Distances of sets drawn anew from the distributions themselves spread as the bootstrap says of one of them.
    #[test]
    fn it_is_the_spread_of_new_samples() {
        let n = 200;
        let distances: Vec<f64> = (0..100)
            .map(|i| {
                let (a, b) = (points(n, 0.0, 2 * i), points(n, 1.0, 2 * i + 1));
                frechet_distance(&Moments::of(a.view()), &Moments::of(b.view())).unwrap()
            })
            .collect();
        let mean = distances.iter().sum::<f64>() / 100.0;
        let spread = (distances.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 99.0).sqrt();
        let found = frechet_deviation(points(n, 0.0, 900).view(), points(n, 1.0, 901).view(), 200, 1).unwrap();
        assert!((0.7..1.4).contains(&(found / spread)), "{found} {spread}");
    }

    #[test]
    fn it_is_the_same_at_any_number_of_threads() {
        let (a, b) = (points(20, 0.0, 1), points(30, 0.5, 2));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| frechet_deviation(a.view(), b.view(), 30, 3))
        };
        assert_eq!(on(1), on(3));
        assert_eq!(frechet_deviation(a.view(), b.view(), 1, 3), None);
    }
}
