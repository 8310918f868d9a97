//! The votes in the form the fits work on: cells.

use rustc_hash::FxHashMap;
use synth_core::VotePatterns;

/// The number of (function, class) slots up to which a plain table finds a cell; beyond it a hash map does.
const DENSE_SLOTS: usize = 1 << 24;

/// Vote patterns with each vote replaced by its *cell*: the pair (labeling function, class it votes for).
///
/// Only pairs that occur are cells, numbered by function, then class. A model keeps k numbers a cell, so a
/// function that only ever votes one class costs k and not k².
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    pub(crate) n_lfs: usize,
    pub(crate) n_classes: usize,
    /// Rows behind the patterns.
    pub(crate) n_rows: f64,
    /// Pattern p has the votes `votes[offsets[p]..offsets[p + 1]]`.
    offsets: Vec<usize>,
    votes: Vec<u32>,
    /// Rows of each pattern.
    pub(crate) counts: Vec<f64>,
    /// The function of each cell.
    pub(crate) lf: Vec<u32>,
    /// The class of each cell.
    pub(crate) class: Vec<u16>,
    /// Rows with this vote, for each cell.
    pub(crate) cell_rows: Vec<f64>,
    /// Rows each function votes on.
    pub(crate) lf_rows: Vec<f64>,
}

impl Cells {
    pub(crate) fn of(patterns: &VotePatterns) -> Self {
        let (n_lfs, n_classes) = (patterns.n_lfs(), patterns.n_classes());
        let slot = |lf: u32, class: usize| lf as u64 * n_classes as u64 + class as u64;
        let n_votes = patterns.n_stored_votes();
        let (mut offsets, mut votes) = (Vec::with_capacity(patterns.len() + 1), Vec::with_capacity(n_votes));
        offsets.push(0);
        let mut rows_of_slot = Slots::new(n_lfs * n_classes);
        for (pattern, count) in patterns.iter() {
            for vote in pattern {
                // The lowest bit marks the slot, so that a pattern counted 0 times has cells too.
                let rows = rows_of_slot.at(slot(vote.lf_idx, vote.class.index()));
                *rows = (*rows | 1) + 2 * count;
            }
        }
        let occupied = rows_of_slot.occupied();
        let mut cell_of_slot = rows_of_slot;
        for (cell, &(slot, _)) in occupied.iter().enumerate() {
            *cell_of_slot.at(slot) = cell as u64;
        }
        for (pattern, _) in patterns.iter() {
            votes.extend(pattern.iter().map(|v| *cell_of_slot.at(slot(v.lf_idx, v.class.index())) as u32));
            offsets.push(votes.len());
        }
        let lf: Vec<u32> = occupied.iter().map(|&(slot, _)| (slot / n_classes as u64) as u32).collect();
        let class = occupied.iter().map(|&(slot, _)| (slot % n_classes as u64) as u16).collect();
        let cell_rows: Vec<f64> = occupied.iter().map(|&(_, rows)| (rows >> 1) as f64).collect();
        let mut lf_rows = vec![0.0; n_lfs];
        for (&lf, &rows) in lf.iter().zip(&cell_rows) {
            lf_rows[lf as usize] += rows;
        }
        let counts = patterns.counts().iter().map(|&c| c as f64).collect();
        let n_rows = patterns.n_rows() as f64;
        Self { n_lfs, n_classes, n_rows, offsets, votes, counts, lf, class, cell_rows, lf_rows }
    }

    /// Every `stride`-th pattern, with the same cells. Patterns stand in the order of a hash of their votes, so
    /// this is as good as a random sample, and always the same one. `cell_rows` and `lf_rows` are the sample's.
    pub(crate) fn every(&self, stride: usize) -> Self {
        let mut sample = Self {
            offsets: vec![0],
            votes: Vec::new(),
            counts: Vec::new(),
            cell_rows: vec![0.0; self.n_cells()],
            lf_rows: vec![0.0; self.n_lfs],
            lf: self.lf.clone(),
            class: self.class.clone(),
            ..*self
        };
        for p in (0..self.len()).step_by(stride) {
            let (votes, count) = (self.votes(p), self.counts[p]);
            sample.votes.extend_from_slice(votes);
            sample.offsets.push(sample.votes.len());
            sample.counts.push(count);
            for &cell in votes {
                sample.cell_rows[cell as usize] += count;
                sample.lf_rows[self.lf[cell as usize] as usize] += count;
            }
        }
        sample.n_rows = sample.counts.iter().sum();
        sample
    }

