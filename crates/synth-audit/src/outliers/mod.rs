//! Which points lie apart from all others. Higher scores are farther out, by every measure.

mod isolation_forest;
mod local_outlier_factor;
mod neighbours;

pub use isolation_forest::{IsolationForest, IsolationForestSettings};
pub use local_outlier_factor::local_outlier_factors;
pub use neighbours::Neighbours;

use ndarray::ArrayView2;

use crate::AuditError;

/// Checks that there are points, and that their coordinates are numbers.
fn check(points: ArrayView2<'_, f64>) -> Result<(), AuditError> {
    if points.is_empty() {
        return Err(AuditError::Empty { what: "points" });
    }
    match points.indexed_iter().find(|(_, x)| !x.is_finite()) {
        Some(((row, column), value)) => Err(AuditError::NotFinite { row, column, value: *value }),
        None => Ok(()),
    }
}
