//! The default label model.

use synth_core::VotePatterns;

use crate::balance::normalized;
use crate::cells::Cells;
use crate::deep::Deep;
use crate::duplicates::{count_pairs, group_weights, same_votes};
use crate::fit::{EmRun, Limits, run_em};
use crate::model::{Part, Scorer};
use crate::shallow::Shallow;
use crate::sharpness::sharpness;
use crate::{ClassBalance, Constants, Fit, FittedModel, Gold, LabelError, Report, StopReason, World};

/// The default: it tells from the votes what kind they are, and says so in its report.
///
/// What a textbook model needs to work and what it does to votes that cannot feed it are equally well known: on
/// independent functions that vote several classes, several to a row, EM comes within rounding of the best
/// possible; on keyword functions that vote one class each, one or two to a row, it falls far below a majority
/// vote, since nothing in the votes says how often such a function is wrong. So the first step is to see which.
///
/// 1. Functions that cast the same votes count as one.
/// 2. [`World`] holds three statistics: how *deep* the votes are (rows with three or more votes of functions that
///    vote several classes), whether rows were handed out, and how much an abstain can say.
/// 3. Shallow votes get a tempered model in which a vote means what it says, with the class balance read off the
///    co-votes; deep votes get a variational Dawid-Skene whose functions lean on each other. Between the two the
///    mixture is gradual.
/// 4. How sure the deep model may be is checked on the votes themselves: each is predicted from the others of its
///    row. Where that shows the model too sure, as on people's votes, it is blunted, and mixed with the share of
///    votes. The shallow model cannot be checked so, and always has 30 % of them.
/// 5. Gold labels move the shallow model's beliefs and stand fixed in the deep one's fit; for rows without votes
///    they are counted directly.
///
/// No random numbers; permuting functions or classes permutes the result; the same votes give the same bits at any
/// number of threads.
///
/// ```
/// use synth_core::{ClassSet, LabelMatrixBuilder, LabelModel};
/// use synth_label::{Auto, Gold};
///
/// let classes = ClassSet::new(["ham", "spam"])?;
/// let (ham, spam) = (classes.id("ham"), classes.id("spam"));
/// let mut builder = LabelMatrixBuilder::new(classes, ["links", "subscribe", "praise"])?;
/// builder.push_row([spam, spam, None])?;
/// builder.push_row([None, None, ham])?;
/// let matrix = builder.finish();
/// let fit = Auto::default().fit(matrix.patterns(), &Gold::none())?;
/// let soft = fit.model.predict(&matrix)?;
/// assert_eq!((Some(soft.label(0)), Some(soft.label(1))), (spam, ham));
/// println!("{}", fit.report);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Auto {
    /// Where the class balance comes from.
    pub balance: ClassBalance,
    /// The numbers in the model. There is one set for all data; change them to measure what they do.
    pub constants: Constants,
}

/// Fits end here at the latest; the slowest measured takes 180 iterations.
const LIMITS: Limits = Limits { max_iterations: 500, tolerance: 1e-5 };

impl Auto {
    /// Looks at the votes, chooses and fits.
    ///
    /// # Errors
    /// A constant out of its range; a given class balance that is none; gold of another matrix.
    pub fn fit(&self, patterns: &VotePatterns, gold: &Gold) -> Result<Fit, LabelError> {
        self.constants.check()?;
        let fixed = self.balance.fixed(patterns.n_classes())?;
        gold.check(patterns.len(), patterns.n_classes())?;
        let cells = Cells::of(patterns);
        let (pairs, sample) = count_pairs(&cells);
        let groups = same_votes(&pairs, &sample);
        let lf_weights = group_weights(cells.n_lfs, &groups);
        let world = World::of(&cells, &lf_weights);
        let job =
            Job { constants: &self.constants, cells: &cells, gold, lf_weights: &lf_weights, world: &world, fixed };
        let mut outcome = Outcome::new(cells.n_classes);
        if world.deep_share < 1.0 {
            job.shallow(&mut outcome);
        }
        if world.deep_share > 0.0 {
            job.deep(&mut outcome);
        }
        let mut model = FittedModel {
            method: "auto".into(),
            classes: patterns.classes().clone(),
            lf_names: patterns.lf_names().to_vec().into(),
            balance: normalized(outcome.balance),
            parts: outcome.parts,
            uncovered: None,
        };
        model.uncovered = gold_on_uncovered(&cells, gold, &model, self.constants.gold_prior);
        if cells.lf.is_empty() {
            outcome.reasons = vec!["no function votes on any record, so every record gets the class balance".into()];
        }
        let mut report = Report::of(&model, &cells, &lf_weights, outcome.reasons);
        report.world = Some(world);
        report.same_votes = groups;
        Ok(Fit { model, stop: outcome.stop, trace: outcome.trace, report })
    }
}

