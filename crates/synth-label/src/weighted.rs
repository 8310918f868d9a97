//! Weighted vote.

use synth_core::VotePatterns;

use crate::cells::Cells;
use crate::majority::mean_over_covered;
use crate::model::{Part, Scorer};
use crate::{ClassBalance, Fit, FittedModel, Gold, LabelError, Report, StopReason};

/// A vote in which a function counts by how often it agrees with the others.
///
/// A function's weight is the share of its votes that agree with the majority of the *other* votes on the row,
/// corrected for chance: w = (agreement - 1/k) / (1 - 1/k), at least .05. A tie among the others counts in part.
/// Where gold labels are given, each counts as ten such comparisons, with gold in place of the majority.
/// P(class) is the share of the weights that vote for it. Robust, with no model behind it; use it where
/// nothing finer can be trusted.
///
/// # References
/// Worker agreement with aggregate, in the form crowd-kit documents it (Ustalov et al. 2024, Learning from
/// Crowds with Crowd-Kit); ours leaves a function's own vote out of the majority it is compared with, since
/// otherwise a lone vote would always agree.
///
/// ```
/// use synth_core::{ClassSet, LabelMatrixBuilder, LabelModel};
/// use synth_label::{Gold, Weighted};
///
/// let classes = ClassSet::new(["no", "yes"])?;
/// let (no, yes) = (classes.id("no"), classes.id("yes"));
/// let mut builder = LabelMatrixBuilder::new(classes, ["a", "b", "c", "contrary"])?;
/// for _ in 0..20 {
///     builder.push_row([yes, yes, yes, no])?;
///     builder.push_row([no, no, no, yes])?;
/// }
/// let matrix = builder.finish();
/// let soft = Weighted::default().fit(matrix.patterns(), &Gold::none())?.model.predict(&matrix)?;
/// assert!(soft.probs(0)[1] > 0.9); // `contrary` has hardly any weight
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weighted {
    /// What rows without votes get.
    pub balance: ClassBalance,
}

/// Comparisons a function starts with, at the agreement of all functions together.
const PRIOR_COMPARISONS: f64 = 2.0;
/// The least weight: functions of one class each never agree with another's, and are no worse for that.
const MIN_WEIGHT: f64 = 0.05;
/// How many comparisons with a majority one comparison with gold is worth.
const GOLD_WORTH: f64 = 10.0;

impl Weighted {
    /// Weighs the functions.
    ///
    /// # Errors
    /// A given class balance that is none; gold of another matrix.
    pub fn fit(&self, patterns: &VotePatterns, gold: &Gold) -> Result<Fit, LabelError> {
        gold.check(patterns.len(), patterns.n_classes())?;
        let cells = Cells::of(patterns);
        let lf_weights = weights(&cells, gold);
        let fixed = self.balance.fixed(cells.n_classes)?;
        let mut model = FittedModel {
            method: "weighted".into(),
            classes: patterns.classes().clone(),
            lf_names: patterns.lf_names().to_vec().into(),
            balance: Vec::new(),
            parts: vec![Part { share: 1.0, scorer: Scorer::Shares { lf_weights: lf_weights.clone(), smoothing: 0.0 } }],
            uncovered: None,
        };
        let identity: Vec<u32> = (0..cells.n_lfs as u32).collect();
        model.balance =
            fixed.unwrap_or_else(|| mean_over_covered(&cells, &model.posteriors_of_cells(&cells, &identity)));
        model.uncovered = Some(model.balance.clone());
        let reasons = vec!["a function counts by its agreement with the others, corrected for chance".to_string()];
        let report = Report::of(&model, &cells, &lf_weights, reasons);
        Ok(Fit { model, stop: StopReason::ClosedForm, trace: Vec::new(), report })
    }
}

