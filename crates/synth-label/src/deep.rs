//! The model for votes deep enough to tell how good each function is.

use crate::Constants;
use crate::cells::Cells;
use crate::em::{Expected, Scores};
use crate::fit::Em;
use crate::special::digamma;

/// Dawid-Skene in its variational form, with functions that lean on each other and, where abstains say something,
/// a propensity to vote for each class.
///
/// - The row of class y of function j's confusion matrix is Dirichlet around a base (1 on the diagonal, `off` in
///   all beside it) plus `pooling` times the confusion row of all functions together: a worker with four votes is
///   first of all a worker, one with four hundred is himself.
/// - Votes are scored by the expected logarithm of the probability, ψ(count) - ψ(total), so that a count of three
///   is not trusted like one of three thousand.
/// - Where abstains say something, j votes on a row of class y with a probability whose prior is `propensity` rows
///   at j's overall coverage.
///
/// The shared confusion is re-estimated with the rest and enters the prior, so there is no fixed objective; it
/// stops when the posteriors no longer move.
///
/// # References
/// Dawid and Skene (1979); Kim and Ghahramani (2012), Bayesian Classifier Combination (IBCC); the variational
/// updates as in Simpson et al. (2013), Dynamic Bayesian Combination of Multiple Imperfect Classifiers. Pooling is
/// in the spirit of Li, Rubinstein and Cohn (2019), Truth Inference at Scale (BWA, EBCC), in a simpler form.
pub(crate) struct Deep<'a> {
    pub(crate) constants: &'a Constants,
    pub(crate) lf_weights: &'a [f64],
    pub(crate) fixed_balance: Option<Vec<f64>>,
    pub(crate) abstains_inform: bool,
}

/// The parameters behind the scores.
pub(crate) struct Confusion {
    pub(crate) scores: Scores,
    /// The part of a cell's score that says which class was voted, given that the function voted.
    pub(crate) votes: Vec<f64>,
    /// Pseudo-counts of a vote given class and voting, `[n_cells, k]`.
    pub(crate) counts: Vec<f64>,
    /// Their sums over votes, `[m, k]`.
    pub(crate) totals: Vec<f64>,
}

impl Deep<'_> {
    pub(crate) fn confusion(&self, cells: &Cells, expected: &Expected) -> Confusion {
        let (k, c) = (cells.n_classes, self.constants);
        let pooled = self.pooled(cells, expected);
        let off = self.off(k);
        let base = |class: u16, y: usize| if usize::from(class) == y { 1.0 } else { off };
        let prior_total = c.pooling + 1.0 + c.off * f64::from(k > 1);
        let mut scores = Scores { base: self.log_balance(expected), cells: vec![0.0; cells.n_cells() * k] };
        let mut votes = vec![0.0; cells.n_cells() * k];
        let mut counts = vec![0.0; cells.n_cells() * k];
        let mut totals = vec![0.0; cells.n_lfs * k];
        for (lf, range) in cells.cells_of_lfs().into_iter().enumerate() {
            let (weight, coverage) = (self.lf_weights[lf], cells.coverage(lf));
            for y in 0..k {
                let voted: f64 = range.clone().map(|cell| expected.cells[cell * k + y]).sum();
                let total = voted + prior_total;
                totals[lf * k + y] = total;
                let log_total = digamma(total);
                // (log P(votes), log P(abstains)), as far as they say anything.
                let (log_votes, log_abstains) = if self.abstains_inform && coverage > 0.0 && coverage < 1.0 {
                    let votes = voted + c.propensity * coverage;
                    let abstains = (expected.mass[y] - voted).max(0.0) + c.propensity * (1.0 - coverage);
                    let both = digamma(votes + abstains);
                    (digamma(votes) - both, digamma(abstains) - both)
                } else {
                    (0.0, 0.0)
                };
                scores.base[y] += weight * log_abstains;
                for cell in range.clone() {
                    let class = cells.class[cell];
                    let at = cell * k + y;
                    counts[at] = expected.cells[at] + c.pooling * pooled[y * k + usize::from(class)] + base(class, y);
                    votes[at] = weight * (digamma(counts[at]) - log_total);
                    scores.cells[at] = votes[at] + weight * (log_votes - log_abstains);
                }
            }
        }
        Confusion { scores, votes, counts, totals }
    }

    /// The class balance of the scores, before abstains are counted in.
    pub(crate) fn balance(&self, expected: &Expected) -> Vec<f64> {
        let log: Vec<f64> = self.log_balance(expected);
        crate::balance::normalized(log.iter().map(|l| l.exp()).collect())
    }

    fn log_balance(&self, expected: &Expected) -> Vec<f64> {
        match &self.fixed_balance {
            Some(balance) => balance.iter().map(|share| share.ln()).collect(),
            None => {
                let total: f64 = expected.mass.iter().map(|mass| mass + 1.0).sum();
                expected.mass.iter().map(|mass| digamma(mass + 1.0) - digamma(total)).collect()
            }
        }
    }

    /// Pseudo-votes for each class other than the true one.
    fn off(&self, k: usize) -> f64 {
        self.constants.off / (k.max(2) - 1) as f64
    }

    /// The confusion matrix of all functions together, `[k, k]`: true class, then vote.
    fn pooled(&self, cells: &Cells, expected: &Expected) -> Vec<f64> {
        let k = cells.n_classes;
        let mut pooled = vec![self.off(k); k * k];
        (0..k).for_each(|y| pooled[y * k + y] = 1.0);
        for cell in 0..cells.n_cells() {
            let weight = self.lf_weights[cells.lf[cell] as usize];
            for y in 0..k {
                pooled[y * k + usize::from(cells.class[cell])] += weight * expected.cells[cell * k + y];
            }
        }
        for row in pooled.chunks_exact_mut(k) {
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|share| *share /= total);
        }
        pooled
    }
}

impl Em for Deep<'_> {
    fn start(&self, cells: &Cells) -> Vec<f64> {
        cells.majority(self.lf_weights)
    }

    fn maximize(&self, cells: &Cells, expected: &Expected) -> (Scores, Option<f64>) {
        (self.confusion(cells, expected).scores, None)
    }
}
