//! What each labeling function does, and where functions get in each other's way.

use serde::Serialize;
use synth_core::metrics::wilson_interval;
use synth_core::{BoxError, ClassId, LabelModel, VotePatterns};

use crate::cells::Cells;
use crate::duplicates::{Pair, count_pairs, same_votes};
use crate::{Gold, LabelError};

/// The table of a set of labeling functions.
///
/// ```
/// use synth_core::{ClassSet, LabelMatrixBuilder};
/// use synth_label::{Analysis, Gold};
///
/// let classes = ClassSet::new(["ham", "spam"])?;
/// let (ham, spam) = (classes.id("ham"), classes.id("spam"));
/// let mut builder = LabelMatrixBuilder::new(classes, ["links", "short"])?;
/// builder.push_row([spam, ham])?;
/// builder.push_row([spam, None])?;
/// builder.push_row([None, None])?;
/// let matrix = builder.finish();
/// let analysis = Analysis::of(matrix.patterns(), &Gold::of(&matrix, &[spam, ham, None])?, None)?;
/// let links = &analysis.lfs[0];
/// assert_eq!((links.votes, links.overlaps, links.conflicts), (2, 1, 1));
/// assert_eq!((links.correct, links.incorrect), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// Rows in all.
    pub n_rows: u64,
    /// Rows with at least one vote.
    pub covered: u64,
    /// Rows with two or more votes.
    pub overlaps: u64,
    /// Rows whose votes differ.
    pub conflicts: u64,
    /// Each labeling function, in column order.
    pub lfs: Vec<LfSummary>,
    /// What looks odd, in the order of the functions.
    pub findings: Vec<Finding>,
}

/// One labeling function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LfSummary {
    /// Its name.
    pub name: String,
    /// The classes it votes for, by their index.
    pub polarity: Vec<usize>,
    /// Rows it votes on.
    pub votes: u64,
    /// Of these, rows on which another function votes too.
    pub overlaps: u64,
    /// Of these, rows on which another function votes for another class.
    pub conflicts: u64,
    /// Votes on rows with a gold label that equal it.
    pub correct: u64,
    /// Votes on rows with a gold label that do not.
    pub incorrect: u64,
    /// The share of its votes that the label model holds to be right; `None` without a model or votes.
    pub model_accuracy: Option<f64>,
}

impl LfSummary {
    /// The share of votes on gold rows that are right, and its 95 % Wilson interval; `None` without any.
    pub fn accuracy(&self) -> Option<(f64, (f64, f64))> {
        let n = (self.correct + self.incorrect) as f64;
        Some((self.correct as f64 / n, wilson_interval(self.correct as f64, n)?))
    }

    /// Votes as a share of `n_rows`; `None` when there are no rows.
    pub fn coverage(&self, n_rows: u64) -> Option<f64> {
        (n_rows > 0).then(|| self.votes as f64 / n_rows as f64)
    }
}

/// Something odd about one function, or about one and others. Functions are given by their numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// It never votes.
    NeverVotes {
        /// The function.
        lf: usize,
    },
    /// These cast the same votes, or nearly; label models should count them once.
    SameVotes {
        /// The functions.
        lfs: Vec<usize>,
    },
    /// Wherever it votes, `within` votes the same: it adds nothing but weight.
    Nested {
        /// The narrower function.
        lf: usize,
        /// The wider one.
        within: usize,
    },
    /// Two functions agree far more often than functions that look at different things would.
    Dependent {
        /// The first function.
        lf: usize,
        /// The second.
        with: usize,
        /// Rows on which they agree.
        agree: f64,
        /// Rows on which they would agree if they erred independently given the class.
        expected: f64,
    },
    /// Its votes are wrong on gold more often than votes that say nothing would be, beyond doubt: the upper end
    /// of its accuracy's interval is below chance.
    WorseThanChance {
        /// The function.
        lf: usize,
    },
}

/// Rows a function must vote on before it can be called nested.
const MIN_NESTED_ROWS: f64 = 20.0;
/// How many times the expected agreement is strong dependence, and by how many standard deviations at least.
const DEPENDENT_RATIO: f64 = 1.5;
const DEPENDENT_SIGMA: f64 = 6.0;