    /// One pattern alone, with the same cells.
    pub(crate) fn one(&self, pattern: usize) -> Self {
        let votes = self.votes(pattern).to_vec();
        let counts = vec![self.counts[pattern]];
        Self {
            offsets: vec![0, votes.len()],
            votes,
            counts,
            n_rows: self.counts[pattern],
            ..self.every(self.len().max(1))
        }
    }

    /// The number of patterns.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(crate) fn n_cells(&self) -> usize {
        self.lf.len()
    }

    /// The cells of a pattern, ascending by function.
    #[inline]
    pub(crate) fn votes(&self, pattern: usize) -> &[u32] {
        &self.votes[self.offsets[pattern]..self.offsets[pattern + 1]]
    }

    /// The share of rows a function votes on; 0 for a matrix without rows.
    pub(crate) fn coverage(&self, lf_idx: usize) -> f64 {
        if self.n_rows > 0.0 { self.lf_rows[lf_idx] / self.n_rows } else { 0.0 }
    }

    /// How many different classes each function votes for.
    pub(crate) fn polarity(&self) -> Vec<usize> {
        let mut polarity = vec![0; self.n_lfs];
        self.lf.iter().for_each(|&lf| polarity[lf as usize] += 1);
        polarity
    }

    /// The cells of each function, as ranges: cells are numbered by function.
    pub(crate) fn cells_of_lfs(&self) -> Vec<std::ops::Range<usize>> {
        let mut ranges = vec![0..0; self.n_lfs];
        let mut start = 0;
        for (lf_idx, range) in ranges.iter_mut().enumerate() {
            let end = start + self.lf[start..].iter().take_while(|&&lf| lf as usize == lf_idx).count();
            *range = start..end;
            start = end;
        }
        ranges
    }

    /// Majority vote with weights: the top classes of a pattern share its row equally; without votes all do.
    pub(crate) fn majority(&self, lf_weights: &[f64]) -> Vec<f64> {
        let k = self.n_classes;
        let mut posterior = vec![0.0; self.len() * k];
        for (p, row) in posterior.chunks_exact_mut(k).enumerate() {
            for &cell in self.votes(p) {
                row[self.class[cell as usize] as usize] += lf_weights[self.lf[cell as usize] as usize];
            }
            share_top(row);
        }
        posterior
    }
}

/// Two sums of weights closer than this are a tie: weights are shares like 1/3 and add up inexactly.
const TIE: f64 = 1e-9;

/// Replaces scores by the distribution in which the highest ones share everything equally.
pub(crate) fn share_top(row: &mut [f64]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max) - TIE;
    let n_top = row.iter().filter(|&&s| s >= top).count() as f64;
    row.iter_mut().for_each(|s| *s = if *s >= top { 1.0 / n_top } else { 0.0 });
}

/// A number a (function, class) slot.
enum Slots {
    Dense(Vec<u64>),
    Sparse(FxHashMap<u64, u64>),
}

impl Slots {
    fn new(n: usize) -> Self {
        if n <= DENSE_SLOTS { Self::Dense(vec![0; n]) } else { Self::Sparse(FxHashMap::default()) }
    }

    #[inline]
    fn at(&mut self, slot: u64) -> &mut u64 {
        match self {
            Self::Dense(table) => &mut table[slot as usize],
            Self::Sparse(map) => map.entry(slot).or_default(),
        }
    }

    /// The slots with a number above 0, ascending.
    fn occupied(&self) -> Vec<(u64, u64)> {
        match self {
            Self::Dense(table) => (0u64..).zip(table.iter().copied()).filter(|&(_, rows)| rows > 0).collect(),
            Self::Sparse(map) => {
                let mut all: Vec<(u64, u64)> = map.iter().map(|(&slot, &rows)| (slot, rows)).collect();
                all.sort_unstable();
                all
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::patterns;

    #[test]
    fn cells_are_the_pairs_that_occur() {
        let rows = [(vec![Some(1), None, Some(0)], 2), (vec![Some(0), None, None], 3), (vec![None; 3], 1)];
        let cells = Cells::of(&patterns(3, 2, &rows));
        assert_eq!((cells.lf.as_slice(), cells.class.as_slice()), ([0, 0, 2].as_slice(), [0, 1, 0].as_slice()));
        assert_eq!(cells.cell_rows, [3.0, 2.0, 2.0]);
        assert_eq!(cells.lf_rows, [5.0, 0.0, 2.0]);
        assert_eq!(cells.cells_of_lfs(), [0..2, 2..2, 2..3]);
        assert_eq!(cells.polarity(), [2, 0, 1]);
        assert_eq!(cells.n_rows, 6.0);
        let sample = cells.every(2);
        assert_eq!(sample.len(), 2);
        assert_eq!(sample.n_rows, sample.counts.iter().sum::<f64>());
    }
}
