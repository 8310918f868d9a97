//! The nearest points of each point, found by looking at all of them.

use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array1, ArrayView2, Axis};
use rayon::prelude::*;

use super::check;
use crate::AuditError;
use crate::lowest::Lowest;

/// The k nearest other points of each point, by Euclidean distance.
///
/// ```
/// use ndarray::array;
/// use synth_audit::Neighbours;
///
/// let neighbours = Neighbours::of(array![[0.0], [1.0], [3.0], [10.0]].view(), 2)?;
/// assert_eq!(neighbours.rows(2), [1, 0]);
/// assert_eq!(neighbours.distances(2), [2.0, 3.0]);
/// // How far out a point is: the mean distance of its neighbours.
/// assert_eq!(neighbours.mean_distances(), [2.0, 1.5, 2.5, 8.0]);
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    k: usize,
    rows: Vec<u32>,
    distances: Vec<f64>,
}

/// Points that are compared with points at once: their distances fit into a processor's cache.
const TALL: usize = 256;
const WIDE: usize = 1024;
/// Points that are looked at together for whether any is near.
const SOME: usize = 64;

impl Neighbours {
    /// Finds neighbours among all points, in time that grows with the square of their number. Of equally near ones those with
    /// lower numbers come first; which of several equally near ones is the last may be decided by rounding, as products
    /// find them: 1e-16 of the square of how far all points are spread. Memory is that of the points and of the result.
    ///
    /// # Shapes
    /// `points: [n, d]`
    ///
    /// # Errors
    /// No points, or a coordinate that is not finite, or too large for its square to be a number; `k` is 0, or there are not so many other points.
    pub fn of(points: ArrayView2<'_, f64>, k: usize) -> Result<Self, AuditError> {
        check(points)?;
        let n = points.nrows();
        if k == 0 || k >= n {
            let expected = "1 or more, and less than there are points";
            return Err(AuditError::Setting { name: "k", value: k.to_string(), expected });
        }
        // Products of points near the origin lose fewer digits.
        let mean = points.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(points.ncols()));
        let d = points.ncols();
        let centred: Vec<f64> = points.rows().into_iter().flat_map(|row| (&row - &mean).to_vec()).collect();
        let squares: Vec<f64> = centred.chunks_exact(d).map(|row| row.iter().map(|x| x * x).sum()).collect();
        // With room for the square of the difference of two.
        let is_large = |square: &f64| square.is_nan() || *square > f64::MAX / 8.0;
        if let Some(row) = squares.iter().position(is_large) {
            return Err(AuditError::Large { row });
        }
        let blocks: Vec<usize> = (0..n).step_by(TALL).collect();
        let found = blocks.par_iter().map(|start| of_block(&centred, d, &squares, *start, k)).collect::<Vec<_>>();
        let (rows, distances) = found.into_iter().flatten().unzip();
        Ok(Self { k, rows, distances })
    }

    /// How many neighbours each point has.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How many points.
    pub fn n_rows(&self) -> usize {
        self.rows.len() / self.k
    }

    /// The rows of a point's neighbours, the nearest first.
    pub fn rows(&self, row: usize) -> &[u32] {
        &self.rows[row * self.k..(row + 1) * self.k]
    }

    /// How far they are.
    pub fn distances(&self, row: usize) -> &[f64] {
        &self.distances[row * self.k..(row + 1) * self.k]
    }

    /// The mean distance of each point's neighbours, `[n]`: how far out it is (Angiulli and Pizzuti 2002, Fast outlier
    /// detection in high dimensional spaces).
    pub fn mean_distances(&self) -> Vec<f64> {
        self.distances.chunks_exact(self.k).map(|distances| distances.iter().sum::<f64>() / self.k as f64).collect()
    }
}

/// The neighbours of the points from `start` on, one after the other. `points: [n, d]`, row by row.
fn of_block(points: &[f64], d: usize, squares: &[f64], start: usize, k: usize) -> Vec<(u32, f64)> {
    let n = squares.len();
    let tall = TALL.min(n - start);
    let rows = |from: usize, n: usize| MatRef::from_row_major_slice(&points[from * d..(from + n) * d], n, d);
    // The k nearest, and the point itself.
    let mut nearest: Vec<Lowest> = (0..tall).map(|_| Lowest::new(k + 1)).collect();
    let mut products = vec![0.0; tall * WIDE];
    for other in (0..n).step_by(WIDE) {
        let wide = WIDE.min(n - other);
        let products = &mut products[..tall * wide];
        let to = MatMut::from_row_major_slice_mut(products, tall, wide);
        faer::linalg::matmul::matmul(
            to,
            Accum::Replace,
            rows(start, tall),
            rows(other, wide).transpose(),
            1.0,
            Par::Seq,
        );
        for (row, (nearest, products)) in nearest.iter_mut().zip(products.chunks_exact(wide)).enumerate() {
            let (mut bound, own) = (nearest.bound(), squares[start + row]);
            let squares = &squares[other..other + wide];
            for (part, (products, squares)) in products.chunks(SOME).zip(squares.chunks(SOME)).enumerate() {
                let distance = |(product, square): (&f64, &f64)| own + square - 2.0 * product;
                // Hardly any is near: this loop the processor takes several points at a time.
                if !products.iter().zip(squares).fold(false, |any, pair| any | (distance(pair) < bound)) {
                    continue;
                }
                for (at, pair) in products.iter().zip(squares).enumerate() {
                    let distance = distance(pair);
                    if distance < bound {
                        bound = nearest.offer(distance, other + part * SOME + at);
                    }
                }
            }
        }
    }
    let finish = |(row, nearest): (usize, Lowest)| {
        let row = start + row;
        // Once more by differences, which are exact where points are the same.
        let distance = |other: usize| {
            let pairs = points[row * d..(row + 1) * d].iter().zip(&points[other * d..(other + 1) * d]);
            pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
        };
        let mut found: Vec<(u32, f64)> =
            nearest.rows().filter(|other| *other != row).map(|other| (other as u32, distance(other))).collect();
        found.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        found.truncate(k);
        found
    };
    nearest.into_iter().enumerate().flat_map(finish).collect()
}
