//! What soft labels are worth: end models trained on them, on majority votes and on gold, scored on the test split.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, ensure};
use ndarray::{Array2, ArrayView2};
use synth_core::{ClassId, Dataset, LabelMatrix, LabelMatrixBuilder, LabelModel, Silent, SoftLabels};
use synth_label::{ClassBalance, Gold, Method};
use synth_learn::{
    Calibration, Evaluation, FeatureSpec, Features, LearnError, SparseMatrix, TextSpec, Trainer, one_hot,
};

use crate::label_data::{LabelSet, SplitMix, open_set, texts};

const SETS: [&str; 6] = ["youtube", "sms", "trec", "agnews", "yelp", "imdb"];
/// The sets whose calibration is looked at, and how many gold rows of their validation split calibrate.
const CALIBRATED: [&str; 2] = ["agnews", "yelp"];
const CALIBRATION_ROWS: usize = 200;
/// Validation rows that these are drawn from.
const HELD_OUT: usize = 1000;
const SEEDS: u64 = 5;
/// Draws of the rows that calibrate.
const DRAWS: u64 = 100;

/// A set as end models see it: training rows whose text is in no test row, and test rows.
pub(crate) struct TextSet {
    pub(crate) labels: LabelSet,
    pub(crate) records: Dataset,
    pub(crate) splits: Vec<String>,
    pub(crate) train: Vec<usize>,
    pub(crate) test: Vec<usize>,
}

impl TextSet {
    pub(crate) fn open(root: &Path, name: &str) -> Result<Self> {
        let labels = open_set(root, name)?;
        let (texts, splits) = texts(root, name)?;
        let (test, train): (Vec<usize>, Vec<usize>) = (0..texts.len()).partition(|&row| splits[row] == "test");
        let test: Vec<usize> = test.into_iter().filter(|&row| labels.gold[row].is_some()).collect();
        let known: HashSet<&str> = test.iter().map(|&row| texts[row].as_str()).collect();
        let train: Vec<usize> = train.into_iter().filter(|&row| !known.contains(texts[row].as_str())).collect();
        ensure!(!train.is_empty() && !test.is_empty(), "{name} has no splits");
        Ok(Self { records: Dataset::of_texts("text", &texts), labels, splits, train, test })
    }

    /// Features fitted on the training rows.
    pub(crate) fn features(&self) -> Result<(Features, SparseMatrix)> {
        let training: HashSet<u64> = self.train.iter().map(|&row| row as u64).collect();
        let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
        let features = Features::fit(spec, [Ok(self.records.clone())], |row| training.contains(&row))?;
        let matrix = features.of_records(&self.records)?;
        Ok((features, matrix))
    }

    pub(crate) fn gold(&self, row: usize) -> ClassId {
        self.labels.gold[row].expect("rows without gold are left out")
    }

    /// Accuracy, or F1 of the last class, of distributions over the test rows; and their calibration error.
    pub(crate) fn score(&self, probs: &Array2<f64>) -> Result<(f64, Evaluation)> {
        let gold: Vec<ClassId> = self.test.iter().map(|&row| self.gold(row)).collect();
        let evaluation = Evaluation::of(probs.view(), &gold, 0)?;
        let f1 = evaluation.classes.last().and_then(|class| class.f1).unwrap_or(0.0);
        Ok((if self.labels.by_f1 { f1 } else { evaluation.accuracy.value }, evaluation))
    }
}

