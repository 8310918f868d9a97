//! Whether a candidate counts.

use crate::{Budget, Candidate, GenerateError};

/// What a filter says of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What it measured, if anything: a similarity, a probability, a distance.
    pub score: Option<f64>,
    /// Why the candidate is dropped, as a sentence's end: `a near duplicate of t-0031`; `None` lets it pass.
    pub dropped: Option<String>,
    /// Whether it is dropped only as the budget has no room for judging it.
    pub(crate) unaffordable: bool,
}

impl Verdict {
    /// Lets a candidate pass.
    pub fn pass(score: Option<f64>) -> Self {
        Self { score, dropped: None, unaffordable: false }
    }

    /// Drops a candidate.
    pub fn drop(reason: impl Into<String>, score: Option<f64>) -> Self {
        Self { score, dropped: Some(reason.into()), unaffordable: false }
    }

    /// Drops a candidate that could not be judged for want of money.
    pub(crate) fn unaffordable(budget: Budget) -> Self {
        let reason = format!("the budget of {budget} was used up before it was judged");
        Self { unaffordable: true, ..Self::drop(reason, None) }
    }
}

/// Judges candidates, batch by batch, in the order in which they were asked for.
///
/// A verdict may depend on the batch, on batches before it and on what has been kept so far, on nothing else: then
/// the same responses give the same rows.
pub trait Filter: Send {
    /// Its name in settings and reports: one word, or words joined by `-`.
    fn name(&self) -> &'static str;

    /// One verdict for each candidate.
    ///
    /// # Errors
    /// What it needs cannot be had: a model fails, a judge does not answer.
    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError>;

    /// Takes note of candidates that passed all filters.
    ///
    /// # Errors
    /// As [`Filter::judge`].
    fn keep(&mut self, kept: &[Candidate]) -> Result<(), GenerateError> {
        let _ = kept;
        Ok(())
    }
}
