//! Vote patterns: the unique rows of a label matrix with their counts.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use crate::class::check_names;
use crate::{ClassId, ClassSet, CoreError};

/// One vote that is not an abstain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LfVote {
    /// The labeling function, from 0.
    pub lf_idx: u32,
    /// The class it votes for.
    pub class: ClassId,
}

/// Unique rows of votes with integer counts.
///
/// On real labeling functions a fit over patterns costs the same for ten thousand rows and for a hundred
/// million. Patterns stand in a canonical order that depends on nothing but which patterns there are, so
/// that the same votes give the same table, and a model fitted on it the same bits, whatever order the rows
/// or shards came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VotePatterns {
    classes: ClassSet,
    lf_names: Arc<[String]>,
    /// Pattern p is `votes[offsets[p]..offsets[p + 1]]`, ascending by labeling function.
    offsets: Vec<usize>,
    votes: Vec<LfVote>,
    counts: Vec<u64>,
}

impl VotePatterns {
    /// The number of different patterns.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// True when there is not even one row.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The classes.
    pub fn classes(&self) -> &ClassSet {
        &self.classes
    }

    /// The names of the labeling functions, in column order.
    pub fn lf_names(&self) -> &[String] {
        &self.lf_names
    }

    /// The number of labeling functions, m.
    pub fn n_lfs(&self) -> usize {
        self.lf_names.len()
    }

    /// The number of classes, k.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// The number of rows behind the patterns, n.
    pub fn n_rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The votes of a pattern, ascending by labeling function; abstains have no entry.
    pub fn votes(&self, pattern: usize) -> &[LfVote] {
        &self.votes[self.offsets[pattern]..self.offsets[pattern + 1]]
    }

    /// How many rows have this pattern.
    pub fn count(&self, pattern: usize) -> u64 {
        self.counts[pattern]
    }

    /// The counts of all patterns.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Each pattern with its count.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[LfVote], u64)> {
        (0..self.len()).map(|p| (self.votes(p), self.counts[p]))
    }

    /// The number of stored votes over all patterns, each pattern counted once.
    pub fn n_stored_votes(&self) -> usize {
        self.votes.len()
    }

    /// The patterns of two sets of rows together; counts add up exactly.
    ///
    /// # Errors
    /// The two differ in their labeling functions or classes, or in the order of either.
    pub fn merge(&self, other: &Self) -> Result<Self, CoreError> {
        for (what, left, right) in [
            ("the labeling functions", self.lf_names(), other.lf_names()),
            ("the classes", self.classes.names(), other.classes.names()),
        ] {
            if left != right {
                return Err(CoreError::Mismatch { what, left: left.join(", "), right: right.join(", ") });
            }
        }
        let mut table = PatternTable::new(self.classes.clone(), self.lf_names.to_vec())?;
        for (votes, count) in self.iter().chain(other.iter()) {
            table.add(votes, count)?;
        }
        Ok(table.finish().0)
    }

    /// Patterns from a list of rows with counts, as a counts file holds them. Equal rows add up.
    ///
    /// # Errors
    /// Names that are empty or given twice; votes out of order or out of range.
    pub fn from_counts<'a, S: Into<String>>(
        classes: ClassSet,
        lf_names: impl IntoIterator<Item = S>,
        rows: impl IntoIterator<Item = (&'a [LfVote], u64)>,
    ) -> Result<Self, CoreError> {
        let mut table = PatternTable::new(classes, lf_names.into_iter().map(Into::into).collect())?;
        for (row, (votes, count)) in rows.into_iter().enumerate() {
            table.check(row, votes)?;
            table.add(votes, count)?;
        }
        Ok(table.finish().0)
    }
}

/// Interns rows of votes.
#[derive(Debug, Clone)]
pub(crate) struct PatternTable {
    patterns: VotePatterns,
    hashes: Vec<u64>,
    index: HashTable<u32>,
}

