//! Points that lie in nearly the same direction, found exactly.
//!
//! Most pairs are ruled out by some of their coordinates: of unit vectors, what the others add to the product is at most
//! the product of the lengths that are left (Cauchy and Schwarz).

use faer::{Accum, MatMut, MatRef, Par};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::{AuditError, Number};

/// Points that are compared with points at once: their products fit into a processor's cache.
const TALL: usize = 256;
const WIDE: usize = 1024;
/// What 32 bits lose in a product of unit vectors, at most.
const LOSS: f32 = 1e-5;
/// A cosine may be so much less: vectors that are the same have one a little below 1.
pub(super) const TOLERANCE: f64 = 1e-6;
/// From this share of pairs on it is cheaper to take the rest of all pairs of a block than of each alone.
const MANY: usize = 64;

/// Calls `found` for each pair of rows whose vectors have a cosine of `threshold` or more, within 1e-6, with the cosine: by the first
/// row, then by the second, which is larger. Vectors of length 0 have no direction and are in no pair.
///
/// In time that grows with the square of the rows; memory is that of the vectors and, for a moment, of a few hundred rows'
/// pairs.
///
/// # Shapes
/// `vectors: [n, d]`
///
/// # Errors
/// No vectors, or a coordinate that is not finite, or too large for its square to be a number; `threshold` is not above 0 and at most 1.
///
/// ```
/// use ndarray::array;
///
/// let vectors = array![[1.0, 0.0], [0.0, 1.0], [3.0, 0.1], [0.0, 0.0]];
/// let mut pairs = Vec::new();
/// synth_audit::cosine_pairs(vectors.view(), 0.95, |one, other, _| pairs.push((one, other)))?;
/// assert_eq!(pairs, [(0, 2)]);
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
pub fn cosine_pairs<N: Number>(
    vectors: ArrayView2<'_, N>,
    threshold: f64,
    mut found: impl FnMut(usize, usize, f64),
) -> Result<(), AuditError> {
    check(threshold)?;
    let units = Units::of(vectors)?;
    let starts: Vec<usize> = (0..units.n).step_by(TALL).collect();
    // A few blocks at a time, so that their pairs are all that is kept.
    for some in starts.chunks(2 * rayon::current_num_threads()) {
        let pairs: Vec<Vec<(u32, u32, f64)>> =
            some.par_iter().map(|start| units.pairs_from(*start, threshold)).collect();
        pairs.into_iter().flatten().for_each(|(one, other, cosine)| found(one as usize, other as usize, cosine));
    }
    Ok(())
}

/// Whether a cosine can be asked for.
pub(super) fn check(threshold: f64) -> Result<(), AuditError> {
    if threshold > 0.0 && threshold <= 1.0 {
        return Ok(());
    }
    let value = threshold.to_string();
    Err(AuditError::Setting { name: "threshold", value, expected: "above 0, up to 1" })
}

/// Vectors of length 1, in two parts.
pub(super) struct Units {
    pub(super) n: usize,
    /// The first coordinates and the others, `[n, d]` row by row.
    parts: [Vec<f32>; 2],
    pub(super) dims: [usize; 2],
    /// The length of the second part, or more than that by what is lost.
    left: Vec<f32>,
}

impl Units {
    pub(super) fn of<N: Number>(vectors: ArrayView2<'_, N>) -> Result<Self, AuditError> {
        let (n, d) = vectors.dim();
        if n == 0 || d == 0 {
            return Err(AuditError::Empty { what: "vectors" });
        }
        // A quarter of the coordinates rules out nearly all pairs of vectors that point anywhere.
        let first = d.div_ceil(4);
        let mut units =
            Self { n, parts: [Vec::new(), Vec::new()], dims: [first, d - first], left: Vec::with_capacity(n) };
        for (row, vector) in vectors.rows().into_iter().enumerate() {
            let length = vector.iter().map(|x| (*x).into().powi(2)).sum::<f64>().sqrt();
            if !length.is_finite() {
                let column = vector.iter().position(|x| !(*x).into().is_finite());
                let not_finite = |column: usize| AuditError::NotFinite { row, column, value: vector[column].into() };
                return Err(column.map_or(AuditError::Large { row }, not_finite));
            }
            let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
            let unit: Vec<f32> = vector.iter().map(|x| ((*x).into() * scale) as f32).collect();
            units.left.push(unit[first..].iter().map(|x| x * x).sum::<f32>().sqrt() + LOSS);
            units.parts[0].extend(&unit[..first]);
            units.parts[1].extend(&unit[first..]);
        }
        Ok(units)
    }

