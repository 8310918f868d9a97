//! The small traits at which the parts meet.

use ndarray::Array2;

use crate::{ClassSet, CoreError, Dataset, LabelMatrix, SoftLabels, VotePatterns};

/// An error of any kind, for implementations outside this workspace.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A fitted label model: what it believes of a record, given how the labeling functions voted on it.
///
/// It sees votes, never records. How it was fitted is its own affair; implement this for your own model
/// and everything that takes a label model takes yours.
pub trait LabelModel: Send + Sync {
    /// The classes it knows.
    fn classes(&self) -> &ClassSet;

    /// P(class | votes) for each pattern.
    ///
    /// # Shapes
    /// The result is `[patterns.len(), k]`, row-major; each row sums to 1.
    ///
    /// # Errors
    /// The patterns are of other labeling functions or classes than the model was fitted on.
    fn posteriors(&self, patterns: &VotePatterns) -> Result<Vec<f64>, BoxError>;

    /// Soft labels for every row of a label matrix.
    ///
    /// # Errors
    /// As [`LabelModel::posteriors`]; also a model that returns something other than distributions.
    fn predict(&self, matrix: &LabelMatrix) -> Result<SoftLabels, BoxError> {
        if matrix.classes() != self.classes() {
            return Err(CoreError::Mismatch {
                what: "the classes of the label matrix and of the label model",
                left: matrix.classes().names().join(", "),
                right: self.classes().names().join(", "),
            }
            .into());
        }
        let probs = self.posteriors(matrix.patterns())?;
        Ok(SoftLabels::from_patterns(matrix, probs)?)
    }
}

/// Anything that turns records into soft labels: labeling functions with their label model, or a classifier.
pub trait Predict: Send + Sync {
    /// The classes it tells apart.
    fn classes(&self) -> &ClassSet;

    /// Soft labels, one row for each record.
    ///
    /// # Errors
    /// Whatever the implementation cannot read or compute.
    fn predict(&self, records: &Dataset) -> Result<SoftLabels, BoxError>;
}

/// Anything that places records in space, those that mean the same near each other: features of a classifier, or a
/// language model's own.
pub trait Embed: Send + Sync {
    /// The number of coordinates, d.
    fn dim(&self) -> usize;

    /// Coordinates, one row for each record. Those of a record do not depend on the records beside it.
    ///
    /// # Shapes
    /// The result is `[n, d]`.
    ///
    /// # Errors
    /// Whatever the implementation cannot read or compute.
    fn embed(&self, records: &Dataset) -> Result<Array2<f64>, BoxError>;
}
