//! The numbers in the default label model.

use serde::{Deserialize, Serialize};

use crate::LabelError;

/// The numbers in [`Auto`](crate::Auto), chosen on eight open sets of labeling functions and twelve crowd
/// sets together.
///
/// None of them sits on a peak: over 243 combinations around the first five the mean score on the open sets stays
/// between .656 and .669, over nine around `pooling` and `off` the mean accuracy on the crowd sets between .851 and
/// .855.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Constants {
    /// Shallow: how far a vote is right beyond chance, 0 to 1. With balance π a vote for a class of share π is held
    /// to be right with probability .8 + .2 π.
    pub precision: f64,
    /// Shallow: the weight of that belief against a class's mass, above 0.
    pub belief: f64,
    /// Shallow: the power at which abstains count, 0 to 1; 0 where rows were handed out.
    pub abstain_power: f64,
    /// Shallow: the power to which the estimated balance is raised, 0 (uniform) to 1.
    pub balance_power: f64,
    /// Shallow: the share of the votes themselves in the mixture, 0 to 1.
    pub vote_share: f64,
    /// Shallow: pseudo-pairs that pull the balance to uniform, above 0.
    pub prior_pairs: f64,
    /// Shallow: gold rows that weigh as much as the belief about a vote, above 0.
    pub gold_prior: f64,
    /// Shallow: gold rows that weigh as much as the estimated balance, above 0. More than for votes, since the
    /// balance decides all rows without votes at once.
    pub gold_prior_balance: f64,
    /// Deep: pseudo-votes at the confusion of all functions together, at least 0.
    pub pooling: f64,
    /// Deep: pseudo-votes for all classes other than the true one together, which has 1; above 0.
    pub off: f64,
    /// Deep: pseudo-rows at a function's overall coverage, above 0.
    pub propensity: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            precision: 0.8,
            belief: 3.0,
            abstain_power: 0.25,
            balance_power: 0.5,
            vote_share: 0.3,
            prior_pairs: 10.0,
            gold_prior: 10.0,
            gold_prior_balance: 100.0,
            pooling: 1.0,
            off: 0.125,
            propensity: 5.0,
        }
    }
}

impl Constants {
    pub(crate) fn check(&self) -> Result<(), LabelError> {
        let share = |x: f64| (0.0..=1.0).contains(&x);
        let above = |x: f64| x.is_finite() && x > 0.0;
        let checks = [
            ("precision", self.precision, share(self.precision), "from 0 to 1"),
            ("belief", self.belief, above(self.belief), "above 0"),
            ("abstain_power", self.abstain_power, share(self.abstain_power), "from 0 to 1"),
            ("balance_power", self.balance_power, share(self.balance_power), "from 0 to 1"),
            ("vote_share", self.vote_share, share(self.vote_share), "from 0 to 1"),
            ("prior_pairs", self.prior_pairs, above(self.prior_pairs), "above 0"),
            ("gold_prior", self.gold_prior, above(self.gold_prior), "above 0"),
            ("gold_prior_balance", self.gold_prior_balance, above(self.gold_prior_balance), "above 0"),
            ("pooling", self.pooling, self.pooling == 0.0 || above(self.pooling), "at least 0"),
            ("off", self.off, above(self.off), "above 0"),
            ("propensity", self.propensity, above(self.propensity), "above 0"),
        ];
        match checks.into_iter().find(|&(.., valid, _)| !valid) {
            Some((name, value, _, range)) => {
                Err(LabelError::Param { name, value: value.to_string(), expected: format!("a number {range}") })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::patterns;
    use crate::{Auto, Gold};

    #[test]
    fn ranges_are_checked() {
        let fit = |constants| Auto { constants, ..Auto::default() }.fit(&patterns(1, 2, &[]), &Gold::none());
        assert!(fit(Constants::default()).is_ok());
        for bad in [
            Constants { precision: 1.1, ..Constants::default() },
            Constants { belief: 0.0, ..Constants::default() },
            Constants { pooling: -1.0, ..Constants::default() },
            Constants { off: f64::INFINITY, ..Constants::default() },
            Constants { vote_share: f64::NAN, ..Constants::default() },
        ] {
            assert!(matches!(fit(bad), Err(LabelError::Param { .. })));
        }
    }
}