/// What both models are fitted on.
struct Job<'a> {
    constants: &'a Constants,
    cells: &'a Cells,
    gold: &'a Gold,
    lf_weights: &'a [f64],
    world: &'a World,
    fixed: Option<Vec<f64>>,
}

/// The mixture as it comes together.
struct Outcome {
    parts: Vec<Part>,
    balance: Vec<f64>,
    reasons: Vec<String>,
    trace: Vec<crate::TraceStep>,
    stop: StopReason,
}

impl Outcome {
    fn new(k: usize) -> Self {
        Self {
            parts: Vec::new(),
            balance: vec![0.0; k],
            reasons: Vec::new(),
            trace: Vec::new(),
            stop: StopReason::Converged,
        }
    }

    /// Adds a model and the share of votes, in these shares of the whole.
    fn add(&mut self, job: &Job<'_>, model: Scorer, share: f64, vote_share: f64, balance: &[f64]) {
        let votes = Scorer::Shares { lf_weights: job.lf_weights.to_vec(), smoothing: 1.0 / job.cells.n_classes as f64 };
        self.parts.push(Part { share: share * (1.0 - vote_share), scorer: model });
        if vote_share > 0.0 {
            self.parts.push(Part { share: share * vote_share, scorer: votes });
        }
        self.balance.iter_mut().zip(balance).for_each(|(sum, b)| *sum += share * b);
    }

    fn ran(&mut self, run: &EmRun) {
        self.trace.extend_from_slice(&run.trace);
        if run.stop == StopReason::IterationCap {
            self.stop = StopReason::IterationCap;
        }
    }
}

impl Job<'_> {
    fn shallow(&self, outcome: &mut Outcome) {
        let World { depth, deep_share, handed_out, dispersion, .. } = *self.world;
        let abstain_power = if handed_out { 0.0 } else { self.constants.abstain_power };
        let em =
            Shallow::new(self.cells, self.constants, self.lf_weights, self.fixed.clone(), self.gold, abstain_power);
        let run = run_em(&em, self.cells, self.gold, LIMITS);
        outcome.ran(&run);
        outcome.reasons.push(format!(
            "shallow votes ({:.0} %): {:.0} % of covered rows have three votes of functions that vote several classes, \
             so how good each function is cannot be learned; a vote is held to mean what it says",
            100.0 * (1.0 - deep_share),
            100.0 * depth
        ));
        outcome.reasons.push(match handed_out {
            true => format!(
                "abstains say nothing: the number of votes a row is too even for chance (it varies {dispersion:.2} \
                 times as that of independent functions)"
            ),
            false => "abstains say a little against the class a function votes for".to_string(),
        });
        let scorer = Scorer::log_linear(self.cells, run.scores, 1.0);
        outcome.add(self, scorer, 1.0 - deep_share, self.constants.vote_share, &em.balance);
    }

    fn deep(&self, outcome: &mut Outcome) {
        let World { depth, deep_share, abstains_say_nothing, dispersion, vote_coverage, .. } = *self.world;
        let em = Deep {
            constants: self.constants,
            lf_weights: self.lf_weights,
            fixed_balance: self.fixed.clone(),
            abstains_inform: !abstains_say_nothing,
        };
        let run = run_em(&em, self.cells, self.gold, LIMITS);
        outcome.ran(&run);
        let confusion = em.confusion(self.cells, &run.expected);
        let tau = sharpness(self.cells, &confusion, self.lf_weights);
        outcome.reasons.push(format!(
            "deep votes ({:.0} %): {:.0} % of covered rows have three votes of functions that vote several classes, \
             so each function's confusion matrix is learned",
            100.0 * deep_share,
            100.0 * depth
        ));
        let says = match abstains_say_nothing {
            true => "abstains say nothing",
            false => "abstains, where there are any, say something",
        };
        outcome.reasons.push(format!(
            "{says}: votes a row vary {dispersion:.2} times as those of independent functions, and a vote's function \
             covers {:.0} % of the rows",
            100.0 * vote_coverage
        ));
        outcome.reasons.push(format!("predicting votes from the others of their row allows a sharpness of {tau:.2}"));
        let balance = em.balance(&run.expected);
        let scorer = Scorer::log_linear(self.cells, confusion.scores, tau);
        // Half of what the model lost in the check goes to the votes themselves.
        outcome.add(self, scorer, deep_share, (1.0 - tau) / 2.0, &balance);
    }
}