fn weights(cells: &Cells, gold: &Gold) -> Vec<f64> {
    let k = cells.n_classes;
    let (mut agreed, mut compared) = (vec![0.0; cells.n_lfs], vec![0.0; cells.n_lfs]);
    let mut votes_for = vec![0.0; k];
    for p in 0..cells.len() {
        let votes = cells.votes(p);
        if votes.len() < 2 {
            continue;
        }
        votes_for.fill(0.0);
        votes.iter().for_each(|&cell| votes_for[usize::from(cells.class[cell as usize])] += 1.0);
        for &cell in votes {
            let (lf, class) = (cells.lf[cell as usize] as usize, usize::from(cells.class[cell as usize]));
            votes_for[class] -= 1.0;
            let top = votes_for.iter().copied().fold(0.0, f64::max);
            let n_top = votes_for.iter().filter(|&&v| v == top).count() as f64;
            agreed[lf] += if votes_for[class] == top { cells.counts[p] / n_top } else { 0.0 };
            compared[lf] += cells.counts[p];
            votes_for[class] += 1.0;
        }
    }
    for (pattern, class, rows) in gold.iter() {
        for &cell in cells.votes(pattern) {
            let lf = cells.lf[cell as usize] as usize;
            agreed[lf] += GOLD_WORTH * rows * f64::from(usize::from(cells.class[cell as usize]) == class);
            compared[lf] += GOLD_WORTH * rows;
        }
    }
    let (sum_agreed, sum_compared) = (agreed.iter().sum::<f64>(), compared.iter().sum::<f64>());
    let typical = if sum_compared > 0.0 { sum_agreed / sum_compared } else { 1.0 };
    let chance = 1.0 / k as f64;
    let weight = |lf: usize| {
        let agreement = (agreed[lf] + PRIOR_COMPARISONS * typical) / (compared[lf] + PRIOR_COMPARISONS);
        if k == 1 { 1.0 } else { ((agreement - chance) / (1.0 - chance)).max(MIN_WEIGHT) }
    };
    (0..cells.n_lfs).map(weight).collect()
}

#[cfg(test)]
mod tests {
    use synth_core::LabelModel;

    use super::*;
    use crate::testing::{accuracy, matrix, patterns, planted};

    #[test]
    fn agreement_by_hand() {
        // On 9 rows a and b agree and c differs; on 1 row only a and c vote and agree. Of 2 classes.
        let rows = [(vec![Some(0), Some(0), Some(1)], 9), (vec![Some(1), None, Some(1)], 1)];
        let weights = weights(&Cells::of(&patterns(3, 2, &rows)), &Gold::none());
        // a: the others tie 1 to 1 on nine rows, half a hit each, and agree on one: 5.5 of 10. b: 4.5 of 9.
        // c: 0 of 9, 1 of 1. All: 11 of 29. Two comparisons at that rate are added to each.
        let expected = |agreed: f64, n: f64| (2.0 * (agreed + 22.0 / 29.0) / (n + 2.0) - 1.0).max(MIN_WEIGHT);
        for (weight, expected) in weights.iter().zip([expected(5.5, 10.0), expected(4.5, 9.0), expected(1.0, 10.0)]) {
            assert!((weight - expected).abs() < 1e-12, "{weights:?}");
        }
    }

    #[test]
    fn better_than_majority_on_unequal_functions() {
        let (rows, truth) = planted(5_000, &[0.5, 0.5], &[(0.9, 0.9), (0.9, 0.9), (0.9, 0.55), (0.9, 0.55)], 1);
        let matrix = matrix(4, 2, &rows);
        let score = |model: FittedModel| accuracy(&model.predict(&matrix).unwrap(), &truth);
        let weighted = score(Weighted::default().fit(matrix.patterns(), &Gold::none()).unwrap().model);
        let majority = score(crate::Majority::default().fit(matrix.patterns(), &Gold::none()).unwrap().model);
        assert!(weighted > majority + 0.02, "{weighted} against {majority}");
    }

    #[test]
    fn gold_outweighs_a_wrong_majority() {
        let rows: Vec<_> = (0..20).map(|i| vec![Some(i % 2), Some(i % 2), Some(1 - i % 2)]).collect();
        let matrix = matrix(3, 2, &rows);
        let gold: Vec<_> = (0..20).map(|row| matrix.vote(row, 2)).collect();
        let gold = Gold::of(&matrix, &gold).unwrap();
        let soft = Weighted::default().fit(matrix.patterns(), &gold).unwrap().model.predict(&matrix).unwrap();
        assert_eq!(soft.label(0).index(), 1);
    }
}
