//! Which examples are taken as labelled wrong: Northcutt et al. (2021), section 3.2.

use ndarray::Array2;
use rayon::prelude::*;

use super::LabeledProbs;
use super::joint::{ConfidentJoint, whole};
use crate::Number;
use crate::lowest::Lowest;

/// How examples are chosen whose label is likely wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SelectionRule {
    /// For each label and each other class as many as the joint counts there, those that the classifier would rather give
    /// the other class.
    #[default]
    PruneByNoiseRate,
    /// For each label as many as the joint counts as wrong, those whose label is the least probable.
    PruneByClass,
    /// Those that both of the former choose.
    Both,
    /// Those that are confidently of another class than their label.
    ConfidentLearning,
    /// Those whose most probable class is another one than their label: the baseline.
    PredictedNotGiven,
}

impl SelectionRule {
    /// All rules.
    pub const ALL: [Self; 5] =
        [Self::PruneByNoiseRate, Self::PruneByClass, Self::Both, Self::ConfidentLearning, Self::PredictedNotGiven];

    /// The name, as people type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PruneByNoiseRate => "prune-by-noise-rate",
            Self::PruneByClass => "prune-by-class",
            Self::Both => "both",
            Self::ConfidentLearning => "confident-learning",
            Self::PredictedNotGiven => "predicted-not-given",
        }
    }
}

impl<P: Number> LabeledProbs<'_, P> {
    /// The rows whose label is likely wrong, in ascending order. None of them is labelled with its most probable class. The
    /// last example of a class is never among them by the first three rules.
    ///
    /// Of examples that are equally likely wrong those with lower numbers come first.
    pub fn label_errors(&self, joint: &ConfidentJoint, rule: SelectionRule) -> Vec<usize> {
        let disagreeing = |row: &usize| !self.agrees(*row);
        let all = (0..self.n_rows()).into_par_iter();
        match rule {
            SelectionRule::PredictedNotGiven => all.filter(disagreeing).collect(),
            SelectionRule::ConfidentLearning => {
                let is_other = |row: &usize| {
                    let class = self.confident_class(*row, joint.thresholds());
                    class.is_some_and(|class| class != self.labels[*row].index())
                };
                all.filter(is_other).filter(disagreeing).collect()
            }
            SelectionRule::PruneByNoiseRate => self.pruned(joint, true, false),
            SelectionRule::PruneByClass => self.pruned(joint, false, true),
            SelectionRule::Both => self.pruned(joint, true, true),
        }
    }

    /// What both, or one of two rules choose.
    fn pruned(&self, joint: &ConfidentJoint, by_rate: bool, by_class: bool) -> Vec<usize> {
        let (counts, k) = (prune_counts(joint.counts()), self.n_classes());
        // The last example of a class stays.
        let n_of = |label: usize, n: u64| if joint.label_counts()[label] < 2 { 0 } else { n as usize };
        let mut chosen = vec![true; self.n_rows()];
        let mut keep = |lowest: Vec<Lowest>| {
            let mut marks = vec![false; self.n_rows()];
            lowest.into_iter().flat_map(Lowest::rows).for_each(|row| marks[row] = true);
            chosen.iter_mut().zip(marks).for_each(|(chosen, mark)| *chosen &= mark);
        };
        if by_rate {
            let n_of =
                |(label, class): (usize, usize)| n_of(label, if label == class { 0 } else { counts[[label, class]] });
            let n: Vec<usize> = (0..k * k).map(|at| n_of((at / k, at % k))).collect();
            keep(self.lowest(&n, |row, lowest, bounds| {
                let label = self.labels[row].index();
                let (probs, confidence) = (self.probs.row(row), self.prob(row, label));
                let of_label = label * k..(label + 1) * k;
                let bounds = &mut bounds[of_label.clone()];
                // Few rows are low for any class: this loop the processor takes several classes at a time.
                let is_low = |any: bool, (p, bound): (&P, &f64)| any | (confidence - (*p).into() < *bound);
                if probs.iter().zip(&*bounds).fold(false, is_low) {
                    for ((lowest, bound), p) in lowest[of_label].iter_mut().zip(bounds).zip(probs) {
                        // The other class before the label.
                        let margin = confidence - (*p).into();
                        if margin < *bound {
                            *bound = lowest.offer(margin, row);
                        }
                    }
                }
            }));
        }
        if by_class {
            let n_wrong =
                |label: usize| n_of(label, joint.label_counts()[label].saturating_sub(counts[[label, label]]));
            let n: Vec<usize> = (0..k).map(n_wrong).collect();
            keep(self.lowest(&n, |row, lowest, _| {
                let label = self.labels[row].index();
                lowest[label].offer(self.prob(row, label), row);
            }));
        }
        let rows = chosen.into_par_iter().enumerate().filter(|(_, is_chosen)| *is_chosen).map(|(row, _)| row);
        rows.filter(|row| !self.agrees(*row)).collect()
    }

    /// The lowest numbers of several kinds, `n` of each kind. `offer` is called for each row and shows what the row has, with
    /// the bounds that numbers of each kind must lie below. Rows in the order in which they lie in memory: one label, and
    /// one class after the other took three times as long with a hundred classes.
    fn lowest(&self, n: &[usize], offer: impl Fn(usize, &mut [Lowest], &mut [f64]) + Sync) -> Vec<Lowest> {
        /// So large that to put parts together costs little.
        const PART: usize = 1 << 18;
        let of_part = |part: usize| {
            let mut lowest: Vec<Lowest> = n.iter().map(|n| Lowest::new(*n)).collect();
            let mut bounds: Vec<f64> = lowest.iter().map(|lowest| lowest.bound()).collect();
            for row in part * PART..((part + 1) * PART).min(self.n_rows()) {
                offer(row, &mut lowest, &mut bounds);
            }
            lowest
        };
        let parts = (0..self.n_rows().div_ceil(PART)).into_par_iter().map(of_part);
        let join = |mut all: Vec<Lowest>, part: Vec<Lowest>| {
            all.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
            all
        };
        parts.reduce(|| n.iter().map(|n| Lowest::new(*n)).collect(), join)
    }
}

/// How many examples of each label (rows) are to be taken as of each class (columns): the joint, with one example at least
/// of each label right, and what that adds taken from the others.
fn prune_counts(counts: &Array2<u64>) -> Array2<u64> {
    // By class and label, whose rows are kept in whole numbers.
    let mut by_class = counts.t().mapv(|count| count as f64);
    for (label, mut column) in by_class.columns_mut().into_iter().enumerate() {
        let right = column[label];
        let added = right.max(1.0) - right;
        let n_others = (column.iter().filter(|count| **count != 0.0).count() as f64 - 1.0).max(1.0);
        column.mapv_inplace(|count| (count - added / n_others).max(0.0));
        column[label] = right.max(1.0);
    }
    whole(&by_class).reversed_axes()
}
