//! Filters in their order, and what each of them dropped.

use crate::{Candidate, Filter, GenerateError, Score};

/// Filters that candidates pass one after the other.
pub struct FilterChain {
    filters: Vec<Box<dyn Filter>>,
    tallies: Vec<Tally>,
}

impl std::fmt::Debug for FilterChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FilterChain").field("tallies", &self.tallies).finish_non_exhaustive()
    }
}

/// What one filter did.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// The filter.
    pub filter: &'static str,
    /// How many candidates reached it.
    pub seen: u64,
    /// How many of them it dropped.
    pub dropped: u64,
    /// The first few that it dropped.
    pub examples: Vec<Dropped>,
}

/// A candidate that was dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropped {
    /// The candidate.
    pub candidate: Candidate,
    /// The filter that dropped it.
    pub filter: &'static str,
    /// Why.
    pub reason: String,
    /// Whether only as the budget had no room for judging it.
    pub unaffordable: bool,
}

/// How many examples of drops are kept for each filter.
const EXAMPLES: usize = 3;

impl FilterChain {
    /// Filters in the order in which they judge.
    pub fn new(filters: Vec<Box<dyn Filter>>) -> Self {
        let names = filters.iter().map(|filter| filter.name());
        let tallies = names.map(|filter| Tally { filter, seen: 0, dropped: 0, examples: Vec::new() }).collect();
        Self { tallies, filters }
    }

    /// What each filter did so far, in their order.
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Those of a batch that pass all filters, in their order and with their scores, and those that do not.
    ///
    /// # Errors
    /// A filter cannot judge, or says fewer verdicts than there are candidates.
    pub fn judge(&mut self, batch: Vec<Candidate>) -> Result<(Vec<Candidate>, Vec<Dropped>), GenerateError> {
        let (mut left, mut dropped) = (batch, Vec::new());
        for (filter, tally) in self.filters.iter_mut().zip(&mut self.tallies) {
            // A filter may ask a model; nothing is asked for nothing.
            if left.is_empty() {
                break;
            }
            let verdicts = filter.judge(&left)?;
            if verdicts.len() != left.len() {
                let source = format!("it said {} verdicts on {} candidates", verdicts.len(), left.len()).into();
                return Err(GenerateError::Filter { filter: filter.name(), source });
            }
            tally.seen += left.len() as u64;
            let mut passed = Vec::with_capacity(left.len());
            for (mut candidate, verdict) in left.into_iter().zip(verdicts) {
                candidate.provenance.scores.push(Score { filter: filter.name().to_owned(), score: verdict.score });
                let Some(reason) = verdict.dropped.clone() else {
                    passed.push(candidate);
                    continue;
                };
                let drop = Dropped { candidate, filter: filter.name(), reason, unaffordable: verdict.unaffordable };
                tally.dropped += 1;
                if tally.examples.len() < EXAMPLES {
                    tally.examples.push(drop.clone());
                }
                dropped.push(drop);
            }
            left = passed;
        }
        Ok((left, dropped))
    }

    /// Tells all filters what is kept of those that passed.
    ///
    /// # Errors
    /// A filter cannot take note.
    pub fn keep(&mut self, kept: &[Candidate]) -> Result<(), GenerateError> {
        if kept.is_empty() {
            return Ok(());
        }
        self.filters.iter_mut().try_for_each(|filter| filter.keep(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Provenance, Verdict};

    struct Without(char);

    impl Filter for Without {
        fn name(&self) -> &'static str {
            "without"
        }

        fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
            let verdict = |candidate: &Candidate| {
                let count = candidate.text.matches(self.0).count() as f64;
                if count > 0.0 { Verdict::drop("there is one", Some(count)) } else { Verdict::pass(Some(count)) }
            };
            Ok(batch.iter().map(verdict).collect())
        }
    }

    #[test]
    fn each_filter_sees_what_those_before_it_left() {
        let candidate = |text: &str| Candidate {
            id: text.into(),
            text: text.into(),
            wanted: None,
            source: None,
            provenance: Provenance::default(),
        };
        let mut chain = FilterChain::new(vec![Box::new(Without('a')), Box::new(Without('b'))]);
        let (passed, dropped) = chain.judge(["ab", "b", "c", "a"].map(candidate).to_vec()).unwrap();
        assert_eq!(passed.len(), 1);
        assert_eq!(passed[0].provenance.scores.len(), 2);
        let ids: Vec<&str> = dropped.iter().map(|drop| drop.candidate.id.as_str()).collect();
        assert_eq!(ids, ["ab", "a", "b"]);
        let counts: Vec<_> = chain.tallies().iter().map(|tally| (tally.seen, tally.dropped)).collect();
        assert_eq!(counts, [(4, 2), (2, 1)]);
    }
}
