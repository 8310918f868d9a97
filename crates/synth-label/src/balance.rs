//! Class balance: how common each class is.

use serde::{Deserialize, Serialize};

use crate::LabelError;
use crate::cells::Cells;

/// Where a label model takes the class balance from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum ClassBalance {
    /// From the votes. The default: a wrong balance costs more than an estimated one.
    #[default]
    Estimate,
    /// All classes equally common.
    Uniform,
    /// Known beforehand: one share a class, in class order, summing to 1.
    Given(Vec<f64>),
}

/// Shares below this are raised to it: a class with share 0 could never be predicted, whatever the votes.
const FLOOR: f64 = 1e-9;

/// How far given shares may sum from 1 before they are taken for a mistake.
const SUM_TOLERANCE: f64 = 1e-3;

impl ClassBalance {
    /// The balance where it is not left to the votes.
    ///
    /// # Errors
    /// Given shares: not k of them, negative or not finite, or not summing to 1 within 0.001.
    pub(crate) fn fixed(&self, n_classes: usize) -> Result<Option<Vec<f64>>, LabelError> {
        match self {
            Self::Estimate => Ok(None),
            Self::Uniform => Ok(Some(vec![1.0 / n_classes as f64; n_classes])),
            Self::Given(shares) => {
                let sum: f64 = shares.iter().sum();
                let valid = shares.len() == n_classes
                    && shares.iter().all(|s| s.is_finite() && *s >= 0.0)
                    && (sum - 1.0).abs() <= SUM_TOLERANCE;
                if !valid {
                    return Err(LabelError::Param {
                        name: "class balance",
                        value: format!("{shares:?}"),
                        expected: format!("{n_classes} shares from 0 to 1 that sum to 1"),
                    });
                }
                Ok(Some(normalized(shares.iter().map(|s| s.max(FLOOR)).collect())))
            }
        }
    }
}

/// The class balance as the co-votes show it, without gold and without a model.
///
/// Where two functions vote independently given the class and are mostly right, they meet on class c on
/// n π_c θ θ' rows, while their votes alone let n (π_c θ)(π_c θ') be expected: expected over observed is π_c.
/// Dependence lifts all classes alike, so the shares are normalised. `prior_pairs` pseudo-pairs pull towards
/// uniform where few functions meet, and all of the way where none do.
///
/// The usual estimate, the mean posterior, cannot tell a common class from a class that many functions vote
/// for; on the open sets it called 76 % of yelp positive (truth 51 %), this one 59 %.
pub(crate) fn lift_balance(cells: &Cells, lf_weights: &[f64], prior_pairs: f64) -> Vec<f64> {
    let k = cells.n_classes;
    let mut observed = vec![0.0; k];
    let (mut sum, mut squares) = (vec![0.0; k], vec![0.0; k]);
    for p in 0..cells.len() {
        let votes = cells.votes(p);
        if votes.len() < 2 {
            continue;
        }
        for &cell in votes {
            let (class, weight) = (cells.class[cell as usize] as usize, lf_weights[cells.lf[cell as usize] as usize]);
            sum[class] += weight;
            squares[class] += weight * weight;
        }
        for &cell in votes {
            let class = cells.class[cell as usize] as usize;
            observed[class] += cells.counts[p] * (sum[class] * sum[class] - squares[class]) / 2.0;
            (sum[class], squares[class]) = (0.0, 0.0);
        }
    }
    let (mut total, mut total_squares) = (vec![0.0; k], vec![0.0; k]);
    for cell in 0..cells.n_cells() {
        let votes = lf_weights[cells.lf[cell] as usize] * cells.cell_rows[cell];
        total[cells.class[cell] as usize] += votes;
        total_squares[cells.class[cell] as usize] += votes * votes;
    }
    let share = |c: usize| {
        let expected = (total[c] * total[c] - total_squares[c]).max(0.0) / 2.0 / cells.n_rows.max(1.0);
        (expected + prior_pairs / k as f64) / (observed[c] + prior_pairs)
    };
    normalized((0..k).map(share).collect())
}

pub(crate) fn normalized(mut shares: Vec<f64>) -> Vec<f64> {
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        shares.iter_mut().for_each(|s| *s /= sum);
    } else {
        let uniform = 1.0 / shares.len() as f64;
        shares.fill(uniform);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::patterns;

    #[test]
    fn given_shares_are_checked() {
        for bad in [vec![0.5], vec![0.5, 0.6], vec![1.5, -0.5], vec![f64::NAN, 1.0]] {
            assert!(matches!(ClassBalance::Given(bad).fixed(2), Err(LabelError::Param { .. })));
        }
        assert_eq!(ClassBalance::Given(vec![0.25, 0.75]).fixed(2).unwrap(), Some(vec![0.25, 0.75]));
        let extreme = ClassBalance::Given(vec![0.0, 1.0]).fixed(2).unwrap().unwrap();
        assert!(extreme[0] > 0.0);
    }

    #[test]
    fn co_votes_show_the_balance() {
        // 20 % of 1,000 rows are of class 1. Two perfect functions a class vote on half of their class,
        // independently: they meet on a quarter of it.
        let mut rows = Vec::new();
        for (class, (n, first)) in [(800u64, 0), (200, 2)].into_iter().enumerate() {
            for (a, b) in [(true, true), (true, false), (false, true), (false, false)] {
                let mut row = vec![None; 4];
                row[first] = a.then_some(class as u16);
                row[first + 1] = b.then_some(class as u16);
                rows.push((row, n / 4));
            }
        }
        let cells = Cells::of(&patterns(4, 2, &rows));
        let balance = lift_balance(&cells, &[1.0; 4], 1e-9);
        assert!((balance[0] - 0.8).abs() < 1e-6, "{balance:?}");
        // No two functions meet: nothing is known.
        let lone = Cells::of(&patterns(2, 2, &[(vec![Some(0), None], 9), (vec![None, Some(1)], 1)]));
        assert!((lift_balance(&lone, &[1.0; 2], 10.0)[0] - 0.5).abs() < 0.05);
    }
}