    pub(super) fn rows(&self, part: usize, from: usize, n: usize) -> MatRef<'_, f32> {
        let d = self.dims[part];
        MatRef::from_row_major_slice(&self.parts[part][from * d..(from + n) * d], n, d)
    }

    /// Some of the vectors with a direction, evenly spread among them.
    pub(super) fn sample(&self, most: usize) -> Self {
        let all: Vec<usize> = (0..self.n).filter(|row| self.has_direction(*row)).collect();
        let n = most.min(all.len());
        let rows = || (0..n).map(|i| all[i * all.len() / n]);
        let part = |part: usize| {
            let d = self.dims[part];
            rows().flat_map(|row| &self.parts[part][row * d..(row + 1) * d]).copied().collect()
        };
        Self { n, parts: [part(0), part(1)], dims: self.dims, left: rows().map(|row| self.left[row]).collect() }
    }

    fn product(&self, part: usize, one: usize, other: usize) -> f64 {
        let d = self.dims[part];
        let row = |row: usize| &self.parts[part][row * d..(row + 1) * d];
        row(one).iter().zip(row(other)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    /// The cosine of two vectors.
    pub(super) fn cosine(&self, one: usize, other: usize) -> f64 {
        (self.product(0, one, other) + self.product(1, one, other)).min(1.0)
    }

    /// Whether a vector has a length.
    pub(super) fn has_direction(&self, row: usize) -> bool {
        self.product(0, row, row) + self.product(1, row, row) > 0.5
    }

    /// The pairs of a block of rows, each with a later row.
    fn pairs_from(&self, start: usize, threshold: f64) -> Vec<(u32, u32, f64)> {
        let tall = TALL.min(self.n - start);
        let mut products = vec![0f32; tall * WIDE];
        let mut pairs = Vec::new();
        for other in (start..self.n).step_by(WIDE) {
            let wide = WIDE.min(self.n - other);
            let products = &mut products[..tall * wide];
            let add = |products: &mut [f32], part: usize, accum: Accum| {
                let to = MatMut::from_row_major_slice_mut(products, tall, wide);
                let (one, other) = (self.rows(part, start, tall), self.rows(part, other, wide));
                faer::linalg::matmul::matmul(to, accum, one, other.transpose(), 1.0, Par::Seq);
            };
            add(products, 0, Accum::Replace);
            let mut likely = self.likely(products, (start, other), |left| threshold as f32 - left - LOSS);
            if likely.len() > products.len() / MANY && self.dims[1] > 0 {
                add(products, 1, Accum::Add);
                likely = self.likely(products, (start, other), |_| threshold as f32 - LOSS);
            }
            for (one, other) in likely {
                let cosine = self.cosine(one, other);
                if cosine >= threshold - TOLERANCE {
                    pairs.push((one as u32, other as u32, cosine));
                }
            }
        }
        pairs.sort_unstable_by_key(|(one, other, _)| (*one, *other));
        pairs
    }

    /// The pairs of a block whose product reaches what `least` makes of how much can still be added to it.
    fn likely(
        &self,
        products: &[f32],
        (start, other): (usize, usize),
        least: impl Fn(f32) -> f32,
    ) -> Vec<(usize, usize)> {
        let wide = WIDE.min(self.n - other);
        let left = &self.left[other..other + wide];
        let mut likely = Vec::new();
        for (row, products) in (start..).zip(products.chunks_exact(wide)) {
            let own = self.left[row];
            let reaches = |(product, left): (&f32, &f32)| *product >= least(own * left);
            // Hardly any does: this loop the processor takes several pairs at a time.
            if products.iter().zip(left).fold(false, |any, pair| any | reaches(pair)) {
                let found = products.iter().zip(left).enumerate().filter(|(_, pair)| reaches(*pair));
                likely.extend(found.map(|(at, _)| (row, other + at)).filter(|(one, other)| one < other));
            }
        }
        likely
    }
}