/// Prints the tables.
pub(crate) fn run(root: &Path) -> Result<()> {
    println!(
        "end models, test split: accuracy (sms: F1 of spam), mean and standard deviation over {SEEDS} bootstraps of the"
    );
    println!("training rows; label model and end model see these rows only\n");
    println!(
        "{:<8} {:>6} {:>6} {:>15} {:>15} {:>15} {:>8}",
        "set", "train", "test", "majority", "soft labels", "gold", "gap"
    );
    let mut means = [0.0; 3];
    for name in SETS {
        let set = TextSet::open(root, name)?;
        let (_, matrix) = set.features()?;
        let mut scores = vec![Vec::new(); 3];
        for seed in 0..SEEDS {
            for (scores, score) in scores.iter_mut().zip(bootstrap(&set, &matrix, seed)?) {
                scores.push(score);
            }
        }
        let cells: Vec<(f64, f64)> = scores.iter().map(|scores| mean_and_deviation(scores)).collect();
        let shown: Vec<String> = cells.iter().map(|(mean, deviation)| format!("{mean:.4} ± {deviation:.4}")).collect();
        let gap = cells[2].0 - cells[1].0;
        let (train, test) = (set.train.len(), set.test.len());
        println!("{name:<8} {train:>6} {test:>6} {:>15} {:>15} {:>15} {gap:>8.4}", shown[0], shown[1], shown[2]);
        means.iter_mut().zip(&cells).for_each(|(mean, cell)| *mean += cell.0 / SETS.len() as f64);
    }
    println!("{:<22} {:>15.4} {:>15.4} {:>15.4} {:>8.4}", "mean", means[0], means[1], means[2], means[2] - means[1]);

    Ok(())
}

/// Prints how well probabilities are calibrated, without gold and with a little.
pub(crate) fn run_calibration(root: &Path) -> Result<()> {
    println!(
        "calibration of the end model on soft labels, test split: ECE in 15 equal-width bins, and log-loss; on the"
    );
    println!(
        "first {CALIBRATION_ROWS} validation rows, over {DRAWS} draws of as many from {HELD_OUT}, and on all {HELD_OUT}\n"
    );
    println!("  {:<22} {:>17}   {:>36}   {:>8}", "", "first", "draws: mean (least to most)", "all");
    for name in CALIBRATED {
        calibration(&TextSet::open(root, name)?)?;
    }
    Ok(())
}

/// Scores of end models on majority votes, soft labels and gold, all on the same draw of training rows.
fn bootstrap(set: &TextSet, matrix: &SparseMatrix, seed: u64) -> Result<[f64; 3]> {
    let mut random = SplitMix(seed);
    let mut drawn = vec![0u32; set.train.len()];
    (0..drawn.len()).for_each(|_| drawn[random.below(set.train.len() as u64) as usize] += 1);
    let rows: Vec<usize> = (0..drawn.len()).flat_map(|i| vec![set.train[i]; drawn[i] as usize]).collect();
    let train = matrix.select(&set.train);
    let test = matrix.select(&set.test);
    let mut scores = [0.0; 3];
    for (score, method) in scores.iter_mut().zip([Method::Majority, Method::Auto]) {
        let soft = weak_labels(set, method, &rows)?;
        let targets =
            Array2::from_shape_fn((set.train.len(), soft.classes().len()), |(i, c)| soft.probs(set.train[i])[c]);
        let weights: Vec<f64> =
            set.train.iter().zip(&drawn).map(|(&row, &n)| if soft.covered(row) { f64::from(n) } else { 0.0 }).collect();
        *score = set.score(&train_and_predict(&train, &targets, &weights, &test)?)?.0;
    }
    let k = set.labels.matrix.n_classes();
    let known: Vec<f64> = set
        .train
        .iter()
        .zip(&drawn)
        .map(|(&row, &n)| if set.labels.gold[row].is_some() { f64::from(n) } else { 0.0 })
        .collect();
    let gold: Vec<Option<ClassId>> = set.train.iter().map(|&row| set.labels.gold[row]).collect();
    let targets = one_hot(&gold, k)?;
    scores[2] = set.score(&train_and_predict(&train, &targets, &known, &test)?)?.0;
    Ok(scores)
}

/// Soft labels of all rows by a label model fitted on some, with repetitions.
fn weak_labels(set: &TextSet, method: Method, rows: &[usize]) -> Result<SoftLabels> {
    let all = &set.labels.matrix;
    let mut builder = LabelMatrixBuilder::new(all.classes().clone(), all.lf_names().iter().cloned())?;
    for &row in rows {
        builder.push_sparse(all.votes(row))?;
    }
    let drawn: LabelMatrix = builder.finish();
    let balance = if method == Method::Majority { ClassBalance::Uniform } else { ClassBalance::Estimate };
    let fit = method.fit(drawn.patterns(), &Gold::none(), &balance)?;
    fit.model.predict(all).map_err(|error| anyhow::anyhow!(error))
}

