//! Points that lie in nearly the same direction, found among many by an index: random hyperplanes (Charikar 2002,
//! Similarity estimation techniques from rounding algorithms), each moved so that it halves the points. Embeddings often
//! point more or less the same way; planes through the origin would leave nearly all of them on one side.

use faer::{Accum, MatMut, MatRef, Par};
use ndarray::ArrayView2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::cosine::{TOLERANCE, Units};
use crate::{AuditError, Number};

/// How probable it is, at least, that a pair at the threshold is found.
const RECALL: f64 = 0.99;
/// Copies of one row in one cell that are looked for. Of more copies than that, each is still found to be a copy of some,
/// so that groups stay whole.
const COPIES: usize = 64;
/// Rows of one cell that each is compared with, at most: those that follow it.
const COMPARED: usize = 1 << 13;
/// Bits of a cell's number, at most.
const MOST_BITS: u32 = 24;
/// Times that all points are put into cells, at most: cells are larger instead.
const MOST_TABLES: u32 = 100;
/// Points, and planes, that tell how often a plane parts two copies.
const PROBED: usize = 1 << 11;
const PROBES: usize = 256;

/// As [`cosine_pairs`](super::cosine_pairs), in time that grows little faster than the number of rows where vectors are
/// spread out: of the pairs at the threshold it finds 99 %, of those above more. Where very many vectors point nearly the
/// same way it finds of each some of its copies, not all: enough for groups. What it finds is exact.
///
/// # Shapes
/// `vectors: [n, d]`
///
/// # Errors
/// As [`cosine_pairs`](super::cosine_pairs).
///
/// ```
/// use ndarray::array;
///
/// let vectors = array![[1.0, 0.0], [0.0, 1.0], [3.0, 0.1], [0.0, 0.0]];
/// let mut pairs = Vec::new();
/// synth_audit::likely_cosine_pairs(vectors.view(), 0.95, 0, |one, other, _| pairs.push((one, other)))?;
/// assert_eq!(pairs, [(0, 2)]);
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
pub fn likely_cosine_pairs<N: Number>(
    vectors: ArrayView2<'_, N>,
    threshold: f64,
    seed: u64,
    mut found: impl FnMut(usize, usize, f64),
) -> Result<(), AuditError> {
    super::cosine::check(threshold)?;
    let units = Units::of(vectors)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let sample = units.sample(PROBED);
    let unparted = unparted(&sample, threshold.min(1.0), &mut random);
    // So many bits that cells hold a few points; fewer where that takes too many tables.
    let most = units.n.ilog2().clamp(1, MOST_BITS);
    let enough = |bits: u32| Some((bits, tables(&unparted, bits)?));
    let (bits, tables) = (1..=most).rev().find_map(enough).unwrap_or((1, MOST_TABLES));
    let mut pairs: Vec<(u32, u32, f64)> = Vec::new();
    for table in 0..tables {
        random.set_stream(1 + u64::from(table));
        let cells = Planes::halving(&sample, bits as usize, &mut random).cells(&units);
        let in_cell = |cell: &[(u32, u32)]| -> Vec<(u32, u32, f64)> {
            let mut pairs = Vec::new();
            for (at, (_, one)) in cell.iter().enumerate() {
                let before = pairs.len();
                for (_, other) in cell[at + 1..].iter().take(COMPARED) {
                    if pairs.len() == before + COPIES {
                        break;
                    }
                    let cosine = units.cosine(*one as usize, *other as usize);
                    if cosine >= threshold - TOLERANCE {
                        pairs.push((*one, *other, cosine));
                    }
                }
            }
            pairs
        };
        let whole: Vec<&[(u32, u32)]> = cells.chunk_by(|a, b| a.0 == b.0).filter(|cell| cell.len() > 1).collect();
        let new: Vec<Vec<(u32, u32, f64)>> = whole.into_par_iter().map(in_cell).collect();
        pairs.extend(new.into_iter().flatten());
        // What several tables find counts once, and takes room once.
        pairs.par_sort_unstable_by_key(|(one, other, _)| (*one, *other));
        pairs.dedup_by_key(|(one, other, _)| (*one, *other));
    }
    pairs.into_iter().for_each(|(one, other, cosine)| found(one as usize, other as usize, cosine));
    Ok(())
}

