//! Sparse matrices.

use xxhash_rust::xxh3::xxh3_128;

/// A matrix of which most cells are zero: for each row its columns, ascending, with their values.
///
/// ```
/// use synth_learn::SparseMatrix;
///
/// let mut matrix = SparseMatrix::new(3);
/// matrix.push_row([(0, 1.0), (2, 0.5)]);
/// matrix.push_row([]);
/// assert_eq!((matrix.n_rows(), matrix.n_columns(), matrix.n_stored()), (2, 3, 2));
/// assert_eq!(matrix.row(0).collect::<Vec<_>>(), [(0, 1.0), (2, 0.5)]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SparseMatrix {
    n_columns: usize,
    /// Row i is `starts[i]..starts[i + 1]` of the other two.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl SparseMatrix {
    /// A matrix without rows.
    pub fn new(n_columns: usize) -> Self {
        Self { n_columns, starts: vec![0], columns: Vec::new(), values: Vec::new() }
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The number of cells that are stored.
    pub fn n_stored(&self) -> usize {
        self.values.len()
    }

    /// The columns of a row with their values, ascending.
    #[inline]
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (usize, f64)> {
        let (columns, values) = self.row_slices(row);
        columns.iter().zip(values).map(|(&column, &value)| (column as usize, value))
    }

    /// A hash of a row to the last bit: equal for rows that are the same to a model.
    pub fn fingerprint(&self, row: usize) -> u128 {
        let cells = self.row(row).flat_map(|(column, value)| [column as u64, value.to_bits()]);
        xxh3_128(&cells.flat_map(u64::to_le_bytes).collect::<Vec<u8>>())
    }

    #[inline]
    pub(crate) fn row_slices(&self, row: usize) -> (&[u32], &[f64]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Appends a row.
    ///
    /// # Panics
    /// If columns do not ascend or are beyond the last.
    pub fn push_row(&mut self, cells: impl IntoIterator<Item = (u32, f64)>) {
        let start = self.columns.len();
        for (column, value) in cells {
            let ascends = self.columns[start..].last().is_none_or(|&last| last < column);
            assert!(ascends && (column as usize) < self.n_columns, "column {column} of {}", self.n_columns);
            self.columns.push(column);
            self.values.push(value);
        }
        self.starts.push(self.columns.len());
    }

    /// Appends all rows of another matrix.
    ///
    /// # Panics
    /// If it has another number of columns.
    pub fn append(&mut self, other: &Self) {
        assert_eq!(self.n_columns, other.n_columns, "both have the same columns");
        let stored = self.columns.len();
        self.starts.extend(other.starts[1..].iter().map(|end| stored + end));
        self.columns.extend_from_slice(&other.columns);
        self.values.extend_from_slice(&other.values);
    }

    /// The rows at these positions, in this order.
    ///
    /// # Panics
    /// If there is no row at one of them.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self::new(self.n_columns);
        for &row in rows {
            let (columns, values) = self.row_slices(row);
            selected.columns.extend_from_slice(columns);
            selected.values.extend_from_slice(values);
            selected.starts.push(selected.columns.len());
        }
        selected
    }

    /// Rows as columns, columns as rows.
    pub(crate) fn transposed(&self) -> Self {
        let mut starts = vec![0; self.n_columns + 1];
        for &column in &self.columns {
            starts[column as usize + 1] += 1;
        }
        for column in 0..self.n_columns {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let (mut columns, mut values) = (vec![0; self.columns.len()], vec![0.0; self.values.len()]);
        for row in 0..self.n_rows() {
            for (column, value) in self.row(row) {
                let at = &mut next[column];
                columns[*at] = row as u32;
                values[*at] = value;
                *at += 1;
            }
        }
        Self { n_columns: self.n_rows(), starts, columns, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_twice_changes_nothing() {
        let mut matrix = SparseMatrix::new(4);
        matrix.push_row([(1, 2.0), (3, -1.0)]);
        matrix.push_row([]);
        matrix.push_row([(0, 0.5), (1, 1.0)]);
        let transposed = matrix.transposed();
        assert_eq!(transposed.row(1).collect::<Vec<_>>(), [(0, 2.0), (2, 1.0)]);
        assert_eq!(transposed.transposed(), matrix);
        let selected = matrix.select(&[2, 2]);
        assert_eq!(selected.row(1).collect::<Vec<_>>(), [(0, 0.5), (1, 1.0)]);
        let mut both = matrix.clone();
        both.append(&selected);
        assert_eq!((both.n_rows(), both.row(4).next()), (5, Some((0, 0.5))));
    }
}
