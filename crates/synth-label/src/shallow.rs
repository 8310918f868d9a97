//! The model for votes that cannot tell how good each function is.

use crate::balance::{lift_balance, normalized};
use crate::cells::Cells;
use crate::em::{Expected, Scores};
use crate::fit::Em;
use crate::{Constants, Gold};

/// A tempered Dawid-Skene that cannot be talked out of what a vote means.
///
/// Where functions vote one class each and one or two of them a row, the likelihood is happy with almost any
/// story; left alone, EM finds one in which the classes are not the user's. Here a vote for v is held to be
/// right with probability a + (1 - a) π_v, else random, and that belief weighs `belief` times the class's
/// mass in every M step, so it never fades, however many rows there are. Abstains count at a power of
/// `abstain_power`: a function that says nothing of a row says a little against its class.
///
/// For function j, vote v and class y, with r the rate at which j votes v, π the balance, E and N the expected
/// rows of y with that vote and in all:
///
/// - q(y | v) = (1 - a) π_y + a [y = v], moved towards the gold rows with that vote, which count against
///   `gold_prior` rows of belief;
/// - A(v | y) = r q(y | v) / π_y, normalised over the outcomes with abstaining at 1 - Σ r;
/// - θ(v | y) = (E + belief N A) / ((1 + belief) N);
/// - log P(y | votes) = log π_y + Σ_votes log θ(v | y) + `abstain_power` Σ_others log(1 - Σ_v θ(v | y)).
///
/// There is no fixed objective: the belief grows with the mass it is weighed against. It stops when the
/// posteriors no longer move.
pub(crate) struct Shallow<'a> {
    pub(crate) constants: &'a Constants,
    pub(crate) lf_weights: &'a [f64],
    /// `[k]`.
    pub(crate) balance: Vec<f64>,
    pub(crate) abstain_power: f64,
    /// P(class | vote) as believed, `[n_cells, k]`.
    belief: Vec<f64>,
}

impl<'a> Shallow<'a> {
    pub(crate) fn new(
        cells: &Cells,
        constants: &'a Constants,
        lf_weights: &'a [f64],
        fixed_balance: Option<Vec<f64>>,
        gold: &Gold,
        abstain_power: f64,
    ) -> Self {
        let k = cells.n_classes;
        let (mut gold_mass, mut gold_cells) = (vec![0.0; k], vec![0.0; cells.n_cells() * k]);
        for (pattern, class, rows) in gold.iter() {
            gold_mass[class] += rows;
            for &cell in cells.votes(pattern) {
                gold_cells[cell as usize * k + class] += rows;
            }
        }
        let balance = fixed_balance.unwrap_or_else(|| {
            let shares = lift_balance(cells, lf_weights, constants.prior_pairs);
            let believed = normalized(shares.iter().map(|s| s.powf(constants.balance_power)).collect());
            let prior = constants.gold_prior_balance;
            normalized(believed.iter().zip(&gold_mass).map(|(share, gold)| prior * share + gold).collect())
        });
        let mut belief = vec![0.0; cells.n_cells() * k];
        for (cell, row) in belief.chunks_exact_mut(k).enumerate() {
            let gold = &gold_cells[cell * k..][..k];
            let (prior, n_gold) = (constants.gold_prior, gold.iter().sum::<f64>());
            for y in 0..k {
                let own = f64::from(usize::from(cells.class[cell]) == y);
                let q = (1.0 - constants.precision) * balance[y] + constants.precision * own;
                row[y] = (prior * q + gold[y]) / (prior + n_gold);
            }
        }
        Self { constants, lf_weights, balance, abstain_power, belief }
    }
}

/// Where one class owns every row of a function, the others are given this much, not 0.
const FLOOR: f64 = 1e-12;

impl Em for Shallow<'_> {
    fn start(&self, cells: &Cells) -> Vec<f64> {
        cells.majority(self.lf_weights)
    }

    fn maximize(&self, cells: &Cells, expected: &Expected) -> (Scores, Option<f64>) {
        let (k, belief) = (cells.n_classes, self.constants.belief);
        let n = cells.n_rows.max(1.0);
        let mut base: Vec<f64> = self.balance.iter().map(|share| share.ln()).collect();
        let mut scores = vec![0.0; cells.n_cells() * k];
        for (lf, range) in cells.cells_of_lfs().into_iter().enumerate() {
            let (weight, abstain_rate) = (self.lf_weights[lf], 1.0 - cells.coverage(lf));
            for y in 0..k {
                let prior = |cell: usize| cells.cell_rows[cell] / n * self.belief[cell * k + y] / self.balance[y];
                let total = range.clone().map(prior).sum::<f64>() + abstain_rate;
                let mass = expected.mass[y];
                let mut votes = 0.0;
                for cell in range.clone() {
                    let believed = belief * mass * prior(cell) / total.max(FLOOR);
                    let theta =
                        (expected.cells[cell * k + y] + believed + FLOOR) / ((1.0 + belief) * mass + 1e3 * FLOOR);
                    scores[cell * k + y] = theta.ln();
                    votes += theta;
                }
                let abstain = self.abstain_power * (1.0 - votes).max(FLOOR).ln();
                base[y] += weight * abstain;
                for cell in range.clone() {
                    scores[cell * k + y] = weight * (scores[cell * k + y] - abstain);
                }
            }
        }
        (Scores { base, cells: scores }, None)
    }
}
