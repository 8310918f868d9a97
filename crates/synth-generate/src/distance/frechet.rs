//! The Fréchet distance of two sets of points, from running moments.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt_pivoting::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::{Par, Side, Spec};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::matrix::{add_product, product, view, view_mut};

/// Rows that are summed before they are merged: fixed, so that the same points give the same bits however they are
/// read.
const CHUNK: usize = 1024;

/// Eigenvalues below this share of the largest count as this share, where one is divided by them: directions in which
/// few points do not vary at all.
const LEAST: f64 = 1e-6;

/// Number, mean and co-moments of points. Sets that were counted apart merge to what they are together.
///
/// # References
/// Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance, eq. 2.1, in several dimensions: nothing
/// cancels, as sums of squares around 0 would.
///
/// ```
/// use ndarray::array;
/// use synth_generate::Moments;
///
/// let mut moments = Moments::of(array![[0.0, 0.0], [2.0, 4.0]].view());
/// moments.merge(&Moments::of(array![[4.0, 2.0]].view()));
/// assert_eq!((moments.n(), moments.mean()), (3, array![2.0, 2.0].view()));
/// assert_eq!(moments.covariance().unwrap(), array![[4.0, 2.0], [2.0, 4.0]]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    n: u64,
    mean: Array1<f64>,
    /// The sum of (x - mean)(x - mean)ᵀ, `[d, d]`.
    comoments: Array2<f64>,
}

impl Moments {
    /// Those of no point, in d dimensions.
    pub fn new(dim: usize) -> Self {
        Self { n: 0, mean: Array1::zeros(dim), comoments: Array2::zeros((dim, dim)) }
    }

    /// Those of some points.
    ///
    /// # Shapes
    /// `points: [n, d]`.
    pub fn of(points: ArrayView2<'_, f64>) -> Self {
        let mut all = Self::new(points.ncols());
        for chunk in points.axis_chunks_iter(Axis(0), CHUNK) {
            let mean = chunk.mean_axis(Axis(0)).expect("a chunk has a row");
            // Points may lie column by column.
            let centred = (&chunk - &mean).as_standard_layout().into_owned();
            all.shift(chunk.nrows() as u64, &mean);
            add_product(&mut all.comoments, 1.0, view(&centred).transpose(), view(&centred));
        }
        all
    }

    /// Adds points that were counted apart.
    ///
    /// # Panics
    /// If they have another number of dimensions.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.dim(), other.dim(), "points of one space");
        if other.n == 0 {
            return;
        }
        self.shift(other.n, &other.mean);
        self.comoments += &other.comoments;
    }

    /// Takes in points of a mean, but for how they spread around it.
    fn shift(&mut self, n: u64, mean: &Array1<f64>) {
        let (a, b) = (self.n as f64, n as f64);
        let apart = (mean - &self.mean).insert_axis(Axis(1));
        self.n += n;
        self.mean.scaled_add(b / (a + b), &apart.column(0));
        add_product(&mut self.comoments, a * b / (a + b), view(&apart), view(&apart).transpose());
    }

    /// The number of points.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The number of dimensions, d.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The mean, `[d]`; zeros without any point.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// The covariance, `[d, d]`, by n - 1; `None` with fewer than two points.
    pub fn covariance(&self) -> Option<Array2<f64>> {
        (self.n >= 2).then(|| &self.comoments / (self.n - 1) as f64)
    }
}

/// The Fréchet distance of two normal distributions with these moments, squared as is usual:
/// |m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁^½ C₂ C₁^½)^½). `None` with fewer than two points on either side.
///
/// Few points make it larger than it is: compare distances of sets of the same sizes.
///
/// # References
/// Dowson, Landau (1982), The Fréchet distance between multivariate normal distributions, eq. 4; Heusel et al. (2017),
/// GANs trained by a two time-scale update rule, for its use. The product is taken in symmetric form, where
/// eigenvalues are real and no rounding makes the result complex.
///
/// # Panics
/// If the two have different numbers of dimensions.
///
/// ```
/// use ndarray::array;
/// use synth_generate::{Moments, frechet_distance};
///
/// let a = Moments::of(array![[0.0], [2.0], [4.0]].view());
/// let b = Moments::of(array![[1.0], [2.0], [3.0]].view());
/// // Standard deviations 2 and 1, the same mean.
/// assert!((frechet_distance(&a, &b).unwrap() - 1.0).abs() < 1e-12);
/// ```
pub fn frechet_distance(a: &Moments, b: &Moments) -> Option<f64> {
    if b.n < 2 { None } else { Target::of(a)?.distance(b) }
}

