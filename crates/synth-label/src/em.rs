//! The two steps every EM here shares: posteriors from scores, and expected counts from posteriors.

use rayon::prelude::*;

use crate::Gold;
use crate::cells::Cells;

/// Patterns a chunk at the least; below it threads cost more than they bring.
const MIN_CHUNK: usize = 2048;
/// Chunks at the most: each has expected counts of its own, which are then added up in order.
const MAX_CHUNKS: usize = 64;
/// The memory all chunks' expected counts may take, in numbers.
const MAX_PARTIAL: usize = 1 << 25;

/// Log scores: a pattern's log posterior is the base plus the rows of its cells, up to a constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    /// `[k]`.
    pub(crate) base: Vec<f64>,
    /// `[n_cells, k]`, row-major.
    pub(crate) cells: Vec<f64>,
}

/// What the posteriors say of the functions and classes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    /// Expected rows with this vote and of this class, `[n_cells, k]`.
    pub(crate) cells: Vec<f64>,
    /// Expected rows of each class, `[k]`.
    pub(crate) mass: Vec<f64>,
    /// Σ log Σ_y exp(score): the log-likelihood where the scores are log-probabilities.
    pub(crate) log_likelihood: f64,
    /// Mean over rows of the total variation distance to the posteriors before.
    pub(crate) change: f64,
}

impl Expected {
    fn zero(n_cells: usize, k: usize) -> Self {
        Self { cells: vec![0.0; n_cells * k], mass: vec![0.0; k], log_likelihood: 0.0, change: 0.0 }
    }

    fn add(&mut self, other: &Self) {
        self.cells.iter_mut().zip(&other.cells).for_each(|(a, b)| *a += b);
        self.mass.iter_mut().zip(&other.mass).for_each(|(a, b)| *a += b);
        self.log_likelihood += other.log_likelihood;
        self.change += other.change;
    }
}

/// E step and the counts for the M step in one pass: overwrites `posterior` by the posteriors under `scores`.
///
/// Rows with a gold label count for their class; `posterior` holds what the votes alone say. Chunks depend on
/// the number of patterns only and are added up in order, so any number of threads gives the same bits.
pub(crate) fn expect(cells: &Cells, scores: &Scores, gold: &Gold, posterior: &mut [f64]) -> Expected {
    let mut expected = in_chunks(cells, posterior, |first, rows, partial| {
        dispatch(cells, Some(scores), first, rows, partial);
    });
    add_gold(cells, gold, posterior, &mut expected);
    expected.change /= cells.n_rows.max(1.0);
    expected
}

/// The counts for the M step from given posteriors.
pub(crate) fn count(cells: &Cells, gold: &Gold, posterior: &mut [f64]) -> Expected {
    let mut expected = in_chunks(cells, posterior, |first, rows, partial| dispatch(cells, None, first, rows, partial));
    add_gold(cells, gold, posterior, &mut expected);
    expected
}

/// Posteriors under `scores`, `[patterns, k]`.
pub(crate) fn posteriors(cells: &Cells, scores: &Scores) -> Vec<f64> {
    let k = cells.n_classes;
    let mut posterior = vec![0.0; cells.len() * k];
    posterior.par_chunks_mut(MIN_CHUNK * k).enumerate().for_each(|(chunk, rows)| {
        for (i, row) in rows.chunks_exact_mut(k).enumerate() {
            score_row(cells.votes(chunk * MIN_CHUNK + i), scores, row);
            softmax(row);
        }
    });
    posterior
}

/// The base plus the rows of the cells.
#[inline(always)]
pub(crate) fn score_row(votes: &[u32], scores: &Scores, row: &mut [f64]) {
    let k = row.len();
    row.copy_from_slice(&scores.base);
    for &cell in votes {
        let cell = &scores.cells[cell as usize * k..][..k];
        for y in 0..k {
            row[y] += cell[y];
        }
    }
}

/// Turns log scores into a distribution and returns the logarithm of their sum.
#[inline(always)]
pub(crate) fn softmax(row: &mut [f64]) -> f64 {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for p in row.iter_mut() {
        *p = (*p - top).exp();
        sum += *p;
    }
    let scale = 1.0 / sum;
    row.iter_mut().for_each(|p| *p *= scale);
    top + sum.ln()
}