impl PatternTable {
    pub(crate) fn new(classes: ClassSet, lf_names: Vec<String>) -> Result<Self, CoreError> {
        check_names("labeling function", &lf_names)?;
        let patterns = VotePatterns {
            classes,
            lf_names: lf_names.into(),
            offsets: vec![0],
            votes: Vec::new(),
            counts: Vec::new(),
        };
        Ok(Self { patterns, hashes: Vec::new(), index: HashTable::new() })
    }

    pub(crate) fn n_lfs(&self) -> usize {
        self.patterns.n_lfs()
    }

    /// Refuses votes that are not a row of this table: out of order, or out of range.
    pub(crate) fn check(&self, row: usize, votes: &[LfVote]) -> Result<(), CoreError> {
        let (n_lfs, n_classes) = (self.patterns.n_lfs(), self.patterns.n_classes());
        let in_order = votes.windows(2).all(|pair| pair[0].lf_idx < pair[1].lf_idx);
        if !in_order || votes.last().is_some_and(|last| last.lf_idx as usize >= n_lfs) {
            return Err(CoreError::UnorderedVotes { row, n_lfs });
        }
        if let Some(bad) = votes.iter().find(|vote| vote.class.index() >= n_classes) {
            let lf = self.patterns.lf_names[bad.lf_idx as usize].clone();
            return Err(CoreError::VoteOutOfRange { row, lf, got: bad.class.index(), n_classes });
        }
        Ok(())
    }

    /// Counts `count` rows of these votes, which must be ascending by labeling function, and returns the
    /// pattern's provisional number.
    pub(crate) fn add(&mut self, votes: &[LfVote], count: u64) -> Result<u32, CoreError> {
        let Self { patterns, hashes, index } = self;
        let hash = hash_votes(votes);
        if let Some(&found) = index.find(hash, |&p| patterns.votes(p as usize) == votes) {
            patterns.counts[found as usize] += count;
            return Ok(found);
        }
        let new = u32::try_from(patterns.len()).map_err(|_| CoreError::TooManyPatterns)?;
        patterns.votes.extend_from_slice(votes);
        patterns.offsets.push(patterns.votes.len());
        patterns.counts.push(count);
        hashes.push(hash);
        index.insert_unique(hash, new, |&p| hashes[p as usize]);
        Ok(new)
    }

    /// The patterns in canonical order, and for each provisional number the final one.
    ///
    /// The order is by a fixed hash of the votes, then by the votes: as good as any for a table that nobody
    /// reads in order, and ten times cheaper to sort by than the votes themselves.
    pub(crate) fn finish(self) -> (VotePatterns, Vec<u32>) {
        let Self { patterns, hashes, .. } = self;
        // Hashes stand in the list itself: to fetch each from its place costs more than to compare them.
        let mut order: Vec<(u64, u32)> = hashes.into_iter().zip(0..).collect();
        order.sort_unstable_by(|&(left, a), &(right, b)| {
            left.cmp(&right).then_with(|| patterns.votes(a as usize).cmp(patterns.votes(b as usize)))
        });
        let mut sorted = VotePatterns {
            classes: patterns.classes.clone(),
            lf_names: Arc::clone(&patterns.lf_names),
            offsets: Vec::with_capacity(patterns.offsets.len()),
            votes: Vec::with_capacity(patterns.votes.len()),
            counts: Vec::with_capacity(patterns.counts.len()),
        };
        sorted.offsets.push(0);
        let mut renumbered = vec![0; order.len()];
        for (new, &(_, old)) in order.iter().enumerate() {
            renumbered[old as usize] = new as u32;
            sorted.votes.extend_from_slice(patterns.votes(old as usize));
            sorted.offsets.push(sorted.votes.len());
            sorted.counts.push(patterns.counts[old as usize]);
        }
        (sorted, renumbered)
    }
}

fn hash_votes(votes: &[LfVote]) -> u64 {
    let mut hasher = FxHasher::default();
    for vote in votes {
        // One word a vote instead of two fields; the values are the same on every platform.
        ((u64::from(vote.lf_idx) << 16) | vote.class.index() as u64).hash(&mut hasher);
    }
    hasher.finish()
}
