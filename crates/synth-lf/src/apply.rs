//! Applying labeling functions in parallel.
//!
//! Rows are taken in fixed chunks; chunks run on any thread, their votes enter the matrix in order. So the
//! result is the same, bit for bit, at any number of threads.

use std::ops::Range;

use rayon::prelude::*;
use synth_core::{CoreError, Event, LabelMatrixBuilder, LfVote, Observer, Stage};

use crate::faults::{Fault, Faults};
use crate::prompted::AskedColumn;
use crate::{FieldProblem, LfError};

/// Rows a thread takes at a time: enough to make handing out work cheap, few enough to keep all threads busy.
const CHUNK: usize = 1024;
/// Rows between two looks at the observer, where the caller does not set batches itself.
pub(crate) const BATCH: usize = 64 * CHUNK;

/// The votes on the rows of a chunk.
#[derive(Debug, Default)]
pub(crate) struct ChunkVotes {
    /// Ascending by labeling function within a row.
    pub(crate) votes: Vec<LfVote>,
    /// Where each row ends in `votes`.
    ends: Vec<usize>,
    faults: Vec<(u32, Fault)>,
    /// Columns that a closure asked for and that do not exist.
    pub(crate) problems: Vec<FieldProblem>,
}

impl ChunkVotes {
    pub(crate) fn fault(&mut self, lf_idx: u32, row: u64, message: String) {
        self.faults.push((lf_idx, Fault { row, message }));
    }
}

/// Runs `vote` over rows in parallel. Each thread has a `scratch`.
pub(crate) fn run<S>(
    rows: Range<usize>,
    scratch: &(impl Fn() -> S + Sync),
    vote: &(impl Fn(&mut S, usize, &mut ChunkVotes) + Sync),
) -> Vec<ChunkVotes> {
    let starts: Vec<usize> = rows.clone().step_by(CHUNK).collect();
    starts
        .into_par_iter()
        .map_init(scratch, |scratch, start| {
            let mut out = ChunkVotes::default();
            for row in start..(start + CHUNK).min(rows.end) {
                vote(scratch, row, &mut out);
                out.ends.push(out.votes.len());
            }
            out
        })
        .collect()
}

/// Adds the votes on the next rows to the matrix, in order, and those of prompted functions among them.
pub(crate) fn enter(
    chunks: Vec<ChunkVotes>,
    asked: Vec<AskedColumn>,
    builder: &mut LabelMatrixBuilder,
    faults: &mut Faults,
) -> Result<(), CoreError> {
    let first = builder.n_rows();
    let mut merged: Vec<LfVote> = Vec::new();
    for chunk in chunks {
        let mut start = 0;
        for end in chunk.ends {
            let votes = &chunk.votes[start..end];
            start = end;
            if asked.is_empty() {
                builder.push_sparse(votes)?;
                continue;
            }
            let row = builder.n_rows() - first;
            let vote = |column: &AskedColumn| {
                let class = column.votes[row].as_ref().ok().copied().flatten()?;
                Some(LfVote { lf_idx: column.lf_idx, class })
            };
            merged.clear();
            merged.extend(votes.iter().copied().chain(asked.iter().filter_map(vote)));
            merged.sort_unstable_by_key(|vote| vote.lf_idx);
            builder.push_sparse(&merged)?;
        }
        for (lf_idx, fault) in chunk.faults {
            faults.push(lf_idx as usize, fault);
        }
    }
    for AskedColumn { lf_idx, first_row, votes } in asked {
        for (row, vote) in (first_row..).zip(votes) {
            if let Err(message) = vote {
                faults.push(lf_idx as usize, Fault { row, message });
            }
        }
    }
    Ok(())
}

/// Runs work as a stage that the observer sees and can stop; the work calls back with the rows done so far.
pub(crate) fn stage(
    observer: &dyn Observer,
    total: Option<u64>,
    work: impl FnOnce(&mut dyn FnMut(u64) -> Result<(), LfError>) -> Result<(), LfError>,
) -> Result<(), LfError> {
    observer.event(Event::Started { stage: Stage::Apply, total });
    let result = work(&mut |done| {
        observer.event(Event::Advanced { stage: Stage::Apply, done });
        if observer.cancelled() { Err(LfError::Cancelled) } else { Ok(()) }
    });
    observer.event(Event::Finished { stage: Stage::Apply });
    result
}