fn in_chunks(cells: &Cells, posterior: &mut [f64], work: impl Fn(usize, &mut [f64], &mut Expected) + Sync) -> Expected {
    let (k, n_cells) = (cells.n_classes, cells.n_cells());
    let max_chunks = MAX_CHUNKS.min(MAX_PARTIAL / (n_cells * k).max(1)).max(1);
    let chunk = MIN_CHUNK.max(cells.len().div_ceil(max_chunks));
    let partials: Vec<Expected> = posterior
        .par_chunks_mut(chunk * k)
        .enumerate()
        .map(|(i, rows)| {
            let mut partial = Expected::zero(n_cells, k);
            work(i * chunk, rows, &mut partial);
            partial
        })
        .collect();
    let mut partials = partials.into_iter();
    let mut total = partials.next().unwrap_or_else(|| Expected::zero(n_cells, k));
    partials.for_each(|partial| total.add(&partial));
    total
}

/// Calls [`pass`] with k as a constant where it is small, so that its inner loops are unrolled.
fn dispatch(cells: &Cells, scores: Option<&Scores>, first: usize, rows: &mut [f64], partial: &mut Expected) {
    match cells.n_classes {
        2 => pass(2, cells, scores, first, rows, partial),
        3 => pass(3, cells, scores, first, rows, partial),
        4 => pass(4, cells, scores, first, rows, partial),
        5 => pass(5, cells, scores, first, rows, partial),
        6 => pass(6, cells, scores, first, rows, partial),
        k => pass(k, cells, scores, first, rows, partial),
    }
}

#[inline(always)]
fn pass(k: usize, cells: &Cells, scores: Option<&Scores>, first: usize, rows: &mut [f64], partial: &mut Expected) {
    let mut weighted = vec![0.0; k];
    let weighted = &mut weighted[..k];
    for (i, row) in rows.chunks_exact_mut(k).enumerate() {
        let (votes, count) = (cells.votes(first + i), cells.counts[first + i]);
        if let Some(scores) = scores {
            score_row(votes, scores, weighted);
            partial.log_likelihood += count * softmax(weighted);
            let mut distance = 0.0;
            for y in 0..k {
                distance += (weighted[y] - row[y]).abs();
                row[y] = weighted[y];
            }
            partial.change += count * distance / 2.0;
        }
        for y in 0..k {
            weighted[y] = row[y] * count;
            partial.mass[y] += weighted[y];
        }
        for &cell in votes {
            let cell = &mut partial.cells[cell as usize * k..][..k];
            for y in 0..k {
                cell[y] += weighted[y];
            }
        }
    }
}

/// Moves each gold row's weight from its posterior to its class.
fn add_gold(cells: &Cells, gold: &Gold, posterior: &[f64], expected: &mut Expected) {
    let k = cells.n_classes;
    for (pattern, class, rows) in gold.iter() {
        let posterior = &posterior[pattern * k..][..k];
        // Σ_y exp(score) of the pattern becomes exp(score of the class): log P(class | votes) more.
        expected.log_likelihood += rows * posterior[class].max(f64::MIN_POSITIVE).ln();
        for (y, &believed) in posterior.iter().enumerate() {
            let moved = rows * (f64::from(y == class) - believed);
            expected.mass[y] += moved;
            for &cell in cells.votes(pattern) {
                expected.cells[cell as usize * k + y] += moved;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use synth_core::ClassId;

    use super::*;
    use crate::testing::{matrix, patterns};

    #[test]
    fn a_hand_computed_pass() {
        // One function, two classes, votes 0 on three rows and abstains on one.
        let cells = Cells::of(&patterns(1, 2, &[(vec![Some(0)], 3), (vec![None], 1)]));
        let scores = Scores { base: vec![0.5f64.ln(); 2], cells: vec![0.8f64.ln(), 0.2f64.ln()] };
        let mut posterior = vec![0.5; 4];
        let expected = expect(&cells, &scores, &Gold::none(), &mut posterior);
        assert!((expected.cells[0] - 2.4).abs() < 1e-12 && (expected.cells[1] - 0.6).abs() < 1e-12);
        assert!((expected.mass[0] - 2.9).abs() < 1e-12);
        // Three rows of probability .5, one of 1.
        assert!((expected.log_likelihood - 3.0 * 0.5f64.ln()).abs() < 1e-12);
        assert!((expected.change - 3.0 * 0.3 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn gold_rows_count_for_their_class() {
        let matrix = matrix(1, 2, &[vec![Some(0)], vec![Some(0)]]);
        let gold = Gold::of(&matrix, &[Some(ClassId::new(1)), None]).unwrap();
        let cells = Cells::of(matrix.patterns());
        let expected = count(&cells, &gold, &mut [1.0, 0.0]);
        assert_eq!(expected.mass, [1.0, 1.0]);
        assert_eq!(expected.cells, [1.0, 1.0]);
    }

    #[test]
    fn far_scores_do_not_overflow() {
        let mut row = [-1e6, -1e6 - 1.0];
        softmax(&mut row);
        assert!((row[0] - 1.0 / (1.0 + (-1.0f64).exp())).abs() < 1e-12);
    }
}
