//! Points that lie in nearly the same direction, found among many by an index: random hyperplanes (Charikar 2002,
//! Similarity estimation techniques from rounding algorithms).

use std::f64::consts::PI;

use faer::{Accum, MatMut, MatRef, Par};
use ndarray::ArrayView2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::cosine::{TOLERANCE, Units};
use crate::{AuditError, Number};

/// How probable it is, at least, that a pair at the threshold is found.
const RECALL: f64 = 0.99;
/// Rows of one cell that each is compared with: those that follow it. Of more copies than that, each is still found to be
/// a copy of some, so that groups stay whole.
const COMPARED: usize = 256;
/// Bits of a cell's number, at most.
const MOST_BITS: u32 = 24;
/// Times that all points are put into cells, at most: cells are larger instead.
const MOST_TABLES: f64 = 100.0;

/// As [`cosine_pairs`](super::cosine_pairs), in time that grows little faster than the number of rows where vectors point
/// anywhere: of the pairs at the threshold it finds 99 %, of those above more. Where very many vectors point nearly the
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
    let tables_of = |bits: u32| {
        // A plane lies between two points as often as their angle is of half a circle.
        let same_cell = (1.0 - threshold.min(1.0).acos() / PI).powi(bits as i32);
        ((1.0 - RECALL).ln() / (1.0 - same_cell).ln()).ceil().max(1.0)
    };
    // So many bits that cells hold a few points, were these spread evenly; fewer where that takes too many tables.
    let most = units.n.ilog2().clamp(1, MOST_BITS);
    let bits = (1..=most).rev().find(|bits| tables_of(*bits) <= MOST_TABLES).unwrap_or(1);
    let tables = tables_of(bits).min(MOST_TABLES) as usize;
    let mut pairs: Vec<(u32, u32, f64)> = Vec::new();
    for table in 0..tables {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(table as u64);
        let cells = cells(&units, bits as usize, &mut random);
        let in_cell = |cell: &[(u32, u32)]| -> Vec<(u32, u32, f64)> {
            let mut pairs = Vec::new();
            for (at, (_, one)) in cell.iter().enumerate() {
                for (_, other) in &cell[at + 1..cell.len().min(at + 1 + COMPARED)] {
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

/// Points that are put into cells at once.
const ROWS: usize = 4096;

/// Each row, but for those without a direction, behind the number of its cell: on which side of each plane it lies. In
/// order of cells, then of rows.
fn cells(units: &Units, bits: usize, random: &mut ChaCha8Rng) -> Vec<(u32, u32)> {
    // Sums of twelve even numbers are normal enough for directions.
    let mut normal = || (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0;
    let planes: [Vec<f32>; 2] = units.dims.map(|d| (0..bits * d).map(|_| normal()).collect());
    let of_rows = |start: usize| {
        let n = ROWS.min(units.n - start);
        let mut sides = vec![0f32; n * bits];
        for (part, planes) in planes.iter().enumerate() {
            let to = MatMut::from_row_major_slice_mut(&mut sides, n, bits);
            let planes = MatRef::from_row_major_slice(planes, bits, units.dims[part]);
            let accum = if part == 0 { Accum::Replace } else { Accum::Add };
            faer::linalg::matmul::matmul(to, accum, units.rows(part, start, n), planes.transpose(), 1.0, Par::Seq);
        }
        let number = |sides: &[f32]| sides.iter().fold(0u32, |number, side| number << 1 | u32::from(*side > 0.0));
        let rows = sides.chunks_exact(bits).map(number).zip(start as u32..);
        rows.filter(|(_, row)| units.has_direction(*row as usize)).collect::<Vec<_>>()
    };
    let starts: Vec<usize> = (0..units.n).step_by(ROWS).collect();
    let mut cells: Vec<(u32, u32)> = starts.par_iter().flat_map_iter(|start| of_rows(*start)).collect();
    cells.par_sort_unstable();
    cells
}
