//! The triplet method.

use synth_core::VotePatterns;

use crate::balance::normalized;
use crate::cells::Cells;
use crate::duplicates::{Pair, count_pairs};
use crate::em::{Scores, posteriors};
use crate::majority::mean_over_covered;
use crate::model::{Part, Scorer};
use crate::{ClassBalance, Fit, FittedModel, Gold, LabelError, Report, StopReason};

/// Accuracies in closed form, from how often functions agree.
///
/// Let function i be right with probability p_i and its mistakes be spread evenly over the other classes, and let
/// a_i = (k p_i - 1) / (k - 1), which is 1 for a perfect function and 0 for chance. Two functions that err
/// independently given the class agree with probability g_ij where (k g_ij - 1) / (k - 1) = a_i a_j =: e_ij, whatever
/// the class balance. So any three give a_i² = |e_ij e_il / e_jl|. For function i all pairs of its eight most frequent
/// partners are tried and the median is taken. Functions are held to be better than chance, agreement is taken over
/// the rows on which both vote, abstains say nothing. A class balance left to the votes is fitted with the
/// accuracies held fixed.
///
/// No iteration over parameters, so it is fast; but it needs three functions that meet and vote several classes, and
/// one that is worse than chance breaks its sign. Gold labels are not used.
///
/// # References
/// Fu et al. (2020), Fast and Three-rious: Speeding Up Weak Supervision with Triplet Methods, algorithm 1, which is
/// the case k = 2. They take expectations over all rows with abstains as 0, the mean over triplets, and for more
/// classes one against the rest. Conditioning on both voting needs no propensities; the median is not moved by a
/// triplet with e_jl near 0; and the identity above needs no reduction to two classes, in which a rare class makes
/// every function look accurate.
///
/// ```
/// use synth_core::{ClassSet, LabelMatrixBuilder, LabelModel};
/// use synth_label::{Gold, Triplet};
///
/// let classes = ClassSet::new(["no", "yes"])?;
/// let (no, yes) = (classes.id("no"), classes.id("yes"));
/// let mut builder = LabelMatrixBuilder::new(classes, ["a", "b", "c"])?;
/// for _ in 0..10 {
///     builder.push_row([yes, yes, no])?;
///     builder.push_row([no, no, no])?;
/// }
/// let matrix = builder.finish();
/// let soft = Triplet::default().fit(matrix.patterns(), &Gold::none())?.model.predict(&matrix)?;
/// assert_eq!(Some(soft.label(0)), yes);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Triplet {
    /// Where the class balance comes from.
    pub balance: ClassBalance,
}

/// The accuracy of a function without a triplet.
const DEFAULT_ACCURACY: f64 = 0.7;
/// Accuracies stay this far from 0 and 1, since no number of votes proves a function infallible.
const MARGIN: f64 = 0.01;
/// Partners a function forms triplets with.
const PARTNERS: usize = 8;
/// Rows two functions must share before their agreement counts.
const MIN_ROWS: f64 = 10.0;
/// Rounds of the fit of the class balance; it is concave and one number a class.
const BALANCE_ROUNDS: usize = 50;

impl Triplet {
    /// Solves for the accuracies.
    ///
    /// # Errors
    /// A given class balance that is none; gold of another matrix.
    pub fn fit(&self, patterns: &VotePatterns, gold: &Gold) -> Result<Fit, LabelError> {
        let k = patterns.n_classes();
        gold.check(patterns.len(), k)?;
        let fixed = self.balance.fixed(k)?;
        let cells = Cells::of(patterns);
        let accuracy = solve(&cells);
        let mut scores = Scores { base: vec![0.0; k], cells: log_confusion(&cells, &accuracy) };
        let balance = match fixed {
            Some(balance) => balance,
            None => fit_balance(&cells, &mut scores),
        };
        scores.base = balance.iter().map(|share| share.ln()).collect();
        let model = FittedModel {
            method: "triplet".into(),
            classes: patterns.classes().clone(),
            lf_names: patterns.lf_names().to_vec().into(),
            balance,
            parts: vec![Part { share: 1.0, scorer: Scorer::log_linear(&cells, scores, 1.0) }],
            uncovered: None,
        };
        let unsolved = accuracy.iter().filter(|a| a.is_none()).count();
        let reasons = vec![format!(
            "accuracies in closed form from triplets of functions: {} of {} functions are in one",
            cells.n_lfs - unsolved,
            cells.n_lfs
        )];
        let mut report = Report::of(&model, &cells, &vec![1.0; cells.n_lfs], reasons);
        if unsolved > 0 {
            report.not_identified.push(format!("the accuracy of {unsolved} functions that are in no triplet"));
        }
        Ok(Fit { model, stop: StopReason::ClosedForm, trace: Vec::new(), report })
    }
}