/// One side of the distance, made ready to be measured from often.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    mean: Array1<f64>,
    trace: f64,
    /// F of a covariance F Fᵀ, `[d, rank]`. Any will do: two of them differ by a rotation, which no distance sees.
    factor: Array2<f64>,
}

impl Target {
    /// `None` with fewer than two points.
    pub(crate) fn of(moments: &Moments) -> Option<Self> {
        let covariance = moments.covariance()?;
        let trace = covariance.diag().sum();
        Some(Self { mean: moments.mean.clone(), trace, factor: factor(covariance) })
    }

    /// As [`frechet_distance`], but that a single point counts as not spread at all; `None` without any point.
    pub(crate) fn distance(&self, moments: &Moments) -> Option<f64> {
        let covariance = covariance_or_none(moments)?;
        let apart = &moments.mean - &self.mean;
        let values = roots(&view(&self.inner(&covariance)).self_adjoint_eigenvalues(Side::Lower).ok()?.into());
        // What rounding takes below 0 is 0: equal moments.
        Some((apart.dot(&apart) + self.trace + covariance.diag().sum() - 2.0 * values.sum()).max(0.0))
    }

    /// How fast the distance grows as weight moves to each of some points, by its derivative: positive for those that
    /// take the moments away from here. `None` without any point.
    ///
    /// With T = F (Fᵀ C F)^-½ Fᵀ, the map that carries the normal distribution of covariance C to this one of F Fᵀ, the
    /// derivative by the mean is 2 (m - mean) and by C it is 1 - T.
    pub(crate) fn influence(&self, moments: &Moments, points: ArrayView2<'_, f64>) -> Option<Array1<f64>> {
        let covariance = covariance_or_none(moments)?;
        let (values, vectors) = eigen(&self.inner(&covariance));
        let least = values.iter().fold(0.0, |most: f64, value| most.max(*value)) * LEAST;
        let inverse = of_eigen(&vectors, &values.mapv(|value| 1.0 / value.max(least).max(f64::MIN_POSITIVE).sqrt()));
        let map = self.factor.dot(&inverse).dot(&self.factor.t());
        let centred = &points - &moments.mean;
        let bent = &centred - &centred.dot(&map);
        let apart = &moments.mean - &self.mean;
        Some((&centred * &bent).sum_axis(Axis(1)) + 2.0 * centred.dot(&apart))
    }
}

impl Target {
    /// Fᵀ C F, whose eigenvalues are those of the product of the two covariances.
    fn inner(&self, covariance: &Array2<f64>) -> Array2<f64> {
        let factor = view(&self.factor);
        symmetric(product(factor.transpose(), view(&product(view(covariance), factor))))
    }
}

/// F of a covariance F Fᵀ, by Cholesky's decomposition with pivots, which stops at the rank: far fewer points than
/// dimensions are usual.
fn factor(mut covariance: Array2<f64>) -> Array2<f64> {
    let d = covariance.nrows();
    let (mut order, mut inverse) = (vec![0usize; d], vec![0usize; d]);
    let mut scratch = MemBuffer::new(cholesky_in_place_scratch::<usize, f64>(d, Par::Seq, Spec::default()));
    let decomposed = cholesky_in_place(
        view_mut(&mut covariance),
        &mut order,
        &mut inverse,
        Par::Seq,
        MemStack::new(&mut scratch),
        Spec::default(),
    );
    let Ok((found, _)) = decomposed else {
        // Only for what holds NaN or infinities, and so does the result then.
        return Array2::from_elem((d, d), f64::NAN);
    };
    // Row i of the triangle belongs to coordinate order[i].
    Array2::from_shape_fn((d, found.rank), |(row, column)| {
        if column <= inverse[row] { covariance[[inverse[row], column]] } else { 0.0 }
    })
}

/// The covariance, of a single point zeros.
fn covariance_or_none(moments: &Moments) -> Option<Array2<f64>> {
    let d = moments.dim();
    if moments.n == 1 { Some(Array2::zeros((d, d))) } else { moments.covariance() }
}

/// The roots of eigenvalues of a matrix that has none below 0. What is as small as rounding is 0: its root would not
/// be small.
fn roots(values: &Array1<f64>) -> Array1<f64> {
    let largest = values.iter().fold(0.0, |most: f64, value| most.max(*value));
    let rounding = largest * f64::EPSILON * values.len() as f64;
    values.mapv(|value| if value > rounding { value.sqrt() } else { 0.0 })
}

