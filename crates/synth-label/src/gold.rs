//! Gold labels: rows whose class is known.

use synth_core::{ClassId, LabelMatrix};

use crate::LabelError;

/// Known classes of some rows, as counts a vote pattern.
///
/// ```
/// use synth_core::{ClassSet, LabelMatrixBuilder};
/// use synth_label::Gold;
///
/// let classes = ClassSet::new(["ham", "spam"])?;
/// let spam = classes.id("spam");
/// let mut builder = LabelMatrixBuilder::new(classes, ["links"])?;
/// builder.push_row([spam])?;
/// builder.push_row([None])?;
/// let matrix = builder.finish();
/// assert_eq!(Gold::of(&matrix, &[spam, None])?.n_rows(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gold {
    /// Pattern, class, rows; ascending, each pair once.
    counts: Vec<(u32, u16, f64)>,
}

impl Gold {
    /// No gold labels.
    pub fn none() -> Self {
        Self::default()
    }

    /// The gold labels of a matrix's rows; `None` where there is none.
    ///
    /// # Shapes
    /// `gold: [n]`.
    ///
    /// # Errors
    /// More or fewer entries than rows; a class out of range.
    pub fn of(matrix: &LabelMatrix, gold: &[Option<ClassId>]) -> Result<Self, LabelError> {
        if gold.len() != matrix.n_rows() {
            let problem = format!("{} entries for {} rows", gold.len(), matrix.n_rows());
            return Err(LabelError::BadGold { problem });
        }
        let mut pairs = Vec::new();
        for (row, (gold, &pattern)) in gold.iter().zip(matrix.row_patterns()).enumerate() {
            let Some(class) = gold else { continue };
            if class.index() >= matrix.n_classes() {
                let problem = format!("row {row} has class {}, there are {}", class.index(), matrix.n_classes());
                return Err(LabelError::BadGold { problem });
            }
            pairs.push((pattern, class.index() as u16));
        }
        pairs.sort_unstable();
        let counts = pairs.chunk_by(|a, b| a == b).map(|run| (run[0].0, run[0].1, run.len() as f64)).collect();
        Ok(Self { counts })
    }

    /// The number of rows with a gold label.
    pub fn n_rows(&self) -> u64 {
        self.counts.iter().map(|&(_, _, rows)| rows as u64).sum()
    }

    /// True when no row has one.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Pattern, class and rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        self.counts.iter().map(|&(pattern, class, rows)| (pattern as usize, class as usize, rows))
    }

    /// Refuses gold of another pattern table.
    pub(crate) fn check(&self, n_patterns: usize, n_classes: usize) -> Result<(), LabelError> {
        match self.iter().find(|&(pattern, class, _)| pattern >= n_patterns || class >= n_classes) {
            Some(_) => Err(LabelError::BadGold { problem: "they are of another label matrix".into() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::matrix;

    #[test]
    fn rows_of_a_pattern_add_up() {
        let matrix = matrix(1, 2, &[vec![Some(0)], vec![Some(0)], vec![None]]);
        let class = |c| Some(ClassId::new(c));
        let gold = Gold::of(&matrix, &[class(1), class(1), None]).unwrap();
        assert_eq!(gold.iter().map(|(_, c, n)| (c, n)).collect::<Vec<_>>(), [(1, 2.0)]);
        assert!(matches!(Gold::of(&matrix, &[class(1)]), Err(LabelError::BadGold { .. })));
        assert!(matches!(Gold::of(&matrix, &[class(2), None, None]), Err(LabelError::BadGold { .. })));
    }
}