impl Analysis {
    /// Analyses the votes. With a label model, its estimate of each function and of their dependence is added.
    ///
    /// # Errors
    /// Gold of another matrix; the label model's own.
    pub fn of(patterns: &VotePatterns, gold: &Gold, model: Option<&dyn LabelModel>) -> Result<Self, BoxError> {
        let k = patterns.n_classes();
        gold.check(patterns.len(), k)?;
        let posterior = model.map(|model| model.posteriors(patterns)).transpose()?;
        if posterior.as_ref().is_some_and(|p| p.len() != patterns.len() * k) {
            let got = posterior.map_or(0, |p| p.len());
            return Err(Box::new(LabelError::Param {
                name: "posteriors of the label model",
                value: format!("{got} numbers"),
                expected: format!("{}, one for each pattern and class", patterns.len() * k),
            }));
        }
        let mut analysis = Self {
            n_rows: patterns.n_rows(),
            covered: 0,
            overlaps: 0,
            conflicts: 0,
            lfs: patterns.lf_names().iter().map(|name| LfSummary::new(name)).collect(),
            findings: Vec::new(),
        };
        analysis.count(patterns);
        for (pattern, class, rows) in gold.iter() {
            for vote in patterns.votes(pattern) {
                let lf = &mut analysis.lfs[vote.lf_idx as usize];
                let counted = if vote.class.index() == class { &mut lf.correct } else { &mut lf.incorrect };
                *counted += rows as u64;
            }
        }
        let cells = Cells::of(patterns);
        for (cell, &lf) in cells.lf.iter().enumerate() {
            analysis.lfs[lf as usize].polarity.push(usize::from(cells.class[cell]));
        }
        let expected = posterior.map(|posterior| Beliefs::of(&cells, &posterior));
        if let Some(beliefs) = &expected {
            for (lf, summary) in analysis.lfs.iter_mut().enumerate() {
                summary.model_accuracy = (cells.lf_rows[lf] > 0.0).then(|| beliefs.right[lf] / cells.lf_rows[lf]);
            }
        }
        analysis.findings = analysis.find(&cells, gold, expected.as_ref());
        Ok(analysis)
    }

    fn count(&mut self, patterns: &VotePatterns) {
        for (votes, count) in patterns.iter() {
            let differ = votes.windows(2).any(|pair| pair[0].class != pair[1].class);
            self.covered += if votes.is_empty() { 0 } else { count };
            self.overlaps += if votes.len() > 1 { count } else { 0 };
            self.conflicts += if differ { count } else { 0 };
            for vote in votes {
                let lf = &mut self.lfs[vote.lf_idx as usize];
                lf.votes += count;
                lf.overlaps += if votes.len() > 1 { count } else { 0 };
                lf.conflicts += if differ && votes.iter().any(|other| other.class != vote.class) { count } else { 0 };
            }
        }
    }

    fn find(&self, cells: &Cells, gold: &Gold, beliefs: Option<&Beliefs>) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            (0..cells.n_lfs).filter(|&lf| self.lfs[lf].votes == 0).map(|lf| Finding::NeverVotes { lf }).collect();
        findings.extend(self.worse_than_chance(cells, gold));
        let (pairs, sample) = count_pairs(cells);
        let groups = same_votes(&pairs, &sample);
        let mut group_of = vec![usize::MAX; cells.n_lfs];
        for (group, lfs) in groups.into_iter().enumerate() {
            lfs.iter().for_each(|&lf| group_of[lf] = group);
            findings.push(Finding::SameVotes { lfs });
        }
        for pair in &pairs {
            let &Pair { a, b, agree, .. } = pair;
            if group_of[a] == group_of[b] && group_of[a] != usize::MAX {
                continue;
            }
            let (narrow, wide) = if sample.lf_rows[a] <= sample.lf_rows[b] { (a, b) } else { (b, a) };
            if agree == sample.lf_rows[narrow] && agree >= MIN_NESTED_ROWS {
                findings.push(Finding::Nested { lf: narrow, within: wide });
            } else if let Some(beliefs) = beliefs {
                // Beliefs are over all rows, pairs over the sample.
                let scale = cells.n_rows / sample.n_rows.max(1.0);
                let (agree, expected) = (agree * scale, beliefs.agreement(cells, a, b));
                let excess = (agree - expected) / scale / (expected / scale).max(1.0).sqrt();
                if agree > DEPENDENT_RATIO * expected && excess > DEPENDENT_SIGMA {
                    findings.push(Finding::Dependent { lf: a, with: b, agree, expected });
                }
            }
        }
        findings
    }

    fn worse_than_chance(&self, cells: &Cells, gold: &Gold) -> Vec<Finding> {
        let mut balance = vec![0.0; cells.n_classes];
        gold.iter().for_each(|(_, class, rows)| balance[class] += rows);
        let total: f64 = balance.iter().sum();
        let mut chance = vec![0.0; cells.n_lfs];
        for cell in 0..cells.n_cells() {
            let lf = cells.lf[cell] as usize;
            chance[lf] += cells.cell_rows[cell] / cells.lf_rows[lf] * balance[usize::from(cells.class[cell])] / total;
        }
        let worse = |lf: &usize| self.lfs[*lf].accuracy().is_some_and(|(_, (_, high))| high < chance[*lf]);
        (0..cells.n_lfs).filter(worse).map(|lf| Finding::WorseThanChance { lf }).collect()
    }
}

impl LfSummary {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            polarity: Vec::new(),
            votes: 0,
            overlaps: 0,
            conflicts: 0,
            correct: 0,
            incorrect: 0,
            model_accuracy: None,
        }
    }
}