/// How probable it is for each point that a plane does not part it from a copy at the threshold.
///
/// Such a copy lies t along the point and sqrt(1 - t²) along anything, so what a plane makes of it is normal around t times
/// what it makes of the point.
fn unparted(sample: &Units, threshold: f64, random: &mut ChaCha8Rng) -> Vec<f64> {
    let planes = Planes::halving(sample, PROBES, random);
    // Copies that are the same are parted by no plane, in spite of rounding.
    let spread = (1.0 - threshold * threshold).sqrt().max(1e-6);
    let heights = planes.heights(sample, 0, sample.n);
    let of_point = |heights: &[f32]| {
        let same = |(height, offset): (&f32, &f32)| {
            let behind = (threshold * f64::from(*height) - f64::from(*offset)) / spread;
            let side = if height > offset { behind } else { -behind };
            libm::erfc(-side / std::f64::consts::SQRT_2) / 2.0
        };
        heights.iter().zip(&planes.offsets).map(same).sum::<f64>() / PROBES as f64
    };
    heights.chunks_exact(PROBES).map(of_point).collect()
}

/// How many tables of cells of so many bits find the copies of these points with a probability of [`RECALL`]; `None` where
/// that takes too many.
fn tables(unparted: &[f64], bits: u32) -> Option<u32> {
    let found = |tables: u32| {
        let of_point = |same: &f64| 1.0 - (1.0 - same.powi(bits as i32)).powi(tables as i32);
        unparted.iter().map(of_point).sum::<f64>() / unparted.len().max(1) as f64
    };
    (1..=MOST_TABLES).find(|tables| found(*tables) >= RECALL)
}

/// Points that are put into cells at once.
const ROWS: usize = 4096;

/// Planes with as many points on either side.
struct Planes {
    /// The direction of each plane, in the two parts of a [`Units`].
    normals: [Vec<f32>; 2],
    /// How high above the origin each plane lies.
    offsets: Vec<f32>,
}

impl Planes {
    /// Random planes, each moved to the median of a sample of the points.
    fn halving(sample: &Units, n: usize, random: &mut ChaCha8Rng) -> Self {
        // Sums of twelve even numbers are normal enough for directions.
        let mut normal = || (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0;
        let normals = sample.dims.map(|d| (0..n * d).map(|_| normal()).collect());
        let mut planes = Self { normals, offsets: vec![0.0; n] };
        let heights = planes.heights(sample, 0, sample.n);
        let median = |plane: usize| {
            let mut of_plane: Vec<f32> = heights.iter().skip(plane).step_by(n).copied().collect();
            let middle = of_plane.len() / 2;
            if of_plane.is_empty() { 0.0 } else { *of_plane.select_nth_unstable_by(middle, f32::total_cmp).1 }
        };
        planes.offsets = (0..n).map(median).collect();
        planes
    }

    /// How high above the origin some rows lie, along each plane's direction: `[rows, planes]`.
    fn heights(&self, units: &Units, start: usize, n: usize) -> Vec<f32> {
        let planes = self.offsets.len();
        let mut heights = vec![0f32; n * planes];
        for (part, normals) in self.normals.iter().enumerate() {
            let to = MatMut::from_row_major_slice_mut(&mut heights, n, planes);
            let normals = MatRef::from_row_major_slice(normals, planes, units.dims[part]);
            let accum = if part == 0 { Accum::Replace } else { Accum::Add };
            faer::linalg::matmul::matmul(to, accum, units.rows(part, start, n), normals.transpose(), 1.0, Par::Seq);
        }
        heights
    }

    /// Each row, but for those without a direction, behind the number of its cell: on which side of each plane it lies. In
    /// order of cells, then of rows.
    fn cells(&self, units: &Units) -> Vec<(u32, u32)> {
        let of_rows = |start: usize| {
            let heights = self.heights(units, start, ROWS.min(units.n - start));
            let side = |number: u32, (height, offset): (&f32, &f32)| number << 1 | u32::from(height > offset);
            let number = |heights: &[f32]| heights.iter().zip(&self.offsets).fold(0, side);
            let rows = heights.chunks_exact(self.offsets.len()).map(number).zip(start as u32..);
            rows.filter(|(_, row)| units.has_direction(*row as usize)).collect::<Vec<_>>()
        };
        let starts: Vec<usize> = (0..units.n).step_by(ROWS).collect();
        let mut cells: Vec<(u32, u32)> = starts.par_iter().flat_map_iter(|start| of_rows(*start)).collect();
        cells.par_sort_unstable();
        cells
    }
}