/// The accuracy of each function; `None` where no triplet has it.
fn solve(cells: &Cells) -> Vec<Option<f64>> {
    let k = cells.n_classes as f64;
    if cells.n_classes < 2 {
        return vec![None; cells.n_lfs];
    }
    let (mut pairs, _) = count_pairs(cells);
    pairs.retain(|pair| pair.both >= MIN_ROWS);
    let moment = |pair: &Pair| (k * pair.agree / pair.both - 1.0) / (k - 1.0);
    let mut partners: Vec<Vec<Pair>> = vec![Vec::new(); cells.n_lfs];
    for &pair in &pairs {
        partners[pair.a].push(pair);
        partners[pair.b].push(pair);
    }
    let between = |a: usize, b: usize| {
        let found = pairs.binary_search_by_key(&(a.min(b), a.max(b)), |pair| (pair.a, pair.b)).ok()?;
        // Near 0 the ratio is noise.
        Some(moment(&pairs[found])).filter(|e| e.abs() > 1e-3)
    };
    let solve_one = |(lf, mine): (usize, &mut Vec<Pair>)| {
        mine.sort_by(|x, y| y.both.total_cmp(&x.both).then((x.a, x.b).cmp(&(y.a, y.b))));
        mine.truncate(PARTNERS);
        let other = |pair: &Pair| pair.a + pair.b - lf;
        let mut found = Vec::new();
        for (i, first) in mine.iter().enumerate() {
            for second in &mine[i + 1..] {
                if let Some(third) = between(other(first), other(second)) {
                    found.push((moment(first) * moment(second) / third).abs().sqrt());
                }
            }
        }
        median(&mut found).map(|a| ((1.0 + (k - 1.0) * a) / k).min(1.0))
    };
    partners.iter_mut().enumerate().map(solve_one).collect()
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (n, half) = (values.len(), values.len() / 2);
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(values[half]),
        _ => Some((values[half - 1] + values[half]) / 2.0),
    }
}

/// log P(vote | class), `[n_cells, k]`.
fn log_confusion(cells: &Cells, accuracy: &[Option<f64>]) -> Vec<f64> {
    let k = cells.n_classes;
    let mut log = vec![0.0; cells.n_cells() * k];
    if k == 1 {
        return log;
    }
    for (cell, row) in log.chunks_exact_mut(k).enumerate() {
        let right = accuracy[cells.lf[cell] as usize].unwrap_or(DEFAULT_ACCURACY.max(1.0 / k as f64));
        let right = right.clamp(MARGIN, 1.0 - MARGIN);
        for (y, log) in row.iter_mut().enumerate() {
            let own = usize::from(cells.class[cell]) == y;
            *log = if own { right } else { (1.0 - right) / (k - 1) as f64 }.ln();
        }
    }
    log
}

fn fit_balance(cells: &Cells, scores: &mut Scores) -> Vec<f64> {
    let mut balance = vec![1.0 / cells.n_classes as f64; cells.n_classes];
    for _ in 0..BALANCE_ROUNDS {
        scores.base = balance.iter().map(|share: &f64| share.max(1e-9).ln()).collect();
        let next = mean_over_covered(cells, &posteriors(cells, scores));
        let moved: f64 = next.iter().zip(&balance).map(|(a, b)| (a - b).abs()).sum();
        balance = next;
        if moved < 1e-6 {
            break;
        }
    }
    normalized(balance.iter().map(|share| share.max(1e-9)).collect())
}

#[cfg(test)]
mod tests {
    use synth_core::LabelModel;

    use super::*;
    use crate::testing::{accuracy, matrix, patterns, planted};

    #[test]
    fn three_functions_by_hand() {
        // Agreements on 100 rows: functions 0 and 1 on 80, 0 and 2 on 70, 1 and 2 on 80.
        let rows = [
            (vec![Some(0), Some(0), Some(0)], 65),
            (vec![Some(0), Some(0), Some(1)], 15),
            (vec![Some(0), Some(1), Some(0)], 5),
            (vec![Some(1), Some(0), Some(0)], 15),
        ];
        let accuracy = solve(&Cells::of(&patterns(3, 2, &rows)));
        // Moments .6, .4 and .6, so a_0² = .6 * .4 / .6.
        assert!((accuracy[0].unwrap() - (1.0 + 0.4f64.sqrt()) / 2.0).abs() < 1e-12, "{accuracy:?}");
    }

    #[test]
    fn two_functions_are_no_triplet() {
        let patterns = patterns(2, 2, &[(vec![Some(0), Some(1)], 50), (vec![Some(0), Some(0)], 50)]);
        let fit = Triplet::default().fit(&patterns, &Gold::none()).unwrap();
        assert!(fit.report.not_identified.iter().any(|what| what.contains("2 functions that are in no triplet")));
    }

    #[test]
    fn planted_accuracies_are_recovered() {
        let lfs = [(0.6, 0.85), (0.5, 0.7), (0.7, 0.6), (0.4, 0.9), (0.6, 0.75)];
        let (rows, truth) = planted(50_000, &[0.6, 0.4], &lfs, 3);
        let matrix = matrix(5, 2, &rows);
        let fit = Triplet::default().fit(matrix.patterns(), &Gold::none()).unwrap();
        for (estimate, (_, truth)) in fit.report.lfs.iter().zip(lfs) {
            assert!((estimate.accuracy.unwrap() - truth).abs() < 0.03, "{estimate:?}");
        }
        assert!((fit.model.balance()[0] - 0.6).abs() < 0.03);
        let accuracy = accuracy(&fit.model.predict(&matrix).unwrap(), &truth);
        // The best possible is .849 on these rows.
        assert!(accuracy > 0.84, "{accuracy}");
    }

    #[test]
    fn three_classes_beat_majority() {
        let lfs = [(0.9, 0.8), (0.9, 0.75), (0.9, 0.5), (0.9, 0.45), (0.9, 0.4)];
        let (rows, truth) = planted(20_000, &[0.4, 0.3, 0.3], &lfs, 4);
        let matrix = matrix(5, 3, &rows);
        let score = |model: FittedModel| accuracy(&model.predict(&matrix).unwrap(), &truth);
        let triplet = score(Triplet::default().fit(matrix.patterns(), &Gold::none()).unwrap().model);
        let majority = score(crate::Majority::default().fit(matrix.patterns(), &Gold::none()).unwrap().model);
        assert!(triplet > majority + 0.02, "{triplet} against {majority}");
    }
}