/// What a label model's posteriors say of functions.
struct Beliefs {
    /// Expected rows of each class, `[k]`.
    mass: Vec<f64>,
    /// Expected rows with the vote and of the class, `[n_cells, k]`.
    cells: Vec<f64>,
    /// Expected right votes of each function.
    right: Vec<f64>,
    ranges: Vec<std::ops::Range<usize>>,
}

impl Beliefs {
    fn of(cells: &Cells, posterior: &[f64]) -> Self {
        let k = cells.n_classes;
        let expected = crate::em::count(cells, &Gold::none(), &mut posterior.to_vec());
        let mut right = vec![0.0; cells.n_lfs];
        for cell in 0..cells.n_cells() {
            right[cells.lf[cell] as usize] += expected.cells[cell * k + usize::from(cells.class[cell])];
        }
        Self { mass: expected.mass, cells: expected.cells, right, ranges: cells.cells_of_lfs() }
    }

    /// Rows on which two functions would agree if they voted independently given the class.
    fn agreement(&self, cells: &Cells, a: usize, b: usize) -> f64 {
        let k = cells.n_classes;
        let mut rows = 0.0;
        for first in self.ranges[a].clone() {
            let Some(second) = self.ranges[b].clone().find(|&cell| cells.class[cell] == cells.class[first]) else {
                continue;
            };
            for y in (0..k).filter(|&y| self.mass[y] > 0.0) {
                rows += self.cells[first * k + y] * self.cells[second * k + y] / self.mass[y];
            }
        }
        rows
    }
}

/// The rows' votes a function gets wrong or is outvoted on, for one pattern: true when it votes and `label` is
/// another class.
///
/// ```
/// use synth_core::{ClassId, LfVote};
///
/// let votes = [LfVote { lf_idx: 3, class: ClassId::new(1) }];
/// assert!(synth_label::is_against(&votes, 3, ClassId::new(0)));
/// assert!(!synth_label::is_against(&votes, 2, ClassId::new(0)));
/// ```
pub fn is_against(votes: &[synth_core::LfVote], lf_idx: usize, label: ClassId) -> bool {
    votes.iter().any(|vote| vote.lf_idx as usize == lf_idx && vote.class != label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Auto;
    use crate::testing::{matrix, patterns, planted};

    #[test]
    fn counts_by_hand() {
        let rows = [
            (vec![Some(0), Some(0), None], 4),
            (vec![Some(0), Some(1), None], 2),
            (vec![None, Some(1), None], 3),
            (vec![None; 3], 1),
        ];
        let analysis = Analysis::of(&patterns(3, 2, &rows), &Gold::none(), None).unwrap();
        assert_eq!((analysis.n_rows, analysis.covered, analysis.overlaps, analysis.conflicts), (10, 9, 6, 2));
        let [a, b, c] = &analysis.lfs[..] else { panic!() };
        assert_eq!((a.votes, a.overlaps, a.conflicts, a.polarity.as_slice()), (6, 6, 2, [0].as_slice()));
        assert_eq!((b.votes, b.overlaps, b.conflicts, b.polarity.as_slice()), (9, 6, 2, [0, 1].as_slice()));
        assert_eq!((c.votes, c.accuracy(), c.model_accuracy, c.coverage(10)), (0, None, None, Some(0.0)));
        assert_eq!(analysis.findings, [Finding::NeverVotes { lf: 2 }]);
    }

    #[test]
    fn odd_functions_are_pointed_out() {
        let (mut rows, truth) = planted(3_000, &[0.5, 0.5], &[(0.5, 0.8), (0.6, 0.75), (0.5, 0.7), (0.4, 0.8)], 9);
        for (i, row) in rows.iter_mut().enumerate() {
            let (first, y) = (row[0], truth[i]);
            row.push(first); // 4: a copy of 0
            row.push(if i % 3 == 0 { row[1] } else { None }); // 5: nested in 1
            row.push(Some(if i % 5 == 0 { y } else { 1 - y })); // 6: wrong
        }
        let matrix = matrix(7, 2, &rows);
        let gold: Vec<_> = truth.iter().map(|&y| Some(ClassId::new(y))).collect();
        let model = Auto::default().fit(matrix.patterns(), &Gold::none()).unwrap().model;
        let analysis = Analysis::of(matrix.patterns(), &Gold::of(&matrix, &gold).unwrap(), Some(&model)).unwrap();
        assert!(analysis.findings.contains(&Finding::SameVotes { lfs: vec![0, 4] }), "{:?}", analysis.findings);
        assert!(analysis.findings.contains(&Finding::Nested { lf: 5, within: 1 }), "{:?}", analysis.findings);
        assert!(analysis.findings.contains(&Finding::WorseThanChance { lf: 6 }), "{:?}", analysis.findings);
        let (accuracy, (low, high)) = analysis.lfs[2].accuracy().unwrap();
        assert!(low < 0.7 && 0.7 < high && (accuracy - 0.7).abs() < 0.03);
        let believed = analysis.lfs[2].model_accuracy.unwrap();
        // The copy counts once, but the nested function still counts double, which costs the others.
        assert!((believed - 0.7).abs() < 0.1, "{believed}");
    }
}
