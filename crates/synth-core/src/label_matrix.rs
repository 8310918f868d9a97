//! The label matrix: what every labeling function said of every record.

use std::sync::Arc;

use crate::patterns::PatternTable;
use crate::{ClassSet, CoreError, LfVote, Vote, VotePatterns};

/// The votes of m labeling functions on n records, sparse: vote patterns, and for each row its pattern.
///
/// A row costs 4 bytes beyond the pattern table, however many labeling functions there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMatrix {
    patterns: Arc<VotePatterns>,
    row_patterns: Arc<[u32]>,
}

impl LabelMatrix {
    /// The classes.
    pub fn classes(&self) -> &ClassSet {
        self.patterns.classes()
    }

    /// The names of the labeling functions, in column order.
    pub fn lf_names(&self) -> &[String] {
        self.patterns.lf_names()
    }

    /// The number of rows, n.
    pub fn n_rows(&self) -> usize {
        self.row_patterns.len()
    }

    /// The number of labeling functions, m.
    pub fn n_lfs(&self) -> usize {
        self.patterns.n_lfs()
    }

    /// The number of classes, k.
    pub fn n_classes(&self) -> usize {
        self.patterns.n_classes()
    }

    /// The unique rows with their counts.
    pub fn patterns(&self) -> &VotePatterns {
        &self.patterns
    }

    /// For each row the number of its pattern.
    pub fn row_patterns(&self) -> &[u32] {
        &self.row_patterns
    }

    pub(crate) fn shared_row_patterns(&self) -> Arc<[u32]> {
        Arc::clone(&self.row_patterns)
    }

    /// The votes on a row, ascending by labeling function; abstains have no entry.
    pub fn votes(&self, row: usize) -> &[LfVote] {
        self.patterns.votes(self.row_patterns[row] as usize)
    }

    /// What one labeling function said of one row.
    pub fn vote(&self, row: usize, lf_idx: usize) -> Vote {
        let votes = self.votes(row);
        votes.binary_search_by_key(&(lf_idx as u32), |v| v.lf_idx).ok().map(|at| votes[at].class)
    }
}

/// Builds a [`LabelMatrix`] row by row.
///
/// ```
/// use synth_core::{ClassSet, LabelMatrixBuilder};
///
/// let classes = ClassSet::new(["no", "yes"])?;
/// let yes = classes.id("yes");
/// let mut builder = LabelMatrixBuilder::new(classes, ["a", "b"])?;
/// builder.push_row([yes, None])?;
/// let matrix = builder.finish();
/// assert_eq!(matrix.vote(0, 0), yes);
/// assert_eq!(matrix.vote(0, 1), None);
/// # Ok::<(), synth_core::CoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LabelMatrixBuilder {
    table: PatternTable,
    row_patterns: Vec<u32>,
    scratch: Vec<LfVote>,
}

impl LabelMatrixBuilder {
    /// A matrix without rows over these classes and labeling functions. No function at all is allowed.
    ///
    /// # Errors
    /// A labeling function's name is empty, spans lines or is given twice.
    pub fn new<S: Into<String>>(classes: ClassSet, lf_names: impl IntoIterator<Item = S>) -> Result<Self, CoreError> {
        let table = PatternTable::new(classes, lf_names.into_iter().map(Into::into).collect())?;
        Ok(Self { table, row_patterns: Vec::new(), scratch: Vec::new() })
    }

    /// The number of rows so far.
    pub fn n_rows(&self) -> usize {
        self.row_patterns.len()
    }

    /// Appends a row: one vote, or abstain, for each labeling function.
    ///
    /// # Errors
    /// More or fewer than m votes; a class out of range.
    pub fn push_row(&mut self, votes: impl IntoIterator<Item = Vote>) -> Result<(), CoreError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let mut got = 0;
        for (lf_idx, vote) in votes.into_iter().enumerate() {
            got = lf_idx + 1;
            scratch.extend(vote.map(|class| LfVote { lf_idx: lf_idx as u32, class }));
        }
        let expected = self.table.n_lfs();
        let result = if got == expected {
            self.push_sparse(&scratch)
        } else {
            Err(CoreError::WrongVoteCount { row: self.n_rows(), expected, got })
        };
        self.scratch = scratch;
        result
    }

    /// Appends a row of votes that are ascending by labeling function, abstains left out.
    ///
    /// # Errors
    /// Votes out of order, a labeling function or class out of range.
    pub fn push_sparse(&mut self, votes: &[LfVote]) -> Result<(), CoreError> {
        self.table.check(self.n_rows(), votes)?;
        self.row_patterns.push(self.table.add(votes, 1)?);
        Ok(())
    }

    /// The finished matrix.
    pub fn finish(self) -> LabelMatrix {
        let (patterns, renumbered) = self.table.finish();
        let row_patterns = self.row_patterns.iter().map(|&p| renumbered[p as usize]).collect();
        LabelMatrix { patterns: Arc::new(patterns), row_patterns }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ClassId;

    fn build(rows: &[Vec<Vote>], m: usize, k: usize) -> LabelMatrix {
        let classes = ClassSet::new((0..k).map(|c| format!("c{c}"))).unwrap();
        let mut builder = LabelMatrixBuilder::new(classes, (0..m).map(|j| format!("lf{j}"))).unwrap();
        for row in rows {
            builder.push_row(row.iter().copied()).unwrap();
        }
        builder.finish()
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<Vote>>> {
        let vote = prop_oneof![Just(None), (0u16..3).prop_map(|c| Some(ClassId::new(c)))];
        prop::collection::vec(prop::collection::vec(vote, 4), 0..60)
    }

    proptest! {
        #[test]
        fn every_cell_comes_back(rows in rows()) {
            let matrix = build(&rows, 4, 3);
            prop_assert_eq!(matrix.n_rows(), rows.len());
            prop_assert_eq!(matrix.patterns().n_rows(), rows.len() as u64);
            for (i, row) in rows.iter().enumerate() {
                for (j, &vote) in row.iter().enumerate() {
                    prop_assert_eq!(matrix.vote(i, j), vote);
                }
            }
        }

        #[test]
        fn shards_merge_exactly_in_any_order(rows in rows(), cut in 0usize..60) {
            let (head, tail) = rows.split_at(cut.min(rows.len()));
            let (head, tail) = (build(head, 4, 3), build(tail, 4, 3));
            let whole = build(&rows, 4, 3);
            prop_assert_eq!(&head.patterns().merge(tail.patterns()).unwrap(), whole.patterns());
            prop_assert_eq!(&tail.patterns().merge(head.patterns()).unwrap(), whole.patterns());
        }
    }

    #[test]
    fn bad_rows_are_refused_and_leave_no_trace() {
        let classes = ClassSet::new(["a", "b"]).unwrap();
        let mut builder = LabelMatrixBuilder::new(classes, ["x", "y"]).unwrap();
        let class = |c| Some(ClassId::new(c));
        assert!(matches!(builder.push_row([class(0)]), Err(CoreError::WrongVoteCount { .. })));
        assert!(matches!(builder.push_row([None, class(2)]), Err(CoreError::VoteOutOfRange { got: 2, .. })));
        let twice = [LfVote { lf_idx: 1, class: ClassId::new(0) }; 2];
        assert!(matches!(builder.push_sparse(&twice), Err(CoreError::UnorderedVotes { .. })));
        assert_eq!(builder.finish().n_rows(), 0);
    }
}
