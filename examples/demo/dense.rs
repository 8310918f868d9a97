//! Features as a plain array, for libraries that take no other.

use ndarray::Array2;
use synth::learn::SparseMatrix;

/// All cells, those that are zero too: for few records only.
pub fn dense(matrix: &SparseMatrix) -> Array2<f64> {
    let mut dense = Array2::zeros((matrix.n_rows(), matrix.n_columns()));
    for row in 0..matrix.n_rows() {
        matrix.row(row).for_each(|(column, value)| dense[[row, column]] = value);
    }
    dense
}
