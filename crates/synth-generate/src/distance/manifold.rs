//! Precision and recall of made points.

use ndarray::{ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::GenerateError;

/// How much of what was made could be real, and how much of what is real was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecall {
    /// The share of made points that lie where real ones lie, from 0 to 1.
    pub precision: f64,
    /// The share of real points that lie where made ones lie, from 0 to 1.
    pub recall: f64,
}

/// The improved precision and recall of made points.
///
/// A set covers the balls around its points, each as wide as the distance to its `neighbours`-th nearest other point.
/// Precision is the share of made points that the real set covers, recall the share of real points that the made set
/// covers. Compare only sets of the same sizes.
///
/// # Shapes
/// `real: [n, d]`, `made: [m, d]`.
///
/// # Errors
/// Not more points in a set than neighbours, or no neighbour; sets of different dimensions.
///
/// # References
/// Kynkäänniemi, Karras, Laine, Lehtinen, Aila (2019), Improved precision and recall metric for assessing generative
/// models; they take three neighbours.
///
/// ```
/// use ndarray::array;
/// use synth_generate::precision_recall;
///
/// let real = array![[0.0], [1.0], [2.0], [10.0]];
/// let made = array![[0.5], [1.5], [30.0]];
/// let found = precision_recall(real.view(), made.view(), 1)?;
/// // 30 is farther from 10 than the 8 to the nearest other; 10 is covered by 30, whose nearest is 28.5 away.
/// assert_eq!((found.precision, found.recall), (2.0 / 3.0, 1.0));
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
pub fn precision_recall(
    real: ArrayView2<'_, f64>,
    made: ArrayView2<'_, f64>,
    neighbours: usize,
) -> Result<PrecisionRecall, GenerateError> {
    let wrong = |name, value: usize, expected| GenerateError::Setting { name, value: value.to_string(), expected };
    if neighbours == 0 {
        return Err(wrong("neighbours", 0, "1 or more"));
    }
    if real.ncols() != made.ncols() {
        return Err(wrong("dimensions of the second set", made.ncols(), "as many as the first set has"));
    }
    if let Some(n) = [real.nrows(), made.nrows()].into_iter().find(|n| *n <= neighbours) {
        return Err(wrong("points", n, "more than there are neighbours, on either side"));
    }
    Ok(PrecisionRecall {
        precision: covered(made, real, &radii(real, neighbours)),
        recall: covered(real, made, &radii(made, neighbours)),
    })
}

/// For each point the squared distance to its `neighbours`-th nearest other point.
pub(crate) fn radii(points: ArrayView2<'_, f64>, neighbours: usize) -> Vec<f64> {
    let radius = |at: usize| {
        let others = points.axis_iter(Axis(0)).enumerate().filter(|(other, _)| *other != at);
        let mut distances: Vec<f64> = others.map(|(_, other)| squared(points.row(at), other)).collect();
        *distances.select_nth_unstable_by(neighbours - 1, f64::total_cmp).1
    };
    (0..points.nrows()).into_par_iter().map(radius).collect()
}

/// The share of points that lie in a ball of a set.
fn covered(points: ArrayView2<'_, f64>, set: ArrayView2<'_, f64>, radii: &[f64]) -> f64 {
    let is_covered = |at: &usize| {
        let mut balls = set.axis_iter(Axis(0)).zip(radii);
        balls.any(|(centre, radius)| squared(points.row(*at), centre) <= *radius)
    };
    let n = points.nrows();
    (0..n).into_par_iter().filter(is_covered).count() as f64 / n as f64
}

/// By differences: that of equal points is 0, which it is not by products.
pub(crate) fn squared(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_case_by_hand() {
        // On a line: real at 0, 1, 3, 7; their second nearest are 3, 2, 3, 6 away.
        let real = array![[0.0], [1.0], [3.0], [7.0]];
        // Of these, 14 is 7 away from 7 and so outside; their second nearest are 5, 4, 9 away.
        let made = array![[1.0], [5.0], [14.0]];
        let found = precision_recall(real.view(), made.view(), 2).unwrap();
        assert_eq!(found, PrecisionRecall { precision: 2.0 / 3.0, recall: 1.0 });
    }

    #[test]
    fn a_set_covers_itself_and_nothing_far() {
        let points = array![[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [4.0, 4.0]];
        let itself = precision_recall(points.view(), points.view(), 3).unwrap();
        assert_eq!(itself, PrecisionRecall { precision: 1.0, recall: 1.0 });
        let far = &points + 100.0;
        let found = precision_recall(points.view(), far.view(), 3).unwrap();
        assert_eq!(found, PrecisionRecall { precision: 0.0, recall: 0.0 });
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        let points = array![[0.0], [1.0]];
        let error = precision_recall(points.view(), points.view(), 2).unwrap_err().to_string();
        assert_eq!(error, "`points` is 2, expected more than there are neighbours, on either side");
        assert!(precision_recall(points.view(), points.view(), 0).is_err());
    }

    proptest! {
        #[test]
        fn changing_sides_changes_the_two(a in prop::collection::vec(-5.0..5.0f64, 8), b in prop::collection::vec(-5.0..5.0f64, 10)) {
            let a = ndarray::Array2::from_shape_vec((4, 2), a).unwrap();
            let b = ndarray::Array2::from_shape_vec((5, 2), b).unwrap();
            let (there, back) = (
                precision_recall(a.view(), b.view(), 3).unwrap(),
                precision_recall(b.view(), a.view(), 3).unwrap(),
            );
            prop_assert_eq!((there.precision, there.recall), (back.recall, back.precision));
        }
    }
}