fn train_and_predict(
    train: &SparseMatrix,
    targets: &Array2<f64>,
    weights: &[f64],
    test: &SparseMatrix,
) -> Result<Array2<f64>> {
    let training = Trainer::default().train(train, targets.view(), weights, &Silent)?;
    // A temperature leaves the most probable class as it is, so logits score like distributions.
    Ok(training.model.logits(test))
}

fn calibration(set: &TextSet) -> Result<()> {
    let (_, matrix) = set.features()?;
    let soft = weak_labels(set, Method::Auto, &set.train)?;
    // The rows that calibrate are drawn from some that are held out of the training.
    let valid = set.train.iter().copied().filter(|&row| set.splits[row] == "valid" && set.labels.gold[row].is_some());
    let held_out: Vec<usize> = valid.take(HELD_OUT).collect();
    ensure!(held_out.len() == HELD_OUT, "{} has too few validation rows", set.labels.name);
    let rows = set.train.iter().copied().filter(|row| !held_out.contains(row) && soft.covered(*row));
    let rows: Vec<usize> = rows.collect();
    let k = soft.classes().len();
    let targets = Array2::from_shape_fn((rows.len(), k), |(i, c)| soft.probs(rows[i])[c]);
    let training = Trainer::default().train(&matrix.select(&rows), targets.view(), &vec![1.0; rows.len()], &Silent)?;
    let test = training.model.logits(&matrix.select(&set.test));
    let score = |calibration: &Calibration| -> Result<[f64; 2]> {
        let evaluation = set.score(&calibration.distributions(test.clone()))?.1;
        Ok([evaluation.ece, evaluation.log_loss])
    };
    println!("{} ({} test rows)", set.labels.name, set.test.len());
    let [ece, loss] = score(&training.report.calibration)?;
    println!("  {:<22} {ece:>8.4} {loss:>8.4}", "without gold");
    for (name, calibrate) in CALIBRATIONS {
        let on = |rows: &[usize]| -> Result<[f64; 2]> {
            let gold: Vec<Option<ClassId>> = rows.iter().map(|&row| set.labels.gold[row]).collect();
            let logits = training.model.logits(&matrix.select(rows));
            score(&calibrate(logits.view(), one_hot(&gold, k)?.view())?)
        };
        let mut draws = Vec::new();
        for seed in 0..DRAWS {
            let mut random = SplitMix(seed);
            let mut pool = held_out.clone();
            let drawn: Vec<usize> =
                (0..CALIBRATION_ROWS).map(|_| pool.swap_remove(random.below(pool.len() as u64) as usize)).collect();
            draws.push(on(&drawn)?);
        }
        let mean = |figure: usize| draws.iter().map(|draw| draw[figure]).sum::<f64>() / DRAWS as f64;
        let least = draws.iter().map(|draw| draw[0]).fold(1.0, f64::min);
        let most = draws.iter().map(|draw| draw[0]).fold(0.0, f64::max);
        let ([first, first_loss], all) = (on(&held_out[..CALIBRATION_ROWS])?, on(&held_out)?);
        println!(
            "  {name:<22} {first:>8.4} {first_loss:>8.4}   {:>8.4} ({least:.4} to {most:.4}) {:>8.4}   {:>8.4}",
            mean(0),
            mean(1),
            all[0]
        );
    }
    // What no calibration on so few rows gets below: how far the share of right ones among them is from that among all.
    let gold: Vec<usize> = set.test.iter().map(|&row| set.gold(row).index()).collect();
    let right = test.rows().into_iter().zip(&gold).filter(|(row, gold)| (0..k).all(|c| row[c] <= row[**gold]));
    let accuracy = right.count() as f64 / gold.len() as f64;
    let noise = (accuracy * (1.0 - accuracy) / CALIBRATION_ROWS as f64 * 2.0 / std::f64::consts::PI).sqrt();
    println!("  {CALIBRATION_ROWS} rows miss the accuracy of {accuracy:.3} by {noise:.4} in the mean\n");
    Ok(())
}

type Calibrate = fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>) -> Result<Calibration, LearnError>;

const CALIBRATIONS: [(&str, Calibrate); 2] =
    [("temperature", Calibration::of_temperature), ("complete", Calibration::complete)];

pub(crate) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}