/// Eigenvalues, ascending, and eigenvectors in columns.
fn eigen(matrix: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let d = matrix.nrows();
    match view(matrix).self_adjoint_eigen(Side::Lower) {
        Ok(found) => {
            let (values, vectors) = (found.S().column_vector(), found.U());
            (Array1::from_shape_fn(d, |i| values[i]), Array2::from_shape_fn((d, d), |(i, j)| vectors[(i, j)]))
        }
        // Only for what holds NaN or infinities, and so does the result then.
        Err(_) => (Array1::from_elem(d, f64::NAN), Array2::from_elem((d, d), f64::NAN)),
    }
}

/// V diag(values) Vᵀ.
fn of_eigen(vectors: &Array2<f64>, values: &Array1<f64>) -> Array2<f64> {
    (vectors * values).dot(&vectors.t())
}

/// Rounding makes products of symmetric matrices a little less so.
fn symmetric(matrix: Array2<f64>) -> Array2<f64> {
    (&matrix + &matrix.t()) * 0.5
}

#[cfg(test)]
mod tests {
    use ndarray::{ShapeBuilder, array, concatenate};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_diagonal_case_by_hand() {
        // Variances 4/3·(1, 4) and 4/3·(9, 1): roots differ by (2, 1)·√(4/3); means by (1, 2).
        let square = array![[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
        let a = &square * &array![1.0, 2.0];
        let b = &square * &array![3.0, 1.0] + array![1.0, 2.0];
        let found = frechet_distance(&Moments::of(a.view()), &Moments::of(b.view())).unwrap();
        assert!((found - (5.0 + 4.0 / 3.0 * 5.0)).abs() < 1e-12, "{found}");
    }

    /// Made by numpy and scipy, as the reference of 2048 dimensions is, with seed 0, n = 12 and d = 4:
    /// `x = maximum(normal(12, 4) @ w + .3, 0)`, `y = maximum(normal(12, 4) @ w * 1.05 + .35, 0)`, both rounded to
    /// three digits; the distance by `scipy.linalg.sqrtm` of scipy 1.17.1.
    #[test]
    fn as_scipy_has_it() {
        let (x, y, distance) = REFERENCE;
        let of = |rows: &[[f64; 4]]| Moments::of(Array2::from_shape_fn((rows.len(), 4), |(i, j)| rows[i][j]).view());
        let found = frechet_distance(&of(&x), &of(&y)).unwrap();
        assert!((found / distance - 1.0).abs() < 1e-9, "{found} against {distance}");
    }

    const REFERENCE: ([[f64; 4]; 12], [[f64; 4]; 12], f64) = (
        [
            [1.516, 0.0, 1.08, 0.0],
            [1.616, 0.119, 0.185, 0.279],
            [0.485, 0.216, 0.0, 0.476],
            [0.0, 0.0, 0.453, 0.0],
            [1.583, 0.0, 1.329, 0.0],
            [0.33, 0.0, 1.238, 0.0],
            [1.321, 0.574, 0.109, 0.562],
            [0.0, 0.256, 0.176, 0.366],
            [0.0, 0.593, 0.0, 0.883],
            [0.0, 0.571, 0.0, 1.05],
            [0.581, 0.0, 0.596, 0.0],
            [0.0, 0.696, 0.0, 1.816],
        ],
        [
            [0.365, 0.0, 0.862, 0.0],
            [0.061, 0.093, 0.741, 0.0],
            [1.297, 0.0, 1.82, 0.0],
            [1.594, 0.288, 1.562, 0.0],
            [1.028, 0.0, 2.036, 0.0],
            [0.0, 0.693, 0.724, 0.213],
            [2.106, 0.12, 1.153, 0.0],
            [2.79, 0.007, 1.203, 0.0],
            [0.0, 0.621, 0.698, 0.258],
            [0.0, 1.04, 0.0, 1.897],
            [0.0, 1.035, 0.0, 1.685],
            [2.542, 0.0, 2.48, 0.0],
        ],
        0.879719241464239,
    );

    #[test]
    fn points_may_lie_in_any_order() {
        let rows = array![[1.0, 2.0, 0.5], [0.0, 0.0, 1.0], [4.0, 1.0, 2.0]];
        let mut columns = Array2::zeros((3, 3).f());
        columns.assign(&rows);
        assert_eq!(Moments::of(columns.view()), Moments::of(rows.view()));
    }

    #[test]
    fn a_point_has_no_distance() {
        let point = Moments::of(array![[1.0, 2.0]].view());
        let two = Moments::of(array![[1.0, 2.0], [0.0, 0.0]].view());
        assert_eq!(frechet_distance(&point, &two), None);
        assert_eq!(frechet_distance(&two, &point), None);
        assert!(frechet_distance(&two, &two).unwrap() < 1e-12);
    }

    #[test]
    fn fewer_points_than_dimensions_have_a_distance() {
        let a = Moments::of(array![[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]].view());
        let b = Moments::of(array![[1.0, 2.0, 3.0], [0.0, 1.0, 1.0]].view());
        // Rank one each: |m|² + |u|² + |v|² - 2 |u·v|, u and v half the differences by √2.
        let expected = 0.25 + 9.0 / 2.0 + 6.0 / 2.0 - 7.0;
        assert!((frechet_distance(&a, &b).unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn influence_is_the_derivative_of_the_distance() {
        let real = array![[0.0, 0.0], [1.0, 0.5], [2.0, 0.0], [0.5, 2.0], [1.5, 1.0]];
        let made = array![[0.0, 1.0], [1.0, 1.5], [3.0, 0.0], [0.5, 0.0], [1.0, 4.0], [2.0, 2.0]];
        let target = Target::of(&Moments::of(real.view())).unwrap();
        let moments = Moments::of(made.view());
        let found = target.influence(&moments, made.view()).unwrap();
        for row in 0..made.nrows() {
            // Mean and covariance with weight e on one point: (1 - e) C + e (1 - e) (x - m)(x - m)ᵀ.
            let moved = |e: f64| {
                let x = &made.row(row) - &moments.mean;
                let column = x.view().insert_axis(Axis(1));
                let mut to = moments.clone();
                to.mean.scaled_add(e, &x);
                let covariance = moments.covariance().unwrap();
                let covariance = &covariance * (1.0 - e) + column.dot(&column.t()) * (e * (1.0 - e));
                to.comoments = covariance * (to.n - 1) as f64;
                target.distance(&to).unwrap()
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            // Up to what all points share: the derivative by moving weight away from all others.
            let shared = {
                let covariance = moments.covariance().unwrap();
                covariance.diag().sum() - eigen(&target.inner(&covariance)).0.mapv(f64::sqrt).sum()
            };
            assert!((slope + shared - found[row]).abs() < 1e-6, "{slope} {shared} {}", found[row]);
        }
    }

    fn points() -> impl Strategy<Value = Array2<f64>> {
        (1usize..4, 2usize..40).prop_flat_map(|(d, n)| {
            proptest::collection::vec(-10.0..10.0f64, n * d)
                .prop_map(move |values| Array2::from_shape_vec((n, d), values).unwrap())
        })
    }

    proptest! {
        #[test]
        fn merged_moments_are_those_of_the_whole(points in points(), cut in 0.0..1.0f64, far in -1e6..1e6f64) {
            let points = points + far;
            let cut = (cut * points.nrows() as f64) as usize;
            let (first, second) = points.view().split_at(Axis(0), cut);
            let mut merged = Moments::of(first);
            merged.merge(&Moments::of(second));
            let whole = Moments::of(points.view());
            prop_assert_eq!(merged.n(), whole.n());
            prop_assert!((&merged.mean - &whole.mean).iter().all(|off| off.abs() < 1e-9 * far.abs().max(10.0)));
            let off = &merged.comoments - &whole.comoments;
            // Far from 0 the points themselves are known to 1e-10 only.
            prop_assert!(off.iter().all(|off| off.abs() < 1e-6), "{}", off);
        }

        #[test]
        fn a_doubled_set_has_the_same_mean_and_spread(points in points()) {
            let twice = Moments::of(concatenate![Axis(0), points, points].view());
            let once = Moments::of(points.view());
            prop_assert!((&twice.comoments - &once.comoments * 2.0).iter().all(|off| off.abs() < 1e-8));
        }

        #[test]
        fn the_distance_is_symmetric_and_moves_with_the_mean(points in points(), by in -5.0..5.0f64) {
            let (a, b) = (Moments::of(points.view()), Moments::of((&points + by).view()));
            let expected = by * by * points.ncols() as f64;
            let (there, back) = (frechet_distance(&a, &b).unwrap(), frechet_distance(&b, &a).unwrap());
            prop_assert!((there - expected).abs() < 1e-5 * (1.0 + expected), "{} {}", there, expected);
            prop_assert!((there - back).abs() < 1e-5 * (1.0 + expected));
        }
    }
}
