//! Label matrices, saved and loaded.
//!
//! The file is one of counts ([`crate::counts`]) whose rows stand in the order of the matrix, runs of equal rows
//! taken together: one format, and what reads counts reads a matrix too.

use std::path::Path;

use synth_core::{LabelMatrix, LabelMatrixBuilder};

use crate::counts::{Table, write};
use crate::{CountsProblem, IoError};

/// Saves a label matrix, with pairs of metadata of the caller's.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, matrix: &LabelMatrix, metadata: &[(String, String)]) -> Result<(), IoError> {
    let patterns = matrix.patterns();
    let runs = matrix.row_patterns().chunk_by(|a, b| a == b);
    let rows = runs.map(|run| (patterns.votes(run[0] as usize), run.len() as u64));
    write(path, matrix.classes(), matrix.lf_names(), Some(matrix.n_rows()), metadata, rows)
}

/// Loads a label matrix.
///
/// # Errors
/// The file is damaged, of another kind or of a newer version, or holds counts without the order of rows.
pub fn load(path: &Path) -> Result<LabelMatrix, IoError> {
    let table = Table::load(path)?;
    if table.n_rows.is_none() {
        return Err(IoError::Counts { path: path.to_owned(), problem: CountsProblem::NoRows });
    }
    let core = |source| IoError::Core { path: path.to_owned(), source };
    let mut builder = LabelMatrixBuilder::new(table.classes.clone(), table.lf_names.iter().cloned()).map_err(core)?;
    for row in 0..table.counts.len() {
        for _ in 0..table.counts[row] {
            builder.push_sparse(table.votes(row)).map_err(core)?;
        }
    }
    Ok(builder.finish())
}
