//! Majority vote.

use synth_core::VotePatterns;

use crate::balance::normalized;
use crate::cells::Cells;
use crate::model::{Part, Scorer};
use crate::{ClassBalance, Fit, FittedModel, Gold, LabelError, Report, StopReason};

/// The class with the most votes; tied classes share the row equally.
///
/// Rows without votes get the class balance: the given one, or the mean over covered rows. Gold labels are not
/// used. This is what every other model has to beat, and it is overconfident: where all votes agree it says 1.
///
/// ```
/// use synth_core::{ClassSet, LabelMatrixBuilder, LabelModel};
/// use synth_label::{Gold, Majority};
///
/// let classes = ClassSet::new(["ham", "spam"])?;
/// let (ham, spam) = (classes.id("ham"), classes.id("spam"));
/// let mut builder = LabelMatrixBuilder::new(classes, ["links", "short", "praise"])?;
/// builder.push_row([spam, spam, ham])?;
/// builder.push_row([spam, ham, None])?;
/// let matrix = builder.finish();
/// let soft = Majority::default().fit(matrix.patterns(), &Gold::none())?.model.predict(&matrix)?;
/// assert_eq!(soft.probs(0), [0.0, 1.0]);
/// assert_eq!(soft.probs(1), [0.5, 0.5]);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Majority {
    /// What rows without votes get.
    pub balance: ClassBalance,
}

impl Majority {
    /// Counts votes. `gold` is checked and otherwise ignored.
    ///
    /// # Errors
    /// A given class balance that is none; gold of another matrix.
    pub fn fit(&self, patterns: &VotePatterns, gold: &Gold) -> Result<Fit, LabelError> {
        gold.check(patterns.len(), patterns.n_classes())?;
        let cells = Cells::of(patterns);
        let weights = vec![1.0; cells.n_lfs];
        let reasons = vec!["every vote counts the same".to_string()];
        fit_top(patterns, &cells, "majority", weights, &self.balance, reasons)
    }
}

/// A model that gives a row to the classes with the highest sum of weights.
pub(crate) fn fit_top(
    patterns: &VotePatterns,
    cells: &Cells,
    method: &str,
    lf_weights: Vec<f64>,
    balance: &ClassBalance,
    reasons: Vec<String>,
) -> Result<Fit, LabelError> {
    let balance = match balance.fixed(cells.n_classes)? {
        Some(balance) => balance,
        None => mean_over_covered(cells, &cells.majority(&lf_weights)),
    };
    let model = FittedModel {
        method: method.into(),
        classes: patterns.classes().clone(),
        lf_names: patterns.lf_names().to_vec().into(),
        uncovered: Some(balance.clone()),
        balance,
        parts: vec![Part { share: 1.0, scorer: Scorer::Top { lf_weights: lf_weights.clone() } }],
    };
    let report = Report::of(&model, cells, &lf_weights, reasons);
    Ok(Fit { model, stop: StopReason::ClosedForm, trace: Vec::new(), report })
}

/// The mean posterior over rows with votes; uniform where there are none.
pub(crate) fn mean_over_covered(cells: &Cells, posterior: &[f64]) -> Vec<f64> {
    let mut mass = vec![0.0; cells.n_classes];
    for (p, row) in posterior.chunks_exact(cells.n_classes).enumerate() {
        if !cells.votes(p).is_empty() {
            mass.iter_mut().zip(row).for_each(|(sum, share)| *sum += cells.counts[p] * share);
        }
    }
    normalized(mass)
}

#[cfg(test)]
mod tests {
    use synth_core::LabelModel;

    use super::*;
    use crate::testing::matrix;

    #[test]
    fn three_rows_by_hand() {
        let matrix = matrix(3, 3, &[vec![Some(0), Some(0), Some(2)], vec![Some(1), Some(2), None], vec![None; 3]]);
        let fit = Majority::default().fit(matrix.patterns(), &Gold::none()).unwrap();
        let soft = fit.model.predict(&matrix).unwrap();
        assert_eq!(soft.probs(0), [1.0, 0.0, 0.0]);
        assert_eq!(soft.probs(1), [0.0, 0.5, 0.5]);
        // The balance over the two covered rows: 1/2, 1/4, 1/4.
        assert_eq!(soft.probs(2), [0.5, 0.25, 0.25]);
        assert!(!soft.covered(2));
        assert_eq!(fit.stop, StopReason::ClosedForm);
    }

    #[test]
    fn a_given_balance_is_for_rows_without_votes() {
        let matrix = matrix(1, 2, &[vec![Some(0)], vec![None]]);
        let majority = Majority { balance: ClassBalance::Given(vec![0.2, 0.8]) };
        let soft = majority.fit(matrix.patterns(), &Gold::none()).unwrap().model.predict(&matrix).unwrap();
        assert_eq!((soft.probs(0), soft.probs(1)), ([1.0, 0.0].as_slice(), [0.2, 0.8].as_slice()));
    }
}
