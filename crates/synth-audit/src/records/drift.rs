//! How the shares of labels differ between two sets of records.

use crate::AuditError;

/// A difference between shares of labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelDrift {
    /// Total variation: the share of records whose label would have to change, from 0 to 1.
    pub distance: f64,
    /// Pearson's chi-squared of the two rows of counts.
    pub chi_squared: f64,
    /// Kinds of labels that there are, less one.
    pub degrees: usize,
    /// How many standard deviations of chance that is above none: above about 4 it is no chance. By the cube root of Wilson
    /// and Hilferty (1931).
    pub deviations: f64,
}

/// Compares how often each label stands in two sets of records.
///
/// # Shapes
/// `before: [k]`, `after: [k]`
///
/// # Errors
/// Counts of different numbers of classes; a set without any.
///
/// ```
/// let drift = synth_audit::label_drift(&[50, 50], &[80, 20])?;
/// assert!((drift.distance - 0.3).abs() < 1e-12);
/// assert!((drift.chi_squared - 19.78).abs() < 0.01 && drift.deviations > 4.0);
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
pub fn label_drift(before: &[u64], after: &[u64]) -> Result<LabelDrift, AuditError> {
    if before.len() != after.len() {
        return Err(AuditError::Rows { what: "counts", got: after.len(), expected: before.len() });
    }
    let (n, m) = (before.iter().sum::<u64>() as f64, after.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return Err(AuditError::Empty { what: "labelled records in one of two sets" });
    }
    let (mut apart, mut chi_squared, mut kinds) = (0.0, 0.0, 0usize);
    for (a, b) in before.iter().zip(after).map(|(a, b)| (*a as f64, *b as f64)).filter(|(a, b)| a + b > 0.0) {
        kinds += 1;
        apart += (a / n - b / m).abs();
        let (of_a, of_b) = ((a + b) * n / (n + m), (a + b) * m / (n + m));
        chi_squared += (a - of_a).powi(2) / of_a + (b - of_b).powi(2) / of_b;
    }
    let degrees = kinds - 1;
    let deviations = match degrees as f64 {
        0.0 => 0.0,
        d => ((chi_squared / d).cbrt() - (1.0 - 2.0 / (9.0 * d))) / (2.0 / (9.0 * d)).sqrt(),
    };
    Ok(LabelDrift { distance: apart / 2.0, chi_squared, degrees, deviations })
}