/// What rows without votes are, where gold rows without votes tell.
fn gold_on_uncovered(cells: &Cells, gold: &Gold, model: &FittedModel, prior: f64) -> Option<Vec<f64>> {
    let mut found = vec![0.0; cells.n_classes];
    for (pattern, class, rows) in gold.iter().filter(|&(pattern, ..)| cells.votes(pattern).is_empty()) {
        debug_assert!(pattern < cells.len());
        found[class] += rows;
    }
    let pattern = (0..cells.len()).find(|&p| cells.votes(p).is_empty())?;
    if found.iter().all(|&rows| rows == 0.0) {
        return None;
    }
    let identity: Vec<u32> = (0..cells.n_lfs as u32).collect();
    let believed = model.posteriors_of_cells(&cells.one(pattern), &identity);
    Some(normalized(believed.iter().zip(&found).map(|(share, rows)| prior * share + rows).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use synth_core::{ClassId, LabelMatrix, LabelModel, SoftLabels};

    use super::*;
    use crate::testing::{accuracy, matrix, patterns, planted};

    fn soft(matrix: &LabelMatrix) -> SoftLabels {
        Auto::default().fit(matrix.patterns(), &Gold::none()).unwrap().model.predict(matrix).unwrap()
    }

    const LFS: [(f64, f64); 8] =
        [(0.5, 0.8), (0.4, 0.7), (0.6, 0.65), (0.5, 0.75), (0.3, 0.9), (0.4, 0.6), (0.5, 0.7), (0.6, 0.8)];

    #[test]
    fn planted_truth_is_recovered_and_calibrated() {
        let (rows, truth) = planted(20_000, &[0.6, 0.3, 0.1], &LFS, 5);
        let matrix = matrix(8, 3, &rows);
        let fit = Auto::default().fit(matrix.patterns(), &Gold::none()).unwrap();
        assert_eq!(fit.report.world.unwrap().deep_share, 1.0);
        let gold: Vec<_> = truth.iter().map(|&y| Some(ClassId::new(y))).collect();
        let soft = fit.model.predict(&matrix).unwrap();
        let scores = synth_core::metrics::Scores::of(&soft, &gold, |_| true).unwrap();
        // The best possible posterior of these functions scores .873 on these rows.
        assert!(scores.accuracy > 0.865 && scores.ece < 0.015, "{scores:?}");
        for (estimate, (_, truth)) in fit.report.lfs.iter().zip(LFS) {
            assert!((estimate.accuracy.unwrap() - truth).abs() < 0.03, "{estimate:?}");
        }
    }

    #[test]
    fn copies_count_once_and_an_adversary_does_no_harm() {
        let (rows, truth) = planted(6_000, &[0.6, 0.4], &LFS, 6);
        let plain = accuracy(&soft(&matrix(8, 2, &rows)), &truth);
        let copied: Vec<_> = rows.iter().map(|row| [row.as_slice(), &[row[0]; 4]].concat()).collect();
        let copied = matrix(12, 2, &copied);
        let fit = Auto::default().fit(copied.patterns(), &Gold::none()).unwrap();
        assert_eq!(fit.report.same_votes, [[0, 8, 9, 10, 11]]);
        assert!(accuracy(&fit.model.predict(&copied).unwrap(), &truth) > plain - 0.005);
        let adversary = |(i, row): (usize, &Vec<Option<u16>>)| {
            let vote = if i % 20 < 17 { 1 - truth[i] } else { truth[i] };
            [row.as_slice(), &[Some(vote)]].concat()
        };
        let with_adversary: Vec<_> = rows.iter().enumerate().map(adversary).collect();
        let matrix = matrix(9, 2, &with_adversary);
        let fit = Auto::default().fit(matrix.patterns(), &Gold::none()).unwrap();
        assert_eq!(fit.report.worse_than_chance(), [8]);
        assert!(accuracy(&fit.model.predict(&matrix).unwrap(), &truth) > plain - 0.005);
    }

    #[test]
    fn shallow_votes_are_believed() {
        // Keyword functions of one class each: where all votes of a row agree, they are followed.
        let rows: Vec<(Vec<Option<u16>>, u64)> = vec![
            (vec![Some(0), None, None, None], 300),
            (vec![Some(0), Some(0), None, None], 100),
            (vec![None, None, Some(1), None], 40),
            (vec![None, None, Some(1), Some(1)], 20),
            (vec![Some(0), None, Some(1), None], 10),
            (vec![None; 4], 500),
        ];
        let patterns = patterns(4, 2, &rows);
        let fit = Auto::default().fit(&patterns, &Gold::none()).unwrap();
        assert_eq!(fit.report.world.unwrap().deep_share, 0.0);
        let probs = fit.model.posteriors(&patterns).unwrap();
        for (p, row) in probs.chunks_exact(2).enumerate() {
            let classes: Vec<usize> = patterns.votes(p).iter().map(|v| v.class.index()).collect();
            if let [first, rest @ ..] = classes.as_slice()
                && rest.iter().all(|class| class == first)
            {
                assert!(row[*first] > 0.6, "{classes:?} {row:?}");
            }
        }
    }

    #[test]
    fn between_shallow_and_deep_the_mixture_is_gradual() {
        let (rows, truth) = planted(5_000, &[0.5, 0.5], &[(0.35, 0.75); 6], 8);
        let matrix = matrix(6, 2, &rows);
        let fit = Auto::default().fit(matrix.patterns(), &Gold::none()).unwrap();
        let world = fit.report.world.unwrap();
        assert!(world.deep_share > 0.0 && world.deep_share < 1.0, "{world:?}");
        let majority = crate::Majority::default().fit(matrix.patterns(), &Gold::none()).unwrap().model;
        let majority = accuracy(&majority.predict(&matrix).unwrap(), &truth);
        assert!(accuracy(&fit.model.predict(&matrix).unwrap(), &truth) > majority - 0.01);
    }

    #[test]
    fn many_patterns_are_fitted_from_a_sample_and_threads_do_not_matter() {
        let (rows, truth) = planted(80_000, &[0.6, 0.4], &[(0.5, 0.7); 20], 3);
        let matrix = matrix(20, 2, &rows);
        assert!(matrix.patterns().len() > 1 << 16);
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Auto::default().fit(matrix.patterns(), &Gold::none()).unwrap())
        };
        let (one, four) = (fit(1), fit(4));
        assert_eq!(one.model, four.model);
        assert!(one.trace[0].n_patterns < matrix.patterns().len());
        assert!(accuracy(&one.model.predict(&matrix).unwrap(), &truth) > 0.9);
    }

    #[test]
    fn a_given_balance_is_kept() {
        let (rows, _) = planted(2_000, &[0.8, 0.2], &LFS, 4);
        let matrix = matrix(8, 2, &rows);
        let auto = Auto { balance: ClassBalance::Given(vec![0.3, 0.7]), ..Auto::default() };
        let model = auto.fit(matrix.patterns(), &Gold::none()).unwrap().model;
        assert!((model.balance()[0] - 0.3).abs() < 1e-12);
        let wrong = Auto { balance: ClassBalance::Given(vec![0.3]), ..Auto::default() };
        assert!(matches!(wrong.fit(matrix.patterns(), &Gold::none()), Err(LabelError::Param { .. })));
    }

    #[test]
    fn a_few_gold_rows_help() {
        // A function that is wrong about half the time stands against one that is right; nothing but gold can tell.
        let (mut rows, mut truth) = (Vec::new(), Vec::new());
        for i in 0..400u16 {
            rows.push(vec![Some(0), Some(1)]);
            rows.push(vec![None, None]);
            truth.push(u16::from(i % 10 > 0));
            truth.push(0);
        }
        let matrix = matrix(2, 2, &rows);
        let gold: Vec<_> = (0..800).map(|i| (i % 38 == 0).then(|| ClassId::new(truth[i]))).collect();
        let gold = Gold::of(&matrix, &gold).unwrap();
        let model = |gold: &Gold| Auto::default().fit(matrix.patterns(), gold).unwrap().model;
        assert!((model(&Gold::none()).predict(&matrix).unwrap().probs(0)[1] - 0.5).abs() < 1e-6);
        let told = model(&gold).predict(&matrix).unwrap().probs(0)[1];
        assert!(told > 0.6, "{told}");
    }

    #[test]
    fn gold_on_rows_without_votes_is_counted() {
        let rows = [vec![vec![None]; 40], vec![vec![Some(0)]; 10]].concat();
        let matrix = matrix(1, 2, &rows);
        let gold: Vec<_> = (0..50).map(|i| (i < 20).then(|| ClassId::new(1))).collect();
        let model = Auto::default().fit(matrix.patterns(), &Gold::of(&matrix, &gold).unwrap()).unwrap().model;
        assert!(model.predict(&matrix).unwrap().probs(0)[1] > 0.7);
    }

    #[test]
    fn odd_shapes_work() {
        let check = |rows: &[Vec<Option<u16>>], m: usize, k: usize| {
            let matrix = matrix(m, k, rows);
            let fit = Auto::default().fit(matrix.patterns(), &Gold::none()).unwrap();
            let soft = fit.model.predict(&matrix).unwrap();
            assert_eq!(soft.n_rows(), rows.len());
            assert!(!fit.report.to_string().is_empty());
        };
        check(&[], 0, 2);
        check(&[], 3, 2);
        check(&[vec![]], 0, 1);
        check(&[vec![Some(0)]], 1, 1);
        check(&[vec![None, None]], 2, 3);
        check(&vec![vec![None; 3]; 5], 3, 2);
        check(&vec![vec![Some(1)]; 5], 1, 2);
        check(&vec![vec![Some(0); 4]; 50], 4, 1);
        check(&(0..400).map(|i| (0..3).map(|j| Some((i + j) % 200)).collect()).collect::<Vec<_>>(), 3, 200);
        let wide: Vec<Vec<Option<u16>>> = (0..200)
            .map(|i| (0..2000).map(|j| ((i * 31 + j * 17) % 97 == 0).then_some(((i + j) % 2) as u16)).collect())
            .collect();
        check(&wide, 2000, 2);
    }

    fn any_rows() -> impl Strategy<Value = Vec<Vec<Option<u16>>>> {
        prop::collection::vec(prop::collection::vec(prop::option::weighted(0.6, 0u16..3), 5), 1..60)
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    proptest! {
        #[test]
        fn rows_are_distributions_and_threads_do_not_matter(rows in any_rows()) {
            let matrix = matrix(5, 3, &rows);
            let on = |threads| {
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| soft(&matrix))
            };
            let one = on(1);
            prop_assert_eq!(&one, &on(3));
            for row in 0..rows.len() {
                prop_assert!((one.probs(row).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn permuting_functions_permutes_nothing_else(rows in any_rows()) {
            let turned: Vec<_> = rows.iter().map(|row| row.iter().rev().copied().collect()).collect();
            let (a, b) = (soft(&matrix(5, 3, &rows)), soft(&matrix(5, 3, &turned)));
            for row in 0..rows.len() {
                prop_assert!(close(a.probs(row), b.probs(row)), "{:?} {:?}", a.probs(row), b.probs(row));
            }
        }

        #[test]
        fn permuting_classes_permutes_them(rows in any_rows()) {
            let turned: Vec<_> = rows.iter().map(|row| row.iter().map(|v| v.map(|c| 2 - c)).collect()).collect();
            let (a, b) = (soft(&matrix(5, 3, &rows)), soft(&matrix(5, 3, &turned)));
            for row in 0..rows.len() {
                let back: Vec<f64> = b.probs(row).iter().rev().copied().collect();
                prop_assert!(close(a.probs(row), &back), "{:?} {:?}", a.probs(row), back);
            }
        }

        #[test]
        fn a_doubled_row_is_weight_two(rows in any_rows()) {
            let doubled = matrix(5, 3, &[rows.clone(), rows.clone()].concat());
            let counted: Vec<_> = rows.iter().map(|row| (row.clone(), 2)).collect();
            let fit = |patterns: &VotePatterns| Auto::default().fit(patterns, &Gold::none()).unwrap().model;
            prop_assert_eq!(fit(doubled.patterns()), fit(&patterns(5, 3, &counted)));
        }

        #[test]
        fn an_abstaining_function_changes_nothing(rows in any_rows()) {
            let wider: Vec<_> = rows.iter().map(|row| [row.as_slice(), &[None]].concat()).collect();
            let (a, b) = (soft(&matrix(5, 3, &rows)), soft(&matrix(6, 3, &wider)));
            for row in 0..rows.len() {
                prop_assert!(close(a.probs(row), b.probs(row)));
            }
        }
    }
}
